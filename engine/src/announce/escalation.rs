//! Who is told next: lists of people, one after the other, until somebody confirms.
//!
//! ```text
//!  start ─► step 0 ─┬─ confirmed ───────────────► over
//!                   ├─ its time is over ─┐
//!                   └─ nobody reached ───┴─► step 1 … last ─► exhausted
//! ```
//!
//! Somebody whose own quiet hours hold back the ringing is passed over in the meantime: the next
//! list has its turn as usual. But it does not end in vain before such people could be rung.
//!
//! Waits run on the monotonic clock. Until when quiet hours hold something back is a time of the
//! wall clock, which may be set: [`Escalation::handle_clock`] looks at it again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::{Instant, UnixMillis};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Somebody confirmed.
    Confirmed,
    /// Every way to everybody of this step was tried in vain.
    NobodyReached(usize),
    /// It is no longer wanted, or too late.
    Stop,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Tell the people of this step.
    Tell(usize),
    /// It is over.
    Over(Ending),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody confirmed.
    Confirmed,
    /// The last step's time is over, and nobody confirmed.
    Exhausted,
    /// It was stopped.
    Stopped,
}

/// The steps of one announcement.
#[derive(Clone, Debug)]
pub struct Escalation {
    waits: Vec<Duration>,
    step: usize,
    until: Option<Instant>,
    /// Nobody learns of the step before this.
    held: Option<UnixMillis>,
    /// It does not end in vain before this: somebody can't be rung yet.
    patience: Instant,
    /// Until when they can't be rung, and how long they have from then on.
    quiet: Option<(UnixMillis, Duration)>,
    output: VecDeque<Output>,
}

