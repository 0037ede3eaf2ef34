//! One subscription at its notifier (RFC 6665 section 4.2): when a NOTIFY goes out, and what
//! ends it.
//!
//! ```text
//!             ┌──state, refresh──┐
//!             ▼                  │
//!  new ──▶ Active ───────────────┘
//!             │ expired, ended, refreshed with 0
//!             ▼
//!          Ending ── last NOTIFY answered, or the peer is gone ──▶ Over
//!  a NOTIFY that is refused or not answered ─────────────────────▶ Over
//! ```
//!
//! At most one NOTIFY is on its way, and no more are sent than the rate allows: what changes
//! meanwhile goes out as one, with the latest state.

use std::time::Duration;

use bytes::Bytes;

use crate::time::Instant;

/// How often a subscription may notify.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// So many at once.
    pub burst: u32,
    /// And one more after each of these.
    pub refill: Duration,
}

/// Why we end a subscription (RFC 6665 section 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The subscriber should subscribe again at once.
    Deactivated,
    /// The subscriber should subscribe again after some seconds.
    Probation,
    /// It may not watch this any more.
    Rejected,
    /// It was not refreshed, or was ended by the subscriber.
    Timeout,
    /// What it watched is gone for ever.
    NoResource,
}

impl Reason {
    /// As Subscription-State names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::NoResource => "noresource",
        }
    }
}

/// What a NOTIFY says of its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// It goes on for so long, unless it is refreshed.
    Active {
        /// How long.
        expires: Duration,
    },
    /// It is over.
    Terminated {
        /// Why.
        reason: Reason,
    },
}

impl SubscriptionState {
    /// The value of the Subscription-State header.
    pub fn header(self) -> String {
        match self {
            Self::Active { expires } => format!("active;expires={}", expires.as_secs()),
            Self::Terminated { reason: Reason::Probation } => {
                "terminated;reason=probation;retry-after=5".to_owned()
            }
            Self::Terminated { reason } => format!("terminated;reason={}", reason.name()),
        }
    }
}

/// What happens to a subscription.
#[derive(Clone, Debug)]
pub enum Input {
    /// What is watched is like this now.
    State(Bytes),
    /// The subscriber wants it to last so long from now on; nothing at all ends it.
    Refreshed(Duration),
    /// The NOTIFY was taken.
    Answered,
    /// The NOTIFY was refused or never answered, or the subscriber can't be reached.
    Failed,
    /// It is to end.
    End(Reason),
}

/// What it wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a NOTIFY.
    Notify {
        /// What it says of the subscription.
        state: SubscriptionState,
        /// What it says of what is watched.
        body: Bytes,
    },
    /// It is over and can be forgotten.
    Over,
}

/// A subscription: see the [module](self).
#[derive(Debug)]
pub struct Subscription {
    pace: Pace,
    body: Bytes,
    expires_at: Instant,
    phase: Phase,
    /// A NOTIFY waits for its answer.
    in_flight: bool,
    /// There is something to tell.
    due: bool,
    /// When the allowance is whole again.
    whole_at: Instant,
    outputs: Vec<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Active,
    Ending { reason: Reason, told: bool },
    Over,
}

