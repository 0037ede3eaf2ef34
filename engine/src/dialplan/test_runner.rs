//! Runs the `test "…" { … }` blocks of a dialplan: a telephone made of arithmetic, in virtual
//! time. Every test plays at the same small site (alice 1001, bob 1002, carol 1003, each in the
//! contacts of the others) and a fresh call.

mod coverage;
mod expect;
pub(super) mod journal;
pub(super) mod phone;
pub(super) mod play;
mod world;

use std::sync::Arc;

use serde_json::json;

use super::ast::Span;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::{Program, Source, parser};
pub use coverage::{Coverage, Missed};
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

    /// As one JSON document: `passed`, `failed`, `cases` (each with `file`, `name` and `failure`,
    /// null if it passed) and `coverage` (`percent`, `ways` and `missed`).
    pub fn json(&self) -> String {
        let cases = self
            .cases
            .iter()
            .map(|case| json!({ "file": case.file, "name": case.name, "failure": case.failure }));
        let missed =
            self.coverage.missed.iter().map(
                |missed| json!({ "file": missed.file, "line": missed.line, "what": missed.what }),
            );
        let failed = self.cases.iter().filter(|case| case.failure.is_some()).count();
        let document = json!({
            "passed": self.cases.len() - failed,
            "failed": failed,
            "cases": cases.collect::<Vec<_>>(),
            "coverage": {
                "percent": self.coverage.percent(),
                "ways": self.coverage.ways,
                "missed": missed.collect::<Vec<_>>(),
            },
        });
        format!("{document:#}\n")
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
    run_tests_with(program, sources, "")
}

/// Runs the tests that have `word` in their name or in their file's name, in any case.
pub fn run_tests_with(program: &Arc<Program>, sources: &[Source], word: &str) -> TestReport {
    let word = word.to_lowercase();
    let wanted = |text: &str| text.to_lowercase().contains(&word);
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
            if !wanted(&test.name) && !wanted(&source.name) {
                continue;
            }
            let mut play = Play::new(program);
            let failure = play.test(test).err();
            play.visits().for_each(|of_call| visits.add(of_call));
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

pub(super) type Failure = Box<Diagnostic>;
type Outcome = Result<(), Failure>;

fn failed(span: Span, message: impl Into<String>) -> Failure {
    Box::new(Diagnostic::error(702, span, message))
}
