//! Rules of which everybody can see in a calendar what they mean, and days of changing clocks.

use proptest::prelude::*;

use super::*;
use crate::calendar::CivilTime;

fn read(text: &str) -> Recurrence {
    Recurrence::parse(text, &Zone::utc()).unwrap()
}

fn shown(recurrence: &Recurrence, at: UnixMillis) -> String {
    let CivilTime { year, month, day, hour, minute, .. } = recurrence.zone().civil(at);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// The first occurrences, each with a comma behind it.
fn first(text: &str, count: usize) -> String {
    let recurrence = read(text);
    let all: Vec<_> = recurrence
        .after(UnixMillis(i64::MIN))
        .take(count)
        .map(|at| shown(&recurrence, at))
        .collect();
    all.join(", ")
}

const START: &str = "DTSTART;TZID=Europe/Berlin:20260105T090000\n";

#[test]
fn rules_mean_what_the_calendar_shows() {
    for (rule, expected) in [
        ("FREQ=DAILY;COUNT=3", "2026-01-05 09:00, 2026-01-06 09:00, 2026-01-07 09:00"),
        ("FREQ=DAILY;INTERVAL=10;COUNT=2", "2026-01-05 09:00, 2026-01-15 09:00"),
        (
            "FREQ=DAILY;UNTIL=20260107T080000Z",
            "2026-01-05 09:00, 2026-01-06 09:00, 2026-01-07 09:00",
        ),
        ("FREQ=DAILY;UNTIL=20260106", "2026-01-05 09:00, 2026-01-06 09:00"),
        ("FREQ=DAILY;UNTIL=20260106T085959", "2026-01-05 09:00"),
        (
            "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4",
            "2026-01-05 09:00, 2026-01-07 09:00, 2026-01-12 09:00, 2026-01-14 09:00",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO;COUNT=3",
            "2026-01-05 09:00, 2026-01-18 09:00, 2026-01-19 09:00",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=MO;BYDAY=SU,MO;COUNT=3",
            "2026-01-05 09:00, 2026-01-11 09:00, 2026-01-19 09:00",
        ),
        ("FREQ=MONTHLY;BYDAY=1MO;COUNT=3", "2026-01-05 09:00, 2026-02-02 09:00, 2026-03-02 09:00"),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", "2026-01-30 09:00, 2026-02-27 09:00"),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3",
            "2026-01-31 09:00, 2026-02-28 09:00, 2026-03-31 09:00",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3",
            "2026-01-31 09:00, 2026-03-31 09:00, 2026-05-31 09:00",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2",
            "2026-01-30 09:00, 2026-02-27 09:00",
        ),
        ("FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR;COUNT=2", "2026-02-13 09:00, 2026-03-13 09:00"),
        ("FREQ=YEARLY;COUNT=2", "2026-01-05 09:00, 2027-01-05 09:00"),
        ("FREQ=YEARLY;BYMONTH=3,6;COUNT=3", "2026-03-05 09:00, 2026-06-05 09:00, 2027-03-05 09:00"),
        ("FREQ=YEARLY;BYDAY=20MO;COUNT=2", "2026-05-18 09:00, 2027-05-17 09:00"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2", "2026-11-26 09:00, 2027-11-25 09:00"),
        (
            "FREQ=DAILY;BYHOUR=8,17;BYMINUTE=0,30;COUNT=3",
            "2026-01-05 17:00, 2026-01-05 17:30, 2026-01-06 08:00",
        ),
        ("FREQ=HOURLY;INTERVAL=6;COUNT=3", "2026-01-05 09:00, 2026-01-05 15:00, 2026-01-05 21:00"),
        ("FREQ=HOURLY;BYHOUR=9,10;COUNT=3", "2026-01-05 09:00, 2026-01-05 10:00, 2026-01-06 09:00"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;COUNT=1", "2028-02-29 09:00"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", ""),
    ] {
        assert_eq!(first(&format!("{START}RRULE:{rule}"), 10), expected, "{rule}");
    }
}

#[test]
fn dates_are_left_out_and_added() {
    let text = format!(
        "{START}RRULE:FREQ=DAILY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260106T090000\n\
         EXDATE;VALUE=DATE:20260107\nRDATE:20260105T140000Z,20260108T080000Z"
    );
    assert_eq!(first(&text, 10), "2026-01-05 09:00, 2026-01-05 15:00, 2026-01-08 09:00");
    assert_eq!(first(START, 10), "2026-01-05 09:00");
    assert_eq!(first("DTSTART:20260105T090000Z", 10), "2026-01-05 09:00");
    let folded = "DTSTART;TZID=Europe/Berlin:20260105T090000\r\nRRULE:FREQ=DAILY;\r\n COUNT=1\r\n";
    assert_eq!(first(folded, 10), "2026-01-05 09:00");
}

#[test]
fn a_time_that_the_clock_leaves_out_comes_an_hour_later() {
    // On 2026-03-29 Berlin's clocks go from 02:00 to 03:00.
    let text = "DTSTART;TZID=Europe/Berlin:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3";
    assert_eq!(first(text, 9), "2026-03-28 02:30, 2026-03-29 03:30, 2026-03-30 02:30");
    // 02:00 falls on 03:00, and that is one occurrence.
    let text = "DTSTART;TZID=Europe/Berlin:20260329T010000\nRRULE:FREQ=HOURLY;COUNT=3";
    assert_eq!(first(text, 9), "2026-03-29 01:00, 2026-03-29 03:00, 2026-03-29 04:00");
    let text = "DTSTART;TZID=Europe/Berlin:20260329T013000\nRRULE:FREQ=DAILY;BYHOUR=2,3;COUNT=2";
    assert_eq!(first(text, 9), "2026-03-29 03:30, 2026-03-30 02:30");
}

#[test]
fn a_time_that_the_clock_shows_twice_comes_once_at_its_first() {
    // On 2026-10-25 Berlin's clocks go from 03:00 back to 02:00.
    let text = "DTSTART;TZID=Europe/Berlin:20261024T023000\nRRULE:FREQ=DAILY;COUNT=3";
    let recurrence = read(text);
    let all: Vec<_> = recurrence.after(UnixMillis(0)).map(|at| at.as_secs()).collect();
    // 2026-10-25T00:30:00Z is the first 02:30.
    assert_eq!(all, [1_792_801_800, 1_792_888_200, 1_792_978_200]);
    assert_eq!(first(text, 9), "2026-10-24 02:30, 2026-10-25 02:30, 2026-10-26 02:30");
    let hourly = "DTSTART;TZID=Europe/Berlin:20261025T010000\nRRULE:FREQ=HOURLY;COUNT=3";
    assert_eq!(first(hourly, 9), "2026-10-25 01:00, 2026-10-25 02:00, 2026-10-25 03:00");
}

#[test]
fn nine_in_the_morning_stays_nine_in_the_morning() {
    let text = "DTSTART;TZID=America/New_York:20260307T090000\nRRULE:FREQ=DAILY;COUNT=2";
    let all: Vec<_> = read(text).after(UnixMillis(0)).map(|at| at.as_secs()).collect();
    assert_eq!(all[1] - all[0], 23 * 3600);
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    for (text, said) in [
        ("", "line 1: there is no DTSTART"),
        ("DTSTART:2026", "line 1: '2026' should look like 20260105T090000"),
        ("DTSTART:20260230T090000", "line 1: there is no such day: 20260230"),
        ("DTSTART:20260105", "line 1: say at what time"),
        ("DTSTART;TZID=Europe/Berln:20260105T090000", "did you mean `Europe/Berlin`?"),
        ("DTSTART:20260105T090000\nRRULE:FREQ=MINUTELY", "line 2: FREQ=MINUTELY: allowed are"),
        ("DTSTART:20260105T090000\nRRULE:COUNT=3", "line 2: FREQ is missing"),
        ("DTSTART:20260105T090000\nRRULE:FREQ=DAILY;COUNT=0", "COUNT=0: allowed are 1 to 10000"),
        ("DTSTART:20260105T090000\nRRULE:FREQ=DAILY;BYDAY=1MO", "needs FREQ=MONTHLY"),
        ("DTSTART:20260105T090000\nRRULE:FREQ=DAILY;BYWEEKNO=1", "BYWEEKNO is not read"),
        ("DTSTART:20260105T090000\nRRULE:FREQ=DAILY;COUNT=1;UNTIL=20260106", "exclude each other"),
        ("DTSTART:20260105T090000\nRRULE:FREQ=WEEKLY;BYDAY=Mö", "should be a day such as MO"),
        ("DTSTART:20260105T090000\nSUMMARY:x", "line 2: SUMMARY is not read"),
        ("DTSTART", "line 1: there is no ':'"),
    ] {
        let error = Recurrence::parse(text, &Zone::utc()).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

fn any_rule() -> impl Strategy<Value = String> {
    let frequency = prop_oneof!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"];
    let by = prop_oneof![
        Just(String::new()),
        (1u8..13).prop_map(|n| format!(";BYMONTH={n}")),
        (0u8..24).prop_map(|n| format!(";BYHOUR={n}")),
        prop_oneof!["MO", "SA"].prop_map(|d| format!(";BYDAY={d}")),
    ];
    (frequency, 1u32..4, by).prop_map(|(f, n, by)| format!("FREQ={f};INTERVAL={n}{by}"))
}

proptest! {
    /// Wherever one begins to look, one sees the same occurrences, each once and in order.
    #[test]
    fn every_start_sees_the_same(rule in any_rule(), skip in 0usize..20, counted: bool) {
        let count = if counted { ";COUNT=25" } else { "" };
        let text = format!("DTSTART;TZID=Europe/Berlin:20260320T023000\nRRULE:{rule}{count}");
        let recurrence = read(&text);
        let all: Vec<_> = recurrence.after(UnixMillis(0)).take(25).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        if let Some(from) = all.get(skip) {
            let later: Vec<_> = recurrence.after(*from).take(25 - skip - 1).collect();
            prop_assert_eq!(&later[..], &all[(skip + 1).min(all.len())..]);
            prop_assert_eq!(recurrence.next_after(UnixMillis(from.0 - 1)), Some(*from));
        }
    }

    #[test]
    fn no_text_makes_the_reader_fail(text in "[A-Z0-9;=:,\\-\n TZ]{0,80}", start: bool) {
        let text = if start { format!("{START}RRULE:{text}") } else { text };
        if let Ok(recurrence) = Recurrence::parse(&text, &Zone::utc()) {
            let _ = recurrence.after(UnixMillis(0)).take(3).count();
        }
    }
}
