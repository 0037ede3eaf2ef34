//! Keys as RFC 4733 events, lost and repeated on their way: each press counts once.

use hark_tests::call::Call;
use hark_tests::peer::Account;
use hark_tests::rtp::Press;
use hark_tests::sipp::{Scenario, Sipp};
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, corpus, story, wait};

/// A menu that takes an extension, and says when there is none.
const FRONT_DOOR: &str = r#"
route "700" -> front_door

menu front_door {
    say "Dial an extension."
    digits "1xxx" as ext -> deposit(user(ext))
    silence 30s -> hangup
    other -> { say "That is not an extension."; again at most 3 then hangup }
    hangup -> hangup
}

route "701" -> only_1234

menu only_1234 {
    say "Dial."
    digits "1234" -> hangup
    silence 60s -> hangup
    other -> { say "That is not it."; again at most 3 then hangup }
    hangup -> hangup
}
"#;

fn site(dialplans: &tempfile::TempDir) -> Site {
    Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        ..SiteOptions::default()
    })
}

#[test]
fn end_packets_lost_or_repeated_make_no_difference() {
    let dialplans = story::dialplans_with("front_door.dial", FRONT_DOOR);
    let site = site(&dialplans);
    let account = Account::new(site.udp(), "alice", &site.password("alice"));
    let said = audio::sentence();
    // The double 0 of 1002 becomes one where two presses are read as one, and three where one is read as two.
    let ways = [
        Press { key: '0', packets: 5, ends: 3, copies: 1 },
        Press { key: '0', packets: 5, ends: 0, copies: 1 },
        Press { key: '0', packets: 5, ends: 9, copies: 3 },
        Press { key: '0', packets: 1, ends: 1, copies: 1 },
        Press { key: '0', packets: 0, ends: 3, copies: 1 },
    ];
    for (n, way) in ways.into_iter().enumerate() {
        let call = Call::dial(&account, "700").unwrap_or_else(|no| panic!("{}", no.start));
        for key in "1002".chars() {
            call.rtp.press(Press { key, ..way });
        }
        story::wait_beep(&call);
        story::say(&call, &said);
        story::press(&call, '#');
        story::press(&call, '1');
        call.wait_ended();
        site.sign_in("bob").wait_inbox(n + 1, wait::SOON);
    }
}

#[test]
fn an_extension_that_nobody_has_is_told_in_words() {
    let dialplans = story::dialplans_with("front_door.dial", FRONT_DOOR);
    let site = site(&dialplans);
    let account = Account::new(site.udp(), "alice", &site.password("alice"));
    let call = Call::dial(&account, "700").unwrap_or_else(|no| panic!("{}", no.start));
    "1999".chars().for_each(|key| story::press(&call, key));
    let from = call.rtp.heard().0.len();
    wait::until("being told", wait::SOON, || {
        call.rtp.heard().0.get(from..)?.chunks_exact(audio::FRAME).any(audio::is_loud).then_some(())
    });
    "1002".chars().for_each(|key| story::press(&call, key));
    story::wait_beep(&call);
    assert!(call.ended().is_none());
}

#[test]
fn sipp_plays_recorded_digits() {
    let Some(captures) = corpus::folder("captures") else { return };
    if !corpus::is_root("let sipp play a capture") {
        return;
    }
    let dialplans = story::dialplans_with("front_door.dial", FRONT_DOOR);
    let site = site(&dialplans);
    // The scenario ends with the server's BYE, which only the digits 1234 bring before the time-out.
    let scenario = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/sipp/digits.xml"))
        .expect("a scenario");
    let scenario = scenario.replace("CAPTURES", captures.to_str().expect("a plain path"));
    let path = site.scratch().join("digits.xml");
    std::fs::write(&path, scenario).expect("a file can be written");
    Sipp::start(site.udp(), &Scenario { path: &path, number: "701", calls: 5 }).wait_success();
}
