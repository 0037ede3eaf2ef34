//! The non-INVITE client transaction (RFC 3261 section 17.1.2).
//!
//! ```text
//!  Trying ──1xx──▶ Proceeding
//!    │  │             │  │
//!    │  └──200-699─┬──┘  │
//!    │             └──▶ Completed ──timer K──▶ Terminated
//!    └──timer F, transport error─┴────────────▶
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{Output, Reliability, Timing};
use crate::time::Instant;

/// One request other than INVITE that was sent.
#[derive(Debug)]
pub struct ClientOther {
    state: State,
    timing: Timing,
    reliability: Reliability,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Waiting { request: Bytes, phase: Phase, resend: Option<Resend>, give_up_at: Instant },
    Completed { until: Instant },
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Trying,
    Proceeding,
}

/// Timer E.
#[derive(Clone, Copy, Debug)]
struct Resend {
    at: Instant,
    interval: Duration,
}

/// What can happen to a non-INVITE client transaction.
#[derive(Clone, Copy, Debug)]
pub enum ClientOtherInput {
    /// A 1xx response came.
    Provisional,
    /// A final response came.
    Final,
    /// The transport could not send.
    TransportFailed,
}

impl ClientOther {
    /// Sends `request`.
    pub fn new(now: Instant, timing: Timing, reliability: Reliability, request: Bytes) -> Self {
        let resend = match reliability {
            Reliability::Unreliable => Some(Resend { at: now + timing.t1, interval: timing.t1 }),
            Reliability::Reliable => None,
        };
        let outputs = VecDeque::from([Output::Send(request.clone())]);
        let give_up_at = now + timing.give_up();
        let state = State::Waiting { request, phase: Phase::Trying, resend, give_up_at };
        Self { state, timing, reliability, outputs }
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Instant, input: ClientOtherInput) {
        let State::Waiting { phase, .. } = &mut self.state else { return };
        match input {
            ClientOtherInput::Provisional => {
                *phase = Phase::Proceeding;
                self.outputs.push_back(Output::Deliver);
            }
            ClientOtherInput::Final => {
                self.outputs.push_back(Output::Deliver);
                let wait = self.reliability.unless_reliable(self.timing.t4);
                if wait.is_zero() {
                    self.terminate();
                } else {
                    self.state = State::Completed { until: now + wait };
                }
            }
            ClientOtherInput::TransportFailed => {
                self.outputs.push_back(Output::TransportFailed);
                self.terminate();
            }
        }
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Waiting { give_up_at, .. } if *give_up_at <= now => {
                self.outputs.push_back(Output::TimedOut);
                self.terminate();
            }
            State::Waiting { request, phase, resend: Some(resend), .. } if resend.at <= now => {
                self.outputs.push_back(Output::Retransmit(request.clone()));
                resend.interval = match phase {
                    Phase::Trying => (resend.interval * 2).min(self.timing.t2),
                    Phase::Proceeding => self.timing.t2,
                };
                resend.at = now + resend.interval;
            }
            State::Completed { until } if *until <= now => self.terminate(),
            State::Waiting { .. } | State::Completed { .. } | State::Terminated => {}
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting { resend, give_up_at, .. } => {
                Some(resend.map_or(*give_up_at, |r| r.at.min(*give_up_at)))
            }
            State::Completed { until } => Some(*until),
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

    const BYE: Bytes = Bytes::from_static(b"BYE");

    #[test]
    fn an_unanswered_request_is_sent_eleven_times_and_given_up_after_32_s() {
        let mut tx =
            ClientOther::new(Instant::ZERO, Timing::default(), Reliability::Unreliable, BYE);
        let (mut sent, mut now) = (0, Instant::ZERO);
        loop {
            for output in drain(|| tx.poll_output()) {
                sent += u32::from(matches!(output, Output::Send(_) | Output::Retransmit(_)));
            }
            let Some(at) = tx.next_deadline() else { break };
            now = at;
            tx.handle_timeout(now);
        }
        assert_eq!((sent, now), (11, Instant::ZERO + Duration::from_secs(32)));
    }

    #[test]
    fn a_final_answer_is_delivered_once_and_its_copies_are_absorbed() {
        let mut tx =
            ClientOther::new(Instant::ZERO, Timing::default(), Reliability::Unreliable, BYE);
        drain(|| tx.poll_output());
        tx.handle_input(Instant::ZERO, ClientOtherInput::Final);
        tx.handle_input(Instant::ZERO, ClientOtherInput::Final);
        assert_eq!(drain(|| tx.poll_output()), [Output::Deliver]);
        tx.handle_timeout(Instant::ZERO + Duration::from_secs(5));
        assert_eq!(drain(|| tx.poll_output()), [Output::Terminated]);
    }

    #[test]
    fn over_tcp_it_ends_with_its_answer() {
        let mut tx = ClientOther::new(Instant::ZERO, Timing::default(), Reliability::Reliable, BYE);
        drain(|| tx.poll_output());
        tx.handle_input(Instant::ZERO, ClientOtherInput::Final);
        assert_eq!(drain(|| tx.poll_output()), [Output::Deliver, Output::Terminated]);
    }
}
