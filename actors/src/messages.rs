//! What can be done with messages, the same for telephones, browsers and applications: commit
//! one, note what happens to it, and tell everybody who shows it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{Event, LoggedEvent, MessageSummary, Step};
use hark_engine::time::UnixMillis;
use tokio::sync::{Notify, mpsc};

use crate::bus::{Bus, BusEvent};
use crate::clock;
use crate::store::{Committed, NewMessage, Store, StoreError};

/// How many committed messages may wait for the dispatcher. When it is full nothing is lost:
/// the dispatcher finds every unfinished delivery in the store.
const HANDOVER: usize = 1024;
/// The longest notice that is shown, in characters.
pub const LONGEST_NOTICE: usize = 500;

/// A committed message on its way to the dispatcher.
#[derive(Clone, Debug)]
pub struct Handover {
    /// Which message.
    pub message: MessageId,
    /// To whom.
    pub recipients: Vec<UserId>,
    /// When its commit returned, on the monotonic clock: for the latency metric.
    pub committed: hark_engine::time::Instant,
}

/// The message service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Messages {
    store: Store,
    bus: Bus,
    handover: mpsc::Sender<Handover>,
    link_lifetime: Duration,
    held: Arc<Notify>,
    /// The messages that are announcements, as far as they matter still.
    announcements: Arc<Mutex<HashSet<MessageId>>>,
}

impl Messages {
    /// The service on `store`, and the queue that the dispatcher serves.
    pub fn new(store: Store, bus: Bus, link_days: u32) -> (Self, mpsc::Receiver<Handover>) {
        let (handover, queue) = mpsc::channel(HANDOVER);
        let link_lifetime = Duration::from_secs(u64::from(link_days) * 86_400);
        let held = Arc::default();
        let announcements = Arc::default();
        (Self { store, bus, handover, link_lifetime, held, announcements }, queue)
    }

    /// Makes a message exist. When this returns `Ok`, it can't be lost any more, and its
    /// delivery has begun.
    ///
    /// # Errors
    /// Whatever the store says; nothing was kept and nobody was told.
    pub async fn commit(&self, message: NewMessage) -> Result<Committed, StoreError> {
        let summary = MessageSummary {
            id: message.id,
            sender: message.sender.clone(),
            at: message.at,
            length_ms: message.length_ms,
            urgent: message.delivery.urgent,
            private: message.delivery.private,
            reply_to: message.delivery.reply_to,
            step: Step::Accepted,
        };
        let receipt_to = message.sender.user.filter(|_| message.delivery.receipt);
        let committed = self.store.commit_message(message).await?;
        if committed.duplicate {
            return Ok(committed);
        }
        if let Some(until) = committed.held {
            self.held.notify_one();
            for (recipient, seq) in committed.recipients.iter().zip(&committed.seqs) {
                let (message, at) = (committed.id, summary.at);
                let event = LoggedEvent {
                    seq: *seq,
                    message,
                    recipient: *recipient,
                    at,
                    event: Event::Held { until },
                };
                self.bus.publish(BusEvent::Logged { sender: receipt_to, event });
            }
            return Ok(committed);
        }
        let handover = Handover {
            message: committed.id,
            recipients: committed.recipients.clone(),
            committed: clock::now(),
        };
        if self.handover.try_send(handover).is_err() {
            // The store knows it as unfinished: it is taken up when a recipient comes online
            // or at the next start.
            tracing::error!(message = %committed.id, "the dispatcher does not keep up: delivery waits");
        }
        for (recipient, seq) in committed.recipients.iter().zip(&committed.seqs) {
            let message = summary.clone();
            self.bus.publish(BusEvent::Arrived { recipient: *recipient, message });
            let event = LoggedEvent {
                seq: *seq,
                message: committed.id,
                recipient: *recipient,
                at: summary.at,
                event: Event::Accepted,
            };
            self.bus.publish(BusEvent::Logged { sender: receipt_to, event });
            self.publish_lamp(*recipient).await;
        }
        Ok(committed)
    }

    /// Notes that something happened to a message for one recipient, and tells whoever shows
    /// it. Says whether it was news.
    ///
    /// # Errors
    /// Whatever the store says; `NotFound` where the message is not this recipient's.
    pub async fn note(
        &self,
        message: MessageId,
        recipient: UserId,
        event: Event,
    ) -> Result<bool, StoreError> {
        let at = clock::wall();
        let appended = self.store.append_event(message, recipient, at, event.clone()).await?;
        if !appended.changed {
            return Ok(false);
        }
        let record = self.store.message(message).await?;
        let sender = record.filter(|m| m.receipt).and_then(|m| m.sender.user);
        let seq = appended.seq.unwrap_or(0);
        let event = LoggedEvent { seq, message, recipient, at, event };
        self.bus.publish(BusEvent::Logged { sender, event });
        if appended.before.folder() != appended.state.folder() {
            self.publish_lamp(recipient).await;
        }
        Ok(true)
    }

