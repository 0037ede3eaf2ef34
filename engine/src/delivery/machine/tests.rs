//! Deliveries in virtual time.

use super::super::profile::{Device, Rule};
use super::*;
use crate::presence::Presence;

fn reach(shown: Presence) -> Reach {
    let browser = matches!(shown, Presence::Away | Presence::Online);
    let do_not_disturb = shown == Presence::DoNotDisturb;
    Reach { shown, browser, do_not_disturb, ..Reach::default() }
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
    let mut machine = Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Online));
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
    let mut machine = Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Phone));
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
    let mut machine = Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Offline));
    all(&mut machine);
    machine.handle_input(Instant::ZERO, Input::Settled);
    machine.handle_input(Instant::ZERO, Input::Settled);
    assert_eq!(all(&mut machine), [Output::StopRinging]);
    machine.handle_input(Instant::ZERO, rang("cancelled"));
    assert_eq!(all(&mut machine), [Output::Finished]);
}

#[test]
fn coming_online_between_two_attempts_brings_the_pop_up() {
    let mut machine = Machine::start(Instant::ZERO, present_then_ring(), reach(Presence::Phone));
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
    let busy = Reach { shown: Presence::Busy, browser: true, ..Reach::default() };
    let mut machine = Machine::start(Instant::ZERO, present_then_ring(), busy);
    assert_eq!(all(&mut machine), [Output::PopUp]);
}

#[test]
fn a_device_address_is_rung_as_given() {
    let mut profile = profile(vec![Rule { when: Condition::Always, act: ring("desk", 1) }]);
    let uri = "sip:bob@127.0.0.5".to_owned();
    profile
        .devices
        .push(Device { name: "desk".into(), kind: DeviceKind::SipAddress { uri: uri.clone() } });
    let mut machine = Machine::start(Instant::ZERO, profile, reach(Presence::Online));
    let outputs = all(&mut machine);
    assert!(matches!(&outputs[0], Output::Ring { target: Target::Address(a), .. } if *a == uri));
}
