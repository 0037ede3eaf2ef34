//! Nonces that prove themselves: signed with a secret, so none has to be remembered until it
//! was used with the right password.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::time::UnixMillis;

/// How many nonces in use are remembered for their counts.
const REMEMBERED: usize = 16 * 1024;
/// How far a nonce count may lag behind the highest seen, for requests that overtook others.
const WINDOW: u32 = 64;
/// Octets of the readable part, and of the signature after it.
const STAMP: usize = 12;
const SIGNATURE: usize = 16;

/// Issues nonces and judges them.
///
/// A nonce is the time of its issue and a running number, signed. Only one that was used with
/// the right password is remembered, for its nonce counts: strangers can make no memory grow.
/// When the memory is full the oldest are forgotten, and everything issued before them is
/// stale from then on, so that forgetting opens no door to a replay.
#[derive(Clone)]
pub struct Nonces {
    secret: [u8; 32],
    lifetime: Duration,
    issued: u32,
    used: BTreeMap<Stamp, Counts>,
    forgotten: Option<Stamp>,
}

/// When a nonce was issued, and which one of that moment it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    at: i64,
    number: u32,
}

/// Which nonce counts were seen: the highest, and a bit for each of the [`WINDOW`] below it.
#[derive(Clone, Copy, Debug)]
struct Counts {
    highest: u32,
    seen: u64,
}

impl Nonces {
    /// Nonces signed with `secret` (random, and new at every start) that live for `lifetime`.
    pub fn new(secret: [u8; 32], lifetime: Duration) -> Self {
        Self { secret, lifetime, issued: 0, used: BTreeMap::new(), forgotten: None }
    }

    /// A new nonce.
    pub fn issue(&mut self, now: UnixMillis) -> String {
        self.issued = self.issued.wrapping_add(1);
        let mut octets = [0; STAMP + SIGNATURE];
        octets[..8].copy_from_slice(&now.0.to_be_bytes());
        octets[8..STAMP].copy_from_slice(&self.issued.to_be_bytes());
        let signature = self.sign(&octets[..STAMP]);
        octets[STAMP..].copy_from_slice(&signature);
        hex::encode(octets)
    }

    /// The stamp of a nonce that is ours and has not expired.
    pub(super) fn read(&self, now: UnixMillis, nonce: &str) -> Option<Stamp> {
        let mut octets = [0; STAMP + SIGNATURE];
        hex::decode_to_slice(nonce, &mut octets).ok()?;
        let (stamp, signature) = octets.split_at(STAMP);
        if !bool::from(signature.ct_eq(&self.sign(stamp))) {
            return None;
        }
        let (at, number) = stamp.split_at(8);
        let at = i64::from_be_bytes(at.try_into().ok()?);
        let number = u32::from_be_bytes(number.try_into().ok()?);
        // A clock that was set back must not make a nonce immortal.
        let age = now.0.checked_sub(at).and_then(|age| u64::try_from(age).ok())?;
        (Duration::from_millis(age) <= self.lifetime).then_some(Stamp { at, number })
    }

    /// Notes that the nonce was used with `count`; `false` if that is a replay.
    pub(super) fn use_once(&mut self, stamp: Stamp, count: u32) -> bool {
        if let Some(counts) = self.used.get_mut(&stamp) {
            return counts.take(count);
        }
        if self.forgotten.is_some_and(|forgotten| stamp <= forgotten) {
            return false;
        }
        if self.used.len() >= REMEMBERED
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.forgotten = Some(oldest);
            if stamp <= oldest {
                return false;
            }
        }
        self.used.insert(stamp, Counts { highest: count, seen: 0 });
        true
    }

    /// A secret-dependent stand-in for the key of a user that does not exist.
    pub(super) fn nobody(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"nobody").chain_update(self.secret).finalize().into()
    }

    /// HMAC-SHA-256 (RFC 2104), shortened.
    fn sign(&self, stamp: &[u8]) -> [u8; SIGNATURE] {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.secret);
        let inner = Sha256::new().chain_update(block.map(|b: u8| b ^ 0x36)).chain_update(stamp);
        let outer = Sha256::new()
            .chain_update(block.map(|b: u8| b ^ 0x5c))
            .chain_update(inner.finalize())
            .finalize();
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&outer[..SIGNATURE]);
        signature
    }
}

impl Counts {
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            // The old highest becomes a bit of the window, `ahead` below the new one.
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0);
            self.seen |= 1u64.checked_shl(ahead - 1).unwrap_or(0);
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if behind == 0 || behind > WINDOW {
            return false;
        }
        let bit = 1u64 << (behind - 1);
        let fresh = self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("used", &self.used.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn nonces() -> Nonces {
        Nonces::new([7; 32], Duration::from_secs(60))
    }

    #[test]
    fn a_nonce_is_ours_for_its_lifetime() {
        let mut ours = nonces();
        let nonce = ours.issue(NOW);
        assert_ne!(nonce, ours.issue(NOW), "no two are alike");
        assert!(ours.read(NOW.after(Duration::from_secs(60)), &nonce).is_some());
        assert!(ours.read(NOW.after(Duration::from_secs(61)), &nonce).is_none());
        assert!(ours.read(UnixMillis(NOW.0 - 1), &nonce).is_none(), "from the future");
        assert!(Nonces::new([8; 32], Duration::from_secs(60)).read(NOW, &nonce).is_none());
        for at in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert!(ours.read(NOW, std::str::from_utf8(&forged).unwrap()).is_none());
        }
        assert!(ours.read(NOW, "").is_none());
        assert!(ours.read(NOW, "zz").is_none());
    }

    #[test]
    fn a_count_is_used_once_and_may_be_overtaken() {
        let mut ours = nonces();
        let nonce = ours.issue(NOW);
        let stamp = ours.read(NOW, &nonce).unwrap();
        let mut take = |count| ours.use_once(stamp, count);
        assert!(take(1) && !take(1));
        assert!(take(4) && take(2) && take(3));
        assert!(!take(2) && !take(3) && !take(4) && !take(1));
        assert!(take(1000) && !take(1000) && !take(5), "far behind is refused");
        assert!(take(936) && !take(936) && !take(935));
        assert!(take(u32::MAX) && !take(u32::MAX));
    }

    #[test]
    fn forgetting_makes_stale() {
        let mut ours = nonces();
        let stamp = |number| Stamp { at: 5, number };
        for number in 0..u32::try_from(REMEMBERED).unwrap() + 1 {
            assert!(ours.use_once(stamp(number), 1));
        }
        assert_eq!(ours.used.len(), REMEMBERED);
        assert!(!ours.use_once(stamp(0), 1), "a replay of what was forgotten");
        assert!(!ours.use_once(stamp(1), 1));
        assert!(ours.use_once(stamp(1), 2));
    }
}
