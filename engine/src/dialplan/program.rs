//! The checked dialplan as a run follows it: one flat list of small operations.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ast::{ActKind, Binary};
use super::hir;
use super::pattern::Pattern;
use super::value::{Field, Type, Value};
use crate::key::KeySet;

/// A place in the program, by its number in `Program::labels`.
pub(super) type Label = u32;

/// A compiled dialplan. Shared by every call that runs it.
pub struct Program {
    pub(super) language: Arc<str>,
    pub(super) ops: Vec<Op>,
    pub(super) labels: Vec<u32>,
    pub(super) menus: Vec<MenuTable>,
    pub(super) flows: Vec<FlowTable>,
    pub(super) routes: Vec<RouteTable>,
}

impl Program {
    /// The names of its flows.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        self.flows.iter().map(|f| f.name.as_str())
    }

    /// How many operations it has.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it does nothing at all.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({} flows, {} operations)", self.flows.len(), self.ops.len())
    }
}

#[derive(Debug)]
pub(super) struct FlowTable {
    pub name: String,
    pub entry: u32,
    pub params: Vec<Type>,
    pub slots: u16,
}

#[derive(Debug)]
pub(super) struct RouteTable {
    pub pattern: Option<Pattern>,
    pub flow: u32,
    pub args: Box<[Expr]>,
}

#[derive(Debug)]
pub(super) struct MenuTable {
    /// One number only before patterns, else in the order written.
    pub choices: Vec<(Pattern, Option<u16>, Label)>,
    pub silence: Duration,
    pub on_silence: Label,
    pub on_other: Label,
    pub on_hangup: Option<Label>,
}

/// One operation.
#[derive(Debug)]
pub(super) enum Op {
    Say(Expr),
    Prompt(Arc<str>),
    Greeting {
        user: Expr,
        missing: Label,
    },
    PlayMessage(Expr),
    PlayRecording(u16),
    Beep,
    Pause(Expr),
    Record {
        slot: u16,
        max: Expr,
        stop_on: KeySet,
        silence: Option<Duration>,
        keeps: bool,
    },
    Send {
        slot: u16,
        to: Box<[Expr]>,
        receipt: bool,
        urgent: bool,
        failed: Label,
    },
    Discard(u16),
    Act {
        kind: ActKind,
        message: Expr,
        user: Expr,
        failed: Label,
    },
    Query {
        slot: u16,
        query: hir::Query,
        failed: Label,
    },
    /// A failure answer begins: what it says is heard, whatever was typed ahead.
    Failed,
    Set(u16, Expr),
    Jump(Label),
    Unless(Expr, Label),
    UnlessUser {
        value: Expr,
        slot: u16,
        otherwise: Label,
    },
    Next {
        list: u16,
        index: u16,
        item: u16,
        done: Label,
    },
    Zero(u16),
    Again {
        counter: u16,
        most: u32,
        exhausted: Label,
    },
    Wait(u32),
    Call {
        flow: u32,
        args: Box<[Expr]>,
        missed: Option<Label>,
        tail: bool,
    },
    Return,
    /// The caller is gone, and the hang-up answer has run.
    Gone,
    Hangup,
    Log(Expr),
    Panic,
}

/// An expression with names found.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A value known beforehand.
    Const(Value),
    /// A variable.
    Slot(u16),
    /// A field of a value.
    Field(Box<Expr>, Field),
    /// The user at this extension, if there is one.
    UserAt(Box<Expr>),
    /// Not so.
    Not(Box<Expr>),
    /// An operator.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// A text of parts.
    Text(Box<[Part]>),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As it stands.
    Literal(Arc<str>),
    /// A value, spoken.
    Value(Expr),
    /// The form of a word that goes with a number: one, others.
    Plural(Expr, [Arc<str>; 2]),
}

