//! Chat: texts between two users, the same for browsers, applications and softphones. A text is
//! committed, and only then is anybody told of it.
//!
//! ```text
//!  browser, API, MESSAGE ─► Chat::send ─► Store ─► bus ─► browser sessions of both users
//!                                           │
//!                                           └─► [`post`] ─► MESSAGE to the recipient's telephones
//!                                                    └─► `ChatEvent::Unreached`, for their rules
//! ```

mod metrics;
pub mod post;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hark_engine::id::{ChatId, UserId};
use hark_engine::throttle::Throttle;
use tokio::sync::mpsc;

pub use self::metrics::ChatMetrics;
use crate::bus::{Bus, BusEvent, ChatEvent};
use crate::clock;
use crate::store::{ChatEntry, KeptChat, Mark, NewChat, Store, StoreError, Wish};

/// The longest text, in characters.
pub const LONGEST_TEXT: usize = 4000;
/// The longest key of a client.
pub const LONGEST_KEY: usize = 128;
/// A user may send so many texts at once, and then one every [`REFILL`].
const BURST: u32 = 30;
const REFILL: Duration = Duration::from_secs(1);
/// The same for telling that somebody is typing.
const TYPING_BURST: u32 = 20;
const TYPING_REFILL: Duration = Duration::from_millis(500);
/// Users whose pace is remembered.
const PACED: usize = 20_000;
/// Texts that may wait to be passed on to telephones. What does not fit waits in the store for
/// the recipient's next registration.
const POST: usize = 4096;

/// A text on its way into the store.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who writes.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// What: 1 to [`LONGEST_TEXT`] characters.
    pub text: String,
    /// The same text under the same key is kept once.
    pub key: Option<String>,
    /// What a SIP client wants to be told of it.
    pub wish: Option<Wish>,
}

/// Why a text was not kept.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// There is nothing in it.
    #[error("the text is empty: write something")]
    Empty,
    /// It is too long.
    #[error("the text is longer than {LONGEST_TEXT} characters: send it in parts")]
    TooLong,
    /// The key is too long.
    #[error("the key must have 1 to {LONGEST_KEY} characters")]
    Key,
    /// The key was used for another text.
    #[error("the key was used for another text: give this one a key of its own")]
    KeyReused,
    /// Nobody chats with themselves.
    #[error("a chat needs two: choose somebody else")]
    Yourself,
    /// Too many in too short a time.
    #[error("too many texts: wait {} s and try again", .0.as_secs() + 1)]
    TooFast(Duration),
    /// It can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The chat service. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    bus: Bus,
    post: mpsc::Sender<ChatEntry>,
    pace: Mutex<Throttle<UserId>>,
    typing: Mutex<Throttle<UserId>>,
    metrics: ChatMetrics,
}

impl Chat {
    /// The service on `store`, and the queue that [`post::Post`] serves.
    pub fn new(store: Store, bus: Bus, metrics: ChatMetrics) -> (Self, mpsc::Receiver<ChatEntry>) {
        let (post, queue) = mpsc::channel(POST);
        let pace = Mutex::new(Throttle::new(BURST, REFILL, PACED));
        let typing = Mutex::new(Throttle::new(TYPING_BURST, TYPING_REFILL, PACED));
        (Self { inner: Arc::new(Inner { store, bus, post, pace, typing, metrics }) }, queue)
    }

    /// Makes a text exist. When this returns `Ok`, it can't be lost any more.
    ///
    /// # Errors
    /// [`ChatError`]: nothing was kept and nobody was told.
    pub async fn send(&self, draft: Draft) -> Result<KeptChat, ChatError> {
        let sent = self.try_send(draft).await;
        let outcome = match &sent {
            Ok(kept) if kept.duplicate => "repeated",
            Ok(_) => "kept",
            Err(ChatError::TooFast(_)) => "too_fast",
            Err(ChatError::Store(_)) => "store",
            Err(
                ChatError::Empty
                | ChatError::TooLong
                | ChatError::Key
                | ChatError::KeyReused
                | ChatError::Yourself,
            ) => "refused",
        };
        self.inner.metrics.texts.with_label_values(&[outcome]).inc();
        sent
    }

    async fn try_send(&self, draft: Draft) -> Result<KeptChat, ChatError> {
        let Draft { from, to, text, key, wish } = draft;
        let text = readable(&text);
        if text.is_empty() {
            return Err(ChatError::Empty);
        }
        if text.chars().count() > LONGEST_TEXT {
            return Err(ChatError::TooLong);
        }
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY) {
            return Err(ChatError::Key);
        }
        if from == to {
            return Err(ChatError::Yourself);
        }
        taken(&self.inner.pace, from).map_err(ChatError::TooFast)?;
        let new = NewChat {
            sender: from,
            recipient: to,
            at: clock::wall(),
            text: text.clone(),
            key: key.clone(),
            wish,
        };
        let kept = self.inner.store.keep_chat(new).await?;
        if kept.duplicate && (kept.entry.text != text || kept.entry.recipient != to) {
            return Err(ChatError::KeyReused);
        }
        if !kept.duplicate {
            let entry = kept.entry.clone();
            self.publish(ChatEvent::Kept { entry: entry.clone(), key });
            if self.inner.post.try_send(entry).is_err() {
                tracing::error!("texts come faster than telephones take them: one waits");
            }
        }
        Ok(kept)
    }

    /// What `sender` wrote to `recipient`, up to `up_to`, reached a device or was read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn mark(
        &self,
        sender: UserId,
        recipient: UserId,
        up_to: ChatId,
        mark: Mark,
        device: &str,
    ) -> Result<(), StoreError> {
        let at = clock::wall();
        let device = device.chars().take(256).collect();
        let marked =
            self.inner.store.mark_chats(sender, recipient, up_to, mark, device, at).await?;
        if !marked.is_empty() {
            self.publish(ChatEvent::Marked { sender, recipient, marked, at });
        }
        Ok(())
    }

    /// `from` is typing to `to`, or is not any more. Told too often, it is told to nobody.
    pub fn typing(&self, from: UserId, to: UserId, on: bool) {
        if from != to && taken(&self.inner.typing, from).is_ok() {
            self.publish(ChatEvent::Typing { from, to, on });
        }
    }

    /// Where texts are kept.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    fn publish(&self, event: ChatEvent) {
        self.inner.bus.publish(BusEvent::Chat(event));
    }
}

fn taken(throttle: &Mutex<Throttle<UserId>>, user: UserId) -> Result<(), Duration> {
    // A throttle is whole after every change: a panic elsewhere can't have torn it.
    let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
    throttle.take(clock::now(), &user)
}

/// The text without what can't be shown, and without empty lines around it.
fn readable(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let shown: String =
        text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests;
