//! The instruction and the braces that the cursor stands in, by the tokens before it.

use super::super::ast::Span;
use super::super::lexer::{Token, TokenKind};
use super::super::parser;
use super::place::Place;

/// What a brace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    Nothing,
    Block,
    Menu,
    Match,
    Test,
    Json,
    Language,
    /// The values for a web service.
    Sent,
}

/// Whether the word at the cursor begins its line.
fn begins_line(place: &Place<'_>) -> bool {
    let from = place.back(0).map_or(place.offset, |t| t.span.end).saturating_sub(place.offset);
    let to = place.word.start.saturating_sub(place.offset);
    place.before.is_empty()
        || place.text.get(from as usize..to as usize).is_some_and(|gap| gap.contains('\n'))
}

/// The tokens of the instruction that the cursor stands in, up to it.
pub(super) fn statement(place: &Place<'_>) -> Vec<Token> {
    if begins_line(place) && !in_parens(place) {
        return Vec::new();
    }
    let mut depth = 0u32;
    let mut stmt = Vec::new();
    for token in place.before.iter().rev() {
        let word = place.text_of(token.span);
        match token.kind {
            TokenKind::RightParen | TokenKind::RightBracket => depth += 1,
            TokenKind::LeftParen | TokenKind::LeftBracket => depth = depth.saturating_sub(1),
            TokenKind::Semicolon | TokenKind::LeftBrace | TokenKind::RightBrace => break,
            TokenKind::Word if depth == 0 && matches!(word, "else" | "then") => break,
            _ => {}
        }
        stmt.push(*token);
        if token.first_of_line && depth == 0 {
            break;
        }
    }
    stmt.reverse();
    stmt
}

/// Whether a parenthesis or bracket is open at the cursor.
pub(super) fn in_parens(place: &Place<'_>) -> bool {
    let mut depth = 0i32;
    for token in place.before.iter().rev() {
        match token.kind {
            TokenKind::RightParen | TokenKind::RightBracket => depth += 1,
            TokenKind::LeftParen | TokenKind::LeftBracket if depth == 0 => return true,
            TokenKind::LeftParen | TokenKind::LeftBracket => depth -= 1,
            TokenKind::LeftBrace | TokenKind::RightBrace | TokenKind::Semicolon => return false,
            _ => {}
        }
    }
    false
}

/// What the innermost open brace before the cursor holds.
pub(super) fn around(place: &Place<'_>) -> Around {
    let mut open: Vec<usize> = Vec::new();
    for (at, token) in place.before.iter().enumerate() {
        let word = place.text_of(token.span);
        match token.kind {
            TokenKind::LeftBrace => open.push(at),
            TokenKind::RightBrace => drop(open.pop()),
            // What begins in the first column is an item, whatever was forgotten before it.
            TokenKind::Word
                if token.first_of_line
                    && first_column(place, token.span)
                    && parser::ITEMS.contains(&word) =>
            {
                open.clear();
            }
            _ => {}
        }
    }
    let Some(brace) = open.pop() else { return Around::Nothing };
    let mut head = brace;
    while let Some(before) = head.checked_sub(1) {
        let token = place.before[before];
        let divides = matches!(
            token.kind,
            TokenKind::Semicolon | TokenKind::LeftBrace | TokenKind::RightBrace
        ) || (token.kind == TokenKind::Arrow && !is_result(place, before))
            || matches!(place.text_of(token.span), "else" | "then");
        if divides {
            break;
        }
        head = before;
        if token.first_of_line {
            break;
        }
    }
    let word = |at: usize| place.before.get(at).map_or("", |t| place.text_of(t.span));
    match word(head) {
        "menu" => Around::Menu,
        "match" => Around::Match,
        "test" => Around::Test,
        "json" => Around::Json,
        "language" => Around::Language,
        _ if word(head + 1) == "=" && word(head + 2) == "webhook" => Around::Sent,
        _ => Around::Block,
    }
}

/// Whether the arrow at a place is that of a flow's result.
fn is_result(place: &Place<'_>, arrow: usize) -> bool {
    let line = place.before[..arrow].iter().rposition(|t| t.first_of_line);
    line.is_some_and(|at| place.text_of(place.before[at].span) == "flow")
}

fn first_column(place: &Place<'_>, span: Span) -> bool {
    let at = span.start.saturating_sub(place.offset) as usize;
    at == 0 || place.text.as_bytes().get(at - 1) == Some(&b'\n')
}
