//! A page whose connection broke comes back for what it missed, and shows each thing once, without
//! being loaded again.

use hark_tests::audio;
use hark_tests::browser::Browser;
use hark_tests::http::Http;
use hark_tests::site::Site;
use hark_tests::wait;
use serde_json::{Value, json};

/// Lets the test cut the page's sockets, keep them from coming back, and read what they said.
const WATCHED: &str = "(() => { \
    const Real = WebSocket; \
    const real = fetch; \
    Object.assign(window, { harkHold: false, harkSockets: [], harkUrls: [], harkFrames: [], harkAsked: [] }); \
    window.WebSocket = class extends Real { \
      constructor(url) { \
        super(window.harkHold ? String(url).replace('/ws', '/nothing') : url); \
        if (window.harkHold) return; \
        window.harkUrls.push(String(url)); \
        window.harkSockets.push(this); \
        this.addEventListener('message', (event) => window.harkFrames.push(JSON.parse(event.data))); \
      } \
    }; \
    window.fetch = (...args) => { window.harkAsked.push(String(args[0])); return real(...args); }; \
    return 1; })()";

fn watched(site: &Site, user: &str) -> Browser {
    let mut browser = Browser::start();
    browser.open(&site.web());
    browser.wait_visible("sign-in-submit");
    browser.evaluate(WATCHED);
    browser.fill("sign-in-name", user);
    browser.fill("sign-in-password", &site.password(user));
    browser.click("sign-in-submit");
    browser.wait_visible("inbox");
    browser.wait_attribute("connection", "data-status", "open");
    browser
}

fn cut(browser: &mut Browser) {
    browser.evaluate("harkHold = true; harkSockets.forEach((s) => s.close()); harkFrames = []; harkAsked = []; 1");
    browser.wait_attribute("connection", "data-status", "lost");
}

fn let_back(browser: &mut Browser) {
    browser.evaluate("harkHold = false; dispatchEvent(new Event('online')); 1");
    browser.wait_attribute("connection", "data-status", "open");
}

fn frames(browser: &mut Browser, which: impl Fn(&Value) -> bool) -> usize {
    let frames = browser.evaluate("harkFrames");
    frames.as_array().expect("a list").iter().filter(|frame| which(frame)).count()
}

#[track_caller]
fn send(site: &Site, from: &Http, to: &str) -> String {
    let file = site.scratch().join("said.wav");
    audio::sentence().write_wav(&file);
    let file = std::fs::read(file).expect("the file");
    let sent = from.upload(&format!("/api/v1/messages?to={to}"), &[], &file);
    assert_eq!(sent.status, 201, "{}", sent.text());
    sent.json()["id"].as_str().expect("an id").to_owned()
}

fn hear(bob: &Http, id: &str) {
    let message = bob.json(&format!("/api/v1/messages/{id}"));
    bob.audio(&message);
    wait::until("the delivery to be noted", wait::SOON, || {
        let heard = bob.post(&format!("/api/v1/messages/{id}/heard"), &json!({ "heard_ms": 700 }));
        matches!(heard.status, 200 | 204).then_some(())
    });
}

#[test]
fn what_happened_while_the_connection_was_gone_is_shown_once_without_a_reload() {
    let mut site = Site::start();
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    let mut page = watched(&site, "alice");
    let sent = send(&site, &alice, "bob");
    let receipt = format!("receipt-{sent}-bob");
    page.wait_visible(&receipt);

    cut(&mut page);
    hear(&bob, &sent);
    let first = send(&site, &bob, "alice");
    assert_ne!(page.attribute(&receipt, "data-step").as_deref(), Some("heard"), "it can't know");
    let_back(&mut page);
    page.wait_attribute(&receipt, "data-step", "heard");
    let card = format!("message-{first}");
    page.wait_visible(&card);
    page.wait_visible("popup");
    let urls = page.evaluate("harkUrls");
    let last =
        urls.as_array().and_then(|urls| urls.last()?.as_str()).expect("an address").to_owned();
    assert!(last.contains("?last_event_id="), "{last}");
    assert_eq!(frames(&mut page, |f| f["type"] == "hello" && f["resumed"] == true), 1);
    assert_eq!(frames(&mut page, |f| f["type"] == "receipt" && f["step"] == "heard"), 1);
    let asked = page.evaluate("harkAsked").to_string();
    assert!(!asked.contains("/api/v1/outbox"), "the list was not read afresh: {asked}");
    assert_eq!((page.count(&card), page.appearances("popup")), (1, 1));
    page.click("popup-dismiss");

    // The server is killed and comes back on the same store.
    site.restart();
    page.wait_attribute("connection", "data-status", "lost");
    let bob = site.sign_in("bob");
    let second = send(&site, &bob, "alice");
    page.evaluate("dispatchEvent(new Event('online')); 1");
    let card = format!("message-{second}");
    page.wait_visible(&card);
    page.wait_attribute("popup", "data-message", &second);
    page.wait_attribute("connection", "data-status", "open");
    assert_eq!((page.count(&card), page.appearances(&card)), (1, 1));
    assert_eq!(page.count(&format!("message-{first}")), 1);
    assert_eq!(page.appearances("popup"), 2);
    assert!(
        page.evaluate("harkUrls.length").as_u64() >= Some(3),
        "the page was never loaded again"
    );
}
