//! Instructions.

use super::super::ast::{self, ActKind, PlayWhat, Span, StmtKind};
use super::super::diagnostic::Diagnostic;
use super::super::hir::{self, Kind};
use super::super::parser::is_query;
use super::super::program::Expr;
use super::super::value::{Field, Type, Value};
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn block(&mut self, block: &ast::Block) -> hir::Block {
        let seen = self.scope.len();
        let mut stmts = Vec::new();
        for stmt in &block.stmts {
            self.stmt(stmt, &mut stmts);
        }
        self.scope.truncate(seen);
        hir::Block { stmts, span: block.span }
    }

    fn optional(&mut self, block: Option<&ast::Block>) -> hir::Block {
        block.map(|b| self.block(b)).unwrap_or_default()
    }

    fn stmt(&mut self, stmt: &ast::Stmt, out: &mut Vec<hir::Stmt>) {
        let miss = self.miss.take();
        let kind = match &stmt.kind {
            StmtKind::Say(text) => Some(Kind::Say(self.say(text))),
            StmtKind::Log(text) => Some(Kind::Log(self.say(text))),
            StmtKind::Play(what, otherwise) => self.play(what, otherwise.as_ref(), stmt.span),
            StmtKind::Beep => Some(Kind::Beep),
            StmtKind::Pause(length) => {
                let length = self.constant_duration(length);
                Some(Kind::Pause(Expr::Const(Value::Duration(length))))
            }
            StmtKind::Record(record) => Some(self.record(record, stmt.span)),
            StmtKind::Assign { into, value, otherwise } => {
                self.assign(into, value, otherwise.as_ref())
            }
            StmtKind::Send { recording, to, receipt, urgent, otherwise } => {
                let slot = self.recording(recording);
                let to = to.iter().map(|who| self.recipient(who)).collect();
                self.needs_answer(
                    601,
                    stmt.span,
                    otherwise.as_ref(),
                    "this message may not be kept",
                    "the disk may be full, and the caller would believe that it was sent",
                    "send message to bob else { say \"Sorry, your message could not be kept.\" }",
                );
                let otherwise = self.optional(otherwise.as_ref());
                slot.map(|slot| Kind::Send {
                    slot,
                    to,
                    receipt: *receipt,
                    urgent: *urgent,
                    otherwise,
                })
            }
            StmtKind::Discard(recording) => {
                self.recording(recording).map(|slot| Kind::Discard { slot })
            }
            StmtKind::Act { kind, message, user, otherwise } => {
                let message = self.expr_of(message, Type::Message);
                let user = self.expr_of(user, Type::User);
                if *kind != ActKind::MarkHeard {
                    self.needs_answer(
                        604,
                        stmt.span,
                        otherwise.as_ref(),
                        "this may not succeed",
                        "the store may be gone, and the caller would believe that it was done",
                        "delete m for me else { say \"Sorry, that did not work.\" }",
                    );
                }
                let otherwise = self.optional(otherwise.as_ref());
                Some(Kind::Act { kind: *kind, message, user, otherwise })
            }
            StmtKind::Menu(menu) => Some(Kind::Menu(Box::new(self.menu(menu)))),
            StmtKind::Call(call) => {
                self.miss = miss;
                let call = self.call(call);
                self.miss = None;
                call.map(Kind::Call)
            }
            StmtKind::Again(limit) => Some(self.again(limit.as_ref(), stmt.span)),
            StmtKind::If { condition, binder, then, otherwise } => {
                self.condition(condition, binder.as_ref(), then, otherwise.as_ref())
            }
            StmtKind::ForEach { item, list, body, otherwise } => {
                self.for_each(item, list, body, otherwise.as_ref(), stmt.span, out)
            }
            StmtKind::Hangup => Some(Kind::Hangup),
            StmtKind::Panic => {
                if !self.options.test_instructions {
                    self.tell(
                        Diagnostic::error(19, stmt.span, "`panic` is for tests of the server only")
                            .mend("take it out; `hangup` ends a call"),
                    );
                }
                Some(Kind::Panic)
            }
        };
        if let Some(kind) = kind {
            out.push(hir::Stmt { kind, span: stmt.span });
        }
    }

    fn say(&mut self, text: &ast::Expr) -> Expr {
        let (resolved, kind) = self.expr(text);
        self.must_be_spoken(kind, text.span);
        if let Expr::Const(Value::Text(text_value)) = &resolved
            && text_value.trim().is_empty()
        {
            self.tell(
                Diagnostic::error(208, text.span, "there is nothing to say")
                    .mend("for a silence write `pause 500ms`"),
            );
        }
        resolved
    }

    fn play(
        &mut self,
        what: &PlayWhat,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) -> Option<Kind> {
        let what = match what {
            PlayWhat::Prompt(name) => {
                self.prompt_exists(name);
                hir::Play::Prompt(name.text.clone())
            }
            PlayWhat::Value(value) => {
                let (resolved, kind) = self.expr(value);
                match (resolved, kind) {
                    (Expr::Field(user, Field::UserGreeting), _) => hir::Play::Greeting(*user),
                    (message, Type::Message) => hir::Play::Message(message),
                    (Expr::Slot(slot), Type::Recording) => hir::Play::Recording(slot),
                    (_, Type::Unknown) => return None,
                    (_, kind) => {
                        let mut error =
                            Diagnostic::error(201, value.span, format!("{kind} can't be played"))
                                .cause("a prompt, a greeting, a message or a recording can");
                        if matches!(kind, Type::Text | Type::Number | Type::Digits) {
                            error = error.mend("`say` it");
                        }
                        self.tell(error);
                        return None;
                    }
                }
            }
        };
        let is_greeting = matches!(what, hir::Play::Greeting(_));
        if is_greeting {
            self.needs_answer(602, span, otherwise, "there may be no greeting",
                "not every user has recorded one, and the caller would hear nothing",
                "play to.greeting else say \"Please leave a message for {to.name} after the tone.\"");
        } else if let Some(block) = otherwise {
            self.tell(
                Diagnostic::error(605, block.span, "this is never reached")
                    .cause("only a greeting may be missing")
                    .mend("take the `else` out"),
            );
        }
        let otherwise = self.optional(otherwise);
        Some(Kind::Play { what, otherwise })
    }

    fn prompt_exists(&mut self, name: &ast::Name) {
        let Some(prompts) = &self.options.prompts else { return };
        if !prompts.contains(&name.text) {
            let error =
                Diagnostic::error(108, name.span, format!("there is no prompt `{}`", name.text))
                    .cause("the caller would hear nothing")
                    .mend("record it into the prompt folder, or `say` its words")
                    .suggest(&name.text, prompts.iter().map(String::as_str));
            self.tell(error);
        }
    }

    fn record(&mut self, record: &ast::Record, span: Span) -> Kind {
        let max = self.expr_of(&record.max, Type::Duration);
        if let Expr::Const(Value::Duration(d)) = &max
            && (d.as_secs() == 0 || d.as_secs() > 3600)
        {
            self.tell(
                Diagnostic::error(209, record.max.span, "no message is that long, or that short")
                    .mend("between 1s and 1h"),
            );
        }
        let silence = record.silence.as_ref().map(|s| self.constant_duration(s));
        if record.hangup_keeps.is_none() {
            self.tell(
                Diagnostic::error(314, span, "what if the caller hangs up while speaking?")
                    .label("no answer to hang-up")
                    .cause("most callers end a message by hanging up")
                    .mend(
                        "add `, hangup keeps` to go on with what was said, or `, hangup discards`",
                    ),
            );
        }
        let keeps = record.hangup_keeps.unwrap_or(true);
        let slot = self.new_var(&record.into, Type::Recording);
        Kind::Record { slot, max, stop_on: record.stop_on, silence, keeps }
    }

    fn assign(
        &mut self,
        into: &ast::Name,
        value: &ast::Expr,
        otherwise: Option<&ast::Block>,
    ) -> Option<Kind> {
        if is_query(value) {
            let query = self.query(value);
            self.query_needs_answer(value.span, otherwise);
            let otherwise = self.optional(otherwise);
            let kind = query.as_ref().map_or(Type::Unknown, |(_, kind)| *kind);
            let slot = self.new_var(into, kind);
            return query.map(|(query, _)| Kind::Query { slot, query, otherwise });
        }
        if let Some(block) = otherwise {
            self.tell(
                Diagnostic::error(605, block.span, "this is never reached")
                    .cause("this value can't fail")
                    .mend("take the `else` out"),
            );
        }
        let (resolved, kind) = self.expr(value);
        if kind == Type::Recording {
            self.tell(
                Diagnostic::error(507, value.span, "a recording has one name only")
                    .cause("under two names it could be sent twice")
                    .mend("use the name that it has"),
            );
        }
        let slot = self.new_var(into, if kind == Type::Recording { Type::Unknown } else { kind });
        Some(Kind::Set { slot, value: resolved })
    }

    fn query_needs_answer(&mut self, span: Span, otherwise: Option<&ast::Block>) {
        self.needs_answer(
            603,
            span,
            otherwise,
            "this asks the store, which may fail",
            "the store may be gone, and the caller would be told that there is nothing",
            "inbox = messages(me, new) else { say \"Sorry, please try later.\"; hangup }",
        );
    }

    fn needs_answer(
        &mut self,
        code: u16,
        span: Span,
        otherwise: Option<&ast::Block>,
        message: &str,
        cause: &str,
        mend: &str,
    ) {
        if otherwise.is_none() {
            self.tell(
                Diagnostic::error(code, span, message)
                    .label("no `else`")
                    .cause(cause)
                    .mend(format!("say so: {mend}")),
            );
        }
    }

    fn recording(&mut self, name: &ast::Name) -> Option<u16> {
        let expr = ast::Expr { kind: ast::ExprKind::Name(name.text.clone()), span: name.span };
        match self.expr(&expr) {
            (Expr::Slot(slot), Type::Recording) => Some(slot),
            (_, Type::Unknown) => None,
            (_, kind) => {
                self.tell(
                    Diagnostic::error(507, name.span, format!("this is {kind}, no recording"))
                        .cause("only what this call recorded can be sent or discarded"),
                );
                None
            }
        }
    }

    fn recipient(&mut self, who: &ast::Expr) -> Expr {
        let (resolved, kind) = self.expr(who);
        if kind != Type::Users {
            self.must_fit(kind, Type::User, who.span);
        }
        resolved
    }

    fn again(&mut self, limit: Option<&(ast::Expr, ast::Block)>, span: Span) -> Kind {
        let Some((most, then)) = limit else { return Kind::Again { limit: None } };
        let most = match self.expr_of(most, Type::Number) {
            Expr::Const(Value::Number(n)) if (1..=100).contains(&n) => {
                u32::try_from(n).unwrap_or(1)
            }
            Expr::Const(Value::Number(_)) => {
                self.tell(
                    Diagnostic::error(209, most.span, "nobody is asked that often, or that seldom")
                        .mend("a number between 1 and 100"),
                );
                1
            }
            Expr::Const(_) => 1,
            _ => {
                self.tell(
                    Diagnostic::error(205, most.span, "this is not the same in every call")
                        .mend("write a number, or the name of a constant"),
                );
                1
            }
        };
        let counter = self.hidden_var(span, Type::Number);
        if let Some(counters) = self.counters.last_mut() {
            counters.push(counter);
        }
        let then = self.block(then);
        Kind::Again { limit: Some(hir::Limit { counter, most, then }) }
    }

    fn condition(
        &mut self,
        condition: &ast::Expr,
        binder: Option<&ast::Name>,
        then: &ast::Block,
        otherwise: Option<&ast::Block>,
    ) -> Option<Kind> {
        let Some(binder) = binder else {
            let (condition_value, kind) = self.expr(condition);
            if kind == Type::MaybeUser {
                self.tell(
                    Diagnostic::error(207, condition.span, "this is perhaps a user, no yes or no")
                        .mend("name the user that is found: if … as who { … } else { … }"),
                );
            } else {
                self.must_fit(kind, Type::Bool, condition.span);
            }
            let then = self.block(then);
            let otherwise = self.optional(otherwise);
            return Some(Kind::If { condition: condition_value, then, otherwise });
        };
        let (value, kind) = self.expr(condition);
        if !kind.fits(Type::MaybeUser) {
            self.tell(
                Diagnostic::error(
                    201,
                    condition.span,
                    format!("this is {kind}, and never missing"),
                )
                .cause("`as` names what may be missing: user(ext), caller.user")
                .mend("take `as` out"),
            );
        }
        let seen = self.scope.len();
        let slot = self.new_var(binder, Type::User);
        let then = self.block(then);
        self.scope.truncate(seen);
        let otherwise = self.optional(otherwise);
        Some(Kind::IfUser { value, slot, then, otherwise })
    }

    fn for_each(
        &mut self,
        item: &ast::Name,
        list: &ast::Expr,
        body: &ast::Block,
        otherwise: Option<&ast::Block>,
        span: Span,
        out: &mut Vec<hir::Stmt>,
    ) -> Option<Kind> {
        let (slot, kind) = if is_query(list) {
            let query = self.query(list);
            self.query_needs_answer(list.span, otherwise);
            let otherwise = self.optional(otherwise);
            let (query, kind) = query?;
            let slot = self.hidden_var(list.span, kind);
            out.push(hir::Stmt { kind: Kind::Query { slot, query, otherwise }, span: list.span });
            (slot, kind)
        } else {
            if let Some(block) = otherwise {
                self.tell(
                    Diagnostic::error(605, block.span, "this is never reached")
                        .cause("only a list that is asked of the store can fail")
                        .mend("for an empty list: if list.count == 0 { … }"),
                );
            }
            let (value, kind) = self.expr(list);
            let slot = self.hidden_var(list.span, kind);
            out.push(hir::Stmt { kind: Kind::Set { slot, value }, span: list.span });
            (slot, kind)
        };
        let item_kind = match kind {
            Type::Users => Type::User,
            Type::Messages => Type::Message,
            Type::Unknown => Type::Unknown,
            kind => {
                self.tell(Diagnostic::error(201, list.span, format!("{kind} is no list")));
                Type::Unknown
            }
        };
        let index = self.hidden_var(span, Type::Number);
        let seen = self.scope.len();
        let item = self.new_var(item, item_kind);
        let body = self.block(body);
        self.scope.truncate(seen);
        Some(Kind::ForEach { list: slot, index, item, body })
    }
}
