//! What an operator does to users and groups while the server runs is in force at once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hark_tests::http::Http;
use hark_tests::live::Live;
use hark_tests::phone::{Phone, PhoneOptions};
use hark_tests::site::{Site, SiteOptions, binary};
use hark_tests::wait;
use rusqlite::Connection;
use serde_json::json;

const PASSWORD: &str = "correct-horse";

/// Runs `hark` with a line on its standard input: its exit code and what it said.
fn hark_with(site: &Site, line: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut process = Command::new(binary())
        .args(args)
        .args(["--config", "hark.toml"])
        .current_dir(site.scratch())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hark runs");
    writeln!(process.stdin.take().expect("an input"), "{line}").expect("it reads");
    let output = process.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn add_dorothea(site: &Site) {
    let args =
        ["user", "add", "dorothea", "--extension", "1009", "--display-name", "Dorothea Dill"];
    let (code, said) = hark_with(site, PASSWORD, &args);
    assert_eq!(code, Some(0), "{said}");
}

fn site() -> Site {
    let more = "[events]\nmanagers = [\"alice\"]\n".to_owned();
    Site::with(SiteOptions { more, ..SiteOptions::default() })
}

/// Has something said to somebody by an event.
#[track_caller]
fn tell(from: &Http, key: &str, to: &str) {
    let event = json!({ "content": { "text": { "en": "A few words." } }, "recipients": [to] });
    let answer = from.request("POST", "/api/v1/events", &[("idempotency-key", key)], Some(&event));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path)
            } else if path.is_file() {
                found.push(path)
            }
        }
    }
    found
}

