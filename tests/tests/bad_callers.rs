//! Wrong passwords, wrong numbers, callers who talk too long, callers who vanish.

use std::time::Duration;

use hark_tests::call::Call;
use hark_tests::http::Http;
use hark_tests::live::Live;
use hark_tests::peer::{Account, Peer};
use hark_tests::phone::{Phone, PhoneOptions};
use hark_tests::sip::Received;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};
use serde_json::json;

/// More wrong passwords than any throttle should let pass.
const TOO_MANY: usize = 60;

#[test]
fn a_wrong_password_is_answered_alike_for_known_and_unknown_users() {
    let site = Site::start();
    let known =
        Peer::at(site.udp(), "127.0.0.2:0").register(&Account::new(site.udp(), "bob", "wrong"));
    let unknown =
        Peer::at(site.udp(), "127.0.0.3:0").register(&Account::new(site.udp(), "nobody", "wrong"));
    assert_eq!(shape(&known.0), shape(&unknown.0));
    let (known, unknown) = (known.1.expect("an answer"), unknown.1.expect("an answer"));
    assert!(matches!(known.status(), Some(401 | 403)), "{}", known.start);
    assert_eq!(shape(&known), shape(&unknown));
}

#[test]
fn wrong_passwords_are_throttled_by_address() {
    let site = Site::start();
    let guesser = Peer::at(site.udp(), "127.0.0.4:0");
    let throttled = (0..TOO_MANY).any(|n| {
        let (challenged, answer) =
            guesser.register(&Account::new(site.udp(), "bob", &format!("guess-{n}")));
        let last = answer.unwrap_or(challenged);
        assert!(matches!(last.status(), Some(401 | 403 | 503)), "{}", last.start);
        last.status() != Some(401)
    });
    assert!(
        throttled,
        "{TOO_MANY} wrong passwords from one address, and not one was refused outright"
    );

    let owner = Peer::at(site.udp(), "127.0.0.5:0").register(&Account::new(
        site.udp(),
        "bob",
        &site.password("bob"),
    ));
    assert_eq!(
        owner.1.and_then(|answer| answer.status()),
        Some(200),
        "the owner elsewhere is not shut out"
    );
}

#[test]
fn a_softphone_with_a_wrong_password_is_refused() {
    let site = Site::start();
    let mut phone = Phone::start(PhoneOptions::new(site.udp(), "bob", "wrong"));
    phone.wait_refused();
}

#[test]
fn the_web_refuses_wrong_passwords_alike_and_throttles_them() {
    let site = Site::start();
    let anybody = Http::new(&site.web());
    let known = anybody.try_sign_in("bob", "wrong");
    let unknown = anybody.try_sign_in("nobody", "wrong");
    assert_eq!((known.status, known.text()), (401, unknown.text()));
    assert_eq!(unknown.status, 401);

    let refused = (0..TOO_MANY)
        .map(|n| anybody.try_sign_in("bob", &format!("guess-{n}")))
        .find(|answer| answer.status == 429);
    let refused = refused.expect("some guess is refused outright");
    assert!(refused.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()));
}

#[test]
fn the_web_checks_where_a_request_comes_from() {
    let site = Site::start();
    let bob = site.sign_in("bob");
    let elsewhere = [("origin", "http://elsewhere.example")];
    assert_eq!(bob.request("PUT", "/api/v1/me/profile", &elsewhere, Some(&json!({}))).status, 403);
    assert_eq!(bob.request("DELETE", "/api/v1/session", &elsewhere, None).status, 403);
    assert!(
        Live::try_open(&bob, "http://elsewhere.example").is_err(),
        "a foreign page got a WebSocket"
    );
    assert!(
        Live::try_open(&Http::new(&site.web()), &site.web()).is_err(),
        "a WebSocket without a session"
    );
    Live::open(&bob).wait("hello", wait::SOON);

    let cookie = Http::new(&site.web()).try_sign_in("bob", &site.password("bob"));
    let cookie = cookie.header("set-cookie").expect("a cookie").to_owned();
    for wanted in ["hark_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(wanted), "{wanted} is missing in {cookie}");
    }

    bob.sign_out();
    assert_eq!(bob.get("/api/v1/me").status, 401, "the session is over on the server too");
}

