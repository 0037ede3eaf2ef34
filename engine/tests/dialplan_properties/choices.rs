//! Where chance comes from: a seed, or the bytes that a fuzzer tries.

pub struct Choices {
    bytes: Vec<u8>,
    at: usize,
    random: u64,
}

impl Choices {
    pub fn seed(seed: u64) -> Self {
        Self { bytes: Vec::new(), at: 0, random: seed | 1 }
    }

    /// Takes the bytes first; behind them come numbers that hang on nothing else.
    #[allow(dead_code, reason = "only the fuzz targets choose by bytes")]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), ..Self::seed(0x9E37_79B9_7F4A_7C15) }
    }

    /// One of `0..sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        let number = match self.bytes.get(self.at) {
            Some(byte) => u64::from(*byte),
            None => {
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                self.random
            }
        };
        self.at += 1;
        number % sides
    }

    /// True in `n` of 100 cases.
    pub fn percent(&mut self, n: u64) -> bool {
        self.roll(100) < n
    }

    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.roll(list.len() as u64)).unwrap()]
    }
}
