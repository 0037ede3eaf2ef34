//! A recording is used exactly once on every path, hang-up included.
//!
//! The walk follows every path with what is known of each recording. After a hang-up a run goes
//! on in silence to the next menu, whose hang-up answer is its last: so the paths of a caller who
//! is gone are paths of the walk too, and what holds for all of them holds for those.

use std::collections::BTreeMap;

use super::super::ast::Span;
use super::super::diagnostic::Diagnostic;
use super::super::hir::{Block, Call, Flow, Kind, Menu, Module, Play, Stmt};
use super::super::value::Type;
use super::facts::{Facts, live_actions};
use super::results;

/// How many turns of a path an error draws.
const MAX_TURNS: usize = 4;

pub fn check(module: &Module, facts: &Facts, found: &mut Vec<Diagnostic>) {
    for flow in &module.flows {
        let mut state = State::new();
        for (slot, var) in (0..).zip(flow.vars.iter().take(flow.params)) {
            if var.kind == Type::Recording {
                state.insert(slot, Use::Open(var.name.span));
            }
        }
        let mut walk =
            Walk { flow, module, facts, found, again: vec![state.clone()], path: Vec::new() };
        if let Some(state) = walk.block(&flow.body, state) {
            let end = Span { start: flow.body.span.end.saturating_sub(1), ..flow.body.span };
            walk.must_be_used(&state, end, "the flow ends here");
        }
    }
}

/// What is known at the end of a way, if it has one, and where that way begins.
type Way = (Option<State>, Option<Span>);

/// What is known of a recording, by slot.
type State = BTreeMap<u16, Use>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Made, or received, here; not used yet.
    Open(Span),
    /// Used here.
    Used(Span, &'static str),
    /// Already told wrong.
    Told,
}

struct Walk<'a> {
    flow: &'a Flow,
    module: &'a Module,
    facts: &'a Facts,
    found: &'a mut Vec<Diagnostic>,
    /// What was known where the flow, and each menu around, began.
    again: Vec<State>,
    /// The turns taken to get here.
    path: Vec<(Span, &'static str)>,
}

