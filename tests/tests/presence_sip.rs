//! Presence between browsers, softphones and calls, as each of them sees it.

use std::time::{Duration, Instant};

use hark_tests::live::Live;
use hark_tests::phone::{Phone, PhoneOptions};
use hark_tests::site::Site;
use hark_tests::softphone::{Say, Softphone};
use hark_tests::{story, wait};
use serde_json::json;

/// From the change to each watcher.
const TOLD_WITHIN: Duration = Duration::from_millis(100);

fn pidf(user: &str, what: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:{user}@localhost\">\
         <tuple id=\"t\"><status><basic>open</basic></status></tuple>\
         <rpid:activities>{what}</rpid:activities></presence>"
    )
}

#[test]
fn every_watcher_learns_of_a_change_within_100_ms() {
    let site = Site::start();
    let alice = site.sign_in("alice");
    let mut tabs: Vec<Live> = (0..10).map(|_| Live::open(&alice)).collect();
    for tab in &mut tabs {
        tab.wait("hello", wait::SOON);
    }
    let mut phone = Softphone::new(&story::account(&site, "alice"));
    assert_eq!(phone.subscribe("presence", "bob", "").0.status(), Some(200));
    phone.wait("NOTIFY", wait::SOON, |notify| notify.body.contains("<basic>closed</basic>"));
    let bob = site.sign_in("bob");

    let _bobs = Live::open(&bob);
    phone.wait("NOTIFY", wait::SOON, |notify| notify.body.contains("Online"));
    // The slowest of eleven, eight times; the machine may be busy in some of them.
    let rounds = (0..8).map(|round| {
        let disturbed = round % 2 == 0;
        let (word, note) =
            if disturbed { ("do-not-disturb", "Do not disturb") } else { ("online", "Online") };
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let watch = |tab: &mut Live| {
                tab.wait_for("presence", wait::SOON, |told| told["presence"] == word);
                begun.elapsed()
            };
            let watchers: Vec<_> =
                tabs.iter_mut().map(|tab| scope.spawn(move || watch(tab))).collect();
            let on = json!({ "on": disturbed });
            assert_eq!(bob.put("/api/v1/me/do-not-disturb", &on).status, 204);
            let (at, _) = phone.wait("NOTIFY", wait::SOON, |notify| notify.body.contains(note));
            let tabs = watchers.into_iter().map(|one| one.join().expect("nobody panics"));
            tabs.chain([at.duration_since(begun)]).max().expect("somebody watches")
        })
    });
    let rounds: Vec<Duration> = rounds.collect();
    wait::judge("until ten tabs and a softphone were told", TOLD_WITHIN, &rounds);
}

#[test]
fn calls_are_seen_by_lamps_and_by_softphones() {
    let site = Site::start();
    let mut bob = Softphone::new(&story::account(&site, "bob"));
    assert_eq!(bob.subscribe("dialog", "alice", "").0.status(), Some(200));
    let (_, idle) = bob.wait("NOTIFY", wait::SOON, |_| true);
    assert_eq!(idle.header("Content-Type"), Some("application/dialog-info+xml"));
    assert!(!idle.body.contains("<dialog "), "{}", idle.body);
    let mut alice = site.phone("alice");
    alice.call("1002");
    let (_, busy) = bob.wait("NOTIFY", wait::SOON, |notify| notify.body.contains("confirmed"));
    assert!(busy.body.contains("entity=\"sip:alice@localhost\""), "{}", busy.body);
    alice.hang_up();
    bob.wait("NOTIFY", wait::SOON, |notify| !notify.body.contains("<dialog "));
}

#[test]
fn what_a_softphone_publishes_is_seen_in_browsers() {
    let site = Site::start();
    let mut alice = Live::open(&site.sign_in("alice"));
    let mut bob = Softphone::registered(&story::account(&site, "bob"));
    alice.wait_for("presence", wait::SOON, |told| {
        told["presence"] == "phone" && told["by_phone"] == true
    });
    let uri = bob.address("bob");
    let head = "Event: presence\r\nExpires: 120\r\n";
    let mut publish = |more: &str, body: &str| {
        let say = Say { more, content_type: "application/pidf+xml", body: body.as_bytes() };
        bob.request("PUBLISH", &uri, say)
    };
    let away = publish(head, &pidf("bob", "<rpid:away/>"));
    assert_eq!(away.status(), Some(200));
    alice.wait_for("presence", wait::SOON, |told| told["presence"] == "away");
    let tag = away.header("SIP-ETag").expect("an entity tag").to_owned();
    let matching = format!("{head}SIP-If-Match: {tag}\r\n");
    assert_eq!(publish(&matching, &pidf("bob", "<rpid:busy/>")).status(), Some(200));
    alice.wait_for("presence", wait::SOON, |told| told["presence"] == "busy");
    assert_eq!(publish(&matching, &pidf("bob", "")).status(), Some(412), "the tag is spent");
    assert_eq!(publish(head, &pidf("alice", "")).status(), Some(400));
    assert_eq!(publish(head, "<presence").status(), Some(400));
    let of_alice = bob.address("alice");
    let body = pidf("bob", "");
    let say = Say { more: head, content_type: "application/pidf+xml", body: body.as_bytes() };
    assert_eq!(bob.request("PUBLISH", &of_alice, say).status(), Some(403));
}

#[test]
fn baresip_watches_and_publishes() {
    let site = Site::start();
    let server = site.udp();
    let mut options = PhoneOptions::new(server, "alice", &site.password("alice"));
    options.modules = &["contact", "presence"];
    options.account = ";pubint=60";
    options.contacts = format!("\"Bob\" <sip:bob@{server}>;presence=p2p\n");
    let mut phone = Phone::start(options);
    phone.wait_registered();
    let bob = site.sign_in("bob");
    let mut tab = Live::open(&bob);
    tab.wait("hello", wait::SOON);
    let look = |phone: &mut Phone, word: &str| {
        wait::until(&format!("baresip to show bob as {word}"), wait::SOON, || {
            phone.run("contacts", "").contains(word).then_some(())
        });
    };
    look(&mut phone, "Online");
    bob.put("/api/v1/me/do-not-disturb", &json!({ "on": true }));
    look(&mut phone, "Busy");
    drop(tab);
    bob.put("/api/v1/me/do-not-disturb", &json!({ "on": false }));
    look(&mut phone, "Offline");
}
