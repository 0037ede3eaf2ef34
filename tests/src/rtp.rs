//! One side of an RTP stream: G.711 µ-law out every 20 ms, keys as RFC 4733 events, and everything
//! that comes in with the instant at which it came.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::audio::{self, FRAME, Sound};

/// The payload type that the test's SDP gives telephone-event.
pub const EVENTS: u8 = 101;

/// The payload type of G.711 µ-law (RFC 3551).
pub const PCMU: u8 = 0;

const TICK: Duration = Duration::from_millis(20);

/// A packet that arrived.
#[derive(Clone, Debug)]
pub struct Packet {
    /// When.
    pub at: Instant,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its payload type.
    pub payload_type: u8,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Packet {
    fn parse(bytes: &[u8], at: Instant) -> Option<Self> {
        // RFC 3550 section 5.1; the server has no cause for CSRCs, extensions or padding.
        let (head, payload) = bytes.split_at_checked(12)?;
        (head[0] == 0x80).then(|| Self {
            at,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            payload_type: head[1] & 0x7f,
            payload: payload.to_vec(),
        })
    }

    /// The samples of a µ-law packet.
    pub fn samples(&self) -> Vec<i16> {
        self.payload.iter().map(|&code| audio::ulaw_decode(code)).collect()
    }
}

/// How a key's event packets go out (RFC 4733 section 2.5.1.4).
#[derive(Clone, Copy)]
pub struct Press {
    /// The key: `0`-`9`, `*`, `#`.
    pub key: char,
    /// How many packets before the end, 20 ms apart.
    pub packets: usize,
    /// How often the end packet is sent: three times if none is lost.
    pub ends: usize,
    /// How often each packet arrives.
    pub copies: usize,
}

impl Press {
    /// As a telephone does it: 100 ms, three end packets.
    pub fn of(key: char) -> Self {
        Self { key, packets: 5, ends: 3, copies: 1 }
    }

    fn code(&self) -> u8 {
        match self.key {
            '*' => 10,
            '#' => 11,
            key => key.to_digit(10).expect("a key of a telephone") as u8,
        }
    }
}

enum Outgoing {
    Audio(Vec<u8>),
    Event { code: u8, first: bool, end: bool, length: u16, copies: usize },
}

#[derive(Default)]
struct Shared {
    outgoing: VecDeque<Outgoing>,
    incoming: Vec<Packet>,
    remote: Option<SocketAddr>,
    pressed: Vec<Instant>,
    muted: bool,
    closed: bool,
}

/// A stream. Dropping it stops both of its threads.
pub struct Stream {
    port: u16,
    shared: Arc<Mutex<Shared>>,
    threads: Vec<JoinHandle<()>>,
}

impl Stream {
    /// Opens a port on loopback; nothing is sent before [`Stream::connect`].
    pub fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket option");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let sender = socket.try_clone().expect("a socket can be cloned");
        let threads = vec![
            thread::spawn({
                let shared = Arc::clone(&shared);
                move || receive(&socket, &shared)
            }),
            thread::spawn({
                let shared = Arc::clone(&shared);
                move || send(&sender, &shared)
            }),
        ];
        Self { port, shared, threads }
    }

    /// The port that it receives on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Begins to send, silence at first.
    pub fn connect(&self, remote: SocketAddr) {
        lock(&self.shared).remote = Some(remote);
    }

    /// Sends nothing from now on, or sends again.
    pub fn mute(&self, muted: bool) {
        lock(&self.shared).muted = muted;
    }

    /// Queues something to say.
    pub fn say(&self, sound: &Sound) {
        let frames = sound.0.chunks(FRAME).map(|frame| {
            let mut codes: Vec<u8> =
                frame.iter().map(|&sample| audio::ulaw_encode(sample)).collect();
            codes.resize(FRAME, audio::ulaw_encode(0));
            Outgoing::Audio(codes)
        });
        lock(&self.shared).outgoing.extend(frames);
    }

