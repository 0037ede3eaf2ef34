//! Real sockets on loopback: two actors call each other.

use std::time::Duration;

use hark_engine::sip::address::NameAddr;
use hark_engine::sip::endpoint::{EndCause, Event, InviteTarget};
use hark_engine::sip::uri::Uri;
use prometheus::Registry;
use tokio::sync::mpsc::{self, Receiver};

use super::*;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

async fn server() -> (SipHandle, Receiver<Event>, Registry) {
    let any = ([127, 0, 0, 1], 0).into();
    let config = SipConfig::new("test.example", vec![(Transport::Udp, any), (Transport::Tcp, any)]);
    let (events, receiver) = mpsc::channel(64);
    let registry = Registry::new();
    let (handle, _) = start(config, events, &registry, None).await.unwrap();
    (handle, receiver, registry)
}

async fn next(events: &mut Receiver<Event>) -> Event {
    tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap().unwrap()
}

async fn call(transport: Transport) {
    let (caller, mut at_caller, registry) = server().await;
    let (callee, mut at_callee, _) = server().await;
    let there = callee.listeners().iter().find(|l| l.transport == transport).unwrap().addr;
    assert_ne!(there.port(), 0);
    let parameter = if transport == Transport::Tcp { ";transport=tcp" } else { "" };
    let leg = caller.next_leg();
    caller.command(Command::Invite {
        leg,
        target: InviteTarget::Uri(Uri::parse(&format!("sip:1001@{there}{parameter}")).unwrap()),
        from: NameAddr::parse("<sip:x@guest.example>").unwrap(),
        sdp: SDP.into(),
        credentials: None,
        headers: Vec::new(),
        ring_for: Duration::from_secs(5),
    });
    let Event::IncomingCall { leg: theirs, caller: who, .. } = next(&mut at_callee).await else {
        panic!("no call");
    };
    assert_eq!(who.account, None);
    callee.command(Command::Answer { leg: theirs, sdp: SDP.into() });
    assert!(matches!(next(&mut at_caller).await, Event::Answered { .. }));
    assert!(matches!(next(&mut at_callee).await, Event::Confirmed { .. }));
    caller.command(Command::Hangup { leg, reason: None });
    let Event::Ended { cause, .. } = next(&mut at_callee).await else { panic!("no end") };
    assert_eq!(cause, EndCause::RemoteBye);
    assert!(matches!(next(&mut at_caller).await, Event::Ended { .. }));
    let families = registry.gather();
    assert!(families.iter().any(|family| family.name() == "hark_sip_transactions"));
    caller.stop();
    callee.stop();
}

#[tokio::test]
async fn a_call_over_udp() {
    call(Transport::Udp).await;
}

#[tokio::test]
async fn a_call_over_tcp() {
    call(Transport::Tcp).await;
}
