use jiff::civil::date as civil_date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const WEEK: (u8, u8) = (1, 5);

fn span(days: (u8, u8), from: (u16, u16), until: (u16, u16)) -> Span {
    let days = Weekdays::range(days.0, days.1);
    Span::new(days, from.0 * 60 + from.1, until.0 * 60 + until.1).unwrap()
}

fn berlin(spans: &[Span], holidays: &[Holiday]) -> Hours {
    let zone = Zone::parse("Europe/Berlin").unwrap();
    Hours::new(zone, spans.to_vec(), holidays.to_vec()).unwrap()
}

/// A time of 2026 as clocks in UTC show it.
fn utc(month: i8, day: i8, hour: i8, minute: i8) -> UnixMillis {
    let at = civil_date(2026, month, day).at(hour, minute, 0, 0);
    UnixMillis(TimeZone::UTC.to_timestamp(at).unwrap().as_millisecond())
}

#[test]
fn an_office_is_open_in_office_hours_of_its_own_zone() {
    let office = berlin(&[span(WEEK, (9, 0), (17, 30)), span((6, 6), (10, 0), (12, 0))], &[]);
    // In January Berlin is an hour ahead. The 5th is a Monday.
    assert!(!office.open(utc(1, 5, 7, 59)));
    assert!(office.open(utc(1, 5, 8, 0)));
    assert!(office.open(utc(1, 5, 16, 29)));
    assert!(!office.open(utc(1, 5, 16, 30)));
    assert!(office.open(utc(1, 10, 9, 0)), "Saturday morning");
    assert!(!office.open(utc(1, 10, 11, 0)), "Saturday noon");
    assert!(!office.open(utc(1, 11, 9, 0)), "Sunday");
    // In July it is two.
    assert!(office.open(utc(7, 6, 7, 0)));
    assert!(!office.open(utc(7, 6, 15, 30)));
}

#[test]
fn a_whole_day_ends_at_midnight() {
    let sunday = berlin(&[span((7, 7), (0, 0), (24, 0))], &[]);
    assert!(!sunday.open(utc(1, 10, 22, 59)));
    assert!(sunday.open(utc(1, 10, 23, 0)));
    assert!(sunday.open(utc(1, 11, 22, 59)));
    assert!(!sunday.open(utc(1, 11, 23, 0)));
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let night = berlin(&[span((5, 5), (22, 0), (6, 0))], &[]);
    assert!(!night.open(utc(1, 8, 23, 30)), "early on Friday the night is Thursday's");
    assert!(!night.open(utc(1, 9, 20, 59)));
    assert!(night.open(utc(1, 9, 21, 0)));
    assert!(night.open(utc(1, 10, 4, 59)), "Saturday before six");
    assert!(!night.open(utc(1, 10, 5, 0)));
    assert!(!night.open(utc(1, 10, 21, 30)), "Saturday's night is not Friday's");
    let sunday = berlin(&[span((7, 7), (22, 0), (6, 0))], &[]);
    assert!(sunday.open(utc(1, 12, 3, 0)), "over the end of the week");
}

#[test]
fn a_holiday_closes_what_begins_on_it_and_only_that() {
    let new_year = Holiday::EveryYear { month: 1, day: 1 };
    let bridge = Holiday::Date { year: 2026, month: 1, day: 2 };
    let night = berlin(&[span((1, 7), (22, 0), (6, 0))], &[new_year, bridge]);
    assert!(night.open(utc(1, 1, 4, 0)), "New Year's Eve goes on");
    assert!(!night.open(utc(1, 1, 21, 30)));
    assert!(!night.open(utc(1, 2, 4, 0)), "the holiday's night, after midnight");
    assert!(!night.open(utc(1, 2, 21, 30)));
    assert!(night.open(utc(1, 3, 21, 30)));
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let later = Hours::new(zone, vec![span((1, 7), (0, 0), (24, 0))], vec![bridge]).unwrap();
    let a_year_on = UnixMillis(utc(1, 2, 12, 0).0 + 365 * 86_400_000);
    assert!(!later.open(utc(1, 2, 12, 0)));
    assert!(later.open(a_year_on), "a date is of one year");
}

#[test]
fn a_holiday_is_a_local_date() {
    let day = berlin(&[span((1, 7), (0, 0), (24, 0))], &[Holiday::EveryYear { month: 5, day: 1 }]);
    assert!(day.open(utc(4, 30, 21, 59)));
    assert!(!day.open(utc(4, 30, 22, 0)), "May in Berlin, April in Greenwich");
    assert!(!day.open(utc(5, 1, 21, 59)));
    assert!(day.open(utc(5, 1, 22, 0)));
}