    /// Delivers a message to one recipient more. Says whether that is news.
    ///
    /// # Errors
    /// Whatever the store says; `Conflict` where the message is private.
    pub async fn add_recipient(
        &self,
        message: MessageId,
        recipient: UserId,
    ) -> Result<bool, StoreError> {
        let at = clock::wall();
        if !self.store.add_recipient(message, recipient, at).await? {
            return Ok(false);
        }
        let record = self.store.message(message).await?;
        let sender = record.filter(|m| m.receipt).and_then(|m| m.sender.user);
        let event = LoggedEvent { seq: 0, message, recipient, at, event: Event::Accepted };
        self.bus.publish(BusEvent::Logged { sender, event });
        self.publish_lamp(recipient).await;
        self.arrived(message, recipient).await?;
        Ok(true)
    }

    /// Shows words in every open browser session of a user; at most [`LONGEST_NOTICE`]
    /// characters of them.
    pub fn notify(&self, user: UserId, text: &str) {
        let text = text.chars().take(LONGEST_NOTICE).collect();
        self.bus.publish(BusEvent::Notice { user, text });
    }

    /// Whether a message of this id was committed.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn exists(&self, message: MessageId) -> Result<bool, StoreError> {
        Ok(self.store.message(message).await?.is_some())
    }

    /// A new link under which this recipient can hear the message: the path `/m/TOKEN`.
    ///
    /// # Errors
    /// Whatever the store says; `NotFound` where the message is not this recipient's.
    pub async fn link(&self, message: MessageId, recipient: UserId) -> Result<String, StoreError> {
        let expires: UnixMillis = clock::wall().after(self.link_lifetime);
        let token = self.store.create_link(message, recipient, expires).await?;
        Ok(format!("/m/{}", token.as_str()))
    }

    /// These messages are announcements: telephones ask to have them confirmed.
    pub fn are_announcements(&self, messages: impl IntoIterator<Item = MessageId>) {
        let mut known = self.announcements.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(messages);
    }

    /// Whether a message is an announcement.
    pub fn is_announcement(&self, message: MessageId) -> bool {
        let known = self.announcements.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&message)
    }

    /// Told whenever a message was committed that waits for its time.
    pub fn held(&self) -> Arc<Notify> {
        Arc::clone(&self.held)
    }

    /// Puts every message whose time has come into the mailboxes of its recipients, and begins
    /// its delivery. Says when the next one is due.
    ///
    /// # Errors
    /// Whatever the store says; what was not released is due still.
    pub async fn release_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        for (message, recipient) in self.store.due(clock::wall()).await? {
            if self.note(message, recipient, Event::Released).await? {
                self.arrived(message, recipient).await?;
            }
        }
        self.store.next_due().await
    }

    async fn arrived(&self, message: MessageId, recipient: UserId) -> Result<(), StoreError> {
        let Some(entry) = self.store.inbox_entry(recipient, message).await? else { return Ok(()) };
        self.bus.publish(BusEvent::Arrived { recipient, message: entry.summary() });
        let committed = clock::now();
        if self
            .handover
            .try_send(Handover { message, recipients: vec![recipient], committed })
            .is_err()
        {
            // The store knows it as unfinished, as of any other message.
            tracing::error!(%message, "the dispatcher does not keep up: delivery waits");
        }
        Ok(())
    }

    /// Tells of lines that were added to the log by more than a note: each with the sender who is
    /// to know of it.
    pub fn were_logged(&self, lines: Vec<(Option<UserId>, LoggedEvent)>) {
        for (sender, event) in lines {
            self.bus.publish(BusEvent::Logged { sender, event });
        }
    }

    /// Counts a mailbox, and tells whoever shows its lamp.
    pub async fn publish_lamp(&self, user: UserId) {
        match self.store.counts(user).await {
            Ok(lamp) => self.bus.publish(BusEvent::Lamp { user, lamp }),
            // The lamp is late, not wrong: it is counted afresh at the next change.
            Err(error) => tracing::warn!(%error, "can't count a mailbox"),
        }
    }
}
