//! Notices that a `.dial` file was made, changed, renamed or deleted.
//!
//! By looking, twice a second: that works in every file system, also where a folder is replaced
//! as a whole or mounted from elsewhere, and a flood of changes costs no more than one.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::service::reload;
use super::{Reloaded, load};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long they have to stay as they are before they are read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(200);
/// Files that never stay as they are, are read after so many looks nonetheless.
const MOST_LOOKS: u32 = 25;

/// A folder as it was when last looked at.
pub(super) struct Watch {
    dir: PathBuf,
    /// The files outside of the folder that its files import: found anew after each change, for
    /// that means reading them all.
    imported: Vec<PathBuf>,
    seen: Option<Look>,
}

/// The files of a folder: name, size, time of change, and the inode, which a rename changes.
type Look = Vec<(PathBuf, Option<(u64, Option<SystemTime>, u64)>)>;

impl Watch {
    pub fn new(dir: PathBuf) -> Self {
        let imported = imported(&dir);
        let seen = look(&dir, &imported);
        Self { dir, imported, seen }
    }

    /// Asks for a reload after each change; ends when nobody reloads any more.
    pub async fn run(mut self, requests: mpsc::Sender<tokio::sync::oneshot::Sender<Reloaded>>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut now = self.look().await;
            if now == self.seen {
                continue;
            }
            for _ in 0..MOST_LOOKS {
                tokio::time::sleep(QUIET).await;
                let before = std::mem::replace(&mut now, self.look().await);
                if now == before {
                    break;
                }
            }
            let dir = self.dir.clone();
            let found = tokio::task::spawn_blocking(move || imported(&dir)).await;
            self.imported = found.unwrap_or_default();
            // The reload comes behind this look, and reads whatever it saw.
            self.seen = self.look().await;
            tracing::debug!(dir = %self.dir.display(), "the dialplan's files have changed");
            match reload(&requests).await {
                // What was wrong is in the log.
                Ok(_) => {}
                // The next reload, which others wait for, reads this change too.
                Err(super::ReloadError::Busy) => {}
                Err(super::ReloadError::Ended) => return,
            }
        }
    }

    async fn look(&self) -> Option<Look> {
        let (dir, imported) = (self.dir.clone(), self.imported.clone());
        // A folder that hangs, as one mounted from a machine that is gone, hangs this thread only.
        tokio::task::spawn_blocking(move || look(&dir, &imported)).await.ok().flatten()
    }
}

/// The files outside of the folder that its files import.
fn imported(dir: &Path) -> Vec<PathBuf> {
    let Ok(own) = load::folder(dir) else { return Vec::new() };
    let count = own.len();
    let all = load::with_imports(own);
    all.into_iter()
        .skip(count)
        .map(|source| PathBuf::from(source.name))
        .filter(|p| p.is_file())
        .collect()
}

/// `None` if the folder can't be read.
fn look(dir: &Path, imported: &[PathBuf]) -> Option<Look> {
    let mut files = load::list(dir).ok()?;
    files.extend_from_slice(imported);
    let state = |path: PathBuf| {
        let state = std::fs::metadata(&path).ok().map(|file| {
            (file.len(), file.modified().ok(), std::os::unix::fs::MetadataExt::ino(&file))
        });
        (path, state)
    };
    Some(files.into_iter().map(state).collect())
}
