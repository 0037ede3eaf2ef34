//! Every instruction, flow and route can be reached.

use std::collections::HashMap;

use super::super::STARTED_BY_HARK;
use super::super::diagnostic::Diagnostic;
use super::super::hir::{Block, Condition, Module, Route};
use super::super::program::rank;
use super::facts::{Facts, inner};
use super::graph::edges;
use crate::key::Key;

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
    // Those before, by what they ask for: no dialplan has so many routes that each could be
    // compared with each.
    let mut before: HashMap<Wanted<'_>, Vec<&Route>> = HashMap::new();
    for route in order {
        let hides = |b: &&&Route| {
            let numbers = match (&b.pattern, &route.pattern) {
                (Some(before), Some(this)) => before.covers(this),
                (None, _) => true,
                (Some(_), None) => false,
            };
            numbers && b.conditions.iter().all(|c| follows(c, &route.conditions))
        };
        let mut candidates = may_hide(route).into_iter().filter_map(|wanted| before.get(&wanted));
        let hidden = candidates.find_map(|list| list.iter().find(hides));
        if let Some(before) = hidden {
            let error = if route.pattern.is_none() {
                Diagnostic::error(404, route.span, "there are two `otherwise`").label("the second")
            } else {
                Diagnostic::error(402, route.span, "this route never matches")
                    .label("never reached")
            };
            found.push(
                error
                    .also(before.span, "takes these numbers already")
                    .cause("one number only goes before patterns, and those before `otherwise`; then what has more conditions; then what is written first")
                    .mend("take one of them out"),
            );
            continue;
        }
        // A route that asks for a user lets numbers of nobody pass to the next.
        if !route.call.may_miss {
            for wanted in wanted(route) {
                before.entry(wanted).or_default().push(route);
            }
        }
    }
}

/// What a route asks for: the whole number, or else its first key (none for `otherwise`); the
/// domain; the trunk.
type Wanted<'a> = (Option<Number>, Option<&'a str>, Option<&'a str>);

#[derive(PartialEq, Eq, Hash, Clone)]
enum Number {
    Whole(Vec<Key>),
    First(Key),
}

/// Under what a route is found. Those of one number only are found by it alone.
fn wanted(route: &Route) -> Vec<Wanted<'_>> {
    let (domain, trunk) = asked(route);
    let numbers = match &route.pattern {
        None => vec![None],
        Some(pattern) if pattern.is_exact() => vec![Some(Number::Whole(pattern.least()))],
        Some(pattern) => pattern.first().iter().map(|key| Some(Number::First(key))).collect(),
    };
    numbers.into_iter().map(|number| (number, domain, trunk)).collect()
}

/// Under what those would be found that may hide a route.
fn may_hide(route: &Route) -> Vec<Wanted<'_>> {
    let (domain, trunk) = asked(route);
    let mut numbers = vec![None];
    if let Some(pattern) = &route.pattern {
        numbers.extend(pattern.first().iter().next().map(|key| Some(Number::First(key))));
        numbers.push(Some(Number::Whole(pattern.least())));
    }
    let domains = [None, domain];
    let trunks = [None, trunk];
    let mut all = Vec::new();
    for number in numbers {
        for domain in &domains[..=usize::from(domain.is_some())] {
            for trunk in &trunks[..=usize::from(trunk.is_some())] {
                all.push((number.clone(), *domain, *trunk));
            }
        }
    }
    all
}

fn asked(route: &Route) -> (Option<&str>, Option<&str>) {
    let (mut domain, mut trunk) = (None, None);
    for condition in &route.conditions {
        match condition {
            Condition::Domain(name) => domain = Some(name.as_str()),
            Condition::Trunk(name) => trunk = Some(name.as_str()),
            Condition::From(_) | Condition::Identified(_) | Condition::When(..) => {}
        }
    }
    (domain, trunk)
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
