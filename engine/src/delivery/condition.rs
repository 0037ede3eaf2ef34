//! When a rule applies: who is there, what time it is, who speaks, how urgent it is, and how long
//! the message has been unheard.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::profile::Group;
use crate::calendar::{Hours, InvalidHours, Span, Weekdays, Zone};
use crate::presence::{Presence, Reach};
use crate::time::UnixMillis;

/// Everything that has to hold; what is left empty always does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// How the recipient can be reached: one of these.
    pub presence: Vec<Reached>,
    /// The time of day and week, in the profile's zone: within one of these.
    pub hours: Vec<Period>,
    /// Who speaks: one of these.
    pub from: Vec<Who>,
    /// Whether the message is urgent, or is not.
    pub urgent: Option<bool>,
    /// For how many seconds it has been there without being heard, at least. Such a rule waits
    /// until then, beside the others.
    pub unheard_secs: Option<u32>,
}

/// How a recipient can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// A browser session is open, and pop-ups are wanted.
    Present,
    /// No pop-up would be shown.
    Absent,
    /// A browser session is open, and nobody has used it for a while.
    Away,
    /// In a call.
    Busy,
    /// Does not want to be disturbed.
    DoNotDisturb,
}

impl Reached {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Present, Self::Absent, Self::Away, Self::Busy, Self::DoNotDisturb];

    /// As rules are read: `do not disturb`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Away => "away",
            Self::Busy => "busy",
            Self::DoNotDisturb => "do not disturb",
        }
    }

    /// Whether it is so.
    pub fn holds(self, reach: Reach) -> bool {
        match self {
            Self::Present => reach.has_browser(),
            Self::Absent => !reach.has_browser(),
            Self::Away => reach.shown == Presence::Away,
            Self::Busy => reach.shown == Presence::Busy,
            Self::DoNotDisturb => reach.do_not_disturb,
        }
    }
}

/// A time of day on some days of the week: `mon-fri 9:00-18:00`, `22:00-6:00`, `sat,sun`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    days: Weekdays,
    from: u16,
    until: u16,
    span: Span,
}

/// Why something is no [`Period`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPeriod {
    /// It can't be read.
    #[error("'{0}' are no hours: write them like mon-fri 9:00-18:00, 22:00-6:00 or sat,sun")]
    Unreadable(String),
    /// It can't be so.
    #[error("'{0}': {1}")]
    Invalid(String, InvalidHours),
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl FromStr for Period {
    type Err = NoPeriod;

    fn from_str(text: &str) -> Result<Self, NoPeriod> {
        let shown = || text.chars().take(64).collect::<String>();
        let unreadable = || NoPeriod::Unreadable(shown());
        let lower = text.trim().to_ascii_lowercase();
        let (mut days, mut times) = (Weekdays::NONE, None);
        for word in lower.split([' ', ',']).filter(|word| !word.is_empty()) {
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                let (from, until) = word.split_once('-').ok_or_else(unreadable)?;
                let pair = (minute(from), minute(until));
                let (Some(from), Some(until)) = pair else { return Err(unreadable()) };
                if times.replace((from, until)).is_some() {
                    return Err(unreadable());
                }
            } else {
                days = days.and(days_of(word).ok_or_else(unreadable)?);
            }
        }
        if days.is_empty() && times.is_none() {
            return Err(unreadable());
        }
        let days = if days.is_empty() { Weekdays::ALL } else { days };
        let (from, until) = times.unwrap_or((0, 1440));
        let span = Span::new(days, from, until).map_err(|e| NoPeriod::Invalid(shown(), e))?;
        Ok(Self { days, from, until, span })
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':').unwrap_or((text, "0"));
    let number = |text: &str| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour <= 24).then_some(hour * 60 + minute)
}

fn days_of(word: &str) -> Option<Weekdays> {
    let day = |word: &str| {
        let at = DAYS.iter().position(|day| word.get(..3) == Some(day) && word.is_ascii())?;
        u8::try_from(at + 1).ok()
    };
    match word.split_once('-') {
        Some((first, last)) => Some(Weekdays::range(day(first)?, day(last)?)),
        None => Some(Weekdays::NONE.with(day(word)?)),
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.days != Weekdays::ALL {
            words.push(self.days_shown());
        }
        if (self.from, self.until) != (0, 1440) || words.is_empty() {
            let clock = |minute: u16| format!("{}:{:02}", minute / 60, minute % 60);
            words.push(format!("{}-{}", clock(self.from), clock(self.until)));
        }
        f.write_str(&words.join(" "))
    }
}

