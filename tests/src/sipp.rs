//! sipp, as a caller with a scenario of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::wait;

/// A running scenario.
pub struct Sipp {
    process: Process,
    folder: TempDir,
}

/// What sipp is told.
pub struct Scenario<'a> {
    /// The scenario's file.
    pub path: &'a Path,
    /// The number to call: `[service]` in the scenario.
    pub number: &'a str,
    /// How many calls, all at once.
    pub calls: usize,
}

impl Sipp {
    /// Starts a scenario against `server`.
    #[track_caller]
    pub fn start(server: SocketAddr, scenario: &Scenario<'_>) -> Self {
        let folder =
            tempfile::Builder::new().prefix("hark-sipp-").tempdir().expect("a temporary folder");
        let calls = scenario.calls.to_string();
        let mut command = Command::new("sipp");
        command.current_dir(folder.path());
        command.arg(server.to_string()).arg("-sf").arg(scenario.path).args(["-s", scenario.number]);
        command.args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin", "-trace_err"]);
        command.args([
            "-m",
            &calls,
            "-l",
            &calls,
            "-r",
            &calls,
            "-timeout",
            "120",
            "-timeout_error",
        ]);
        Self { process: Process::start("sipp", command), folder }
    }

    /// Waits for its end; every call must have gone as written.
    #[track_caller]
    pub fn wait_success(&mut self) {
        let status = self.process.wait_exit(wait::LATER + Duration::from_secs(60));
        assert!(status.success(), "sipp: {status}\n{}", self.errors());
    }

    fn errors(&self) -> String {
        let entries = std::fs::read_dir(self.folder.path()).expect("sipp's folder");
        entries
            .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
            .fold(String::new(), |all, text| all + &text)
    }
}
