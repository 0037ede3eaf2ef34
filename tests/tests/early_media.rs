//! What is heard before a call is answered, and how calls end that never are.

use hark_tests::call::Call;
use hark_tests::rtp::Press;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};

const DIALPLAN: &str = r#"
route "801" -> sorry()
route "802" -> door()
route "810" -> hang_up_at_once()
route "811" -> busy()
route "812" -> rejected()
route "813" -> unavailable()
route "814" -> not_found()
route "815" -> congestion()
route "820" -> answered_then_busy()

flow sorry() {
    early
    tone 700 for 500ms
    hangup busy
}

flow door() {
    early
    tone 700 for 3s
    doorkeeper()
}

menu doorkeeper() {
    key 5      -> { answer; tone 1200 for 500ms; hangup }
    other      -> hangup rejected
    silence 5s -> hangup congestion
}

flow hang_up_at_once() { hangup }
flow busy() { hangup busy }
flow rejected() { hangup rejected }
flow unavailable() { hangup unavailable }
flow not_found() { hangup not_found }
flow congestion() { hangup congestion }

flow answered_then_busy() {
    answer
    tone 700 for 200ms
    hangup busy
}
"#;

fn site() -> Site {
    let dialplans = story::dialplans_with("early.dial", DIALPLAN);
    Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        ..SiteOptions::default()
    })
}

#[test]
fn early_media_is_heard_in_a_call_that_is_then_refused() {
    let site = site();
    let mut heard = 0;
    let refused = Call::dial_seeing(&story::account(&site, "alice"), "801", |message, rtp| {
        if message.status() == Some(183) {
            story::wait_tone(rtp, 700.0);
            heard += 1;
        }
    });
    assert_eq!(heard, 1, "a 183 with something to hear");
    assert_eq!(refused.err().and_then(|refused| refused.status()), Some(486));
}

#[test]
fn a_key_in_early_media_opens_the_call() {
    let site = site();
    let mut early = String::new();
    let call = Call::dial_seeing(&story::account(&site, "alice"), "802", |message, rtp| {
        if message.status() == Some(183) {
            early.clone_from(&message.body);
            story::wait_tone(rtp, 700.0);
            rtp.press(Press::of('5'));
        }
    })
    .unwrap_or_else(|no| panic!("{}", no.start));
    assert!(early.contains("m=audio"), "{early}");
    story::wait_tone(&call.rtp, 1200.0);
    let bye = call.wait_ended();
    assert!(bye.header("Reason").is_some_and(|reason| reason.contains("cause=16")));
}

#[test]
fn a_call_that_was_never_answered_is_refused_with_its_cause() {
    let site = site();
    let alice = story::account(&site, "alice");
    for (number, status) in
        [("810", 480), ("811", 486), ("812", 603), ("813", 480), ("814", 404), ("815", 503)]
    {
        let refused = Call::dial(&alice, number);
        assert_eq!(refused.err().and_then(|refused| refused.status()), Some(status), "{number}");
    }
    wait::until("no call to be left", wait::SOON, || {
        (site.metric("hark_calls") == 0.0).then_some(())
    });
}

#[test]
fn a_call_that_was_answered_ends_with_its_cause_in_the_bye() {
    let site = site();
    let call = story::dial(&site, "820");
    let bye = call.wait_ended();
    let reason = bye.header("Reason").unwrap_or_default();
    assert_eq!(reason, r#"Q.850;cause=17;text="User busy""#);
}