impl Period {
    fn days_shown(&self) -> String {
        // Runs of three and more days are written as a range.
        let mut shown = Vec::new();
        let mut day = 1;
        while day <= 7 {
            if !self.days.contains(day) {
                day += 1;
                continue;
            }
            let first = day;
            while day < 7 && self.days.contains(day + 1) {
                day += 1;
            }
            let name = |day: u8| DAYS.get(usize::from(day) - 1).copied().unwrap_or_default();
            match day - first {
                0 => shown.push(name(first).to_owned()),
                1 => shown.extend([name(first).to_owned(), name(day).to_owned()]),
                _ => shown.push(format!("{}-{}", name(first), name(day))),
            }
            day += 1;
        }
        shown.join(",")
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl TryFrom<String> for Period {
    type Error = NoPeriod;
    fn try_from(text: String) -> Result<Self, NoPeriod> {
        text.parse()
    }
}

/// The hours that `periods` cover in `zone`.
pub(super) fn hours(zone: &Zone, periods: &[Period]) -> Option<Hours> {
    let spans = periods.iter().take(Hours::MAX_SPANS).map(|period| period.span).collect();
    Hours::new(zone.clone(), spans, Vec::new()).ok()
}

/// A sender, or several: `contacts`, `outsiders`, `@family`, `alice`, `+493012345`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Who {
    /// Anybody in the recipient's contact list.
    Contacts,
    /// Anybody who has no account here, or did not say which.
    Outsiders,
    /// A group of the profile.
    Group(String),
    /// A user by sign-in name, or a number or address.
    Named(String),
}

impl From<String> for Who {
    fn from(text: String) -> Self {
        match text.as_str() {
            "contacts" => Self::Contacts,
            "outsiders" => Self::Outsiders,
            _ => match text.strip_prefix('@') {
                Some(group) => Self::Group(group.to_owned()),
                None => Self::Named(text),
            },
        }
    }
}

impl From<Who> for String {
    fn from(who: Who) -> Self {
        who.to_string()
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contacts => f.write_str("contacts"),
            Self::Outsiders => f.write_str("outsiders"),
            Self::Group(name) => write!(f, "@{name}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// Who spoke a message, as rules look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderFacts {
    /// The sign-in name, when the sender is a user who identified.
    #[serde(default)]
    pub user: Option<String>,
    /// Whether that user is in the recipient's contact list.
    #[serde(default)]
    pub contact: bool,
    /// The address that the sender showed: `sip:alice@example.org`, `+15551234`.
    #[serde(default)]
    pub address: String,
}

impl SenderFacts {
    fn is(&self, who: &Who, groups: &[Group]) -> bool {
        match who {
            Who::Contacts => self.contact,
            Who::Outsiders => self.user.is_none(),
            Who::Named(name) => self.is_named(name),
            Who::Group(group) => {
                let of_name = groups.iter().filter(|known| known.name == *group);
                of_name.flat_map(|group| &group.members).any(|name| self.is_named(name))
            }
        }
    }

    fn is_named(&self, name: &str) -> bool {
        if let Some(user) = &self.user {
            return user.eq_ignore_ascii_case(name);
        }
        // A stranger is who they say they are: good enough for a rule, and for nothing else.
        let shown = self.address.strip_prefix("sip:").unwrap_or(&self.address);
        let number = shown.split(['@', ';']).next().unwrap_or(shown);
        let plain = name.strip_prefix("sip:").unwrap_or(name);
        // A name alone is a user's, whom nobody becomes by showing it.
        let is_number = plain.starts_with(|c: char| c == '+' || c.is_ascii_digit());
        let is_address = plain.contains('@');
        is_address && plain.eq_ignore_ascii_case(shown) || is_number && plain == number
    }
}

/// What rules are looked at with.
#[derive(Clone, Debug)]
pub(super) struct Situation<'a> {
    pub wall: UnixMillis,
    pub reach: Reach,
    pub sender: &'a SenderFacts,
    pub urgent: bool,
    /// How long ago the message was committed.
    pub age: Duration,
    pub zone: &'a Zone,
    pub groups: &'a [Group],
}

/// What came of looking at a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Applies,
    /// Its time has not come: it does once the message is so old.
    NotBefore(Duration),
    /// Why not.
    No(String),
}

impl When {
    /// While present.
    pub fn present() -> Self {
        Self { presence: vec![Reached::Present], ..Self::default() }
    }

    /// While absent.
    pub fn absent() -> Self {
        Self { presence: vec![Reached::Absent], ..Self::default() }
    }

    /// Whether it always holds.
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn late(&self) -> Option<Duration> {
        self.unheard_secs.map(|secs| Duration::from_secs(secs.into()))
    }

