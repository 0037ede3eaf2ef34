//! Values as a telephone speaks them: text for a text-to-speech engine, in each language.
//!
//! A form is chosen by what the engine makes of it (flite for English, espeak-ng for German),
//! not by how it looks in print: espeak-ng stops after "am 5." and reads "1 Minute" as "eins
//! Minute", so German writes such numbers as words.
//!
//! Every function answers any value, however odd, and what it answers is at most a small
//! multiple of what it was given.

mod day;
mod de;
mod en;
mod plural;
#[cfg(test)]
mod tests;
mod units;

use std::time::Duration;

use day::Day;

use crate::calendar::CivilTime;
use crate::presence::Presence;

/// Above this an ordinal is spoken as "number 1000000": the engines stumble over it.
const MAX_ORDINAL: u64 = 999_999;

/// A language in which values can be spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English, with the 12-hour clock.
    #[default]
    En,
    /// German, with the 24-hour clock.
    De,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// The language of a BCP 47 tag (RFC 5646): its primary subtag decides, in either case, so
    /// `en-GB` is English. `None` for a language whose values nobody can speak.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or(tag);
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// Its BCP 47 tag: `en`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// Its name in English.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "German",
        }
    }
}

/// Digits one by one, with the names of the keys that are none: `*97` is "star 9 7".
pub fn spell(language: Language, digits: &str) -> String {
    let words: Vec<String> = digits
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| {
            let key = match language {
                Language::En => en::key(c),
                Language::De => de::key(c),
            };
            key.map_or_else(|| c.to_string(), str::to_owned)
        })
        .collect();
    words.join(" ")
}

/// A person's name; or a number, spelled, where nobody knows a name.
pub fn name_or_number(language: Language, name: &str) -> String {
    let number = name.trim();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let is_number =
        digits >= 3 && number.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    if is_number {
        return spell(language, &number.replace(['-', '(', ')'], " "));
    }
    if number.is_empty() {
        let unknown = match language {
            Language::En => en::UNKNOWN_CALLER,
            Language::De => de::UNKNOWN_CALLER,
        };
        return unknown.to_owned();
    }
    number.to_owned()
}

/// A cardinal, in digits: "5", "minus 5" ("minus" is the word in every language so far).
pub fn number(_language: Language, n: i64) -> String {
    signed(n, |n| n.to_string())
}

/// A place in an order: "1st", "dritte". German has the ending that follows an article or a
/// possessive in the nominative: "die dritte", "Ihre dritte Nachricht".
pub fn ordinal(language: Language, n: i64) -> String {
    signed(n, |n| match language {
        Language::En => en::ordinal(n),
        Language::De => de::ordinal(n),
    })
}

fn signed(n: i64, say: impl Fn(u64) -> String) -> String {
    let words = say(n.unsigned_abs());
    if n < 0 { format!("minus {words}") } else { words }
}

/// A duration in its one or two largest units: "2 minutes and 5 seconds", "3 Stunden". It stands
/// by itself or as a subject ("Länge: 3 Tage"); after "vor" use [`age`].
pub fn duration(language: Language, duration: Duration) -> String {
    match language {
        Language::En => en::duration(duration),
        Language::De => de::duration(duration),
    }
}

/// A duration as it stands after a preposition that tells how long ago: the dative of German
/// ("vor **3 Tagen**", "vor **einer Minute**"; also "seit", "nach", "mit"). In English it is
/// [`duration`] ("**3 days** ago"). Use it for every age, so that a translation needs no care.
pub fn age(language: Language, age: Duration) -> String {
    match language {
        Language::En => en::duration(age),
        Language::De => de::age(age),
    }
}

/// When something was, as a person says it: "yesterday at 3:05 PM", "am fünften Januar um 15
/// Uhr 5". Within the last six days the weekday is named; the year only if it is not `now`'s.
pub fn moment(language: Language, then: CivilTime, now: CivilTime) -> String {
    let at = match language {
        Language::En => en::AT,
        Language::De => de::AT,
    };
    format!("{} {at} {}", date(language, then, now), time_of_day(language, then))
}

/// The day alone: "today", "on Monday", "am fünften Januar 2025". With its preposition.
pub fn date(language: Language, then: CivilTime, now: CivilTime) -> String {
    let day = Day::of(then, now);
    match language {
        Language::En => en::day(day),
        Language::De => de::day(day),
    }
}

/// The time alone, without a preposition: "3:05 PM", "noon", "15 Uhr 5".
pub fn time_of_day(language: Language, time: CivilTime) -> String {
    let (hour, minute) = (time.hour.min(23), time.minute.min(59));
    match language {
        Language::En => en::time_of_day(hour, minute),
        Language::De => de::time_of_day(hour, minute),
    }
}

/// "yes" or "no".
pub fn yes_no(language: Language, yes: bool) -> String {
    let word = match (language, yes) {
        (Language::En, true) => "yes",
        (Language::En, false) => "no",
        (Language::De, true) => "ja",
        (Language::De, false) => "nein",
    };
    word.to_owned()
}

/// "a, b and c". Empty for no items.
pub fn list(language: Language, items: &[String]) -> String {
    let and = match language {
        Language::En => en::AND,
        Language::De => de::AND,
    };
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

/// Whether and how somebody can be reached, as it follows "is": "reachable by phone".
pub fn presence(language: Language, presence: Presence) -> String {
    let word = match language {
        Language::En => en::presence(presence),
        Language::De => de::presence(presence),
    };
    word.to_owned()
}
