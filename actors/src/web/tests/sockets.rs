//! `/ws`: who is there, what arrives, and how sockets end.

use std::time::Duration;

use hark_engine::id::UserId;
use serde_json::json;
use tungstenite::Message;

use super::harness::start;

#[test]
fn contacts_see_each_other_come_change_and_go() {
    let server = start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    assert_eq!(server.stranger().try_socket().err(), Some(401));

    let (mut hers, hello) = alice.socket();
    assert_eq!(hello["user"]["name"], "alice");
    assert_eq!(hello["contacts"][0]["name"], "bob");
    assert_eq!(hello["contacts"][0]["presence"], "offline");
    assert_eq!(hello["counts"]["new"], 0);

    let (mut his, hello) = bob.socket();
    assert_eq!(hello["contacts"][0]["presence"], "online");
    let change = hers.next("presence");
    assert_eq!((&change["user"], &change["presence"]), (&json!(2), &json!("online")));
    his.say(json!({"type": "activity", "active": false}));
    assert_eq!(hers.next("presence")["presence"], "away");
    server.board.phones(UserId(2), 1);
    let by_phone = hers.next("presence");
    assert_eq!((&by_phone["presence"], &by_phone["by_phone"]), (&json!("away"), &json!(true)));
    his.say(json!({"type": "activity", "active": true}));
    assert_eq!(hers.next("presence")["presence"], "online");
    drop(his);
    assert_eq!(hers.next("presence")["presence"], "phone");
}

#[test]
fn a_message_pops_up_and_its_sender_sees_what_becomes_of_it() {
    let server = start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let (mut hers, _) = alice.socket();
    let (mut his, _) = bob.socket();
    let (mut his_other, _) = bob.socket();

    let id = server.message(b"OggS-a-message");
    let popup = his.next("popup");
    assert_eq!(popup["message"]["id"], id.to_string());
    assert_eq!(popup["message"]["sender"]["user"], 1);
    assert_eq!(popup["message"]["peaks"].as_array().unwrap().len(), 64);
    assert!(popup["committed_at"].is_i64());
    let link = popup["link"].as_str().unwrap();
    assert_eq!(server.stranger().get(link).status, 200);
    assert_eq!(his_other.next("popup")["message"]["id"], id.to_string(), "in every tab");
    assert_eq!(hers.next("receipt")["step"], "accepted");

    his.say(json!({"type": "seen", "message": id.to_string()}));
    let receipt = hers.next("receipt");
    assert_eq!(receipt["message"], id.to_string());
    assert_eq!(receipt["recipient_name"], "BOB Example");
    assert_eq!((&receipt["step"], &receipt["device"]), (&json!("notified"), &json!("browser")));

    assert_eq!(bob.get(&format!("/api/v1/messages/{id}/audio")).status, 200);
    assert_eq!(hers.next("receipt")["step"], "delivered");
    bob.post(&format!("/api/v1/messages/{id}/heard"), json!({"heard_ms": 5_000}));
    let heard = hers.next("receipt");
    assert_eq!((&heard["step"], &heard["heard_ms"]), (&json!("heard"), &json!(5_000)));
    his_other.find("message_state", |frame| frame["step"] == "heard");
    let counts = his_other.find("counts", |frame| frame["new"] == 0);
    assert_eq!(counts["saved"], 1);
    bob.delete(&format!("/api/v1/messages/{id}"));
    his_other.find("message_state", |frame| frame["deleted"] == true);
}

#[test]
fn who_does_not_want_to_be_disturbed_says_so_and_contacts_see_it() {
    let server = start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let (mut hers, _) = alice.socket();
    let (_his, _) = bob.socket();
    assert_eq!(hers.next("presence")["presence"], "online");
    assert_eq!(bob.get("/api/v1/me").json()["do_not_disturb"], false);
    let set = |on: bool| {
        let body = Some(json!({"on": on}));
        assert_eq!(bob.send("PUT", "/api/v1/me/do-not-disturb", &[], body).status, 204);
    };
    set(true);
    assert_eq!(hers.next("presence")["presence"], "do-not-disturb");
    assert_eq!(bob.get("/api/v1/me").json()["do_not_disturb"], true);
    let call = server.board.call_began(UserId(2));
    set(false);
    assert_eq!(hers.next("presence")["presence"], "busy");
    drop(call);
    assert_eq!(hers.next("presence")["presence"], "online");
    assert_eq!(bob.send("PUT", "/api/v1/me/do-not-disturb", &[], Some(json!({}))).status, 400);
}

#[test]
fn a_notice_is_shown_in_every_tab_of_its_user_and_nowhere_else() {
    let server = start();
    let (mut hers, _) = server.client("alice").socket();
    let (mut one, _) = server.client("bob").socket();
    let (mut other, _) = server.client("bob").socket();
    server.messages.notify(UserId(2), &"é".repeat(600));
    server.messages.notify(UserId(1), "hers");
    for tab in [&mut one, &mut other] {
        assert_eq!(tab.next("notice")["text"], "é".repeat(500));
    }
    assert_eq!(hers.next("notice")["text"], "hers");
}

#[test]
fn a_foreign_message_cannot_be_confirmed() {
    let server = start();
    let id = server.message(b"OggS");
    let (mut hers, _) = server.client("carol").socket();
    hers.say(json!({"type": "seen", "message": id.to_string()}));
    hers.say(json!({"type": "pong"}));
    std::thread::sleep(Duration::from_millis(100));
    let state = server.runtime.block_on(server.store.recipient_state(id, UserId(2)));
    assert!(state.unwrap().unwrap().notified.is_empty());
}

#[test]
fn nonsense_and_giants_end_the_socket() {
    let server = start();
    let alice = server.client("alice");
    let (mut socket, _) = alice.socket();
    for _ in 0..21 {
        socket.say(json!({"type": "no such thing"}));
    }
    assert_eq!(socket.closed(), Some(1008));
    let (mut socket, _) = alice.socket();
    let _sent_or_cut_off = socket.0.send(Message::binary(vec![0; 70_000]));
    socket.closed();
    server.until("both sockets are gone", || {
        server.stranger().get("/metrics").text().contains("hark_web_sessions 0")
    });
}

#[test]
fn a_user_has_a_bounded_number_of_sockets() {
    let server = start();
    let alice = server.client("alice");
    let mut open: Vec<_> = (0..20).map(|_| alice.socket().0).collect();
    assert_eq!(alice.try_socket().err(), Some(503));
    open.pop();
    server.until("the place is free again", || alice.try_socket().is_ok());
}

#[test]
fn stopping_the_server_says_so_to_every_socket() {
    let mut server = start();
    let (mut socket, _) = server.client("alice").socket();
    server.stop();
    assert_eq!(socket.closed(), Some(1001));
}
