//! The dialplan is changed while the server runs: by command, by signal, by saving a file. One that
//! is wrong changes nothing, and no call notices.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use hark_tests::call::Call;
use hark_tests::peer::Account;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{audio, story, wait};
use tempfile::TempDir;

/// 555 beeps `beeps` times; 556 beeps once, waits for a 1, and beeps `beeps` times.
fn counting(beeps: usize) -> String {
    let all = "beep; pause 300ms; ".repeat(beeps);
    format!(
        "route \"555\" -> counts\nroute \"556\" -> asks\n\
         flow counts() {{ {all}hangup }}\n\
         menu asks {{\n    beep\n    key 1 -> {{ {all}hangup }}\n    other -> hangup\n    \
         silence 30s or hangup -> hangup\n}}\n"
    )
}

const BROKEN: &str = "flow broken() {\n    say say\n}\n";

fn failing(beeps: usize) -> String {
    counting(beeps)
        + "test \"never true\" {\n    call \"555\" from \"1\"\n    expect say \"nothing of the kind\"\n}\n"
}

fn site(unwatched: bool) -> (Site, TempDir) {
    let folder = story::dialplans_with("counting.dial", &counting(1));
    let dialplans = Some(folder.path().to_owned());
    let site = Site::with(SiteOptions { dialplans, unwatched, ..SiteOptions::default() });
    (site, folder)
}

fn save(folder: &TempDir, text: &str) {
    fs::write(folder.path().join("counting.dial"), text).expect("a file can be written");
}

/// As editors save: another file, renamed over the old one.
fn save_by_renaming(folder: &TempDir, text: &str) {
    let beside = folder.path().join("counting.dial~");
    fs::write(&beside, text).expect("a file can be written");
    fs::rename(beside, folder.path().join("counting.dial")).expect("a file can be renamed");
}

fn dial(site: &Site, number: &str) -> Call {
    Call::dial(&Account::stranger(site.udp()), number).unwrap_or_else(|no| panic!("{}", no.start))
}

/// How many beeps a call hears until it is hung up.
fn beeps(call: &Call) -> usize {
    call.wait_ended();
    let heard = call.rtp.heard();
    let mut at = 0;
    std::iter::from_fn(|| {
        at = audio::beep_end(&heard.0, at)?;
        Some(at)
    })
    .count()
}

/// Waits until `/metrics` counts a reload of this outcome.
fn wait_outcome(site: &Site, outcome: &str) {
    let line = format!("hark_dialplan_reloads_total{{outcome=\"{outcome}\"}} 0");
    wait::until(&format!("a reload that is {outcome}"), wait::SOON, || {
        (!site.metrics().contains(&line)).then_some(())
    });
}

#[test]
fn a_command_puts_a_changed_dialplan_in_force() {
    let (site, folder) = site(true);
    assert_eq!(beeps(&dial(&site, "555")), 1);
    let (code, said) = site.hark(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("same") && said.contains("version 1"), "{said}");

    save(&folder, &counting(3));
    assert_eq!(beeps(&dial(&site, "555")), 1, "nobody watches the files");
    let (code, said) = site.hark(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("in force") && said.contains("version 2"), "{said}");
    assert_eq!(beeps(&dial(&site, "555")), 3);
    assert!(site.metric("hark_dialplan_in_force_timestamp_seconds") > 1.7e9);
    assert_eq!(site.metric("hark_dialplan_pending_error"), 0.0);
}

