//! One call's media: datagrams and ticks in, packets and events out.
//!
//! ```text
//!            connect                       connect (re-INVITE)
//!   (deaf) ──────────► connected ◄───────────────────────────┐
//!                       │  play ► playing ► PlayDone         │
//!                       │  record ► recording ► RecordDone   │
//!                       └── nothing heard for dead_after ► Dead, once until heard again
//! ```
//!
//! What is sent when: prompts and keys while there are any. Otherwise one frame of silence at
//! once after `connect` and then every [`KEEP_ALIVE`], also while recording: it opens and keeps
//! the NAT bindings of both sides (RFC 6263) and tells a phone that the line lives, at a
//! 1/250 of the cost of sending silence all the time.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::codec::Codec;
use super::jitter::{Arrival, JitterBuffer};
use super::play::Player;
use super::record::{Batch, Recorder};
use super::rtcp::{self, Reception, Sent};
use super::rtp::{self, Packet};
use super::source::Source;
use super::{dtmf, g711};
use crate::dialplan::effect::RecordEnd;
use crate::key::Key;
use crate::time::{Instant, UnixMillis};

pub use super::play::PlayRequest;
pub use super::record::{RecordRequest, RecordedFrame};

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

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// Not RTP.
    Malformed(rtp::Malformed),
    /// Not RTCP, or not agreed upon.
    Rtcp,
    /// A payload type that was not agreed.
    PayloadType,
    /// An audio payload of no or impossible size.
    PayloadSize,
    /// A telephone event that is none.
    Event(dtmf::Malformed),
    /// From a source that is not the peer's.
    Source,
    /// Before the peer's address was known.
    Early,
    /// It came too late to be put in order.
    Late,
    /// It was here before.
    Duplicate,
}

impl Discard {
    /// All reasons, in the order of [`Discard::index`].
    pub const LABELS: [&'static str; 13] = [
        "short",
        "version",
        "header",
        "padding",
        "rtcp",
        "payload_type",
        "payload_size",
        "event_size",
        "event_code",
        "source",
        "early",
        "late",
        "duplicate",
    ];

    /// Which of [`Discard::LABELS`] names it.
    pub const fn index(self) -> usize {
        match self {
            Self::Malformed(rtp::Malformed::Short) => 0,
            Self::Malformed(rtp::Malformed::Version) => 1,
            Self::Malformed(rtp::Malformed::Header) => 2,
            Self::Malformed(rtp::Malformed::Padding) => 3,
            Self::Rtcp => 4,
            Self::PayloadType => 5,
            Self::PayloadSize => 6,
            Self::Event(dtmf::Malformed::Size) => 7,
            Self::Event(dtmf::Malformed::Event) => 8,
            Self::Source => 9,
            Self::Early => 10,
            Self::Late => 11,
            Self::Duplicate => 12,
        }
    }
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

