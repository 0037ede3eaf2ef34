//! Recordings in files: every kind that people have, what is no recording, and what is meant to
//! harm; by the API and in the browser.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hark_tests::audio::{self, Sound};
use hark_tests::browser::Browser;
use hark_tests::http::Http;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};

/// How alike a file has to sound to what it was made of: nothing is enhanced in it.
const ALIKE: f64 = 0.9;

/// What programs make of a recording: the file's name, and how ffmpeg is told to make it.
const KINDS: [(&str, &[&str]); 12] = [
    ("plain.wav", &["-c:a", "pcm_s16le"]),
    ("studio.wav", &["-ar", "48000", "-ac", "2", "-c:a", "pcm_f32le"]),
    ("telephone.wav", &["-c:a", "pcm_mulaw"]),
    ("opus.ogg", &["-c:a", "libopus", "-b:a", "64k"]),
    ("stereo.opus", &["-ac", "2", "-c:a", "libopus", "-b:a", "128k"]),
    ("vorbis.ogg", &["-ar", "44100", "-c:a", "libvorbis"]),
    ("opus.webm", &["-c:a", "libopus", "-b:a", "64k"]),
    ("vorbis.webm", &["-ar", "44100", "-c:a", "libvorbis"]),
    ("aac.m4a", &["-ar", "44100", "-c:a", "aac", "-b:a", "96k"]),
    ("opus.mp4", &["-c:a", "libopus", "-b:a", "64k", "-strict", "-2"]),
    ("song.mp3", &["-ar", "44100", "-c:a", "libmp3lame", "-b:a", "96k"]),
    ("stream.aac", &["-ar", "44100", "-c:a", "aac", "-b:a", "96k"]),
];

/// `said` as the file `name`.
fn made(folder: &Path, name: &str, how: &[&str], said: &Sound) -> Vec<u8> {
    let (source, file) = (folder.join("source.wav"), folder.join(name));
    said.write_wav(&source);
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .arg(&source)
        .args(how)
        .arg(&file)
        .status()
        .expect("ffmpeg runs; `make deps-test` installs it");
    assert!(status.success(), "ffmpeg can't make {name}");
    fs::read(&file).expect("ffmpeg's file")
}

#[track_caller]
fn refused(http: &Http, file: &[u8], status: u16, code: &str) -> String {
    let answer = http.upload("/api/v1/messages?to=bob", &[], file);
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{problem}");
    problem["detail"].as_str().expect("a reason").to_owned()
}

#[test]
fn every_kind_of_file_is_heard_as_it_was_said() {
    let site = Site::start();
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    let said = audio::sentence();
    for (n, (name, how)) in KINDS.iter().enumerate() {
        let file = made(site.scratch(), name, how, &said);
        let wrong = [("content-type", "image/png")];
        let sent = alice.upload("/api/v1/messages?to=bob", &wrong, &file);
        assert_eq!(sent.status, 201, "{name}: {}", sent.text());
        let inbox = bob.wait_inbox(n + 1, wait::SOON);
        let newest = inbox.iter().find(|m| m["id"] == sent.json()["id"]).expect("the message");
        let (heard, tags) = audio::decode_ogg_opus(&bob.audio(newest));
        let (likeness, _) = heard.best_match(&said);
        assert!(likeness >= ALIKE, "{name} is {likeness:.3} alike to what was said");
        let spoken = heard.spoken_length().abs_diff(said.spoken_length());
        assert!(spoken < Duration::from_millis(150), "{name} differs by {spoken:?}");
        let tag = |name: &str| tags.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
        assert_eq!(tag("HARK_RECIPIENT"), Some("sip:bob@localhost"), "{name}: {tags:?}");
        assert_eq!(tag("HARK_SENDER"), Some("sip:alice@localhost"), "{name}: {tags:?}");
    }
    // What was sent is a file that can be sent again: to whom it says.
    let inbox = bob.inbox();
    let file = bob.audio(&inbox[0]);
    let again = site.sign_in("carol").upload("/api/v1/messages", &[], &file);
    assert_eq!(again.status, 201, "{}", again.text());
    let inbox = bob.wait_inbox(KINDS.len() + 1, wait::SOON);
    assert!(inbox.iter().any(|message| message["sender"]["name"] == "Carol"), "{inbox:?}");
}

