//! What stands at the cursor and before it.

use super::super::ast::Span;
use super::super::lexer::{Token, TokenKind, lex};
use super::super::value::Type;
use super::Analysis;
use super::infer::{built_in, field_of};

/// The tokens of a source up to the cursor, and the word that it stands in.
pub(super) struct Place<'a> {
    pub text: &'a str,
    /// The tokens that end before the word at the cursor begins.
    pub before: Vec<Token>,
    /// The word at the cursor, empty where there is none.
    pub word: Span,
    /// What of that word stands before the cursor.
    pub prefix: &'a str,
    /// Where in the source `text` begins: behind zero only within a text's `{…}`.
    pub offset: u32,
    /// What the cursor stands in.
    pub within: Within,
}

/// What a cursor can stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Code,
    /// A value in a text.
    Placeholder,
    /// A text.
    Text,
    Comment,
}

impl Analysis {
    /// The nearest beginning of a character at or before `offset`.
    pub(super) fn boundary(&self, source: u32, offset: u32) -> u32 {
        let text = self.sources.get(source as usize).map_or("", |s| s.text.as_str());
        let mut at = (offset as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    pub(super) fn place(&self, source: u32, offset: u32) -> Option<Place<'_>> {
        let text = self.sources.get(source as usize)?.text.as_str();
        let offset = self.boundary(source, offset);
        let tokens = lex(source, text, 0, &mut Vec::new()).tokens;
        if in_comment(text, &tokens, offset) {
            return Some(place(source, text, 0, &[], offset, Within::Comment));
        }
        let inside = |t: &&Token| {
            let ends = t.span.end > offset || !closes(text, t.span);
            t.kind == TokenKind::Text && t.span.start < offset && offset <= t.span.end && ends
        };
        let Some(quoted) = tokens.iter().find(inside) else {
            return Some(place(source, text, 0, &tokens, offset, Within::Code));
        };
        let start = quoted.span.start as usize + 1;
        let Some((from, value)) = placeholder(text, start, offset as usize) else {
            let mut here = place(source, text, 0, &tokens, quoted.span.start, Within::Text);
            here.before.retain(|t| t.span.end <= quoted.span.start);
            let end = quoted.span.end - u32::from(closes(text, quoted.span));
            here.word = Span { source, start: quoted.span.start + 1, end: end.max(offset) };
            here.prefix = text.get(start..offset as usize).unwrap_or("");
            return Some(here);
        };
        let from = u32::try_from(from).ok()?;
        let tokens = lex(source, value, from, &mut Vec::new()).tokens;
        Some(place(source, value, from, &tokens, offset, Within::Placeholder))
    }

    /// The type of what stands before the last token of `before`, a dot: `to` of `to.na|`.
    pub(super) fn owner(&self, place: &Place<'_>, at: u32) -> Type {
        let mut names: Vec<&str> = Vec::new();
        let mut tokens = place.before.iter().rev();
        // Dot, word, dot, word …, from the cursor backwards.
        while let Some(dot) = tokens.next() {
            if dot.kind != TokenKind::Dot {
                break;
            }
            let Some(word) = tokens.next().filter(|t| t.kind == TokenKind::Word) else {
                return Type::Unknown;
            };
            names.push(place.text_of(word.span));
        }
        let Some(first) = names.pop() else { return Type::Unknown };
        let mut kind = self.value_at(first, Span { start: at, end: at, ..place.word });
        for field in names.into_iter().rev() {
            kind = field_of(&self.index, present(kind), field).map_or(Type::Unknown, |(_, k)| k);
        }
        present(kind)
    }

    /// The type of a name, as it is at a place.
    fn value_at(&self, name: &str, at: Span) -> Type {
        self.definition_at(name, at)
            .map(|at| self.index.definitions[at].kind)
            .or_else(|| built_in(name))
            .unwrap_or(Type::Unknown)
    }

    /// What a name means as a value, at a place.
    pub(super) fn definition_at(&self, name: &str, at: Span) -> Option<usize> {
        let local = self.locals_at(at).into_iter().rev();
        let mut local = local.filter(|d| self.index.definitions[*d].name == name);
        local.next().or_else(|| self.index.values.get(name).copied())
    }

    /// The parameters and locals that can be seen at a place, the innermost last.
    pub(super) fn locals_at(&self, at: Span) -> Vec<usize> {
        let all = self.index.definitions.iter().enumerate();
        all.filter(|(_, d)| {
            let Span { source, start, end } = d.visible;
            // What can be seen nowhere is global.
            end > start && source == at.source && start <= at.start && at.start <= end
        })
        .map(|(place, _)| place)
        .collect()
    }
}

/// What may be missing, as if it were not.
pub(super) fn present(kind: Type) -> Type {
    match kind {
        Type::Maybe(item) => item.one(),
        kind => kind,
    }
}

impl Place<'_> {
    pub fn text_of(&self, span: Span) -> &str {
        let start = span.start.saturating_sub(self.offset) as usize;
        let end = span.end.saturating_sub(self.offset) as usize;
        self.text.get(start..end).unwrap_or("")
    }

