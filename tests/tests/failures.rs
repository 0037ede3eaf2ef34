//! What breaks inside: a full disk, and a call that panics.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use hark_tests::call::Call;
use hark_tests::peer::Account;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, corpus, story, wait};
use serde_json::json;

#[test]
fn with_a_full_disk_nothing_is_acknowledged_and_the_caller_is_told() {
    if !corpus::is_root("mount a small file system to fill") {
        return;
    }
    let disk = Disk::mount();
    let site = Site::with(SiteOptions {
        data: Some(disk.folder().join("data")),
        ..SiteOptions::default()
    });
    let account = Account::new(site.udp(), "alice", &site.password("alice"));
    let bob = site.sign_in("bob");
    let call = Call::dial(&account, "1002").unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&call);
    let said = audio::sentence();
    call.rtp.say(&said);
    disk.fill();
    let before = call.rtp.heard().0.len();
    wait::until("the sentence to be said", wait::LATER, || call.rtp.idle().then_some(()));
    if call.ended().is_none() {
        story::press(&call, '#');
        story::press(&call, '1');
    }
    wait::until("being told that it was not kept", wait::LATER, || {
        call.rtp
            .heard()
            .0
            .get(before..)?
            .chunks_exact(audio::FRAME)
            .any(audio::is_loud)
            .then_some(())
    });
    call.wait_ended();
    assert_eq!(bob.inbox().len(), 0, "a message that could not be kept is nobody's message");

    let profile = bob.json("/api/v1/me")["profile"].clone();
    let answer = bob.put("/api/v1/me/profile", &profile);
    assert!(
        matches!(answer.status, 503 | 507),
        "PUT on a full disk: {} {}",
        answer.status,
        answer.text()
    );
    drop(call);

    // The disk has room again: no restart is needed.
    disk.free();
    let call = Call::dial(&account, "1002").unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&call);
    story::say(&call, &said);
    story::press(&call, '#');
    story::press(&call, '1');
    call.wait_ended();
    story::assert_said(&bob.audio(&bob.wait_inbox(1, wait::SOON)[0]), &said);
    assert!(matches!(bob.put("/api/v1/me/profile", &json!(profile)).status, 200 | 204));
}

#[test]
fn a_planted_panic_ends_one_call_saves_its_recording_and_disturbs_no_other() {
    let dialplans = story::dialplans_with(
        "planted.dial",
        r##"
route "666" -> planted(user("1001"))

flow planted(to: User) {
    beep
    message = record max 20s, stop on "#", hangup keeps
    panic
    send message to to else hangup
}
"##,
    );
    let mut site = Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        test_instructions: true,
        ..SiteOptions::default()
    });
    let account = |user: &str| Account::new(site.udp(), user, &site.password(user));
    let said = audio::sentence();

    let other = Call::dial(&account("carol"), "1002").unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&other);
    let doomed = Call::dial(&account("alice"), "666").unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&doomed);
    other.rtp.say(&said);
    doomed.rtp.say(&said);
    wait::until("both sentences to be said", wait::LATER, || {
        (other.rtp.idle() && doomed.rtp.idle()).then_some(())
    });
    story::press(&doomed, '#');
    doomed.wait_ended();

    assert!(other.ended().is_none(), "another call ended too");
    story::press(&other, '#');
    story::press(&other, '1');
    other.wait_ended();

    let alice = site.sign_in("alice");
    story::assert_said(&alice.audio(&alice.wait_inbox(1, wait::LATER)[0]), &said);
    let bob = site.sign_in("bob");
    story::assert_said(&bob.audio(&bob.wait_inbox(1, wait::SOON)[0]), &said);
    assert!(site.alive());
}

/// A file system of a few megabytes, unmounted when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    #[track_caller]
    fn mount() -> Self {
        let folder =
            tempfile::Builder::new().prefix("hark-disk-").tempdir().expect("a temporary folder");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "a tmpfs can be mounted by root");
        Self(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.folder().join("filler")
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.filler()).expect("a file can be made");
        // Ever smaller pieces, until not one octet fits.
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("the filler can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server may still be on its way out when a test failed.
        let status = Command::new("umount").arg("-l").arg(self.folder()).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.folder().display());
        }
    }
}