impl Subscription {
    /// One that lasts for `expires`, of something that is like `body` now. Nothing at all asks
    /// for the state once.
    pub fn new(now: Instant, expires: Duration, pace: Pace, body: Bytes) -> Self {
        let phase = if expires.is_zero() {
            Phase::Ending { reason: Reason::Timeout, told: false }
        } else {
            Phase::Active
        };
        let mut subscription = Self {
            pace,
            body,
            expires_at: now + expires,
            phase,
            in_flight: false,
            due: true,
            whole_at: now,
            outputs: Vec::new(),
        };
        subscription.tell(now);
        subscription
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            Input::State(body) => {
                self.due |= self.body != body;
                self.body = body;
            }
            Input::Refreshed(expires) if expires.is_zero() => self.end(Reason::Timeout),
            Input::Refreshed(expires) => {
                // Each SUBSCRIBE is followed by a NOTIFY (section 4.2.1.2).
                self.due = true;
                self.expires_at = now + expires;
            }
            Input::Answered => {
                self.in_flight = false;
                if let Phase::Ending { told: true, .. } = self.phase {
                    self.over();
                }
            }
            Input::Failed => self.over(),
            Input::End(reason) => self.end(reason),
        }
        self.tell(now);
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Active && self.expires_at <= now {
            self.end(Reason::Timeout);
        }
        self.tell(now);
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        let waits = self.due && !self.in_flight;
        match self.phase {
            Phase::Active if waits => Some(self.expires_at.min(self.allowed_at())),
            Phase::Active => Some(self.expires_at),
            // The last one is told at once, or when the one before it is answered.
            Phase::Ending { .. } | Phase::Over => None,
        }
    }

    /// What to do next, until it answers `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() { None } else { Some(self.outputs.remove(0)) }
    }

    /// When it ends unless it is refreshed.
    pub fn expires_at(&self) -> Instant {
        self.expires_at
    }

    /// Whether it goes on: a SUBSCRIBE may still refresh it.
    pub fn is_active(&self) -> bool {
        self.phase == Phase::Active
    }

    fn end(&mut self, reason: Reason) {
        if self.phase == Phase::Active {
            self.phase = Phase::Ending { reason, told: false };
        }
    }

    fn over(&mut self) {
        self.phase = Phase::Over;
        self.outputs.push(Output::Over);
    }

    /// From when on the pace allows another NOTIFY.
    fn allowed_at(&self) -> Instant {
        let room = self.pace.refill * self.pace.burst.saturating_sub(1);
        let room = u64::try_from(room.as_micros()).unwrap_or(u64::MAX);
        Instant::from_micros(self.whole_at.as_micros().saturating_sub(room))
    }

    fn tell(&mut self, now: Instant) {
        if self.in_flight {
            return;
        }
        let state = match self.phase {
            Phase::Active if self.due && self.allowed_at() <= now => {
                SubscriptionState::Active { expires: self.expires_at.since(now) }
            }
            // The pace holds back what goes on, not its end.
            Phase::Ending { reason, told: false } => {
                self.phase = Phase::Ending { reason, told: true };
                SubscriptionState::Terminated { reason }
            }
            Phase::Active | Phase::Ending { told: true, .. } | Phase::Over => return,
        };
        self.due = false;
        self.in_flight = true;
        self.whole_at = self.whole_at.max(now) + self.pace.refill;
        self.outputs.push(Output::Notify { state, body: self.body.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PACE: Pace = Pace { burst: 3, refill: SECOND };

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn drain(subscription: &mut Subscription) -> Vec<Output> {
        std::iter::from_fn(|| subscription.poll_output()).collect()
    }

    fn body(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    /// What a NOTIFY with `text` looks like that says so many seconds.
    fn active(seconds: u64, text: &'static str) -> Output {
        let state = SubscriptionState::Active { expires: Duration::from_secs(seconds) };
        Output::Notify { state, body: body(text) }
    }

    fn terminated(reason: Reason, text: &'static str) -> Output {
        Output::Notify { state: SubscriptionState::Terminated { reason }, body: body(text) }
    }

    #[test]
    fn the_first_notify_goes_at_once_and_changes_meanwhile_go_as_one() {
        let mut sub = Subscription::new(at(0), 60 * SECOND, PACE, body("a"));
        assert_eq!(drain(&mut sub), [active(60, "a")]);
        sub.handle_input(at(10), Input::State(body("b")));
        sub.handle_input(at(20), Input::State(body("c")));
        assert_eq!(drain(&mut sub), []);
        sub.handle_input(at(1000), Input::Answered);
        assert_eq!(drain(&mut sub), [active(59, "c")]);
        sub.handle_input(at(1010), Input::Answered);
        sub.handle_input(at(1020), Input::State(body("c")));
        assert_eq!(drain(&mut sub), [], "nothing has changed");
    }

    #[test]
    fn a_burst_passes_and_then_the_pace_holds_back_but_never_the_last_state() {
        let mut sub = Subscription::new(at(0), 60 * SECOND, PACE, body("0"));
        let mut told = drain(&mut sub).len();
        for n in 1..10_u64 {
            sub.handle_input(at(n), Input::Answered);
            sub.handle_input(at(n), Input::State(Bytes::from(n.to_string())));
            told += drain(&mut sub).len();
        }
        assert_eq!(told, 3);
        sub.handle_input(at(20), Input::Answered);
        let deadline = sub.next_deadline().unwrap();
        assert_eq!(deadline, at(1000));
        sub.handle_timeout(deadline);
        assert_eq!(drain(&mut sub), [active(59, "9")]);
    }

    #[test]
    fn it_expires_unless_it_is_refreshed() {
        let mut sub = Subscription::new(at(0), 60 * SECOND, PACE, body("a"));
        sub.handle_input(at(5), Input::Answered);
        sub.handle_input(at(30_000), Input::Refreshed(60 * SECOND));
        assert_eq!(drain(&mut sub), [active(60, "a"), active(60, "a")]);
        sub.handle_input(at(30_010), Input::Answered);
        assert_eq!(sub.next_deadline(), Some(at(90_000)));
        sub.handle_timeout(at(90_000));
        assert_eq!(drain(&mut sub), [terminated(Reason::Timeout, "a")]);
        assert!(!sub.is_active());
        sub.handle_input(at(90_010), Input::Answered);
        assert_eq!(drain(&mut sub), [Output::Over]);
        assert_eq!(sub.next_deadline(), None);
    }

    #[test]
    fn a_fetch_is_told_once() {
        let mut sub = Subscription::new(at(0), Duration::ZERO, PACE, body("a"));
        assert_eq!(drain(&mut sub), [terminated(Reason::Timeout, "a")]);
        sub.handle_input(at(5), Input::State(body("b")));
        sub.handle_input(at(9), Input::Answered);
        assert_eq!(drain(&mut sub), [Output::Over]);
    }

    #[test]
    fn who_refuses_or_never_answers_is_forgotten() {
        let mut sub = Subscription::new(at(0), 60 * SECOND, PACE, body("a"));
        drain(&mut sub);
        sub.handle_input(at(9), Input::Failed);
        sub.handle_input(at(10), Input::State(body("b")));
        assert_eq!(drain(&mut sub), [Output::Over]);
    }

    #[test]
    fn its_end_waits_for_the_answer_before_and_says_the_latest() {
        let mut sub = Subscription::new(at(0), 60 * SECOND, PACE, body("a"));
        drain(&mut sub);
        sub.handle_input(at(1), Input::End(Reason::NoResource));
        sub.handle_input(at(2), Input::Refreshed(60 * SECOND));
        assert_eq!(drain(&mut sub), []);
        sub.handle_input(at(3), Input::Answered);
        assert_eq!(drain(&mut sub), [terminated(Reason::NoResource, "a")]);
    }

    fn any_input() -> impl Strategy<Value = Input> {
        prop_oneof![
            4 => (0..5_u8).prop_map(|n| Input::State(Bytes::from(vec![n]))),
            4 => Just(Input::Answered),
            1 => (0..100_u64).prop_map(|s| Input::Refreshed(Duration::from_secs(s))),
            1 => Just(Input::End(Reason::Deactivated)),
        ]
    }

    proptest! {
        /// Whatever happens: one NOTIFY at a time, nothing after the end, the end told once,
        /// and whoever goes on answering learns the last state.
        #[test]
        fn the_subscriber_learns_the_last_state(
            steps in proptest::collection::vec((0..3000_u64, any_input()), 0..60)
        ) {
            let mut now = at(0);
            let mut sub = Subscription::new(now, 1000 * SECOND, PACE, Bytes::from_static(b"-"));
            let (mut flying, mut last, mut ends, mut over) = (false, Bytes::new(), 0, false);
            let mut state = Bytes::from_static(b"-");
            let mut look = |sub: &mut Subscription, flying: &mut bool, last: &mut Bytes| {
                while let Some(output) = sub.poll_output() {
                    assert!(!over, "nothing comes after the end");
                    match output {
                        Output::Notify { state, body } => {
                            assert!(!*flying, "one at a time");
                            *flying = true;
                            *last = body;
                            ends += u32::from(matches!(state, SubscriptionState::Terminated { .. }));
                        }
                        Output::Over => over = true,
                    }
                    assert!(ends <= 1);
                }
            };
            look(&mut sub, &mut flying, &mut last);
            for (wait, input) in steps {
                now += Duration::from_millis(wait);
                sub.handle_timeout(now);
                look(&mut sub, &mut flying, &mut last);
                match &input {
                    Input::State(body) if sub.is_active() => state = body.clone(),
                    Input::Answered if flying => flying = false,
                    Input::Answered => continue,
                    _ => {}
                }
                sub.handle_input(now, input);
                look(&mut sub, &mut flying, &mut last);
            }
            let was_active = sub.is_active();
            for _ in 0..4 {
                if flying {
                    flying = false;
                    sub.handle_input(now, Input::Answered);
                    look(&mut sub, &mut flying, &mut last);
                }
                now += 2 * SECOND;
                sub.handle_timeout(now);
                look(&mut sub, &mut flying, &mut last);
            }
            if was_active {
                prop_assert_eq!(last, state);
            }
        }
    }
}
