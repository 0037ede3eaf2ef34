//! Puts packets in order, each once, and says when one is lost (RFC 3550 appendix A.1).
//!
//! A packet that is next in line passes at once and is not copied. One that came too early is
//! held until the gap before it is filled, or until it has waited for [`MAX_WAIT`], or until
//! [`CAPACITY`] packets wait: then the missing ones are given up. Nothing is played out from
//! here, so there is no delay to adapt: order is the whole task.

use std::time::Duration;

use crate::time::Instant;

/// How many packets are held at most: 320 ms of 20 ms packets.
pub const CAPACITY: usize = 16;
/// How long a packet waits for those before it.
pub const MAX_WAIT: Duration = Duration::from_millis(120);
/// A jump ahead by more than this is another stream, or nonsense (RFC 3550: `MAX_DROPOUT`).
const MAX_DROPOUT: u16 = 3000;
/// A step back by more than this likewise (RFC 3550: `MAX_MISORDER`).
const MAX_MISORDER: u16 = 100;

/// What became of a packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is next in line: take it now, then [`JitterBuffer::pop`] those that waited for it.
    Next,
    /// It is held.
    Held,
    /// It was here before.
    Duplicate,
    /// It was given up as lost before it came.
    Late,
    /// It is far from the expected number. A second one in succession starts the order anew.
    Stray,
}

#[derive(Clone, Debug)]
struct Held<T> {
    sequence: u16,
    since: Instant,
    value: T,
}

/// Packets on their way into order.
#[derive(Clone, Debug)]
pub struct JitterBuffer<T> {
    /// The number of the packet that is next in line.
    expected: Option<u16>,
    /// Bit n says that packet `expected - 1 - n` was taken.
    history: u64,
    /// Which packet would confirm a restart of the numbering.
    restart: Option<u16>,
    /// In no order; mostly empty and never more than [`CAPACITY`].
    held: Vec<Held<T>>,
    lost: u32,
}

impl<T> Default for JitterBuffer<T> {
    fn default() -> Self {
        Self { expected: None, history: 0, restart: None, held: Vec::new(), lost: 0 }
    }
}

impl<T> JitterBuffer<T> {
    /// A packet has come. `value` is asked for only if it has to be held.
    pub fn arrive(&mut self, now: Instant, sequence: u16, value: impl FnOnce() -> T) -> Arrival {
        let Some(expected) = self.expected else {
            self.take(sequence);
            return Arrival::Next;
        };
        let ahead = sequence.wrapping_sub(expected);
        if ahead == 0 {
            self.restart = None;
            self.take(sequence);
            return Arrival::Next;
        }
        if ahead < MAX_DROPOUT {
            self.restart = None;
            return self.hold(now, sequence, value);
        }
        let behind = expected.wrapping_sub(sequence);
        if behind <= MAX_MISORDER {
            let seen = behind > 64 || self.history & (1 << (behind - 1)) != 0;
            return if seen { Arrival::Duplicate } else { Arrival::Late };
        }
        if self.restart == Some(sequence) {
            self.reset();
            self.take(sequence);
            return Arrival::Next;
        }
        self.restart = Some(sequence.wrapping_add(1));
        Arrival::Stray
    }

