//! `hark dialplan lsp`.

use std::process::ExitCode;

use super::super::complain;

/// Answer an editor.
#[derive(Debug, clap::Args)]
pub struct Lsp {
    /// What many editors add to the command; there is no other way.
    #[arg(long = "stdio", hide = true)]
    _stdio: bool,
}

impl Lsp {
    pub fn run(&self) -> ExitCode {
        match hark_actors::lsp::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error, ExitCode::FAILURE),
        }
    }
}
