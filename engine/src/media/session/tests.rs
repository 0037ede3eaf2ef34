//! A session in virtual time, over a network that loses nothing unless told to.

use std::sync::Arc;

use super::*;
use crate::key::KeySet;
use crate::media::clip::Clip;
use crate::media::g711;
use crate::media::rtp::{self, Packet};
use crate::time::UnixMillis;

const PEER: &str = "192.0.2.7:4000";
const DTMF: u8 = 101;

fn key(c: char) -> Key {
    Key::from_char(c).unwrap()
}

fn remote() -> RemoteMedia {
    RemoteMedia {
        addr: PEER.parse().unwrap(),
        signalling: None,
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf_payload_type: Some(DTMF),
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp_mux: false,
    }
}

/// A session with a peer that sends a packet when told to, and a clock.
struct Call {
    session: Session,
    now: Instant,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Call {
    fn new(remote: RemoteMedia) -> Self {
        let seed = Seed { ssrc: 1, sequence: 65530, timestamp: u32::MAX - 700 };
        let mut session = Session::new(seed, Duration::from_secs(30));
        session.connect(Instant::ZERO, remote);
        Self { session, now: Instant::ZERO, sequence: 65000, timestamp: 77, ssrc: 9 }
    }

    fn tick(&mut self) -> Option<Vec<u8>> {
        self.now += TICK;
        self.timestamp = self.timestamp.wrapping_add(STEP);
        let mut out = [0; rtp::MAX_PACKET];
        let (to, length) = self.session.tick(self.now, &mut out)?;
        assert_eq!(to, PEER.parse().unwrap());
        Some(out[..length].to_vec())
    }

    fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let packet = Packet {
            payload_type,
            marker,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload,
        };
        let mut out = [0; rtp::MAX_PACKET];
        let length = packet.write(&mut out).unwrap();
        let _ = self.session.handle_packet(self.now, PEER.parse().unwrap(), &out[..length]);
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn speak(&mut self, code: u8) {
        self.tick();
        self.send(0, false, self.timestamp, &[code; 160]);
    }

    fn press(&mut self, c: char) {
        let mut sender = dtmf::Sender::default();
        sender.press([key(c)]);
        while sender.is_active() {
            self.tick();
            if let Some(event) = sender.tick(self.timestamp, STEP) {
                self.send(DTMF, event.marker, event.timestamp, &event.payload);
            }
        }
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn record(&mut self, stop_on: KeySet, silence: Option<Duration>) {
        let max = Duration::from_secs(59);
        self.session.record(self.now, RecordRequest { id: 4, max, stop_on, silence });
    }

    fn frames(&mut self) -> Vec<RecordedFrame> {
        let mut frames = Vec::new();
        self.session.take_frames(4, &mut frames);
        frames
    }
}

fn play(clips: &[Clip], stop_on: KeySet) -> PlayRequest {
    let clips = clips.iter().map(|clip| Arc::new(Clip::from_pcm_8k(clip.pcm().to_vec())));
    PlayRequest { id: 3, clips: clips.collect(), stop_on }
}

#[test]
fn a_clip_is_sent_bit_exact_and_in_time() {
    let mut call = Call::new(RemoteMedia { codec: Codec::Pcma, payload_type: 8, ..remote() });
    call.tick().unwrap();
    let clip = Clip::beep();
    call.session.play(play(&[Clip::beep()], KeySet::EMPTY));
    let mut heard = Vec::new();
    let mut last = None;
    for n in 0..13 {
        let bytes = call.tick().unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.payload_type, packet.marker), (8, n == 0));
        if let Some((sequence, timestamp)) = last {
            assert_eq!(packet.sequence, u16::wrapping_add(sequence, 1));
            assert_eq!(packet.timestamp, u32::wrapping_add(timestamp, 160));
        }
        last = Some((packet.sequence, packet.timestamp));
        heard.extend_from_slice(packet.payload);
    }
    assert_eq!(heard[..2000], clip.encoded(Codec::Pcma)[..]);
    assert_eq!(call.events(), []);
    assert_eq!(call.tick(), None);
    let played = Duration::from_millis(250);
    assert_eq!(call.events(), [Event::PlayDone { id: 3, played, stopped_by_key: false }]);
}

