//! One session on its shard: its socket, its machine, where its frames and events go.

use std::collections::VecDeque;
use std::net::UdpSocket as StdSocket;

use hark_engine::dialplan::effect::RecordEnd;
use hark_engine::media::RecordedFrame;
use hark_engine::media::rtp::MAX_PACKET;
use hark_engine::media::session::{self, Event, Relayed, Session};
use hark_engine::time::{Instant, UnixMillis};
use mio::net::UdpSocket;

use super::RecordSink;
use super::metrics::Counts;

/// Packets that are read from one session before it is another's turn.
const BUDGET: usize = 64;

/// Where a session's events go.
pub(super) type Events = Box<dyn Fn(Event) + Send>;

/// What a shard's sessions share: buffers, and the numbers of what happened.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) packet: Packet,
    frames: Vec<RecordedFrame>,
    pub(super) counts: Counts,
}

/// A buffer for one packet.
pub(super) struct Packet(pub(super) [u8; MAX_PACKET]);

impl Default for Packet {
    fn default() -> Self {
        Self([0; MAX_PACKET])
    }
}

/// A session on its shard. Dropped without [`Slot::close`], it reports that it is dead.
pub(super) struct Slot {
    pub(super) id: u64,
    pub(super) socket: UdpSocket,
    pub(super) phase: usize,
    session: Session,
    events: Events,
    sink: Option<(u64, Box<dyn RecordSink>)>,
    /// The session that this one is bridged with.
    pub(super) bridged: Option<u64>,
    closed: bool,
}

impl Slot {
    pub(super) fn new(id: u64, socket: StdSocket, session: Session, events: Events) -> Self {
        let socket = UdpSocket::from_std(socket);
        Self { id, socket, phase: 0, session, events, sink: None, bridged: None, closed: false }
    }

    /// Changes the session and reports what came of it.
    pub(super) fn change(
        &mut self,
        now: Instant,
        scratch: &mut Scratch,
        change: impl FnOnce(&mut Session),
    ) {
        change(&mut self.session);
        self.settle(now, scratch);
    }

    /// Starts a recording into a sink. The one before it ends first, into its own.
    pub(super) fn record(
        &mut self,
        now: Instant,
        scratch: &mut Scratch,
        request: session::RecordRequest,
        sink: Box<dyn RecordSink>,
    ) {
        self.change(now, scratch, |session| session.record(now, request));
        self.sink = Some((request.id, sink));
    }

    /// Reads what has come. True if there may be more.
    pub(super) fn receive(&mut self, now: Instant, scratch: &mut Scratch) -> bool {
        for _ in 0..BUDGET {
            let (length, from) = match self.socket.recv_from(&mut scratch.packet.0) {
                Ok(received) => received,
                // An ICMP error of something sent before: the next read goes on.
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => continue,
                Err(_) => return false,
            };
            scratch.counts.received += 1;
            let datagram = scratch.packet.0.get(..length).unwrap_or(&[]);
            if let Err(reason) = self.session.handle_packet(now, from, datagram) {
                scratch.counts.discarded[reason.index()] += 1;
            }
            self.settle(now, scratch);
        }
        true
    }

    /// Sends what is due at this tick. True if a packet of sound or keys was sent.
    pub(super) fn tick(&mut self, now: Instant, wall: UnixMillis, scratch: &mut Scratch) -> bool {
        let packet = self.session.tick(now, &mut scratch.packet.0);
        let sent = packet.is_some();
        if let Some(packet) = packet {
            self.send(packet, scratch);
        }
        if self.session.report_due().is_some_and(|due| due <= now)
            && let Some(report) = self.session.report(now, wall, &mut scratch.packet.0)
        {
            self.send(report, scratch);
        }
        scratch.counts.lost += u64::from(self.session.take_lost());
        self.settle(now, scratch);
        sent
    }

    /// What was heard for the session that this one is bridged with.
    pub(super) fn take_relayed(&mut self) -> VecDeque<Relayed> {
        self.session.take_relayed()
    }

    /// Sends what the other session of a bridge heard.
    pub(super) fn relay(&mut self, now: Instant, relayed: &Relayed, scratch: &mut Scratch) {
        if let Some(packet) = self.session.relay(now, relayed, &mut scratch.packet.0) {
            self.send(packet, scratch);
        }
    }

    /// The end as its owner wished it. A running recording is handed over and reported.
    pub(super) fn close(&mut self, now: Instant, scratch: &mut Scratch) {
        if let Some((id, _)) = self.sink {
            let hangup = RecordEnd::Hangup;
            self.change(now, scratch, |session| session.stop_record(now, id, hangup));
        }
        self.closed = true;
    }

    /// The end after a defect: what was recorded is saved if it can be.
    pub(super) fn abandon(&mut self, now: Instant, scratch: &mut Scratch) {
        if let Some((id, _)) = self.sink {
            // As if the caller were gone: the dialplan keeps what was said. A sink that refuses
            // the last frames makes it a failure all the same.
            let gone = RecordEnd::Hangup;
            self.change(now, scratch, |session| session.stop_record(now, id, gone));
        }
    }

    fn send(&self, (to, length): (std::net::SocketAddr, usize), scratch: &mut Scratch) {
        let packet = scratch.packet.0.get(..length).unwrap_or(&[]);
        match self.socket.send_to(packet, to) {
            Ok(_) => scratch.counts.sent += 1,
            Err(_) => scratch.counts.send_errors += 1,
        }
    }

    /// Hands over frames and reports events, until there are no more.
    fn settle(&mut self, now: Instant, scratch: &mut Scratch) {
        if let Some(id) = self.session.frames_due()
            && !self.hand_over(id, scratch)
        {
            self.session.stop_record(now, id, RecordEnd::Failed);
        }
        while let Some(mut event) = self.session.poll_event() {
            match &mut event {
                Event::RecordDone { id, end, .. } => {
                    if !self.hand_over(*id, scratch) {
                        *end = RecordEnd::Failed;
                    }
                    self.sink.take_if(|(sink, _)| *sink == *id);
                }
                Event::Key { .. } => scratch.counts.keys += 1,
                Event::PlayDone { .. } | Event::Dead => {}
            }
            (self.events)(event);
        }
    }

    /// Whether the sink took the frames.
    fn hand_over(&mut self, id: u64, scratch: &mut Scratch) -> bool {
        self.session.take_frames(id, &mut scratch.frames);
        let kept = match &mut self.sink {
            Some((sink_id, sink)) if *sink_id == id => {
                scratch.frames.is_empty() || sink.append(&scratch.frames).is_ok()
            }
            Some(_) | None => false,
        };
        scratch.frames.clear();
        kept
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.closed {
            (self.events)(Event::Dead);
        }
    }
}
