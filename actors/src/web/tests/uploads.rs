//! Files that are sent up: what becomes a message, what is refused and why, and that nothing of
//! what is refused stays.

use hark_engine::id::{MessageId, UserId};
use serde_json::Value;

use super::harness::{Answer, TestServer, start};
use crate::recording::{Tags, ogg_opus, transcode};
use hark_engine::time::UnixMillis;

fn tone(rate: u32, seconds: f64) -> Vec<i16> {
    let length = (f64::from(rate) * seconds) as u32;
    let wave = |n: u32| (f64::from(n) * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin();
    (0..length).map(|n| (wave(n) * 8_000.0) as i16).collect()
}

fn wav(pcm: &[i16]) -> Vec<u8> {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, format).unwrap();
    pcm.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn ogg(recipients: &[&str]) -> Vec<u8> {
    let tags = Tags {
        id: MessageId::new(UnixMillis(1), [1; 10]),
        title: "Voice message".into(),
        sender: "Somebody else".into(),
        sender_address: "sip:mallory@hark.example".into(),
        recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
        at: UnixMillis(1),
        forwarded_from: None,
    };
    ogg_opus::write(&transcode::encode(&tone(16_000, 2.0)).unwrap().stream, &tags).unwrap()
}

fn left_over(server: &TestServer) -> usize {
    std::fs::read_dir(server.dir.path().join("uploads")).map_or(0, Iterator::count)
}

/// Every audio file of the store.
fn files(server: &TestServer) -> usize {
    let mut folders = vec![server.dir.path().join("audio")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { count += 1 }
        }
    }
    count
}

fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["type"], format!("/api/v1/problems/{code}"));
    assert_eq!(problem["status"], status);
    assert!(problem["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{problem}");
    problem
}

#[test]
fn a_wav_becomes_a_message_for_each_whom_the_query_names() {
    let server = start();
    let alice = server.client("alice");
    let body = wav(&tone(8_000, 2.0));
    let sent = alice.upload("/api/v1/messages?to=bob&to=1003&urgent=true", &[], &body);
    assert_eq!(sent.status, 201, "{}", sent.text());
    let view = sent.json();
    assert_eq!(sent.header("location"), format!("/api/v1/outbox/{}", view["id"].as_str().unwrap()));
    let names: Vec<_> = view["recipients"].as_array().unwrap().iter().map(|r| &r["user"]).collect();
    assert_eq!(names, [2, 3]);
    for name in ["bob", "carol"] {
        let inbox = server.client(name).get("/api/v1/messages").json();
        assert_eq!(inbox[0]["id"], view["id"]);
        assert_eq!(inbox[0]["sender"]["user"], 1);
        assert_eq!(inbox[0]["urgent"], true);
        assert!(inbox[0]["length_ms"].as_u64().unwrap().abs_diff(2_000) < 30, "{inbox}");
    }
    assert_eq!(left_over(&server), 0);
    let shown = alice.get(sent.header("location")).json();
    assert_eq!(shown["recipients"][0]["steps"][0]["step"], "accepted");
    assert_eq!(server.client("bob").get(sent.header("location")).status, 404);
}

#[test]
fn a_file_goes_to_whom_its_tags_say_and_comes_from_who_sends_it() {
    let server = start();
    let alice = server.client("alice");
    let sent = alice.upload("/api/v1/messages", &[], &ogg(&["sip:bob@hark.example", "carol"]));
    assert_eq!(sent.status, 201, "{}", sent.text());
    let inbox = server.client("carol").get("/api/v1/messages").json();
    assert_eq!(inbox[0]["sender"]["name"], "ALICE Example");
    // What is said wins over what stands in the file.
    let sent = alice.upload("/api/v1/messages?to=alice", &[], &ogg(&["bob"])).json();
    assert_eq!(sent["recipients"].as_array().unwrap().len(), 1);
    assert_eq!(sent["recipients"][0]["user"], 1);
    // The tags that are kept say who it really was.
    let id = sent["id"].as_str().unwrap();
    let audio = alice.get(&format!("/api/v1/messages/{id}/audio"));
    let comments = ogg_opus::read(&audio.body).unwrap().comments;
    assert!(comments.contains(&"HARK_SENDER=sip:alice@hark.example".to_owned()), "{comments:?}");
    assert!(!comments.iter().any(|comment| comment.contains("mallory")), "{comments:?}");
    let refused = alice.upload("/api/v1/messages", &[], &ogg(&[]));
    problem(&refused, 422, "recipients");
    let refused = alice.upload("/api/v1/messages", &[], &ogg(&["zed"]));
    let refused = problem(&refused, 422, "recipients");
    assert!(refused["detail"].as_str().unwrap().contains("zed"), "{refused}");
}

