//! Which calls are up, and what past calls went through.

use hark_tests::call::Call;
use hark_tests::peer::Account;
use hark_tests::site::Site;
use hark_tests::{story, wait};
use serde_json::Value;

fn json(site: &Site, args: &[&str]) -> Value {
    let (code, said) = site.hark(&[args, &["--format", "json"]].concat());
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}:\n{said}"))
}

#[test]
fn a_call_is_listed_while_it_is_up_and_traced_when_it_is_over() {
    let mut site = Site::start();
    let visitor = Account::stranger(site.udp());
    let mut call = Call::dial(&visitor, "1002").unwrap_or_else(|no| panic!("{}", no.start));
    story::wait_beep(&call);

    let live = json(&site, &["calls"]);
    let id = live[0]["call"].as_str().expect("an id").to_owned();
    // Out of hours it is `deposit_when_closed`.
    let flow = live[0]["flow"].as_str().expect("a flow");
    assert!(flow.starts_with("deposit"), "{flow}");
    assert_eq!(live[0]["direction"], "in");
    let (_, said) = site.hark(&["calls"]);
    assert!(said.contains(&id) && !said.contains("1002") && !said.contains("visitor"), "{said}");
    let (_, said) = site.hark(&["calls", "--numbers"]);
    assert!(said.contains("1002") && said.contains("visitor"), "{said}");
    let (code, said) = site.hark(&["trace", &id]);
    assert_eq!(code, Some(1), "it is not over: {said}");

    call.hang_up();
    wait::until("the call to be over", wait::SOON, || {
        json(&site, &["trace", "--last", "5"])[0]["call"].is_string().then_some(())
    });
    assert_eq!(json(&site, &["calls"]).as_array().map(Vec::len), Some(0));
    let log = site.output();
    assert!(log.contains(&id), "the log does not name the call:\n{log}");

    // The files are all that is needed.
    site.stop();
    let (code, said) = site.hark(&["trace"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&id) && said.contains("1002 → deposit"), "{said}");
    let (code, said) = site.hark(&["trace", &id.to_lowercase()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("answered") && said.contains("hung up by the telephone"), "{said}");
    // The dialplan's own steps, each with its line.
    assert!(said.contains("deposit.dial:"), "{said}");
    assert!(said.contains("say (en) \"Please leave a message"), "{said}");
    assert!(!said.contains("visitor"), "who called is not in a trace:\n{said}");
    let record = json(&site, &["trace", &id]);
    assert_eq!(record["version"], 1);
    assert!(record["ms"].as_u64().is_some_and(|ms| ms > 0), "{record}");
}

#[test]
fn a_call_that_nobody_made_has_no_trace() {
    let site = Site::start();
    let (code, said) = site.hark(&["trace", "7K3M9QXA"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("7K3M9QXA") && said.contains("mend"), "{said}");
    let (code, said) = site.hark(&["trace"]);
    assert_eq!(code, Some(0), "{said}");
}
