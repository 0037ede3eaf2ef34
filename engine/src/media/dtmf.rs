//! Keys as named telephone events (RFC 4733): each press exactly once.
//!
//! Every packet of a press carries the press's own RTP timestamp and its key, so any one of
//! them reports it, at once; all others of the same press are recognised and add nothing. The
//! end bit decides nothing: end packets may be lost, or come many times.

use std::collections::VecDeque;
use std::time::Duration;

use thiserror::Error;

use super::rtp::Packet;
use crate::key::Key;
use crate::time::Instant;

/// Octets of an event payload (RFC 4733 section 2.3).
const PAYLOAD_LENGTH: usize = 4;
/// The longest duration that a packet can tell; a longer press goes on in a new segment whose
/// timestamp is this much later (RFC 4733 section 2.5.1.3).
const SEGMENT: u32 = 0xffff;
/// Some senders move the timestamp along while a key is held. Nobody presses a key twice
/// within so few samples (50 ms), so that is still the same press.
const CREEP: u32 = 400;
/// A known timestamp that begins anew (marker bit) after so long is another press: senders
/// that replay a captured press do this. The network delays no duplicate for so long.
const REPLAY: Duration = Duration::from_secs(1);
/// How many presses are remembered, for packets that come late.
const REMEMBERED: usize = 8;

/// Why an event packet reports nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The payload is not one event block.
    #[error("the payload is not the 4 octets of one telephone event")]
    Size,
    /// The event is not a key: a tone, a hook flash.
    #[error("the telephone event is not a key")]
    Event,
}

#[derive(Clone, Copy, Debug)]
struct Press {
    ssrc: u32,
    key: Key,
    timestamp: u32,
    seen: Instant,
}

/// Recognises presses in a stream of event packets, in whatever order they come.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    presses: VecDeque<Press>,
}

impl Receiver {
    /// Reads an event packet. The key, if this is the first packet that shows its press.
    pub fn receive(&mut self, now: Instant, packet: &Packet) -> Result<Option<Key>, Malformed> {
        let [event, _volume, _, _] = packet.payload else { return Err(Malformed::Size) };
        let key = Key::from_event(*event).ok_or(Malformed::Event)?;
        let known = self.presses.iter_mut().find(|press| {
            let moved = packet.timestamp.wrapping_sub(press.timestamp);
            press.ssrc == packet.ssrc && press.key == key && (moved <= CREEP || moved == SEGMENT)
        });
        if let Some(press) = known {
            let again = packet.marker && now.since(press.seen) > REPLAY;
            press.seen = now;
            press.timestamp = packet.timestamp;
            return Ok(again.then_some(key));
        }
        if self.presses.len() == REMEMBERED {
            self.presses.pop_front();
        }
        let press = Press { ssrc: packet.ssrc, key, timestamp: packet.timestamp, seen: now };
        self.presses.push_back(press);
        Ok(Some(key))
    }
}

/// One packet of a press that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// The first packet of the press.
    pub marker: bool,
    /// The session's timestamp when the press began.
    pub timestamp: u32,
    /// Key, end bit and volume, duration.
    pub payload: [u8; PAYLOAD_LENGTH],
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    key: Key,
    timestamp: u32,
    /// Packets sent so far.
    packets: u32,
}

/// Sends presses, one packet each 20 ms: 100 ms of tone, the end three times, a pause.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    waiting: VecDeque<Key>,
    sending: Option<Sending>,
    /// Ticks until the next press may begin.
    pause: u32,
}

impl Sender {
    /// Packets of a press before its end: 100 ms.
    const PACKETS: u32 = 5;
    /// How often the end is told (RFC 4733 section 2.5.1.4).
    const ENDS: u32 = 3;
    /// Ticks between two presses: 60 ms.
    const PAUSE: u32 = 3;
    /// How many presses may wait.
    const MAX_WAITING: usize = 64;
    /// Volume in -dBm0.
    const VOLUME: u8 = 10;

    /// Adds presses; those beyond the bound are dropped. Answers how many were taken.
    pub fn press(&mut self, keys: impl IntoIterator<Item = Key>) -> usize {
        let room = Self::MAX_WAITING.saturating_sub(self.waiting.len());
        let before = self.waiting.len();
        self.waiting.extend(keys.into_iter().take(room));
        self.waiting.len() - before
    }

    /// Whether the sender wants the ticks, instead of audio.
    pub fn is_active(&self) -> bool {
        self.sending.is_some() || self.pause > 0 || !self.waiting.is_empty()
    }

