//! Runs the `test "…" { … }` blocks of a dialplan: a telephone made of arithmetic, in virtual
//! time. Every test plays at the same small site (alice 1001, bob 1002, carol 1003, each in the
//! contacts of the others) and a fresh call.

mod coverage;
mod expect;
mod phone;
mod play;
mod world;

use std::sync::Arc;

use super::ast::Span;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::{Program, Source, parser};
pub use coverage::Coverage;
use play::Play;

/// What became of the tests.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// Each test, in the order of the sources.
    pub cases: Vec<TestCase>,
    /// What of the dialplan the tests went through.
    pub coverage: Coverage,
    failures: Diagnostics,
}

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Why it failed; none if it passed.
    pub failure: Option<String>,
}

impl TestReport {
    /// Whether every test passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|c| c.failure.is_none())
    }

    /// Every failure, with where it is.
    pub const fn failures(&self) -> &Diagnostics {
        &self.failures
    }

    /// One line a test, and each failure with its source.
    pub fn render(&self, color: bool) -> String {
        let mut text = String::new();
        for case in &self.cases {
            let mark = if case.failure.is_none() { "ok    " } else { "FAILED" };
            text.push_str(&format!("{mark} {}: {}\n", case.file, case.name));
        }
        let failed = self.cases.iter().filter(|c| c.failure.is_some()).count();
        text.push_str(&format!("{} passed, {failed} failed\n", self.cases.len() - failed));
        text + &self.failures.render(color)
    }
}

/// Runs every test of `sources` against `program`, which was compiled from them.
pub fn run_tests(program: &Arc<Program>, sources: &[Source]) -> TestReport {
    let mut report = TestReport::default();
    let mut failures = Vec::new();
    let mut visits = coverage::Visits::new(program);
    for (source, number) in sources.iter().zip(0..) {
        // The tests of what ships are about the dialplan that ships.
        if source.name.starts_with(super::imports::SHIPPED) {
            continue;
        }
        let file = parser::parse(number, source, &mut Vec::new());
        for test in &file.tests {
            let mut play = Play::new(program);
            let failure = play.test(test).err();
            visits.add(play.visits());
            report.cases.push(TestCase {
                name: test.name.clone(),
                file: source.name.clone(),
                failure: failure.as_ref().map(|f| f.message.clone()),
            });
            failures.extend(failure.map(|f| *f));
        }
    }
    report.coverage = visits.coverage(program);
    report.failures = Diagnostics::new(sources, failures);
    report
}

type Failure = Box<Diagnostic>;
type Outcome = Result<(), Failure>;

fn failed(span: Span, message: impl Into<String>) -> Failure {
    Box::new(Diagnostic::error(702, span, message))
}