#[test]
fn half_a_file_is_told_from_a_whole_one() {
    let site = Site::start();
    let alice = site.sign_in("alice");
    let said = audio::sentence();
    for (name, how) in KINDS {
        // Frames of MP3 and AAC say nothing of those that should follow.
        if name.ends_with(".mp3") || name.ends_with(".aac") {
            continue;
        }
        let file = made(site.scratch(), name, how, &said);
        let answer = alice.upload("/api/v1/messages?to=bob", &[], &file[..file.len() / 2]);
        assert!((400..500).contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        let code = answer.json()["code"].as_str().expect("a code").to_owned();
        assert!(["torn", "broken_audio", "codec"].contains(&&*code), "{name}: {code}");
    }
    assert_eq!(site.sign_in("bob").inbox().len(), 0);
}

#[test]
fn what_is_no_recording_or_too_much_of_one_is_refused_with_the_reason() {
    let site = Site::with(SiteOptions { limit_seconds: Some(10), ..SiteOptions::default() });
    let alice = site.sign_in("alice");
    let folder = site.scratch();
    refused(&alice, b"MZ\x90\0 this is a program", 415, "unknown_audio");
    refused(&alice, b"%PDF-1.7\n", 415, "unknown_audio");
    let silence = Sound(vec![0; 16_000]);
    refused(&alice, &made(folder, "silence.mp3", &["-c:a", "libmp3lame"], &silence), 422, "silent");
    let why = {
        let hour = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i"])
            .args(["sine=frequency=440:duration=3600", "-c:a", "libmp3lame", "-b:a", "8k"])
            .args(["-ar", "8000"])
            .arg(folder.join("hour.mp3"))
            .status();
        assert!(hour.is_ok_and(|status| status.success()), "ffmpeg can't make an hour");
        let began = Instant::now();
        let file = fs::read(folder.join("hour.mp3")).expect("an hour");
        let why = refused(&alice, &file, 413, "too_long");
        assert!(began.elapsed() < Duration::from_secs(10), "an hour took {:?}", began.elapsed());
        why
    };
    assert!(why.contains("10 s"), "{why}");
    // A film has a sound track; a picture in a film has none.
    let film = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i"])
        .args(["testsrc=duration=1:size=64x64", "-c:v", "mpeg4"])
        .arg(folder.join("film.mp4"))
        .status();
    assert!(film.is_ok_and(|status| status.success()), "ffmpeg can't make a film");
    let film = fs::read(folder.join("film.mp4")).expect("a film");
    refused(&alice, &film, 415, "codec");
    assert_eq!(fs::read_dir(site.data().join("uploads")).map_or(0, Iterator::count), 0);
    assert_eq!(site.sign_in("bob").inbox().len(), 0);
}

#[test]
fn what_lies_about_its_size_or_never_ends_costs_little() {
    let site = Site::with(SiteOptions { upload_mib: Some(1), ..SiteOptions::default() });
    let alice = site.sign_in("alice");
    let cookie = alice.cookie().expect("a session");
    let host = site.web().trim_start_matches("http://").to_owned();
    let open = |head: &str| {
        let mut stream = TcpStream::connect(&host).expect("the server is there");
        stream.set_read_timeout(Some(wait::SOON)).expect("a socket");
        let head = format!(
            "POST /api/v1/messages?to=bob HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nCookie: {cookie}\r\n{head}\r\n\r\n",
            site.web()
        );
        stream.write_all(head.as_bytes()).expect("a request can be begun");
        stream
    };
    let answer = |mut stream: TcpStream| {
        let mut text = [0; 4096];
        let read = stream.read(&mut text).expect("an answer");
        String::from_utf8_lossy(&text[..read]).into_owned()
    };
    // Ten gigabytes are announced: they need not be sent to be refused.
    let mut stream = open("Content-Length: 10737418240");
    stream.write_all(&[0; 1024]).expect("a beginning");
    let said = answer(stream);
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("too_large"), "{said}");
    // A stream without an end.
    let mut stream = open("Transfer-Encoding: chunked");
    let chunk =
        [format!("{:x}\r\n", 64 << 10).into_bytes(), vec![7; 64 << 10], b"\r\n".to_vec()].concat();
    let mut sent = 0_u64;
    while sent < 64 << 20 && stream.write_all(&chunk).is_ok() {
        sent += 64 << 10;
        let on_the_disk: u64 = fs::read_dir(site.data().join("uploads"))
            .map(|files| files.flatten().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum())
            .unwrap_or(0);
        assert!(on_the_disk <= (1 << 20) + (256 << 10), "{on_the_disk} bytes lie on the disk");
    }
    // Whoever breaks off leaves nothing.
    let mut stream = open("Content-Length: 500000");
    stream.write_all(&[1; 5000]).expect("a beginning");
    wait::until("the upload to begin", wait::SOON, || {
        let begun = fs::read_dir(site.data().join("uploads")).map_or(0, Iterator::count);
        (begun > 0).then_some(())
    });
    drop(stream);
    wait::until("nothing to be left", wait::SOON, || {
        let left = fs::read_dir(site.data().join("uploads")).map_or(0, Iterator::count);
        (left == 0).then_some(())
    });
    assert_eq!(site.sign_in("bob").inbox().len(), 0);
    let file = made(site.scratch(), "ok.ogg", &["-c:a", "libopus"], &audio::sentence());
    assert_eq!(alice.upload("/api/v1/messages?to=bob", &[], &file).status, 201);
}