    pub(super) fn judge(&self, now: &Situation<'_>) -> Verdict {
        if let Some(late) = self.late().filter(|late| now.age < *late) {
            return Verdict::NotBefore(late);
        }
        let no = |why: String| Verdict::No(why);
        if !self.presence.is_empty() && !self.presence.iter().any(|p| p.holds(now.reach)) {
            return no(format!("you are {}", shown(now.reach)));
        }
        let within = |hours: Hours| hours.open(now.wall);
        if !self.hours.is_empty() && !hours(now.zone, &self.hours).is_some_and(within) {
            let at = now.zone.civil(now.wall);
            let day = DAYS.get(usize::from(at.weekday).wrapping_sub(1)).copied();
            let day = day.unwrap_or_default();
            return no(format!("it is {day} {}:{:02}", at.hour, at.minute));
        }
        if !self.from.is_empty() && !self.from.iter().any(|who| now.sender.is(who, now.groups)) {
            return no("the sender is none of those that it names".into());
        }
        match self.urgent {
            Some(true) if !now.urgent => no("the message is not urgent".into()),
            Some(false) if now.urgent => no("the message is urgent".into()),
            Some(_) | None => Verdict::Applies,
        }
    }
}

/// How somebody can be reached, in words.
pub(super) fn shown(reach: Reach) -> &'static str {
    if reach.do_not_disturb {
        return "not to be disturbed";
    }
    match reach.shown {
        Presence::Busy if reach.browser => "in a call, with a browser open",
        Presence::Busy => "in a call, with no browser open",
        Presence::Away => "away from an open browser",
        Presence::Online | Presence::DoNotDisturb => "present",
        Presence::Phone => "absent, with a telephone registered",
        Presence::Offline => "absent",
    }
}

/// One word for a presence, as older profiles have it, else each part by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    #[serde(default)]
    presence: Vec<Reached>,
    #[serde(default)]
    hours: Vec<Period>,
    #[serde(default)]
    from: Vec<Who>,
    #[serde(default)]
    urgent: Option<bool>,
    #[serde(default)]
    unheard_secs: Option<u32>,
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        if self.is_always() {
            return to.serialize_str("always");
        }
        if let [word] = self.presence[..]
            && *self == (Self { presence: vec![word], ..Self::default() })
        {
            return word.serialize(to);
        }
        let mut map = to.serialize_map(None)?;
        if !self.presence.is_empty() {
            map.serialize_entry("presence", &self.presence)?;
        }
        if !self.hours.is_empty() {
            map.serialize_entry("hours", &self.hours)?;
        }
        if !self.from.is_empty() {
            map.serialize_entry("from", &self.from)?;
        }
        if let Some(urgent) = self.urgent {
            map.serialize_entry("urgent", &urgent)?;
        }
        if let Some(secs) = self.unheard_secs {
            map.serialize_entry("unheard_secs", &secs)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::value::MapAccessDeserializer;
        use serde::de::{Error, IntoDeserializer, MapAccess, Visitor};

        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = When;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("always, a presence, or an object of conditions")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<When, E> {
                if word == "always" {
                    return Ok(When::default());
                }
                let presence = vec![Reached::deserialize(word.into_deserializer())?];
                Ok(When { presence, ..When::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                let parts = Parts::deserialize(MapAccessDeserializer::new(map))?;
                let Parts { presence, hours, from, urgent, unheard_secs } = parts;
                Ok(When { presence, hours, from, urgent, unheard_secs })
            }
        }
        from.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> String {
        text.parse::<Period>().map_or_else(|error| error.to_string(), |p| p.to_string())
    }

    #[test]
    fn hours_are_written_as_people_write_them() {
        for (typed, form) in [
            ("9-18", "9:00-18:00"),
            ("mon-fri 9:00-18:00", "mon-fri 9:00-18:00"),
            ("9:00-18:00 Mon-Fri", "mon-fri 9:00-18:00"),
            ("monday, wednesday 8:30-12:00", "mon,wed 8:30-12:00"),
            ("sat,sun", "sat,sun"),
            ("fri-mon", "mon,fri-sun"),
            ("22:00-6:00", "22:00-6:00"),
            ("0:00-24:00", "0:00-24:00"),
        ] {
            assert_eq!(period(typed), form);
            assert_eq!(period(form), form);
        }
        for no in ["", "9", "9-", "noon", "9-18 10-12", "9:60-10:00", "mo-fr", "25-26"] {
            assert!(period(no).contains("write them like"), "{no}: {}", period(no));
        }
        assert!(period("9:00-9:00").contains("whole day"));
    }

    #[test]
    fn strangers_are_known_by_what_they_show_and_users_only_by_their_account() {
        let named = |name: &str| Who::from(name.to_owned());
        let stranger =
            SenderFacts { address: "sip:+4930@carrier".into(), ..SenderFacts::default() };
        assert!(stranger.is(&named("+4930"), &[]) && stranger.is(&named("outsiders"), &[]));
        assert!(!stranger.is(&named("alice"), &[]) && !stranger.is(&named("contacts"), &[]));
        let liar = SenderFacts { address: "sip:alice@evil".into(), ..SenderFacts::default() };
        assert!(!liar.is(&named("alice"), &[]), "who shows a user's name is none");
        let alice = SenderFacts {
            user: Some("alice".into()),
            contact: true,
            address: "sip:+4930@x".into(),
        };
        assert!(alice.is(&named("Alice"), &[]) && !alice.is(&named("+4930"), &[]));
        let groups = [Group { name: "family".into(), members: vec!["alice".into()] }];
        assert!(alice.is(&named("@family"), &groups) && !alice.is(&named("@work"), &groups));
    }
}
