//! A message to which something was added before it was sent.

use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};

const DIALPLAN: &str = r##"
route "801" -> two_parts(user("1002"))

flow two_parts(to: User) {
    beep
    first = record max 30s, stop on "#", hangup keeps
    tone 700 for 300ms
    whole = record max 30s, after first, stop on "#", hangup keeps
    send whole to to else { tone 1200 for 500ms; hangup }
    tone 900 for 500ms
    hangup
}
"##;

fn site() -> Site {
    let dialplans = story::dialplans_with("more.dial", DIALPLAN);
    Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        ..SiteOptions::default()
    })
}

#[test]
fn what_was_added_stands_behind_what_was_said_first() {
    let site = site();
    let call = story::dial(&site, "801");
    let first = audio::sentence();
    let second = audio::speech("And please bring the blue folder from my desk with you.");
    story::wait_beep(&call);
    story::say(&call, &first);
    story::press(&call, '#');
    story::wait_tone(&call.rtp, 700.0);
    story::say(&call, &second);
    story::press(&call, '#');
    story::wait_tone(&call.rtp, 900.0);
    call.wait_ended();

    let bob = site.sign_in("bob");
    let messages = bob.wait_inbox(1, wait::SOON);
    let (message, _) = audio::decode_ogg_opus(&bob.audio(&messages[0]));
    let (alike, at) = message.best_match(&first);
    let (alike_too, later) = message.best_match(&second);
    assert!(alike > story::ALIKE && alike_too > story::ALIKE, "{alike} {alike_too}");
    let first_ends = at + isize::try_from(first.0.len()).expect("a short sentence");
    // A sentence ends with a moment of silence, of which some may be lost.
    assert!(later >= first_ends - 2400, "the addition begins at {later}, not after {first_ends}");
    assert_eq!(story::spooled(&site), 0, "no part is left behind");
}

#[test]
fn an_addition_in_which_nothing_is_said_adds_nothing() {
    let site = site();
    let call = story::dial(&site, "801");
    let said = audio::sentence();
    story::wait_beep(&call);
    story::say(&call, &said);
    story::press(&call, '#');
    story::wait_tone(&call.rtp, 700.0);
    wait::until("the tone's end", wait::SOON, || {
        let last = call.rtp.packets().last()?.at;
        (last.elapsed().as_millis() > 100).then_some(())
    });
    story::press(&call, '#');
    story::wait_tone(&call.rtp, 900.0);

    let bob = site.sign_in("bob");
    story::assert_said(&bob.audio(&bob.wait_inbox(1, wait::SOON)[0]), &said);
}
