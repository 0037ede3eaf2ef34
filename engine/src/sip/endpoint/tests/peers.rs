//! The endpoint against scripted peers.

use std::time::Duration;

use super::net::{Net, Policy, SDP};
use crate::key::Key;
use crate::sip::endpoint::*;
use crate::sip::message::{Message, Request, Response};

const SECOND: Duration = Duration::from_secs(1);
const PEER: &str = "198.51.100.7:5060";

/// A request of a scripted peer; `extra` lines go before the body.
pub fn request(
    method: &str,
    branch: &str,
    cseq: u32,
    to_tag: &str,
    extra: &str,
    body: &str,
) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let length = body.len();
    format!(
        "{method} sip:1001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:guest@elsewhere.example>;tag=f1\r\nTo: <sip:1001@192.0.2.1>{to_tag}\r\n\
         Call-ID: c1\r\nCSeq: {cseq} {method}\r\nContact: <sip:guest@198.51.100.7>\r\n{extra}Content-Length: {length}\r\n\r\n{body}"
    )
}

fn sdp() -> &'static str {
    "Content-Type: application/sdp\r\n"
}

fn responses(net: &Net) -> Vec<&Response> {
    net.inbox
        .iter()
        .filter_map(|(_, message)| match message {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        })
        .collect()
}

fn requests(net: &Net) -> Vec<&Request> {
    net.inbox
        .iter()
        .filter_map(|(_, message)| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        })
        .collect()
}

fn to_tag(net: &Net) -> String {
    let response = responses(net).into_iter().rfind(|r| r.status == 200).unwrap();
    response.headers.to().unwrap().tag().unwrap().to_owned()
}

/// A net with one host and an answered call of the peer, acknowledged.
fn call() -> (Net, usize, String) {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Answer);
    net.inject(PEER, a, &request("INVITE", "i1", 1, "", sdp(), SDP));
    net.run(Duration::from_millis(100));
    assert_eq!(net.statuses(), [100, 180, 200]);
    let tag = to_tag(&net);
    net.inject(PEER, a, &request("ACK", "a1", 1, &tag, "", ""));
    assert!(net.has(a, |e| matches!(e, Event::Confirmed { .. })));
    net.inbox.clear();
    (net, a, tag)
}

#[test]
fn a_peer_holds_sends_keys_refreshes_and_hangs_up() {
    let (mut net, a, tag) = call();
    net.inject(PEER, a, &request("INVITE", "i2", 2, &tag, sdp(), SDP));
    net.run(Duration::from_millis(100));
    assert_eq!(net.statuses(), [100, 200]);
    assert!(net.has(a, |e| matches!(e, Event::Reinvite { sdp: Some(_), .. })));
    net.inject(PEER, a, &request("INVITE", "i3", 3, &tag, sdp(), SDP));
    net.inject(PEER, a, &request("ACK", "a2", 2, &tag, "", ""));
    let relay = "Content-Type: application/dtmf-relay\r\n";
    net.inject(PEER, a, &request("INFO", "n1", 4, &tag, relay, "Signal=#\r\nDuration=160\r\n"));
    net.inject(PEER, a, &request("INFO", "n1", 4, &tag, relay, "Signal=#\r\nDuration=160\r\n"));
    net.inject(PEER, a, &request("INFO", "n2", 5, &tag, relay, "Signal=x\r\n"));
    net.inject(PEER, a, &request("UPDATE", "u1", 6, &tag, "", ""));
    net.inject(PEER, a, &request("UPDATE", "u2", 7, &tag, sdp(), SDP));
    net.inject(PEER, a, &request("OPTIONS", "o1", 8, &tag, "", ""));
    net.inject(PEER, a, &request("REFER", "m1", 9, &tag, "", ""));
    net.inject(PEER, a, &request("INFO", "n3", 5, &tag, relay, "Signal=1\r\n"));
    net.run(Duration::from_millis(100));
    assert_eq!(net.statuses()[2..], [491, 200, 200, 400, 200, 200, 200, 405, 500]);
    let keys: Vec<_> = net.hosts[a]
        .events
        .iter()
        .filter_map(|e| if let Event::DtmfInfo { key, .. } = e { Some(*key) } else { None })
        .collect();
    assert_eq!(keys, [Key::POUND]);
    net.inject(PEER, a, &request("BYE", "b1", 10, &tag, "", ""));
    assert_eq!(net.ended(a), [EndCause::RemoteBye]);
    net.inject(PEER, a, &request("INFO", "n4", 11, &tag, relay, "Signal=1\r\n"));
    net.run(Duration::from_millis(100));
    assert_eq!(net.statuses().last(), Some(&481));
    net.assert_clean();
}

