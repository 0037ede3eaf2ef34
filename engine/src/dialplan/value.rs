//! The values that a run works with, and their types.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::effect::{RecordEnd, RecordingId};
use crate::id::UserId;
use crate::message::MessageSummary;
use crate::presence::Presence;

/// A value of a running dialplan. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nobody, where somebody was looked for.
    Nothing,
    /// A user.
    User(UserId),
    /// Whoever is on the line.
    Caller,
    /// The site itself.
    Site,
    /// A stored message.
    Message(Arc<MessageSummary>),
    /// A recording of this run.
    Recording(Recorded),
    /// Words.
    Text(Arc<str>),
    /// A whole number.
    Number(i64),
    /// Digits, spoken one by one.
    Digits(Arc<str>),
    /// Yes or no.
    Bool(bool),
    /// A length of time.
    Duration(Duration),
    /// How present somebody is.
    Presence(Presence),
    /// Values of one type.
    List(Arc<[Value]>),
}

/// What a run knows of a recording that it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Which.
    pub id: RecordingId,
    /// How long it is.
    pub length: Duration,
    /// Why it ended.
    pub end: RecordEnd,
    /// The silence that would have ended it.
    pub silence: Option<Duration>,
}

impl Recorded {
    /// Whether nothing was said: shorter than a second, or little more than the silence that
    /// ended it.
    pub fn is_empty(&self) -> bool {
        let second = Duration::from_secs(1);
        let only_silence = match (self.end, self.silence) {
            (RecordEnd::Silence, Some(silence)) => self.length < silence + second,
            _ => false,
        };
        only_silence || self.length < second
    }
}

impl From<MessageSummary> for Value {
    fn from(message: MessageSummary) -> Self {
        Self::Message(Arc::new(message))
    }
}

impl From<UserId> for Value {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// The types of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the type of the value of its name")]
pub enum Type {
    Text,
    Number,
    Digits,
    Bool,
    Duration,
    User,
    /// A user, or nobody: must be tested before it is used.
    MaybeUser,
    Caller,
    Site,
    Message,
    Recording,
    Users,
    Messages,
    /// Already told wrong: fits everything, so that one mistake is told once.
    Unknown,
}

impl Type {
    /// The types that a parameter may have.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("Text", Self::Text),
        ("Number", Self::Number),
        ("Digits", Self::Digits),
        ("Bool", Self::Bool),
        ("Duration", Self::Duration),
        ("User", Self::User),
        ("Caller", Self::Caller),
        ("Message", Self::Message),
        ("Recording", Self::Recording),
    ];

    /// Whether a value of this type can stand where `wanted` is.
    pub fn fits(self, wanted: Self) -> bool {
        self == wanted || self == Self::Unknown || wanted == Self::Unknown
    }

    /// Whether `value` is of this type.
    pub fn holds(self, value: &Value) -> bool {
        match value {
            Value::Nothing => self == Self::MaybeUser,
            Value::User(_) => matches!(self, Self::User | Self::MaybeUser),
            Value::Caller => self == Self::Caller,
            Value::Site => self == Self::Site,
            Value::Message(_) => self == Self::Message,
            Value::Recording(_) => self == Self::Recording,
            Value::Text(_) => self == Self::Text,
            Value::Number(_) => self == Self::Number,
            Value::Digits(_) => self == Self::Digits,
            Value::Bool(_) => self == Self::Bool,
            Value::Duration(_) => self == Self::Duration,
            Value::Presence(_) => false,
            Value::List(_) => matches!(self, Self::Users | Self::Messages),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a Text",
            Self::Number => "a Number",
            Self::Digits => "Digits",
            Self::Bool => "a Bool",
            Self::Duration => "a Duration",
            Self::User => "a User",
            Self::MaybeUser => "perhaps a User",
            Self::Caller => "a Caller",
            Self::Site => "the Site",
            Self::Message => "a Message",
            Self::Recording => "a Recording",
            Self::Users => "a list of Users",
            Self::Messages => "a list of Messages",
            Self::Unknown => "something",
        })
    }
}

/// The fields of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of the table below")]
pub enum Field {
    UserName,
    UserExtension,
    UserLimit,
    UserHasGreeting,
    UserGreeting,
    UserContacts,
    CallerName,
    CallerNumber,
    CallerUser,
    SiteName,
    MessageSender,
    MessageLength,
    MessageAge,
    MessageUrgent,
    RecordingLength,
    RecordingEmpty,
    RecordingLimitReached,
    RecordingFailed,
    Count,
}

/// A greeting is of no type of its own: it can be played and nothing else.
pub const FIELDS: &[(Type, &str, Field, Type)] = &[
    (Type::User, "name", Field::UserName, Type::Text),
    (Type::User, "extension", Field::UserExtension, Type::Digits),
    (Type::User, "limit", Field::UserLimit, Type::Duration),
    (Type::User, "has_greeting", Field::UserHasGreeting, Type::Bool),
    (Type::User, "greeting", Field::UserGreeting, Type::Unknown),
    (Type::User, "contacts", Field::UserContacts, Type::Users),
    (Type::Caller, "name", Field::CallerName, Type::Text),
    (Type::Caller, "number", Field::CallerNumber, Type::Digits),
    (Type::Caller, "user", Field::CallerUser, Type::MaybeUser),
    (Type::Site, "name", Field::SiteName, Type::Text),
    (Type::Message, "sender", Field::MessageSender, Type::Text),
    (Type::Message, "length", Field::MessageLength, Type::Duration),
    (Type::Message, "age", Field::MessageAge, Type::Duration),
    (Type::Message, "urgent", Field::MessageUrgent, Type::Bool),
    (Type::Recording, "length", Field::RecordingLength, Type::Duration),
    (Type::Recording, "empty", Field::RecordingEmpty, Type::Bool),
    (Type::Recording, "limit_reached", Field::RecordingLimitReached, Type::Bool),
    (Type::Recording, "failed", Field::RecordingFailed, Type::Bool),
    (Type::Users, "count", Field::Count, Type::Number),
    (Type::Messages, "count", Field::Count, Type::Number),
];
