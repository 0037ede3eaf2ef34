//! Story 1: a telephone leaves a message.

use std::time::Duration;

use hark_tests::audio::{self, FRAME};
use hark_tests::call::Call;
use hark_tests::peer::{Account, Peer};
use hark_tests::phone::{Phone, PhoneOptions};
use hark_tests::rtp::{PCMU, Packet, Press};
use hark_tests::site::Site;
use hark_tests::{story, wait};

/// From the press to the last of the prompt.
const A_KEY_STOPS_A_PROMPT: Duration = Duration::from_millis(60);

#[test]
fn alice_registers_calls_bob_speaks_and_sends() {
    let site = Site::start();
    let said = audio::sentence();
    let mut alice = site.phone("alice");

    story::leave_message(&mut alice, "1002", &said);

    let bob = site.sign_in("bob");
    let messages = bob.wait_inbox(1, wait::SOON);
    assert_eq!(
        messages[0]["sender"]["user"],
        site.sign_in("alice").json("/api/v1/me")["user"]["id"]
    );
    let tags = story::assert_said(&bob.audio(&messages[0]), &said);
    let whole = format!("{tags:?}");
    let id = messages[0]["id"].as_str().expect("an id");
    assert!(whole.contains(id), "the file does not carry its id {id}: {whole}");
    assert!(whole.contains("bob"), "the file does not carry its recipient: {whole}");
    assert!(whole.contains("alice"), "the file does not carry its sender: {whole}");
}

#[test]
fn a_telephone_on_tcp_leaves_a_message_too() {
    let site = Site::start();
    let said = audio::sentence();
    let mut options = PhoneOptions::new(site.tcp(), "alice", &site.password("alice"));
    options.transport = "tcp";
    let mut alice = Phone::start(options);
    alice.wait_registered();

    story::leave_message(&mut alice, "1002", &said);

    let bob = site.sign_in("bob");
    story::assert_said(&bob.audio(&bob.wait_inbox(1, wait::SOON)[0]), &said);
}

#[test]
fn hanging_up_in_the_review_still_sends() {
    let site = Site::start();
    let said = audio::sentence();
    let mut alice = site.phone("alice");
    alice.call("1002");
    alice.wait_beep();
    alice.say(&said);
    alice.press('#');
    alice.wait_sound();
    alice.hang_up();

    let bob = site.sign_in("bob");
    story::assert_said(&bob.audio(&bob.wait_inbox(1, wait::SOON)[0]), &said);
}

#[test]
fn a_stranger_without_an_account_can_leave_a_message() {
    let site = Site::start();
    let said = audio::sentence();
    let call = Call::dial(&Account::stranger(site.udp()), "1002")
        .unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&call);
    story::say(&call, &said);
    story::press(&call, '#');
    story::press(&call, '1');
    call.wait_ended();

    let bob = site.sign_in("bob");
    let messages = bob.wait_inbox(1, wait::SOON);
    assert!(
        messages[0]["sender"]["user"].is_null(),
        "a stranger has no account: {}",
        messages[0]["sender"]
    );
    story::assert_said(&bob.audio(&messages[0]), &said);
}

#[test]
fn both_digest_algorithms_are_offered_and_md5_suffices() {
    let site = Site::start();
    let account = Account::new(site.udp(), "alice", &site.password("alice"));
    let (challenged, answer) = Peer::new(site.udp()).register(&account);
    assert_eq!(challenged.status(), Some(401));
    let challenges: Vec<_> = challenged.all("WWW-Authenticate").collect();
    assert!(challenges.first().is_some_and(|first| first.contains("SHA-256")), "{challenges:?}");
    assert!(challenges.iter().any(|one| one.contains("MD5")), "{challenges:?}");
    assert_eq!(answer.and_then(|answer| answer.status()), Some(200));
}

#[test]
fn a_key_stops_a_prompt_at_its_press() {
    let site = Site::start();
    let account = Account::new(site.udp(), "alice", &site.password("alice"));

    // How long the prompt lasts when nobody interrupts it.
    let patient = Call::dial(&account, "1002").unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&patient);
    let undisturbed = prompt_length(&patient.rtp.packets());
    drop(patient);
    assert!(
        undisturbed > Duration::from_millis(1500),
        "a prompt of {undisturbed:?} is too short to be interrupted"
    );

    let call = Call::dial(&account, "1002").unwrap_or_else(|no| panic!("{}", no.start));
    wait::until("half a second of the prompt", wait::SOON, || {
        let spoken: Vec<_> = call.rtp.packets().into_iter().filter(is_speech).collect();
        // The last word is not over: it was heard within this very moment.
        (spoken.len() >= 25 && spoken.last()?.at.elapsed() < Duration::from_millis(25))
            .then_some(())
    });
    call.rtp.press(Press::of('5'));
    story::wait_beep(&call);

    let pressed = call.rtp.pressed()[0];
    let packets = call.rtp.packets();
    let last = packets
        .iter()
        .filter(|packet| is_speech(packet))
        .map(|packet| packet.at)
        .max()
        .expect("a prompt");
    let took = last.saturating_duration_since(pressed);
    println!(
        "the prompt's last packet came {took:?} after the press; undisturbed it lasts {undisturbed:?}"
    );
    assert!(took <= A_KEY_STOPS_A_PROMPT, "the prompt went on for {took:?} after the press");
    assert!(
        prompt_length(&packets) < undisturbed - Duration::from_millis(500),
        "the key did not shorten the prompt"
    );
}

/// Sound that is not the beep.
fn is_speech(packet: &Packet) -> bool {
    let samples = packet.samples();
    packet.payload_type == PCMU
        && samples.len() == FRAME
        && audio::is_loud(&samples)
        && !audio::is_beep(&samples[..FRAME / 2])
        && !audio::is_beep(&samples[FRAME / 2..])
}

/// From the first word to the last.
fn prompt_length(packets: &[Packet]) -> Duration {
    let mut spoken = packets.iter().filter(|packet| is_speech(packet)).map(|packet| packet.at);
    let first = spoken.next().expect("a prompt");
    spoken.next_back().unwrap_or(first) - first
}
