//! A sender who wishes it is mailed what became of their messages.

use hark_tests::http::Http;
use hark_tests::mail::{self, MailServer};
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};
use serde_json::{Value, json};

const WISH: &str = "/api/v1/me/receipt-mail";

fn site(port: u16) -> Site {
    let more = format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
         from = \"Hark <hark@example.org>\"\nreceipts_after_seconds = 1\n"
    );
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

/// The code of a mail.
fn code(mail: &Value) -> String {
    let text = mail::text(mail, "text/plain");
    text.split_whitespace()
        .find(|w| w.len() == 6 && w.parse::<u32>().is_ok())
        .expect("a code")
        .into()
}

fn hear(bob: &Http, count: usize) {
    for message in bob.wait_inbox(count, wait::SOON) {
        let id = message["id"].as_str().expect("an id");
        let heard = bob.post(&format!("/api/v1/messages/{id}/heard"), &json!({ "heard_ms": 1500 }));
        assert!(matches!(heard.status, 200 | 204), "{}", heard.text());
    }
}

#[test]
fn a_sender_is_mailed_that_their_messages_were_heard() {
    let mut server = MailServer::start();
    let site = site(server.port());
    let alice = site.sign_in("alice");
    let bob = site.sign_in("bob");
    let mut phone = site.phone("alice");
    assert_eq!(alice.json(WISH)["address"], Value::Null);

    // An address is nobody's until its code came back.
    let wish = json!({ "address": "alice@example.org", "heard": true, "failed": true });
    let set = alice.put(WISH, &wish);
    assert_eq!(set.json(), json!({ "confirmed": false }), "{}", set.text());
    let code = code(&server.wait_mails(1)[0]);
    let confirm =
        |code: &str| alice.post(&format!("{WISH}/confirm"), &json!({ "code": code })).status;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(confirm(wrong), 400);
    story::leave_message(&mut phone, "1002", &audio::sentence());
    hear(&bob, 1);
    assert_eq!(confirm(&code), 204);
    assert_eq!(confirm(&code), 409, "once");
    assert_eq!(alice.json(WISH)["confirmed"], true);

    // What was heard before it was confirmed is not told; two are told in one mail.
    for _ in 0..2 {
        story::leave_message(&mut phone, "1002", &audio::sentence());
    }
    bob.wait_inbox(3, wait::SOON);
    server.answer(451);
    hear(&bob, 3);
    wait::until("the server's refusal", wait::LATER, || {
        alice.json(WISH)["error"].as_str().is_some_and(|e| e.contains("451")).then_some(())
    });
    server.answer(250);
    let mail = server.wait_mails(2).remove(1);
    assert_eq!(mail["to"], json!(["alice@example.org"]));
    assert_eq!(mail::header(&mail, "Subject"), "2 of your messages were heard");
    let text = mail::text(&mail, "text/plain");
    assert_eq!(text.matches(" heard 0:0").count(), 2, "{text}");
    wait::until("the error to be forgotten", wait::SOON, || {
        alice.json(WISH)["error"].is_null().then_some(())
    });

    // A server that refuses for ever is not tried again, and the sender can see it.
    story::leave_message(&mut phone, "1002", &audio::sentence());
    bob.wait_inbox(4, wait::SOON);
    server.answer(550);
    hear(&bob, 4);
    wait::until("the server's refusal", wait::LATER, || {
        alice.json(WISH)["error"].as_str().is_some_and(|e| e.contains("550")).then_some(())
    });
    server.answer(250);
    let metrics = site.metrics();
    for (outcome, count) in [("sent", 1), ("given_up", 1)] {
        let line = format!("hark_receipt_mails_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert_eq!(server.mails().len(), 2);
    assert_eq!(alice.delete(WISH).status, 204);
    assert_eq!(alice.json(WISH)["address"], Value::Null);
}

#[test]
fn addresses_that_are_none_are_refused_and_a_server_without_mail_says_so() {
    let server = MailServer::start();
    let mailing = site(server.port());
    let alice = mailing.sign_in("alice");
    for address in ["", "alice", "alice@example.org\r\nBcc: x@y.org", "ålice@example.org"] {
        let refused = alice.put(WISH, &json!({ "address": address, "heard": true }));
        assert_eq!(refused.status, 400, "{address:?}: {}", refused.text());
    }
    let refused = alice.put(WISH, &json!({ "address": "550-x@example.org", "heard": true }));
    assert_eq!(refused.status, 400, "{}", refused.text());
    let plain = Site::start();
    let alice = plain.sign_in("alice");
    assert_eq!(alice.json(WISH)["available"], false);
    let refused = alice.put(WISH, &json!({ "address": "a@example.org", "heard": true }));
    assert_eq!(refused.status, 409, "{}", refused.text());
}