impl Escalation {
    /// Begins at `step`, whose people were told `ago`, or are to be told now if `None`. `waits`
    /// is how long to wait after each step.
    pub fn begin(now: Instant, waits: Vec<Duration>, step: usize, ago: Option<Duration>) -> Self {
        let mut new = Self {
            waits,
            step,
            until: None,
            held: None,
            patience: Instant::ZERO,
            quiet: None,
            output: VecDeque::new(),
        };
        match ago {
            None => new.tell(now, step),
            Some(ago) => {
                let wait = new.waits.get(step).copied().unwrap_or_default();
                new.until = Some(now + wait.saturating_sub(ago));
            }
        }
        new
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        if self.until.is_none() {
            return;
        }
        match input {
            Input::Confirmed => self.over(Ending::Confirmed),
            Input::Stop => self.over(Ending::Stopped),
            Input::NobodyReached(step) if step == self.step => self.tell(now, step + 1),
            // Of a step that is past.
            Input::NobodyReached(_) => {}
        }
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            self.tell(now, self.step + 1);
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.until
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Nobody learns of the step before `until`: its time counts from then on.
    pub fn hold(&mut self, now: Instant, wall: UnixMillis, until: UnixMillis) {
        if self.until.is_some() {
            self.held = Some(until);
            self.handle_clock(now, wall);
        }
    }

    /// Somebody who was told of this step can't be rung before `until`, and has the step's time
    /// from then on.
    pub fn held_back(&mut self, now: Instant, wall: UnixMillis, until: UnixMillis) {
        let (known, wait) = self.quiet.unwrap_or((until, Duration::ZERO));
        self.quiet = Some((known.max(until), wait.max(self.wait())));
        self.handle_clock(now, wall);
    }

    /// Looks at the wall clock, which may have been set.
    pub fn handle_clock(&mut self, now: Instant, wall: UnixMillis) {
        if let Some(held) = self.held.filter(|_| self.until.is_some()) {
            self.until = Some(now + held.since(wall) + self.wait());
            self.held = Some(held).filter(|held| *held > wall);
        }
        if let Some((until, wait)) = self.quiet {
            self.patience = now + until.since(wall) + wait;
            self.quiet = self.quiet.filter(|_| until > wall);
        }
    }

    /// How long the step at hand has.
    fn wait(&self) -> Duration {
        self.waits.get(self.step).copied().unwrap_or_default()
    }

    /// Which step it is at.
    pub const fn step(&self) -> usize {
        self.step
    }

    fn tell(&mut self, now: Instant, step: usize) {
        match self.waits.get(step) {
            Some(wait) => {
                self.step = step;
                self.held = None;
                self.until = Some(now + *wait);
                self.output.push_back(Output::Tell(step));
            }
            None if now < self.patience => self.until = Some(self.patience),
            None => self.over(Ending::Exhausted),
        }
    }

    fn over(&mut self, ending: Ending) {
        self.until = None;
        self.output.push_back(Output::Over(ending));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minutes: u32) -> Instant {
        Instant::ZERO + MINUTE * minutes
    }

    fn outputs(escalation: &mut Escalation) -> Vec<Output> {
        std::iter::from_fn(|| escalation.poll_output()).collect()
    }

    #[test]
    fn the_second_is_told_when_the_first_does_not_confirm() {
        let mut escalation = Escalation::begin(at(0), vec![MINUTE * 5, MINUTE * 10], 0, None);
        assert_eq!(outputs(&mut escalation), [Output::Tell(0)]);
        escalation.handle_timeout(at(4));
        assert_eq!(outputs(&mut escalation), []);
        assert_eq!(escalation.next_deadline(), Some(at(5)));
        escalation.handle_timeout(at(5));
        assert_eq!(outputs(&mut escalation), [Output::Tell(1)]);
        escalation.handle_input(at(6), Input::NobodyReached(0));
        assert_eq!(outputs(&mut escalation), [], "that was the first step's");
        escalation.handle_input(at(6), Input::Confirmed);
        assert_eq!(outputs(&mut escalation), [Output::Over(Ending::Confirmed)]);
        escalation.handle_timeout(at(60));
        assert_eq!(outputs(&mut escalation), []);
    }

    #[test]
    fn nobody_to_be_reached_is_not_waited_for() {
        let mut escalation = Escalation::begin(at(0), vec![MINUTE, MINUTE], 0, None);
        outputs(&mut escalation);
        escalation.handle_input(at(0), Input::NobodyReached(0));
        assert_eq!(outputs(&mut escalation), [Output::Tell(1)]);
        escalation.handle_timeout(at(1));
        assert_eq!(outputs(&mut escalation), [Output::Over(Ending::Exhausted)]);
    }

    #[test]
    fn a_restart_goes_on_where_it_was() {
        let waits = vec![MINUTE * 5, MINUTE * 5];
        let mut escalation = Escalation::begin(at(100), waits.clone(), 0, Some(MINUTE * 3));
        assert_eq!(outputs(&mut escalation), []);
        assert_eq!(escalation.next_deadline(), Some(at(102)));
        // The server was down for longer than that.
        let mut escalation = Escalation::begin(at(100), waits, 0, Some(MINUTE * 60));
        assert_eq!(escalation.next_deadline(), Some(at(100)));
        escalation.handle_timeout(at(100));
        assert_eq!(outputs(&mut escalation), [Output::Tell(1)]);
    }

    #[test]
    fn who_can_not_be_rung_yet_does_not_keep_the_others_waiting_but_has_their_time() {
        let mut escalation = Escalation::begin(at(0), vec![MINUTE * 5, MINUTE * 10], 0, None);
        outputs(&mut escalation);
        // 2026-01-05T12:00:00Z; they can be rung in eight hours.
        let wall = UnixMillis(1_767_614_400_000);
        escalation.held_back(at(0), wall, wall.after(MINUTE * 480));
        escalation.handle_timeout(at(5));
        assert_eq!(outputs(&mut escalation), [Output::Tell(1)]);
        for tried in [15, 100] {
            escalation.handle_timeout(at(tried));
            escalation.handle_input(at(tried), Input::NobodyReached(1));
            assert_eq!(outputs(&mut escalation), [], "the first was not rung yet");
            assert_eq!(escalation.next_deadline(), Some(at(485)));
        }
        let mut confirmed = escalation.clone();
        confirmed.handle_input(at(482), Input::Confirmed);
        assert_eq!(outputs(&mut confirmed), [Output::Over(Ending::Confirmed)]);
        escalation.handle_timeout(at(485));
        assert_eq!(outputs(&mut escalation), [Output::Over(Ending::Exhausted)]);
    }

    /// The wall clock that shows what is given beside the monotonic one, in minutes.
    fn looks(escalation: &mut Escalation, minutes: &[(u32, i64)]) -> Vec<(u32, Output)> {
        let mut seen = Vec::new();
        for (now, wall) in minutes {
            escalation.handle_clock(at(*now), UnixMillis(wall * 60_000));
            escalation.handle_timeout(at(*now));
            seen.extend(outputs(escalation).into_iter().map(|output| (*now, output)));
        }
        seen
    }

    #[test]
    fn a_clock_that_is_set_by_an_hour_loses_no_step_and_hurries_none() {
        let day = 1_000_000;
        let begin = || {
            let mut escalation = Escalation::begin(at(0), vec![MINUTE * 5; 2], 0, None);
            outputs(&mut escalation);
            escalation.hold(at(0), UnixMillis(day * 60_000), UnixMillis((day + 60) * 60_000));
            escalation
        };
        let every = |shown: fn(u32) -> i64| -> Vec<_> {
            (0..300).map(|now| (now, 1_000_000 + shown(now))).collect()
        };
        // Undisturbed: held for an hour, five minutes for each.
        let seen = looks(&mut begin(), &every(|now| now.into()));
        assert_eq!(seen, [(65, Output::Tell(1)), (70, Output::Over(Ending::Exhausted))]);
        // Set back by an hour after ten minutes: it is held for two.
        let back = |now: u32| i64::from(now) - if now >= 10 { 60 } else { 0 };
        let seen = looks(&mut begin(), &every(back));
        assert_eq!(seen, [(125, Output::Tell(1)), (130, Output::Over(Ending::Exhausted))]);
        // Put forward: nobody waits for an hour that is over.
        let forward = |now: u32| i64::from(now) + if now >= 10 { 60 } else { 0 };
        let seen = looks(&mut begin(), &every(forward));
        assert_eq!(seen, [(15, Output::Tell(1)), (20, Output::Over(Ending::Exhausted))]);
        // What nothing holds back runs by the monotonic clock alone.
        for jump in [back as fn(u32) -> i64, forward] {
            let mut escalation = Escalation::begin(at(0), vec![MINUTE * 15; 2], 0, None);
            outputs(&mut escalation);
            let seen = looks(&mut escalation, &every(jump));
            assert_eq!(seen, [(15, Output::Tell(1)), (30, Output::Over(Ending::Exhausted))]);
        }
    }

    proptest! {
        /// Each step is told once, in order, and it ends exactly once.
        #[test]
        fn every_step_is_told_once(
            steps in 1usize..5,
            happens in proptest::collection::vec((0u32..4, 0usize..5, any::<bool>()), 0..40),
        ) {
            let mut now = 0;
            let mut escalation = Escalation::begin(at(0), vec![MINUTE * 2; steps], 0, None);
            let mut seen = outputs(&mut escalation);
            for (kind, step, wait) in happens {
                now += u32::from(wait);
                match kind {
                    0 => escalation.handle_input(at(now), Input::NobodyReached(step)),
                    1 if step == 4 => escalation.handle_input(at(now), Input::Confirmed),
                    _ => escalation.handle_timeout(at(now)),
                }
                seen.extend(outputs(&mut escalation));
            }
            let told: Vec<_> = seen.iter().filter_map(|output| match output {
                Output::Tell(step) => Some(*step),
                Output::Over(_) => None,
            }).collect();
            prop_assert_eq!(&told, &(0..told.len()).collect::<Vec<_>>());
            prop_assert!(seen.len() - told.len() <= 1);
            prop_assert_eq!(seen.len() > told.len(), escalation.next_deadline().is_none());
        }
    }
}
