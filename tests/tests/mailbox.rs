//! A mailbox by telephone: what is set by keys is in force for the next caller.

use std::time::Duration;

use hark_tests::audio::{self, FRAME, Sound};
use hark_tests::call::Call;
use hark_tests::site::Site;
use hark_tests::{story, wait};

/// A call of one of the demo's users.
fn call_of(site: &Site, user: &str, number: &str) -> Call {
    Call::dial(&story::account(site, user), number).unwrap_or_else(|no| panic!("{}", no.start))
}

fn press_all(call: &Call, keys: &str) {
    keys.chars().for_each(|key| story::press(call, key));
}

/// Waits for the next beep after what was heard before.
fn wait_next_beep(call: &Call, before: usize) {
    wait::until("the beep", wait::LATER, || {
        assert!(call.ended().is_none(), "the call ended before the beep");
        audio::beep_end(&call.rtp.heard().0, before)
    });
}

fn wait_heard(call: &Call, said: &Sound, what: &str) {
    wait::until(what, wait::LATER, || {
        (call.rtp.heard().best_match(said).0 >= story::ALIKE).then_some(())
    });
}

/// What the last of so many calls went through, once it is over.
fn trace_of(site: &Site, calls: usize) -> String {
    let id = wait::until("the call's trace", wait::SOON, || {
        let (_, said) = site.hark(&["trace", "--last", "20", "--format", "json"]);
        let all: serde_json::Value = serde_json::from_str(&said).ok()?;
        let newest = all[0]["call"].as_str()?.to_owned();
        (all.as_array()?.len() == calls).then_some(newest)
    });
    let (code, said) = site.hark(&["trace", &id]);
    assert_eq!(code, Some(0), "{said}");
    said
}

#[test]
fn a_greeting_and_a_name_that_are_spoken_by_telephone_are_what_callers_hear() {
    let site = Site::start();
    let greeting = audio::speech("You have reached the green house. I am in the garden.");
    let name = audio::speech("The gardener of the green house");

    let mut alice = call_of(&site, "alice", "*97");
    press_all(&alice, "0112");
    story::wait_beep(&alice);
    story::say(&alice, &greeting);
    press_all(&alice, "#1**");
    let before = alice.rtp.heard().0.len();
    press_all(&alice, "022");
    wait_next_beep(&alice, before);
    story::say(&alice, &name);
    press_all(&alice, "#");
    wait_heard(&alice, &name, "the name to be played back");
    // Kept, and listened to once more.
    let before = alice.rtp.heard().0.len();
    press_all(&alice, "11");
    wait::until("the name that was kept", wait::LATER, || {
        let heard = Sound(alice.rtp.heard().0.get(before..)?.to_vec());
        (heard.best_match(&name).0 >= story::ALIKE).then_some(())
    });
    alice.hang_up();

    let bob = call_of(&site, "bob", "1001");
    wait_heard(&bob, &greeting, "alice's own greeting");
    story::wait_beep(&bob);

    // Whoever looks for somebody hears the name in their own voice.
    let carol = call_of(&site, "carol", "*96");
    press_all(&carol, "25423#");
    wait_heard(&carol, &name, "alice's own voice saying her name");
}

