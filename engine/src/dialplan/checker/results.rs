//! Every path of a flow that gives something back does so, and a recording that is given back is
//! taken.

use super::super::STARTED_BY_HARK;
use super::super::ast::Span;
use super::super::diagnostic::Diagnostic;
use super::super::hir::{Call, Flow, Module};
use super::super::value::Type;
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
    for route in &module.routes {
        found.extend(given_to_nobody(module, &route.call, route.span));
    }
    // What Hark starts gives its result to nobody.
    let started = |flow: &&Flow| STARTED_BY_HARK.contains(&flow.name.text.as_str());
    for flow in module.flows.iter().filter(started) {
        if flow.result == Some(Type::Recording) {
            found.push(
                Diagnostic::error(
                    501,
                    flow.name.span,
                    "the recording that this gives back is lost",
                )
                .label("started by Hark, which takes nothing back")
                .mend("use it in here"),
            );
        }
    }
}

/// A call of a flow that gives back a recording, where nobody takes it.
pub fn given_to_nobody(module: &Module, call: &Call, span: Span) -> Option<Diagnostic> {
    let flow = module.flows.get(call.flow)?;
    let takes = call.into.is_some() || flow.result != Some(Type::Recording);
    (!takes).then(|| {
        let name = &flow.name.text;
        Diagnostic::error(501, span, format!("the recording that `{name}` gives back is lost"))
            .label("nobody takes it")
            .also(flow.name.span, "gives back a Recording")
            .cause("a recording is used exactly once on every path, hang-up included")
            .mend(format!("in a flow, give it a name and use it: message = {name}(…)"))
    })
}
