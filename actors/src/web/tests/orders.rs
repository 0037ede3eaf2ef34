//! Calls ordered from pages, and answers by link.

use std::time::Duration;

use hark_engine::dialplan::effect::Callee;
use hark_engine::id::UserId;
use hark_engine::order::Input;
use serde_json::json;

use super::harness::{Answer, TestServer, start};
use super::recording::tone;
use crate::orders::OrderRequest;

fn taken(server: &TestServer) -> OrderRequest {
    server.ordered.borrow_mut().try_recv().expect("an order")
}

fn link(server: &TestServer, message: hark_engine::id::MessageId) -> String {
    let made = server.client("bob").post(&format!("/api/v1/messages/{message}/link"), json!({}));
    let url = made.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix(&server.base).unwrap().to_owned()
}

#[test]
fn a_call_to_record_is_ordered_watched_and_cancelled() {
    let server = start();
    let alice = server.client("alice");
    let (mut tab, _) = alice.socket();
    let body = json!({"kind": "record", "to": [2], "device": "phone"});
    let ordered = alice.post("/api/v1/calls", body.clone());
    assert_eq!(ordered.status, 202, "{}", ordered.text());
    let call = ordered.json();
    assert_eq!((&call["state"], &call["kind"]), (&json!("calling"), &json!("record")));
    let at = format!("/api/v1/calls/{}", call["call"].as_str().unwrap());
    assert_eq!(ordered.header("location"), at);
    assert_eq!(tab.next("call")["state"], "calling");

    let mut request = taken(&server);
    assert!(request.callee == Callee::Device(UserId(1), "phone".into()));
    request.order.tell(Input::Rings);
    request.order.tell(Input::PickedUp);
    assert_eq!(tab.find("call", |frame| frame["state"] == "answered")["version"], 2);
    assert_eq!(alice.get(&format!("{at}?after=0")).json()["state"], "answered");
    assert_eq!(alice.get("/api/v1/calls").json().as_array().unwrap().len(), 1);
    assert_eq!(alice.post("/api/v1/calls", body).status, 409, "one at a time");

    let bob = server.client("bob");
    assert_eq!(bob.get(&at).status, 404);
    assert_eq!(bob.delete(&at).status, 404);
    assert_eq!(alice.delete(&at).status, 204);
    assert!(request.stop.try_recv().is_ok());
    request.order.tell(Input::Cancelled);
    drop(request);
    assert_eq!(alice.get(&format!("{at}?after=2")).json()["state"], "cancelled");
}

#[test]
fn what_cannot_be_called_is_refused_with_the_reason() {
    let server = start();
    let alice = server.client("alice");
    let refused = |body| {
        let answer: Answer = alice.post("/api/v1/calls", body);
        (answer.status, answer.text())
    };
    let (status, text) = refused(json!({"kind": "record", "to": [2], "device": "moon"}));
    assert_eq!(status, 400);
    assert!(text.contains("no telephone of this name"), "{text}");
    // A browser does not ring.
    assert_eq!(refused(json!({"kind": "record", "to": [2], "device": "browser"})).0, 400);
    assert_eq!(refused(json!({"kind": "record", "to": [], "device": "phone"})).0, 400);
    assert_eq!(refused(json!({"kind": "record", "to": [2, 99], "device": "phone"})).0, 400);
    assert_eq!(refused(json!({"kind": "record", "to": [2], "number": "+1900"})).0, 400);
    // Another's message.
    let id = server.message(b"OggS");
    assert_eq!(refused(json!({"kind": "play", "message": id, "device": "phone"})).0, 404);
    let bob = server.client("bob");
    let body = json!({"kind": "play", "message": id, "device": "phone"});
    assert_eq!(bob.post("/api/v1/calls", body.clone()).status, 202);
    assert_eq!(server.stranger().post("/api/v1/calls", body).status, 401);
}

#[test]
fn a_link_calls_only_numbers_that_the_policy_allows() {
    let server = start();
    let id = server.message(b"OggS");
    let path = link(&server, id);
    let stranger = server.stranger();
    assert!(stranger.get(&path).text().contains("id=\"call\""));
    let order = |number: &str| stranger.post(&format!("{path}/calls"), json!({"number": number}));
    for premium in ["+19005551234", "09001234567", "+88213123456", "493012345678"] {
        assert_eq!(order(premium).status, 403, "{premium}");
    }
    for nonsense in ["sip:eve@198.51.100.1", "*97", "1002;x", ""] {
        assert_eq!(order(nonsense).status, 400, "{nonsense}");
    }
    assert!(server.ordered.borrow_mut().try_recv().is_err(), "nobody was called");

    let first = order("+49 30 123456");
    assert_eq!(first.status, 202, "{}", first.text());
    let request = taken(&server);
    let number = Callee::Number { number: "+4930123456".into(), trunk: None };
    assert!(request.callee == number);
    let at = first.header("location").to_owned();
    assert!(at.starts_with(&format!("{path}/calls/")));
    assert_eq!(order("+4930123456").status, 409, "one at a time");
    // With another link it is nobody's call.
    let other = link(&server, id);
    let foreign = at.replace(&path, &other);
    assert_eq!(stranger.get(&foreign).status, 404);
    assert_eq!(stranger.delete(&foreign).status, 404);
    drop(request);
    assert_eq!(stranger.get(&format!("{at}?after=0")).json()["state"], "failed");
    assert_eq!(order("+4930123456").status, 202);
    drop(taken(&server));
    let third = order("+4930123456");
    assert_eq!(third.status, 429, "two with a link");
    assert_eq!(third.header("retry-after"), "86400");
    let third = stranger.post(&format!("{other}/calls"), json!({"number": "+4930123456"}));
    assert_eq!(third.status, 429, "two to a number");
}

