//! What stands on each line.

use super::super::lexer::{Token, TokenKind, lex};

/// A line that is not empty.
#[derive(Debug, Default)]
pub struct Line<'a> {
    /// Its tokens; none if it is a comment only.
    pub tokens: Vec<Piece<'a>>,
    /// The comment that ends it, with its slashes.
    pub comment: Option<&'a str>,
    /// Whether an empty line goes before it.
    pub blank_before: bool,
    /// How far it is indented, in steps.
    pub depth: usize,
    /// Whether it goes on with what an earlier line began.
    pub continues: bool,
    /// Whether it stands outside of all braces.
    pub outermost: bool,
}

/// A token as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub text: &'a str,
    pub kind: TokenKind,
}

impl Piece<'_> {
    pub fn is_word(&self) -> bool {
        self.kind == TokenKind::Word
    }

    pub fn is_number(&self) -> bool {
        matches!(self.kind, TokenKind::Number(_))
    }

    pub fn opens(&self) -> bool {
        matches!(self.text, "{" | "(" | "[")
    }

    pub fn closes(&self) -> bool {
        matches!(self.text, "}" | ")" | "]")
    }
}

/// The lines of a text that lexes without an error, so that only blanks and comments stand
/// between its tokens.
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let mut reader = Reader { done: Vec::new(), line: Line::default(), blank: false };
    let mut at = 0;
    for token in tokens(text) {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        reader.gap(text.get(at..start).unwrap_or(""));
        if token.kind == TokenKind::End {
            break;
        }
        let written = text.get(start..end).unwrap_or("");
        reader.line.tokens.push(Piece { text: written, kind: token.kind });
        at = end;
    }
    reader.end_line();
    reader.done
}

fn tokens(text: &str) -> Vec<Token> {
    lex(0, text, 0, &mut Vec::new()).tokens
}

struct Reader<'a> {
    done: Vec<Line<'a>>,
    line: Line<'a>,
    /// Whether an empty line was passed.
    blank: bool,
}

impl<'a> Reader<'a> {
    /// What stands between two tokens.
    fn gap(&mut self, gap: &'a str) {
        for (number, part) in gap.split('\n').enumerate() {
            if number > 0 {
                self.end_line();
            }
            let comment = part.trim_start_matches('\u{feff}').trim();
            if !comment.is_empty() {
                self.line.comment = Some(comment);
            } else if number > 0 {
                // The line of the next token, or an empty one: `end_line` tells them apart.
                self.line.comment = None;
            }
        }
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if line.tokens.is_empty() && line.comment.is_none() {
            self.blank = true;
            return;
        }
        line.blank_before = std::mem::take(&mut self.blank);
        self.done.push(line);
    }
}
