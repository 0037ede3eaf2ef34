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
mod tests {
    use super::super::profile::{Device, Rule};
    use super::*;
    use crate::presence::Presence;

    fn reach(shown: Presence) -> Reach {
        let browser = matches!(shown, Presence::Away | Presence::Online);
        Reach { shown, browser, do_not_disturb: shown == Presence::DoNotDisturb }
    }

    fn ring(device: &str, attempts: u8) -> Act {
        Act::Ring { device: device.into(), attempts, retry_secs: 60, ring_secs: 30 }
    }

    fn profile(rules: Vec<Rule>) -> Profile {
        Profile { rules, ..Profile::default() }
    }

    fn all(machine: &mut Machine) -> Vec<Output> {
        std::iter::from_fn(|| machine.poll_output()).collect()
    }

    fn rang(reason: &str) -> Input {
        Input::Rang(RingResult::Failed { reason: reason.into() })
    }

    fn present_then_ring() -> Profile {
        profile(vec![
            Rule { when: Condition::Present, act: Act::PopUp },
            Rule { when: Condition::Absent, act: ring("phone", 3) },
        ])
    }

    #[test]
    fn the_present_get_a_pop_up_and_no_telephone_rings() {
        let mut machine =
            Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Online));
        assert_eq!(all(&mut machine), [Output::PopUp]);
        machine.handle_input(Instant::ZERO, Input::Seen);
        assert_eq!(all(&mut machine), [Output::Finished]);
    }

    #[test]
    fn a_pop_up_that_nobody_sees_is_followed_by_the_next_rule() {
        let profile = profile(vec![
            Rule { when: Condition::Present, act: Act::PopUp },
            Rule { when: Condition::Always, act: ring("phone", 1) },
        ]);
        let mut machine = Machine::start(Instant::ZERO, profile.clone(), reach(Presence::Away));
        all(&mut machine);
        machine.handle_timeout(Instant::ZERO + SEEN_WITHIN);
        assert!(matches!(all(&mut machine)[..], [Output::Ring { .. }]));

        let mut machine = Machine::start(Instant::ZERO, profile, reach(Presence::Away));
        all(&mut machine);
        machine.handle_input(Instant::ZERO, Input::Presence(reach(Presence::Phone)));
        assert!(matches!(all(&mut machine)[..], [Output::Ring { .. }]), "the lid was closed");
    }

    #[test]
    fn toggling_presence_does_not_ring_faster() {
        let profile = profile(vec![Rule { when: Condition::Always, act: ring("phone", 3) }]);
        let mut machine = Machine::start(Instant::ZERO, profile, reach(Presence::Online));
        machine.handle_input(Instant::ZERO, rang("busy"));
        all(&mut machine);
        for presence in [Presence::Away, Presence::Online, Presence::Away] {
            machine.handle_input(Instant::ZERO, Input::Presence(reach(presence)));
        }
        assert_eq!(all(&mut machine), []);
    }

    #[test]
    fn coming_online_while_it_rings_brings_the_pop_up_next() {
        let mut machine =
            Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Phone));
        all(&mut machine);
        machine.handle_input(Instant::ZERO, Input::Presence(reach(Presence::Online)));
        machine.handle_input(Instant::ZERO, rang("no answer"));
        assert_eq!(all(&mut machine).last(), Some(&Output::PopUp));
    }

    #[test]
    fn the_absent_are_rung_until_confirmed() {
        let t0 = Instant::ZERO;
        let mut machine = Machine::start(t0, present_then_ring(), reach(Presence::Phone));
        let ring = Output::Ring {
            device: "phone".into(),
            target: Target::RegisteredPhones,
            ring_for: Duration::from_secs(30),
        };
        assert_eq!(all(&mut machine), std::slice::from_ref(&ring));
        machine.handle_input(t0, rang("busy"));
        let failed = Output::AttemptFailed { device: "phone".into(), reason: "busy".into() };
        assert_eq!(all(&mut machine), std::slice::from_ref(&failed));
        assert_eq!(machine.next_deadline(), Some(t0 + Duration::from_secs(60)));
        machine.handle_timeout(t0 + Duration::from_secs(59));
        assert_eq!(all(&mut machine), []);
        let t1 = t0 + Duration::from_secs(60);
        machine.handle_timeout(t1);
        assert_eq!(all(&mut machine), std::slice::from_ref(&ring));
        machine.handle_input(t1, rang("busy"));
        assert_eq!(machine.next_deadline(), Some(t1 + Duration::from_secs(120)), "backs off");
        machine.handle_timeout(t1 + Duration::from_secs(120));
        assert_eq!(all(&mut machine), [failed, ring]);
        machine.handle_input(t1, Input::Rang(RingResult::Confirmed));
        assert_eq!(all(&mut machine), [Output::Finished]);
        assert_eq!(machine.next_deadline(), None);
    }

    #[test]
    fn failing_everywhere_is_said_once_with_the_last_reason() {
        let profile = profile(vec![
            Rule { when: Condition::Always, act: ring("phone", 1) },
            Rule { when: Condition::Always, act: ring("mobile", 1) },
        ]);
        let mut machine = Machine::start(Instant::ZERO, profile, reach(Presence::Offline));
        all(&mut machine);
        machine.handle_input(Instant::ZERO, rang("no answer"));
        let outputs = all(&mut machine);
        assert!(matches!(&outputs[2], Output::Failed { reason } if reason.contains("mobile")));
        assert_eq!(outputs.last(), Some(&Output::Finished));
    }

    #[test]
    fn hearing_it_elsewhere_stops_the_telephone() {
        let mut machine =
            Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Offline));
        all(&mut machine);
        machine.handle_input(Instant::ZERO, Input::Settled);
        machine.handle_input(Instant::ZERO, Input::Settled);
        assert_eq!(all(&mut machine), [Output::StopRinging]);
        machine.handle_input(Instant::ZERO, rang("cancelled"));
        assert_eq!(all(&mut machine), [Output::Finished]);
    }

    #[test]
    fn coming_online_between_two_attempts_brings_the_pop_up() {
        let mut machine =
            Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Phone));
        machine.handle_input(Instant::ZERO, rang("busy"));
        all(&mut machine);
        machine.handle_input(Instant::ZERO, Input::Presence(reach(Presence::Online)));
        assert_eq!(all(&mut machine), [Output::PopUp]);
    }

    #[test]
    fn nothing_rings_or_pops_up_for_who_does_not_want_to_be_disturbed() {
        let t0 = Instant::ZERO;
        let quiet = reach(Presence::DoNotDisturb);
        let quiet =
            [quiet, Reach { browser: true, ..quiet }, Reach { shown: Presence::Offline, ..quiet }];
        for quiet in quiet {
            let mut machine = Machine::start(t0, present_then_ring(), quiet);
            assert_eq!((all(&mut machine), machine.next_deadline()), (vec![], None));
            machine.handle_input(t0, Input::Presence(reach(Presence::Online)));
            assert_eq!(all(&mut machine), [Output::PopUp], "it ends, and the rules are tried");
            let mut machine = Machine::start(t0, present_then_ring(), quiet);
            machine.handle_input(t0, Input::Settled);
            assert_eq!(all(&mut machine), [Output::Finished], "heard by calling in");
        }
    }

    #[test]
    fn the_next_attempt_waits_while_nobody_wants_to_be_disturbed() {
        let t0 = Instant::ZERO;
        let mut machine = Machine::start(t0, present_then_ring(), reach(Presence::Phone));
        machine.handle_input(t0, rang("busy"));
        all(&mut machine);
        machine.handle_input(t0, Input::Presence(reach(Presence::DoNotDisturb)));
        machine.handle_timeout(t0 + Duration::from_secs(60));
        assert_eq!((all(&mut machine), machine.next_deadline()), (vec![], None));
        machine.handle_input(t0, Input::Presence(reach(Presence::Phone)));
        assert!(matches!(all(&mut machine)[..], [Output::Ring { .. }]));
    }

    #[test]
    fn who_is_in_a_call_at_an_open_browser_gets_the_pop_up() {
        let busy = Reach { shown: Presence::Busy, browser: true, do_not_disturb: false };
        let mut machine = Machine::start(Instant::ZERO, present_then_ring(), busy);
        assert_eq!(all(&mut machine), [Output::PopUp]);
    }

    #[test]
    fn a_device_address_is_rung_as_given() {
        let mut profile = profile(vec![Rule { when: Condition::Always, act: ring("desk", 1) }]);
        let uri = "sip:bob@127.0.0.5".to_owned();
        profile.devices.push(Device {
            name: "desk".into(),
            kind: DeviceKind::SipAddress { uri: uri.clone() },
        });
        let mut machine = Machine::start(Instant::ZERO, profile, reach(Presence::Online));
        let outputs = all(&mut machine);
        assert!(
            matches!(&outputs[0], Output::Ring { target: Target::Address(a), .. } if *a == uri)
        );
    }
}
