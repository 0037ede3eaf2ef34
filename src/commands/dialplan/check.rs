//! `hark dialplan check`.

use std::io::IsTerminal;
use std::process::ExitCode;

use hark_engine::dialplan::diagnostic::Severity;
use hark_engine::dialplan::explain::Code;
use hark_engine::dialplan::{Diagnostics, check};

use super::super::{WRONG_INPUT, complain, print, say};
use super::Files;

/// What to look through, and how to tell what is found.
#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    files: Files,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// End with 2 where there are warnings only, too.
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// For people, with the lines that it is about.
    #[default]
    Rendered,
    /// One JSON document, for scripts.
    Json,
    /// SARIF 2.1.0, for code reviews and editors.
    Sarif,
}

impl Check {
    pub fn run(&self) -> ExitCode {
        let sources = match self.files.sources() {
            Ok(sources) => sources,
            Err(error) => return complain(&error, ExitCode::from(WRONG_INPUT)),
        };
        let found = check(&sources, &self.files.options());
        match self.format {
            Format::Rendered => rendered(&found, sources.len()),
            Format::Json => print(&found.json()),
            Format::Sarif => print(&found.sarif()),
        }
        if found.has_errors() || (self.deny_warnings && !found.is_empty()) {
            return ExitCode::from(WRONG_INPUT);
        }
        ExitCode::SUCCESS
    }
}

fn rendered(found: &Diagnostics, files: usize) {
    if !found.is_empty() {
        say(&found.render(std::io::stdout().is_terminal()));
    }
    if let Some(code) = found.iter().next().and_then(|first| Code::of(first.code)) {
        say(&format_args!("`hark explain {}` tells more of the first.", code.name()));
    }
    match (found.count(Severity::Error), found.count(Severity::Warning)) {
        (0, 0) => say(&format_args!("{files} file(s): no errors")),
        (0, warnings) => say(&format_args!("{files} file(s): no errors, {warnings} warning(s)")),
        (errors, warnings) => {
            say(&format_args!("{files} file(s): {errors} error(s), {warnings} warning(s)"));
        }
    }
}
