//! Where a number that would be dialled comes from: drawn into the error, from the telephone of
//! whoever calls to the place that dials.

use std::collections::HashMap;

use super::super::ast::Span;
use super::super::hir::{Block, Call, Flow, Kind, Origin, Route};
use super::super::program::{Expr, Part};
use super::Resolver;

/// How many steps back an error draws.
const MAX_STEPS: usize = 6;

impl Resolver<'_> {
    /// Draws the way of each number that was not looked up.
    pub(super) fn draw_fraud(&mut self, flows: &[Flow], routes: &[Route]) {
        let fraud = std::mem::take(&mut self.fraud);
        if fraud.is_empty() {
            return;
        }
        let plan = Plan { flows, routes, callers: callers(flows) };
        for (diagnostic, flow, value) in fraud {
            let mut steps = Vec::new();
            match flow {
                Some(flow) => plan.back(flow, &value, &mut steps),
                None => steps.extend(
                    routes.iter().next().map(|r| (r.span, "the number dialled".to_owned())),
                ),
            }
            if let Some(diagnostic) = self.found.get_mut(diagnostic) {
                diagnostic.related.extend(steps.into_iter().rev());
            }
        }
    }
}

struct Plan<'a> {
    flows: &'a [Flow],
    routes: &'a [Route],
    /// Of each flow that is called: who does so first, how, and where.
    callers: HashMap<usize, (usize, &'a Call, Span)>,
}

impl Plan<'_> {
    /// The steps from a value back to where it came from, the last one first.
    fn back(&self, flow: usize, value: &Expr, steps: &mut Vec<(Span, String)>) {
        if steps.len() >= MAX_STEPS {
            return;
        }
        let Some(slot) = slot_of(value) else { return };
        let vars = self.flows.get(flow).map(|f| &f.vars);
        let Some(var) = vars.and_then(|vars| vars.get(usize::from(slot))) else { return };
        let (name, at) = (&var.name.text, var.name.span);
        if steps.iter().any(|(span, _)| *span == at) {
            return;
        }
        match &var.origin {
            Origin::Caller => steps.push((at, format!("the caller types `{name}`"))),
            Origin::Service => steps.push((at, format!("a web service answers `{name}`"))),
            Origin::Hark => steps.push((at, format!("`{name}` is given here"))),
            Origin::Value(from) => {
                steps.push((at, format!("`{name}` is made of it")));
                self.back(flow, from, steps);
            }
            Origin::Parameter => {
                steps.push((at, format!("handed over as `{name}`")));
                if let Some((caller, call, span)) = self.callers.get(&flow).copied() {
                    if let Some(arg) = call.args.get(usize::from(slot)) {
                        let of = &self.flows[caller].name.text;
                        steps.push((span, format!("`{of}` hands it over")));
                        self.back(caller, arg, steps);
                    }
                    return;
                }
                let route = self.routes.iter().find(|r| r.call.flow == flow);
                steps.extend(route.map(|r| (r.span, "the caller dials it".to_owned())));
            }
        }
    }
}

/// The variable that a value is, or is made of.
fn slot_of(value: &Expr) -> Option<u16> {
    match value {
        Expr::Slot(slot) => Some(*slot),
        Expr::Field(of, _) | Expr::UserAt(of) | Expr::Spelled(of) | Expr::Not(of) => slot_of(of),
        Expr::Binary(_, left, right) => slot_of(left).or_else(|| slot_of(right)),
        Expr::List(items) | Expr::Localized(items) => items.iter().find_map(slot_of),
        Expr::Text(parts) => parts.iter().find_map(|part| match part {
            Part::Value(value) | Part::Age(value) | Part::Plural(value, _) => slot_of(value),
            Part::Literal(_) => None,
        }),
        Expr::Const(_) | Expr::Now | Expr::Clock(_) => None,
    }
}

/// The first call of each flow.
fn callers(flows: &[Flow]) -> HashMap<usize, (usize, &Call, Span)> {
    let mut callers = HashMap::new();
    for (caller, flow) in flows.iter().enumerate() {
        calls_in(&flow.body, &mut |call, span| {
            callers.entry(call.flow).or_insert((caller, call, span));
        });
    }
    callers
}

fn calls_in<'a>(block: &'a Block, tell: &mut impl FnMut(&'a Call, Span)) {
    for stmt in &block.stmts {
        if let Kind::Call(call) | Kind::Ring { call, .. } = &stmt.kind {
            tell(call, stmt.span);
        }
        for inside in super::super::checker::inner(stmt) {
            calls_in(inside, tell);
        }
    }
}
