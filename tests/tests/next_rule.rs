//! What fails on the way to somebody: the next rule has its turn, and the sender is told.

use std::net::TcpListener;
use std::time::Duration;

use hark_tests::audio::{self, Sound};
use hark_tests::callee::Callee;
use hark_tests::http::Http;
use hark_tests::live::Live;
use hark_tests::mail::{self, MailOptions, MailServer};
use hark_tests::peer::Account;
use hark_tests::receiver::Receiver;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};
use serde_json::{Value, json};

fn site(mail_port: u16, more: &str) -> Site {
    let more = format!(
        "[events]\ntime_zone = \"Europe/Berlin\"\n\
         [outward]\nprivate_networks = true\n\
         [mail]\nhost = \"127.0.0.1\"\nport = {mail_port}\ntls = \"none\"\n\
         from = \"Hark <hark@example.org>\"\n{more}\n"
    );
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

/// A port at which nobody listens.
fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket's address").port()
}

fn devices(attach: &Value) -> Value {
    json!([
        { "name": "desk", "kind": "registered-phone" },
        { "name": "push", "kind": "web-push" },
        { "name": "work", "kind": "email", "address": "bob@example.org", "attach": attach },
    ])
}

#[track_caller]
fn set_profile(bob: &Http, attach: &Value, rules: &Value) {
    let profile = json!({ "devices": devices(attach), "rules": rules });
    let answer = bob.put("/api/v1/me/profile", &profile);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Shows that bob's mailbox is his.
#[track_caller]
fn verify(bob: &Http, server: &MailServer) {
    let path = "/api/v1/me/devices/work/verify";
    let sent = bob.post(path, &json!({}));
    assert_eq!(sent.status, 202, "{}", sent.text());
    let text = mail::text(&server.wait_mails(1)[0], "text/plain");
    let code = text.split_whitespace().find(|w| w.len() == 6 && w.parse::<u32>().is_ok());
    let given = bob.put(path, &json!({ "code": code.expect("a code") }));
    assert_eq!(given.status, 200, "{}", given.text());
}

fn ring_once() -> Value {
    json!({ "ring": { "device": "desk", "attempts": 1, "ring_secs": 30 } })
}

fn notify(device: &str) -> Value {
    json!({ "notify": { "device": device } })
}

fn rules(acts: &[Value]) -> Value {
    acts.iter().map(|act| json!({ "when": "always", "do": act })).collect()
}

fn telephone(site: &Site, user: &str) -> Callee {
    Callee::registered(&Account::new(site.udp(), user, &site.password(user)))
}

/// Leaves a message for bob, whose sender listens.
#[track_caller]
fn leave(site: &Site, said: &Sound) -> Live {
    let live = Live::open(&site.sign_in("alice"));
    story::leave_message(&mut site.phone("alice"), "1002", said);
    live
}

#[track_caller]
fn wait_told(sender: &mut Live, step: &str, device: &str, reason: &str) {
    sender.wait_for("receipt", wait::LATER, |frame| {
        frame["step"] == step
            && frame["device"].as_str().unwrap_or_default() == device
            && frame["reason"].as_str().is_some_and(|why| why.contains(reason))
    });
}

#[test]
fn a_busy_telephone_is_followed_by_a_mail_and_the_sender_knows_why() {
    let server = MailServer::start();
    let site = site(server.port(), "");
    let bob = site.sign_in("bob");
    set_profile(&bob, &json!(false), &rules(&[ring_once(), notify("work")]));
    verify(&bob, &server);
    bob.sign_out();
    let phone = telephone(&site, "bob");
    let mut sender = leave(&site, &audio::sentence());
    phone.wait_call().refuse("486 Busy Here");
    let mail = server.wait_mails(2).remove(1);
    wait_told(&mut sender, "attempt-failed", "desk", "busy");
    // Its time is that of bob's clocks: nobody chose a zone for him, so it is the site's.
    let text = mail::text(&mail, "text/plain");
    assert!(text.contains("(Europe/Berlin)") && !text.contains("UTC"), "{text}");
    story::wait_outbox_step(&site.sign_in("alice"), "notified");
    assert!(phone.is_left_alone(Duration::from_secs(1)), "once was enough");
}

#[test]
fn a_mail_that_is_refused_is_followed_by_the_telephone() {
    let mut server = MailServer::start();
    let site = site(server.port(), "");
    let bob = site.sign_in("bob");
    set_profile(&bob, &json!(false), &rules(&[notify("work"), ring_once()]));
    verify(&bob, &server);
    bob.sign_out();
    server.answer(550);
    let phone = telephone(&site, "bob");
    let mut sender = leave(&site, &audio::sentence());
    phone.wait_call().refuse("486 Busy Here");
    wait_told(&mut sender, "attempt-failed", "work", "550");
    wait_told(&mut sender, "attempt-failed", "desk", "busy");
    // Nothing is left: that is said as well, and the message waits.
    wait_told(&mut sender, "failed", "", "busy");
    assert_eq!(site.sign_in("bob").inbox().len(), 1);
}

#[test]
fn a_mail_server_that_was_down_gets_the_mail_later_and_the_sender_is_told_meanwhile() {
    let port = nobody();
    let options = MailOptions { port, ..MailOptions::default() };
    let server = MailServer::with(&options);
    let site = site(port, "");
    let bob = site.sign_in("bob");
    set_profile(&bob, &json!(false), &rules(&[notify("work")]));
    verify(&bob, &server);
    bob.sign_out();
    drop(server);
    let mut sender = leave(&site, &audio::sentence());
    wait_told(&mut sender, "attempt-failed", "work", "can't be reached");
    let server = MailServer::with(&options);
    let mail = server.wait_mails(1).remove(0);
    assert!(mail::header(&mail, "Subject").contains("Alice"), "{mail}");
    story::wait_outbox_step(&site.sign_in("alice"), "notified");
}

#[test]
fn a_browser_that_is_gone_is_forgotten_and_followed_by_the_telephone() {
    let push_service = Receiver::start(&[410]);
    let site = site(nobody(), "");
    let bob = site.sign_in("bob");
    set_profile(&bob, &json!(false), &rules(&[notify("push"), ring_once()]));
    let key = bob.json("/api/v1/push/key")["key"].clone();
    let subscription = json!({
        "endpoint": format!("{}/push/1", push_service.base()),
        "keys": { "p256dh": key, "auth": "AAAAAAAAAAAAAAAAAAAAAA" },
    });
    assert_eq!(bob.post("/api/v1/push/subscriptions", &subscription).status, 201);
    let phone = telephone(&site, "bob");
    let mut sender = leave(&site, &audio::sentence());
    assert_eq!(push_service.wait(1)[0].path, "/push/1");
    phone.wait_call().refuse("486 Busy Here");
    wait_told(&mut sender, "attempt-failed", "push", "");
    assert_eq!(bob.json("/api/v1/push/subscriptions"), json!([]));
}

#[test]
fn the_recording_goes_along_as_wav_for_who_wants_it_so() {
    let server = MailServer::start();
    let site = site(server.port(), "attachment = \"ogg\"");
    let bob = site.sign_in("bob");
    set_profile(&bob, &json!("wav"), &rules(&[notify("work")]));
    verify(&bob, &server);
    assert_eq!(bob.json("/api/v1/me")["profile"]["devices"][2]["attach"], "wav");
    let said = audio::sentence();
    leave(&site, &said);
    let mail = server.wait_mails(2).remove(1);
    let heard = Sound::from_wav(&mail::attached(&mail, "message.wav"));
    let (likeness, _) = heard.best_match(&said);
    assert!(likeness >= story::ALIKE, "{likeness:.3} alike");
    set_profile(&bob, &json!(true), &rules(&[notify("work")]));
    leave(&site, &said);
    let mail = server.wait_mails(3).remove(2);
    story::assert_said(&mail::attached(&mail, "message.ogg"), &said);
}