    /// Presses a key; it goes out after what is queued.
    pub fn press(&self, press: Press) {
        let code = press.code();
        let event = |first, end, length: usize| Outgoing::Event {
            code,
            first,
            end,
            length: (length * FRAME) as u16,
            copies: press.copies,
        };
        let mut shared = lock(&self.shared);
        shared.outgoing.extend((0..press.packets).map(|n| event(n == 0, false, n + 1)));
        // Where everything before the end is lost, the end is the first that is heard of the event.
        let first = |n| n == 0 && press.packets == 0;
        let length = press.packets + 1;
        shared.outgoing.extend((0..press.ends).map(|n| event(first(n), true, length)));
        // Between two presses a finger is in the air: ITU-T Q.24 wants 40 ms at least.
        let pause = || Outgoing::Audio(vec![audio::ulaw_encode(0); FRAME]);
        shared.outgoing.extend((0..3).map(|_| pause()));
    }

    /// Whether all that was queued has been sent.
    pub fn idle(&self) -> bool {
        lock(&self.shared).outgoing.is_empty()
    }

    /// When the first packet of each key was sent.
    pub fn pressed(&self) -> Vec<Instant> {
        lock(&self.shared).pressed.clone()
    }

    /// Everything that arrived, in the order of arrival.
    pub fn packets(&self) -> Vec<Packet> {
        lock(&self.shared).incoming.clone()
    }

    /// What was heard so far, as it arrived.
    pub fn heard(&self) -> Sound {
        let shared = lock(&self.shared);
        Sound(
            shared
                .incoming
                .iter()
                .filter(|packet| packet.payload_type == PCMU)
                .flat_map(Packet::samples)
                .collect(),
        )
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        lock(&self.shared).closed = true;
        for thread in self.threads.drain(..) {
            // A receiving thread that failed has told so itself.
            drop(thread.join());
        }
    }
}

fn receive(socket: &UdpSocket, shared: &Mutex<Shared>) {
    let mut buffer = [0; 2048];
    while !lock(shared).closed {
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
        let at = Instant::now();
        if let Some(packet) = Packet::parse(&buffer[..length], at) {
            lock(shared).incoming.push(packet);
        }
    }
}

fn send(socket: &UdpSocket, shared: &Mutex<Shared>) {
    let (mut sequence, mut timestamp, mut event_timestamp) = (4242_u16, 160_000_u32, 0);
    let silence = vec![audio::ulaw_encode(0); FRAME];
    let mut due = Instant::now();
    loop {
        due += TICK;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut state = lock(shared);
        if state.closed {
            return;
        }
        let Some(remote) = state.remote.filter(|_| !state.muted) else { continue };
        let mut packet = |payload_type: u8, timestamp: u32, payload: &[u8], copies: usize| {
            let mut bytes = vec![0x80, payload_type];
            bytes.extend(sequence.to_be_bytes());
            bytes.extend(timestamp.to_be_bytes());
            bytes.extend(0x4841_524b_u32.to_be_bytes());
            bytes.extend(payload);
            sequence = sequence.wrapping_add(1);
            // The other side may be gone already, as in life.
            (0..copies).for_each(|_| drop(socket.send_to(&bytes, remote)));
        };
        match state.outgoing.pop_front() {
            None => packet(PCMU, timestamp, &silence, 1),
            Some(Outgoing::Audio(codes)) => packet(PCMU, timestamp, &codes, 1),
            Some(Outgoing::Event { code, first, end, length, copies }) => {
                if first {
                    event_timestamp = timestamp;
                    state.pressed.push(Instant::now());
                }
                let [high, low] = length.to_be_bytes();
                let marker = if first { 0x80 } else { 0 };
                packet(
                    EVENTS | marker,
                    event_timestamp,
                    &[code, if end { 0x8a } else { 10 }, high, low],
                    copies,
                );
            }
        }
        timestamp = timestamp.wrapping_add(FRAME as u32);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
