//! Deliveries in virtual time.

use super::super::condition::When;
use super::super::profile::{Attach, Device, QuietHours, Ring, Rule};
use super::*;
use crate::presence::Presence;

/// 2026-01-05T12:00:00Z, a Monday.
const NOON: UnixMillis = UnixMillis(1_767_614_400_000);

/// So many seconds after noon, on both clocks.
fn at(secs: u64) -> Moment {
    Moment { now: Instant::ZERO, wall: NOON }.later(Duration::from_secs(secs))
}

fn reach(shown: Presence) -> Reach {
    let browser = matches!(shown, Presence::Away | Presence::Online);
    let do_not_disturb = shown == Presence::DoNotDisturb;
    Reach { shown, browser, do_not_disturb, ..Reach::default() }
}

fn ring(device: &str, attempts: u8) -> Act {
    Act::Ring(Ring { attempts, ..Ring::of(device) })
}

fn tell(device: &str) -> Act {
    Act::Notify { device: vec![device.into()] }
}

fn device(name: &str, kind: DeviceKind, verified: bool) -> Device {
    Device { name: name.into(), kind, verified }
}

fn mail() -> DeviceKind {
    DeviceKind::Email { address: "bob@example.org".into(), attach: Attach::No }
}

fn profile(rules: Vec<Rule>) -> Profile {
    let mut profile = Profile { rules, ..Profile::default() };
    let number = DeviceKind::Number { number: "+4930123".into(), trunk: None };
    profile.devices.extend([
        device("mobile", number.clone(), true),
        device("stranger", number, false),
        device("work", mail(), true),
        device("push", DeviceKind::WebPush, false),
    ]);
    profile
}

fn always(act: Act) -> Rule {
    Rule::new(When::default(), act)
}

fn begin(at: Moment, profile: Profile, reach: Reach) -> Machine {
    Machine::start(at, start(profile, reach))
}

fn start(profile: Profile, reach: Reach) -> Start {
    Start {
        profile,
        reach,
        sender: SenderFacts::default(),
        urgent: false,
        private: false,
        age: Duration::ZERO,
        memory: Memory::default(),
    }
}

fn all(machine: &mut Machine) -> Vec<Output> {
    std::iter::from_fn(|| machine.poll_output()).collect()
}

/// What was done, in words.
fn did(machine: &mut Machine) -> Vec<String> {
    let words = |output: Output| match output {
        Output::PopUp => "pop-up".into(),
        Output::Ring { targets, .. } => {
            let names: Vec<_> = targets.into_iter().map(|target| target.device).collect();
            format!("ring {}", names.join("+"))
        }
        Output::StopRinging => "stop".into(),
        Output::Notify { device, .. } => format!("tell {device}"),
        Output::Escalate { to } => format!("escalate {to}"),
        Output::AttemptFailed { device, reason } => format!("{device}: {reason}"),
        Output::Failed { reason } => format!("failed: {reason}"),
        Output::Finished => "finished".into(),
    };
    all(machine).into_iter().map(words).collect()
}

fn rang(reason: &str) -> Input {
    Input::Rang(RingResult::Failed { reason: reason.into() })
}

fn told(device: &str) -> Input {
    Input::Notified { device: device.into(), result: Ok(()) }
}

fn not_told(device: &str, permanent: bool) -> Input {
    let result = Err(NotTold { reason: "down".into(), permanent });
    Input::Notified { device: device.into(), result }
}

fn lines(machine: &mut Machine) -> Vec<String> {
    machine.take_lines().into_iter().map(|line| line.text).collect()
}

fn present_then_ring() -> Profile {
    profile(vec![
        Rule::new(When::present(), Act::PopUp),
        Rule::new(When::absent(), ring("phone", 3)),
    ])
}

#[test]
fn the_present_get_a_pop_up_and_no_telephone_rings() {
    let mut machine = begin(at(0), present_then_ring(), reach(Presence::Online));
    assert_eq!(did(&mut machine), ["pop-up"]);
    machine.handle_input(at(0), Input::Seen);
    assert_eq!(did(&mut machine), ["finished"]);
}

