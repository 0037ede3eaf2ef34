//! One message on its way to one recipient: the profile's rules, tried in order.
//!
//! ```text
//!  start ─► rule that applies ─► its acts, one after the other ─► reached? ─yes─► rests
//!              ▲                   pop-up: seen, or missed after 15 s    │no
//!              │                   ring: confirmed ► done; else again    ▼
//!              └────────────────── tell: accepted; else again       next rule; none: failed
//!                                  wait, escalate, stop
//!
//!  held back (quiet hours, do not disturb) ─► that ends ─► the rules from the first on; what
//!                                                          was done is not done again
//!  unheard for so long ─► the rule that waited for it, before what still goes on
//!  heard, saved or deleted anywhere, or called off: whatever is ringing stops, done
//! ```
//!
//! What was done is remembered: calls by rule and act, devices that were told, people to whom it
//! was escalated. The same memory comes back from the event log after a restart ([`Memory`]), so
//! that nobody is called or told twice for the same message.
//!
//! A message that rests is not forgotten: it waits in the mailbox, and the delivery is begun
//! afresh when its recipient becomes present or the server restarts.
//!
//! All deadlines are of the monotonic clock. The wall clock is only looked at for hours of the
//! day: when it jumps, what is held back by quiet hours is looked at within half an hour, and
//! nothing rings more often than its rule and the limits say.

mod acts;
mod interface;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::condition::{SenderFacts, Situation, Verdict, hours, shown};
use super::explain::{Line, MOST_LINES, What};
use super::profile::{Act, DeviceKind, Profile};
use crate::calendar::{Hours, Zone};
use crate::presence::Reach;
use crate::time::{Instant, UnixMillis};

use acts::{Branch, seconds};
pub use interface::{
    Input, Memory, Moment, NotTold, Output, PastCall, RingResult, RingTarget, Start, Target,
};

/// How long a browser may take to show a pop-up. A closed lid shows none, though its session
/// still seems open.
pub const SEEN_WITHIN: Duration = Duration::from_secs(15);
/// How long a call may take to be answered, heard and confirmed. After a restart nobody is called
/// for the same message within it: the call that the restart broke off may just have been
/// confirmed.
pub const CONFIRM_WINDOW: Duration = Duration::from_secs(180);
/// The longest that a jump of the wall clock goes unnoticed in quiet hours.
const LOOK_EVERY: Duration = Duration::from_secs(1_800);
/// The most pop-ups for one message: each time that its recipient comes.
const MOST_POP_UPS: u32 = 50;

/// The delivery of one message to one recipient.
#[derive(Clone, Debug)]
pub struct Machine {
    profile: Profile,
    zone: Zone,
    quiet: Option<Hours>,
    reach: Reach,
    sender: SenderFacts,
    urgent: bool,
    private: bool,
    /// When the machine was started, and how old the message was then. Within the machine all
    /// times are the message's age.
    started: (Instant, Duration),
    walk: Option<Walk>,
    /// What a late rule interrupted.
    suspended: Option<Walk>,
    /// The rules of [`super::condition::When::unheard_secs`] that had their turn.
    late_done: BTreeSet<usize>,
    finished: bool,
    /// It was settled while something rang.
    stopping: bool,
    /// Something waits for the end of quiet hours; looked at again at this age.
    held: Option<Duration>,
    seen: bool,
    reached: bool,
    /// The recipient came to a browser since the last pop-up.
    came: bool,
    pop_ups: u32,
    limited: u32,
    calls: Vec<Call>,
    told: BTreeMap<String, Duration>,
    escalated: BTreeSet<String>,
    /// A call of before a restart may still be going on until then.
    ring_not_before: Duration,
    last_failure: Option<String>,
    output: VecDeque<Output>,
    lines: Vec<Line>,
    lines_taken: usize,
}

/// A call for this message.
#[derive(Clone, Copy, Debug)]
struct Call {
    rule: usize,
    act: usize,
    /// When it began, or ended if that is known.
    at: Duration,
}

/// On the way through the rules.
#[derive(Clone, Debug)]
struct Walk {
    /// Whether it is of a single rule that waited until the message was unheard for so long.
    late: bool,
    rule: usize,
    act: usize,
    branches: Vec<Branch>,
    /// When the last act was over.
    since: Duration,
    /// Whether an act of this rule reached the recipient.
    reached: bool,
}

