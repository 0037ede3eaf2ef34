//! `hark`: the server, and the tools around it.

mod banner;
mod commands;

use std::process::ExitCode;

use clap::Parser;
use commands::Cli;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
