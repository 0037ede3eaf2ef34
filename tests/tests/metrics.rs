//! What Prometheus is told.

use std::io::Write;
use std::process::Command;

use hark_tests::http::Http;
use hark_tests::process::Process;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};

#[test]
fn promtool_finds_nothing_wrong() {
    let site = Site::start();
    let _browser = story::browser_of(&site, "bob");
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    story::wait_outbox_step(&site.sign_in("alice"), "notified");
    let metrics = site.metrics();

    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]);
    let mut promtool = Process::start("promtool", command);
    promtool.stdin().write_all(metrics.as_bytes()).expect("promtool reads");
    let status = promtool.wait_exit(wait::SOON);
    assert!(status.success() && promtool.output().is_empty(), "{status}\n{}", promtool.output());
}

#[test]
fn health_is_told_apart_from_readiness() {
    let site = Site::start();
    let anybody = Http::new(&site.web());
    assert_eq!(anybody.get("/healthz").status, 200);
    assert_eq!(anybody.get("/readyz").status, 200);
}
