//! Signing in and out, and who may.

use std::time::{Duration, Instant};

use serde_json::json;

use super::harness::{PASSWORD, start};

#[test]
fn the_right_password_opens_a_session_until_it_is_closed() {
    let server = start();
    let stranger = server.stranger();
    assert_eq!(stranger.get("/api/v1/session").status, 401);
    assert_eq!(stranger.get("/api/v1/me").code(), "signed_out");

    let answer = stranger.sign_in(" Alice ", PASSWORD);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["user"]["name"], "alice");
    let cookie = answer.cookie().to_owned();
    assert!(cookie.starts_with("hark_session="), "{cookie}");
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=2592000"] {
        assert!(cookie.contains(attribute), "{attribute} is not in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "this server is reached without TLS");

    let alice = server.client("alice");
    assert_eq!(alice.get("/api/v1/session").json()["user"]["extension"], "1001");
    let me = alice.get("/api/v1/me").json();
    assert_eq!(me["limit_seconds"], 59);
    assert_eq!(me["domain"], "hark.example");
    assert_eq!(me["events_manager"], true);
    assert_eq!(server.client("bob").get("/api/v1/me").json()["events_manager"], false);

    let gone = alice.delete("/api/v1/session");
    assert_eq!(gone.status, 204);
    assert!(gone.cookie().contains("Max-Age=0"));
    assert_eq!(alice.get("/api/v1/session").status, 401, "the token itself is dead");
}

#[test]
fn wrong_and_unknown_are_told_alike() {
    let server = start();
    let stranger = server.stranger();
    let timed = |name: &str| {
        let started = Instant::now();
        let answer = stranger.sign_in(name, "wrong");
        (answer.status, answer.body, started.elapsed())
    };
    let (wrong, unknown) = (timed("alice"), timed("nobody"));
    assert_eq!(wrong.0, 401);
    assert_eq!((wrong.0, &wrong.1), (unknown.0, &unknown.1));
    // Not a measurement: argon2 takes tens of milliseconds, a missing one none.
    assert!(unknown.2 > Duration::from_millis(5), "{:?}", unknown.2);
}

#[test]
fn guessing_is_throttled_by_name_and_then_by_address() {
    let server = start();
    let stranger = server.stranger();
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(stranger.sign_in("alice", "wrong").status);
    }
    assert_eq!(statuses[..10], [401; 10]);
    let refused = stranger.sign_in("alice", PASSWORD);
    assert_eq!(refused.status, 429, "even the right password has to wait");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(refused.code(), "too_many");

    for guess in 0..8 {
        assert_eq!(stranger.sign_in(&format!("user{guess}"), "wrong").status, 401);
    }
    assert_eq!(stranger.sign_in("bob", PASSWORD).status, 429, "the address is spent");
}

#[test]
fn changes_from_foreign_pages_are_refused() {
    let server = start();
    let mut alice = server.client("alice");
    for origin in [None, Some("http://evil.example".to_owned()), Some("null".to_owned())] {
        alice.origin = origin;
        assert_eq!(alice.sign_in("alice", PASSWORD).status, 403);
        let refused = alice.delete("/api/v1/session");
        assert_eq!((refused.status, refused.code().as_str()), (403, "foreign_origin"));
        assert_eq!(alice.try_socket().err(), Some(403));
        assert_eq!(alice.get("/api/v1/session").status, 200, "reading is no change");
    }
}

#[test]
fn requests_that_make_no_sense_are_named_and_bounded() {
    let server = start();
    let alice = server.client("alice");
    let answer = alice.post("/api/v1/session", json!({"name": 1}));
    assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"));
    let long = json!({"name": "alice", "password": "x".repeat(100_000)});
    assert_eq!(alice.post("/api/v1/session", long).status, 400);
    let answer = alice.send(
        "PUT",
        "/api/v1/me/profile",
        &[],
        Some(json!({
            "devices": [], "rules": [{"do": {"ring": {"device": "moon"}}}]
        })),
    );
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("moon"));
    let profile = json!({
        "devices": [{"name": "desk", "kind": "registered-phone"}],
        "rules": [{"do": {"ring": {"device": "desk"}}}]
    });
    assert_eq!(alice.send("PUT", "/api/v1/me/profile", &[], Some(profile)).status, 200);
    assert_eq!(alice.get("/api/v1/me").json()["profile"]["devices"][0]["name"], "desk");
}
