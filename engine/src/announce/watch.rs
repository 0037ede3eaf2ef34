//! Rules on Hark's own events: what holds for how long, and how often that may be told.
//!
//! ```text
//!            began                after                 ended               clear_after
//!   (idle) ────────► pending ──────────────► raised ───────────► clearing ─────────────► (idle)
//!     ▲                │ ended                 ▲   (told once)      │ began again
//!     └────────────────┘                       └────────────────────┘  (not told again)
//! ```
//!
//! Something that happens at a moment (a refused trunk) is told at once. Nothing is told twice
//! about one subject within the rule's window. Time is monotonic: a wall clock that jumps makes
//! no message an hour old.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{MessageId, UserId};
use crate::time::Instant;

/// The most subjects that are watched at once, over all rules; further ones are counted only.
pub const MOST_ALARMS: usize = 100_000;

/// What a rule looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The last telephone of a user is no longer registered. Lasts.
    DeviceUnregistered,
    /// A message was not heard, kept or deleted. Lasts.
    MessageUnheard,
    /// Every rule of a recipient was tried in vain. A moment.
    DeliveryFailed,
    /// A mailbox is nearly full. Lasts.
    MailboxNearlyFull,
    /// A trunk takes no further call. A moment.
    TrunkRefused,
}

impl Condition {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::DeviceUnregistered,
        Self::MessageUnheard,
        Self::DeliveryFailed,
        Self::MailboxNearlyFull,
        Self::TrunkRefused,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceUnregistered => "device-unregistered",
            Self::MessageUnheard => "message-unheard",
            Self::DeliveryFailed => "delivery-failed",
            Self::MailboxNearlyFull => "mailbox-nearly-full",
            Self::TrunkRefused => "trunk-refused",
        }
    }
}

/// What it happened to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Whom it concerns: whose telephone, mailbox or message it is.
    pub user: Option<UserId>,
    /// Who sent the message, if one is concerned and a user did.
    pub sender: Option<UserId>,
    /// Which message.
    pub message: Option<MessageId>,
    /// A name where none of these says it: the trunk's.
    pub name: String,
}

/// A rule's number.
pub type RuleId = i64;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it looks for.
    pub condition: Condition,
    /// Only what concerns this user, or what they sent; `None` for everybody.
    pub about: Option<UserId>,
    /// For how long it has to last.
    pub after: Duration,
    /// For how long it has to be over before it counts as over.
    pub clear_after: Duration,
    /// Nothing is told twice about one subject within this.
    pub window: Duration,
}

