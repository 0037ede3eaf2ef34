//! One call's media: datagrams and ticks in, packets and events out.
//!
//! ```text
//!            connect                       connect (re-INVITE)
//!   (deaf) ──────────► connected ◄───────────────────────────┐
//!                       │  play ► playing ► PlayDone         │
//!                       │  record ► recording ► RecordDone   │
//!                       ├── bridge ► what is heard is relayed, until unbridge
//!                       └── nothing heard for dead_after ► Dead, once until heard again
//! ```
//!
//! What is sent when: prompts and keys while there are any. Otherwise one frame of silence at
//! once after `connect` and then every [`KEEP_ALIVE`], also while recording: it opens and keeps
//! the NAT bindings of both sides (RFC 6263) and tells a phone that the line lives, at a
//! 1/250 of the cost of sending silence all the time.

mod bridge;
mod discard;
mod receive;
mod send;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::codec::Codec;
use super::dtmf;
use super::jitter::JitterBuffer;
use super::play::Player;
use super::record::{Batch, Recorder};
use super::rtcp::{self, Reception, Sent};
use super::source::Source;
use crate::dialplan::effect::RecordEnd;
use crate::key::Key;
use crate::time::Instant;

pub use super::play::PlayRequest;
pub use super::record::{RecordRequest, RecordedFrame};
pub use bridge::Relayed;
pub use discard::Discard;

/// A session wants to be ticked this often.
pub const TICK: Duration = Duration::from_millis(20);
/// How often something is sent when there is nothing to say.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Samples of a tick.
const STEP: u32 = 160;
/// Audio payloads above this are nonsense: 160 ms.
const MAX_PAYLOAD: usize = 1280;
/// After a change of SSRC, packets of the one before are late for so long.
const OLD_SSRC: Duration = Duration::from_secs(1);

/// What was agreed with the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Where the peer's SDP wants its packets.
    pub addr: SocketAddr,
    /// The host that the peer's signalling came from, if known: believed as a source too.
    pub signalling: Option<IpAddr>,
    /// The codec that we send.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of telephone events, if agreed.
    pub dtmf_payload_type: Option<u8>,
    /// The length of packets that the peer prefers; 20, 40 and 60 ms are kept.
    pub ptime_ms: u32,
    /// Whether we may send.
    pub send: bool,
    /// Whether the peer may send. If not, it is never dead.
    pub receive: bool,
    /// Whether RTCP shares the port.
    pub rtcp_mux: bool,
}

/// The random start of what a peer must not guess (RFC 3550 sections 5.1 and 8.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Seed {
    /// Our synchronisation source.
    pub ssrc: u32,
    /// Our first sequence number.
    pub sequence: u16,
    /// Our first timestamp.
    pub timestamp: u32,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was pressed; this is its press, not its release. It comes before the `PlayDone`
    /// and the `RecordDone` that it caused.
    Key {
        /// Which.
        key: Key,
        /// When its first packet came.
        received: Instant,
    },
    /// Playing ended.
    PlayDone {
        /// Of the request.
        id: u64,
        /// How much was sent.
        played: Duration,
        /// Whether a key stopped it.
        stopped_by_key: bool,
    },
    /// Recording ended. All its frames can be taken.
    RecordDone {
        /// Of the request.
        id: u64,
        /// Why.
        end: RecordEnd,
        /// How long it is.
        length: Duration,
    },
    /// Nothing came from the peer for as long as was configured.
    Dead,
}

/// What waits in the jitter buffer.
#[derive(Debug)]
enum Held {
    Audio {
        codec: Codec,
        timestamp: u32,
        payload: Bytes,
    },
    /// A telephone event was reported when it came; it only keeps its place here.
    Event,
}

/// The peer's audio stream.
#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    /// The one before, and until when its packets are late.
    before: Option<(u32, Instant)>,
}

/// One call's media.
#[derive(Debug)]
pub struct Session {
    dead_after: Duration,
    remote: Option<(RemoteMedia, Source)>,
    // Receiving.
    stream: Option<Stream>,
    jitter: JitterBuffer<Held>,
    keys: dtmf::Receiver,
    reception: Reception,
    heard: Instant,
    dead: bool,
    recorder: Option<Recorder>,
    /// The last frames of a recording that ended.
    tail: Option<(u64, Batch)>,
    // Sending.
    seed: Seed,
    sequence: u16,
    timestamp: u32,
    /// Ticks that the last packet still covers.
    covered: u32,
    /// Whether the last tick sent or covered audio: else the next is the first of a spurt.
    talking: bool,
    player: Option<Player>,
    digits: dtmf::Sender,
    keep_alive: Instant,
    sent: Sent,
    report: Instant,
    events: VecDeque<Event>,
    bridge: Option<bridge::Bridge>,
}

