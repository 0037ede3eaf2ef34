//! Hark rings a telephone because somebody at a computer asked: to record there, or to listen.

use std::time::Duration;

use hark_tests::browser::Browser;
use hark_tests::callee::Callee;
use hark_tests::http::Http;
use hark_tests::rtp::Press;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};
use serde_json::{Value, json};

/// What the browser's card showed, in its order.
fn stages(browser: &mut Browser) -> Vec<String> {
    let history = browser.history("call", "data-state");
    let mut stages: Vec<String> = history.into_iter().map(|(_, stage)| stage).collect();
    stages.dedup();
    stages
}

fn wait_state(http: &Http, call: &Value, state: &str) -> Value {
    let at = format!("/api/v1/calls/{}", call["call"].as_str().expect("an id"));
    wait::until(&format!("the call to be {state}"), wait::LATER, || {
        let now = http.json(&at);
        (now["state"] == state).then_some(now)
    })
}

#[test]
fn a_message_is_recorded_on_the_phone_that_the_browser_asked_for_while_it_watches() {
    let site = Site::start();
    let said = audio::sentence();
    let mut phone = site.phone("alice");
    let mut browser = story::browser_of(&site, "alice");
    browser.click("contact-bob");
    browser.click("record-by-phone");

    phone.wait_ringing();
    browser.wait_attribute("call", "data-state", "ringing");
    phone.answer();
    phone.wait_sound();
    phone.press('1');
    phone.wait_beep();
    browser.wait_attribute("call", "data-state", "recording");
    phone.say(&said);
    let words = browser.text("call-words");
    assert!(words.contains("records: 0:0"), "{words:?}");
    phone.press('#');
    browser.wait_attribute("call", "data-state", "recorded");
    phone.wait_sound();
    phone.press('1');
    browser.wait_attribute("call", "data-state", "done");
    phone.wait_closed();

    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    assert_eq!(message["sender"]["name"], "Alice");
    story::assert_said(&bob.audio(&message), &said);
    let stages = stages(&mut browser);
    let order = ["ringing", "answered", "recording", "recorded", "done"];
    assert!(stages.ends_with(&order.map(str::to_owned)), "{stages:?}");
    assert_eq!(browser.errors(), [""; 0]);
    let done = r#"hark_ordered_calls_total{kind="record",outcome="done"} 1"#;
    assert!(site.metrics().contains(done));
    assert_eq!(site.metric("hark_ordered_calls"), 0.0);
}

#[test]
fn a_call_is_cancelled_from_the_browser_and_nothing_of_it_is_sent() {
    let site = Site::start();
    let phone = Callee::registered(&story::account(&site, "alice"));
    let alice = site.sign_in("alice");
    let bob = site.json_of("bob");
    let body = json!({ "kind": "record", "to": [bob["user"]["id"]], "device": "phone" });

    // While it rings.
    let call = alice.post("/api/v1/calls", &body).json();
    let ringing = phone.wait_call();
    ringing.ring();
    wait_state(&alice, &call, "ringing");
    let at = format!("/api/v1/calls/{}", call["call"].as_str().expect("an id"));
    assert_eq!(alice.delete(&at).status, 204);
    ringing.wait_cancelled();
    wait_state(&alice, &call, "cancelled");

    // While somebody speaks.
    let call = alice.post("/api/v1/calls", &body);
    assert_eq!(call.status, 202, "{}", call.text());
    let call = call.json();
    let answered = phone.wait_call().answer();
    story::wait_loud(&answered.rtp);
    answered.rtp.press(Press::of('1'));
    let recording = wait_state(&alice, &call, "recording");
    answered.rtp.say(&audio::sentence());
    let at = format!("/api/v1/calls/{}", call["call"].as_str().expect("an id"));
    let later = alice.json(&format!("{at}?after={}", recording["version"]));
    assert!(later["ms"].as_u64() >= Some(900), "the seconds are told: {later}");
    assert_eq!(alice.delete(&at).status, 204);
    answered.wait_ended();
    wait_state(&alice, &call, "cancelled");
    wait::until("the spool to be emptied", wait::SOON, || {
        (story::spooled(&site) == 0).then_some(())
    });
    assert_eq!(site.sign_in("bob").inbox().len(), 0);
}

#[test]
fn who_does_not_answer_is_told_of_and_a_hang_up_in_mid_word_keeps_what_was_said() {
    let site = Site::start();
    let phone = Callee::registered(&story::account(&site, "alice"));
    let (alice, bob) = (site.sign_in("alice"), site.json_of("bob"));
    let body = json!({ "kind": "record", "to": [bob["user"]["id"]], "device": "phone" });
    let call = alice.post("/api/v1/calls", &body).json();
    phone.wait_call().refuse("486 Busy Here");
    assert_eq!(wait_state(&alice, &call, "failed")["reason"], "busy");

    let call = alice.post("/api/v1/calls", &body).json();
    let answered = phone.wait_call().answer();
    story::wait_loud(&answered.rtp);
    answered.rtp.press(Press::of('1'));
    wait_state(&alice, &call, "recording");
    // The beep is over by then.
    std::thread::sleep(Duration::from_millis(700));
    answered.rtp.say(&audio::sentence());
    wait::until("the sentence to be said", wait::LATER, || answered.rtp.idle().then_some(()));
    answered.hang_up();
    let done = wait_state(&alice, &call, "done");
    let message = site.sign_in("bob").wait_inbox(1, wait::SOON).remove(0);
    assert_eq!(message["id"], done["message"]);
}

