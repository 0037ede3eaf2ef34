//! What is wrong with a dialplan, told so that its author learns the language by it.
//!
//! Every diagnostic has a code (`D0301`), one sentence that says what is wrong, the place, the
//! cause and the mend. [`explain`](super::explain) tells
//! of each code at length.
//!
//! | file | what it tells it to |
//! |---|---|
//! | `render` | people |
//! | `json` | scripts |
//! | `sarif` | code reviews, editors and the like, in a format that many read |

mod json;
mod nearest;
mod place;
mod render;
mod sarif;

use std::fmt;
use std::sync::Arc;

pub use nearest::{near, nearest};
pub use place::{Columns, Place};

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

impl Severity {
    /// `error` or `warning`, as every format has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
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

    /// How many of them are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|d| d.severity == severity).count()
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }
}

impl fmt::Display for Diagnostics {
    /// One line each: `main.dial:3:5: error D0301: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for d in &self.list {
            let (file, line, column) = self.position(d.span);
            let severity = d.severity.name();
            writeln!(f, "{file}:{line}:{column}: {severity} D{:04}: {}", d.code, d.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
