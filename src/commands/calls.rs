//! `hark calls`.

use std::process::ExitCode;

use hark_actors::admin::{Request, ask};
use hark_actors::calls::LiveCall;

use super::table::{self, Format};
use super::{ConfigFile, complain, say};

/// List the calls that are up.
#[derive(Debug, clap::Args)]
pub struct Calls {
    #[command(flatten)]
    config: ConfigFile,
    /// Show the numbers of caller and called too.
    #[arg(long)]
    numbers: bool,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Calls {
    pub fn run(self) -> ExitCode {
        let config = match self.config.read() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let request = Request::Calls { numbers: self.numbers };
        let calls = match ask::<Vec<LiveCall>>(&config.storage.dir, &request) {
            Ok(calls) => calls,
            Err(error) => return complain(&error, ExitCode::FAILURE),
        };
        match self.format {
            Format::Json => table::json(&calls),
            Format::Text if calls.is_empty() => {
                say(&"no calls");
                ExitCode::SUCCESS
            }
            Format::Text => {
                say(&table::of(&self.heads(), calls.iter().map(|call| self.row(call)).collect()));
                ExitCode::SUCCESS
            }
        }
    }

    fn heads(&self) -> Vec<&'static str> {
        let mut heads = vec!["CALL", "SINCE (UTC)", "", "FLOW", "VERSION"];
        if self.numbers {
            heads.extend(["FROM", "TO"]);
        }
        heads
    }

    fn row(&self, call: &LiveCall) -> Vec<String> {
        let mut row = vec![
            call.call.to_string(),
            table::time(call.since),
            table::way(call.direction).to_owned(),
            call.flow.clone(),
            call.version.to_string(),
        ];
        if self.numbers {
            let shown = |number: &Option<String>| number.clone().unwrap_or_default();
            row.extend([shown(&call.caller), shown(&call.dialled)]);
        }
        row
    }
}
