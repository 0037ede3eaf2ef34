//! A disk that is really full, under the real server: refused, said, and recovered from without a
//! restart. The storage folder is a small file system in memory, mounted in a namespace of the
//! server's own; where the system does not let anybody do that, the test says so and skips.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hark_tests::http::Http;
use hark_tests::live::Live;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};
use serde_json::json;

/// The size of the storage folder's file system.
const SIZE: &str = "24m";

/// Whether a file system can be mounted without being root.
fn can_mount() -> bool {
    let tried = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs -o size=1m tmpfs /mnt",
        ])
        .output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: this system lets nobody mount a file system of their own");
    }
    can
}

fn fill(folder: &Path) {
    let file = folder.join("ballast");
    let mut ballast = std::fs::File::create(&file).expect("a file can be made");
    for size in [1 << 16, 1 << 12, 1] {
        let piece = vec![0; size];
        while std::io::Write::write_all(&mut ballast, &piece).is_ok() {}
    }
}

fn record(live: &mut Live, name: &str, to: i64, file: &[u8]) -> serde_json::Value {
    live.send(&json!({ "type": "record_start", "id": name, "to": [to], "mime": "audio/ogg" }));
    for chunk in file.chunks(4000) {
        live.send_binary(chunk);
    }
    live.send(&json!({ "type": "record_stop", "id": name }));
    live.wait_for("recording", wait::LATER, |frame| {
        frame["id"] == name && (frame["state"] == "committed" || frame["state"] == "failed")
    })
}

#[test]
fn a_full_disk_is_told_and_recovered_from_without_a_restart() {
    if !can_mount() {
        return;
    }
    let site = Site::with(SiteOptions { tmpfs: Some(SIZE), ..SiteOptions::default() });
    let (alice, bob) = (site.sign_in("alice"), site.sign_in("bob"));
    let bob_id = site.json_of("bob")["user"]["id"].as_i64().expect("an id");
    let mut live = Live::open(&alice);
    let file = audio::ogg_opus(Duration::from_secs(20));
    assert_eq!(record(&mut live, "before", bob_id, &file)["state"], "committed");

    let folder = site.data();
    fill(&folder);
    let refused = record(&mut live, "full", bob_id, &file);
    assert_eq!(refused["state"], "failed", "{refused}");
    let error = refused["error"].as_str().unwrap_or_default();
    assert!(error.contains("full") || error.contains("keep"), "{error}");
    // A caller is told too, and does not hang on a dead line.
    let mut caller = site.phone("carol");
    caller.call("1002");
    caller.wait_beep();
    caller.say(&audio::sentence());
    caller.press('#');
    caller.wait_sound();
    caller.press('1');
    caller.wait_closed();
    // What is there is still read, and the server lives.
    assert_eq!(bob.inbox().len(), 1);
    assert_eq!(Http::new(&site.web()).get("/healthz").status, 200);

    std::fs::remove_file(folder.join("ballast")).expect("space is made");
    wait::until("the next message to be kept", wait::LATER, || {
        let kept = record(&mut live, "after", bob_id, &file);
        (kept["state"] == "committed").then_some(())
    });
    story::leave_message(&mut caller, "1002", &audio::sentence());
    let messages = wait::until("both new messages", wait::SOON, || {
        let inbox = bob.inbox();
        (inbox.len() >= 3).then_some(inbox)
    });
    for message in &messages {
        let (sound, _) = audio::decode_ogg_opus(&bob.audio(message));
        assert!(!sound.0.is_empty());
    }
    assert_eq!(Http::new(&site.web()).get("/readyz").status, 200);
}
