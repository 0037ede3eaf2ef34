//! Reading the lines of a recurrence (RFC 5545 sections 3.3.4, 3.3.5, 3.3.10 and 3.8.5).

use jiff::civil::{Date, DateTime, Time};

use super::{
    Frequency, InvalidRecurrence, LONGEST_TEXT, MOST_COUNTED, MOST_DATES, Recurrence, Rule,
};
use crate::calendar::Zone;
use crate::time::UnixMillis;

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A property's line: its name, its parameters, its value.
struct Line<'a> {
    number: usize,
    name: String,
    parameters: Vec<(&'a str, &'a str)>,
    value: &'a str,
}

impl Line<'_> {
    fn wrong(&self, what: impl Into<String>) -> InvalidRecurrence {
        InvalidRecurrence { line: self.number, what: what.into() }
    }
}

/// A value of time: in the line's zone, in UTC, or a day.
enum Moment {
    Local(DateTime),
    Utc(DateTime),
    Day(Date),
}

pub(super) fn parse(text: &str, zone: &Zone) -> Result<Recurrence, InvalidRecurrence> {
    let whole = |what: String| InvalidRecurrence { line: 1, what };
    if text.len() > LONGEST_TEXT {
        return Err(whole(format!("the text is too long: at most {LONGEST_TEXT} bytes")));
    }
    let text = unfolded(text);
    let mut start: Option<(Zone, DateTime)> = None;
    let mut rule_line = None;
    let mut lists = Vec::new();
    for (index, content) in text.lines().enumerate() {
        let content = content.trim();
        if content.is_empty() {
            continue;
        }
        let line = split(index + 1, content)?;
        match line.name.as_str() {
            "DTSTART" if start.is_some() => return Err(line.wrong("DTSTART stands there twice")),
            "DTSTART" => start = Some(read_start(&line, zone)?),
            "RRULE" if rule_line.is_some() => {
                return Err(line.wrong("RRULE stands there twice: only one is read"));
            }
            "RRULE" => rule_line = Some(line),
            "EXDATE" | "RDATE" => lists.push(line),
            name => {
                return Err(line
                    .wrong(format!("{name} is not read: write DTSTART, RRULE, EXDATE and RDATE")));
            }
        }
    }
    let Some((zone, start)) = start else {
        let example = "DTSTART;TZID=Europe/Berlin:20260105T090000";
        return Err(whole(format!("there is no DTSTART: begin with a line like {example}")));
    };
    let rule = rule_line.map(|line| read_rule(&line, &zone)).transpose()?;
    let mut recurrence = Recurrence { zone, start, rule, except: Vec::new(), also: Vec::new() };
    for line in &lists {
        let dates = read_dates(line, &recurrence)?;
        let list =
            if line.name == "EXDATE" { &mut recurrence.except } else { &mut recurrence.also };
        list.extend(dates);
        if list.len() > MOST_DATES {
            return Err(line.wrong(format!("at most {MOST_DATES} dates")));
        }
    }
    Ok(recurrence)
}

/// Long lines are folded: what begins with a blank goes on with the line before (section 3.1).
fn unfolded(text: &str) -> String {
    text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
}

fn split(number: usize, content: &str) -> Result<Line<'_>, InvalidRecurrence> {
    let Some((head, value)) = content.split_once(':') else {
        let what = "there is no ':' between the name and the value".to_owned();
        return Err(InvalidRecurrence { line: number, what });
    };
    let mut parts = head.split(';');
    let name = parts.next().unwrap_or_default().trim().to_ascii_uppercase();
    let parameters = parts.filter_map(|part| part.split_once('=')).collect();
    Ok(Line { number, name, parameters, value: value.trim() })
}

/// The zone that a line names, or else `zone`.
fn zone_of(line: &Line<'_>, zone: &Zone) -> Result<Zone, InvalidRecurrence> {
    let named = line.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case("TZID"));
    match named {
        None => Ok(zone.clone()),
        Some((_, name)) => {
            Zone::parse(name.trim_matches('"')).map_err(|e| line.wrong(e.to_string()))
        }
    }
}

fn read_start(line: &Line<'_>, zone: &Zone) -> Result<(Zone, DateTime), InvalidRecurrence> {
    let zone = zone_of(line, zone)?;
    match moment(line, line.value)? {
        Moment::Local(at) => Ok((zone, at)),
        Moment::Utc(at) => Ok((Zone::utc(), at)),
        Moment::Day(_) => Err(line.wrong("say at what time: 20260105T090000")),
    }
}

