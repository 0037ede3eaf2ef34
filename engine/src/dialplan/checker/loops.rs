//! Every way round asks the caller something or is counted, and flows don't pile up.

use std::collections::BTreeMap;

use super::super::diagnostic::Diagnostic;
use super::super::hir::{Block, Kind, Module};
use super::facts::{Facts, inner};
use super::graph::{Edge, components, edges};

/// How many further calls of a circle an error draws.
const MAX_DRAWN: usize = 4;
/// How many flows may stand in one another.
const MAX_NESTING: usize = 32;

pub fn check(module: &Module, facts: &Facts, found: &mut Vec<Diagnostic>) {
    for flow in &module.flows {
        uncounted(&flow.body, found);
    }
    let edges = edges(module, facts);
    unasked(module, &edges, found);
    piled(module, &edges, found);
}

/// `again` outside of any menu begins the flow anew, which only a count can end.
fn uncounted(block: &Block, found: &mut Vec<Diagnostic>) {
    for stmt in &block.stmts {
        match &stmt.kind {
            Kind::Menu(_) => {}
            Kind::Again { limit: None } => found.push(
                Diagnostic::error(306, stmt.span, "this flow begins anew without end")
                    .label("not counted")
                    .cause("outside of a menu `again` begins the flow anew, and nobody is asked")
                    .mend("again at most 2 then goodbye"),
            ),
            _ => inner(stmt).into_iter().for_each(|b| uncounted(b, found)),
        }
    }
}

/// Flows that call one another in a circle without a key.
fn unasked(module: &Module, edges: &[Edge], found: &mut Vec<Diagnostic>) {
    let silent: Vec<&Edge> = edges.iter().filter(|e| !e.asked).collect();
    // One circle is told once, with all the calls that it consists of.
    let mut circles: BTreeMap<usize, Diagnostic> = BTreeMap::new();
    for_circles(module, &silent, |edge, circle, name| {
        let error = match circles.remove(&circle) {
            Some(error) if error.related.len() >= MAX_DRAWN => error,
            Some(error) => error.also(edge.span, "which goes on here"),
            None => Diagnostic::error(
                307,
                edge.span,
                format!("this comes back to `{name}` without a key"),
            )
            .label("goes round")
            .cause("a way round must ask the caller, or be counted: else it never ends")
            .mend("call it from a `key` answer, or use: again at most 2 then goodbye"),
        };
        circles.insert(circle, error);
    });
    found.extend(circles.into_values());
}

/// Flows that call one another in a circle, and wait for the called one to return.
fn piled(module: &Module, edges: &[Edge], found: &mut Vec<Diagnostic>) {
    let all: Vec<&Edge> = edges.iter().filter(|e| !e.rings).collect();
    let before = found.len();
    for_circles(module, &all, |edge, _, name| {
        if !edge.tail && edge.asked {
            found.push(
                Diagnostic::error(
                    308,
                    edge.span,
                    format!("this comes back to `{name}` and goes on behind it"),
                )
                .label("more follows behind this call")
                .cause("with each round one more flow would wait for its turn")
                .mend("let the call be the last thing that is done"),
            );
        }
    });
    if found.len() == before {
        too_deep(module, edges, found);
    }
}

fn too_deep(module: &Module, edges: &[Edge], found: &mut Vec<Diagnostic>) {
    let count = module.flows.len();
    let mut calls = vec![Vec::new(); count];
    for (index, edge) in edges.iter().enumerate().filter(|(_, e)| !e.rings) {
        calls[edge.from].push(index);
    }
    let targets: Vec<Vec<usize>> =
        calls.iter().map(|list| list.iter().map(|e| edges[*e].to).collect()).collect();
    let mut depth = vec![0usize; count];
    for component in components(count, &targets) {
        let inside = component.iter().flat_map(|flow| &calls[*flow]);
        let deepest =
            inside.map(|e| (depth[edges[*e].to] + usize::from(!edges[*e].tail), *e)).max();
        let Some((deepest, edge)) = deepest else { continue };
        if deepest > MAX_NESTING {
            found.push(
                Diagnostic::error(
                    309,
                    edges[edge].span,
                    "too many flows stand in one another here",
                )
                .cause(format!("a call keeps at most {MAX_NESTING}, to stay small"))
                .mend("let a call be the last thing that its flow does"),
            );
            return;
        }
        for flow in component {
            depth[flow] = deepest;
        }
    }
}

fn for_circles(module: &Module, edges: &[&Edge], mut tell: impl FnMut(&Edge, usize, &str)) {
    let count = module.flows.len();
    let mut calls = vec![Vec::new(); count];
    for edge in edges {
        calls[edge.from].push(edge.to);
    }
    let mut component_of = vec![0; count];
    for (number, component) in components(count, &calls).iter().enumerate() {
        for flow in component {
            component_of[*flow] = number;
        }
    }
    for edge in edges {
        if component_of[edge.from] == component_of[edge.to] {
            tell(edge, component_of[edge.from], &module.flows[edge.from].name.text);
        }
    }
}
