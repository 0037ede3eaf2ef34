//! MESSAGEs that come in: a user's words become a chat text, a sound a voice message. Nothing
//! is answered with 2xx before it is committed.

use std::sync::Arc;

use hark_engine::directory::{Directory, User};
use hark_engine::message::Sender;
use hark_engine::sip::endpoint::{Caller, Command, Event, TextId, dialled};
use hark_engine::sip::uri::Uri;
use prometheus::{IntCounterVec, Opts, Registry};
use tokio::sync::{Semaphore, mpsc, watch};

use super::content::{self, Content};
use super::voice::{self, Voice, VoiceError};
use crate::chat::{Chat, ChatError, Draft};
use crate::clock;
use crate::messages::Messages;
use crate::presence_board::PresenceBoard;
use crate::recording::{RecordingError, Recordings};
use crate::sip::SipHandle;
use crate::store::{Store, Subject};

/// How many MESSAGEs are kept at a time; the others wait in a bounded queue.
const AT_A_TIME: usize = 64;
/// The longest name and address that a stranger may show, in characters.
const LONGEST_NAME: usize = 64;
const LONGEST_ADDRESS: usize = 256;

/// Keeps what comes in.
#[derive(Clone)]
pub struct Inbound {
    /// Where answers go.
    pub sip: SipHandle,
    /// Who keeps texts.
    pub chat: Chat,
    /// Who commits voice messages.
    pub messages: Messages,
    /// Who makes audio files.
    pub recordings: Recordings,
    /// Where wishes are kept.
    pub store: Store,
    /// Who is reachable.
    pub presence: PresenceBoard,
    /// The users.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// The SIP domain of the users.
    pub domain: Arc<str>,
    /// The longest voice message of all, in seconds.
    pub limit_seconds: u32,
    /// Whether strangers may leave voice messages.
    pub guests: bool,
    /// What is counted.
    pub outcomes: IntCounterVec,
}

