//! What the endpoint counts of its ordinary work; what it drops or refuses is told as
//! [`Event::Counted`](super::Event::Counted).

use crate::sip::message::Method;

/// Counts since they were last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests that came in, by [`Stats::METHODS`].
    pub requests: [u64; Stats::METHODS.len()],
    /// Responses that we sent, by the first digit of their status, from 1 to 6.
    pub responses: [u64; 6],
    /// Messages that were sent again.
    pub retransmissions: u64,
    /// Wrong passwords.
    pub auth_failures: u64,
}

impl Stats {
    /// The labels of [`Stats::requests`].
    pub const METHODS: [&'static str; 15] = [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "REGISTER",
        "OPTIONS",
        "MESSAGE",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "INFO",
        "PRACK",
        "UPDATE",
        "REFER",
        "other",
    ];

    pub(super) fn request(&mut self, method: &Method) {
        let name = method.as_str();
        let last = Self::METHODS.len() - 1;
        let at = Self::METHODS.iter().position(|label| *label == name).unwrap_or(last);
        if let Some(count) = self.requests.get_mut(at) {
            *count += 1;
        }
    }

    pub(super) fn response(&mut self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(count) = self.responses.get_mut(class) {
            *count += 1;
        }
    }
}
