//! The media plane over loopback, with real sockets.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use hark_engine::dialplan::effect::RecordEnd;
use hark_engine::key::{Key, KeySet};
use hark_engine::media::rtp::Packet;
use hark_engine::media::{Clip, Codec};

use super::*;

const WAIT: Duration = Duration::from_secs(5);

/// A telephone: a socket, and the session of ours that talks with it.
struct Phone {
    socket: UdpSocket,
    session: MediaSession,
    events: Receiver<MediaEvent>,
    sequence: u16,
    timestamp: u32,
}

fn plane() -> (MediaPlane, Registry) {
    let registry = Registry::new();
    let config = MediaConfig { shards: 1, ..MediaConfig::default() };
    (MediaPlane::start(config, &registry).unwrap(), registry)
}

fn metric(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let metric = &family.get_metric()[0];
    metric.get_counter().get_value() + metric.get_gauge().get_value()
}

impl Phone {
    fn call(plane: &MediaPlane) -> Self {
        Self::open(plane, None, Codec::Pcma)
    }

    fn open(plane: &MediaPlane, beside: Option<&Self>, codec: Codec) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        let (sender, events) = channel();
        let tell = move |event| {
            let _ = sender.send(event);
        };
        let session = match beside {
            Some(other) => plane.open_beside(&other.session, tell).unwrap(),
            None => plane.open(tell).unwrap(),
        };
        session.connect(RemoteMedia {
            addr: socket.local_addr().unwrap(),
            signalling: None,
            codec,
            payload_type: codec.static_payload_type(),
            dtmf_payload_type: Some(101),
            ptime_ms: 20,
            send: true,
            receive: true,
            rtcp_mux: false,
        });
        Self { socket, session, events, sequence: 0, timestamp: 0 }
    }

    fn receive(&self) -> Option<(SocketAddr, Vec<u8>)> {
        let mut bytes = [0; 1500];
        let (length, from) = self.socket.recv_from(&mut bytes).ok()?;
        Some((from, bytes[..length].to_vec()))
    }

    fn send(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let sequence = self.sequence;
        self.sequence += 1;
        let packet = Packet { payload_type, marker: false, sequence, timestamp, ssrc: 5, payload };
        let mut out = [0; 1500];
        let length = packet.write(&mut out).unwrap();
        self.socket.send_to(&out[..length], self.session.local_addr()).unwrap();
    }

    fn speak(&mut self, payload: &[u8]) {
        self.timestamp += 160;
        self.send(8, self.timestamp, payload);
    }

    fn press(&mut self, key: Key) {
        self.timestamp += 1600;
        self.send(101, self.timestamp, &[key.event(), 10, 0, 160]);
    }

    fn event(&self) -> MediaEvent {
        self.events.recv_timeout(WAIT).unwrap()
    }
}

fn play(clip: Clip, stop_on: KeySet) -> PlayRequest {
    PlayRequest { id: 7, clips: vec![Arc::new(clip)], stop_on }
}

#[derive(Clone, Default)]
struct Frames(Arc<Mutex<Vec<RecordedFrame>>>);

impl RecordSink for Frames {
    fn append(&mut self, frames: &[RecordedFrame]) -> Result<(), SinkFull> {
        self.0.lock().unwrap().extend_from_slice(frames);
        Ok(())
    }
}

struct FullDisk;

impl RecordSink for FullDisk {
    fn append(&mut self, _: &[RecordedFrame]) -> Result<(), SinkFull> {
        Err(SinkFull)
    }
}

fn record(sink: impl RecordSink + 'static, stop_on: KeySet) -> RecordRequest {
    RecordRequest {
        id: 8,
        sink: Box::new(sink),
        max: Duration::from_secs(59),
        stop_on,
        silence: None,
    }
}

