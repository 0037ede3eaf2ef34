//! What of a dialplan its tests went through.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Program;
use super::super::ast::Span;
use super::super::imports::SHIPPED;
use super::super::program::Op;
use super::super::run::Visit;

/// How much of a dialplan ran in its tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many ways there are: instructions, both outcomes of each question, and each answer of
    /// each menu.
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

    /// One line, and a line for each line of the sources of which a way was gone by no test.
    pub fn render(&self) -> String {
        let gone = self.ways.saturating_sub(self.missed.len());
        let mut text = format!("coverage: {} % ({gone} of {} ways)\n", self.percent(), self.ways);
        for missed in self.missed.chunk_by(|a, b| (&a.file, a.line) == (&b.file, b.line)) {
            let Some(first) = missed.first() else { continue };
            let mut told: Vec<&str> = Vec::new();
            for Missed { what, .. } in missed {
                if !told.contains(what) {
                    told.push(what);
                }
            }
            // That an answer is never given says that what it does is never done.
            if told.contains(&NEVER_GIVEN) {
                told.retain(|what| *what != NEVER_RUN);
            }
            let told = told.join("; ");
            text.push_str(&format!("  {}:{}: {told}\n", first.file, first.line));
        }
        text
    }
}

const NEVER_RUN: &str = "never run";
const NEVER_GIVEN: &str = "an answer that no test gives";

/// How an instruction was gone through.
#[derive(Clone, Copy, Default)]
struct Gone {
    visit: Visit,
    /// Whether it has two outcomes.
    asks: bool,
    /// Whether it stands for a menu's answer.
    given: bool,
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
            // What ships is tested by its own tests, which are not run here.
            let file = program.files.get(span.source as usize);
            if file.is_some_and(|file| file.name.starts_with(SHIPPED)) {
                continue;
            }
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
            entry.given |= matches!(op, Op::Given);
        }
        let mut coverage = Coverage::default();
        for ((source, start, end), Gone { visit: Visit { run, yes, no }, asks, given }) in ran {
            let span = Span { source, start, end };
            let mut way = |gone: bool, what| {
                coverage.ways += 1;
                if !gone {
                    let (file, line) = program.line(span);
                    coverage.missed.push(Missed { file, line, span, what });
                }
            };
            if given {
                way(run, NEVER_GIVEN);
            } else if asks {
                way(yes, if run { "never so in any test" } else { NEVER_RUN });
                way(no, if run { "always so in every test" } else { NEVER_RUN });
            } else {
                way(run, NEVER_RUN);
            }
        }
        coverage
    }
}
