//! Deliveries under whatever happens: presence, results, timeouts, settling, restarts and clocks
//! that jump, in any order.

use proptest::prelude::*;

use super::super::condition::{Period, Reached, When};
use super::super::limits::{HOUR, judge};
use super::super::profile::{Attach, Device, QuietHours, Ring, Rule};
use super::*;
use crate::presence::Presence;

/// What happens next.
#[derive(Clone, Debug)]
enum Happens {
    Presence(Reach),
    /// The call that is going on, if one is, ends so.
    Rang(bool),
    /// The device that is being told, if one is.
    Told(bool, bool),
    Seen,
    Settled,
    /// Both clocks go on to the next deadline, or by so many seconds.
    Deadline,
    Later(u64),
    /// The wall clock jumps.
    Jump(i64),
    /// The process dies and starts again.
    Restart,
}

fn any_reach() -> impl Strategy<Value = Reach> {
    (
        prop_oneof![
            Just(Presence::Offline),
            Just(Presence::Phone),
            Just(Presence::Away),
            Just(Presence::Online),
            Just(Presence::Busy)
        ],
        proptest::bool::weighted(0.15),
        any::<bool>(),
    )
        .prop_map(|(shown, do_not_disturb, busy_browser)| {
            let browser = match shown {
                Presence::Away | Presence::Online => true,
                Presence::Busy => busy_browser,
                Presence::Offline | Presence::Phone | Presence::DoNotDisturb => false,
            };
            let hidden = do_not_disturb && shown != Presence::Offline;
            let shown = if hidden { Presence::DoNotDisturb } else { shown };
            Reach { shown, browser, do_not_disturb, ..Reach::default() }
        })
}

fn any_happening() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => any_reach().prop_map(Happens::Presence),
        4 => proptest::bool::weighted(0.1).prop_map(Happens::Rang),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(ok, permanent)| Happens::Told(ok, permanent)),
        1 => Just(Happens::Seen),
        1 => proptest::bool::weighted(0.2).prop_map(|yes| if yes { Happens::Settled } else { Happens::Deadline }),
        6 => Just(Happens::Deadline),
        2 => (0u64..5_000).prop_map(Happens::Later),
        1 => (-7_200i64..7_200).prop_map(Happens::Jump),
        2 => Just(Happens::Restart),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    let phones = proptest::sample::subsequence(vec!["phone", "mobile", "stranger"], 1..3);
    let ring = (phones, 1u8..4, 1u32..300, 5u32..60).prop_map(|(names, attempts, retry, ring)| {
        let device = names.into_iter().map(str::to_owned).collect();
        Act::Ring(Ring { device, attempts, retry_secs: retry, ring_secs: ring })
    });
    let told = proptest::sample::subsequence(vec!["work", "push"], 1..3);
    let tell = told
        .prop_map(|names| Act::Notify { device: names.into_iter().map(str::to_owned).collect() });
    let quiet = prop_oneof![
        Just(Act::PopUp),
        (1u32..4_000).prop_map(|secs| Act::Wait { secs }),
        Just(Act::Escalate { to: "carol".into() }),
    ];
    prop_oneof![
        4 => ring.clone(),
        2 => tell.clone(),
        3 => quiet.clone(),
        1 => (ring, tell, quiet).prop_map(|(ring, tell, quiet)| Act::All(vec![ring, tell, quiet])),
        1 => Just(Act::Stop),
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let presence = proptest::sample::subsequence(Reached::ALL.to_vec(), 0..3);
    let hours = proptest::option::weighted(0.3, Just("8:00-16:00".parse::<Period>().unwrap()));
    let late = proptest::option::weighted(0.3, 1u32..8_000);
    (presence, hours, late, proptest::collection::vec(any_act(), 1..4), any::<bool>()).prop_map(
        |(presence, hours, unheard_secs, acts, go_on)| {
            let hours = hours.into_iter().collect();
            let when = When { presence, hours, unheard_secs, ..When::default() };
            Rule { when, acts, go_on }
        },
    )
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let quiet = proptest::option::of((
        prop_oneof![Just("12:00-13:00"), Just("22:00-7:00"), Just("0:00-24:00")],
        any::<bool>(),
    ));
    (proptest::collection::vec(any_rule(), 0..5), quiet).prop_map(|(rules, quiet)| {
        let quiet_hours = quiet.map(|(hours, urgent_passes)| QuietHours {
            hours: vec![hours.parse().unwrap()],
            urgent_passes,
        });
        let mut profile = Profile { rules, quiet_hours, ..Profile::default() };
        let device = |name: &str, kind, verified| Device { name: name.into(), kind, verified };
        let number = DeviceKind::Number { number: "+4930123".into(), trunk: None };
        let mail = DeviceKind::Email { address: "b@x.org".into(), attach: Attach::No };
        profile.devices.extend([
            device("mobile", number.clone(), true),
            device("stranger", number, false),
            device("work", mail, true),
            device("push", DeviceKind::WebPush, false),
        ]);
        profile
    })
}

