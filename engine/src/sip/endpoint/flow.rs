//! Where bytes go: transports, connections, and the address that answers a Via.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::sip::address::Via;
use crate::sip::header::Headers;
use crate::sip::transaction::Reliability;
use crate::sip::uri::{Host, SipUri, Uri};

/// The port of a SIP address that names none.
pub(super) const DEFAULT_PORT: u16 = 5060;

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// Messages one after another.
    Tcp,
}

impl Transport {
    /// The name as Via writes it.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// Whether transactions must retransmit.
    pub const fn reliability(self) -> Reliability {
        match self {
            Self::Udp => Reliability::Unreliable,
            Self::Tcp => Reliability::Reliable,
        }
    }
}

/// One TCP connection.
///
/// The actors number the connections that peers make, from zero; the endpoint numbers those that
/// it asks for, and the two ranges never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    const OUTGOING: u64 = 1 << 63;

    /// The `n`th connection that the endpoint asked for.
    pub(super) const fn outgoing(n: u64) -> Self {
        Self(n | Self::OUTGOING)
    }
}

/// A pair of addresses that messages travel between (RFC 5626 section 1).
///
/// What lies behind a translator can only be reached on the flow that it opened itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// UDP or TCP.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The connection, for TCP, while it is known.
    pub connection: Option<ConnectionId>,
}

/// Writes into the topmost Via where the message really came from (RFC 3261 section 18.2.1,
/// RFC 3581 section 4). `None` if there is no Via that can be read.
pub(super) fn stamp_via(headers: &mut Headers, remote: SocketAddr) -> Option<Via> {
    let mut via = headers.via().ok()?;
    let stamped = if via.params.contains("rport") {
        via.params.set("rport", Some(&remote.port().to_string()));
        true
    } else {
        !is_host(&via.host, remote.ip())
    };
    if stamped {
        via.params.set("received", Some(&remote.ip().to_string()));
        headers.pop_front("Via")?;
        headers.push_front("Via", via.to_string());
    }
    Some(via)
}

/// Where the answer to a datagram goes: always to the address that it came from, so that nobody
/// can have our answers sent to a third party; to the port of the Via unless `rport` was there.
pub(super) fn reply_address(via: &Via, remote: SocketAddr) -> SocketAddr {
    if via.params.contains("rport") {
        remote
    } else {
        SocketAddr::new(remote.ip(), via.port.unwrap_or(DEFAULT_PORT))
    }
}

fn is_host(host: &Host, ip: IpAddr) -> bool {
    match host {
        Host::V4(v4) => IpAddr::V4(*v4) == ip,
        Host::V6(v6) => IpAddr::V6(*v6) == ip,
        Host::Name(_) => false,
    }
}

/// Where a URI points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextHop {
    Address(Transport, SocketAddr),
    Name(Transport, String, u16),
}

/// Where to send a request for `uri`; `None` if it is no `sip:` address, or wants TLS.
pub(super) fn next_hop(uri: &Uri) -> Option<NextHop> {
    let Uri::Sip(sip) = uri else { return None };
    if sip.secure {
        return None;
    }
    let transport = transport_of(sip)?;
    let port = sip.port.unwrap_or(DEFAULT_PORT);
    Some(match &sip.host {
        Host::V4(ip) => NextHop::Address(transport, (*ip, port).into()),
        Host::V6(ip) => NextHop::Address(transport, (*ip, port).into()),
        Host::Name(name) => NextHop::Name(transport, name.clone(), port),
    })
}

fn transport_of(uri: &SipUri) -> Option<Transport> {
    match uri.params.get("transport") {
        None => Some(Transport::Udp),
        Some(name) if name.eq_ignore_ascii_case("udp") => Some(Transport::Udp),
        Some(name) if name.eq_ignore_ascii_case("tcp") => Some(Transport::Tcp),
        Some(_) => None,
    }
}
