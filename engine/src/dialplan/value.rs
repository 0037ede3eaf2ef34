//! The values that a run works with, and their types.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::effect::{DeviceInfo, RecordEnd, RecordingId};
use crate::directory::GreetingKind;
use crate::id::UserId;
use crate::message::MessageSummary;
use crate::presence::Presence;
use crate::time::UnixMillis;

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
    /// A moment.
    Time(UnixMillis),
    /// How present somebody is.
    Presence(Presence),
    /// One of a user's devices.
    Device(Arc<DeviceInfo>),
    /// Opening hours, by their place in the program.
    Hours(u16),
    /// A web service's answer: its fields in the order of their type.
    Document(Arc<[Value]>),
    /// Values of one type.
    List(Arc<[Value]>),
}

/// What a run knows of a recording that it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Which.
    pub id: RecordingId,
    /// How long it is, in milliseconds, with what it was joined with.
    pub length_ms: u32,
    /// Why it ended.
    pub end: RecordEnd,
    /// Whether nothing was said.
    pub empty: bool,
}

impl Recorded {
    /// A recording as it ended. Nothing was said where it is shorter than a second, or little
    /// more than the silence that ended it.
    pub fn new(
        id: RecordingId,
        length: Duration,
        end: RecordEnd,
        silence: Option<Duration>,
    ) -> Self {
        let second = Duration::from_secs(1);
        let only_silence = match (end, silence) {
            (RecordEnd::Silence, Some(silence)) => length < silence + second,
            _ => false,
        };
        let length_ms = u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
        Self { id, length_ms, end, empty: only_silence || length < second }
    }

    /// This recording with an earlier one that became a part of it.
    #[must_use]
    pub const fn joined(self, earlier: Self) -> Self {
        Self {
            length_ms: self.length_ms.saturating_add(earlier.length_ms),
            empty: self.empty && earlier.empty,
            ..self
        }
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.length_ms.into())
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
    Time,
    User,
    /// Somebody in a user's contact list.
    Contact,
    Caller,
    Site,
    Device,
    Message,
    Recording,
    Presence,
    Hours,
    /// A number that an `allow` list holds, or that the author wrote.
    Dialable,
    /// A user's greeting of this kind: can be played, and nothing else.
    Greeting(GreetingKind),
    /// A user's spoken name: can be played, and nothing else.
    SpokenName,
    /// A `json` type, by its place in the dialplan.
    Document(u16),
    /// Values of one type.
    List(Item),
    /// A value that may be missing: must be tested before it is used.
    Maybe(Item),
    /// Already told wrong: fits everything, so that one mistake is told once.
    Unknown,
}

/// What a list may hold and what may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in `Type`")]
pub enum Item {
    Text,
    Number,
    Digits,
    Bool,
    Duration,
    Time,
    User,
    Contact,
    Device,
    Message,
    Document(u16),
    /// Of the empty list, which fits all.
    Any,
}

impl Item {
    /// The type of one.
    pub const fn one(self) -> Type {
        match self {
            Self::Text => Type::Text,
            Self::Number => Type::Number,
            Self::Digits => Type::Digits,
            Self::Bool => Type::Bool,
            Self::Duration => Type::Duration,
            Self::Time => Type::Time,
            Self::User => Type::User,
            Self::Contact => Type::Contact,
            Self::Device => Type::Device,
            Self::Message => Type::Message,
            Self::Document(n) => Type::Document(n),
            Self::Any => Type::Unknown,
        }
    }
}

