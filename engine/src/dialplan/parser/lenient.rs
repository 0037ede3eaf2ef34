//! Reading a file in which braces are missing, for editors: while its author writes, a block is
//! often not closed yet, and the items behind it are wanted nonetheless.

use super::super::Source;
use super::super::ast::{File, Span};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::{Token, TokenKind, lex};
use super::{ITEMS, Parser, parse};

/// The code of a block without an end.
const UNCLOSED: u16 = 11;

/// As [`parse`]; but where a block has no end, it ends before the next line that begins an item
/// in the first column, and the file is read on from there.
pub fn parse_leniently(number: u32, source: &Source, diagnostics: &mut Vec<Diagnostic>) -> File {
    let before = diagnostics.len();
    let file = parse(number, source, diagnostics);
    if !diagnostics[before..].iter().any(|d| d.code == UNCLOSED) {
        return file;
    }
    // All of it was told.
    let mut told = Vec::new();
    let lexed = lex(number, &source.text, 0, &mut told);
    let mut file = File::default();
    let mut docs = lexed.docs;
    for tokens in pieces(&source.text, &lexed.tokens) {
        let mut parser = Parser {
            text: &source.text,
            offset: 0,
            tokens: closed(tokens),
            docs,
            at: 0,
            depth: 0,
            diagnostics: &mut told,
        };
        parser.items(&mut file);
        docs = parser.docs;
    }
    file
}

/// The tokens of each item.
fn pieces<'a>(text: &'a str, tokens: &'a [Token]) -> impl Iterator<Item = &'a [Token]> {
    let begins = |token: &Token| {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        let first_column = start == 0 || text.as_bytes().get(start - 1) == Some(&b'\n');
        first_column && text.get(start..end).is_some_and(|word| ITEMS.contains(&word))
    };
    let mut rest = tokens;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = rest.iter().skip(1).position(begins).map_or(rest.len(), |at| at + 1);
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some(piece)
    })
}

/// The tokens with what closes whatever is open at their end.
fn closed(tokens: &[Token]) -> Vec<Token> {
    let mut all: Vec<Token> =
        tokens.iter().copied().filter(|token| token.kind != TokenKind::End).collect();
    let mut open: Vec<TokenKind> = Vec::new();
    for token in &all {
        match token.kind {
            TokenKind::LeftBrace => open.push(TokenKind::RightBrace),
            TokenKind::LeftParen => open.push(TokenKind::RightParen),
            TokenKind::LeftBracket => open.push(TokenKind::RightBracket),
            closes @ (TokenKind::RightBrace | TokenKind::RightParen | TokenKind::RightBracket) => {
                if let Some(at) = open.iter().rposition(|opened| *opened == closes) {
                    open.truncate(at);
                }
            }
            _ => {}
        }
    }
    let last = all.last().map_or_else(Span::default, |token| token.span);
    let span = Span { start: last.end, ..last };
    let ends = open.into_iter().rev().chain([TokenKind::End]);
    all.extend(ends.map(|kind| Token { kind, span, first_of_line: true, doc: None }));
    all
}
