//! Registering, being called, and proving who one is.

use std::time::Duration;

use super::net::{Net, Policy, SDP};
use crate::sip::digest::{Challenged, Credentials, answer};
use crate::sip::endpoint::*;
use crate::sip::message::{Message, Response};
use crate::time::UnixMillis;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_wall_clock_that_is_set_by_an_hour_takes_no_phone_away_and_keeps_none() {
    const HOUR: i64 = 3_600_000;
    for by in [HOUR, -HOUR, 3 * HOUR] {
        let mut net = Net::new(1);
        let a = net.host(1, Policy::Nothing);
        let contact = "Contact: <sip:alice@10.0.0.9:5060>;expires=60\r\n";
        assert_eq!(alice().prove(&mut net, "REGISTER", contact, "").status, 200);
        let gone = |net: &Net| net.has(a, |e| matches!(e, Event::Unregistered { .. }));
        net.run(SECOND * 20);
        // Twenty seconds later by the monotonic clock.
        let wall = net.hosts[a].endpoint.wall(net.now);
        net.command(a, Command::WallClock(UnixMillis(wall.0 + by)));
        net.run(SECOND * 30);
        assert!(!gone(&net), "set by {by} ms");
        net.run(SECOND * 15);
        assert!(gone(&net), "set by {by} ms");
    }
}

pub(super) struct Phone {
    pub addr: &'static str,
    pub cseq: u32,
    pub user: &'static str,
    password: &'static str,
}

impl Phone {
    pub fn send(&mut self, net: &mut Net, method: &str, extra: &str, body: &str) -> Response {
        self.put(net, "sip:h1.example", method, extra, body).unwrap()
    }

    /// Sends a request; the last answer that came, if one did.
    fn put(
        &mut self,
        net: &mut Net,
        uri: &str,
        method: &str,
        extra: &str,
        body: &str,
    ) -> Option<Response> {
        self.cseq += 1;
        let Self { addr, cseq, user, .. } = self;
        let length = body.len();
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bK{user}{cseq}{addr}\r\n\
             From: <sip:{user}@h1.example>;tag=p\r\nTo: <sip:{user}@h1.example>\r\nCall-ID: reg-{addr}\r\n\
             CSeq: {cseq} {method}\r\n{extra}Content-Length: {length}\r\n\r\n{body}"
        );
        net.inbox.clear();
        net.inject(self.addr, 0, &text);
        net.run(Duration::from_millis(100));
        match &net.inbox.last()?.1 {
            Message::Response(response) => Some(response.clone()),
            Message::Request(request) => panic!("{request:?}"),
        }
    }

    /// Sends a request, and again with credentials if it is challenged.
    pub fn prove(&mut self, net: &mut Net, method: &str, extra: &str, body: &str) -> Response {
        let response = self.send(net, method, extra, body);
        self.answer_challenge(net, &response, method, extra, body).unwrap_or(response)
    }

    /// Sends a request again with credentials, if `response` is a challenge.
    pub fn answer_challenge(
        &mut self,
        net: &mut Net,
        response: &Response,
        method: &str,
        extra: &str,
        body: &str,
    ) -> Option<Response> {
        let (challenge, field) = match response.status {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let credentials = Credentials { user: self.user.into(), password: self.password.into() };
        let asked = Challenged { method, uri: "sip:h1.example", cnonce: "c", count: 1 };
        let value = answer(response.headers.get_all(challenge), &credentials, &asked).unwrap();
        self.put(net, "sip:h1.example", method, &format!("{field}: {value}\r\n{extra}"), body)
    }

    /// Publishes with credentials: the resource is the user's own.
    pub fn publish(&mut self, net: &mut Net, extra: &str, body: &str) -> Response {
        let uri = format!("sip:{}@h1.example", self.user);
        let challenge = self.put(net, &uri, "PUBLISH", extra, body).unwrap();
        let credentials = Credentials { user: self.user.into(), password: self.password.into() };
        let asked = Challenged { method: "PUBLISH", uri: &uri, cnonce: "c", count: 1 };
        let value = answer(challenge.headers.get_all("WWW-Authenticate"), &credentials, &asked);
        let extra = format!("Authorization: {}\r\n{extra}", value.unwrap());
        self.put(net, &uri, "PUBLISH", &extra, body).unwrap()
    }
}