#[test]
fn a_key_stops_the_prompt_at_its_press() {
    let mut call = Call::new(remote());
    let clip = Clip::silence(Duration::from_secs(9));
    call.session.play(play(&[clip], KeySet::EMPTY.with(key('5'))));
    call.tick().unwrap();
    call.press('4');
    call.tick().unwrap();
    call.send(DTMF, true, call.timestamp, &[5, 10, 0, 160]);
    assert_eq!(call.tick(), None, "not one frame more");
    let events = call.events();
    let [Event::Key { key: first, .. }, Event::Key { key: second, .. }, done] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((first, second), (key('4'), key('5')));
    assert!(matches!(done, Event::PlayDone { id: 3, stopped_by_key: true, .. }));
}

#[test]
fn silence_keeps_the_line_alive_also_while_recording() {
    let mut call = Call::new(remote());
    call.record(KeySet::EMPTY, None);
    let sent: Vec<_> = (0..1000).filter_map(|_| call.tick()).collect();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|packet| packet[12..] == [0xff; 160]));
}

#[test]
fn ptime_is_kept_and_hold_sends_nothing() {
    let mut call = Call::new(RemoteMedia { ptime_ms: 60, ..remote() });
    call.session.play(play(&[Clip::silence(Duration::from_millis(240))], KeySet::EMPTY));
    let sent: Vec<_> = (0..13).map(|_| call.tick().map_or(0, |packet| packet.len())).collect();
    assert_eq!(sent, [492, 0, 0, 492, 0, 0, 492, 0, 0, 492, 0, 0, 0]);
    assert_eq!(call.events().len(), 1);

    let mut call = Call::new(RemoteMedia { send: false, ..remote() });
    call.session.play(play(&[Clip::beep()], KeySet::EMPTY));
    assert!((0..500).all(|_| call.tick().is_none()));
    assert_eq!(call.events().len(), 1);
}

#[test]
fn a_recording_keeps_payloads_in_order_and_the_gap_of_a_key() {
    let mut call = Call::new(remote());
    call.record(KeySet::EMPTY.with(Key::POUND), None);
    for code in 0..3 {
        call.speak(code);
    }
    call.press('7');
    for code in 3..6 {
        call.speak(code);
    }
    call.press('#');
    let frames = call.frames();
    let positions: Vec<_> = frames.iter().map(|f| (f.timestamp_ms, f.payload[0])).collect();
    // A press takes 8 packets and 3 ticks of pause; the audio before and after keeps its place.
    assert_eq!(positions, [(0, 0), (20, 1), (40, 2), (280, 3), (300, 4), (320, 5)]);
    let events = call.events();
    let [Event::Key { .. }, Event::Key { key: pound, .. }, done] = events[..] else {
        panic!("{events:?}")
    };
    let length = Duration::from_millis(340);
    assert_eq!(done, Event::RecordDone { id: 4, end: RecordEnd::Key(pound), length });
}

#[test]
fn an_overtaken_packet_is_put_in_order() {
    let mut call = Call::new(remote());
    call.record(KeySet::EMPTY, None);
    call.speak(0);
    let (late_sequence, late_timestamp) = (call.sequence, call.timestamp + STEP);
    call.tick();
    call.sequence += 1;
    call.speak(2);
    let sequence = std::mem::replace(&mut call.sequence, late_sequence);
    call.send(0, false, late_timestamp, &[1; 160]);
    call.sequence = sequence;
    call.speak(3);
    let order: Vec<_> = call.frames().iter().map(|f| (f.timestamp_ms, f.payload[0])).collect();
    assert_eq!(order, [(0, 0), (20, 1), (40, 2), (60, 3)]);
    assert_eq!(call.session.take_lost(), 0);
}

#[test]
fn another_ssrc_goes_on_where_the_first_ended() {
    let mut call = Call::new(remote());
    call.record(KeySet::EMPTY, None);
    call.speak(0);
    call.speak(1);
    let old = std::mem::replace(&mut call.ssrc, 10);
    call.sequence = 5;
    call.timestamp = 900_000;
    call.speak(2);
    call.ssrc = old;
    call.send(0, false, call.timestamp, &[99; 160]);
    call.ssrc = 10;
    call.sequence = 6;
    call.speak(3);
    let order: Vec<_> = call.frames().iter().map(|f| (f.timestamp_ms, f.payload[0])).collect();
    assert_eq!(order, [(0, 0), (20, 1), (40, 2), (60, 3)]);
}