    /// The token so many before the word at the cursor; 0 is the last.
    pub fn back(&self, count: usize) -> Option<Token> {
        let at = self.before.len().checked_sub(count + 1)?;
        self.before.get(at).copied()
    }

    /// The word so many tokens before, empty if it is none.
    pub fn word_back(&self, count: usize) -> &str {
        match self.back(count) {
            Some(token) if token.kind == TokenKind::Word => self.text_of(token.span),
            _ => "",
        }
    }

    pub fn kind_back(&self, count: usize) -> Option<TokenKind> {
        self.back(count).map(|token| token.kind)
    }
}

fn place<'a>(
    source: u32,
    text: &'a str,
    offset: u32,
    tokens: &[Token],
    cursor: u32,
    within: Within,
) -> Place<'a> {
    let mut word = Span { source, start: cursor, end: cursor };
    let touches =
        |t: &&Token| t.kind == TokenKind::Word && t.span.start <= cursor && cursor <= t.span.end;
    if let Some(token) = tokens.iter().find(touches) {
        word = token.span;
    }
    let part =
        (word.start.saturating_sub(offset)) as usize..(cursor.saturating_sub(offset)) as usize;
    let before = tokens.iter().copied();
    let before = before.filter(|t| t.span.end <= word.start && t.kind != TokenKind::End).collect();
    Place { text, before, word, prefix: text.get(part).unwrap_or(""), offset, within }
}

/// Whether a text that a token found has its closing quote.
fn closes(text: &str, span: Span) -> bool {
    let written = text.get(span.start as usize..span.end as usize).unwrap_or("");
    if written.len() < 2 || !written.ends_with('"') {
        return false;
    }
    // An escaped quote closes nothing.
    let inside = &written[1..written.len() - 1];
    inside.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 0
}

/// Whether the cursor stands in a comment: behind a `//` that no token holds.
fn in_comment(text: &str, tokens: &[Token], cursor: u32) -> bool {
    let before = text.get(..cursor as usize).unwrap_or("");
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let behind = tokens
        .iter()
        .rev()
        .find(|t| t.span.start < cursor && t.kind != TokenKind::End)
        .map_or(0, |t| t.span.end as usize);
    let from = line.max(behind);
    before.get(from..).is_some_and(|rest| rest.contains("//"))
}

/// The value in braces that the cursor stands in, and where it begins; up to its `}`, `:` or the
/// end of the line.
fn placeholder(text: &str, start: usize, cursor: usize) -> Option<(usize, &str)> {
    let mut open = Vec::new();
    let mut escaped = false;
    for (at, c) in text.get(start..cursor)?.char_indices() {
        match c {
            '{' if !escaped => open.push(start + at + 1),
            '}' if !escaped => drop(open.pop()),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    let open = open.pop()?;
    let rest = text.get(open..)?;
    let end = rest.find(['}', '"', '\n', ':']).unwrap_or(rest.len());
    // Behind the colon stand the forms of a plural, which are words.
    (cursor <= open + end).then(|| (open, &rest[..end]))
}
