//! SUBSCRIBE, NOTIFY and PUBLISH against scripted phones.

use std::time::Duration;

use super::net::{Net, Policy};
use super::registration::{Phone, alice, phone};
use crate::presence::Published;
use crate::sip::endpoint::*;
use crate::sip::message::{Message, Request, Response};
use crate::sip::subscription::Reason;

const SECOND: Duration = Duration::from_secs(1);
const CONTACT: &str = "Contact: <sip:alice@203.0.113.5:40000>\r\n";

/// Subscribes with credentials; the response, and what else came by then is in the inbox.
fn subscribe(net: &mut Net, phone: &mut Phone, extra: &str) -> Response {
    let mut extra = format!("{CONTACT}{extra}");
    if !extra.contains("Event:") {
        extra.push_str("Event: message-summary\r\n");
    }
    prove(net, phone, "SUBSCRIBE", &extra, "")
}

/// The answer to the last request, though NOTIFYs may have come after it.
fn prove(net: &mut Net, phone: &mut Phone, method: &str, extra: &str, body: &str) -> Response {
    // `Phone::prove` takes the last message for the answer, so NOTIFYs are put aside first.
    net.aside = true;
    let response = phone.prove(net, method, extra, body);
    net.aside = false;
    response
}

fn notifies(net: &Net) -> Vec<Request> {
    net.put_aside
        .iter()
        .filter_map(|message| match message {
            Message::Request(request) if request.method.as_str() == "NOTIFY" => {
                Some(request.clone())
            }
            Message::Request(_) | Message::Response(_) => None,
        })
        .collect()
}

/// Answers the last NOTIFY.
fn answer(net: &mut Net, status: u16) {
    let notify = notifies(net).pop().unwrap();
    let bytes = crate::sip::wire::print(&notify.response(status).into());
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    net.inject("203.0.113.5:40000", 0, &text);
    net.run(SECOND / 20);
}

fn state(notify: &Request) -> &str {
    notify.headers.get("Subscription-State").unwrap()
}

fn subscription(net: &Net) -> SubscriptionId {
    let ids = net.hosts[0].events.iter().filter_map(|event| match event {
        Event::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    ids.last().unwrap()
}

fn is_over(net: &Net) -> bool {
    net.has(0, |event| matches!(event, Event::SubscriptionOver { .. }))
}

/// The header lines of a request in the dialog that `response` made.
fn in_dialog(response: &Response, phone: &mut Phone, expires: u32) -> String {
    let to = response.headers.get("To").unwrap();
    phone.cseq += 1;
    let (user, cseq, addr) = (phone.user, phone.cseq, phone.addr);
    format!(
        "SUBSCRIBE sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bKd{user}{cseq}\r\n\
         From: <sip:{user}@h1.example>;tag=p\r\nTo: {to}\r\nCall-ID: reg-{addr}\r\nCSeq: {cseq} SUBSCRIBE\r\n\
         {CONTACT}Event: message-summary\r\nExpires: {expires}\r\n"
    )
}

/// Sends a request in the dialog, proving who one is.
fn refresh(net: &mut Net, phone: &mut Phone, made: &Response, expires: u32) -> u16 {
    use crate::sip::digest::{Challenged, Credentials, answer};
    let text = in_dialog(made, phone, expires) + "Content-Length: 0\r\n\r\n";
    net.inbox.clear();
    net.aside = true;
    net.inject(phone.addr, 0, &text);
    net.run(SECOND / 10);
    let Some((_, Message::Response(challenge))) = net.inbox.last().cloned() else { panic!() };
    if challenge.status != 401 {
        return challenge.status;
    }
    let credentials = Credentials { user: phone.user.into(), password: "secret".into() };
    let uri = "sip:192.0.2.1:5060";
    let asked = Challenged { method: "SUBSCRIBE", uri, cnonce: "c", count: 1 };
    let value = answer(challenge.headers.get_all("WWW-Authenticate"), &credentials, &asked);
    let text = in_dialog(made, phone, expires)
        + &format!("Authorization: {}\r\nContent-Length: 0\r\n\r\n", value.unwrap());
    net.inject(phone.addr, 0, &text);
    net.run(SECOND / 10);
    net.aside = false;
    *net.statuses().last().unwrap()
}

#[test]
fn a_lamp_is_told_at_once_whenever_it_changes_and_until_it_expires() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Answer);
    let mut alice = alice();
    let made = subscribe(&mut net, &mut alice, "Expires: 120\r\n");
    assert_eq!((made.status, made.headers.get("Expires")), (200, Some("120")));
    assert!(made.headers.get("Contact").is_some());
    let first = notifies(&net).pop().unwrap();
    assert_eq!(first.headers.get("Event"), Some("message-summary"));
    assert_eq!(first.headers.get("Content-Type"), Some("application/simple-message-summary"));
    assert!(state(&first).starts_with("active;expires="), "{}", state(&first));
    assert_eq!(
        (&first.body[..], first.uri.to_string().as_str()),
        (&b"first"[..], "sip:alice@203.0.113.5:40000")
    );
    assert!(
        net.has(a, |event| matches!(event, Event::Subscribe { account, .. } if account == "alice"))
    );

    answer(&mut net, 200);
    let id = subscription(&net);
    net.aside = true;
    net.command(a, Command::Notify { subscription: id, state: "lit".into() });
    net.run(SECOND / 10);
    assert_eq!(&notifies(&net).pop().unwrap().body[..], b"lit");
    answer(&mut net, 200);
    assert_eq!(notifies(&net).len(), 2);

    assert_eq!(refresh(&mut net, &mut alice, &made, 120), 200);
    assert_eq!(notifies(&net).len(), 3, "each SUBSCRIBE is followed by a NOTIFY");
    answer(&mut net, 200);
    net.aside = true;
    net.run(SECOND * 121);
    assert_eq!(state(&notifies(&net)[3]), "terminated;reason=timeout");
    answer(&mut net, 200);
    assert!(is_over(&net));
    assert_eq!(net.hosts[a].endpoint.subscriptions(), 0);
    assert_eq!(refresh(&mut net, &mut alice, &made, 120), 481);
    net.assert_clean();
}

