//! `hark send`, `hark record` and `hark token`, as somebody at a terminal uses them.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hark_tests::audio::{self, Sound};
use hark_tests::site::{Site, binary};
use hark_tests::{story, wait};
use serde_json::{Value, json};

/// A terminal with its own home, and so without anybody's configuration.
struct Terminal<'a> {
    site: &'a Site,
    token: Option<String>,
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Terminal<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.site.scratch())
            .env("HOME", self.site.scratch())
            .env("HARK_SERVER", self.site.web())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("HARK_TOKEN");
        if let Some(token) = &self.token {
            command.env("HARK_TOKEN", token);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().expect("hark runs").into()
    }
}

/// A token, made beside the running server.
fn token(site: &Site, user: &str, scopes: &str) -> String {
    let (code, out) =
        site.hark(&["token", "create", "--user", user, "--name", "terminal", "--scope", scopes]);
    assert_eq!(code, Some(0), "{out}");
    out.trim().to_owned()
}

fn wav(site: &Site, said: &Sound) -> PathBuf {
    let file = site.scratch().join("hello.wav");
    said.write_wav(&file);
    file
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn a_file_is_sent_from_the_terminal_and_its_way_is_followed() {
    let site = Site::start();
    let said = audio::sentence();
    let file = wav(&site, &said);
    let terminal = Terminal { site: &site, token: Some(token(&site, "alice", "messages:send")) };
    let sent =
        terminal.run(&["send", "--to", "bob", "--to", "1003", "--file", text(&file), "--urgent"]);
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    assert!(sent.out.contains("to Bob, Carol"), "{}", sent.out);
    assert_eq!(sent.err, "", "without a terminal there is no progress bar");
    for user in ["bob", "carol"] {
        let http = site.sign_in(user);
        let inbox = http.wait_inbox(1, wait::SOON);
        assert_eq!(inbox[0]["sender"]["name"], "Alice");
        assert_eq!(inbox[0]["urgent"], true);
        story::assert_said(&http.audio(&inbox[0]), &said);
    }

    // Come back when bob has heard it.
    let waiting = terminal.command(&[
        "send",
        "--to",
        "bob",
        "--file",
        text(&file),
        "--wait",
        "heard",
        "--format",
        "json",
    ]);
    let waiting = thread::spawn(move || {
        let mut waiting = waiting;
        Said::from(waiting.output().expect("hark runs"))
    });
    let bob = site.sign_in("bob");
    let newest = bob.wait_inbox(2, wait::SOON)[0].clone();
    let path = format!("/api/v1/messages/{}/heard", newest["id"].as_str().expect("an id"));
    assert_eq!(bob.post(&path, &json!({ "heard_ms": 900 })).status, 204);
    let told = waiting.join().expect("the terminal");
    assert_eq!(told.code, Some(0), "{}", told.err);
    let told: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(told["id"], newest["id"]);
    let steps = told["recipients"][0]["steps"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step["step"] == "heard"), "{told}");

    let impatient = terminal.run(&[
        "send",
        "--to",
        "bob",
        "--file",
        text(&file),
        "--wait",
        "heard",
        "--patience",
        "1",
    ]);
    assert_eq!(impatient.code, Some(3), "{}", impatient.err);
    assert!(impatient.err.contains("not heard yet by Bob"), "{}", impatient.err);
}

