//! Instructions that do something outside of the call.

use std::time::Duration;

use super::super::ast::{self, ActKind, Kept, Later, Span, StmtKind};
use super::super::diagnostic::Diagnostic;
use super::super::effect::Keepsake;
use super::super::hir::{self, Kind};
use super::super::parser::PRESETS;
use super::super::program::Expr;
use super::super::value::{Item, Type, Value};
use super::Resolver;

/// How long a telephone rings, unless something else is written.
const RING_FOR: Duration = Duration::from_secs(30);
const SETTINGS: [&str; 4] = ["language", "pin", "delivery", "do_not_disturb"];

impl Resolver<'_> {
    pub(super) fn send(&mut self, stmt: &ast::Stmt) -> Option<Kind> {
        let StmtKind::Send { recording, to, later, answering, otherwise, .. } = &stmt.kind else {
            return None;
        };
        let StmtKind::Send { receipt, urgent, private, .. } = &stmt.kind else { return None };
        let slot = self.recording(recording);
        let to = to.iter().map(|who| self.recipient(who)).collect();
        let later = match later {
            None => None,
            Some(Later::In(wait)) => Some(self.expr_of(wait, Type::Duration)),
            Some(Later::At(time)) => Some(self.expr_of(time, Type::Time)),
        };
        let answering = answering.as_ref().map(|m| self.expr_of(m, Type::Message));
        self.needs_answer(
            601,
            stmt.span,
            otherwise.as_ref(),
            "this message may not be kept",
            "the disk may be full, and the caller would believe that it was sent",
            "send message to bob else { say \"Sorry, your message could not be kept.\" }",
        );
        let otherwise = self.optional(otherwise.as_ref());
        let (receipt, urgent, private) = (*receipt, *urgent, *private);
        let options = Box::new(hir::SendOptions { receipt, urgent, private, later, answering });
        slot.map(|slot| Kind::Send { slot, to, options, otherwise })
    }

    fn recipient(&mut self, who: &ast::Expr) -> Expr {
        let (resolved, kind) = self.expr(who);
        if !kind.fits(Type::List(Item::User)) {
            self.must_fit(kind, Type::User, who.span);
        }
        resolved
    }

    pub(super) fn forward(&mut self, forward: &ast::Forward, span: Span) -> Option<Kind> {
        let message = self.expr_of(&forward.message, Type::Message);
        let user = self.expr_of(&forward.user, Type::User);
        let to = forward.to.iter().map(|who| self.recipient(who)).collect();
        let introduction = match &forward.introduction {
            Some(name) => Some(self.recording(name)?),
            None => None,
        };
        self.needs_answer(
            601,
            span,
            forward.otherwise.as_ref(),
            "this message may not be forwarded",
            "it may be private, or the disk full, and the caller would believe that it was sent",
            "forward m of me to bob else { say \"Sorry, it could not be forwarded.\" }",
        );
        let otherwise = self.optional(forward.otherwise.as_ref());
        let ast::Forward { receipt, urgent, private, .. } = *forward;
        let options = hir::SendOptions { receipt, urgent, private, later: None, answering: None };
        Some(Kind::Forward(Box::new(hir::Forward {
            message,
            user,
            to,
            introduction,
            options,
            otherwise,
        })))
    }

    pub(super) fn keep(
        &mut self,
        recording: &ast::Name,
        what: Kept,
        user: &ast::Expr,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) -> Option<Kind> {
        let slot = self.recording(recording);
        let user = self.expr_of(user, Type::User);
        self.needs_answer(
            601,
            span,
            otherwise,
            "this may not be kept",
            "the disk may be full, and the caller would believe that it was",
            "keep r as greeting of me else { say \"Sorry, it could not be kept.\" }",
        );
        let otherwise = self.optional(otherwise);
        let keepsake = match what {
            Kept::Greeting(kind) => Keepsake::Greeting(kind),
            Kept::Name => Keepsake::Name,
        };
        slot.map(|slot| Kind::Keep { slot, keepsake, user, otherwise })
    }

    pub(super) fn act(
        &mut self,
        kind: ActKind,
        message: &ast::Expr,
        user: &ast::Expr,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) -> Kind {
        let message = self.expr_of(message, Type::Message);
        let user = self.expr_of(user, Type::User);
        if kind != ActKind::MarkHeard {
            self.may_fail(
                span,
                otherwise,
                "delete m for me else { say \"Sorry, that did not work.\" }",
            );
        }
        let otherwise = self.optional(otherwise);
        Kind::Act { kind, message, user, otherwise }
    }

    fn may_fail(&mut self, span: Span, otherwise: Option<&ast::Block>, mend: &str) {
        self.needs_answer(
            604,
            span,
            otherwise,
            "this may not succeed",
            "the store may be gone, and the caller would believe that it was done",
            mend,
        );
    }

    /// `set me.language = "de"`
    pub(super) fn setting(&mut self, field: &ast::Name, value: &ast::Expr) -> Option<hir::Setting> {
        match field.text.as_str() {
            "language" => {
                let (resolved, kind) = self.unspoken(value);
                self.must_fit(kind, Type::Text, value.span);
                if let Expr::Const(Value::Text(tag)) = &resolved
                    && !self.languages.iter().any(|l| l.tag() == &**tag)
                    && !self.is_shipped(value.span.source)
                {
                    let known: Vec<&str> = self.languages.iter().map(|l| l.tag()).collect();
                    self.tell(
                        Diagnostic::error(
                            117,
                            value.span,
                            format!("this dialplan does not speak `{tag}`"),
                        )
                        .mend(format!("add it: languages {}, {tag}", known.join(", "))),
                    );
                }
                Some(hir::Setting::Language(resolved))
            }
            "pin" => Some(hir::Setting::Pin(self.expr_of(value, Type::Digits))),
            "do_not_disturb" => Some(hir::Setting::DoNotDisturb(self.expr_of(value, Type::Bool))),
            "delivery" => {
                let named = match &value.kind {
                    ast::ExprKind::Name(name) => name.as_str(),
                    _ => "",
                };
                let preset = PRESETS.iter().find(|(name, _)| *name == named);
                if preset.is_none() {
                    let known = PRESETS.map(|(name, _)| name);
                    let error =
                        Diagnostic::error(101, value.span, "there is no such way of delivery")
                            .mend(format!("the ways are {}", known.join(", ")))
                            .suggest(named, known);
                    self.tell(error);
                }
                preset.map(|(_, preset)| hir::Setting::Delivery(*preset))
            }
            name => {
                let error = Diagnostic::error(104, field.span, format!("`{name}` can't be set"))
                    .mend(format!("what can be set is {}", SETTINGS.join(", ")))
                    .suggest(name, SETTINGS);
                self.tell(error);
                None
            }
        }
    }

    pub(super) fn change(
        &mut self,
        user: &ast::Expr,
        setting: hir::Setting,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) -> Kind {
        let user = self.expr_of(user, Type::User);
        self.may_fail(
            span,
            otherwise,
            "set me.language = \"de\" else { say \"Sorry, that did not work.\" }",
        );
        let otherwise = self.optional(otherwise);
        Kind::Change { user, setting, otherwise }
    }

    pub(super) fn notify(
        &mut self,
        user: &ast::Expr,
        text: &ast::Expr,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) -> Kind {
        let user = self.expr_of(user, Type::User);
        let (text_value, kind) = self.expr(text);
        self.must_be_spoken(kind, text.span);
        self.needs_answer(
            604,
            span,
            otherwise,
            "nobody may see this",
            "no browser of this user may be open",
            "notify bob \"…\" else say \"Bob is not there.\"",
        );
        let otherwise = self.optional(otherwise);
        Kind::Notify { user, text: text_value, otherwise }
    }

    pub(super) fn connect(
        &mut self,
        callee: &ast::Expr,
        ring_for: Option<&ast::Expr>,
        via: Option<&ast::Name>,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) -> Option<Kind> {
        let callee = self.callee(callee, via);
        let ring_for = ring_for.map_or(RING_FOR, |length| self.constant_duration(length));
        self.needs_answer(
            608,
            span,
            otherwise,
            "nobody may answer",
            "the telephone may be busy, off, or ring in vain",
            "connect bob for 20s else deposit(bob)",
        );
        let otherwise = self.optional(otherwise);
        Some(Kind::Connect { callee: callee?, ring_for, otherwise })
    }

    pub(super) fn ring(&mut self, stmt: &ast::Stmt) -> Option<Kind> {
        let StmtKind::Ring { callee, ring_for, via, flow, otherwise } = &stmt.kind else {
            return None;
        };
        let callee = self.callee(callee, via.as_ref());
        let ring_for = ring_for.as_ref().map_or(RING_FOR, |length| self.constant_duration(length));
        let call = self.call(flow);
        if let Some((_, at)) = call.as_ref().and_then(|c| c.moved.first()) {
            self.tell(
                Diagnostic::error(507, *at, "a recording can't be given to another call")
                    .cause("it belongs to this one, which may end first")
                    .mend("send it"),
            );
        }
        self.needs_answer(
            608,
            stmt.span,
            otherwise.as_ref(),
            "this call may not be possible",
            "all lines may be taken",
            "ring me -> call_to_record(me) else say \"Sorry, not now.\"",
        );
        let otherwise = self.optional(otherwise.as_ref());
        Some(Kind::Ring { callee: callee?, ring_for, call: call?, otherwise })
    }

    fn callee(&mut self, written: &ast::Expr, via: Option<&ast::Name>) -> Option<hir::Callee> {
        let (value, kind) = self.unspoken(written);
        let trunk = via.map(|name| name.text.clone());
        let callee = match kind {
            Type::User | Type::Contact => hir::Callee::User(value),
            Type::Device => hir::Callee::Device(value),
            Type::Text | Type::Digits | Type::Dialable => {
                let number = self.dialable(value, kind, Type::Dialable, written);
                return Some(hir::Callee::Number { number, via: trunk });
            }
            Type::Unknown => return None,
            kind => {
                self.must_fit(kind, Type::User, written.span);
                return None;
            }
        };
        if let Some(via) = via {
            self.tell(
                Diagnostic::error(201, via.span, "only a number is dialled over a trunk")
                    .mend("take `via` out"),
            );
        }
        Some(callee)
    }
}