#[test]
fn a_subscription_is_taken_back_and_a_fetch_is_one_notify() {
    let mut net = Net::new(1);
    net.host(1, Policy::Answer);
    let mut alice = alice();
    let made = subscribe(&mut net, &mut alice, "Event: message-summary;id=4\r\n");
    assert_eq!(made.headers.get("Expires"), Some("600"), "shortened to the longest");
    assert_eq!(notifies(&net)[0].headers.get("Event"), Some("message-summary;id=4"));
    answer(&mut net, 200);
    assert_eq!(refresh(&mut net, &mut alice, &made, 0), 481, "the id is part of its name");

    let mut net = Net::new(2);
    net.host(1, Policy::Answer);
    let made = subscribe(&mut net, &mut alice, "");
    answer(&mut net, 200);
    assert_eq!(refresh(&mut net, &mut alice, &made, 0), 200);
    assert_eq!(state(&notifies(&net)[1]), "terminated;reason=timeout");
    answer(&mut net, 200);
    assert!(is_over(&net));
    let fetched = subscribe(&mut net, &mut alice, "Expires: 0\r\n");
    assert_eq!(fetched.status, 200);
    assert_eq!(state(&notifies(&net)[2]), "terminated;reason=timeout");
    answer(&mut net, 200);
    net.assert_clean();
}

