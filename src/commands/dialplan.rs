//! `hark dialplan …`.

mod check;
mod fmt;
mod graph;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use hark_actors::dialplan::{DialplanError, folder, source, sources, with_imports};
use hark_engine::dialplan::{Options, Source, compile_with_warnings, run_tests};

use super::{WRONG_INPUT, complain, say};

/// Look after the .dial files that say what phones hear.
#[derive(Debug, clap::Subcommand)]
pub enum Dialplan {
    /// Look for mistakes; says each with its line, its cause and how to mend it.
    Check(check::Check),
    /// Run the tests that stand in the files.
    Test(Files),
    /// Bring files into the one style; ends with 2 for a file that can't be read, which stays.
    Fmt(fmt::Fmt),
    /// Draw a picture of what callers hear, for people who don't read .dial files.
    Graph(graph::Graph),
}

/// The files of one dialplan.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// .dial files, or folders of them; together they are one dialplan. None: the built-in one.
    paths: Vec<PathBuf>,
    /// Allow the instructions that exist for Hark's own tests.
    #[arg(long, hide = true)]
    test_instructions: bool,
}

impl Dialplan {
    pub fn run(self) -> ExitCode {
        match self {
            Self::Check(check) => check.run(),
            Self::Test(files) => files.test(),
            Self::Fmt(fmt) => fmt.run(),
            Self::Graph(graph) => graph.run(),
        }
    }
}

impl Files {
    fn test(&self) -> ExitCode {
        let sources = match self.sources() {
            Ok(sources) => sources,
            Err(error) => return complain(&error, ExitCode::from(WRONG_INPUT)),
        };
        let color = std::io::stdout().is_terminal();
        let compiled = match compile_with_warnings(&sources, &self.options()) {
            Ok(compiled) => compiled,
            Err(found) => return complain(&found.render(color), ExitCode::from(WRONG_INPUT)),
        };
        let report = run_tests(&compiled.program, &sources);
        say(&report.render(color));
        if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn options(&self) -> Options {
        Options { test_instructions: self.test_instructions, ..Options::default() }
    }

    fn sources(&self) -> Result<Vec<Source>, DialplanError> {
        if self.paths.is_empty() { sources(None) } else { read(&self.paths).map(with_imports) }
    }
}

/// The `.dial` files that the paths name, those of a folder in the order of their names.
fn read(paths: &[PathBuf]) -> Result<Vec<Source>, DialplanError> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            all.extend(folder(path)?);
        } else {
            all.push(source(path)?);
        }
    }
    Ok(all)
}
