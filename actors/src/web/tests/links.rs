//! Capability links: what they open, and when no more.

use std::time::Duration;

use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;
use serde_json::json;

use super::harness::start;
use crate::clock;

#[test]
fn a_link_opens_one_message_without_an_account() {
    let server = start();
    let id = server.message(b"OggS-and-so-on");
    let link = server.client("bob").post(&format!("/api/v1/messages/{id}/link"), json!({}));
    assert_eq!(link.status, 200);
    let url = link.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&server.base).unwrap();

    let stranger = server.stranger();
    let page = stranger.get(path);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Alice &lt;b&gt;Example&lt;/b&gt;"), "{}", page.text());
    assert!(page.text().contains(&format!("{path}/audio")));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "private, no-store");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");

    let audio = stranger.get_with(&format!("{path}/audio"), &[("range", "bytes=0-3")]);
    assert_eq!((audio.status, &audio.body[..]), (206, &b"OggS"[..]));
    assert_eq!(audio.header("cache-control"), "private, no-store");
    assert_eq!(audio.header("referrer-policy"), "no-referrer");
    let info = stranger.get(&format!("{path}/info")).json();
    assert_eq!(info["length_ms"], 5000);
    assert_eq!(info["recipient_name"], "BOB Example");

    assert_eq!(stranger.post(&format!("{path}/heard"), json!({"heard_ms": 99_999})).status, 204);
    let state = server.runtime.block_on(server.store.recipient_state(id, UserId(2)));
    let heard = state.unwrap().unwrap().heard.unwrap();
    assert_eq!((heard.device.as_str(), heard.heard_ms), ("link", 5_000));
}

#[test]
fn revoked_expired_and_wrong_links_are_one_page() {
    let server = start();
    let id = server.message(b"OggS");
    let bob = server.client("bob");
    let stranger = server.stranger();
    let messages = format!("/api/v1/messages/{id}/link");
    let url = bob.post(&messages, json!({})).json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&server.base).unwrap();
    assert_eq!(server.client("carol").delete(&messages).status, 404);
    assert_eq!(stranger.get(path).status, 200);
    assert_eq!(bob.delete(&messages).status, 204);
    let page = stranger.get(path);
    assert_eq!(page.status, 404);
    assert!(page.text().contains("expired or been revoked"));
    assert_eq!(stranger.get(&format!("{path}/audio")).status, 404);
    assert_eq!(stranger.post(&format!("{path}/heard"), json!({"heard_ms": 1})).status, 404);
    let number = json!({"number": "+49301234567"});
    assert_eq!(stranger.post(&format!("{path}/calls"), number).status, 404);
    assert_eq!(stranger.try_socket_at(&format!("{path}/answer")).err(), Some(404));

    let past = UnixMillis(clock::wall().0 - 1);
    let expired = server.runtime.block_on(server.store.create_link(id, UserId(2), past)).unwrap();
    assert_eq!(stranger.get(&format!("/m/{}/info", expired.as_str())).status, 404);
    // Byte for byte: a tampered, a revoked and an expired link can't be told apart.
    let expired = stranger.get(&format!("/m/{}", expired.as_str()));
    let tampered =
        format!("{}{}", &path[..path.len() - 1], if path.ends_with('A') { 'B' } else { 'A' });
    assert_eq!((expired.status, &expired.body), (404, &page.body));
    assert_eq!(stranger.get(&tampered).body, page.body);

    for wrong in ["/m/AAAAAAAAAAAAAAAAAAAAAA", "/m/x", &format!("/m/{}", "x".repeat(500))] {
        let page = stranger.get(wrong);
        assert_eq!(page.status, 404, "{wrong}");
        assert!(page.header("content-type").starts_with("text/html"));
    }
}

#[test]
fn a_link_ends_with_its_message() {
    let server = start();
    let id = server.message(b"OggS");
    let expires = clock::wall().after(Duration::from_secs(60));
    let token = server.runtime.block_on(server.store.create_link(id, UserId(2), expires)).unwrap();
    let path = format!("/m/{}", token.as_str());
    assert_eq!(server.stranger().get(&path).status, 200);
    assert_eq!(server.client("bob").delete(&format!("/api/v1/messages/{id}")).status, 204);
    assert_eq!(server.stranger().get(&path).status, 404);
}
