//! `hark explain`.

use std::process::ExitCode;

use hark_engine::dialplan::explain::{CODES, Code};

use super::{WRONG_INPUT, complain, print};

/// Which code to explain.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The code as it is told: D0301, or 301.
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    code: Option<String>,
    /// List every code.
    #[arg(long)]
    list: bool,
}

impl Explain {
    pub fn run(&self) -> ExitCode {
        let Some(written) = &self.code else {
            print(&list(CODES));
            return ExitCode::SUCCESS;
        };
        match Code::find(written) {
            Ok(code) => {
                print(&code.plain());
                ExitCode::SUCCESS
            }
            Err(near) => complain(&unknown(written, near), ExitCode::from(WRONG_INPUT)),
        }
    }
}

fn unknown(written: &str, near: Vec<&Code>) -> String {
    let mut error = format!("there is no code {written:?}\n");
    if near.is_empty() {
        error.push_str("  mend: `hark explain --list` lists all codes");
    } else {
        error.push_str("  mend: perhaps one of these is meant:\n");
        error.push_str(list(near).trim_end());
    }
    error
}

fn list<'a>(codes: impl IntoIterator<Item = &'a Code>) -> String {
    codes
        .into_iter()
        .map(|code| format!("{}  {:7}  {}\n", code.name(), code.severity.name(), code.title))
        .collect()
}
