//! MESSAGE both ways, and NOTIFYs that nobody asked for.

use std::time::Duration;

use super::net::{Net, Policy};
use super::peers::request;
use super::registration::{alice, register};
use crate::sip::address::NameAddr;
use crate::sip::endpoint::*;
use crate::sip::message::{Message, Method, Request};
use crate::sip::package::Package;
use crate::sip::uri::Uri;

const SECOND: Duration = Duration::from_secs(1);
const TEXT: &str = "Content-Type: text/plain\r\n";

fn bob() -> NameAddr {
    NameAddr::parse("\"Bob\" <sip:bob@h1.example>").unwrap()
}

fn send(net: &mut Net, host: usize, n: u64, target: InviteTarget, body: &str) {
    let outside = Outside::message(target, bob(), "text/plain", body.to_owned());
    let request = RequestId(n);
    net.command(host, Command::Request { request, outside: Box::new(outside) });
}

fn outcomes(net: &Net, host: usize) -> Vec<Result<String, Option<u16>>> {
    let events = net.hosts[host].events.iter();
    events
        .filter_map(|event| match event {
            Event::Requested { outcome, .. } => Some(outcome.clone().map_err(|f| f.status)),
            _ => None,
        })
        .collect()
}

fn last_request(net: &Net) -> Request {
    let found = net.inbox.iter().rev().find_map(|(_, message)| match message {
        Message::Request(request) => Some(request.clone()),
        Message::Response(_) => None,
    });
    found.unwrap()
}

fn answer(net: &mut Net, from: &str, status: u16) {
    let bytes = crate::sip::wire::print(&last_request(net).response(status).into());
    net.inject(from, 0, std::str::from_utf8(&bytes).unwrap());
    net.run(SECOND / 20);
}

fn text(net: &Net) -> TextId {
    let texts = net.hosts[0].events.iter().filter_map(|event| match event {
        Event::Text { text, .. } => Some(*text),
        _ => None,
    });
    texts.last().unwrap()
}

#[test]
fn a_text_is_answered_once_the_application_has_kept_it() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let mut alice = alice();
    net.inbox.clear();
    let challenge = alice.send(&mut net, "MESSAGE", TEXT, "hi");
    assert_eq!(challenge.status, 407);
    assert!(!net.has(a, |event| matches!(event, Event::Text { .. })));
    alice.answer_challenge(&mut net, &challenge, "MESSAGE", TEXT, "hi");
    assert!(net.statuses().is_empty(), "nobody has kept it yet");
    assert!(net.has(a, |event| matches!(event, Event::Text { caller, body, .. }
        if caller.account.as_deref() == Some("alice") && &body[..] == b"hi")));
    net.run(SECOND);
    let kept = text(&net);
    net.command(a, Command::AnswerText { text: kept, status: 202 });
    net.command(a, Command::AnswerText { text: kept, status: 500 });
    net.run(SECOND / 10);
    assert_eq!(net.statuses(), [202]);
    net.assert_clean();
}

#[test]
fn the_same_text_on_another_transaction_has_the_same_key() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Reject(415));
    for branch in ["m1", "m2"] {
        net.inject("198.51.100.7:5060", a, &request("MESSAGE", branch, 7, "", TEXT, "hi"));
        net.run(SECOND * 40);
    }
    let keys: Vec<_> = net.hosts[a]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Text { key, caller, .. } if caller.account.is_none() => Some(key),
            _ => None,
        })
        .collect();
    assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].len() == 64);
    let (_, Message::Response(refused)) = net.inbox.last().unwrap() else { panic!() };
    assert_eq!(refused.status, 415);
    assert!(refused.headers.get_all("Accept").any(|kind| kind == "text/plain"));
    net.assert_clean();
}

#[test]
fn an_application_that_is_silent_is_answered_for() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    net.inject("198.51.100.7:5060", a, &request("MESSAGE", "m1", 7, "", TEXT, "hi"));
    net.run(SECOND * 21);
    assert_eq!(net.statuses(), [503]);
    let gzip = format!("{TEXT}Content-Encoding: gzip\r\n");
    net.inject("198.51.100.7:5060", a, &request("MESSAGE", "m2", 8, "", &gzip, "hi"));
    net.run(SECOND);
    assert_eq!(net.statuses(), [503, 415]);
    net.assert_clean();
}

