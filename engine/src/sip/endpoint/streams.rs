//! Connections: which are open, and the messages that come in on them.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;

use super::flow::{ConnectionId, Flow, Transport};
use super::{Endpoint, Output};
use crate::sip::framer::{Frame, StreamFramer};
use crate::time::Instant;

/// The open connections, and those that are being made.
#[derive(Debug)]
pub(super) struct Streams {
    by_id: HashMap<ConnectionId, Stream>,
    by_remote: HashMap<SocketAddr, ConnectionId>,
}

#[derive(Debug)]
struct Stream {
    local: SocketAddr,
    remote: SocketAddr,
    framer: StreamFramer,
    /// Whether a transaction may be waiting on it.
    used: bool,
}

impl Streams {
    pub fn new() -> Self {
        Self { by_id: HashMap::new(), by_remote: HashMap::new() }
    }

    pub fn contains(&self, connection: ConnectionId) -> bool {
        self.by_id.contains_key(&connection)
    }

    fn insert(&mut self, connection: ConnectionId, local: SocketAddr, remote: SocketAddr) {
        let used = self.by_id.get(&connection).is_some_and(|stream| stream.used);
        let stream = Stream { local, remote, framer: StreamFramer::new(), used };
        self.by_id.insert(connection, stream);
        self.by_remote.insert(remote, connection);
    }

    fn remove(&mut self, connection: ConnectionId) -> Option<Stream> {
        let stream = self.by_id.remove(&connection)?;
        if self.by_remote.get(&stream.remote) == Some(&connection) {
            self.by_remote.remove(&stream.remote);
        }
        Some(stream)
    }
}

impl Endpoint {
    pub(super) fn stream_opened(
        &mut self,
        connection: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        let known = self.streams.contains(connection);
        if !known && self.streams.by_id.len() >= self.config.max_connections {
            self.count("too_many_connections");
            self.outputs.push_back(Output::Disconnect { connection });
            return;
        }
        self.streams.insert(connection, local, remote);
    }

    pub(super) fn stream_bytes(&mut self, now: Instant, connection: ConnectionId, bytes: &Bytes) {
        let Some(stream) = self.streams.by_id.get_mut(&connection) else { return };
        stream.framer.push(bytes);
        loop {
            let Some(stream) = self.streams.by_id.get_mut(&connection) else { return };
            let (local, remote) = (stream.local, stream.remote);
            let flow =
                Flow { transport: Transport::Tcp, local, remote, connection: Some(connection) };
            match stream.framer.next() {
                Some(Ok(Frame::Message(message))) => {
                    stream.used = true;
                    self.receive(now, message, flow);
                    self.settle(now);
                }
                Some(Ok(Frame::KeepAlive)) => {
                    self.transmit(flow, Bytes::from_static(b"\r\n"), true);
                }
                Some(Err(error)) => self.malformed(error, flow),
                None => break,
            }
        }
        let broken = self.streams.by_id.get(&connection).is_some_and(|s| s.framer.is_broken());
        if broken {
            self.outputs.push_back(Output::Disconnect { connection });
            self.stream_closed(now, connection);
        }
    }

    pub(super) fn stream_closed(&mut self, now: Instant, connection: ConnectionId) {
        if self.streams.remove(connection).is_some_and(|stream| stream.used) {
            self.transactions.connection_failed(now, connection);
        }
    }

    /// `flow` with a connection that is open or being made, if it is one of TCP.
    pub(super) fn connected(&mut self, mut flow: Flow) -> Flow {
        if flow.transport == Transport::Udp {
            return flow;
        }
        let open = flow.connection.filter(|c| self.streams.contains(*c));
        let connection = open.or_else(|| self.streams.by_remote.get(&flow.remote).copied());
        let connection = connection.unwrap_or_else(|| {
            let connection = ConnectionId::outgoing(self.number());
            self.streams.insert(connection, flow.local, flow.remote);
            self.outputs.push_back(Output::Connect { connection, remote: flow.remote });
            connection
        });
        if let Some(stream) = self.streams.by_id.get_mut(&connection) {
            stream.used = true;
        }
        flow.connection = Some(connection);
        flow
    }
}
