//! One message on its way to one recipient: the profile's rules, tried in order.
//!
//! ```text
//!             ┌───────── presence or a device has its say ─────────┐
//!  start ─► next rule ─► pop-up ─► seen: rests in the mailbox       │
//!             │  ▲                                                   │
//!             │  └── condition does not hold, or every attempt failed
//!             ├─► ringing ─► answered ─► confirmed: delivered, done
//!             │      └─► busy, no answer, not confirmed ─► wait ─► ringing again
//!             └─► no rule left ─► rests in the mailbox
//!  heard, saved or deleted anywhere: whatever is ringing stops, done
//!
//!  do not disturb: quiet ─► (ended) the rules from the first on
//! ```
//!
//! A message that rests is not forgotten: it waits in the mailbox, and the delivery is begun
//! afresh when its recipient becomes present or the server restarts.

use std::collections::VecDeque;
use std::time::Duration;

use crate::presence::Reach;
use crate::time::Instant;

use super::profile::{Act, Condition, DeviceKind, Profile};

/// How long a browser may take to show a pop-up. A closed lid shows none, though its session
/// still seems open.
pub const SEEN_WITHIN: Duration = Duration::from_secs(15);

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Show a pop-up in every browser session of the recipient.
    PopUp,
    /// Ring a device and run the delivery dialplan; answered by [`Input::Rang`].
    Ring {
        /// The device's name, for receipts.
        device: String,
        /// Where it is.
        target: Target,
        /// How long to let it ring.
        ring_for: Duration,
    },
    /// Stop ringing, or end the call that plays the message; `Rang` still comes.
    StopRinging,
    /// For the event log: an attempt failed, others may follow.
    AttemptFailed {
        /// The device's name.
        device: String,
        /// Why.
        reason: String,
    },
    /// For the event log: every rule that asked for a telephone was tried in vain.
    Failed {
        /// Why the last attempt failed.
        reason: String,
    },
    /// The machine has nothing more to do; it emits nothing after this.
    Finished,
}

/// Whom to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every telephone registered with the recipient's account.
    RegisteredPhones,
    /// A SIP address.
    Address(String),
}

/// What the machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The call asked for by [`Output::Ring`] is over.
    Rang(RingResult),
    /// The recipient heard, saved or deleted the message, on whatever device.
    Settled,
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
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Choosing,
    Quiet,
    Ringing { rule: usize, attempt: u8, stopping: bool },
    Shown { rule: usize, until: Instant },
    Waiting { rule: usize, attempt: u8, until: Instant },
    Finished,
}

/// The delivery of one message to one recipient.
#[derive(Clone, Debug)]
pub struct Machine {
    profile: Profile,
    reach: Reach,
    state: State,
    last_failure: Option<String>,
    output: VecDeque<Output>,
}

impl Machine {
    /// Begins the delivery to somebody with this profile who can be reached so.
    pub fn start(now: Instant, profile: Profile, reach: Reach) -> Self {
        let mut machine = Self {
            profile,
            reach,
            state: State::Choosing,
            last_failure: None,
            output: VecDeque::new(),
        };
        machine.choose(now, 0);
        machine
    }