#[test]
fn a_user_who_is_added_signs_in_and_registers_without_a_restart() {
    let site = site();
    add_dorothea(&site);
    assert!(site.hark(&["user", "list"]).1.contains("dorothea\t1009\tDorothea Dill"));
    let dorothea = Http::new(&site.web());
    dorothea.sign_in("dorothea", PASSWORD);
    let mut phone = Phone::start(PhoneOptions::new(site.udp(), "dorothea", PASSWORD));
    phone.wait_registered();
    // She is written to at once.
    tell(&site.sign_in("alice"), "n", "dorothea");
    dorothea.wait_inbox(1, wait::LATER);
    let args = ["user", "add", "dorothea", "--extension", "1010", "--display-name", "D"];
    let (code, said) = hark_with(&site, PASSWORD, &args);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the name is taken"), "{said}");
    let (code, said) =
        hark_with(&site, "short", &["user", "add", "d", "--extension", "1", "--display-name", "D"]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(hark_with(&site, "8642", &["user", "pin", "dorothea"]).0, Some(0));
    assert_eq!(hark_with(&site, "1234", &["user", "pin", "dorothea"]).0, Some(2));
    assert_eq!(site.hark(&["user", "retention", "dorothea", "--quota-minutes", "7"]).0, Some(0));
    assert_eq!(site.hark(&["user", "hold", "dorothea"]).0, Some(0));
    let standing = dorothea.json("/api/v1/me/retention");
    assert_eq!(
        (&standing["policy"]["quota_minutes"], &standing["hold"]),
        (&json!(7), &json!(true))
    );
    assert_eq!(site.hark(&["user", "retention", "nobody", "--reset"]).0, Some(2));
}

#[test]
fn groups_change_while_the_server_runs() {
    let site = site();
    let alice = site.sign_in("alice");
    let set = ["group", "set", "sales", "bob", "carol"];
    assert_eq!(site.hark(&set).0, Some(0));
    assert_eq!(site.hark(&["group", "list"]).1.trim(), "sales\tbob carol");
    tell(&alice, "g", "group:sales");
    site.sign_in("carol").wait_inbox(1, wait::LATER);
    assert_eq!(site.hark(&["group", "set", "sales", "nobody"]).0, Some(2));
    assert_eq!(site.hark(&["group", "remove", "sales"]).0, Some(0));
    assert_eq!(site.hark(&["group", "remove", "sales"]).0, Some(2));
    assert_eq!(site.hark(&["group", "list"]).1.trim(), "");
}

#[test]
fn who_is_erased_while_the_server_runs_is_out_at_once() {
    let mut site = site();
    add_dorothea(&site);
    let alice = site.sign_in("alice");
    let dorothea = Http::new(&site.web());
    dorothea.sign_in("dorothea", PASSWORD);
    let mut tab = Live::open(&dorothea);
    tab.wait("hello", wait::SOON);
    let mut phone = Phone::start(PhoneOptions::new(site.udp(), "dorothea", PASSWORD));
    phone.wait_registered();
    let made = dorothea
        .post("/api/v1/tokens", &json!({ "name": "door bell", "scopes": ["messages:read"] }));
    assert_eq!(made.status, 201, "{}", made.text());
    let secret = made.json()["secret"].as_str().expect("a secret").to_owned();
    let bearer = format!("Bearer {secret}");
    let with_token = || {
        let stranger = Http::new(&site.web());
        stranger.request("GET", "/api/v1/messages", &[("authorization", &bearer)], None).status
    };
    assert_eq!(with_token(), 200);
    tell(&alice, "a", "dorothea");
    tell(&dorothea, "b", "alice");
    let received = dorothea.wait_inbox(1, wait::LATER);
    alice.wait_inbox(1, wait::LATER);
    let id = received[0]["id"].as_str().expect("an id");
    let made = dorothea.post(&format!("/api/v1/messages/{id}/link"), &json!({}));
    let link = made.json()["url"].as_str().expect("a link").to_owned();
    let link = link[link.find("/m/").expect("its path")..].to_owned();
    assert_eq!(Http::new(&site.web()).get(&link).status, 200);

    // All of it, while the server runs; it can be read by nobody else.
    let (code, said) = site.hark(&["user", "export", "dorothea", "-o", "dorothea.tar"]);
    assert_eq!(code, Some(0), "{said}");
    let listed =
        Command::new("tar").args(["tf", "dorothea.tar"]).current_dir(site.scratch()).output();
    let listed = listed.expect("tar runs");
    assert!(listed.status.success(), "the archive is whole");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.contains("account.json") && listed.contains(&format!("audio/{id}.ogg")),
        "{listed}"
    );
    fs::remove_file(site.scratch().join("dorothea.tar")).expect("it can be removed");
    assert_eq!(site.hark(&["user", "export", "nobody", "-o", "nobody.tar"]).0, Some(2));
    assert!(!site.scratch().join("nobody.tar").exists());

    assert_eq!(site.hark(&["user", "hold", "dorothea"]).0, Some(0));
    let (code, said) = site.hark(&["user", "erase", "dorothea", "--yes"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("hold"), "{said}");
    assert_eq!(dorothea.get("/api/v1/me").status, 200, "nothing was done");
    assert_eq!(site.hark(&["user", "hold", "dorothea", "--release"]).0, Some(0));
    let (code, said) = site.hark(&["user", "erase", "dorothea", "--yes"]);
    assert_eq!(code, Some(0), "{said}");

    assert_eq!(dorothea.get("/api/v1/me").status, 401);
    assert_eq!(Http::new(&site.web()).try_sign_in("dorothea", PASSWORD).status, 401);
    assert_eq!(with_token(), 401);
    assert_eq!(Http::new(&site.web()).get(&link).status, 404);
    tab.wait_closed(wait::SOON);
    let mut again = Phone::start(PhoneOptions::new(site.udp(), "dorothea", PASSWORD));
    again.wait_refused();
    let database = Connection::open(site.data().join("hark.sqlite")).expect("the database");
    let count = |sql: &str| database.query_row(sql, [], |r| r.get::<_, i64>(0)).expect("a count");
    wait::until("her telephone to be forgotten", wait::SOON, || {
        (count("SELECT count(*) FROM bindings WHERE account = 'dorothea'") == 0).then_some(())
    });
    let pending = "SELECT count(*) FROM recipients r JOIN users u ON u.id = r.user
                   WHERE u.erased AND NOT r.finished";
    assert_eq!(count(pending), 0, "nothing waits for her");
    drop(database);
    assert_eq!(alice.inbox()[0]["sender"]["name"], "Former user");
    assert_eq!(site.hark(&["user", "erase", "dorothea", "--yes"]).0, Some(2), "she is nobody");
    let gone = json!({ "content": { "text": { "en": "Hm." } }, "recipients": ["dorothea"] });
    let told = alice.request("POST", "/api/v1/events", &[("idempotency-key", "c")], Some(&gone));
    assert!((400..500).contains(&told.status), "{}", told.text());
    site.stop();
    for file in files(&site.data()) {
        let bytes = fs::read(&file).expect("a file can be read").to_ascii_lowercase();
        let found = bytes.windows(8).any(|window| window == b"dorothea");
        assert!(!found, "the name stands in {}", file.display());
    }
}
