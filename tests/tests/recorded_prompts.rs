//! Prompts that were recorded by a person are heard in place of the voice of a machine.

use std::fs;

use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};

const DIALPLAN: &str = r#"
route "801" -> songs()

flow songs() {
    say "This is spoken by a machine." recorded "welcome"
    play prompt "song"
    tone 700 for 500ms
    hangup
}
"#;

#[test]
fn a_recorded_prompt_is_heard_and_a_new_one_from_the_next_call_on() {
    let dialplans = story::dialplans_with("songs.dial", DIALPLAN);
    let prompts = tempfile::tempdir().expect("a temporary folder");
    let place = |language: &str, name: &str, sound: &audio::Sound| {
        let folder = prompts.path().join(language);
        fs::create_dir_all(&folder).expect("a folder can be made");
        sound.write_wav(&folder.join(name));
    };
    let song = audio::speech("La la la, sings the blackbird in the apple tree.");
    let welcome = audio::speech("Welcome to the garden of the songbirds.");
    let other = audio::speech("Another song of another bird, in quite another tree.");
    for language in ["en", "de"] {
        place(language, "song.wav", &song);
    }
    place("en", "welcome.wav", &welcome);
    let site = Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        more: format!("[speech]\nprompts = {:?}\n", prompts.path()),
        ..SiteOptions::default()
    });
    let heard = |what: &str| {
        let call = story::dial(&site, "801");
        story::wait_tone(&call.rtp, 700.0);
        call.wait_ended();
        let heard = call.rtp.heard();
        assert!(!heard.0.is_empty(), "{what}: nothing was heard");
        heard
    };
    let first = heard("the first call");
    assert!(first.best_match(&song).0 > 0.9, "the song is heard");
    assert!(first.best_match(&welcome).0 > 0.9, "the recorded welcome is heard");

    place("en", "song.wav", &other);
    wait::until("the new song to be heard", wait::LATER, || {
        (heard("a later call").best_match(&other).0 > 0.9).then_some(())
    });
}
