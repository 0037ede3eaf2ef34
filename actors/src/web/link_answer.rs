//! `/m/TOKEN/answer`: whoever holds a link answers its message, by recording in the page.
//!
//! A WebSocket that takes one recording while it is spoken, with the frames of `/ws`:
//! `record_start`, the bytes, `record_stop` or `record_cancel`. It becomes a message to who spoke
//! the first one, from *its recipient (by link)*: nobody knows who holds a link. What a stranger
//! can drive is limited for each link, for each address, and in all.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason};
use futures_util::StreamExt;
use hark_engine::id::{MessageId, UserId};
use hark_engine::throttle::Throttle;
use tokio::time::{Instant, timeout, timeout_at};

use super::WebState;
use super::auth::site_of;
use super::client::Client;
use super::error::{ApiError, BUSY};
use super::links::{self, Opened};
use super::origin;
use super::ws::frames::{ClientId, Incoming, Outgoing, Recording, RecordingState};
use super::ws::upload::{Answer, Appended, Upload, UploadError};
use crate::clock;

/// Answers with one link: 3 at once, then one an hour.
const BY_LINK: (u32, Duration) = (3, Duration::from_secs(3600));
/// Answers from one address (an IPv6 /64): 10 at once, then one every 6 minutes.
const BY_ADDRESS: (u32, Duration) = (10, Duration::from_secs(360));
/// How many links and addresses are remembered.
const REMEMBERED: usize = 65_536;
/// Answers that are recorded at once, in all.
const MOST_OPEN: usize = 200;
/// The largest frame.
const LARGEST: usize = 64 * 1024;
/// How long a page may send nothing, before it records and while it does.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a socket may stay open beyond the longest message.
const OVERHANG: Duration = Duration::from_secs(120);
/// How long a browser may take to accept one frame.
const WRITE: Duration = Duration::from_secs(10);

/// Who answers by link, and how often.
pub struct Answers {
    book: Mutex<Book>,
}

struct Book {
    by_link: Throttle<[u8; 32]>,
    by_address: Throttle<IpAddr>,
    open: HashSet<[u8; 32]>,
}

impl Default for Answers {
    fn default() -> Self {
        let book = Book {
            by_link: Throttle::new(BY_LINK.0, BY_LINK.1, REMEMBERED),
            by_address: Throttle::new(BY_ADDRESS.0, BY_ADDRESS.1, REMEMBERED),
            open: HashSet::new(),
        };
        Self { book: Mutex::new(book) }
    }
}

impl Answers {
    fn lock(&self) -> MutexGuard<'_, Book> {
        // Every change is one insertion or removal: a panic can't have torn it.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another answer may be recorded: one at a time with a link.
    fn admit(&self, link: [u8; 32], address: IpAddr) -> Result<(), ApiError> {
        let now = clock::now();
        let mut book = self.lock();
        if book.open.contains(&link) || book.open.len() >= MOST_OPEN {
            return Err(ApiError::Unavailable(BUSY));
        }
        book.by_address.take(now, &site_of(address)).map_err(ApiError::TooMany)?;
        book.by_link.take(now, &link).map_err(ApiError::TooMany)?;
        book.open.insert(link);
        Ok(())
    }
}

/// A place among the open answers; free again when dropped.
struct Seat {
    state: web::Data<WebState>,
    link: [u8; 32],
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.state.answers.lock().open.remove(&self.link);
    }
}

/// The user who spoke a message, if they can be answered.
pub(super) fn answerable(state: &WebState, opened: &Opened) -> Option<UserId> {
    let directory = state.directory();
    opened.message.sender.user.filter(|user| directory.user(*user).is_some())
}

