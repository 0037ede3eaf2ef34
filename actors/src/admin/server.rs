//! The server's side: whatever a client sends or fails to send, it costs a bounded time and place.
//!
//! If its task died, `hark reload` would say that nobody listens; SIGHUP and the watch over the
//! files would go on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::socket::Socket;
use super::{
    ANSWER_WITHIN, Archive, ArchiveKind, LONGEST_REQUEST, LONGEST_RESPONSE, MOST_CLIENTS,
    REQUEST_WITHIN, Refusal, Request,
};
use crate::calls::Tracks;
use crate::operator::Operator;
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
    /// Who looks after users and groups.
    pub operator: Option<Operator>,
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
            match answer {
                Ok(Answer::Line(line)) => line,
                Ok(Answer::Archive(pieces)) => return send_archive(writer, pieces).await,
                Err(_) => refusal(&format!("not done within {ANSWER_WITHIN:?}")),
            }
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

/// Sends an archive as fast as the client takes it. One that breaks off has no empty piece.
async fn send_archive(mut writer: OwnedWriteHalf, mut pieces: Pieces) {
    let mut next = line_of(&Archive { archive: ArchiveKind::Tar });
    loop {
        // A client that does not read its answer has gone.
        let Ok(Ok(())) = timeout(REQUEST_WITHIN, writer.write_all(&next)).await else { return };
        next = match timeout(ANSWER_WITHIN, pieces.recv()).await {
            Ok(Some(Ok(piece))) => {
                let Ok(length) = u32::try_from(piece.len()) else { return };
                [&length.to_be_bytes()[..], &piece].concat()
            }
            // Whole.
            Ok(None) => break,
            Ok(Some(Err(_))) | Err(_) => return,
        };
    }
    let _ = timeout(REQUEST_WITHIN, async {
        writer.write_all(&[0; 4]).await?;
        writer.shutdown().await
    })
    .await;
}

type Pieces = mpsc::Receiver<std::io::Result<Bytes>>;

enum Answer {
    Line(Vec<u8>),
    Archive(Pieces),
}

async fn answer(line: &[u8], answers: &Answers) -> Answer {
    match serde_json::from_slice::<Request>(line) {
        Ok(Request::Export { user }) => {
            let Some(operator) = &answers.operator else {
                return Answer::Line(refusal("there is no store"));
            };
            match operator.export(&user).await {
                Ok(pieces) => Answer::Archive(pieces),
                Err(error) => Answer::Line(refusal(&error.to_string())),
            }
        }
        Ok(request) => Answer::Line(answer_line(request, answers).await),
        // What was sent may hold a secret: it is not repeated.
        Err(error) => Answer::Line(refusal(&format!(
            "not a request: {:?} in column {}",
            error.classify(),
            error.column()
        ))),
    }
}

async fn answer_line(request: Request, answers: &Answers) -> Vec<u8> {
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
        Request::Users { order } => {
            let Some(operator) = answers.operator.clone() else {
                return refusal("there is no store");
            };
            // To its end, also when who asked has gone.
            match tokio::spawn(async move { operator.users(order).await }).await {
                Ok(answer) => line_of(&answer),
                Err(_) => refusal("it failed: see the log"),
            }
        }
        Request::Groups { order } => {
            let Some(operator) = &answers.operator else { return refusal("there is no store") };
            line_of(&operator.groups(order).await)
        }
        // Answered by an archive.
        Request::Export { .. } => refusal("an archive is no line"),
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
