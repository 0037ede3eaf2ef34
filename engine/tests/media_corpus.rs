//! Captured RTP, replayed into a session: the digits that telephones really send, SSRC changes,
//! and inputs that a fuzzer kept. Skips itself where the corpus is missing.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hark_engine::dialplan::effect::RecordEnd;
use hark_engine::key::{Key, KeySet};
use hark_engine::media::Codec;
use hark_engine::media::rtp::{MAX_PACKET, Packet};
use hark_engine::media::session::{Event, RecordRequest, RemoteMedia, Seed, Session};
use hark_engine::time::{Instant, UnixMillis};

const PEER: &str = "192.0.2.7:4000";

/// A folder of the corpus: in `HARK_CORPUS`, or beside the repository.
fn corpus(folder: &str) -> Option<PathBuf> {
    let root = std::env::var("HARK_CORPUS").map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus")),
        PathBuf::from,
    );
    let path = root.join(folder);
    if !path.is_dir() {
        eprintln!("skipped: there is no {}; set HARK_CORPUS to the test corpus", path.display());
        return None;
    }
    Some(path)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let Some(folder) = corpus(folder) else { return Vec::new() };
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The UDP payloads of a classic pcap file (Ethernet or Linux cooked, IPv4), with their times.
fn pcap(bytes: &[u8]) -> Vec<(Duration, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_c3d4, "a little-endian pcap file");
    let link_header = match word(20) {
        1 => 14,
        113 => 16,
        other => panic!("link type {other}"),
    };
    let mut packets = Vec::new();
    let mut at = 24;
    while at + 16 <= bytes.len() {
        let time = Duration::new(word(at).into(), word(at + 4) * 1000);
        let frame = &bytes[at + 16..at + 16 + word(at + 8) as usize];
        at += 16 + frame.len();
        let ip = &frame[link_header..];
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        let length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        packets.push((time, udp[8..length.min(udp.len())].to_vec()));
    }
    packets
}

fn session(codec: Codec, payload_type: u8) -> Session {
    let mut session = Session::new(Seed::default(), Duration::from_secs(30));
    let remote = RemoteMedia {
        addr: PEER.parse().unwrap(),
        signalling: None,
        codec,
        payload_type,
        dtmf_payload_type: Some(101),
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp_mux: true,
    };
    session.connect(Instant::ZERO, remote);
    session
}