#[test]
fn a_pop_up_that_nobody_sees_is_followed_by_the_next_rule() {
    let profile = profile(vec![Rule::new(When::present(), Act::PopUp), always(ring("phone", 1))]);
    let mut machine = begin(at(0), profile.clone(), reach(Presence::Away));
    all(&mut machine);
    machine.handle_timeout(at(15));
    assert_eq!(did(&mut machine), ["ring phone"]);

    let mut machine = begin(at(0), profile, reach(Presence::Away));
    all(&mut machine);
    machine.handle_input(at(0), Input::Presence(reach(Presence::Phone)));
    assert_eq!(did(&mut machine), ["ring phone"], "the lid was closed");
}

#[test]
fn toggling_presence_does_not_ring_faster() {
    let profile = profile(vec![always(ring("phone", 3))]);
    let mut machine = begin(at(0), profile, reach(Presence::Online));
    machine.handle_input(at(0), rang("busy"));
    all(&mut machine);
    for presence in [Presence::Away, Presence::Online, Presence::Away] {
        machine.handle_input(at(0), Input::Presence(reach(presence)));
    }
    assert_eq!(all(&mut machine), []);
}

#[test]
fn coming_online_while_it_rings_brings_the_pop_up_next() {
    let mut machine = begin(at(0), present_then_ring(), reach(Presence::Phone));
    all(&mut machine);
    machine.handle_input(at(0), Input::Presence(reach(Presence::Online)));
    machine.handle_input(at(0), rang("no answer"));
    assert_eq!(did(&mut machine).last().unwrap(), "pop-up");
}

#[test]
fn the_absent_are_rung_until_confirmed() {
    let mut machine = begin(at(0), present_then_ring(), reach(Presence::Phone));
    let ring = Output::Ring {
        rule: 1,
        act: 0,
        targets: vec![RingTarget { device: "phone".into(), target: Target::RegisteredPhones }],
        ring_for: Duration::from_secs(30),
    };
    assert_eq!(all(&mut machine), std::slice::from_ref(&ring));
    machine.handle_input(at(0), rang("busy"));
    assert_eq!(did(&mut machine), ["phone: busy"]);
    assert_eq!(machine.next_deadline(), Some(at(60).now));
    assert_eq!(machine.rings(), ["phone"], "it waits for its telephone");
    machine.handle_timeout(at(59));
    assert_eq!(all(&mut machine), []);
    machine.handle_timeout(at(60));
    assert_eq!(all(&mut machine), std::slice::from_ref(&ring));
    machine.handle_input(at(60), rang("busy"));
    assert_eq!(machine.next_deadline(), Some(at(180).now), "backs off");
    machine.handle_timeout(at(180));
    assert_eq!(did(&mut machine), ["phone: busy", "ring phone"]);
    machine.handle_input(at(180), Input::Rang(RingResult::Confirmed));
    assert_eq!(did(&mut machine), ["finished"]);
    assert_eq!(machine.next_deadline(), None);
    let told = lines(&mut machine);
    assert!(told.contains(&"rings phone (attempt 3 of 3)".into()), "{told:?}");
    assert!(told.contains(&"does not apply: you are absent, with a telephone registered".into()));
}

#[test]
fn failing_everywhere_is_said_once_with_the_last_reason() {
    let profile = profile(vec![always(ring("phone", 1)), always(ring("moon", 1))]);
    let mut machine = begin(at(0), profile, reach(Presence::Offline));
    all(&mut machine);
    machine.handle_input(at(0), rang("no answer"));
    let did = did(&mut machine);
    assert!(did[2].starts_with("failed: ") && did[2].contains("moon"), "{did:?}");
    assert_eq!(did.last().unwrap(), "finished");
}

