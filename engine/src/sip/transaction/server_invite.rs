//! The INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026 section 8.5).
//!
//! ```text
//!  Proceeding ──2xx──▶ Accepted ──timer L─────────────────▶ Terminated
//!      │                                                        ▲
//!      └──300-699──▶ Completed ──ACK──▶ Confirmed ──timer I─────┤
//!                        └──timer H─────────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{Output, Reliability, Timing};
use crate::time::Instant;

/// One INVITE that was received.
#[derive(Debug)]
pub struct ServerInvite {
    state: State,
    timing: Timing,
    reliability: Reliability,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Proceeding { last: Option<Bytes> },
    Accepted { until: Instant },
    Completed { response: Bytes, resend: Option<Resend>, give_up_at: Instant },
    Confirmed { until: Instant },
    Terminated,
}

/// Timer G.
#[derive(Clone, Copy, Debug)]
struct Resend {
    at: Instant,
    interval: Duration,
}

/// What can happen to an INVITE server transaction.
#[derive(Clone, Debug)]
pub enum ServerInviteInput {
    /// The INVITE came again.
    Retransmission,
    /// An ACK of this transaction came.
    Ack,
    /// The transaction user answers 1xx.
    Provisional(Bytes),
    /// The transaction user answers 2xx, or repeats its 2xx.
    Success(Bytes),
    /// The transaction user answers 300-699.
    Failure(Bytes),
    /// The transport could not send.
    TransportFailed,
}

impl ServerInvite {
    /// An INVITE has come; what is answered is up to the transaction user.
    pub fn new(timing: Timing, reliability: Reliability) -> Self {
        let state = State::Proceeding { last: None };
        Self { state, timing, reliability, outputs: VecDeque::new() }
    }

    /// Whether a final answer was given.
    pub fn is_answered(&self) -> bool {
        !matches!(self.state, State::Proceeding { .. })
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Instant, input: ServerInviteInput) {
        match input {
            ServerInviteInput::Retransmission => self.retransmission(),
            ServerInviteInput::Ack => self.ack(now),
            ServerInviteInput::Provisional(response) => {
                if let State::Proceeding { last } = &mut self.state {
                    *last = Some(response.clone());
                    self.outputs.push_back(Output::Send(response));
                }
            }
            ServerInviteInput::Success(response) => self.success(now, response),
            ServerInviteInput::Failure(response) => self.failure(now, response),
            ServerInviteInput::TransportFailed => match self.state {
                State::Proceeding { .. } | State::Completed { .. } => {
                    self.outputs.push_back(Output::TransportFailed);
                    self.terminate();
                }
                // The transaction user repeats its 2xx until timer H of its own.
                State::Accepted { .. } | State::Confirmed { .. } | State::Terminated => {}
            },
        }
    }

    fn retransmission(&mut self) {
        match &self.state {
            State::Proceeding { last: Some(response) } | State::Completed { response, .. } => {
                self.outputs.push_back(Output::Retransmit(response.clone()));
            }
            State::Proceeding { last: None }
            | State::Accepted { .. }
            | State::Confirmed { .. }
            | State::Terminated => {}
        }
    }

    fn ack(&mut self, now: Instant) {
        match self.state {
            State::Accepted { .. } => self.outputs.push_back(Output::Deliver),
            State::Completed { .. } => {
                let wait = self.reliability.unless_reliable(self.timing.t4);
                if wait.is_zero() {
                    self.terminate();
                } else {
                    self.state = State::Confirmed { until: now + wait };
                }
            }
            State::Proceeding { .. } | State::Confirmed { .. } | State::Terminated => {}
        }
    }

    fn success(&mut self, now: Instant, response: Bytes) {
        match self.state {
            State::Proceeding { .. } => {
                self.state = State::Accepted { until: now + self.timing.give_up() };
                self.outputs.push_back(Output::Send(response));
            }
            State::Accepted { .. } => self.outputs.push_back(Output::Retransmit(response)),
            State::Completed { .. } | State::Confirmed { .. } | State::Terminated => {}
        }
    }

