//! Recording in the browser: bytes arrive while they are spoken, and become a message.

use std::time::{Duration, Instant};

use hark_engine::id::UserId;
use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Channels, Encoder};
use serde_json::json;

use super::harness::{Socket, TestServer, start};
use crate::recording::Recordings;

/// An Ogg Opus file of a tone, a page every 20 ms, as a browser's recorder sends it.
pub(super) fn tone(length: Duration) -> Vec<u8> {
    let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
    let mut file = Vec::new();
    let mut writer = PacketWriter::new(&mut file);
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(312_u16.to_le_bytes());
    head.extend(48_000_u32.to_le_bytes());
    head.extend([0, 0, 0]);
    writer.write_packet(head, 7, PacketWriteEndInfo::EndPage, 0).unwrap();
    let mut tags = b"OpusTags".to_vec();
    tags.extend(4_u32.to_le_bytes());
    tags.extend(b"test");
    tags.extend(0_u32.to_le_bytes());
    writer.write_packet(tags, 7, PacketWriteEndInfo::EndPage, 0).unwrap();
    let frames = u64::try_from(length.as_millis() / 20).unwrap();
    for frame in 0..frames {
        let pcm: Vec<i16> = (0..960)
            .map(|n| {
                let t = (frame * 960 + n) as f32 / 48_000.0;
                ((t * 440.0 * std::f32::consts::TAU).sin() * 8_000.0) as i16
            })
            .collect();
        let packet = encoder.encode_vec(&pcm, 1_000).unwrap();
        let end = if frame + 1 == frames {
            PacketWriteEndInfo::EndStream
        } else {
            PacketWriteEndInfo::EndPage
        };
        writer.write_packet(packet, 7, end, (frame + 1) * 960).unwrap();
    }
    drop(writer);
    file
}

fn start_recording(socket: &mut Socket, id: &str, to: &[i64]) {
    let mime = "audio/ogg; codecs=opus";
    socket.say(json!({"type": "record_start", "id": id, "to": to, "mime": mime}));
    let opened = socket.next("recording");
    assert_eq!((&opened["id"], &opened["state"]), (&json!(id), &json!("open")), "{opened}");
}

fn spools(server: &TestServer) -> Vec<std::path::PathBuf> {
    let spools = std::fs::read_dir(server.dir.path().join("spool")).unwrap();
    spools.map(|entry| entry.unwrap().path()).collect()
}

/// How many samples at 8 kHz a message decodes to.
fn decoded(server: &TestServer, id: &str) -> usize {
    let record = server.runtime.block_on(server.store.message(id.parse().unwrap()));
    let recordings = server.runtime.block_on(async {
        Recordings::start(server.dir.path(), &prometheus::Registry::new()).unwrap()
    });
    let pcm = server.runtime.block_on(recordings.decode(&record.unwrap().unwrap().audio));
    pcm.unwrap().len()
}

#[test]
fn what_is_spoken_grows_on_the_server_and_pops_up_when_it_is_committed() {
    let server = start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let (mut hers, _) = alice.socket();
    let (mut his, _) = bob.socket();
    let file = tone(Duration::from_secs(3));

    start_recording(&mut his, "r1", &[1]);
    let mut sizes = Vec::new();
    for (n, chunk) in file.chunks(file.len() / 30).enumerate() {
        his.bytes(chunk);
        std::thread::sleep(Duration::from_millis(20));
        if n == 10 || n == 25 {
            server.until("the spool grows", || {
                let size: u64 = spools(&server).iter().map(|p| p.metadata().unwrap().len()).sum();
                let grown = sizes.last().is_none_or(|last| size > *last) && size > 0;
                if grown {
                    sizes.push(size);
                }
                grown
            });
        }
    }
    let progress = his.next("recording");
    assert_eq!(progress["state"], "progress");
    assert!(progress["bytes"].as_u64().unwrap() > 0 && progress["ms"].as_u64().unwrap() > 0);
    assert_eq!(alice.get("/api/v1/messages").json(), json!([]), "nothing exists before the commit");

    let stopped = Instant::now();
    his.say(json!({"type": "record_stop", "id": "r1"}));
    let done = his.find("recording", |frame| frame["state"] != "progress");
    assert_eq!((&done["id"], &done["state"]), (&json!("r1"), &json!("committed")), "{done}");
    let id = done["message"].as_str().unwrap().to_owned();
    let popup = hers.next("popup");
    assert_eq!(popup["message"]["id"], id.as_str());
    assert_eq!(popup["message"]["sender"]["name"], "BOB Example");
    let length = popup["message"]["length_ms"].as_u64().unwrap();
    assert!((2_900..=3_000).contains(&length), "{length}");
    println!("from stop to pop-up: {:?}", stopped.elapsed());

    let audio = alice.get(&format!("/api/v1/messages/{id}/audio"));
    assert!(audio.body.starts_with(b"OggS"));
    let carries = |tag: &[u8]| audio.body.windows(tag.len()).any(|w| w == tag);
    assert!(carries(b"BOB Example"), "the sender is in the file");
    assert!(carries(b"sip:alice@hark.example"), "so is the recipient");
    let wav = alice.get(&format!("/api/v1/messages/{id}/audio?format=wav"));
    assert_eq!(wav.header("content-type"), "audio/wav");
    let reader = hound::WavReader::new(&wav.body[..]).unwrap();
    assert!(reader.duration() > reader.spec().sample_rate * 2);
    let path = format!("/api/v1/messages/{id}/audio?format=wav");
    let part = alice.get_with(&path, &[("range", "bytes=0-3")]);
    assert_eq!((part.status, &part.body[..]), (206, &b"RIFF"[..]));

    his.find("receipt", |frame| frame["step"] == "delivered");
    assert!(decoded(&server, &id) > 8_000 * 2);
    server.until("the spool is removed", || spools(&server).is_empty());
}