#[test]
fn hearing_it_elsewhere_stops_the_telephone() {
    let mut machine = begin(at(0), present_then_ring(), reach(Presence::Offline));
    all(&mut machine);
    machine.handle_input(at(0), Input::Settled);
    machine.handle_input(at(0), Input::Settled);
    assert_eq!(did(&mut machine), ["stop"]);
    machine.handle_input(at(0), rang("cancelled"));
    assert_eq!(did(&mut machine), ["finished"]);
}

#[test]
fn a_mail_that_fails_after_it_was_heard_is_no_failure() {
    let all_at_once = Act::All(vec![ring("phone", 1), tell("work")]);
    let mut machine = begin(at(0), profile(vec![always(all_at_once)]), reach(Presence::Offline));
    all(&mut machine);
    machine.handle_input(at(1), Input::Settled);
    assert_eq!(did(&mut machine), ["stop"]);
    machine.handle_input(at(2), not_told("work", false));
    assert_eq!(did(&mut machine), [""; 0]);
    machine.handle_input(at(3), rang("cancelled"));
    assert_eq!(did(&mut machine), ["finished"]);
}

#[test]
fn who_was_told_before_a_pop_up_took_over_was_reached() {
    let all_at_once = Act::All(vec![ring("mobile", 2), tell("push"), Act::PopUp]);
    let mut machine = begin(at(0), profile(vec![always(all_at_once)]), reach(Presence::Offline));
    all(&mut machine);
    machine.handle_input(at(5), rang("no answer"));
    machine.handle_input(at(6), told("push"));
    // The next attempt is waited for when the browser comes, and goes again.
    machine.handle_input(at(7), Input::Presence(reach(Presence::Online)));
    machine.handle_input(at(8), Input::Presence(reach(Presence::Offline)));
    let did = did(&mut machine);
    assert!(did.iter().all(|did| !did.starts_with("failed: ")), "{did:?}");
}

#[test]
fn what_is_called_off_stops_ringing_and_is_not_tried_again() {
    // While it rings, while the next attempt is waited for, and while nothing goes on.
    let profile = profile(vec![always(ring("phone", 3))]);
    let by_another = || Input::CalledOff("confirmed by another".into());
    let mut machine = begin(at(0), profile.clone(), reach(Presence::Offline));
    all(&mut machine);
    machine.handle_input(at(2), by_another());
    assert_eq!(all(&mut machine), [Output::StopRinging]);
    assert_eq!(machine.next_deadline(), None);
    machine.handle_input(at(2), rang("no longer wanted"));
    assert_eq!(all(&mut machine), [Output::Finished], "it did not fail");
    assert!(lines(&mut machine).iter().any(|line| line.contains("confirmed by another")));

    let mut machine = begin(at(0), profile, reach(Presence::Offline));
    machine.handle_input(at(30), rang("no answer"));
    all(&mut machine);
    machine.handle_input(at(40), by_another());
    assert_eq!(all(&mut machine), [Output::Finished]);
    machine.handle_timeout(at(4_000));
    assert_eq!((all(&mut machine), machine.next_deadline()), (vec![], None));
}

#[test]
fn coming_online_between_two_attempts_brings_the_pop_up() {
    let mut machine = begin(at(0), present_then_ring(), reach(Presence::Phone));
    machine.handle_input(at(0), rang("busy"));
    all(&mut machine);
    machine.handle_input(at(0), Input::Presence(reach(Presence::Online)));
    assert_eq!(did(&mut machine), ["pop-up"]);
}

#[test]
fn nothing_rings_or_pops_up_for_who_does_not_want_to_be_disturbed() {
    let quiet = reach(Presence::DoNotDisturb);
    let quiet =
        [quiet, Reach { browser: true, ..quiet }, Reach { shown: Presence::Offline, ..quiet }];
    for quiet in quiet {
        let mut machine = begin(at(0), present_then_ring(), quiet);
        assert_eq!((all(&mut machine), machine.next_deadline()), (vec![], None));
        machine.handle_input(at(0), Input::Presence(reach(Presence::Online)));
        assert_eq!(did(&mut machine), ["pop-up"], "it ends, and the rules are tried");
        let mut machine = begin(at(0), present_then_ring(), quiet);
        machine.handle_input(at(0), Input::Settled);
        assert_eq!(did(&mut machine), ["finished"], "heard by calling in");
    }
}

