//! Token buckets by key, bounded in number: how often a stranger may do something.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::time::Instant;

/// A set of token buckets, one a key.
///
/// Each bucket holds at most `burst` tokens and regains one every `refill`. At most `capacity`
/// keys are remembered; when more come, those whose bucket is full again are forgotten, and if
/// none is, the newcomer is refused: forgetting an offender would hand it a fresh bucket.
#[derive(Clone, Debug)]
pub struct Throttle<K> {
    burst: u32,
    refill: Duration,
    capacity: usize,
    buckets: HashMap<K, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// The instant at which the bucket will be full again.
    full_at: Instant,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// Buckets of `burst` tokens (at least 1) that regain one every `refill`, for at most
    /// `capacity` keys at once.
    pub fn new(burst: u32, refill: Duration, capacity: usize) -> Self {
        Self { burst: burst.max(1), refill, capacity: capacity.max(1), buckets: HashMap::new() }
    }

    /// Takes a token of `key`'s bucket. `Err` tells how long to wait for the next.
    pub fn take(&mut self, now: Instant, key: &K) -> Result<(), Duration> {
        self.check(now, key)?;
        if !self.buckets.contains_key(key) && self.buckets.len() >= self.capacity {
            self.buckets.retain(|_, b| b.full_at > now);
            if self.buckets.len() >= self.capacity {
                return Err(self.refill);
            }
        }
        let bucket = self.buckets.entry(key.clone()).or_insert(Bucket { full_at: now });
        bucket.full_at = bucket.full_at.max(now) + self.refill;
        Ok(())
    }

    /// Whether `key` has a token, without taking it. `Err` tells how long to wait.
    pub fn check(&self, now: Instant, key: &K) -> Result<(), Duration> {
        let Some(bucket) = self.buckets.get(key) else { return Ok(()) };
        let owed = bucket.full_at.since(now);
        let room = self.refill * (self.burst - 1);
        if owed <= room { Ok(()) } else { Err(owed - room) }
    }

    /// How many tokens `key` has, and how long it takes until it has all of them.
    pub fn left(&self, now: Instant, key: &K) -> (u32, Duration) {
        let owed = self.buckets.get(key).map_or(Duration::ZERO, |b| b.full_at.since(now));
        let taken = owed.as_micros().div_ceil(self.refill.as_micros().max(1));
        (self.burst.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX)), owed)
    }

    /// Forgets `key`: its next token comes from a full bucket.
    pub fn forgive(&mut self, key: &K) {
        self.buckets.remove(key);
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_a_refill() {
        let mut throttle = Throttle::new(3, Duration::from_secs(10), 8);
        let t0 = Instant::from_micros(5);
        for _ in 0..3 {
            assert!(throttle.take(t0, &"a").is_ok());
        }
        assert_eq!(throttle.take(t0, &"a"), Err(Duration::from_secs(10)));
        assert!(throttle.take(t0, &"b").is_ok(), "keys do not share a bucket");
        let later = t0 + Duration::from_secs(10);
        assert!(throttle.take(later, &"a").is_ok());
        assert!(throttle.take(later, &"a").is_err());
    }

    #[test]
    fn what_is_left_is_told() {
        let mut throttle = Throttle::new(3, Duration::from_secs(10), 8);
        let t0 = Instant::from_micros(5);
        assert_eq!(throttle.left(t0, &"a"), (3, Duration::ZERO));
        throttle.take(t0, &"a").unwrap();
        throttle.take(t0, &"a").unwrap();
        assert_eq!(throttle.left(t0, &"a"), (1, Duration::from_secs(20)));
        let later = t0 + Duration::from_secs(11);
        assert_eq!(throttle.left(later, &"a"), (2, Duration::from_secs(9)));
    }

    #[test]
    fn a_full_table_refuses_newcomers_until_somebody_is_forgotten() {
        let mut throttle = Throttle::new(1, Duration::from_secs(10), 2);
        assert!(throttle.take(Instant::ZERO, &1).is_ok());
        assert!(throttle.take(Instant::ZERO, &2).is_ok());
        assert!(throttle.take(Instant::ZERO, &3).is_err());
        assert_eq!(throttle.len(), 2);
        let later = Instant::ZERO + Duration::from_secs(11);
        assert!(throttle.take(later, &3).is_ok());
        assert_eq!(throttle.len(), 1);
    }
}
