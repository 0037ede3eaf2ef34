//! A day as people name it from where they stand.

use crate::calendar::CivilTime;

/// How a day is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Today,
    Yesterday,
    /// Two to six days ago; 0 is Monday, 6 is Sunday.
    Weekday(usize),
    /// Any other day, those to come included.
    Date {
        /// 0 is January, 11 is December.
        month: usize,
        /// 1 to 31.
        day: u8,
        /// Only if it is not this year.
        year: Option<i16>,
    },
}

impl Day {
    /// How the day of `then` is named on the day of `now`. Fields out of range are taken as
    /// the nearest that are in it.
    pub(super) fn of(then: CivilTime, now: CivilTime) -> Self {
        match now.day_number() - then.day_number() {
            0 => Self::Today,
            1 => Self::Yesterday,
            2..=6 => Self::Weekday(usize::from(then.weekday.clamp(1, 7) - 1)),
            _ => Self::Date {
                month: usize::from(then.month.clamp(1, 12) - 1),
                day: then.day.clamp(1, 31),
                year: (then.year != now.year).then_some(then.year),
            },
        }
    }
}