/// Opens the socket.
///
/// # Errors
/// [`ApiError::NotFound`] as for the page, [`ApiError::Conflict`] where nobody can be answered,
/// [`ApiError::TooMany`] and [`ApiError::Unavailable`] by the limits.
#[utoipa::path(get, path = "/m/{token}/answer", tag = "links", params(("token" = String, Path, description = "The link's secret.")), responses((status = 101, description = "A WebSocket that takes one recording, with the frames of `/ws`.")), security(()))]
pub async fn open(
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<WebState>,
    token: web::Path<String>,
) -> Result<HttpResponse, actix_web::Error> {
    origin::check(&request, state.config.public_url.as_deref())?;
    let opened = links::open(&state, &token).await?;
    let Some(to) = answerable(&state, &opened) else {
        let why = "who spoke this message has no mailbox here: it can't be answered";
        return Err(ApiError::Conflict(why.to_owned()).into());
    };
    let link = links::digest(&token);
    let address = Client::of(&request, &state)?.address;
    let admitted = state.answers.admit(link, address);
    admitted.inspect_err(|_| state.metrics.dropped.with_label_values(&["answer_limit"]).inc())?;
    let seat = Seat { state: state.clone(), link };
    let (response, socket, stream) = actix_ws::handle(&request, body)?;
    let stream = stream.max_frame_size(LARGEST).aggregate_continuations();
    let stream = stream.max_continuation_size(LARGEST);
    let name = state.name_of(opened.recipient);
    let name = if name.is_empty() { "the recipient".to_owned() } else { name };
    let name = format!("{name} (by link)");
    let answer = Answer { to, name, answers: opened.message.id, mime: String::new() };
    let pump = Pump { socket, stream, state, answer, _seat: seat };
    actix_web::rt::spawn(pump.run());
    Ok(response)
}

struct Pump {
    socket: actix_ws::Session,
    stream: AggregatedMessageStream,
    state: web::Data<WebState>,
    answer: Answer,
    _seat: Seat,
}

/// Why a pump ends without a word.
enum End {
    /// The browser is gone. What was spoken is kept and sent, as after any lost connection.
    Left,
    /// It sends what makes no sense.
    Nonsense,
}

impl Pump {
    async fn run(mut self) {
        let longest = Duration::from_secs(self.state.config.limit_seconds.into());
        let deadline = Instant::now() + longest + OVERHANG;
        let code = match self.record(deadline).await {
            Ok(()) => CloseCode::Normal,
            Err(End::Left) => CloseCode::Away,
            Err(End::Nonsense) => {
                self.state.metrics.dropped.with_label_values(&["frame"]).inc();
                CloseCode::Policy
            }
        };
        let reason = CloseReason { code, description: None };
        let _closed_already = timeout(WRITE, self.socket.close(Some(reason))).await;
    }

    /// Takes one recording.
    async fn record(&mut self, deadline: Instant) -> Result<(), End> {
        let Heard::Frame(Incoming::RecordStart { id, mime, .. }) = self.hear(deadline).await?
        else {
            return Err(End::Nonsense);
        };
        if !id.is_fit() {
            return Err(End::Nonsense);
        }
        let answer = Answer { mime, ..self.answer.clone() };
        let app = Arc::clone(&self.state);
        let mut upload = match Upload::start_answer(&app, answer) {
            Ok(upload) => upload,
            Err(error) => return self.failed(&id, &error).await,
        };
        self.tell(&id, RecordingState::Open, Some(&upload)).await?;
        loop {
            // Left or silent: dropped, the upload is kept and sent.
            match self.hear(deadline).await? {
                Heard::Bytes(bytes) => match upload.append(&bytes) {
                    Ok(Appended::Quietly) => {}
                    Ok(Appended::Noticeably) => {
                        self.tell(&id, RecordingState::Progress, Some(&upload)).await?;
                    }
                    Ok(Appended::Full) => return self.finish(&id, upload).await,
                    Err(error) => {
                        upload.cancel();
                        return self.failed(&id, &error).await;
                    }
                },
                Heard::Frame(Incoming::RecordStop { .. }) => return self.finish(&id, upload).await,
                Heard::Frame(Incoming::RecordCancel { .. }) => {
                    upload.cancel();
                    self.state.metrics.recordings.with_label_values(&["cancelled"]).inc();
                    return Ok(());
                }
                Heard::Frame(
                    Incoming::RecordStart { .. }
                    | Incoming::Activity { .. }
                    | Incoming::Seen { .. }
                    | Incoming::Chat(_)
                    | Incoming::Pong,
                ) => return Err(End::Nonsense),
            }
        }
    }

