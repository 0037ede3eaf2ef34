//! English, as flite reads it: digits as numbers, "5th" as an ordinal, "3:05 PM" as a time.

use std::time::Duration;

use super::MAX_ORDINAL;
use super::day::Day;
use super::units::{Amount, Unit, largest};
use crate::presence::Presence;

pub(super) const AND: &str = "and";
pub(super) const AT: &str = "at";
pub(super) const UNKNOWN_CALLER: &str = "an unknown caller";

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The name of a key that is no digit.
pub(super) fn key(key: char) -> Option<&'static str> {
    match key {
        '*' => Some("star"),
        '#' => Some("pound"),
        '+' => Some("plus"),
        _ => None,
    }
}

pub(super) fn ordinal(n: u64) -> String {
    let suffix = match (n % 100, n % 10) {
        _ if n > MAX_ORDINAL => return format!("number {n}"),
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

pub(super) fn duration(duration: Duration) -> String {
    match largest(duration) {
        (large, None) => count(large),
        (large, Some(small)) => format!("{} {AND} {}", count(large), count(small)),
    }
}

fn count((n, unit): Amount) -> String {
    let unit = match unit {
        Unit::Second => "second",
        Unit::Minute => "minute",
        Unit::Hour => "hour",
        Unit::Day => "day",
    };
    if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") }
}

pub(super) fn day(day: Day) -> String {
    match day {
        Day::Today => "today".into(),
        Day::Yesterday => "yesterday".into(),
        Day::Weekday(weekday) => format!("on {}", WEEKDAYS[weekday]),
        Day::Date { month, day, year } => {
            let date = format!("on {} {}", MONTHS[month], ordinal(day.into()));
            year.map_or_else(|| date.clone(), |year| format!("{date}, {year}"))
        }
    }
}

/// Twelve o'clock by its name: "12 AM" and "12 PM" are taken for one another.
pub(super) fn time_of_day(hour: u8, minute: u8) -> String {
    let half = if hour < 12 { "AM" } else { "PM" };
    let of_twelve = (hour + 11) % 12 + 1;
    match (hour, minute) {
        (0, 0) => "midnight".into(),
        (12, 0) => "noon".into(),
        (_, 0) => format!("{of_twelve} {half}"),
        _ => format!("{of_twelve}:{minute:02} {half}"),
    }
}

pub(super) const fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Offline => "offline",
        Presence::Phone => "reachable by phone",
        Presence::Away => "away",
        Presence::Online => "online",
        Presence::Busy => "in a call",
        Presence::DoNotDisturb => "not to be disturbed",
    }
}
