//! The state of one message for one recipient, folded from the event log.
//!
//! ```text
//!   (nothing) ──accepted──► Accepted ──notified──► Notified ──delivered──► Delivered ──heard──► Heard
//!                              │  └───────────────────┴── a later step may come first ──────────┘
//!                              │
//!   beside the step:  failed   Accepted, Notified only; cleared by any later step
//!                     called off  anything that is not heard, kept, confirmed or failed, once
//!                     saved    anything that is not deleted
//!                     deleted  anything that is not held; left by restored alone
//!                     confirmed  anything that is not held or gone, once
//!                     expired  anything that is not held or deleted; left by purged alone
//!                     purged   deleted and expired; left by nothing
//!                     held     Accepted only, once, before anything else happened
//!                              └─released─► as if it had been accepted then
//! ```
//!
//! Reports come from several devices at once and over networks that repeat, so a step that is
//! told again, late or after a better one changes nothing and is *not* an error. What the
//! recipient asked for and can't have (keeping a deleted message) is one: see [`Illegal`].

use serde::{Deserialize, Serialize};

use crate::dialplan::effect::Folder;
use crate::message::{Event, LoggedEvent, Step};
use crate::time::UnixMillis;

/// The most reports of one kind that a recipient's log takes; further ones change nothing.
/// A client that reports its position every second can't fill the disk.
pub const MAX_REPORTS: usize = 64;

/// An event that no legal path leads through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Something happened to a message that was never committed for this recipient.
    #[error("the message was never accepted for this recipient: commit it first")]
    NotAccepted,
    /// A deleted message can't be kept.
    #[error("the message was deleted: restore it first")]
    Deleted,
    /// A message that waits for its time is not in the recipient's hands yet.
    #[error("the message is not due yet")]
    Held,
    /// Its time is over, or it was purged.
    #[error("the message is gone: its time in the mailbox is over")]
    Gone,
    /// It was taken back [`MAX_REPORTS`] times.
    #[error("the message was deleted and restored too often: it stays deleted")]
    RestoredTooOften,
}

/// A step that was reached: on which device and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The device; empty for [`Step::Accepted`].
    pub device: String,
    /// When.
    pub at: UnixMillis,
}

/// How much was heard, where and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The device on which the furthest position was reached.
    pub device: String,
    /// When the recipient first listened.
    pub at: UnixMillis,
    /// The furthest position heard, in milliseconds.
    pub heard_ms: u32,
    /// How many reports were taken.
    pub reports: u8,
}

/// A delivery call that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// By which rule of the profile, from 0.
    pub rule: u16,
    /// By which of the rule's acts, from 0.
    pub act: u16,
    /// When.
    pub at: UnixMillis,
}

/// An attempt, or all of them, that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub reason: String,
    /// When.
    pub at: UnixMillis,
}

/// A line of a receipt: which step, where, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReached {
    /// The step.
    pub step: Step,
    /// The device; empty for [`Step::Accepted`].
    pub device: String,
    /// When.
    pub at: UnixMillis,
    /// How much was heard, for [`Step::Heard`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub heard_ms: Option<u32>,
}

/// What became of a message for one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientState {
    /// When it was committed; `None` before that.
    pub accepted: Option<UnixMillis>,
    /// The devices that showed it, each once, in order.
    pub notified: Vec<Reached>,
    /// The devices that its audio reached, each once, in order.
    pub delivered: Vec<Reached>,
    /// Whether and how much it was heard.
    pub heard: Option<Heard>,
    /// When the recipient chose to keep it.
    pub saved: Option<UnixMillis>,
    /// When the recipient deleted it; `None` once it was restored.
    pub deleted: Option<UnixMillis>,
    /// Where and when the recipient confirmed it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Reached>,
    /// When its time in the mailbox was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<UnixMillis>,
    /// When it was gone for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<UnixMillis>,
    /// How often the recipient took it back.
    #[serde(default)]
    pub restored: u8,
    /// The time for which it was to wait, if it was.
    #[serde(default)]
    pub due: Option<UnixMillis>,
    /// When it was released, if it had to wait.
    #[serde(default)]
    pub released: Option<UnixMillis>,
    /// The calls that were begun, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Called>,
    /// How often an attempt to reach a device failed.
    pub attempts_failed: u16,
    /// Why and when nothing was done any more to bring it to the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_off: Option<Failed>,
    /// Set when every rule was tried in vain, until a later step is reached.
    pub failed: Option<Failed>,
}

