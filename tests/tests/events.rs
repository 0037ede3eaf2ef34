//! Events of applications, schedules and escalations, through the real server.

use std::time::{Duration, Instant, SystemTime};

use hark_tests::audio;
use hark_tests::callee::Callee;
use hark_tests::http::Http;
use hark_tests::live::Live;
use hark_tests::peer::{Account, Peer};
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};
use serde_json::{Value, json};

fn site() -> Site {
    let more = "[events]\nmanagers = [\"alice\"]\ntime_zone = \"Europe/Berlin\"\n".to_owned();
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

fn says(text: &str, to: &[&str]) -> Value {
    json!({ "content": { "text": { "en": text } }, "recipients": to })
}

#[track_caller]
fn send(http: &Http, key: &str, event: &Value) -> (u16, String) {
    let headers = [("idempotency-key", key)];
    let answer = http.request("POST", "/api/v1/events", &headers, Some(event));
    assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text());
    (answer.status, answer.json()["id"].as_str().expect("an id").to_owned())
}

fn report(http: &Http, id: &str) -> Value {
    http.json(&format!("/api/v1/events/{id}"))
}

#[track_caller]
fn wait_state(http: &Http, id: &str, state: &str) -> Value {
    wait::until(&format!("the event to be {state}"), wait::LATER, || {
        Some(report(http, id)).filter(|report| report["state"] == state)
    })
}

#[test]
fn an_event_is_heard_in_the_browser_and_reported() {
    let site = site();
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    let (mut sender, mut listener) = (Live::open(&alice), Live::open(&bob));
    let template = json!({ "content": { "text": { "en": "The door of room {room} is open." } } });
    assert_eq!(alice.put("/api/v1/templates/door", &template).status, 204);
    let group = json!({ "display_name": "Operators", "members": ["bob", "carol"] });
    assert_eq!(bob.put("/api/v1/groups/ops", &group).status, 403);
    assert_eq!(alice.put("/api/v1/groups/ops", &group).status, 204);
    let event = json!({
        "template": "door", "values": { "room": "12" }, "recipients": ["group:ops"],
        "urgent": true, "confirm": true,
    });
    let without = alice.post("/api/v1/events", &event);
    assert_eq!(without.status, 400, "{}", without.text());
    let (status, id) = send(&alice, "door-12", &event);
    assert_eq!(status, 201);
    assert_eq!(send(&alice, "door-12", &event), (200, id.clone()));
    let popup = listener.wait("popup", wait::LATER);
    assert_eq!(popup["message"]["urgent"], true);
    let said = audio::decode_ogg_opus(&bob.audio(&popup["message"])).0;
    assert!(said.length() > Duration::from_secs(1), "{:?} were spoken", said.length());
    sender.wait_for("event", wait::SOON, |frame| frame["id"] == id.as_str());
    let message = popup["message"]["id"].as_str().expect("an id");
    assert_eq!(
        site.sign_in("carol")
            .post(&format!("/api/v1/messages/{message}/confirm"), &json!({}))
            .status,
        204
    );
    let report = wait_state(&alice, &id, "confirmed");
    assert_eq!(report["confirmed"]["name"], "Carol");
    assert_eq!(bob.get(&format!("/api/v1/events/{id}")).status, 404, "somebody else's");
    sender.wait_for("event", wait::SOON, |frame| frame["state"] == "confirmed");
}

#[test]
fn a_telephone_rings_and_a_key_confirms() {
    let site = site();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([
        { "when": "always", "do": { "ring": { "device": "desk", "attempts": 3, "retry_secs": 1, "ring_secs": 30 } } },
    ]));
    bob.sign_out();
    let mut phone = site.phone("bob");
    let alice = site.sign_in("alice");
    let mut event =
        says("The server room is on fire. Please leave the building at once.", &["bob"]);
    event["confirm"] = true.into();
    let (_, id) = send(&alice, "fire", &event);
    phone.wait_ringing();
    phone.answer();
    phone.wait_sound();
    phone.press('1');
    let report = wait_state(&alice, &id, "confirmed");
    assert!(report["confirmed"]["device"].as_str().is_some_and(|d| d.contains("desk")), "{report}");
    phone.hang_up();
}