impl Type {
    /// The types that have a name of their own in every dialplan.
    pub const NAMED: [(&'static str, Self); 15] = [
        ("Text", Self::Text),
        ("Number", Self::Number),
        ("Digits", Self::Digits),
        ("Bool", Self::Bool),
        ("Duration", Self::Duration),
        ("Time", Self::Time),
        ("User", Self::User),
        ("Contact", Self::Contact),
        ("Caller", Self::Caller),
        ("Device", Self::Device),
        ("Message", Self::Message),
        ("Recording", Self::Recording),
        ("Presence", Self::Presence),
        ("Hours", Self::Hours),
        ("Dialable", Self::Dialable),
    ];

    /// This type as a list's item, if lists may hold it.
    pub const fn item(self) -> Option<Item> {
        Some(match self {
            Self::Text => Item::Text,
            Self::Number => Item::Number,
            Self::Digits => Item::Digits,
            Self::Bool => Item::Bool,
            Self::Duration => Item::Duration,
            Self::Time => Item::Time,
            Self::User => Item::User,
            Self::Contact => Item::Contact,
            Self::Device => Item::Device,
            Self::Message => Item::Message,
            Self::Document(n) => Item::Document(n),
            Self::Unknown => Item::Any,
            Self::Caller
            | Self::Site
            | Self::Recording
            | Self::Presence
            | Self::Hours
            | Self::Dialable
            | Self::Greeting(_)
            | Self::SpokenName
            | Self::List(_)
            | Self::Maybe(_) => return None,
        })
    }

    /// Whether a value of this type can stand where `wanted` is.
    pub fn fits(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Unknown, _) | (_, Self::Unknown) => true,
            (Self::List(Item::Any), Self::List(_)) | (Self::List(_), Self::List(Item::Any)) => true,
            // Whoever stands in a contact list is a user, and the number of an allow list is
            // digits still.
            (Self::Contact, Self::User) | (Self::Dialable, Self::Digits) => true,
            (Self::List(Item::Contact), Self::List(Item::User)) => true,
            // What is there can stand where it might be missing; `nothing` is missing anywhere.
            (Self::Maybe(Item::Any), Self::Maybe(_)) => true,
            (Self::Maybe(of), Self::Maybe(wanted)) => of.one().fits(wanted.one()),
            (of, Self::Maybe(wanted)) => of.fits(wanted.one()),
            (of, wanted) => of == wanted,
        }
    }

    /// Whether `value` is of this type.
    pub fn holds(self, value: &Value) -> bool {
        match value {
            Value::Nothing => matches!(self, Self::Maybe(_)),
            Value::User(_) => matches!(self, Self::User | Self::Contact | Self::Maybe(Item::User)),
            Value::Caller => self == Self::Caller,
            Value::Site => self == Self::Site,
            Value::Message(_) => self == Self::Message,
            Value::Recording(_) => self == Self::Recording,
            Value::Text(_) => self == Self::Text,
            Value::Number(_) => self == Self::Number,
            Value::Digits(_) => self == Self::Digits,
            Value::Bool(_) => self == Self::Bool,
            Value::Duration(_) => self == Self::Duration,
            Value::Time(_) => self == Self::Time,
            Value::Presence(_) => self == Self::Presence,
            Value::Device(_) => self == Self::Device,
            Value::Hours(_) => self == Self::Hours,
            Value::Document(_) => matches!(self, Self::Document(_)),
            Value::List(list) => match self {
                Self::List(item) => list.iter().all(|value| item.one().holds(value)),
                _ => false,
            },
        }
    }

    /// As an author writes it where there is a way to write it.
    pub fn written(self, documents: &[String]) -> String {
        match self {
            Self::List(item) => format!("[{}]", item.one().written(documents)),
            Self::Maybe(item) => format!("{}?", item.one().written(documents)),
            Self::Document(n) => documents.get(usize::from(n)).cloned().unwrap_or_default(),
            of => Self::NAMED
                .iter()
                .find(|(_, named)| *named == of)
                .map_or_else(|| of.to_string(), |(name, _)| (*name).to_owned()),
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
            Self::Time => "a Time",
            Self::User => "a User",
            Self::Contact => "a Contact",
            Self::Caller => "a Caller",
            Self::Site => "the Site",
            Self::Device => "a Device",
            Self::Message => "a Message",
            Self::Recording => "a Recording",
            Self::Presence => "a Presence",
            Self::Hours => "Hours",
            Self::Dialable => "a Dialable",
            Self::Greeting(_) => "a greeting",
            Self::SpokenName => "a spoken name",
            Self::Document(_) => "a web service's answer",
            Self::Maybe(item) => return write!(f, "perhaps {}", item.one()),
            Self::List(item) => {
                return f.write_str(match item {
                    Item::Text => "a list of Texts",
                    Item::Number => "a list of Numbers",
                    Item::Digits => "a list of Digits",
                    Item::Bool => "a list of Bools",
                    Item::Duration => "a list of Durations",
                    Item::Time => "a list of Times",
                    Item::User => "a list of Users",
                    Item::Contact => "a list of Contacts",
                    Item::Device => "a list of Devices",
                    Item::Message => "a list of Messages",
                    Item::Document(_) => "a list of a web service's answers",
                    Item::Any => "an empty list",
                });
            }
            Self::Unknown => "something",
        })
    }
}

