//! Profiles, their dry run, and the verification of devices.

use hark_engine::id::UserId;
use serde_json::{Value, json};

use super::harness::start;

const BOB: UserId = UserId(2);

#[test]
fn a_profile_is_judged_kept_and_read_back_as_data_and_as_text() {
    let server = start();
    let bob = server.client("bob");
    let put = |profile: Value| bob.send("PUT", "/api/v1/me/profile", &[], Some(profile));
    let text = "when absent and mon-fri 9:00-18:00: ring mobile 2 times every 60s for 30s, then notify work\n";
    let devices = json!([
        {"name": "mobile", "kind": "number", "number": "+49 30 1", "verified": true},
        {"name": "work", "kind": "email", "address": "bob@example.org"},
    ]);
    let answer = put(json!({"devices": devices, "rules_text": text, "zone": "Europe/Berlin"}));
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let kept = bob.get("/api/v1/me/profile").json();
    assert_eq!(kept["rules_text"], text);
    assert_eq!(kept["devices"][0]["verified"], false, "a client's word counts for nothing");
    assert_eq!(kept["rules"][0]["do"][0]["ring"]["attempts"], 2);
    assert_eq!(put(kept.clone()).status, 200, "what is read can be written back");

    let mut torn = kept;
    torn["rules"] = json!([]);
    assert_eq!(put(torn).status, 400, "data and text that disagree");
    for (profile, said) in [
        (json!({"rules_text": "when asleep: stop"}), "line 1: 'asleep' is no condition"),
        (json!({"rules": [{"do": {"ring": {"device": "moon"}}}]}), "rule 1: rings 'moon'"),
        (json!({"rules": [{"when": {"hours": ["noon"]}, "do": "stop"}]}), "write them like"),
        (json!({"zone": "Berlin"}), "did you mean `Europe/Berlin`?"),
        (
            json!({"devices": [{"name": "m", "kind": "number", "number": "+49", "trunk": "x"}]}),
            "no trunk 'x'",
        ),
        (json!({"rules": [{"do": {"escalate": {"to": "mallory"}}}]}), "no user 'mallory'"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let answer = put(profile);
        assert_eq!(answer.status, 400);
        let message = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn a_dry_run_tells_what_would_happen() {
    let server = start();
    let bob = server.client("bob");
    let ask = |assumed: Value| {
        let answer = bob.send("POST", "/api/v1/me/profile/explain", &[], Some(assumed));
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        answer.json()["lines"].to_string()
    };
    assert!(ask(json!({"presence": ["present"], "looks": true})).contains("the pop-up was seen"));
    let profile = json!({
        "devices": [{"name": "desk", "kind": "registered-phone"}],
        "rules_text": "when from alice and urgent: ring desk once",
    });
    let told =
        ask(json!({"profile": profile, "presence": ["absent"], "sender": "alice", "urgent": true}));
    assert!(told.contains("rings desk (attempt 1 of 1)") && told.contains("no answer"), "{told}");
    let told = ask(json!({"profile": profile, "presence": ["absent"], "sender": "carol"}));
    assert!(told.contains("the sender is none of those"), "{told}");
    assert!(!told.contains("rings desk"));
}

#[test]
fn only_what_was_verified_is_used_and_codes_are_limited() {
    let server = start();
    let bob = server.client("bob");
    let devices = json!([
        {"name": "work", "kind": "email", "address": "bob@example.org"},
        {"name": "rich", "kind": "number", "number": "+1900"},
        {"name": "desk", "kind": "registered-phone"},
    ]);
    let set = bob.send("PUT", "/api/v1/me/profile", &[], Some(json!({"devices": devices})));
    assert_eq!(set.status, 200);
    let verify = |device: &str, code: Option<&str>| {
        let path = format!("/api/v1/me/devices/{device}/verify");
        match code {
            Some(code) => bob.send("PUT", &path, &[], Some(json!({"code": code}))),
            None => bob.send("POST", &path, &[], Some(json!({}))),
        }
    };
    assert_eq!(verify("moon", None).status, 404);
    assert_eq!(verify("desk", None).status, 409, "it needs none");
    assert_eq!(verify("rich", None).status, 409, "the operator does not allow it");
    assert_eq!(verify("work", Some("123456")).status, 400, "none was sent");
    let address = "mailto:bob@example.org";
    let now = crate::clock::wall();
    let kept = server.runtime.block_on(server.store.keep_code(BOB, address, "271828", now));
    kept.unwrap().unwrap();
    assert_eq!(verify("work", Some("271 828")).status, 200);
    let profile = bob.get("/api/v1/me/profile").json();
    assert_eq!(profile["devices"][0]["verified"], true);
    assert_eq!(profile["devices"][1]["verified"], false);
}

#[test]
fn recipients_outside_are_found_by_policy_and_are_nobody_elsewhere() {
    use crate::outside::{OutsideError, Recipient};
    let server = start();
    let resolve = |names: &[&str]| {
        let names: Vec<_> = names
            .iter()
            .map(|address| Recipient::Address { address: (*address).to_owned() })
            .collect();
        server.runtime.block_on(server.outside.resolve(Some(BOB), &names))
    };
    let found =
        resolve(&["+49 30 1", "+49301", "bob@example.org", "1001", "sip:alice@hark.example"]);
    let found = found.unwrap();
    assert_eq!(found.len(), 3, "each once, and ours are users: {found:?}");
    assert_eq!(found[0].0, 1, "alice, by extension and by address");
    assert_eq!(resolve(&["+49301"]).unwrap(), found[1..2].to_vec(), "the same row again");
    assert!(matches!(resolve(&["+1900"]), Err(OutsideError::Refused(_))));
    assert!(matches!(resolve(&["nonsense"]), Err(OutsideError::Refused(_))));
    let by_id =
        server.runtime.block_on(server.outside.resolve(Some(BOB), &[Recipient::Id(found[1])]));
    assert!(matches!(by_id, Err(OutsideError::NoUser)), "ids tell no numbers");
    let users = server.runtime.block_on(server.store.users()).unwrap();
    assert_eq!(users.len(), 3);
    let directory = server.outside.users.directory();
    assert_eq!(directory.user(found[1]).unwrap().display_name, "+49301");
    assert!(
        directory.by_name("tel:+49301").is_none() && directory.by_extension("tel:+49301").is_none()
    );
    assert_eq!(directory.users().len(), 3);
    let profile = server.runtime.block_on(server.store.profile(found[1])).unwrap();
    assert!(profile.devices[0].usable());
}
