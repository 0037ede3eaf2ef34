//! What each code of a diagnostic means, at length: `hark explain D0301`.
//!
//! A code is a line of [`CODES`] and a file of this folder: Markdown that tells what would happen
//! to a caller, with an example that is wrong (```` ```dial wrong ````), which gives the code, and
//! the same mended (```` ```dial right ````). The manual's table, `hark explain --list` and
//! [SARIF](super::diagnostic)'s rules say what stands here.

use super::diagnostic::Severity::{self, Error, Warning};
use super::diagnostic::near;

/// How many codes are suggested where none was found.
const MOST_SUGGESTED: usize = 8;

/// The code of a diagnostic, explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `301` for `D0301`.
    pub number: u16,
    /// Whether it forbids the program.
    pub severity: Severity,
    /// What is wrong, in few words.
    pub title: &'static str,
    /// Why that is wrong, with examples, in Markdown.
    pub text: &'static str,
}

macro_rules! code {
    ($name:ident, $severity:expr, $title:literal) => {
        Code {
            number: number(stringify!($name)),
            severity: $severity,
            title: $title,
            text: include_str!(concat!("explain/", stringify!($name), ".md")),
        }
    };
}

/// Every code, in the order of their numbers.
pub const CODES: &[Code] = &[
    code!(D0001, Error, "a character that means nothing"),
    code!(D0002, Error, "a text without an end"),
    code!(D0003, Error, "a `\\` before something that needs none"),
    code!(D0004, Error, "a number too large, or a unit that is none"),
    code!(D0005, Error, "too deep or too long an expression or block"),
    code!(D0006, Error, "a file longer than 1 MB"),
    code!(D0010, Error, "something else was expected here"),
    code!(D0011, Error, "a `{` without `}`"),
    code!(D0012, Error, "a word that is no instruction, or not here"),
    code!(D0013, Error, "no key of a telephone"),
    code!(D0014, Error, "no number pattern"),
    code!(D0015, Error, "a value in a text that is not closed, or not allowed"),
    code!(D0016, Error, "an instruction behind a menu's answers"),
    code!(D0017, Error, "a word of the language taken as a name"),
    code!(D0019, Error, "`panic` outside of tests of the server"),
    code!(D0020, Error, "no such day or time"),
    code!(D0101, Error, "an unknown name"),
    code!(D0102, Error, "an unknown flow"),
    code!(D0103, Error, "an unknown type"),
    code!(D0104, Error, "an unknown field"),
    code!(D0105, Error, "a name given twice"),
    code!(D0107, Error, "a language that can't be spoken"),
    code!(D0108, Error, "an unknown prompt"),
    code!(D0109, Error, "an unknown function"),
    code!(D0110, Error, "a file to import that does not exist"),
    code!(D0111, Error, "a text without words in a language"),
    code!(D0112, Error, "a translation into the language of the prompts"),
    code!(D0113, Warning, "a translation of a text that is never said"),
    code!(D0114, Error, "an unknown time zone"),
    code!(D0115, Warning, "hours that are never open"),
    code!(D0116, Error, "a field that no web service can answer"),
    code!(D0117, Error, "a language that this dialplan does not speak"),
    code!(D0118, Error, "no name of a recorded prompt"),
    code!(D0201, Error, "another type is needed"),
    code!(D0202, Error, "too many or too few arguments"),
    code!(D0203, Error, "values that can't be compared or added"),
    code!(D0204, Error, "a value that can't be spoken"),
    code!(D0205, Error, "not the same in every call"),
    code!(D0206, Error, "wrong number of plural forms"),
    code!(D0207, Error, "perhaps nobody, and not tested"),
    code!(D0208, Error, "nothing to say"),
    code!(D0209, Error, "out of range"),
    code!(D0210, Warning, "a value that is never used"),
    code!(D0301, Error, "a menu without an answer to silence"),
    code!(D0302, Error, "a menu without an answer to wrong keys"),
    code!(D0303, Error, "a menu without an answer to hang-up, where a recording would be lost"),
    code!(D0304, Error, "silence asked again without end"),
    code!(D0305, Error, "`again` in the answer to a hang-up"),
    code!(D0306, Error, "a flow begun anew without end"),
    code!(D0307, Error, "flows in a circle without a key"),
    code!(D0308, Error, "flows in a circle that pile up"),
    code!(D0309, Error, "flows too deep in one another"),
    code!(D0310, Error, "two answers to one cause"),
    code!(D0311, Error, "keys that can never be chosen"),
    code!(D0312, Warning, "keys that cost a pause"),
    code!(D0313, Error, "a menu's prompt that does more than speak"),
    code!(D0314, Error, "a `record` that does not say what a hang-up does"),
    code!(D0315, Error, "a question in the answer to a hang-up"),
    code!(D0316, Error, "a menu without keys"),
    code!(D0317, Warning, "speaking to nobody"),
    code!(D0318, Error, "a `match` that does not answer every value"),
    code!(D0319, Error, "a number that its own end key cuts off"),
    code!(D0320, Error, "a caller's digits that would be dialled"),
    code!(D0321, Error, "an allow-list that allows every number"),
    code!(D0322, Error, "no address of a web service"),
    code!(D0323, Error, "no telephone number"),
    code!(D0324, Error, "a hang-up that would discard an earlier recording"),
    code!(D0325, Error, "too much work without asking the caller"),
    code!(D0401, Error, "an instruction that is never reached"),
    code!(D0402, Error, "a route that never matches"),
    code!(D0403, Warning, "a flow that is never called"),
    code!(D0404, Error, "two `otherwise`"),
    code!(D0405, Error, "a flow that gives nothing back, and a `return` with a value"),
    code!(D0406, Error, "a path without the result that the flow promises"),
    code!(D0501, Error, "a recording lost"),
    code!(D0502, Error, "a recording used twice"),
    code!(D0503, Error, "a recording used on some paths only"),
    code!(D0504, Error, "`again` without the recording that it needs"),
    code!(D0505, Error, "a recording waiting where a hang-up would lose it"),
    code!(D0507, Error, "no recording, or one under two names"),
    code!(D0508, Error, "a recording used once for each item"),
    code!(D0601, Error, "`send` without `else`"),
    code!(D0602, Error, "a greeting without `else`"),
    code!(D0603, Error, "a question to the store without `else`"),
    code!(D0604, Error, "a change of the mailbox without `else`"),
    code!(D0605, Error, "an `else` that is never reached"),
    code!(D0606, Error, "a web service without `else`"),
    code!(D0607, Error, "`collect` without `else`"),
    code!(D0608, Error, "`connect` or `ring` without `else`"),
    code!(D0701, Error, "no such user in a test"),
    code!(D0702, Error, "a test's expectation that was not met"),
];