#[test]
fn the_next_attempt_waits_while_nobody_wants_to_be_disturbed() {
    let mut machine = begin(at(0), present_then_ring(), reach(Presence::Phone));
    machine.handle_input(at(0), rang("busy"));
    all(&mut machine);
    machine.handle_input(at(0), Input::Presence(reach(Presence::DoNotDisturb)));
    machine.handle_timeout(at(60));
    assert_eq!((all(&mut machine), machine.next_deadline()), (vec![], None));
    machine.handle_input(at(60), Input::Presence(reach(Presence::Phone)));
    assert_eq!(did(&mut machine), ["ring phone"]);
}

#[test]
fn who_is_in_a_call_at_an_open_browser_gets_the_pop_up() {
    let busy = Reach { shown: Presence::Busy, browser: true, ..Reach::default() };
    let mut machine = begin(at(0), present_then_ring(), busy);
    assert_eq!(did(&mut machine), ["pop-up"]);
}

#[test]
fn a_rule_is_done_in_turn_and_the_next_one_only_if_it_reached_nobody() {
    let rule = Rule { acts: vec![ring("mobile", 1), tell("work")], ..always(Act::Stop) };
    let rules = vec![rule, always(tell("push"))];
    let mut machine = begin(at(0), profile(rules.clone()), reach(Presence::Offline));
    assert_eq!(did(&mut machine), ["ring mobile"]);
    machine.handle_input(at(30), rang("no answer"));
    assert_eq!(did(&mut machine), ["mobile: no answer", "tell work"]);
    machine.handle_input(at(31), told("work"));
    assert_eq!(did(&mut machine), ["finished"], "told: no further rule, and no failure");

    let mut machine = begin(at(0), profile(rules), reach(Presence::Offline));
    machine.handle_input(at(30), rang("no answer"));
    all(&mut machine);
    let mut now = 30;
    for (attempt, pause) in [30, 60, 120, 240].into_iter().enumerate() {
        machine.handle_input(at(now), not_told("work", false));
        assert_eq!(did(&mut machine), ["work: down"], "attempt {attempt}");
        now += pause;
        machine.handle_timeout(at(now));
        assert_eq!(did(&mut machine), ["tell work"]);
    }
    machine.handle_input(at(now), not_told("work", false));
    assert_eq!(did(&mut machine), ["work: down", "tell push"], "the next rule");
    machine.handle_input(at(now), not_told("push", true));
    assert_eq!(did(&mut machine), ["push: down", "failed: down", "finished"], "never silence");
}

#[test]
fn several_are_rung_and_told_at_once() {
    let both = Ring { device: vec!["phone".into(), "mobile".into()], attempts: 1, ..Ring::of("") };
    let rules = vec![always(Act::All(vec![Act::Ring(both), tell("work"), Act::PopUp]))];
    let mut machine = begin(at(0), profile(rules), reach(Presence::Online));
    assert_eq!(did(&mut machine), ["ring phone+mobile", "tell work", "pop-up"]);
    machine.handle_input(at(1), told("work"));
    machine.handle_input(at(2), Input::Seen);
    assert_eq!(did(&mut machine), [""; 0], "it rings on until it is heard");
    machine.handle_input(at(9), Input::Settled);
    assert_eq!(did(&mut machine), ["stop"]);
}

#[test]
fn what_was_never_verified_is_not_rung() {
    let mut machine =
        begin(at(0), profile(vec![always(ring("stranger", 3))]), reach(Presence::Offline));
    let did = did(&mut machine);
    assert_eq!(did[0], "stranger: it was never verified");
    assert_eq!(did.last().unwrap(), "finished");
    assert!(!did.iter().any(|one| one.starts_with("ring")));
}

