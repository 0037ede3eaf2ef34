//! Expressions: names, fields and types.

use super::super::ast::{self, Binary, Span};
use super::super::diagnostic::Diagnostic;
use super::super::hir;
use super::super::parser::QUERIES;
use super::super::program::Expr;
use super::super::value::{FIELDS, Field, Item, Type, Value};
use super::{Miss, Resolver};

impl Resolver<'_> {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> (Expr, Type) {
        let unknown = (Expr::Const(Value::Nothing), Type::Unknown);
        match &expr.kind {
            ast::ExprKind::Text(parts) => (self.text(parts, expr.span), Type::Text),
            ast::ExprKind::Number(n) => (Expr::Const(Value::Number(*n)), Type::Number),
            ast::ExprKind::Duration(d) => (Expr::Const(Value::Duration(*d)), Type::Duration),
            ast::ExprKind::Bool(b) => (Expr::Const(Value::Bool(*b)), Type::Bool),
            ast::ExprKind::Clock(minutes) => (Expr::Clock(*minutes), Type::Time),
            ast::ExprKind::List(items) => self.list(items),
            ast::ExprKind::Name(name) => self.name(name, expr.span).unwrap_or(unknown),
            ast::ExprKind::Field(of, field) => {
                let (value, kind) = self.expr(of);
                if let Type::Maybe(item) = kind {
                    self.must_fit(kind, item.one(), of.span);
                    return unknown;
                }
                self.field(value, kind, field).unwrap_or(unknown)
            }
            ast::ExprKind::Call(call) => self.call_value(call).unwrap_or(unknown),
            ast::ExprKind::Online(_) => {
                self.query_elsewhere(expr.span);
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
        let shipped = self.is_shipped(span.source);
        if let Some(constant) = self.constants.get(shipped, name) {
            let (value, kind, untranslated) =
                (constant.value.clone(), constant.kind, constant.untranslated);
            if self.spoken
                && let Some(text) = untranslated
            {
                let written = self.written_in(text.source);
                for language in self.languages.clone().into_iter().filter(|l| *l != written) {
                    self.missing(language, text);
                }
            }
            return Some((value, kind));
        }
        if let Some((place, _)) = self.hours.get(shipped, name) {
            return Some((Expr::Const(Value::Hours(*place)), Type::Hours));
        }
        match name {
            "now" => return Some((Expr::Now, Type::Time)),
            "nothing" => return Some((Expr::Const(Value::Nothing), Type::Maybe(Item::Any))),
            "caller" => return Some((Expr::Const(Value::Caller), Type::Caller)),
            "site" => return Some((Expr::Const(Value::Site), Type::Site)),
            _ => {}
        }
        let variables = self.scope.iter().map(|slot| &self.vars[usize::from(*slot)].name.text);
        let mut known =
            self.meant(variables.chain(self.constants.names()).chain(self.hours.names()));
        known.extend(["caller", "site", "now"].map(str::to_owned));
        let mut error = Diagnostic::error(101, span, format!("nothing here is called `{name}`"))
            .label("not known here");
        if let Some(flow) = self.flows.get(shipped, name) {
            error = error.cause("it is a flow, which is no value");
            if self.signatures[*flow].result.is_some() {
                error =
                    error.mend(format!("call it, and give its result a name: `found = {name}(…)`"));
            }
        } else if self.allows.contains_key(name) {
            error = error.cause("it is an allow-list: if ext in … as number { … }");
        }
        let error = error.suggest(name, known.iter().map(String::as_str));
        self.tell(error);
        None
    }

    fn field(&mut self, of: Expr, kind: Type, field: &ast::Name) -> Option<(Expr, Type)> {
        if kind == Type::Unknown {
            return None;
        }
        if let Some((found, kind)) = self.field_of(kind, &field.text) {
            return Some((Expr::Field(Box::new(of), found), kind));
        }
        let documents = &self.documents;
        let own = FIELDS.iter().filter(|(owner, ..)| *owner == kind).map(|(_, name, ..)| *name);
        let names: Vec<&str> = match kind {
            Type::List(Item::User | Item::Contact) => {
                vec!["count", "first", "rest", "limit", "with_room"]
            }
            Type::List(_) => vec!["count", "first", "rest"],
            Type::Document(place) => documents
                .get(usize::from(place))
                .map(|d| d.fields.iter().map(|(name, _)| name.as_str()).collect())
                .unwrap_or_default(),
            _ => own.collect(),
        };
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
                let (resolved, kind) = self.unspoken(extension);
                if kind != Type::Text {
                    self.must_fit(kind, Type::Digits, extension.span);
                }
                Some((Expr::UserAt(Box::new(resolved)), Type::Maybe(Item::User)))
            }
            "spelled" => {
                let [digits] = call.args.as_slice() else {
                    self.arity(call, 1, "spelled(digits)");
                    return None;
                };
                let digits = self.expr_of(digits, Type::Digits);
                Some((Expr::Spelled(Box::new(digits)), Type::List(Item::User)))
            }
            name if QUERIES.contains(&name) => {
                self.query_elsewhere(call.span);
                None
            }
            name if self.flow_named(&call.name).is_some() => {
                let result = self.flow_named(&call.name).and_then(|f| self.signatures[f].result);
                let error = if result.is_some() {
                    Diagnostic::error(
                        101,
                        call.span,
                        format!("the flow `{name}` is called in the middle of something"),
                    )
                    .cause("a flow may speak, wait and be hung up on, so it is called by itself")
                    .mend(format!("give its result a name first: `found = {name}(…)`"))
                } else {
                    Diagnostic::error(101, call.span, format!("the flow `{name}` has no value"))
                        .cause("a flow without `->` is called for what it does")
                        .mend("call it on a line of its own")
                };
                self.tell(error);
                None
            }
            name => {
                let error = Diagnostic::error(
                    109,
                    call.name.span,
                    format!("nothing here is called `{name}`"),
                )
                .suggest(name, ["user", "spelled"].into_iter().chain(QUERIES));
                self.tell(error);
                None
            }
        }
    }

    /// A field of a type, and its own type.
    pub(super) fn field_of(&self, kind: Type, name: &str) -> Option<(Field, Type)> {
        match (kind, name) {
            (Type::List(_), "count") => Some((Field::Count, Type::Number)),
            (Type::List(item), "first") => Some((Field::First, Type::Maybe(item))),
            (Type::List(_), "rest") => Some((Field::Rest, kind)),
            (Type::List(Item::User | Item::Contact), "with_room") => Some((Field::WithRoom, kind)),
            (Type::List(Item::User | Item::Contact), "limit") => {
                Some((Field::UserLimit, Type::Duration))
            }
            (Type::Document(place), name) => {
                let document = self.documents.get(usize::from(place))?;
                let at = document.fields.iter().position(|(field, _)| field == name)?;
                Some((Field::Document(u16::try_from(at).ok()?), document.fields[at].1))
            }
            (kind, name) => FIELDS
                .iter()
                .find(|(owner, field, ..)| *owner == kind && *field == name)
                .map(|(_, _, field, kind, _)| (*field, *kind)),
        }
    }

    /// `[a, b]`: all of one type.
    fn list(&mut self, items: &[ast::Expr]) -> (Expr, Type) {
        let mut all = Type::Unknown;
        let mut list = Vec::new();
        for item in items {
            let (value, kind) = self.expr(item);
            if all == Type::Unknown {
                all = kind;
            } else {
                self.must_fit(kind, all, item.span);
            }
            list.push(value);
        }
        let Some(item) = all.item() else {
            let span = items.first().map_or_else(Span::default, |i| i.span);
            self.tell(
                Diagnostic::error(201, span, format!("a list can't hold {all}"))
                    .cause("lists hold what can be kept and compared"),
            );
            return (Expr::List(list.into()), Type::Unknown);
        };
        (Expr::List(list.into()), Type::List(item))
    }

    /// A value that nobody hears: its texts need no translation.
    pub(super) fn unspoken(&mut self, expr: &ast::Expr) -> (Expr, Type) {
        let outer = std::mem::replace(&mut self.spoken, false);
        let resolved = self.expr(expr);
        self.spoken = outer;
        resolved
    }

    /// A number that the author wrote may be dialled.
    pub(super) fn dialable(
        &mut self,
        value: Expr,
        kind: Type,
        wanted: Type,
        written: &ast::Expr,
    ) -> Expr {
        if wanted != Type::Dialable || matches!(kind, Type::Dialable | Type::Unknown) {
            return value;
        }
        if kind == Type::Text
            && let ast::ExprKind::Text(_) | ast::ExprKind::Name(_) = &written.kind
        {
            let (plain, _) = self.unspoken(written);
            if let Expr::Const(Value::Text(text)) = &plain {
                if !is_number(text) {
                    self.tell(
                        Diagnostic::error(323, written.span, "this is no telephone number")
                            .mend("a number is made of digits, * and #, perhaps behind a +"),
                    );
                }
                return plain;
            }
        }
        if matches!(kind, Type::Text | Type::Digits) {
            self.fraud.push((self.found.len(), self.at_flow, value.clone()));
            self.tell(
                Diagnostic::error(320, written.span, "this number was not looked up in an allow-list")
                    .label(format!("this is {kind}, and it may come from whoever calls"))
                    .cause("toll fraud: a stranger would telephone at the site's cost")
                    .mend("allow local = \"030x{4,8}\", and then: if ext in local as number { … } else { … }"),
            );
        } else {
            self.must_fit(kind, wanted, written.span);
        }
        value
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
        let (l, left_kind) = self.unspoken(left);
        let (r, right_kind) = self.unspoken(right);
        let is_ordered =
            |kind| matches!(kind, Type::Number | Type::Duration | Type::Time | Type::Unknown);
        let result = match operator {
            Binary::And | Binary::Or => {
                self.must_fit(left_kind, Type::Bool, left.span);
                self.must_fit(right_kind, Type::Bool, right.span);
                Type::Bool
            }
            Binary::Equal | Binary::Differs => {
                let words = |kind| matches!(kind, Type::Text | Type::Digits | Type::Dialable);
                let plain = |kind| {
                    let known = matches!(
                        kind,
                        Type::Bool | Type::User | Type::Contact | Type::Presence | Type::Device
                    );
                    words(kind) || is_ordered(kind) || known
                };
                let alike = left_kind.fits(right_kind)
                    || right_kind.fits(left_kind)
                    || (words(left_kind) && words(right_kind));
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
            Binary::Plus | Binary::Minus => match sum(operator, left_kind, right_kind) {
                Some(kind) => kind,
                None => {
                    self.tell(
                        Diagnostic::error(
                            203,
                            span,
                            format!("{left_kind} and {right_kind} can't be added up"),
                        )
                        .mend("what can: numbers, durations, a Time and a Duration, a list and one more"),
                    );
                    left_kind
                }
            },
        };
        (Expr::Binary(operator, Box::new(l), Box::new(r)), result)
    }

    /// The flow that a name means where it stands.
    pub(super) fn flow_named(&self, name: &ast::Name) -> Option<usize> {
        self.flows.get(self.is_shipped(name.span.source), &name.text).copied()
    }

    pub(super) fn call(&mut self, call: &ast::Call) -> Option<hir::Call> {
        let name = call.name.text.as_str();
        let Some(flow) = self.flow_named(&call.name) else {
            let known = self.meant(self.flows.names());
            let mut error =
                Diagnostic::error(102, call.name.span, format!("there is no flow `{name}`"))
                    .label("not declared in any file");
            if self.var(name).is_some() || self.constants.get(false, name).is_some() {
                error = error
                    .cause("it is a value, which does nothing by itself")
                    .mend(format!("to speak it: say {name}"));
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
        let mut resolved = hir::Call {
            flow,
            name: name.to_owned(),
            args: Vec::new(),
            moved: Vec::new(),
            may_miss: false,
            into: None,
        };
        for (arg, (_, wanted)) in call.args.iter().zip(&params) {
            let (value, kind) = self.expr(arg);
            let value = self.dialable(value, kind, *wanted, arg);
            if kind == Type::Maybe(Item::User) && *wanted == Type::User && self.may_miss(&value) {
                resolved.may_miss = true;
            } else if *wanted != Type::Dialable {
                self.must_fit(kind, *wanted, arg.span);
            }
            if let (Expr::Slot(slot), Type::Recording) = (&value, kind) {
                resolved.moved.push((*slot, arg.span));
            }
            resolved.args.push(value);
        }
        Some(resolved)
    }

    fn query_elsewhere(&mut self, span: Span) {
        let own = self.slice(span).to_owned();
        self.tell(
            Diagnostic::error(603, span, "this asks the store, which may fail")
                .cause("what may fail needs its answer, so it stands by itself")
                .mend(format!("on a line before it: found = {own} else {{ say \"…\" }}")),
        );
    }

    fn may_miss(&self, value: &Expr) -> bool {
        matches!(self.miss, Some(Miss::Route | Miss::Digits)) && matches!(value, Expr::UserAt(_))
    }
}

/// The type of a sum, if there is such a sum.
pub fn sum(operator: Binary, left: Type, right: Type) -> Option<Type> {
    match (left, right) {
        (Type::Unknown, kind) | (kind, Type::Unknown) => Some(kind),
        (Type::Number, Type::Number) => Some(Type::Number),
        (Type::Duration, Type::Duration) => Some(Type::Duration),
        (Type::Time, Type::Duration) => Some(Type::Time),
        (Type::Time, Type::Time) if operator == Binary::Minus => Some(Type::Duration),
        // One more at the list's end.
        (Type::List(item), one) if operator == Binary::Plus => {
            let one = one.item()?;
            let all = if item == Item::Any { one } else { item };
            one.one().fits(all.one()).then_some(Type::List(all))
        }
        // Without any that is the same.
        (Type::List(item), one) if operator == Binary::Minus => {
            let (one, all) = (one.item()?.one(), item.one());
            (one.fits(all) || all.fits(one)).then_some(Type::List(item))
        }
        _ => None,
    }
}

/// Whether a text can be dialled.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (1..=32).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}