#[test]
fn a_file_dropped_on_the_page_goes_to_whom_it_names() {
    let site = Site::start();
    let said = audio::sentence();
    let file = made(
        site.scratch(),
        "x.ogg",
        &["-c:a", "libopus", "-metadata:s:a", "HARK_RECIPIENT=sip:carol@localhost"],
        &said,
    );
    let mut browser = Browser::start();
    browser.sign_in(&site.web(), "alice", &site.password("alice"));
    drop_file(&mut browser, "hello.ogg", &file);
    browser.wait_visible("file-send");
    let to = browser.text("file-to");
    assert!(to.contains("Carol"), "{to}");
    browser.click("file-send");
    browser.wait_attribute("file-state", "data-state", "sent");
    let carol = site.sign_in("carol");
    let messages = carol.wait_inbox(1, wait::SOON);
    story::assert_said(&carol.audio(&messages[0]), &said);
    browser.click("file-close");

    // One that names nobody goes to whom she chooses; nonsense is told in words.
    let plain = made(site.scratch(), "x.mp3", &["-c:a", "libmp3lame"], &said);
    drop_file(&mut browser, "hello.mp3", &plain);
    browser.wait_visible("file-send");
    assert!(browser.text("file-to").contains("names nobody"));
    browser.click("contact-bob");
    browser.click("file-send");
    browser.wait_attribute("file-state", "data-state", "sent");
    site.sign_in("bob").wait_inbox(1, wait::SOON);
    browser.click("file-close");
    drop_file(&mut browser, "program.wav", b"MZ this is a program");
    browser.wait_visible("file-send");
    browser.click("file-send");
    browser.wait_attribute("file-state", "data-state", "failed");
    let why = browser.text("file-detail");
    assert!(why.contains("no audio file") && why.contains("Send a WAV"), "{why}");
}

#[test]
fn a_tab_that_is_lost_loses_a_second_at_most() {
    let site = Site::start();
    let sentence = audio::sentence();
    let said = Sound([sentence.0.clone(), sentence.0.clone(), sentence.0].concat());
    let mut browser = Browser::with_microphone(&said);
    browser.sign_in(&site.web(), "bob", &site.password("bob"));
    browser.click("contact-alice");
    browser.click("record-button");
    // What the page itself says was spoken by now.
    wait::until("five seconds to be spoken", wait::LATER, || {
        (browser.text("record-time") == "0:05").then_some(())
    });
    // Killed, as by a crash.
    drop(browser);
    let alice = site.sign_in("alice");
    let messages = alice.wait_inbox(1, wait::SOON);
    let kept = messages[0]["length_ms"].as_u64().expect("a length");
    assert!(kept >= 4_000, "of 5 s and more only {kept} ms were kept");
}

/// Drops a file on the page, as a mouse does.
fn drop_file(browser: &mut Browser, name: &str, file: &[u8]) {
    let bytes: Vec<String> = file.iter().map(u8::to_string).collect();
    browser.evaluate(&format!(
        "(() => {{ const data = new DataTransfer(); \
         data.items.add(new File([new Uint8Array([{}])], {name:?})); \
         const event = new DragEvent('drop', {{ bubbles: true, cancelable: true, dataTransfer: data }}); \
         document.body.dispatchEvent(event); return event.defaultPrevented; }})()",
        bytes.join(",")
    ));
}
