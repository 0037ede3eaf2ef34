//! A message to somebody who is present pops up on every tab at once; heard, saved or deleted in
//! one place, it is settled in all of them.

use std::time::Duration;

use hark_tests::browser::Browser;
use hark_tests::callee::Callee;
use hark_tests::http::Http;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};
use serde_json::{Value, json};

/// From the commit of what happened to what a page shows.
const WITHIN: Duration = Duration::from_millis(300);

/// Has the page note when its last pop-up goes, by its own clock.
fn watch_popups(browser: &mut Browser) {
    browser.evaluate(
        "(() => { globalThis.gone = 0; const look = () => { \
           const left = document.querySelectorAll('[data-testid=popup]').length; \
           if (left === 0 && globalThis.gone === 0) globalThis.gone = Date.now(); \
           if (left > 0) globalThis.gone = 0; }; \
         globalThis.watching?.disconnect(); globalThis.watching = new MutationObserver(look); \
         globalThis.watching.observe(document.body, { childList: true, subtree: true }); return 1; })()",
    );
}

fn gone(browser: &mut Browser) -> f64 {
    browser.wait_hidden("popup");
    wait::until("the page to note it", wait::SOON, || {
        browser.evaluate("globalThis.gone").as_f64().filter(|at| *at > 0.0)
    })
}

fn step_at(sender: &Http, message: &str, step: &str) -> f64 {
    wait::until(&format!("the outbox to say `{step}`"), wait::LATER, || {
        let outbox = sender.json("/api/v1/outbox");
        let entry = outbox.as_array()?.iter().find(|entry| entry["id"] == message)?.clone();
        let steps = entry["recipients"][0]["steps"].as_array()?.clone();
        steps.into_iter().find(|one| one["step"] == step)?["at"].as_f64()
    })
}

fn now_ms() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs_f64() * 1000.0
}

fn millis(late: f64) -> Duration {
    // Two clocks that are read one after the other may seem to run backwards.
    Duration::from_secs_f64(late.max(0.0) / 1000.0)
}

fn newest(bob: &Http, count: usize) -> (String, Value) {
    let messages = bob.wait_inbox(count, wait::SOON);
    let newest = messages.into_iter().max_by_key(|message| message["at"].as_u64());
    let newest = newest.expect("a message");
    (newest["id"].as_str().expect("an id").to_owned(), newest)
}

#[test]
fn what_happens_to_a_message_in_one_place_shows_in_all() {
    let site = Site::start();
    let said = audio::sentence();
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    let (mut popped, mut cleared) = (Vec::new(), Vec::new());
    let mut tabs = [story::browser_of(&site, "bob"), story::browser_of(&site, "bob")];
    let mut caller = site.phone("alice");
    let mut phone = site.phone("bob");

    // Heard on a telephone.
    story::leave_message(&mut caller, "1002", &said);
    let (id, message) = newest(&bob, 1);
    for tab in &mut tabs {
        tab.wait_visible("popup");
        let seen = tab.first_seen("popup").expect("the pop-up was noted");
        let committed = message["at"].as_f64().expect("the time of the commit");
        popped.push(millis(seen - committed));
        watch_popups(tab);
    }
    phone.call("*97");
    phone.wait_heard(&said, story::ALIKE);
    phone.wait_sound();
    phone.hang_up();
    let heard = step_at(&alice, &id, "heard");
    for tab in &mut tabs {
        cleared.push(millis(gone(tab) - heard));
        tab.wait_attribute(&format!("message-{id}"), "data-new", "false");
    }

    // Saved, and deleted, by a program of bob's; then in the other tab.
    for how in ["save", "delete"] {
        story::leave_message(&mut caller, "1002", &said);
        // The saved one is in another folder.
        let (id, _) = newest(&bob, 2);
        for tab in &mut tabs {
            tab.wait_visible("popup");
            watch_popups(tab);
        }
        let at = now_ms();
        let path = format!("/api/v1/messages/{id}");
        let answer = match how {
            "save" => bob.post(&format!("{path}/save"), &json!({})),
            _ => bob.delete(&path),
        };
        assert_eq!(answer.status, 204);
        for tab in &mut tabs {
            cleared.push(millis(gone(tab) - at));
        }
    }
    // The telephone's list is the same one: nothing new is left.
    let counts = bob.json("/api/v1/messages?folder=inbox");
    let new = counts.as_array().expect("a list").iter().filter(|m| m["step"] != "heard").count();
    assert_eq!(new, 0, "{counts}");
    for tab in &mut tabs {
        assert_eq!(tab.errors(), [""; 0]);
    }
    wait::judge("from the commit to the pop-ups", WITHIN, &popped);
    wait::judge("from heard, saved or deleted to no pop-up", WITHIN, &cleared);
}

#[test]
fn a_telephone_stops_ringing_when_its_message_was_heard_elsewhere() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([
        { "do": { "ring": { "device": "desk", "attempts": 3, "retry_secs": 60, "ring_secs": 60 } } },
    ]));
    let phone = Callee::registered(&story::account(&site, "bob"));
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    let ringing = phone.wait_call();
    ringing.ring();
    let (id, _) = newest(&bob, 1);
    let at = now_ms();
    let heard = bob.post(&format!("/api/v1/messages/{id}/heard"), &json!({ "heard_ms": 1000 }));
    assert_eq!(heard.status, 204);
    ringing.wait_cancelled();
    let late = [millis(now_ms() - at)];
    wait::judge("from the request to a telephone that rings no more", wait::BUSY, &late);
}
