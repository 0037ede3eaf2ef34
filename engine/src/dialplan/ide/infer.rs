//! The types of expressions, as far as they can be known while a file is being written.

use super::super::ast::{Binary, Call, Expr, ExprKind, Name, Span, TextPart};
use super::super::parser::QUERIES;
use super::super::resolver::expr::sum;
use super::super::value::{FIELDS, Item, Type};
use super::index::{Index, Prompt, slice};
use super::walk::Walker;

impl Walker<'_> {
    pub fn expr(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Text(parts) => self.text(parts, expr.span),
            ExprKind::Number(_) => Type::Number,
            ExprKind::Duration(_) => Type::Duration,
            ExprKind::Clock(_) => Type::Time,
            ExprKind::Bool(_) => Type::Bool,
            ExprKind::List(items) => {
                let mut one = Type::Unknown;
                for item in items {
                    let kind = self.expr(item);
                    if one == Type::Unknown {
                        one = kind;
                    }
                }
                one.item().map_or(Type::Unknown, Type::List)
            }
            ExprKind::Name(name) => self.name(name, expr.span),
            ExprKind::Field(of, field) => {
                let owner = self.expr(of);
                self.field(owner, field)
            }
            ExprKind::Call(call) => self.call_value(call),
            ExprKind::Online(of) => {
                self.expr(of);
                Type::List(Item::Contact)
            }
            ExprKind::Not(of) => {
                self.expr(of);
                Type::Bool
            }
            ExprKind::Binary(operator, left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                match operator {
                    Binary::Plus | Binary::Minus => sum(*operator, left, right).unwrap_or(left),
                    Binary::And
                    | Binary::Or
                    | Binary::Equal
                    | Binary::Differs
                    | Binary::Less
                    | Binary::AtMost
                    | Binary::More
                    | Binary::AtLeast => Type::Bool,
                }
            }
        }
    }

    fn text(&mut self, parts: &[TextPart], span: Span) -> Type {
        let before = self.index.uses.len();
        self.parts(parts);
        if !self.translating {
            let written = slice(self.sources, span);
            let raw = written.strip_prefix('"').unwrap_or(written);
            let raw = raw.strip_suffix('"').unwrap_or(raw).to_owned();
            let (uses, scope) = (before..self.index.uses.len(), self.kept_scope());
            self.index.prompts.push(Prompt { raw, span, uses, scope });
        }
        Type::Text
    }

    fn parts(&mut self, parts: &[TextPart]) {
        for part in parts {
            match part {
                TextPart::Literal(_) => {}
                TextPart::Value(value) => {
                    self.expr(value);
                }
                TextPart::Plural(count, forms) => {
                    self.expr(count);
                    forms.iter().for_each(|form| self.parts(form));
                }
            }
        }
    }

    pub fn name(&mut self, name: &str, span: Span) -> Type {
        if self.in_test {
            return if name == "message" { Type::Message } else { Type::User };
        }
        let found = self.local(name).or_else(|| self.index.values.get(name).copied());
        if let Some(at) = found {
            self.used(Some(at), span);
            return self.index.definitions[at].kind;
        }
        built_in(name).unwrap_or(Type::Unknown)
    }

    fn field(&mut self, owner: Type, field: &Name) -> Type {
        let owner = match owner {
            // Told wrong by the compiler; what was meant is clear.
            Type::Maybe(item) => item.one(),
            owner => owner,
        };
        let Some((found, kind)) = field_of(self.index, owner, &field.text) else {
            return Type::Unknown;
        };
        match found {
            Some(at) => self.used(Some(at), field.span),
            None => self.index.fields.push((field.span, owner, field.text.clone())),
        }
        kind
    }

    fn call_value(&mut self, call: &Call) -> Type {
        let name = call.name.text.as_str();
        if let Some(kind) = function(name) {
            // The folders of `messages(me, new)` are no values.
            let values = if name == "messages" { 1 } else { call.args.len() };
            self.exprs(call.args.iter().take(values).map(Some));
            return kind;
        }
        self.call(call)
    }
}

/// What is called like a function, and gives a value of this type.
pub(super) fn function(name: &str) -> Option<Type> {
    Some(match name {
        "user" => Type::Maybe(Item::User),
        "spelled" => Type::List(Item::User),
        "messages" | "waiting" => Type::List(Item::Message),
        "presence" => Type::Presence,
        "pin_matches" | "has_pin" => Type::Bool,
        "devices" => Type::List(Item::Device),
        "receipts" => Type::Number,
        _ => return None,
    })
}

/// The functions that an expression may call.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    ["user", "spelled"].into_iter().chain(QUERIES)
}

/// The values that every dialplan has.
pub(super) const BUILT_IN: [(&str, Type); 4] = [
    ("caller", Type::Caller),
    ("site", Type::Site),
    ("now", Type::Time),
    ("nothing", Type::Maybe(Item::Any)),
];

pub(super) fn built_in(name: &str) -> Option<Type> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// The fields of every list: name, type, and what it tells.
pub(super) fn list_fields(item: Item) -> Vec<(&'static str, Type, &'static str)> {
    let first = if item == Item::Any { Type::Unknown } else { Type::Maybe(item) };
    let mut fields = vec![
        ("count", Type::Number, "how many there are"),
        ("first", first, "the first of them, if there is one"),
        ("rest", Type::List(item), "all but the first"),
    ];
    if matches!(item, Item::User | Item::Contact) {
        fields.extend([
            ("limit", Type::Duration, "the longest message that all of them take"),
            ("with_room", Type::List(item), "those whose mailbox is not full"),
        ]);
    }
    fields
}

/// A field's definition, where an author defined it, and its type.
pub(super) fn field_of(index: &Index, owner: Type, name: &str) -> Option<(Option<usize>, Type)> {
    match owner {
        Type::List(item) => list_fields(item)
            .into_iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, kind, _)| (None, kind)),
        Type::Document(place) => index
            .document_fields(place)
            .find(|(_, field)| field.name == name)
            .map(|(at, field)| (Some(at), field.kind)),
        owner => FIELDS
            .iter()
            .find(|(of, known, ..)| *of == owner && *known == name)
            .map(|(_, _, _, kind, _)| (None, *kind)),
    }
}
