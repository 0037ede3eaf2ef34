//! Connections: one task each, with a bounded queue of what is to be written.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hark_engine::sip::endpoint::{ConnectionId, Input};
use ractor::ActorRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use super::SipMessage;
use super::metrics::Metrics;

/// How many messages may wait to be written; a peer that is slower loses its connection.
const MAX_UNWRITTEN: usize = 256;
/// How much is read at once.
const READ: usize = 16 * 1024;
/// How long one write may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection as the actor sees it: dropped, it is closed once its queue is written.
pub(super) type Queue = mpsc::Sender<Bytes>;

pub(super) fn queue() -> (Queue, mpsc::Receiver<Bytes>) {
    mpsc::channel(MAX_UNWRITTEN)
}

/// Accepts connections for the actor, never more at once than `connections` has permits.
pub(super) async fn accept(
    listener: TcpListener,
    actor: ActorRef<SipMessage>,
    connections: Arc<Semaphore>,
    metrics: Metrics,
) {
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: give others time to be closed.
                tracing::warn!(%error, "accepting a SIP connection");
                metrics.dropped("accept_error");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else {
            metrics.dropped("too_many_connections");
            continue;
        };
        if actor.cast(SipMessage::Accepted { stream, remote, permit }).is_err() {
            return;
        }
    }
}

/// What a connection's task needs.
pub(super) struct Connection {
    pub id: ConnectionId,
    pub actor: ActorRef<SipMessage>,
    pub packets: Arc<Semaphore>,
    pub unwritten: mpsc::Receiver<Bytes>,
    pub idle_timeout: Duration,
    /// One of the permits that bound the number of connections.
    pub permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Makes a connection that the endpoint asked for, and runs it.
    pub async fn connect(self, remote: SocketAddr, within: Duration) {
        let connection = self.id;
        match timeout(within, TcpStream::connect(remote)).await {
            Ok(Ok(stream)) => {
                let Ok(local) = stream.local_addr() else { return };
                self.tell(Input::StreamOpened { connection, local, remote }).await;
                self.run(stream).await;
            }
            Ok(Err(_)) | Err(_) => self.tell(Input::ConnectFailed { connection }).await,
        }
    }

    /// Reads and writes until either end closes, or nothing is said for too long.
    pub async fn run(mut self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (mut reader, mut writer) = stream.into_split();
        let mut buffer = BytesMut::with_capacity(READ);
        loop {
            tokio::select! {
                read = timeout(self.idle_timeout, reader.read_buf(&mut buffer)) => {
                    match read {
                        Ok(Ok(length)) if length > 0 => {}
                        Ok(Ok(_) | Err(_)) | Err(_) => break,
                    }
                    let bytes = buffer.split().freeze();
                    buffer.reserve(READ);
                    self.tell(Input::StreamBytes { connection: self.id, bytes }).await;
                }
                bytes = self.unwritten.recv() => {
                    let Some(bytes) = bytes else { break };
                    match timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => break,
                    }
                }
            }
        }
        drop(self.permit.take());
        self.tell(Input::StreamClosed { connection: self.id }).await;
    }

    /// Waits for a permit: a peer that sends faster than we read is slowed by TCP itself.
    async fn tell(&self, input: Input) {
        if let Ok(permit) = self.packets.clone().acquire_owned().await {
            let _ = self.actor.cast(SipMessage::Packet { input, permit });
        }
    }
}