    /// What happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Settled => match &mut self.state {
                State::Ringing { stopping, .. } => {
                    if !*stopping {
                        *stopping = true;
                        self.output.push_back(Output::StopRinging);
                    }
                }
                State::Choosing | State::Quiet | State::Shown { .. } | State::Waiting { .. } => {
                    self.finish();
                }
                State::Finished => {}
            },
            Input::Seen => {
                if let State::Shown { .. } = self.state {
                    self.finish();
                }
            }
            Input::Presence(reach) => {
                self.reach = reach;
                match self.state {
                    State::Quiet if !reach.do_not_disturb => self.choose(now, 0),
                    // Somebody who comes online between two attempts need not wait for the next.
                    State::Waiting { .. } => {
                        self.pop_up_instead(now);
                    }
                    // The browser went away before it showed anything.
                    State::Shown { rule, .. } if !reach.browser => {
                        self.choose(now, rule + 1);
                    }
                    State::Choosing
                    | State::Quiet
                    | State::Shown { .. }
                    | State::Ringing { .. }
                    | State::Finished => {}
                }
            }
            Input::Rang(result) => {
                let State::Ringing { rule, attempt, stopping } = self.state else { return };
                match result {
                    RingResult::Confirmed => self.finish(),
                    RingResult::Failed { .. } if stopping => self.finish(),
                    RingResult::Failed { reason } => self.retry(now, rule, attempt, reason),
                }
            }
        }
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Waiting { rule, attempt, until } if now >= until => {
                if self.pop_up_instead(now) {
                    return;
                }
                if self.reach.do_not_disturb {
                    self.state = State::Quiet;
                } else if self.applies(rule) {
                    self.ring(now, rule, attempt + 1);
                } else {
                    self.choose(now, rule + 1);
                }
            }
            State::Shown { rule, until } if now >= until => self.choose(now, rule + 1),
            State::Choosing
            | State::Quiet
            | State::Ringing { .. }
            | State::Shown { .. }
            | State::Waiting { .. }
            | State::Finished => {}
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until, .. } | State::Shown { until, .. } => Some(until),
            State::Choosing | State::Quiet | State::Ringing { .. } | State::Finished => None,
        }
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Tries the rules from number `from` on.
    fn choose(&mut self, now: Instant, from: usize) {
        if self.reach.do_not_disturb {
            // The message is in the mailbox meanwhile.
            self.state = State::Quiet;
            return;
        }
        for index in from..self.profile.rules.len() {
            if !self.applies(index) {
                continue;
            }
            match &self.profile.rules[index].act {
                Act::PopUp if self.reach.has_browser() => return self.pop_up(now, index),
                // Nobody would see it.
                Act::PopUp => {}
                Act::Ring { .. } => return self.ring(now, index, 1),
                Act::Stop => return self.finish(),
            }
        }
        if let Some(reason) = self.last_failure.take() {
            self.output.push_back(Output::Failed { reason });
        }
        self.finish();
    }

    fn applies(&self, rule: usize) -> bool {
        self.profile.rules.get(rule).is_some_and(|rule| match rule.when {
            Condition::Always => true,
            Condition::Present => self.reach.has_browser(),
            Condition::Absent => !self.reach.has_browser(),
        })
    }

    fn pop_up(&mut self, now: Instant, rule: usize) {
        self.output.push_back(Output::PopUp);
        self.state = State::Shown { rule, until: now + SEEN_WITHIN };
    }

    /// Shows a pop-up in the place of the next attempt to ring, if somebody is there to see it
    /// and a rule wants it.
    fn pop_up_instead(&mut self, now: Instant) -> bool {
        let wants = |n: &usize| self.profile.rules[*n].act == Act::PopUp && self.applies(*n);
        let rule = (0..self.profile.rules.len()).find(wants);
        match rule.filter(|_| self.reach.has_browser()) {
            Some(rule) => {
                self.pop_up(now, rule);
                true
            }
            None => false,
        }
    }

    fn ring(&mut self, now: Instant, rule: usize, attempt: u8) {
        let Some(Act::Ring { device, ring_secs, .. }) =
            self.profile.rules.get(rule).map(|r| r.act.clone())
        else {
            return self.finish();
        };
        let kind = self.profile.devices.iter().find(|d| d.name == device).map(|d| d.kind.clone());
        let target = match kind {
            Some(DeviceKind::RegisteredPhone) => Target::RegisteredPhones,
            Some(DeviceKind::SipAddress { uri }) => Target::Address(uri),
            Some(DeviceKind::Browser) | None => {
                let reason = format!("the profile names no telephone '{device}'");
                self.output.push_back(Output::AttemptFailed { device, reason: reason.clone() });
                self.last_failure = Some(reason);
                return self.choose(now, rule + 1);
            }
        };
        let ring_for = Duration::from_secs(ring_secs.clamp(5, 120).into());
        self.output.push_back(Output::Ring { device, target, ring_for });
        self.state = State::Ringing { rule, attempt, stopping: false };
    }

    fn retry(&mut self, now: Instant, rule: usize, attempt: u8, reason: String) {
        let Some(Act::Ring { device, attempts, retry_secs, .. }) =
            self.profile.rules.get(rule).map(|r| r.act.clone())
        else {
            return self.finish();
        };
        self.output.push_back(Output::AttemptFailed { device, reason: reason.clone() });
        self.last_failure = Some(reason);
        if self.pop_up_instead(now) {
            return;
        }
        if attempt >= attempts.clamp(1, 10) {
            return self.choose(now, rule + 1);
        }
        // Doubled after each try, an hour at most: a telephone that is off stays off for a while.
        let factor = 1_u32 << u32::from(attempt - 1).min(9);
        let wait = retry_secs.max(1).saturating_mul(factor).min(3600);
        let until = now + Duration::from_secs(wait.into());
        self.state = State::Waiting { rule, attempt, until };
    }

    fn finish(&mut self) {
        self.state = State::Finished;
        self.output.push_back(Output::Finished);
    }
}

#[cfg(test)]
mod tests;