#[test]
fn in_spring_an_hour_that_is_left_out_is_not_waited_for() {
    // 2026-03-29 is a Sunday: 2:00 becomes 3:00 at 1:00 UTC.
    let hours = berlin(&[span((7, 7), (2, 30), (4, 0))], &[]);
    assert!(!hours.open(utc(3, 29, 0, 59)), "1:59");
    assert!(hours.open(utc(3, 29, 1, 0)), "3:00");
    assert!(hours.open(utc(3, 29, 1, 59)), "3:59");
    assert!(!hours.open(utc(3, 29, 2, 0)), "4:00");
    let night = berlin(&[span((6, 6), (22, 0), (6, 0))], &[]);
    assert!(night.open(utc(3, 28, 21, 0)), "22:00 in winter");
    assert!(night.open(utc(3, 29, 3, 59)), "5:59 in summer");
    assert!(!night.open(utc(3, 29, 4, 0)), "6:00 in summer");
    let inside = berlin(&[span((7, 7), (2, 10), (2, 50))], &[]);
    assert!((0..24).all(|h| (0..60).all(|m| !inside.open(utc(3, 29, h, m)))));
}

#[test]
fn in_autumn_an_hour_that_is_shown_twice_counts_twice() {
    // 2026-10-25 is a Sunday: 3:00 becomes 2:00 at 1:00 UTC.
    let hours = berlin(&[span((7, 7), (2, 0), (2, 30))], &[]);
    assert!(!hours.open(utc(10, 24, 23, 59)), "1:59");
    assert!(hours.open(utc(10, 25, 0, 0)), "2:00 in summer");
    assert!(!hours.open(utc(10, 25, 0, 30)), "2:30 in summer");
    assert!(hours.open(utc(10, 25, 1, 0)), "2:00 in winter");
    assert!(!hours.open(utc(10, 25, 1, 30)), "2:30 in winter");
    let night = berlin(&[span((6, 6), (22, 0), (6, 0))], &[]);
    assert!(night.open(utc(10, 24, 20, 0)), "22:00 in summer");
    assert!(night.open(utc(10, 25, 4, 59)), "5:59 in winter");
    assert!(!night.open(utc(10, 25, 5, 0)), "6:00 in winter");
}

#[test]
fn what_never_opens_is_known() {
    assert!(berlin(&[], &[]).is_never_open());
    let no_days = Span::new(Weekdays::NONE, 0, 1440).unwrap();
    assert!(berlin(&[no_days], &[]).is_never_open());
    let daily = span((1, 7), (9, 0), (17, 0));
    let mut all: Vec<Holiday> =
        every_date().map(|(month, day)| Holiday::EveryYear { month, day }).collect();
    assert_eq!(all.len(), 366);
    assert!(berlin(&[daily], &all).is_never_open());
    all.pop();
    assert!(!berlin(&[daily], &all).is_never_open());
    assert!(!berlin(&[no_days, daily], &[]).is_never_open());
}

#[test]
fn nonsense_is_refused_with_its_mend() {
    let days = Weekdays::ALL;
    for (from, until, said) in [
        (1440, 1, "opening at 24:00 is no time of day: write 0:00 to 23:59"),
        (0, 1441, "closing at 24:01 is no time of day: write 0:01 to 24:00"),
        (60, 0, "closing at 0:00 is the day before: write 24:00 for the end of the day"),
        (540, 540, "opening and closing are the same time: write 0:00 to 24:00 for the whole day"),
    ] {
        assert_eq!(Span::new(days, from, until).unwrap_err().to_string(), said);
    }
    for (holiday, said) in [
        (
            Holiday::Date { year: 2026, month: 2, day: 29 },
            "the holiday 2026-02-29 is no date: give a day that the month has",
        ),
        (
            Holiday::EveryYear { month: 4, day: 31 },
            "the holiday 04-31 is no date of any year: give a day that the month has",
        ),
        (
            Holiday::EveryYear { month: 0, day: 255 },
            "the holiday 00-255 is no date of any year: give a day that the month has",
        ),
    ] {
        let error = Hours::new(Zone::utc(), Vec::new(), vec![holiday]).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    let leap = Holiday::EveryYear { month: 2, day: 29 };
    assert!(Hours::new(Zone::utc(), Vec::new(), vec![leap]).is_ok());
    let many = vec![span((1, 7), (0, 0), (1, 0)); Hours::MAX_SPANS + 1];
    assert_eq!(Hours::new(Zone::utc(), many, Vec::new()), Err(InvalidHours::TooManySpans));
    let many = vec![leap; Hours::MAX_HOLIDAYS + 1];
    assert_eq!(Hours::new(Zone::utc(), Vec::new(), many), Err(InvalidHours::TooManyHolidays));
}

proptest! {
    #[test]
    fn any_time_is_answered(at: i64, from in 0u16..1440, until in 1u16..=1440, first in 1u8..8) {
        prop_assume!(from != until);
        let span = Span::new(Weekdays::range(first, 7), from, until).unwrap();
        let _ = berlin(&[span], &[]).open(UnixMillis(at));
    }

    /// Two spans that meet cover the week as one day-long span does.
    #[test]
    fn a_day_cut_in_two_is_the_whole_day(at in 0i64..4_000_000_000, cut in 1u16..1440) {
        let (morning, rest) = (
            Span::new(Weekdays::ALL, 0, cut).unwrap(),
            Span::new(Weekdays::ALL, cut, 1440).unwrap(),
        );
        let at = UnixMillis(at * 1000);
        prop_assert!(berlin(&[morning, rest], &[]).open(at));
        prop_assert!(berlin(&[morning], &[]).open(at) != berlin(&[rest], &[]).open(at));
    }
}