/// How present somebody can be, as authors write it.
pub const PRESENCES: [(&str, Presence); 6] = [
    ("online", Presence::Online),
    ("away", Presence::Away),
    ("busy", Presence::Busy),
    ("on_phone", Presence::Phone),
    ("do_not_disturb", Presence::DoNotDisturb),
    ("offline", Presence::Offline),
];

/// The fields of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of the table below")]
pub enum Field {
    UserName,
    UserExtension,
    UserLimit,
    UserLanguage,
    UserHasGreeting,
    UserHasSpokenName,
    UserMailboxFull,
    UserContacts,
    ContactUser,
    CallerName,
    CallerNumber,
    CallerUser,
    CallerTrunk,
    SiteName,
    SiteLanguages,
    DeviceName,
    DeviceRings,
    MessageSender,
    MessageFrom,
    MessageLength,
    MessageAge,
    MessageAt,
    MessageUrgent,
    MessagePrivate,
    MessagePosition,
    RecordingLength,
    RecordingEmpty,
    RecordingLimitReached,
    RecordingFailed,
    PresenceOnline,
    PresenceReachable,
    HoursOpen,
    TimeHour,
    TimeMinute,
    TimeWeekday,
    TimeDay,
    TimeMonth,
    TimeYear,
    DurationSeconds,
    TextLength,
    Count,
    First,
    Rest,
    WithRoom,
    /// Of a web service's answer, by its place.
    Document(u16),
    /// Only to be played.
    Played,
}

