//! The walk over all files that finds what each name means. Names are lexically scoped: a name
//! that an instruction gives is known to the end of the block that the instruction stands in.

use std::collections::HashMap;

use super::super::Source;
use super::super::ast::{
    Block, Call, Cause, Constant, Expr, File, Flow, Later, Menu, Name, Param, PlayWhat, Route,
    RouteCondition, Span, StepKind, Stmt, StmtKind, TypeName,
};
use super::super::value::{Item, Type};
use super::index::{Definition, Index, Use, What};

/// Fills in what stands inside of the items.
pub(super) fn walk(sources: &[Source], files: &[File], index: &mut Index) {
    let keeps_scopes = files.iter().any(|file| !file.translations.is_empty());
    let mut walker = Walker {
        sources,
        index,
        scope: Vec::new(),
        end: 0,
        translating: false,
        keeps_scopes,
        in_test: false,
    };
    // Flows of any file may name them.
    files.iter().flat_map(|file| &file.constants).for_each(|constant| walker.constant(constant));
    files.iter().for_each(|file| walker.items(file));
    walker.translations(files);
}

pub(super) struct Walker<'a> {
    pub sources: &'a [Source],
    pub index: &'a mut Index,
    /// The locals that can be seen, the innermost last.
    scope: Vec<usize>,
    /// Where the block at hand ends.
    end: u32,
    pub translating: bool,
    /// Whether prompts keep what they could see, for their translations.
    keeps_scopes: bool,
    /// Whether users are named rather than values.
    pub in_test: bool,
}