impl Walk {
    fn is_idle(&self) -> bool {
        !self.branches.iter().any(Branch::is_under_way)
    }
}

impl Machine {
    /// Begins, or takes up again, the delivery of a message.
    pub fn start(at: Moment, start: Start) -> Self {
        let Start { profile, reach, sender, urgent, private, age, memory } = start;
        let zone = Zone::parse(&profile.zone).unwrap_or_else(|_| Zone::utc());
        let quiet = profile.quiet_hours.as_ref().and_then(|quiet| hours(&zone, &quiet.hours));
        let then = |ago: Duration| age.saturating_sub(ago);
        let calls: Vec<_> = memory
            .calls
            .iter()
            .map(|c| Call { rule: c.rule.into(), act: c.act.into(), at: then(c.ago) })
            .collect();
        let last_call = calls.iter().map(|call| call.at).max();
        let mut machine = Self {
            profile,
            zone,
            quiet,
            reach,
            sender,
            urgent,
            private,
            started: (at.now, age),
            walk: None,
            suspended: None,
            late_done: BTreeSet::new(),
            finished: false,
            stopping: false,
            held: None,
            seen: memory.seen,
            reached: memory.seen || !memory.told.is_empty(),
            came: reach.has_browser(),
            pop_ups: 0,
            limited: 0,
            calls,
            told: memory.told.into_iter().map(|(device, ago)| (device, then(ago))).collect(),
            escalated: memory.escalated.into_iter().collect(),
            ring_not_before: last_call.map_or(Duration::ZERO, |at| at + CONFIRM_WINDOW),
            last_failure: None,
            output: VecDeque::new(),
            lines: Vec::new(),
            lines_taken: 0,
        };
        let again = if machine.calls.is_empty() && machine.told.is_empty() { "" } else { " again" };
        let words = format!("taken up{again}: you are {}", shown(reach));
        machine.line(at, None, What::Begun, words);
        if machine.seen {
            machine.line(at, None, What::Reached, "a pop-up was seen before".into());
        } else {
            machine.choose(at, 0);
        }
        machine.run(at);
        machine
    }

