//! What several stories do with a server, in the words of its users.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::audio::{self, Sound};
use crate::browser::Browser;
use crate::call::Call;
use crate::http::Http;
use crate::peer::Account;
use crate::phone::Phone;
use crate::rtp::{Press, Stream};
use crate::site::Site;
use crate::wait;

/// How alike a message has to be to what was said: it went through G.711, noise suppression, gain
/// control and Opus, none of which may change a word.
pub const ALIKE: f64 = 0.6;

/// How far a message's length may be from that of the speech.
pub const AS_LONG: Duration = Duration::from_millis(100);

/// Calls `number`, says something after the beep, ends with `#`, sends with `1`, waits for the goodbye.
#[track_caller]
pub fn leave_message(phone: &mut Phone, number: &str, said: &Sound) {
    phone.call(number);
    phone.wait_beep();
    phone.say(said);
    phone.press('#');
    phone.wait_sound();
    phone.press('1');
    phone.wait_closed();
}

/// Waits for the tone after which to speak, on a call written by hand.
#[track_caller]
pub fn wait_beep(call: &Call) {
    wait::until("the beep", wait::LATER, || {
        assert!(call.ended().is_none(), "the call ended before the beep");
        audio::beep_end(&call.rtp.heard().0, 0)
    });
}

/// Waits until 100 ms of a tone were heard on a stream.
#[track_caller]
pub fn wait_tone(rtp: &Stream, hertz: f64) {
    wait::until(&format!("a tone of {hertz} Hz"), wait::LATER, || {
        let heard = rtp.heard().0;
        let tones: Vec<_> =
            heard.chunks_exact(audio::FRAME).map(|frame| audio::is_tone(frame, hertz)).collect();
        tones.windows(5).any(|five| five.iter().all(|tone| *tone)).then_some(())
    });
}

/// Waits until something is heard on a stream.
#[track_caller]
pub fn wait_loud(rtp: &Stream) {
    wait::until("something to be heard", wait::LATER, || {
        rtp.heard().0.chunks_exact(audio::FRAME).any(audio::is_loud).then_some(())
    });
}

/// A caller as one of the demo's users.
pub fn account(site: &Site, user: &str) -> Account {
    Account::new(site.udp(), user, &site.password(user))
}

/// Calls a number as alice; it is answered.
#[track_caller]
pub fn dial(site: &Site, number: &str) -> Call {
    Call::dial(&account(site, "alice"), number).unwrap_or_else(|no| panic!("{}", no.start))
}

/// Presses a key and waits until the whole of it was sent.
#[track_caller]
pub fn press(call: &Call, key: char) {
    call.rtp.press(Press::of(key));
    wait::until("the key to be sent", wait::SOON, || call.rtp.idle().then_some(()));
}

/// Says something on a call written by hand, and waits until all of it was sent.
#[track_caller]
pub fn say(call: &Call, said: &Sound) {
    call.rtp.say(said);
    wait::until("the sentence to be said", said.length() + wait::SOON, || {
        call.rtp.idle().then_some(())
    });
}

/// Asserts that a message's audio is what was said, at the same length; returns its comment tags.
#[track_caller]
pub fn assert_said(ogg: &[u8], said: &Sound) -> Vec<(String, String)> {
    let (message, tags) = audio::decode_ogg_opus(ogg);
    let (likeness, _) = message.best_match(said);
    assert!(likeness >= ALIKE, "the message is {likeness:.3} alike to what was said, not {ALIKE}");
    let difference = message.length().abs_diff(said.length());
    assert!(
        difference <= AS_LONG,
        "{:?} were said, and the message lasts {:?}",
        said.length(),
        message.length()
    );
    tags
}

/// The octets that lie in the spool: what is being spoken.
pub fn spooled(site: &Site) -> u64 {
    size_of_files(&site.data().join("spool"))
}

fn size_of_files(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .filter(|file| file.is_file())
        .map(|file| file.len())
        .sum()
}

/// A folder with a dialplan of the test's own, which imports all that ships.
#[track_caller]
pub fn dialplans_with(name: &str, text: &str) -> tempfile::TempDir {
    let folder =
        tempfile::Builder::new().prefix("hark-dialplans-").tempdir().expect("a temporary folder");
    let imports = "import \"hark/main.dial\"\n";
    fs::write(folder.path().join("main.dial"), imports).expect("a file can be written");
    fs::write(folder.path().join(name), text).expect("a file can be written");
    folder
}

/// Waits until the sender's outbox says that its only message went through `step` for its recipient.
#[track_caller]
pub fn wait_outbox_step(sender: &Http, step: &str) -> Value {
    wait::until(&format!("the outbox to say `{step}`"), wait::LATER, || {
        let outbox = sender.json("/api/v1/outbox");
        let steps = outbox[0]["recipients"][0]["steps"].as_array()?.clone();
        steps.into_iter().find(|one| one["step"] == step)
    })
}

/// Signs a demo user in, in a browser.
#[track_caller]
pub fn browser_of(site: &Site, user: &str) -> Browser {
    let mut browser = Browser::start();
    browser.sign_in(&site.web(), user, &site.password(user));
    browser
}
