//! Which tokens of a line touch, and which arrows stand below one another.

use super::super::lexer::TokenKind;
use super::lines::{Line, Piece};

/// One step of indentation.
const STEP: &str = "    ";
/// The widest part before an arrow that others are aligned with, in characters. It bounds what a
/// file can grow by.
const WIDEST: usize = 60;
/// The words that a `(` behind them does not make a call.
const BEFORE_PAREN: [&str; 28] = [
    "if", "not", "and", "or", "say", "log", "pause", "return", "in", "for", "to", "of", "from",
    "at", "max", "most", "with", "as", "then", "else", "within", "between", "silence", "match",
    "play", "notify", "save", "connect",
];

/// The text that the lines make.
pub fn print(lines: &[Line<'_>]) -> String {
    let drawn: Vec<Drawn> = lines.iter().map(draw).collect();
    let columns = columns(lines, &drawn);
    let mut out = String::new();
    for ((line, drawn), column) in lines.iter().zip(&drawn).zip(columns) {
        if line.blank_before {
            out.push('\n');
        }
        for _ in 0..line.depth {
            out.push_str(STEP);
        }
        let (head, tail) = drawn.text.split_at(drawn.arrow.unwrap_or(0));
        out.push_str(head);
        if let Some(column) = column {
            out.extend(std::iter::repeat_n(' ', column.saturating_sub(drawn.width)));
        }
        out.push_str(tail);
        if let Some(comment) = line.comment {
            if !line.tokens.is_empty() {
                out.push(' ');
            }
            out.push_str(comment);
        }
        out.push('\n');
    }
    out
}

/// A line's tokens with the blanks between them.
struct Drawn {
    text: String,
    /// Where its arrow stands that may be aligned, in bytes.
    arrow: Option<usize>,
    /// What stands before that arrow, in characters.
    width: usize,
}

fn draw(line: &Line<'_>) -> Drawn {
    let mut drawn = Drawn { text: String::new(), arrow: None, width: 0 };
    let aligned = has_arrow_of_its_own(line);
    let tight = line.outermost && is_calendar(line);
    let mut open = 0usize;
    for (at, token) in line.tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| line.tokens.get(at));
        let clock =
            at.checked_sub(2).and_then(|at| line.tokens.get(at)).is_some_and(Piece::is_number);
        if let Some(before) = before
            && !touch(before, token, tight, clock)
        {
            drawn.text.push(' ');
        }
        if token.kind == TokenKind::Arrow && aligned && open == 0 && drawn.arrow.is_none() {
            drawn.arrow = Some(drawn.text.len());
            drawn.width = drawn.text.chars().count();
        }
        if token.opens() {
            open += 1;
        } else if token.closes() {
            open = open.saturating_sub(1);
        }
        drawn.text.push_str(token.text);
    }
    drawn
}

/// The column of each line's arrow: that of the widest of the lines around that have one.
fn columns(lines: &[Line<'_>], drawn: &[Drawn]) -> Vec<Option<usize>> {
    let mut columns = vec![None; lines.len()];
    let mut run: Vec<usize> = Vec::new();
    let mut settle = |run: &mut Vec<usize>| {
        let widest = run.iter().filter_map(|at| drawn.get(*at)).map(|d| d.width).max();
        for at in run.drain(..) {
            if let Some(column) = columns.get_mut(at) {
                *column = widest;
            }
        }
    };
    for (at, (line, one)) in lines.iter().zip(drawn).enumerate() {
        let depth = run.last().and_then(|before| lines.get(*before)).map(|before| before.depth);
        let comment_only = line.tokens.is_empty();
        let has_arrow = one.arrow.is_some();
        if line.blank_before
            || depth.is_some_and(|d| d != line.depth)
            || !(comment_only || has_arrow)
        {
            settle(&mut run);
        }
        if has_arrow && one.width <= WIDEST {
            run.push(at);
        }
    }
    settle(&mut run);
    columns
}

/// Whether the line is an answer, a way of a `match`, or a route: not an instruction or a head
/// that has an arrow too.
fn has_arrow_of_its_own(line: &Line<'_>) -> bool {
    let mut tokens = line.tokens.iter();
    let (Some(first), second) = (tokens.next(), tokens.next()) else { return false };
    let is_flow = line.outermost && matches!(first.text, "flow" | "menu");
    let rings = first.text == "ring" && second.is_none_or(|t| t.kind != TokenKind::Arrow);
    !line.continues && !first.closes() && !is_flow && !rings
}

/// Whether a `-` of the line is no minus: `mon-fri 9:00-17:30`, `2026-12-24`.
fn is_calendar(line: &Line<'_>) -> bool {
    let first = line.tokens.first().map_or("", |token| token.text);
    matches!(first, "hours" | "holidays") || line.continues && first != "->"
}

/// Whether nothing stands between two tokens of a line: `tight` in calendars, and `clock` where a
/// number goes before the two.
fn touch(left: &Piece<'_>, right: &Piece<'_>, tight: bool, clock: bool) -> bool {
    if matches!(left.text, "(" | "[" | ".") || matches!(right.text, ")" | "]" | "." | "," | ";") {
        return true;
    }
    match right.text {
        "?" | ":" => true,
        "}" => left.text == "{",
        "(" => left.is_word() && !BEFORE_PAREN.contains(&left.text),
        "-" => tight,
        _ if left.text == "-" => tight,
        // `9:00`, but `count: 3`
        _ if left.text == ":" => clock && right.is_number(),
        _ => false,
    }
}
