//! A disk on which things go wrong: the *n*-th operation fails, of files and of SQLite alike.
//!
//! One [`Plan`] counts what is done to the disk through `hark_actors::disk` and through a VFS of
//! SQLite ([`VFS`]). It lets one operation fail, or every one from there on, until it is healed.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hark_actors::disk::{Fault, Faults, Op};

mod vfs;

/// The name of the VFS, for `StoreConfig::vfs`.
pub const VFS: &str = "faulty";

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ENOSPC`.
    Full,
    /// `EIO`.
    Broken,
    /// `EROFS`.
    ReadOnly,
    /// Half of a write arrives, then `ENOSPC`; everything else fails as [`Kind::Full`].
    Short,
}

impl Kind {
    fn error(self) -> io::Error {
        // Linux: ENOSPC, EIO, EROFS.
        io::Error::from_raw_os_error(match self {
            Self::Full | Self::Short => 28,
            Self::Broken => 5,
            Self::ReadOnly => 30,
        })
    }
}

/// When it fails.
#[derive(Clone, Copy, Debug)]
pub struct Arm {
    /// The number of the operation, from 0.
    pub at: usize,
    /// How.
    pub kind: Kind,
    /// Whether every operation after it fails too.
    pub lasting: bool,
}

/// Counts operations and lets some fail.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    arm: Option<Arm>,
    done: usize,
    failed: usize,
}

impl Plan {
    /// The one plan of this process, which the VFS follows.
    pub fn get() -> Self {
        static PLAN: OnceLock<Plan> = OnceLock::new();
        PLAN.get_or_init(|| {
            vfs::register();
            Self::default()
        })
        .clone()
    }

    /// Counts from 0 again; `None` lets everything pass.
    pub fn arm(&self, arm: Option<Arm>) {
        *self.lock() = State { arm, ..State::default() };
    }

    /// From here on nothing fails. Says how many operations there were and how many failed.
    pub fn heal(&self) -> (usize, usize) {
        let mut state = self.lock();
        state.arm = None;
        (state.done, state.failed)
    }

    /// Whether this operation fails, and how.
    fn step(&self) -> Option<Kind> {
        let mut state = self.lock();
        let now = state.done;
        state.done += 1;
        let arm = state.arm?;
        let fails = if arm.lasting { now >= arm.at } else { now == arm.at };
        state.failed += usize::from(fails);
        fails.then_some(arm.kind)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for Plan {
    fn fault(&self, op: Op, _file: &Path) -> Option<Fault> {
        // A disk that can't be written to any more is read as before.
        let reads = op == Op::Read;
        if reads && self.lock().arm.is_some_and(|arm| arm.kind != Kind::Broken) {
            return None;
        }
        self.step().map(|kind| match (kind, op) {
            (Kind::Short, Op::Write) => Fault::Short(7, kind.error()),
            _ => Fault::Error(kind.error()),
        })
    }
}
