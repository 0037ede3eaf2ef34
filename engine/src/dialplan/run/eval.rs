//! Expressions. The checker proved the types, so a value of another type is answered with
//! nothing, never with a panic.

use std::time::Duration;

use super::super::ast::Binary;
use super::super::effect::RecordEnd;
use super::super::program::{Expr, Part};
use super::super::speech::{self, Language};
use super::super::value::{Field, Recorded, Value};
use super::Run;
use crate::directory::GreetingKind;
use crate::id::UserId;
use crate::message::MessageSummary;
use crate::time::Instant;

/// How long a text may become, in bytes.
const MAX_TEXT: usize = 2000;

impl Run {
    pub(super) fn language(&self) -> String {
        if self.context.language.is_empty() {
            self.program.language.to_string()
        } else {
            self.context.language.clone()
        }
    }

    pub(super) fn eval(&self, expr: &Expr) -> Value {
        self.eval_at(expr, self.started)
    }

    pub(super) fn eval_at(&self, expr: &Expr, now: Instant) -> Value {
        match expr {
            Expr::Const(value) => value.clone(),
            Expr::Slot(slot) => self.get(*slot).clone(),
            Expr::Field(of, field) => {
                let of = self.eval_at(of, now);
                self.field(&of, *field, now)
            }
            Expr::UserAt(extension) => match self.eval_at(extension, now) {
                Value::Digits(extension) | Value::Text(extension) => self
                    .context
                    .directory
                    .by_extension(&extension)
                    .map_or(Value::Nothing, |user| Value::User(user.id)),
                _ => Value::Nothing,
            },
            Expr::Not(of) => Value::Bool(self.eval_at(of, now) != Value::Bool(true)),
            Expr::Binary(operator, left, right) => self.binary(*operator, left, right, now),
            Expr::Text(_) => Value::Text(self.text(expr, now).into()),
        }
    }