impl Walker<'_> {
    fn constant(&mut self, constant: &Constant) {
        let kind = self.expr(&constant.value);
        if let Some(at) = self.index.values.get(&constant.name.text).copied() {
            self.index.definitions[at].kind = kind;
        }
    }

    fn items(&mut self, file: &File) {
        for hours in &file.hours {
            for holidays in &hours.except {
                let at = self.index.holidays.get(&holidays.text).copied();
                self.used(at, holidays.span);
            }
        }
        for field in file.documents.iter().flat_map(|document| &document.fields) {
            self.type_name(&field.kind);
        }
        file.flows.iter().for_each(|flow| self.flow(flow));
        file.routes.iter().for_each(|route| self.route(route));
        for step in file.tests.iter().flat_map(|test| &test.steps) {
            if let StepKind::Begin { flow, .. } = &step.kind {
                self.in_test = true;
                self.call(flow);
                self.in_test = false;
            }
        }
    }

    fn flow(&mut self, flow: &Flow) {
        self.scope.clear();
        self.end = flow.body.span.end;
        for Param { name, kind } in &flow.params {
            self.type_name(kind);
            let kind = self.index.type_of(kind);
            self.define(name, What::Param, kind, flow.body.span.start);
        }
        if let Some(result) = &flow.result {
            self.type_name(result);
        }
        self.block(&flow.body);
    }

    fn route(&mut self, route: &Route) {
        self.scope.clear();
        self.end = route.target.span.end;
        if let Some(binder) = &route.binder {
            self.define(binder, What::Local, Type::Digits, binder.span.end);
        }
        for condition in &route.conditions {
            if let RouteCondition::When { hours, .. } = condition {
                let at = self.index.values.get(&hours.text).copied();
                self.used(at, hours.span);
            }
        }
        self.call(&route.target);
    }

    pub fn type_name(&mut self, written: &TypeName) {
        let at = self.index.types.get(&written.name.text).copied();
        self.used(at, written.name.span);
    }

    pub fn used(&mut self, of: Option<usize>, span: Span) {
        if let Some(of) = of {
            self.index.uses.push(Use { span, of, translated: self.translating });
        }
    }

    fn define(&mut self, name: &Name, what: What, kind: Type, from: u32) {
        let at = self.index.push(Definition {
            name: name.text.clone(),
            span: name.span,
            what,
            kind,
            doc: None,
            signature: String::new(),
            visible: Span { start: from, end: self.end, ..name.span },
            params: Vec::new(),
        });
        self.scope.push(at);
    }

    pub fn local(&self, name: &str) -> Option<usize> {
        self.scope.iter().rev().copied().find(|at| self.index.definitions[*at].name == name)
    }

    /// What can be seen where a prompt stands.
    pub fn kept_scope(&self) -> Vec<usize> {
        if self.keeps_scopes { self.scope.clone() } else { Vec::new() }
    }

    fn block(&mut self, block: &Block) {
        self.block_until(block, block.span.end);
    }

    fn block_until(&mut self, block: &Block, end: u32) {
        let seen = self.scope.len();
        let outer = std::mem::replace(&mut self.end, end);
        block.stmts.iter().for_each(|stmt| self.stmt(stmt));
        self.end = outer;
        self.scope.truncate(seen);
    }

    fn optional(&mut self, block: Option<&Block>) {
        if let Some(block) = block {
            self.block(block);
        }
    }

    /// A block that knows one name more than what is around it.
    fn with_name(&mut self, name: Option<&Name>, kind: Type, block: &Block) {
        let seen = self.scope.len();
        let outer = std::mem::replace(&mut self.end, block.span.end);
        if let Some(name) = name {
            self.define(name, What::Local, kind, block.span.start);
        }
        self.end = outer;
        self.block(block);
        self.scope.truncate(seen);
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Say(text, _) | StmtKind::Log(text) | StmtKind::Pause(text) => {
                self.expr(text);
            }
            StmtKind::Play(what, otherwise) => {
                if let PlayWhat::Value(play) = what {
                    self.exprs([Some(&play.value), play.from.as_ref(), play.speed.as_ref()]);
                }
                self.optional(otherwise.as_ref());
            }
            StmtKind::Tone(hertz, length) => self.exprs([Some(hertz), Some(length)]),
            StmtKind::Collect(collect) => {
                let bounds = [Some(&collect.fewest), Some(&collect.most)];
                self.exprs(bounds);
                self.exprs([collect.silence.as_ref(), collect.between.as_ref()]);
                self.optional(collect.otherwise.as_ref());
                self.define(&collect.into, What::Local, Type::Digits, stmt.span.end);
            }
            StmtKind::Record(record) => {
                self.exprs([Some(&record.max), record.silence.as_ref()]);
                if let Some((_, earlier)) = &record.join {
                    self.name(&earlier.text, earlier.span);
                }
                self.define(&record.into, What::Local, Type::Recording, stmt.span.end);
            }
            StmtKind::Assign { into, value, otherwise } => {
                let kind = self.expr(value);
                self.optional(otherwise.as_ref());
                self.define(into, What::Local, kind, stmt.span.end);
            }
            StmtKind::Webhook(webhook) => {
                self.expr(&webhook.url);
                webhook.fields.iter().for_each(|(_, value)| {
                    self.expr(value);
                });
                let at = self.index.types.get(&webhook.kind.text).copied();
                self.used(at, webhook.kind.span);
                self.exprs([webhook.within.as_ref()]);
                self.optional(webhook.otherwise.as_ref());
                let kind = self.index.type_named(&webhook.kind.text).unwrap_or(Type::Unknown);
                self.define(&webhook.into, What::Local, kind, stmt.span.end);
            }
            StmtKind::Send { recording, to, later, answering, otherwise, .. } => {
                self.name(&recording.text, recording.span);
                self.exprs(to.iter().map(Some));
                if let Some(Later::In(time) | Later::At(time)) = later {
                    self.expr(time);
                }
                self.exprs([answering.as_ref()]);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Forward(forward) => {
                self.exprs([Some(&forward.message), Some(&forward.user)]);
                self.exprs(forward.to.iter().map(Some));
                if let Some(introduction) = &forward.introduction {
                    self.name(&introduction.text, introduction.span);
                }
                self.optional(forward.otherwise.as_ref());
            }
            StmtKind::Keep { recording, user, otherwise, .. } => {
                self.name(&recording.text, recording.span);
                self.expr(user);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Remove { user, otherwise, .. } => {
                self.expr(user);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Connect { callee, ring_for, otherwise, .. } => {
                self.exprs([Some(callee), ring_for.as_ref()]);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Ring { callee, ring_for, flow, otherwise, .. } => {
                self.exprs([Some(callee), ring_for.as_ref()]);
                self.call(flow);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Notify { user, text, otherwise } => {
                self.exprs([Some(user), Some(text)]);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Set { user, field, value, otherwise } => {
                self.expr(user);
                // The ways of delivery are no values.
                if field.text != "delivery" {
                    self.expr(value);
                }
                self.optional(otherwise.as_ref());
            }
            StmtKind::Told { user } => self.exprs([Some(user)]),
            StmtKind::Return(value) => self.exprs([value.as_ref()]),
            StmtKind::Match(found) => {
                let kind = self.expr(&found.value);
                for arm in &found.arms {
                    // How present somebody can be is no value.
                    if kind != Type::Presence {
                        self.exprs(arm.values.iter().map(Some));
                    }
                    self.block(&arm.action);
                }
                self.optional(found.other.as_ref().map(|(block, _)| block));
            }
            StmtKind::Discard(recording) => {
                self.name(&recording.text, recording.span);
            }
            StmtKind::Act { message, user, otherwise, .. } => {
                self.exprs([Some(message), Some(user)]);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Menu(menu) => self.menu(menu),
            StmtKind::Call(call) => {
                self.call(call);
            }
            StmtKind::Again(limit) => {
                if let Some((times, then)) = limit {
                    self.expr(times);
                    self.block(then);
                }
            }
            StmtKind::If { condition, allowed, binder, then, otherwise } => {
                let kind = self.expr(condition);
                if let Some(allowed) = allowed {
                    let at = self.index.allows.get(&allowed.text).copied();
                    self.used(at, allowed.span);
                }
                let found = match kind {
                    _ if allowed.is_some() => Type::Dialable,
                    Type::Maybe(item) => item.one(),
                    kind => kind,
                };
                self.with_name(binder.as_ref(), found, then);
                self.optional(otherwise.as_ref());
            }
            StmtKind::ForEach { item, list, body, otherwise } => {
                let one = match self.expr(list) {
                    Type::List(Item::Any) => Type::Unknown,
                    Type::List(of) => of.one(),
                    _ => Type::Unknown,
                };
                self.with_name(Some(item), one, body);
                self.optional(otherwise.as_ref());
            }
            StmtKind::Answer
            | StmtKind::Early
            | StmtKind::Beep
            | StmtKind::Speak(_)
            | StmtKind::Hangup(_)
            | StmtKind::Panic => {}
        }
    }

    /// What the prompt names, the answers know.
    fn menu(&mut self, menu: &Menu) {
        let seen = self.scope.len();
        let outer = std::mem::replace(&mut self.end, menu.span.end);
        menu.prompt.stmts.iter().for_each(|stmt| self.stmt(stmt));
        self.exprs([menu.between.as_ref()]);
        for answer in &menu.answers {
            let mut binder = None;
            for cause in &answer.causes {
                match cause {
                    Cause::Silence(after, _) => {
                        self.expr(after);
                    }
                    Cause::Digits(_, name, _) => binder = name.as_ref(),
                    Cause::Key(..) | Cause::Other(_) | Cause::Hangup(_) => {}
                }
            }
            self.with_name(binder, Type::Digits, &answer.action);
        }
        self.end = outer;
        self.scope.truncate(seen);
    }

    pub fn exprs<'e>(&mut self, all: impl IntoIterator<Item = Option<&'e Expr>>) {
        for expr in all.into_iter().flatten() {
            self.expr(expr);
        }
    }

    /// What the flow gives back.
    pub fn call(&mut self, call: &Call) -> Type {
        let at = self.index.flows.get(&call.name.text).copied();
        self.used(at, call.name.span);
        self.exprs(call.args.iter().map(Some));
        at.map_or(Type::Unknown, |at| self.index.definitions[at].kind)
    }

    /// A translation names what its prompt names.
    fn translations(&mut self, files: &[File]) {
        let mut by_text: HashMap<String, usize> = HashMap::new();
        for (at, prompt) in self.index.prompts.iter().enumerate() {
            by_text.entry(prompt.raw.clone()).or_insert(at);
        }
        self.translating = true;
        for entry in files.iter().flat_map(|f| &f.translations).flat_map(|t| &t.entries) {
            if let Some(at) = by_text.get(&entry.original.text) {
                self.scope.clone_from(&self.index.prompts[*at].scope);
                self.expr(&entry.text);
            }
        }
    }
}
