//! From the checked tree to operations.

use std::sync::Arc;
use std::time::Duration;

use super::super::Source;
use super::super::ast::Span;
use super::super::hir;
use super::{
    CollectTable, DocumentTable, FileTable, FlowTable, ForwardTable, Label, MenuTable, Op, Program,
    RingTable, RouteTable, WebhookTable,
};

/// Makes the program of a module in which the checker found no error.
pub(in super::super) fn assemble(module: hir::Module, sources: &[Source]) -> Program {
    let mut assembler = Assembler::default();
    let mut flows = Vec::new();
    for flow in &module.flows {
        let entry = assembler.here();
        assembler.at = flow.name.span;
        for counter in &flow.counters {
            assembler.push(Op::Zero(*counter));
        }
        let start = assembler.place_new();
        assembler.block(&flow.body, Target { again: start, miss: None }, true);
        assembler.at = Span { start: flow.body.span.end.saturating_sub(1), ..flow.body.span };
        assembler.push(Op::Return(None));
        let params = flow.vars.iter().take(flow.params).map(|v| v.kind).collect();
        let slots = u16::try_from(flow.vars.len()).unwrap_or(u16::MAX);
        let names = flow.vars.iter().map(|var| var.name.text.clone()).collect();
        flows.push(FlowTable { name: flow.name.text.clone(), entry, params, slots, names });
    }
    let mut routes: Vec<RouteTable> = module
        .routes
        .iter()
        .map(|route| RouteTable {
            pattern: route.pattern.clone(),
            conditions: route.conditions.clone(),
            flow: number(route.call.flow),
            args: route.call.args.clone().into(),
        })
        .collect();
    routes.sort_by_key(|r| rank(r.pattern.as_ref(), r.conditions.len()));
    let documents = module.documents.into_iter();
    Program {
        languages: module.languages,
        zone: module.zone,
        hours: module.hours,
        allows: module.allows,
        documents: documents.map(|d| DocumentTable { fields: d.fields }).collect(),
        ops: assembler.ops,
        spans: assembler.spans,
        labels: assembler.labels,
        menus: assembler.menus,
        flows,
        routes,
        files: sources.iter().map(file).collect(),
    }
}

/// The written rule of routes: one number only, then patterns, then `otherwise`; among these
/// the one with more conditions; among these the one written first.
pub(in super::super) fn rank(
    pattern: Option<&super::Pattern>,
    conditions: usize,
) -> (u8, std::cmp::Reverse<usize>) {
    (pattern.map_or(2, |p| u8::from(!p.is_exact())), std::cmp::Reverse(conditions))
}

