//! The four transaction machines (RFC 3261 section 17, as corrected by RFC 6026).
//!
//! A machine holds one request's retransmissions and time-outs and nothing else: it is given
//! bytes that are already printed, and says when to put them on the wire, when to hand a message
//! up to the transaction user, and when it is over. It never looks into a message.
//!
//! | | INVITE | anything else |
//! |---|---|---|
//! | client | [`ClientInvite`] | [`ClientOther`] |
//! | server | [`ServerInvite`] | [`ServerOther`] |

mod client_invite;
mod client_other;
mod key;
mod server_invite;
mod server_other;

use std::time::Duration;

use bytes::Bytes;

pub use client_invite::{ClientInvite, ClientInviteInput};
pub use client_other::{ClientOther, ClientOtherInput};
pub use key::{ClientKey, MAGIC_COOKIE, ServerKey};
pub use server_invite::{ServerInvite, ServerInviteInput};
pub use server_other::{ServerOther, ServerOtherInput};

/// The base timers of RFC 3261 section 17.1.1.1, from which timers A to L are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Round-trip estimate: 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request or an INVITE response: 4 s.
    pub t2: Duration,
    /// How long a message may stay in the network: 5 s.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// 64 times T1: how long a transaction waits before it gives up (timers B, F, H, J, L, M).
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }

    /// Timer D: how long retransmitted failure responses to an INVITE are still acknowledged.
    fn absorb_failures(&self) -> Duration {
        self.give_up().max(Duration::from_secs(32))
    }
}

/// Whether the transport below retransmits by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// UDP: the transaction retransmits.
    Unreliable,
    /// TCP and its like: the transport retransmits.
    Reliable,
}

impl Reliability {
    /// `wait` over an unreliable transport, nothing over a reliable one (timers D, I, J, K).
    fn unless_reliable(self, wait: Duration) -> Duration {
        match self {
            Self::Unreliable => wait,
            Self::Reliable => Duration::ZERO,
        }
    }
}

/// What a transaction wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put these bytes on the wire for the first time.
    Send(Bytes),
    /// Put these bytes on the wire again.
    Retransmit(Bytes),
    /// Hand the message that was just put in up to the transaction user.
    Deliver,
    /// No answer came in time (timers B, F, H).
    TimedOut,
    /// The transport could not send.
    TransportFailed,
    /// The transaction is over and can be forgotten.
    Terminated,
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Output;

    /// Everything that `poll` yields until it answers `None`.
    pub fn drain(poll: impl FnMut() -> Option<Output>) -> Vec<Output> {
        std::iter::from_fn(poll).collect()
    }
}
