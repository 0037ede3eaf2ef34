//! Audio over HTTP: ranges, validators, and for whom it exists.

use hark_engine::id::UserId;

use super::harness::start;

const AUDIO: &[u8] = b"OggS0123456789abcdefghijklmnopqrstuvwxyz";

#[test]
fn ranges_are_answered_as_rfc_9110_says() {
    let server = start();
    let id = server.message(AUDIO);
    let bob = server.client("bob");
    let path = format!("/api/v1/messages/{id}/audio");

    let whole = bob.get(&path);
    assert_eq!((whole.status, &whole.body[..]), (200, AUDIO));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-type"), "audio/ogg");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("cache-control").starts_with("private"));
    assert!(whole.header("content-disposition").contains(&format!("message-{id}.ogg")));
    let etag = whole.header("etag").to_owned();

    let range = |range: &str| bob.get_with(&path, &[("range", range)]);
    let first = range("bytes=0-3");
    assert_eq!((first.status, &first.body[..]), (206, &b"OggS"[..]));
    assert_eq!(first.header("content-range"), format!("bytes 0-3/{}", AUDIO.len()));
    let suffix = range("bytes=-3");
    assert_eq!((suffix.status, &suffix.body[..]), (206, &b"xyz"[..]));
    let rest = range("bytes=30-");
    assert_eq!((rest.status, &rest.body[..]), (206, &AUDIO[30..]));
    let beyond = range("bytes=1000-");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", AUDIO.len()));
    assert_eq!(range("bytes=0-1,5-6").status, 200, "several ranges get the whole");

    let if_range =
        |tag: &str| bob.get_with(&path, &[("range", "bytes=0-3"), ("if-range", tag)]).status;
    assert_eq!(if_range(&etag), 206);
    assert_eq!(if_range("\"other\""), 200);
    assert_eq!(bob.get_with(&path, &[("if-none-match", &etag)]).status, 304);

    let head = bob.send("HEAD", &path, &[("range", "bytes=0-3")], None);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), AUDIO.len().to_string());
}

#[test]
fn audio_exists_for_its_sender_and_recipients_only() {
    let server = start();
    let id = server.message(AUDIO);
    let path = format!("/api/v1/messages/{id}/audio");
    assert_eq!(server.stranger().get(&path).status, 401);
    assert_eq!(server.client("carol").get(&path).status, 404);
    assert_eq!(server.client("bob").get("/api/v1/messages/nonsense/audio").status, 404);
    assert_eq!(server.client("alice").get(&path).status, 200);
    let delivered = || {
        let state = server.runtime.block_on(server.store.recipient_state(id, UserId(2)));
        state.unwrap().unwrap().delivered
    };
    assert!(delivered().is_empty(), "the sender listening delivers nothing");
    let bob = server.client("bob");
    bob.get_with(&path, &[("range", "bytes=0-3")]);
    assert!(delivered().is_empty(), "a beginning is no delivery");
    bob.get(&path);
    server.until("the audio was delivered", || delivered().len() == 1);
    assert_eq!(delivered()[0].device, "browser");
}

#[test]
fn audio_that_is_gone_is_no_silent_success() {
    let server = start();
    let id = server.message(AUDIO);
    std::fs::remove_file(server.dir.path().join(format!("audio/{id}.ogg"))).unwrap();
    let answer = server.client("bob").get(&format!("/api/v1/messages/{id}/audio"));
    assert_eq!(answer.status, 503);
    assert!(!answer.header("retry-after").is_empty());
}