#[test]
fn silence_and_death_are_told_once() {
    let mut call = Call::new(remote());
    call.record(KeySet::EMPTY, Some(Duration::from_secs(4)));
    for _ in 0..50 {
        call.speak(0x10);
    }
    for _ in 0..3000 {
        call.tick();
    }
    let length = Duration::from_secs(1);
    let done = Event::RecordDone { id: 4, end: RecordEnd::Silence, length };
    assert_eq!(call.events(), [done, Event::Dead]);
    call.speak(0);
    for _ in 0..1500 {
        call.tick();
    }
    assert_eq!(call.events(), [Event::Dead], "heard again, and dead again");
}

#[test]
fn strangers_and_nonsense_are_counted_and_change_nothing() {
    let mut call = Call::new(remote());
    let peer: SocketAddr = PEER.parse().unwrap();
    let mut out = [0; 200];
    let packet = |payload_type, payload| Packet {
        payload_type,
        marker: false,
        sequence: 1,
        timestamp: 0,
        ssrc: 1,
        payload,
    };
    let mut drop = |from, packet: Packet| {
        let length = packet.write(&mut out).unwrap();
        call.session.handle_packet(Instant::ZERO, from, &out[..length]).unwrap_err()
    };
    assert_eq!(drop("198.51.100.1:4000".parse().unwrap(), packet(0, &[0; 160])), Discard::Source);
    assert_eq!(drop(peer, packet(96, &[0; 160])), Discard::PayloadType);
    assert_eq!(drop(peer, packet(0, &[])), Discard::PayloadSize);
    assert_eq!(drop(peer, packet(DTMF, &[1, 2])), Discard::Event(dtmf::Malformed::Size));
    let malformed = call.session.handle_packet(Instant::ZERO, peer, b"hello").unwrap_err();
    assert_eq!(Discard::LABELS[malformed.index()], "short");
    let rtcp = call.session.handle_packet(Instant::ZERO, peer, &[0x80, 200, 0, 0]).unwrap_err();
    assert_eq!(rtcp, Discard::Rtcp);
    assert_eq!(call.events(), []);
}

#[test]
fn digits_are_sent_as_events_and_heard_as_pressed() {
    let mut call = Call::new(remote());
    assert!(call.session.send_digits(&[key('1'), key('1'), Key::STAR]));
    let mut receiver = dtmf::Receiver::default();
    let mut heard = String::new();
    for _ in 0..60 {
        let Some(bytes) = call.tick() else { continue };
        let packet = Packet::parse(&bytes).unwrap();
        if packet.payload_type == DTMF {
            heard.extend(receiver.receive(call.now, &packet).unwrap().map(Key::as_char));
        }
    }
    assert_eq!(heard, "11*");
}

#[test]
fn reports_are_sent_and_read_where_the_port_is_shared() {
    let mut call = Call::new(RemoteMedia { rtcp_mux: true, ..remote() });
    let mut out = [0; 200];
    for _ in 0..400 {
        call.speak(0);
        let now = call.now;
        if let Some((to, length)) = call.session.report(now, UnixMillis(0), &mut out) {
            assert!(now >= Instant::from_micros(3_750_000));
            call.session.handle_packet(now, to, &out[..length]).unwrap();
            return;
        }
    }
    panic!("no report in 8 s");
}

/// What `from` heard, as `to` sends it.
fn relay(from: &mut Call, to: &mut Call) -> Vec<Vec<u8>> {
    let mut out = [0; rtp::MAX_PACKET];
    let heard = from.session.take_relayed();
    let mut sent = Vec::new();
    for relayed in &heard {
        if let Some((addr, length)) = to.session.relay(to.now, relayed, &mut out) {
            assert_eq!(addr, PEER.parse().unwrap());
            sent.push(out[..length].to_vec());
        }
    }
    sent
}