#[test]
fn a_pin_that_is_set_by_telephone_is_asked_for_from_then_on() {
    let site = Site::start();
    let alice = call_of(&site, "alice", "*97");
    press_all(&alice, "03835274#835274#**");
    alice.wait_ended();
    assert!(trace_of(&site, 1).contains("Your PIN was changed."));

    let alice = call_of(&site, "alice", "*97");
    press_all(&alice, "111111#835274#*");
    alice.wait_ended();
    let said = trace_of(&site, 2);
    let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("no {words:?} in\n{said}"));
    assert!(at("Please enter your PIN") < at("That was not right."), "{said}");
    assert!(at("That was not right.") < at("You have no new messages."), "{said}");
    assert!(!said.contains("835274") && !said.contains("111111"), "a PIN is in the trace:\n{said}");
    let log = site.output();
    assert!(!log.contains("835274") && !log.contains("111111"), "a PIN is in the log:\n{log}");

    // A stranger's telephone: extension and PIN.
    let stranger = hark_tests::peer::Account::stranger(site.udp());
    let call = Call::dial(&stranger, "*97").unwrap_or_else(|no| panic!("{}", no.start));
    press_all(&call, "1001#835274#*");
    call.wait_ended();
    assert!(trace_of(&site, 3).contains("You have no new messages."));

    // Guessing ends, also for the right one.
    let call = Call::dial(&stranger, "*97").unwrap_or_else(|no| panic!("{}", no.start));
    press_all(&call, "1001#111111#1001#222222#1001#333333#");
    call.wait_ended();
    let call = Call::dial(&stranger, "*97").unwrap_or_else(|no| panic!("{}", no.start));
    press_all(&call, "1001#444444#1001#555555#1001#835274#");
    call.wait_ended();
    let said = trace_of(&site, 5);
    assert!(
        !said.contains("You have no new messages."),
        "the right PIN opens after five wrong ones:\n{said}"
    );
}

#[test]
fn a_message_is_forwarded_with_words_of_ones_own_before_it() {
    let site = Site::start();
    let said = audio::sentence();
    story::leave_message(&mut site.phone("bob"), "1001", &said);
    let intro = audio::speech("Carol, please listen to this and call me back today.");

    let alice = call_of(&site, "alice", "*97");
    wait_heard(&alice, &said, "bob's message");
    let before = alice.rtp.heard().0.len();
    press_all(&alice, "021003#2");
    wait_next_beep(&alice, before);
    story::say(&alice, &intro);
    press_all(&alice, "#1");

    let carol = site.sign_in("carol");
    let forwarded = carol.wait_inbox(1, wait::LATER);
    let (heard, _) = audio::decode_ogg_opus(&carol.audio(&forwarded[0]));
    let (alike, first) = heard.best_match(&intro);
    let (alike_too, second) = heard.best_match(&said);
    assert!(alike >= story::ALIKE && alike_too >= story::ALIKE, "{alike} {alike_too}");
    assert!(first < second, "the introduction stands at {first}, the message at {second}");
    assert_eq!(forwarded[0]["sender"]["name"], "Alice", "{}", forwarded[0]);
}

#[test]
fn faster_and_slower_are_heard_as_such() {
    let site = Site::start();
    let gap = Duration::from_secs(3);
    let (one, two) = (audio::sentence(), audio::speech("And then come here."));
    let said = Sound([one.clone().then_silence(gap).0, two.0].concat());
    story::leave_message(&mut site.phone("bob"), "1001", &said);

    let alice = call_of(&site, "alice", "*97");
    wait_heard(&alice, &one, "bob's message");
    for (keys, speed) in [("16", 1.5), ("14", 0.75)] {
        let before = alice.rtp.heard().0.len();
        press_all(&alice, keys);
        let quiet = gap.as_secs_f64() / speed;
        wait::until(&format!("a pause of {quiet} s"), wait::LATER, || {
            let heard = alice.rtp.heard().0;
            let pause = longest_pause(&heard[before..])?;
            ((pause - quiet).abs() < 0.3).then_some(())
        });
    }
}

/// The longest silence that is over, in seconds.
fn longest_pause(heard: &[i16]) -> Option<f64> {
    let loud: Vec<bool> = heard.chunks_exact(FRAME).map(audio::is_loud).collect();
    let first = loud.iter().position(|loud| *loud)?;
    let last = loud.iter().rposition(|loud| *loud)?;
    let pauses = loud[first..=last].split(|loud| *loud).map(<[bool]>::len);
    pauses.max().map(|frames| frames as f64 * 0.02)
}
