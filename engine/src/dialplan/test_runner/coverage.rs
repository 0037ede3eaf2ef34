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
        (gone * 100).checked_div(self.ways).unwrap_or(100)
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

/// How an instruction was gone through.
#[derive(Clone, Copy, Default)]
struct Gone {
    visit: Visit,
    /// Whether it has two outcomes.
    asks: bool,
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
        let mut ran: BTreeMap<(u32, u32, u32), Gone> = BTreeMap::new();
        for ((op, span), visit) in program.ops.iter().zip(&program.spans).zip(&self.0) {
            let asks =
                matches!(op, Op::Unless(..) | Op::UnlessFound { .. } | Op::UnlessAllowed { .. });
            // What the author did not write.
            if matches!(op, Op::Jump(_) | Op::Zero(_) | Op::Failed | Op::Gone | Op::Return(None)) {
                continue;
            }
            let entry = ran.entry((span.source, span.start, span.end)).or_default();
            entry.visit.run |= visit.run;
            entry.visit.yes |= visit.yes;
            entry.visit.no |= visit.no;
            entry.asks |= asks;
        }
        let mut coverage = Coverage::default();
        for ((source, start, end), Gone { visit: Visit { run, yes, no }, asks }) in ran {
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