    /// A key was pressed, by whatever way it was told.
    pub fn press(&mut self, now: Instant, key: Key) {
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

/// Receiving.
impl Session {
    /// A datagram has come. An error says why it was dropped, for a counter.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Discard> {
        let Some((remote, source)) = &mut self.remote else { return Err(Discard::Early) };
        if rtp::is_rtcp(datagram) {
            if !remote.rtcp_mux {
                return Err(Discard::Rtcp);
            }
            if from.ip().to_canonical() != source.target().ip().to_canonical() {
                return Err(Discard::Source);
            }
            self.reception.read(now, datagram).map_err(|_| Discard::Rtcp)?;
            self.alive(now);
            return Ok(());
        }
        let packet = Packet::parse(datagram).map_err(Discard::Malformed)?;
        let is_event = remote.dtmf_payload_type == Some(packet.payload_type);
        let codec = match packet.payload_type {
            _ if is_event => None,
            agreed if agreed == remote.payload_type => Some(remote.codec),
            // Either law is read whatever was agreed: the payload type says which it is.
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            _ => return Err(Discard::PayloadType),
        };
        if codec.is_some() && !(1..=MAX_PAYLOAD).contains(&packet.payload.len()) {
            return Err(Discard::PayloadSize);
        }
        if !source.accept(now, from) {
            return Err(Discard::Source);
        }
        let mux = remote.rtcp_mux;
        self.alive(now);
        match codec {
            Some(codec) => self.audio(now, codec, &packet)?,
            None => self.event(now, &packet)?,
        }
        if mux && self.stream.is_some_and(|stream| stream.ssrc == packet.ssrc) {
            self.reception.packet(now, packet.ssrc, packet.sequence, packet.timestamp);
        }
        Ok(())
    }

    fn alive(&mut self, now: Instant) {
        self.heard = now;
        self.dead = false;
    }

    /// A telephone event counts when it comes, not when it is in order, so that a key is never
    /// slower than the network. It keeps its place in the order of the audio it belongs to.
    fn event(&mut self, now: Instant, packet: &Packet) -> Result<(), Discard> {
        let key = self.keys.receive(now, packet).map_err(Discard::Event);
        let mut arrival = Arrival::Next;
        if self.stream.is_some_and(|stream| stream.ssrc == packet.ssrc) {
            arrival = self.jitter.arrive(now, packet.sequence, || Held::Event);
            self.pop(now);
        }
        if let Some(key) = key? {
            self.press(now, key);
            return Ok(());
        }
        judge(arrival)
    }

    fn audio(&mut self, now: Instant, codec: Codec, packet: &Packet) -> Result<(), Discard> {
        self.follow(now, packet.ssrc)?;
        let arrival = self.jitter.arrive(now, packet.sequence, || Held::Audio {
            codec,
            timestamp: packet.timestamp,
            payload: Bytes::copy_from_slice(packet.payload),
        });
        if arrival == Arrival::Next
            && let Some(recorder) = &mut self.recorder
        {
            recorder.frame(now, codec, packet.timestamp, packet.payload);
        }
        self.pop(now);
        judge(arrival)
    }

    /// Follows the peer to another SSRC; the packets of the one before are late then.
    fn follow(&mut self, now: Instant, ssrc: u32) -> Result<(), Discard> {
        let before = match self.stream {
            Some(stream) if stream.ssrc == ssrc => return Ok(()),
            Some(Stream { before: Some((old, until)), .. }) if old == ssrc && now < until => {
                return Err(Discard::Late);
            }
            Some(stream) => Some((stream.ssrc, now + OLD_SSRC)),
            None => None,
        };
        self.stream = Some(Stream { ssrc, before });
        if before.is_some() {
            while let Some(held) = self.jitter.flush() {
                self.in_order(now, held);
            }
            self.jitter.reset();
            if let Some(recorder) = &mut self.recorder {
                recorder.source_changed();
            }
        }
        Ok(())
    }

    fn pop(&mut self, now: Instant) {
        while let Some(held) = self.jitter.pop(now) {
            self.in_order(now, held);
        }
    }

    fn in_order(&mut self, now: Instant, held: Held) {
        match (held, &mut self.recorder) {
            (Held::Audio { codec, timestamp, payload }, Some(recorder)) => {
                recorder.frame(now, codec, timestamp, &payload);
            }
            (Held::Event, _) | (Held::Audio { .. }, None) => {}
        }
    }
}

fn judge(arrival: Arrival) -> Result<(), Discard> {
    match arrival {
        Arrival::Next | Arrival::Held => Ok(()),
        Arrival::Late | Arrival::Stray => Err(Discard::Late),
        Arrival::Duplicate => Err(Discard::Duplicate),
    }
}

/// Sending.
impl Session {
    /// 20 ms have passed. Writes the packet to send now to `out`, if there is one, and answers
    /// where it goes and how long it is.
    pub fn tick(&mut self, now: Instant, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        self.pop(now);
        if let Some(end) = self.recorder.as_ref().and_then(|recorder| recorder.due(now)) {
            self.finish_record(now, end);
        }
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(STEP);
        let (remote, source) = self.remote.as_ref()?;
        let (remote, target) = (*remote, source.target());
        if remote.receive && !self.dead && now.since(self.heard) >= self.dead_after {
            self.dead = true;
            self.events.push_back(Event::Dead);
        }
        let length = self.packet(now, timestamp, &remote, out)?;
        Some((target, length))
    }

    /// The RTCP report that is due now, if any, written to `out`.
    pub fn report(
        &mut self,
        now: Instant,
        wall: UnixMillis,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let (remote, source) = self.remote.as_ref()?;
        if !remote.rtcp_mux || now < self.report {
            return None;
        }
        self.report = now + rtcp::interval(self.seed.ssrc ^ self.timestamp);
        let ours = (self.seed.ssrc, self.timestamp);
        let length = rtcp::write_report(now, wall, ours, &mut self.sent, &mut self.reception, out)?;
        Some((source.target(), length))
    }

    /// When a report is due: an instant to compare with, cheaper than asking for the report.
    pub fn report_due(&self) -> Option<Instant> {
        self.remote.as_ref().and_then(|(remote, _)| remote.rtcp_mux.then_some(self.report))
    }

    fn packet(
        &mut self,
        now: Instant,
        timestamp: u32,
        remote: &RemoteMedia,
        out: &mut [u8],
    ) -> Option<usize> {
        if self.digits.is_active() && remote.send {
            self.talking = false;
            self.covered = 0;
            let event = self.digits.tick(timestamp, STEP)?;
            let payload_type = remote.dtmf_payload_type?;
            let head = (payload_type, event.marker, event.timestamp);
            return self.write(now, head, &event.payload, out);
        }
        if self.covered > 0 {
            self.covered -= 1;
            return None;
        }
        let ticks = (remote.ptime_ms / 20).clamp(1, 3);
        let mut frame = [0; 3 * STEP as usize];
        let frame = &mut frame[..ticks as usize * STEP as usize];
        let playing = self.player.as_mut().is_some_and(|player| player.fill(remote.codec, frame));
        if !playing {
            self.finish_play(false);
            self.talking = false;
            if !remote.send || now < self.keep_alive {
                return None;
            }
            frame.fill(g711::silence(remote.codec));
        }
        self.covered = ticks - 1;
        if !remote.send {
            return None;
        }
        let marker = !std::mem::replace(&mut self.talking, playing);
        self.write(now, (remote.payload_type, marker, timestamp), frame, out)
    }

    fn write(
        &mut self,
        now: Instant,
        (payload_type, marker, timestamp): (u8, bool, u32),
        payload: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let (ssrc, sequence) = (self.seed.ssrc, self.sequence);
        let packet = Packet { payload_type, marker, sequence, timestamp, ssrc, payload };
        let length = packet.write(out)?;
        self.sequence = sequence.wrapping_add(1);
        self.keep_alive = now + KEEP_ALIVE;
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.octets = self.sent.octets.wrapping_add(payload.len() as u32);
        self.sent.lately = true;
        Some(length)
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
