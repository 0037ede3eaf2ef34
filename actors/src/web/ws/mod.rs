//! `/ws`: the socket of one browser tab.
//!
//! A pump on the web worker moves frames between the socket and a [`session_actor`]; the actor
//! knows nothing of sockets. Towards the actor the pump waits for a place in its mailbox, so a
//! browser that sends fast is slowed down by TCP; towards the browser there is a bounded queue,
//! and a browser that does not empty it is cut off.

mod chat;
pub mod frames;
pub mod hub;
pub mod mailbox;
pub mod ogg_progress;
pub mod session_actor;
pub mod subscription;
pub mod upload;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason};
use futures_util::StreamExt;
use hark_engine::throttle::Throttle;
use ractor::Actor;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use utoipa::IntoParams;

use self::frames::Outgoing;
use self::mailbox::Door;
use self::session_actor::{SessionActor, SessionArgs, SessionMsg};
use super::WebState;
use super::auth::SignedIn;
use super::error::{ApiError, BUSY};
use super::origin;
use super::scopes::Grants;
use crate::clock;

/// The largest frame, and the largest message made of several.
const LARGEST: usize = 64 * 1024;
/// Frames that wait for a browser; one that lets more pile up is cut off.
const OUTBOUND: usize = 256;
/// Frames that wait for the actor.
const PLACES: usize = 64;
/// A browser may send so many frames at once, and then one every [`REFILL`].
const BURST: u32 = 400;
/// 200 frames a second: a recorder sends 50 at most.
const REFILL: Duration = Duration::from_millis(5);
/// How often we ask whether the browser is there.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// A browser from which nothing came for so long is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// How long a browser may take to accept one frame.
const WRITE: Duration = Duration::from_secs(10);
/// The metric's label, and the words, for one that does not keep up (RFC 6455 code 1013).
const SLOW: &str = "slow";
pub(crate) const TOO_SLOW: &str = "too slow: come back with last_event_id";

/// What the actor has the pump do.
#[derive(Debug)]
pub enum Out {
    /// Send a text frame.
    Frame(Box<Outgoing>),
    /// Say why, and close.
    Close(CloseCode, &'static str),
}

/// Why a session was closed, where its queue had no room left to say so.
pub type LastWord = Arc<OnceLock<(CloseCode, &'static str)>>;

/// The query of the socket.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// The last `event_id` that the client knows: it is told what it missed since. Events of the
    /// last moments before may come again: each has its id.
    last_event_id: Option<i64>,
}

/// Opens a WebSocket on which the user is told what happens. A client that does not keep up is
/// closed with code 1013 and comes back with `last_event_id`.
///
/// # Errors
/// Foreign pages, strangers, and more sockets than the limits allow are refused.
#[utoipa::path(get, path = "/ws", tag = "stream", params(StreamQuery),
    responses((status = 101, description = "Frames of JSON: `hello`, `popup`, `receipt`, `message_state`, `counts`, `presence`, `recording`, `notice`, `ping`; those of the event log carry `event_id`.")),
    security(("session" = []), ("token" = ["stream"])))]
pub async fn open(
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    query: web::Query<StreamQuery>,
) -> Result<HttpResponse, actix_web::Error> {
    // Programs show a token, which no foreign page can make a browser send.
    if signed_in.grants == Grants::Everything {
        origin::check(&request, state.config.public_url.as_deref())?;
    }
    let Some(seat) = state.hub.admit(signed_in.user) else {
        state.metrics.dropped.with_label_values(&["limit"]).inc();
        return Err(ApiError::Unavailable(BUSY).into());
    };
    let (response, socket, stream) = actix_ws::handle(&request, body)?;
    let stream = stream.max_frame_size(LARGEST).aggregate_continuations();
    let stream = stream.max_continuation_size(LARGEST);

    let (out, outbound) = mpsc::channel(OUTBOUND);
    let last_word = LastWord::default();
    let args = SessionArgs {
        app: state.clone().into_inner(),
        user: signed_in.user,
        grants: signed_in.grants,
        last_event: query.last_event_id,
        seat,
        out,
        last_word: Arc::clone(&last_word),
    };
    // On the server's own runtime: a web worker shall neither carry actors nor end them.
    let spawned = state.runtime.spawn(SessionActor::spawn(None, SessionActor, args)).await;
    let (actor, _runs_by_itself) =
        spawned.map_err(|_| ApiError::Internal)?.map_err(|_| ApiError::Unavailable(BUSY))?;
    let door = Door::new(actor, PLACES);
    let pump = Pump { socket, stream, outbound, last_word, door, state };
    actix_web::rt::spawn(pump.run());
    Ok(response)
}

