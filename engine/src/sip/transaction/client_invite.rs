//! The INVITE client transaction (RFC 3261 section 17.1.1, RFC 6026 section 8.4).
//!
//! ```text
//!  Calling ──1xx──▶ Proceeding
//!     │  │            │  │
//!     │  └────2xx──┬──┘  │            timer M
//!     │            └──▶ Accepted ─────────────▶ Terminated
//!     └──300-699─┬───────┘                          ▲
//!                └──▶ Completed ──timer D───────────┤
//!  Calling ──timer B, transport error───────────────┘
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{Output, Reliability, Timing};
use crate::time::Instant;

/// One INVITE that was sent.
#[derive(Debug)]
pub struct ClientInvite {
    state: State,
    timing: Timing,
    reliability: Reliability,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Calling { invite: Bytes, resend: Option<Resend>, give_up_at: Instant },
    Proceeding { give_up_at: Option<Instant> },
    Accepted { until: Instant },
    Completed { ack: Bytes, until: Instant },
    Terminated,
}

/// Timer A.
#[derive(Clone, Copy, Debug)]
struct Resend {
    at: Instant,
    interval: Duration,
}

/// What can happen to an INVITE client transaction.
#[derive(Clone, Debug)]
pub enum ClientInviteInput {
    /// A 1xx response came.
    Provisional,
    /// A 2xx response came; its ACK is the transaction user's affair.
    Success,
    /// A 300-699 response came; `ack` is its printed ACK.
    Failure {
        /// The ACK, repeated for every retransmission of the response.
        ack: Bytes,
    },
    /// The transaction user has sent a CANCEL: a final response must come within 64*T1
    /// (RFC 3261 section 9.1).
    Cancelled,
    /// The transport could not send.
    TransportFailed,
}

impl ClientInvite {
    /// Sends `invite`.
    pub fn new(now: Instant, timing: Timing, reliability: Reliability, invite: Bytes) -> Self {
        let resend = match reliability {
            Reliability::Unreliable => Some(Resend { at: now + timing.t1, interval: timing.t1 }),
            Reliability::Reliable => None,
        };
        let outputs = VecDeque::from([Output::Send(invite.clone())]);
        let state = State::Calling { invite, resend, give_up_at: now + timing.give_up() };
        Self { state, timing, reliability, outputs }
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Instant, input: ClientInviteInput) {
        match input {
            ClientInviteInput::Provisional => self.provisional(),
            ClientInviteInput::Success => self.success(now),
            ClientInviteInput::Failure { ack } => self.failure(now, ack),
            ClientInviteInput::Cancelled => {
                if let State::Proceeding { give_up_at } = &mut self.state {
                    give_up_at.get_or_insert(now + self.timing.give_up());
                }
            }
            ClientInviteInput::TransportFailed => self.transport_failed(),
        }
    }

    fn provisional(&mut self) {
        match self.state {
            State::Calling { .. } => {
                self.state = State::Proceeding { give_up_at: None };
                self.outputs.push_back(Output::Deliver);
            }
            State::Proceeding { .. } => self.outputs.push_back(Output::Deliver),
            State::Accepted { .. } | State::Completed { .. } | State::Terminated => {}
        }
    }

    fn success(&mut self, now: Instant) {
        match self.state {
            State::Calling { .. } | State::Proceeding { .. } => {
                self.state = State::Accepted { until: now + self.timing.give_up() };
                self.outputs.push_back(Output::Deliver);
            }
            // RFC 6026: every 2xx goes up, a retransmission or one of another fork.
            State::Accepted { .. } => self.outputs.push_back(Output::Deliver),
            State::Completed { .. } | State::Terminated => {}
        }
    }

    fn failure(&mut self, now: Instant, new_ack: Bytes) {
        match &self.state {
            State::Calling { .. } | State::Proceeding { .. } => {
                self.outputs.push_back(Output::Send(new_ack.clone()));
                self.outputs.push_back(Output::Deliver);
                let wait = self.reliability.unless_reliable(self.timing.absorb_failures());
                if wait.is_zero() {
                    self.terminate();
                } else {
                    self.state = State::Completed { ack: new_ack, until: now + wait };
                }
            }
            State::Completed { ack, .. } => {
                self.outputs.push_back(Output::Retransmit(ack.clone()));
            }
            State::Accepted { .. } | State::Terminated => {}
        }
    }

