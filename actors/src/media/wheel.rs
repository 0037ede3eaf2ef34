//! The 20 ms wheel: sessions spread over phases, so that their packets do not leave in a burst.

use std::time::Duration;

use hark_engine::media::session::TICK;
use hark_engine::time::Instant;

/// How many phases a tick has; 2 ms each.
pub(super) const PHASES: usize = 10;
const PHASE: Duration = Duration::from_millis(TICK.as_millis() as u64 / PHASES as u64);
/// A shard that is behind by more than this drops ticks instead of making them up.
const MAX_BEHIND: Duration = Duration::from_millis(100);

/// A phase whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Which.
    pub(super) phase: usize,
    /// When its time came.
    pub(super) at: Instant,
    /// How many ticks of every session were dropped before.
    pub(super) dropped: u64,
}

/// Which session is ticked when.
#[derive(Debug)]
pub(super) struct Wheel {
    start: Instant,
    /// The phase that is due next, counted from `start`.
    next: u64,
    phases: [Vec<usize>; PHASES],
    members: usize,
}

impl Wheel {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, next: 0, phases: Default::default(), members: 0 }
    }

    /// Puts a session in the emptiest phase, and answers which.
    pub(super) fn insert(&mut self, now: Instant, index: usize) -> usize {
        if self.members == 0 {
            // The wheel stood still while it was empty.
            self.next = self.elapsed(now) + 1;
        }
        let phase = (0..PHASES).min_by_key(|phase| self.phases[*phase].len()).unwrap_or(0);
        self.phases[phase].push(index);
        self.members += 1;
        phase
    }

    /// Takes a session out of its phase.
    pub(super) fn remove(&mut self, phase: usize, index: usize) {
        let members = &mut self.phases[phase];
        if let Some(position) = members.iter().position(|member| *member == index) {
            members.swap_remove(position);
            self.members -= 1;
        }
    }

    /// The sessions of a phase.
    pub(super) fn phase(&self, phase: usize) -> &[usize] {
        &self.phases[phase]
    }

    /// When the next phase with a session in it is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let ahead = (0..PHASES as u64).find(|n| !self.phases[index(self.next + n)].is_empty())?;
        Some(self.at(self.next + ahead))
    }

    /// The next phase that is due by now, if any.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        if self.members == 0 {
            return None;
        }
        let behind = self.elapsed(now).checked_sub(self.next)?;
        let mut dropped = 0;
        if self.at(self.next) + MAX_BEHIND < now {
            // Whole turns only: every session misses the same number of ticks.
            dropped = behind / PHASES as u64;
            self.next += dropped * PHASES as u64;
        }
        let due = Due { phase: index(self.next), at: self.at(self.next), dropped };
        self.next += 1;
        Some(due)
    }

    fn at(&self, count: u64) -> Instant {
        self.start + Duration::from_micros(count * PHASE.as_micros() as u64)
    }

    /// The last phase whose time has come.
    fn elapsed(&self, now: Instant) -> u64 {
        now.since(self.start).as_micros() as u64 / PHASE.as_micros() as u64
    }
}

fn index(count: u64) -> usize {
    (count % PHASES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn each_session_is_due_once_a_tick() {
        let mut wheel = Wheel::new(Instant::ZERO);
        assert_eq!(wheel.next_due(), None);
        let phases: Vec<_> = (0..25).map(|n| wheel.insert(at(7), n)).collect();
        assert!((0..PHASES).all(|phase| (2..=3).contains(&wheel.phase(phase).len())));
        let mut ticks = [0; 25];
        for ms in 7..207 {
            while let Some(due) = wheel.pop_due(at(ms)) {
                assert_eq!(due.dropped, 0);
                assert!(at(ms).since(due.at) < PHASE);
                wheel.phase(due.phase).iter().for_each(|n| ticks[*n] += 1);
            }
            assert!(wheel.next_due().unwrap() > at(ms));
        }
        assert_eq!(ticks, [10; 25]);
        phases.iter().enumerate().for_each(|(n, phase)| wheel.remove(*phase, n));
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn a_short_stall_is_made_up_and_a_long_one_is_dropped() {
        let mut wheel = Wheel::new(Instant::ZERO);
        wheel.insert(at(0), 0);
        let first = wheel.next_due().unwrap();
        let ticks = |wheel: &mut Wheel, now| {
            let dues = std::iter::from_fn(|| wheel.pop_due(now));
            dues.fold((0, 0), |(ticks, dropped), due| {
                (ticks + wheel_has(due.phase), dropped + due.dropped)
            })
        };
        fn wheel_has(phase: usize) -> u64 {
            u64::from(phase == 0)
        }
        assert_eq!(ticks(&mut wheel, first + TICK * 4), (5, 0));
        let (ticked, dropped) = ticks(&mut wheel, first + TICK * 104);
        assert_eq!(ticked + dropped, 100);
        assert!(dropped > 90);
    }
}
