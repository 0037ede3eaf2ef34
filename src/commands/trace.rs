//! `hark trace`: reads the files, whether or not the server runs.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use hark_actors::trace::{self, Found, Line, Record};

use super::table::{self, Format};
use super::{ConfigFile, WRONG_INPUT, complain, say};

/// How many calls are listed when nobody says how many.
const USUAL: usize = 10;

/// Show what a past call went through, line by line.
#[derive(Debug, clap::Args)]
pub struct Trace {
    #[command(flatten)]
    config: ConfigFile,
    /// The call's id, as in the log and in the list, or the beginning of it. None: the last calls
    /// are listed.
    #[arg(conflicts_with = "last")]
    call: Option<String>,
    /// List so many of the last calls, the newest first.
    #[arg(long, value_name = "CALLS")]
    last: Option<usize>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Trace {
    pub fn run(self) -> ExitCode {
        let config = match self.config.read() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let storage = &config.storage.dir;
        match &self.call {
            Some(call) => self.show(storage, call),
            None => self.list(storage, self.last.unwrap_or(USUAL)),
        }
    }

    fn show(&self, storage: &Path, call: &str) -> ExitCode {
        match trace::find(storage, call) {
            Ok(Found::One(record)) => match self.format {
                Format::Json => table::json(&record),
                Format::Text => {
                    say(&text(&record, std::io::stdout().is_terminal()));
                    ExitCode::SUCCESS
                }
            },
            Ok(Found::Nothing) => {
                let what = format!(
                    "no trace of a call {call} is in {}\n  mend: `hark trace` lists the last calls; a call is there once it is over",
                    storage.join(trace::FOLDER).display()
                );
                complain(&what, ExitCode::FAILURE)
            }
            Ok(Found::Several(ids)) => {
                let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
                let what = format!("several calls begin so: {}", ids.join(", "));
                complain(&what, ExitCode::from(WRONG_INPUT))
            }
            Err(error) => unreadable(storage, &error),
        }
    }

    fn list(&self, storage: &Path, most: usize) -> ExitCode {
        let records = match trace::last(storage, most) {
            Ok(records) => records,
            Err(error) => return unreadable(storage, &error),
        };
        match self.format {
            Format::Json => table::json(&records),
            Format::Text if records.is_empty() => {
                say(&"no calls yet");
                ExitCode::SUCCESS
            }
            Format::Text => {
                let heads = ["CALL", "WHEN (UTC)", "LASTED", "", "DIALLED → FLOW", "END"];
                say(&table::of(&heads, records.iter().map(row).collect()));
                ExitCode::SUCCESS
            }
        }
    }
}

fn unreadable(storage: &Path, error: &std::io::Error) -> ExitCode {
    let folder = storage.join(trace::FOLDER);
    let what = format!(
        "{}: traces can't be read: {error}\n  mend: run this as the user of the server",
        folder.display()
    );
    complain(&what, ExitCode::FAILURE)
}

fn row(record: &Record) -> Vec<String> {
    vec![
        record.call.to_string(),
        table::time(record.at),
        seconds(record.ms),
        table::way(record.direction).to_owned(),
        format!("{} → {}", record.dialled, record.flow),
        record.end.clone(),
    ]
}

/// The whole of a call: one line that sums it up, and one for each step.
fn text(record: &Record, color: bool) -> String {
    let (dim, plain) = if color { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    let mut text = table::printable(&format!(
        "{}  {}  {}  {} → {}  {}  (dialplan version {}, {})",
        record.call,
        table::time(record.at),
        table::way(record.direction),
        record.dialled,
        record.flow,
        record.end,
        record.version,
        record.hash,
    ));
    let places: Vec<String> = record.lines.iter().map(place).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
    for (line, place) in record.lines.iter().zip(&places) {
        let what = table::printable(&line.what);
        // Writing to a String can't fail.
        let _ = write!(text, "\n{dim}{}  {place:width$}{plain}  {what}", offset(line.ms));
    }
    text
}

fn place(line: &Line) -> String {
    if line.file.is_empty() {
        return "-".to_owned();
    }
    table::printable(&format!("{}:{}", line.file, line.line))
}

/// `+00:03.120`
fn offset(ms: u64) -> String {
    format!("+{:02}:{:02}.{:03}", ms / 60_000, ms / 1000 % 60, ms % 1000)
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(what: &str) -> Record {
        let text = format!(
            r#"{{"call":"7K3M9QXA","at":1795431909999,"ms":63120,"direction":"in","dialled":"1002",
            "flow":"deposit","version":2,"hash":"0123456789abcdef","end":"hung up by Hark","lines":[
            {{"ms":20,"what":"answered"}},
            {{"ms":63120,"file":"deposit.dial","line":12,"what":{what:?}}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_call_is_shown_line_by_line() {
        let shown = text(&record("say \"Goodbye.\""), false);
        assert_eq!(
            shown,
            "7K3M9QXA  2026-11-23T11:05:09Z  in  1002 → deposit  hung up by Hark  \
             (dialplan version 2, 0123456789abcdef)\n\
             +00:00.020  -                answered\n\
             +01:03.120  deposit.dial:12  say \"Goodbye.\""
        );
    }

    #[test]
    fn nothing_in_a_trace_commands_the_terminal() {
        let mut record = record("x");
        record.lines[0].what = "say \"\x1b[2J\x07\"".into();
        let shown = text(&record, false);
        assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "{shown:?}");
    }
}