struct Pump {
    socket: actix_ws::Session,
    stream: AggregatedMessageStream,
    outbound: mpsc::Receiver<Out>,
    last_word: LastWord,
    door: Door<SessionMsg>,
    state: web::Data<WebState>,
}

/// Why a pump ended; the label of the metric, where it was our doing.
enum End {
    Left,
    Told,
    Dropped(&'static str),
}

impl Pump {
    async fn run(mut self) {
        let end = self.pump().await;
        let mut reason = None;
        if let End::Dropped(label) = end {
            self.state.metrics.dropped.with_label_values(&[label]).inc();
            let slow = label == SLOW;
            reason = slow.then(|| CloseReason {
                code: CloseCode::Again,
                description: Some(TOO_SLOW.into()),
            });
        }
        // The one message after which the actor ends by itself: it needs no place.
        let _gone_already = self.door.actor().cast(SessionMsg::SocketClosed);
        let _closed_already = timeout(WRITE, self.socket.close(reason)).await;
    }

    async fn pump(&mut self) -> End {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let mut heard = Instant::now();
        let mut frames = Throttle::new(BURST, REFILL, 1);
        loop {
            tokio::select! {
                out = self.outbound.recv() => match out {
                    Some(Out::Frame(frame)) => if let Err(end) = self.send(&frame).await {
                        return end;
                    },
                    Some(Out::Close(code, reason)) => return self.close(code, reason).await,
                    // The actor is gone; without a last word, it panicked.
                    None => {
                        let failed = &(CloseCode::Error, "the session failed");
                        let (code, reason) = *self.last_word.get().unwrap_or(failed);
                        return self.close(code, reason).await;
                    }
                },
                frame = self.stream.next() => {
                    heard = Instant::now();
                    // Slowed down, not cut off: TCP tells the browser.
                    while let Err(wait) = frames.take(clock::now(), &()) {
                        tokio::time::sleep(wait).await;
                    }
                    if let Some(end) = self.take(frame).await {
                        return end;
                    }
                }
                _ = heartbeat.tick() => {
                    if heard.elapsed() > SILENCE {
                        return End::Dropped("silent");
                    }
                    if self.door.send(SessionMsg::Tick).await.is_err() {
                        return End::Told;
                    }
                    let pinged = timeout(WRITE, self.socket.ping(b"")).await;
                    if !matches!(pinged, Ok(Ok(()))) {
                        return End::Dropped(SLOW);
                    }
                    if let Err(end) = self.send(&Outgoing::Ping).await {
                        return end;
                    }
                }
            }
        }
    }

    async fn send(&mut self, frame: &Outgoing) -> Result<(), End> {
        let Ok(text) = serde_json::to_string(frame) else {
            tracing::error!(?frame, "a frame can't be written as JSON");
            return Ok(());
        };
        match timeout(WRITE, self.socket.text(text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => Err(End::Dropped(SLOW)),
        }
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) -> End {
        let socket = self.socket.clone();
        let reason = CloseReason { code, description: Some(reason.to_owned()) };
        let _closed_already = timeout(WRITE, socket.close(Some(reason))).await;
        End::Told
    }

    async fn take(
        &mut self,
        frame: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    ) -> Option<End> {
        let sent = match frame {
            Some(Ok(AggregatedMessage::Text(text))) => {
                self.door.send(|place| SessionMsg::Text(text.to_string(), place)).await
            }
            Some(Ok(AggregatedMessage::Binary(bytes))) => {
                self.door.send(|place| SessionMsg::Binary(bytes, place)).await
            }
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                let ponged = timeout(WRITE, self.socket.pong(&bytes)).await;
                return (!matches!(ponged, Ok(Ok(())))).then_some(End::Left);
            }
            Some(Ok(AggregatedMessage::Pong(_))) => Ok(()),
            Some(Ok(AggregatedMessage::Close(_))) | None => return Some(End::Left),
            Some(Err(error)) => {
                tracing::debug!(%error, "a browser broke the WebSocket protocol");
                return Some(End::Dropped("malformed"));
            }
        };
        sent.is_err().then_some(End::Told)
    }
}
