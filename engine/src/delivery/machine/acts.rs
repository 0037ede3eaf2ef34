//! What a rule does: its acts, those at once each on a branch of its own.

use super::super::profile::Ring;
use super::*;

/// How often a device is told before that counts as failed.
const TELL_ATTEMPTS: u8 = 5;
/// How long to wait before it is told again; doubled after each try.
const TELL_AGAIN: Duration = Duration::from_secs(30);
/// How often a limit may be in the way of one message's calls.
const MOST_LIMITED: u32 = 100;

/// One of the things that are done at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    Shown { until: Duration },
    Ringing { ring: Ring },
    RingAgain { ring: Ring, until: Duration },
    Telling { device: String, attempt: u8 },
    TellAgain { device: String, attempt: u8, until: Duration },
    Waiting { until: Duration },
    Done { reached: bool },
}

const NOT_REACHED: Branch = Branch::Done { reached: false };

impl Branch {
    pub(super) const fn until(&self) -> Option<Duration> {
        match self {
            Self::Shown { until }
            | Self::RingAgain { until, .. }
            | Self::TellAgain { until, .. }
            | Self::Waiting { until } => Some(*until),
            Self::Ringing { .. } | Self::Telling { .. } | Self::Done { .. } => None,
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    pub(super) const fn is_ringing(&self) -> bool {
        matches!(self, Self::Ringing { .. })
    }

    /// Whether something goes on that can't be left alone.
    pub(super) const fn is_under_way(&self) -> bool {
        match self {
            Self::Shown { .. }
            | Self::Ringing { .. }
            | Self::Telling { .. }
            | Self::TellAgain { .. } => true,
            Self::RingAgain { .. } | Self::Waiting { .. } | Self::Done { .. } => false,
        }
    }

    pub(super) const fn rings(&self) -> Option<&Vec<String>> {
        match self {
            Self::Ringing { ring } | Self::RingAgain { ring, .. } => Some(&ring.device),
            Self::Shown { .. }
            | Self::Telling { .. }
            | Self::TellAgain { .. }
            | Self::Waiting { .. }
            | Self::Done { .. } => None,
        }
    }
}

impl Walk {
    pub(super) fn waits_to_ring(&self) -> bool {
        self.branches.iter().any(|branch| matches!(branch, Branch::RingAgain { .. }))
    }
}

impl Machine {
    /// Begins the act at which the walk is.
    pub(super) fn begin_act(&mut self, at: Moment) {
        let Some(walk) = &self.walk else { return };
        let (rule, act) = (walk.rule, walk.act);
        let found = self.profile.rules.get(rule).and_then(|rule| rule.acts.get(act)).cloned();
        let Some(found) = found else { return };
        let mut branches = Vec::new();
        for one in found.each() {
            match one {
                Act::PopUp => branches.push(self.pop_up(at, rule)),
                Act::Ring(ring) => branches.push(self.ring(at, rule, act, ring.clone())),
                Act::Notify { device } => {
                    for device in device {
                        branches.push(self.tell(at, rule, device.clone(), 1));
                    }
                }
                Act::Wait { secs } => branches.push(self.wait(at, rule, *secs)),
                Act::Escalate { to } => branches.push(self.escalate(at, rule, to.clone())),
                // What is checked when a profile is saved; nested, it is done with.
                Act::All(_) => branches.push(NOT_REACHED),
                Act::Stop => {
                    self.line(at, Some(rule), What::Ended, "nothing further is tried".into());
                    return self.finish();
                }
            }
        }
        let waits = branches.iter().any(|branch| !branch.is_done());
        let now = self.age(at);
        if let Some(walk) = &mut self.walk {
            walk.branches = branches;
            if waits {
                walk.since = walk.since.max(now);
            }
        }
    }

    /// What waited for this time.
    pub(super) fn branch_deadlines(&mut self, at: Moment) {
        let now = self.age(at);
        let Some(walk) = &mut self.walk else { return };
        let (rule, act) = (walk.rule, walk.act);
        let mut branches = std::mem::take(&mut walk.branches);
        for branch in &mut branches {
            if branch.until().is_none_or(|until| until > now) {
                continue;
            }
            *branch = match std::mem::replace(branch, NOT_REACHED) {
                Branch::Shown { .. } => {
                    self.line(at, Some(rule), What::PopUp, "nobody saw the pop-up".into());
                    NOT_REACHED
                }
                Branch::RingAgain { ring, .. } => match self.judge(at, rule) {
                    Verdict::Applies | Verdict::NotBefore(_) => self.ring(at, rule, act, ring),
                    Verdict::No(why) => {
                        let words = format!("applies no longer: {why}");
                        self.line(at, Some(rule), What::Skipped, words);
                        NOT_REACHED
                    }
                },
                Branch::TellAgain { device, attempt, .. } => {
                    self.tell(at, rule, device, attempt + 1)
                }
                Branch::Waiting { until } => {
                    if let Some(walk) = &mut self.walk {
                        walk.since = until;
                    }
                    NOT_REACHED
                }
                still @ (Branch::Ringing { .. } | Branch::Telling { .. } | Branch::Done { .. }) => {
                    still
                }
            };
        }
        if let Some(walk) = &mut self.walk {
            walk.branches = branches;
        }
    }

    // ---- pop-ups ----

    fn pop_up(&mut self, at: Moment, rule: usize) -> Branch {
        if !self.reach.has_browser() || self.pop_ups >= MOST_POP_UPS {
            self.line(at, Some(rule), What::PopUp, "no pop-up: no browser would show it".into());
            return NOT_REACHED;
        }
        self.pop_ups += 1;
        self.came = false;
        self.output.push_back(Output::PopUp);
        self.line(at, Some(rule), What::PopUp, "a pop-up in every open browser".into());
        Branch::Shown { until: self.age(at) + SEEN_WITHIN }
    }

    pub(super) fn seen(&mut self, at: Moment) {
        let Some(walk) = &mut self.walk else { return };
        let rule = walk.rule;
        let shown = walk.branches.iter_mut().find(|branch| matches!(branch, Branch::Shown { .. }));
        if let Some(branch) = shown {
            *branch = Branch::Done { reached: true };
            self.seen = true;
            self.reached = true;
            self.line(at, Some(rule), What::PopUp, "the pop-up was seen".into());
        }
    }

    /// A pop-up that is shown is seen by nobody any more.
    pub(super) fn missed(&mut self, at: Moment, why: &str) {
        let Some(walk) = &mut self.walk else { return };
        let rule = walk.rule;
        let shown = walk.branches.iter_mut().find(|branch| matches!(branch, Branch::Shown { .. }));
        if let Some(branch) = shown {
            *branch = NOT_REACHED;
            self.line(at, Some(rule), What::PopUp, why.to_owned());
        }
    }

    // ---- telephones ----

    /// Rings, now or when it may; `Done` if it is not to be rung (any more).
    fn ring(&mut self, at: Moment, rule: usize, act: usize, ring: Ring) -> Branch {
        let targets = self.targets(at, rule, &ring);
        if targets.is_empty() {
            return NOT_REACHED;
        }
        let now = self.age(at);
        let of_this = |call: &&Call| (call.rule, call.act) == (rule, act);
        let made = self.calls.iter().filter(of_this).count();
        let last = self.calls.iter().filter(of_this).map(|call| call.at).max();
        if made >= usize::from(ring.attempts.clamp(1, 10)) {
            let reason = format!("called {made} times already");
            self.line(at, Some(rule), What::Ring, reason.clone());
            self.last_failure.get_or_insert(reason);
            if let (Some(walk), Some(last)) = (&mut self.walk, last) {
                walk.since = walk.since.max(last);
            }
            return NOT_REACHED;
        }
        if self.is_held_back(at, rule, &ring.device.join("+")) {
            return NOT_REACHED;
        }
        let again = last.map_or(Duration::ZERO, |last| last + pause(&ring, made));
        let until = again.max(self.ring_not_before);
        if until > now {
            let words = format!("rung again in {}", seconds(until.saturating_sub(now)));
            self.line(at, Some(rule), What::Wait, words);
            return Branch::RingAgain { ring, until };
        }
        self.calls.push(Call { rule, act, at: now });
        let words = format!(
            "rings {} (attempt {} of {})",
            ring.device.join(" and "),
            made + 1,
            ring.attempts.clamp(1, 10)
        );
        self.line(at, Some(rule), What::Ring, words);
        let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        self.output.push_back(Output::Ring {
            rule: number(rule),
            act: number(act),
            targets,
            ring_for: Duration::from_secs(ring.ring_secs.clamp(5, 120).into()),
        });
        Branch::Ringing { ring }
    }

    /// The telephones of a ring that can be rung.
    fn targets(&mut self, at: Moment, rule: usize, ring: &Ring) -> Vec<RingTarget> {
        let mut targets = Vec::new();
        for name in &ring.device {
            let device = self.profile.device(name).cloned();
            let target = match device.as_ref().map(|device| &device.kind) {
                Some(DeviceKind::RegisteredPhone) => Ok(Target::RegisteredPhones),
                Some(DeviceKind::SipAddress { uri }) => Ok(Target::Address(uri.clone())),
                Some(DeviceKind::Number { number, trunk }) => {
                    Ok(Target::Number { number: number.clone(), trunk: trunk.clone() })
                }
                Some(
                    DeviceKind::Browser
                    | DeviceKind::SipMessage { .. }
                    | DeviceKind::Email { .. }
                    | DeviceKind::WebPush
                    | DeviceKind::Webhook { .. },
                )
                | None => Err(format!("the profile names no telephone '{name}'")),
            };
            let usable = device.is_some_and(|device| device.usable());
            match target {
                Ok(target) if usable => targets.push(RingTarget { device: name.clone(), target }),
                Ok(_) => self.failed(at, rule, name, "it was never verified".into()),
                Err(reason) => self.failed(at, rule, name, reason),
            }
        }
        targets
    }

    /// Whether something that makes a noise has to wait, which is said then.
    fn is_held_back(&mut self, at: Moment, rule: usize, device: &str) -> bool {
        if self.reach.do_not_disturb {
            let words = format!("{device} waits: you do not want to be disturbed");
            self.line(at, Some(rule), What::HeldBack, words);
            return true;
        }
        let passes = self.profile.quiet_hours.as_ref().is_some_and(|quiet| quiet.urgent_passes);
        if self.is_quiet(at.wall) && !(self.urgent && passes) {
            let words = format!("{device} waits until quiet hours are over");
            self.line(at, Some(rule), What::HeldBack, words);
            self.held = Some(self.age(at) + self.quiet_for(at.wall));
            return true;
        }
        false
    }

    pub(super) fn rang(&mut self, at: Moment, result: RingResult) {
        let now = self.age(at);
        let Some(walk) = &mut self.walk else { return };
        let (rule, act) = (walk.rule, walk.act);
        let Some(branch) = walk.branches.iter_mut().find(|b| b.is_ringing()) else { return };
        let Branch::Ringing { ring } = std::mem::replace(branch, NOT_REACHED) else { return };
        let name = ring.device.join("+");
        let next = match result {
            RingResult::Confirmed => {
                self.line(at, Some(rule), What::Reached, "confirmed by key".into());
                return self.finish();
            }
            RingResult::Failed { .. } | RingResult::Limited { .. } if self.stopping => {
                return self.finish();
            }
            RingResult::Failed { reason } => {
                if let Some(call) = self.calls.last_mut() {
                    call.at = now;
                }
                self.failed(at, rule, &name, reason);
                // Said already; the loop over its attempts goes on in `ring`.
                let made = self.calls.iter().filter(|c| (c.rule, c.act) == (rule, act)).count();
                if made >= usize::from(ring.attempts.clamp(1, 10)) {
                    NOT_REACHED
                } else {
                    let until = now + pause(&ring, made);
                    Branch::RingAgain { ring, until }
                }
            }
            RingResult::Limited { reason, wait } => {
                // No call was made.
                self.calls.pop();
                self.limited += 1;
                if self.limited >= MOST_LIMITED {
                    self.failed(at, rule, &name, reason);
                    NOT_REACHED
                } else {
                    let wait = wait.max(Duration::from_secs(5));
                    let words = format!("{name} waits for {}: {reason}", seconds(wait));
                    self.line(at, Some(rule), What::HeldBack, words);
                    Branch::RingAgain { ring, until: now + wait }
                }
            }
        };
        if let Some(walk) = &mut self.walk
            && let Some(place) = walk.branches.iter_mut().find(|b| **b == NOT_REACHED)
        {
            *place = next;
        }
        self.pop_up_instead(at);
    }

    // ---- devices that are told ----

    fn tell(&mut self, at: Moment, rule: usize, name: String, attempt: u8) -> Branch {
        let Some(device) = self.profile.device(&name).filter(|d| d.kind.is_told()).cloned() else {
            self.failed(at, rule, &name, format!("the profile has no '{name}' that can be told"));
            return NOT_REACHED;
        };
        if let Some(told) = self.told.get(&device.label()).copied() {
            self.line(at, Some(rule), What::Notify, format!("{name} was told before"));
            if let Some(walk) = &mut self.walk {
                walk.since = walk.since.max(told);
            }
            return Branch::Done { reached: true };
        }
        if !device.usable() {
            self.failed(at, rule, &name, "it was never verified".into());
            return NOT_REACHED;
        }
        if device.kind.is_noisy() && self.is_held_back(at, rule, &name) {
            return NOT_REACHED;
        }
        self.line(at, Some(rule), What::Notify, format!("tells {name}"));
        self.output.push_back(Output::Notify { device: name.clone(), kind: device.kind });
        Branch::Telling { device: name, attempt }
    }

    pub(super) fn notified(&mut self, at: Moment, name: &str, result: Result<(), NotTold>) {
        let now = self.age(at);
        if result.is_ok()
            && let Some(device) = self.profile.device(name)
        {
            self.told.insert(device.label(), now);
            // Noted here and not only when the act is over: a pop-up may take its place before.
            self.reached = true;
        }
        // It was heard while this was under way: whether somebody was told of it is no matter now.
        if self.stopping {
            return;
        }
        let Some(walk) = &self.walk else { return };
        let rule = walk.rule;
        let of_it = |branch: &Branch| match branch {
            Branch::Telling { device, attempt } => (device == name).then_some(*attempt),
            Branch::Shown { .. }
            | Branch::Ringing { .. }
            | Branch::RingAgain { .. }
            | Branch::TellAgain { .. }
            | Branch::Waiting { .. }
            | Branch::Done { .. } => None,
        };
        let found = walk.branches.iter().enumerate().find_map(|(n, b)| Some((n, of_it(b)?)));
        let Some((place, attempt)) = found else { return };
        let next = match result {
            Ok(()) => {
                self.line(at, Some(rule), What::Notify, format!("{name} was told"));
                Branch::Done { reached: true }
            }
            Err(NotTold { reason, permanent }) => {
                self.failed(at, rule, name, reason);
                if permanent || attempt >= TELL_ATTEMPTS {
                    NOT_REACHED
                } else {
                    let until = now + TELL_AGAIN * (1 << (attempt - 1));
                    Branch::TellAgain { device: name.to_owned(), attempt, until }
                }
            }
        };
        if let Some(branch) = self.walk.as_mut().and_then(|walk| walk.branches.get_mut(place)) {
            *branch = next;
        }
    }

    // ---- the others ----

    fn wait(&mut self, at: Moment, rule: usize, secs: u32) -> Branch {
        let since = self.walk.as_ref().map_or(Duration::ZERO, |walk| walk.since);
        let until = since + Duration::from_secs(secs.into());
        if until <= self.age(at) {
            if let Some(walk) = &mut self.walk {
                walk.since = until;
            }
            return NOT_REACHED;
        }
        let words = format!("waits for {}", seconds(until.saturating_sub(self.age(at))));
        self.line(at, Some(rule), What::Wait, words);
        Branch::Waiting { until }
    }

    fn escalate(&mut self, at: Moment, rule: usize, to: String) -> Branch {
        if self.private {
            let words = format!("not passed on to {to}: the message is private");
            self.line(at, Some(rule), What::Escalate, words);
        } else if self.escalated.insert(to.clone()) {
            self.line(at, Some(rule), What::Escalate, format!("goes to {to} too"));
            self.output.push_back(Output::Escalate { to });
        } else {
            self.line(at, Some(rule), What::Escalate, format!("went to {to} before"));
        }
        NOT_REACHED
    }

    fn failed(&mut self, at: Moment, rule: usize, device: &str, reason: String) {
        self.line(at, Some(rule), What::Failed, format!("{device}: {reason}"));
        self.output
            .push_back(Output::AttemptFailed { device: device.to_owned(), reason: reason.clone() });
        self.last_failure = Some(reason);
    }
}

/// How long to wait before the next try, after `made` of them. Doubled after each, an hour at
/// most: a telephone that is off stays off for a while.
fn pause(ring: &Ring, made: usize) -> Duration {
    let doublings = u32::try_from(made.saturating_sub(1)).unwrap_or(9).min(9);
    let secs = ring.retry_secs.max(1).saturating_mul(1 << doublings).min(3_600);
    // Whoever wants longer pauses than an hour has them as they are.
    Duration::from_secs(secs.max(ring.retry_secs).into())
}

/// A time in words: `90 s`, `2 h 5 min`.
pub(super) fn seconds(time: Duration) -> String {
    let secs = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (secs / 3_600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, secs) => format!("{minutes} min {secs} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