#[test]
fn a_delayed_offer_is_ours_to_make() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Answer);
    net.inject(PEER, a, &request("INVITE", "i1", 1, "", "", ""));
    net.run(Duration::from_millis(100));
    assert!(net.has(a, |e| matches!(e, Event::IncomingCall { sdp: None, .. })));
    let tag = to_tag(&net);
    net.inject(PEER, a, &request("ACK", "a1", 1, &tag, sdp(), SDP));
    assert!(net.has(a, |e| matches!(e, Event::Confirmed { sdp: Some(_), .. })));
    net.inject(PEER, a, &request("BYE", "b1", 2, &tag, "", ""));
    net.assert_clean();
}

#[test]
fn what_we_do_not_know_is_told_as_the_rfc_says() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let text = "Content-Type: text/plain\r\n";
    for (n, (method, extra, body, status)) in [
        ("OPTIONS", "", "", 200),
        ("REFER", "", "", 405),
        ("NOTIFY", "", "", 481),
        ("SUBSCRIBE", "", "", 489),
        ("PUBLISH", "", "", 401),
        ("FROB", "", "", 501),
        ("BYE", "", "", 481),
        ("CANCEL", "", "", 481),
        ("OPTIONS", "Require: 100rel, x\r\n", "", 420),
        ("INVITE", text, "hi", 415),
        ("INVITE", "Accept: text/plain\r\n", "", 406),
        ("REGISTER", "", "", 401),
    ]
    .into_iter()
    .enumerate()
    {
        net.inbox.clear();
        let n = u32::try_from(n).unwrap() + 1;
        net.inject(PEER, a, &request(method, &format!("x{n}"), n, "", extra, body));
        net.run(Duration::from_millis(100));
        assert_eq!(net.statuses(), [status], "{method} {extra}");
        let response = responses(&net)[0];
        let has = |name| response.headers.get(name).is_some();
        match status {
            405 | 501 => assert!(has("Allow")),
            415 => assert!(has("Accept")),
            420 => assert_eq!(response.headers.get_all("Unsupported").count(), 2),
            401 => assert_eq!(response.headers.get_all("WWW-Authenticate").count(), 2),
            _ => {}
        }
        assert!(response.headers.to().unwrap().tag().is_some());
        if method == "INVITE" {
            let tag = response.headers.to().unwrap().tag().unwrap().to_owned();
            net.inject(PEER, a, &request("ACK", &format!("x{n}"), n, &tag, "", ""));
        }
    }
    net.assert_clean();
    assert!(net.ended(a).is_empty());
}

#[test]
fn a_request_that_came_two_ways_is_merged() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Ring);
    net.inject(PEER, a, &request("INVITE", "i1", 1, "", sdp(), SDP));
    net.inject("198.51.100.8:5060", a, &request("INVITE", "i2", 1, "", sdp(), SDP));
    net.run(Duration::from_millis(100));
    assert_eq!(net.statuses(), [100, 180, 482]);
    net.inject(PEER, a, &request("CANCEL", "i1", 1, "", "", ""));
    net.run(Duration::from_millis(100));
    assert_eq!(net.statuses()[3..], [200, 487]);
    net.assert_clean();
    assert_eq!(net.ended(a), [EndCause::Cancelled]);
}

