//! The UDP ports of the media plane: the even ones of a range, the longest unused first.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Protocol, Socket, Type};

use super::OpenError;

/// A session's receive buffer as asked for; Linux doubles it. At 20 ms a packet that is more
/// than a second of delay, and still far below what a call may cost.
const RECEIVE_BUFFER: usize = 32 * 1024;

/// Hands out bound sockets.
pub(super) struct Ports {
    bind: IpAddr,
    first: u16,
    /// How many even ports there are; 0 lets the system choose.
    count: u32,
    next: AtomicU32,
}

impl Ports {
    pub(super) fn new(bind: IpAddr, range: RangeInclusive<u16>) -> Self {
        let first = range.start().next_multiple_of(2);
        let count = match *range.end() {
            0 => 0,
            end => u32::from(end.saturating_sub(first)) / 2 + u32::from(end >= first),
        };
        Self { bind, first, count, next: AtomicU32::new(0) }
    }

    pub(super) fn host(&self) -> IpAddr {
        self.bind
    }

    /// A socket on the next free port. Ports go round, so that a packet of an old call hardly
    /// ever meets a new one.
    pub(super) fn bind_next(&self) -> Result<UdpSocket, OpenError> {
        if self.count == 0 {
            return self.bind(0).map_err(|error| OpenError::Socket(self.bind, error));
        }
        for _ in 0..self.count {
            let step = self.next.fetch_add(1, Ordering::Relaxed) % self.count;
            let port = u32::from(self.first) + step * 2;
            match self.bind(u16::try_from(port).unwrap_or(u16::MAX)) {
                Ok(socket) => return Ok(socket),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(OpenError::Socket(self.bind, error)),
            }
        }
        Err(OpenError::NoPort)
    }

    fn bind(&self, port: u16) -> io::Result<UdpSocket> {
        let addr = SocketAddr::new(self.bind, port);
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.bind(&addr.into())?;
        Ok(socket.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn even_ports_go_round_and_run_out() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ports = Ports::new(host, 41_001..=41_006);
        let held: Vec<_> = (0..3).map(|_| ports.bind_next().unwrap()).collect();
        let numbers: Vec<_> = held.iter().map(|s| s.local_addr().unwrap().port()).collect();
        assert_eq!(numbers, [41_002, 41_004, 41_006]);
        assert!(matches!(ports.bind_next(), Err(OpenError::NoPort)));
        drop(held);
        assert_eq!(ports.bind_next().unwrap().local_addr().unwrap().port() % 2, 0);
        let any = Ports::new(host, 0..=0);
        assert_ne!(any.bind_next().unwrap().local_addr().unwrap().port(), 0);
    }
}