fn file(source: &Source) -> FileTable {
    let mut lines = vec![0];
    lines.extend(source.text.match_indices('\n').map(|(at, _)| number(at + 1)));
    FileTable { name: source.name.clone(), lines }
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

#[derive(Default)]
struct Assembler {
    ops: Vec<Op>,
    spans: Vec<Span>,
    labels: Vec<u32>,
    menus: Vec<MenuTable>,
    /// Where the instruction at hand was written.
    at: Span,
}

impl Assembler {
    fn push(&mut self, op: Op) {
        self.ops.push(op);
        self.spans.push(self.at);
    }

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
            self.at = stmt.span;
            self.stmt(stmt, target, last && index + 1 == count);
        }
    }

    fn stmt(&mut self, stmt: &hir::Stmt, target: Target, last: bool) {
        match &stmt.kind {
            hir::Kind::Answer => self.push(Op::Answer),
            hir::Kind::Early => self.push(Op::Early),
            hir::Kind::Say { text, file } => {
                let file = file.as_deref().map(Arc::from);
                self.push(Op::Say { text: text.clone(), file });
            }
            hir::Kind::Beep => self.push(Op::Beep),
            hir::Kind::Tone { hertz, length } => {
                self.push(Op::Tone { hertz: *hertz, length: *length });
            }
            hir::Kind::Pause(length) => self.push(Op::Pause(length.clone())),
            hir::Kind::Play { what, from, speed, otherwise } => match what {
                hir::Play::Prompt(name) => self.push(Op::Prompt(name.as_str().into())),
                hir::Play::Message(message) => self.push(Op::PlayMessage {
                    message: message.clone(),
                    from: from.clone(),
                    speed: speed.clone(),
                }),
                hir::Play::Recording(slot) => self.push(Op::PlayRecording(*slot)),
                hir::Play::Greeting(user, kind) => {
                    let missing = self.label();
                    self.push(Op::Greeting { user: user.clone(), kind: *kind, missing });
                    self.otherwise(otherwise, missing, target, last, false);
                }
                hir::Play::SpokenName(user) => {
                    let missing = self.label();
                    self.push(Op::SpokenName { user: user.clone(), missing });
                    self.otherwise(otherwise, missing, target, last, false);
                }
            },
            hir::Kind::Collect(collect) => {
                let failed = self.label();
                self.push(Op::Collect(Box::new(CollectTable {
                    slot: collect.slot,
                    fewest: collect.fewest,
                    most: collect.most,
                    end_on: collect.end_on,
                    silence: collect.silence,
                    between: collect.between,
                    secret: collect.secret,
                    failed,
                })));
                self.otherwise(&collect.otherwise, failed, target, last, true);
            }
            hir::Kind::Record(record) => {
                let hir::Record { slot, max, stop_on, silence, keeps, join } = record;
                self.push(Op::Record(Box::new(hir::Record {
                    slot: *slot,
                    max: max.clone(),
                    stop_on: *stop_on,
                    silence: *silence,
                    keeps: *keeps,
                    join: *join,
                })));
            }
            hir::Kind::Set { slot, value } => self.push(Op::Set(*slot, value.clone())),
            hir::Kind::Query { slot, query, otherwise } => {
                let (slot, query) = (*slot, query.clone());
                self.fallible(otherwise, target, last, |failed| Op::Query { slot, query, failed });
            }
            hir::Kind::Webhook(webhook) => {
                self.fallible(&webhook.otherwise, target, last, |failed| {
                    Op::Webhook(Box::new(WebhookTable {
                        slot: webhook.slot,
                        url: webhook.url.clone(),
                        fields: webhook.fields.clone(),
                        document: webhook.document,
                        within: webhook.within,
                        failed,
                    }))
                });
            }
            hir::Kind::Send { slot, to, options, otherwise } => {
                self.fallible(otherwise, target, last, |failed| Op::Send {
                    slot: *slot,
                    to: to.clone().into(),
                    options: options.clone(),
                    failed,
                });
            }
            hir::Kind::Forward(forward) => {
                self.fallible(&forward.otherwise, target, last, |failed| {
                    Op::Forward(Box::new(ForwardTable {
                        message: forward.message.clone(),
                        user: forward.user.clone(),
                        to: forward.to.clone().into(),
                        introduction: forward.introduction,
                        options: forward.options.clone(),
                        failed,
                    }))
                });
            }
            hir::Kind::Keep { slot, keepsake, user, otherwise } => {
                let (slot, keepsake, user) = (*slot, *keepsake, user.clone());
                self.fallible(otherwise, target, last, |failed| Op::Keep {
                    slot,
                    user,
                    keepsake,
                    failed,
                });
            }
            hir::Kind::Discard { slot } => self.push(Op::Discard(*slot)),
            hir::Kind::Act { kind, message, user, otherwise } => {
                let (kind, message, user) = (*kind, message.clone(), user.clone());
                self.fallible(otherwise, target, last, |failed| Op::Act {
                    kind,
                    message,
                    user,
                    failed,
                });
            }
            hir::Kind::Change { user, setting, otherwise } => {
                let (user, setting) = (user.clone(), setting.clone());
                self.fallible(otherwise, target, last, |failed| Op::Change {
                    user,
                    setting,
                    failed,
                });
            }
            hir::Kind::Notify { user, text, otherwise } => {
                let (user, text) = (user.clone(), text.clone());
                self.fallible(otherwise, target, last, |failed| Op::Notify { user, text, failed });
            }
            hir::Kind::Told { user } => self.push(Op::Told(user.clone())),
            hir::Kind::Connect { callee, ring_for, otherwise } => {
                let (callee, ring_for) = (callee.clone(), *ring_for);
                self.fallible(otherwise, target, last, |failed| Op::Connect {
                    callee,
                    ring_for,
                    failed,
                });
            }
            hir::Kind::Ring { callee, ring_for, call, otherwise } => {
                self.fallible(otherwise, target, last, |failed| {
                    Op::Ring(Box::new(RingTable {
                        callee: callee.clone(),
                        ring_for: *ring_for,
                        flow: call.name.as_str().into(),
                        args: call.args.clone().into(),
                        failed,
                    }))
                });
            }
            hir::Kind::Menu(menu) => self.menu(menu, last),
            hir::Kind::Call(call) => {
                let missed = if call.may_miss { target.miss } else { None };
                let (flow, args) = (number(call.flow), call.args.clone().into());
                // Who waits for a result stays.
                let tail = last && call.into.is_none();
                self.push(Op::Call { flow, args, missed, tail, into: call.into });
            }
            hir::Kind::Return { value, .. } => self.push(Op::Return(value.clone())),
            hir::Kind::Again { limit } => {
                if let Some(limit) = limit {
                    let exhausted = self.label();
                    let (counter, most) = (limit.counter, limit.most);
                    self.push(Op::Again { counter, most, exhausted });
                    self.push(Op::Jump(target.again));
                    self.place(exhausted);
                    self.block(&limit.then, target, last);
                } else {
                    self.push(Op::Jump(target.again));
                }
            }
            hir::Kind::If { condition, then, otherwise } => {
                let no = self.label();
                self.push(Op::Unless(condition.clone(), no));
                self.block(then, target, last);
                self.otherwise(otherwise, no, target, last, false);
            }
            hir::Kind::IfFound { value, slot, then, otherwise } => {
                let no = self.label();
                self.push(Op::UnlessFound { value: value.clone(), slot: *slot, otherwise: no });
                self.block(then, target, last);
                self.otherwise(otherwise, no, target, last, false);
            }
            hir::Kind::IfAllowed { value, allow, slot, then, otherwise } => {
                let no = self.label();
                let (value, allow, slot) = (value.clone(), *allow, *slot);
                self.push(Op::UnlessAllowed { value, allow, slot, otherwise: no });
                self.block(then, target, last);
                self.otherwise(otherwise, no, target, last, false);
            }
            hir::Kind::Match { arms, other } => {
                let end = self.label();
                for (place, (condition, action, span)) in arms.iter().enumerate() {
                    let next = self.label();
                    self.at = *span;
                    // Where every value has its answer, the last of them needs no question.
                    if other.is_some() || place + 1 < arms.len() {
                        self.push(Op::Unless(condition.clone(), next));
                    }
                    self.block(action, target, last);
                    self.push(Op::Jump(end));
                    self.place(next);
                }
                if let Some(other) = other {
                    self.block(other, target, last);
                }
                self.place(end);
            }
            hir::Kind::ForEach { list, index, item, body } => {
                self.push(Op::Zero(*index));
                let (next, done) = (self.place_new(), self.label());
                self.push(Op::Next { list: *list, index: *index, item: *item, done });
                self.block(body, target, false);
                self.push(Op::Jump(next));
                self.place(done);
            }
            hir::Kind::Speak(language) => self.push(Op::Speak(*language)),
            hir::Kind::Hangup(cause) => self.push(Op::Hangup(*cause)),
            hir::Kind::Log(text) => self.push(Op::Log(text.clone())),
            hir::Kind::Panic => self.push(Op::Panic),
        }
    }

    /// Something that may fail, and what is done then.
    fn fallible(
        &mut self,
        otherwise: &hir::Block,
        target: Target,
        last: bool,
        op: impl FnOnce(Label) -> Op,
    ) {
        let failed = self.label();
        self.push(op(failed));
        self.otherwise(otherwise, failed, target, last, true);
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
        self.push(Op::Jump(end));
        self.place(label);
        if failure {
            self.push(Op::Failed);
        }
        self.block(block, target, last);
        self.place(end);
    }

    fn menu(&mut self, menu: &hir::Menu, last: bool) {
        for counter in &menu.counters {
            self.push(Op::Zero(*counter));
        }
        let start = self.place_new();
        let end = self.label();
        let labels: Vec<Label> = menu.actions.iter().map(|_| self.label()).collect();
        let label_of = |action: usize| labels.get(action).copied().unwrap_or(end);
        let miss = menu.other.map(|(action, _)| label_of(action));
        let target = Target { again: start, miss };
        self.block(&menu.prompt, target, false);
        let number = number(self.menus.len());
        self.at = menu.head;
        self.push(Op::Wait(number));
        let on_hangup = menu.hangup.map(|_| self.label());
        let mut choices: Vec<_> = menu
            .choices
            .iter()
            .map(|c| (c.pattern.clone(), c.slot, self.given(c.span, label_of(c.action))))
            .collect();
        let on_silence =
            menu.silence.map_or(end, |(_, action, span)| self.given(span, label_of(action)));
        let on_other = menu.other.map_or(end, |(action, span)| self.given(span, label_of(action)));
        choices.sort_by_key(|(pattern, ..)| !pattern.is_exact());
        self.menus.push(MenuTable {
            choices,
            silence: menu.silence.map_or(Duration::from_secs(10), |(after, ..)| after),
            between: menu.between,
            end_on: menu.end_on,
            on_silence,
            on_other,
            on_hangup,
        });
        for (action, label) in menu.actions.iter().zip(&labels) {
            self.place(*label);
            self.block(action, target, last);
            self.push(Op::Jump(end));
        }
        // A hang-up answer ends the run, which an answer to silence does not: where they share
        // an action, it is laid down twice. The checker lets no menu stand in it, so this can't
        // double and double again.
        if let (Some(label), Some((action, span))) = (on_hangup, menu.hangup) {
            self.place(label);
            self.at = span;
            self.push(Op::Given);
            if let Some(block) = menu.actions.get(action) {
                self.block(block, target, false);
            }
            self.push(Op::Gone);
        }
        self.place(end);
    }

    /// A place of its own for one of a menu's answers, from where it goes to what it does.
    fn given(&mut self, span: Span, action: Label) -> Label {
        let label = self.place_new();
        self.at = span;
        self.push(Op::Given);
        self.push(Op::Jump(action));
        label
    }
}
