//! Who is present: the engine's board behind a lock, its changes told on the bus.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hark_engine::id::UserId;
use hark_engine::presence::{Board, Change, Presence, Published, Reach};

use crate::bus::{Bus, BusEvent};

/// The presence of every user. Cheap to clone; all clones are one board.
#[derive(Clone, Debug)]
pub struct PresenceBoard {
    board: Arc<Mutex<Board>>,
    bus: Bus,
}

impl PresenceBoard {
    /// An empty board whose changes are published on `bus`.
    pub fn new(bus: Bus) -> Self {
        Self { board: Arc::default(), bus }
    }

    /// How present `user` is to others now.
    pub fn presence(&self, user: UserId) -> Presence {
        self.lock().presence(user)
    }

    /// How `user` can be reached now.
    pub fn reach(&self, user: UserId) -> Reach {
        self.lock().reach(user)
    }

    /// `user` is in a call, until the guard is dropped.
    pub fn call_began(&self, user: UserId) -> CallGuard {
        self.apply(user, Change::CallBegan);
        CallGuard { board: self.clone(), user }
    }

    /// Whether `user` does not want to be disturbed.
    pub fn do_not_disturb(&self, user: UserId, on: bool) {
        self.apply(user, Change::DoNotDisturb(on));
    }

    /// What the devices of `user` publish of them now.
    pub fn published(&self, user: UserId, state: Option<Published>) {
        self.apply(user, Change::Published(state));
    }

    /// A browser session of `user` opened. It is present until the guard is dropped.
    pub fn browser_opened(&self, user: UserId) -> BrowserGuard {
        self.apply(user, Change::BrowserOpened);
        BrowserGuard { board: self.clone(), user, active: true }
    }

    /// `count` telephones of `user` are registered now.
    pub fn phones(&self, user: UserId, count: u32) {
        self.apply(user, Change::Phones(count));
        self.bus.publish(BusEvent::Telephones { user, count });
    }

    fn apply(&self, user: UserId, change: Change) {
        // Published under the lock, so that subscribers see changes in the order made.
        let mut board = self.lock();
        if let Some(reach) = board.apply(user, change) {
            self.bus.publish(BusEvent::Presence { user, reach });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        // The board is consistent after every change: a panic elsewhere can't have torn it.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call of a user; ends when dropped, also when its owner panics.
#[derive(Debug)]
pub struct CallGuard {
    board: PresenceBoard,
    user: UserId,
}

impl CallGuard {
    /// Whose call it is.
    pub const fn user(&self) -> UserId {
        self.user
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.board.apply(self.user, Change::CallEnded);
    }
}

/// A browser session's presence; ends when dropped, also when its actor panics.
#[derive(Debug)]
pub struct BrowserGuard {
    board: PresenceBoard,
    user: UserId,
    active: bool,
}

impl BrowserGuard {
    /// Somebody uses this session (again), or has not for a while.
    pub fn set_active(&mut self, active: bool) {
        if self.active != active {
            self.active = active;
            self.board.apply(self.user, Change::BrowserActive(active));
        }
    }
}

impl Drop for BrowserGuard {
    fn drop(&mut self) {
        self.board.apply(self.user, Change::BrowserClosed { active: self.active });
    }
}
