//! The pages on which people make rules, templates, groups and announcements: on a desk and on a
//! handheld, and what they say when something is wrong.

use hark_tests::audio;
use hark_tests::browser::Browser;
use hark_tests::mail::{self, MailServer};
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};
use serde_json::json;

const DESK: (u32, u32) = (1280, 900);
const HANDHELD: (u32, u32) = (360, 740);

fn site() -> Site {
    let more = "[events]\nmanagers = [\"alice\"]\n".to_owned();
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

/// Looks at a page in both sizes.
#[track_caller]
fn look(browser: &mut Browser, name: &str) {
    for (size, (width, height)) in [("360", HANDHELD), ("desk", DESK)] {
        browser.resize(width, height);
        browser.picture(&format!("{name}-{size}"));
        browser.assert_fits_and_is_named("events");
    }
}

#[track_caller]
fn part(browser: &mut Browser, part: &str, shows: &str) {
    browser.click("nav-events");
    browser.click(&format!("events-part-{part}"));
    browser.wait_visible(shows);
}

/// Deletes by a button that asks once more.
#[track_caller]
fn delete(browser: &mut Browser, id: &str) {
    browser.click(&format!("{id}-delete"));
    browser.click(&format!("{id}-delete"));
    browser.wait_hidden(id);
}

#[test]
fn a_rule_is_made_switched_changed_and_deleted_in_the_page_and_does_what_it_says() {
    let site = site();
    let alice = site.sign_in("alice");
    let mut browser = story::browser_of(&site, "alice");
    part(&mut browser, "rules", "event-rules-none");
    browser.click("event-rule-new");
    look(&mut browser, "rules-new");
    browser.fill("event-rule-name", "Nobody hears Bob");
    browser.fill("event-rule-after", "0.05");
    browser.fill("event-rule-typed", "nobody-knows-them");
    browser.press("event-rule-typed", "Enter");
    browser.click("event-rule-save");
    browser.wait_visible("event-rule-error");
    assert!(browser.text("event-rule-error").contains("nobody-knows-them"));
    look(&mut browser, "rules-refused");
    assert_eq!(alice.json("/api/v1/event-rules"), json!([]));
    browser.click("event-rule-to-nobody-knows-them");
    browser.click("event-rule-save");
    browser.wait_visible("event-rule-1");
    let rule = &alice.json("/api/v1/event-rules")[0];
    assert_eq!(rule["condition"], "message-unheard");
    assert_eq!(
        (&rule["after_seconds"], &rule["announce"]["recipients"]),
        (&json!(3), &json!(["@owner"]))
    );

    // It sees what concerns everybody: its owner is a manager.
    let sent = site.sign_in("carol").upload("/api/v1/messages?to=bob", &[], &wav(&site));
    assert_eq!(sent.status, 201, "{}", sent.text());
    browser.click("nav-inbox");
    browser.wait_visible("popup");
    browser.click("popup-dismiss");
    part(&mut browser, "rules", "event-rule-1-state");
    wait::until("the page to say that it told something", wait::SOON, || {
        browser.text("event-rule-1-state").contains("last told").then_some(())
    });
    look(&mut browser, "rules");

    browser.press("event-rule-1-enabled", "Space");
    browser.wait_attribute("event-rule-1", "data-enabled", "false");
    let rule = &alice.json("/api/v1/event-rules")[0];
    assert_eq!((&rule["enabled"], &rule["after_seconds"]), (&json!(false), &json!(3)));

    browser.click("event-rule-1-edit");
    browser.choose("event-rule-condition", "delivery-failed");
    browser.wait_hidden("event-rule-after");
    browser.fill("event-rule-name", "Bob can't be reached");
    browser.fill("event-rule-text", "Bob {user} can't be reached in {place}.");
    browser.fill("event-rule-value-place", "Berlin");
    look(&mut browser, "rules-change");
    browser.click("event-rule-save");
    browser.wait_hidden("event-rule-form");
    let rule = &alice.json("/api/v1/event-rules")[0];
    assert_eq!((&rule["name"], &rule["enabled"]), (&json!("Bob can't be reached"), &json!(false)));
    assert_eq!(rule["announce"]["values"], json!({ "place": "Berlin" }));
    delete(&mut browser, "event-rule-1");
    assert_eq!(alice.json("/api/v1/event-rules"), json!([]));
    assert_eq!(errors(&mut browser), Vec::<String>::new());
}

#[test]
fn a_template_is_made_used_changed_and_deleted_in_the_page() {
    let site = site();
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    let mut browser = story::browser_of(&site, "alice");
    part(&mut browser, "templates", "templates-none");
    browser.click("template-new");
    browser.fill("template-name", "door open");
    browser.wait_attribute("template-name", "aria-invalid", "true");
    assert!(browser.text("template-name-under").contains("a-z"));
    browser.fill("template-name", "door");
    browser.click("template-site");
    browser.fill("template-text", "The door of room {room is open.");
    browser.click("template-save");
    browser.wait_visible("template-error");
    assert!(browser.text("template-error").contains('{'), "{}", browser.text("template-error"));
    browser.fill("template-text", "The door of room {room} is open.");
    browser.click("template-more-language");
    browser.fill("template-text-1", "Die Tür von Raum {room} ist offen.");
    look(&mut browser, "templates-new");
    assert!(browser.text("template-values").contains("{room}"));
    browser.click("template-save");
    browser.wait_visible("template-site-door");
    browser.click("template-new");
    browser.fill("template-name", "tea");
    browser.fill("template-text", "Tea is ready.");
    browser.click("template-save");
    browser.wait_visible("template-own-tea");
    look(&mut browser, "templates");
    browser.click("template-own-tea-edit");
    browser.fill("template-text", "Green tea is ready.");
    browser.click("template-save");
    browser.wait_hidden("template-form");
    let kept = alice.json("/api/v1/templates");
    let kept = kept.as_array().expect("a list");
    let text = |name: &str| {
        kept.iter().find(|t| t["name"] == name).expect("kept")["content"]["text"].clone()
    };
    assert_eq!(text("tea"), json!({ "en": "Green tea is ready." }));
    assert_eq!(text("door")["de"], "Die Tür von Raum {room} ist offen.");

    // Everybody may use the site's; its managers alone may change it.
    let mut his = story::browser_of(&site, "bob");
    part(&mut his, "templates", "template-site-door");
    assert_eq!(his.count("template-site-door-edit"), 0);
    assert_eq!(his.count("template-own-tea"), 0);
    his.click("events-part-announce");
    his.choose("event-kind", "template");
    his.fill("event-value-room", "12");
    his.click("event-to-alice");
    look(&mut his, "announce-template");
    his.click("event-send");
    alice.wait_inbox(1, wait::LATER);
    let said = &bob.json("/api/v1/events")[0]["content"]["text"];
    assert_eq!(said["en"], "The door of room 12 is open.");
    delete_template(&mut browser, "template-own-tea");
    delete_template(&mut browser, "template-site-door");
    assert_eq!(alice.json("/api/v1/templates"), json!([]));
    for browser in [&mut browser, &mut his] {
        assert_eq!(errors(browser), Vec::<String>::new());
    }
}

#[track_caller]
fn delete_template(browser: &mut Browser, id: &str) {
    part(browser, "templates", id);
    delete(browser, id);
}

#[test]
fn a_group_is_made_in_the_page_told_and_reported() {
    let site = site();
    let alice = site.sign_in("alice");
    let mut browser = story::browser_of(&site, "alice");
    part(&mut browser, "groups", "groups-none");
    browser.click("group-new");
    browser.fill("group-name", "ops");
    browser.fill("group-display-name", "Operators");
    browser.click("group-to-bob");
    browser.fill("group-typed", "nobody");
    browser.press("group-typed", "Enter");
    browser.click("group-save");
    browser.wait_visible("group-error");
    assert!(browser.text("group-error").contains("nobody"));
    look(&mut browser, "groups-refused");
    browser.click("group-to-nobody");
    browser.click("group-save");
    browser.wait_visible("group-ops");
    assert_eq!(browser.text("group-ops-members"), "Bob");
    browser.click("group-ops-edit");
    browser.click("group-to-carol");
    browser.click("group-save");
    browser.wait_hidden("group-form");
    wait::until("the members", wait::SOON, || {
        (browser.text("group-ops-members") == "Bob, Carol").then_some(())
    });
    look(&mut browser, "groups");

    // Others see it, and can't change it.
    let mut his = story::browser_of(&site, "bob");
    part(&mut his, "groups", "group-ops");
    assert_eq!((his.count("group-ops-edit"), his.count("group-new")), (0, 0));
    assert!(his.text("groups-who").contains("managers"));
    look(&mut his, "groups-others");

    // Who of them heard it is shown live.
    browser.click("events-part-announce");
    browser.fill("event-text", "The pump has stopped.");
    browser.click("event-to-group:ops");
    browser.fill("event-typed", "1002");
    browser.click("event-add");
    browser.click("event-confirm");
    look(&mut browser, "announce");
    browser.click("event-send");
    let (bob, carol) = (site.sign_in("bob"), site.sign_in("carol"));
    let message = bob.wait_inbox(1, wait::LATER).remove(0);
    carol.wait_inbox(1, wait::LATER);
    let event = alice.json("/api/v1/events")[0].clone();
    let id = event["id"].as_str().expect("an id").to_owned();
    let people = event["steps"][0]["recipients"].as_array().expect("a list").clone();
    assert_eq!(people.len(), 2, "Bob is told once: {event}");
    let number =
        |name: &str| people.iter().find(|r| r["name"] == name).expect("told")["user"].clone();
    let heard = format!("heard-{id}-{}", number("Bob"));
    let not_yet = format!("heard-{id}-{}", number("Carol"));
    bob.audio(&message);
    let path = format!("/api/v1/messages/{}/heard", message["id"].as_str().expect("an id"));
    wait::until("the delivery to be noted", wait::SOON, || {
        let told = bob.post(&path, &json!({ "heard_ms": 500 }));
        matches!(told.status, 200 | 204).then_some(())
    });
    wait::until("the page to show that Bob heard it", wait::LATER, || {
        browser.click("nav-events");
        (browser.attribute(&heard, "data-state").as_deref() == Some("heard")).then_some(())
    });
    assert_ne!(browser.attribute(&not_yet, "data-state").as_deref(), Some("heard"));
    look(&mut browser, "announce-heard");

    // Nobody confirmed it: it is under way until its sender stops it.
    browser.wait_attribute(&format!("event-{id}"), "data-state", "active");
    browser.click(&format!("event-{id}-stop"));
    browser.click(&format!("event-{id}-stop"));
    browser.wait_attribute(&format!("event-{id}"), "data-state", "cancelled");
    part(&mut browser, "groups", "group-ops");
    delete(&mut browser, "group-ops");
    assert_eq!(alice.json("/api/v1/groups"), json!([]));
    for browser in [&mut browser, &mut his] {
        assert_eq!(errors(browser), Vec::<String>::new());
    }
}

#[test]
fn an_announcement_to_an_address_is_mailed_and_reported_and_a_foreign_one_is_refused() {
    let server = MailServer::start();
    let more = format!(
        "[outside]\nallow = [\"*@example.org\"]\n[mail]\nhost = \"127.0.0.1\"\nport = {}\n\
         tls = \"none\"\nfrom = \"Hark <hark@example.org>\"\n",
        server.port()
    );
    let site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    let mut browser = story::browser_of(&site, "alice");
    part(&mut browser, "announce", "event-form");
    browser.fill("event-text", "The water is shut off on Monday.");
    browser.fill("event-typed", "guest@example.com");
    browser.press("event-typed", "Enter");
    browser.click("event-send");
    wait::until("the refusal", wait::SOON, || {
        browser.text("event-status").contains("guest@example.com").then_some(())
    });
    look(&mut browser, "announce-refused");
    browser.click("event-to-guest@example.com");
    browser.fill("event-typed", "guest@example.org");
    browser.press("event-typed", "Enter");
    browser.click("event-send");
    let letter = server.wait_mails(1).remove(0);
    assert_eq!(letter["to"], json!(["guest@example.org"]));
    assert!(mail::text(&letter, "text/plain").contains("/m/"), "a link to hear it: {letter}");
    let event = site.sign_in("alice").json("/api/v1/events")[0].clone();
    let id = event["id"].as_str().expect("an id");
    let guest = &event["steps"][0]["recipients"][0]["user"];
    browser.wait_attribute(&format!("heard-{id}-{guest}"), "data-state", "notified");
    assert!(browser.text(&format!("heard-{id}-{guest}")).contains("guest@example.org"));
    look(&mut browser, "announce-address");
    assert_eq!(errors(&mut browser), Vec::<String>::new());
}

fn wav(site: &Site) -> Vec<u8> {
    let file = site.scratch().join("said.wav");
    audio::sentence().write_wav(&file);
    std::fs::read(file).expect("the file")
}

/// What went wrong in the page. Chromium logs every refusal of the API too, which the page shows.
fn errors(browser: &mut Browser) -> Vec<String> {
    let mut errors = browser.errors();
    errors.retain(|error| !error.contains("status of 400"));
    errors
}
