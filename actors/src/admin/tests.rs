//! The socket against clients of every kind.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

use prometheus::Registry;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::calls::{LiveCall, Tracks};
use crate::dialplan::{DialplanConfig, DialplanMetrics, Dialplans, Outcome};
use crate::reload::{Reloads, Report};
use crate::trace::Traces;

async fn start(dir: &TempDir) -> AdminServer {
    let metrics = DialplanMetrics::register(&Registry::new()).unwrap();
    let dialplans = Dialplans::start(DialplanConfig::new(None), metrics).await.unwrap();
    let answers = Answers {
        reloads: Reloads::new(dialplans, Vec::new()),
        tracks: Tracks::default(),
        traces: Traces::default(),
        storage: dir.path().to_owned(),
        store: None,
        operator: None,
    };
    AdminServer::start(Socket::bind(dir.path()).unwrap(), answers)
}

fn connect(dir: &TempDir) -> UnixStream {
    UnixStream::connect(path(dir.path())).unwrap()
}

/// Asks as `hark reload` does, on a thread of its own.
async fn reload(dir: &TempDir) -> Report {
    let storage = dir.path().to_owned();
    tokio::task::spawn_blocking(move || ask(&storage, &Request::Reload {}).unwrap()).await.unwrap()
}

async fn say(dir: &TempDir, bytes: &'static [u8]) -> Value {
    let mut stream = connect(dir);
    tokio::task::spawn_blocking(move || {
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered() {
    let dir = TempDir::new().unwrap();
    let server = start(&dir).await;
    let report = reload(&dir).await;
    assert_eq!((report.dialplan.outcome, report.dialplan.version), (Outcome::Unchanged, 1));
    let storage = dir.path().to_owned();
    let calls = tokio::task::spawn_blocking(move || {
        ask::<Vec<LiveCall>>(&storage, &Request::Calls { numbers: false }).unwrap()
    });
    assert_eq!(calls.await.unwrap(), []);
    let refused = say(&dir, b"{\"do\":\"trace\",\"call\":\"7K3M9QXA\"}\n").await;
    assert!(refused["error"].as_str().unwrap().contains("7K3M9QXA"), "{refused}");

    let mode = std::fs::metadata(path(dir.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.stop().await;
    assert!(!path(dir.path()).exists(), "the socket is removed");
    let error = ask::<Report>(dir.path(), &Request::Reload {}).unwrap_err();
    assert!(matches!(error, AdminError::NoServer { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_refused_and_the_next_is_served() {
    let dir = TempDir::new().unwrap();
    let _server = start(&dir).await;
    static LONG: [u8; 5000] = [b'x'; 5000];
    for garbage in [
        &b"\n"[..],
        b"",
        b"\xff\xfe\x00\n",
        b"{\"do\":\"explode\"}\n",
        b"{\"do\":\"reload\",\"now\":true}\n",
        b"{\"do\":\"trace\"}\n",
        b"{\"do\":\"reload\"}",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
        &LONG,
    ] {
        // Who sends more than is read may find the connection reset instead of the answer.
        if garbage.len() > LONGEST_REQUEST as usize {
            connect(&dir).write_all(garbage).unwrap();
        } else {
            let refused = say(&dir, garbage).await;
            assert!(refused["error"].is_string(), "{refused}");
        }
    }
    assert_eq!(reload(&dir).await.dialplan.outcome, Outcome::Unchanged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_hold_up_others_only_for_a_while() {
    let dir = TempDir::new().unwrap();
    let _server = start(&dir).await;
    let hanging: Vec<UnixStream> = (0..2 * MOST_CLIENTS)
        .map(|n| {
            let mut stream = connect(&dir);
            // Some say nothing at all, some stop in the middle.
            stream.write_all(&b"{\"do\":"[..(n % 2) * 6]).unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(reload(&dir).await.dialplan.outcome, Outcome::Unchanged);
    assert!(begun.elapsed() < 4 * REQUEST_WITHIN, "{:?}", begun.elapsed());
    drop(hanging);
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let dir = TempDir::new().unwrap();
    // A killed server leaves its socket.
    drop(UnixListener::bind(path(dir.path())).unwrap());
    let first = Socket::bind(dir.path()).unwrap();
    let error = Socket::bind(dir.path()).unwrap_err();
    assert!(matches!(error, AdminError::InUse(_)), "{error}");
    assert!(path(dir.path()).exists());
    drop(first);
    assert!(!path(dir.path()).exists());
}

#[test]
fn a_path_that_is_too_long_is_told_with_what_mends_it() {
    let dir = TempDir::new().unwrap();
    let deep = dir.path().join("d".repeat(100));
    let error = check_length(&deep).unwrap_err().to_string();
    assert!(error.contains("at most 107 bytes") && error.contains("storage.dir"), "{error}");
}