#[test]
fn a_recording_is_made_here_and_sent_later_by_anybody() {
    let site = Site::start();
    let said = audio::sentence();
    let file = wav(&site, &said);
    let nobody = Terminal { site: &site, token: None };
    let made = nobody.run(&[
        "record",
        "--to",
        "bob",
        "--to",
        "sip:carol@localhost",
        "--from",
        "Ann",
        "--file",
        text(&file),
        "-o",
        "hello.ogg",
    ]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let bytes = fs::read(site.scratch().join("hello.ogg")).expect("the file");
    let (heard, tags) = audio::decode_ogg_opus(&bytes);
    assert!(heard.best_match(&said).0 >= story::ALIKE);
    let recipients: Vec<_> =
        tags.iter().filter(|(name, _)| name == "HARK_RECIPIENT").map(|(_, to)| &**to).collect();
    assert_eq!(recipients, ["bob", "sip:carol@localhost"]);
    assert!(tags.contains(&("ARTIST".into(), "Ann".into())), "{tags:?}");
    let again = nobody.run(&["record", "--to", "bob", "--file", text(&file), "-o", "hello.ogg"]);
    assert_eq!(again.code, Some(2), "a file is not overwritten: {}", again.err);

    let dry = nobody.run(&["send", "hello.ogg", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.err);
    assert!(
        dry.out.contains("to bob, sip:carol@localhost") && dry.out.contains("nothing was sent"),
        "{}",
        dry.out
    );

    let carol = Terminal { site: &site, token: Some(token(&site, "carol", "messages:send")) };
    let sent = carol.run(&["send", "hello.ogg"]);
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    let bob = site.sign_in("bob");
    let inbox = bob.wait_inbox(1, wait::SOON);
    assert_eq!(inbox[0]["sender"]["name"], "Carol", "who sends it is its sender, whatever it says");
    story::assert_said(&bob.audio(&inbox[0]), &said);

    let kept = carol.run(&["send", "--to", "alice", "--file", text(&file), "--keep", "kept.ogg"]);
    assert_eq!(kept.code, Some(0), "{}", kept.err);
    assert!(fs::metadata(site.scratch().join("kept.ogg")).expect("the kept file").len() > 1_000);
    site.sign_in("alice").wait_inbox(1, wait::SOON);
}

#[test]
fn whatever_is_wrong_is_said_with_its_mend() {
    let mut site = Site::start();
    let file = wav(&site, &audio::sentence());
    let file = text(&file).to_owned();
    let good = token(&site, "alice", "messages:send");
    let reader = token(&site, "alice", "messages:read");
    let nonsense = site.scratch().join("nonsense.wav");
    fs::write(&nonsense, "MZ this is a program").expect("a file");
    {
        let with = |token: Option<&str>| Terminal { site: &site, token: token.map(str::to_owned) };
        let case = |token: Option<&str>, args: &[&str], code: i32, says: &[&str]| {
            let said = with(token).run(args);
            assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.out, said.err);
            for word in says {
                assert!(said.err.contains(word), "{args:?} does not say {word:?}: {}", said.err);
            }
        };
        let send = ["send", "--to", "bob", "--file", &file];
        case(None, &send, 2, &["no token", "hark token create", "client.toml"]);
        case(Some("hark_wrong"), &send, 2, &["unknown", "mend:"]);
        case(Some(&reader), &send, 2, &["messages:send", "mend:"]);
        case(Some(&good), &["send", "--to", "zed", "--file", &file], 2, &["no user zed", "mend:"]);
        case(Some(&good), &["send", "--file", &file], 2, &["nobody", "mend:"]);
        case(
            Some(&good),
            &["send", "--to", "bob", "--file", text(&nonsense)],
            2,
            &["no audio file", "mend:"],
        );
        case(Some(&good), &["send", "--to", "bob", "--file", "missing.wav"], 2, &["missing.wav"]);
        case(Some(&good), &["send", "--to", "bob"], 2, &["--file FILE or --mic"]);
        case(
            Some(&good),
            &["send", "--server", "nowhere", "--to", "bob", "--file", &file],
            2,
            &["https://"],
        );
        // The client's own file does as well as the environment.
        let folder = site.scratch().join(".config/hark");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(site.scratch().join("token"), format!("{good}\n")).expect("a file");
        fs::write(
            folder.join("client.toml"),
            format!("server = {:?}\ntoken_file = \"token\"\n", site.web()),
        )
        .expect("a file");
        let said = with(None).run(&send);
        assert_eq!(said.code, Some(0), "{}", said.err);
        fs::write(folder.join("client.toml"), "tokn = 1\n").expect("a file");
        case(None, &send, 2, &["client.toml", "mend:"]);
        fs::remove_file(folder.join("client.toml")).expect("the file");
    }
    site.kill();
    let away = Terminal { site: &site, token: Some(good) };
    let said = away.run(&["send", "--to", "bob", "--file", &file]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("can't be reached") && said.err.contains("mend:"), "{}", said.err);
}

#[test]
fn tokens_are_made_listed_and_revoked_whether_or_not_a_server_runs() {
    let mut site = Site::start();
    let secret = token(&site, "alice", "messages:send,messages:read");
    assert!(secret.starts_with("hark_"), "{secret}");
    let list = |site: &Site| site.hark(&["token", "list"]).1;
    let listed = list(&site);
    assert!(
        listed.contains("messages:send messages:read") && !listed.contains(&secret),
        "{listed}"
    );
    let (code, why) =
        site.hark(&["token", "create", "--user", "zed", "--name", "x", "--scope", "chat"]);
    assert_eq!(code, Some(2), "{why}");
    let (code, why) =
        site.hark(&["token", "create", "--user", "bob", "--name", "x", "--scope", "everything"]);
    assert_eq!(code, Some(2), "{why}");
    assert!(why.contains("messages:send"), "{why}");

    assert!(site.stop().success());
    let kept = list(&site);
    assert!(kept.contains("alice"), "{kept}");
    let (code, why) = site.hark(&["token", "revoke", "1"]);
    assert_eq!(code, Some(0), "{why}");
    assert!(list(&site).contains("no tokens"));
    site.restart();
    let file = wav(&site, &audio::sentence());
    let terminal = Terminal { site: &site, token: Some(secret) };
    let said = terminal.run(&["send", "--to", "bob", "--file", text(&file)]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    thread::sleep(Duration::from_millis(10));
    assert_eq!(site.sign_in("bob").inbox().len(), 0);
}

/// Gives the home folder of `site` a microphone for ALSA, a pipe into which somebody speaks: a
/// second of silence, `said`, and silence. Counts the milliseconds that were spoken.
#[track_caller]
fn plug_in(site: &Site, said: &Sound) -> Arc<AtomicU64> {
    let pipe = site.scratch().join("microphone");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|made| made.success()), "mkfifo");
    // What a program asks of it by default: 48 kHz, two channels, 32 bits.
    let alsa = format!(
        "pcm.!default {{ type file slave.pcm null file /dev/null infile \"{}\" format raw }}\n",
        pipe.display(),
    );
    fs::write(site.scratch().join(".asoundrc"), alsa).expect("a file");
    let mut heard = Sound::default().then_silence(Duration::from_secs(1));
    heard.0.extend(&said.0);
    // It waits in vain when nobody listens any more, and ends with the test.
    let spoken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&spoken);
    thread::spawn(move || {
        speak_into(&pipe, &heard.then_silence(Duration::from_secs(60)), &counted)
    });
    spoken
}

