//! Every menu has its answers, and only what may stand in them does.

use super::super::ast::Span;
use super::super::diagnostic::Diagnostic;
use super::super::hir::{Block, Choice, Kind, Menu, Module, Stmt};
use super::facts::{inner, live_actions};

pub fn check(module: &Module, found: &mut Vec<Diagnostic>) {
    for flow in &module.flows {
        block(&flow.body, found);
    }
}

fn block(of: &Block, found: &mut Vec<Diagnostic>) {
    for stmt in &of.stmts {
        if let Kind::Menu(m) = &stmt.kind {
            menu(m, found);
        }
        for inside in inner(stmt) {
            block(inside, found);
        }
    }
}

fn menu(menu: &Menu, found: &mut Vec<Diagnostic>) {
    let missing = |code, what: &str, cause: &str, mend: &str| {
        Diagnostic::error(code, menu.head, format!("this menu has no answer to {what}"))
            .label("waits here")
            .cause(cause)
            .mend(mend)
    };
    if menu.choices.is_empty() {
        found.push(missing(
            316,
            "any key",
            "a menu asks the caller for a key or for digits",
            "key 1 -> …, silence 8s -> …, other -> …; or take the menu away",
        ));
        // Who has yet to write any answer is told of all of them at once.
        if menu.silence.is_none() && menu.other.is_none() {
            return;
        }
    }
    if menu.silence.is_none() {
        found.push(missing(
            301,
            "silence",
            "a caller who does nothing would wait for ever",
            "silence 8s -> again at most 2 then goodbye",
        ));
    }
    if menu.other.is_none() {
        found.push(missing(
            302,
            "a wrong key",
            "a caller who presses another key would not know what happened",
            "other -> { say \"That is not an option.\"; again }",
        ));
    }
    prompt(&menu.prompt, found);
    silence(menu, found);
    hangup(menu, found);
    choices(menu, found);
}

/// Before it waits a menu speaks, and does nothing that could end it or need an answer.
fn prompt(of: &Block, found: &mut Vec<Diagnostic>) {
    for stmt in &of.stmts {
        let speaks = match &stmt.kind {
            Kind::Say { .. }
            | Kind::Play { .. }
            | Kind::Beep
            | Kind::Tone { .. }
            | Kind::Pause(_)
            | Kind::Set { .. }
            | Kind::If { .. }
            | Kind::IfFound { .. }
            | Kind::IfAllowed { .. }
            | Kind::Match { .. }
            | Kind::ForEach { .. }
            | Kind::Log(_) => true,
            Kind::Answer
            | Kind::Early
            | Kind::Collect(_)
            | Kind::Record(_)
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
            | Kind::Menu(_)
            | Kind::Call(_)
            | Kind::Return { .. }
            | Kind::Again { .. }
            | Kind::Speak(_)
            | Kind::Hangup(_)
            | Kind::Panic => false,
        };
        if speaks {
            inner(stmt).into_iter().for_each(|b| prompt(b, found));
        } else {
            found.push(
                Diagnostic::error(313, stmt.span, "a menu's prompt only speaks")
                    .label("does more than speak")
                    .cause("what stands before the first answer is said anew with each `again`")
                    .mend("move it in front of the menu, or into an answer"),
            );
        }
    }
}

fn silence(menu: &Menu, found: &mut Vec<Diagnostic>) {
    let Some((_, action, at)) = menu.silence else { return };
    let Some(action) = menu.actions.get(action) else { return };
    for stmt in unlimited_again(action) {
        found.push(
            Diagnostic::error(304, stmt.span, "silence is asked again without end")
                .label("not counted")
                .also(at, "nobody may be there any more")
                .cause("a line that was left open would stay open for ever")
                .mend("again at most 2 then goodbye"),
        );
    }
}

