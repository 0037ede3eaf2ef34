//! Web services that a user registered are told every step of a message: signed, in order, again
//! after a failure, and by the next process if this one is killed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hark_tests::http::Http;
use hark_tests::receiver::{Received, Receiver};
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};

const STEPS: [&str; 3] = ["message.accepted", "message.delivered", "message.heard"];

fn site() -> Site {
    let more = "[outward]\nprivate_networks = true\n".to_owned();
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

/// Registers a web service, and gives its number and its secret.
fn register(user: &Http, url: &str, about: &str) -> (i64, Vec<u8>) {
    let made = user.post("/api/v1/webhooks", &json!({ "url": url, "about": about }));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let secret = made["secret"].as_str().expect("a secret").strip_prefix("whsec_");
    let secret = STANDARD.decode(secret.expect("its prefix")).expect("base64");
    (made["id"].as_i64().expect("an id"), secret)
}

fn assert_signed(request: &Received, secret: &[u8]) {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("a key");
    let (id, at) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&request.body);
    let signature = request.header("webhook-signature").strip_prefix("v1,").expect("version 1");
    mac.verify_slice(&STANDARD.decode(signature).expect("base64")).expect("it is signed");
}

/// What a service was told of, each event once, in the order in which it came.
fn told(received: &[Received]) -> Vec<(i64, String)> {
    let mut told: Vec<(i64, String)> = Vec::new();
    for request in received {
        let body = request.json();
        let seq = body["seq"].as_i64().expect("a place in the log");
        if told.iter().all(|(known, _)| *known != seq) {
            told.push((seq, body["type"].as_str().expect("a type").to_owned()));
        }
    }
    told
}

fn hear(bob: &Http, message: &Value) {
    let id = message["id"].as_str().expect("an id");
    bob.audio(message);
    // The audio's arrival is noted in its own time.
    wait::until("the delivery to be noted", wait::SOON, || {
        let heard = bob.post(&format!("/api/v1/messages/{id}/heard"), &json!({ "heard_ms": 1500 }));
        assert!(matches!(heard.status, 200 | 204), "{}", heard.text());
        Some(())
    });
}

#[test]
fn every_step_is_told_signed_and_in_order_and_survives_a_kill() {
    let mut site = site();
    let alice = site.sign_in("alice");
    let receiver = Receiver::start(&[]);
    let (id, secret) = register(&alice, &format!("{}/hook", receiver.base()), "sent");
    let path = format!("/api/v1/webhooks/{id}");

    let ping = alice.post(&format!("{path}/ping"), &json!({})).json();
    assert_eq!(ping["ok"], true, "{ping}");
    let pinged = receiver.wait(1).remove(0);
    assert_signed(&pinged, &secret);
    assert_eq!(pinged.json()["type"], "ping");

    // It is told the commit, and then fails until the kill, however slow this machine is.
    receiver.answer(&[200, 500, 503, 503]);
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    receiver.wait(2);
    hear(&bob, &message);
    // The second event was tried and refused: the others wait behind it.
    receiver.wait(3);
    site.kill();
    let before = receiver.received().len();
    receiver.answer(&[]);
    site.restart();
    let last = wait::until("the last step to be told", wait::LATER, || {
        let received = receiver.received();
        let heard = received.iter().any(|r| r.json()["type"] == "message.heard");
        heard.then_some(received)
    });
    assert!(last.len() > before, "the next process went on");
    let events = &last[1..];
    for request in events {
        assert_signed(request, &secret);
        assert_eq!(request.json()["message"]["id"], message["id"]);
        assert_eq!(request.json()["role"], "sender");
    }
    // In order, though told again: what was taken before the kill was not told after it.
    let seqs: Vec<_> = events.iter().map(|r| r.json()["seq"].as_i64()).collect();
    assert!(seqs.is_sorted(), "{seqs:?}");
    assert_eq!(seqs.iter().filter(|seq| **seq == seqs[0]).count(), 1, "{seqs:?}");
    let told = told(events);
    for step in STEPS {
        assert_eq!(told.iter().filter(|(_, kind)| kind == step).count(), 1, "{told:?}");
    }

    // Nothing waits any more, and a third process has nothing to tell.
    let alice = site.sign_in("alice");
    wait::until("all to be told", wait::LATER, || {
        let listed = alice.json("/api/v1/webhooks");
        assert_eq!(listed[0]["given_up"], 0, "{listed}");
        assert_eq!(listed[0]["secret"], Value::Null, "a secret is shown once: {listed}");
        (listed[0]["waiting"] == 0).then_some(())
    });
    let count = receiver.received().len();
    site.restart();
    let alice = site.sign_in("alice");
    assert_eq!(alice.json("/api/v1/webhooks")[0]["waiting"], 0);
    assert_eq!(receiver.received().len(), count);
    assert_eq!(site.sign_in("bob").delete(&path).status, 404, "it is Alice's");
    assert_eq!(alice.delete(&path).status, 204);
    assert_eq!(alice.json("/api/v1/webhooks"), json!([]));
}

#[test]
fn a_recipients_web_service_is_told_too_and_wrong_addresses_are_refused() {
    let site = site();
    let bob = site.sign_in("bob");
    let receiver = Receiver::start(&[]);
    let (_, secret) = register(&bob, receiver.base(), "received");
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    let told = receiver.wait(1).remove(0);
    assert_signed(&told, &secret);
    assert_eq!(told.json()["role"], "recipient");

    for url in
        ["ftp://example.org/", "nonsense", "http://user:secret@127.0.0.1/", "http://1.1.1.1/"]
    {
        let refused = bob.post("/api/v1/webhooks", &json!({ "url": url }));
        assert_eq!(refused.status, 400, "{url}: {}", refused.text());
    }
    let secret = bob.post("/api/v1/webhooks/profile-secret", &json!({})).json();
    assert!(secret["secret"].as_str().is_some_and(|s| s.starts_with("whsec_")), "{secret}");
    assert_eq!(Http::new(&site.web()).get("/api/v1/webhooks").status, 401);
}

#[test]
fn private_addresses_are_refused_unless_the_operator_allows_them() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    for url in
        ["http://127.0.0.1:9/", "https://127.0.0.1:9/", "https://10.0.0.1/", "https://[::1]/"]
    {
        let refused = bob.post("/api/v1/webhooks", &json!({ "url": url }));
        assert_eq!(refused.status, 400, "{url}");
    }
    // A name passes, and is caught when it is looked up.
    let (id, _) = register(&bob, "https://localhost:9/", "sent");
    let ping = bob.post(&format!("/api/v1/webhooks/{id}/ping"), &json!({})).json();
    assert_eq!(ping["ok"], false);
    assert!(ping["error"].as_str().is_some_and(|e| e.contains("private")), "{ping}");
}