/// Feeds a capture in its own time, ticking between.
fn replay(session: &mut Session, packets: &[(Duration, Vec<u8>)], start: Instant) -> Instant {
    let peer: SocketAddr = PEER.parse().unwrap();
    let mut out = [0; MAX_PACKET];
    let mut now = start;
    let Some((first, _)) = packets.first() else { return now };
    for (time, datagram) in packets {
        let arrival = start + (*time - *first);
        while now + Duration::from_millis(20) <= arrival {
            now += Duration::from_millis(20);
            session.tick(now, &mut out);
        }
        let _ = session.handle_packet(arrival, peer, datagram);
    }
    now
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

fn keys(session: &mut Session) -> String {
    let key = |event| match event {
        Event::Key { key, .. } => Some(key.as_char()),
        Event::PlayDone { .. } | Event::RecordDone { .. } | Event::Dead => None,
    };
    events(session).into_iter().filter_map(key).collect()
}

#[test]
fn each_captured_press_is_one_key() {
    let Some(folder) = corpus("captures") else { return };
    let mut session = session(Codec::Pcma, 8);
    let mut now = Instant::ZERO;
    // One session hears them all, twice: the captures share an SSRC, and their timestamps
    // go back and forth.
    for name in "0123456789*#*5150".chars() {
        let file = match name {
            '*' => "star".to_owned(),
            '#' => "pound".to_owned(),
            digit => digit.to_string(),
        };
        let bytes = std::fs::read(folder.join(format!("sipp-dtmf_2833_{file}.pcap"))).unwrap();
        let packets = pcap(&bytes);
        assert_eq!(packets.len(), 10);
        now = replay(&mut session, &packets, now + Duration::from_secs(2));
        assert_eq!(keys(&mut session), name.to_string(), "{file}");
        for survivor in packets.chunks(1) {
            let mut fresh = self::session(Codec::Pcma, 8);
            replay(&mut fresh, survivor, Instant::ZERO);
            assert_eq!(keys(&mut fresh), name.to_string(), "{file}: one packet is enough");
        }
    }
}

#[test]
fn captured_audio_is_recorded_at_its_length() {
    let Some(folder) = corpus("captures") else { return };
    let captures = [
        ("sipp-g711a.pcap", Codec::Pcma, 236 * 30),
        ("asterisk-channels__pjsip__rtp_ptime__transcode__sipp__40msalaw.pcap", Codec::Pcma, 33040),
        ("freeswitch-unit__pcap__milliwatt.pcmu.rtp.pcap", Codec::Pcmu, 232 * 20),
    ];
    for (file, codec, expected_ms) in captures {
        let packets = pcap(&std::fs::read(folder.join(file)).unwrap());
        let mut session = session(codec, codec.static_payload_type());
        let max = Duration::from_secs(59);
        let request = RecordRequest { id: 1, max, stop_on: KeySet::EMPTY, silence: None };
        session.record(Instant::ZERO, request);
        let now = replay(&mut session, &packets, Instant::ZERO);
        session.stop_record(now, 1, RecordEnd::Stopped);
        let mut frames = Vec::new();
        session.take_frames(1, &mut frames);
        let Some(Event::RecordDone { length, .. }) = events(&mut session).pop() else {
            panic!("{file}: the recording did not end")
        };
        assert!(length.as_millis().abs_diff(expected_ms) <= 40, "{file}: {length:?}");
        let payloads: usize = frames.iter().map(|frame| frame.payload.len()).sum();
        let sent: usize =
            packets.iter().map(|(_, bytes)| Packet::parse(bytes).unwrap().payload.len()).sum();
        assert_eq!(payloads, sent, "{file}");
        assert!(frames.is_sorted_by_key(|frame| frame.timestamp_ms), "{file}");
    }
}

#[test]
fn another_ssrc_after_audio_is_heard_and_strangers_payloads_are_not() {
    let Some(folder) = corpus("captures") else { return };
    let read = |part: &str| {
        let file = format!(
            "asterisk-channels__pjsip__non_negotiated_frame_SSRC_change__sipp__{part}.pcap"
        );
        pcap(&std::fs::read(folder.join(file)).unwrap())
    };
    let mut session = session(Codec::Pcma, 8);
    let mut now = Instant::ZERO;
    let max = Duration::from_secs(59);
    session.record(now, RecordRequest { id: 1, max, stop_on: KeySet::EMPTY, silence: None });
    for part in ["ssrc1", "g711a", "ssrc2"] {
        now = replay(&mut session, &read(part), now);
    }
    session.stop_record(now, 1, RecordEnd::Stopped);
    let mut frames = Vec::new();
    session.take_frames(1, &mut frames);
    assert_eq!(frames.len(), 236, "what was not agreed upon is not recorded");
}

#[test]
fn what_a_fuzzer_kept_never_panics() {
    let inputs: Vec<_> = ["fuzz-seeds/rtp", "fuzz-seeds/rtcp", "fuzz-seeds/stun"]
        .iter()
        .flat_map(|folder| files(folder))
        .filter_map(|path| std::fs::read(path).ok())
        .collect();
    let peer: SocketAddr = PEER.parse().unwrap();
    let mut out = [0; MAX_PACKET];
    let mut session = session(Codec::Pcmu, 0);
    let max = Duration::from_secs(3600);
    let stop_on = KeySet::EMPTY.with(Key::POUND);
    session.record(Instant::ZERO, RecordRequest { id: 1, max, stop_on, silence: None });
    let mut now = Instant::ZERO;
    for input in &inputs {
        // As it is, at every cut, and as the body of a packet whose header passes.
        for end in 0..=input.len().min(MAX_PACKET) {
            let _ = session.handle_packet(now, peer, &input[..end]);
        }
        for payload_type in [0, 8, 101, 72] {
            let mut disguised = input.clone();
            disguised.iter_mut().zip([0x80, payload_type]).for_each(|(byte, new)| *byte = new);
            let _ = session.handle_packet(now, peer, &disguised);
        }
        now += Duration::from_millis(20);
        session.tick(now, &mut out);
        session.report(now, UnixMillis(0), &mut out);
        while session.poll_event().is_some() {}
        let mut frames = Vec::new();
        session.take_frames(1, &mut frames);
    }
}
