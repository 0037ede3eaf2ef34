//! A message to somebody who is no user and has nothing but a mailbox for letters: a mail with a
//! link, which opens a page that plays it and takes the answer.

use std::time::Duration;

use hark_tests::browser::Browser;
use hark_tests::http::Http;
use hark_tests::mail::{self, MailServer};
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};

const LONG: Duration = Duration::from_secs(2);

fn site(port: u16) -> Site {
    let more = format!(
        "[outside]\nallow = [\"*@example.org\"]\ndeny = [\"mallory@*\"]\n\
         [mail]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
         from = \"Hark <hark@example.org>\"\n"
    );
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

#[test]
fn who_has_only_an_address_gets_a_mail_hears_it_and_answers_from_its_page() {
    let server = MailServer::start();
    let site = site(server.port());
    let said = audio::sentence();
    let mut sender = Browser::with_microphone(&said);
    sender.sign_in(&site.web(), "alice", &site.password("alice"));
    sender.fill("typed-recipient", "Dora@example.org");
    sender.click("add-recipient");
    sender.click("record-button");
    sender.wait_attribute("record-state", "data-state", "recording");
    std::thread::sleep(said.length());
    sender.click("record-stop");
    sender.wait_attribute("record-state", "data-state", "sent");

    let mail = server.wait_mails(1).remove(0);
    let to = mail["to"].to_string();
    assert!(to.to_lowercase().contains("dora@example.org"), "{to}");
    let text = mail::text(&mail, "text/plain");
    let link = text.split_whitespace().find(|word| word.contains("/m/")).expect("a link");
    assert!(mail::text(&mail, "text/html").contains(link), "the same link in both");

    let answer = audio::speech("I got it, thank you. I shall be there on Friday.");
    let mut page = Browser::with_microphone(&answer);
    page.open(link);
    page.evaluate("document.querySelector('audio').play()");
    let alice = site.sign_in("alice");
    story::wait_outbox_step(&alice, "heard");
    page.click("answer-record");
    wait::until("the first octets in the spool", wait::SOON, || {
        (story::spooled(&site) > 0).then_some(())
    });
    std::thread::sleep(answer.length());
    page.click("answer-send");
    page.wait_attribute("answer-state", "data-state", "sent");
    assert_eq!(page.errors(), [""; 0]);

    let message = alice.wait_inbox(1, wait::SOON).remove(0);
    let from = message["sender"]["name"].as_str().expect("a name").to_lowercase();
    assert!(from.contains("dora@example.org"), "{from}");
    let (heard, _) = audio::decode_ogg_opus(&alice.audio(&message));
    let (likeness, _) = heard.best_match(&answer);
    assert!(likeness >= story::ALIKE, "the answer is {likeness:.3} alike to what was said");
    sender.wait_visible("popup");
    assert_eq!(sender.errors(), [""; 0]);

    // Nobody needs an account for it, and nobody finds another one by guessing.
    let strange = Http::new(&site.web());
    let path = &link[link.find("/m/").expect("a path")..];
    assert_eq!(strange.get(path).status, 200);
    assert_eq!(strange.get("/m/AAAAAAAAAAAAAAAAAAAAAA").status, 404);
}

#[test]
fn an_address_that_the_operator_does_not_allow_is_refused_and_said() {
    let server = MailServer::start();
    let site = site(server.port());
    let alice = site.sign_in("alice");
    for address in ["mallory@example.org", "dora@elsewhere.example"] {
        let answer =
            alice.upload(&format!("/api/v1/messages?to={address}"), &[], &audio::ogg_opus(LONG));
        assert!((400..500).contains(&answer.status), "{}", answer.text());
        assert!(answer.text().contains(address), "{}", answer.text());
    }
    assert!(server.mails().is_empty());
}
