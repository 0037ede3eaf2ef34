//! Wall-clock time as people live by it: time zones, dates, opening hours.

mod hours;
pub mod recurrence;
mod weekdays;
mod zone;

pub use hours::{Holiday, Hours, InvalidHours, Span};
pub use recurrence::{InvalidRecurrence, Recurrence};
pub use weekdays::Weekdays;
pub use zone::{UnknownZone, Zone};

/// A date and time of day as a calendar and a clock on the wall show them (Gregorian).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CivilTime {
    /// -9999 to 9999.
    pub year: i16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 1 is Monday, 7 is Sunday (ISO 8601).
    pub weekday: u8,
}

impl CivilTime {
    /// The number of its day, counted from an arbitrary one: the days between two dates are the
    /// difference of their numbers.
    pub(crate) fn day_number(self) -> i64 {
        // Years begin in March here, so that a leap day is the last of its year.
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month <= 2);
        let months = (month + 9).rem_euclid(12);
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        year * 365 + leap_days + (months * 153 + 2) / 5 + i64::from(self.day)
    }

    /// Minutes since midnight as the clock shows it: 0 to 1439.
    const fn minute_of_day(self) -> u16 {
        self.hour as u16 * 60 + self.minute as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i16, month: u8, day: u8) -> i64 {
        CivilTime { year, month, day, hour: 0, minute: 0, weekday: 1 }.day_number()
    }

    #[test]
    fn days_are_counted_across_months_years_and_leap_days() {
        assert_eq!(day(2026, 3, 1) - day(2026, 2, 28), 1);
        assert_eq!(day(2028, 3, 1) - day(2028, 2, 28), 2);
        assert_eq!(day(1900, 3, 1) - day(1900, 2, 28), 1);
        assert_eq!(day(2000, 3, 1) - day(2000, 2, 28), 2);
        assert_eq!(day(2027, 1, 1) - day(2026, 12, 31), 1);
        assert_eq!(day(2026, 1, 1) - day(1970, 1, 1), 20_454);
        assert_eq!(day(1, 1, 1) - day(-1, 1, 1), 366 + 365);
    }
}