#[test]
fn who_does_not_answer_or_does_not_know_the_dialog_is_forgotten() {
    for status in [Some(481), None] {
        let mut net = Net::new(1);
        let a = net.host(1, Policy::Answer);
        subscribe(&mut net, &mut alice(), "");
        match status {
            Some(status) => answer(&mut net, status),
            None => {
                net.aside = true;
                net.run(SECOND * 33);
            }
        }
        assert!(is_over(&net));
        assert_eq!(net.hosts[a].endpoint.subscriptions(), 0);
        net.assert_clean();
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let mut net = Net::new(1);
    let a = net.host_with(1, Policy::Answer, |config| config.max_subscriptions_per_account = 2);
    let mut alice = alice();
    let unknown = subscribe(&mut net, &mut alice, "Event: weather\r\n");
    assert_eq!(unknown.status, 489);
    let known: Vec<_> = unknown.headers.get_all("Allow-Events").collect();
    assert_eq!(known, ["message-summary", "presence", "dialog"]);
    let nothing = alice.send(&mut net, "SUBSCRIBE", CONTACT, "");
    assert_eq!(nothing.status, 489);
    let foreign = subscribe(&mut net, &mut alice, "Event: presence\r\nAccept: text/html\r\n");
    assert_eq!(foreign.status, 406);
    let brief = subscribe(&mut net, &mut alice, "Expires: 5\r\n");
    assert_eq!((brief.status, brief.headers.get("Min-Expires")), (423, Some("60")));
    assert_eq!(subscribe(&mut net, &mut alice, "Expires: soon\r\n").status, 400);
    let no_contact = prove(&mut net, &mut alice, "SUBSCRIBE", "Event: dialog\r\n", "");
    assert_eq!(no_contact.status, 400);
    let mut guesser = phone("203.0.113.6:40000", "alice", "wrong");
    let wrong =
        prove(&mut net, &mut guesser, "SUBSCRIBE", "Event: dialog\r\nContact: <sip:x@y>\r\n", "");
    assert_eq!(wrong.status, 401);
    // A dialog that we never made.
    let forged = in_dialog(&wrong, &mut alice, 60) + "Content-Length: 0\r\n\r\n";
    net.inbox.clear();
    net.inject(alice.addr, a, &forged);
    net.inject(alice.addr, a, &forged.replace("SUBSCRIBE", "NOTIFY"));
    net.run(SECOND / 10);
    assert_eq!(net.statuses(), [481, 481]);
    assert!(!net.has(a, |event| matches!(event, Event::Subscribe { .. })));
    assert_eq!(subscribe(&mut net, &mut alice, "").status, 200);
    assert_eq!(subscribe(&mut net, &mut alice, "Event: dialog\r\n").status, 200);
    assert_eq!(subscribe(&mut net, &mut alice, "").status, 403, "two are the most");
    net.aside = true;
    net.run(SECOND * 40);
    net.assert_clean();
}

#[test]
fn the_application_decides_who_may_watch_and_may_not_keep_them_waiting() {
    let mut net = Net::new(1);
    net.host(1, Policy::Reject(403));
    assert_eq!(subscribe(&mut net, &mut alice(), "Event: presence\r\n").status, 403);
    assert!(notifies(&net).is_empty() && !is_over(&net));
    net.assert_clean();

    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    net.aside = true;
    let mut alice = alice();
    alice.prove(&mut net, "SUBSCRIBE", &format!("{CONTACT}Event: presence\r\n"), "");
    net.run(SECOND * 11);
    assert_eq!(net.statuses().last(), Some(&503));
    assert!(is_over(&net));
    assert_eq!(net.hosts[a].endpoint.subscriptions(), 0);
    net.assert_clean();
}

#[test]
fn an_end_that_we_choose_is_told_with_its_reason() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Answer);
    subscribe(&mut net, &mut alice(), "");
    answer(&mut net, 200);
    let subscription = subscription(&net);
    net.aside = true;
    net.command(a, Command::EndSubscription { subscription, reason: Reason::Deactivated });
    net.run(SECOND / 10);
    assert_eq!(state(&notifies(&net)[1]), "terminated;reason=deactivated");
    answer(&mut net, 200);
    assert!(is_over(&net));
    net.assert_clean();
}

