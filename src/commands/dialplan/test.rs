//! `hark dialplan test`.

use std::io::IsTerminal;
use std::process::ExitCode;

use hark_engine::dialplan::{TestReport, compile, run_tests_with};

use super::super::{WRONG_INPUT, complain, print, say};
use super::Files;

/// Which tests to run, and how to tell what became of them.
#[derive(Debug, clap::Args)]
pub struct Test {
    #[command(flatten)]
    files: Files,
    /// Only the tests that have this in their name or in their file's name.
    #[arg(long, value_name = "WORD")]
    filter: Option<String>,
    /// Tell what of the dialplan no test goes through, with file and line.
    #[arg(long)]
    coverage: bool,
    /// End with 1 if the tests go through less than this of the dialplan.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min: Option<u8>,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// For people: a line a test, and each failure with its source.
    #[default]
    Rendered,
    /// One JSON document, for scripts; holds the coverage in any case.
    Json,
}

impl Test {
    pub fn run(&self) -> ExitCode {
        let sources = match self.files.sources() {
            Ok(sources) => sources,
            Err(error) => return complain(&error, ExitCode::from(WRONG_INPUT)),
        };
        let program = match compile(&sources, &self.files.options()) {
            Ok(program) => program,
            Err(found) => {
                let color = std::io::stderr().is_terminal();
                return complain(&found.render(color), ExitCode::from(WRONG_INPUT));
            }
        };
        let word = self.filter.as_deref().unwrap_or("");
        let report = run_tests_with(&program, &sources, word);
        if report.cases.is_empty() && self.filter.is_some() {
            let error = format!("no test has `{word}` in its name");
            return complain(&error, ExitCode::from(WRONG_INPUT));
        }
        match self.format {
            Format::Rendered => self.rendered(&report),
            Format::Json => print(&report.json()),
        }
        let percent = report.coverage.percent();
        let least = usize::from(self.min.unwrap_or(0));
        if percent < least {
            let error = format!(
                "the tests go through {percent} % of the dialplan, and --min asks for {least} %"
            );
            return complain(&error, ExitCode::FAILURE);
        }
        if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn rendered(&self, report: &TestReport) {
        say(&report.render(std::io::stdout().is_terminal()).trim_end());
        if self.coverage || self.min.is_some() {
            say(&report.coverage.render().trim_end());
        }
    }
}
