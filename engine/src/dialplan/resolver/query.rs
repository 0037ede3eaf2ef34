//! Questions to the store, and to web services.

use std::collections::HashSet;

use super::super::ast;
use super::super::diagnostic::Diagnostic;
use super::super::effect::Folder;
use super::super::hir::{self, Kind, Origin, Query};
use super::super::program::Expr;
use super::super::value::{Field, Item, Type, Value};
use super::Resolver;

/// How long a web service is waited for, unless something else is written.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(5);
/// How long it may be waited for at all: a caller listens to silence.
const WITHIN_AT_MOST: std::time::Duration = std::time::Duration::from_secs(30);

impl Resolver<'_> {
    pub(super) fn query(&mut self, expr: &ast::Expr) -> Option<(Query, Type)> {
        match &expr.kind {
            ast::ExprKind::Call(call) => self.query_call(call),
            ast::ExprKind::Online(contacts) => match self.expr(contacts) {
                (Expr::Field(user, Field::UserContacts), _) => {
                    Some((Query::Online(*user), Type::List(Item::Contact)))
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

    fn query_call(&mut self, call: &ast::Call) -> Option<(Query, Type)> {
        let mut user = |of: &[ast::Expr], example: &str| -> Option<Expr> {
            if let [user] = of {
                return Some(self.expr_of(user, Type::User));
            }
            self.arity(call, 1, example);
            None
        };
        match call.name.text.as_str() {
            "presence" => {
                Some((Query::Presence(user(&call.args, "presence(to)")?), Type::Presence))
            }
            "has_pin" => Some((Query::HasPin(user(&call.args, "has_pin(me)")?), Type::Bool)),
            "devices" => {
                let kind = Type::List(Item::Device);
                Some((Query::Devices(user(&call.args, "devices(me)")?), kind))
            }
            "receipts" => Some((Query::Receipts(user(&call.args, "receipts(me)")?), Type::Number)),
            "waiting" => {
                let kind = Type::List(Item::Message);
                Some((Query::Waiting(user(&call.args, "waiting(to)")?), kind))
            }
            "pin_matches" => {
                let [user, digits] = call.args.as_slice() else {
                    self.arity(call, 2, "pin_matches(me, pin)");
                    return None;
                };
                let user = self.expr_of(user, Type::User);
                let digits = self.expr_of(digits, Type::Digits);
                Some((Query::PinMatches(user, digits), Type::Bool))
            }
            _ => {
                let [user, folder] = call.args.as_slice() else {
                    self.arity(call, 2, "messages(me, new)");
                    return None;
                };
                let user = self.expr_of(user, Type::User);
                let named = match &folder.kind {
                    ast::ExprKind::Name(name) => name.as_str(),
                    _ => "",
                };
                let folder = match named {
                    "new" => Folder::New,
                    "saved" => Folder::Saved,
                    "deleted" => Folder::Deleted,
                    name => {
                        let error = Diagnostic::error(101, folder.span, "there is no such folder")
                            .mend("the folders are `new`, `saved` and `deleted`: messages(me, new)")
                            .suggest(name, ["new", "saved", "deleted"]);
                        self.tell(error);
                        Folder::New
                    }
                };
                Some((Query::Messages(user, folder), Type::List(Item::Message)))
            }
        }
    }

    pub(super) fn query_needs_answer(&mut self, span: ast::Span, otherwise: Option<&ast::Block>) {
        self.needs_answer(
            603,
            span,
            otherwise,
            "this asks the store, which may fail",
            "the store may be gone, and the caller would be told that there is nothing",
            "inbox = messages(me, new) else { say \"Sorry, please try later.\"; hangup }",
        );
    }

    pub(super) fn webhook(&mut self, webhook: &ast::Webhook, span: ast::Span) -> Option<Kind> {
        let url = match self.unspoken(&webhook.url) {
            (Expr::Const(Value::Text(url)), _) => {
                if !url.starts_with("https://") && !url.starts_with("http://") || url.len() > 500 {
                    self.tell(
                        Diagnostic::error(
                            322,
                            webhook.url.span,
                            "this is no address of a web service",
                        )
                        .mend(
                            "an address begins with https:// (or http://, inside your own network)",
                        ),
                    );
                }
                url.to_string()
            }
            (_, Type::Unknown) => return None,
            _ => {
                self.tell(
                    Diagnostic::error(205, webhook.url.span, "this is not the same in every call")
                        .cause("a caller could make Hark ask any address, inside your network too")
                        .mend("write the address out, and send what differs as a value: webhook \"https://…\" { number: caller.number } as …"),
                );
                String::new()
            }
        };
        let mut fields: Vec<(String, Expr)> = Vec::new();
        let mut names = HashSet::new();
        for (name, value) in &webhook.fields {
            if !names.insert(&name.text) {
                self.tell(Diagnostic::error(105, name.span, "there are two values of this name"));
            }
            let (resolved, kind) = self.unspoken(value);
            let plain = matches!(
                kind,
                Type::Text
                    | Type::Number
                    | Type::Digits
                    | Type::Dialable
                    | Type::Bool
                    | Type::Duration
                    | Type::Time
                    | Type::Unknown
            );
            if !plain {
                self.tell(
                    Diagnostic::error(
                        201,
                        value.span,
                        format!("{kind} can't be sent to a web service"),
                    )
                    .mend("send one of its fields, such as its `name`"),
                );
            }
            fields.push((name.text.clone(), resolved));
        }
        let kind = &webhook.kind;
        let document = self.documents.iter().position(|d| d.name == kind.text);
        if document.is_none() {
            let known = self.meant(self.documents.iter().map(|d| &d.name));
            let error = Diagnostic::error(
                103,
                kind.span,
                format!("there is no `json` type `{}`", kind.text),
            )
            .mend(format!("json {} {{ name: Text, open: Bool }}", kind.text))
            .suggest(&kind.text, known.iter().map(String::as_str));
            self.tell(error);
        }
        let within = match &webhook.within {
            Some(within) => self.constant_duration(within),
            None => WITHIN,
        };
        if within > WITHIN_AT_MOST {
            let at = webhook.within.as_ref().map_or(span, |w| w.span);
            self.tell(
                Diagnostic::error(209, at, "a caller would listen to silence for that long")
                    .mend("30s at most"),
            );
        }
        self.needs_answer(
            606,
            span,
            webhook.otherwise.as_ref(),
            "this web service may not answer",
            "it may be down, slow, or answer something else",
            "found = webhook \"https://…\" as Found within 3s else { say \"…\" }",
        );
        let otherwise = self.optional(webhook.otherwise.as_ref());
        let place = document.and_then(|d| u16::try_from(d).ok());
        let kind = place.map_or(Type::Unknown, Type::Document);
        let slot = self.new_var(&webhook.into, kind, Origin::Service);
        Some(Kind::Webhook(Box::new(hir::Webhook {
            slot,
            url,
            fields,
            document: place?,
            within,
            otherwise,
        })))
    }
}
