//! Audio files that nothing names: what a crash left in the middle of a purge, or between a file
//! and its row.

use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr as _;

use hark_engine::id::MessageId;

use crate::recording::RecordingError;
use crate::store::{Store, StoreError};

/// Why it was not looked.
#[derive(Debug, thiserror::Error)]
pub enum OrphansError {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folders can't be read.
    #[error(transparent)]
    File(#[from] RecordingError),
}

/// Removes the audio files of messages that do not exist, or whose audio is gone, but for those
/// of `spoken`: their spools are there still. To be called before anybody makes files. Says how
/// many there were.
///
/// # Errors
/// When the store or the folders can't be read. A file that can't be removed is logged.
pub async fn remove(store: &Store, spoken: HashSet<MessageId>) -> Result<usize, OrphansError> {
    let known = store.messages_with_audio().await?;
    let dir = store.dir().join("audio");
    let work = move || remove_unknown(&dir, 0, &|id| known.contains(&id) || spoken.contains(&id));
    let removed = tokio::task::spawn_blocking(work).await;
    Ok(removed.map_err(|error| StoreError::Unavailable { cause: error.to_string() })??)
}

/// `audio/<yyyy>/<mm>/<id>.ogg`: no deeper.
fn remove_unknown(
    folder: &Path,
    depth: u8,
    known: &impl Fn(MessageId) -> bool,
) -> Result<usize, RecordingError> {
    let failed = |error| RecordingError::file(folder, error);
    let mut removed = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if depth < 2 {
                removed += remove_unknown(&path, depth + 1, known)?;
            }
            continue;
        }
        let is_audio = path.extension().is_some_and(|ending| ending == "ogg");
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        // What is not named as ours is not ours to remove.
        let Ok(id) = MessageId::from_str(name) else { continue };
        if !is_audio || known(id) {
            continue;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "an audio file that nothing names can't be removed");
            }
        }
    }
    Ok(removed)
}