/// The metric of [`Inbound`].
///
/// # Errors
/// When `registry` has one of this name already.
pub fn outcomes(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    let opts = Opts::new("hark_sip_texts_total", "MESSAGEs that came in, by what was answered.");
    let metric = IntCounterVec::new(opts, &["status"])?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

struct Text {
    caller: Caller,
    target: Uri,
    content_type: String,
    body: bytes::Bytes,
    key: String,
}

impl Inbound {
    /// Serves until the SIP side ends.
    pub async fn run(self, mut events: mpsc::Receiver<Event>) {
        let permits = Arc::new(Semaphore::new(AT_A_TIME));
        while let Some(event) = events.recv().await {
            let Event::Text { text, caller, target, content_type, body, key } = event else {
                continue;
            };
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let me = self.clone();
            let one = Text { caller, target, content_type, body, key };
            tokio::spawn(async move {
                me.receive(text, one).await;
                drop(permit);
            });
        }
    }

    async fn receive(&self, text: TextId, one: Text) {
        let status = self.keep(one).await.unwrap_or_else(|refused| refused);
        self.outcomes.with_label_values(&[&status.to_string()]).inc();
        self.sip.command(Command::AnswerText { text, status });
    }

    /// The status of the answer, good or bad.
    async fn keep(&self, one: Text) -> Result<u16, u16> {
        let Text { caller, target, content_type, body, key } = one;
        let directory = self.directory.borrow().clone();
        let name = dialled(&target).ok_or(404_u16)?;
        let to =
            directory.by_name(&name).or_else(|| directory.by_extension(&name)).ok_or(404_u16)?;
        let from = caller.account.as_deref().map(|name| directory.by_name(name).ok_or(403_u16));
        let from = from.transpose()?;
        let content = content::read(&content_type, &body).map_err(|unreadable| {
            tracing::debug!(%unreadable, "a MESSAGE can't be read");
            unreadable.status()
        })?;
        match from {
            Some(from) => self.of_user(from, to, content, &key, &directory).await,
            None => self.of_guest(&caller, to, content, &key, &directory).await,
        }
    }

    async fn of_user(
        &self,
        from: &User,
        to: &User,
        content: Content,
        key: &str,
        directory: &Arc<Directory>,
    ) -> Result<u16, u16> {
        let Content { text, sound, typing, receipt, wish } = content;
        if let Some(on) = typing {
            self.chat.typing(from.id, to.id, on);
            return Ok(200);
        }
        if receipt.is_some() {
            // We ask for none: what we send is known to be delivered by its answer.
            return Ok(200);
        }
        let has_sound = sound.is_some();
        if let Some(sound) = sound {
            let sender = Sender {
                user: Some(from.id),
                name: from.display_name.clone(),
                address: format!("sip:{}@{}", from.name, self.domain),
            };
            let limit = from.message_limit_secs.min(to.message_limit_secs).min(self.limit_seconds);
            let voice = self.voice(sound, sender, to, limit, key);
            let id = self.keep_voice(voice, directory).await?;
            if let Some(wish) = &wish {
                let (subject, at) = (Subject::Voice(id), clock::wall());
                let kept = self.store.keep_wish(subject, from.id, to.id, wish.clone(), at).await;
                if let Err(error) = kept {
                    // The message is there; only its receipt by IMDN is not.
                    tracing::warn!(%error, "the wish of a SIP client can't be kept");
                }
            }
        }
        if let Some(text) = text {
            let wish = wish.filter(|_| !has_sound);
            let key = Some(format!("sip:{key}"));
            let draft = Draft { from: from.id, to: to.id, text, key, wish };
            match self.chat.send(draft).await {
                Ok(_) => {}
                // Words beside a sound may be none.
                Err(ChatError::Empty) if has_sound => {}
                Err(error) => return Err(refusal(&error)),
            }
        }
        Ok(self.accepted(to))
    }

    async fn of_guest(
        &self,
        caller: &Caller,
        to: &User,
        content: Content,
        key: &str,
        directory: &Arc<Directory>,
    ) -> Result<u16, u16> {
        // A stranger may leave a voice message, as by calling, and no more.
        let sound = content.sound.filter(|_| self.guests).ok_or(403_u16)?;
        let plain = |text: &str, longest: usize| {
            text.chars().filter(|c| !c.is_control()).take(longest).collect::<String>()
        };
        let named = caller.display.clone().or_else(|| caller.address.user());
        let name = named.map(|name| plain(&name, LONGEST_NAME)).filter(|name| !name.is_empty());
        let sender = Sender {
            user: None,
            name: name.unwrap_or_else(|| "an unknown caller".to_owned()),
            address: plain(&caller.address.to_string(), LONGEST_ADDRESS),
        };
        let limit = to.message_limit_secs.min(self.limit_seconds);
        self.keep_voice(self.voice(sound, sender, to, limit, key), directory).await?;
        Ok(self.accepted(to))
    }

    fn voice(
        &self,
        sound: content::Sound,
        sender: Sender,
        to: &User,
        limit_secs: u32,
        key: &str,
    ) -> Voice {
        let limit_ms = limit_secs.max(1) * 1000;
        Voice { sound, sender, recipient: to.id, limit_ms, key: format!("sip:{key}") }
    }

    async fn keep_voice(
        &self,
        voice: Voice,
        directory: &Arc<Directory>,
    ) -> Result<hark_engine::id::MessageId, u16> {
        voice::keep(&self.recordings, &self.messages, directory, &self.domain, voice).await.map_err(
            |error| match error {
                VoiceError::Recording(RecordingError::Malformed(_) | RecordingError::Empty) => 400,
                VoiceError::Recording(
                    RecordingError::DiskFull
                    | RecordingError::File { .. }
                    | RecordingError::Codec { .. }
                    | RecordingError::Worker,
                )
                | VoiceError::Sink(_)
                | VoiceError::Store(_) => {
                    tracing::error!(%error, "a voice message by MESSAGE can't be kept");
                    503
                }
            },
        )
    }

    /// 200 where something of the recipient's can show it now, 202 where it waits for them.
    fn accepted(&self, to: &User) -> u16 {
        let reach = self.presence.reach(to.id);
        if reach.browser || reach.phone { 200 } else { 202 }
    }
}

fn refusal(error: &ChatError) -> u16 {
    match error {
        ChatError::Empty | ChatError::Key | ChatError::KeyReused => 400,
        ChatError::TooLong => 413,
        ChatError::Yourself => 403,
        ChatError::TooFast(_) => 503,
        ChatError::Store(cause) => {
            tracing::error!(%cause, "a text can't be kept");
            503
        }
    }
}
