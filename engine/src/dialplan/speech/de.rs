//! German, as espeak-ng reads it. It takes the full stop of "5. Januar" for the end of a
//! sentence, and every "1" for "eins": ordinals and the article "ein" are therefore words.

use std::time::Duration;

use super::MAX_ORDINAL;
use super::day::Day;
use super::units::{Amount, Unit, largest};
use crate::presence::Presence;

pub(super) const AND: &str = "und";
pub(super) const AT: &str = "um";
pub(super) const UNKNOWN_CALLER: &str = "ein unbekannter Anrufer";

const WEEKDAYS: [&str; 7] =
    ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];

const MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// The numbers below twenty, as they stand inside a longer one: "ein" and not "eins".
const BELOW_TWENTY: [&str; 20] = [
    "",
    "ein",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
];

const TENS: [&str; 10] = [
    "", "zehn", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig",
    "neunzig",
];

/// The cases in which amounts are spoken.
#[derive(Clone, Copy)]
enum Case {
    Nominative,
    Dative,
}

/// The name of a key that is no digit.
pub(super) fn key(key: char) -> Option<&'static str> {
    match key {
        '*' => Some("Stern"),
        '#' => Some("Raute"),
        '+' => Some("plus"),
        _ => None,
    }
}

pub(super) fn ordinal(n: u64) -> String {
    if n > MAX_ORDINAL { format!("Nummer {n}") } else { format!("{}e", ordinal_stem(n)) }
}

/// An ordinal without its ending: "dritt", "einundzwanzigst". For numbers up to 999 999.
fn ordinal_stem(n: u64) -> String {
    let before = prefix(n - n % 100);
    match n % 100 {
        0 if n == 0 => "nullt".into(),
        0 => format!("{before}st"),
        1 => format!("{before}erst"),
        3 => format!("{before}dritt"),
        7 => format!("{before}siebt"),
        8 => format!("{before}acht"),
        rest @ 2..20 => format!("{before}{}t", prefix(rest)),
        rest => format!("{before}{}st", prefix(rest)),
    }
}

/// A number up to 999 999 in the form that begins a longer word; empty for 0.
fn prefix(n: u64) -> String {
    let (thousands, hundreds, rest) = (n / 1000, n / 100 % 10, n % 100);
    let thousands = match thousands {
        0 => String::new(),
        1 => "tausend".into(),
        many => format!("{}tausend", prefix(many)),
    };
    let hundreds = match hundreds {
        0 => String::new(),
        1 if thousands.is_empty() => "hundert".into(),
        many => format!("{}hundert", below_twenty(many)),
    };
    let rest = match rest {
        0..20 => below_twenty(rest).to_owned(),
        _ => {
            let tens = TENS.get((rest / 10) as usize).copied().unwrap_or_default();
            match rest % 10 {
                0 => tens.to_owned(),
                ones => format!("{}und{tens}", below_twenty(ones)),
            }
        }
    };
    format!("{thousands}{hundreds}{rest}")
}

fn below_twenty(n: u64) -> &'static str {
    BELOW_TWENTY.get(n as usize).copied().unwrap_or_default()
}

pub(super) fn duration(duration: Duration) -> String {
    amounts(duration, Case::Nominative)
}

pub(super) fn age(age: Duration) -> String {
    amounts(age, Case::Dative)
}

fn amounts(duration: Duration, case: Case) -> String {
    match largest(duration) {
        (large, None) => count(large, case),
        (large, Some(small)) => format!("{} {AND} {}", count(large, case), count(small, case)),
    }
}

fn count((n, unit): Amount, case: Case) -> String {
    let (one, many) = match (unit, case) {
        (Unit::Second, Case::Nominative) => ("eine Sekunde", "Sekunden"),
        (Unit::Second, Case::Dative) => ("einer Sekunde", "Sekunden"),
        (Unit::Minute, Case::Nominative) => ("eine Minute", "Minuten"),
        (Unit::Minute, Case::Dative) => ("einer Minute", "Minuten"),
        (Unit::Hour, Case::Nominative) => ("eine Stunde", "Stunden"),
        (Unit::Hour, Case::Dative) => ("einer Stunde", "Stunden"),
        (Unit::Day, Case::Nominative) => ("ein Tag", "Tage"),
        (Unit::Day, Case::Dative) => ("einem Tag", "Tagen"),
    };
    if n == 1 { one.to_owned() } else { format!("{n} {many}") }
}

pub(super) fn day(day: Day) -> String {
    match day {
        Day::Today => "heute".into(),
        Day::Yesterday => "gestern".into(),
        Day::Weekday(weekday) => format!("am {}", WEEKDAYS[weekday]),
        Day::Date { month, day, year } => {
            let date = format!("am {}en {}", ordinal_stem(day.into()), MONTHS[month]);
            year.map_or_else(|| date.clone(), |year| format!("{date} {year}"))
        }
    }
}

pub(super) fn time_of_day(hour: u8, minute: u8) -> String {
    let hour = if hour == 1 { "ein".to_owned() } else { hour.to_string() };
    if minute == 0 { format!("{hour} Uhr") } else { format!("{hour} Uhr {minute}") }
}

pub(super) const fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Offline => "offline",
        Presence::Phone => "telefonisch erreichbar",
        Presence::Away => "abwesend",
        Presence::Online => "online",
        Presence::Busy => "im Gespräch",
        Presence::DoNotDisturb => "nicht zu stören",
    }
}
