//! Where a number that would be dialled comes from: drawn into the error, from the telephone of
//! whoever calls to the place that dials.

use super::super::ast::Span;
use super::super::hir::{Block, Call, Flow, Kind, Origin, Route, Stmt};
use super::super::program::{Expr, Part};
use super::Resolver;

/// How many steps back an error draws.
const MAX_STEPS: usize = 6;

impl Resolver<'_> {
    /// Draws the way of each number that was not looked up.
    pub(super) fn draw_fraud(&mut self, flows: &[Flow], routes: &[Route]) {
        for (diagnostic, flow, value) in std::mem::take(&mut self.fraud) {
            let mut steps = Vec::new();
            match flow {
                Some(flow) => back(flows, routes, flow, &value, &mut steps),
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

/// The steps from a value back to where it came from, the last one first.
fn back(
    flows: &[Flow],
    routes: &[Route],
    flow: usize,
    value: &Expr,
    steps: &mut Vec<(Span, String)>,
) {
    if steps.len() >= MAX_STEPS {
        return;
    }
    let Some(slot) = slot_of(value) else { return };
    let Some(var) = flows.get(flow).and_then(|f| f.vars.get(usize::from(slot))) else { return };
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
            back(flows, routes, flow, from, steps);
        }
        Origin::Parameter => {
            steps.push((at, format!("handed over as `{name}`")));
            let place = usize::from(slot);
            for (caller, of) in flows.iter().enumerate() {
                if let Some((call, span)) = call_to(&of.body, flow) {
                    if let Some(arg) = call.args.get(place) {
                        steps.push((span, format!("`{}` hands it over", of.name.text)));
                        back(flows, routes, caller, arg, steps);
                    }
                    return;
                }
            }
            let route = routes.iter().find(|r| r.call.flow == flow);
            steps.extend(route.map(|r| (r.span, "the caller dials it".to_owned())));
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

/// The first call of a flow in a block.
fn call_to(block: &Block, flow: usize) -> Option<(&Call, Span)> {
    block.stmts.iter().find_map(|stmt| {
        let own = match &stmt.kind {
            Kind::Call(call) | Kind::Ring { call, .. } if call.flow == flow => {
                Some((call, stmt.span))
            }
            _ => None,
        };
        own.or_else(|| inside(stmt).into_iter().find_map(|block| call_to(block, flow)))
    })
}

fn inside(stmt: &Stmt) -> Vec<&Block> {
    super::super::checker::inner(stmt)
}
