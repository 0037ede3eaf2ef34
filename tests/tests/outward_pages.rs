//! Web services and mails about what was sent, as their user makes and sees them in the page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hark_tests::audio;
use hark_tests::browser::Browser;
use hark_tests::http::Http;
use hark_tests::mail::{self, MailServer};
use hark_tests::receiver::{Received, Receiver};
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};
use hmac::{Hmac, Mac as _};
use serde_json::json;

const DESK: (u32, u32) = (1280, 900);
const HANDHELD: (u32, u32) = (360, 740);

fn site(more: &str) -> Site {
    let more = format!("[outward]\nprivate_networks = true\n{more}");
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

/// Looks at a part of the profile in both sizes.
#[track_caller]
fn look(browser: &mut Browser, part: &str, name: &str) {
    for (size, (width, height)) in [("360", HANDHELD), ("desk", DESK)] {
        browser.resize(width, height);
        browser.evaluate(&format!(
            "document.querySelector('[data-testid={part}]').scrollIntoView({{ block: 'center' }}); 1"
        ));
        browser.picture(&format!("{name}-{size}"));
        browser.assert_fits_and_is_named(part);
    }
}

#[track_caller]
fn assert_signed(request: &Received, secret: &[u8]) {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("a key");
    let (id, at) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&request.body);
    let signature = request.header("webhook-signature").strip_prefix("v1,").expect("version 1");
    mac.verify_slice(&STANDARD.decode(signature).expect("base64")).expect("it is signed");
}

fn send(site: &Site, from: &Http) {
    let file = site.scratch().join("said.wav");
    audio::sentence().write_wav(&file);
    let file = std::fs::read(file).expect("the file");
    let sent = from.upload("/api/v1/messages?to=bob", &[], &file);
    assert_eq!(sent.status, 201, "{}", sent.text());
}

#[track_caller]
fn wait_text(browser: &mut Browser, id: &str, part: &str) {
    wait::until(&format!("{id} to say {part:?}"), wait::LATER, || {
        browser.text(id).contains(part).then_some(())
    });
}