    /// The packet of this tick. `timestamp` is that of audio sent now, `step` a tick's samples.
    pub fn tick(&mut self, timestamp: u32, step: u32) -> Option<EventPacket> {
        if self.sending.is_none() {
            if self.pause > 0 {
                self.pause -= 1;
                return None;
            }
            let key = self.waiting.pop_front()?;
            self.sending = Some(Sending { key, timestamp, packets: 0 });
        }
        let sending = self.sending.as_mut()?;
        sending.packets += 1;
        let end = sending.packets > Self::PACKETS;
        let duration = sending.packets.min(Self::PACKETS + 1) * step;
        let [high, low] = u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes();
        let packet = EventPacket {
            marker: sending.packets == 1,
            timestamp: sending.timestamp,
            payload: [sending.key.event(), (u8::from(end) << 7) | Self::VOLUME, high, low],
        };
        if sending.packets == Self::PACKETS + Self::ENDS {
            self.sending = None;
            self.pause = Self::PAUSE;
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(c: char) -> Key {
        Key::from_char(c).unwrap()
    }

    fn packet(timestamp: u32, marker: bool, payload: &[u8]) -> Packet<'_> {
        Packet { payload_type: 101, marker, sequence: 0, timestamp, ssrc: 7, payload }
    }

    /// The packets that a sender makes of some presses, with the tick of each.
    fn sent(keys: &str) -> Vec<(u32, EventPacket)> {
        let mut sender = Sender::default();
        assert_eq!(sender.press(keys.chars().map(key)), keys.len());
        let mut packets = Vec::new();
        let mut tick = 0;
        while sender.is_active() {
            let timestamp = (u32::MAX - 2000).wrapping_add(tick * 160);
            packets.extend(sender.tick(timestamp, 160).map(|packet| (tick, packet)));
            tick += 1;
        }
        packets
    }

    fn received(packets: &[(u32, EventPacket)]) -> String {
        let mut receiver = Receiver::default();
        let keys = packets.iter().filter_map(|(tick, p)| {
            let now = Instant::ZERO + Duration::from_millis(u64::from(*tick) * 20);
            receiver.receive(now, &packet(p.timestamp, p.marker, &p.payload)).unwrap()
        });
        keys.map(Key::as_char).collect()
    }

    #[test]
    fn a_press_is_reported_at_its_first_packet() {
        let packets = sent("5");
        assert_eq!(packets.len(), 8);
        assert_eq!(received(&packets[..1]), "5");
        assert_eq!(received(&packets), "5");
    }

    #[test]
    fn a_long_press_and_a_creeping_timestamp_are_one_press() {
        let mut receiver = Receiver::default();
        let mut now = Instant::ZERO;
        let mut keys = 0;
        for segment in 0..3 {
            for n in 0..400u32 {
                let timestamp = 1000 + segment * SEGMENT;
                let [high, low] = ((n * 160) as u16).to_be_bytes();
                let payload = [1, 10, high, low];
                let first = n == 0 && segment == 0;
                let key = receiver.receive(now, &packet(timestamp, first, &payload)).unwrap();
                keys += u32::from(key.is_some());
                now += Duration::from_millis(20);
            }
        }
        for n in 0..100 {
            let packet = packet(5_000_000 + n * 160, n == 0, &[2, 10, 0, 0]);
            keys += u32::from(receiver.receive(now, &packet).unwrap().is_some());
        }
        assert_eq!(keys, 2);
    }

    #[test]
    fn a_press_that_is_replayed_later_is_another() {
        let mut receiver = Receiver::default();
        let payload = [1, 10, 0, 0];
        let mut at = |ms, marker| {
            let now = Instant::ZERO + Duration::from_millis(ms);
            receiver.receive(now, &packet(1000, marker, &payload)).unwrap().is_some()
        };
        assert!(at(0, true));
        assert!(!at(20, false));
        assert!(!at(40, true), "a duplicate of the first packet");
        assert!(!at(1900, false), "a key still held, with packets lost");
        assert!(at(3000, true));
    }

    #[test]
    fn a_payload_of_the_wrong_size_or_no_key_reports_nothing() {
        let mut receiver = Receiver::default();
        for payload in [&[][..], &[1], &[1, 2, 3], &[1, 2, 3, 4, 5], &[0; 8]] {
            let result = receiver.receive(Instant::ZERO, &packet(0, true, payload));
            assert_eq!(result, Err(Malformed::Size));
        }
        let flash = receiver.receive(Instant::ZERO, &packet(0, true, &[16, 0, 0, 0]));
        assert_eq!(flash, Err(Malformed::Event));
    }

    proptest! {
        /// Any one packet of a press is enough, in any company of duplicates, as long as the
        /// packets of different presses keep their order.
        #[test]
        fn each_press_once_under_loss_and_duplicates(
            keys in "[0-9A-D*#]{1,20}",
            fates in proptest::collection::vec(0u8..4, 160),
            survivor in 0usize..8,
        ) {
            let packets = sent(&keys);
            let kept: Vec<_> = packets.iter().enumerate().flat_map(|(n, packet)| {
                let copies = match fates[n] {
                    0 | 1 => usize::from(n % 8 == survivor),
                    2 => 1,
                    _ => 3,
                };
                std::iter::repeat_n(*packet, copies)
            }).collect();
            prop_assert_eq!(received(&kept), keys);
        }

        /// Reordering, even across presses: each still once.
        #[test]
        fn each_press_once_under_reordering(
            keys in "[0-9A-D*#]{1,20}",
            delays in proptest::collection::vec(0u32..20, 160),
        ) {
            let mut packets: Vec<_> =
                sent(&keys).into_iter().zip(delays).map(|((t, p), d)| (t + d, p)).collect();
            packets.sort_by_key(|(tick, _)| *tick);
            let mut found: Vec<char> = received(&packets).chars().collect();
            let mut expected: Vec<char> = keys.chars().collect();
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