/// Makes the program of a module in which the checker found no error.
pub(super) fn assemble(module: &hir::Module) -> Program {
    let mut assembler = Assembler { ops: Vec::new(), labels: Vec::new(), menus: Vec::new() };
    let mut flows = Vec::new();
    for flow in &module.flows {
        let entry = assembler.here();
        for counter in &flow.counters {
            assembler.ops.push(Op::Zero(*counter));
        }
        let start = assembler.place_new();
        assembler.block(&flow.body, Target { again: start, miss: None }, true);
        assembler.ops.push(Op::Return);
        let params = flow.vars.iter().take(flow.params).map(|v| v.kind).collect();
        let slots = u16::try_from(flow.vars.len()).unwrap_or(u16::MAX);
        flows.push(FlowTable { name: flow.name.text.clone(), entry, params, slots });
    }
    let mut routes: Vec<RouteTable> = module
        .routes
        .iter()
        .map(|route| RouteTable {
            pattern: route.pattern.clone(),
            flow: number(route.call.flow),
            args: route.call.args.clone().into(),
        })
        .collect();
    // The written rule: one number only, then patterns in the order written, then `otherwise`.
    routes.sort_by_key(|r| r.pattern.as_ref().map_or(2, |p| u8::from(!p.is_exact())));
    Program {
        language: module.language.as_str().into(),
        ops: assembler.ops,
        labels: assembler.labels,
        menus: assembler.menus,
        flows,
        routes,
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Where `again` goes, and where a number goes that belongs to nobody.
#[derive(Clone, Copy)]
struct Target {
    again: Label,
    miss: Option<Label>,
}

struct Assembler {
    ops: Vec<Op>,
    labels: Vec<u32>,
    menus: Vec<MenuTable>,
}

impl Assembler {
    fn here(&self) -> u32 {
        number(self.ops.len())
    }

    fn label(&mut self) -> Label {
        self.labels.push(u32::MAX);
        number(self.labels.len() - 1)
    }

    fn place(&mut self, label: Label) {
        let here = self.here();
        if let Some(at) = self.labels.get_mut(label as usize) {
            *at = here;
        }
    }

    fn place_new(&mut self) -> Label {
        let label = self.label();
        self.place(label);
        label
    }

    /// `last`: nothing of this flow follows the block, so a call at its end replaces the frame.
    fn block(&mut self, block: &hir::Block, target: Target, last: bool) {
        let count = block.stmts.len();
        for (index, stmt) in block.stmts.iter().enumerate() {
            self.stmt(stmt, target, last && index + 1 == count);
        }
    }

    fn stmt(&mut self, stmt: &hir::Stmt, target: Target, last: bool) {
        match &stmt.kind {
            hir::Kind::Say(text) => self.ops.push(Op::Say(text.clone())),
            hir::Kind::Beep => self.ops.push(Op::Beep),
            hir::Kind::Pause(length) => self.ops.push(Op::Pause(length.clone())),
            hir::Kind::Play { what, otherwise } => match what {
                hir::Play::Prompt(name) => self.ops.push(Op::Prompt(name.as_str().into())),
                hir::Play::Message(message) => self.ops.push(Op::PlayMessage(message.clone())),
                hir::Play::Recording(slot) => self.ops.push(Op::PlayRecording(*slot)),
                hir::Play::Greeting(user) => {
                    let missing = self.label();
                    self.ops.push(Op::Greeting { user: user.clone(), missing });
                    self.otherwise(otherwise, missing, target, last, false);
                }
            },
            hir::Kind::Record { slot, max, stop_on, silence, keeps } => {
                self.ops.push(Op::Record {
                    slot: *slot,
                    max: max.clone(),
                    stop_on: *stop_on,
                    silence: *silence,
                    keeps: *keeps,
                });
            }
            hir::Kind::Set { slot, value } => self.ops.push(Op::Set(*slot, value.clone())),
            hir::Kind::Query { slot, query, otherwise } => {
                let failed = self.label();
                self.ops.push(Op::Query { slot: *slot, query: query.clone(), failed });
                self.otherwise(otherwise, failed, target, last, true);
            }
            hir::Kind::Send { slot, to, receipt, urgent, otherwise } => {
                let failed = self.label();
                self.ops.push(Op::Send {
                    slot: *slot,
                    to: to.clone().into(),
                    receipt: *receipt,
                    urgent: *urgent,
                    failed,
                });
                self.otherwise(otherwise, failed, target, last, true);
            }
            hir::Kind::Discard { slot } => self.ops.push(Op::Discard(*slot)),
            hir::Kind::Act { kind, message, user, otherwise } => {
                let failed = self.label();
                let (message, user) = (message.clone(), user.clone());
                self.ops.push(Op::Act { kind: *kind, message, user, failed });
                self.otherwise(otherwise, failed, target, last, true);
            }
            hir::Kind::Menu(menu) => self.menu(menu, last),
            hir::Kind::Call(call) => {
                let missed = if call.may_miss { target.miss } else { None };
                let (flow, args) = (number(call.flow), call.args.clone().into());
                self.ops.push(Op::Call { flow, args, missed, tail: last });
            }
            hir::Kind::Again { limit } => {
                if let Some(limit) = limit {
                    let exhausted = self.label();
                    let (counter, most) = (limit.counter, limit.most);
                    self.ops.push(Op::Again { counter, most, exhausted });
                    self.ops.push(Op::Jump(target.again));
                    self.place(exhausted);
                    self.block(&limit.then, target, last);
                } else {
                    self.ops.push(Op::Jump(target.again));
                }
            }
            hir::Kind::If { condition, then, otherwise } => {
                let no = self.label();
                self.ops.push(Op::Unless(condition.clone(), no));
                self.block(then, target, last);
                self.otherwise(otherwise, no, target, last, false);
            }
            hir::Kind::IfUser { value, slot, then, otherwise } => {
                let no = self.label();
                self.ops.push(Op::UnlessUser { value: value.clone(), slot: *slot, otherwise: no });
                self.block(then, target, last);
                self.otherwise(otherwise, no, target, last, false);
            }
            hir::Kind::ForEach { list, index, item, body } => {
                self.ops.push(Op::Zero(*index));
                let (next, done) = (self.place_new(), self.label());
                self.ops.push(Op::Next { list: *list, index: *index, item: *item, done });
                self.block(body, target, false);
                self.ops.push(Op::Jump(next));
                self.place(done);
            }
            hir::Kind::Hangup => self.ops.push(Op::Hangup),
            hir::Kind::Log(text) => self.ops.push(Op::Log(text.clone())),
            hir::Kind::Panic => self.ops.push(Op::Panic),
        }
    }

    /// The other way of something that may go two ways.
    fn otherwise(
        &mut self,
        block: &hir::Block,
        label: Label,
        target: Target,
        last: bool,
        failure: bool,
    ) {
        let end = self.label();
        self.ops.push(Op::Jump(end));
        self.place(label);
        if failure {
            self.ops.push(Op::Failed);
        }
        self.block(block, target, last);
        self.place(end);
    }

    fn menu(&mut self, menu: &hir::Menu, last: bool) {
        for counter in &menu.counters {
            self.ops.push(Op::Zero(*counter));
        }
        let start = self.place_new();
        let end = self.label();
        let labels: Vec<Label> = menu.actions.iter().map(|_| self.label()).collect();
        let label_of = |action: usize| labels.get(action).copied().unwrap_or(end);
        let miss = menu.other.map(|(action, _)| label_of(action));
        let target = Target { again: start, miss };
        self.block(&menu.prompt, target, false);
        let number = number(self.menus.len());
        self.ops.push(Op::Wait(number));
        let on_hangup = menu.hangup.map(|_| self.label());
        let mut choices: Vec<_> =
            menu.choices.iter().map(|c| (c.pattern.clone(), c.slot, label_of(c.action))).collect();
        choices.sort_by_key(|(pattern, ..)| !pattern.is_exact());
        self.menus.push(MenuTable {
            choices,
            silence: menu.silence.map_or(Duration::from_secs(10), |(after, ..)| after),
            on_silence: menu.silence.map_or(end, |(_, action, _)| label_of(action)),
            on_other: miss.unwrap_or(end),
            on_hangup,
        });
        for (action, label) in menu.actions.iter().zip(&labels) {
            self.place(*label);
            self.block(action, target, last);
            self.ops.push(Op::Jump(end));
        }
        // A hang-up answer ends the run, which an answer to silence does not: where they share
        // an action, it is laid down twice. The checker lets no menu stand in it, so this can't
        // double and double again.
        if let (Some(label), Some((action, _))) = (on_hangup, menu.hangup) {
            self.place(label);
            if let Some(block) = menu.actions.get(action) {
                self.block(block, target, false);
            }
            self.ops.push(Op::Gone);
        }
        self.place(end);
    }
}
