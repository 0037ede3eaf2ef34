//! What Prometheus is told.

use std::io::Write;
use std::process::Command;

use hark_tests::http::Http;
use hark_tests::process::Process;
use hark_tests::site::Site;
use hark_tests::{audio, story, wait};

/// What an operator builds dashboards and alerts on.
const PROMISED: [&str; 19] = [
    "hark_calls",
    "hark_calls_total",
    "hark_call_setup_seconds",
    "hark_media_packets_received_total",
    "hark_media_packets_sent_total",
    "hark_media_late_frames_total",
    "hark_recordings_total",
    "hark_pin_attempts_total",
    "hark_messages",
    "hark_commit_to_notification_seconds",
    "hark_deliveries_total",
    "hark_sip_registrations",
    "hark_sip_auth_failures_total",
    "hark_store_commit_seconds",
    "hark_web_requests_total",
    "hark_dialplan_reloads_total",
    "hark_dialplan_in_force_timestamp_seconds",
    "hark_dialplan_pending_error",
    "hark_traces_dropped_total",
];

#[test]
fn promtool_finds_nothing_wrong() {
    let site = Site::start();
    let _browser = story::browser_of(&site, "bob");
    story::leave_message(&mut site.phone("alice"), "1002", &audio::sentence());
    story::wait_outbox_step(&site.sign_in("alice"), "notified");
    let metrics = site.metrics();
    for name in PROMISED {
        let told = format!("# TYPE {name} ");
        assert!(metrics.contains(&told), "{name} is not among the metrics:\n{metrics}");
    }

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
