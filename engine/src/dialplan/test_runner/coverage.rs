//! What of a dialplan its tests went through.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Program;
use super::super::ast::Span;
use super::super::program::Op;
use super::super::run::Visit;

/// How much of a dialplan ran in its tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many ways there are: instructions, and both outcomes of each question.
    pub ways: usize,
    /// Those that no test went.
    pub missed: Vec<Missed>,
}

/// A way that no test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Where it stands.
    pub span: Span,
    /// What did not happen there.
    pub what: &'static str,
}

impl Coverage {
    /// In percent, rounded down; 100 for an empty dialplan.
    pub fn percent(&self) -> usize {
        let gone = self.ways.saturating_sub(self.missed.len());
        if self.ways == 0 { 100 } else { gone * 100 / self.ways }
    }

    /// One line, and a line for each way that no test went.
    pub fn render(&self) -> String {
        let gone = self.ways.saturating_sub(self.missed.len());
        let mut text = format!("coverage: {} % ({gone} of {} ways)\n", self.percent(), self.ways);
        for missed in &self.missed {
            text.push_str(&format!("  {}:{}: {}\n", missed.file, missed.line, missed.what));
        }
        text
    }
}

/// Which operations ran in any test.
pub(super) struct Visits(Vec<Visit>);

impl Visits {
    pub fn new(program: &Arc<Program>) -> Self {
        Self(vec![Visit::default(); program.len()])
    }

    pub fn add(&mut self, visits: &[Visit]) {
        for (all, one) in self.0.iter_mut().zip(visits) {
            all.run |= one.run;
            all.yes |= one.yes;
            all.no |= one.no;
        }
    }

    pub fn coverage(&self, program: &Arc<Program>) -> Coverage {
        // An instruction may be several operations, and an answer to silence or hang-up may be
        // laid down twice: any of them will do.
        let mut ran: BTreeMap<(u32, u32, u32), (bool, bool, bool, bool)> = BTreeMap::new();
        for ((op, span), visit) in program.ops.iter().zip(&program.spans).zip(&self.0) {
            let asks =
                matches!(op, Op::Unless(..) | Op::UnlessFound { .. } | Op::UnlessAllowed { .. });
            // What the author did not write.
            if matches!(op, Op::Jump(_) | Op::Zero(_) | Op::Failed | Op::Gone | Op::Return(None)) {
                continue;
            }
            let entry = ran.entry((span.source, span.start, span.end)).or_default();
            entry.0 |= visit.run;
            entry.1 |= asks;
            entry.2 |= visit.yes;
            entry.3 |= visit.no;
        }
        let mut coverage = Coverage::default();
        for ((source, start, end), (run, asks, yes, no)) in ran {
            let span = Span { source, start, end };
            let mut way = |gone: bool, what| {
                coverage.ways += 1;
                if !gone {
                    let (file, line) = program.line(span);
                    coverage.missed.push(Missed { file, line, span, what });
                }
            };
            if asks && run {
                way(yes, "never so in any test");
                way(no, "always so in every test");
            } else {
                way(run, "never run");
            }
        }
        coverage
    }
}
