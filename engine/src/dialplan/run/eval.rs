//! Expressions. The checker proved the types, so a value of another type is answered with
//! nothing, never with a panic.

use std::time::Duration;

use super::super::ast::Binary;
use super::super::effect::RecordEnd;
use super::super::program::{Expr, Part};
use super::super::speech;
use super::super::value::{Field, Recorded, Value};
use super::Run;
use crate::directory::GreetingKind;
use crate::id::UserId;
use crate::message::MessageSummary;
use crate::presence::Presence;
use crate::time::{Instant, UnixMillis};

/// How many entries a list may be given one by one.
const MAX_LIST: usize = 100;
/// How long a text may become, in bytes.
const MAX_TEXT: usize = 2000;

impl Run {
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
            Expr::Spelled(digits) => match self.eval_at(digits, now) {
                Value::Digits(digits) => self.spelled(&digits),
                _ => Value::List([].into()),
            },
            Expr::Now => Value::Time(self.wall(now)),
            Expr::Clock(minutes) => Value::Time(self.next_time(*minutes, now)),
            Expr::List(items) => {
                Value::List(items.iter().map(|item| self.eval_at(item, now)).collect())
            }
            Expr::Localized(texts) => {
                let place = self.program.languages.iter().position(|l| *l == self.language);
                let text = texts.get(place.unwrap_or(0)).or_else(|| texts.first());
                text.map_or(Value::Nothing, |text| self.eval_at(text, now))
            }
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
            (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
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
                (Value::Time(a), Value::Duration(b)) => Value::Time(a.after(b)),
                (Value::List(list), one) if list.len() < MAX_LIST => {
                    Value::List(list.iter().cloned().chain([one]).collect())
                }
                (list @ Value::List(_), _) => list,
                _ => Value::Nothing,
            },
            Binary::Minus => match (left, right) {
                (Value::Number(a), Value::Number(b)) => Value::Number(a.saturating_sub(b)),
                (Value::Duration(a), Value::Duration(b)) => Value::Duration(a.saturating_sub(b)),
                (Value::Time(a), Value::Time(b)) => Value::Duration(a.since(b)),
                (Value::List(list), one) => {
                    Value::List(list.iter().filter(|item| **item != one).cloned().collect())
                }
                (Value::Time(a), Value::Duration(b)) => {
                    let by = i64::try_from(b.as_millis()).unwrap_or(i64::MAX);
                    Value::Time(UnixMillis(a.0.saturating_sub(by)))
                }
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
                Field::CallerTrunk => {
                    self.context.trunk.as_deref().map_or(Value::Nothing, Value::from)
                }
                _ => Value::Nothing,
            },
            Value::Site => match field {
                Field::SiteLanguages => {
                    Value::List(self.program.languages.iter().map(|l| l.tag().into()).collect())
                }
                _ => self.context.directory.site_name().into(),
            },
            Value::Message(message) => self.message_field(message, field, now),
            Value::Recording(recorded) => recording_field(recorded, field),
            Value::List(list) => match field {
                Field::First => list.first().cloned().unwrap_or(Value::Nothing),
                Field::Rest => Value::List(list.get(1..).unwrap_or_default().into()),
                Field::WithRoom => {
                    let takes = |who: &&Value| {
                        !matches!(self.field(who, Field::UserMailboxFull, now), Value::Bool(true))
                    };
                    Value::List(list.iter().filter(takes).cloned().collect())
                }
                // The longest message that all of them take.
                Field::UserLimit => {
                    let limits = list.iter().filter_map(|who| match self.field(who, field, now) {
                        Value::Duration(limit) => Some(limit),
                        _ => None,
                    });
                    Value::Duration(limits.min().unwrap_or_default())
                }
                _ => Value::Number(i64::try_from(list.len()).unwrap_or(i64::MAX)),
            },
            Value::Device(device) => match field {
                Field::DeviceName => device.name.as_str().into(),
                _ => Value::Bool(device.rings),
            },
            Value::Presence(presence) => Value::Bool(match field {
                Field::PresenceOnline => matches!(presence, Presence::Online | Presence::Away),
                _ => *presence != Presence::Offline,
            }),
            Value::Hours(place) => {
                let hours = self.program.hours.get(usize::from(*place));
                Value::Bool(hours.is_some_and(|(_, hours)| hours.open(self.wall(now))))
            }
            Value::Time(time) => self.time_field(*time, field),
            Value::Duration(length) => {
                Value::Number(i64::try_from(length.as_secs()).unwrap_or(i64::MAX))
            }
            Value::Text(text) | Value::Digits(text) => {
                Value::Number(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
            }
            Value::Document(fields) => match field {
                Field::Document(place) => {
                    fields.get(usize::from(place)).cloned().unwrap_or(Value::Nothing)
                }
                _ => Value::Nothing,
            },
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
            Field::UserLanguage => user.language.as_str().into(),
            Field::UserMailboxFull => Value::Bool(user.mailbox_full),
            Field::UserHasSpokenName => Value::Bool(self.has_spoken_name(id)),
            Field::ContactUser => Value::User(id),
            Field::UserHasGreeting => Value::Bool(self.has_greeting(id, GreetingKind::Standard)),
            Field::UserContacts => {
                let known =
                    user.contacts.iter().filter(|c| self.context.directory.user(**c).is_some());
                Value::List(known.take(super::MAX_LIST).map(|c| Value::User(*c)).collect())
            }
            _ => Value::Nothing,
        }
    }

    fn message_field(&self, message: &MessageSummary, field: Field, now: Instant) -> Value {
        match field {
            Field::MessageSender => {
                let user = message.sender.user.and_then(|u| self.context.directory.user(u));
                let name = user.map_or(message.sender.name.as_str(), |u| u.display_name.as_str());
                Value::Text(speech::name_or_number(self.language, name).into())
            }
            Field::MessageLength => Value::Duration(message.length()),
            Field::MessageAge => {
                let wall = self.context.at.after(now.since(self.started));
                Value::Duration(roughly(wall.since(message.at)))
            }
            Field::MessageAt => Value::Time(message.at),
            Field::MessageUrgent => Value::Bool(message.urgent),
            Field::MessagePrivate => Value::Bool(message.private),
            Field::MessageFrom => match message.sender.user {
                Some(user) if self.context.directory.user(user).is_some() => Value::User(user),
                _ => Value::Nothing,
            },
            Field::MessagePosition => {
                let heard = self.heard.filter(|heard| heard.message == message.id);
                let at = heard.map_or(0, |heard| heard.position_ms);
                Value::Duration(Duration::from_millis(at.into()))
            }
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

    fn time_field(&self, time: UnixMillis, field: Field) -> Value {
        let civil = self.program.zone.civil(time);
        Value::Number(match field {
            Field::TimeHour => civil.hour.into(),
            Field::TimeMinute => civil.minute.into(),
            Field::TimeWeekday => civil.weekday.into(),
            Field::TimeDay => civil.day.into(),
            Field::TimeMonth => civil.month.into(),
            _ => civil.year.into(),
        })
    }

    /// The next time that the site's clocks show this.
    fn next_time(&self, minutes: u16, now: Instant) -> UnixMillis {
        const MINUTE: i64 = 60_000;
        const DAY: i64 = 1440;
        let wall = self.wall(now);
        let shown = |time| {
            let civil = self.program.zone.civil(time);
            i64::from(civil.hour) * 60 + i64::from(civil.minute)
        };
        let wanted = i64::from(minutes);
        let wait = (wanted - shown(wall)).rem_euclid(DAY);
        let wait = if wait == 0 { DAY } else { wait };
        let whole = wall.0 - wall.0.rem_euclid(MINUTE);
        let time = UnixMillis(whole + wait * MINUTE);
        // Where the clocks were put forward or back in between, it is off by that.
        let off = (wanted - shown(time) + DAY / 2).rem_euclid(DAY) - DAY / 2;
        UnixMillis(time.0 + off * MINUTE)
    }

    /// A text with its values put in, as it is spoken.
    pub(super) fn text(&self, expr: &Expr, now: Instant) -> String {
        let mut text = String::new();
        match expr {
            Expr::Text(parts) => self.parts(parts, now, &mut text),
            other => text = self.spoken(&self.eval_at(other, now), now),
        }
        if text.len() > MAX_TEXT {
            let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        text
    }

    fn parts(&self, parts: &[Part], now: Instant, text: &mut String) {
        for part in parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(value) => text.push_str(&self.text(value, now)),
                Part::Age(value) => {
                    if let Value::Duration(age) = self.eval_at(value, now) {
                        text.push_str(&speech::age(self.language, age));
                    }
                }
                Part::Plural(count, forms) => {
                    let form = match self.eval_at(count, now) {
                        Value::Number(count) => self.language.plural_form(count),
                        _ => usize::MAX,
                    };
                    let form = forms.get(form).or(forms.last());
                    self.parts(form.map_or(&[][..], |form| form), now, text);
                }
            }
        }
    }

    fn spoken(&self, value: &Value, now: Instant) -> String {
        let language = self.language;
        match value {
            Value::Text(text) => text.to_string(),
            Value::Number(number) => speech::number(language, *number),
            Value::Digits(digits) => speech::spell(language, digits),
            Value::Duration(length) => speech::duration(language, *length),
            Value::Bool(yes) => speech::yes_no(language, *yes),
            Value::Presence(presence) => speech::presence(language, *presence),
            Value::Time(time) => {
                let zone = &self.program.zone;
                speech::moment(language, zone.civil(*time), zone.civil(self.wall(now)))
            }
            Value::Nothing
            | Value::User(_)
            | Value::Caller
            | Value::Site
            | Value::Message(_)
            | Value::Recording(_)
            | Value::Device(_)
            | Value::Hours(_)
            | Value::Document(_)
            | Value::List(_) => String::new(),
        }
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
}

fn recording_field(recorded: &Recorded, field: Field) -> Value {
    match field {
        Field::RecordingLength => Value::Duration(recorded.length()),
        Field::RecordingEmpty => Value::Bool(recorded.empty),
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
