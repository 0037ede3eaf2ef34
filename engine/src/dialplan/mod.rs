//! The dialplan language: lexer → parser → resolver → checker → compact program → run.
//!
//! ```text
//! Source ─lexer─► tokens ─parser─► ast::File ─resolver─► hir::Module ─checker─► hir::Module
//!                                      │                                            │
//!                                 test_runner ◄───── Run ◄───── Program ◄──program──┘
//! ```
//!
//! [`compile`] makes a [`Program`] or tells everything that is wrong with it; [`Run`] is one
//! call's way through it, and [`effect`] what a run asks for. `dialplans/GRAMMAR.md` is the
//! language's manual.

pub mod ast;
mod checker;
pub mod diagnostic;
pub mod effect;
pub mod explain;
mod format;
pub mod graph;
mod hir;
pub mod ide;
mod imports;
mod lexer;
mod parser;
pub mod pattern;
pub mod program;
mod resolver;
pub mod run;
pub mod simulator;
pub mod speech;
pub mod test_runner;
pub mod value;

use std::sync::Arc;

pub use diagnostic::Diagnostics;
pub use format::{difference, format};
pub use imports::{follow, imports, plain_path, shipped, target};
pub use program::Program;
pub use run::{CallContext, CallerInfo, NoRoute, Run, StartError};
pub use test_runner::{TestReport, run_tests, run_tests_with};
pub use value::Value;

/// One `.dial` file. All files given to [`compile`] together are one dialplan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As errors name it: `main.dial`.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// What the compiler is told besides the sources.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether `panic` compiles, which ends the call's actor. For tests of the server only.
    pub test_instructions: bool,
    /// The recorded prompts that exist, by language and name; where it is given, `play prompt`
    /// of any other is an error.
    pub prompts: Option<Vec<(String, String)>>,
    /// The languages for which there is a voice, as BCP 47 tags; every one that Hark has words
    /// for if not given.
    pub voices: Option<Vec<String>>,
}

/// The flows that Hark itself starts, for the calls that it makes.
pub const STARTED_BY_HARK: [&str; 5] =
    ["deliver", "play_on_phone", "call_to_record", "announce", "verify"];

/// A program, with what its author should know nonetheless.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The program.
    pub program: Arc<Program>,
    /// Warnings only.
    pub warnings: Diagnostics,
}

/// Makes a program of the sources, or tells what is wrong with them.
pub fn compile(sources: &[Source], options: &Options) -> Result<Arc<Program>, Diagnostics> {
    compile_with_warnings(sources, options).map(|compiled| compiled.program)
}

/// As [`compile`], and hands out the warnings of a program that has no errors.
pub fn compile_with_warnings(
    sources: &[Source],
    options: &Options,
) -> Result<Compiled, Diagnostics> {
    let mut found = Vec::new();
    let files: Vec<ast::File> = sources
        .iter()
        .zip(0..)
        .map(|(source, number)| parser::parse(number, source, &mut found))
        .collect();
    let unreadable = !found.is_empty();
    let module = resolver::resolve(sources, &files, options, &mut found);
    // What the checker would say of a program that could not be read or resolved is mostly about
    // the holes in it.
    if !unreadable && !found.iter().any(|d| d.severity == diagnostic::Severity::Error) {
        checker::check(&module, &mut found);
    }
    if found.iter().any(|d| d.severity == diagnostic::Severity::Error) {
        // Much is unused only because of what is wrong.
        found.retain(|d| !diagnostic::UNUSED.contains(&d.code));
    }
    // What ships with Hark is nobody's to mend here, and not all of it may be used.
    let shipped = |d: &diagnostic::Diagnostic| {
        let source = sources.get(d.span.source as usize);
        source.is_some_and(|s| s.name.starts_with(imports::SHIPPED))
    };
    found.retain(|d| d.severity == diagnostic::Severity::Error || !shipped(d));
    let diagnostics = Diagnostics::new(sources, found);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok(Compiled { program: Arc::new(program::assemble(module, sources)), warnings: diagnostics })
}

/// Everything that is wrong with the sources, warnings too; empty when nothing is.
pub fn check(sources: &[Source], options: &Options) -> Diagnostics {
    match compile_with_warnings(sources, options) {
        Ok(compiled) => compiled.warnings,
        Err(diagnostics) => diagnostics,
    }
}

/// The dialplan that ships with Hark.
pub fn builtin() -> Vec<Source> {
    [
        ("main.dial", include_str!("../../../dialplans/main.dial")),
        ("common.dial", include_str!("../../../dialplans/common.dial")),
        ("attendant.dial", include_str!("../../../dialplans/attendant.dial")),
        ("deposit.dial", include_str!("../../../dialplans/deposit.dial")),
        ("mailbox.dial", include_str!("../../../dialplans/mailbox.dial")),
        ("message.dial", include_str!("../../../dialplans/message.dial")),
        ("settings.dial", include_str!("../../../dialplans/settings.dial")),
        ("directory.dial", include_str!("../../../dialplans/directory.dial")),
        ("online.dial", include_str!("../../../dialplans/online.dial")),
        ("deliver.dial", include_str!("../../../dialplans/deliver.dial")),
        ("play.dial", include_str!("../../../dialplans/play.dial")),
        ("call_me.dial", include_str!("../../../dialplans/call_me.dial")),
        ("announce.dial", include_str!("../../../dialplans/announce.dial")),
        ("verify.dial", include_str!("../../../dialplans/verify.dial")),
        ("language.dial", include_str!("../../../dialplans/language.dial")),
    ]
    .into_iter()
    .map(|(name, text)| Source { name: name.into(), text: text.into() })
    .collect()
}