#[test]
fn a_message_is_played_on_the_phone_that_its_recipient_names() {
    let site = Site::start();
    let said = audio::sentence();
    story::leave_message(&mut site.phone("alice"), "1002", &said);
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let mut phone = site.phone("bob");
    let mut browser = story::browser_of(&site, "bob");
    browser.click("popup-phone");
    phone.wait_ringing();
    phone.answer();
    phone.wait_heard(&said, story::ALIKE);
    browser.wait_attribute("call", "data-state", "playing");
    phone.wait_sound();
    phone.press('2');
    browser.wait_attribute("call", "data-state", "done");
    // Heard there: its pop-up is gone here.
    browser.wait_hidden("popup");
    let heard = story::wait_outbox_step(&site.sign_in("alice"), "heard");
    assert_eq!(heard["device"], "phone:phone", "{heard}");
    assert!(heard["heard_ms"].as_u64() > Some(1000), "{heard}");
    assert_eq!(
        bob.json(&format!("/api/v1/messages/{}", message["id"].as_str().unwrap()))["step"],
        "heard"
    );
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn who_holds_a_link_hears_it_on_a_number_that_the_operator_allows_and_on_no_other() {
    let carrier = hark_tests::callee::nobody("127.0.0.5");
    let site = Site::with(SiteOptions {
        more: format!(
            "[[trunk]]\nname = \"carrier\"\naddress = \"sip:{carrier}\"\n\
             [orders]\nlink_allow = [\"+4930x{{4,8}}\"]\ncalls_per_number = 2\n"
        ),
        ..SiteOptions::default()
    });
    let carrier = Callee::at(site.udp(), &carrier.to_string());
    let said = audio::sentence();
    story::leave_message(&mut site.phone("alice"), "1002", &said);
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let path = link(&bob, &message);

    let mut page = Browser::start();
    page.open(&format!("{}{path}", site.web()));
    page.fill("number", "+1 900 555 1234");
    page.click("call-button");
    page.wait_attribute("call-state", "data-state", "refused");
    page.fill("number", "+49 (30) 1234-56");
    page.click("call-button");
    let ringing = carrier.wait_call();
    assert!(ringing.invite.start.contains("sip:+4930123456@"), "{}", ringing.invite.start);
    ringing.ring();
    page.wait_attribute("call-state", "data-state", "ringing");
    let answered = ringing.answer();
    story::wait_loud(&answered.rtp);
    answered.rtp.press(Press::of('1'));
    page.wait_attribute("call-state", "data-state", "playing");
    wait::until("the message to be heard", wait::LATER, || {
        (answered.rtp.heard().best_match(&said).0 >= story::ALIKE).then_some(())
    });
    // Nothing of the mailbox can be reached: any key but one ends it.
    wait::until("the menu", wait::LATER, || {
        std::thread::sleep(Duration::from_millis(200));
        Some(())
    });
    answered.rtp.press(Press::of('3'));
    answered.rtp.press(Press::of('3'));
    answered.wait_ended();
    page.wait_attribute("call-state", "data-state", "done");
    let heard = story::wait_outbox_step(&site.sign_in("alice"), "heard");
    assert_eq!(heard["device"], "phone", "the number is nobody's affair: {heard}");
    assert_eq!(bob.inbox().len(), 1, "a link deletes nothing");

    // Two calls to a number a day, whoever asks.
    let other = link(&bob, &message);
    let anybody = Http::new(&site.web());
    let order =
        |path: &str| anybody.post(&format!("{path}/calls"), &json!({ "number": "+4930123456" }));
    assert_eq!(order(&other).status, 202);
    carrier.wait_call().refuse("486 Busy Here");
    assert_eq!(order(&link(&bob, &message)).status, 429);
    assert!(carrier.is_left_alone(Duration::from_secs(1)));
    let limit = r#"hark_ordered_calls_total{kind="play",outcome="limit"} 1"#;
    assert!(site.metrics().contains(limit), "{limit}");
}

#[test]
fn who_holds_a_link_answers_by_recording_in_the_page() {
    let site = Site::start();
    let said = audio::sentence();
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let path = link(&bob, &message);

    let mut page = Browser::with_microphone(&said);
    page.open(&format!("{}{path}", site.web()));
    page.click("answer-record");
    wait::until("the first octets in the spool", wait::SOON, || {
        (story::spooled(&site) > 0).then_some(())
    });
    std::thread::sleep(said.length() + Duration::from_millis(700));
    page.click("answer-send");
    page.wait_attribute("answer-state", "data-state", "sent");
    assert_eq!(page.errors(), [""; 0]);

    let alice = site.sign_in("alice");
    let answer = alice.wait_inbox(1, wait::SOON).remove(0);
    assert_eq!(answer["sender"]["name"], "Bob (by link)");
    assert_eq!(answer["reply_to"], message["id"]);
    let (heard, _) = audio::decode_ogg_opus(&alice.audio(&answer));
    let (likeness, _) = heard.best_match(&said);
    assert!(likeness >= story::ALIKE, "the answer is {likeness:.3} alike to what was said");

    // Safari plays no Ogg: the page offers WAV behind it.
    let wav = Http::new(&site.web()).get(&format!("{path}/audio?format=wav"));
    assert_eq!(wav.header("content-type"), Some("audio/wav"));
    assert_eq!(&wav.body[..4], b"RIFF");
}

fn link(http: &Http, message: &Value) -> String {
    let id = message["id"].as_str().expect("an id");
    let made = http.post(&format!("/api/v1/messages/{id}/link"), &json!({})).json();
    let url = made["url"].as_str().expect("a link").to_owned();
    url[url.find("/m/").expect("a capability link")..].to_owned()
}
