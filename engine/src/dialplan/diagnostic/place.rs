//! Where a diagnostic stands, as people and other programs count.

use super::super::Source;
use super::super::ast::Span;
use super::Diagnostics;

/// What is counted as one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// A character (Unicode scalar value).
    Characters,
    /// A UTF-16 code unit, as SARIF and editors count.
    Utf16,
}

/// From a line and column to another, all from 1; the end is the column behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The source's name.
    pub file: &'a str,
    /// The line of the beginning.
    pub line: usize,
    /// The column of the beginning.
    pub column: usize,
    /// The line of the end.
    pub end_line: usize,
    /// The column of the end.
    pub end_column: usize,
}

impl Diagnostics {
    /// File, line and column (both from 1) of a place.
    pub fn position(&self, span: Span) -> (&str, usize, usize) {
        let place = self.place(span, Columns::Characters);
        (place.file, place.line, place.column)
    }

    /// Where a stretch of a source begins and ends.
    pub fn place(&self, span: Span, columns: Columns) -> Place<'_> {
        let Some(source) = self.sources.get(span.source as usize) else {
            return Place { file: "", line: 1, column: 1, end_line: 1, end_column: 1 };
        };
        let (line, column) = at(source, span.start, columns);
        let (end_line, end_column) = at(source, span.end.max(span.start), columns);
        Place { file: &source.name, line, column, end_line, end_column }
    }
}

fn at(source: &Source, offset: u32, columns: Columns) -> (usize, usize) {
    let before = &source.text[..boundary(&source.text, offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let in_line = before[line_start..].chars();
    let passed = match columns {
        Columns::Characters => in_line.count(),
        Columns::Utf16 => in_line.map(char::len_utf16).sum(),
    };
    (line, passed + 1)
}

/// The place itself, or the beginning of the character that it stands in.
pub(super) fn boundary(text: &str, at: u32) -> usize {
    let mut at = (at as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