impl Session {
    /// A session that hears and says nothing until it is connected.
    pub fn new(seed: Seed, dead_after: Duration) -> Self {
        Self {
            dead_after,
            remote: None,
            stream: None,
            jitter: JitterBuffer::default(),
            keys: dtmf::Receiver::default(),
            reception: Reception::default(),
            heard: Instant::ZERO,
            dead: false,
            recorder: None,
            tail: None,
            seed,
            sequence: seed.sequence,
            timestamp: seed.timestamp,
            covered: 0,
            talking: false,
            player: None,
            digits: dtmf::Sender::default(),
            keep_alive: Instant::ZERO,
            sent: Sent::default(),
            report: Instant::ZERO,
            events: VecDeque::new(),
            bridge: None,
        }
    }

    /// Learns the peer, or what a re-INVITE changed about it.
    pub fn connect(&mut self, now: Instant, remote: RemoteMedia) {
        self.remote = Some((remote, Source::new(remote.addr, remote.signalling)));
        self.heard = now;
        self.dead = false;
        self.keep_alive = now;
        self.report = now + rtcp::interval(self.seed.ssrc);
    }

    /// Plays; what was playing before ends.
    pub fn play(&mut self, request: PlayRequest) {
        self.finish_play(false);
        self.player = Some(Player::new(request));
    }

    /// Ends that playing, if it still plays.
    pub fn stop_play(&mut self, id: u64) {
        if self.player.as_ref().is_some_and(|player| player.id() == id) {
            self.finish_play(false);
        }
    }

    /// Records; what was being recorded before ends.
    pub fn record(&mut self, now: Instant, request: RecordRequest) {
        self.finish_record(now, RecordEnd::Stopped);
        self.recorder = Some(Recorder::new(now, request));
    }

    /// Ends that recording, if it still runs.
    pub fn stop_record(&mut self, now: Instant, id: u64, end: RecordEnd) {
        if self.recorder.as_ref().is_some_and(|recorder| recorder.request.id == id) {
            self.finish_record(now, end);
        }
    }

    /// Sends keys to the peer; false if telephone events were not agreed or too many wait.
    pub fn send_digits(&mut self, keys: &[Key]) -> bool {
        let agreed = self.remote.as_ref().is_some_and(|(r, _)| r.dtmf_payload_type.is_some());
        agreed && self.digits.press(keys.iter().copied()) == keys.len()
    }

    /// A key was pressed, by whatever way it was told. In a bridge it is meant for the other
    /// side, and no event tells of it.
    pub fn press(&mut self, now: Instant, key: Key) {
        if let Some(bridge) = &mut self.bridge {
            return bridge.hear(Relayed::Key(key));
        }
        self.events.push_back(Event::Key { key, received: now });
        if self.player.as_ref().is_some_and(|player| player.stop_on().contains(key)) {
            self.finish_play(true);
        }
        if self.recorder.as_ref().is_some_and(|r| r.request.stop_on.contains(key)) {
            self.finish_record(now, RecordEnd::Key(key));
        }
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many packets were lost since this was last asked.
    pub fn take_lost(&mut self) -> u32 {
        self.jitter.take_lost()
    }

    /// Which recording runs and has frames worth handing over.
    pub fn frames_due(&self) -> Option<u64> {
        let recorder = self.recorder.as_ref()?;
        recorder.batch_due().then_some(recorder.request.id)
    }

    /// Moves the frames of a recording, running or just ended, to `out`.
    pub fn take_frames(&mut self, id: u64, out: &mut Vec<RecordedFrame>) {
        if let Some((_, mut batch)) = self.tail.take_if(|(tail, _)| *tail == id) {
            batch.take(out);
        } else if let Some(recorder) = self.recorder.as_mut().filter(|r| r.request.id == id) {
            recorder.batch().take(out);
        }
    }

    fn finish_play(&mut self, stopped_by_key: bool) {
        if let Some(player) = self.player.take() {
            let (id, played) = (player.id(), player.played());
            self.events.push_back(Event::PlayDone { id, played, stopped_by_key });
        }
    }

    fn finish_record(&mut self, now: Instant, end: RecordEnd) {
        while let Some(held) = self.jitter.flush() {
            self.in_order(now, held);
        }
        if let Some(mut recorder) = self.recorder.take() {
            let (id, length) = (recorder.request.id, recorder.length());
            self.tail = Some((id, std::mem::take(recorder.batch())));
            self.events.push_back(Event::RecordDone { id, end, length });
        }
    }
}

#[cfg(test)]
mod tests;