impl Walk<'_> {
    /// What is known behind the block; none if nothing behind it is reached.
    fn block(&mut self, block: &Block, mut state: State) -> Option<State> {
        let mut made = Vec::new();
        for stmt in &block.stmts {
            made.extend(self.makes(stmt));
            state = self.stmt(stmt, state)?;
        }
        let end = block.stmts.last().map_or(block.span, |s| s.span);
        for slot in made {
            // Behind the block nobody knows it by name any more.
            if let Some(of_slot) = state.remove(&slot) {
                let alone = State::from([(slot, of_slot)]);
                self.must_be_used(&alone, end, "what knows it ends here");
            }
        }
        Some(state)
    }

    /// The recording that an instruction gives a name.
    fn makes(&self, stmt: &Stmt) -> Option<u16> {
        match &stmt.kind {
            Kind::Record(record) => Some(record.slot),
            Kind::Call(call) => call.into.filter(|slot| self.is_recording(*slot)),
            _ => None,
        }
    }

    fn is_recording(&self, slot: u16) -> bool {
        self.flow.vars.get(usize::from(slot)).is_some_and(|v| v.kind == Type::Recording)
    }

    fn turn<T>(&mut self, at: Span, what: &'static str, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push((at, what));
        let result = walk(self);
        self.path.pop();
        result
    }

    fn stmt(&mut self, stmt: &Stmt, mut state: State) -> Option<State> {
        match &stmt.kind {
            Kind::Record(record) => {
                if let Some((slot, _, at)) = record.join {
                    self.use_up(&mut state, slot, at, "joined");
                }
                self.nothing_open(&mut state, stmt.span, "another recording begins here");
                state.insert(record.slot, Use::Open(stmt.span));
                Some(state)
            }
            Kind::Play { what, otherwise, .. } => {
                if let Play::Recording(slot) = what {
                    self.must_be_open(&mut state, *slot, stmt.span, "played");
                }
                let other = self.block(otherwise, state.clone());
                self.join((Some(state), None), (other, place(otherwise)), stmt.span)
            }
            Kind::Send { slot, otherwise, .. } => {
                self.use_up(&mut state, *slot, stmt.span, "sent");
                self.or_failed(otherwise, stmt.span, "if it can't be kept", state)
            }
            Kind::Keep { slot, otherwise, .. } => {
                self.use_up(&mut state, *slot, stmt.span, "kept");
                self.or_failed(otherwise, stmt.span, "if it can't be kept", state)
            }
            Kind::Forward(forward) => {
                if let Some(slot) = forward.introduction {
                    self.use_up(&mut state, slot, stmt.span, "used as an introduction");
                }
                self.or_failed(&forward.otherwise, stmt.span, "if it can't be kept", state)
            }
            Kind::Discard { slot } => {
                self.use_up(&mut state, *slot, stmt.span, "discarded");
                Some(state)
            }
            Kind::Collect(collect) => {
                self.nothing_open(&mut state, stmt.span, "a hang-up here ends the call");
                self.or_failed(&collect.otherwise, stmt.span, "if too few are pressed", state)
            }
            Kind::Query { otherwise, .. }
            | Kind::Act { otherwise, .. }
            | Kind::Change { otherwise, .. }
            | Kind::Notify { otherwise, .. }
            | Kind::Connect { otherwise, .. } => {
                self.or_failed(otherwise, stmt.span, "if this fails", state)
            }
            Kind::Ring { call, otherwise, .. } => {
                self.found.extend(results::given_to_nobody(self.module, call, stmt.span));
                self.or_failed(otherwise, stmt.span, "if this fails", state)
            }
            Kind::Webhook(webhook) => {
                self.or_failed(&webhook.otherwise, stmt.span, "if this fails", state)
            }
            Kind::Call(call) => self.call(call, stmt.span, state),
            Kind::Return { moved, .. } => {
                if let Some(slot) = moved {
                    self.use_up(&mut state, *slot, stmt.span, "given back");
                }
                self.must_be_used(&state, stmt.span, "the flow ends here");
                None
            }
            Kind::If { then, otherwise, .. }
            | Kind::IfFound { then, otherwise, .. }
            | Kind::IfAllowed { then, otherwise, .. } => {
                let yes = self.turn(then.span, "if so", |w| w.block(then, state.clone()));
                let at = if otherwise.stmts.is_empty() { stmt.span } else { otherwise.span };
                let no = self.turn(at, "if not", |w| w.block(otherwise, state));
                self.join((yes, Some(then.span)), (no, place(otherwise)), stmt.span)
            }
            Kind::Match { arms, other } => {
                let (mut after, mut before): Way = (None, None);
                for (_, action, at) in arms {
                    let end = self.turn(*at, "in this case", |w| w.block(action, state.clone()));
                    after = self.join((after, before), (end, Some(*at)), stmt.span);
                    before = Some(*at);
                }
                let Some(other) = other else { return after };
                let end = self.turn(other.span, "otherwise", |w| w.block(other, state));
                self.join((after, before), (end, Some(other.span)), stmt.span)
            }
            Kind::ForEach { body, .. } => {
                if let Some(after) = self.block(body, state.clone()) {
                    self.unchanged_by_round(&mut state, &after);
                }
                Some(state)
            }
            Kind::Menu(menu) => self.menu(menu, stmt.span, state),
            Kind::Again { limit } => {
                self.again(&state, stmt.span);
                match limit {
                    Some(limit) => self.block(&limit.then, state),
                    None => None,
                }
            }
            Kind::Hangup(_) => {
                self.must_be_used(&state, stmt.span, "the call ends here");
                None
            }
            Kind::Answer
            | Kind::Early
            | Kind::Say { .. }
            | Kind::Beep
            | Kind::Tone { .. }
            | Kind::Pause(_)
            | Kind::Set { .. }
            | Kind::Told { .. }
            | Kind::Speak(_)
            | Kind::Log(_)
            | Kind::Panic => Some(state),
        }
    }

    /// What is known behind something that may fail, and behind what is done then.
    fn or_failed(
        &mut self,
        otherwise: &Block,
        at: Span,
        what: &'static str,
        state: State,
    ) -> Option<State> {
        let failed = self.turn(at, what, |w| w.block(otherwise, state.clone()));
        self.join((Some(state), None), (failed, place(otherwise)), at)
    }

    fn call(&mut self, call: &Call, span: Span, mut state: State) -> Option<State> {
        for (slot, at) in &call.moved {
            self.use_up(&mut state, *slot, *at, "handed over");
        }
        if self.facts.may_end.get(call.flow).copied().unwrap_or(true) {
            let name = self.module.flows.get(call.flow).map_or("", |f| f.name.text.as_str());
            let what = format!("`{name}` may be the last that the caller hears");
            self.nothing_open(&mut state, span, &what);
        }
        match call.into.filter(|slot| self.is_recording(*slot)) {
            Some(slot) => drop(state.insert(slot, Use::Open(span))),
            None => self.found.extend(results::given_to_nobody(self.module, call, span)),
        }
        self.facts.returns.get(call.flow).copied().unwrap_or(true).then_some(state)
    }

    fn menu(&mut self, menu: &Menu, span: Span, state: State) -> Option<State> {
        let state = self.block(&menu.prompt, state)?;
        self.again.push(state.clone());
        let (mut after, mut before): Way = (None, None);
        let mut walked = Vec::new();
        for action in live_actions(menu) {
            if walked.contains(&action) {
                continue;
            }
            walked.push(action);
            let Some(block) = menu.actions.get(action) else { continue };
            let at = cause_of(menu, action).unwrap_or(menu.head);
            let end = self.turn(at, "on this answer", |w| w.block(block, state.clone()));
            let ends = end.is_some();
            after = self.join((after, before), (end, Some(at)), span);
            before = if ends { Some(at) } else { before };
        }
        match menu.hangup {
            Some((action, at)) => {
                if let Some(block) = menu.actions.get(action) {
                    self.turn(at, "on hang-up", |w| {
                        if let Some(end) = w.block(block, state.clone()) {
                            w.must_be_used(&end, at, "the answer to the hang-up ends the call");
                        }
                    });
                }
            }
            None => self.hangup_unanswered(menu, &state),
        }
        self.again.pop();
        after
    }

    fn hangup_unanswered(&mut self, menu: &Menu, state: &State) {
        let open: Vec<(u16, Span)> = open(state).collect();
        for (slot, made) in open {
            let name = self.name(slot);
            self.found.push(
                Diagnostic::error(303, menu.head, format!("a hang-up here would lose `{name}`"))
                    .label("the caller may hang up here")
                    .also(made, format!("{}, and not used yet", self.made(slot)))
                    .cause("most callers hang up instead of pressing a key")
                    .mend("silence 8s or hangup -> send it, or hangup -> discard it"),
            );
        }
    }

    fn again(&mut self, state: &State, span: Span) {
        let Some(before) = self.again.last().cloned() else { return };
        for (slot, made) in open(&before) {
            if let Some(Use::Used(at, how)) = state.get(&slot) {
                let name = self.name(slot);
                self.found.push(
                    Diagnostic::error(504, span, format!("`{name}` is gone when this begins anew"))
                        .label("goes back")
                        .also(made, self.made(slot))
                        .also(*at, format!("{how} here"))
                        .cause("what is asked again needs the recording, which is used already")
                        .mend("go somewhere else: end the call, or record anew"),
                );
            }
        }
        let mut rest = state.clone();
        rest.retain(|slot, _| !before.contains_key(slot));
        self.must_be_used(&rest, span, "this begins anew");
    }

    /// A round of `for each` must leave every recording from outside as it was.
    fn unchanged_by_round(&mut self, state: &mut State, after: &State) {
        for (slot, made) in open(&state.clone()) {
            if let Some(Use::Used(at, how)) = after.get(&slot) {
                let name = self.name(slot);
                self.found.push(
                    Diagnostic::error(508, *at, format!("`{name}` is {how} once for each item"))
                        .label(format!("{how} in each round"))
                        .also(made, "there is one only, from here")
                        .cause("the list may be empty, or long")
                        .mend("do it behind the loop; `send` takes a whole list"),
                );
                state.insert(slot, Use::Told);
            }
        }
    }

    /// What is known where two paths meet.
    fn join(&mut self, (a, a_at): Way, (b, b_at): Way, at: Span) -> Option<State> {
        let (mut a, b) = match (a, b) {
            (Some(a), Some(b)) => (a, b),
            (a, b) => return a.or(b),
        };
        for (slot, of_b) in b {
            let Some(of_a) = a.get(&slot).copied() else { continue };
            let merged = match (of_a, of_b) {
                (Use::Open(made), Use::Used(used, how))
                | (Use::Used(used, how), Use::Open(made)) => {
                    let name = self.name(slot);
                    let unused = if matches!(of_a, Use::Open(_)) { a_at } else { b_at };
                    let mut error =
                        Diagnostic::error(503, at, format!("`{name}` is used on some paths only"));
                    error = match unused {
                        Some(unused) => error
                            .label("goes on behind this, whichever way it went")
                            .also(unused, "this way it is not used"),
                        None => error.label("on another path through here it is not used"),
                    };
                    self.found.push(
                        error
                            .also(made, self.made(slot))
                            .also(used, format!("{how} here"))
                            .cause("where the paths meet, it would be lost on one or used twice on the other")
                            .mend("send or discard it on every path, or on none"),
                    );
                    Use::Told
                }
                (Use::Told, _) | (_, Use::Told) => Use::Told,
                (same, Use::Open(_) | Use::Used(..)) => same,
            };
            a.insert(slot, merged);
        }
        Some(a)
    }

    fn use_up(&mut self, state: &mut State, slot: u16, at: Span, how: &'static str) {
        self.must_be_open(state, slot, at, how);
        if state.get(&slot) != Some(&Use::Told) {
            state.insert(slot, Use::Used(at, how));
        }
    }

    fn must_be_open(&mut self, state: &mut State, slot: u16, at: Span, how: &'static str) {
        if let Some(Use::Used(before, was)) = state.get(&slot).copied() {
            let name = self.name(slot);
            self.found.push(
                Diagnostic::error(502, at, format!("`{name}` is {how}, but it is used already"))
                    .label(format!("{how} here"))
                    .also(before, format!("{was} before"))
                    .cause("a recording is used exactly once")
                    .mend(
                        "take one of them out; `send` takes several recipients: to alice and bob",
                    ),
            );
            state.insert(slot, Use::Told);
        }
    }

    fn must_be_used(&mut self, state: &State, at: Span, what: &str) {
        for (slot, made) in open(state) {
            let name = self.name(slot);
            let mut error =
                Diagnostic::error(501, at, format!("`{name}` is lost: neither sent nor discarded"))
                    .label(what)
                    .also(made, self.made(slot));
            for (turn, what) in self.path.iter().rev().take(MAX_TURNS).rev() {
                error = error.also(*turn, *what);
            }
            self.found.push(
                error
                    .cause("a recording is used exactly once on every path, hang-up included")
                    .mend("before this: send it, discard it, or hand it to a flow that does"),
            );
        }
    }

    /// No recording may be open where a hang-up could end everything.
    fn nothing_open(&mut self, state: &mut State, at: Span, what: &str) {
        let list: Vec<(u16, Span)> = open(state).collect();
        for (slot, made) in list {
            let name = self.name(slot);
            self.found.push(
                Diagnostic::error(505, at, format!("`{name}` would be lost by a hang-up in here"))
                    .label(what)
                    .also(made, format!("{}, and not used yet", self.made(slot)))
                    .cause("only what is at hand can be saved when the caller is gone")
                    .mend("send or discard it before, or hand it over"),
            );
            state.insert(slot, Use::Told);
        }
    }

    /// Where a recording comes from.
    fn made(&self, slot: u16) -> &'static str {
        if usize::from(slot) < self.flow.params { "handed in here" } else { "recorded here" }
    }

    fn name(&self, slot: u16) -> String {
        self.flow.vars.get(usize::from(slot)).map_or_else(String::new, |v| v.name.text.clone())
    }
}

fn open(state: &State) -> impl Iterator<Item = (u16, Span)> + '_ {
    state.iter().filter_map(|(slot, of)| match of {
        Use::Open(made) => Some((*slot, *made)),
        Use::Used(..) | Use::Told => None,
    })
}

/// Where a block stands, if anything does.
fn place(block: &Block) -> Option<Span> {
    (!block.stmts.is_empty()).then_some(block.span)
}

fn cause_of(menu: &Menu, action: usize) -> Option<Span> {
    let choice = menu.choices.iter().find(|c| c.action == action).map(|c| c.span);
    let silence = menu.silence.filter(|s| s.1 == action).map(|s| s.2);
    choice.or(silence).or(menu.other.filter(|o| o.0 == action).map(|o| o.1))
}