#[test]
fn the_others_stop_ringing_when_somebody_confirms() {
    let site = site();
    let rules = json!([
        { "when": "always", "do": { "ring": { "device": "desk", "attempts": 5, "retry_secs": 1, "ring_secs": 60 } } },
    ]);
    for user in ["bob", "carol"] {
        let user = site.sign_in(user);
        user.set_rules(rules.clone());
        user.sign_out();
    }
    let mut bob = site.phone("bob");
    let carol = Callee::registered(&Account::new(site.udp(), "carol", &site.password("carol")));
    let alice = site.sign_in("alice");
    let mut event = says("The pump has stopped.", &["bob", "carol"]);
    event["confirm"] = true.into();
    let (_, id) = send(&alice, "pump", &event);
    bob.wait_ringing();
    let ringing = carol.wait_call();
    ringing.ring();
    bob.answer();
    bob.wait_sound();
    bob.press('1');
    let confirmed = Instant::now();
    ringing.wait_cancelled();
    println!("carol's telephone stopped {:?} after bob's key", confirmed.elapsed());
    let report = wait_state(&alice, &id, "confirmed");
    let others = &report["steps"][0]["recipients"];
    let hers = others.as_array().and_then(|all| all.iter().find(|r| r["name"] == "Carol"));
    let hers = hers.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(
        (&hers["state"], &hers["reason"]),
        (&json!("called-off"), &json!("confirmed by another")),
        "{report}"
    );
    assert!(carol.is_left_alone(Duration::from_secs(4)), "she is not called again");
    bob.hang_up();
}

#[test]
fn a_telephone_that_was_gone_when_the_server_started_is_told_of_once() {
    let mut site = site();
    let alice = site.sign_in("alice");
    let rule = json!({
        "name": "phones", "condition": "device-unregistered", "window_seconds": 0,
        "announce": says("The telephone of {user} is gone.", &["@owner"]),
    });
    assert_eq!(alice.post("/api/v1/event-rules", &rule).status, 201);
    let peer = Peer::new(site.udp());
    let bob = Account::new(site.udp(), "bob", &site.password("bob"));
    // As short as a registration may be.
    let lasting = Duration::from_secs(60);
    let (_, registered) = peer.register_for(&bob, lasting);
    assert_eq!(registered.and_then(|answer| answer.status()), Some(200));
    let lapses = Instant::now() + lasting;
    // Kept on the disk when the telephone is seen as one.
    wait::until("bob to be reachable", wait::SOON, || {
        (site.metric("hark_sip_registrations") >= 1.0).then_some(())
    });
    site.kill();
    std::thread::sleep(lapses.saturating_duration_since(Instant::now()) + Duration::from_secs(1));
    for _ in 0..2 {
        site.restart();
        let alice = site.sign_in("alice");
        alice.wait_inbox(1, wait::LATER);
        wait::holds("told once", Duration::from_secs(12), || alice.inbox().len() == 1);
    }
}

