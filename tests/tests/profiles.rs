//! Profiles and deliveries: numbers over a trunk, verified by a spoken code; quiet hours,
//! escalation, several messages in one call, recipients who are no users.

use std::fs;
use std::time::Duration;

use hark_tests::audio::{self, Sound};
use hark_tests::browser::Browser;
use hark_tests::callee::{self, Answered, Callee};
use hark_tests::http::Http;
use hark_tests::rtp::Press;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};
use serde_json::{Value, json};

/// The carrier's address.
const CARRIER: &str = "127.0.0.5";
/// A number that the operator allows.
const MOBILE: &str = "+49 30 123";

/// A site with a carrier, and the carrier.
#[track_caller]
fn with_carrier(more: &str) -> (Site, Callee) {
    // A port that is free a moment ago; the carrier takes it once the server knows it.
    let carrier = callee::nobody(CARRIER);
    let more = format!(
        "[outside]\nallow = [\"+49*\"]\n{more}\n[[trunk]]\nname = \"carrier\"\naddress = \"sip:{carrier}\"\n"
    );
    let site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    let carrier = Callee::at(site.udp(), &carrier.to_string());
    (site, carrier)
}

#[track_caller]
fn set_profile(user: &Http, profile: &Value) -> Value {
    let answer = user.put("/api/v1/me/profile", profile);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn mobile() -> Value {
    json!([{ "name": "mobile", "kind": "number", "number": MOBILE, "trunk": "carrier" }])
}

#[track_caller]
fn press(call: &Answered<'_>, key: char) {
    call.rtp.press(Press::of(key));
    wait::until("the key to be sent", wait::SOON, || call.rtp.idle().then_some(()));
}

/// Waits until something is said after the first `from` samples, and it is quiet again: then a
/// key is waited for.
#[track_caller]
fn wait_said(call: &Answered<'_>, from: usize) -> usize {
    wait::until("something to be said", wait::LATER, || {
        let heard = call.rtp.heard().0;
        let loud = heard.get(from..)?.chunks_exact(audio::FRAME).any(audio::is_loud);
        loud.then_some(heard.len())
    })
}

/// Passes over what was sent again before the first of it was read.
fn forget_repeated(phone: &Callee) {
    wait::until("no INVITE to be sent again", wait::LATER, || {
        phone.is_left_alone(Duration::from_millis(500)).then_some(())
    });
}

/// Leaves a message for bob as a user.
#[track_caller]
fn leave(site: &Site, sender: &str, said: &Sound) {
    story::leave_message(&mut site.phone(sender), "1002", said);
}

#[track_caller]
fn explained(user: &Http, message: &Value) -> Vec<String> {
    let id = message["id"].as_str().expect("an id");
    let answer = user.json(&format!("/api/v1/messages/{id}/explain"));
    let lines = answer["lines"].as_array().expect("lines").clone();
    lines.iter().map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Speech that can be told apart: each digit is a tone of its own, everything else another.
#[track_caller]
fn digits_as_tones(folder: &std::path::Path) -> String {
    let tone = |hertz: f64| {
        let sample = |n: usize| {
            let angle = std::f64::consts::TAU * hertz * n as f64 / audio::RATE as f64;
            (angle.sin() * 8_000.0) as i16
        };
        Sound((0..audio::RATE * 2 / 5).map(sample).collect())
            .then_silence(Duration::from_millis(200))
    };
    for digit in 0..10 {
        tone(tone_of(digit)).write_wav(&folder.join(format!("{digit}.wav")));
    }
    tone(300.0).write_wav(&folder.join("other.wav"));
    let script = folder.join("speak.sh");
    let text = format!(
        "case \"$1\" in\n  *[!\\ 0-9.]*) cp {0}/other.wav \"$2\" ;;\n  *) cp {0}/$(echo \"$1\" | tr -d ' .').wav \"$2\" ;;\nesac\n",
        folder.display()
    );
    fs::write(&script, text).expect("a file can be written");
    format!("[speech]\ncommand = [\"sh\", \"{}\", \"{{text}}\", \"{{file}}\"]\n", script.display())
}

fn tone_of(digit: usize) -> f64 {
    1_100.0 + 100.0 * digit as f64
}

/// The digits that are heard one after the other.
fn digits_heard(heard: &Sound) -> String {
    let (mut digits, mut last, mut run) = (String::new(), None, 0);
    for frame in heard.0.chunks_exact(audio::FRAME) {
        let now = (0..10).find(|digit| audio::is_tone(frame, tone_of(*digit)));
        run = if now == last { run + 1 } else { 1 };
        last = now;
        if let Some(digit) = now.filter(|_| run == 8) {
            digits.push_str(&digit.to_string());
        }
    }
    digits
}

#[test]
fn a_number_is_rung_over_the_trunk_once_a_spoken_code_showed_that_it_is_the_users() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (site, carrier) = with_carrier(&digits_as_tones(folder.path()));
    let bob = site.sign_in("bob");
    let profile = set_profile(
        &bob,
        &json!({ "devices": mobile(), "rules_text": "when absent: ring mobile once for 20s" }),
    );
    assert_eq!(profile["devices"][0]["verified"], false);

    // Not verified: not rung, and the sender is told.
    leave(&site, "alice", &audio::sentence());
    assert!(carrier.is_left_alone(Duration::from_millis(500)));
    let first = bob.wait_inbox(1, wait::SOON).remove(0);
    let why = explained(&bob, &first);
    assert!(why.iter().any(|line| line == "mobile: it was never verified"), "{why:?}");

    // The code is spoken to whoever asks for it by key.
    let sent = bob.post("/api/v1/me/devices/mobile/verify", &json!({}));
    assert_eq!((sent.status, sent.json()["sent"].as_str()), (202, Some("call")), "{}", sent.text());
    let ringing = carrier.wait_call();
    assert!(ringing.invite.start.contains("sip:+4930123@"), "{}", ringing.invite.start);
    let call = ringing.answer();
    wait_said(&call, 0);
    press(&call, '1');
    let code = wait::until("the six digits", wait::LATER, || {
        let digits = digits_heard(&call.rtp.heard());
        (digits.len() >= 6).then(|| digits[..6].to_owned())
    });
    call.hang_up();

    let give = |code: &str| bob.put("/api/v1/me/devices/mobile/verify", &json!({ "code": code }));
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = give(wrong);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("4 more"), "{}", refused.text());
    let given = give(&code);
    assert_eq!(given.status, 200, "{code}: {}", given.text());
    assert_eq!(given.json()["devices"][0]["verified"], true);
    assert!(!site.output().contains(&code), "a code is never logged");

    // From now on it is rung; the key 1 confirms.
    leave(&site, "alice", &audio::sentence());
    let call = carrier.wait_call().answer();
    wait_said(&call, 0);
    press(&call, '1');
    std::thread::sleep(Duration::from_millis(500));
    press(&call, '1');
    let alice = site.sign_in("alice");
    wait::until("the message to be heard", wait::LATER, || {
        let outbox = alice.json("/api/v1/outbox");
        outbox.to_string().contains("phone:mobile").then_some(())
    });
    call.wait_ended();
    // A number that the operator does not allow is not even verified.
    let elsewhere = json!([{ "name": "mobile", "kind": "number", "number": "+1900123" }]);
    set_profile(&bob, &json!({ "devices": elsewhere }));
    let refused = bob.post("/api/v1/me/devices/mobile/verify", &json!({}));
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("[outside] allow"), "{}", refused.text());
}

