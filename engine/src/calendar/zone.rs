//! Time zones by their IANA names, from the database that is built in.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use thiserror::Error;

use super::CivilTime;
use crate::dialplan::diagnostic::nearest;
use crate::time::UnixMillis;

/// No IANA name is longer, in bytes.
const MAX_NAME: usize = 64;

/// A time zone of the IANA database. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated Universal Time.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone of an IANA name such as `Europe/Berlin`, in either case.
    ///
    /// # Errors
    ///
    /// The database has no such zone; the error names one that was probably meant.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let zone = (name.len() <= MAX_NAME)
            .then(|| TimeZoneDatabase::bundled().get(name).ok())
            .flatten()
            .filter(|zone| !zone.is_unknown());
        zone.map(Self).ok_or_else(|| UnknownZone::new(name))
    }

    /// Its name as the database writes it.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What calendar and clock show in this zone at `at`. Times before the year -9999 or after
    /// 9999 are taken for the first or last within.
    pub fn civil(&self, at: UnixMillis) -> CivilTime {
        let limit = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let at = self.0.to_datetime(Timestamp::from_millisecond(at.0).unwrap_or(limit));
        CivilTime {
            year: at.year(),
            month: at.month().unsigned_abs(),
            day: at.day().unsigned_abs(),
            hour: at.hour().unsigned_abs(),
            minute: at.minute().unsigned_abs(),
            weekday: at.weekday().to_monday_one_offset().unsigned_abs(),
        }
    }
}

impl Zone {
    /// The date and time that this zone shows at `at`, for counting with.
    pub(super) fn date_time(&self, at: UnixMillis) -> DateTime {
        let limit = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        self.0.to_datetime(Timestamp::from_millisecond(at.0).unwrap_or(limit))
    }

