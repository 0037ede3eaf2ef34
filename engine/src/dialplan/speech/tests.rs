use proptest::prelude::*;

use super::Language::{De, En};
use super::*;

#[test]
fn a_tag_is_known_by_its_primary_subtag() {
    for (tag, language) in [
        ("en", Some(En)),
        ("en-GB", Some(En)),
        ("EN-us", Some(En)),
        ("de", Some(De)),
        ("De-AT", Some(De)),
        ("de-Latn-CH-1996", Some(De)),
        ("fr", None),
        ("deutsch", None),
        ("", None),
        ("-de", None),
    ] {
        assert_eq!(Language::from_tag(tag), language, "{tag}");
    }
    for language in Language::ALL {
        assert_eq!(Language::from_tag(language.tag()), Some(language));
    }
    assert_eq!((En.name(), De.name()), ("English", "German"));
}

#[test]
fn plural_forms_follow_cldr() {
    for language in Language::ALL {
        assert_eq!(language.plural_forms(), 2);
        let form = |n| language.plural_form_names()[language.plural_form(n)];
        assert_eq!((form(1), form(-1)), ("one", "one"));
        for n in [0, 2, 11, 21, 101, -2, i64::MIN, i64::MAX] {
            assert_eq!(form(n), "other", "{n}");
        }
    }
}

#[test]
fn digits_are_spelled_with_the_names_of_the_keys() {
    for (digits, english, german) in [
        ("1002", "1 0 0 2", "1 0 0 2"),
        ("*97", "star 9 7", "Stern 9 7"),
        ("+1 555#", "plus 1 5 5 5 pound", "plus 1 5 5 5 Raute"),
        ("", "", ""),
    ] {
        assert_eq!(spell(En, digits), english);
        assert_eq!(spell(De, digits), german);
    }
}

#[test]
fn a_name_is_said_and_a_number_spelled() {
    for (name, english, german) in [
        ("+1 (555) 123", "plus 1 5 5 5 1 2 3", "plus 1 5 5 5 1 2 3"),
        (" Alice Archer ", "Alice Archer", "Alice Archer"),
        ("Room 12", "Room 12", "Room 12"),
        ("42", "42", "42"),
        ("", "an unknown caller", "ein unbekannter Anrufer"),
        ("  ", "an unknown caller", "ein unbekannter Anrufer"),
    ] {
        assert_eq!(name_or_number(En, name), english);
        assert_eq!(name_or_number(De, name), german);
    }
}

#[test]
fn numbers_are_left_to_the_engine_but_for_their_sign() {
    for language in Language::ALL {
        assert_eq!(number(language, 0), "0");
        assert_eq!(number(language, 1205), "1205");
        assert_eq!(number(language, -5), "minus 5");
        assert_eq!(number(language, i64::MIN), "minus 9223372036854775808");
    }
}

#[test]
fn ordinals() {
    for (n, english, german) in [
        (0, "0th", "nullte"),
        (1, "1st", "erste"),
        (2, "2nd", "zweite"),
        (3, "3rd", "dritte"),
        (4, "4th", "vierte"),
        (7, "7th", "siebte"),
        (8, "8th", "achte"),
        (10, "10th", "zehnte"),
        (11, "11th", "elfte"),
        (12, "12th", "zwölfte"),
        (13, "13th", "dreizehnte"),
        (16, "16th", "sechzehnte"),
        (17, "17th", "siebzehnte"),
        (20, "20th", "zwanzigste"),
        (21, "21st", "einundzwanzigste"),
        (22, "22nd", "zweiundzwanzigste"),
        (30, "30th", "dreißigste"),
        (73, "73rd", "dreiundsiebzigste"),
        (100, "100th", "hundertste"),
        (101, "101st", "hunderterste"),
        (111, "111th", "hundertelfte"),
        (235, "235th", "zweihundertfünfunddreißigste"),
        (1000, "1000th", "tausendste"),
        (1103, "1103rd", "tausendeinhundertdritte"),
        (21_000, "21000th", "einundzwanzigtausendste"),
        (101_001, "101001st", "hunderteintausenderste"),
        (999_999, "999999th", "neunhundertneunundneunzigtausendneunhundertneunundneunzigste"),
        (1_000_000, "number 1000000", "Nummer 1000000"),
        (-3, "minus 3rd", "minus dritte"),
    ] {
        assert_eq!(ordinal(En, n), english);
        assert_eq!(ordinal(De, n), german);
    }
}

