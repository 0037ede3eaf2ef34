//! Audio files: written beside their place, synced, renamed, and the folder synced. Only then
//! may a row name them.

use std::fs::{DirBuilder, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hark_engine::id::MessageId;
use hark_engine::time::UnixMillis;

use super::RecordingError;
use super::date::civil;

/// The largest file that is read into memory.
const LARGEST_FILE: u64 = 128 << 20;

/// Where a message's audio lies, relative to the storage folder: `audio/2026/11/<id>.ogg`. The
/// month is the id's own (RFC 9562 section 5.7), so that a recording that is finished again after
/// a crash replaces its file, whatever the time is by then.
pub fn audio_path(id: MessageId) -> PathBuf {
    let [a, b, c, d, e, f, ..] = *id.0.as_bytes();
    let (year, month, _) = civil(UnixMillis(i64::from_be_bytes([0, 0, a, b, c, d, e, f])));
    PathBuf::from(format!("audio/{year:04}/{month:02}/{id}.ogg"))
}

/// Puts `bytes` at `relative` under `dir`. When it returns, the file survives a power loss; if
/// it fails or the process dies, the place is as it was before.
pub fn put(dir: &Path, relative: &Path, bytes: &[u8]) -> Result<(), RecordingError> {
    let place = dir.join(relative);
    let folder = place.parent().unwrap_or(dir);
    make_folders(dir, folder).map_err(|e| RecordingError::file(folder, e))?;
    let temporary = place.with_extension("tmp");
    let written = write_synced(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, &place))
        .and_then(|()| sync_folder(folder));
    written.map_err(|error| {
        // What can't be removed now is removed at the next start.
        let _ = std::fs::remove_file(&temporary);
        RecordingError::file(&place, error)
    })
}

fn write_synced(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file)?;
    out.write_all(bytes)?;
    out.sync_all()
}

/// Makes what is missing between `dir` and `folder`, and syncs each new entry's folder.
fn make_folders(dir: &Path, folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|p| p.starts_with(dir)) {
        make_folders(dir, parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        // Somebody else was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| folder.parent().map_or(Ok(()), sync_folder)),
    }
}

pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reads a file that is not larger than any of ours can be.
pub fn read_bounded(file: &Path) -> Result<Vec<u8>, RecordingError> {
    let failed = |e| RecordingError::file(file, e);
    let mut bytes = Vec::new();
    File::open(file).map_err(failed)?.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Removes what a crash left half written under `dir`, before anybody writes there. Says how many
/// files there were.
pub fn remove_leftovers(dir: &Path) -> Result<usize, RecordingError> {
    let mut removed = 0;
    // audio/<yyyy>/<mm>/: no deeper.
    let mut folders = ["greetings", "names"].map(|folder| (dir.join(folder), 2)).to_vec();
    folders.push((dir.join("audio"), 0));
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|e| RecordingError::file(&folder, e))?,
        };
        for entry in entries {
            let path = entry.map_err(|e| RecordingError::file(&folder, e))?.path();
            if depth < 2 && path.is_dir() {
                folders.push((path, depth + 1));
            } else if path.extension().is_some_and(|e| e == "tmp") {
                std::fs::remove_file(&path).map_err(|e| RecordingError::file(&path, e))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}