/// The `again` that return to the menu whose action this is, and don't count.
fn unlimited_again(block: &Block) -> Vec<&Stmt> {
    let mut list = Vec::new();
    for stmt in &block.stmts {
        match &stmt.kind {
            Kind::Again { limit: None } => list.push(stmt),
            // An inner menu's `again` returns to that menu.
            Kind::Menu(_) => {}
            _ => list.extend(inner(stmt).into_iter().flat_map(unlimited_again)),
        }
    }
    list
}

fn hangup(menu: &Menu, found: &mut Vec<Diagnostic>) {
    let Some((index, at)) = menu.hangup else { return };
    let Some(action) = menu.actions.get(index) else { return };
    asks(action, at, found);
    if live_actions(menu).any(|a| a == index) {
        return;
    }
    let speaks =
        |stmt: &Stmt| matches!(stmt.kind, Kind::Say { .. } | Kind::Play { .. } | Kind::Beep);
    if let Some(stmt) = action.stmts.iter().find(|s| speaks(s)) {
        found.push(
            Diagnostic::warning(317, stmt.span, "nobody hears this")
                .also(at, "the caller is gone")
                .mend("take it out"),
        );
    }
}

const fn needs_caller(kind: &Kind) -> bool {
    matches!(kind, Kind::Menu(_) | Kind::Record(_) | Kind::Collect(_) | Kind::Connect { .. })
}

fn asks(block: &Block, at: Span, found: &mut Vec<Diagnostic>) {
    for stmt in &block.stmts {
        let (code, what) = match &stmt.kind {
            Kind::Again { .. } => (305, "a caller who is gone can't be asked again"),
            of if needs_caller(of) => (315, "a caller who is gone can't be asked"),
            _ => {
                inner(stmt).into_iter().for_each(|b| asks(b, at, found));
                continue;
            }
        };
        found.push(
            Diagnostic::error(code, stmt.span, what)
                .also(at, "answers the hang-up")
                .cause("the answer to a hang-up runs when nobody is on the line")
                .mend("decide here what becomes of the recording: send it or discard it"),
        );
    }
}

fn choices(menu: &Menu, found: &mut Vec<Diagnostic>) {
    // One number only goes before patterns; else the order written.
    let mut order: Vec<&Choice> = menu.choices.iter().collect();
    order.sort_by_key(|c| !c.pattern.is_exact());
    for (index, choice) in order.iter().enumerate() {
        let before = order[..index].iter().find(|b| b.pattern.covers(&choice.pattern));
        if let Some(before) = before {
            found.push(
                Diagnostic::error(311, choice.span, "these keys can never be chosen")
                    .label("never reached")
                    .also(before.span, "takes them already")
                    .cause("one number only goes before patterns; else what is written first")
                    .mend("take one of them out"),
            );
        }
        if menu.end_on.iter().any(|key| choice.pattern.has_behind_first(key)) {
            found.push(
                Diagnostic::error(319, choice.span, "this can't be typed")
                    .label("a key of it ends the number")
                    .cause("`end on` takes that key for the number's end")
                    .mend("choose another key to end numbers with"),
            );
        }
        // Whoever can say that a number is complete need not wait.
        if !menu.end_on.is_empty() {
            continue;
        }
        let pause = menu.between.as_secs_f32();
        let costs = format!("`{}` costs a pause of {pause} s", choice.pattern.as_str());
        let longer = order
            .iter()
            .find(|c| !std::ptr::eq(**c, *choice) && choice.pattern.begins_some(&c.pattern));
        if let Some(longer) = longer {
            found.push(
                Diagnostic::warning(312, choice.span, costs)
                    .label("is complete")
                    .also(longer.span, "but may be the beginning of this")
                    .cause("only silence tells the one from the other")
                    .mend(
                        "let them begin with different keys, or let a key end the number: end on #",
                    ),
            );
        } else if choice.pattern.longest() > choice.pattern.shortest() {
            found.push(
                Diagnostic::warning(312, choice.span, costs)
                    .label("is complete, and may go on")
                    .cause("only silence tells that nothing follows")
                    .mend("let a key end the number: end on #"),
            );
        }
    }
}
