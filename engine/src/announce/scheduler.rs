//! When an occurrence of a schedule is due.
//!
//! Time is the wall clock's, which may jump. Of each schedule is known the latest occurrence that
//! was dealt with (`done`), which the caller keeps; it never goes back but for a clock that was
//! wrong by more than a day. So:
//!
//! * a clock that goes back makes nothing be said twice;
//! * of several occurrences that were missed (the server was down, the clock jumped forward) the
//!   latest is said, if it is no older than the schedule's grace; all others are skipped, and
//!   told as skipped. There is no burst;
//! * whoever fires an occurrence names it by its time, so that a repetition is known as one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::calendar::Recurrence;
use crate::time::UnixMillis;

/// A clock that shows so much less than it did was wrong before, not now: a day and a bit, for
/// time zones that are mistaken for one another.
const WRONG_CLOCK: Duration = Duration::from_secs(25 * 3600);
/// The most missed occurrences that are counted one by one.
const MOST_MISSED: u32 = 1000;

/// A schedule's number.
pub type ScheduleId = i64;

/// What the scheduler is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A schedule is new, has changed, or was read at the start.
    Set {
        /// Which.
        id: ScheduleId,
        /// When it recurs.
        recurrence: Box<Recurrence>,
        /// Everything up to here was dealt with: when it was made, or the latest occurrence.
        done: UnixMillis,
        /// A missed occurrence that is not older is said late.
        grace: Duration,
    },
    /// A schedule is gone, or rests.
    Remove(ScheduleId),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// An occurrence is due.
    Fire {
        /// Of which schedule.
        id: ScheduleId,
        /// The occurrence: from here on this is `done`.
        at: UnixMillis,
    },
    /// Occurrences were missed and will not be said.
    Skipped {
        /// Of which schedule.
        id: ScheduleId,
        /// The first of them.
        first: UnixMillis,
        /// The last of them: from here on this is `done`.
        last: UnixMillis,
        /// How many there were; a thousand stands for that or more.
        count: u32,
    },
}

#[derive(Clone, Debug)]
struct Entry {
    recurrence: Recurrence,
    done: UnixMillis,
    grace: Duration,
    next: Option<UnixMillis>,
}

/// The schedules.
#[derive(Clone, Debug, Default)]
pub struct Scheduler {
    entries: BTreeMap<ScheduleId, Entry>,
    output: VecDeque<Output>,
}

impl Scheduler {
    /// Takes in a change.
    pub fn handle_input(&mut self, input: Input) {
        match input {
            Input::Set { id, recurrence, done, grace } => {
                let next = recurrence.next_after(done);
                self.entries.insert(id, Entry { recurrence: *recurrence, done, grace, next });
            }
            Input::Remove(id) => {
                self.entries.remove(&id);
            }
        }
    }

    /// Looks at the clock.
    pub fn handle_timeout(&mut self, now: UnixMillis) {
        for (id, entry) in &mut self.entries {
            if entry.done > now.after(WRONG_CLOCK) {
                entry.done = now;
                entry.next = entry.recurrence.next_after(now);
            }
            if entry.next.is_some_and(|next| next <= now) {
                entry.due(*id, now, &mut self.output);
            }
        }
    }

    /// When the next occurrence is due. Whoever sleeps until then looks again every few seconds,
    /// for clocks that jump: [`crate::message::hold::look_again`].
    pub fn next_deadline(&self) -> Option<UnixMillis> {
        self.entries.values().filter_map(|entry| entry.next).min()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }
}