#[test]
fn a_web_service_is_made_seen_to_fail_and_tried_again_in_the_page() {
    let site = site("");
    let alice = site.sign_in("alice");
    let receiver = Receiver::start(&[]);
    let mut browser = story::browser_of(&site, "alice");
    browser.click("nav-profile");
    browser.fill("webhook-url", "ftp://example.org/");
    browser.click("webhook-add");
    browser.wait_visible("webhook-error");
    assert!(browser.text("webhook-error").contains("http"), "{}", browser.text("webhook-error"));
    look(&mut browser, "outward-webhooks", "webhooks-refused");

    browser.fill("webhook-url", &format!("{}/hook", receiver.base()));
    browser.click("webhook-add");
    browser.wait_visible("webhook-secret");
    let secret = browser.text("webhook-secret");
    let secret =
        STANDARD.decode(secret.strip_prefix("whsec_").expect("its prefix")).expect("base64");
    browser.wait_attribute("webhook-1", "data-state", "new");
    browser.click("webhook-1-test");
    wait_text(&mut browser, "webhook-1-said", "It answered");
    assert_signed(&receiver.wait(1)[0], &secret);
    look(&mut browser, "outward-webhooks", "webhooks-new");

    send(&site, &alice);
    let told = receiver.wait(2).remove(1);
    assert_signed(&told, &secret);
    assert_eq!((told.path.as_str(), &told.json()["type"]), ("/hook", &json!("message.accepted")));
    browser.wait_attribute("webhook-1", "data-state", "working");

    // It fails: the page says since when, why, and how much waits; its user has it tried at once.
    receiver.answer(&[500; 100]);
    send(&site, &alice);
    browser.wait_attribute("webhook-1", "data-state", "failing");
    wait_text(&mut browser, "webhook-1-error", "Since ");
    wait_text(&mut browser, "webhook-1-error", "500");
    wait_text(&mut browser, "webhook-1-counts", "wait");
    let listed = alice.json("/api/v1/webhooks")[0].clone();
    assert!(listed["failing_since"].is_i64() && listed["waiting"].as_u64() > Some(0), "{listed}");
    wait::until("the next try to be far away", wait::LATER, || {
        (receiver.received().len() >= 5).then_some(())
    });
    look(&mut browser, "outward-webhooks", "webhooks-failing");
    receiver.answer(&[]);
    let before = std::time::Instant::now();
    browser.click("webhook-1-retry");
    browser.wait_attribute("webhook-1", "data-state", "working");
    assert!(before.elapsed().as_secs() < 20, "{:?}: it was tried at once", before.elapsed());
    assert!(alice.json("/api/v1/webhooks")[0]["failing_since"].is_null());

    // One event is given up for good: it is shown, and told after all when asked.
    receiver.answer(&[410]);
    send(&site, &alice);
    browser.wait_visible("webhook-1-show");
    wait_text(&mut browser, "webhook-1-counts", "1 was given up");
    browser.click("webhook-1-show");
    wait_text(&mut browser, "webhook-1-given-up", "message.accepted");
    wait_text(&mut browser, "webhook-1-given-up", "410");
    look(&mut browser, "outward-webhooks", "webhooks-given-up");
    let path = "/api/v1/webhooks/1/given-up";
    let given_up = alice.json(path);
    assert_eq!((&given_up[0]["type"], &given_up[1]), (&json!("message.accepted"), &json!(null)));
    assert_eq!(site.sign_in("bob").get(path).status, 404, "it is Alice's");
    let count = receiver.received().len();
    browser.click("webhook-1-retry");
    let again = receiver.wait(count + 1).remove(count);
    assert_eq!(again.json()["seq"], given_up[0]["seq"]);
    assert_signed(&again, &secret);
    browser.wait_attribute("webhook-1", "data-state", "working");
    browser.wait_hidden("webhook-1-given-up");

    browser.click("webhook-1-remove");
    browser.click("webhook-1-remove");
    browser.wait_hidden("webhook-1");
    assert_eq!(alice.json("/api/v1/webhooks"), json!([]));
    let mut errors = browser.errors();
    errors.retain(|error| !error.contains("status of 400"));
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn mails_about_what_was_sent_are_turned_on_in_the_page() {
    let server = MailServer::start();
    let site = site(&format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"Hark <hark@example.org>\"\nreceipts_after_seconds = 1\n",
        server.port()
    ));
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    let mut browser = story::browser_of(&site, "alice");
    browser.click("nav-profile");
    browser.fill("receipt-address", "not an address");
    browser.click("receipt-heard");
    browser.wait_visible("receipt-error");
    look(&mut browser, "outward-receipts", "receipts-refused");
    browser.fill("receipt-address", "alice@example.org");
    browser.click("receipt-heard");
    browser.wait_visible("receipt-code");
    let text = mail::text(&server.wait_mails(1)[0], "text/plain");
    let is_code = |word: &&str| word.len() == 6 && word.parse::<u32>().is_ok();
    let code = text.split_whitespace().find(is_code).expect("a code").to_owned();
    browser.fill("receipt-code", if code == "000000" { "000001" } else { "000000" });
    browser.click("receipt-confirm");
    browser.wait_visible("receipt-error");
    look(&mut browser, "outward-receipts", "receipts-code");
    browser.fill("receipt-code", &code);
    browser.click("receipt-confirm");
    wait_text(&mut browser, "receipt-state", "Mailed to alice@example.org");
    look(&mut browser, "outward-receipts", "receipts");
    send(&site, &alice);
    let message = bob.wait_inbox(1, wait::LATER).remove(0);
    bob.audio(&message);
    let path = format!("/api/v1/messages/{}/heard", message["id"].as_str().expect("an id"));
    wait::until("the delivery to be noted", wait::SOON, || {
        let heard = bob.post(&path, &json!({ "heard_ms": 700 }));
        matches!(heard.status, 200 | 204).then_some(())
    });
    let mail = server.wait_mails(2).remove(1);
    assert_eq!(mail["to"], json!(["alice@example.org"]));
    assert!(mail::header(&mail, "Subject").contains("heard"), "{mail}");
}
