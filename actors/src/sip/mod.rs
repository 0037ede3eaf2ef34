//! SIP sockets around one [`Endpoint`](hark_engine::sip::endpoint::Endpoint).
//!
//! [`SipActor`] owns the endpoint, the sockets and one timer. Socket tasks hand packets to it,
//! each with a permit of a bounded pool: a datagram that finds none is dropped and counted, a
//! connection waits for one, so that no stranger can fill the mailbox. Events go out on a
//! bounded channel; while it is full new calls are refused with 503, and nothing that the calls
//! in progress need is lost.
//!
//! If it dies every call loses its signalling, registrations are lost until phones refresh them
//! (or [`Command::RestoreBinding`] brings back what was stored), and the sockets close: restart
//! the process, or call [`start`] again.

mod actor;
mod metrics;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hark_engine::sip::endpoint::{
    Command, EndpointConfig, Event, LegId, Listener, Outside, RequestFailure, Transport,
};
use prometheus::Registry;
use ractor::{Actor, ActorCell, ActorRef};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use actor::Arguments;
pub use actor::{SipActor, SipMessage};
use metrics::Metrics;

/// Requests outside of any dialog that may be on their way at once.
const MAX_REQUESTS: usize = 4096;

/// How the sockets are set up.
#[derive(Clone, Debug)]
pub struct SipConfig {
    /// The endpoint; its listeners are filled in when the sockets are bound.
    pub endpoint: EndpointConfig,
    /// What to listen on; port 0 picks a free one.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// What to tell peers of a socket that is bound to every address of the machine. `None`
    /// asks the routing table.
    pub public: Option<IpAddr>,
    /// How many packets may wait for the actor.
    pub max_waiting: usize,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a connection may be silent.
    pub idle_timeout: Duration,
}

impl SipConfig {
    /// The usual bounds for `domain`.
    pub fn new(domain: &str, listen: Vec<(Transport, SocketAddr)>) -> Self {
        Self {
            endpoint: EndpointConfig::new(domain, Vec::new()),
            listen,
            public: None,
            max_waiting: 8192,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15 * 60),
        }
    }
}

/// Why SIP can't start.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// A socket can't be had.
    #[error(
        "sip.listen = {transport:?} {addr}: {source}\n  mend: free the port, or name another address"
    )]
    Bind {
        /// UDP or TCP.
        transport: Transport,
        /// Which address.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A metric has been registered before.
    #[error("the SIP metrics can't be registered: {0}; give each server a registry of its own")]
    Metrics(#[from] prometheus::Error),
    /// The actor did not start.
    #[error("the SIP actor did not start: {0}")]
    Spawn(#[from] ractor::SpawnErr),
}

/// The way to a running [`SipActor`].
#[derive(Clone, Debug)]
pub struct SipHandle {
    actor: ActorRef<SipMessage>,
    next_leg: Arc<AtomicU64>,
    listeners: Arc<[Listener]>,
    requests: Arc<Semaphore>,
}

impl SipHandle {
    /// A number for a call that is about to be made.
    pub fn next_leg(&self) -> LegId {
        LegId::outgoing(self.next_leg.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks the endpoint for something. Does nothing once the actor is gone: its end is told to
    /// its supervisor.
    pub fn command(&self, command: Command) {
        let _ = self.actor.cast(SipMessage::Command(command));
    }

    /// Sends a request outside of any dialog. Says which device took it.
    ///
    /// # Errors
    /// Why none did.
    pub async fn request(&self, outside: Outside) -> Result<String, RequestFailure> {
        let failed = |status, reason: &str| RequestFailure { status, reason: reason.to_owned() };
        let permit = Arc::clone(&self.requests).try_acquire_owned();
        let permit = permit.map_err(|_| failed(Some(503), "too many requests are on their way"))?;
        let (reply, answer) = oneshot::channel();
        let outside = Box::new(outside);
        let gone = || failed(None, "the SIP side has ended");
        self.actor.cast(SipMessage::Request { outside, reply, permit }).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The sockets, with their real ports.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Closes the sockets and ends the actor.
    pub fn stop(&self) {
        self.actor.stop(None);
    }
}

/// Binds the sockets and starts the actor, which tells `events` what happens. The join handle
/// ends with the actor; `supervisor`, if given, is told of its end.
pub async fn start(
    config: SipConfig,
    events: mpsc::Sender<Event>,
    registry: &Registry,
    supervisor: Option<ActorCell>,
) -> Result<(SipHandle, JoinHandle<()>), SipError> {
    let metrics = Metrics::new(registry)?;
    let (mut listeners, mut udp, mut tcp) = (Vec::new(), Vec::new(), Vec::new());
    for (transport, addr) in &config.listen {
        let failed = |source| SipError::Bind { transport: *transport, addr: *addr, source };
        let bound = match transport {
            Transport::Udp => {
                let socket = udp::bind(*addr).map_err(failed)?;
                let bound = socket.local_addr().map_err(failed)?;
                udp.push((bound, Arc::new(socket)));
                bound
            }
            Transport::Tcp => {
                let socket = tokio::net::TcpListener::bind(addr).await.map_err(failed)?;
                let bound = socket.local_addr().map_err(failed)?;
                tcp.push(socket);
                bound
            }
        };
        let ip = if bound.ip().is_unspecified() {
            config.public.unwrap_or_else(|| udp::route_address(bound.ip()))
        } else {
            bound.ip()
        };
        let public = SocketAddr::new(ip, bound.port());
        listeners.push(Listener { transport: *transport, addr: bound, public });
    }
    let mut config = config;
    config.endpoint.listeners.clone_from(&listeners);
    let arguments = Arguments { config, udp, tcp, events, metrics };
    let (actor, join) = match supervisor {
        Some(supervisor) => Actor::spawn_linked(None, SipActor, arguments, supervisor).await?,
        None => Actor::spawn(None, SipActor, arguments).await?,
    };
    let handle = SipHandle {
        actor,
        next_leg: Arc::new(AtomicU64::new(1)),
        listeners: listeners.into(),
        requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
    };
    Ok((handle, join))
}