    fn transport_failed(&mut self) {
        match self.state {
            State::Calling { .. } | State::Proceeding { .. } => {
                self.outputs.push_back(Output::TransportFailed);
                self.terminate();
            }
            // A call that was accepted does not end because an ACK could not be repeated.
            State::Completed { .. } => self.terminate(),
            State::Accepted { .. } | State::Terminated => {}
        }
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Calling { give_up_at, .. } if *give_up_at <= now => {
                self.outputs.push_back(Output::TimedOut);
                self.terminate();
            }
            State::Calling { invite, resend: Some(resend), .. } if resend.at <= now => {
                self.outputs.push_back(Output::Retransmit(invite.clone()));
                resend.interval *= 2;
                resend.at = now + resend.interval;
            }
            State::Proceeding { give_up_at: Some(at) } if *at <= now => {
                self.outputs.push_back(Output::TimedOut);
                self.terminate();
            }
            State::Accepted { until } | State::Completed { until, .. } if *until <= now => {
                self.terminate();
            }
            State::Calling { .. }
            | State::Proceeding { .. }
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Terminated => {}
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Calling { resend, give_up_at, .. } => {
                Some(resend.map_or(*give_up_at, |r| r.at.min(*give_up_at)))
            }
            State::Proceeding { give_up_at } => *give_up_at,
            State::Accepted { until } | State::Completed { until, .. } => Some(*until),
            State::Terminated => None,
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

    const INVITE: Bytes = Bytes::from_static(b"INVITE");
    const ACK: Bytes = Bytes::from_static(b"ACK");

    fn start(reliability: Reliability) -> ClientInvite {
        let mut tx = ClientInvite::new(Instant::ZERO, Timing::default(), reliability, INVITE);
        assert_eq!(drain(|| tx.poll_output()), [Output::Send(INVITE)]);
        tx
    }

    #[test]
    fn an_unanswered_invite_is_sent_seven_times_and_given_up_after_32_s() {
        let mut tx = start(Reliability::Unreliable);
        let (mut sent, mut now) = (1, Instant::ZERO);
        while let Some(at) = tx.next_deadline() {
            now = at;
            tx.handle_timeout(now);
            for output in drain(|| tx.poll_output()) {
                match output {
                    Output::Retransmit(_) => sent += 1,
                    Output::TimedOut | Output::Terminated => {}
                    other => panic!("unexpected {other:?}"),
                }
            }
        }
        assert_eq!((sent, now), (7, Instant::ZERO + Duration::from_secs(32)));
    }

    #[test]
    fn over_tcp_it_is_sent_once() {
        let tx = start(Reliability::Reliable);
        assert_eq!(tx.next_deadline(), Some(Instant::ZERO + Duration::from_secs(32)));
    }

    #[test]
    fn every_failure_is_acknowledged_but_delivered_once() {
        let mut tx = start(Reliability::Unreliable);
        tx.handle_input(Instant::ZERO, ClientInviteInput::Failure { ack: ACK });
        assert_eq!(drain(|| tx.poll_output()), [Output::Send(ACK), Output::Deliver]);
        tx.handle_input(Instant::ZERO, ClientInviteInput::Failure { ack: ACK });
        assert_eq!(drain(|| tx.poll_output()), [Output::Retransmit(ACK)]);
        tx.handle_timeout(Instant::ZERO + Duration::from_secs(32));
        assert_eq!(drain(|| tx.poll_output()), [Output::Terminated]);
    }

    #[test]
    fn every_success_goes_up_for_32_s() {
        let mut tx = start(Reliability::Unreliable);
        for _ in 0..3 {
            tx.handle_input(Instant::ZERO, ClientInviteInput::Success);
            assert_eq!(drain(|| tx.poll_output()), [Output::Deliver]);
        }
        tx.handle_timeout(Instant::ZERO + Duration::from_secs(32));
        assert_eq!(drain(|| tx.poll_output()), [Output::Terminated]);
    }

    #[test]
    fn a_cancelled_invite_is_forgotten_when_no_final_answer_comes() {
        let mut tx = start(Reliability::Unreliable);
        tx.handle_input(Instant::ZERO, ClientInviteInput::Provisional);
        assert_eq!(tx.next_deadline(), None);
        tx.handle_input(Instant::ZERO, ClientInviteInput::Cancelled);
        let at = tx.next_deadline().unwrap();
        assert_eq!(at, Instant::ZERO + Duration::from_secs(32));
        drain(|| tx.poll_output());
        tx.handle_timeout(at);
        assert_eq!(drain(|| tx.poll_output()), [Output::TimedOut, Output::Terminated]);
    }
}
