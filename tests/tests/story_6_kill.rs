//! Story 6: `kill -9`, at the worst of times.

use std::time::Duration;

use hark_tests::audio::{self, Sound};
use hark_tests::live::Live;
use hark_tests::site::Site;
use hark_tests::{story, wait};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

/// The shard hands what was recorded to the spool about every 200 ms.
const MAY_BE_LOST: Duration = Duration::from_millis(700);

#[test]
fn killed_while_somebody_speaks_keeps_what_was_said() {
    let mut site = Site::start();
    let said = audio::speech(
        "This is a long message, which will be cut off in the middle, and nobody who spoke it would like to \
         have spoken all of this in vain, so let us see how much of it is still there in the end.",
    );
    let mut alice = site.phone("alice");
    alice.call("1002");
    alice.wait_beep();
    alice.begin_saying(&said);
    wait::until("three seconds to be spoken", wait::SOON, || {
        (alice.spoken() > Duration::from_secs(3)).then_some(())
    });
    let spoken = alice.spoken();
    site.kill();
    site.restart();

    let bob = site.sign_in("bob");
    let messages = bob.wait_inbox(1, wait::LATER);
    let (message, _) = audio::decode_ogg_opus(&bob.audio(&messages[0]));
    assert!(
        message.length() + MAY_BE_LOST > spoken,
        "{spoken:?} were spoken, {:?} are left",
        message.length()
    );
    let part = Sound(said.0[..message.0.len().min(said.0.len())].to_vec());
    let (likeness, _) = message.best_match(&part);
    assert!(likeness >= story::ALIKE, "what is left is {likeness:.3} alike to what was said");

    // Recovered once, not at every start.
    site.restart();
    assert_eq!(site.sign_in("bob").inbox().len(), 1);
}

#[test]
fn killed_between_commit_and_notification_is_delivered_and_seen_once() {
    let mut site = Site::start();
    let mut phone = site.phone("bob");
    let bob = site.sign_in("bob");
    // Absent, and nothing rings: committed, and nobody notified yet.
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    bob.wait_inbox(1, wait::SOON);
    site.kill();
    site.restart();

    let bob = site.sign_in("bob");
    let mut live = Live::open(&bob);
    let popup = live.wait("popup", wait::SOON);
    live.send(&json!({ "type": "seen", "message": popup["message"]["id"] }));
    story::wait_outbox_step(&site.sign_in("alice"), "notified");
    assert_eq!(live.count("popup"), 0);

    // Seen is seen: neither another page nor another start shows it again.
    let mut again = Live::open(&bob);
    again.wait("hello", wait::SOON);
    wait::holds("no second pop-up", Duration::from_secs(1), || again.count("popup") == 0);
    drop((live, again));
    site.restart();
    let mut later = Live::open(&site.sign_in("bob"));
    later.wait("hello", wait::SOON);
    wait::holds("no pop-up after the restart", Duration::from_secs(1), || {
        later.count("popup") == 0
    });
    assert!(!phone.saw("CALL_INCOMING"));
}

#[test]
fn killed_at_the_commit_the_open_page_shows_it_once() {
    let mut site = Site::start();
    let mut browser = story::browser_of(&site, "bob");
    let mut alice = site.phone("alice");
    alice.call("1002");
    alice.wait_beep();
    alice.say(&audio::sentence());
    alice.press('#');
    alice.wait_sound();
    alice.press('1');

    // The row is the commit: kill as soon as it can be read.
    let rows = Connection::open_with_flags(
        site.data().join("hark.sqlite"),
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .expect("the database can be read beside the server");
    wait::until("the message's row", wait::SOON, || {
        rows.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0))
            .is_ok_and(|count| count == 1)
            .then_some(())
    });
    site.kill();
    drop(rows);
    site.restart();

    // The page connects again by itself.
    browser.wait_visible("popup");
    story::wait_outbox_step(&site.sign_in("alice"), "notified");
    wait::holds("one pop-up, and no second", Duration::from_secs(2), || {
        browser.appearances("popup") == 1
    });
    assert_eq!(site.sign_in("bob").inbox().len(), 1);
}
