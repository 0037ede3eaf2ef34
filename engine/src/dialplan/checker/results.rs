//! Every path of a flow that gives something back does so.

use super::super::ast::Span;
use super::super::diagnostic::Diagnostic;
use super::super::hir::Module;
use super::facts::Facts;

pub fn check(module: &Module, facts: &Facts, found: &mut Vec<Diagnostic>) {
    for flow in &module.flows {
        let Some(result) = flow.result.filter(|_| facts.passes(&flow.body)) else { continue };
        let end = Span { start: flow.body.span.end.saturating_sub(1), ..flow.body.span };
        found.push(
            Diagnostic::error(406, end, format!("`{}` may end without {result}", flow.name.text))
                .label("reached without a `return`")
                .also(flow.name.span, format!("gives back {result}"))
                .cause("whoever called it goes on with what it gives back")
                .mend("`return` a value on every path, or hang up"),
        );
    }
}
