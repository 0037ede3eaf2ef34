//! What strangers send: nothing makes the endpoint panic, and every leg ends once.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::net::{Net, Policy, SDP};
use super::peers::request;
use crate::sip::endpoint::*;

/// One step of a stranger.
#[derive(Clone, Debug)]
enum Step {
    Send { method: usize, branch: u8, cseq: u32, known: bool, body: bool, cut: Vec<(usize, u8)> },
    Octets(Vec<u8>),
    Stream(Vec<u8>),
    Wait(u64),
    Command(u8),
}

const METHODS: [&str; 13] = [
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "INFO",
    "UPDATE",
    "OPTIONS",
    "REGISTER",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "FROB",
];

fn step() -> impl Strategy<Value = Step> {
    let cut = prop::collection::vec((0..700_usize, any::<u8>()), 0..3);
    prop_oneof![
        6 => (0..METHODS.len(), 0..4_u8, 1..6_u32, any::<bool>(), any::<bool>(), cut).prop_map(
            |(method, branch, cseq, known, body, cut)| Step::Send {
                method, branch, cseq, known, body, cut
            }
        ),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::Octets),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::Stream),
        2 => (0..20_000_u64).prop_map(Step::Wait),
        3 => any::<u8>().prop_map(Step::Command),
    ]
}

fn play(policy: Policy, steps: Vec<Step>) {
    let mut net = Net::new(1);
    let a = net.host(1, policy);
    let (local, remote) = (net.hosts[a].addr, "198.51.100.7:5060".parse().unwrap());
    let connection = ConnectionId(7);
    net.feed(a, Input::StreamOpened { connection, local, remote });
    let mut calls = 0;
    for step in steps {
        match step {
            Step::Send { method, branch, cseq, known, body, cut } => {
                let tag = if known { last_tag(&net) } else { String::new() };
                let (extra, body) =
                    if body { ("Content-Type: application/sdp\r\n", SDP) } else { ("", "") };
                let text = request(METHODS[method], &format!("b{branch}"), cseq, &tag, extra, body);
                let mut octets = text.into_bytes();
                for (at, value) in cut {
                    if let Some(octet) = octets.get_mut(at) {
                        *octet = value;
                    }
                }
                let bytes = Bytes::from(octets);
                net.feed(a, Input::Datagram { local, remote, bytes });
            }
            Step::Octets(octets) => {
                net.feed(a, Input::Datagram { local, remote, bytes: octets.into() });
            }
            Step::Stream(octets) => {
                net.feed(a, Input::StreamBytes { connection, bytes: octets.into() });
            }
            Step::Wait(millis) => net.run(Duration::from_millis(millis)),
            Step::Command(n) => {
                let legs = begun(&net, a);
                let leg = legs.get(usize::from(n >> 4) % legs.len().max(1)).copied();
                let leg = leg.unwrap_or(LegId(1));
                let sdp = SDP.to_owned();
                match n & 7 {
                    0 => net.command(a, Command::Ringing { leg }),
                    1 => net.command(a, Command::Answer { leg, sdp }),
                    2 => net.command(a, Command::Hangup { leg, reason: None }),
                    3 => net.command(a, Command::Reject { leg, status: 486, retry_after: None }),
                    4 => net.command(a, Command::AcceptReinvite { leg, sdp }),
                    5 => net.command(a, Command::Progress { leg, sdp }),
                    _ => {
                        calls += 1;
                        net.call(a, calls, Net::uri("sip:x@198.51.100.7"));
                    }
                }
            }
        }
    }
    // The application hangs up whatever is left.
    for leg in begun(&net, a) {
        net.command(a, Command::Hangup { leg, reason: None });
    }
    for n in 1..=calls {
        net.command(a, Command::Hangup { leg: LegId::outgoing(n), reason: None });
    }
    net.assert_clean();
    let mut ends: HashMap<LegId, u32> = HashMap::new();
    for event in &net.hosts[a].events {
        if let Event::Ended { leg, .. } = event {
            *ends.entry(*leg).or_default() += 1;
        }
    }
    let mut legs = begun(&net, a);
    legs.extend((1..=calls).map(LegId::outgoing));
    assert_eq!(ends.len(), legs.len());
    assert!(legs.iter().all(|leg| ends.get(leg) == Some(&1)));
}

fn begun(net: &Net, host: usize) -> Vec<LegId> {
    net.hosts[host]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::IncomingCall { leg, .. } => Some(*leg),
            _ => None,
        })
        .collect()
}

fn last_tag(net: &Net) -> String {
    net.inbox
        .iter()
        .rev()
        .find_map(|(_, message)| message.headers().to().ok()?.tag().map(str::to_owned))
        .unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_leg_ends_once_whatever_comes(
        policy in prop_oneof![
            Just(Policy::Answer), Just(Policy::Ring), Just(Policy::Nothing), Just(Policy::Reject(404))
        ],
        steps in prop::collection::vec(step(), 1..40),
    ) {
        play(policy, steps);
    }
}
