//! How commands show lists: as columns for people, as JSON for programs.

use std::process::ExitCode;

use hark_actors::recording::date::rfc3339;
use hark_actors::trace::Way;
use hark_engine::time::UnixMillis;
use serde::Serialize;

use super::{complain, say};

/// For whom something is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Prints the value as JSON.
pub fn json(value: &impl Serialize) -> ExitCode {
    match serde_json::to_string_pretty(value) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => complain(&error, ExitCode::FAILURE),
    }
}

/// Rows under their heads, each column as wide as its widest entry.
pub fn of(heads: &[&str], rows: Vec<Vec<String>>) -> String {
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    let mut all = vec![heads];
    all.extend(rows);
    for entry in all.iter_mut().flatten() {
        *entry = printable(entry);
    }
    let columns = all.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let entries = all.iter().filter_map(|row| row.get(column));
        entries.map(|entry| entry.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let lines = all.iter().map(|row| {
        let entries = row.iter().zip(&widths);
        let line: Vec<String> = entries.map(|(entry, &width)| format!("{entry:width$}")).collect();
        line.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a telephone or a file said, without what would command the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// `2026-11-23T11:05:09Z`
pub fn time(at: UnixMillis) -> String {
    rfc3339(at)
}

/// `in` or `out`.
pub const fn way(way: Way) -> &'static str {
    match way {
        Way::In => "in",
        Way::Out => "out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_entry() {
        let rows = vec![
            vec!["7K3M9QXA".into(), "1002 → deposit".into(), "x".into()],
            vec!["8".into(), "1".into(), String::new()],
        ];
        let table = of(&["CALL", "FLOW", ""], rows);
        assert_eq!(table, "CALL      FLOW\n7K3M9QXA  1002 → deposit  x\n8         1");
    }
}
