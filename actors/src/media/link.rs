//! The way to a shard from other threads: a bounded queue, and closes that are never refused.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use hark_engine::key::Key;
use hark_engine::media::session::{PlayRequest, RecordRequest, RemoteMedia};
use mio::{Poll, Token, Waker};

use super::RecordSink;
use super::metrics::MediaMetrics;
use super::shard::{Clock, Shard};
use super::slot::Slot;

/// Commands that may wait for a shard.
const QUEUE: usize = 4096;
/// What the epoll of a shard calls its waker.
pub(super) const WAKER: Token = Token(usize::MAX);

/// What a session's owner wants.
pub(super) enum Command {
    Open(Box<Slot>),
    Connect(u64, RemoteMedia),
    Play(u64, PlayRequest),
    StopPlay(u64, u64),
    Record(u64, RecordRequest, Box<dyn RecordSink>),
    StopRecord(u64, u64),
    SendDigits(u64, Vec<Key>),
    Press(u64, Key),
    Bridge(u64, u64),
    Unbridge(u64),
    #[cfg(test)]
    Panic(u64),
}

/// Why a session is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// Its owner is done with it.
    Wished,
    /// The shard could not take a command of it.
    Overloaded,
}

/// What the thread and its link share.
pub(super) struct Shared {
    /// Here, so that it outlives the link: a waker that is dropped takes its last wake-up with
    /// it.
    waker: Waker,
    /// Whether the thread was told that something waits.
    pub(super) notified: AtomicBool,
    /// Sessions to be closed. Not in the queue, so that a close is never refused; bounded by
    /// the sessions that there are.
    closing: Mutex<Vec<(u64, Close)>>,
    /// Sessions open, or on their way.
    pub(super) load: AtomicUsize,
    /// The thread runs.
    pub(super) alive: AtomicBool,
}

impl Shared {
    /// The list of closings; a poisoned one is still a list of closings.
    fn closing(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Close)>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the sessions to be closed.
    pub(super) fn take_closing(&self) -> Vec<(u64, Close)> {
        std::mem::take(&mut *self.closing())
    }
}

/// The way to a shard. The thread ends when the last link is dropped.
pub(super) struct ShardLink {
    commands: Option<SyncSender<Command>>,
    shared: Arc<Shared>,
}

impl ShardLink {
    pub(super) fn spawn(number: usize, clock: Clock, metrics: MediaMetrics) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (sender, commands) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            waker,
            notified: AtomicBool::new(false),
            closing: Mutex::default(),
            load: AtomicUsize::new(0),
            alive: AtomicBool::new(true),
        });
        let mut shard = Shard::new(number, poll, commands, Arc::clone(&shared), clock, metrics);
        std::thread::Builder::new().name(format!("media-{number}")).spawn(move || shard.run())?;
        Ok(Self { commands: Some(sender), shared })
    }

    /// False if the command could not be taken.
    pub(super) fn send(&self, command: Command) -> bool {
        let opens = matches!(command, Command::Open(_));
        if opens {
            self.shared.load.fetch_add(1, Ordering::AcqRel);
        }
        let taken = self.commands.as_ref().is_some_and(|queue| queue.try_send(command).is_ok());
        if opens && !taken {
            self.shared.load.fetch_sub(1, Ordering::AcqRel);
        }
        self.wake();
        taken
    }

    pub(super) fn close(&self, id: u64, close: Close) {
        self.shared.closing().push((id, close));
        self.wake();
    }

    pub(super) fn load(&self) -> usize {
        self.shared.load.load(Ordering::Acquire)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.shared.alive.load(Ordering::Acquire)
    }

    fn wake(&self) {
        // One wake-up is enough for all that wait.
        if !self.shared.notified.swap(true, Ordering::AcqRel)
            && let Err(error) = self.shared.waker.wake()
        {
            tracing::error!(%error, "a media thread can't be woken");
        }
    }
}

impl Drop for ShardLink {
    fn drop(&mut self) {
        self.commands = None;
        self.wake();
    }
}
