//! The yardstick: as many sockets, one thread a core, and nothing but the system calls.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::{Outcome, TICK};

/// Phases that the sending is spread over, as in Hark's own wheel.
const PHASES: usize = 10;

/// Threads that run until they are told to stop.
pub struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    pub fn join(self) {
        for thread in self.0 {
            if thread.join().is_err() {
                eprintln!("a thread of the bare loop panicked");
            }
        }
    }
}

/// Sockets on loopback.
pub fn sockets(count: usize) -> Outcome<Vec<UdpSocket>> {
    let bind = |_| {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    (0..count).map(bind).collect()
}

/// Deals sockets out to one thread a core.
fn shares<T>(all: Vec<T>) -> Vec<Vec<T>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut shares: Vec<Vec<T>> = (0..cores).map(|_| Vec::new()).collect();
    for (n, item) in all.into_iter().enumerate() {
        shares[n % cores].push(item);
    }
    shares
}

/// Sends a packet of a G.711 frame's size from every socket every 20 ms.
pub fn send(
    pairs: Vec<(UdpSocket, SocketAddr)>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) -> Threads {
    let spawn = |share: Vec<(UdpSocket, SocketAddr)>| {
        let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
        std::thread::spawn(move || {
            let packet = [0x80; 172];
            let start = Instant::now();
            for turn in 0u32.. {
                let phase = turn as usize % PHASES;
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let due = start + TICK / PHASES as u32 * turn;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let mut sent = 0;
                for (socket, target) in share.iter().skip(phase).step_by(PHASES) {
                    sent += u64::from(socket.send_to(&packet, *target).is_ok());
                }
                count.fetch_add(sent, Ordering::Relaxed);
            }
        })
    };
    Threads(shares(pairs).into_iter().map(spawn).collect())
}

/// Receives what comes: epoll, at most `reads` reads an event, and the packet is forgotten. As a
/// yardstick it reads once, which is least; as a peer it reads all, so that nothing is lost.
pub fn receive(
    sockets: Vec<UdpSocket>,
    reads: usize,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) -> Outcome<Threads> {
    let mut threads = Vec::new();
    for share in shares(sockets) {
        let mut poll = Poll::new()?;
        let mut sockets: Vec<_> = share.into_iter().map(mio::net::UdpSocket::from_std).collect();
        for (n, socket) in sockets.iter_mut().enumerate() {
            poll.registry().register(socket, Token(n), Interest::READABLE)?;
        }
        let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
        threads.push(std::thread::spawn(move || {
            let mut events = Events::with_capacity(1024);
            let mut buffer = [0; 2048];
            while !stop.load(Ordering::Acquire) {
                if poll.poll(&mut events, Some(Duration::from_millis(100))).is_err() {
                    continue;
                }
                let mut received = 0;
                for event in &events {
                    let socket = &sockets[event.token().0];
                    let read = || socket.recv_from(&mut buffer).ok();
                    received += std::iter::repeat_with(read).take(reads).map_while(|r| r).count();
                }
                count.fetch_add(received as u64, Ordering::Relaxed);
            }
        }));
    }
    Ok(Threads(threads))
}
