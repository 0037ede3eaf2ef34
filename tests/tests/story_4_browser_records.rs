//! Story 4: bob speaks into his browser, and alice hears it on her telephone.

use std::fs;
use std::time::Instant;

use hark_tests::browser::Browser;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};

#[test]
fn bob_records_in_the_browser_and_alice_hears_it_in_her_mailbox() {
    let site = Site::start();
    let said = audio::sentence();
    let mut browser = Browser::with_microphone(&said);
    browser.sign_in(&site.web(), "bob", &site.password("bob"));

    browser.click("contact-alice");
    browser.click("record-button");

    // The file grows on the server while he speaks.
    let begun = wait::until("the first octets in the spool", wait::SOON, || {
        (story::spooled(&site) > 0).then(Instant::now)
    });
    let mut sizes = vec![story::spooled(&site)];
    wait::until("the spool to grow with the speech", said.length() + wait::SOON, || {
        let size = story::spooled(&site);
        if size > sizes[sizes.len() - 1] {
            sizes.push(size);
        }
        // The fake microphone says the sentence once, from the moment it was opened.
        (begun.elapsed() > said.length() + std::time::Duration::from_millis(700)).then_some(())
    });
    assert!(sizes.len() >= 4, "while he spoke the file only had the sizes {sizes:?}");
    browser.click("record-stop");

    let alice = site.sign_in("alice");
    let messages = alice.wait_inbox(1, wait::SOON);
    let (message, tags) = audio::decode_ogg_opus(&alice.audio(&messages[0]));
    let (likeness, _) = message.best_match(&said);
    assert!(likeness >= story::ALIKE, "the message is {likeness:.3} alike to what was said");
    assert!(format!("{tags:?}").contains("bob"), "the file does not carry its sender: {tags:?}");
    assert_eq!(spool_files(&site), 0, "a finished recording leaves nothing in the spool");

    let mut phone = site.phone("alice");
    phone.call("*97");
    phone.wait_heard(&said, story::ALIKE);
    phone.hang_up();
    story::wait_outbox_step(&site.sign_in("bob"), "delivered");
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn a_cancelled_recording_is_nobodys_message() {
    let site = Site::start();
    let mut browser = Browser::with_microphone(&audio::sentence());
    browser.sign_in(&site.web(), "bob", &site.password("bob"));
    browser.click("contact-alice");
    browser.click("record-button");
    wait::until("the first octets in the spool", wait::SOON, || {
        (story::spooled(&site) > 0).then_some(())
    });
    browser.click("record-cancel");

    wait::until("the spool to be emptied", wait::SOON, || (spool_files(&site) == 0).then_some(()));
    assert_eq!(site.sign_in("alice").inbox().len(), 0);
}

fn spool_files(site: &Site) -> usize {
    fs::read_dir(site.data().join("spool")).map_or(0, Iterator::count)
}
