//! Callers who are connected with somebody else, and calls that a dialplan starts.

use std::time::Duration;

use hark_tests::callee::Callee;
use hark_tests::rtp::EVENTS;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};

const DIALPLAN: &str = r#"
route "801" -> talk(user("1002"))
route "802" -> out()
route "803" -> tell(user("1002"))

// 700 Hz is well, 1200 Hz is not.
flow talk(to: User) {
    connect to for 5s else { tone 1200 for 500ms; hangup }
    tone 700 for 500ms
    hangup
}

flow out() {
    connect "4930123" via "carrier" for 5s else { tone 1200 for 500ms; hangup }
    tone 700 for 500ms
    hangup
}

flow tell(to: User) {
    ring to for 20s -> news() else { tone 1200 for 500ms; hangup }
    tone 700 for 500ms
    hangup
}

flow news() {
    tone 900 for 1s
    hangup
}
"#;

/// How alike G.711 has to be to itself after it went through the server.
const SAME: f64 = 0.95;

fn site(more: &str) -> Site {
    let dialplans = story::dialplans_with("connect.dial", DIALPLAN);
    Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        more: more.into(),
        ..SiteOptions::default()
    })
}

fn bob(site: &Site) -> Callee {
    Callee::registered(&story::account(site, "bob"))
}

