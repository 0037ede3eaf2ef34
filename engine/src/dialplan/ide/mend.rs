//! What an editor can mend at a keystroke: an answer that is missing.

use super::super::ast::Span;
use super::super::lexer::{TokenKind, lex};
use super::navigate::touches;
use super::{Analysis, Edit};

/// The codes of instructions that may fail and say nothing of it.
const WITHOUT_ELSE: [u16; 7] = [601, 602, 603, 604, 606, 607, 608];
/// The codes of menus that lack an answer, and that answer.
const WITHOUT_ANSWER: [(u16, &str, &str); 2] = [
    (301, "silence", "silence 8s -> again at most 2 then hangup"),
    (302, "other", "other -> { say \"That is not an option.\"; again at most 3 then hangup }"),
];

/// A change that mends a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// What it does, for a person to choose.
    pub title: String,
    /// The code that it mends.
    pub code: u16,
    /// What the diagnostic is about.
    pub span: Span,
    /// The change.
    pub edit: Edit,
}

impl Analysis {
    /// What can be mended at a place.
    pub fn mends(&self, source: u32, offset: u32) -> Vec<Mend> {
        let offset = self.boundary(source, offset);
        let here = self.diagnostics().iter().filter(|d| touches(d.span, source, offset));
        here.filter_map(|d| self.mend(d.code, d.span)).collect()
    }

    fn mend(&self, code: u16, span: Span) -> Option<Mend> {
        if self.is_shipped(span.source) {
            return None;
        }
        if WITHOUT_ELSE.contains(&code) {
            let end = self.line_end(span);
            let source = self.sources.get(span.source as usize)?;
            let behind = source.text.get(end as usize..)?;
            // A block follows, behind which the `else` belongs.
            if behind.trim_start_matches([' ', '\t']).starts_with('{') {
                return None;
            }
            let edit = Edit {
                span: Span { start: end, end, ..span },
                text: " else { say \"Sorry, that did not work.\"; hangup }".to_owned(),
            };
            return Some(Mend { title: "Add the missing `else`".to_owned(), code, span, edit });
        }
        let (_, name, answer) = WITHOUT_ANSWER.iter().find(|(known, ..)| *known == code)?;
        let close = self.closing_brace(span)?;
        let outer = self.indent(Span { start: close, ..span });
        let text = format!("    {answer}\n{outer}");
        let edit = Edit { span: Span { start: close, end: close, ..span }, text };
        Some(Mend { title: format!("Answer `{name}`"), code, span, edit })
    }

    /// The end of an instruction: of its span, or of the line where it goes over several.
    fn line_end(&self, span: Span) -> u32 {
        let text = self.slice(span);
        let length = text.find('\n').unwrap_or(text.trim_end().len());
        span.start.saturating_add(u32::try_from(length).unwrap_or(0))
    }

    /// The `}` of the menu whose head is at a place.
    fn closing_brace(&self, head: Span) -> Option<u32> {
        let source = self.sources.get(head.source as usize)?;
        let tokens = lex(head.source, &source.text, 0, &mut Vec::new()).tokens;
        let mut depth = 0u32;
        for token in tokens.iter().filter(|token| token.span.start >= head.start) {
            match token.kind {
                TokenKind::LeftBrace => depth += 1,
                TokenKind::RightBrace if depth <= 1 => return Some(token.span.start),
                TokenKind::RightBrace => depth -= 1,
                _ => {}
            }
        }
        None
    }
}
