//! Tags, branches and Call-IDs that nobody can guess, from a seed.

use sha2::{Digest, Sha256};

/// A stream of random names: SHA-256 of the seed and a counter.
#[derive(Debug)]
pub(super) struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.counter.to_be_bytes());
        hash.finalize().into()
    }

    /// A secret of its own for another purpose.
    pub fn secret(&mut self) -> [u8; 32] {
        self.bytes()
    }

    /// 64 random bits in hexadecimal: a tag, a cnonce.
    pub fn token(&mut self) -> String {
        hex::encode(&self.bytes()[..8])
    }

    /// 128 random bits in hexadecimal: a Call-ID.
    pub fn long_token(&mut self) -> String {
        hex::encode(&self.bytes()[..16])
    }

    /// A branch with the magic cookie.
    pub fn branch(&mut self) -> String {
        format!("{}{}", crate::sip::transaction::MAGIC_COOKIE, self.token())
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        let [a, b, c, d, ..] = self.bytes();
        u32::from_be_bytes([a, b, c, d]).checked_rem(limit).unwrap_or(0)
    }
}