impl RecipientState {
    /// The state after all of `events`, which are one recipient's, in the log's order. Events
    /// that are illegal are passed over: a log can't become unreadable.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a LoggedEvent>) -> Self {
        let mut state = Self::default();
        for line in events {
            // An illegal line changes nothing, which is all that a fold can do with it.
            let _ = state.apply(line.at, &line.event);
        }
        state
    }

    /// Takes in one event. `Ok(true)`: the state changed and the event belongs in the log;
    /// `Ok(false)`: it was known, or is of no account any more.
    pub fn apply(&mut self, at: UnixMillis, event: &Event) -> Result<bool, Illegal> {
        if self.accepted.is_none() {
            return match event {
                Event::Accepted => {
                    self.accepted = Some(at);
                    Ok(true)
                }
                Event::Notified { .. }
                | Event::Delivered { .. }
                | Event::Confirmed { .. }
                | Event::Heard { .. }
                | Event::Saved
                | Event::Deleted
                | Event::Restored
                | Event::Expired
                | Event::Purged
                | Event::Held { .. }
                | Event::Released
                | Event::Called { .. }
                | Event::AttemptFailed { .. }
                | Event::CalledOff { .. }
                | Event::Failed { .. } => Err(Illegal::NotAccepted),
            };
        }
        if self.is_gone() {
            return match event {
                Event::Purged if self.purged.is_none() => {
                    self.purged = Some(at);
                    Ok(true)
                }
                Event::Saved | Event::Deleted | Event::Restored => Err(Illegal::Gone),
                Event::Accepted
                | Event::Held { .. }
                | Event::Released
                | Event::Notified { .. }
                | Event::Delivered { .. }
                | Event::Confirmed { .. }
                | Event::Heard { .. }
                | Event::Expired
                | Event::Purged
                | Event::Called { .. }
                | Event::AttemptFailed { .. }
                | Event::CalledOff { .. }
                | Event::Failed { .. } => Ok(false),
            };
        }
        if self.is_held() {
            return match event {
                Event::Released => {
                    self.released = Some(at);
                    Ok(true)
                }
                Event::CalledOff { reason } => Ok(self.call_off(reason, at)),
                Event::Saved | Event::Deleted | Event::Restored => Err(Illegal::Held),
                Event::Accepted
                | Event::Held { .. }
                | Event::Notified { .. }
                | Event::Delivered { .. }
                | Event::Confirmed { .. }
                | Event::Heard { .. }
                | Event::Expired
                | Event::Purged
                | Event::Called { .. }
                | Event::AttemptFailed { .. }
                | Event::Failed { .. } => Ok(false),
            };
        }
        if self.deleted.is_some() {
            return match event {
                Event::Saved => Err(Illegal::Deleted),
                Event::Restored if usize::from(self.restored) >= MAX_REPORTS => {
                    Err(Illegal::RestoredTooOften)
                }
                Event::Restored => {
                    self.deleted = None;
                    self.restored += 1;
                    Ok(true)
                }
                Event::Purged => {
                    self.purged = Some(at);
                    Ok(true)
                }
                // Who deletes it while it is played heard it all the same.
                Event::Confirmed { device } => Ok(self.confirm(device, at)),
                Event::Accepted
                | Event::Held { .. }
                | Event::Released
                | Event::Notified { .. }
                | Event::Delivered { .. }
                | Event::Heard { .. }
                | Event::Expired
                | Event::Deleted
                | Event::Called { .. }
                | Event::AttemptFailed { .. }
                | Event::CalledOff { .. }
                | Event::Failed { .. } => Ok(false),
            };
        }
        Ok(match event {
            // Only what is deleted or expired is purged: nothing disappears out of a mailbox.
            Event::Accepted | Event::Restored | Event::Released | Event::Purged => false,
            Event::Confirmed { device } => self.confirm(device, at),
            Event::Expired => {
                self.expired = Some(at);
                true
            }
            Event::Held { until } => {
                self.is_untouched() && {
                    self.due = Some(*until);
                    true
                }
            }
            Event::Notified { device } => self.heard.is_none() && self.notify(device, at),
            Event::Delivered { device } => self.deliver(device, at),
            Event::Heard { device, heard_ms } => self.hear(device, *heard_ms, at),
            Event::Saved => {
                self.saved.is_none() && {
                    self.saved = Some(at);
                    true
                }
            }
            Event::Deleted => {
                self.deleted = Some(at);
                true
            }
            Event::Called { rule, act, .. } => {
                self.calls.len() < MAX_REPORTS && {
                    self.calls.push(Called { rule: *rule, act: *act, at });
                    true
                }
            }
            Event::AttemptFailed { .. } => {
                usize::from(self.attempts_failed) < MAX_REPORTS && {
                    self.attempts_failed += 1;
                    true
                }
            }
            Event::CalledOff { reason } => self.call_off(reason, at),
            Event::Failed { reason } => self.fail(reason, at),
        })
    }

    fn notify(&mut self, device: &str, at: UnixMillis) -> bool {
        reach(&mut self.notified, device, at) && {
            self.failed = None;
            true
        }
    }

    fn deliver(&mut self, device: &str, at: UnixMillis) -> bool {
        reach(&mut self.delivered, device, at) && {
            self.failed = None;
            true
        }
    }

    fn confirm(&mut self, device: &str, at: UnixMillis) -> bool {
        self.confirmed.is_none() && {
            self.failed = None;
            self.confirmed = Some(Reached { device: device.to_owned(), at });
            true
        }
    }

    fn hear(&mut self, device: &str, heard_ms: u32, at: UnixMillis) -> bool {
        self.failed = None;
        match &mut self.heard {
            None => {
                self.heard = Some(Heard { device: device.to_owned(), at, heard_ms, reports: 1 });
                true
            }
            Some(heard) => {
                let further = heard_ms > heard.heard_ms && usize::from(heard.reports) < MAX_REPORTS;
                if further {
                    heard.device = device.to_owned();
                    heard.heard_ms = heard_ms;
                    heard.reports += 1;
                }
                further
            }
        }
    }

    fn fail(&mut self, reason: &str, at: UnixMillis) -> bool {
        // A message that reached its recipient did not fail, whatever another device reports.
        let open = self.failed.is_none()
            && self.called_off.is_none()
            && self.step() < Step::Delivered
            && self.saved.is_none();
        if open {
            self.failed = Some(Failed { reason: reason.to_owned(), at });
        }
        open
    }

    fn call_off(&mut self, reason: &str, at: UnixMillis) -> bool {
        let open = self.called_off.is_none()
            && self.failed.is_none()
            && self.confirmed.is_none()
            && self.heard.is_none()
            && self.saved.is_none();
        if open {
            self.called_off = Some(Failed { reason: reason.to_owned(), at });
        }
        open
    }

    /// Whether nothing happened to it but its commit.
    fn is_untouched(&self) -> bool {
        *self == Self { accepted: self.accepted, ..Self::default() }
    }

    /// Whether it waits for its time, and its recipient is to know nothing of it.
    pub const fn is_held(&self) -> bool {
        self.due.is_some() && self.released.is_none()
    }

    /// Whether its time is over or it was purged: nothing brings it back.
    pub const fn is_gone(&self) -> bool {
        self.expired.is_some() || self.purged.is_some()
    }

    /// How far the message has come.
    pub fn step(&self) -> Step {
        if self.heard.is_some() {
            Step::Heard
        } else if !self.delivered.is_empty() {
            Step::Delivered
        } else if !self.notified.is_empty() {
            Step::Notified
        } else {
            Step::Accepted
        }
    }

    /// The folder in which the recipient finds it; `None` when held, gone or not accepted.
    pub fn folder(&self) -> Option<Folder> {
        if self.accepted.is_none() || self.is_held() || self.is_gone() {
            None
        } else if self.deleted.is_some() {
            Some(Folder::Deleted)
        } else if self.heard.is_some() || self.saved.is_some() {
            Some(Folder::Saved)
        } else {
            Some(Folder::New)
        }
    }

    /// Whether nothing is left to do to bring the message to its recipient: it was delivered,
    /// heard, kept, deleted or taken back, it was called off, or every way was tried in vain.
    pub fn finished(&self) -> bool {
        self.accepted.is_some()
            && (self.step() >= Step::Delivered
                || self.saved.is_some()
                || self.deleted.is_some()
                || self.is_gone()
                || self.restored > 0
                || self.called_off.is_some()
                || self.failed.is_some())
    }

    /// The receipt: every step that was reached, with device and time, in the steps' order.
    pub fn steps(&self) -> Vec<StepReached> {
        let line = |step: Step| {
            move |r: &Reached| StepReached {
                step,
                device: r.device.clone(),
                at: r.at,
                heard_ms: None,
            }
        };
        let accepted = self.accepted.map(|at| StepReached {
            step: Step::Accepted,
            device: String::new(),
            at,
            heard_ms: None,
        });
        let heard = self.heard.as_ref().map(|h| StepReached {
            step: Step::Heard,
            device: h.device.clone(),
            at: h.at,
            heard_ms: Some(h.heard_ms),
        });
        accepted
            .into_iter()
            .chain(self.notified.iter().map(line(Step::Notified)))
            .chain(self.delivered.iter().map(line(Step::Delivered)))
            .chain(heard)
            .collect()
    }
}

