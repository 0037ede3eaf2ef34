//! Expressions: names, fields and types.

use std::sync::Arc;

use super::super::ast::{self, Binary, Span};
use super::super::diagnostic::Diagnostic;
use super::super::hir;
use super::super::program::{Expr, Part};
use super::super::value::{FIELDS, Field, Type, Value};
use super::{Miss, Resolver};

impl Resolver<'_> {
    /// An expression that must be of the type `wanted`.
    pub(super) fn expr_of(&mut self, expr: &ast::Expr, wanted: Type) -> Expr {
        let (resolved, kind) = self.expr(expr);
        self.must_fit(kind, wanted, expr.span);
        resolved
    }

    pub(super) fn must_fit(&mut self, kind: Type, wanted: Type, span: Span) {
        if kind.fits(wanted) {
            return;
        }
        let error = if kind == Type::MaybeUser && wanted == Type::User {
            Diagnostic::error(207, span, "there may be no such user")
                .label("perhaps nobody")
                .cause("a number may belong to nobody, and a caller may not have identified")
                .mend("if user(n) as who { … } else { … }")
        } else {
            Diagnostic::error(201, span, format!("{wanted} is needed here, and this is {kind}"))
                .label(format!("this is {kind}"))
        };
        self.tell(error);
    }

    pub(super) fn expr(&mut self, expr: &ast::Expr) -> (Expr, Type) {
        let unknown = (Expr::Const(Value::Nothing), Type::Unknown);
        match &expr.kind {
            ast::ExprKind::Text(parts) => (self.text(parts), Type::Text),
            ast::ExprKind::Number(n) => (Expr::Const(Value::Number(*n)), Type::Number),
            ast::ExprKind::Duration(d) => (Expr::Const(Value::Duration(*d)), Type::Duration),
            ast::ExprKind::Bool(b) => (Expr::Const(Value::Bool(*b)), Type::Bool),
            ast::ExprKind::Name(name) => self.name(name, expr.span).unwrap_or(unknown),
            ast::ExprKind::Field(of, field) => {
                let (of, kind) = self.expr(of);
                self.field(of, kind, field).unwrap_or(unknown)
            }
            ast::ExprKind::Call(call) => self.call_value(call).unwrap_or(unknown),
            ast::ExprKind::Online(_) => {
                self.tell(query_elsewhere(expr.span));
                unknown
            }
            ast::ExprKind::Not(of) => {
                let of = self.expr_of(of, Type::Bool);
                (Expr::Not(Box::new(of)), Type::Bool)
            }
            ast::ExprKind::Binary(operator, left, right) => {
                self.binary(*operator, left, right, expr.span)
            }
        }
    }

    fn name(&mut self, name: &str, span: Span) -> Option<(Expr, Type)> {
        if let Some(slot) = self.var(name) {
            return Some((Expr::Slot(slot), self.vars[usize::from(slot)].kind));
        }
        if let Some((value, kind, _)) = self.constants.get(name) {
            return Some((Expr::Const(value.clone()), *kind));
        }
        match name {
            "caller" => return Some((Expr::Const(Value::Caller), Type::Caller)),
            "site" => return Some((Expr::Const(Value::Site), Type::Site)),
            _ => {}
        }
        let known: Vec<String> = self
            .scope
            .iter()
            .map(|slot| self.vars[usize::from(*slot)].name.text.clone())
            .chain(self.constants.keys().cloned())
            .chain(["caller".to_owned(), "site".to_owned()])
            .collect();
        let mut error = Diagnostic::error(101, span, format!("nothing here is called `{name}`"))
            .label("not known here");
        if self.flows.contains_key(name) {
            error = error.cause("it is a flow, which is no value");
        }
        let error = error.suggest(name, known.iter().map(String::as_str));
        self.tell(error);
        None
    }

    fn field(&mut self, of: Expr, kind: Type, field: &ast::Name) -> Option<(Expr, Type)> {
        if kind == Type::Unknown {
            return None;
        }
        if kind == Type::MaybeUser {
            self.must_fit(kind, Type::User, field.span);
            return None;
        }
        let fields = || FIELDS.iter().filter(|(owner, ..)| *owner == kind);
        if let Some((.., found, kind)) = fields().find(|(_, name, ..)| *name == field.text) {
            return Some((Expr::Field(Box::new(of), *found), *kind));
        }
        let names: Vec<&str> = fields().map(|(_, name, ..)| *name).collect();
        let mut error =
            Diagnostic::error(104, field.span, format!("{kind} has no field `{}`", field.text));
        if !names.is_empty() {
            error = error.cause(format!("its fields are {}", names.join(", ")));
        }
        let error = error.suggest(&field.text, names);
        self.tell(error);
        None
    }

    fn call_value(&mut self, call: &ast::Call) -> Option<(Expr, Type)> {
        match call.name.text.as_str() {
            "user" => {
                let [extension] = call.args.as_slice() else {
                    self.arity(call, 1, "user(ext)");
                    return None;
                };
                let (resolved, kind) = self.expr(extension);
                if kind != Type::Text {
                    self.must_fit(kind, Type::Digits, extension.span);
                }
                Some((Expr::UserAt(Box::new(resolved)), Type::MaybeUser))
            }
            "messages" => {
                self.tell(query_elsewhere(call.span));
                None
            }
            name if self.flows.contains_key(name) => {
                self.tell(
                    Diagnostic::error(101, call.span, format!("the flow `{name}` has no value"))
                        .cause("a flow is called for what it does")
                        .mend("call it on a line of its own"),
                );
                None
            }
            name => {
                let error = Diagnostic::error(
                    109,
                    call.name.span,
                    format!("nothing here is called `{name}`"),
                )
                .suggest(name, ["user", "messages"]);
                self.tell(error);
                None
            }
        }
    }

    pub(super) fn arity(&mut self, call: &ast::Call, wanted: usize, example: &str) {
        let found = call.args.len();
        let error = Diagnostic::error(
            202,
            call.span,
            format!("`{}` takes {wanted}, and is given {found}", call.name.text),
        )
        .label(format!("{found} given"))
        .mend(format!("write it as {example}"));
        self.tell(error);
    }

    fn binary(
        &mut self,
        operator: Binary,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> (Expr, Type) {
        let (l, left_kind) = self.expr(left);
        let (r, right_kind) = self.expr(right);
        let is_ordered = |kind| matches!(kind, Type::Number | Type::Duration | Type::Unknown);
        let result = match operator {
            Binary::And | Binary::Or => {
                self.must_fit(left_kind, Type::Bool, left.span);
                self.must_fit(right_kind, Type::Bool, right.span);
                Type::Bool
            }
            Binary::Equal | Binary::Differs => {
                let words = |kind| matches!(kind, Type::Text | Type::Digits);
                let plain = |kind| {
                    words(kind) || is_ordered(kind) || matches!(kind, Type::Bool | Type::User)
                };
                let alike = left_kind.fits(right_kind) || (words(left_kind) && words(right_kind));
                if !alike || !plain(left_kind) {
                    self.tell(Diagnostic::error(
                        203,
                        span,
                        format!("{left_kind} can't be compared with {right_kind}"),
                    ));
                }
                Type::Bool
            }
            Binary::Less | Binary::AtMost | Binary::More | Binary::AtLeast => {
                if !is_ordered(left_kind) || !left_kind.fits(right_kind) {
                    self.tell(
                        Diagnostic::error(
                            203,
                            span,
                            format!("{left_kind} is neither less nor more than {right_kind}"),
                        )
                        .cause("only numbers, and durations, have an order"),
                    );
                }
                Type::Bool
            }
            Binary::Plus | Binary::Minus => {
                if !is_ordered(left_kind) || !left_kind.fits(right_kind) {
                    self.tell(Diagnostic::error(
                        203,
                        span,
                        format!("{left_kind} and {right_kind} can't be added up"),
                    ));
                }
                left_kind
            }
        };
        (Expr::Binary(operator, Box::new(l), Box::new(r)), result)
    }

    fn text(&mut self, parts: &[ast::TextPart]) -> Expr {
        let parts: Vec<Part> = parts
            .iter()
            .map(|part| match part {
                ast::TextPart::Literal(text) => Part::Literal(text.as_str().into()),
                ast::TextPart::Value(value) => {
                    let (resolved, kind) = self.expr(value);
                    self.must_be_spoken(kind, value.span);
                    Part::Value(resolved)
                }
                ast::TextPart::Plural(count, forms) => self.plural(count, forms),
            })
            .collect();
        match parts.as_slice() {
            [Part::Literal(text)] => Expr::Const(Value::Text(Arc::clone(text))),
            [] => Expr::Const(Value::from("")),
            _ => Expr::Text(parts.into()),
        }
    }

    pub(super) fn must_be_spoken(&mut self, kind: Type, span: Span) {
        let mend = match kind {
            Type::Text | Type::Number | Type::Digits | Type::Bool | Type::Duration => return,
            Type::Unknown => return,
            Type::User | Type::Caller | Type::Site | Type::MaybeUser => "say its `name`",
            Type::Users | Type::Messages => "say its `count`, or go through it: `for each`",
            Type::Message | Type::Recording => "`play` it, or say its `length`",
        };
        self.tell(Diagnostic::error(204, span, format!("{kind} can't be spoken")).mend(mend));
    }

    fn plural(&mut self, count: &ast::Expr, forms: &[String]) -> Part {
        let resolved = self.expr_of(count, Type::Number);
        let forms: [Arc<str>; 2] = match forms {
            [one, other] if !one.is_empty() && !other.is_empty() => {
                [one.as_str().into(), other.as_str().into()]
            }
            _ => {
                self.tell(
                    Diagnostic::error(206, count.span, "English has two forms of a counted word")
                        .label(format!("{} given", forms.len()))
                        .mend("first the form for one, then for others: {n: message | messages}"),
                );
                ["".into(), "".into()]
            }
        };
        Part::Plural(resolved, forms)
    }

    /// A duration that is known before any call.
    pub(super) fn constant_duration(&mut self, expr: &ast::Expr) -> std::time::Duration {
        match self.expr_of(expr, Type::Duration) {
            Expr::Const(Value::Duration(d)) if !d.is_zero() && d.as_secs() <= 3600 => d,
            Expr::Const(Value::Duration(_)) => {
                self.tell(
                    Diagnostic::error(209, expr.span, "nobody waits that long, or that short")
                        .mend("a duration between 1ms and 1h"),
                );
                std::time::Duration::from_secs(1)
            }
            Expr::Const(_) => std::time::Duration::from_secs(1),
            _ => {
                self.tell(
                    Diagnostic::error(205, expr.span, "this is not the same in every call")
                        .mend("write a duration, such as 8s, or the name of a constant"),
                );
                std::time::Duration::from_secs(1)
            }
        }
    }

    pub(super) fn query(&mut self, expr: &ast::Expr) -> Option<(hir::Query, Type)> {
        match &expr.kind {
            ast::ExprKind::Call(call) => {
                let [user, folder] = call.args.as_slice() else {
                    self.arity(call, 2, "messages(me, new)");
                    return None;
                };
                let user = self.expr_of(user, Type::User);
                let saved = match &folder.kind {
                    ast::ExprKind::Name(name) if name == "new" => false,
                    ast::ExprKind::Name(name) if name == "saved" => true,
                    _ => {
                        self.tell(
                            Diagnostic::error(101, folder.span, "there is no such folder")
                                .mend("the folders are `new` and `saved`: messages(me, new)"),
                        );
                        false
                    }
                };
                Some((hir::Query::Messages(user, saved), Type::Messages))
            }
            ast::ExprKind::Online(contacts) => match self.expr(contacts) {
                (Expr::Field(user, Field::UserContacts), _) => {
                    Some((hir::Query::Online(*user), Type::Users))
                }
                (_, kind) => {
                    if kind != Type::Unknown {
                        self.tell(
                            Diagnostic::error(201, expr.span, "only contacts can be online")
                                .mend("me.contacts online"),
                        );
                    }
                    None
                }
            },
            _ => None,
        }
    }

    pub(super) fn call(&mut self, call: &ast::Call) -> Option<hir::Call> {
        let name = call.name.text.as_str();
        let Some(flow) = self.flows.get(name).copied() else {
            let known: Vec<String> = self.flows.keys().cloned().collect();
            let mut error =
                Diagnostic::error(102, call.name.span, format!("there is no flow `{name}`"))
                    .label("not declared in any file");
            if self.var(name).is_some() {
                error = error.cause("it is a value, which does nothing by itself");
            }
            let error = error.suggest(name, known.iter().map(String::as_str));
            self.tell(error);
            return None;
        };
        let params = self.signatures[flow].params.clone();
        if params.len() != call.args.len() {
            let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
            let example = format!("{name}({})", names.join(", "));
            self.arity(call, params.len(), &example);
            let declared = self.signatures[flow].name.span;
            if let Some(last) = self.found.last_mut() {
                last.related.push((declared, "declared here".into()));
            }
            return None;
        }
        let mut resolved = hir::Call { flow, args: Vec::new(), moved: Vec::new(), may_miss: false };
        for (arg, (_, wanted)) in call.args.iter().zip(&params) {
            let (value, kind) = self.expr(arg);
            if kind == Type::MaybeUser && *wanted == Type::User && self.may_miss(&value) {
                resolved.may_miss = true;
            } else {
                self.must_fit(kind, *wanted, arg.span);
            }
            if let (Expr::Slot(slot), Type::Recording) = (&value, kind) {
                resolved.moved.push((*slot, arg.span));
            }
            resolved.args.push(value);
        }
        Some(resolved)
    }

    fn may_miss(&self, value: &Expr) -> bool {
        matches!(self.miss, Some(Miss::Route | Miss::Digits)) && matches!(value, Expr::UserAt(_))
    }
}

fn query_elsewhere(span: Span) -> Diagnostic {
    Diagnostic::error(603, span, "this asks the store, which may fail")
        .cause("what may fail needs its answer, so it stands by itself")
        .mend("inbox = messages(me, new) else { say \"…\" }")
}
