//! Instructions that choose what comes next.

use std::collections::VecDeque;

use super::super::ast::{self, Binary, Span};
use super::super::diagnostic::Diagnostic;
use super::super::hir::{self, Kind, Origin};
use super::super::parser::is_query;
use super::super::program::Expr;
use super::super::value::{PRESENCES, Type, Value};
use super::Resolver;

/// How many values a `match` may answer.
const MOST_VALUES: usize = 1000;

/// Whether any of these holds: halved again and again, so that no expression is too deep.
fn any_of(mut conditions: VecDeque<Expr>) -> Option<Expr> {
    while conditions.len() > 1 {
        let (left, right) = (conditions.pop_front()?, conditions.pop_front()?);
        conditions.push_back(Expr::Binary(Binary::Or, Box::new(left), Box::new(right)));
    }
    conditions.pop_front()
}

impl Resolver<'_> {
    pub(super) fn again(&mut self, limit: Option<&(ast::Expr, ast::Block)>, span: Span) -> Kind {
        let Some((most, then)) = limit else { return Kind::Again { limit: None } };
        let most = self.constant_number(most, 1, 100, "a caller is asked again 1 to 100 times");
        let most = u32::try_from(most).unwrap_or(1);
        let counter = self.hidden_var(span, Type::Number, Origin::Hark);
        if let Some(counters) = self.counters.last_mut() {
            counters.push(counter);
        }
        let then = self.block(then);
        Kind::Again { limit: Some(hir::Limit { counter, most, then }) }
    }

    pub(super) fn condition(
        &mut self,
        condition: &ast::Expr,
        allowed: Option<&ast::Name>,
        binder: Option<&ast::Name>,
        then: &ast::Block,
        otherwise: Option<&ast::Block>,
    ) -> Option<Kind> {
        let (Some(binder), None) = (binder, allowed) else {
            if let (Some(binder), Some(allowed)) = (binder, allowed) {
                return self.allowed(condition, allowed, binder, then, otherwise);
            }
            let (condition_value, kind) = self.unspoken(condition);
            if let Type::Maybe(_) = kind {
                self.tell(
                    Diagnostic::error(207, condition.span, format!("this is {kind}, no yes or no"))
                        .mend("name what is found: if … as found { … } else { … }"),
                );
            } else {
                self.must_fit(kind, Type::Bool, condition.span);
            }
            let then = self.block(then);
            let otherwise = self.optional(otherwise);
            return Some(Kind::If { condition: condition_value, then, otherwise });
        };
        let (value, kind) = self.unspoken(condition);
        let found = match kind {
            Type::Maybe(item) => item.one(),
            Type::Unknown => Type::Unknown,
            _ => {
                self.tell(
                    Diagnostic::error(
                        201,
                        condition.span,
                        format!("this is {kind}, and never missing"),
                    )
                    .cause("`as` names what may be missing: user(ext), caller.user")
                    .mend("take `as` out"),
                );
                Type::Unknown
            }
        };
        let seen = self.scope.len();
        let slot = self.new_var(binder, found, Origin::Value(value.clone()));
        let then = self.block(then);
        self.scope.truncate(seen);
        let otherwise = self.optional(otherwise);
        Some(Kind::IfFound { value, slot, then, otherwise })
    }

    /// `if ext in local as number {…}`
    fn allowed(
        &mut self,
        condition: &ast::Expr,
        list: &ast::Name,
        binder: &ast::Name,
        then: &ast::Block,
        otherwise: Option<&ast::Block>,
    ) -> Option<Kind> {
        let (value, kind) = self.unspoken(condition);
        if kind != Type::Text {
            self.must_fit(kind, Type::Digits, condition.span);
        }
        let allow = self.allows.get(&list.text).map(|(place, _)| *place);
        if allow.is_none() {
            let known = self.meant(self.allows.keys());
            let error = Diagnostic::error(
                101,
                list.span,
                format!("no allow-list is called `{}`", list.text),
            )
            .mend(format!("allow {} = \"030x{{4,8}}\"", list.text))
            .suggest(&list.text, known.iter().map(String::as_str));
            self.tell(error);
        }
        let seen = self.scope.len();
        let slot = self.new_var(binder, Type::Dialable, Origin::Hark);
        let then = self.block(then);
        self.scope.truncate(seen);
        let otherwise = self.optional(otherwise);
        Some(Kind::IfAllowed { value, allow: allow?, slot, then, otherwise })
    }

    /// `return value`
    pub(super) fn give_back(&mut self, value: Option<&ast::Expr>, span: Span) -> Option<Kind> {
        match (self.result, value) {
            (None, None) => Some(Kind::Return { value: None, moved: None }),
            (None, Some(value)) => {
                self.tell(
                    Diagnostic::error(405, value.span, "this flow gives nothing back")
                        .mend("say what it gives back: flow name(…) -> Bool { … }"),
                );
                None
            }
            (Some(wanted), None) => {
                self.tell(
                    Diagnostic::error(406, span, format!("this flow gives back {wanted}"))
                        .label("nothing is given back here")
                        .mend("return a value"),
                );
                None
            }
            (Some(wanted), Some(written)) => {
                let (value, kind) = self.expr(written);
                let value = self.dialable(value, kind, wanted, written);
                let fits_maybe = matches!(wanted, Type::Maybe(item) if kind.fits(item.one()));
                if wanted != Type::Dialable && !fits_maybe {
                    self.must_fit(kind, wanted, written.span);
                }
                let moved = match (&value, kind) {
                    (Expr::Slot(slot), Type::Recording) => Some(*slot),
                    _ => None,
                };
                Some(Kind::Return { value: Some(value), moved })
            }
        }
    }

    /// `match p { online -> … other -> … }`
    pub(super) fn matching(
        &mut self,
        found: &ast::Match,
        span: Span,
        out: &mut Vec<hir::Stmt>,
    ) -> Option<Kind> {
        let (value, kind) = self.unspoken(&found.value);
        let plain = matches!(
            kind,
            Type::Presence
                | Type::Bool
                | Type::Number
                | Type::Text
                | Type::Digits
                | Type::Dialable
                | Type::Unknown
        );
        if !plain {
            self.tell(
                Diagnostic::error(203, found.value.span, format!("{kind} can't be matched"))
                    .mend("match a Presence, a Bool, a Number, a Text or Digits; for what may be missing: if … as found"),
            );
        }
        let slot = self.hidden_var(span, kind, Origin::Hark);
        out.push(hir::Stmt { kind: Kind::Set { slot, value }, span: found.value.span });
        let mut seen: Vec<(Value, Span)> = Vec::new();
        let mut arms = Vec::new();
        for arm in &found.arms {
            let mut conditions: VecDeque<Expr> = VecDeque::new();
            for written in &arm.values {
                if seen.len() >= MOST_VALUES {
                    self.tell(
                        Diagnostic::error(209, written.span, "this `match` has too many values")
                            .cause(format!("a `match` may have {MOST_VALUES}"))
                            .mend("ask a web service, or use an allow-list"),
                    );
                    return None;
                }
                let Some(value) = self.arm_value(written, kind) else { continue };
                if let Some((_, before)) = seen.iter().find(|(known, _)| *known == value) {
                    self.found.push(
                        Diagnostic::error(311, written.span, "this can never be chosen")
                            .label("never reached")
                            .also(*before, "takes it already")
                            .mend("take one of them out"),
                    );
                }
                seen.push((value.clone(), written.span));
                let same = Expr::Binary(
                    Binary::Equal,
                    Box::new(Expr::Slot(slot)),
                    Box::new(Expr::Const(value)),
                );
                conditions.push_back(same);
            }
            let action = self.block(&arm.action);
            if let Some(condition) = any_of(conditions) {
                arms.push((condition, action, arm.span));
            }
        }
        let all = match kind {
            Type::Bool => 2,
            Type::Presence => PRESENCES.len(),
            _ => usize::MAX,
        };
        let other = found.other.as_ref().map(|(block, _)| self.block(block));
        if seen.len() >= all {
            if let Some((_, at)) = &found.other {
                self.tell(
                    Diagnostic::error(311, *at, "nothing is left for `other`")
                        .label("never reached")
                        .mend("take it out"),
                );
            }
        } else if other.is_none() && kind != Type::Unknown {
            let mend = match kind {
                Type::Presence => {
                    let missing: Vec<&str> = PRESENCES
                        .iter()
                        .filter(|(_, p)| !seen.iter().any(|(v, _)| *v == Value::Presence(*p)))
                        .map(|(name, _)| *name)
                        .collect();
                    format!("answer {} too, or `other`", missing.join(", "))
                }
                _ => "other -> …".to_owned(),
            };
            self.tell(
                Diagnostic::error(318, span, "not every value has its answer here")
                    .label("what if it is something else?")
                    .mend(mend),
            );
        }
        Some(Kind::Match { arms, other })
    }

    fn arm_value(&mut self, written: &ast::Expr, kind: Type) -> Option<Value> {
        if kind == Type::Presence
            && let ast::ExprKind::Name(name) = &written.kind
        {
            let named = PRESENCES.iter().find(|(known, _)| known == name);
            if named.is_none() {
                let known: Vec<&str> = PRESENCES.iter().map(|(name, _)| *name).collect();
                let error = Diagnostic::error(101, written.span, format!("nobody is `{name}`"))
                    .mend(format!("a Presence is {}", known.join(", ")))
                    .suggest(name, known);
                self.tell(error);
            }
            return named.map(|(_, presence)| Value::Presence(*presence));
        }
        let (value, of) = self.unspoken(written);
        let words = |kind| matches!(kind, Type::Text | Type::Digits | Type::Dialable);
        if !(words(kind) && words(of)) {
            self.must_fit(of, kind, written.span);
        }
        match value {
            Expr::Const(value) => Some(value),
            _ => {
                self.tell(
                    Diagnostic::error(205, written.span, "this is not the same in every call")
                        .mend("write a value, or the name of a constant; for others use `if`"),
                );
                None
            }
        }
    }

    pub(super) fn for_each(
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
            let slot = self.hidden_var(list.span, kind, Origin::Hark);
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
            let slot = self.hidden_var(list.span, kind, Origin::Hark);
            out.push(hir::Stmt { kind: Kind::Set { slot, value }, span: list.span });
            (slot, kind)
        };
        let item_kind = match kind {
            Type::List(item) => item.one(),
            Type::Unknown => Type::Unknown,
            kind => {
                self.tell(
                    Diagnostic::error(201, list.span, format!("{kind} is no list"))
                        .mend("go through a list, such as messages(me, new) or me.contacts"),
                );
                Type::Unknown
            }
        };
        let index = self.hidden_var(span, Type::Number, Origin::Hark);
        let seen = self.scope.len();
        let item = self.new_var(item, item_kind, Origin::Hark);
        let body = self.block(body);
        self.scope.truncate(seen);
        Some(Kind::ForEach { list: slot, index, item, body })
    }
}
