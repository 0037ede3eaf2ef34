//! Which flows never come back to whoever called them: every way through them hangs up or
//! begins anew.

use std::collections::HashSet;

use super::super::ast::{Block, ExprKind, Stmt, StmtKind};

/// The names of those flows.
pub fn stays<'a>(flows: Vec<(&'a str, &'a Block)>) -> HashSet<&'a str> {
    let mut stays: HashSet<&str> = flows.iter().map(|(name, _)| *name).collect();
    // Of flows that call one another none comes back unless one does otherwise.
    loop {
        let comes_back =
            |(name, body): &&(&str, &Block)| stays.contains(name) && !ends(body, &stays);
        let Some((name, _)) = flows.iter().find(comes_back) else { return stays };
        stays.remove(*name);
    }
}

fn ends(block: &Block, stays: &HashSet<&str>) -> bool {
    !block.stmts.iter().any(returns) && block.stmts.iter().any(|stmt| ends_here(stmt, stays))
}

/// Whether what follows an instruction is never come to.
fn ends_here(stmt: &Stmt, stays: &HashSet<&str>) -> bool {
    if let StmtKind::Assign { value, .. } = &stmt.kind
        && let ExprKind::Call(call) = &value.kind
    {
        return stays.contains(call.name.text.as_str());
    }
    match &stmt.kind {
        StmtKind::Hangup(_) | StmtKind::Again(None) => true,
        StmtKind::Call(call) => stays.contains(call.name.text.as_str()),
        StmtKind::Again(Some(_)) | StmtKind::Menu(_) => every(stmt, stays),
        StmtKind::If { otherwise, .. } => otherwise.is_some() && every(stmt, stays),
        StmtKind::Match(choice) => choice.other.is_some() && every(stmt, stays),
        StmtKind::Answer
        | StmtKind::Early
        | StmtKind::Say(..)
        | StmtKind::Play(..)
        | StmtKind::Tone(..)
        | StmtKind::Collect(_)
        | StmtKind::Beep
        | StmtKind::Pause(_)
        | StmtKind::Record(_)
        | StmtKind::Assign { .. }
        | StmtKind::Send { .. }
        | StmtKind::Forward(_)
        | StmtKind::Keep { .. }
        | StmtKind::Remove { .. }
        | StmtKind::Connect { .. }
        | StmtKind::Ring { .. }
        | StmtKind::Notify { .. }
        | StmtKind::Set { .. }
        | StmtKind::Told { .. }
        | StmtKind::Webhook(_)
        | StmtKind::Speak(_)
        | StmtKind::Return(_)
        | StmtKind::Discard(_)
        | StmtKind::Act { .. }
        | StmtKind::ForEach { .. }
        | StmtKind::Log(_)
        | StmtKind::Panic => false,
    }
}

/// Whether every way that an instruction offers ends.
fn every(stmt: &Stmt, stays: &HashSet<&str>) -> bool {
    ways(stmt).iter().all(|block| ends(block, stays))
}

/// Whether an instruction, or one in it, goes back.
fn returns(stmt: &Stmt) -> bool {
    let within = |block: &&Block| block.stmts.iter().any(returns);
    matches!(stmt.kind, StmtKind::Return(_)) || ways(stmt).iter().any(within)
}

/// The blocks that an instruction goes on with.
fn ways(stmt: &Stmt) -> Vec<&Block> {
    match &stmt.kind {
        StmtKind::Again(Some((_, then))) => vec![then],
        StmtKind::If { then, otherwise, .. } => [then].into_iter().chain(otherwise).collect(),
        StmtKind::ForEach { body, otherwise, .. } => [body].into_iter().chain(otherwise).collect(),
        StmtKind::Match(choice) => {
            let other = choice.other.iter().map(|(block, _)| block);
            choice.arms.iter().map(|arm| &arm.action).chain(other).collect()
        }
        StmtKind::Menu(menu) => menu.answers.iter().map(|answer| &answer.action).collect(),
        StmtKind::Collect(collect) => collect.otherwise.iter().collect(),
        StmtKind::Forward(forward) => forward.otherwise.iter().collect(),
        StmtKind::Webhook(webhook) => webhook.otherwise.iter().collect(),
        StmtKind::Play(_, otherwise)
        | StmtKind::Assign { otherwise, .. }
        | StmtKind::Send { otherwise, .. }
        | StmtKind::Keep { otherwise, .. }
        | StmtKind::Remove { otherwise, .. }
        | StmtKind::Connect { otherwise, .. }
        | StmtKind::Ring { otherwise, .. }
        | StmtKind::Notify { otherwise, .. }
        | StmtKind::Set { otherwise, .. }
        | StmtKind::Act { otherwise, .. } => otherwise.iter().collect(),
        StmtKind::Answer
        | StmtKind::Early
        | StmtKind::Say(..)
        | StmtKind::Tone(..)
        | StmtKind::Beep
        | StmtKind::Pause(_)
        | StmtKind::Record(_)
        | StmtKind::Told { .. }
        | StmtKind::Speak(_)
        | StmtKind::Return(_)
        | StmtKind::Discard(_)
        | StmtKind::Call(_)
        | StmtKind::Again(None)
        | StmtKind::Hangup(_)
        | StmtKind::Log(_)
        | StmtKind::Panic => Vec::new(),
    }
}
