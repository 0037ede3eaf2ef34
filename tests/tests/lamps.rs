//! Lamps: what a telephone, a tab and a lamp say of a mailbox is always the same.

use std::time::{Duration, Instant};

use hark_tests::live::Live;
use hark_tests::phone::{Phone, PhoneOptions};
use hark_tests::sip::Received;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::softphone::Softphone;
use hark_tests::{audio, story, wait};
use serde_json::json;

/// From the moment that a message is heard anywhere.
const CLEAR_WITHIN: Duration = Duration::from_millis(300);

fn says(counts: &'static str) -> impl Fn(&Received) -> bool {
    move |notify: &Received| notify.body.contains(&format!("Voice-Message: {counts}"))
}

#[test]
fn a_message_that_is_heard_anywhere_clears_every_lamp_and_tab() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let (mut desk, mut other) = (
        Softphone::new(&story::account(&site, "bob")),
        Softphone::new(&story::account(&site, "bob")),
    );
    for phone in [&mut desk, &mut other] {
        let (answer, _) = phone.subscribe("message-summary", "bob", "Expires: 300\r\n");
        assert_eq!(answer.status(), Some(200), "{}", answer.start);
        let (_, first) = phone.wait("NOTIFY", wait::SOON, |_| true);
        assert!(first.body.starts_with("Messages-Waiting: no\r\n"), "{}", first.body);
        assert_eq!(first.header("Event"), Some("message-summary"));
    }
    let mut tabs = [Live::open(&bob), Live::open(&bob)];
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    for phone in [&mut desk, &mut other] {
        let (_, lit) = phone.wait("NOTIFY", wait::SOON, says("1/0 (0/0)"));
        assert!(lit.body.starts_with("Messages-Waiting: yes\r\n"));
    }
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    for tab in &mut tabs {
        tab.wait_for("counts", wait::SOON, |counts| counts["new"] == 1);
    }

    let heard = Instant::now();
    let id = message["id"].as_str().expect("an id").to_owned();
    let cleared = std::thread::scope(|scope| {
        let phones = [desk, other].map(|mut phone| {
            scope.spawn(move || {
                let (at, off) = phone.wait("NOTIFY", wait::SOON, says("0/1 (0/0)"));
                assert!(off.body.starts_with("Messages-Waiting: no\r\n"));
                at.duration_since(heard)
            })
        });
        let tabs = tabs.map(|mut tab| {
            scope.spawn(move || {
                tab.wait_for("counts", wait::SOON, |counts| counts["new"] == 0);
                heard.elapsed()
            })
        });
        bob.post(&format!("/api/v1/messages/{id}/heard"), &json!({ "heard_ms": 500 }));
        let all = phones.into_iter().chain(tabs);
        all.map(|one| one.join().expect("nobody panics")).collect::<Vec<_>>()
    });
    wait::judge("from heard to two lamps and two tabs that are clear", CLEAR_WITHIN, &cleared);
}

#[test]
fn baresips_lamp_is_lit_and_goes_out_when_its_owner_listens() {
    let site = Site::start();
    let mut options = PhoneOptions::new(site.udp(), "bob", &site.password("bob"));
    options.modules = &["mwi"];
    options.account = ";mwi=yes";
    let mut phone = Phone::start(options);
    phone.wait_told("MWI_NOTIFY", |told| told.contains("Messages-Waiting: no"));
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    phone.wait_told("MWI_NOTIFY", |told| told.contains("Voice-Message: 1/0"));
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let id = message["id"].as_str().expect("an id");
    assert_eq!(bob.delete(&format!("/api/v1/messages/{id}")).status, 204);
    phone.wait_told("MWI_NOTIFY", |told| told.contains("Voice-Message: 0/0"));
    assert_eq!(site.metric("hark_sip_subscriptions"), 1.0);
}

#[test]
fn a_telephone_that_did_not_subscribe_is_told_all_the_same_unless_it_refuses() {
    let site = Site::start();
    let account = story::account(&site, "bob");
    let mut plain = Softphone::registered(&account);
    let mut stubborn = Softphone::registered(&account);
    stubborn.answers = "489 Bad Event";
    let (_, told) = plain.wait("NOTIFY", wait::SOON, says("0/0 (0/0)"));
    assert_eq!(told.header("Event"), Some("message-summary"));
    assert!(told.header("Subscription-State").is_some_and(|state| state.starts_with("terminated")));
    stubborn.wait("NOTIFY", wait::SOON, |_| true);
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    plain.wait("NOTIFY", wait::SOON, says("1/0 (0/0)"));
    assert!(stubborn.is_left_alone("NOTIFY", Duration::from_millis(500)), "it has refused once");

    let quiet = Site::with(SiteOptions { no_unsolicited_lamps: true, ..SiteOptions::default() });
    let mut plain = Softphone::registered(&story::account(&quiet, "bob"));
    assert!(plain.is_left_alone("NOTIFY", Duration::from_secs(4)), "the operator does not want it");
}

#[test]
fn subscriptions_are_refreshed_ended_and_begun_again_after_a_crash() {
    let mut site = Site::start();
    let mut desk = Softphone::new(&story::account(&site, "bob"));
    let (answer, made) = desk.subscribe("message-summary", "1002", "Expires: 3600\r\n");
    assert_eq!((answer.status(), answer.header("Expires")), (Some(200), Some("600")));
    desk.wait("NOTIFY", wait::SOON, |_| true);
    assert_eq!(desk.refresh(&made, "message-summary", 120).header("Expires"), Some("120"));
    desk.wait("NOTIFY", wait::SOON, |_| true);
    site.restart();
    assert_eq!(desk.refresh(&made, "message-summary", 120).status(), Some(481));
    let (answer, made) = desk.subscribe("message-summary", "bob", "");
    assert_eq!(answer.status(), Some(200));
    desk.wait("NOTIFY", wait::SOON, |_| true);
    assert_eq!(desk.refresh(&made, "message-summary", 0).status(), Some(200));
    let (_, last) = desk.wait("NOTIFY", wait::SOON, |_| true);
    assert_eq!(last.header("Subscription-State"), Some("terminated;reason=timeout"));
    wait::until("the subscription to be gone", wait::SOON, || {
        (site.metric("hark_sip_subscriptions") == 0.0).then_some(())
    });
}

#[test]
fn nobody_watches_what_is_not_theirs_and_nonsense_is_refused_with_the_reason() {
    let site = Site::start();
    let mut alice = Softphone::new(&story::account(&site, "alice"));
    let status = |answer: Received| answer.status().unwrap_or_default();
    assert_eq!(status(alice.subscribe("message-summary", "bob", "").0), 403);
    assert_eq!(status(alice.subscribe("presence", "nobody", "").0), 404);
    assert_eq!(status(alice.subscribe("weather", "alice", "").0), 489);
    assert_eq!(status(alice.subscribe("presence", "bob", "Accept: text/html\r\n").0), 406);
    assert_eq!(status(alice.subscribe("presence", "bob", "Expires: 5\r\n").0), 423);
    assert_eq!(status(alice.subscribe("presence", "bob", "Expires: x\r\n").0), 400);
    let mut liar = story::account(&site, "alice");
    liar.password = "wrong".into();
    assert_eq!(status(Softphone::new(&liar).subscribe("presence", "bob", "").0), 401);
    assert_eq!(site.metric("hark_sip_subscriptions"), 0.0);
}
