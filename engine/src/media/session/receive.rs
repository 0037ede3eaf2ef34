//! The receiving half of a session: whose packet it is, what it is, and its place in order.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Discard, Held, MAX_PAYLOAD, OLD_SSRC, Relayed, Session, Stream};
use crate::media::codec::Codec;
use crate::media::jitter::Arrival;
use crate::media::rtp::{self, Packet};
use crate::time::Instant;

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
        if matches!(arrival, Arrival::Next | Arrival::Held)
            && let Some(bridge) = &mut self.bridge
        {
            bridge.hear(Relayed::Audio {
                codec,
                ssrc: packet.ssrc,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                payload: Bytes::copy_from_slice(packet.payload),
            });
        }
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

    pub(super) fn pop(&mut self, now: Instant) {
        while let Some(held) = self.jitter.pop(now) {
            self.in_order(now, held);
        }
    }

    pub(super) fn in_order(&mut self, now: Instant, held: Held) {
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
