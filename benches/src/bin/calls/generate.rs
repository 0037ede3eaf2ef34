//! The peers of all calls, in a process of their own.
//!
//! Playing: it binds a socket a call, prints the ports, reads what comes, and prints how many
//! packets it was once its standard input ends. Recording: it reads the ports and sends speech
//! to each until its standard input ends, then prints how many packets it sent.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use hark_engine::media::rtp::Packet;

use crate::{Mode, Outcome, TICK, bare};

/// Phases of the generator's own wheel.
const PHASES: usize = 20;

pub fn run(mode: Mode, calls: usize) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    match mode {
        Mode::Play => {
            let sockets = bare::sockets(calls)?;
            let ports: Vec<String> = sockets
                .iter()
                .map(|socket| Ok(socket.local_addr()?.port().to_string()))
                .collect::<Outcome<_>>()?;
            println!("{}", ports.join(" "));
            let (flag, received) = (Arc::clone(&stop), Arc::clone(&count));
            let receiver = bare::receive(sockets, usize::MAX, flag, received)?;
            std::io::stdin().read_to_end(&mut Vec::new())?;
            stop.store(true, Ordering::Release);
            receiver.join();
        }
        Mode::Record => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line)?;
            let targets: Vec<SocketAddr> = line
                .split_whitespace()
                .map(|port| Ok(SocketAddr::from(([127, 0, 0, 1], port.parse()?))))
                .collect::<Outcome<_>>()?;
            let sockets = bare::sockets(targets.len())?;
            let (flag, sent) = (Arc::clone(&stop), Arc::clone(&count));
            let speaker = std::thread::spawn(move || speak(&sockets, &targets, &flag, &sent));
            std::io::stdin().read_to_end(&mut Vec::new())?;
            stop.store(true, Ordering::Release);
            if speaker.join().is_err() {
                return Err("the generator's thread panicked".into());
            }
        }
    }
    println!("{}", count.load(Ordering::Acquire));
    std::io::stdout().flush()?;
    Ok(())
}

/// Sends RTP with loud payloads, every call in its phase.
fn speak(sockets: &[UdpSocket], targets: &[SocketAddr], stop: &AtomicBool, count: &AtomicU64) {
    let payload: Vec<u8> = (0..160u32).map(|n| (n * 37 % 251) as u8).collect();
    let mut out = [0; 172];
    let start = Instant::now();
    let phase_length = TICK / PHASES as u32;
    for round in 0u32.. {
        for phase in 0..PHASES {
            if stop.load(Ordering::Acquire) {
                return;
            }
            let due = start + TICK * round + phase_length * phase as u32;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for (call, socket) in sockets.iter().enumerate().skip(phase).step_by(PHASES) {
                let packet = Packet {
                    payload_type: 0,
                    marker: round == 0,
                    sequence: round as u16,
                    timestamp: round.wrapping_mul(160),
                    ssrc: call as u32,
                    payload: &payload,
                };
                if let Some(length) = packet.write(&mut out)
                    && socket.send_to(&out[..length], targets[call]).is_ok()
                {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
