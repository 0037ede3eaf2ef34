//! Whether a value fits where it stands: its type, whether it may be missing, and whether it is
//! known before any call.

use super::super::ast::{self, Span};
use super::super::diagnostic::Diagnostic;
use super::super::program::Expr;
use super::super::value::{Type, Value};
use super::Resolver;
use super::stmt::MOST_QUOTED;

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
        let error = if let Type::Maybe(item) = kind
            && item.one().fits(wanted)
        {
            let own = self.slice(span);
            let own = if own.len() <= MOST_QUOTED && !own.contains('\n') { own } else { "…" };
            if wanted == Type::User {
                Diagnostic::error(207, span, "there may be no such user")
                    .label("perhaps nobody")
                    .cause("a number may belong to nobody, and a caller may not have identified")
                    .mend(format!("if {own} as who {{ … }} else {{ … }}"))
            } else {
                Diagnostic::error(207, span, "this may be missing")
                    .label(format!("this is {kind}"))
                    .mend(format!("if {own} as found {{ … }} else {{ … }}"))
            }
        } else {
            let error = Diagnostic::error(
                201,
                span,
                format!("{wanted} is needed here, and this is {kind}"),
            )
            .label(format!("this is {kind}"));
            match way_between(kind, wanted) {
                Some(way) => error.mend(way),
                None => error,
            }
        };
        self.tell(error);
    }

    /// A number that is known before any call.
    pub(super) fn constant_number(
        &mut self,
        expr: &ast::Expr,
        least: i64,
        most: i64,
        bounds: &str,
    ) -> i64 {
        match self.expr_of(expr, Type::Number) {
            Expr::Const(Value::Number(n)) if (least..=most).contains(&n) => n,
            Expr::Const(Value::Number(_)) => {
                self.tell(
                    Diagnostic::error(209, expr.span, "this number is out of range").mend(bounds),
                );
                least
            }
            Expr::Const(_) => least,
            _ => {
                self.tell(
                    Diagnostic::error(205, expr.span, "this is not the same in every call")
                        .mend("write a number, or the name of a constant"),
                );
                least
            }
        }
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
}

/// How a value of one type leads to one of another, where many authors take the one for the
/// other.
const fn way_between(kind: Type, wanted: Type) -> Option<&'static str> {
    Some(match (kind, wanted) {
        (Type::Digits | Type::Text, Type::User) => {
            "ask whose number it is: if user(ext) as who { … } else { … }"
        }
        (Type::Caller, Type::User) => {
            "the caller's account, if there is one: if caller.user as me { … } else { … }"
        }
        (Type::Message, Type::User) => "whoever sent it, if known: if m.from as who { … }",
        (Type::List(_), Type::User | Type::Message | Type::Device) => {
            "one after the other: for each one in list { … }"
        }
        (Type::User | Type::Contact | Type::Caller | Type::Device, Type::Text) => "take its `name`",
        (Type::User | Type::Contact, Type::Digits) => "take its `extension`",
        (Type::Caller, Type::Digits) => "take its `number`",
        (Type::Text | Type::Number, Type::Digits) => {
            "digits are what somebody types: digits = collect 4 else { … }"
        }
        (Type::Number, Type::Bool) => "compare it, as in: count > 0",
        (Type::Hours, Type::Bool) => "ask whether it is `open`",
        (Type::Presence, Type::Bool) => "ask whether it is `online` or `reachable`",
        (Type::Number, Type::Duration) => "give it a unit: 5s, 2m or 1h",
        (Type::Duration, Type::Number) => "take its `seconds`",
        (Type::Duration, Type::Time) => {
            "for so long from now: now + 2h; to send then: send … in 2h"
        }
        (Type::Time, Type::Duration) => "for how long it is until then: time - now",
        _ => return None,
    })
}
