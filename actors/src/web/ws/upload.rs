//! A recording that arrives from a browser while it is spoken.
//!
//! Its bytes go to a spool file as they come; the spool's header says to whom it goes, so from
//! the first word on it can outlive the tab, the connection and the process. What becomes of it:
//!
//! * stopped by the browser, or full: imported, committed, and only then acknowledged;
//! * its session gone in mid-word: the same, if at least [`WORTH_KEEPING_MS`] were spoken;
//! * the process gone: the same, at the next start (`recording::recover`);
//! * cancelled: removed.

use std::sync::Arc;
use std::time::Duration;

use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;
use hark_engine::time::Instant;

use super::ogg_progress::{NotOgg, OggProgress};
use crate::clock;
use crate::outside::{OutsideError, Recipient};
use crate::recording::{
    Intent as SpoolIntent, RecordingError, SinkFull, Spool, SpoolFormat, SpoolHeader, SpoolSink,
    SpoolSource,
};
use crate::recovery;
use crate::store::{NewMessage, StoreError};
use crate::web::WebState;
use crate::web::error::ApiError;
use crate::web::state::Counted;

/// Less than this is no speech that anybody would miss.
pub const WORTH_KEEPING_MS: u32 = 1_000;
/// The most recipients that a browser may name.
const MOST_RECIPIENTS: usize = 50;
/// 320 kbit/s: far more than speech needs, far less than a flood.
const BYTES_A_SECOND: u64 = 40_000;
/// For the headers of the file.
const HEADERS: u64 = 64 * 1024;
/// Encoders deliver in packets: the last one may reach past the limit, and is cut at import.
const OVERHANG_MS: u32 = 1_000;
/// A recording to which nothing was added for so long was forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// The browser is shown the length so often at most.
const NOTICEABLE: Duration = Duration::from_millis(250);

/// What a browser wants to record.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Who speaks.
    pub sender: UserId,
    /// To whom.
    pub to: Vec<Recipient>,
    /// What the bytes will be.
    pub mime: String,
    /// Whether it goes before others.
    pub urgent: bool,
}