#[test]
fn durations_and_ages() {
    for (millis, english, german, ago) in [
        (0, "0 seconds", "0 Sekunden", "0 Sekunden"),
        (499, "0 seconds", "0 Sekunden", "0 Sekunden"),
        (1000, "1 second", "eine Sekunde", "einer Sekunde"),
        (4980, "5 seconds", "5 Sekunden", "5 Sekunden"),
        (59_500, "1 minute", "eine Minute", "einer Minute"),
        (
            61_000,
            "1 minute and 1 second",
            "eine Minute und eine Sekunde",
            "einer Minute und einer Sekunde",
        ),
        (
            125_000,
            "2 minutes and 5 seconds",
            "2 Minuten und 5 Sekunden",
            "2 Minuten und 5 Sekunden",
        ),
        (300_000, "5 minutes", "5 Minuten", "5 Minuten"),
        (659_000, "10 minutes", "10 Minuten", "10 Minuten"),
        (3_600_000, "1 hour", "eine Stunde", "einer Stunde"),
        (
            3_900_000,
            "1 hour and 5 minutes",
            "eine Stunde und 5 Minuten",
            "einer Stunde und 5 Minuten",
        ),
        (7_500_000, "2 hours and 5 minutes", "2 Stunden und 5 Minuten", "2 Stunden und 5 Minuten"),
        (10_800_000, "3 hours", "3 Stunden", "3 Stunden"),
        (86_400_000, "1 day", "ein Tag", "einem Tag"),
        (3 * 86_400_000, "3 days", "3 Tage", "3 Tagen"),
    ] {
        let time = Duration::from_millis(millis);
        assert_eq!(duration(En, time), english);
        assert_eq!(age(En, time), english);
        assert_eq!(duration(De, time), german);
        assert_eq!(age(De, time), ago);
    }
    assert_eq!(duration(En, Duration::MAX), "213503982334601 days");
}

/// Monday, 2026-01-05, at noon and a minute.
const NOW: CivilTime = CivilTime { year: 2026, month: 1, day: 5, hour: 12, minute: 1, weekday: 1 };

#[test]
fn moments_as_people_name_them() {
    for ((year, month, day, weekday), (hour, minute), english, german) in [
        ((2026, 1, 5, 1), (15, 5), "today at 3:05 PM", "heute um 15 Uhr 5"),
        ((2026, 1, 5, 1), (0, 0), "today at midnight", "heute um 0 Uhr"),
        ((2026, 1, 5, 1), (0, 30), "today at 12:30 AM", "heute um 0 Uhr 30"),
        ((2026, 1, 5, 1), (1, 0), "today at 1 AM", "heute um ein Uhr"),
        ((2026, 1, 5, 1), (1, 1), "today at 1:01 AM", "heute um ein Uhr 1"),
        ((2026, 1, 4, 7), (12, 0), "yesterday at noon", "gestern um 12 Uhr"),
        ((2026, 1, 4, 7), (12, 45), "yesterday at 12:45 PM", "gestern um 12 Uhr 45"),
        ((2026, 1, 3, 6), (9, 0), "on Saturday at 9 AM", "am Samstag um 9 Uhr"),
        ((2025, 12, 30, 2), (23, 59), "on Tuesday at 11:59 PM", "am Dienstag um 23 Uhr 59"),
        (
            (2025, 12, 29, 1),
            (10, 10),
            "on December 29th, 2025 at 10:10 AM",
            "am neunundzwanzigsten Dezember 2025 um 10 Uhr 10",
        ),
        ((2026, 1, 6, 2), (8, 0), "on January 6th at 8 AM", "am sechsten Januar um 8 Uhr"),
        ((2026, 3, 1, 7), (21, 0), "on March 1st at 9 PM", "am ersten März um 21 Uhr"),
        ((2026, 5, 3, 7), (21, 0), "on May 3rd at 9 PM", "am dritten Mai um 21 Uhr"),
        (
            (2027, 10, 22, 5),
            (13, 0),
            "on October 22nd, 2027 at 1 PM",
            "am zweiundzwanzigsten Oktober 2027 um 13 Uhr",
        ),
    ] {
        let then = CivilTime { year, month, day, hour, minute, weekday };
        assert_eq!(moment(En, then, NOW), english);
        assert_eq!(moment(De, then, NOW), german);
    }
}

