//! Every instruction, flow and route can be reached.

use super::super::STARTED_BY_HARK;
use super::super::diagnostic::Diagnostic;
use super::super::hir::{Block, Condition, Module, Route};
use super::super::program::rank;
use super::facts::{Facts, inner};
use super::graph::edges;

pub fn check(module: &Module, facts: &Facts, found: &mut Vec<Diagnostic>) {
    for flow in &module.flows {
        block(&flow.body, facts, found);
    }
    routes(&module.routes, found);
    flows(module, facts, found);
}

fn block(of: &Block, facts: &Facts, found: &mut Vec<Diagnostic>) {
    let end = of.stmts.iter().position(|stmt| !facts.stmt_passes(stmt));
    if let Some(end) = end
        && let (Some(last), Some(next)) = (of.stmts.get(end), of.stmts.get(end + 1))
    {
        found.push(
            Diagnostic::error(401, next.span, "this is never reached")
                .label("never reached")
                .also(last.span, "goes elsewhere in every case")
                .mend("take it out, or move it up"),
        );
    }
    for stmt in &of.stmts {
        inner(stmt).into_iter().for_each(|b| block(b, facts, found));
    }
}

fn routes(routes: &[Route], found: &mut Vec<Diagnostic>) {
    let mut order: Vec<&Route> = routes.iter().collect();
    order.sort_by_key(|r| rank(r.pattern.as_ref(), r.conditions.len()));
    for (index, route) in order.iter().enumerate() {
        // A route that asks for a user lets numbers of nobody pass to the next.
        let before = order[..index].iter().filter(|r| !r.call.may_miss).find(|b| {
            let numbers = match (&b.pattern, &route.pattern) {
                (Some(before), Some(this)) => before.covers(this),
                (None, _) => true,
                (Some(_), None) => false,
            };
            numbers && b.conditions.iter().all(|c| follows(c, &route.conditions))
        });
        let Some(before) = before else { continue };
        let error = if route.pattern.is_none() {
            Diagnostic::error(404, route.span, "there are two `otherwise`").label("the second")
        } else {
            Diagnostic::error(402, route.span, "this route never matches").label("never reached")
        };
        found.push(
            error
                .also(before.span, "takes these numbers already")
                .cause("one number only goes before patterns, and those before `otherwise`; then what has more conditions; then what is written first")
                .mend("take one of them out"),
        );
    }
}

/// Whether a condition holds wherever the others do.
fn follows(condition: &Condition, others: &[Condition]) -> bool {
    others.iter().any(|other| match (condition, other) {
        (Condition::From(wide), Condition::From(narrow)) => wide.covers(narrow),
        (condition, other) => condition == other,
    })
}

fn flows(module: &Module, facts: &Facts, found: &mut Vec<Diagnostic>) {
    // Where nothing is routed, the folder is a library or an exercise.
    if module.routes.is_empty() {
        return;
    }
    let mut calls = vec![Vec::new(); module.flows.len()];
    for edge in edges(module, facts) {
        calls[edge.from].push(edge.to);
    }
    let mut reached = vec![false; module.flows.len()];
    let mut open: Vec<usize> = module.routes.iter().map(|r| r.call.flow).collect();
    open.extend(
        (0..module.flows.len())
            .filter(|f| STARTED_BY_HARK.contains(&module.flows[*f].name.text.as_str())),
    );
    while let Some(flow) = open.pop() {
        if !std::mem::replace(&mut reached[flow], true) {
            open.extend(&calls[flow]);
        }
    }
    for (flow, _) in module.flows.iter().zip(reached).filter(|(_, reached)| !reached) {
        let name = &flow.name;
        found.push(
            Diagnostic::warning(403, name.span, format!("no route leads to `{}`", name.text))
                .label("never called")
                .mend("call it, give it a route, or take it out"),
        );
    }
}