#[test]
fn the_two_hear_each_other_and_the_caller_stays_when_the_callee_hangs_up() {
    let site = site("");
    let bob = bob(&site);
    let alice = story::dial(&site, "801");
    let ringing = bob.wait_call();
    let from = ringing.invite.header("From").unwrap_or_default().to_owned();
    assert!(from.contains("Alice") && from.contains("sip:alice@"), "{from}");
    ringing.ring();
    story::wait_tone(&alice.rtp, 425.0);
    let talk = ringing.answer();

    let (question, answer) = (audio::sentence(), audio::speech("Yes, I can hear you very well."));
    alice.rtp.say(&question);
    talk.rtp.say(&answer);
    wait::until("bob to hear the question", wait::LATER, || {
        (talk.rtp.heard().best_match(&question).0 > SAME).then_some(())
    });
    wait::until("alice to hear the answer", wait::LATER, || {
        (alice.rtp.heard().best_match(&answer).0 > SAME).then_some(())
    });
    story::press(&alice, '5');
    wait::until("the key to arrive at bob", wait::SOON, || {
        talk.rtp
            .packets()
            .iter()
            .any(|packet| packet.payload_type == EVENTS && packet.payload[0] == 5)
            .then_some(())
    });
    assert!(alice.ended().is_none());

    talk.hang_up();
    story::wait_tone(&alice.rtp, 700.0);
    alice.wait_ended();
    assert_eq!(site.metric("hark_connected_calls_total"), 1.0);
    assert!(site.metrics().contains(r#"hark_connected_calls_total{outcome="connected"} 1"#));
    wait::until("both media sessions to be closed", wait::SOON, || {
        (site.metric("hark_media_sessions") == 0.0).then_some(())
    });
}

#[test]
fn who_is_busy_or_does_not_answer_is_told_to_the_dialplan() {
    let site = site("");
    let bob = bob(&site);
    let alice = story::dial(&site, "801");
    bob.wait_call().refuse("486 Busy Here");
    story::wait_tone(&alice.rtp, 1200.0);
    alice.wait_ended();

    let alice = story::dial(&site, "801");
    let ringing = bob.wait_call();
    ringing.ring();
    ringing.wait_cancelled();
    story::wait_tone(&alice.rtp, 1200.0);
    alice.wait_ended();
    let metrics = site.metrics();
    for outcome in ["busy", "no_answer"] {
        let line = format!("hark_connected_calls_total{{outcome=\"{outcome}\"}} 1");
        assert!(metrics.contains(&line), "{line}");
    }
}

#[test]
fn nobody_is_registered() {
    let site = site("");
    let alice = story::dial(&site, "801");
    story::wait_tone(&alice.rtp, 1200.0);
    alice.wait_ended();
    assert!(site.metrics().contains(r#"hark_connected_calls_total{outcome="unreachable"} 1"#));
}

#[test]
fn a_caller_who_hangs_up_takes_the_callee_along() {
    let site = site("");
    let bob = bob(&site);
    let mut alice = story::dial(&site, "801");
    let ringing = bob.wait_call();
    ringing.ring();
    alice.hang_up();
    ringing.wait_cancelled();

    let mut alice = story::dial(&site, "801");
    let talk = bob.wait_call().answer();
    alice.hang_up();
    talk.wait_ended();
}

#[test]
fn what_the_callees_side_plays_before_it_answers_is_heard() {
    let site = site("");
    let bob = bob(&site);
    let alice = story::dial(&site, "801");
    let ringing = bob.wait_call();
    let rtp = ringing.early();
    let said = audio::speech("The person you are calling is on another line.");
    rtp.say(&said);
    wait::until("alice to hear it", wait::LATER, || {
        (alice.rtp.heard().best_match(&said).0 > SAME).then_some(())
    });
    ringing.answer_with(rtp).hang_up();
    story::wait_tone(&alice.rtp, 700.0);
}

#[test]
fn a_server_that_stops_ends_both_legs() {
    let mut site = site("");
    let bob = bob(&site);
    let alice = story::dial(&site, "801");
    let talk = bob.wait_call().answer();
    std::thread::scope(|threads| {
        threads.spawn(|| site.stop());
        talk.wait_ended();
        alice.wait_ended();
    });
}

#[test]
fn a_number_is_called_over_its_trunk_within_its_limits() {
    // A port that is free a moment ago; the carrier takes it once the server knows it.
    let carrier = hark_tests::callee::nobody("127.0.0.5");
    let trunk = format!(
        "[[trunk]]\nname = \"carrier\"\naddress = \"sip:{carrier}\"\nuser = \"hark\"\n\
         password = \"secret\"\nfrom = [\"127.0.0.5\"]\ncalls_per_hour = 1\n"
    );
    let site = site(&trunk);
    let carrier = Callee::at(site.udp(), &carrier.to_string());
    let alice = story::dial(&site, "802");
    let ringing = carrier.wait_call();
    let uri = format!("sip:4930123@{}", carrier.local());
    assert!(ringing.invite.start.contains(&uri), "{}", ringing.invite.start);
    let from = ringing.invite.header("From").unwrap_or_default().to_owned();
    assert!(from.contains("sip:hark@127.0.0.5"), "{from}");
    ringing.answer().hang_up();
    story::wait_tone(&alice.rtp, 700.0);
    alice.wait_ended();

    let alice = story::dial(&site, "802");
    story::wait_tone(&alice.rtp, 1200.0);
    alice.wait_ended();
    assert!(carrier.is_left_alone(Duration::from_millis(200)));
    let refused = r#"hark_trunk_refused_total{reason="calls_per_hour",trunk="carrier"} 1"#;
    assert!(site.metrics().contains(refused), "{refused}");
}

#[test]
fn a_carrier_that_asks_for_the_password_gets_proof_of_it() {
    let carrier = hark_tests::callee::nobody("127.0.0.5");
    let trunk = format!(
        "[[trunk]]\nname = \"carrier\"\naddress = \"sip:{carrier}\"\nuser = \"hark\"\n\
         password = \"open sesame\"\n"
    );
    let site = site(&trunk);
    let carrier = Callee::at(site.udp(), &carrier.to_string());
    let alice = story::dial(&site, "802");
    let nonce = hark_tests::sip::fresh("nonce");
    let challenge =
        format!("Digest realm=\"carrier\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5");
    let ringing = carrier.wait_call();
    assert_eq!(ringing.invite.header("Proxy-Authorization"), None, "unasked");
    let ringing = ringing.challenge(&challenge);
    let proof = ringing.invite.header("Proxy-Authorization").unwrap_or_default().to_owned();
    assert!(proof.contains("username=\"hark\""), "{proof}");
    assert!(hark_tests::digest::proves(&proof, "open sesame", "INVITE", &nonce), "{proof}");
    assert!(!hark_tests::digest::proves(&proof, "open barley", "INVITE", &nonce), "{proof}");
    ringing.answer().hang_up();
    story::wait_tone(&alice.rtp, 700.0);

    // A carrier that does not take it is not asked for ever.
    let alice = story::dial(&site, "802");
    let ringing = carrier.wait_call().challenge(&challenge);
    ringing.refuse("403 Forbidden");
    story::wait_tone(&alice.rtp, 1200.0);
    assert!(!site.output().contains("open sesame"), "the password is in the log");
}

#[test]
fn without_guests_only_a_trunk_brings_calls_of_strangers() {
    let dialplans = story::dialplans_with("connect.dial", DIALPLAN);
    let site = Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        no_guests: true,
        more: "[[trunk]]\nname = \"carrier\"\naddress = \"sip:127.0.0.5:5070\"\n\
               from = [\"127.0.0.5\"]\n"
            .into(),
        ..SiteOptions::default()
    });
    let status_from = |local: &str, number: &str| {
        let peer = hark_tests::peer::Peer::at(site.udp(), local);
        let rtp = hark_tests::rtp::Stream::open();
        let uri = format!("sip:{number}@{}", site.udp());
        let request = hark_tests::sip::Request {
            method: "INVITE",
            uri: &uri,
            from: "<sip:+441632960000@carrier.example>;tag=1",
            to: &format!("<{uri}>"),
            call_id: &hark_tests::sip::fresh("c"),
            cseq: 1,
            more: "",
            body: &hark_tests::call::offer(rtp.port()),
        };
        peer.transact(&request).status()
    };
    assert_eq!(status_from("127.0.0.5:0", "1002"), Some(200));
    assert_eq!(status_from("127.0.0.5:0", "1999"), Some(404));
    assert_eq!(status_from("127.0.0.6:0", "1002"), Some(403));
    // Those who can prove who they are still call.
    story::wait_beep(&story::dial(&site, "1002"));
}

#[test]
fn a_dialplan_calls_somebody_and_goes_on_at_once() {
    let site = site("");
    let bob = bob(&site);
    let alice = story::dial(&site, "803");
    story::wait_tone(&alice.rtp, 700.0);
    alice.wait_ended();
    let told = bob.wait_call().answer();
    story::wait_tone(&told.rtp, 900.0);
    told.wait_ended();
}