    /// When this zone shows `at`. A time that its clocks leave out is taken by the offset before
    /// they are put forward, one that they show twice at its first (RFC 5545 section 3.3.5).
    /// `None` at the ends of time.
    pub(super) fn instant(&self, at: DateTime) -> Option<UnixMillis> {
        let instant = self.0.to_ambiguous_timestamp(at).compatible().ok()?;
        Some(UnixMillis(instant.as_millisecond()))
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

/// A name that is no time zone's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct UnknownZone {
    /// The name, cut to 64 characters.
    pub name: String,
    /// The name that was probably meant.
    pub near: Option<String>,
}

impl UnknownZone {
    fn new(name: &str) -> Self {
        let name: String = name.chars().take(MAX_NAME).collect();
        let database = TimeZoneDatabase::bundled();
        let known: Vec<_> = database.available().collect();
        let known = || known.iter().map(|zone| zone.as_str());
        // Many write the city alone.
        let city = name.replace(' ', "_");
        let near = known()
            .find(|zone| zone.rsplit('/').next().is_some_and(|c| c.eq_ignore_ascii_case(&city)))
            .or_else(|| nearest(&name, known()))
            .map(str::to_owned);
        Self { name, near }
    }
}

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no time zone is called `{}`: ", self.name)?;
        match &self.near {
            Some(near) => write!(f, "did you mean `{near}`?"),
            None => f.write_str("write an IANA name, such as `Europe/Berlin`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `(year, month, day, hour, minute, weekday)` at a time given in seconds.
    fn civil(zone: &str, seconds: i64) -> (i16, u8, u8, u8, u8, u8) {
        let t = Zone::parse(zone).unwrap().civil(UnixMillis(seconds * 1000));
        (t.year, t.month, t.day, t.hour, t.minute, t.weekday)
    }

    #[test]
    fn the_clock_on_the_wall_follows_the_zone() {
        // 2026-01-05T14:05:00Z, a Monday.
        let at = 1_767_621_900;
        assert_eq!(civil("UTC", at), (2026, 1, 5, 14, 5, 1));
        assert_eq!(civil("Europe/Berlin", at), (2026, 1, 5, 15, 5, 1));
        assert_eq!(civil("America/New_York", at), (2026, 1, 5, 9, 5, 1));
        assert_eq!(civil("Asia/Kolkata", at), (2026, 1, 5, 19, 35, 1));
        assert_eq!(civil("Pacific/Kiritimati", at), (2026, 1, 6, 4, 5, 2));
        assert_eq!(Zone::utc().civil(UnixMillis(at * 1000)).hour, 14);
    }

    #[test]
    fn clocks_change_at_one_in_the_morning_utc_in_berlin() {
        // 2026-03-29T01:00:00Z and 2026-10-25T01:00:00Z, both Sundays.
        let (spring, autumn) = (1_774_746_000, 1_792_890_000);
        assert_eq!(civil("Europe/Berlin", spring - 60), (2026, 3, 29, 1, 59, 7));
        assert_eq!(civil("Europe/Berlin", spring), (2026, 3, 29, 3, 0, 7));
        assert_eq!(civil("Europe/Berlin", autumn - 60), (2026, 10, 25, 2, 59, 7));
        assert_eq!(civil("Europe/Berlin", autumn), (2026, 10, 25, 2, 0, 7));
    }

    #[test]
    fn the_rules_go_on_beyond_the_table() {
        // 2060-07-01T12:00:00Z: summer time still.
        assert_eq!(civil("Europe/Berlin", 2_855_908_800), (2060, 7, 1, 14, 0, 4));
    }

    #[test]
    fn a_name_is_known_in_either_case_and_shown_as_written_in_the_database() {
        assert_eq!(Zone::parse("europe/berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(Zone::parse("UTC").unwrap(), Zone::utc());
        assert_eq!(format!("{:?}", Zone::utc()), "Zone(UTC)");
    }

    #[test]
    fn an_unknown_name_is_answered_with_a_near_one() {
        for (name, said) in [
            (
                "Europe/Berln",
                "no time zone is called `Europe/Berln`: did you mean `Europe/Berlin`?",
            ),
            ("Berlin", "no time zone is called `Berlin`: did you mean `Europe/Berlin`?"),
            ("new york", "no time zone is called `new york`: did you mean `America/New_York`?"),
            (
                "Middle Earth",
                "no time zone is called `Middle Earth`: write an IANA name, such as `Europe/Berlin`",
            ),
            ("", "no time zone is called ``: write an IANA name, such as `Europe/Berlin`"),
            (
                "../passwd",
                "no time zone is called `../passwd`: write an IANA name, such as `Europe/Berlin`",
            ),
            (
                "Etc/Unknown",
                "no time zone is called `Etc/Unknown`: write an IANA name, such as `Europe/Berlin`",
            ),
        ] {
            assert_eq!(Zone::parse(name).unwrap_err().to_string(), said);
        }
        assert_eq!(Zone::parse(&"ä".repeat(9999)).unwrap_err().name.chars().count(), 64);
    }

    proptest! {
        #[test]
        fn every_time_has_a_date(at: i64) {
            for zone in ["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"] {
                let time = Zone::parse(zone).unwrap().civil(UnixMillis(at));
                prop_assert!((1..=12).contains(&time.month) && (1..=31).contains(&time.day));
                prop_assert!(time.hour < 24 && time.minute < 60);
                prop_assert!((1..=7).contains(&time.weekday));
            }
        }

        /// The numbers of days are those of Unix time.
        #[test]
        fn days_are_numbered_as_unix_counts_them(day in -3_000_000i64..2_900_000) {
            let epoch = Zone::utc().civil(UnixMillis(0)).day_number();
            let time = Zone::utc().civil(UnixMillis(day * 86_400_000));
            prop_assert_eq!(time.day_number() - epoch, day);
            prop_assert_eq!(i64::from(time.weekday), (day + 3).rem_euclid(7) + 1);
        }
    }
}
