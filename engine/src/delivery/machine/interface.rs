//! What goes into a delivery's machine and what comes out of it.

use std::time::Duration;

use super::super::condition::SenderFacts;
use super::super::profile::{DeviceKind, Profile};
use crate::presence::Reach;
use crate::time::{Instant, UnixMillis};

/// The two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The monotonic one.
    pub now: Instant,
    /// The one on the wall.
    pub wall: UnixMillis,
}

impl Moment {
    /// Both clocks, so much later.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { now: self.now + by, wall: self.wall.after(by) }
    }
}

/// What a delivery begins with.
#[derive(Clone, Debug)]
pub struct Start {
    /// The recipient's profile.
    pub profile: Profile,
    /// How the recipient can be reached.
    pub reach: Reach,
    /// Who speaks.
    pub sender: SenderFacts,
    /// Whether the message is urgent.
    pub urgent: bool,
    /// Whether it may not be passed on.
    pub private: bool,
    /// How long ago it was committed.
    pub age: Duration,
    /// What was done for it before.
    pub memory: Memory,
}

/// What was done for a message before a restart, or before its recipient came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// A pop-up was seen.
    pub seen: bool,
    /// The calls that were begun.
    pub calls: Vec<PastCall>,
    /// The devices that were told, by their labels, and how long ago.
    pub told: Vec<(String, Duration)>,
    /// To whom it was escalated.
    pub escalated: Vec<String>,
}

/// A call that was begun for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastCall {
    /// By which rule, from 0.
    pub rule: u16,
    /// By which of its acts, from 0.
    pub act: u16,
    /// How long ago.
    pub ago: Duration,
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Show a pop-up in every browser session of the recipient.
    PopUp,
    /// Ring these devices at once and run the delivery dialplan; answered by [`Input::Rang`].
    /// The call is noted before it begins, with rule and act.
    Ring {
        /// By which rule, from 0.
        rule: u16,
        /// By which of its acts, from 0.
        act: u16,
        /// Which devices.
        targets: Vec<RingTarget>,
        /// How long to let them ring.
        ring_for: Duration,
    },
    /// Stop ringing, or end the call that plays the message; `Rang` still comes.
    StopRinging,
    /// Tell a device that does not ring; answered by [`Input::Notified`].
    Notify {
        /// The device's name.
        device: String,
        /// What it is.
        kind: DeviceKind,
    },
    /// Deliver the message to this user too.
    Escalate {
        /// The sign-in name.
        to: String,
    },
    /// For the event log: an attempt failed, others may follow.
    AttemptFailed {
        /// The device's name.
        device: String,
        /// Why.
        reason: String,
    },
    /// For the event log: every rule was tried in vain.
    Failed {
        /// Why the last attempt failed.
        reason: String,
    },
    /// The machine has nothing more to do; it emits nothing after this.
    Finished,
}

/// A device to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingTarget {
    /// The device's name, for receipts.
    pub device: String,
    /// Where it is.
    pub target: Target,
}

/// Whom to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every telephone registered with the recipient's account.
    RegisteredPhones,
    /// A SIP address.
    Address(String),
    /// A number, over a trunk.
    Number {
        /// `+493012345`
        number: String,
        /// Which trunk; the first if none is named.
        trunk: Option<String>,
    },
}

/// What the machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The call asked for by [`Output::Ring`] is over.
    Rang(RingResult),
    /// The device was told, or was not.
    Notified {
        /// Its name.
        device: String,
        /// How it went.
        result: Result<(), NotTold>,
    },
    /// The recipient heard, saved or deleted the message, on whatever device.
    Settled,
    /// It need not be brought to the recipient any more, for this reason.
    CalledOff(String),
    /// A browser showed the pop-up.
    Seen,
    /// The recipient came or went, or does (not) want to be disturbed.
    Presence(Reach),
}

/// How a delivery call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingResult {
    /// Somebody confirmed by key that the message arrived.
    Confirmed,
    /// It did not arrive.
    Failed {
        /// `busy`, `no answer`, `not confirmed`, `not registered`, …
        reason: String,
    },
    /// Nobody was called, for too many calls were made: it is no attempt.
    Limited {
        /// Which limit.
        reason: String,
        /// When to try again.
        wait: Duration,
    },
}

/// Why a device was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTold {
    /// Why.
    pub reason: String,
    /// Whether trying again would find the same.
    pub permanent: bool,
}
