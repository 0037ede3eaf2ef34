//! Spools that a crash left behind: each says itself to whom it was spoken.

use std::path::{Path, PathBuf};

use super::files::read_bounded;
use super::spool_format::{self, SpoolAudio, SpoolHeader};
use super::{RecordingError, spool};

/// A spool whose server is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanedSpool {
    /// The file.
    pub path: PathBuf,
    /// To whom, from whom, and under which id and key; the intent is the last one written.
    pub header: SpoolHeader,
    /// Whether anything was recorded: a spool without a frame is removed, not sent.
    pub has_audio: bool,
}

/// Every spool under the storage folder `dir`, oldest first. To be called before anybody
/// records. Where the store has a message of the header's id already, the crash came after the
/// commit and the spool has only to be removed ([`spool::remove`]). A file that is no spool, or whose header is torn (nothing was recorded yet), is set
/// aside under the ending `.broken`.
pub fn recover(dir: &Path) -> Result<Vec<OrphanedSpool>, RecordingError> {
    let folder = spool::folder(dir);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| RecordingError::file(&folder, e))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| RecordingError::file(&folder, e))?.path();
        if path.extension().is_none_or(|e| e != "spool") {
            continue;
        }
        match orphan(&path) {
            Ok(orphan) => found.push(orphan),
            Err(RecordingError::Malformed(cause)) => {
                tracing::warn!(file = %path.display(), cause, "set a broken spool aside");
                let aside = path.with_extension("broken");
                std::fs::rename(&path, &aside).map_err(|e| RecordingError::file(&path, e))?;
            }
            // One file that can't be read must not keep everybody else from calling.
            Err(error) => tracing::error!(%error, "a spool can't be read: it stays as it is"),
        }
    }
    found.sort_by_key(|orphan| (orphan.header.started, orphan.header.message));
    Ok(found)
}

/// One spool, for whoever takes over from an owner that died.
pub fn orphan(path: &Path) -> Result<OrphanedSpool, RecordingError> {
    let content = spool_format::read(&read_bounded(path)?)?;
    let has_audio = match &content.audio {
        SpoolAudio::Frames(frames) => !frames.is_empty(),
        SpoolAudio::File(bytes) => !bytes.is_empty(),
    };
    Ok(OrphanedSpool { path: path.to_owned(), header: content.header, has_audio })
}