    async fn finish(&mut self, id: &ClientId, upload: Upload) -> Result<(), End> {
        // On the server's own runtime: a web worker that stops shall not end it.
        let (told, asked) = tokio::sync::oneshot::channel();
        self.state.runtime.spawn(async move {
            let open = Arc::new(std::sync::atomic::AtomicBool::new(true));
            let listens = Arc::clone(&open);
            let told: tokio::sync::oneshot::Sender<Result<MessageId, UploadError>> = told;
            let outcome =
                upload.finish(move || listens.load(std::sync::atomic::Ordering::Acquire)).await;
            open.store(false, std::sync::atomic::Ordering::Release);
            // The page may be gone; the message exists all the same.
            let _ = told.send(outcome);
        });
        match asked.await {
            Ok(Ok(_)) => self.tell(id, RecordingState::Committed, None).await,
            Ok(Err(error)) => self.failed(id, &error).await,
            Err(_) => self.failed(id, &ApiError::Internal.into()).await,
        }
    }

    async fn failed(&mut self, id: &ClientId, error: &UploadError) -> Result<(), End> {
        let error = Some(error.to_string());
        self.say(Recording { error, ..blank(id, RecordingState::Failed) }).await
    }

    async fn tell(
        &mut self,
        id: &ClientId,
        state: RecordingState,
        upload: Option<&Upload>,
    ) -> Result<(), End> {
        let (bytes, ms) = upload.map_or((0, 0), |upload| (upload.bytes(), upload.ms()));
        self.say(Recording { bytes, ms, ..blank(id, state) }).await
    }

    async fn say(&mut self, recording: Recording) -> Result<(), End> {
        let Ok(text) = serde_json::to_string(&Outgoing::Recording(recording)) else {
            tracing::error!("a frame can't be written as JSON");
            return Ok(());
        };
        match timeout(WRITE, self.socket.text(text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Left),
        }
    }

    /// The next thing that the page says.
    async fn hear(&mut self, deadline: Instant) -> Result<Heard, End> {
        let until = deadline.min(Instant::now() + SILENCE);
        loop {
            match timeout_at(until, self.stream.next()).await {
                Ok(Some(Ok(AggregatedMessage::Text(text)))) => {
                    let frame = serde_json::from_str(&text);
                    return frame.map(Heard::Frame).map_err(|_| End::Nonsense);
                }
                Ok(Some(Ok(AggregatedMessage::Binary(bytes)))) => return Ok(Heard::Bytes(bytes)),
                Ok(Some(Ok(AggregatedMessage::Ping(bytes)))) => {
                    if !matches!(timeout(WRITE, self.socket.pong(&bytes)).await, Ok(Ok(()))) {
                        return Err(End::Left);
                    }
                }
                Ok(Some(Ok(AggregatedMessage::Pong(_)))) => {}
                Ok(Some(Ok(AggregatedMessage::Close(_))) | None) | Err(_) => return Err(End::Left),
                Ok(Some(Err(_))) => return Err(End::Nonsense),
            }
        }
    }
}

enum Heard {
    Frame(Incoming),
    Bytes(bytes::Bytes),
}

fn blank(id: &ClientId, state: RecordingState) -> Recording {
    Recording { id: id.clone(), state, bytes: 0, ms: 0, message: None, error: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_limited_by_link_by_address_and_one_at_a_time() {
        let answers = Answers::default();
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        let close = |link: [u8; 32]| assert!(answers.lock().open.remove(&link));
        for n in 0..3 {
            assert!(answers.admit([1; 32], address(n)).is_ok());
            let second = answers.admit([1; 32], address(9));
            assert!(matches!(second, Err(ApiError::Unavailable(_))), "one at a time");
            close([1; 32]);
        }
        assert!(matches!(answers.admit([1; 32], address(4)), Err(ApiError::TooMany(_))));
        for link in 10..20 {
            assert!(answers.admit([link; 32], address(5)).is_ok());
            close([link; 32]);
        }
        assert!(matches!(answers.admit([21; 32], address(5)), Err(ApiError::TooMany(_))));
        assert!(answers.admit([21; 32], address(6)).is_ok());
    }
}