#[test]
fn a_dialplan_that_is_wrong_changes_nothing_and_says_where() {
    let (site, folder) = site(true);
    for (wrong, says) in [(BROKEN.to_owned(), "counting.dial:2"), (failing(3), "never true")] {
        save(&folder, &wrong);
        let (code, said) = site.hark(&["reload"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(says) && said.contains("version 1"), "{said}");
        wait::until("the log to say it too", wait::SOON, || {
            let log = site.output();
            (log.contains("ERROR") && log.contains(says)).then_some(())
        });
        assert_eq!(site.metric("hark_dialplan_pending_error"), 1.0);
        assert_eq!(beeps(&dial(&site, "555")), 1, "a call hears what is in force");
    }
    let hidden = folder.path().with_extension("hidden");
    fs::rename(folder.path(), &hidden).expect("a folder can be renamed");
    let (code, said) = site.hark(&["reload"]);
    fs::rename(&hidden, folder.path()).expect("a folder can be renamed");
    assert_eq!(code, Some(2), "{said}");

    save(&folder, &counting(1));
    let (code, said) = site.hark(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(site.metric("hark_dialplan_pending_error"), 0.0);
}

#[test]
fn a_call_keeps_the_dialplan_that_it_began_with() {
    let (site, folder) = site(true);
    let call = dial(&site, "556");
    story::wait_beep(&call);
    save(&folder, &counting(4));
    let (code, said) = site.hark(&["reload"]);
    assert_eq!(code, Some(0), "{said}");

    let later = dial(&site, "556");
    story::wait_beep(&later);
    story::press(&call, '1');
    story::press(&later, '1');
    // Each heard one beep before its key.
    assert_eq!(beeps(&call), 1 + 1);
    assert_eq!(beeps(&later), 1 + 4);
}

#[test]
fn saving_a_file_reloads() {
    let (site, folder) = site(false);
    save(&folder, &counting(3));
    wait_outcome(&site, "replaced");
    assert_eq!(beeps(&dial(&site, "555")), 3);

    save_by_renaming(&folder, BROKEN);
    wait_outcome(&site, "wrong");
    assert_eq!(beeps(&dial(&site, "555")), 3);

    save_by_renaming(&folder, &counting(2));
    wait::until("the mended file to be in force", wait::SOON, || {
        site.metrics().contains("hark_dialplan_reloads_total{outcome=\"replaced\"} 2").then_some(())
    });
    assert_eq!(beeps(&dial(&site, "555")), 2);
}

#[test]
fn sighup_reloads() {
    let (mut site, folder) = site(true);
    save(&folder, &counting(2));
    site.hang_up();
    wait_outcome(&site, "replaced");
    assert_eq!(beeps(&dial(&site, "555")), 2);
    assert!(site.alive());
}

#[test]
fn reloads_at_the_same_time_take_turns() {
    let (site, folder) = site(true);
    save(&folder, &counting(2));
    let site = &site;
    let said: Vec<String> = thread::scope(|scope| {
        let commands: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(move || {
                    let (code, said) = site.hark(&["reload"]);
                    assert_eq!(code, Some(0), "{said}");
                    said
                })
            })
            .collect();
        commands.into_iter().map(|command| command.join().expect("a command")).collect()
    });
    assert!(said.iter().all(|said| said.contains("version 2")), "{said:?}");
    let replaced = "hark_dialplan_reloads_total{outcome=\"replaced\"} 1";
    assert!(site.metrics().contains(replaced), "the same dialplan was put in force twice");
}

#[test]
fn without_a_server_the_command_says_so() {
    let (mut site, _folder) = site(true);
    let socket = site.data().join("hark.sock");
    assert_eq!(mode(&socket), 0o600);
    // A killed server leaves its socket; the next one takes its place.
    site.kill();
    assert!(socket.exists());
    let (code, said) = site.hark(&["reload"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("hark.sock") && said.contains("hark serve"), "{said}");
    site.restart();
    let (code, said) = site.hark(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    site.stop();
    assert!(!socket.exists(), "the socket of a server that ended is gone");
}

#[test]
fn strange_clients_disturb_nobody() {
    let (site, _folder) = site(true);
    let connect = || UnixStream::connect(site.data().join("hark.sock")).expect("the socket");
    let hanging: Vec<UnixStream> = (0..20).map(|_| connect()).collect();
    for garbage in [&b"\0\xff\n"[..], b"{\"do\":\"dance\"}\n", b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = connect();
        stream.write_all(garbage).expect("a socket can be written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains("\"error\""), "{answer}");
    }
    let (code, said) = site.hark(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(beeps(&dial(&site, "555")), 1);
    drop(hanging);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}