impl Entry {
    fn due(&mut self, id: ScheduleId, now: UnixMillis, output: &mut VecDeque<Output>) {
        let mut missed: Option<(UnixMillis, UnixMillis)> = None;
        let mut count = 0;
        let mut latest = None;
        for at in self.recurrence.after(self.done).take_while(|at| *at <= now) {
            if let Some(before) = latest.replace(at) {
                missed = Some((missed.map_or(before, |(first, _)| first), before));
                count += 1;
            }
            if count >= MOST_MISSED {
                break;
            }
        }
        if count >= MOST_MISSED {
            // Too many to walk through: what may still be said is looked for alone.
            let recent = UnixMillis(
                now.0.saturating_sub(i64::try_from(self.grace.as_millis()).unwrap_or(i64::MAX)),
            );
            let found = self.recurrence.after(UnixMillis(recent.0.saturating_sub(1)));
            if let Some(at) = found.take_while(|at| *at <= now).take(MOST_MISSED as usize).last() {
                latest = Some(at);
            }
        }
        let Some(mut latest) = latest else {
            self.next = self.recurrence.next_after(self.done);
            return;
        };
        let said = now.since(latest) <= self.grace;
        if !said {
            if count >= MOST_MISSED {
                latest = now;
            }
            missed = Some((missed.map_or(latest, |(first, _)| first), latest));
            count += 1;
        }
        if let Some((first, last)) = missed {
            output.push_back(Output::Skipped { id, first, last, count });
        }
        if said {
            output.push_back(Output::Fire { id, at: latest });
        }
        self.done = latest;
        self.next = self.recurrence.next_after(self.done);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::Zone;

    const HOUR: i64 = 3_600_000;
    const GRACE: Duration = Duration::from_secs(900);

    fn hourly() -> Recurrence {
        Recurrence::parse("DTSTART:20260105T000000Z\nRRULE:FREQ=HOURLY", &Zone::utc()).unwrap()
    }

    /// 2026-01-05T00:00:00Z.
    const START: i64 = 1_767_571_200_000;

    fn at(hours: f64) -> UnixMillis {
        UnixMillis(START + (hours * HOUR as f64) as i64)
    }

    fn scheduler(done: UnixMillis) -> Scheduler {
        let mut scheduler = Scheduler::default();
        scheduler.handle_input(Input::Set {
            id: 1,
            recurrence: hourly().into(),
            done,
            grace: GRACE,
        });
        scheduler
    }

    fn look(scheduler: &mut Scheduler, now: UnixMillis) -> Vec<Output> {
        scheduler.handle_timeout(now);
        std::iter::from_fn(|| scheduler.poll_output()).collect()
    }

    fn fire(hours: f64) -> Output {
        Output::Fire { id: 1, at: at(hours) }
    }

    #[test]
    fn each_occurrence_fires_once_at_its_time() {
        let mut scheduler = scheduler(at(0.5));
        assert_eq!(scheduler.next_deadline(), Some(at(1.0)));
        assert_eq!(look(&mut scheduler, at(0.9)), []);
        assert_eq!(look(&mut scheduler, at(1.0)), [fire(1.0)]);
        assert_eq!(look(&mut scheduler, at(1.01)), []);
        assert_eq!(look(&mut scheduler, at(2.0)), [fire(2.0)]);
    }

    #[test]
    fn a_clock_that_jumps_makes_no_burst() {
        let mut forward = scheduler(at(0.5));
        let skipped = Output::Skipped { id: 1, first: at(1.0), last: at(4.0), count: 4 };
        assert_eq!(look(&mut forward, at(5.1)), [skipped, fire(5.0)]);
        // And back again.
        assert_eq!(look(&mut forward, at(1.2)), []);
        assert_eq!(look(&mut forward, at(2.0)), []);
        assert_eq!(look(&mut forward, at(5.2)), []);
        assert_eq!(look(&mut forward, at(6.0)), [fire(6.0)]);
    }

    #[test]
    fn what_was_missed_for_longer_than_the_grace_is_skipped_and_noted() {
        let mut scheduler = scheduler(at(0.5));
        let skipped = Output::Skipped { id: 1, first: at(1.0), last: at(3.0), count: 3 };
        assert_eq!(look(&mut scheduler, at(3.5)), [skipped]);
        assert_eq!(look(&mut scheduler, at(4.0)), [fire(4.0)]);
    }

    #[test]
    fn a_server_that_was_down_for_years_says_the_latest_only() {
        let mut scheduler = scheduler(at(0.5));
        let later = at(24.0 * 365.0 * 3.0 + 0.1);
        let out = look(&mut scheduler, later);
        assert_eq!(out.len(), 2, "{out:?}");
        assert_eq!(out[1], Output::Fire { id: 1, at: at(24.0 * 365.0 * 3.0) });
        assert_eq!(scheduler.next_deadline(), Some(at(24.0 * 365.0 * 3.0 + 1.0)));
        let mut other = super::tests::scheduler(at(0.5));
        let out = look(&mut other, at(24.0 * 365.0 * 3.0 + 0.5));
        assert!(matches!(out[..], [Output::Skipped { count: 1000.., .. }]), "{out:?}");
        assert_eq!(other.next_deadline(), Some(at(24.0 * 365.0 * 3.0 + 1.0)));
    }

    #[test]
    fn a_clock_that_was_wrong_by_a_year_does_not_silence_for_a_year() {
        let mut scheduler = scheduler(at(0.5));
        look(&mut scheduler, at(24.0 * 365.0));
        assert_eq!(look(&mut scheduler, at(0.6)), []);
        assert_eq!(look(&mut scheduler, at(1.0)), [fire(1.0)]);
    }

    #[test]
    fn a_single_occurrence_comes_once() {
        let mut scheduler = Scheduler::default();
        let recurrence = Recurrence::once(at(1.0));
        scheduler.handle_input(Input::Set {
            id: 1,
            recurrence: recurrence.into(),
            done: at(0.0),
            grace: GRACE,
        });
        assert_eq!(look(&mut scheduler, at(1.1)), [fire(1.0)]);
        assert_eq!(scheduler.next_deadline(), None);
        scheduler.handle_input(Input::Remove(1));
        assert_eq!(look(&mut scheduler, at(99.0)), []);
    }

    proptest! {
        /// Whatever the clock does: nothing twice; and what comes due while the clock goes on
        /// by less than the grace at a time is never lost.
        #[test]
        fn never_twice_and_never_lost_within_the_grace(
            moves in proptest::collection::vec(
                prop_oneof![20 => 1i64..14, 1 => -90i64..0, 1 => 15i64..300], 1..200),
            restart in any::<u8>(),
        ) {
            let mut now = at(0.5);
            let mut machine = scheduler(now);
            let mut done = now;
            let mut fired = Vec::new();
            for (n, minutes) in moves.into_iter().enumerate() {
                let before = now;
                now = UnixMillis(now.0 + minutes * 60_000);
                if n % 37 == usize::from(restart) % 37 {
                    machine = scheduler(done);
                }
                let mut settled = Vec::new();
                for output in look(&mut machine, now) {
                    match output {
                        Output::Fire { at, .. } => {
                            prop_assert!(now.since(at) <= GRACE && at <= now);
                            fired.push(at);
                            settled.push(at);
                            done = at;
                        }
                        Output::Skipped { first, last, .. } => {
                            prop_assert!(first <= last && last <= now);
                            settled.push(last);
                            done = last;
                        }
                    }
                }
                if (1..15).contains(&minutes) {
                    for due in hourly().after(before).take_while(|due| *due <= now) {
                        prop_assert!(done >= due, "lost");
                    }
                }
            }
            let mut once = fired.clone();
            once.dedup();
            prop_assert_eq!(&once, &fired);
            prop_assert!(fired.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
