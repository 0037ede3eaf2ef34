//! When something happens again and again: the recurrence of RFC 5545, as far as people speak of
//! announcements.
//!
//! Read are the properties `DTSTART`, `RRULE`, `EXDATE` and `RDATE`, one a line, as they stand in
//! a calendar:
//!
//! ```text
//! DTSTART;TZID=Europe/Berlin:20260105T090000
//! RRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20261231T230000Z
//! EXDATE;TZID=Europe/Berlin:20260106T090000
//! ```
//!
//! | of `RRULE` | |
//! |---|---|
//! | read | `FREQ` (`YEARLY`, `MONTHLY`, `WEEKLY`, `DAILY`, `HOURLY`), `INTERVAL`, `COUNT`, `UNTIL`, `BYMONTH`, `BYMONTHDAY`, `BYDAY` (with numbers for `MONTHLY` and `YEARLY`), `BYHOUR`, `BYMINUTE`, `BYSETPOS`, `WKST` |
//! | refused | `FREQ` of `MINUTELY` and `SECONDLY`, `BYSECOND`, `BYYEARDAY`, `BYWEEKNO`: nobody is called so often, or counts so |
//!
//! A time that the clock leaves out is taken by the offset before it is put forward (02:30 is
//! heard at 03:30), one that it shows twice at its first (RFC 5545 section 3.3.5). Two times that
//! become one so are one occurrence. `DTSTART` is an occurrence only if the rule makes it one.

mod expand;
mod parse;
#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use thiserror::Error;

use super::Zone;
use crate::time::UnixMillis;

/// The longest text that is read, in bytes.
pub const LONGEST_TEXT: usize = 8192;
/// The most dates in all `EXDATE`, or in all `RDATE`.
const MOST_DATES: usize = 500;
/// The largest `COUNT`: occurrences are counted from the first.
const MOST_COUNTED: u32 = 10_000;
/// So many periods in a row without an occurrence, and there is none: eight years of hours.
const MOST_EMPTY: u32 = 75_000;
/// Nothing recurs after this year.
const LAST_YEAR: i16 = 2300;

/// A recurrence that was read and makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    zone: Zone,
    start: DateTime,
    rule: Option<Rule>,
    except: Vec<UnixMillis>,
    also: Vec<UnixMillis>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Yearly,
    Monthly,
    Weekly,
    Daily,
    Hourly,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    frequency: Frequency,
    interval: u32,
    count: Option<u32>,
    until: Option<UnixMillis>,
    months: Vec<i8>,
    month_days: Vec<i8>,
    /// Which one of the period (0: each; -1: the last), and the day of the week (1 is Monday).
    days: Vec<(i8, i8)>,
    hours: Vec<i8>,
    minutes: Vec<i8>,
    set_positions: Vec<i16>,
    /// 1 is Monday.
    week_start: i8,
}

/// Why a text is no recurrence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct InvalidRecurrence {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, and what mends it.
    pub what: String,
}

impl Recurrence {
    /// Reads a recurrence. `zone` holds for a `DTSTART` without `TZID` and without `Z`.
    ///
    /// # Errors
    /// [`InvalidRecurrence`] names the line and what mends it.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, InvalidRecurrence> {
        parse::parse(text, zone)
    }

    /// One single occurrence.
    pub fn once(at: UnixMillis) -> Self {
        let zone = Zone::utc();
        let start = zone.date_time(at);
        Self { zone, start, rule: None, except: Vec::new(), also: Vec::new() }
    }

    /// The zone of its times.
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first occurrence after `after`.
    pub fn next_after(&self, after: UnixMillis) -> Option<UnixMillis> {
        self.after(after).next()
    }

    /// Every occurrence after `after`, in order.
    pub fn after(&self, after: UnixMillis) -> impl Iterator<Item = UnixMillis> + '_ {
        let mut also = self.also.clone();
        also.sort_unstable_by_key(|at| at.0);
        also.dedup();
        also.retain(|at| *at > after);
        let mut also = also.into_iter().peekable();
        let mut ruled = expand::Occurrences::new(self, after).peekable();
        std::iter::from_fn(move || {
            loop {
                let next = match (ruled.peek().copied(), also.peek().copied()) {
                    (Some(a), Some(b)) => a.min(b),
                    (Some(a), None) | (None, Some(a)) => a,
                    (None, None) => return None,
                };
                ruled.next_if_eq(&next);
                also.next_if_eq(&next);
                if !self.except.contains(&next) {
                    return Some(next);
                }
            }
        })
    }
}