fn reach(reached: &mut Vec<Reached>, device: &str, at: UnixMillis) -> bool {
    let new = reached.len() < MAX_REPORTS && reached.iter().all(|r| r.device != device);
    if new {
        reached.push(Reached { device: device.to_owned(), at });
    }
    new
}

/// Events for property tests, here and in the mailbox's.
#[cfg(test)]
pub(crate) mod tests_support {
    use crate::message::Event;
    use crate::time::UnixMillis;
    use proptest::prelude::*;

    pub(crate) fn any_event() -> impl Strategy<Value = Event> {
        let device = prop_oneof!["[a-c]", Just("browser".to_owned())];
        prop_oneof![
            Just(Event::Accepted),
            device.clone().prop_map(|device| Event::Notified { device }),
            device.clone().prop_map(|device| Event::Delivered { device }),
            (device.clone(), 0u32..90)
                .prop_map(|(device, heard_ms)| Event::Heard { device, heard_ms }),
            Just(Event::Saved),
            Just(Event::Deleted),
            Just(Event::Restored),
            Just(Event::Expired),
            Just(Event::Purged),
            "[a-c]".prop_map(|device| Event::Confirmed { device }),
            Just(Event::Held { until: UnixMillis(50) }),
            Just(Event::Released),
            device.clone().prop_map(|device| Event::Called { device, rule: 0, act: 0 }),
            device.prop_map(|device| Event::AttemptFailed { device, reason: "no".into() }),
            Just(Event::CalledOff { reason: "no".into() }),
            Just(Event::Failed { reason: "no".into() }),
        ]
    }
}

#[cfg(test)]
mod tests;