pub(super) fn phone(addr: &'static str, user: &'static str, password: &'static str) -> Phone {
    Phone { addr, cseq: 0, user, password }
}

pub(super) fn alice() -> Phone {
    phone("203.0.113.5:40000", "alice", "secret")
}

#[test]
fn a_phone_registers_is_called_where_it_is_and_expires() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let mut alice = alice();
    let contact = "Contact: <sip:alice@10.0.0.9:5060;ob>;expires=60;+sip.instance=\"<x>\"\r\n";
    let response = alice.prove(&mut net, "REGISTER", contact, "");
    assert_eq!(response.status, 200);
    let bound = response.headers.get("Contact").unwrap();
    assert!(bound.starts_with("<sip:alice@10.0.0.9:5060;ob>;expires="), "{bound}");
    assert!(net.has(a, |e| matches!(e, Event::Registered { account, .. } if account == "alice")));
    net.inbox.clear();
    net.call(a, 1, InviteTarget::Account("alice".into()));
    net.run(SECOND / 10);
    let (to, message) = &net.inbox[0];
    assert_eq!(to.to_string(), alice.addr, "on the flow, not to the private contact");
    let Message::Request(invite) = message else { panic!("a response") };
    assert_eq!(invite.uri.to_string(), "sip:alice@10.0.0.9:5060;ob");
    net.run(SECOND * 61);
    assert!(net.has(a, |e| matches!(e, Event::Unregistered { .. })));
    net.call(a, 2, InviteTarget::Account("alice".into()));
    assert!(matches!(net.ended(a)[..], [_, EndCause::Rejected { status: 480, .. }]));
    net.assert_clean();
}

#[test]
fn registrations_are_bounded_and_removed() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let mut alice = alice();
    let brief = alice.prove(&mut net, "REGISTER", "Contact: <sip:a@10.0.0.9>;expires=5\r\n", "");
    assert_eq!(brief.status, 423);
    assert_eq!(brief.headers.get("Min-Expires"), Some("30"));
    let two = "Contact: <sip:a@10.0.0.9>;q=0.5, <sip:a@10.0.0.10>\r\nPath: <sip:p.example;lr>\r\n";
    let response = alice.prove(&mut net, "REGISTER", two, "");
    assert_eq!(response.headers.get_all("Contact").count(), 2);
    assert_eq!(response.headers.get("Path"), Some("<sip:p.example;lr>"));
    let query = alice.prove(&mut net, "REGISTER", "", "");
    assert_eq!(query.headers.get_all("Contact").count(), 2);
    let star = alice.prove(&mut net, "REGISTER", "Contact: *\r\nExpires: 0\r\n", "");
    assert_eq!((star.status, star.headers.get("Contact")), (200, None));
    assert_eq!(net.hosts[a].endpoint.registrations(), 0);
    net.assert_clean();
}

#[test]
fn nobody_registers_for_another() {
    let mut net = Net::new(1);
    net.host(1, Policy::Nothing);
    let mut bob = phone("203.0.113.6:40000", "bob", "secret");
    let challenge = bob.send(&mut net, "REGISTER", "", "");
    let credentials = Credentials { user: "alice".into(), password: "secret".into() };
    let asked = Challenged { method: "REGISTER", uri: "sip:x", cnonce: "c", count: 1 };
    let challenges = challenge.headers.get_all("WWW-Authenticate");
    let value = answer(challenges, &credentials, &asked).unwrap();
    let extra = format!("Authorization: {value}\r\nContact: <sip:a@10.0.0.9>\r\n");
    assert_eq!(bob.send(&mut net, "REGISTER", &extra, "").status, 403);
    net.assert_clean();
}

#[test]
fn known_and_unknown_users_are_answered_alike_and_guessing_is_throttled() {
    let mut answers = Vec::new();
    for user in ["alice", "nobody"] {
        let mut net = Net::new(1);
        let a = net.host_with(1, Policy::Nothing, |config| {
            config.auth_failures = Rate { burst: 3, refill: SECOND * 60 };
        });
        let mut guesser = phone("203.0.113.5:40000", user, "wrong");
        let mut statuses = Vec::new();
        let mut shapes = Vec::new();
        for _ in 0..5 {
            let response = guesser.prove(&mut net, "REGISTER", "", "");
            statuses.push(response.status);
            let text = crate::sip::wire::print(&response.into());
            shapes.push(String::from_utf8(text.to_vec()).unwrap().replace(user, "X"));
        }
        assert_eq!(statuses, [401, 401, 401, 403, 403]);
        assert_eq!(net.hosts[a].endpoint.take_stats().auth_failures, 3);
        answers.push(shapes);
        net.assert_clean();
    }
    assert_eq!(answers[0].len(), answers[1].len());
    for (known, unknown) in answers[0].iter().zip(&answers[1]) {
        assert_eq!(known, unknown);
    }
}

