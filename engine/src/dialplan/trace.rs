//! What a run went through, statement by statement, for the author who asks afterwards.
//!
//! A trace shows what the dialplan did, not who called: digits that a caller typed appear only
//! where the dialplan does not keep them secret, and what is secret is shown as [`SECRET`].

use std::time::Duration;

/// The most lines that one call keeps.
pub const MAX_LINES: usize = 2000;
/// The longest [`TraceLine::what`] that is kept, in characters.
pub const LONGEST_WHAT: usize = 400;
/// What stands in the place of a secret.
pub const SECRET: &str = "•";
/// What the last line of a trace says that became too long.
pub const FULL: &str = "… trace full";

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// When, since the call began.
    pub at: Duration,
    /// The number of the source in the program.
    pub source: u32,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// What was done there, as a person reads it: `say "Please leave a message …"`.
    pub what: String,
}

/// The lines of one call, [`MAX_LINES`] at most and one more that says so.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    lines: Vec<TraceLine>,
    kept: usize,
}

impl Trace {
    /// Keeps a line, cut to [`LONGEST_WHAT`]; beyond [`MAX_LINES`] none.
    pub fn note(&mut self, mut line: TraceLine) {
        if self.kept > MAX_LINES {
            return;
        }
        if self.kept == MAX_LINES {
            FULL.clone_into(&mut line.what);
        } else if let Some((end, _)) = line.what.char_indices().nth(LONGEST_WHAT) {
            line.what.truncate(end);
            line.what.push('…');
        }
        self.kept += 1;
        self.lines.push(line);
    }

    /// Hands out the lines since the last time. What was handed out still counts.
    pub fn take(&mut self) -> Vec<TraceLine> {
        std::mem::take(&mut self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str) -> TraceLine {
        TraceLine { at: Duration::ZERO, source: 0, line: 1, column: 1, what: what.to_owned() }
    }

    #[test]
    fn a_trace_that_is_full_says_so_once_and_grows_no_more() {
        let mut trace = Trace::default();
        for _ in 0..MAX_LINES {
            trace.note(line("again"));
        }
        assert_eq!(trace.take().len(), MAX_LINES);
        trace.note(line("one too many"));
        trace.note(line("two too many"));
        let rest = trace.take();
        assert_eq!(rest.iter().map(|l| l.what.as_str()).collect::<Vec<_>>(), [FULL]);
        trace.note(line("three too many"));
        assert_eq!(trace.take(), []);
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let mut trace = Trace::default();
        trace.note(line(&"ü".repeat(LONGEST_WHAT)));
        trace.note(line(&"ü".repeat(LONGEST_WHAT + 1)));
        let lines = trace.take();
        assert_eq!(lines[0].what, "ü".repeat(LONGEST_WHAT));
        assert_eq!(lines[1].what, "ü".repeat(LONGEST_WHAT) + "…");
    }
}
