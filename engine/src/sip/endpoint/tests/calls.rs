//! Two endpoints call each other.

use std::time::Duration;

use super::net::{Net, Policy};
use crate::sip::endpoint::*;

const SECOND: Duration = Duration::from_secs(1);

fn rejected(status: u16) -> EndCause {
    let reason = crate::sip::message::reason_phrase(status).to_owned();
    EndCause::Rejected { status, reason }
}

#[test]
fn a_call_goes_up_and_down() {
    for target in ["sip:x@192.0.2.2", "sip:x@192.0.2.2;transport=tcp", "sip:x@h2.example"] {
        let mut net = Net::new(1);
        let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
        let leg = net.call(a, 1, Net::uri(target));
        net.run(SECOND);
        assert!(net.has(a, |e| matches!(e, Event::Ringing { status: 180, .. })), "{target}");
        assert!(net.has(a, |e| matches!(e, Event::Answered { .. })));
        assert!(net.has(b, |e| matches!(e, Event::Confirmed { sdp: None, .. })));
        net.command(a, Command::Hangup { leg, reason: Some("Q.850;cause=16".into()) });
        net.run(SECOND);
        assert_eq!(net.ended(a), [EndCause::LocalHangup]);
        assert_eq!(net.ended(b), [EndCause::RemoteBye]);
        net.assert_clean();
    }
}

#[test]
fn the_callee_hangs_up() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
    net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    let leg = net.incoming(b);
    net.command(b, Command::Hangup { leg, reason: None });
    net.run(SECOND);
    assert_eq!(net.ended(a), [EndCause::RemoteBye]);
    assert_eq!(net.ended(b), [EndCause::LocalHangup]);
    net.assert_clean();
}

#[test]
fn every_call_ends_once_on_a_network_that_loses_a_quarter() {
    for seed in 0..60 {
        let mut net = Net::new(seed);
        net.loss = 25;
        let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
        let leg = net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
        net.run(SECOND * 10);
        net.command(a, Command::Hangup { leg, reason: None });
        net.run(SECOND * 40);
        assert_eq!(net.ended(a).len(), 1, "seed {seed}");
        assert!(net.ended(b).len() <= 1, "seed {seed}");
        net.assert_clean();
        assert_eq!(net.ended(a).len(), 1, "seed {seed}");
        let calls = net.hosts[b].events.iter().filter(|e| matches!(e, Event::IncomingCall { .. }));
        assert_eq!(calls.count(), net.ended(b).len(), "seed {seed}");
    }
}

#[test]
fn a_ringing_call_is_cancelled() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Ring));
    let leg = net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    net.command(a, Command::Hangup { leg, reason: None });
    net.run(SECOND);
    assert_eq!(net.ended(a), [EndCause::LocalHangup]);
    assert_eq!(net.ended(b), [EndCause::Cancelled]);
    net.assert_clean();
}

#[test]
fn a_cancel_that_crosses_the_answer_becomes_a_bye() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Ring));
    let leg = net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    let theirs = net.incoming(b);
    net.command(b, Command::Answer { leg: theirs, sdp: super::net::SDP.into() });
    net.command(a, Command::Hangup { leg, reason: None });
    net.run(SECOND);
    assert_eq!(net.ended(a), [EndCause::LocalHangup]);
    assert_eq!(net.ended(b), [EndCause::RemoteBye]);
    net.assert_clean();
}

#[test]
fn a_call_that_is_given_up_before_anybody_rings_sends_its_cancel_later() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Ring));
    let leg = net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.command(a, Command::Hangup { leg, reason: None });
    net.run(SECOND);
    assert_eq!(net.ended(b), [EndCause::Cancelled]);
    net.assert_clean();
}

#[test]
fn nobody_answers() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Ring));
    net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND * 31);
    assert_eq!(net.ended(a), [EndCause::Timeout]);
    assert_eq!(net.ended(b), [EndCause::Cancelled]);
    net.assert_clean();
}

