//! The client's side, for commands: one question, one answer, on the calling thread.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{
    ANSWER_WITHIN, AdminError, LONGEST_RESPONSE, REQUEST_WITHIN, Refusal, Request, check_length,
    path,
};

/// Asks the server that serves this storage folder.
///
/// # Errors
/// When none does, or it can't do what it is asked.
pub fn ask<T: DeserializeOwned>(storage: &Path, request: &Request) -> Result<T, AdminError> {
    check_length(storage)?;
    let path = path(storage);
    // As people look for it, whichever folder they are in.
    let shown = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let no_answer = |what: String| AdminError::NoAnswer { path: shown.clone(), what };
    let mut stream = UnixStream::connect(&path)
        .map_err(|cause| AdminError::NoServer { path: shown.clone(), cause })?;
    // The server waits for its turn, reads, answers and writes.
    let patience = ANSWER_WITHIN + 4 * REQUEST_WITHIN;
    let line = exchange(&mut stream, request, patience).map_err(|e| no_answer(e.to_string()))?;
    if let Ok(Refusal { error }) = serde_json::from_slice(&line) {
        return Err(AdminError::Refused(error));
    }
    serde_json::from_slice(&line).map_err(|error| no_answer(error.to_string()))
}

fn exchange(
    stream: &mut UnixStream,
    request: &Request,
    patience: Duration,
) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(REQUEST_WITHIN))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut response = Vec::new();
    // One more than the longest, which then shows as one without an end.
    let most = LONGEST_RESPONSE as u64 + 1;
    BufReader::new(stream.take(most)).read_until(b'\n', &mut response)?;
    if response.pop() != Some(b'\n') {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
    }
    Ok(response)
}