#[test]
fn a_socket_that_dies_while_somebody_speaks_loses_nothing() {
    let server = start();
    let bob = server.client("bob");
    let (mut hers, _) = server.client("alice").socket();
    let (mut his, _) = bob.socket();
    start_recording(&mut his, "r1", &[1, 3]);
    let file = tone(Duration::from_secs(4));
    his.bytes(&file[..file.len() / 2]);
    his.next("recording");
    his.0.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
    let popup = hers.next("popup");
    let length = popup["message"]["length_ms"].as_u64().unwrap();
    assert!((1_500..=2_500).contains(&length), "{length}");
    assert_eq!(server.client("carol").get("/api/v1/messages").json().as_array().unwrap().len(), 1);
    server.until("the spool is removed", || spools(&server).is_empty());
}

#[test]
fn a_server_that_stops_while_somebody_speaks_loses_nothing() {
    let mut server = start();
    let (mut his, _) = server.client("bob").socket();
    start_recording(&mut his, "r1", &[1]);
    his.bytes(&tone(Duration::from_secs(2)));
    his.next("recording");
    server.stop();
    let inbox = server.runtime.block_on(server.store.inbox(UserId(1), None)).unwrap();
    assert_eq!(inbox.len(), 1, "committed before the server has stopped");
}

#[test]
fn a_breath_before_the_line_goes_dead_is_no_message() {
    let server = start();
    let (mut his, _) = server.client("bob").socket();
    start_recording(&mut his, "r1", &[1]);
    his.bytes(&tone(Duration::from_millis(600)));
    drop(his);
    server.until("the spool is removed", || spools(&server).is_empty());
    assert_eq!(server.client("alice").get("/api/v1/messages").json(), json!([]));
}

#[test]
fn cancelled_and_senseless_recordings_leave_nothing() {
    let server = start();
    let (mut his, _) = server.client("bob").socket();
    start_recording(&mut his, "r1", &[1]);
    his.bytes(&tone(Duration::from_secs(2)));
    his.say(json!({"type": "record_cancel", "id": "r1"}));
    his.say(json!({"type": "record_stop", "id": "r1"}));

    let mime = "audio/ogg; codecs=opus";
    let mut refused = |frame: serde_json::Value, why: &str| {
        his.say(frame);
        let failed = his.find("recording", |frame| frame["state"] == "failed");
        assert!(failed["error"].as_str().unwrap().contains(why), "{failed}");
    };
    let begin = |to: serde_json::Value, mime: &str| json!({"type": "record_start", "id": "r2", "to": to, "mime": mime});
    refused(begin(json!([]), mime), "recipients");
    refused(begin(json!([1, 99]), mime), "recipients");
    refused(begin(json!([1]), "audio/webm"), "audio/ogg");

    start_recording(&mut his, "r3", &[1]);
    his.say(begin(json!([1]), mime));
    let failed = his.find("recording", |frame| frame["id"] == "r2");
    assert!(failed["error"].as_str().unwrap().contains("one recording at a time"));
    his.bytes(b"RIFF....WAVE");
    let failed = his.find("recording", |frame| frame["id"] == "r3");
    assert_eq!(failed["state"], "failed");
    server.until("the spools are removed", || spools(&server).is_empty());
    assert_eq!(server.client("alice").get("/api/v1/messages").json(), json!([]));
}

#[test]
fn who_talks_past_the_limit_is_stopped_and_what_fits_is_sent() {
    let server = start();
    let (mut his, _) = server.client("bob").socket();
    start_recording(&mut his, "r1", &[1]);
    let file = tone(Duration::from_secs(70));
    for chunk in file.chunks(8_000) {
        his.bytes(chunk);
    }
    let done = his.find("recording", |frame| frame["state"] != "progress");
    assert_eq!(done["state"], "committed", "{done}");
    his.say(json!({"type": "record_stop", "id": "r1"}));
    let inbox = server.client("alice").get("/api/v1/messages").json();
    let length = inbox[0]["length_ms"].as_u64().unwrap();
    assert!((58_000..=60_000).contains(&length), "{length}");
}