#[test]
fn texts_are_throttled_a_source() {
    let mut net = Net::new(1);
    let a = net.host_with(1, Policy::Reject(403), |config| {
        config.texts = Rate { burst: 2, refill: SECOND * 60 };
    });
    for n in 1..5 {
        let text = request("MESSAGE", &format!("m{n}"), n, "", TEXT, "hi");
        net.inject("198.51.100.7:5060", a, &text);
        net.run(SECOND / 10);
    }
    assert_eq!(net.statuses(), [403, 403, 503, 503]);
    net.assert_clean();
}

#[test]
fn a_text_goes_to_every_phone_and_the_first_that_takes_it_counts() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    register(&mut net, &mut alice(), "Contact: <sip:alice@10.0.0.9:5060>\r\n");
    send(&mut net, a, 1, InviteTarget::Account("alice".into()), "Grüße");
    net.run(SECOND / 10);
    let message = last_request(&net);
    assert_eq!(
        (message.method.clone(), message.uri.to_string().as_str()),
        (Method::Message, "sip:alice@10.0.0.9:5060")
    );
    assert_eq!(&message.body[..], "Grüße".as_bytes());
    assert!(message.headers.get("From").unwrap().starts_with("\"Bob\" <sip:bob@h1.example>;tag="));
    assert!(message.headers.get("Contact").is_none(), "RFC 3428 section 4");
    answer(&mut net, "203.0.113.5:40000", 200);
    assert_eq!(outcomes(&net, a), [Ok("sip:alice@10.0.0.9:5060".to_owned())]);
    net.assert_clean();
}

#[test]
fn what_reaches_nobody_says_why() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    send(&mut net, a, 1, InviteTarget::Account("alice".into()), "hi");
    send(&mut net, a, 2, Net::uri("sips:bob@192.0.2.9"), "hi");
    send(&mut net, a, 3, Net::uri("sip:bob@nowhere.example"), "hi");
    send(&mut net, a, 4, Net::uri("sip:bob@198.51.100.7"), "hi");
    net.run(SECOND);
    answer(&mut net, "198.51.100.7:5060", 404);
    send(&mut net, a, 5, Net::uri("sip:bob@198.51.100.8"), "hi");
    net.run(SECOND * 33);
    assert_eq!(
        outcomes(&net, a),
        [Err(Some(480)), Err(Some(416)), Err(None), Err(Some(404)), Err(None)]
    );
    net.assert_clean();
}

#[test]
fn a_text_answers_a_challenge_and_tries_the_next_address() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let b = net.host(2, Policy::Reject(200));
    let mut outside = Outside::message(
        Net::uri("sip:bob@two.example"),
        NameAddr::new(Uri::parse("sip:alice@h2.example").unwrap()),
        "text/plain",
        "hi",
    );
    outside.credentials = Some(("alice".into(), "secret".into()));
    net.command(a, Command::Request { request: RequestId(1), outside: Box::new(outside) });
    net.run(SECOND * 40);
    assert_eq!(outcomes(&net, a), [Ok("sip:bob@two.example".to_owned())]);
    assert!(net.has(b, |event| matches!(event, Event::Text { caller, .. }
        if caller.account.as_deref() == Some("alice"))));
    net.assert_clean();
}

#[test]
fn a_lamp_is_told_to_a_phone_that_did_not_ask() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let contact = "sip:alice@10.0.0.9:5060";
    register(&mut net, &mut alice(), &format!("Contact: <{contact}>\r\n"));
    let target = InviteTarget::Device { account: "alice".into(), contact: contact.into() };
    let content_type = Package::MessageSummary.content_type();
    let mut outside = Outside::message(target, bob(), content_type, "Messages-Waiting: yes\r\n");
    outside.kind = OutsideKind::Notify(Package::MessageSummary);
    net.command(a, Command::Request { request: RequestId(1), outside: Box::new(outside) });
    net.run(SECOND / 10);
    let notify = last_request(&net);
    assert_eq!(
        (notify.method.clone(), notify.headers.get("Event")),
        (Method::Notify, Some("message-summary"))
    );
    assert_eq!(notify.headers.get("Subscription-State"), Some("terminated;reason=noresource"));
    answer(&mut net, "203.0.113.5:40000", 481);
    assert_eq!(outcomes(&net, a), [Err(Some(481))]);
    net.assert_clean();
}