#[test]
fn an_unknown_extension_is_404_before_any_answer() {
    let site = Site::start();
    for account in
        [Account::stranger(site.udp()), Account::new(site.udp(), "alice", &site.password("alice"))]
    {
        let refusal = Call::dial(&account, "1999").err().expect("nobody has this number");
        assert_eq!(refusal.status(), Some(404), "{}", refusal.start);
    }
    assert_eq!(
        Call::dial(&Account::stranger(site.udp()), "hello").err().and_then(|no| no.status()),
        Some(404)
    );
}

#[test]
fn a_caller_of_our_own_domain_has_to_identify() {
    let site = Site::start();
    let impostor = Account::new(site.udp(), "alice", "wrong");
    let refusal = Call::dial(&impostor, "1002").err().expect("an impostor is not let in");
    assert!(matches!(refusal.status(), Some(401 | 403 | 407)), "{}", refusal.start);
}

#[test]
fn who_talks_past_the_limit_is_stopped_told_and_goes_on_to_the_review() {
    let site = Site::with(SiteOptions { limit_seconds: Some(3), ..SiteOptions::default() });
    let account = Account::new(site.udp(), "alice", &site.password("alice"));
    let call = Call::dial(&account, "1002").unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&call);
    let beeped = call.rtp.heard().0.len();
    let said = audio::speech(
        "One two three four five six seven eight nine ten, and on and on it goes, for a good deal longer than three \
         seconds, because this caller has a lot to say and no idea of when to stop.",
    );
    call.rtp.say(&said);
    wait::until("being told", wait::SOON, || {
        call.rtp
            .heard()
            .0
            .get(beeped..)?
            .chunks_exact(audio::FRAME)
            .any(audio::is_loud)
            .then_some(())
    });
    assert!(!call.rtp.idle(), "told only after the caller had finished");
    wait::until("the caller to stop", wait::LATER, || call.rtp.idle().then_some(()));
    story::press(&call, '1');
    call.wait_ended();

    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let length = Duration::from_millis(message["length_ms"].as_u64().expect("a length"));
    assert!(length.abs_diff(Duration::from_secs(3)) < Duration::from_millis(600), "{length:?}");
}

#[test]
fn who_vanishes_without_a_bye_has_said_what_was_said() {
    let site = Site::with(SiteOptions { dead_after_seconds: Some(3), ..SiteOptions::default() });
    let said = audio::sentence();
    let call = Call::dial(&Account::new(site.udp(), "alice", &site.password("alice")), "1002")
        .unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&call);
    story::say(&call, &said);
    call.vanish();

    let bob = site.sign_in("bob");
    story::assert_said(&bob.audio(&bob.wait_inbox(1, wait::LATER)[0]), &said);
}

#[test]
fn a_silent_caller_is_not_kept_for_ever() {
    let site = Site::start();
    let call = Call::dial(&Account::stranger(site.udp()), "1002")
        .unwrap_or_else(|no| panic!("{}", no.start));
    call.wait_ended();
    assert_eq!(site.sign_in("bob").inbox().len(), 0, "silence is no message");
}

/// What an attacker can compare: the status, and the headers without what is fresh in each.
fn shape(answer: &Received) -> Vec<String> {
    let challenges = answer.all("WWW-Authenticate").map(|challenge| {
        let fields = challenge
            .split(',')
            .map(|field| field.trim())
            .filter(|field| !field.contains("nonce="));
        fields.collect::<Vec<_>>().join(",")
    });
    std::iter::once(answer.start.clone()).chain(challenges).collect()
}