/// The fields of each type, but for those of lists and of `json` types: owner, name, which, its
/// type, and what it tells.
pub const FIELDS: &[(Type, &str, Field, Type, &str)] = &[
    (Type::User, "name", Field::UserName, Type::Text, "the name that people see and hear"),
    (Type::User, "extension", Field::UserExtension, Type::Digits, "what telephones dial"),
    (
        Type::User,
        "limit",
        Field::UserLimit,
        Type::Duration,
        "the longest message that the user takes",
    ),
    (
        Type::User,
        "language",
        Field::UserLanguage,
        Type::Text,
        "the language in which telephones speak to the user",
    ),
    (
        Type::User,
        "has_greeting",
        Field::UserHasGreeting,
        Type::Bool,
        "whether a standard greeting was recorded",
    ),
    (
        Type::User,
        "has_spoken_name",
        Field::UserHasSpokenName,
        Type::Bool,
        "whether the user recorded their own name",
    ),
    (
        Type::User,
        "mailbox_full",
        Field::UserMailboxFull,
        Type::Bool,
        "whether the user's mailbox takes no further message",
    ),
    (
        Type::User,
        "greeting",
        Field::Played,
        Type::Greeting(GreetingKind::Standard),
        "the recorded greeting, to `play`",
    ),
    (
        Type::User,
        "busy_greeting",
        Field::Played,
        Type::Greeting(GreetingKind::Busy),
        "the greeting for while the user speaks, to `play`",
    ),
    (
        Type::User,
        "away_greeting",
        Field::Played,
        Type::Greeting(GreetingKind::Away),
        "the greeting for while the user is away, to `play`",
    ),
    (
        Type::User,
        "temporary_greeting",
        Field::Played,
        Type::Greeting(GreetingKind::Temporary),
        "the greeting in the place of all others, to `play`",
    ),
    (
        Type::User,
        "closed_greeting",
        Field::Played,
        Type::Greeting(GreetingKind::Closed),
        "the greeting for outside of working hours, to `play`",
    ),
    (
        Type::User,
        "spoken_name",
        Field::Played,
        Type::SpokenName,
        "the name as the user spoke it, to `play`",
    ),
    (
        Type::User,
        "contacts",
        Field::UserContacts,
        Type::List(Item::Contact),
        "the user's contact list",
    ),
    (Type::Contact, "name", Field::UserName, Type::Text, "the name that people see and hear"),
    (Type::Contact, "extension", Field::UserExtension, Type::Digits, "what telephones dial"),
    (
        Type::Contact,
        "spoken_name",
        Field::Played,
        Type::SpokenName,
        "the name as the contact spoke it, to `play`",
    ),
    (Type::Contact, "user", Field::ContactUser, Type::User, "the contact as a user"),
    (Type::Caller, "name", Field::CallerName, Type::Text, "the name that is shown"),
    (Type::Caller, "number", Field::CallerNumber, Type::Digits, "the number called from"),
    (
        Type::Caller,
        "user",
        Field::CallerUser,
        Type::Maybe(Item::User),
        "the account, if the caller identified",
    ),
    (
        Type::Caller,
        "trunk",
        Field::CallerTrunk,
        Type::Maybe(Item::Text),
        "the trunk over which the call came, if it did",
    ),
    (Type::Site, "name", Field::SiteName, Type::Text, "what the site calls itself"),
    (
        Type::Site,
        "languages",
        Field::SiteLanguages,
        Type::List(Item::Text),
        "the languages that the dialplan speaks, by their tags",
    ),
    (Type::Device, "name", Field::DeviceName, Type::Text, "its name in the profile"),
    (Type::Device, "rings", Field::DeviceRings, Type::Bool, "whether it is a telephone"),
    (Type::Message, "sender", Field::MessageSender, Type::Text, "a name, or a number spelled"),
    (
        Type::Message,
        "from",
        Field::MessageFrom,
        Type::Maybe(Item::User),
        "the sender's account, if the sender has one",
    ),
    (Type::Message, "length", Field::MessageLength, Type::Duration, "how long it is"),
    (Type::Message, "age", Field::MessageAge, Type::Duration, "how long ago it was sent"),
    (Type::Message, "at", Field::MessageAt, Type::Time, "when it was sent"),
    (Type::Message, "urgent", Field::MessageUrgent, Type::Bool, "whether it goes before others"),
    (
        Type::Message,
        "private",
        Field::MessagePrivate,
        Type::Bool,
        "whether it may not be forwarded",
    ),
    (
        Type::Message,
        "position",
        Field::MessagePosition,
        Type::Duration,
        "where playing it stopped last in this call",
    ),
    (Type::Recording, "length", Field::RecordingLength, Type::Duration, "how long it is"),
    (
        Type::Recording,
        "empty",
        Field::RecordingEmpty,
        Type::Bool,
        "whether nothing was said: under 1 s, or silence only",
    ),
    (
        Type::Recording,
        "limit_reached",
        Field::RecordingLimitReached,
        Type::Bool,
        "whether it was cut off",
    ),
    (Type::Recording, "failed", Field::RecordingFailed, Type::Bool, "whether it can't be kept"),
    (
        Type::Presence,
        "online",
        Field::PresenceOnline,
        Type::Bool,
        "whether a pop-up would be seen now",
    ),
    (
        Type::Presence,
        "reachable",
        Field::PresenceReachable,
        Type::Bool,
        "whether a browser or a telephone is there",
    ),
    (Type::Hours, "open", Field::HoursOpen, Type::Bool, "whether it is open now"),
    (Type::Time, "hour", Field::TimeHour, Type::Number, "0 to 23"),
    (Type::Time, "minute", Field::TimeMinute, Type::Number, "0 to 59"),
    (Type::Time, "weekday", Field::TimeWeekday, Type::Number, "1, Monday, to 7, Sunday"),
    (Type::Time, "day", Field::TimeDay, Type::Number, "1 to 31"),
    (Type::Time, "month", Field::TimeMonth, Type::Number, "1 to 12"),
    (Type::Time, "year", Field::TimeYear, Type::Number, "for example 2026"),
    (Type::Duration, "seconds", Field::DurationSeconds, Type::Number, "in whole seconds"),
    (Type::Text, "length", Field::TextLength, Type::Number, "how many characters it has"),
    (Type::Digits, "length", Field::TextLength, Type::Number, "how many digits there are"),
];
