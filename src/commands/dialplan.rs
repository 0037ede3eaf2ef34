//! `hark dialplan …`.

mod check;
mod fmt;
mod graph;
mod lsp;
mod simulate;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use hark_actors::dialplan::{DialplanError, folder, source, sources, with_imports};
use hark_engine::dialplan::{Options, Source};

/// Look after the .dial files that say what phones hear.
#[derive(Debug, clap::Subcommand)]
pub enum Dialplan {
    /// Look for mistakes; says each with its line, its cause and how to mend it.
    Check(check::Check),
    /// Run the tests that stand in the files.
    Test(test::Test),
    /// Bring files into the one style; ends with 2 for a file that can't be read, which stays.
    Fmt(fmt::Fmt),
    /// Draw a picture of what callers hear, for people who don't read .dial files.
    Graph(graph::Graph),
    /// Call the dialplan from the terminal: type keys, see what is spoken, and why.
    Simulate(simulate::Simulate),
    /// Answer an editor on standard input and output (Language Server Protocol).
    Lsp(lsp::Lsp),
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
            Self::Test(test) => test.run(),
            Self::Fmt(fmt) => fmt.run(),
            Self::Graph(graph) => graph.run(),
            Self::Simulate(simulate) => simulate.run(),
            Self::Lsp(lsp) => lsp.run(),
        }
    }
}

impl Files {
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
