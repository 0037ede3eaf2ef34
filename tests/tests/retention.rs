//! How long messages are kept, how much of them, and what becomes of everything a user has.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hark_tests::http::Http;
use hark_tests::site::{Site, SiteOptions, binary};
use hark_tests::wait;
use rusqlite::Connection;
use serde_json::json;

fn site(retention: &str) -> Site {
    let more =
        format!("[events]\nmanagers = [\"alice\"]\n[retention]\nsweep_seconds = 1\n{retention}");
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

/// Has something said to somebody by an event.
#[track_caller]
fn tell(from: &Http, key: &str, to: &str) {
    let event = json!({ "content": { "text": { "en": "A few words." } }, "recipients": [to] });
    let headers = [("idempotency-key", key)];
    let answer = from.request("POST", "/api/v1/events", &headers, Some(&event));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found
}

fn audio_files(site: &Site) -> usize {
    files(&site.data().join("audio")).len()
}

#[test]
fn a_purge_removes_the_audio_of_what_was_deleted() {
    let mut site = site("deleted_days = 3\n");
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    tell(&alice, "a", "bob");
    tell(&alice, "b", "bob");
    let messages = bob.wait_inbox(2, wait::LATER);
    let id = messages[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(bob.delete(&format!("/api/v1/messages/{id}")).status, 204);
    assert_eq!(audio_files(&site), 2);
    site.stop();
    // As if it had happened long ago.
    let database = Connection::open(site.data().join("hark.sqlite")).expect("the database");
    database.execute("UPDATE recipients SET since = 0", []).expect("it can be changed");
    drop(database);
    site.restart();
    wait::until("the audio to be removed", wait::SOON, || (audio_files(&site) == 1).then_some(()));
    let bob = site.sign_in("bob");
    assert_eq!(bob.inbox().len(), 1);
    assert_eq!(bob.post(&format!("/api/v1/messages/{id}/restore"), &json!({})).status, 404);
    let alice = site.sign_in("alice");
    let audio = alice.get(&format!("/api/v1/messages/{id}/audio"));
    assert_eq!(audio.status, 404, "{}", audio.text());
    assert!(site.metric("hark_retention_total") >= 2.0);
}

#[test]
fn who_calls_a_full_mailbox_is_told_before_the_tone() {
    let site = site("");
    let alice = site.sign_in("alice");
    // A quota of 0 is no limit; a minute is filled by what an event says at length.
    let quota = json!({ "retention": { "quota_minutes": 1 } });
    let answer = alice.request("PUT", "/api/v1/users/bob/retention", &[], Some(&quota));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let words =
        "This goes on and on, for it has to fill the whole mailbox of somebody. ".repeat(25);
    let event = json!({ "content": { "text": { "en": words } }, "recipients": ["bob"] });
    let headers = [("idempotency-key", "long")];
    let sent = alice.request("POST", "/api/v1/events", &headers, Some(&event));
    assert_eq!(sent.status, 201, "{}", sent.text());
    let bob = site.sign_in("bob");
    bob.wait_inbox(1, wait::LATER);
    wait::until("the mailbox to be full", wait::SOON, || {
        (bob.json("/api/v1/me/retention")["full"] == true).then_some(())
    });
    let refused = {
        let headers = [("idempotency-key", "more")];
        let event = json!({ "content": { "text": { "en": "More." } }, "recipients": ["bob"] });
        alice.request("POST", "/api/v1/events", &headers, Some(&event))
    };
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("full"), "{}", refused.text());
    // The telephone says so and hangs up: there is no tone, and nothing to be recorded.
    let mut phone = site.phone("alice");
    phone.call("1002");
    phone.wait_sound();
    phone.wait_closed();
    assert_eq!(bob.inbox().len(), 1);
    // Room again.
    let id = bob.inbox()[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(bob.delete(&format!("/api/v1/messages/{id}")).status, 204);
    wait::until("room again", wait::SOON, || {
        (bob.json("/api/v1/me/retention")["full"] == false).then_some(())
    });
}

#[test]
fn an_export_has_everything_and_an_erasure_leaves_nothing() {
    let mut site = site("");
    site.stop();
    let mut add = Command::new(binary())
        .args(["user", "add", "dorothea", "--extension", "1009", "--display-name", "Dorothea Dill"])
        .args(["--config", "hark.toml"])
        .current_dir(site.scratch())
        .stdin(Stdio::piped())
        .spawn()
        .expect("hark runs");
    add.stdin.take().expect("an input").write_all(b"correct horse\n").expect("it reads");
    assert!(add.wait().expect("it ends").success());
    site.restart();
    let alice = site.sign_in("alice");
    let dorothea = Http::new(&site.web());
    dorothea.sign_in("dorothea", "correct horse");
    tell(&alice, "a", "dorothea");
    tell(&dorothea, "b", "alice");
    let received = dorothea.wait_inbox(1, wait::LATER);
    alice.wait_inbox(1, wait::LATER);
    let archive = dorothea.get("/api/v1/me/export");
    assert_eq!(archive.status, 200);
    assert_eq!(archive.header("content-type"), Some("application/x-tar"));
    let text = archive.text();
    for part in ["account.json", "received.json", "sent.json", "message-log.json", "Dorothea Dill"]
    {
        assert!(text.contains(part), "{part} is missing");
    }
    let id = received[0]["id"].as_str().expect("an id");
    assert!(text.contains(&format!("audio/{id}.ogg")), "the audio is missing");
    site.stop();

    assert_eq!(site.hark(&["user", "hold", "dorothea"]).0, Some(0));
    assert_eq!(site.hark(&["user", "erase", "dorothea", "--yes"]).0, Some(1));
    assert_eq!(site.hark(&["user", "hold", "dorothea", "--release"]).0, Some(0));
    let (code, said) = site.hark(&["user", "export", "dorothea", "-o", "dorothea.tar"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(fs::metadata(site.scratch().join("dorothea.tar")).expect("an archive").len() > 10_000);
    assert_eq!(site.hark(&["user", "erase", "dorothea"]).0, Some(2), "not sure");
    let (code, said) = site.hark(&["user", "erase", "dorothea", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    for file in files(&site.data()) {
        let bytes = fs::read(&file).expect("a file can be read").to_ascii_lowercase();
        let found = bytes.windows(8).any(|window| window == b"dorothea");
        assert!(!found, "the name stands in {}", file.display());
    }
    site.restart();
    let inbox = site.sign_in("alice").inbox();
    assert_eq!(inbox[0]["sender"]["name"], "Former user", "what was sent to others stays");
    assert_eq!(Http::new(&site.web()).try_sign_in("dorothea", "correct horse").status, 401);
}