#[test]
fn quiet_hours_hold_back_what_makes_a_noise_and_nothing_else() {
    let rule =
        Rule { acts: vec![ring("mobile", 1), tell("push"), tell("work")], ..always(Act::Stop) };
    let quiet = QuietHours { hours: vec!["12:00-13:00".parse().unwrap()], urgent_passes: true };
    let profile = Profile { quiet_hours: Some(quiet), ..profile(vec![rule]) };
    let mut machine = begin(at(0), profile.clone(), reach(Presence::Phone));
    assert_eq!(did(&mut machine), ["tell work"]);
    machine.handle_input(at(1), told("work"));
    assert_eq!(did(&mut machine), [""; 0]);
    assert_eq!(machine.next_deadline(), Some(at(1_860).now), "looked at now and then");
    machine.handle_timeout(at(1_800));
    machine.handle_timeout(at(3_599));
    assert_eq!(did(&mut machine), [""; 0]);
    machine.handle_timeout(at(3_600));
    assert_eq!(did(&mut machine), ["ring mobile"]);
    machine.handle_input(at(3_630), rang("no answer"));
    assert_eq!(did(&mut machine), ["mobile: no answer", "tell push"]);
    machine.handle_input(at(3_631), told("push"));
    assert_eq!(did(&mut machine), ["finished"], "nobody is mailed twice");

    let urgent = Start { urgent: true, ..start(profile.clone(), reach(Presence::Phone)) };
    assert_eq!(did(&mut Machine::start(at(0), urgent)), ["ring mobile"], "urgent may pass");
    let mut strict = profile;
    strict.quiet_hours.as_mut().unwrap().urgent_passes = false;
    let urgent = Start { urgent: true, ..start(strict, reach(Presence::Phone)) };
    assert_eq!(did(&mut Machine::start(at(0), urgent)), ["tell work"]);
}

#[test]
fn when_quiet_hours_end_is_known_beforehand() {
    let mut bob = profile(vec![always(ring("phone", 3))]);
    assert_eq!(bob.quiet_until(NOON, false), None);
    let hours = |text: &str| vec![text.parse().unwrap()];
    bob.zone = "Europe/Berlin".into();
    bob.quiet_hours = Some(QuietHours { hours: hours("12:00-13:30"), urgent_passes: true });
    // It is 13:00 in Berlin.
    assert_eq!(bob.quiet_until(NOON, false), Some(at(1_800).wall));
    assert_eq!(bob.quiet_until(NOON, true), None);
    assert_eq!(bob.quiet_until(at(1_800).wall, false), None);
    bob.quiet_hours = Some(QuietHours { hours: hours("mon-sun 0:00-24:00"), urgent_passes: false });
    assert_eq!(bob.quiet_until(NOON, true), Some(at(7 * 86_400).wall));
}

#[test]
fn the_wall_clock_may_jump_in_quiet_hours() {
    let quiet = QuietHours { hours: vec!["12:00-13:00".parse().unwrap()], urgent_passes: false };
    let profile = Profile { quiet_hours: Some(quiet), ..profile(vec![always(ring("mobile", 1))]) };
    let mut machine = begin(at(0), profile, reach(Presence::Phone));
    assert_eq!(did(&mut machine), [""; 0]);
    let jumped = Moment { wall: NOON.after(Duration::from_secs(7_200)), ..at(1_800) };
    machine.handle_timeout(jumped);
    assert_eq!(did(&mut machine), ["ring mobile"]);
    let back = Moment { wall: NOON, ..at(1_900) };
    machine.handle_input(back, rang("busy"));
    machine.handle_timeout(back);
    assert_eq!(did(&mut machine).last().unwrap(), "finished");
}

