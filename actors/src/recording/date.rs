//! Calendar dates (proleptic Gregorian, UTC) of wall-clock time.

use hark_engine::time::UnixMillis;

/// Year, month and day.
pub fn civil(at: UnixMillis) -> (i64, u32, u32) {
    // Days are counted from 0000-03-01, so that the leap day is a year's last.
    let days = at.as_secs().div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// `2026-11-23T11:05:09Z` (RFC 3339).
pub fn rfc3339(at: UnixMillis) -> String {
    let (year, month, day) = civil(at);
    let second = at.as_secs().rem_euclid(86_400);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(rfc3339(UnixMillis(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(UnixMillis(951_782_399_000)), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(UnixMillis(951_782_400_000)), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(UnixMillis(1_795_431_909_999)), "2026-11-23T11:05:09Z");
        assert_eq!(rfc3339(UnixMillis(-1)), "1969-12-31T23:59:59Z");
    }
}
