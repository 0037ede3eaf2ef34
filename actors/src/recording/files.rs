//! Audio files: written beside their place, synced, renamed, and the folder synced. Only then
//! may a row name them.

use std::path::{Path, PathBuf};

use hark_engine::id::MessageId;
use hark_engine::time::UnixMillis;

use super::RecordingError;
use super::date::civil;
use crate::disk::Disk;

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
    put_on(&Disk::default(), dir, relative, bytes)
}

/// The same on a disk that may have faults.
pub(super) fn put_on(
    disk: &Disk,
    dir: &Path,
    relative: &Path,
    bytes: &[u8],
) -> Result<(), RecordingError> {
    let place = dir.join(relative);
    let folder = place.parent().unwrap_or(dir);
    make_folders(disk, dir, folder).map_err(|e| RecordingError::file(folder, e))?;
    let temporary = place.with_extension("tmp");
    let written = write_synced(disk, &temporary, bytes)
        .and_then(|()| disk.rename(&temporary, &place))
        .and_then(|()| disk.sync_folder(folder));
    written.map_err(|error| {
        // What can't be removed now is removed at the next start.
        let _ = disk.remove(&temporary);
        RecordingError::file(&place, error)
    })
}

fn write_synced(disk: &Disk, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut out = disk.create(file, false)?;
    disk.write(&mut out, file, bytes)?;
    disk.sync(&out, file)
}

/// Makes what is missing between `dir` and `folder`, and syncs each new entry's folder.
fn make_folders(disk: &Disk, dir: &Path, folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|p| p.starts_with(dir)) {
        make_folders(disk, dir, parent)?;
    }
    match disk.make_folder(folder) {
        // Somebody else was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| folder.parent().map_or(Ok(()), |above| disk.sync_folder(above))),
    }
}

/// Reads a file that is not larger than any of ours can be.
pub fn read_bounded(file: &Path) -> Result<Vec<u8>, RecordingError> {
    read_from(&Disk::default(), file)
}

/// The same from a disk that may have faults.
pub(super) fn read_from(disk: &Disk, file: &Path) -> Result<Vec<u8>, RecordingError> {
    disk.read(file, LARGEST_FILE).map_err(|error| RecordingError::file(file, error))
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