impl Code {
    /// The code of this number.
    pub fn of(number: u16) -> Option<&'static Self> {
        CODES.iter().find(|code| code.number == number)
    }

    /// The code that somebody wrote: `D0301`, `d301`, `301`.
    ///
    /// # Errors
    /// With the codes that may have been meant, at most 8, if there is none like that: those of
    /// nearly the same digits, or whose title has the words.
    pub fn find(written: &str) -> Result<&'static Self, Vec<&'static Self>> {
        let written = written.trim();
        let digits = written.strip_prefix(['D', 'd']).unwrap_or(written);
        let number = digits.parse::<u16>().ok();
        if let Some(code) = number.and_then(Self::of) {
            return Ok(code);
        }
        let words = written.to_lowercase();
        let mut meant: Vec<&Self> = CODES
            .iter()
            .filter(|code| match number {
                Some(number) => near(&format!("{number:04}"), &format!("{:04}", code.number)),
                None => !words.is_empty() && code.title.contains(&words),
            })
            .collect();
        // The nearest first; words are as near to one code as to another.
        meant.sort_by_key(|code| number.map_or(0, |number| number.abs_diff(code.number)));
        meant.truncate(MOST_SUGGESTED);
        Err(meant)
    }

    /// `D0301`
    pub fn name(&self) -> String {
        format!("D{:04}", self.number)
    }

    /// The first paragraph of the text, on one line.
    pub fn summary(&self) -> String {
        let paragraph = self.text.split("\n\n").next().unwrap_or("");
        paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// All of it for a terminal: the examples indented, without the marks of Markdown.
    pub fn plain(&self) -> String {
        let warning = match self.severity {
            Severity::Error => "",
            Severity::Warning => " (warning)",
        };
        let mut out = format!("{}{warning}: {}\n\n", self.name(), self.title);
        let mut example = false;
        for line in self.text.lines() {
            if line.starts_with("```") {
                example = !example;
                continue;
            }
            if example && !line.is_empty() {
                out.push_str("    ");
            }
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

/// The digits of `D0301`.
const fn number(name: &str) -> u16 {
    let name = name.as_bytes();
    let (mut number, mut at) = (0, 1);
    while at < name.len() {
        number = number * 10 + (name[at] - b'0') as u16;
        at += 1;
    }
    number
}
