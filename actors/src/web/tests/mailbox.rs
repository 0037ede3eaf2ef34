//! The mailbox and the outbox.

use serde_json::json;

use super::harness::start;
use crate::clock;

#[test]
fn a_mailbox_lists_saves_and_deletes() {
    let server = start();
    let id = server.message(b"OggS");
    let (alice, bob, carol) =
        (server.client("alice"), server.client("bob"), server.client("carol"));
    let list = |folder: &str| bob.get(&format!("/api/v1/messages?folder={folder}")).json();
    let inbox = list("inbox");
    assert_eq!(inbox[0]["id"], id.to_string());
    assert_eq!(inbox[0]["step"], "accepted");
    assert_eq!(inbox[0]["sender"]["user"], 1);
    assert_eq!(inbox[0]["peaks"].as_array().unwrap().len(), 64);
    assert_eq!(inbox[0]["audio"], format!("/api/v1/messages/{id}/audio"));
    assert_eq!(list("saved"), json!([]));
    assert_eq!(carol.get("/api/v1/messages").json(), json!([]));
    assert_eq!(bob.get("/api/v1/messages?folder=attic").status, 400);

    let one = format!("/api/v1/messages/{id}");
    assert_eq!(bob.get(&one).json()["length_ms"], 5000);
    for (who, method, what) in [
        (&carol, "GET", ""),
        (&carol, "DELETE", ""),
        (&carol, "POST", "/save"),
        (&alice, "DELETE", ""),
    ] {
        assert_eq!(who.send(method, &format!("{one}{what}"), &[], None).status, 404, "{what}");
    }
    let heard = json!({"heard_ms": 1});
    assert_eq!(carol.post(&format!("{one}/heard"), heard.clone()).status, 404);
    assert_eq!(bob.post(&format!("{one}/heard"), json!({"heard_ms": 4_000})).status, 204);
    assert_eq!(bob.get(&one).json()["step"], "heard");
    assert_eq!(bob.send("POST", &format!("{one}/save"), &[], None).status, 204);
    assert_eq!(list("inbox"), json!([]));
    assert_eq!(list("saved")[0]["saved"], true);

    let sent = alice.get("/api/v1/outbox").json();
    assert_eq!(sent[0]["recipients"][0]["name"], "BOB Example");
    let steps = sent[0]["recipients"][0]["steps"].as_array().unwrap();
    assert_eq!(steps.first().unwrap()["step"], "accepted");
    assert_eq!(steps.last().unwrap()["step"], "heard");
    assert_eq!(steps.last().unwrap()["heard_ms"], 4_000);
    assert_eq!(bob.get("/api/v1/outbox").json(), json!([]));

    assert_eq!(bob.delete(&one).status, 204);
    assert_eq!(list("all"), json!([]));
    assert_eq!(bob.get(&one).status, 404);

    assert_eq!(list("deleted")[0]["id"], id.to_string());
    let restore = format!("{one}/restore");
    assert_eq!(carol.send("POST", &restore, &[], None).status, 404);
    assert_eq!(bob.send("POST", &restore, &[], None).status, 204);
    assert_eq!(list("saved")[0]["id"], id.to_string(), "it comes back as it was");
    assert_eq!(bob.send("POST", &restore, &[], None).status, 404, "it is not deleted any more");
}

#[test]
fn a_message_that_waits_is_its_senders_alone() {
    let server = start();
    let due = clock::wall().after(std::time::Duration::from_secs(3600));
    let id = server.message_with(b"OggS", |delivery| delivery.not_before = Some(due));
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let sent = &alice.get("/api/v1/outbox").json()[0]["recipients"][0];
    assert_eq!(sent["steps"][0]["step"], "accepted");
    assert_eq!(sent["waits_until"], due.0);
    for folder in ["all", "deleted"] {
        let listed = bob.get(&format!("/api/v1/messages?folder={folder}")).json();
        assert_eq!(listed, json!([]), "{folder}");
    }
    let one = format!("/api/v1/messages/{id}");
    assert_eq!(bob.get(&one).status, 404);
    assert_eq!(bob.get(&format!("{one}/audio")).status, 404);
    assert_eq!(bob.delete(&one).status, 404);
    assert_eq!(bob.socket().1["counts"]["new"], 0);
    assert_eq!(alice.get(&format!("{one}/audio")).status, 200);
}

#[test]
fn a_private_message_has_no_link_to_be_passed_on() {
    let server = start();
    let id = server.message_with(b"OggS", |delivery| delivery.private = true);
    let bob = server.client("bob");
    let one = format!("/api/v1/messages/{id}");
    assert_eq!(bob.get(&one).json()["private"], true);
    assert_eq!(bob.send("POST", &format!("{one}/link"), &[], None).status, 409);
}

#[test]
fn contacts_come_with_their_presence() {
    let server = start();
    let alice = server.client("alice");
    let contacts = alice.get("/api/v1/contacts").json();
    assert_eq!(contacts[0]["name"], "bob");
    assert_eq!(contacts[0]["presence"], "offline");
    server.board.phones(hark_engine::id::UserId(2), 1);
    assert_eq!(alice.get("/api/v1/contacts").json()[0]["presence"], "phone");
}
