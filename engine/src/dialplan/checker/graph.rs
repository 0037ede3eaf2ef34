//! Which flow calls which.

use super::super::ast::Span;
use super::super::hir::{Block, Kind, Menu, Module, Stmt};
use super::facts::{Facts, inner};

/// A call.
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub span: Span,
    /// The caller pressed a key on the way to it.
    pub asked: bool,
    /// Nothing of the calling flow follows it.
    pub tail: bool,
    /// The flow is run in a call of its own, which this one starts.
    pub rings: bool,
}

/// Every call of every flow.
pub fn edges(module: &Module, facts: &Facts) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (from, flow) in module.flows.iter().enumerate() {
        block(&flow.body, Place { facts, from, asked: false, last: true }, &mut edges);
    }
    edges
}

#[derive(Clone, Copy)]
struct Place<'a> {
    facts: &'a Facts,
    from: usize,
    asked: bool,
    last: bool,
}

fn block(of: &Block, mut place: Place<'_>, edges: &mut Vec<Edge>) {
    for (index, stmt) in of.stmts.iter().enumerate() {
        let last = place.last && index + 1 == of.stmts.len();
        one(stmt, Place { last, ..place }, edges);
        // Behind a `collect` whose `else` goes elsewhere, keys were pressed.
        if let Kind::Collect(collect) = &stmt.kind {
            place.asked |= !place.facts.passes(&collect.otherwise);
        }
    }
}

fn one(stmt: &Stmt, place: Place<'_>, edges: &mut Vec<Edge>) {
    match &stmt.kind {
        Kind::Call(call) => edges.push(Edge {
            from: place.from,
            to: call.flow,
            span: stmt.span,
            asked: place.asked,
            tail: place.last && call.into.is_none(),
            rings: false,
        }),
        Kind::Ring { call, otherwise, .. } => {
            edges.push(Edge {
                from: place.from,
                to: call.flow,
                span: stmt.span,
                asked: place.asked,
                tail: true,
                rings: true,
            });
            block(otherwise, place, edges);
        }
        Kind::Menu(m) => menu(m, place, edges),
        Kind::ForEach { body, .. } => block(body, Place { last: false, ..place }, edges),
        _ => inner(stmt).into_iter().for_each(|b| block(b, place, edges)),
    }
}

fn menu(menu: &Menu, place: Place<'_>, edges: &mut Vec<Edge>) {
    let choice = menu.choices.iter().map(|c| (c.action, true));
    let other = menu.other.map(|(action, _)| (action, true));
    let silence = menu.silence.map(|(_, action, _)| (action, false));
    let causes: Vec<(usize, bool)> = choice.chain(other).chain(silence).collect();
    let hangup = menu.hangup.map(|(action, _)| action);
    for (index, action) in menu.actions.iter().enumerate() {
        let mine: Vec<bool> = causes.iter().filter(|(a, _)| *a == index).map(|c| c.1).collect();
        if !mine.is_empty() {
            let asked = place.asked || mine.iter().all(|asked| *asked);
            block(action, Place { asked, ..place }, edges);
        }
        if hangup == Some(index) {
            block(action, Place { asked: false, last: false, ..place }, edges);
        }
    }
}

/// The strongly connected components of `count` flows, each behind all that it calls: an
/// iterative form of Tarjan's algorithm, so that no dialplan is too long for the stack.
pub fn components(count: usize, calls: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let (mut order, mut low) = (vec![UNSEEN; count], vec![UNSEEN; count]);
    let (mut open, mut is_open) = (Vec::new(), vec![false; count]);
    let (mut components, mut next) = (Vec::new(), 0);
    for root in 0..count {
        if order[root] != UNSEEN {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((flow, at)) = path.pop() {
            if at == 0 {
                (order[flow], low[flow]) = (next, next);
                next += 1;
                open.push(flow);
                is_open[flow] = true;
            }
            if let Some(called) = calls[flow].get(at).copied() {
                path.push((flow, at + 1));
                if order[called] == UNSEEN {
                    path.push((called, 0));
                } else if is_open[called] {
                    low[flow] = low[flow].min(order[called]);
                }
                continue;
            }
            if low[flow] == order[flow] {
                let mut component = Vec::new();
                while let Some(member) = open.pop() {
                    is_open[member] = false;
                    component.push(member);
                    if member == flow {
                        break;
                    }
                }
                components.push(component);
            }
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[flow]);
            }
        }
    }
    components
}
