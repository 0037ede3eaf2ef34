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
        let name = *name;
        stays.remove(name);
    }
}

fn ends(block: &Block, stays: &HashSet<&str>) -> bool {
    !block.stmts.iter().any(returns) && block.stmts.iter().any(|stmt| ends_here(stmt, stays))
}

/// Whether what follows an instruction is never come to.
fn ends_here(stmt: &Stmt, stays: &HashSet<&str>) -> bool {
    match &stmt.kind {
        StmtKind::Hangup(_) | StmtKind::Again(None) | StmtKind::Panic => true,
        StmtKind::Again(Some((_, then))) => ends(then, stays),
        StmtKind::Call(call) => stays.contains(call.name.text.as_str()),
        StmtKind::Assign { value, .. } => match &value.kind {
            ExprKind::Call(call) => stays.contains(call.name.text.as_str()),
            _ => false,
        },
        StmtKind::If { then, otherwise: Some(otherwise), .. } => {
            ends(then, stays) && ends(otherwise, stays)
        }
        StmtKind::Match(choice) => {
            choice.other.as_ref().is_some_and(|(block, _)| ends(block, stays))
                && choice.arms.iter().all(|arm| ends(&arm.action, stays))
        }
        StmtKind::Menu(menu) => menu.answers.iter().all(|answer| ends(&answer.action, stays)),
        _ => false,
    }
}

/// Whether an instruction, or one in it, goes back.
fn returns(stmt: &Stmt) -> bool {
    let any = |block: &Block| block.stmts.iter().any(returns);
    match &stmt.kind {
        StmtKind::Return(_) => true,
        StmtKind::Again(Some((_, then))) => any(then),
        StmtKind::If { then, otherwise, .. } => any(then) || otherwise.as_ref().is_some_and(any),
        StmtKind::ForEach { body, otherwise, .. } => {
            any(body) || otherwise.as_ref().is_some_and(any)
        }
        StmtKind::Match(choice) => {
            choice.arms.iter().any(|arm| any(&arm.action))
                || choice.other.as_ref().is_some_and(|(block, _)| any(block))
        }
        StmtKind::Menu(menu) => menu.answers.iter().any(|answer| any(&answer.action)),
        _ => false,
    }
}