#[test]
fn two_waiting_messages_are_heard_in_one_call() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    bob.set_rules(json!([{ "do": { "ring": { "device": "desk", "attempts": 1 } } }]));
    bob.sign_out();
    let phone = Callee::registered(&story::account(&site, "bob"));

    leave(&site, "alice", &audio::sentence());
    let ringing = phone.wait_call();
    ringing.ring();
    forget_repeated(&phone);
    leave(&site, "carol", &audio::speech("And here is another one."));
    let call = ringing.answer();
    let mut heard = wait_said(&call, 0);
    press(&call, '1');
    // Each message is confirmed while it plays.
    for _ in 0..2 {
        heard = wait_said(&call, heard + audio::RATE);
        press(&call, '1');
        std::thread::sleep(Duration::from_millis(500));
    }
    let senders = [site.sign_in("alice"), site.sign_in("carol")];
    wait::until("both messages to be delivered", wait::LATER, || {
        let both = senders
            .iter()
            .all(|sender| sender.json("/api/v1/outbox").to_string().contains("\"delivered\""));
        both.then_some(())
    });
    call.wait_ended();
    assert!(phone.is_left_alone(Duration::from_secs(7)), "one call was enough");
}

#[test]
fn nothing_rings_in_quiet_hours_and_why_is_told() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let rules = "always: ring desk 3 times every 1s for 10s";
    let phone = json!([{ "name": "desk", "kind": "registered-phone" }]);
    let quiet = json!({ "hours": ["0:00-24:00"], "urgent_passes": true });
    set_profile(&bob, &json!({ "devices": phone, "rules_text": rules, "quiet_hours": quiet }));
    bob.sign_out();
    let phone = Callee::registered(&story::account(&site, "bob"));
    leave(&site, "alice", &audio::sentence());
    assert!(phone.is_left_alone(Duration::from_secs(2)));
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let why = explained(&bob, &message);
    assert!(why.contains(&"desk waits until quiet hours are over".to_owned()), "{why:?}");
    let id = message["id"].as_str().expect("an id");
    let others = site.sign_in("carol").get(&format!("/api/v1/messages/{id}/explain"));
    assert_eq!(others.status, 404);
}