#[test]
fn a_device_publishes_what_its_user_does() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let mut alice = alice();
    let pidf = |what: &str| {
        format!(
            "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:alice@h1.example\">\
             <tuple id=\"t\"><status><basic>open</basic></status></tuple><{what}/></presence>"
        )
    };
    let head = "Event: presence\r\nContent-Type: application/pidf+xml\r\nExpires: 120\r\n";
    let mut publish = |net: &mut Net, extra: &str, body: &str| {
        // The resource is the user's own.
        let response = alice.publish(net, extra, body);
        (response.status, response.headers.get("SIP-ETag").map(str::to_owned))
    };
    let (status, tag) = publish(&mut net, head, &pidf("away"));
    assert_eq!(status, 200);
    let tag = tag.unwrap();
    let says = |net: &Net, wanted: Option<Published>| {
        net.has(a, |event| matches!(event, Event::Published { state, .. } if *state == wanted))
    };
    assert!(says(&net, Some(Published::Away)));
    let refresh = format!("Event: presence\r\nSIP-If-Match: {tag}\r\nExpires: 120\r\n");
    let (status, next) = publish(&mut net, &refresh, "");
    assert_eq!(status, 200);
    assert_eq!(publish(&mut net, &refresh, "").0, 412, "each answer has a new tag");
    assert_eq!(publish(&mut net, "Event: presence\r\n", "").0, 400);
    assert_eq!(publish(&mut net, "Event: dialog\r\n", "").0, 489);
    assert_eq!(publish(&mut net, "Event: presence\r\nExpires: 5\r\n", "").0, 423);
    let html = "Event: presence\r\nContent-Type: text/html\r\n";
    assert_eq!(publish(&mut net, html, "<html/>").0, 415);
    assert_eq!(publish(&mut net, head, "<presence").0, 400);
    let of_bob = pidf("busy").replace("alice", "bob");
    assert_eq!(publish(&mut net, head, &of_bob).0, 400);
    let gone = format!("Event: presence\r\nSIP-If-Match: {}\r\nExpires: 0\r\n", next.unwrap());
    assert_eq!(publish(&mut net, &gone, "").0, 200);
    assert!(says(&net, None));
    assert_eq!(net.hosts[a].endpoint.publications(), 0);
    net.assert_clean();
}

#[test]
fn what_is_published_ends_by_itself() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Nothing);
    let body = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:alice@h1.example\"/>";
    let head = "Event: presence\r\nContent-Type: application/pidf+xml\r\nExpires: 60\r\n";
    assert_eq!(alice().publish(&mut net, head, body).status, 200);
    net.run(SECOND * 61);
    assert!(net.has(a, |event| matches!(event, Event::Published { state: None, .. })));
    net.assert_clean();
}

#[test]
fn an_account_that_is_none_any_more_leaves_nothing_behind() {
    let mut net = Net::new(1);
    let a = net.host(1, Policy::Answer);
    let (mut alice, mut bob) = (alice(), phone("203.0.113.6:40000", "bob", "secret"));
    for phone in [&mut alice, &mut bob] {
        let contact = format!("Contact: <sip:{}@10.0.0.9:5060>\r\n", phone.user);
        assert_eq!(phone.prove(&mut net, "REGISTER", &contact, "").status, 200);
    }
    let body = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:alice@h1.example\"/>";
    let head = "Event: presence\r\nContent-Type: application/pidf+xml\r\nExpires: 60\r\n";
    assert_eq!(alice.publish(&mut net, head, body).status, 200);
    assert_eq!(subscribe(&mut net, &mut alice, "").status, 200);
    answer(&mut net, 200);
    let bob_alone =
        [("bob".to_owned(), crate::sip::digest::Ha1::new("bob", "h1.example", "secret"))];
    let accounts: Accounts = bob_alone.into_iter().collect();
    net.aside = true;
    net.command(a, Command::SetAccounts(std::sync::Arc::new(accounts)));
    net.run(SECOND / 10);
    assert_eq!(state(&notifies(&net).pop().unwrap()), "terminated;reason=rejected");
    answer(&mut net, 200);
    net.aside = false;
    assert!(is_over(&net));
    let gone = |net: &Net, who: &str| {
        net.has(a, |e| matches!(e, Event::Unregistered { account, .. } if account == who))
    };
    assert!(gone(&net, "alice") && !gone(&net, "bob"));
    assert!(net.has(a, |e| matches!(e, Event::Published { state: None, .. })));
    assert_eq!(net.hosts[a].endpoint.publications(), 0);
    let contact = "Contact: <sip:alice@10.0.0.9:5060>\r\n";
    assert_eq!(alice.prove(&mut net, "REGISTER", contact, "").status, 401);
    assert_eq!(bob.prove(&mut net, "REGISTER", "", "").status, 200);
}