/// A world with one message in it: what the store remembers, and what goes on.
struct World {
    profile: Profile,
    reach: Reach,
    urgent: bool,
    at: Moment,
    begun: Instant,
    machine: Machine,
    ringing: bool,
    telling: Vec<String>,
    seen: bool,
    settled: bool,
    finished: bool,
    failed: bool,
    /// Each call: rule, act and when it began.
    calls: Vec<(u16, u16, Instant)>,
    /// How many of them were made before the process was started again.
    calls_before: usize,
    begun_calls: Vec<UnixMillis>,
    told: Vec<(String, Instant)>,
    tries: usize,
    escalated: Vec<String>,
    pop_ups: usize,
}

const MOST_AN_HOUR: u32 = 4;

impl World {
    fn new(profile: Profile, reach: Reach, urgent: bool) -> Self {
        // 2026-01-05T11:50:00Z, shortly before the first quiet hours.
        let wall = UnixMillis(1_767_613_800_000);
        let at = Moment { now: Instant::from_micros(1_000_000_000_000), wall };
        let machine = Machine::start(at, Self::start(&profile, reach, urgent, Duration::ZERO));
        Self {
            profile,
            reach,
            urgent,
            at,
            begun: at.now,
            machine,
            ringing: false,
            telling: Vec::new(),
            seen: false,
            settled: false,
            finished: false,
            failed: false,
            calls: Vec::new(),
            calls_before: 0,
            begun_calls: Vec::new(),
            told: Vec::new(),
            tries: 0,
            escalated: Vec::new(),
            pop_ups: 0,
        }
    }

    fn start(profile: &Profile, reach: Reach, urgent: bool, age: Duration) -> Start {
        Start {
            profile: profile.clone(),
            reach,
            sender: SenderFacts::default(),
            urgent,
            private: false,
            age,
            memory: Memory::default(),
        }
    }

    /// What the dispatcher does at a start: takes up what is unfinished.
    fn restart(&mut self) -> Result<(), TestCaseError> {
        if self.settled || self.failed || self.seen && !self.profile.has_late_rules() {
            return Ok(());
        }
        let ago = |at: &Instant| self.at.now.since(*at);
        let memory = Memory {
            seen: self.seen,
            calls: self
                .calls
                .iter()
                .map(|(rule, act, at)| PastCall { rule: *rule, act: *act, ago: ago(at) })
                .collect(),
            told: self.told.iter().map(|(device, at)| (device.clone(), ago(at))).collect(),
            escalated: self.escalated.clone(),
        };
        let age = self.at.now.since(self.begun);
        let start = Self::start(&self.profile, self.reach, self.urgent, age);
        self.machine = Machine::start(self.at, Start { memory, ..start });
        (self.ringing, self.finished, self.calls_before) = (false, false, self.calls.len());
        self.telling.clear();
        self.serve()
    }

