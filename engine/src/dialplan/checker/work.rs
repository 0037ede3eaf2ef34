//! Between two waits a run does little, however long the lists are: a call that is at work keeps
//! other calls waiting, and one that is at work for too long is ended.

use super::super::ast::Span;
use super::super::diagnostic::Diagnostic;
use super::super::hir::{Block, Flow, Kind, Module, Stmt};
use super::super::run::{FUEL, MAX_LIST};
use super::facts::{Facts, any, inner};
use super::graph::{components, edges};

pub fn check(module: &Module, facts: &Facts, found: &mut Vec<Diagnostic>) {
    let count = module.flows.len();
    let mut calls = vec![Vec::new(); count];
    for edge in edges(module, facts).iter().filter(|edge| !edge.rings) {
        calls[edge.from].push(edge.to);
    }
    // What is called comes first. Those that call one another in a circle ask on the way round.
    let mut work = Work { flows: vec![0; count], asking: vec![false; count], worst: None };
    for flow in components(count, &calls).into_iter().flatten() {
        work.worst = None;
        let done = work.flow(&module.flows[flow]);
        work.flows[flow] = done.min(FUEL.into());
        work.asking[flow] = work.always_asks(&module.flows[flow].body);
        if done > FUEL.into() {
            let at = work.worst.unwrap_or(module.flows[flow].name.span);
            found.push(
                Diagnostic::error(325, at, "this may be too much work for one call")
                    .label("repeated so often, and nobody is asked on the way")
                    .cause(format!(
                        "a list may have {MAX_LIST} entries; a call that does {FUEL} things without waiting for its caller is ended"
                    ))
                    .mend("don't put such loops into one another, or ask the caller in each round"),
            );
            return;
        }
    }
}

struct Work {
    /// The most that each flow does without asking.
    flows: Vec<u64>,
    /// Whether each flow waits for the caller, whichever way is gone through it.
    asking: Vec<bool>,
    /// The innermost loop that is too much.
    worst: Option<Span>,
}

impl Work {
    fn flow(&mut self, flow: &Flow) -> u64 {
        let mut rounds = 1;
        again(&flow.body, &mut rounds);
        let once = self.block(&flow.body);
        if self.asks(&flow.body) { once } else { once.saturating_mul(rounds) }
    }

    /// Whether every round through the block waits for the caller.
    fn asks(&self, block: &Block) -> bool {
        block.stmts.iter().any(|stmt| self.waits(stmt))
    }

    fn waits(&self, stmt: &Stmt) -> bool {
        match &stmt.kind {
            Kind::Menu(_) | Kind::Collect(_) | Kind::Record(_) => true,
            Kind::Call(call) => self.asking.get(call.flow).copied().unwrap_or(false),
            _ => false,
        }
    }

    /// As [`Self::asks`], of a flow, which may give back something before it asks.
    fn always_asks(&self, block: &Block) -> bool {
        let gives_back = |stmt: &Stmt| {
            matches!(stmt.kind, Kind::Return { .. })
                || inner(stmt)
                    .into_iter()
                    .any(|b| any(b, &mut |s| matches!(s.kind, Kind::Return { .. })))
        };
        let before = block.stmts.iter().take_while(|stmt| !self.waits(stmt));
        self.asks(block) && !before.into_iter().any(gives_back)
    }

    fn block(&mut self, block: &Block) -> u64 {
        block.stmts.iter().fold(1, |sum, stmt| sum.saturating_add(self.stmt(stmt)))
    }

    fn stmt(&mut self, stmt: &Stmt) -> u64 {
        match &stmt.kind {
            Kind::ForEach { body, .. } => {
                let once = self.block(body).saturating_add(2);
                let all = if self.asks(body) { once } else { once.saturating_mul(MAX_LIST as u64) };
                if all > FUEL.into() && self.worst.is_none() {
                    self.worst = Some(stmt.span);
                }
                all
            }
            Kind::Call(call) => self.flows.get(call.flow).copied().unwrap_or(0).saturating_add(1),
            // Of the answers of a menu, and the ways of a choice, one is taken.
            Kind::Menu(menu) => {
                let most = menu.actions.iter().map(|action| self.block(action)).max();
                self.block(&menu.prompt).saturating_add(most.unwrap_or(0))
            }
            Kind::Match { arms, other } => {
                let blocks = arms.iter().map(|(_, action, _)| action).chain(other);
                let most = blocks.map(|block| self.block(block)).max().unwrap_or(0);
                most.saturating_add(arms.len() as u64)
            }
            _ => {
                let most = inner(stmt).into_iter().map(|block| self.block(block)).max();
                most.unwrap_or(0).saturating_add(2)
            }
        }
    }
}

/// How often a flow may begin anew, outside of its menus.
fn again(block: &Block, rounds: &mut u64) {
    for stmt in &block.stmts {
        match &stmt.kind {
            Kind::Menu(_) => {}
            Kind::Again { limit: Some(limit) } => {
                *rounds = rounds.saturating_add(limit.most.into());
                again(&limit.then, rounds);
            }
            _ => inner(stmt).into_iter().for_each(|block| again(block, rounds)),
        }
    }
}
