//! `hark reload`.

use std::fmt::Write as _;
use std::process::ExitCode;

use hark_actors::admin::{Request, ask};
use hark_actors::dialplan::Outcome;
use hark_actors::reload::Report;

use super::{ConfigFile, WRONG_INPUT, complain, say};

/// Let the running server read its dialplan anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code: 0 when what stands in the files is in force, 2 when it is wrong and the old dialplan \
stays in force, 1 when no server runs or something else failed.")]
pub struct Reload {
    #[command(flatten)]
    config: ConfigFile,
}

impl Reload {
    pub fn run(self) -> ExitCode {
        let config = match self.config.read() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let report = match ask::<Report>(&config.storage.dir, &Request::Reload {}) {
            Ok(report) => report,
            Err(error) => return complain(&error, ExitCode::FAILURE),
        };
        let text = text(&report);
        if !report.dialplan.outcome.is_success() {
            return complain(&text, ExitCode::from(WRONG_INPUT));
        }
        if !report.is_success() {
            return complain(&text, ExitCode::FAILURE);
        }
        say(&text);
        ExitCode::SUCCESS
    }
}

fn text(report: &Report) -> String {
    let dialplan = &report.dialplan;
    let said = match dialplan.outcome {
        Outcome::Replaced => "the new dialplan is in force",
        Outcome::Unchanged => "the dialplan is the same: nothing is replaced",
        Outcome::Wrong => "the dialplan is wrong: the old one stays in force",
        Outcome::TestsFailed => "the dialplan's tests fail: the old one stays in force",
        Outcome::Unreadable => "the dialplan can't be read: the old one stays in force",
    };
    let said = format!("{said} (version {}, {})", dialplan.version, dialplan.hash);
    let mut text = if dialplan.outcome.is_success() {
        // Warnings and the count of tests, then what they led to.
        format!("{}{said}", dialplan.text)
    } else {
        format!("{said}\n{}", dialplan.text.trim_end())
    };
    for part in &report.parts {
        let how = if part.ok { "" } else { "not reloaded: " };
        // Writing to a String can't fail.
        let _ = write!(text, "\n{}: {how}{}", part.name, part.text);
    }
    text
}
