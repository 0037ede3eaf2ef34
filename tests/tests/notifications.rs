//! A browser is notified also while Hark is not open in it, as far as a Chromium goes that reaches
//! no push service: the switch, the server's half, and the service worker.

use hark_tests::receiver::Receiver;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};
use serde_json::json;

#[test]
fn the_switch_subscribes_and_the_service_worker_shows_what_comes() {
    let more = "[outward]\nprivate_networks = true\n".to_owned();
    let site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    let push_service = Receiver::start(&[]);
    let mut browser = story::browser_of(&site, "bob");
    browser.open(&format!("{}/#/profile", site.web()));
    browser.wait_visible("push-switch");

    // Chromium's own service can't be reached from here, which is said in words.
    browser.click("push-switch");
    browser.wait_visible("push-error");
    let said = browser.text("push-error");
    assert!(said.contains("push service"), "{said}");
    let bob = site.sign_in("bob");
    assert_eq!(bob.json("/api/v1/push/subscriptions"), json!([]));

    // In its place stands one of ours; all else is the page's and the server's.
    let key =
        "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
    let endpoint = format!("{}/push/1", push_service.base());
    browser.evaluate(&format!(
        "(() => {{ const one = {{ endpoint: '{endpoint}', options: {{ applicationServerKey: null }},
            toJSON: () => ({{ endpoint: '{endpoint}', keys: {{ p256dh: '{key}', auth: 'AAAAAAAAAAAAAAAAAAAAAA' }} }}),
            unsubscribe: async () => {{ window.harkKept = null; return true; }} }};
          PushManager.prototype.subscribe = async (o) => {{ window.harkKey = new Uint8Array(o.applicationServerKey).length; window.harkKept = one; return one; }};
          PushManager.prototype.getSubscription = async () => window.harkKept ?? null; }})()"
    ));
    browser.click("push-switch");
    browser.wait_hidden("push-error");
    let listed = wait::until("the subscription", wait::SOON, || {
        let listed = bob.json("/api/v1/push/subscriptions");
        (!listed[0].is_null()).then_some(listed)
    });
    assert_eq!(listed[0]["endpoint"], endpoint.as_str());
    assert!(listed[0]["device"].as_str().is_some_and(|d| d.contains("Chrome")), "{listed}");
    assert_eq!(browser.evaluate("window.harkKey"), 65);

    // The service worker shows what is pushed, and opens nothing by itself.
    let link = format!("{}/m/TOKEN", site.web());
    let pushed =
        json!({ "id": "m1", "title": "Voice message from Alice", "body": "0:05", "link": link });
    let shown = wait::until("the notification", wait::LATER, || {
        browser.push(&pushed.to_string());
        Some(browser.shown_notifications()).filter(|shown| !shown[0].is_null())
    });
    assert_eq!(shown[0]["title"], "Voice message from Alice", "{shown}");
    assert_eq!(shown[0]["tag"], "m1");
    assert_eq!(shown[0]["link"], link.as_str());

    // Turned off, the server forgets it.
    browser.click("push-switch");
    wait::until("it to be forgotten", wait::SOON, || {
        (bob.json("/api/v1/push/subscriptions") == json!([])).then_some(())
    });
}

#[test]
fn subscriptions_that_cannot_be_ones_are_refused() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let key = bob.json("/api/v1/push/key");
    assert_eq!(key["key"].as_str().map(str::len), Some(87), "65 bytes of base64url: {key}");
    let valid = key["key"].as_str().expect("a key");
    let auth = "AAAAAAAAAAAAAAAAAAAAAA";
    let subscribe = |endpoint: &str, p256dh: &str, auth: &str| {
        let body = json!({ "endpoint": endpoint, "keys": { "p256dh": p256dh, "auth": auth } });
        bob.post("/api/v1/push/subscriptions", &body).status
    };
    assert_eq!(subscribe("https://push.example.org/1", valid, auth), 201);
    assert_eq!(subscribe("http://push.example.org/1", valid, auth), 400);
    assert_eq!(subscribe("https://127.0.0.1/1", valid, auth), 400);
    assert_eq!(subscribe("https://push.example.org/1", "AAAA", auth), 400);
    assert_eq!(subscribe("https://push.example.org/1", &"A".repeat(87), auth), 400);
    assert_eq!(subscribe("https://push.example.org/1", valid, "AAAA"), 400);
    // An endpoint is one browser's, and goes to whoever signs in there last.
    let alice = site.sign_in("alice");
    let body = json!({ "endpoint": "https://push.example.org/1", "keys": { "p256dh": valid, "auth": auth } });
    assert_eq!(alice.post("/api/v1/push/subscriptions", &body).status, 201);
    assert_eq!(bob.json("/api/v1/push/subscriptions"), json!([]));
    let id = alice.json("/api/v1/push/subscriptions")[0]["id"].as_i64().expect("an id");
    assert_eq!(bob.delete(&format!("/api/v1/push/subscriptions/{id}")).status, 404);
    assert_eq!(alice.delete(&format!("/api/v1/push/subscriptions/{id}")).status, 204);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(site.data().join("vapid.key")).expect("the key's file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}