fn read_dates(
    line: &Line<'_>,
    recurrence: &Recurrence,
) -> Result<Vec<UnixMillis>, InvalidRecurrence> {
    let zone = zone_of(line, &recurrence.zone)?;
    let mut dates = Vec::new();
    for value in line.value.split(',') {
        let at = match moment(line, value)? {
            Moment::Local(at) => zone.instant(at),
            Moment::Utc(at) => Zone::utc().instant(at),
            // A day alone stands for its occurrence at the usual time.
            Moment::Day(day) => zone.instant(day.to_datetime(recurrence.start.time())),
        };
        dates.push(at.ok_or_else(|| line.wrong(format!("there is no such time: {value}")))?);
    }
    Ok(dates)
}

/// `20260105T090000`, `20260105T080000Z` or `20260105`.
fn moment(line: &Line<'_>, text: &str) -> Result<Moment, InvalidRecurrence> {
    let wrong = || line.wrong(format!("'{text}' should look like 20260105T090000"));
    let text = text.trim();
    let (text, utc) = text.strip_suffix('Z').map_or((text, false), |text| (text, true));
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    if day.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'T') {
        return Err(wrong());
    }
    let part = |text: &str, from: usize, to: usize| {
        text.get(from..to).and_then(|digits| digits.parse::<i16>().ok()).ok_or_else(wrong)
    };
    let narrow = |n: i16| i8::try_from(n).map_err(|_| wrong());
    let date = Date::new(part(day, 0, 4)?, narrow(part(day, 4, 6)?)?, narrow(part(day, 6, 8)?)?);
    let date = date.map_err(|_| line.wrong(format!("there is no such day: {day}")))?;
    let Some(time) = time else {
        return if utc { Err(wrong()) } else { Ok(Moment::Day(date)) };
    };
    if time.len() != 6 {
        return Err(wrong());
    }
    let (hour, minute, second) = (part(time, 0, 2)?, part(time, 2, 4)?, part(time, 4, 6)?);
    let time = Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0);
    let at = date.to_datetime(time.map_err(|_| wrong())?);
    Ok(if utc { Moment::Utc(at) } else { Moment::Local(at) })
}

fn read_rule(line: &Line<'_>, zone: &Zone) -> Result<Rule, InvalidRecurrence> {
    let mut rule = Rule {
        frequency: Frequency::Daily,
        interval: 1,
        count: None,
        until: None,
        months: Vec::new(),
        month_days: Vec::new(),
        days: Vec::new(),
        hours: Vec::new(),
        minutes: Vec::new(),
        set_positions: Vec::new(),
        week_start: 1,
    };
    let mut frequency = None;
    for part in line.value.split(';').filter(|part| !part.is_empty()) {
        let (key, value) =
            part.split_once('=').ok_or_else(|| line.wrong(format!("'{part}' has no '='")))?;
        let key = key.to_ascii_uppercase();
        match key.as_str() {
            "FREQ" => frequency = Some(read_frequency(line, value)?),
            "INTERVAL" => rule.interval = number(line, &key, value, 1, 10_000)?,
            "COUNT" => rule.count = Some(number(line, &key, value, 1, MOST_COUNTED)?),
            "UNTIL" => rule.until = Some(read_until(line, value, zone)?),
            "BYMONTH" => rule.months = numbers(line, &key, value, 1, 12, false)?,
            "BYMONTHDAY" => rule.month_days = numbers(line, &key, value, 1, 31, true)?,
            "BYHOUR" => rule.hours = numbers(line, &key, value, 0, 23, false)?,
            "BYMINUTE" => rule.minutes = numbers(line, &key, value, 0, 59, false)?,
            "BYSETPOS" => rule.set_positions = numbers(line, &key, value, 1, 366, true)?,
            "BYDAY" => {
                rule.days =
                    value.split(',').map(|day| read_day(line, day)).collect::<Result<_, _>>()?;
            }
            "WKST" => {
                let (number, day) = read_day(line, value)?;
                if number != 0 {
                    return Err(line.wrong("WKST is a day such as MO"));
                }
                rule.week_start = day;
            }
            _ => return Err(line.wrong(format!("{key} is not read"))),
        }
    }
    rule.frequency = frequency.ok_or_else(|| line.wrong("FREQ is missing: FREQ=DAILY"))?;
    check(line, &rule)?;
    Ok(rule)
}

