//! From a rule to its occurrences: period after period, each expanded and then limited (RFC 5545
//! section 3.3.10).

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan};

use super::{Frequency, LAST_YEAR, MOST_EMPTY, Recurrence, Rule};
use crate::time::UnixMillis;

/// The occurrences of a rule after an instant.
pub(super) struct Occurrences<'a> {
    of: &'a Recurrence,
    after: UnixMillis,
    period: u32,
    /// Those of the last period, the latest first.
    ready: Vec<UnixMillis>,
    counted: u32,
    /// The latest that was made: each is later than the one before.
    last: Option<UnixMillis>,
    over: bool,
}

impl<'a> Occurrences<'a> {
    pub fn new(of: &'a Recurrence, after: UnixMillis) -> Self {
        let mut new =
            Self { of, after, period: 0, ready: Vec::new(), counted: 0, last: None, over: false };
        match &of.rule {
            None => {
                new.ready.extend(of.zone.instant(of.start).filter(|at| *at > after));
                new.over = true;
            }
            // Those that are counted are counted from the first.
            Some(rule) if rule.count.is_some() => {}
            Some(rule) => new.period = periods_before(rule, of.start, of.zone.date_time(after)),
        }
        new
    }

    fn expand_next(&mut self, rule: &Rule) {
        let mut empty = 0;
        while self.ready.is_empty() && !self.over {
            let Some(times) = period(rule, self.of.start, self.period) else {
                self.over = true;
                return;
            };
            self.period += 1;
            let mut instants: Vec<_> = times
                .into_iter()
                .filter(|time| *time >= self.of.start)
                .filter_map(|time| self.of.zone.instant(time))
                .collect();
            instants.sort_unstable_by_key(|at| at.0);
            for at in instants {
                if self.last.is_some_and(|last| at <= last) {
                    continue;
                }
                let past = rule.until.is_some_and(|until| at > until);
                if past || rule.count.is_some_and(|count| self.counted >= count) {
                    self.over = true;
                    break;
                }
                self.counted += 1;
                self.last = Some(at);
                if at > self.after {
                    self.ready.push(at);
                }
            }
            self.ready.reverse();
            empty += 1;
            if empty > MOST_EMPTY {
                self.over = true;
            }
        }
    }
}

impl Iterator for Occurrences<'_> {
    type Item = UnixMillis;

    fn next(&mut self) -> Option<UnixMillis> {
        if let (true, Some(rule)) = (self.ready.is_empty(), &self.of.rule) {
            self.expand_next(rule);
        }
        self.ready.pop()
    }
}

/// A number of periods that surely lie before `until`, so that an old rule is not begun at its
/// beginning.
fn periods_before(rule: &Rule, start: DateTime, until: DateTime) -> u32 {
    if until <= start {
        return 0;
    }
    let days = i64::from(
        start.date().until(until.date()).map(|span: Span| span.get_days()).unwrap_or_default(),
    );
    // Zones and weeks that begin on another day may be off by a few.
    let days = (days - 9).max(0);
    let passed = match rule.frequency {
        Frequency::Yearly => days / 366,
        Frequency::Monthly => days / 31,
        Frequency::Weekly => days / 7,
        Frequency::Daily => days,
        Frequency::Hourly => days * 24,
    };
    u32::try_from(passed / i64::from(rule.interval)).unwrap_or(0)
}

/// The times of the `n`th period; `None` when time has run out.
fn period(rule: &Rule, start: DateTime, n: u32) -> Option<Vec<DateTime>> {
    let steps = i64::from(n) * i64::from(rule.interval);
    let begin = start.date().first_of_month();
    let (dates, hour) = match rule.frequency {
        Frequency::Yearly => {
            let year = start.year().checked_add(i16::try_from(steps).ok()?)?;
            (yearly(rule, start, year)?, None)
        }
        Frequency::Monthly => (
            monthly(rule, start, begin.checked_add(Span::new().try_months(steps).ok()?).ok()?),
            None,
        ),
        Frequency::Weekly => {
            let back = (start.weekday().to_monday_one_offset() - rule.week_start).rem_euclid(7);
            let week = start.date().checked_sub(i64::from(back).days()).ok()?;
            let week = week.checked_add(Span::new().try_weeks(steps).ok()?).ok()?;
            (weekly(rule, start, week), None)
        }
        Frequency::Daily => {
            let date = start.date().checked_add(Span::new().try_days(steps).ok()?).ok()?;
            (vec![date], None)
        }
        Frequency::Hourly => {
            let at = start.checked_add(Span::new().try_hours(steps).ok()?).ok()?;
            (vec![at.date()], Some(at.hour()))
        }
    };
    let mut times = Vec::new();
    let of_start = [start.hour()];
    let of_period = hour.map(|hour| [hour]);
    let hours: &[i8] = match (&of_period, rule.hours.as_slice()) {
        (Some(hour), only) if only.is_empty() || only.contains(&hour[0]) => hour,
        (Some(_), _) => &[],
        (None, []) => &of_start,
        (None, hours) => hours,
    };
    let of_start = [start.minute()];
    let minutes: &[i8] = if rule.minutes.is_empty() { &of_start } else { &rule.minutes };
    for date in dates {
        if date.year() > LAST_YEAR {
            return None;
        }
        if !limited(rule, date) {
            continue;
        }
        for hour in hours {
            for minute in minutes {
                times.extend(
                    Time::new(*hour, *minute, start.second(), 0).ok().map(|t| date.to_datetime(t)),
                );
            }
        }
    }
    times.sort_unstable();
    times.dedup();
    Some(positions(rule, times))
}

