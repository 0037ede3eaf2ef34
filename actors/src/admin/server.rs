//! The server's side: whatever a client sends or fails to send, it costs a bounded time and place.
//!
//! If its task died, `hark reload` would say that nobody listens; SIGHUP and the watch over the
//! files would go on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::socket::Socket;
use super::{
    ANSWER_WITHIN, LONGEST_REQUEST, LONGEST_RESPONSE, MOST_CLIENTS, REQUEST_WITHIN, Refusal,
    Request,
};
use crate::calls::Tracks;
use crate::reload::Reloads;
use crate::store::Store;
use crate::trace::{self, Found, Traces};
use crate::web::tokens;

/// How long to wait after a connection could not be accepted: usually for a file descriptor.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a trace that was just kept may take into its file.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// What answers are made of.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Who reloads.
    pub reloads: Reloads,
    /// Who knows the calls that are up.
    pub tracks: Tracks,
    /// Who writes traces.
    pub traces: Traces,
    /// The storage folder.
    pub storage: PathBuf,
    /// Where tokens are kept, once the store is open.
    pub store: Option<Store>,
}

/// The server. Dropping it ends it and removes the socket.
#[derive(Debug)]
pub struct AdminServer(JoinHandle<()>);

impl AdminServer {
    /// Serves the socket.
    pub fn start(socket: Socket, answers: Answers) -> Self {
        Self(tokio::spawn(accept(socket, Arc::new(answers))))
    }

    /// Ends it; the socket is gone when this returns.
    pub async fn stop(mut self) {
        self.0.abort();
        // Aborted, as was asked.
        let _ = (&mut self.0).await;
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(socket: Socket, answers: Arc<Answers>) {
    let clients = Arc::new(Semaphore::new(MOST_CLIENTS));
    loop {
        // Before a connection is taken: those beyond wait in the kernel, which bounds them.
        let Ok(permit) = Arc::clone(&clients).acquire_owned().await else { return };
        match socket.listener.accept().await {
            Ok((stream, _)) => {
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    serve(stream, &answers).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to hark.sock can't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, answers: &Answers) {
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(LONGEST_REQUEST));
    let read = timeout(REQUEST_WITHIN, reader.read_until(b'\n', &mut line)).await;
    let response = match read {
        Ok(Ok(_)) if line.ends_with(b"\n") => {
            let answer = timeout(ANSWER_WITHIN, answer(&line, answers)).await;
            answer.unwrap_or_else(|_| refusal(&format!("not done within {ANSWER_WITHIN:?}")))
        }
        Ok(Ok(_)) => refusal(&format!("a request is one line of at most {LONGEST_REQUEST} bytes")),
        Ok(Err(_)) => return,
        Err(_) => refusal(&format!("no request came within {REQUEST_WITHIN:?}")),
    };
    // A client that does not read its answer has gone.
    let _ = timeout(REQUEST_WITHIN, async {
        writer.write_all(&response).await?;
        writer.shutdown().await
    })
    .await;
}

async fn answer(line: &[u8], answers: &Answers) -> Vec<u8> {
    let request = match serde_json::from_slice::<Request>(line) {
        Ok(request) => request,
        Err(error) => return refusal(&format!("not a request: {error}")),
    };
    match request {
        Request::Reload {} => {
            tracing::info!("a reload is asked for");
            match answers.reloads.reload().await {
                Ok(report) => line_of(&report),
                Err(error) => refusal(&error.to_string()),
            }
        }
        Request::Calls { numbers } => line_of(&answers.tracks.live(numbers)),
        Request::Tokens { order } => {
            let Some(store) = &answers.store else { return refusal("there is no store") };
            match tokens::operate(store, order).await {
                Ok(lines) => line_of(&lines),
                Err(error) => refusal(&error.to_string()),
            }
        }
        Request::Trace { call } => {
            let Answers { traces, storage, .. } = answers.clone();
            let id = call.clone();
            let found = tokio::task::spawn_blocking(move || {
                traces.flush(FLUSH_WITHIN);
                trace::find(&storage, &id)
            });
            match found.await {
                Ok(Ok(Found::One(record))) => line_of(&*record),
                Ok(Ok(Found::Nothing)) => refusal(&format!("no trace of a call {call} is kept")),
                Ok(Ok(Found::Several(ids))) => {
                    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
                    refusal(&format!("several calls begin so: {}", ids.join(", ")))
                }
                Ok(Err(error)) => refusal(&format!("traces can't be read: {error}")),
                Err(_) => refusal("traces can't be read"),
            }
        }
    }
}

fn refusal(error: &str) -> Vec<u8> {
    line_of(&Refusal { error: error.to_owned() })
}

fn line_of(response: &impl Serialize) -> Vec<u8> {
    let mut line = match serde_json::to_vec(response) {
        Ok(line) if line.len() < LONGEST_RESPONSE => line,
        Ok(_) => br#"{"error":"the answer is too long for one response"}"#.to_vec(),
        Err(_) => br#"{"error":"the answer can't be written as JSON"}"#.to_vec(),
    };
    line.push(b'\n');
    line
}
