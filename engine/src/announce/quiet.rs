//! Quiet hours: what is not urgent waits until they are over.

use crate::calendar::Zone;
use crate::time::UnixMillis;

/// Minutes in a day.
const DAY: u16 = 1440;

/// The quiet part of every day, by the clock on the wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    zone: Zone,
    /// Minutes since midnight.
    from: u16,
    until: u16,
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, &'static str> {
        const MEND: &str = "should look like 22:00-07:00";
        let (from, until) = text.split_once('-').ok_or(MEND)?;
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let (from, until) = (minute(from).ok_or(MEND)?, minute(until).ok_or(MEND)?);
        if from == until {
            return Err("quiet hours need an end that is not their beginning");
        }
        Ok(Self { zone, from, until })
    }

    /// When the quiet hours end that hold at `now`; `None` outside of them.
    pub fn end(&self, now: UnixMillis) -> Option<UnixMillis> {
        let shown = self.zone.civil(now);
        let minute = u16::from(shown.hour) * 60 + u16::from(shown.minute);
        let wraps = self.until < self.from;
        let quiet = if wraps {
            minute >= self.from || minute < self.until
        } else {
            minute >= self.from && minute < self.until
        };
        if !quiet {
            return None;
        }
        // Looked for minute by minute, so that a clock that is put forward or back in the night
        // is counted as it goes: two days are 2880 looks at most.
        let whole = UnixMillis(now.0 - now.0.rem_euclid(60_000));
        (1..=i64::from(2 * DAY)).map(|n| UnixMillis(whole.0 + n * 60_000)).find(|at| {
            let shown = self.zone.civil(*at);
            let minute = u16::from(shown.hour) * 60 + u16::from(shown.minute);
            if wraps {
                minute >= self.until && minute < self.from
            } else {
                minute >= self.until || minute < self.from
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> QuietHours {
        QuietHours::parse(text, Zone::parse("Europe/Berlin").unwrap()).unwrap()
    }

    #[test]
    fn the_night_ends_in_the_morning() {
        // 2026-01-05T14:00:00Z is 15:00 in Berlin.
        let at = |hours: f64| UnixMillis(1_767_621_600_000 + (hours * 3_600_000.0) as i64);
        let night = hours("22:00-07:00");
        assert_eq!(night.end(at(0.0)), None);
        assert_eq!(night.end(at(6.999)), None);
        assert_eq!(night.end(at(7.0)), Some(at(16.0)));
        assert_eq!(night.end(at(15.99)), Some(at(16.0)));
        assert_eq!(night.end(at(16.0)), None);
        let noon = hours("12:00-15:30");
        assert_eq!(noon.end(at(0.25)), Some(at(0.5)));
        assert_eq!(noon.end(at(0.5)), None);
    }

    #[test]
    fn a_night_of_changing_clocks_ends_by_the_clock_on_the_wall() {
        let night = hours("22:00-07:00");
        // 2026-03-28T22:00:00Z, 23:00 in Berlin; the night is an hour shorter.
        let at = UnixMillis(1_774_735_200_000);
        assert_eq!(night.end(at), Some(UnixMillis(at.0 + 7 * 3_600_000)));
        // 2026-10-24T21:00:00Z, 23:00 in Berlin; this one is longer.
        let at = UnixMillis(1_792_875_600_000);
        assert_eq!(night.end(at), Some(UnixMillis(at.0 + 9 * 3_600_000)));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "22:00", "22-7", "24:00-07:00", "07:00-07:00", "a:b-c:d"] {
            assert!(QuietHours::parse(text, Zone::utc()).is_err(), "{text}");
        }
    }
}
