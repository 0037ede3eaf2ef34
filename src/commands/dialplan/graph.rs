//! `hark dialplan graph`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use hark_engine::dialplan::compile;
use hark_engine::dialplan::graph::graph;

use super::super::{WRONG_INPUT, complain, print};
use super::Files;

/// What to draw, and how.
#[derive(Debug, clap::Args)]
pub struct Graph {
    #[command(flatten)]
    files: Files,
    /// What to write.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to write it; standard output if not given.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only this flow and what can be reached from it.
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only routes, menus and what their author described in `///`: where calls go, on one page.
    #[arg(long)]
    overview: bool,
    /// What stands above the picture.
    #[arg(long, value_name = "TEXT", default_value = "What callers hear")]
    title: String,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// A picture, for every browser.
    #[default]
    Svg,
    /// The text of a Mermaid flowchart, for wikis and pages that draw those.
    Mermaid,
}

impl Graph {
    pub fn run(&self) -> ExitCode {
        let sources = match self.files.sources() {
            Ok(sources) => sources,
            Err(error) => return complain(&error, ExitCode::from(WRONG_INPUT)),
        };
        if let Err(found) = compile(&sources, &self.files.options()) {
            let color = std::io::stderr().is_terminal();
            return complain(&found.render(color), ExitCode::from(WRONG_INPUT));
        }
        let mut picture = graph(&sources);
        if let Some(name) = &self.flow {
            picture = match picture.from_flow(name) {
                Some(part) => part,
                None => {
                    let names: Vec<&str> = picture.flows().collect();
                    let error = format!(
                        "there is no card for a flow `{name}`; there are: {}",
                        names.join(", ")
                    );
                    return complain(&error, ExitCode::from(WRONG_INPUT));
                }
            };
        }
        if self.overview {
            picture = picture.overview();
        }
        let text = match self.format {
            Format::Svg => picture.svg(&self.title),
            Format::Mermaid => picture.mermaid(),
        };
        let Some(path) = &self.output else {
            print(&text);
            return ExitCode::SUCCESS;
        };
        match std::fs::write(path, text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let error = format!("{}: can't be written: {error}", path.display());
                complain(&error, ExitCode::FAILURE)
            }
        }
    }
}
