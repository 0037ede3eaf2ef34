//! Story 2: a present recipient sees a pop-up at once, and its link streams the message.

use std::time::Duration;

use hark_tests::http::Http;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};

#[test]
fn bobs_browser_pops_up_and_its_link_streams_the_message() {
    let site = Site::start();
    let said = audio::sentence();
    let mut browser = story::browser_of(&site, "bob");
    let mut alice = site.phone("alice");

    story::leave_message(&mut alice, "1002", &said);

    browser.wait_visible("popup");
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let seen = browser.first_seen("popup").expect("the pop-up was noted");
    let committed = message["at"].as_f64().expect("the time of the commit, in Unix milliseconds");
    // How soon it comes where the machine has nothing else to do is judged in `everywhere.rs`.
    let late = Duration::from_secs_f64((seen - committed).max(0.0) / 1000.0);
    wait::judge("from the commit to the pop-up", wait::BUSY, &[late]);

    let sender = browser.text("popup-sender");
    let name = message["sender"]["name"].as_str().expect("a name");
    assert!(sender.contains(name), "the pop-up names {sender:?}, not {name:?}");

    let link = browser.attribute("popup-link", "href").expect("a link");
    let path = link.strip_prefix(&site.web()).unwrap_or(&link).to_owned();
    assert!(path.starts_with("/m/"), "{path}");

    // A capability link needs no account.
    let anybody = Http::new(&site.web());
    assert_eq!(anybody.get(&path).status, 200);
    let whole = anybody.get(&format!("{path}/audio"));
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type").map(|kind| kind.starts_with("audio/ogg")), Some(true));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    story::assert_said(&whole.body, &said);

    let range =
        |range: &str| anybody.request("GET", &format!("{path}/audio"), &[("range", range)], None);
    let size = whole.body.len();
    let middle = range("bytes=100-299");
    assert_eq!((middle.status, &middle.body[..]), (206, &whole.body[100..300]));
    assert_eq!(middle.header("content-range"), Some(format!("bytes 100-299/{size}").as_str()));
    let last = range("bytes=-50");
    assert_eq!((last.status, &last.body[..]), (206, &whole.body[size - 50..]));
    assert_eq!(range(&format!("bytes={size}-")).status, 416);

    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn a_link_can_be_revoked_and_a_guessed_one_opens_nothing() {
    let site = Site::start();
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let id = message["id"].as_str().expect("an id");

    let made = bob.post(&format!("/api/v1/messages/{id}/link"), &serde_json::json!({})).json();
    let url = made["url"].as_str().expect("a link");
    let path = &url[url.find("/m/").expect("a capability link")..];
    let token = path.trim_start_matches("/m/");
    assert!(token.len() >= 22, "128 bits take 22 letters of base64url: {token}");

    let anybody = Http::new(&site.web());
    assert_eq!(anybody.get(&format!("{path}/audio")).status, 200);
    let guessed: String = token.chars().rev().collect();
    assert_eq!(anybody.get(&format!("/m/{guessed}/audio")).status, 404);

    assert!(matches!(bob.delete(&format!("/api/v1/messages/{id}/link")).status, 200 | 204));
    assert!(matches!(anybody.get(&format!("{path}/audio")).status, 404 | 410));
    assert!(matches!(anybody.get(path).status, 404 | 410));
}

#[test]
fn nobody_else_can_hear_a_message() {
    let site = Site::start();
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let path = message["audio"].as_str().expect("a path");

    assert_eq!(site.sign_in("alice").get(path).status, 200, "the sender may hear it");
    assert_eq!(site.sign_in("carol").get(path).status, 404);
    assert_eq!(Http::new(&site.web()).get(path).status, 401);
}
