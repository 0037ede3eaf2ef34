//! The media plane: a fixed number of threads that each own many calls' sockets and sessions.
//!
//! No packet ever enters an actor's mailbox. A call's actor opens a [`MediaSession`], tells it
//! what to play and to record, and is told by a callback what happened. Everything else happens
//! on a *shard*: one thread, one epoll, one 20 ms wheel over whose phases its sessions are
//! spread.
//!
//! What is lost when something breaks:
//!
//! * A panic while one session is worked on ends that session: its recorded frames are handed
//!   to their sink, its recording ends as failed, it is reported [`MediaEvent::Dead`], counted,
//!   and its shard goes on.
//! * A shard's thread that ends reports `Dead` for all its sessions; `hark_media_shards` falls,
//!   [`MediaPlane::is_whole`] says no, and no session is opened there any more.

mod handle;
mod link;
mod metrics;
mod ports;
mod shard;
mod slot;
mod wheel;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hark_engine::media::session::{Seed, Session};
use hark_engine::time::Instant;
use prometheus::Registry;
use thiserror::Error;

pub use handle::{MediaSession, RecordRequest};
pub use hark_engine::media::RecordedFrame;
pub use hark_engine::media::session::{Event as MediaEvent, PlayRequest, RemoteMedia};

use link::{Command, ShardLink};
use metrics::MediaMetrics;
use ports::Ports;
use shard::Clock;
use slot::Slot;

/// How the media plane is set up.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// How many threads; 0 for one a core.
    pub shards: usize,
    /// The address that all sockets are bound to.
    pub bind: IpAddr,
    /// The UDP ports for RTP, of which the even ones are used; `0..=0` lets the system choose.
    pub ports: RangeInclusive<u16>,
    /// A peer that was not heard for so long is reported dead.
    pub dead_after: Duration,
    /// How many sessions may be open at once.
    pub max_sessions: usize,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            shards: 0,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: 0..=0,
            dead_after: Duration::from_secs(30),
            max_sessions: 10_000,
        }
    }
}

/// Why no session could be opened. The call is answered 503.
#[derive(Debug, Error)]
pub enum OpenError {
    /// As many sessions are open as may be.
    #[error("all {0} media sessions are in use: wait, or raise the limit")]
    Full(usize),
    /// Every port of the range is in use.
    #[error("all RTP ports of the range are in use: widen `ports` in [media]")]
    NoPort,
    /// The system refused a socket.
    #[error("no socket for media could be opened on {0}: {1}")]
    Socket(IpAddr, io::Error),
    /// No shard takes sessions.
    #[error("the media threads are gone or overloaded: see the log, restart if it stays so")]
    NoShard,
}

/// A recording could not take more: the disk is full or far too slow. It ends as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the recording can't be kept: the disk is full or too slow")]
pub struct SinkFull;

/// Where the frames of a recording go.
pub trait RecordSink: Send {
    /// Takes frames, in order. Called by the shard every 200 ms or so and at the end; must not
    /// block. The sink is dropped before the `RecordDone` of its recording is reported.
    fn append(&mut self, frames: &[RecordedFrame]) -> Result<(), SinkFull>;
}

/// The media plane. Clones are the same plane; its threads end with the last clone and the
/// last session.
#[derive(Clone)]
pub struct MediaPlane {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Vec<Arc<ShardLink>>,
    ports: Ports,
    dead_after: Duration,
    max_sessions: usize,
    next_session: AtomicU64,
    clock: Clock,
    metrics: MediaMetrics,
}

impl Inner {
    fn alive(&self) -> impl Iterator<Item = &Arc<ShardLink>> {
        self.shards.iter().filter(|shard| shard.is_alive())
    }
}

impl MediaPlane {
    /// Starts the threads and registers the metrics.
    pub fn start(config: MediaConfig, registry: &Registry) -> io::Result<Self> {
        let metrics = MediaMetrics::register(registry).map_err(io::Error::other)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if config.shards == 0 { cores } else { config.shards };
        let clock = Clock::start();
        let shards = (0..count)
            .map(|number| ShardLink::spawn(number, clock, metrics.clone()).map(Arc::new))
            .collect::<io::Result<Vec<_>>>()?;
        let inner = Inner {
            shards,
            ports: Ports::new(config.bind, config.ports),
            dead_after: config.dead_after,
            max_sessions: config.max_sessions,
            next_session: AtomicU64::new(0),
            clock,
            metrics,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens a session on the shard with the fewest.
    ///
    /// `events` is called on the shard's thread: it must not block, only pass on.
    pub fn open(
        &self,
        events: impl Fn(MediaEvent) + Send + 'static,
    ) -> Result<MediaSession, OpenError> {
        let shard = self.inner.alive().min_by_key(|shard| shard.load());
        self.open_on(shard.ok_or(OpenError::NoShard)?, Box::new(events))
    }

    /// Opens a session on the thread of another, so that the two can be bridged.
    pub fn open_beside(
        &self,
        other: &MediaSession,
        events: impl Fn(MediaEvent) + Send + 'static,
    ) -> Result<MediaSession, OpenError> {
        self.open_on(other.shard(), Box::new(events))
    }

    fn open_on(
        &self,
        shard: &Arc<ShardLink>,
        events: slot::Events,
    ) -> Result<MediaSession, OpenError> {
        let inner = &self.inner;
        if self.sessions() >= inner.max_sessions {
            return Err(OpenError::Full(inner.max_sessions));
        }
        let socket = inner.ports.bind_next()?;
        let bound = socket.local_addr().map_err(|e| OpenError::Socket(inner.ports.host(), e))?;
        let session = Session::new(seed(), inner.dead_after);
        let id = inner.next_session.fetch_add(1, Ordering::Relaxed);
        let slot = Slot::new(id, socket, session, events);
        if !shard.send(Command::Open(Box::new(slot))) {
            inner.metrics.refused.inc();
            return Err(OpenError::NoShard);
        }
        Ok(MediaSession::new(id, bound, Arc::clone(shard)))
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.inner.alive().map(|shard| shard.load()).sum()
    }

    /// Whether all threads run.
    pub fn is_whole(&self) -> bool {
        self.inner.shards.iter().all(|shard| shard.is_alive())
    }

    /// The time on the clock that events are stamped with.
    pub fn now(&self) -> Instant {
        self.inner.clock.now()
    }
}

/// RFC 3550 wants these random. Without randomness from the system there is no secret at
/// stake either, only the chance of a collision.
fn seed() -> Seed {
    let mut bytes = [0; 10];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::warn!(%error, "no random numbers from the system");
    }
    let [a, b, c, d, e, f, g, h, i, j] = bytes;
    Seed {
        ssrc: u32::from_be_bytes([a, b, c, d]),
        timestamp: u32::from_be_bytes([e, f, g, h]),
        sequence: u16::from_be_bytes([i, j]),
    }
}

#[cfg(test)]
mod tests;