#[test]
fn what_stays_unheard_is_escalated() {
    let late = |secs| When { unheard_secs: Some(secs), ..When::default() };
    let rules = vec![
        Rule::new(When::present(), Act::PopUp),
        Rule::new(late(3_600), ring("mobile", 1)),
        Rule::new(late(7_200), Act::Escalate { to: "carol".into() }),
    ];
    let mut machine = begin(at(0), profile(rules.clone()), reach(Presence::Online));
    all(&mut machine);
    machine.handle_input(at(1), Input::Seen);
    assert_eq!(machine.next_deadline(), Some(at(3_600).now), "seen is not heard");
    machine.handle_timeout(at(3_600));
    assert_eq!(did(&mut machine), ["ring mobile"]);
    machine.handle_input(at(3_630), rang("no answer"));
    machine.handle_timeout(at(7_200));
    assert_eq!(did(&mut machine), ["mobile: no answer", "escalate carol", "finished"]);

    // Heard in time, it goes to nobody else.
    let mut machine = begin(at(0), profile(rules.clone()), reach(Presence::Online));
    machine.handle_input(at(1), Input::Seen);
    machine.handle_input(at(2), Input::Settled);
    machine.handle_timeout(at(7_200));
    assert_eq!(did(&mut machine), ["pop-up", "finished"]);

    // What is private stays so.
    let private = Start { private: true, ..start(profile(rules), reach(Presence::Offline)) };
    let mut machine = Machine::start(at(0), private);
    machine.handle_timeout(at(3_600));
    machine.handle_input(at(3_600), rang("no answer"));
    machine.handle_timeout(at(7_200));
    assert!(!did(&mut machine).contains(&"escalate carol".into()));
}

#[test]
fn a_late_rule_goes_before_what_waits() {
    let rules = vec![
        always(ring("phone", 10)),
        Rule::new(When { unheard_secs: Some(100), ..When::default() }, tell("work")),
    ];
    let mut machine = begin(at(0), profile(rules), reach(Presence::Offline));
    machine.handle_input(at(30), rang("no answer"));
    machine.handle_timeout(at(90));
    assert_eq!(did(&mut machine), ["ring phone", "phone: no answer", "ring phone"]);
    assert_eq!(machine.next_deadline(), None, "not while it rings");
    machine.handle_input(at(120), rang("no answer"));
    assert_eq!(did(&mut machine), ["phone: no answer", "tell work"]);
    machine.handle_input(at(121), told("work"));
    assert_eq!(machine.next_deadline(), Some(at(240).now), "and the telephone goes on");
    machine.handle_timeout(at(240));
    assert_eq!(did(&mut machine), ["ring phone"]);
}

#[test]
fn a_limit_is_no_attempt() {
    let mut machine =
        begin(at(0), profile(vec![always(ring("mobile", 1))]), reach(Presence::Offline));
    let limited = || {
        let (reason, wait) = ("too many".into(), Duration::from_secs(600));
        Input::Rang(RingResult::Limited { reason, wait })
    };
    machine.handle_input(at(0), limited());
    assert_eq!(machine.next_deadline(), Some(at(600).now));
    machine.handle_timeout(at(600));
    machine.handle_input(at(600), limited());
    machine.handle_timeout(at(1_200));
    assert_eq!(did(&mut machine), ["ring mobile", "ring mobile", "ring mobile"]);
    machine.handle_input(at(1_230), rang("busy"));
    assert_eq!(did(&mut machine), ["mobile: busy", "failed: busy", "finished"]);
}

#[test]
fn after_a_restart_nobody_is_called_within_the_confirm_window_or_told_twice() {
    let rules = vec![Rule { acts: vec![tell("work"), ring("mobile", 3)], ..always(Act::Stop) }];
    let memory = Memory {
        calls: vec![PastCall { rule: 0, act: 1, ago: Duration::from_secs(20) }],
        told: vec![("email:work".into(), Duration::from_secs(60))],
        ..Memory::default()
    };
    let again = Start {
        age: Duration::from_secs(61),
        memory,
        ..start(profile(rules.clone()), reach(Presence::Offline))
    };
    let mut machine = Machine::start(at(0), again.clone());
    assert_eq!(did(&mut machine), [""; 0]);
    assert_eq!(machine.next_deadline(), Some(at(160).now), "180 s after that call began");
    machine.handle_timeout(at(160));
    assert_eq!(did(&mut machine), ["ring mobile"]);
    machine.handle_input(at(190), rang("busy"));
    machine.handle_timeout(at(190 + 120));
    assert_eq!(did(&mut machine), ["mobile: busy", "ring mobile"], "the third of three");
    machine.handle_input(at(340), rang("busy"));
    assert_eq!(did(&mut machine), ["mobile: busy", "finished"]);

    let call = |ago| PastCall { rule: 0, act: 1, ago: Duration::from_secs(ago) };
    let memory = Memory { calls: vec![call(900), call(800), call(700)], ..Memory::default() };
    let spent = Start { age: Duration::from_secs(999), memory, ..again };
    let mut machine = Machine::start(at(0), spent);
    assert_eq!(did(&mut machine), ["tell work"], "all attempts were made before");
}