#[test]
fn a_bridge_keeps_numbers_and_times_and_changes_the_law() {
    let mut a = Call::new(remote());
    let mut b = Call::new(RemoteMedia { codec: Codec::Pcma, payload_type: 8, ..remote() });
    b.tick().unwrap();
    b.session.play(play(&[Clip::tone(425.0, Duration::from_secs(5))], KeySet::EMPTY));
    let last = b.tick().unwrap();
    let before = Packet::parse(&last).map(|p| (p.sequence, p.timestamp)).unwrap();
    a.session.bridge();
    b.session.bridge();
    assert!(matches!(b.events()[..], [Event::PlayDone { id: 3, .. }]), "ringing ends");
    let mut numbers = Vec::new();
    for n in 0..6u8 {
        a.speak(0x80 + n);
        if n == 2 {
            // Lost on its way to us: lost to the far side as well.
            a.session.take_relayed();
            continue;
        }
        let sent = relay(&mut a, &mut b);
        assert_eq!(sent.len(), 1);
        let packet = Packet::parse(&sent[0]).unwrap();
        assert_eq!((packet.payload_type, packet.marker), (8, n == 0));
        let mut law = [0; 160];
        g711::transcode(Codec::Pcmu, Codec::Pcma, &[0x80 + n; 160], &mut law);
        assert_eq!(packet.payload, law);
        numbers.push((packet.sequence.wrapping_sub(before.0), packet.timestamp));
    }
    assert_eq!(numbers.iter().map(|n| n.0).collect::<Vec<_>>(), [1, 2, 4, 5, 6]);
    let steps: Vec<_> = numbers.windows(2).map(|w| w[1].1.wrapping_sub(w[0].1)).collect();
    assert_eq!(steps, [160, 320, 160, 160]);
    assert!(numbers[0].1.wrapping_sub(before.1) <= 320);

    // After the bridge its own sound follows, later in number and time.
    a.session.unbridge();
    b.session.unbridge();
    b.session.play(play(&[Clip::beep()], KeySet::EMPTY));
    let next = b.tick().unwrap();
    let next = Packet::parse(&next).unwrap();
    assert_eq!(next.sequence, before.0.wrapping_add(7));
    assert!(next.timestamp.wrapping_sub(numbers[4].1) <= 640);
    a.speak(1);
    assert!(a.session.take_relayed().is_empty());
}

#[test]
fn a_key_in_a_bridge_is_for_the_other_side_alone() {
    let mut a = Call::new(remote());
    let mut b = Call::new(RemoteMedia { dtmf_payload_type: Some(96), ..remote() });
    b.tick().unwrap();
    a.session.bridge();
    b.session.bridge();
    a.press('7');
    assert_eq!(relay(&mut a, &mut b).len(), 0);
    a.speak(0x90);
    assert_eq!(relay(&mut a, &mut b).len(), 0, "sound pauses while a key is sent");
    let events: Vec<_> = (0..8).map(|_| b.tick().unwrap()).collect();
    for bytes in &events {
        let packet = Packet::parse(bytes).unwrap();
        assert_eq!((packet.payload_type, packet.payload[0]), (96, 7));
    }
    assert_eq!(a.events(), []);
    (0..3).for_each(|_| drop(b.tick()));
    a.speak(0x91);
    let after = relay(&mut a, &mut b);
    let key = Packet::parse(events.last().unwrap()).unwrap().sequence;
    assert_eq!(Packet::parse(&after[0]).unwrap().sequence, key.wrapping_add(1));
    a.session.unbridge();
    a.press('8');
    assert!(matches!(a.events()[..], [Event::Key { .. }]));
}

proptest::proptest! {
    /// Whatever numbers a peer sends, no number of ours is used twice.
    #[test]
    fn no_number_is_used_twice_in_a_bridge(
        packets in proptest::collection::vec(
            (proptest::prelude::any::<u16>(), 0u16..8, 0u32..3, proptest::bool::ANY), 1..200),
    ) {
        let mut b = Call::new(remote());
        b.session.bridge();
        let mut out = [0; rtp::MAX_PACKET];
        let mut used = std::collections::HashSet::new();
        let mut base = 0u16;
        let mut seen = std::collections::HashSet::new();
        for (far, near, ssrc, jump) in packets {
            base = if jump { far } else { base.wrapping_add(near).wrapping_sub(3) };
            // The jitter buffer lets no duplicate through.
            if !seen.insert((ssrc, base)) {
                continue;
            }
            let payload = Bytes::from_static(&[1; 160]);
            let relayed = Relayed::Audio {
                codec: Codec::Pcma, ssrc, sequence: base, timestamp: u32::from(base) * 160, payload,
            };
            if let Some((_, length)) = b.session.relay(b.now, &relayed, &mut out) {
                let packet = Packet::parse(&out[..length]).unwrap();
                proptest::prop_assert!(used.insert(packet.sequence), "{} twice", packet.sequence);
            }
        }
    }
}
