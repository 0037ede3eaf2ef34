//! The sending half of a session: one packet a tick at most.

use std::net::SocketAddr;

use super::{Event, KEEP_ALIVE, RemoteMedia, STEP, Session};
use crate::media::rtp::Packet;
use crate::media::{g711, rtcp};
use crate::time::{Instant, UnixMillis};

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
        head: (u8, bool, u32),
        payload: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let sequence = self.sequence;
        let length = self.write_as(now, sequence, head, payload, out)?;
        self.sequence = sequence.wrapping_add(1);
        Some(length)
    }

    /// Writes a packet of a number that the caller accounts for.
    pub(super) fn write_as(
        &mut self,
        now: Instant,
        sequence: u16,
        (payload_type, marker, timestamp): (u8, bool, u32),
        payload: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let ssrc = self.seed.ssrc;
        let packet = Packet { payload_type, marker, sequence, timestamp, ssrc, payload };
        let length = packet.write(out)?;
        self.keep_alive = now + KEEP_ALIVE;
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.octets = self.sent.octets.wrapping_add(payload.len() as u32);
        self.sent.lately = true;
        Some(length)
    }
}