impl Rule {
    fn concerns(&self, condition: Condition, subject: &Subject) -> bool {
        let about = self.about.is_none()
            || self.about == subject.user
            || (self.about == subject.sender && subject.sender.is_some());
        self.condition == condition && about
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A rule is new or has changed.
    Set(RuleId, Rule),
    /// A rule is gone, or rests.
    Remove(RuleId),
    /// Something that lasts has begun, so long ago.
    Began(Condition, Subject, Duration),
    /// It is over.
    Ended(Condition, Subject),
    /// Something happened at this moment.
    Happened(Condition, Subject),
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fire {
    /// By which rule.
    pub rule: RuleId,
    /// About what.
    pub subject: Subject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Pending,
    Raised,
    Clearing,
}

#[derive(Clone, Copy, Debug)]
struct Alarm {
    phase: Phase,
    /// When the phase ends by itself, or for an idle one when it is forgotten.
    until: Option<Instant>,
    fired: Option<Instant>,
}

type Key = (RuleId, Subject);

/// The rules, and what they watch.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    rules: BTreeMap<RuleId, Rule>,
    alarms: BTreeMap<Key, Alarm>,
    deadlines: BTreeSet<(Instant, Key)>,
    output: VecDeque<Fire>,
    suppressed: u64,
    overflowed: u64,
}

impl Watch {
    /// Takes in what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Set(id, rule) => {
                if self.rules.get(&id) != Some(&rule) {
                    self.remove(id);
                    self.rules.insert(id, rule);
                }
            }
            Input::Remove(id) => self.remove(id),
            Input::Began(condition, subject, ago) => {
                for id in self.concerned(condition, &subject) {
                    self.began(now, (id, subject.clone()), ago);
                }
            }
            Input::Ended(condition, subject) => {
                for id in self.concerned(condition, &subject) {
                    self.ended(now, (id, subject.clone()));
                }
            }
            Input::Happened(condition, subject) => {
                for id in self.concerned(condition, &subject) {
                    let key = (id, subject.clone());
                    self.fire(now, &key);
                    self.rest(now, key);
                }
            }
        }
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, key)) = self.deadlines.first().cloned() {
            if due > now {
                return;
            }
            self.deadlines.remove(&(due, key.clone()));
            let Some(alarm) = self.alarms.get_mut(&key) else { continue };
            alarm.until = None;
            match alarm.phase {
                Phase::Pending => {
                    alarm.phase = Phase::Raised;
                    self.fire(now, &key);
                }
                Phase::Clearing => self.rest(now, key),
                Phase::Idle => {
                    self.alarms.remove(&key);
                }
                // Lasts until it is over.
                Phase::Raised => {}
            }
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// What to tell next.
    pub fn poll_output(&mut self) -> Option<Fire> {
        self.output.pop_front()
    }

    /// How often something was not told, for it had been told within the window.
    pub const fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// How often something was not watched, for there was too much already.
    pub const fn overflowed(&self) -> u64 {
        self.overflowed
    }

    fn concerned(&self, condition: Condition, subject: &Subject) -> Vec<RuleId> {
        let concerned = self.rules.iter().filter(|(_, rule)| rule.concerns(condition, subject));
        concerned.map(|(id, _)| *id).collect()
    }

    fn remove(&mut self, id: RuleId) {
        self.rules.remove(&id);
        self.alarms.retain(|(rule, _), _| *rule != id);
        self.deadlines.retain(|(_, (rule, _))| *rule != id);
    }

    fn began(&mut self, now: Instant, key: Key, ago: Duration) {
        let after = self.rules.get(&key.0).map_or(Duration::ZERO, |rule| rule.after);
        match self.alarms.get(&key).map(|alarm| alarm.phase) {
            Some(Phase::Pending | Phase::Raised) => {}
            Some(Phase::Clearing) => self.set(key, Phase::Raised, None),
            None if self.alarms.len() >= MOST_ALARMS => self.overflowed += 1,
            None | Some(Phase::Idle) => {
                self.set(key, Phase::Pending, Some(now + after.saturating_sub(ago)));
                self.handle_timeout(now);
            }
        }
    }

    fn ended(&mut self, now: Instant, key: Key) {
        match self.alarms.get(&key).map(|alarm| alarm.phase) {
            Some(Phase::Pending) => self.rest(now, key),
            Some(Phase::Raised) => {
                let clear = self.rules.get(&key.0).map_or(Duration::ZERO, |rule| rule.clear_after);
                self.set(key, Phase::Clearing, Some(now + clear));
                self.handle_timeout(now);
            }
            Some(Phase::Clearing | Phase::Idle) | None => {}
        }
    }

    /// Tells it, unless it was told within the window.
    fn fire(&mut self, now: Instant, key: &Key) {
        let window = self.rules.get(&key.0).map_or(Duration::ZERO, |rule| rule.window);
        if !self.alarms.contains_key(key) && self.alarms.len() >= MOST_ALARMS {
            self.overflowed += 1;
            return;
        }
        let idle = Alarm { phase: Phase::Idle, until: None, fired: None };
        let alarm = self.alarms.entry(key.clone()).or_insert(idle);
        if alarm.fired.is_some_and(|fired| now < fired + window) {
            self.suppressed += 1;
            return;
        }
        alarm.fired = Some(now);
        self.output.push_back(Fire { rule: key.0, subject: key.1.clone() });
    }

    /// It is over: remembered only for as long as its window lasts.
    fn rest(&mut self, now: Instant, key: Key) {
        let window = self.rules.get(&key.0).map_or(Duration::ZERO, |rule| rule.window);
        let fired = self.alarms.get(&key).and_then(|alarm| alarm.fired);
        match fired.map(|fired| fired + window).filter(|until| *until > now) {
            Some(until) => self.set(key, Phase::Idle, Some(until)),
            None => {
                if let Some(Alarm { until: Some(until), .. }) = self.alarms.remove(&key) {
                    self.deadlines.remove(&(until, key));
                }
            }
        }
    }

    fn set(&mut self, key: Key, phase: Phase, until: Option<Instant>) {
        let fresh = Alarm { phase, until: None, fired: None };
        let alarm = self.alarms.entry(key.clone()).or_insert(fresh);
        let before = std::mem::replace(&mut alarm.until, until);
        alarm.phase = phase;
        if let Some(before) = before {
            self.deadlines.remove(&(before, key.clone()));
        }
        if let Some(until) = until {
            self.deadlines.insert((until, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(minutes: u32) -> Instant {
        Instant::ZERO + Duration::from_secs(60) * minutes
    }

    fn bob(n: i64) -> Subject {
        Subject { user: Some(UserId(n)), ..Subject::default() }
    }

    fn rule(condition: Condition) -> Rule {
        let after = HOUR;
        Rule { condition, about: None, after, clear_after: HOUR / 4, window: HOUR * 4 }
    }

    fn watch(rule: Rule) -> Watch {
        let mut watch = Watch::default();
        watch.handle_input(at(0), Input::Set(1, rule));
        watch
    }

    fn told(watch: &mut Watch) -> usize {
        std::iter::from_fn(|| watch.poll_output()).count()
    }

    const UNREGISTERED: Condition = Condition::DeviceUnregistered;

    #[test]
    fn it_is_told_once_it_has_lasted() {
        let mut watch = watch(rule(UNREGISTERED));
        watch.handle_input(at(0), Input::Began(UNREGISTERED, bob(1), Duration::ZERO));
        watch.handle_input(at(0), Input::Began(UNREGISTERED, bob(2), HOUR / 2));
        watch.handle_input(at(0), Input::Began(Condition::MessageUnheard, bob(3), HOUR));
        assert_eq!(watch.next_deadline(), Some(at(30)));
        watch.handle_timeout(at(30));
        assert_eq!(watch.poll_output(), Some(Fire { rule: 1, subject: bob(2) }));
        watch.handle_input(at(40), Input::Ended(UNREGISTERED, bob(1)));
        watch.handle_timeout(at(60));
        assert_eq!(told(&mut watch), 0, "it was over in time");
    }

    #[test]
    fn what_comes_and_goes_is_told_once() {
        let mut watch = watch(Rule { after: Duration::ZERO, ..rule(UNREGISTERED) });
        for minute in [0, 5, 10, 15] {
            watch.handle_input(at(minute), Input::Began(UNREGISTERED, bob(1), Duration::ZERO));
            watch.handle_timeout(at(minute + 2));
            watch.handle_input(at(minute + 2), Input::Ended(UNREGISTERED, bob(1)));
        }
        assert_eq!(told(&mut watch), 1);
        // Over at 32; told again only when the window is over too.
        watch.handle_timeout(at(40));
        watch.handle_input(at(50), Input::Began(UNREGISTERED, bob(1), Duration::ZERO));
        assert_eq!((told(&mut watch), watch.suppressed()), (0, 1));
        watch.handle_input(at(51), Input::Ended(UNREGISTERED, bob(1)));
        watch.handle_timeout(at(239));
        watch.handle_timeout(at(241));
        watch.handle_input(at(241), Input::Began(UNREGISTERED, bob(1), Duration::ZERO));
        assert_eq!(told(&mut watch), 1);
    }

    #[test]
    fn moments_are_told_at_once_and_not_again_within_the_window() {
        let refused = Condition::TrunkRefused;
        let mut watch = watch(rule(refused));
        let trunk = |name: &str| Subject { name: name.into(), ..Subject::default() };
        for minute in [0, 1, 239] {
            watch.handle_input(at(minute), Input::Happened(refused, trunk("out")));
        }
        watch.handle_input(at(1), Input::Happened(refused, trunk("other")));
        assert_eq!(told(&mut watch), 2);
        watch.handle_timeout(at(240));
        watch.handle_input(at(240), Input::Happened(refused, trunk("out")));
        assert_eq!(told(&mut watch), 1);
    }

    #[test]
    fn a_users_own_rule_sees_only_what_is_theirs() {
        let unheard = Condition::MessageUnheard;
        let mut watch =
            watch(Rule { about: Some(UserId(7)), after: Duration::ZERO, ..rule(unheard) });
        let message = |user, sender| Subject {
            user: Some(UserId(user)),
            sender,
            message: Some(MessageId(uuid::Uuid::from_u128(5))),
            ..Subject::default()
        };
        for subject in [message(1, None), message(1, Some(UserId(2)))] {
            watch.handle_input(at(0), Input::Began(unheard, subject, Duration::ZERO));
        }
        assert_eq!(told(&mut watch), 0);
        watch.handle_input(at(0), Input::Began(unheard, message(7, None), Duration::ZERO));
        watch.handle_input(at(0), Input::Began(unheard, message(1, Some(UserId(7))), HOUR));
        assert_eq!(told(&mut watch), 2);
        watch.handle_input(at(0), Input::Remove(1));
        assert_eq!(watch.next_deadline(), None);
    }

    proptest! {
        /// Whatever happens in whatever order: never twice about one subject within the window,
        /// never for something that did not last, and nothing is remembered for ever.
        #[test]
        fn never_twice_within_the_window(
            steps in proptest::collection::vec((0u32..30, 0i64..3, any::<bool>()), 1..120),
        ) {
            let mut watch = watch(rule(UNREGISTERED));
            let mut now = 0;
            let mut fired: BTreeMap<Subject, Vec<u32>> = BTreeMap::new();
            let mut since: BTreeMap<Subject, u32> = BTreeMap::new();
            for (wait, who, on) in steps {
                for _ in 0..wait {
                    now += 1;
                    watch.handle_timeout(at(now));
                    while let Some(fire) = watch.poll_output() {
                        let began = since.get(&fire.subject).copied();
                        prop_assert!(began.is_some_and(|began| now >= began + 60));
                        fired.entry(fire.subject).or_default().push(now);
                    }
                }
                let subject = bob(who);
                if on {
                    since.entry(subject.clone()).or_insert(now);
                    watch.handle_input(at(now), Input::Began(UNREGISTERED, subject, Duration::ZERO));
                } else {
                    since.remove(&subject);
                    watch.handle_input(at(now), Input::Ended(UNREGISTERED, subject));
                }
            }
            for times in fired.values() {
                prop_assert!(times.windows(2).all(|pair| pair[1] >= pair[0] + 240));
            }
            for who in 0..3 {
                watch.handle_input(at(now), Input::Ended(UNREGISTERED, bob(who)));
            }
            watch.handle_timeout(at(now + 1000));
            prop_assert!(watch.alarms.is_empty() && watch.deadlines.is_empty());
        }
    }
}
