//! What formatting would change, line by line.

use std::fmt::Write as _;

/// How many lines are shown before and behind a change.
const AROUND: usize = 3;

/// What `format` made of a text, in the form of a unified diff; empty if nothing. Formatting
/// keeps every line that is not empty, so lines are paired by their order.
pub fn difference(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let changes = changes(before, after);
    let mut out = format!("--- {name}\n+++ {name}\n");
    let mut at = 0;
    while let Some(first) = (at..changes.len()).find(|at| changes[*at].is_change()) {
        let start = first.saturating_sub(AROUND).max(at);
        let mut end = first;
        // Changes with few lines between them are shown together.
        while let Some(next) =
            (end..changes.len().min(end + 2 * AROUND + 1)).find(|next| changes[*next].is_change())
        {
            end = next + 1;
        }
        at = (end + AROUND).min(changes.len());
        hunk(&changes, start..at, &mut out);
    }
    out
}

/// A line of either text, or the same line of both.
enum Change<'a> {
    Same(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

impl Change<'_> {
    fn is_change(&self) -> bool {
        !matches!(self, Self::Same(_))
    }
}

fn hunk(changes: &[Change<'_>], range: std::ops::Range<usize>, out: &mut String) {
    let count = |list: &[Change<'_>], side: fn(&Change<'_>) -> bool| {
        list.iter().filter(|change| side(change)).count()
    };
    let old = |change: &Change<'_>| !matches!(change, Change::Added(_));
    let new = |change: &Change<'_>| !matches!(change, Change::Removed(_));
    let (passed, shown) = (&changes[..range.start], &changes[range]);
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "@@ -{},{} +{},{} @@",
        count(passed, old) + 1,
        count(shown, old),
        count(passed, new) + 1,
        count(shown, new),
    );
    // Of lines that change together, first how they are, then how they will be.
    for together in shown.chunk_by(|a, b| a.is_change() == b.is_change()) {
        for change in together {
            match change {
                Change::Same(line) => show(' ', line, out),
                Change::Removed(line) => show('-', line, out),
                Change::Added(_) => {}
            }
        }
        for change in together {
            if let Change::Added(line) = change {
                show('+', line, out);
            }
        }
    }
}

fn show(mark: char, line: &str, out: &mut String) {
    out.push(mark);
    // A carriage return would be drawn over.
    out.push_str(&line.replace('\r', "␍"));
    out.push('\n');
}

fn changes<'a>(before: &'a str, after: &'a str) -> Vec<Change<'a>> {
    let lines = |text: &'a str| text.strip_suffix('\n').unwrap_or(text).split('\n');
    let (mut old, mut new) = (lines(before).peekable(), lines(after).peekable());
    let mut changes = Vec::new();
    loop {
        let is_empty = |line: &str| line.trim().is_empty();
        match (old.peek().copied(), new.peek().copied()) {
            (None, None) => return changes,
            (Some(one), Some(other)) if one == other => changes.push(Change::Same(one)),
            (Some(one), other) if is_empty(one) || other.is_none() => {
                changes.push(Change::Removed(one));
                old.next();
                continue;
            }
            (one, Some(other)) if is_empty(other) || one.is_none() => {
                changes.push(Change::Added(other));
                new.next();
                continue;
            }
            (Some(one), Some(other)) => {
                changes.push(Change::Removed(one));
                changes.push(Change::Added(other));
            }
            (Some(_), None) | (None, Some(_)) => return changes,
        }
        old.next();
        new.next();
    }
}