    /// Does what the machine wants, and judges it.
    fn serve(&mut self) -> Result<(), TestCaseError> {
        while let Some(output) = self.machine.poll_output() {
            prop_assert!(!self.finished, "{output:?} after the end");
            match output {
                Output::PopUp => {
                    prop_assert!(self.reach.has_browser() && !self.settled);
                    self.pop_ups += 1;
                }
                Output::Ring { rule, act, targets, .. } => {
                    self.ring(rule, act, &targets)?;
                }
                Output::StopRinging => prop_assert!(self.ringing && self.settled),
                Output::Notify { device, kind } => {
                    prop_assert!(!self.settled && self.telling.iter().all(|one| *one != device));
                    prop_assert!(!kind.is_noisy() || !self.is_quiet());
                    let label = format!("{}:{device}", kind.channel());
                    prop_assert!(self.told.iter().all(|(told, _)| *told != label), "told twice");
                    self.tries += 1;
                    self.telling.push(device);
                }
                Output::Escalate { to } => {
                    prop_assert!(!self.settled && !self.escalated.contains(&to));
                    self.escalated.push(to);
                }
                Output::AttemptFailed { .. } => prop_assert!(!self.settled),
                Output::Failed { .. } => {
                    prop_assert!(!self.settled && !self.seen && self.told.is_empty());
                    self.failed = true;
                }
                Output::Finished => self.finished = true,
            }
        }
        let late = self.machine.next_deadline().is_some_and(|next| next < self.at.now);
        prop_assert!(!late || !self.finished, "a deadline after the end");
        self.is_not_stuck()
    }

    fn ring(&mut self, rule: u16, act: u16, targets: &[RingTarget]) -> Result<(), TestCaseError> {
        prop_assert!(!self.ringing, "one ring at a time");
        prop_assert!(!self.settled, "heard is final");
        prop_assert!(!self.reach.do_not_disturb && !self.is_quiet(), "rung in quiet hours");
        prop_assert!(targets.iter().all(|target| target.device != "stranger"));
        let limited = judge(self.at.wall, &self.begun_calls, MOST_AN_HOUR, HOUR);
        if let Err(wait) = limited {
            let reason = "too many calls".into();
            self.machine.handle_input(self.at, Input::Rang(RingResult::Limited { reason, wait }));
            return Ok(());
        }
        let before = self.calls.iter().take(self.calls_before);
        if let Some(last) = before.map(|(_, _, at)| *at).max() {
            let since = self.at.now.since(last);
            prop_assert!(since >= CONFIRM_WINDOW, "called again {since:?} after a restart");
        }
        let attempts = match self.profile.rules[usize::from(rule)].acts[usize::from(act)]
            .each()
            .find_map(|act| if let Act::Ring(ring) = act { Some(ring.attempts) } else { None })
        {
            Some(attempts) => usize::from(attempts),
            None => 0,
        };
        let made = self.calls.iter().filter(|(r, a, _)| (*r, *a) == (rule, act)).count();
        prop_assert!(made < attempts, "rung more often than the rule says");
        self.calls.push((rule, act, self.at.now));
        self.begun_calls.push(self.at.wall);
        self.ringing = true;
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        self.profile.quiet_hours.as_ref().is_some_and(|quiet| {
            let hours = hours(&Zone::utc(), &quiet.hours).unwrap();
            hours.open(self.at.wall) && !(self.urgent && quiet.urgent_passes)
        })
    }

    /// Finished, or a deadline, or something must come: the end of a call, a device's answer, or
    /// of do not disturb.
    fn is_not_stuck(&self) -> Result<(), TestCaseError> {
        let waits = self.ringing
            || !self.telling.is_empty()
            || self.reach.do_not_disturb
            || self.machine.next_deadline().is_some();
        prop_assert!(self.finished || waits, "stuck: {:?}", self.machine);
        Ok(())
    }