#[test]
fn an_answer_by_link_becomes_a_message_to_the_sender() {
    let server = start();
    let id = server.message(b"OggS");
    let path = link(&server, id);
    let alice = server.client("alice");
    let (mut tab, _) = alice.socket();
    let stranger = server.stranger();
    let mut socket = stranger.try_socket_at(&format!("{path}/answer")).unwrap();
    assert_eq!(stranger.try_socket_at(&format!("{path}/answer")).err(), Some(503), "one at a time");
    socket.say(json!({"type": "record_start", "id": 1, "to": [3], "mime": "audio/ogg"}));
    assert_eq!(socket.next("recording")["state"], "open");
    tone(Duration::from_secs(2)).chunks(2_000).for_each(|chunk| socket.bytes(chunk));
    socket.say(json!({"type": "record_stop", "id": 1}));
    let committed = socket.find("recording", |frame| frame["state"] == "committed");
    assert!(committed.get("message").is_none(), "a stranger needs no id");

    let popup = tab.next("popup")["message"].clone();
    assert_eq!(popup["sender"]["name"], "BOB Example (by link)");
    assert_eq!(popup["sender"]["user"], json!(null));
    assert_eq!(popup["reply_to"], json!(id));
    let inbox = |client: &super::harness::Client| client.get("/api/v1/messages").json();
    assert_eq!(inbox(&alice).as_array().unwrap().len(), 1);
    assert_eq!(inbox(&server.client("carol")), json!([]), "the page chooses no recipient");
    assert_eq!(inbox(&server.client("bob")).as_array().unwrap().len(), 1, "no answer to himself");
}

#[test]
fn an_answer_whose_page_is_gone_is_kept_and_a_cancelled_one_is_not() {
    let server = start();
    let id = server.message(b"OggS");
    let path = link(&server, id);
    let stranger = server.stranger();
    let alice = server.client("alice");
    let begin = || {
        let mut socket = None;
        // The place of the one before is free once its pump has ended.
        server.until("a place", || {
            socket = stranger.try_socket_at(&format!("{path}/answer")).ok();
            socket.is_some()
        });
        let mut socket = socket.unwrap();
        socket.say(json!({"type": "record_start", "id": 1, "to": [], "mime": "audio/ogg"}));
        assert_eq!(socket.next("recording")["state"], "open");
        tone(Duration::from_secs(3)).chunks(500).for_each(|chunk| {
            socket.bytes(chunk);
            std::thread::sleep(Duration::from_millis(20));
        });
        socket.find("recording", |frame| frame["ms"].as_u64() > Some(1500));
        socket
    };
    let mut cancelled = begin();
    cancelled.say(json!({"type": "record_cancel", "id": 1}));
    assert_eq!(cancelled.closed(), Some(1000));
    drop(begin());
    let count = || alice.get("/api/v1/messages").json().as_array().unwrap().len();
    server.until("the answer", || count() == 1);
    let spools = || std::fs::read_dir(server.dir.path().join("spool")).unwrap().count();
    server.until("no spool", || spools() == 0);
    assert_eq!(count(), 1);

    // A third, and then the link has to rest.
    drop(begin());
    server.until("the answer", || count() == 2);
    assert_eq!(stranger.try_socket_at(&format!("{path}/answer")).err(), Some(429));
}

#[test]
fn nonsense_in_an_answer_ends_it() {
    let server = start();
    let path = link(&server, server.message(b"OggS"));
    let stranger = server.stranger();
    let mut socket = stranger.try_socket_at(&format!("{path}/answer")).unwrap();
    socket.bytes(b"OggS");
    assert_eq!(socket.closed(), Some(1008));
    server.until("a place", || match stranger.try_socket_at(&format!("{path}/answer")) {
        Ok(mut socket) => {
            socket.say(json!({"type": "record_start", "id": 1, "to": [], "mime": "audio/mp4"}));
            socket.next("recording")["error"].as_str().unwrap().contains("audio/ogg")
        }
        Err(_) => false,
    });
}
