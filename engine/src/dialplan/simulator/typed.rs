//! What can be typed: the steps of tests, and what helps with them.

use super::super::Source;
use super::super::ast::Step;
use super::super::diagnostic::Diagnostic;
use super::super::parser;

/// The steps of a line, each with its text.
pub fn parsed(line: &str) -> Result<Vec<(Step, String)>, Box<Diagnostic>> {
    const HEAD: &str = "test \"typed\" {\n";
    let source = Source { name: "typed".into(), text: format!("{HEAD}{line}\n}}\n") };
    let mut wrong = Vec::new();
    let mut file = parser::parse(0, &source, &mut wrong);
    if let Some(wrong) = wrong.into_iter().next() {
        return Err(Box::new(wrong));
    }
    let steps = file.tests.pop().map(|test| test.steps).unwrap_or_default();
    let text = |step: &Step| {
        let (start, end) = (step.span.start as usize, step.span.end as usize);
        source.text.get(start..end).unwrap_or("").trim().to_owned()
    };
    Ok(steps
        .into_iter()
        .map(|step| {
            let text = text(&step);
            (step, text)
        })
        .collect())
}

/// What is told to whoever asks.
pub const HELP: [&str; 11] = [
    "1, *, 42#               press keys",
    "speak 5s                speak so long, once something is recorded",
    "wait 5s                 do nothing",
    "hang up",
    "state                   where the call stands, what it waits for, its variables",
    "back                    take the last input back",
    "restart                 call again; what was said of the site holds",
    "save test NAME          write the session down as a test",
    "alice has new message from bob lasting 5s; store fails; clock \"2026-12-24 09:00\"; …",
    "expect say \"…\"          any step of a test",
    "quit",
];