/// What fits into a pipe, 64 KiB, was spoken and not heard.
const IN_THE_PIPE: Duration = Duration::from_millis(171);

/// Speaks as fast as people do, once somebody listens.
fn speak_into(pipe: &Path, said: &Sound, spoken: &AtomicU64) {
    // Opened for both, so that it stays open whoever comes and goes.
    let pipe = OpenOptions::new().read(true).write(true).open(pipe);
    let mut pipe = pipe.expect("a pipe");
    let mut due = Instant::now();
    // 10 ms: so much is written into a pipe, and read from it, as a whole.
    for piece in said.0.chunks_exact(audio::RATE / 100) {
        // Each sample six times, for two channels.
        let wide = piece.iter().flat_map(|sample| [i32::from(*sample) << 16; 12]);
        let octets: Vec<u8> = wide.flat_map(i32::to_le_bytes).collect();
        pipe.write_all(&octets).expect("a pipe takes what is said");
        spoken.fetch_add(10, Ordering::Relaxed);
        due = due.max(Instant::now()) + Duration::from_millis(10);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

#[test]
fn what_is_spoken_into_the_microphone_of_a_terminal_is_sent() {
    let site = Site::start();
    let said = audio::sentence();
    let terminal = Terminal { site: &site, token: Some(token(&site, "alice", "messages:send")) };
    plug_in(&site, &said);
    let kept = site.scratch().join("kept.ogg");
    let mut command = terminal.command(&["send", "--to", "bob", "--mic", "--keep", text(&kept)]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut sending = command.spawn().expect("hark runs");
    // It is in the file while one speaks; then Enter.
    wait::until("the sentence to be in the file", wait::LATER, || {
        assert!(sending.try_wait().expect("a child").is_none(), "it ended while one speaks");
        let file = fs::read(&kept).ok().filter(|file| !file.is_empty())?;
        (audio::decode_ogg_opus(&file).0.best_match(&said).0 >= story::ALIKE).then_some(())
    });
    sending.stdin.take().expect("its input").write_all(b"\n").expect("it reads");
    let sent = Said::from(sending.wait_with_output().expect("hark ends"));
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    let bob = site.sign_in("bob");
    let message = bob.wait_inbox(1, wait::SOON).remove(0);
    let (heard, tags) = audio::decode_ogg_opus(&bob.audio(&message));
    let (likeness, _) = heard.best_match(&said);
    assert!(likeness >= story::ALIKE, "{likeness:.3} alike to what was said");
    assert!(tags.iter().any(|(_, value)| value == "Alice"), "{tags:?}");
}

#[test]
fn a_recorder_that_is_killed_leaves_what_was_said_but_its_last_second() {
    let site = Site::start();
    let terminal = Terminal { site: &site, token: Some(token(&site, "alice", "messages:send")) };
    let spoken = plug_in(&site, &audio::sentence());
    let file = site.scratch().join("cut.ogg");
    let mut command = terminal.command(&["record", "--to", "bob", "--mic", "-o", text(&file)]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut recording = command.spawn().expect("hark runs");
    wait::until("four seconds to be spoken", wait::LATER, || {
        (spoken.load(Ordering::Relaxed) >= 4_000).then_some(())
    });
    let spoken = Duration::from_millis(spoken.load(Ordering::Relaxed));
    recording.kill().expect("a child can be killed");
    recording.wait().expect("a child can be reaped");
    let (left, _) = audio::decode_ogg_opus(&fs::read(&file).expect("the file"));
    assert!(
        left.length() + Duration::from_secs(1) + IN_THE_PIPE > spoken,
        "{:?} of {spoken:?}",
        left.length()
    );
    // It is said that it breaks off, and can be sent all the same.
    let sent = terminal.run(&["send", text(&file)]);
    assert_eq!(sent.code, Some(2), "{}", sent.err);
    assert!(sent.err.contains("breaks off after"), "{}", sent.err);
    let sent = terminal.run(&["send", "--partial", text(&file)]);
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    site.sign_in("bob").wait_inbox(1, wait::SOON);
}