    /// What happened.
    pub fn handle_input(&mut self, at: Moment, input: Input) {
        if self.finished {
            return;
        }
        match input {
            Input::Settled => return self.settled(at, "heard, saved or deleted".into()),
            Input::CalledOff(reason) => return self.settled(at, reason),
            Input::Seen => self.seen(at),
            Input::Presence(reach) => self.presence(at, reach),
            Input::Rang(result) => self.rang(at, result),
            Input::Notified { device, result } => self.notified(at, &device, result),
        }
        self.run(at);
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, at: Moment) {
        if self.finished || self.stopping {
            return;
        }
        self.branch_deadlines(at);
        self.run(at);
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.finished || self.stopping {
            return None;
        }
        let walk = self.walk.as_ref();
        let branches = walk.into_iter().flat_map(|walk| &walk.branches).filter_map(Branch::until);
        let late = walk.is_none_or(|walk| !walk.late && walk.is_idle());
        let late = late.then(|| self.next_late().map(|(at, _)| at)).flatten();
        let held = self.held.filter(|_| walk.is_none());
        let age = branches.chain(late).chain(held).min()?;
        Some(self.started.0 + age.saturating_sub(self.started.1))
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// The lines that were added to the explanation since this was last asked.
    pub fn take_lines(&mut self) -> Vec<Line> {
        self.lines_taken += self.lines.len();
        std::mem::take(&mut self.lines)
    }

    /// The devices that the machine rings now or wants to ring soon: what else waits for the
    /// same telephone can be heard in the same call.
    pub fn rings(&self) -> Vec<String> {
        if self.finished || self.stopping {
            return Vec::new();
        }
        let branches = self.walk.iter().chain(&self.suspended).flat_map(|walk| &walk.branches);
        branches.filter_map(Branch::rings).flatten().cloned().collect()
    }

    // ---- time ----

    fn age(&self, at: Moment) -> Duration {
        self.started.1 + at.now.since(self.started.0)
    }

    fn is_quiet(&self, wall: UnixMillis) -> bool {
        self.quiet.as_ref().is_some_and(|quiet| quiet.open(wall))
    }

    /// How long quiet hours last, as far as anybody needs to know now.
    fn quiet_for(&self, wall: UnixMillis) -> Duration {
        let minute = Duration::from_secs(60);
        let into_minute = u64::try_from(wall.0.rem_euclid(60_000)).unwrap_or(0);
        let mut wait = minute - Duration::from_millis(into_minute);
        while wait < LOOK_EVERY && self.is_quiet(wall.after(wait)) {
            wait += minute;
        }
        wait
    }

    // ---- rules ----

    fn judge(&self, at: Moment, rule: usize) -> Verdict {
        let situation = Situation {
            wall: at.wall,
            reach: self.reach,
            sender: &self.sender,
            urgent: self.urgent,
            age: self.age(at),
            zone: &self.zone,
            groups: &self.profile.groups,
        };
        match self.profile.rules.get(rule) {
            Some(rule) => rule.when.judge(&situation),
            None => Verdict::No("the profile has no such rule".into()),
        }
    }

    /// Goes to the first rule from number `from` on that applies.
    fn choose(&mut self, at: Moment, from: usize) {
        self.walk = None;
        for rule in from..self.profile.rules.len() {
            let late = self.profile.rules.get(rule).and_then(|rule| rule.when.late());
            if let Some(late) = late {
                let words = format!("waits until the message is unheard for {}", seconds(late));
                self.line(at, Some(rule), What::Skipped, words);
                continue;
            }
            match self.judge(at, rule) {
                Verdict::Applies => return self.enter(at, rule, 0, false),
                Verdict::NotBefore(_) => {}
                Verdict::No(why) => {
                    self.line(at, Some(rule), What::Skipped, format!("does not apply: {why}"));
                }
            }
        }
    }

    fn enter(&mut self, at: Moment, rule: usize, act: usize, late: bool) {
        self.line(at, Some(rule), What::Applied, "applies".into());
        let since = if late { self.age(at) } else { Duration::ZERO };
        self.walk = Some(Walk { late, rule, act, branches: Vec::new(), since, reached: false });
        self.begin_act(at);
    }

    /// The rule that waits for the message to be unheard for longest, and has not had its turn.
    fn next_late(&self) -> Option<(Duration, usize)> {
        let rules = self.profile.rules.iter().enumerate();
        let late = rules.filter_map(|(n, rule)| Some((rule.when.late()?, n)));
        late.filter(|(_, n)| !self.late_done.contains(n)).min()
    }

    /// Gives the late rule whose time has come its turn, if there is one. What goes on meanwhile
    /// waits.
    fn choose_late(&mut self, at: Moment) -> bool {
        let Some((_, rule)) = self.next_late().filter(|(late, _)| *late <= self.age(at)) else {
            return false;
        };
        self.late_done.insert(rule);
        match self.judge(at, rule) {
            Verdict::Applies => {
                self.suspended = self.walk.take();
                self.enter(at, rule, 0, true);
            }
            Verdict::NotBefore(_) => {}
            Verdict::No(why) => {
                self.line(at, Some(rule), What::Skipped, format!("does not apply: {why}"));
            }
        }
        true
    }

    /// Goes on as far as it goes without waiting.
    fn run(&mut self, at: Moment) {
        while !self.finished && !self.stopping {
            let Some(walk) = &self.walk else {
                if self.suspended.is_some() {
                    self.walk = self.suspended.take();
                    self.branch_deadlines(at);
                    continue;
                }
                if !self.choose_late(at) && !self.look_at_held(at) {
                    return self.rest(at);
                }
                continue;
            };
            if walk.branches.iter().all(Branch::is_done) {
                self.act_is_over(at);
            } else if walk.late || !walk.is_idle() || !self.choose_late(at) {
                return;
            }
        }
    }

    fn act_is_over(&mut self, at: Moment) {
        let Some(walk) = &mut self.walk else { return };
        walk.reached |= walk.branches.contains(&Branch::Done { reached: true });
        walk.act += 1;
        let (rule, reached, late) = (walk.rule, walk.reached, walk.late);
        self.reached |= reached;
        let act = walk.act;
        let known = self.profile.rules.get(rule);
        let (acts, go_on) = known.map_or((0, false), |known| (known.acts.len(), known.go_on));
        if act < acts {
            match self.judge(at, rule) {
                Verdict::Applies | Verdict::NotBefore(_) => return self.begin_act(at),
                Verdict::No(why) => {
                    let words = format!("applies no longer: {why}");
                    self.line(at, Some(rule), What::Skipped, words);
                }
            }
        }
        if late {
            self.walk = None;
        } else if reached && !go_on {
            self.line(
                at,
                Some(rule),
                What::Reached,
                "reached you: no further rule is tried".into(),
            );
            self.walk = None;
        } else {
            self.choose(at, rule + 1);
        }
    }

    /// Whether what quiet hours held back is tried now.
    fn look_at_held(&mut self, at: Moment) -> bool {
        if self.held.is_none() || self.seen {
            self.held = None;
            return false;
        }
        if self.is_quiet(at.wall) {
            self.held = Some(self.age(at) + self.quiet_for(at.wall));
            return false;
        }
        self.held = None;
        self.line(at, None, What::HeldBack, "quiet hours are over".into());
        self.choose(at, 0);
        true
    }

    /// Nothing can be done now.
    fn rest(&mut self, at: Moment) {
        let disturbs = self.reach.do_not_disturb && !self.seen;
        if disturbs || self.held.is_some() || self.next_late().is_some() {
            return;
        }
        if let Some(reason) = self.last_failure.take().filter(|_| !self.reached) {
            self.line(at, None, What::Failed, format!("every rule was tried in vain: {reason}"));
            self.output.push_back(Output::Failed { reason });
        } else {
            self.line(at, None, What::Ended, "the message waits in the mailbox".into());
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.walk = None;
        self.suspended = None;
        self.finished = true;
        self.output.push_back(Output::Finished);
    }

    // ---- inputs ----

    fn settled(&mut self, at: Moment, why: String) {
        if self.stopping {
            return;
        }
        self.line(at, None, What::Ended, why);
        let rings = |walk: &Walk| walk.branches.iter().any(Branch::is_ringing);
        if self.walk.as_ref().is_some_and(rings) {
            self.stopping = true;
            self.output.push_back(Output::StopRinging);
        } else {
            self.finish();
        }
    }

    fn presence(&mut self, at: Moment, reach: Reach) {
        let before = std::mem::replace(&mut self.reach, reach);
        if before == reach || self.stopping {
            return;
        }
        self.line(at, None, What::Presence, format!("you are {} now", shown(reach)));
        if !reach.has_browser() {
            self.came = false;
            self.missed(at, "the browser went away before it was seen");
        } else if !before.has_browser() {
            self.came = true;
        }
        if self.walk.is_some() {
            self.pop_up_instead(at);
        } else if before.do_not_disturb && !reach.do_not_disturb && !self.seen {
            self.choose(at, 0);
        } else if self.came && !self.seen {
            self.pop_up_instead(at);
        }
    }

    /// Shows a pop-up in the place of what is waited for, if somebody came to see it and a rule
    /// wants it.
    fn pop_up_instead(&mut self, at: Moment) {
        let may = self.walk.as_ref().is_none_or(|walk| walk.is_idle() && walk.waits_to_ring());
        if !may || !self.came || !self.reach.has_browser() || self.seen {
            return;
        }
        let wants = |act: &Act| act.each().any(|act| *act == Act::PopUp);
        let mut rules = self.profile.rules.iter().enumerate();
        let found = rules.find_map(|(n, rule)| {
            let act = rule.acts.iter().position(wants)?;
            let applies = rule.when.late().is_none() && self.judge(at, n) == Verdict::Applies;
            applies.then_some((n, act))
        });
        if let Some((rule, act)) = found {
            self.enter(at, rule, act, false);
        }
    }

    // ---- the explanation ----

    fn line(&mut self, at: Moment, rule: Option<usize>, what: What, text: String) {
        let count = self.lines_taken + self.lines.len();
        if count >= MOST_LINES {
            return;
        }
        let last = count + 1 == MOST_LINES;
        let text = if last { "more happened than is kept here".into() } else { text };
        let rule = rule.and_then(|n| u16::try_from(n + 1).ok());
        self.lines.push(Line { at: at.wall, rule, what, text });
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