/// The limits that hold alike for every frequency.
fn limited(rule: &Rule, date: Date) -> bool {
    let months = rule.months.is_empty() || rule.months.contains(&date.month());
    let days = rule.month_days.is_empty()
        || rule.month_days.iter().any(|day| {
            if *day > 0 {
                *day == date.day()
            } else {
                *day == date.day() - date.days_in_month() - 1
            }
        });
    let weekday = date.weekday().to_monday_one_offset();
    // Those with a number were chosen when their period was expanded.
    let weekdays = rule.days.is_empty() || rule.days.iter().any(|(_, day)| *day == weekday);
    months && days && weekdays
}

/// The candidates of a year.
fn yearly(rule: &Rule, start: DateTime, year: i16) -> Option<Vec<Date>> {
    if year > LAST_YEAR {
        return None;
    }
    let by_days = !rule.days.is_empty() || !rule.month_days.is_empty();
    if !by_days {
        let of_start = [start.month()];
        let months: &[i8] = if rule.months.is_empty() { &of_start } else { &rule.months };
        let date = |month: &i8| Date::new(year, *month, start.day()).ok();
        return Some(months.iter().filter_map(date).collect());
    }
    if rule.months.is_empty() {
        let first = Date::new(year, 1, 1).ok()?;
        return Some(numbered(rule, first, first.days_in_year()));
    }
    let months = rule.months.iter().filter_map(|month| Date::new(year, *month, 1).ok());
    Some(months.flat_map(|first| numbered(rule, first, i16::from(first.days_in_month()))).collect())
}

/// The candidates of a month, given its first day.
fn monthly(rule: &Rule, start: DateTime, first: Date) -> Vec<Date> {
    if rule.days.is_empty() && rule.month_days.is_empty() {
        return Date::new(first.year(), first.month(), start.day()).into_iter().collect();
    }
    numbered(rule, first, i16::from(first.days_in_month()))
}

fn weekly(rule: &Rule, start: DateTime, week: Date) -> Vec<Date> {
    let wanted = |date: &Date| {
        let weekday = date.weekday();
        if rule.days.is_empty() {
            weekday == start.weekday()
        } else {
            rule.days.iter().any(|(_, day)| weekday.to_monday_one_offset() == *day)
        }
    };
    week.series(1.day()).take(7).filter(wanted).collect()
}

/// The days of a period of `length` days that `BYDAY` wants: the third Monday, the last Friday.
fn numbered(rule: &Rule, first: Date, length: i16) -> Vec<Date> {
    let all = || first.series(1.day()).take(usize::from(length.unsigned_abs()));
    if rule.days.is_empty() {
        return all().collect();
    }
    let mut dates = Vec::new();
    for (number, day) in &rule.days {
        let those: Vec<Date> =
            all().filter(|date| date.weekday().to_monday_one_offset() == *day).collect();
        let place = usize::from(number.unsigned_abs());
        match number {
            0 => dates.extend(those),
            1.. => dates.extend(those.get(place - 1)),
            _ => dates.extend(those.len().checked_sub(place).and_then(|n| those.get(n))),
        }
    }
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// `BYSETPOS`.
fn positions(rule: &Rule, times: Vec<DateTime>) -> Vec<DateTime> {
    if rule.set_positions.is_empty() {
        return times;
    }
    let place = |position: &i16| {
        let n = usize::from(position.unsigned_abs());
        let index = if *position > 0 { n.checked_sub(1) } else { times.len().checked_sub(n) };
        index.and_then(|index| times.get(index)).copied()
    };
    let mut chosen: Vec<_> = rule.set_positions.iter().filter_map(place).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
