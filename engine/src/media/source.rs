//! Whose packets are believed, and where ours go: symmetric RTP (RFC 4961) with a lock.
//!
//! The rule:
//!
//! 1. Only two hosts are ever believed: the one that the peer's SDP names, and the one that
//!    its signalling came from (it differs from the first behind a NAT). Nobody else can take
//!    a call over by guessing its port.
//! 2. The first valid packet from either locks its exact address and port. From then on only
//!    that source is heard, and our packets go there instead of to the address in the SDP.
//! 3. When the locked source has been quiet for [`RELEARN_AFTER`], the first valid packet from
//!    a believed host locks anew: a NAT's binding moved, or another device of the peer speaks.
//! 4. A new answer or re-INVITE starts over.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::time::Instant;

/// How long the locked source has to be quiet before another is heard.
pub const RELEARN_AFTER: Duration = Duration::from_millis(1500);

/// Where a call's packets come from and go to.
#[derive(Clone, Debug)]
pub struct Source {
    negotiated: SocketAddr,
    signalling: Option<IpAddr>,
    locked: Option<(SocketAddr, Instant)>,
}

impl Source {
    /// `negotiated` is the SDP's address, `signalling` the host that the SDP came from.
    pub fn new(negotiated: SocketAddr, signalling: Option<IpAddr>) -> Self {
        Self { negotiated, signalling, locked: None }
    }

    /// Whether a valid packet from `from` belongs to the call. May lock or lock anew.
    pub fn accept(&mut self, now: Instant, from: SocketAddr) -> bool {
        let believed = match self.locked {
            Some((locked, _)) if locked == from => true,
            Some((_, heard)) => now.since(heard) >= RELEARN_AFTER && self.believes(from.ip()),
            None => self.believes(from.ip()),
        };
        if believed {
            self.locked = Some((from, now));
        }
        believed
    }

    /// Where our packets go.
    pub fn target(&self) -> SocketAddr {
        self.locked.map_or(self.negotiated, |(locked, _)| locked)
    }

    fn believes(&self, host: IpAddr) -> bool {
        let host = host.to_canonical();
        host == self.negotiated.ip().to_canonical()
            || self.signalling.is_some_and(|signalling| host == signalling.to_canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_believed_source_is_locked() {
        let mut source = Source::new(addr("10.0.0.1:4000"), Some(addr("192.0.2.1:5060").ip()));
        let now = Instant::ZERO;
        assert!(!source.accept(now, addr("198.51.100.9:4000")));
        assert_eq!(source.target(), addr("10.0.0.1:4000"));
        assert!(source.accept(now, addr("192.0.2.1:61000")), "behind a NAT");
        assert_eq!(source.target(), addr("192.0.2.1:61000"));
        assert!(!source.accept(now, addr("10.0.0.1:4000")), "the lock holds");
    }

    #[test]
    fn the_lock_opens_after_silence_and_only_for_believed_hosts() {
        let mut source = Source::new(addr("[::ffff:192.0.2.1]:4000"), None);
        let start = Instant::ZERO;
        assert!(source.accept(start, addr("192.0.2.1:4000")));
        let later = start + RELEARN_AFTER;
        assert!(!source.accept(later, addr("198.51.100.9:4000")));
        assert!(source.accept(later, addr("192.0.2.1:4002")));
        assert!(!source.accept(later, addr("192.0.2.1:4000")));
        assert_eq!(source.target(), addr("192.0.2.1:4002"));
    }
}