/// A response of a scripted peer to a request that it received.
fn answer(request: &Request, status: u16, tag: &str, extra: &[(&str, &str)], body: &str) -> String {
    let mut response = request.response(status);
    let mut to = response.headers.to().unwrap();
    to.params.set("tag", Some(tag));
    response.headers.set("To", to.to_string());
    response.headers.push("Contact", "<sip:peer@198.51.100.7>");
    for (name, value) in extra {
        response.headers.push(name, *value);
    }
    if !body.is_empty() {
        response.headers.push("Content-Type", "application/sdp");
    }
    response.body = body.to_owned().into();
    String::from_utf8(crate::sip::wire::print(&response.into()).to_vec()).unwrap()
}

#[test]
fn the_second_fork_to_answer_is_acknowledged_and_let_go() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let leg = net.call(a, 1, Net::uri("sip:x@198.51.100.7"));
    net.run(Duration::from_millis(100));
    let invite = requests(&net)[0].clone();
    for tag in ["t1", "t2", "t2", "t1"] {
        net.inject(PEER, a, &answer(&invite, 200, tag, &[], SDP));
    }
    net.run(Duration::from_millis(100));
    let sent: Vec<_> = requests(&net)[1..]
        .iter()
        .map(|r| (r.method.to_string(), r.headers.to().unwrap().tag().unwrap().to_owned()))
        .collect();
    let of = |method: &str, tag: &str| (method.to_owned(), tag.to_owned());
    assert_eq!(
        sent,
        [of("ACK", "t1"), of("ACK", "t2"), of("BYE", "t2"), of("ACK", "t2"), of("ACK", "t1")]
    );
    net.command(a, Command::Hangup { leg, reason: None });
    assert_eq!(net.ended(a), [EndCause::LocalHangup]);
    net.assert_clean();
}

#[test]
fn a_challenge_is_answered_once_and_a_stale_one_again() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    net.call(a, 1, Net::uri("sip:x@198.51.100.7"));
    net.run(Duration::from_millis(100));
    let fresh = ("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"1\", algorithm=MD5");
    let stale = ("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"2\", stale=true");
    for (round, challenge) in [fresh, stale, fresh].into_iter().enumerate() {
        let invite = (*requests(&net).last().unwrap()).clone();
        assert_eq!(invite.method.as_str(), "INVITE");
        assert_eq!(invite.headers.get("Proxy-Authorization").is_some(), round > 0);
        assert_eq!(invite.headers.cseq().unwrap().seq, u32::try_from(round).unwrap() + 1);
        net.inbox.clear();
        net.inject(PEER, a, &answer(&invite, 407, "t", &[challenge], ""));
        net.run(Duration::from_millis(100));
    }
    let sent: Vec<_> = requests(&net).iter().map(|r| r.method.to_string()).collect();
    assert_eq!(sent, ["ACK"]);
    assert!(matches!(net.ended(a)[..], [EndCause::Rejected { status: 407, .. }]));
    net.assert_clean();
}

#[test]
fn the_route_set_is_followed() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let leg = net.call(a, 1, Net::uri("sip:x@198.51.100.7"));
    net.run(Duration::from_millis(100));
    let invite = requests(&net)[0].clone();
    let routes =
        [("Record-Route", "<sip:203.0.113.2;lr>"), ("Record-Route", "<sip:203.0.113.1;lr>")];
    net.inject(PEER, a, &answer(&invite, 200, "t1", &routes, SDP));
    net.command(a, Command::Hangup { leg, reason: None });
    net.run(SECOND / 10);
    for (to, message) in &net.inbox[1..] {
        assert_eq!(to.to_string(), "203.0.113.1:5060");
        let Message::Request(request) = message else { panic!("a response") };
        assert_eq!(request.uri.to_string(), "sip:peer@198.51.100.7");
        let routes: Vec<_> = request.headers.get_all("Route").collect();
        assert_eq!(routes, ["<sip:203.0.113.1;lr>", "<sip:203.0.113.2;lr>"]);
    }
    net.assert_clean();
}
