//! Datagrams.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use hark_engine::sip::endpoint::Input;
use ractor::ActorRef;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

use super::SipMessage;
use super::metrics::Metrics;

/// What the system may hold for us while the actor is busy.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The largest datagram.
const MAX_DATAGRAM: usize = 65_535;

pub(super) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    // As much as the system grants: it caps what is asked for.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    UdpSocket::from_std(socket.into())
}

/// Hands every datagram to the actor; ends with it.
pub(super) async fn receive(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    actor: ActorRef<SipMessage>,
    permits: Arc<Semaphore>,
    metrics: Metrics,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let (length, remote) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // Linux reports the ICMP errors of earlier sends here: the socket is fine.
            Err(error) => {
                tracing::debug!(%error, "receiving a datagram");
                metrics.dropped("receive_error");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            metrics.dropped("overload");
            continue;
        };
        let Some(octets) = buffer.get(..length) else { continue };
        let bytes = Bytes::copy_from_slice(octets);
        let input = Input::Datagram { local, remote, bytes };
        if actor.cast(SipMessage::Packet { input, permit }).is_err() {
            return;
        }
    }
}

/// Our address as the routing table sees it from outside; nothing is sent.
pub(super) fn route_address(family: IpAddr) -> IpAddr {
    let (any, outside): (SocketAddr, SocketAddr) = match family {
        IpAddr::V4(_) => {
            ((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into())
        }
        IpAddr::V6(_) => {
            let documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
            ((Ipv6Addr::UNSPECIFIED, 0).into(), (documentation, 9).into())
        }
    };
    let loopback = match family {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    std::net::UdpSocket::bind(any)
        .and_then(|socket| {
            socket.connect(outside)?;
            socket.local_addr()
        })
        .map_or(loopback, |addr| addr.ip())
}
