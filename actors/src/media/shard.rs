//! One thread that owns many sessions: sockets in one epoll, ticks from one wheel.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hark_engine::media::session::Session;
use hark_engine::time::{Instant, UnixMillis};
use mio::{Events, Interest, Poll, Token};

use super::link::{Close, Command, Shared, WAKER};
use super::metrics::MediaMetrics;
use super::slot::{Scratch, Slot};
use super::wheel::{Due, Wheel};

/// Socket events taken in one look.
const EVENTS: usize = 1024;
/// A frame sent later than this is counted late.
const LATE: Duration = Duration::from_millis(10);
/// How often counts are added to the metrics.
const FLUSH: Duration = Duration::from_millis(250);

/// The monotonic clock as the engine counts it.
#[derive(Clone, Copy)]
pub(super) struct Clock(std::time::Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(super) fn now(self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// The thread's own.
pub(super) struct Shard {
    number: usize,
    poll: Poll,
    commands: Receiver<Command>,
    shared: Arc<Shared>,
    clock: Clock,
    metrics: MediaMetrics,
    wheel: Wheel,
    /// By their token in the epoll.
    slots: Vec<Option<Box<Slot>>>,
    free: Vec<usize>,
    by_id: HashMap<u64, usize>,
    /// Sockets whose reading was cut short: epoll won't tell of them again.
    unread: Vec<usize>,
    scratch: Scratch,
    flushed: Instant,
}

impl Shard {
    pub(super) fn new(
        number: usize,
        poll: Poll,
        commands: Receiver<Command>,
        shared: Arc<Shared>,
        clock: Clock,
        metrics: MediaMetrics,
    ) -> Self {
        metrics.shards.inc();
        Self {
            number,
            poll,
            commands,
            shared,
            clock,
            metrics,
            wheel: Wheel::new(clock.now()),
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            unread: Vec::new(),
            scratch: Scratch::default(),
            flushed: Instant::ZERO,
        }
    }

    /// Runs until the last link is dropped.
    pub(super) fn run(&mut self) {
        if let Err(error) = self.turn() {
            tracing::error!(shard = self.number, %error, "a media thread can't go on");
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = self.clock.now();
            let timeout = match self.wheel.next_due() {
                _ if !self.unread.is_empty() => Some(Duration::ZERO),
                Some(due) => Some(due.since(now)),
                None => None,
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            if self.shared.notified.swap(false, Ordering::AcqRel) && !self.obey() {
                return Ok(());
            }
            for index in std::mem::take(&mut self.unread) {
                self.receive(index);
            }
            for event in &events {
                if event.token() != WAKER {
                    self.receive(event.token().0);
                }
            }
            while let Some(due) = self.wheel.pop_due(self.clock.now()) {
                self.tick(due);
            }
            self.count();
        }
    }

    /// Does what was asked for. False if nobody is left who could ask.
    fn obey(&mut self) -> bool {
        // Taken before the commands and done after them: whatever was said to a session before
        // its close is in the queue by now.
        let closing = self.shared.take_closing();
        let wanted = loop {
            match self.commands.try_recv() {
                Ok(command) => self.command(command),
                Err(TryRecvError::Empty) => break true,
                Err(TryRecvError::Disconnected) => break false,
            }
        };
        for (id, close) in closing {
            let Some(index) = self.by_id.get(&id).copied() else { continue };
            match close {
                Close::Wished => {
                    let now = self.clock.now();
                    self.guard(index, |slot, scratch| slot.close(now, scratch));
                    self.remove(index);
                }
                Close::Overloaded => self.fail(index, "its commands could not be taken"),
            }
        }
        wanted
    }

    fn command(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Open(slot) => self.open(now, slot),
            Command::Connect(id, remote) => self.with(id, |slot, scratch| {
                slot.change(now, scratch, |session| session.connect(now, remote));
            }),
            Command::Play(id, request) => self.with(id, |slot, scratch| {
                slot.change(now, scratch, |session| session.play(request));
            }),
            Command::StopPlay(id, play) => self.with(id, |slot, scratch| {
                slot.change(now, scratch, |session| session.stop_play(play));
            }),
            Command::Record(id, request, sink) => {
                self.with(id, |slot, scratch| slot.record(now, scratch, request, sink));
            }
            Command::StopRecord(id, record) => self.with(id, |slot, scratch| {
                let end = hark_engine::dialplan::effect::RecordEnd::Stopped;
                slot.change(now, scratch, |session| session.stop_record(now, record, end));
            }),
            Command::SendDigits(id, keys) => self.with(id, |slot, scratch| {
                slot.change(now, scratch, |session| {
                    if !session.send_digits(&keys) {
                        tracing::debug!("keys were not sent: no telephone events were agreed");
                    }
                });
            }),
            Command::Press(id, key) => {
                self.with(id, |slot, scratch| {
                    slot.change(now, scratch, |session| session.press(now, key));
                });
                if let Some(index) = self.by_id.get(&id).copied() {
                    self.relay(index);
                }
            }
            Command::Bridge(a, b) => self.bridge(now, a, b),
            Command::Unbridge(id) => self.unbridge(now, id),
            #[cfg(test)]
            Command::Panic(id) => self.with(id, |_, _| panic!("planted by a test")),
        }
    }

    fn open(&mut self, now: Instant, mut slot: Box<Slot>) {
        let index = self.free.pop().unwrap_or(self.slots.len());
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut slot.socket, Token(index), Interest::READABLE) {
            tracing::error!(shard = self.number, %error, "a media socket can't be watched");
            self.metrics.failures.inc();
            self.shared.load.fetch_sub(1, Ordering::AcqRel);
            self.free.push(index);
            if index == self.slots.len() {
                self.slots.push(None);
            }
            return;
        }
        slot.phase = self.wheel.insert(now, index);
        self.by_id.insert(slot.id, index);
        self.metrics.sessions.inc();
        match self.slots.get_mut(index) {
            Some(place) => *place = Some(slot),
            None => self.slots.push(Some(slot)),
        }
    }

    fn receive(&mut self, index: usize) {
        let now = self.clock.now();
        if self.guard(index, |slot, scratch| slot.receive(now, scratch)) == Some(true) {
            self.unread.push(index);
        }
        self.relay(index);
    }

    /// Passes on what a bridged session has heard.
    fn relay(&mut self, index: usize) {
        let slot = self.slots.get(index).and_then(Option::as_ref);
        let Some(other) = slot.and_then(|slot| slot.bridged) else { return };
        let Some(heard) = self.guard(index, |slot, _| slot.take_relayed()) else { return };
        let now = self.clock.now();
        for relayed in heard {
            self.with(other, |slot, scratch| slot.relay(now, &relayed, scratch));
        }
    }

    /// Bridges two sessions; whatever either was bridged with before is left alone.
    fn bridge(&mut self, now: Instant, a: u64, b: u64) {
        self.unbridge(now, a);
        self.unbridge(now, b);
        if !self.by_id.contains_key(&a) || !self.by_id.contains_key(&b) {
            return;
        }
        for (id, other) in [(a, b), (b, a)] {
            self.with(id, |slot, scratch| {
                slot.bridged = Some(other);
                slot.change(now, scratch, Session::bridge);
            });
        }
    }

    fn unbridge(&mut self, now: Instant, id: u64) {
        let index = self.by_id.get(&id).copied();
        let slot = index.and_then(|index| self.slots.get_mut(index)?.as_mut());
        let Some(other) = slot.and_then(|slot| slot.bridged) else { return };
        for id in [id, other] {
            self.with(id, |slot, scratch| {
                slot.bridged = None;
                slot.change(now, scratch, Session::unbridge);
            });
        }
    }

    fn tick(&mut self, due: Due) {
        let wall = wall_clock();
        let mut at = 0;
        while let Some(index) = self.wheel.phase(due.phase).get(at).copied() {
            let now = self.clock.now();
            if let Some(sent) = self.guard(index, |slot, scratch| slot.tick(now, wall, scratch)) {
                // A dropped tick is a frame that was not sent at all.
                let late = u64::from(now.since(due.at) > LATE) + due.dropped;
                self.scratch.counts.late += u64::from(sent) * late;
            }
            // A session that failed was taken out, and another stands in its place.
            at += usize::from(self.wheel.phase(due.phase).get(at) == Some(&index));
        }
    }

    fn with(&mut self, id: u64, work: impl FnOnce(&mut Slot, &mut Scratch)) {
        if let Some(index) = self.by_id.get(&id).copied() {
            self.guard(index, work);
        }
    }

    /// Works on one session. If that panics, the session is lost and nothing else is: slots
    /// share only buffers that are overwritten before they are read.
    fn guard<T>(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut Slot, &mut Scratch) -> T,
    ) -> Option<T> {
        let slot = self.slots.get_mut(index)?.as_mut()?;
        let scratch = &mut self.scratch;
        let result = catch_unwind(AssertUnwindSafe(|| work(slot, scratch)));
        if result.is_err() {
            self.fail(index, "it panicked");
        }
        result.ok()
    }

    fn fail(&mut self, index: usize, reason: &str) {
        tracing::error!(shard = self.number, reason, "a media session failed");
        self.metrics.failures.inc();
        let now = self.clock.now();
        let scratch = &mut self.scratch;
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut)
            && catch_unwind(AssertUnwindSafe(|| slot.abandon(now, scratch))).is_err()
        {
            tracing::error!(shard = self.number, "a failed session's recording is cut short");
        }
        self.remove(index);
    }

    fn remove(&mut self, index: usize) {
        let Some(mut slot) = self.slots.get_mut(index).and_then(Option::take) else { return };
        if let Err(error) = self.poll.registry().deregister(&mut slot.socket) {
            tracing::warn!(shard = self.number, %error, "a media socket can't be let go");
        }
        self.wheel.remove(slot.phase, index);
        self.by_id.remove(&slot.id);
        if let Some(other) = slot.bridged.take() {
            let now = self.clock.now();
            self.with(other, |slot, scratch| {
                slot.bridged = None;
                slot.change(now, scratch, Session::unbridge);
            });
        }
        self.free.push(index);
        self.metrics.sessions.dec();
        self.shared.load.fetch_sub(1, Ordering::AcqRel);
        // Its owner's callback and sink are dropped here, and are not ours.
        if catch_unwind(AssertUnwindSafe(|| drop(slot))).is_err() {
            tracing::error!(shard = self.number, "a session's owner panicked in its callback");
        }
    }

    fn count(&mut self) {
        let now = self.clock.now();
        if now.since(self.flushed) >= FLUSH || self.by_id.is_empty() {
            self.flushed = now;
            self.scratch.counts.flush(&self.metrics);
        }
    }
}

/// A thread that ends, however it ends, takes no more sessions.
impl Drop for Shard {
    fn drop(&mut self) {
        self.shared.alive.store(false, Ordering::Release);
        self.metrics.shards.dec();
        self.metrics.sessions.sub(i64::try_from(self.by_id.len()).unwrap_or(i64::MAX));
        self.scratch.counts.flush(&self.metrics);
        if std::thread::panicking() {
            tracing::error!(shard = self.number, "a media thread died");
        }
    }
}

fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
