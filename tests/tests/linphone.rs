//! linphone as a user's telephone: what is left with it, what it is rung for, texts and presence.

use hark_tests::http::Http;
use hark_tests::linphone::Linphone;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};
use serde_json::json;

fn linphone(site: &Site, user: &str, friends: &[&str]) -> Linphone {
    Linphone::registered(site.udp(), user, &site.password(user), friends)
}

fn presence(who: &Http, of: &str) -> String {
    let contacts = who.json("/api/v1/contacts");
    let mut contacts = contacts.as_array().expect("a list").iter();
    let found = contacts.find(|contact| contact["name"] == of).expect("a contact");
    found["presence"].as_str().expect("a word").to_owned()
}

#[test]
fn a_message_is_left_with_linphone() {
    let site = Site::start();
    let said = audio::sentence();
    let mut phone = linphone(&site, "alice", &[]);
    phone.call("1002");
    phone.wait_beep();
    phone.say(&said);
    std::thread::sleep(said.length());
    phone.press('#');
    phone.wait_sound();
    phone.press('1');
    phone.wait_ended();
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    assert_eq!(message["sender"]["name"], "Alice");
    let (heard, _) = audio::decode_ogg_opus(&bob.audio(&message));
    let (likeness, _) = heard.best_match(&said);
    assert!(likeness >= story::ALIKE, "{likeness:.3} alike to what was said");
}

#[test]
fn a_message_is_delivered_to_linphone_that_picks_up() {
    let site = Site::start();
    let said = audio::sentence();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([{ "do": { "ring": { "device": "desk" } } }]));
    let mut phone = linphone(&site, "bob", &[]);
    story::leave_message(&mut site.phone("alice"), "1002", &said);
    phone.answer();
    phone.wait_sound();
    phone.press('1');
    phone.wait_heard(&said, story::ALIKE);
    phone.wait_sound();
    phone.press('1');
    story::wait_outbox_step(&site.sign_in("alice"), "heard");
}

#[test]
fn texts_go_both_ways_between_linphone_and_a_browser_with_receipts() {
    let site = Site::start();
    let mut phone = linphone(&site, "alice", &[]);
    let mut browser = story::browser_of(&site, "bob");
    phone.run("chat sip:bob@localhost Lunch at noon?");
    browser.wait_visible("chat-popup");
    assert_eq!(browser.text("chat-popup-text"), "Lunch at noon?");
    browser.click("chat-popup-open");
    browser.fill("chat-text", "Yes, gladly");
    browser.click("chat-send");
    phone.wait_printed("Yes, gladly");
    // Its own receipt says so.
    browser.wait_attribute("receipt", "data-receipt", "Delivered");
}

#[test]
fn linphone_sees_who_is_there_and_is_seen() {
    let site = Site::start();
    let carol = site.sign_in("carol");
    let mut phone = linphone(&site, "alice", &["sip:bob@localhost"]);
    wait::until("carol to see alice", wait::SOON, || {
        (presence(&carol, "alice") == "phone").then_some(())
    });
    phone.wait_printed("<sip:bob@localhost> is Offline");
    let browser = story::browser_of(&site, "bob");
    phone.wait_printed("<sip:bob@localhost> is Online");
    drop(browser);
    phone.run("quit");
    wait::until("alice to be gone", wait::LATER, || {
        (presence(&carol, "alice") == "offline").then_some(())
    });
}
