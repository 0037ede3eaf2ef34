//! What is wrong with a dialplan, told so that its author learns the language by it.
//!
//! Every diagnostic has a code (`D0301`), one sentence that says what is wrong, the place, the
//! cause and the mend. GRAMMAR.md lists the codes.

use std::fmt;
use std::sync::Arc;

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, sources};

use super::Source;
use super::ast::Span;

/// How many diagnostics one run of the compiler keeps.
pub const MAX_DIAGNOSTICS: usize = 100;

/// The codes of warnings that something is not used.
pub(super) const UNUSED: [u16; 2] = [113, 210];

/// Whether a diagnostic forbids the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The program is refused.
    Error,
    /// The program runs, and the author should know.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `301` for `D0301`.
    pub code: u16,
    /// Whether it forbids the program.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands there.
    pub label: String,
    /// Other places that have to do with it, in the order in which they should be read.
    pub related: Vec<(Span, String)>,
    /// Why that is wrong.
    pub cause: Option<String>,
    /// How to put it right.
    pub mend: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: u16, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            span,
            label: "here".into(),
            related: Vec::new(),
            cause: None,
            mend: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(code: u16, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// What stands at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another place that has to do with it.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Why that is wrong.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// How to put it right.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// `did you mean …`, if some known name is near.
    #[must_use]
    pub fn suggest<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(name, known) {
            Some(near) => self.mend(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// Everything that one run of the compiler found, with the sources to show it in.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    sources: Arc<[Source]>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The `list`, in the order of the sources, errors before warnings at one place.
    pub fn new(sources: &[Source], mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|d| (d.span.source, d.span.start, d.severity == Severity::Warning));
        list.dedup();
        list.truncate(MAX_DIAGNOSTICS);
        Self { sources: sources.into(), list }
    }

    /// Whether any of them forbids the program.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// File, line and column (both from 1) of a place.
    pub fn position(&self, span: Span) -> (&str, usize, usize) {
        let Some(source) = self.sources.get(span.source as usize) else { return ("", 1, 1) };
        let before = &source.text[..boundary(&source.text, span.start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (&source.name, line, before[line_start..].chars().count() + 1)
    }

    /// All of them as text for a terminal, each with the lines that it speaks of.
    pub fn render(&self, color: bool) -> String {
        let mut out = Vec::new();
        let mut cache = sources(self.sources.iter().map(|s| (s.name.clone(), s.text.clone())));
        for diagnostic in &self.list {
            // Writing to a Vec does not fail, and a report that could not be drawn must not hide
            // the others.
            if self.report(diagnostic, color).write(&mut cache, &mut out).is_err() {
                out.extend_from_slice(diagnostic.message.as_bytes());
            }
        }
        // ariadne pads lines with blanks, which neither terminals nor snapshots need.
        let text = String::from_utf8_lossy(&out);
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn report(
        &self,
        d: &Diagnostic,
        color: bool,
    ) -> Report<'static, (String, std::ops::Range<usize>)> {
        let (kind, main) = match d.severity {
            Severity::Error => (ReportKind::Error, Color::Red),
            Severity::Warning => (ReportKind::Warning, Color::Yellow),
        };
        let config = Config::default().with_color(color).with_index_type(IndexType::Byte);
        let mut report = Report::build(kind, self.locate(d.span))
            .with_config(config)
            .with_code(format_args!("D{:04}", d.code))
            .with_message(&d.message)
            .with_label(Label::new(self.locate(d.span)).with_message(&d.label).with_color(main));
        for (order, (span, label)) in d.related.iter().enumerate() {
            let order = i32::try_from(order).unwrap_or(0) + 1;
            report = report.with_label(
                Label::new(self.locate(*span))
                    .with_message(label)
                    .with_color(Color::Cyan)
                    .with_order(order),
            );
        }
        if let Some(cause) = &d.cause {
            report = report.with_note(cause);
        }
        if let Some(mend) = &d.mend {
            report = report.with_help(mend);
        }
        report.finish()
    }

    fn locate(&self, span: Span) -> (String, std::ops::Range<usize>) {
        let Some(source) = self.sources.get(span.source as usize) else {
            return (String::new(), 0..0);
        };
        let start = boundary(&source.text, span.start);
        let end = boundary(&source.text, span.end).max(start);
        // Of what goes over several lines, the first tells enough.
        let line = source.text[start..end].find('\n').unwrap_or(end - start);
        (source.name.clone(), start..start + line)
    }
}

impl fmt::Display for Diagnostics {
    /// One line each: `main.dial:3:5: error D0301: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for d in &self.list {
            let (file, line, column) = self.position(d.span);
            let severity = match d.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            writeln!(f, "{file}:{line}:{column}: {severity} D{:04}: {}", d.code, d.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

fn boundary(text: &str, at: u32) -> usize {
    let mut at = (at as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The known name nearest to `name`, if it is near enough to have been meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(d, candidate)| *d <= limit && *candidate != name)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, with a swap of neighbours counted once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}