#[test]
fn dates_and_times_alone() {
    let then = CivilTime { day: 2, weekday: 5, ..NOW };
    assert_eq!(date(En, then, NOW), "on Friday");
    assert_eq!(date(De, then, NOW), "am Freitag");
    assert_eq!(time_of_day(En, then), "12:01 PM");
    assert_eq!(time_of_day(De, then), "12 Uhr 1");
}

#[test]
fn answers_lists_and_presence() {
    assert_eq!((yes_no(En, true), yes_no(De, true)), ("yes".into(), "ja".into()));
    assert_eq!((yes_no(En, false), yes_no(De, false)), ("no".into(), "nein".into()));

    let names = ["Alice", "Bob", "Carol"].map(str::to_owned);
    for (count, english, german) in [
        (0, "", ""),
        (1, "Alice", "Alice"),
        (2, "Alice and Bob", "Alice und Bob"),
        (3, "Alice, Bob and Carol", "Alice, Bob und Carol"),
    ] {
        assert_eq!(list(En, &names[..count]), english);
        assert_eq!(list(De, &names[..count]), german);
    }

    for (how, english, german) in [
        (Presence::Offline, "offline", "offline"),
        (Presence::Phone, "reachable by phone", "telefonisch erreichbar"),
        (Presence::Away, "away", "abwesend"),
        (Presence::Online, "online", "online"),
    ] {
        assert_eq!(presence(En, how), english);
        assert_eq!(presence(De, how), german);
    }
}

fn any_time() -> impl Strategy<Value = CivilTime> {
    let fields = (any::<i16>(), any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>());
    fields.prop_map(|(year, month, day, hour, minute, weekday)| CivilTime {
        year,
        month,
        day,
        hour,
        minute,
        weekday,
    })
}

proptest! {
    #[test]
    fn any_value_has_a_short_form(
        n: i64, seconds: u64, nanos in 0u32..1_000_000_000, then in any_time(), now in any_time(),
    ) {
        let time = Duration::new(seconds, nanos);
        for language in Language::ALL {
            prop_assert!(language.plural_form(n) < language.plural_forms());
            for said in [
                number(language, n),
                ordinal(language, n),
                ordinal(language, n % 1_000_000),
                duration(language, time),
                age(language, time),
                moment(language, then, now),
                date(language, then, now),
                time_of_day(language, then),
            ] {
                prop_assert!(!said.is_empty() && said.len() < 100, "{said}");
            }
        }
    }

    #[test]
    fn any_text_is_answered_within_bounds(text: String, items: Vec<String>) {
        for language in Language::ALL {
            prop_assert!(spell(language, &text).len() <= text.len() * 6);
            prop_assert!(name_or_number(language, &text).len() <= text.len() * 6 + 25);
            let bytes: usize = items.iter().map(String::len).sum();
            prop_assert!(list(language, &items).len() <= bytes + items.len() * 5);
        }
    }
}