    fn binary(&self, operator: Binary, left: &Expr, right: &Expr, now: Instant) -> Value {
        let left = self.eval_at(left, now);
        match operator {
            Binary::And if left != Value::Bool(true) => return Value::Bool(false),
            Binary::Or if left == Value::Bool(true) => return Value::Bool(true),
            _ => {}
        }
        let right = self.eval_at(right, now);
        let order = match (&left, &right) {
            (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
            (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
            _ => None,
        };
        match operator {
            Binary::And | Binary::Or => Value::Bool(right == Value::Bool(true)),
            Binary::Equal => Value::Bool(same(&left, &right)),
            Binary::Differs => Value::Bool(!same(&left, &right)),
            Binary::Less => Value::Bool(order.is_some_and(std::cmp::Ordering::is_lt)),
            Binary::AtMost => Value::Bool(order.is_some_and(std::cmp::Ordering::is_le)),
            Binary::More => Value::Bool(order.is_some_and(std::cmp::Ordering::is_gt)),
            Binary::AtLeast => Value::Bool(order.is_some_and(std::cmp::Ordering::is_ge)),
            Binary::Plus => match (left, right) {
                (Value::Number(a), Value::Number(b)) => Value::Number(a.saturating_add(b)),
                (Value::Duration(a), Value::Duration(b)) => Value::Duration(a.saturating_add(b)),
                _ => Value::Nothing,
            },
            Binary::Minus => match (left, right) {
                (Value::Number(a), Value::Number(b)) => Value::Number(a.saturating_sub(b)),
                (Value::Duration(a), Value::Duration(b)) => Value::Duration(a.saturating_sub(b)),
                _ => Value::Nothing,
            },
        }
    }

    fn field(&self, of: &Value, field: Field, now: Instant) -> Value {
        match of {
            Value::User(id) => self.user_field(*id, field),
            Value::Caller => match field {
                Field::CallerName => self.caller_name().into(),
                Field::CallerNumber => Value::Digits(self.context.caller.number.as_str().into()),
                Field::CallerUser => match self.context.caller.user {
                    Some(user) if self.context.directory.user(user).is_some() => Value::User(user),
                    _ => Value::Nothing,
                },
                _ => Value::Nothing,
            },
            Value::Site => self.context.directory.site_name().into(),
            Value::Message(message) => self.message_field(message, field, now),
            Value::Recording(recorded) => recording_field(recorded, field),
            Value::List(list) => Value::Number(i64::try_from(list.len()).unwrap_or(i64::MAX)),
            _ => Value::Nothing,
        }
    }

    fn user_field(&self, id: UserId, field: Field) -> Value {
        let Some(user) = self.context.directory.user(id) else { return Value::Nothing };
        match field {
            Field::UserName => user.display_name.as_str().into(),
            Field::UserExtension => Value::Digits(user.extension.as_str().into()),
            Field::UserLimit => {
                Value::Duration(Duration::from_secs(user.message_limit_secs.clamp(1, 3600).into()))
            }
            Field::UserHasGreeting => Value::Bool(user.greetings.contains(GreetingKind::Standard)),
            Field::UserContacts => {
                Value::List(user.contacts.iter().map(|c| Value::User(*c)).collect())
            }
            _ => Value::Nothing,
        }
    }

    fn message_field(&self, message: &MessageSummary, field: Field, now: Instant) -> Value {
        match field {
            Field::MessageSender => {
                let user = message.sender.user.and_then(|u| self.context.directory.user(u));
                let name = user.map_or(message.sender.name.as_str(), |u| u.display_name.as_str());
                Value::Text(speech::name_or_number(Language::En, name).into())
            }
            Field::MessageLength => Value::Duration(message.length()),
            Field::MessageAge => {
                let wall = self.context.at.after(now.since(self.started));
                Value::Duration(roughly(wall.since(message.at)))
            }
            Field::MessageUrgent => Value::Bool(message.urgent),
            _ => Value::Nothing,
        }
    }

    fn caller_name(&self) -> &str {
        let caller = &self.context.caller;
        match caller.user.and_then(|u| self.context.directory.user(u)) {
            Some(user) => &user.display_name,
            None => &caller.name,
        }
    }

    /// A text with its values put in, as it is spoken.
    pub(super) fn text(&self, expr: &Expr, now: Instant) -> String {
        let mut text = String::new();
        match expr {
            Expr::Text(parts) => {
                for part in parts {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Value(value) => text.push_str(&spoken(&self.eval_at(value, now))),
                        Part::Plural(count, [one, other]) => {
                            let form = match self.eval_at(count, now) {
                                Value::Number(count) => Language::En.plural_form(count),
                                _ => 1,
                            };
                            text.push_str(if form == 0 { one } else { other });
                        }
                    }
                }
            }
            other => text = spoken(&self.eval_at(other, now)),
        }
        if text.len() > MAX_TEXT {
            let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        text
    }

    pub(super) fn user(&self, expr: &Expr) -> Option<UserId> {
        match self.eval(expr) {
            Value::User(user) => Some(user),
            _ => None,
        }
    }

    /// The recipients, each once, in the order given.
    pub(super) fn users(&self, exprs: &[Expr]) -> Vec<UserId> {
        let mut users = Vec::new();
        for expr in exprs {
            let found = match self.eval(expr) {
                Value::List(list) => list.to_vec(),
                one => vec![one],
            };
            for value in found {
                if let Value::User(user) = value
                    && !users.contains(&user)
                {
                    users.push(user);
                }
            }
        }
        users
    }

    pub(super) fn duration(&self, expr: &Expr) -> Duration {
        match self.eval(expr) {
            Value::Duration(duration) => duration,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn has_greeting(&self, user: UserId) -> bool {
        self.context
            .directory
            .user(user)
            .is_some_and(|u| u.greetings.contains(GreetingKind::Standard))
    }
}

fn recording_field(recorded: &Recorded, field: Field) -> Value {
    match field {
        Field::RecordingLength => Value::Duration(recorded.length),
        Field::RecordingEmpty => Value::Bool(recorded.is_empty()),
        Field::RecordingLimitReached => Value::Bool(recorded.end == RecordEnd::Limit),
        Field::RecordingFailed => Value::Bool(recorded.end == RecordEnd::Failed),
        _ => Value::Nothing,
    }
}

/// As people tell how long ago something was: in whole minutes, hours or days.
fn roughly(age: Duration) -> Duration {
    let seconds = age.as_secs();
    let unit = match seconds {
        0..60 => 1,
        60..3600 => 60,
        3600..86_400 => 3600,
        _ => 86_400,
    };
    Duration::from_secs(seconds - seconds % unit)
}

/// Digits may be compared with a text of digits; everything else with its like.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Digits(a), Value::Text(b)) | (Value::Text(a), Value::Digits(b)) => a == b,
        (left, right) => left == right,
    }
}

fn spoken(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Number(number) => speech::number(Language::En, *number),
        Value::Digits(digits) => speech::spell(Language::En, digits),
        Value::Duration(duration) => speech::duration(Language::En, *duration),
        Value::Bool(yes) => speech::yes_no(Language::En, *yes),
        Value::Nothing
        | Value::User(_)
        | Value::Caller
        | Value::Site
        | Value::Message(_)
        | Value::Recording(_)
        | Value::Presence(_)
        | Value::List(_) => String::new(),
    }
}