#[test]
fn a_wait_is_counted_from_the_act_before_also_after_a_restart() {
    let acts = vec![tell("work"), Act::Wait { secs: 600 }, ring("mobile", 1)];
    let rules = vec![Rule { acts, ..always(Act::Stop) }];
    let mut machine = begin(at(0), profile(rules.clone()), reach(Presence::Offline));
    machine.handle_input(at(30), told("work"));
    // Counted from when it was asked for: the mail server's time is not the reader's.
    let deadline = machine.next_deadline().unwrap();
    assert!(deadline >= at(600).now && deadline <= at(630).now);
    let memory =
        Memory { told: vec![("email:work".into(), Duration::from_secs(400))], ..Memory::default() };
    let again = start(profile(rules), reach(Presence::Offline));
    let again = Start { age: Duration::from_secs(430), memory, ..again };
    let machine = Machine::start(at(0), again);
    assert_eq!(machine.next_deadline(), Some(at(200).now));
}

#[test]
fn a_device_is_rung_where_it_is() {
    let rules = vec![always(ring("desk", 1)), always(ring("mobile", 1))];
    let mut profile = profile(rules);
    let uri = "sip:bob@127.0.0.5".to_owned();
    profile.devices.push(device("desk", DeviceKind::SipAddress { uri: uri.clone() }, true));
    let mut machine = begin(at(0), profile, reach(Presence::Online));
    let target = |machine: &mut Machine| match all(machine).pop() {
        Some(Output::Ring { mut targets, .. }) => targets.pop().map(|target| target.target),
        other => panic!("{other:?}"),
    };
    assert_eq!(target(&mut machine), Some(Target::Address(uri)));
    machine.handle_input(at(0), rang("busy"));
    let number = Target::Number { number: "+4930123".into(), trunk: None };
    assert_eq!(target(&mut machine), Some(number));
}

#[test]
fn a_dry_run_tells_what_would_be_done() {
    use super::super::explain::{Assumed, dry_run};
    let rules = super::super::text::read(
        "when present: pop up\n\
         when absent and mon-fri 9:00-18:00: ring mobile 2 times every 60s, then notify work\n\
         when unheard for 1h: escalate to carol",
    );
    let assumed = Assumed {
        at: NOON,
        reach: Reach::default(),
        sender: SenderFacts::default(),
        urgent: false,
        private: false,
        looks: false,
        answers: false,
    };
    let lines = dry_run(&profile(rules.unwrap()), &assumed);
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let rule = line.rule.map(|n| format!("{n} ")).unwrap_or_default();
            format!("{} {rule}{}", line.at.since(NOON).as_secs(), line.text)
        })
        .collect();
    assert_eq!(
        told,
        [
            "0 taken up: you are absent",
            "0 1 does not apply: you are absent",
            "0 2 applies",
            "0 2 rings mobile (attempt 1 of 2)",
            "30 2 mobile: no answer",
            "90 2 rings mobile (attempt 2 of 2)",
            "120 2 mobile: no answer",
            "120 2 tells work",
            "120 2 work was told",
            "120 2 reached you: no further rule is tried",
            "3600 3 applies",
            "3600 3 goes to carol too",
            "3600 the message waits in the mailbox",
        ]
    );
}