#[test]
fn the_application_forgets_a_caller() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let b = net.host_with(2, Policy::Ring, |config| config.answer_within = SECOND * 5);
    net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND * 6);
    assert_eq!(net.ended(a), [rejected(480)]);
    assert_eq!(net.ended(b), [EndCause::Timeout]);
    net.assert_clean();
}

#[test]
fn a_refusal_comes_through() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Reject(486)));
    net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    assert_eq!(net.ended(a), [rejected(486)]);
    assert_eq!(net.ended(b), [rejected(486)]);
    net.assert_clean();
}

#[test]
fn an_answer_without_ack_ends_after_32_s_with_a_bye() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
    net.filter = Some(Box::new(|text| text.starts_with("ACK")));
    net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND * 33);
    assert_eq!(net.ended(b), [EndCause::NoAck]);
    assert_eq!(net.ended(a), [EndCause::RemoteBye]);
    net.assert_clean();
}

#[test]
fn an_answer_is_repeated_until_it_arrives() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
    let mut left = 3;
    net.filter = Some(Box::new(move |text| {
        let lost = text.starts_with("SIP/2.0 200") && left > 0;
        left -= i32::from(lost);
        lost
    }));
    let leg = net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND * 10);
    assert!(net.has(b, |e| matches!(e, Event::Confirmed { .. })));
    net.command(a, Command::Hangup { leg, reason: None });
    net.assert_clean();
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Ring));
    net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    let leg = net.incoming(b);
    net.command(b, Command::Answer { leg, sdp: super::net::SDP.into() });
    net.command(b, Command::Hangup { leg, reason: None });
    assert_eq!(net.ended(b), [EndCause::LocalHangup]);
    net.run(SECOND);
    assert_eq!(net.ended(a), [EndCause::RemoteBye]);
    net.assert_clean();
    assert_eq!(net.ended(b), [EndCause::LocalHangup]);
}

#[test]
fn a_bye_that_is_never_answered_is_given_up() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
    let leg = net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    net.filter = Some(Box::new(|_| true));
    net.command(a, Command::Hangup { leg, reason: None });
    let theirs = net.incoming(b);
    net.command(b, Command::Hangup { leg: theirs, reason: None });
    net.assert_clean();
}

#[test]
fn a_dead_peer_is_a_failure_and_the_next_address_is_tried() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
    net.call(a, 1, Net::uri("sip:x@192.0.2.99;transport=tcp"));
    net.call(a, 2, Net::uri("sip:x@nowhere.example"));
    net.call(a, 3, Net::uri("sips:x@192.0.2.2"));
    net.run(SECOND);
    assert_eq!(net.ended(a), [rejected(416), EndCause::TransportFailed, EndCause::TransportFailed]);
    let leg = net.call(a, 4, Net::uri("sip:x@two.example;transport=tcp"));
    net.run(SECOND);
    assert!(net.has(b, |e| matches!(e, Event::Confirmed { .. })));
    net.command(a, Command::Hangup { leg, reason: None });
    net.assert_clean();
}

#[test]
fn an_unreachable_datagram_peer_times_out() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    net.filter = Some(Box::new(|_| true));
    let leg = LegId::outgoing(1);
    net.call(a, 1, Net::uri("sip:x@192.0.2.77"));
    net.run(SECOND * 40);
    assert_eq!(net.ended(a), [EndCause::Timeout]);
    net.command(a, Command::Hangup { leg, reason: None });
    net.assert_clean();
    assert_eq!(net.ended(a).len(), 1);
}

#[test]
fn draining_refuses_new_calls_only() {
    let mut net = Net::new(1);
    let (a, b) = (net.host(1, Policy::Nothing), net.host(2, Policy::Answer));
    let leg = net.call(a, 1, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    net.command(b, Command::Drain(true));
    net.call(a, 2, Net::uri("sip:x@192.0.2.2"));
    net.run(SECOND);
    assert_eq!(net.ended(a), [rejected(503)]);
    net.command(a, Command::Hangup { leg, reason: None });
    net.assert_clean();
}