    fn happen(&mut self, what: Happens) -> Result<(), TestCaseError> {
        match what {
            Happens::Presence(reach) => {
                self.reach = reach;
                self.machine.handle_input(self.at, Input::Presence(reach));
            }
            Happens::Rang(confirmed) => {
                if !std::mem::take(&mut self.ringing) {
                    return Ok(());
                }
                let result = if confirmed {
                    self.settled = true;
                    RingResult::Confirmed
                } else {
                    RingResult::Failed { reason: "no answer".into() }
                };
                self.machine.handle_input(self.at, Input::Rang(result));
            }
            Happens::Told(ok, permanent) => {
                let Some(device) = self.telling.pop() else { return Ok(()) };
                let label = self.profile.device(&device).unwrap().label();
                let result = if ok {
                    self.told.push((label, self.at.now));
                    Ok(())
                } else {
                    Err(NotTold { reason: "down".into(), permanent })
                };
                self.machine.handle_input(self.at, Input::Notified { device, result });
            }
            Happens::Seen => {
                if self.pop_ups == 0 {
                    return Ok(());
                }
                self.machine.handle_input(self.at, Input::Seen);
                self.seen |= self.machine.seen;
            }
            Happens::Settled => {
                self.settled = true;
                let why = if self.at.wall.0 % 2 == 0 {
                    Input::Settled
                } else {
                    Input::CalledOff("confirmed by another".into())
                };
                self.machine.handle_input(self.at, why);
            }
            Happens::Deadline => {
                if let Some(next) = self.machine.next_deadline() {
                    self.at = self.at.later(next.since(self.at.now));
                    self.machine.handle_timeout(self.at);
                }
            }
            Happens::Later(secs) => {
                self.at = self.at.later(Duration::from_secs(secs));
                if self.machine.next_deadline().is_some_and(|next| next <= self.at.now) {
                    self.machine.handle_timeout(self.at);
                }
            }
            Happens::Jump(secs) => {
                self.at.wall = UnixMillis(self.at.wall.0 + secs * 1_000);
            }
            Happens::Restart => return self.restart(),
        }
        self.serve()
    }

    /// From here on everything comes that must come: then it ends, whatever was before.
    fn ends(&mut self) -> Result<(), TestCaseError> {
        if self.reach.do_not_disturb {
            self.happen(Happens::Presence(Reach::default()))?;
        }
        for _ in 0..3_000 {
            if self.finished {
                return Ok(());
            }
            if self.ringing {
                self.happen(Happens::Rang(false))?;
            } else if !self.telling.is_empty() {
                self.happen(Happens::Told(false, false))?;
            } else {
                self.happen(Happens::Deadline)?;
            }
        }
        // Hours that are always quiet end with the profile that says so.
        let always_quiet = self.is_quiet()
            && self
                .profile
                .quiet_hours
                .as_ref()
                .is_some_and(|q| q.hours.iter().any(|hours| hours.to_string() == "0:00-24:00"));
        prop_assert!(always_quiet, "it never ends: {:?}", self.machine);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn never_stuck_never_after_it_was_heard_never_in_quiet_hours_never_too_often(
        profile in any_profile(), reach in any_reach(), urgent in any::<bool>(),
        happenings in proptest::collection::vec(any_happening(), 0..80)
    ) {
        let mut world = World::new(profile, reach, urgent);
        world.serve()?;
        for what in happenings {
            world.happen(what)?;
        }
        world.ends()?;
    }

    /// A clock that jumps by an hour at every step brings no more calls than the rules allow.
    #[test]
    fn a_jumping_clock_brings_no_burst_of_calls(
        profile in any_profile(), jumps in proptest::collection::vec(-3_600i64..3_601, 1..40)
    ) {
        let mut world = World::new(profile, Reach::default(), false);
        world.serve()?;
        for jump in jumps {
            world.happen(Happens::Jump(jump.signum() * 3_600))?;
            world.happen(Happens::Deadline)?;
            world.happen(Happens::Rang(false))?;
            world.happen(Happens::Told(false, false))?;
            // So many calls as fit into the time that really passed, and one attempt's pause.
            let calls: Vec<_> = world.calls.iter().map(|(_, _, at)| *at).collect();
            for pair in calls.windows(2) {
                prop_assert!(pair[1] >= pair[0]);
            }
            let attempts: usize = world.profile.rules.iter().flat_map(|rule| &rule.acts)
                .flat_map(Act::each)
                .map(|act| if let Act::Ring(ring) = act { usize::from(ring.attempts) } else { 0 })
                .sum();
            prop_assert!(calls.len() <= attempts);
        }
    }
}
