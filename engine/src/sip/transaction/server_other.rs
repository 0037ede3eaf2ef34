//! The non-INVITE server transaction (RFC 3261 section 17.2.2).
//!
//! ```text
//!  Trying ──1xx──▶ Proceeding ──200-699──▶ Completed ──timer J──▶ Terminated
//!    └──────────────200-699───────────────────▲
//! ```

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Output, Reliability, Timing};
use crate::time::Instant;

/// One request other than INVITE and ACK that was received.
#[derive(Debug)]
pub struct ServerOther {
    state: State,
    timing: Timing,
    reliability: Reliability,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Trying { give_up_at: Instant },
    Completed { response: Bytes, until: Instant },
    Terminated,
}

/// What can happen to a non-INVITE server transaction.
#[derive(Clone, Debug)]
pub enum ServerOtherInput {
    /// The request came again.
    Retransmission,
    /// The transaction user answers 200-699. RFC 4320 forbids 1xx here in all but one case, so
    /// none is ever sent.
    Final(Bytes),
    /// The transport could not send.
    TransportFailed,
}

impl ServerOther {
    /// A request has come; what is answered is up to the transaction user.
    ///
    /// An answer after 64*T1 would come too late (RFC 4320), so the transaction ends by then.
    pub fn new(now: Instant, timing: Timing, reliability: Reliability) -> Self {
        let state = State::Trying { give_up_at: now + timing.give_up() };
        Self { state, timing, reliability, outputs: VecDeque::new() }
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Instant, input: ServerOtherInput) {
        match input {
            ServerOtherInput::Retransmission => {
                if let State::Completed { response, .. } = &self.state {
                    self.outputs.push_back(Output::Retransmit(response.clone()));
                }
            }
            ServerOtherInput::Final(response) => {
                if !matches!(self.state, State::Trying { .. }) {
                    return;
                }
                self.outputs.push_back(Output::Send(response.clone()));
                let wait = self.reliability.unless_reliable(self.timing.give_up());
                if wait.is_zero() {
                    self.terminate();
                } else {
                    self.state = State::Completed { response, until: now + wait };
                }
            }
            ServerOtherInput::TransportFailed => {
                if !matches!(self.state, State::Terminated) {
                    self.outputs.push_back(Output::TransportFailed);
                    self.terminate();
                }
            }
        }
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Trying { give_up_at: at } | State::Completed { until: at, .. } if at <= now => {
                self.terminate();
            }
            State::Trying { .. } | State::Completed { .. } | State::Terminated => {}
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Trying { give_up_at: at } | State::Completed { until: at, .. } => Some(*at),
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
    use std::time::Duration;

    const OK: Bytes = Bytes::from_static(b"200");

    #[test]
    fn a_repeated_request_gets_the_same_answer_for_32_s() {
        let mut tx = ServerOther::new(Instant::ZERO, Timing::default(), Reliability::Unreliable);
        tx.handle_input(Instant::ZERO, ServerOtherInput::Retransmission);
        tx.handle_input(Instant::ZERO, ServerOtherInput::Final(OK));
        tx.handle_input(Instant::ZERO, ServerOtherInput::Retransmission);
        assert_eq!(drain(|| tx.poll_output()), [Output::Send(OK), Output::Retransmit(OK)]);
        assert_eq!(tx.next_deadline(), Some(Instant::ZERO + Duration::from_secs(32)));
        tx.handle_timeout(Instant::ZERO + Duration::from_secs(32));
        assert_eq!(drain(|| tx.poll_output()), [Output::Terminated]);
    }

    #[test]
    fn over_tcp_it_ends_with_its_answer() {
        let mut tx = ServerOther::new(Instant::ZERO, Timing::default(), Reliability::Reliable);
        tx.handle_input(Instant::ZERO, ServerOtherInput::Final(OK));
        assert_eq!(drain(|| tx.poll_output()), [Output::Send(OK), Output::Terminated]);
    }
}
