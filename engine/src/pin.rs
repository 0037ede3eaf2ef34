//! Telephone PINs: which are good enough, and how often one may be guessed.
//!
//! A PIN has few digits and a telephone has patience, so what protects it is the lock: after
//! [`SERIES`] wrong attempts in a row nobody gets another for [`FIRST_LOCK`], and for twice as
//! long after each further series, up to [`LONGEST_LOCK`]. The right PIN ends that.
//!
//! An attempt counts before it is judged ([`Attempts::begin`]), so that many calls at once get
//! no more attempts than one.

use std::time::Duration;

use crate::time::UnixMillis;

/// Wrong attempts in a row after which the PIN is locked.
pub const SERIES: u32 = 5;
/// How long the first lock lasts.
pub const FIRST_LOCK: Duration = Duration::from_secs(15 * 60);
/// How long a lock lasts at most.
pub const LONGEST_LOCK: Duration = Duration::from_secs(24 * 3600);
/// How many digits a PIN has.
pub const DIGITS: std::ops::RangeInclusive<usize> = 4..=10;

/// The attempts at one user's PIN since the last right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many, in a row.
    pub wrong: u32,
    /// Until when no further one is taken.
    pub locked_until: Option<UnixMillis>,
}

impl Attempts {
    /// Takes another attempt, which counts as wrong until it proves right. `Err`: no attempt is
    /// taken, for so long.
    pub fn begin(self, now: UnixMillis) -> Result<Self, Duration> {
        if let Some(until) = self.locked_until {
            let left = until.since(now);
            // A lock that lasts longer than it was made for is a clock that was set back.
            if !left.is_zero() && left <= self.lock() {
                return Err(left);
            }
        }
        let mut after = Self { wrong: self.wrong.saturating_add(1), locked_until: None };
        if after.wrong.is_multiple_of(SERIES) {
            after.locked_until = Some(now.after(after.lock()));
        }
        Ok(after)
    }

    /// How long the lock lasts after so many wrong attempts.
    fn lock(self) -> Duration {
        let doublings = (self.wrong / SERIES).saturating_sub(1).min(16);
        (FIRST_LOCK * (1 << doublings)).min(LONGEST_LOCK)
    }
}

/// Why a PIN is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Too short, too long, or not of digits.
    #[error("a PIN has {} to {} digits and nothing else", DIGITS.start(), DIGITS.end())]
    Form,
    /// Among the first that anybody tries.
    #[error(
        "this PIN is easily guessed: take one that is no run, no repetition and not the extension"
    )]
    Guessable,
}

/// Whether `digits` may become the PIN of the user at `extension`.
pub fn fit(digits: &str, extension: &str) -> Result<(), Unfit> {
    if !DIGITS.contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Unfit::Form);
    }
    // 1111, 1234 and 9876, and runs that go on from 9 to 0.
    let steps = |by: u8| {
        let pairs = digits.as_bytes().windows(2);
        pairs.into_iter().all(|pair| (pair[0] - b'0' + by) % 10 == pair[1] - b'0')
    };
    if digits == extension || [0, 1, 9].into_iter().any(steps) {
        return Err(Unfit::Guessable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn the_sixth_attempt_waits_and_each_further_series_waits_longer() {
        let (mut attempts, mut now) = (Attempts::default(), NOON);
        let mut waits = Vec::new();
        while waits.len() < 9 {
            match attempts.begin(now) {
                Ok(after) => attempts = after,
                Err(left) => {
                    waits.push((attempts.wrong, left.as_secs() / 60));
                    assert!(attempts.begin(now.after(left - Duration::from_millis(1))).is_err());
                    now = now.after(left);
                }
            }
        }
        let expected = [15, 30, 60, 120, 240, 480, 960, 1440, 1440];
        assert_eq!(
            waits,
            expected
                .into_iter()
                .enumerate()
                .map(|(n, m)| (5 * (n as u32 + 1), m))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_years() {
        let mut attempts = Attempts::default();
        for _ in 0..SERIES {
            attempts = attempts.begin(NOON).unwrap();
        }
        assert!(attempts.begin(NOON).is_err());
        assert!(attempts.begin(UnixMillis(NOON.0 - 86_400_000 * 365)).is_ok());
    }

    #[test]
    fn what_anybody_would_try_first_is_refused() {
        for form in ["", "123", "12345678901", "12a4", "12 34"] {
            assert_eq!(fit(form, "1001"), Err(Unfit::Form), "{form}");
        }
        for guessable in ["0000", "7777777", "1234", "4321", "7890", "2109", "1001"] {
            assert_eq!(fit(guessable, "1001"), Err(Unfit::Guessable), "{guessable}");
        }
        for good in ["1357", "2580", "12344", "100100", "9182736450"] {
            assert_eq!(fit(good, "1001"), Ok(()), "{good}");
        }
    }

    proptest! {
        #[test]
        fn no_day_gives_more_than_two_series(gaps in proptest::collection::vec(0u64..7200, 1..400)) {
            // Once the longest lock is reached: whatever somebody tries, and whenever.
            let mut attempts = Attempts { wrong: 5 * SERIES * 2, locked_until: None };
            let mut now = NOON;
            let mut taken = Vec::new();
            for gap in gaps {
                now = now.after(Duration::from_secs(gap));
                if let Ok(after) = attempts.begin(now) {
                    attempts = after;
                    taken.push(now);
                }
            }
            for first in &taken {
                let day = taken.iter().filter(|t| *t >= first && t.since(*first) < LONGEST_LOCK);
                prop_assert!(day.count() <= 2 * SERIES as usize);
            }
        }
    }
}
