//! Weekly opening hours with holidays.
//!
//! The clock on the wall decides. When it is put forward, the hour that is left out opens and
//! closes nothing by itself; when it is put back, an hour that is shown twice counts twice.

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use thiserror::Error;

use super::{CivilTime, Weekdays, Zone};
use crate::time::UnixMillis;

/// Minutes in a day.
const DAY: u16 = 1440;

/// A time of day at which one is open, on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    days: Weekdays,
    from: u16,
    until: u16,
}

impl Span {
    /// Open on `days` from minute `from` of the day (0 to 1439) until before minute `until`
    /// (1 to 1440). If `until` is the smaller, it is on the next day; the span then belongs to
    /// the day on which it begins.
    ///
    /// # Errors
    ///
    /// A minute out of its range, or an end that is the beginning.
    pub fn new(days: Weekdays, from: u16, until: u16) -> Result<Self, InvalidHours> {
        match (from, until) {
            (DAY.., _) => Err(InvalidHours::From(from)),
            (_, 0) => Err(InvalidHours::UntilMidnight),
            (_, until) if until > DAY => Err(InvalidHours::Until(until)),
            (from, until) if from == until => Err(InvalidHours::Empty),
            _ => Ok(Self { days, from, until }),
        }
    }

    const fn wraps(self) -> bool {
        self.until < self.from
    }

    /// Whether `minute` lies in what begins on a day of `weekday`.
    fn covers_own_day(self, weekday: u8, minute: u16) -> bool {
        let before_end = self.wraps() || minute < self.until;
        self.days.contains(weekday) && minute >= self.from && before_end
    }

    /// Whether `minute` of the next day lies in what began on a day of `weekday`.
    fn covers_next_day(self, weekday: u8, minute: u16) -> bool {
        self.wraps() && self.days.contains(weekday) && minute < self.until
    }
}

/// A day on which nothing opens. What began the evening before stays open into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holiday {
    /// One date.
    Date {
        /// -9999 to 9999.
        year: i16,
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
    },
    /// The same date of every year; the 29th of February only in leap years.
    EveryYear {
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
    },
}

impl Holiday {
    /// Whether it is this date of this or some year.
    fn is_on(self, date: Date) -> bool {
        let (of_month, of_day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        match self {
            Self::Date { year, month, day } => {
                (year, month, day) == (date.year(), of_month, of_day)
            }
            Self::EveryYear { month, day } => (month, day) == (of_month, of_day),
        }
    }

    fn exists(self) -> bool {
        let (year, month, day) = match self {
            Self::Date { year, month, day } => (year, month, day),
            Self::EveryYear { month, day } => (A_LEAP_YEAR, month, day),
        };
        date(year, month, day).is_some()
    }
}

/// Has every day that some year has.
const A_LEAP_YEAR: i16 = 2000;

fn date(year: i16, month: u8, day: u8) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// When somebody is open: spans of the week in a zone, and days on which they do not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    zone: Zone,
    spans: Vec<Span>,
    holidays: Vec<Holiday>,
}

impl Hours {
    /// The most spans that hours may have.
    pub const MAX_SPANS: usize = 100;
    /// The most holidays that hours may have.
    pub const MAX_HOLIDAYS: usize = 1000;

    /// Hours in `zone`; spans may overlap, and without any it is never open.
    ///
    /// # Errors
    ///
    /// Too many spans or holidays, or a holiday on a date that does not exist.
    pub fn new(zone: Zone, spans: Vec<Span>, holidays: Vec<Holiday>) -> Result<Self, InvalidHours> {
        if spans.len() > Self::MAX_SPANS {
            return Err(InvalidHours::TooManySpans);
        }
        if holidays.len() > Self::MAX_HOLIDAYS {
            return Err(InvalidHours::TooManyHolidays);
        }
        match holidays.iter().find(|holiday| !holiday.exists()) {
            Some(missing) => Err(InvalidHours::NoSuchDate(*missing)),
            None => Ok(Self { zone, spans, holidays }),
        }
    }

    /// The zone whose clocks they follow.
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether it is open at `at`. A span belongs to the day on which it begins: that day's
    /// weekday and its being a holiday decide, even after midnight.
    pub fn open(&self, at: UnixMillis) -> bool {
        let now = self.zone.civil(at);
        let minute = now.minute_of_day();
        let today = date(now.year, now.month, now.day);
        let yesterday = today.and_then(|today| today.yesterday().ok());
        let began_today = self.spans.iter().any(|s| s.covers_own_day(now.weekday, minute));
        let began_yesterday = self.spans.iter().any(|s| s.covers_next_day(day_before(now), minute));
        began_today && self.is_working_day(today)
            || began_yesterday && self.is_working_day(yesterday)
    }

    fn is_working_day(&self, date: Option<Date>) -> bool {
        date.is_some_and(|date| !self.holidays.iter().any(|holiday| holiday.is_on(date)))
    }

    /// Whether no time can come at which it is open: no span has a day, or every day of the
    /// year is a holiday of every year.
    pub fn is_never_open(&self) -> bool {
        let no_day = self.spans.iter().all(|span| span.days.is_empty());
        no_day
            || every_date()
                .all(|(month, day)| self.holidays.contains(&Holiday::EveryYear { month, day }))
    }
}

/// The day of the week before that of `time`.
const fn day_before(time: CivilTime) -> u8 {
    if time.weekday == 1 { 7 } else { time.weekday - 1 }
}

/// Every month and day of a leap year.
fn every_date() -> impl Iterator<Item = (u8, u8)> {
    (1..=12)
        .flat_map(|month| (1..=31).map(move |day| (month, day)))
        .filter(|(month, day)| date(A_LEAP_YEAR, *month, *day).is_some())
}

/// Why something is not opening hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidHours {
    /// A span begins after the day's last minute.
    #[error("opening at {} is no time of day: write 0:00 to 23:59", clock(*.0))]
    From(u16),
    /// A span ends after the day's end.
    #[error("closing at {} is no time of day: write 0:01 to 24:00", clock(*.0))]
    Until(u16),
    /// A span ends at minute 0, which is the end of the day before.
    #[error("closing at 0:00 is the day before: write 24:00 for the end of the day")]
    UntilMidnight,
    /// A span ends when it begins.
    #[error("opening and closing are the same time: write 0:00 to 24:00 for the whole day")]
    Empty,
    /// A holiday's date is in no calendar.
    #[error("{}: give a day that the month has", no_such_date(*.0))]
    NoSuchDate(Holiday),
    /// More than [`Hours::MAX_SPANS`].
    #[error("more than {} opening times: join some of them", Hours::MAX_SPANS)]
    TooManySpans,
    /// More than [`Hours::MAX_HOLIDAYS`].
    #[error("more than {} holidays: take out those of years gone by", Hours::MAX_HOLIDAYS)]
    TooManyHolidays,
}

fn clock(minute: u16) -> String {
    format!("{}:{:02}", minute / 60, minute % 60)
}

fn no_such_date(holiday: Holiday) -> String {
    match holiday {
        Holiday::Date { year, month, day } => {
            format!("the holiday {year}-{month:02}-{day:02} is no date")
        }
        Holiday::EveryYear { month, day } => {
            format!("the holiday {month:02}-{day:02} is no date of any year")
        }
    }
}
