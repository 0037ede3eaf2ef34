//! A message's life: the events that happen to it, and the state derived from them.
//!
//! ```text
//!                         ┌──────────────┐
//!  accepted ─► pending ──►│   notified   │──► delivered ──► heard
//!     (the commit)   └───►│ (per device) │        ▲           ▲
//!                         └──────────────┘        │           │
//!                    each later step implies the earlier ones: a message
//!                    that is heard was delivered, whatever was lost in between
//!  heard ─► saved ─► deleted ─► restored    pending/notified ─► failed (retried by hand only)
//!  accepted ─► held ─► released: committed now, in the recipient's mailbox from its time on
//!  pending/notified ─► called off: it stays in the mailbox, nothing goes on to bring it there
//!  any of them ─► expired ─► purged     deleted ─► purged: its audio may be removed
//! ```
//!
//! The legal paths and the fold over the event log are in [`state`]; the counts for lamps in
//! [`mailbox`]; when a message that waits for its time is due in [`hold`].

pub mod hold;
pub mod mailbox;
pub mod state;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{MessageId, UserId};
use crate::time::UnixMillis;

/// Who spoke a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The account, when the sender is a user who identified.
    pub user: Option<UserId>,
    /// What people see and hear as the sender: a display name, or the number called from.
    pub name: String,
    /// An address to answer to: `sip:alice@example.org`, `+15551234`; empty when unknown.
    pub address: String,
}

/// A message as a mailbox lists it for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageSummary {
    /// Which message.
    pub id: MessageId,
    /// Who spoke it.
    pub sender: Sender,
    /// When it was committed.
    pub at: UnixMillis,
    /// How long it is, in milliseconds.
    pub length_ms: u32,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether its recipients may not forward it.
    #[serde(default)]
    pub private: bool,
    /// The message that it answers.
    #[serde(default)]
    pub reply_to: Option<MessageId>,
    /// What became of it for this recipient.
    pub step: Step,
}

impl MessageSummary {
    /// How long the message is.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.length_ms.into())
    }
}

/// How far a message has come for one recipient. Ordered: a later step implies the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Committed: it can't be lost any more.
    Accepted,
    /// A device showed or rang that it exists.
    Notified,
    /// Its audio reached a device of the recipient.
    Delivered,
    /// The recipient listened to it.
    Heard,
}

/// What can happen to a message, as the event log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// It was committed for this recipient.
    Accepted,
    /// A device showed it.
    Notified {
        /// Which device: `browser`, `phone:desk`, …
        device: String,
    },
    /// Its audio reached a device.
    Delivered {
        /// Which device.
        device: String,
    },
    /// The recipient confirmed it, by a key or a button: somebody was there.
    Confirmed {
        /// On which device.
        device: String,
    },
    /// The recipient listened to it.
    Heard {
        /// On which device.
        device: String,
        /// Up to which position, in milliseconds.
        heard_ms: u32,
    },
    /// The recipient keeps it.
    Saved,
    /// The recipient no longer wants it.
    Deleted,
    /// The recipient wants it back.
    Restored,
    /// Its time in the recipient's mailbox is over.
    Expired,
    /// It is gone for good from the recipient's mailbox: it can't be taken back.
    Purged,
    /// It waits for its time: the recipient learns nothing of it before.
    Held {
        /// The earliest time at which it is released.
        until: UnixMillis,
    },
    /// Its time has come: it is in the recipient's mailbox from here on.
    Released,
    /// A call to deliver it is begun: noted before anything rings, so that a restart knows of it.
    Called {
        /// Which devices, with `+` between them.
        device: String,
        /// By which rule of the profile, from 0.
        rule: u16,
        /// By which of the rule's acts, from 0.
        act: u16,
    },
    /// An attempt to reach a device failed; others may follow.
    AttemptFailed {
        /// Which device.
        device: String,
        /// Why, for the sender and the operator: `busy`, `no answer`, …
        reason: String,
    },
    /// Nothing is done any more to bring it to the recipient, who has it in the mailbox.
    CalledOff {
        /// Why: `confirmed by another`.
        reason: String,
    },
    /// Every rule of the profile was tried in vain.
    Failed {
        /// Why the last attempt failed.
        reason: String,
    },
}

/// A line of the event log: what happened to one message for one recipient, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// The log's own order; strictly rising.
    pub seq: i64,
    /// Which message.
    pub message: MessageId,
    /// For whom.
    pub recipient: UserId,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub event: Event,
}