#[test]
fn a_clip_arrives_bit_exact() {
    let (plane, registry) = plane();
    let phone = Phone::call(&plane);
    let (from, keep_alive) = phone.receive().unwrap();
    assert_eq!(from, phone.session.local_addr());
    assert_eq!(keep_alive[12..], [0xd5; 160]);
    phone.session.play(play(Clip::beep(), KeySet::EMPTY));
    let heard: Vec<u8> = (0..13).flat_map(|_| phone.receive().unwrap().1[12..].to_vec()).collect();
    assert_eq!(heard[..2000], Clip::beep().encoded(Codec::Pcma)[..]);
    let played = Duration::from_millis(250);
    assert_eq!(phone.event(), MediaEvent::PlayDone { id: 7, played, stopped_by_key: false });
    drop(phone);
    drop(plane);
    let deadline = std::time::Instant::now() + WAIT;
    while metric(&registry, "hark_media_shards") > 0.0 {
        assert!(std::time::Instant::now() < deadline, "the thread ends with the plane");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(metric(&registry, "hark_media_packets_sent_total"), 14.0);
    assert_eq!(metric(&registry, "hark_media_sessions"), 0.0);
}

#[test]
fn a_key_stops_the_prompt_at_once() {
    let (plane, _registry) = plane();
    let mut phone = Phone::call(&plane);
    let clip = Clip::tone(440.0, Duration::from_secs(20));
    // The keep-alive, then sound.
    phone.receive().unwrap();
    phone.session.play(play(clip, KeySet::ALL));
    (0..5).for_each(|_| drop(phone.receive().unwrap()));
    phone.press(Key::STAR);
    let MediaEvent::Key { key: Key::STAR, received } = phone.event() else { panic!("no key") };
    assert!(plane.now().since(received) < WAIT);
    let MediaEvent::PlayDone { id: 7, played, stopped_by_key: true } = phone.event() else {
        panic!("the prompt goes on")
    };
    // What was sent before the press may still lie in the socket; not one frame is added.
    phone.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let rest = std::iter::from_fn(|| phone.receive()).count();
    assert_eq!(played, Duration::from_millis(20) * (5 + u32::try_from(rest).unwrap()));
}

#[test]
fn what_is_said_is_recorded_as_it_came() {
    let (plane, _registry) = plane();
    let mut phone = Phone::call(&plane);
    let frames = Frames::default();
    phone.session.record(record(frames.clone(), KeySet::EMPTY.with(Key::POUND)));
    // The keep-alive says that the session is connected; the record command follows at once.
    phone.receive().unwrap();
    phone.session.press(Key::STAR);
    assert!(matches!(phone.event(), MediaEvent::Key { key: Key::STAR, .. }));
    for n in 0..30 {
        phone.speak(&[n; 160]);
    }
    phone.press(Key::POUND);
    assert!(matches!(phone.event(), MediaEvent::Key { key: Key::POUND, .. }));
    let end = RecordEnd::Key(Key::POUND);
    let length = Duration::from_millis(600);
    assert_eq!(phone.event(), MediaEvent::RecordDone { id: 8, end, length });
    let frames = frames.0.lock().unwrap();
    assert_eq!(frames.len(), 30);
    for (n, frame) in frames.iter().enumerate() {
        assert_eq!((frame.timestamp_ms, frame.codec), (n as u32 * 20, Codec::Pcma));
        assert_eq!(frame.payload[..], [n as u8; 160]);
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_a_hang_up_saves_it() {
    let (plane, _registry) = plane();
    let mut phone = Phone::call(&plane);
    phone.session.record(record(FullDisk, KeySet::EMPTY));
    phone.session.press(Key::STAR);
    phone.event();
    for _ in 0..10 {
        phone.speak(&[1; 160]);
    }
    let event = phone.event();
    assert!(matches!(event, MediaEvent::RecordDone { id: 8, end: RecordEnd::Failed, .. }));

    let frames = Frames::default();
    phone.session.record(record(frames.clone(), KeySet::EMPTY));
    phone.session.press(Key::STAR);
    phone.event();
    phone.speak(&[2; 160]);
    phone.press(Key::STAR);
    phone.event();
    let Phone { session, events, .. } = phone;
    drop(session);
    let end = RecordEnd::Hangup;
    let length = Duration::from_millis(20);
    assert_eq!(events.recv_timeout(WAIT), Ok(MediaEvent::RecordDone { id: 8, end, length }));
    assert!(events.recv_timeout(WAIT).is_err(), "nothing after the close");
    assert_eq!(frames.0.lock().unwrap().len(), 1);
}

#[test]
fn a_panic_ends_one_session_and_no_other() {
    let (plane, registry) = plane();
    let mut victim = Phone::call(&plane);
    let other = Phone::call(&plane);
    let frames = Frames::default();
    victim.session.record(record(frames.clone(), KeySet::EMPTY));
    victim.session.press(Key::STAR);
    victim.event();
    victim.speak(&[3; 160]);
    victim.press(Key::STAR);
    victim.event();
    victim.session.panic();
    let event = victim.event();
    assert!(matches!(event, MediaEvent::RecordDone { end: RecordEnd::Hangup, .. }), "{event:?}");
    assert_eq!(victim.event(), MediaEvent::Dead);
    assert_eq!(frames.0.lock().unwrap().len(), 1);
    other.receive().unwrap();
    other.session.play(play(Clip::beep(), KeySet::EMPTY));
    assert!((0..13).all(|_| other.receive().is_some()));
    assert!(plane.is_whole());
    assert_eq!(plane.sessions(), 1);
    assert_eq!(metric(&registry, "hark_media_session_failures_total"), 1.0);
}

#[test]
fn no_more_sessions_than_allowed() {
    let registry = Registry::new();
    let config = MediaConfig { shards: 2, max_sessions: 3, ..MediaConfig::default() };
    let plane = MediaPlane::start(config, &registry).unwrap();
    let open: Vec<_> = (0..3).map(|_| plane.open(|_| {}).unwrap()).collect();
    assert!(matches!(plane.open(|_| {}), Err(OpenError::Full(3))));
    drop(open);
    let deadline = std::time::Instant::now() + WAIT;
    while plane.open(|_| {}).is_err() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Two phones, bridged, with both keep-alives read.
fn bridged(codecs: [Codec; 2]) -> (MediaPlane, Phone, Phone) {
    let config = MediaConfig { shards: 3, ..MediaConfig::default() };
    let plane = MediaPlane::start(config, &Registry::new()).unwrap();
    let a = Phone::open(&plane, None, codecs[0]);
    let b = Phone::open(&plane, Some(&a), codecs[1]);
    a.receive().unwrap();
    b.receive().unwrap();
    assert!(a.session.bridge(&b.session));
    (plane, a, b)
}

#[test]
fn bridged_phones_hear_each_other_in_either_law() {
    for codecs in [[Codec::Pcma; 2], [Codec::Pcmu, Codec::Pcma], [Codec::Pcma, Codec::Pcmu]] {
        let (_plane, mut a, mut b) = bridged(codecs);
        let wave = Clip::tone(440.0, Duration::from_millis(200));
        for _ in 0..2 {
            for frame in 0..10 {
                let range = frame * 160..(frame + 1) * 160;
                let said = &wave.encoded(codecs[0])[range.clone()];
                a.timestamp += 160;
                a.send(codecs[0].static_payload_type(), a.timestamp, said);
                let (from, heard) = b.receive().unwrap();
                assert_eq!(from, b.session.local_addr());
                let packet = Packet::parse(&heard).unwrap();
                assert_eq!(packet.payload_type, codecs[1].static_payload_type());
                let mut pcm = Vec::new();
                hark_engine::media::g711::decode(codecs[1], packet.payload, &mut pcm);
                for (heard, said) in pcm.iter().zip(&wave.pcm()[range]) {
                    assert!((i32::from(*heard) - i32::from(*said)).abs() < 700);
                }
            }
            // And the other way round.
            std::mem::swap(&mut a, &mut b);
            if codecs[0] != codecs[1] {
                break;
            }
        }
    }
}

#[test]
fn a_key_in_a_bridge_reaches_the_other_phone_and_no_owner() {
    let (_plane, mut a, b) = bridged([Codec::Pcma, Codec::Pcmu]);
    a.press(Key::STAR);
    let key = Packet::parse(&b.receive().unwrap().1).map(|p| (p.payload_type, p.payload[0]));
    assert_eq!(key, Ok((101, Key::STAR.event())));
    a.session.unbridge();
    a.press(Key::POUND);
    assert!(matches!(a.event(), MediaEvent::Key { key: Key::POUND, .. }), "the star was not told");
}

#[test]
fn a_bridge_ends_with_either_session() {
    let (_plane, mut a, b) = bridged([Codec::Pcma; 2]);
    drop(b);
    a.press(Key::POUND);
    assert!(matches!(a.event(), MediaEvent::Key { key: Key::POUND, .. }));
    a.session.play(play(Clip::beep(), KeySet::EMPTY));
    assert_eq!(a.receive().unwrap().1[12..].len(), 160);
}

#[test]
fn sessions_of_two_threads_are_not_bridged() {
    let config = MediaConfig { shards: 2, ..MediaConfig::default() };
    let plane = MediaPlane::start(config, &Registry::new()).unwrap();
    let (a, b) = (Phone::call(&plane), Phone::call(&plane));
    assert!(!a.session.bridge(&b.session));
}