fn check(line: &Line<'_>, rule: &Rule) -> Result<(), InvalidRecurrence> {
    if rule.count.is_some() && rule.until.is_some() {
        return Err(line.wrong("COUNT and UNTIL exclude each other: leave one out"));
    }
    let numbered = rule.days.iter().any(|(number, _)| *number != 0);
    let (by_month, by_year) =
        (rule.frequency == Frequency::Monthly, rule.frequency == Frequency::Yearly);
    if numbered && !by_month && !by_year {
        return Err(line.wrong("BYDAY with a number needs FREQ=MONTHLY or FREQ=YEARLY"));
    }
    if rule.frequency == Frequency::Weekly && !rule.month_days.is_empty() {
        return Err(line.wrong("BYMONTHDAY does not go with FREQ=WEEKLY: take MONTHLY"));
    }
    Ok(())
}

fn read_frequency(line: &Line<'_>, value: &str) -> Result<Frequency, InvalidRecurrence> {
    match value.to_ascii_uppercase().as_str() {
        "YEARLY" => Ok(Frequency::Yearly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "WEEKLY" => Ok(Frequency::Weekly),
        "DAILY" => Ok(Frequency::Daily),
        "HOURLY" => Ok(Frequency::Hourly),
        _ => {
            let allowed = "allowed are YEARLY, MONTHLY, WEEKLY, DAILY and HOURLY";
            Err(line.wrong(format!("FREQ={value}: {allowed}")))
        }
    }
}

/// The last instant that `UNTIL` allows; of a day, its last.
fn read_until(line: &Line<'_>, value: &str, zone: &Zone) -> Result<UnixMillis, InvalidRecurrence> {
    let at = match moment(line, value)? {
        Moment::Utc(at) => Zone::utc().instant(at),
        Moment::Local(at) => zone.instant(at),
        Moment::Day(day) => zone.instant(day.at(23, 59, 59, 0)),
    };
    at.ok_or_else(|| line.wrong(format!("there is no such time: {value}")))
}

/// `MO`, `3MO`, `-1FR`: which one, and the day of the week.
fn read_day(line: &Line<'_>, text: &str) -> Result<(i8, i8), InvalidRecurrence> {
    let wrong = || line.wrong(format!("'{text}' should be a day such as MO, 3MO or -1FR"));
    let text = text.trim();
    let place =
        text.len().checked_sub(2).filter(|n| text.is_char_boundary(*n)).ok_or_else(wrong)?;
    let (number, day) = text.split_at(place);
    let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day)).ok_or_else(wrong)?;
    let number: i8 = match number {
        "" => 0,
        digits => {
            digits.parse().ok().filter(|n| *n != 0 && (-53..=53).contains(n)).ok_or_else(wrong)?
        }
    };
    Ok((number, i8::try_from(day).unwrap_or(0) + 1))
}

fn number(
    line: &Line<'_>,
    key: &str,
    text: &str,
    least: u32,
    most: u32,
) -> Result<u32, InvalidRecurrence> {
    let wrong = || line.wrong(format!("{key}={text}: allowed are {least} to {most}"));
    text.parse().ok().filter(|n| (least..=most).contains(n)).ok_or_else(wrong)
}

/// A list of numbers, each from `least` to `most`, or from the end where `negative` ones count.
fn numbers<N: TryFrom<i16> + Ord + Copy>(
    line: &Line<'_>,
    key: &str,
    text: &str,
    least: i16,
    most: i16,
    negative: bool,
) -> Result<Vec<N>, InvalidRecurrence> {
    let mut list = Vec::new();
    for word in text.split(',') {
        let wrong = || line.wrong(format!("{key}={word}: allowed are {least} to {most}"));
        let n: i16 = word.trim().parse().map_err(|_| wrong())?;
        if !(least..=most).contains(&if negative { n.saturating_abs() } else { n }) {
            return Err(wrong());
        }
        list.push(N::try_from(n).map_err(|_| wrong())?);
    }
    list.sort_unstable();
    list.dedup();
    Ok(list)
}