    fn failure(&mut self, now: Instant, response: Bytes) {
        if !matches!(self.state, State::Proceeding { .. }) {
            return;
        }
        let resend = match self.reliability {
            Reliability::Unreliable => {
                Some(Resend { at: now + self.timing.t1, interval: self.timing.t1 })
            }
            Reliability::Reliable => None,
        };
        self.outputs.push_back(Output::Send(response.clone()));
        let give_up_at = now + self.timing.give_up();
        self.state = State::Completed { response, resend, give_up_at };
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Completed { give_up_at, .. } if *give_up_at <= now => {
                self.outputs.push_back(Output::TimedOut);
                self.terminate();
            }
            State::Completed { response, resend: Some(resend), .. } if resend.at <= now => {
                self.outputs.push_back(Output::Retransmit(response.clone()));
                resend.interval = (resend.interval * 2).min(self.timing.t2);
                resend.at = now + resend.interval;
            }
            State::Accepted { until } | State::Confirmed { until } if *until <= now => {
                self.terminate();
            }
            State::Proceeding { .. }
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Terminated => {}
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Completed { resend, give_up_at, .. } => {
                Some(resend.map_or(*give_up_at, |r| r.at.min(*give_up_at)))
            }
            State::Accepted { until } | State::Confirmed { until } => Some(*until),
            State::Proceeding { .. } | State::Terminated => None,
        }
    }

    /// What to do next, until it answers `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.outputs.push_back(Output::Terminated);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::drain;
    use super::*;

    const RINGING: Bytes = Bytes::from_static(b"180");
    const OK: Bytes = Bytes::from_static(b"200");
    const BUSY: Bytes = Bytes::from_static(b"486");

    fn start() -> ServerInvite {
        ServerInvite::new(Timing::default(), Reliability::Unreliable)
    }

    #[test]
    fn the_last_provisional_answer_is_repeated_for_a_repeated_invite() {
        let mut tx = start();
        tx.handle_input(Instant::ZERO, ServerInviteInput::Retransmission);
        tx.handle_input(Instant::ZERO, ServerInviteInput::Provisional(RINGING));
        tx.handle_input(Instant::ZERO, ServerInviteInput::Retransmission);
        assert_eq!(
            drain(|| tx.poll_output()),
            [Output::Send(RINGING), Output::Retransmit(RINGING)]
        );
    }

    #[test]
    fn a_failure_is_repeated_until_its_ack() {
        let mut tx = start();
        tx.handle_input(Instant::ZERO, ServerInviteInput::Failure(BUSY));
        let at = tx.next_deadline().unwrap();
        tx.handle_timeout(at);
        assert_eq!(drain(|| tx.poll_output()), [Output::Send(BUSY), Output::Retransmit(BUSY)]);
        tx.handle_input(at, ServerInviteInput::Ack);
        assert_eq!(tx.next_deadline(), Some(at + Duration::from_secs(5)));
        tx.handle_input(at, ServerInviteInput::Ack);
        tx.handle_timeout(at + Duration::from_secs(5));
        assert_eq!(drain(|| tx.poll_output()), [Output::Terminated]);
    }

    #[test]
    fn a_failure_without_ack_times_out_after_32_s() {
        let mut tx = start();
        tx.handle_input(Instant::ZERO, ServerInviteInput::Failure(BUSY));
        let mut last = Instant::ZERO;
        while let Some(at) = tx.next_deadline() {
            last = at;
            tx.handle_timeout(at);
        }
        assert_eq!(last, Instant::ZERO + Duration::from_secs(32));
        assert!(drain(|| tx.poll_output()).ends_with(&[Output::TimedOut, Output::Terminated]));
    }

    #[test]
    fn after_a_success_repeated_invites_are_absorbed_and_acks_go_up() {
        let mut tx = start();
        tx.handle_input(Instant::ZERO, ServerInviteInput::Success(OK));
        tx.handle_input(Instant::ZERO, ServerInviteInput::Retransmission);
        tx.handle_input(Instant::ZERO, ServerInviteInput::Ack);
        tx.handle_input(Instant::ZERO, ServerInviteInput::Success(OK));
        assert_eq!(
            drain(|| tx.poll_output()),
            [Output::Send(OK), Output::Deliver, Output::Retransmit(OK)]
        );
        tx.handle_timeout(Instant::ZERO + Duration::from_secs(32));
        assert_eq!(drain(|| tx.poll_output()), [Output::Terminated]);
    }
}
