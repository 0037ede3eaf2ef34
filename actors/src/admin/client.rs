//! The client's side, for commands: one question, one answer, on the calling thread.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{
    ANSWER_WITHIN, AdminError, Archive, ArchiveKind, LONGEST_RESPONSE, REQUEST_WITHIN, Refusal,
    Request, check_length, path,
};

/// Asks the server that serves this storage folder.
///
/// # Errors
/// When none does, or it can't do what it is asked.
pub fn ask<T: DeserializeOwned>(storage: &Path, request: &Request) -> Result<T, AdminError> {
    let (mut stream, shown) = connect(storage)?;
    let no_answer = |what: String| AdminError::NoAnswer { path: shown.clone(), what };
    // The server waits for its turn, reads, answers and writes.
    let patience = ANSWER_WITHIN + 4 * REQUEST_WITHIN;
    let line = exchange(&mut stream, request, patience).map_err(|e| no_answer(e.to_string()))?;
    if let Ok(Refusal { error }) = serde_json::from_slice(&line) {
        return Err(AdminError::Refused(error));
    }
    serde_json::from_slice(&line).map_err(|error| no_answer(error.to_string()))
}

/// Asks for an archive, and writes it to `out`. What was written of one that broke off is no
/// archive.
///
/// # Errors
/// When no server serves this storage folder, it refuses, the archive is not whole, or `out`
/// can't be written.
pub fn fetch(storage: &Path, request: &Request, out: &mut impl Write) -> Result<(), AdminError> {
    let (mut stream, shown) = connect(storage)?;
    let no_answer = |what: String| AdminError::NoAnswer { path: shown.clone(), what };
    let broken = |error: std::io::Error| no_answer(error.to_string());
    send(&mut stream, request, ANSWER_WITHIN).map_err(broken)?;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    (&mut reader)
        .take(LONGEST_RESPONSE as u64)
        .read_until(b'\n', &mut line)
        .map_err(|error| no_answer(error.to_string()))?;
    if let Ok(Refusal { error }) = serde_json::from_slice(&line) {
        return Err(AdminError::Refused(error));
    }
    let Archive { archive: ArchiveKind::Tar } =
        serde_json::from_slice(&line).map_err(|error| no_answer(error.to_string()))?;
    loop {
        let mut length = [0; 4];
        reader.read_exact(&mut length).map_err(broken)?;
        let length = u64::from(u32::from_be_bytes(length));
        if length == 0 {
            return out.flush().map_err(broken);
        }
        let copied = std::io::copy(&mut (&mut reader).take(length), out).map_err(broken)?;
        if copied != length {
            return Err(no_answer("the archive broke off".into()));
        }
    }
}

fn connect(storage: &Path) -> Result<(UnixStream, PathBuf), AdminError> {
    check_length(storage)?;
    let path = path(storage);
    // As people look for it, whichever folder they are in.
    let shown = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    match UnixStream::connect(&path) {
        Ok(stream) => Ok((stream, shown)),
        Err(cause) => Err(AdminError::NoServer { path: shown, cause }),
    }
}

fn send(stream: &mut UnixStream, request: &Request, patience: Duration) -> std::io::Result<()> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(REQUEST_WITHIN))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)
}

fn exchange(
    stream: &mut UnixStream,
    request: &Request,
    patience: Duration,
) -> std::io::Result<Vec<u8>> {
    send(stream, request, patience)?;
    let mut response = Vec::new();
    // One more than the longest, which then shows as one without an end.
    let most = LONGEST_RESPONSE as u64 + 1;
    BufReader::new(stream.take(most)).read_until(b'\n', &mut response)?;
    if response.pop() != Some(b'\n') {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
    }
    Ok(response)
}
