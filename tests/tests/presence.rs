//! Who is in a call, and who does not want to be disturbed.

use hark_tests::http::Http;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};
use serde_json::{Value, json};

/// Waits until `who` sees `contact` like that.
#[track_caller]
fn wait_presence(who: &Http, contact: &str, expected: &str) {
    wait::until(&format!("{contact} to be {expected}"), wait::SOON, || {
        let contacts = who.json("/api/v1/contacts");
        let shown = |c: &&Value| c["name"] == contact && c["presence"] == expected;
        contacts.as_array()?.iter().find(shown).map(|_| ())
    });
}

#[test]
fn contacts_see_who_is_in_a_call() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let mut alice = site.phone("alice");
    wait_presence(&bob, "alice", "phone");
    alice.call("1002");
    wait_presence(&bob, "alice", "busy");
    alice.hang_up();
    wait_presence(&bob, "alice", "phone");
}

#[test]
fn nothing_rings_until_bob_wants_to_be_disturbed_again_not_even_after_a_restart() {
    let mut site = Site::start();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([
        { "when": "always", "do": { "ring": { "device": "desk", "attempts": 3, "retry_secs": 1, "ring_secs": 30 } } },
    ]));
    let on = |on: bool| json!({ "on": on });
    assert_eq!(bob.put("/api/v1/me/do-not-disturb", &on(true)).status, 204);
    let mut phone = site.phone("bob");
    wait_presence(&site.sign_in("alice"), "bob", "do-not-disturb");
    let said = audio::sentence();
    story::leave_message(&mut site.phone("alice"), "1002", &said);
    bob.wait_inbox(1, wait::SOON);

    site.restart();
    let bob = site.sign_in("bob");
    // Unfinished deliveries are taken up three seconds after a start.
    wait::holds("bob's phone stays quiet", std::time::Duration::from_secs(5), || {
        !phone.saw("CALL_INCOMING")
    });
    assert_eq!(bob.json("/api/v1/me")["do_not_disturb"], true);
    assert_eq!(bob.put("/api/v1/me/do-not-disturb", &on(false)).status, 204);
    phone.wait_ringing();
    phone.answer();
    phone.wait_sound();
    wait_presence(&site.sign_in("alice"), "bob", "busy");
    phone.press('1');
    phone.wait_heard(&said, story::ALIKE);
    phone.hang_up();
}
