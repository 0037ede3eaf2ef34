//! What is known of each flow before anything is checked.

use super::super::hir::{Block, Kind, Menu, Module, Stmt};

/// By flow.
pub struct Facts {
    /// Whether the flow may come to its end and return.
    pub returns: Vec<bool>,
    /// Whether the call may end, or be hung up, in the flow.
    pub may_end: Vec<bool>,
}

pub fn of(module: &Module) -> Facts {
    let count = module.flows.len();
    let mut facts = Facts { returns: vec![false; count], may_end: vec![false; count] };
    // Both only ever turn true, so this ends. There and back, so that long chains of calls are
    // settled in one round whichever way they run.
    let there = 0..count;
    let order: Vec<usize> = there.clone().chain(there.rev()).collect();
    loop {
        let mut changed = false;
        for index in order.iter().copied() {
            let flow = &module.flows[index];
            let returns = facts.passes(&flow.body)
                || any(&flow.body, &mut |stmt| matches!(stmt.kind, Kind::Return { .. }));
            let ends = any(&flow.body, &mut |stmt| match &stmt.kind {
                Kind::Menu(_) | Kind::Record(_) | Kind::Collect(_) | Kind::Hangup(_) => true,
                Kind::Call(call) => facts.may_end.get(call.flow).copied().unwrap_or(false),
                _ => false,
            });
            changed |= returns != facts.returns[index] || ends != facts.may_end[index];
            facts.returns[index] |= returns;
            facts.may_end[index] |= ends;
        }
        if !changed {
            return facts;
        }
    }
}

impl Facts {
    /// Whether what stands behind the block can be reached through it.
    pub fn passes(&self, block: &Block) -> bool {
        block.stmts.iter().all(|stmt| self.stmt_passes(stmt))
    }

    /// Whether what stands behind the instruction can be reached through it.
    pub fn stmt_passes(&self, stmt: &Stmt) -> bool {
        match &stmt.kind {
            Kind::Hangup(_) | Kind::Return { .. } | Kind::Again { limit: None } => false,
            Kind::Again { limit: Some(limit) } => self.passes(&limit.then),
            Kind::Call(call) => self.returns.get(call.flow).copied().unwrap_or(true),
            Kind::Menu(menu) => {
                live_actions(menu).any(|a| menu.actions.get(a).is_none_or(|b| self.passes(b)))
            }
            Kind::If { then, otherwise, .. }
            | Kind::IfFound { then, otherwise, .. }
            | Kind::IfAllowed { then, otherwise, .. } => {
                self.passes(then) || self.passes(otherwise)
            }
            Kind::Match { arms, other } => {
                arms.iter().any(|(_, action, _)| self.passes(action))
                    || other.as_ref().is_some_and(|other| self.passes(other))
            }
            Kind::Answer
            | Kind::Early
            | Kind::Say { .. }
            | Kind::Play { .. }
            | Kind::Beep
            | Kind::Tone { .. }
            | Kind::Pause(_)
            | Kind::Collect(_)
            | Kind::Record(_)
            | Kind::Set { .. }
            | Kind::Query { .. }
            | Kind::Webhook(_)
            | Kind::Send { .. }
            | Kind::Forward(_)
            | Kind::Keep { .. }
            | Kind::Discard { .. }
            | Kind::Act { .. }
            | Kind::Change { .. }
            | Kind::Notify { .. }
            | Kind::Told { .. }
            | Kind::Connect { .. }
            | Kind::Ring { .. }
            | Kind::ForEach { .. }
            | Kind::Speak(_)
            | Kind::Log(_)
            | Kind::Panic => true,
        }
    }
}

/// The actions that a caller who is still there can reach.
pub fn live_actions(menu: &Menu) -> impl Iterator<Item = usize> {
    let choices = menu.choices.iter().map(|c| c.action);
    let silence = menu.silence.map(|(_, action, _)| action);
    let other = menu.other.map(|(action, _)| action);
    choices.chain(silence).chain(other)
}

/// The blocks that stand in an instruction.
pub fn inner(stmt: &Stmt) -> Vec<&Block> {
    match &stmt.kind {
        Kind::Play { otherwise, .. }
        | Kind::Query { otherwise, .. }
        | Kind::Send { otherwise, .. }
        | Kind::Keep { otherwise, .. }
        | Kind::Act { otherwise, .. }
        | Kind::Change { otherwise, .. }
        | Kind::Notify { otherwise, .. }
        | Kind::Connect { otherwise, .. }
        | Kind::Ring { otherwise, .. } => vec![otherwise],
        Kind::Collect(collect) => vec![&collect.otherwise],
        Kind::Webhook(webhook) => vec![&webhook.otherwise],
        Kind::Forward(forward) => vec![&forward.otherwise],
        Kind::If { then, otherwise, .. }
        | Kind::IfFound { then, otherwise, .. }
        | Kind::IfAllowed { then, otherwise, .. } => vec![then, otherwise],
        Kind::Match { arms, other } => {
            arms.iter().map(|(_, action, _)| action).chain(other).collect()
        }
        Kind::Again { limit: Some(limit) } => vec![&limit.then],
        Kind::ForEach { body, .. } => vec![body],
        Kind::Menu(menu) => std::iter::once(&menu.prompt).chain(&menu.actions).collect(),
        Kind::Again { limit: None }
        | Kind::Answer
        | Kind::Early
        | Kind::Say { .. }
        | Kind::Beep
        | Kind::Tone { .. }
        | Kind::Pause(_)
        | Kind::Record(_)
        | Kind::Set { .. }
        | Kind::Discard { .. }
        | Kind::Told { .. }
        | Kind::Call(_)
        | Kind::Return { .. }
        | Kind::Speak(_)
        | Kind::Hangup(_)
        | Kind::Log(_)
        | Kind::Panic => Vec::new(),
    }
}

/// Whether `is` holds of any instruction in the block, at any depth.
pub fn any(block: &Block, is: &mut impl FnMut(&Stmt) -> bool) -> bool {
    block.stmts.iter().any(|stmt| is(stmt) || inner(stmt).into_iter().any(|b| any(b, is)))
}