/// Why a recording was not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// One is being recorded, or several are still on their way into the store.
    #[error("one recording at a time: stop the other one first")]
    OneAtATime,
    /// It was meant for nobody.
    #[error("choose 1 to {MOST_RECIPIENTS} recipients who exist")]
    Recipients,
    /// There is no room for it.
    #[error("the mailbox of {0} is full: nothing can be left there now")]
    MailboxFull(String),
    /// Some of them can't be written to.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// It is no Ogg Opus.
    #[error("'{0}' can't be kept: record audio/ogg with the Opus codec")]
    Mime(String),
    /// It is no Ogg.
    #[error(transparent)]
    NotOgg(#[from] NotOgg),
    /// It can't be written.
    #[error(transparent)]
    Sink(#[from] SinkFull),
    /// It can't be made into a file.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// It could not be committed.
    #[error("the message could not be kept: {0}")]
    Store(#[from] StoreError),
    /// The server is too busy, or going down.
    #[error(transparent)]
    Server(#[from] ApiError),
}

impl UploadError {
    const fn label(&self) -> &'static str {
        match self {
            Self::OneAtATime => "one_at_a_time",
            Self::Recipients | Self::Outside(_) => "recipients",
            Self::MailboxFull(_) => "mailbox_full",
            Self::Mime(_) | Self::NotOgg(_) => "not_ogg",
            Self::Sink(_) => "sink",
            Self::Recording(_) => "recording",
            Self::Store(_) => "store",
            Self::Server(_) => "server",
        }
    }
}

/// What came of adding bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// They are in, and the browser need not be told.
    Quietly,
    /// They are in, and it is time to show how long it is.
    Noticeably,
    /// The limit is reached: no more is taken.
    Full,
}

/// A recording in hand. Dropped without [`Upload::finish`] or [`Upload::cancel`], it is kept and
/// sent: its session was lost, and with it nobody who could have said otherwise.
pub struct Upload {
    work: Option<Work>,
    progress: OggProgress,
    bytes: u64,
    shown: Option<Instant>,
    fed: Instant,
}

/// What outlives the session.
struct Work {
    app: Arc<WebState>,
    sink: SpoolSink,
    spool: Spool,
    header: SpoolHeader,
    to: Vec<UserId>,
    urgent: bool,
    /// A server that stops waits for it.
    _open: Counted,
}

impl Upload {
    /// Opens the spool.
    ///
    /// # Errors
    /// [`UploadError`] says what is wrong with the intent, or why nothing can be written.
    pub async fn start(app: &Arc<WebState>, intent: Intent) -> Result<Self, UploadError> {
        let urgent = intent.urgent;
        let (header, to) =
            header(app, intent).await.inspect_err(|error| count(app, error.label()))?;
        let (sink, spool) = app.recordings.spools().create(&header)?;
        let now = clock::now();
        let open = Counted::new(app.metrics.recording.clone());
        let work = Work { app: Arc::clone(app), sink, spool, header, to, urgent, _open: open };
        let progress = OggProgress::default();
        Ok(Self { work: Some(work), progress, bytes: 0, shown: None, fed: now })
    }

    /// Appends the next bytes of the file.
    ///
    /// # Errors
    /// When they are no Ogg, or can't be written: the recording is to be cancelled then.
    pub fn append(&mut self, bytes: &[u8]) -> Result<Appended, UploadError> {
        let Some(work) = &mut self.work else { return Ok(Appended::Full) };
        self.progress.push(bytes).inspect_err(|_| count(&work.app, "not_ogg"))?;
        work.sink.append_bytes(bytes)?;
        let size = bytes.len() as u64;
        self.bytes += size;
        work.app.metrics.audio_bytes.with_label_values(&["received"]).inc_by(size);

        let limit_ms = work.header.limit_ms;
        let limit_bytes = HEADERS + u64::from(limit_ms.div_ceil(1000)) * BYTES_A_SECOND;
        if self.progress.ms() >= limit_ms + OVERHANG_MS || self.bytes >= limit_bytes {
            return Ok(Appended::Full);
        }
        let now = clock::now();
        self.fed = now;
        if self.shown.is_some_and(|shown| now.since(shown) < NOTICEABLE) {
            return Ok(Appended::Quietly);
        }
        self.shown = Some(now);
        Ok(Appended::Noticeably)
    }

    /// Bytes taken so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Speech taken so far.
    pub fn ms(&self) -> u32 {
        self.progress.ms()
    }

    /// Whether the browser seems to have forgotten it.
    pub fn is_abandoned(&self) -> bool {
        clock::now().since(self.fed) > FORGOTTEN
    }

    /// Makes it a message. The future owns all that it needs: it can outlive the session.
    /// `told` says, once it has failed, whether anybody is there to be told.
    pub fn finish(
        mut self,
        told: impl Fn() -> bool + Send + 'static,
    ) -> impl Future<Output = Result<MessageId, UploadError>> + Send + 'static {
        let work = self.work.take();
        async move {
            let Some(work) = work else { return Err(ApiError::Internal.into()) };
            let app = Arc::clone(&work.app);
            let outcome = work.commit(told).await;
            count(&app, outcome.as_ref().map_or_else(UploadError::label, |_| "committed"));
            outcome
        }
    }

    /// Throws it away.
    pub fn cancel(mut self) {
        if let Some(work) = self.work.take() {
            work.discard_later();
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        if self.progress.ms() < WORTH_KEEPING_MS {
            count(&work.app, "lost_too_short");
            return work.discard_later();
        }
        let app = Arc::clone(&work.app);
        app.runtime.clone().spawn(async move {
            match work.commit(|| false).await {
                Ok(message) => {
                    count(&app, "kept");
                    tracing::info!(%message, "a recording outlived its session and was sent");
                }
                Err(error) => {
                    count(&app, error.label());
                    tracing::error!(%error, "a recording that outlived its session waits for the next start");
                }
            }
        });
    }
}

fn count(app: &WebState, outcome: &str) {
    app.metrics.recordings.with_label_values(&[outcome]).inc();
}

async fn header(app: &WebState, intent: Intent) -> Result<(SpoolHeader, Vec<UserId>), UploadError> {
    let Intent { sender, to, mime, urgent } = intent;
    let kind = mime.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("audio/ogg") {
        return Err(UploadError::Mime(mime.chars().take(64).collect()));
    }
    if to.is_empty() || to.len() > MOST_RECIPIENTS {
        return Err(UploadError::Recipients);
    }
    let to = app.outside.resolve(Some(sender), &to).await?;
    let directory = app.directory();
    let speaker = directory.user(sender).ok_or(ApiError::SignedOut)?;
    let recipients: Vec<_> = to.iter().filter_map(|id| directory.user(*id)).collect();
    if recipients.len() != to.len() || to.is_empty() || to.len() > MOST_RECIPIENTS {
        return Err(UploadError::Recipients);
    }
    let full = recipients.iter().filter(|user| user.mailbox_full);
    let full: Vec<_> = full.map(|user| user.display_name.as_str()).collect();
    if !full.is_empty() {
        return Err(UploadError::MailboxFull(full.join(", ")));
    }
    // What the shortest-tempered recipient takes, all take.
    let limits = recipients.iter().chain([&speaker]).map(|user| user.message_limit_secs);
    let limit_secs = limits.fold(app.config.limit_seconds, u32::min).max(1);
    let started = clock::wall();
    let message = MessageId::new(started, clock::random());
    let header = SpoolHeader {
        message,
        sender: Sender {
            user: Some(sender),
            name: speaker.display_name.clone(),
            address: format!("sip:{}@{}", speaker.name, app.config.domain),
        },
        intent: SpoolIntent::Send(Delivery {
            to: to.clone(),
            receipt: true,
            urgent,
            ..Delivery::default()
        }),
        started,
        source: SpoolSource::Browser,
        format: SpoolFormat::OggOpus,
        limit_ms: limit_secs * 1_000,
        idempotency_key: None,
    };
    Ok((header, to))
}

impl Work {
    /// Everything to the disk, the audio file made and in its place, the row committed: in this
    /// order. The spool goes last.
    /// Who is told of a failure speaks again: the spool is removed, lest the message arrive
    /// twice. Where nobody could be told, it waits for a restart.
    async fn commit(self, told: impl Fn() -> bool) -> Result<MessageId, UploadError> {
        let outcome = self.try_commit().await;
        if outcome.is_ok() || told() {
            self.discard().await;
        }
        outcome
    }

    async fn try_commit(&self) -> Result<MessageId, UploadError> {
        let Self { app, spool, header, to, urgent, .. } = self;
        spool.sync().await?;
        let directory = app.directory();
        let SpoolHeader { message, sender, started, .. } = header;
        let tags = recovery::tags(&directory, &app.config.domain, *message, sender, to, *started);
        let finished = app.recordings.finish(spool.path(), tags).await?;
        let message = NewMessage {
            id: header.message,
            sender: header.sender.clone(),
            delivery: Delivery {
                to: to.clone(),
                receipt: true,
                urgent: *urgent,
                ..Delivery::default()
            },
            length_ms: finished.length_ms,
            bytes: finished.bytes,
            peaks: finished.peaks,
            audio: finished.audio,
            idempotency_key: header.idempotency_key.clone(),
            at: clock::wall(),
        };
        Ok(app.messages.commit(message).await?.id)
    }

    fn discard_later(self) {
        let runtime = self.app.runtime.clone();
        runtime.spawn(self.discard());
    }

    async fn discard(self) {
        if let Err(error) = self.spool.remove().await {
            // Committed under the same id, it would be found to be a repetition.
            tracing::warn!(%error, "a spool could not be removed");
        }
    }
}
