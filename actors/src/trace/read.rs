//! Finding traces in the files, whether or not the server runs.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{CallId, FOLDER, Record};

/// The longest line that is read; the writer's are far shorter.
const LONGEST_LINE: u64 = 16 << 20;

/// What was found of a call.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it was never kept, or is too old.
    Nothing,
    /// Its record.
    One(Box<Record>),
    /// Several calls whose ids begin so, the newest first.
    Several(Vec<CallId>),
}

/// The record of the call whose id is `id` or begins with it, in whatever case.
///
/// # Errors
/// When the files can't be read.
pub fn find(storage: &Path, id: &str) -> std::io::Result<Found> {
    /// The id alone, which is looked at first: a line can be long.
    #[derive(Deserialize)]
    struct Head {
        call: CallId,
    }
    let id = id.to_ascii_uppercase();
    let mut found: Vec<Record> = Vec::new();
    if !id.is_empty() {
        newest_first(storage, |line| {
            let Ok(head) = serde_json::from_slice::<Head>(line) else { return true };
            if head.call.starts_with(&id)
                && let Ok(record) = serde_json::from_slice(line)
            {
                found.push(record);
            }
            found.len() < 10
        })?;
    }
    if found.len() > 1 {
        return Ok(Found::Several(found.into_iter().map(|record| record.call).collect()));
    }
    Ok(found.pop().map_or(Found::Nothing, |record| Found::One(Box::new(record))))
}

/// The last `most` calls that ended, the newest first, without their lines.
///
/// # Errors
/// When the files can't be read.
pub fn last(storage: &Path, most: usize) -> std::io::Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    if most > 0 {
        newest_first(storage, |line| {
            if let Ok(mut record) = serde_json::from_slice::<Record>(line) {
                record.lines = Vec::new();
                records.push(record);
            }
            records.len() < most
        })?;
    }
    Ok(records)
}

/// The files of traces, the oldest first; none if there is no folder.
pub(super) fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Shows every line, the newest first, until `show` says that it has seen enough.
fn newest_first(storage: &Path, mut show: impl FnMut(&[u8]) -> bool) -> std::io::Result<()> {
    for path in files(&storage.join(FOLDER))?.into_iter().rev() {
        let file = match File::open(&path) {
            Ok(file) => file,
            // Removed by the server this moment, being too old.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // Where each line begins: a file's lines may be more than should stand in memory.
        let mut reader = BufReader::new(file);
        let mut lines = Vec::new();
        let mut at = 0_u64;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            lines.push((at, read));
            at += read as u64;
        }
        for (at, length) in lines.into_iter().rev() {
            let mut bytes = vec![0; length];
            std::os::unix::fs::FileExt::read_exact_at(reader.get_ref(), &mut bytes, at)?;
            if !show(&bytes) {
                return Ok(());
            }
        }
    }
    Ok(())
}