    /// The next packet of those that were held, once it is in line or its wait is over.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        if self.held.is_empty() {
            return None;
        }
        let overdue = self.held.len() >= CAPACITY
            || self.held.iter().any(|held| now.since(held.since) >= MAX_WAIT);
        self.pop_first(overdue)
    }

    /// The next packet of those that were held, whatever is missing before it.
    pub fn flush(&mut self) -> Option<T> {
        self.pop_first(true)
    }

    /// Forgets the numbering and what is held: another stream begins.
    pub fn reset(&mut self) {
        *self = Self { lost: self.lost, held: std::mem::take(&mut self.held), ..Self::default() };
        self.held.clear();
    }

    /// How many packets were given up since this was last asked.
    pub fn take_lost(&mut self) -> u32 {
        std::mem::take(&mut self.lost)
    }

    fn hold(&mut self, now: Instant, sequence: u16, value: impl FnOnce() -> T) -> Arrival {
        if self.held.iter().any(|held| held.sequence == sequence) {
            return Arrival::Duplicate;
        }
        // The driver pops after every arrival, so that there is room; if it does not, the
        // packet is lost like any other.
        if self.held.len() < CAPACITY {
            self.held.push(Held { sequence, since: now, value: value() });
        }
        Arrival::Held
    }

    fn pop_first(&mut self, give_up: bool) -> Option<T> {
        let expected = self.expected?;
        let ahead = |held: &Held<T>| held.sequence.wrapping_sub(expected);
        let first = (0..self.held.len()).min_by_key(|n| ahead(&self.held[*n]))?;
        let missing = ahead(&self.held[first]);
        if missing > 0 && !give_up {
            return None;
        }
        self.lost += u32::from(missing);
        self.history = self.history.checked_shl(u32::from(missing)).unwrap_or(0);
        let held = self.held.swap_remove(first);
        self.take(held.sequence);
        Some(held.value)
    }

    fn take(&mut self, sequence: u16) {
        self.expected = Some(sequence.wrapping_add(1));
        self.history = (self.history << 1) | 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// Feeds packets at 20 ms steps and answers what came out, in order.
    fn run(buffer: &mut JitterBuffer<u16>, arrivals: &[u16]) -> Vec<u16> {
        let mut now = Instant::ZERO;
        let mut out = Vec::new();
        for sequence in arrivals {
            if buffer.arrive(now, *sequence, || *sequence) == Arrival::Next {
                out.push(*sequence);
            }
            out.extend(std::iter::from_fn(|| buffer.pop(now)));
            assert!(buffer.held.len() < CAPACITY);
            now += FRAME;
        }
        out.extend(std::iter::from_fn(|| buffer.flush()));
        out
    }

    #[test]
    fn packets_that_overtook_wait_for_the_others() {
        let mut buffer = JitterBuffer::default();
        assert_eq!(run(&mut buffer, &[65534, 0, 65535, 2, 1]), [65534, 65535, 0, 1, 2]);
        assert_eq!(buffer.take_lost(), 0);
    }

    #[test]
    fn a_gap_is_given_up_in_time() {
        let mut buffer = JitterBuffer::default();
        let now = Instant::ZERO;
        assert_eq!(buffer.arrive(now, 10, || 10), Arrival::Next);
        assert_eq!(buffer.arrive(now, 12, || 12), Arrival::Held);
        assert_eq!(buffer.pop(now + MAX_WAIT / 2), None);
        assert_eq!(buffer.pop(now + MAX_WAIT), Some(12));
        assert_eq!(buffer.take_lost(), 1);
        assert_eq!(buffer.arrive(now, 11, || 11), Arrival::Late);
        assert_eq!(buffer.arrive(now, 12, || 12), Arrival::Duplicate);
        assert_eq!(buffer.arrive(now, 10, || 10), Arrival::Duplicate);
    }

    #[test]
    fn a_stray_packet_changes_nothing_but_two_in_succession_restart() {
        let mut buffer = JitterBuffer::default();
        let now = Instant::ZERO;
        assert_eq!(buffer.arrive(now, 10, || ()), Arrival::Next);
        assert_eq!(buffer.arrive(now, 30000, || ()), Arrival::Stray);
        assert_eq!(buffer.arrive(now, 11, || ()), Arrival::Next);
        assert_eq!(buffer.arrive(now, 30000, || ()), Arrival::Stray);
        assert_eq!(buffer.arrive(now, 30001, || ()), Arrival::Next);
        assert_eq!(buffer.arrive(now, 30002, || ()), Arrival::Next);
    }

    proptest! {
        /// Loss, duplicates and reordering within the buffer's reach: what arrived comes out
        /// once, in order, and the rest is counted.
        #[test]
        fn what_arrives_comes_out_once_and_in_order(
            start: u16,
            fates in proptest::collection::vec((0u8..10, 0u64..4), 1..400),
        ) {
            let mut arrivals = Vec::new();
            for (n, (fate, delay)) in fates.iter().enumerate() {
                let (n16, n64) = (u16::try_from(n).unwrap(), n as u64);
                let sequence = start.wrapping_add(n16);
                // The first and the last always arrive on time, so that loss can be counted.
                let edge = n == 0 || n + 1 == fates.len();
                match fate {
                    0 if !edge => {}
                    1 => arrivals.extend([(n64 * 2, n16, sequence), (n64 * 2 + 5, n16, sequence)]),
                    2 if !edge => arrivals.push((n64 * 2 + delay * 2, n16, sequence)),
                    _ => arrivals.push((n64 * 2, n16, sequence)),
                }
            }
            arrivals.sort();
            let mut arrived: Vec<(u16, u16)> = arrivals.iter().map(|a| (a.1, a.2)).collect();
            arrived.sort();
            arrived.dedup();
            let order: Vec<u16> = arrivals.iter().map(|a| a.2).collect();
            let expected: Vec<u16> = arrived.iter().map(|a| a.1).collect();
            let mut buffer = JitterBuffer::default();
            prop_assert_eq!(run(&mut buffer, &order), expected.clone());
            prop_assert_eq!(buffer.take_lost() as usize, fates.len() - expected.len());
        }

        #[test]
        fn any_numbers_leave_it_bounded(numbers in proptest::collection::vec(any::<u16>(), 0..500)) {
            let mut buffer = JitterBuffer::default();
            prop_assert!(run(&mut buffer, &numbers).len() <= numbers.len());
        }
    }
}