#[test]
fn the_second_is_told_when_the_first_does_not_confirm() {
    let site = site();
    let alice = site.sign_in("alice");
    let mut event = says("Somebody please answer.", &["bob"]);
    event["wait_seconds"] = 2.into();
    event["escalation"] = json!([{ "recipients": ["carol"], "wait_seconds": 60 }]);
    let (_, id) = send(&alice, "answer", &event);
    site.sign_in("bob").wait_inbox(1, wait::LATER);
    let carol = site.sign_in("carol");
    assert!(carol.inbox().is_empty(), "not her turn yet");
    let message = carol.wait_inbox(1, wait::LATER)[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(carol.post(&format!("/api/v1/messages/{message}/confirm"), &json!({})).status, 204);
    let report = wait_state(&alice, &id, "confirmed");
    assert_eq!(report["steps"][1]["recipients"][0]["state"], "confirmed", "{report}");
}

#[test]
fn killed_at_any_moment_every_acknowledged_event_is_heard_exactly_once() {
    let mut site = site();
    let mut alice = site.sign_in("alice");
    let rounds = 6;
    for round in 0..rounds {
        let key = format!("round-{round}");
        let event = says(&format!("This is round {round}."), &["bob"]);
        let (_, id) = send(&alice, &key, &event);
        std::thread::sleep(Duration::from_millis(round * 60));
        site.restart();
        alice = site.sign_in("alice");
        assert_eq!(send(&alice, &key, &event), (200, id.clone()));
        wait_state(&alice, &id, "sent");
    }
    let bob = site.sign_in("bob");
    bob.wait_inbox(usize::try_from(rounds).expect("a few"), wait::SOON);
    site.restart();
    assert_eq!(site.sign_in("bob").inbox().len(), usize::try_from(rounds).expect("a few"));
}

#[test]
fn a_schedule_fires_once_and_survives_restarts() {
    let mut site = site();
    let alice = site.sign_in("alice");
    let wrong =
        json!({ "name": "x", "recurrence": "RRULE:FREQ=DAILY", "event": says("x", &["bob"]) });
    let refused = alice.post("/api/v1/schedules", &wrong);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("DTSTART"), "{}", refused.text());
    let soon = SystemTime::now() + Duration::from_secs(3);
    let seconds = soon.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Some days ago at this time of day: today's occurrence is the next.
    let recurrence = format!("DTSTART:20260105T{hour:02}{minute:02}{second:02}Z\nRRULE:FREQ=DAILY");
    let schedule = json!({ "name": "tea", "recurrence": recurrence, "event": says("Tea is ready.", &["bob"]) });
    let made = alice.post("/api/v1/schedules", &schedule);
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["next"].as_array().map(Vec::len), Some(5));
    site.restart();
    let bob = site.sign_in("bob");
    bob.wait_inbox(1, wait::LATER);
    site.restart();
    let bob = site.sign_in("bob");
    wait::holds("said once", Duration::from_secs(2), || bob.inbox().len() == 1);
    let alice = site.sign_in("alice");
    let listed = alice.json("/api/v1/schedules");
    assert_eq!((&listed[0]["name"], &listed[0]["skipped"]), (&json!("tea"), &json!(0)));
    let id = listed[0]["id"].as_i64().expect("a number");
    assert_eq!(site.sign_in("bob").delete(&format!("/api/v1/schedules/{id}")).status, 404);
    assert_eq!(alice.delete(&format!("/api/v1/schedules/{id}")).status, 204);
}

#[test]
fn a_rule_tells_of_a_telephone_that_is_gone() {
    let site = site();
    let alice = site.sign_in("alice");
    let rule = json!({
        "name": "phones", "condition": "device-unregistered", "window_seconds": 3600,
        "announce": says("The telephone of {user} is gone.", &["@owner"]),
    });
    let made = alice.post("/api/v1/event-rules", &rule);
    assert_eq!(made.status, 201, "{}", made.text());
    let phone = site.phone("bob");
    phone.quit();
    alice.wait_inbox(1, wait::LATER);
    let listed = alice.json("/api/v1/event-rules");
    assert!(listed[0]["last_fired"].is_i64(), "{listed}");
}

#[test]
fn the_page_announces_plans_and_shows_who_heard_it() {
    let site = site();
    let mut browser = story::browser_of(&site, "alice");
    browser.click("nav-events");
    browser.wait_visible("event-form");
    browser.fill("event-text", "Lunch is ready.");
    browser.click("event-to-bob");
    browser.click("event-send");
    let bob = site.sign_in("bob");
    bob.wait_inbox(1, wait::LATER);
    let alice = site.sign_in("alice");
    let id = alice.json("/api/v1/events")[0]["id"].as_str().expect("an id").to_owned();
    browser.wait_attribute(&format!("event-{id}"), "data-state", "sent");
    browser.fill("event-text", "Tea is ready.");
    browser.fill("event-at", "2030-01-05T16:00");
    browser.click("event-send");
    browser.wait_visible("schedules");
    if let Some(folder) = std::env::var_os("HARK_SCREENSHOTS") {
        browser.screenshot(&std::path::Path::new(&folder).join("events.png"));
    }
    browser.click("nav-profile");
    browser.wait_visible("storage");
    if let Some(folder) = std::env::var_os("HARK_SCREENSHOTS") {
        browser.screenshot(&std::path::Path::new(&folder).join("profile.png"));
    }
    assert_eq!(browser.errors(), Vec::<String>::new());
}
