//! Two sessions bridged: what one hears goes out by the other, packet by packet, at once.
//!
//! A packet keeps its place among its neighbours: numbers and timestamps of a source are moved by
//! a fixed offset (RFC 3550 section 7.1 for what a translator may do), so that the far side's own
//! jitter buffer sees loss, reordering and pauses as they happened. Nothing waits here, so
//! nothing is delayed.
//!
//! Keys don't pass as packets: a press that was recognised is pressed again towards the far side,
//! with its payload type, however many of its packets were lost. Sound pauses meanwhile.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::{MAX_PAYLOAD, Session};
use crate::key::Key;
use crate::media::codec::Codec;
use crate::media::g711;
use crate::time::Instant;

/// What may wait to be taken: more than a shard reads of a session at a time.
const MAX_WAITING: usize = 128;
/// A number further from the last than this is a new beginning, not loss or reordering.
const MAX_GAP: i16 = 100;

/// What one side of a bridge heard, for the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// A packet of sound, with the fields of its RTP header.
    Audio {
        /// How it is encoded.
        codec: Codec,
        /// Its source.
        ssrc: u32,
        /// Its number.
        sequence: u16,
        /// Its timestamp.
        timestamp: u32,
        /// The sound.
        payload: Bytes,
    },
    /// A key was pressed.
    Key(Key),
}

/// One session's side of a bridge.
#[derive(Debug, Default)]
pub(super) struct Bridge {
    /// Heard here, and not taken yet.
    heard: VecDeque<Relayed>,
    route: Option<Route>,
}

/// How the packets of the far side's source become ours.
#[derive(Clone, Copy, Debug)]
struct Route {
    ssrc: u32,
    /// The highest number seen, and ours for it.
    last: (u16, u16),
    /// Our first number since which no packet of our own went out.
    since: u16,
    /// What is added to timestamps.
    shift: u32,
}

impl Bridge {
    pub(super) fn hear(&mut self, relayed: Relayed) {
        if self.heard.len() < MAX_WAITING {
            self.heard.push_back(relayed);
        }
    }
}

impl Session {
    /// From now on what is heard is for another session, which takes it by
    /// [`Session::take_relayed`]; what is playing ends.
    pub fn bridge(&mut self) {
        self.finish_play(false);
        self.bridge.get_or_insert_default();
    }

    /// The bridge ends: keys are events again.
    pub fn unbridge(&mut self) {
        self.bridge = None;
    }

    /// What was heard for the other side, in the order in which it came.
    pub fn take_relayed(&mut self) -> VecDeque<Relayed> {
        self.bridge.as_mut().map(|bridge| std::mem::take(&mut bridge.heard)).unwrap_or_default()
    }

    /// Sends what the other side heard. Writes the packet to send now to `out`, if there is one,
    /// and answers where it goes and how long it is.
    pub fn relay(
        &mut self,
        now: Instant,
        relayed: &Relayed,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let (codec, ssrc, sequence, timestamp, payload) = match relayed {
            Relayed::Key(key) => {
                self.send_digits(&[*key]);
                return None;
            }
            Relayed::Audio { codec, ssrc, sequence, timestamp, payload } => {
                (*codec, *ssrc, *sequence, *timestamp, payload)
            }
        };
        let (remote, source) = self.remote.as_ref()?;
        let (remote, target) = (*remote, source.target());
        if !remote.send || self.digits.is_active() {
            return None;
        }
        let (sequence, timestamp, first) = self.place(ssrc, sequence, timestamp)?;
        let mut sound = [0; MAX_PAYLOAD];
        let sound = sound.get_mut(..payload.len())?;
        g711::transcode(codec, remote.codec, payload, sound);
        let head = (remote.payload_type, first, timestamp);
        let length = self.write_as(now, sequence, head, sound, out)?;
        // Our own packets, a key or the prompt after the bridge, come behind what was relayed.
        let end = timestamp.wrapping_add(payload.len() as u32);
        if is_later(end, self.timestamp) {
            self.timestamp = end;
        }
        Some((target, length))
    }

    /// Our number and timestamp for a packet of the far side, and whether it is the first of
    /// its source. `None` for one that came too late for its place to be free.
    fn place(&mut self, ssrc: u32, sequence: u16, timestamp: u32) -> Option<(u16, u32, bool)> {
        let bridge = self.bridge.as_mut()?;
        if let Some(route) = bridge.route.as_mut().filter(|route| route.ssrc == ssrc) {
            let (last, ours) = route.last;
            let ahead = sequence.wrapping_sub(last) as i16;
            if (1..=MAX_GAP).contains(&ahead) {
                // What the network lost is missing on the far side too.
                let number = self.sequence.wrapping_add(ahead as u16 - 1);
                if self.sequence != ours.wrapping_add(1) {
                    route.since = number;
                }
                route.last = (sequence, number);
                self.sequence = number.wrapping_add(1);
                return Some((number, timestamp.wrapping_add(route.shift), false));
            }
            if (-MAX_GAP..=0).contains(&ahead) {
                // Where a packet of our own went out meanwhile, its number is taken.
                let number = ours.wrapping_add_signed(ahead);
                let run = ours.wrapping_sub(route.since);
                let free = self.sequence == ours.wrapping_add(1)
                    && ahead < 0
                    && ours.wrapping_sub(number) <= run;
                return free.then(|| (number, timestamp.wrapping_add(route.shift), false));
            }
        }
        let number = self.sequence;
        let shift = self.timestamp.wrapping_sub(timestamp);
        bridge.route = Some(Route { ssrc, last: (sequence, number), since: number, shift });
        self.sequence = number.wrapping_add(1);
        Some((number, self.timestamp, true))
    }
}

/// Whether `a` lies after `b` on the circle of timestamps.
const fn is_later(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).wrapping_sub(1) < u32::MAX / 2
}