#[test]
fn a_caller_of_ours_must_prove_it_and_a_guest_need_not() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Reject(404));
    let extra = "Contact: <sip:a@10.0.0.9>\r\nContent-Type: application/sdp\r\n";
    let wrong = phone("203.0.113.6:40000", "alice", "wrong").prove(&mut net, "INVITE", extra, SDP);
    assert_eq!(wrong.status, 407);
    assert!(!net.has(a, |e| matches!(e, Event::IncomingCall { .. })));
    let right = alice().prove(&mut net, "INVITE", extra, SDP);
    assert_eq!(right.status, 404);
    assert!(net.has(a, |e| matches!(e, Event::IncomingCall { caller, .. }
        if caller.account.as_deref() == Some("alice"))));
    net.inject("203.0.113.7:5060", a, &super::peers::request("INVITE", "g", 1, "", "", ""));
    assert!(net.has(a, |e| matches!(e, Event::IncomingCall { caller, .. }
        if caller.account.is_none())));
    net.assert_clean();
}

#[test]
fn every_phone_of_an_account_rings_and_one_wins() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let (b, c) = (net.host(2, Policy::Ring), net.host(3, Policy::Ring));
    for (addr, contact) in [
        ("192.0.2.2:5060", "Contact: <sip:alice@192.0.2.2>\r\n"),
        ("192.0.2.3:5060", "Contact: <sip:alice@192.0.2.3>\r\n"),
    ] {
        // The answers go to the hosts, which drop them as strays, so the nonce is read here.
        let mut phone = phone(addr, "alice", "secret");
        register(&mut net, &mut phone, contact);
    }
    net.call(a, 1, InviteTarget::Account("alice".into()));
    net.run(SECOND);
    let leg = net.incoming(c);
    net.command(c, Command::Answer { leg, sdp: SDP.into() });
    net.run(SECOND);
    assert!(net.has(a, |e| matches!(e, Event::Answered { device, .. }
        if device == "sip:alice@192.0.2.3")));
    assert_eq!(net.ended(b), [EndCause::Cancelled]);
    net.command(c, Command::Hangup { leg, reason: None });
    net.run(SECOND);
    assert_eq!(net.ended(a), [EndCause::RemoteBye]);
    net.assert_clean();
}

/// Restores a binding, as after a restart.
pub(super) fn register(net: &mut Net, phone: &mut Phone, contact: &str) {
    let uri = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    let binding = crate::sip::registrar::Binding {
        contact: uri,
        q: 1000,
        expires_at: crate::time::UnixMillis(50_000),
        call_id: "r".into(),
        cseq: 1,
        path: Vec::new(),
        user_agent: None,
        takes_text: None,
        transport: Transport::Udp,
        local: net.hosts[0].addr,
        remote: phone.addr.parse().unwrap(),
        connection: None,
    };
    net.command(0, Command::RestoreBinding { account: phone.user.into(), binding });
}

#[test]
fn who_names_our_own_address_is_asked_for_a_password() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Reject(404));
    for (n, (from, status)) in [
        ("sip:alice@192.0.2.1", 407),
        ("sip:nobody@192.0.2.1:5060", 407),
        ("sip:alice@192.0.2.1:5071", 404),
        ("sip:alice@H1.example", 407),
        ("tel:+15551234", 404),
    ]
    .into_iter()
    .enumerate()
    {
        net.inbox.clear();
        let text = super::peers::request("INVITE", &format!("w{n}"), 1, "", "", "")
            .replace("sip:guest@elsewhere.example", from)
            .replace("Call-ID: c1", &format!("Call-ID: w{n}"));
        net.inject("198.51.100.7:5060", a, &text);
        net.run(Duration::from_millis(100));
        assert_eq!(net.statuses().last(), Some(&status), "{from}");
    }
    net.assert_clean();
}
