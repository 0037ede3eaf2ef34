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
    seen: Option<Look>,
}

/// The files of a folder: name, size, time of change, and the inode, which a rename changes.
type Look = Vec<(PathBuf, Option<(u64, Option<SystemTime>, u64)>)>;

impl Watch {
    pub fn new(dir: PathBuf) -> Self {
        let seen = look(&dir);
        Self { dir, seen }
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
            self.seen = now;
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
        let dir = self.dir.clone();
        // A folder that hangs, as one mounted from a machine that is gone, hangs this thread only.
        tokio::task::spawn_blocking(move || look(&dir)).await.ok().flatten()
    }
}

/// `None` if the folder can't be read.
fn look(dir: &Path) -> Option<Look> {
    let files = load::list(dir).ok()?;
    let state = |path: PathBuf| {
        let state = std::fs::metadata(&path).ok().map(|file| {
            (file.len(), file.modified().ok(), std::os::unix::fs::MetadataExt::ino(&file))
        });
        (path, state)
    };
    Some(files.into_iter().map(state).collect())
}
