//! Days of the week.

/// A set of days of the week, numbered as in ISO 8601: 1 is Monday, 7 is Sunday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

impl Weekdays {
    /// No day.
    pub const NONE: Self = Self(0);
    /// Every day.
    pub const ALL: Self = Self(0b1111_1110);

    /// From `first` to `last`, both included, over the end of the week if need be: 5 to 1 is
    /// Friday to Monday. Empty if one of them is not 1 to 7.
    pub fn range(first: u8, last: u8) -> Self {
        if !(1..=7).contains(&first) || !(1..=7).contains(&last) {
            return Self::NONE;
        }
        let days = (last + 7 - first) % 7;
        (0..=days).fold(Self::NONE, |set, n| set.with((first - 1 + n) % 7 + 1))
    }

    /// These days and `weekday`, which is 1 to 7; any other changes nothing.
    #[must_use]
    pub const fn with(self, weekday: u8) -> Self {
        match weekday {
            1..=7 => Self(self.0 | 1 << weekday),
            _ => self,
        }
    }

    /// The days of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `weekday` is one of them.
    pub const fn contains(self, weekday: u8) -> bool {
        matches!(weekday, 1..=7) && self.0 & 1 << weekday != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_week_form_sets() {
        let days = |set: Weekdays| (0..=8).filter(|day| set.contains(*day)).collect::<Vec<_>>();
        assert_eq!(days(Weekdays::range(1, 5)), [1, 2, 3, 4, 5]);
        assert_eq!(days(Weekdays::range(5, 1)), [1, 5, 6, 7]);
        assert_eq!(days(Weekdays::range(3, 3)), [3]);
        assert!(days(Weekdays::range(0, 3)).is_empty());
        assert_eq!(days(Weekdays::ALL), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(days(Weekdays::range(6, 7).and(Weekdays::NONE.with(2).with(9))), [2, 6, 7]);
    }
}