#[test]
fn a_form_does_the_same() {
    let server = start();
    let alice = server.client("alice");
    let form = |fields: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (name, value) in fields {
            let file = if *name == "file" { "; filename=\"../../x.exe\"" } else { "" };
            body.extend_from_slice(
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n")
                    .as_bytes(),
            );
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b--\r\n");
        alice.upload(
            "/api/v1/messages",
            &[("content-type", "multipart/form-data; boundary=b")],
            &body,
        )
    };
    let sound = wav(&tone(8_000, 1.0));
    let sent = form(&[("to", b"bob"), ("to", b"carol"), ("file", &sound)]);
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(sent.json()["recipients"].as_array().unwrap().len(), 2);
    problem(&form(&[("to", b"bob")]), 400, "malformed");
    problem(&form(&[("whom", b"bob"), ("file", &sound)]), 400, "malformed");
    problem(&form(&[("file", &sound), ("file", &sound)]), 400, "malformed");
    problem(&form(&[("to", &[b'x'; 8_000]), ("file", &sound)]), 413, "too_large");
    assert_eq!(left_over(&server), 0);
}

#[test]
fn sending_again_under_the_same_key_is_no_second_message() {
    let server = start();
    let (alice, body) = (server.client("alice"), wav(&tone(8_000, 1.0)));
    let key = [("idempotency-key", "door bell 7")];
    let first = alice.upload("/api/v1/messages?to=bob", &key, &body);
    assert_eq!(first.status, 201, "{}", first.text());
    let second = alice.upload("/api/v1/messages?to=bob", &key, &body);
    assert_eq!((second.status, second.json()["id"].clone()), (200, first.json()["id"].clone()));
    assert_eq!(server.client("bob").get("/api/v1/messages").json().as_array().unwrap().len(), 1);
    // A key is its sender's own.
    let other = server.client("carol").upload("/api/v1/messages?to=bob", &key, &body);
    assert_eq!(other.status, 201, "{}", other.text());
    assert_eq!(files(&server), 2);
    let long = "x".repeat(200);
    let refused = alice.upload("/api/v1/messages?to=bob", &[("idempotency-key", &long)], &body);
    problem(&refused, 400, "malformed");
}

#[test]
fn something_else_under_the_same_key_is_refused() {
    let server = start();
    let (alice, body) = (server.client("alice"), wav(&tone(8_000, 1.0)));
    let key = [("idempotency-key", "door bell 8")];
    let first = alice.upload("/api/v1/messages?to=bob", &key, &body);
    assert_eq!(first.status, 201, "{}", first.text());
    let other = wav(&tone(8_000, 1.5));
    for (path, body) in [
        ("/api/v1/messages?to=bob", &other),
        ("/api/v1/messages?to=carol", &body),
        ("/api/v1/messages?to=bob&urgent=true", &body),
    ] {
        problem(&alice.upload(path, &key, body), 422, "key_reused");
    }
    // The same once more, also as a form.
    let again = alice.upload("/api/v1/messages?urgent=false&to=bob", &key, &body);
    assert_eq!((again.status, again.json()["id"].clone()), (200, first.json()["id"].clone()));
    // A key under which nothing was kept is free for something else.
    let key = [("idempotency-key", "door bell 9")];
    problem(&alice.upload("/api/v1/messages?to=nobody", &key, &body), 422, "recipients");
    assert_eq!(alice.upload("/api/v1/messages?to=bob", &key, &body).status, 201);
    assert_eq!((left_over(&server), files(&server)), (0, 2));
    let text = |text: &str, key: &str| {
        let body = serde_json::json!({ "text": text, "idempotency_key": key });
        alice.post("/api/v1/chats/bob", body)
    };
    assert_eq!(text("hello", "k").status, 201);
    assert_eq!(text("hello", "k").status, 200);
    problem(&text("goodbye", "k"), 422, "key_reused");
}

