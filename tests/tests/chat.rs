//! Chat: between browsers, by API, and with softphones.

use std::path::Path;
use std::time::Duration;

use hark_tests::browser::Browser;
use hark_tests::http::Http;
use hark_tests::live::Live;
use hark_tests::phone::{Phone, PhoneOptions};
use hark_tests::site::Site;
use hark_tests::softphone::{Say, Softphone};
use hark_tests::{audio, story, wait};
use serde_json::{Value, json};

fn history(who: &Http, with: &str) -> Vec<Value> {
    let page = who.json(&format!("/api/v1/chats/{with}"));
    page["messages"].as_array().expect("a list").clone()
}

fn texts(who: &Http, with: &str) -> Vec<String> {
    let texts = history(who, with).into_iter();
    texts.map(|text| text["text"].as_str().unwrap_or_default().to_owned()).rev().collect()
}

/// Keeps a picture where somebody asked for one.
fn picture(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("HARK_PICTURES") {
        browser.screenshot(&Path::new(&folder).join(name));
    }
}

#[test]
fn two_people_chat_in_their_browsers() {
    let site = Site::start();
    let mut alice = story::browser_of(&site, "alice");
    let mut bob = story::browser_of(&site, "bob");
    alice.wait_attribute("presence-bob", "data-presence", "online");
    assert_eq!(alice.text("reach-bob"), "in the browser");
    picture(&mut alice, "contacts.png");

    alice.click("write-bob");
    alice.fill("chat-text", "Lunch at noon?");
    alice.press("chat-text", "Enter");
    bob.wait_visible("chat-popup");
    assert_eq!(bob.text("chat-popup-text"), "Lunch at noon?");
    assert_eq!(bob.text("chat-popup-sender"), "Alice");
    bob.wait_visible("unread-texts");
    alice.wait_attribute("receipt", "data-receipt", "Delivered");
    picture(&mut bob, "chat-popup.png");

    bob.click("chat-popup-open");
    alice.wait_attribute("receipt", "data-receipt", "Read");
    bob.wait_hidden("chat-popup");
    bob.wait_hidden("unread-texts");
    bob.fill("chat-text", "Yes, ");
    alice.wait_visible("chat-typing");
    picture(&mut alice, "chat-typing.png");
    bob.fill("chat-text", "Yes, gladly");
    bob.click("chat-send");
    alice.wait_visible("text-other");
    assert!(alice.text("text-other").starts_with("Yes, gladly"));
    alice.wait_hidden("chat-typing");
    // It stood before her eyes: nothing pops up, and it is read at once.
    bob.wait_attribute("receipt", "data-receipt", "Read");
    assert_eq!(alice.count("chat-popup"), 0);
    picture(&mut alice, "chat-thread.png");

    // The keyboard alone: Escape leaves the thread.
    alice.press("chat-text", "Escape");
    alice.wait_hidden("thread");
    alice.click("thread-bob");
    alice.wait_visible("text-own");

    alice.resize(390, 780);
    picture(&mut alice, "chat-narrow.png");
    alice.wait_visible("chat-text");
    alice.click("chat-back");
    alice.wait_visible("thread-bob");
    picture(&mut alice, "chat-narrow-list.png");
    assert_eq!(alice.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
    assert_eq!(texts(&site.sign_in("bob"), "alice"), ["Lunch at noon?", "Yes, gladly"]);
    assert_eq!((alice.errors(), bob.errors()), (vec![], vec![]));
}

#[test]
fn a_text_finds_who_was_away_after_a_crash_and_is_kept_once() {
    let mut site = Site::start();
    let alice = site.sign_in("alice");
    let send = |who: &Http, text: &str, key: &str| {
        who.post("/api/v1/chats/bob", &json!({ "text": text, "idempotency_key": key }))
    };
    assert_eq!(send(&alice, "one", "k1").status, 201);
    assert_eq!(send(&alice, "one", "k1").status, 200, "the same again");
    assert_eq!(send(&alice, "two", "k2").status, 201);
    site.restart();
    let alice = site.sign_in("alice");
    assert_eq!(send(&alice, "one", "k1").status, 200, "the same, also after a crash");

    let bob = site.sign_in("bob");
    let threads = bob.json("/api/v1/chats");
    assert_eq!((&threads[0]["with"]["name"], &threads[0]["unread"]), (&json!("alice"), &json!(2)));
    assert_eq!(threads[0]["last"]["text"], "two");
    let mut hers = Live::open(&alice);
    let last = history(&bob, "alice")[0]["id"].clone();
    assert_eq!(bob.post("/api/v1/chats/alice/read", &json!({ "up_to": last })).status, 204);
    let marked = hers.wait("chat", wait::SOON);
    assert_eq!(
        (&marked["chat"], marked["read"].as_array().map(Vec::len)),
        (&json!("marked"), Some(2))
    );
    assert_eq!(bob.json("/api/v1/chats")[0]["unread"], 0);

    assert_eq!(send(&alice, " \n", "k3").status, 400);
    assert_eq!(send(&alice, &"x".repeat(4001), "k4").status, 400);
    assert_eq!(alice.post("/api/v1/chats/nobody", &json!({ "text": "x" })).status, 404);
    assert_eq!(alice.post("/api/v1/chats/alice", &json!({ "text": "x" })).status, 400);
    assert_eq!(Http::new(&site.web()).get("/api/v1/chats").status, 401);
    let refused =
        (0..60).map(|n| send(&alice, "flood", &format!("f{n}"))).find(|a| a.status == 429);
    let refused = refused.expect("a flood is slowed down");
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn a_softphone_chats_with_a_browser() {
    let site = Site::start();
    let server = site.udp();
    let bob = site.sign_in("bob");
    let mut browser = story::browser_of(&site, "bob");
    let mut options = PhoneOptions::new(server, "alice", &site.password("alice"));
    options.modules = &["contact"];
    options.contacts = format!("\"Bob\" <sip:bob@{server}>\n");
    let mut phone = Phone::start(options);
    phone.wait_registered();

    phone.run("message", "Grüße vom Telefon");
    browser.wait_visible("chat-popup");
    assert_eq!(browser.text("chat-popup-text"), "Grüße vom Telefon");
    assert_eq!(texts(&bob, "alice"), ["Grüße vom Telefon"]);

    browser.click("chat-popup-open");
    browser.fill("chat-text", "Hello telephone");
    browser.click("chat-send");
    phone.wait_printed("Hello telephone");
    // The telephone took it, and says so.
    browser.wait_attribute("receipt", "data-receipt", "Delivered");
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn texts_wait_for_the_telephone_of_who_is_away() {
    let site = Site::start();
    let alice = site.sign_in("alice");
    for text in ["first", "second"] {
        assert_eq!(alice.post("/api/v1/chats/bob", &json!({ "text": text })).status, 201);
    }
    let mut bob = Softphone::registered(&story::account(&site, "bob"));
    for text in ["first", "second"] {
        let (_, message) = bob.wait("MESSAGE", wait::SOON, |_| true);
        assert_eq!(message.body, text, "in order, each once");
        assert!(
            message
                .header("From")
                .is_some_and(|from| from.contains("\"Alice\" <sip:alice@localhost>"))
        );
    }
    wait::until("both to be delivered", wait::SOON, || {
        history(&alice, "bob").iter().all(|text| text["delivered"].is_number()).then_some(())
    });
    let long = "word ".repeat(400);
    alice.post("/api/v1/chats/bob", &json!({ "text": long }));
    let mut got = String::new();
    while got.split_whitespace().count() < 400 {
        let (_, part) = bob.wait("MESSAGE", wait::SOON, |_| true);
        assert!(part.body.len() <= 1000, "RFC 3428 section 8");
        got.push_str(&format!("{} ", part.body));
    }
    assert!(bob.is_left_alone("MESSAGE", Duration::from_millis(500)));
}

#[test]
fn a_sip_client_is_told_that_its_text_was_delivered_and_read() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let mut alice = Softphone::registered(&story::account(&site, "alice"));
    let uri = alice.address("bob");
    let body = "From: <sip:alice@localhost>\r\nTo: <sip:bob@localhost>\r\n\
        NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m-17\r\n\
        imdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\nwith receipt";
    let say = Say { content_type: "message/cpim", body: body.as_bytes(), ..Say::default() };
    assert_eq!(alice.request("MESSAGE", &uri, say).status(), Some(202), "bob is not there");
    let mut tab = Live::open(&bob);
    let text = history(&bob, "alice").remove(0);
    assert_eq!(text["text"], "with receipt");
    let mark = |what: &str| json!({ "type": "chat", "chat": what, "with": text["sender"], "up_to": text["id"] });
    tab.send(&mark("delivered"));
    let (_, told) = alice.wait("MESSAGE", wait::SOON, |told| told.body.contains("m-17"));
    assert!(told.body.contains("<delivered/>"), "{}", told.body);
    assert!(told.header("Content-Type").is_some_and(|kind| kind == "message/cpim"));
    tab.send(&mark("read"));
    alice.wait("MESSAGE", wait::SOON, |told| told.body.contains("<displayed/>"));
    tab.send(&mark("read"));
    assert!(alice.is_left_alone("MESSAGE", Duration::from_millis(500)), "each once");
}

#[test]
fn a_sound_attached_to_a_message_is_a_voice_message() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let said = audio::sentence();
    let file = site.scratch().join("said.wav");
    said.write_wav(&file);
    let wav = std::fs::read(&file).expect("the WAV file");
    // What a MESSAGE can carry is bounded by a datagram.
    let short = &wav[..wav.len().min(44 + 2 * 8000 * 3)];
    let mut alice = Softphone::registered(&story::account(&site, "alice"));
    let uri = alice.address("bob");
    let imdn = "From: <sip:a@x>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: v-1\r\n\
        imdn.Disposition-Notification: display\r\n\r\nContent-Type: audio/wav\r\n\r\n";
    let body = [imdn.as_bytes(), short].concat();
    let say = Say { content_type: "message/cpim", body: &body, ..Say::default() };
    let answer = alice.request("MESSAGE", &uri, say);
    assert!(matches!(answer.status(), Some(200 | 202)), "{}", answer.start);
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    assert_eq!(message["sender"]["name"], "Alice");
    let (heard, _) = audio::decode_ogg_opus(&bob.audio(&message));
    assert!(heard.length() >= Duration::from_millis(1500), "{:?}", heard.length());
    let id = message["id"].as_str().expect("an id");
    bob.post(&format!("/api/v1/messages/{id}/heard"), &json!({ "heard_ms": 1000 }));
    let (_, told) = alice.wait("MESSAGE", wait::SOON, |told| told.body.contains("v-1"));
    assert!(told.body.contains("<displayed/>"), "{}", told.body);

    let say = Say { content_type: "audio/wav", body: b"RIFF....", ..Say::default() };
    assert_eq!(alice.request("MESSAGE", &uri, say).status(), Some(400));
}

#[test]
fn what_is_no_text_is_refused_with_the_reason() {
    let site = Site::start();
    let mut alice = Softphone::new(&story::account(&site, "alice"));
    assert_eq!(alice.text("nobody", "hi").status(), Some(404));
    assert_eq!(alice.text("alice", "hi").status(), Some(403));
    assert_eq!(alice.text("bob", "").status(), Some(400));
    assert_eq!(alice.text("bob", &"x".repeat(4001)).status(), Some(413));
    let uri = alice.address("bob");
    let html = Say { content_type: "text/html", body: b"<b>hi</b>", ..Say::default() };
    let refused = alice.request("MESSAGE", &uri, html);
    assert_eq!(refused.status(), Some(415));
    assert!(refused.all("Accept").any(|kind| kind.contains("text/plain")));
    let latin = Say { content_type: "text/plain", body: b"gr\xfc\xdfe", ..Say::default() };
    assert_eq!(alice.request("MESSAGE", &uri, latin).status(), Some(400));
    let mut stranger = Softphone::new(&hark_tests::peer::Account::stranger(site.udp()));
    assert_eq!(stranger.text("bob", "buy now").status(), Some(403));
    let mut liar = story::account(&site, "alice");
    liar.password = "wrong".into();
    assert_eq!(Softphone::new(&liar).text("bob", "hi").status(), Some(407));
    assert_eq!(texts(&site.sign_in("bob"), "alice"), [""; 0]);
}
