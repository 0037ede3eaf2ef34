//! The jitter buffer and the session around it: the cost of a packet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use hark_engine::key::KeySet;
use hark_engine::media::jitter::JitterBuffer;
use hark_engine::media::rtp::{MAX_PACKET, Packet};
use hark_engine::media::session::{PlayRequest, RecordRequest, RemoteMedia, Seed, Session, TICK};
use hark_engine::media::{Clip, Codec};
use hark_engine::time::Instant;

fn main() {
    divan::main();
}

/// Every packet is the next in line.
#[divan::bench]
fn jitter_in_order(bencher: Bencher) {
    let mut buffer = JitterBuffer::default();
    let mut sequence = 0u16;
    bencher.bench_local(|| {
        sequence = sequence.wrapping_add(1);
        black_box(buffer.arrive(Instant::ZERO, sequence, || [0u8; 160]));
        black_box(buffer.pop(Instant::ZERO))
    });
}

/// Every second packet is overtaken by the next: the cost of a pair.
#[divan::bench]
fn jitter_swapped_pair(bencher: Bencher) {
    let mut buffer = JitterBuffer::default();
    let mut sequence = 0u16;
    buffer.arrive(Instant::ZERO, sequence, || [0u8; 160]);
    bencher.bench_local(|| {
        black_box(buffer.arrive(Instant::ZERO, sequence.wrapping_add(2), || [0u8; 160]));
        black_box(buffer.arrive(Instant::ZERO, sequence.wrapping_add(1), || [0u8; 160]));
        sequence = sequence.wrapping_add(2);
        black_box(buffer.pop(Instant::ZERO))
    });
}

fn session() -> (Session, SocketAddr) {
    let peer = SocketAddr::from(([127, 0, 0, 1], 4000));
    let mut session = Session::new(Seed::default(), Duration::from_secs(1 << 30));
    let remote = RemoteMedia {
        addr: peer,
        signalling: None,
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf_payload_type: Some(101),
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp_mux: false,
    };
    session.connect(Instant::ZERO, remote);
    (session, peer)
}

/// A frame of a prompt: header and copy.
#[divan::bench]
fn session_play_frame(bencher: Bencher) {
    let (mut session, _) = session();
    let clip = Arc::new(Clip::silence(Duration::from_secs(60)));
    clip.encoded(Codec::Pcmu);
    let clips = vec![clip; 100_000];
    session.play(PlayRequest { id: 0, clips, stop_on: KeySet::ALL });
    let mut out = [0; MAX_PACKET];
    let mut now = Instant::ZERO;
    bencher.bench_local(|| {
        now += TICK;
        black_box(session.tick(now, &mut out))
    });
}

/// A frame of a recording: order, level, copy, and every tenth time the hand-over.
#[divan::bench]
fn session_record_frame(bencher: Bencher) {
    let (mut session, peer) = session();
    let max = Duration::from_secs(1 << 30);
    let silence = Some(max);
    session.record(Instant::ZERO, RecordRequest { id: 0, max, stop_on: KeySet::ALL, silence });
    let mut packet = [0; 172];
    let mut frames = Vec::new();
    let mut now = Instant::ZERO;
    let mut sequence = 0u16;
    bencher.bench_local(|| {
        now += TICK;
        sequence = sequence.wrapping_add(1);
        let timestamp = u32::from(sequence) * 160;
        let header = Packet {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc: 1,
            payload: &[0x55; 160],
        };
        black_box(header.write(&mut packet));
        black_box(session.handle_packet(now, peer, &packet)).ok();
        if session.frames_due().is_some() {
            session.take_frames(0, &mut frames);
            frames.clear();
        }
    });
}