#[test]
fn a_repetition_while_the_first_is_on_its_way_is_refused() {
    use std::io::{Read as _, Write as _};
    let server = start();
    let (alice, body) = (server.client("alice"), wav(&tone(8_000, 1.0)));
    let address = server.base.trim_start_matches("http://");
    let mut first = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/v1/messages?to=bob HTTP/1.1\r\nHost: {address}\r\nOrigin: {}\r\nCookie: {}\r\n\
         Idempotency-Key: slow\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        server.base,
        alice.cookie.as_deref().unwrap(),
        body.len()
    );
    first.write_all(head.as_bytes()).unwrap();
    first.write_all(&body[..1_000]).unwrap();
    let key = [("idempotency-key", "slow")];
    // Until the first one is known.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while left_over(&server) == 0 {
        assert!(std::time::Instant::now() < deadline, "the first upload does not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    problem(&alice.upload("/api/v1/messages?to=bob", &key, &body), 409, "key_in_use");
    first.write_all(&body[1_000..]).unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(alice.upload("/api/v1/messages?to=bob", &key, &body).status, 200);
    assert_eq!(files(&server), 1);
}

#[test]
fn what_cannot_be_a_message_is_refused_with_its_reason_and_leaves_nothing() {
    let server = start();
    let alice = server.client("alice");
    let send = |body: &[u8]| {
        alice.upload("/api/v1/messages?to=bob", &[("content-type", "audio/wav")], body)
    };
    let good = wav(&tone(8_000, 2.0));
    problem(&send(b""), 400, "malformed");
    problem(&send(b"<html>hello</html>"), 415, "unknown_audio");
    problem(&send(&wav(&[0; 16_000])), 422, "silent");
    problem(&send(&good[..good.len() / 2]), 422, "torn");
    problem(&send(b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42"), 415, "codec");
    let long = problem(&send(&wav(&tone(8_000, 62.0))), 413, "too_long");
    assert!(long["detail"].as_str().unwrap().contains("59 s"), "{long}");
    let kept = alice.upload("/api/v1/messages?to=bob&partial=true", &[], &good[..good.len() / 2]);
    assert_eq!(kept.status, 201, "{}", kept.text());
    problem(&send(&vec![0; (16 << 20) + 1]), 413, "too_large");
    problem(&alice.upload("/api/v1/messages?to=nobody", &[], &good), 422, "recipients");
    problem(&alice.upload("/api/v1/messages?urgent=perhaps", &[], &good), 400, "malformed");
    problem(&server.stranger().upload("/api/v1/messages?to=bob", &[], &good), 401, "signed_out");
    assert_eq!((left_over(&server), files(&server)), (0, 1));
    let counted = alice.get("/metrics").text();
    assert!(counted.contains("hark_web_uploads_total{outcome=\"silent\"} 1"), "{counted}");
}

#[test]
fn an_answer_is_to_a_message_that_its_sender_has() {
    let server = start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let body = wav(&tone(8_000, 1.0));
    let first = alice.upload("/api/v1/messages?to=bob", &[], &body).json();
    let id = first["id"].as_str().unwrap();
    let path = format!("/api/v1/messages?to=alice&reply_to={id}");
    assert_eq!(bob.upload(&path, &[], &body).status, 201);
    let inbox = alice.get("/api/v1/messages").json();
    assert_eq!(inbox[0]["reply_to"], first["id"]);
    problem(&server.client("carol").upload(&path, &[], &body), 404, "not_found");
    let mine = server.runtime.block_on(server.store.message(id.parse().unwrap())).unwrap().unwrap();
    assert_eq!(mine.sender.user, Some(UserId(1)));
}