#[test]
fn what_stays_unheard_goes_to_somebody_else_too() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let rules = "when unheard for 1s: escalate to carol";
    set_profile(&bob, &json!({ "rules_text": rules }));
    leave(&site, "alice", &audio::sentence());
    let carol = site.sign_in("carol");
    let message = carol.wait_inbox(1, wait::LATER).remove(0);
    assert_eq!(message["sender"]["name"], "Alice");
    let why = explained(&bob, &bob.wait_inbox(1, wait::SOON)[0]);
    assert!(why.contains(&"goes to carol too".to_owned()), "{why:?}");
    let outbox = site.sign_in("alice").json("/api/v1/outbox");
    assert_eq!(outbox[0]["recipients"].as_array().map(Vec::len), Some(2), "{outbox}");
}

#[test]
fn after_a_restart_nobody_is_called_again_at_once() {
    let mut site = Site::start();
    let bob = site.sign_in("bob");
    bob.set_rules(
        json!([{ "do": { "ring": { "device": "desk", "attempts": 3, "retry_secs": 1 } } }]),
    );
    bob.sign_out();
    let phone = Callee::registered(&story::account(&site, "bob"));
    leave(&site, "alice", &audio::sentence());
    phone.wait_call().ring();
    forget_repeated(&phone);
    site.restart();
    // What is unfinished is taken up three seconds after the start.
    assert!(phone.is_left_alone(Duration::from_secs(6)), "within the confirm window");
    let bob = site.sign_in("bob");
    let why = explained(&bob, &bob.wait_inbox(1, wait::SOON)[0]);
    assert!(why.iter().any(|line| line.starts_with("rung again in 2 min")), "{why:?}");
}

#[test]
fn a_number_that_is_no_users_is_called_with_the_message() {
    let (site, carrier) = with_carrier("calls_per_number_per_day = 1");
    let said = audio::sentence();
    let mut browser = Browser::with_microphone(&said);
    browser.sign_in(&site.web(), "alice", &site.password("alice"));
    browser.fill("typed-recipient", "+49 30 777");
    browser.click("add-recipient");
    browser.click("record-button");
    browser.wait_attribute("record-state", "data-state", "recording");
    std::thread::sleep(said.length());
    browser.click("record-stop");

    let ringing = carrier.wait_call();
    assert!(ringing.invite.start.contains("sip:+4930777@"), "{}", ringing.invite.start);
    let call = ringing.answer();
    let heard = wait_said(&call, 0);
    press(&call, '1');
    wait_said(&call, heard + audio::RATE);
    press(&call, '1');
    let alice = site.sign_in("alice");
    let step = story::wait_outbox_step(&alice, "delivered");
    assert_eq!(step["device"], "phone:phone");
    let outbox = alice.json("/api/v1/outbox");
    assert_eq!(outbox[0]["recipients"][0]["name"], "+4930777");
    assert_eq!(browser.errors(), [""; 0]);

    // It is nobody who could sign in, and no contact.
    let nobody = Http::new(&site.web());
    assert_eq!(nobody.try_sign_in("tel:+4930777", "").status, 401);
    assert!(!alice.json("/api/v1/contacts").to_string().contains("777"));
    assert!(site.hark(&["user", "list"]).1.lines().all(|line| !line.contains("777")));
}

#[test]
fn the_profile_is_edited_and_tried_in_the_browser() {
    let site = Site::start();
    let mut browser = story::browser_of(&site, "bob");
    browser.open(&format!("{}/#/profile", site.web()));
    browser.wait_visible("profile");
    browser.click("add-number");
    browser.fill("uri-mobile", "+49 30 123");
    browser.click("add-rule");
    browser.click("dry-run");
    browser.wait_visible("explained");
    let told = browser.text("explained");
    assert!(told.contains("does not apply: you are absent"), "{told}");
    browser.click("profile-save");
    browser.wait_visible("verify-mobile");
    let profile = site.sign_in("bob").json("/api/v1/me/profile");
    assert_eq!(profile["devices"][2]["number"], "+49 30 123", "{profile}");
    assert_eq!(profile["rules"].as_array().map(Vec::len), Some(2));
    browser.click("verify-mobile");
    wait::until("the reason why it can't be", wait::SOON, || {
        browser.text("device-mobile").contains("[outside] allow").then_some(())
    });
    // The refusal is no defect of the page.
    let errors: Vec<_> =
        browser.errors().into_iter().filter(|error| !error.contains("status of 409")).collect();
    assert_eq!(errors, [""; 0]);
}
