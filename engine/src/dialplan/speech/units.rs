//! A duration taken apart as people tell it: a large unit, and a smaller one while it matters.

use std::time::Duration;

/// A unit of time, for which each language has its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

/// So many of a unit.
pub(super) type Amount = (u64, Unit);

/// The one or two largest units of `duration`, rounded to a second as a person would: 4.98 s
/// is 5 seconds.
pub(super) fn largest(duration: Duration) -> (Amount, Option<Amount>) {
    let rounded = duration.saturating_add(Duration::from_millis(500));
    let seconds = rounded.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => ((seconds, Unit::Second), None),
        (0, 0, m) if m < 10 && !seconds.is_multiple_of(60) => {
            ((m, Unit::Minute), Some((seconds % 60, Unit::Second)))
        }
        (0, 0, m) => ((m, Unit::Minute), None),
        (0, h, m) if h < 3 && m >= 5 => ((h, Unit::Hour), Some((m, Unit::Minute))),
        (0, h, _) => ((h, Unit::Hour), None),
        (d, _, _) => ((d, Unit::Day), None),
    }
}
