//! Ports for programs that have to be told which ones to use.
//!
//! Asking the system for port 0, closing the socket and passing the number on is a race: whatever
//! connects in between may be given that number as its own end. So these ports come from below the
//! range that the system gives out by itself, and each is claimed for as long as this process lives
//! by a name that only one process of the machine can hold.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process;
use std::sync::Mutex;

/// Where ports are looked for, unless the system gives these out by itself.
const LOWEST: u16 = 12_000;
/// How many ports there are at least to choose from.
const SPREAD: u16 = 8_000;

/// What this process holds.
static CLAIMED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// The first of `count` ports in a row, each free on 127.0.0.1 for UDP and for TCP.
///
/// # Panics
/// If there are none.
#[track_caller]
pub fn in_a_row(count: u16) -> u16 {
    let range = range();
    let places = (range.end - range.start) / count;
    // Processes begin at different places, so that they seldom ask for the same name.
    let begin = (process::id() % u32::from(places)) as u16;
    (0..places)
        .map(|step| range.start + (begin + step) % places * count)
        .find(|&first| claim(first..first + count))
        .expect("some ports of this machine are free")
}

fn range() -> Range<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let given = text.split_whitespace().next().and_then(|first| first.parse().ok());
    let end = given.unwrap_or(32_768).max(LOWEST + SPREAD);
    LOWEST..end
}

/// Whether all of them are ours now.
fn claim(mut ports: Range<u16>) -> bool {
    let claims: Option<Vec<_>> = ports
        .clone()
        .map(|port| {
            let name = SocketAddr::from_abstract_name(format!("hark-tests-port-{port}")).ok()?;
            UnixListener::bind_addr(&name).ok()
        })
        .collect();
    let Some(claims) = claims else { return false };
    let free = ports.all(|port| {
        UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
    });
    if free {
        CLAIMED.lock().expect("nobody panics with it").extend(claims);
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn nobody_is_given_a_port_twice() {
        let firsts: BTreeSet<u16> = (0..20).map(|_| in_a_row(3)).collect();
        assert_eq!(firsts.len(), 20);
        assert!(firsts.iter().zip(firsts.iter().skip(1)).all(|(a, b)| b - a >= 3));
    }

    #[test]
    fn what_somebody_else_uses_is_left_out() {
        let (port, _taken) = (20_000..u16::MAX)
            .find_map(|port| Some((port, TcpListener::bind(("127.0.0.1", port)).ok()?)))
            .expect("one is free");
        assert!(!claim(port..port + 1));
    }
}
