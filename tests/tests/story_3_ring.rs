//! Story 3: an absent recipient's telephone rings, plays the message, and a key confirms it.

use hark_tests::site::Site;
use hark_tests::{audio, story, wait};
use serde_json::json;

#[test]
fn bobs_phone_rings_plays_the_message_and_a_key_confirms_it() {
    let site = Site::start();
    let said = audio::sentence();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([
        { "when": "present", "do": "pop-up" },
        { "when": "absent", "do": { "ring": { "device": "desk", "attempts": 3, "retry_secs": 1, "ring_secs": 30 } } },
    ]));
    bob.sign_out();
    let mut phone = site.phone("bob");
    let mut alice = site.phone("alice");

    story::leave_message(&mut alice, "1002", &said);

    phone.wait_ringing();
    phone.answer();
    phone.wait_sound();
    phone.press('1');
    phone.wait_heard(&said, story::ALIKE);
    phone.press('1');

    let sender = site.sign_in("alice");
    let heard = story::wait_outbox_step(&sender, "heard");
    assert!(heard["device"].as_str().is_some_and(|device| device.contains("desk")), "{heard}");
    assert_eq!(site.sign_in("bob").inbox().len(), 1);
    phone.hang_up();
}

#[test]
fn a_phone_that_declines_is_rung_again() {
    let site = Site::start();
    let said = audio::sentence();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([
        { "when": "always", "do": { "ring": { "device": "desk", "attempts": 3, "retry_secs": 1, "ring_secs": 30 } } },
    ]));
    bob.sign_out();
    let mut phone = site.phone("bob");
    story::leave_message(&mut site.phone("alice"), "1002", &said);

    phone.wait_ringing();
    phone.hang_up();
    phone.wait_closed();
    phone.wait_ringing();
    phone.answer();
    phone.wait_sound();
    phone.press('1');
    phone.wait_heard(&said, story::ALIKE);
    phone.press('1');
    story::wait_outbox_step(&site.sign_in("alice"), "delivered");
    phone.hang_up();
}

#[test]
fn a_present_recipient_is_not_rung() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([
        { "when": "present", "do": "pop-up" },
        { "when": "absent", "do": { "ring": { "device": "desk", "attempts": 3, "retry_secs": 1, "ring_secs": 30 } } },
    ]));
    let mut phone = site.phone("bob");
    let mut browser = story::browser_of(&site, "bob");
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());

    browser.wait_visible("popup");
    story::wait_outbox_step(&site.sign_in("alice"), "notified");
    wait::holds("bob's phone stays quiet", std::time::Duration::from_secs(2), || {
        !phone.saw("CALL_INCOMING")
    });
}
