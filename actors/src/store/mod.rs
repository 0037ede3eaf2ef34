//! Everything that must survive: users, sessions, messages and the log of what became of them.
//!
//! A message exists when its commit returns, so every write is answered after an fsync, by one
//! writer thread with group commit ([`writer`]); a few readers serve questions beside it. The
//! event log is append-only; states, folders and lamps are folded from it
//! (`hark_engine::message::state`) in the transaction that appends.
//!
//! [`Store`] is a handle that is cheap to clone. [`actor::StoreActor`] supervises the writer.

pub mod actor;
pub mod announcements;
mod chats;
mod delivery;
mod erase;
pub mod error;
mod event_rules;
mod events;
pub mod export;
mod groups;
mod imdn;
mod links;
mod mailbox;
mod messages;
mod metrics;
mod outside;
pub mod pages;
mod pins;
mod push;
mod readers;
mod receipt_mails;
mod receipts;
mod request_keys;
pub mod retention;
mod schedules;
mod schema;
mod sessions;
mod templates;
mod tokens;
mod users;
mod verification;
mod webhooks;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::Registry;
use rusqlite::Connection;
use tokio::sync::{Notify, oneshot};

pub use actor::StoreActor;
pub use announcements::{AnnouncementRecord, NewAnnouncement, Part, Submitted};
pub use chats::{ChatEntry, ChatThread, KeptChat, Mark, Marked, NewChat};
pub use delivery::{CallClaim, Limited};
pub use erase::{Erased, FORMER};
pub use error::StoreError;
pub use event_rules::EventRuleRecord;
pub use events::{Appended, Unfinished};
pub use groups::GroupRecord;
pub use imdn::{Subject, Wish};
pub use links::LinkToken;
pub use mailbox::{MailboxEntry, OutboxEntry, OutboxRecipient};
pub use messages::{Committed, MessageRecord, NewMessage};
pub use pins::PinAttempt;
pub use push::{NewSubscription, Subscription};
pub use receipt_mails::{Confirmed, ReceiptMail, ReceiptNews};
pub use receipts::HeardCount;
pub use schedules::ScheduleRecord;
pub use sessions::StoredBinding;
pub use templates::TemplateRecord;
pub use tokens::{MOST_TOKENS, TokenRecord};
pub use users::{DigestSecrets, NewUser, UserRecord};
pub use verification::{CODE_LIFETIME, CodeGiven};
pub use webhooks::{About, GivenUp, QueuedEvent, SigningSecret, ToldEvent, WebhookRecord};

use metrics::StoreMetrics;
use readers::Readers;
use writer::{Call, Jobs};

/// Where and how the store keeps things.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The folder of all state: `hark.sqlite`, `audio/`, `spool/`, `prompts/`, `greetings/`,
    /// `names/`.
    pub dir: PathBuf,
    /// How many write jobs may wait; more are refused with [`StoreError::Busy`].
    pub queue: usize,
    /// How many jobs one commit takes at most.
    pub batch: usize,
    /// How many threads read.
    pub readers: usize,
    /// The most pages (4 KiB) that the database may take, if it is to be bounded.
    pub max_pages: Option<u32>,
    /// The name of the VFS through which SQLite reaches the disk; its own one if `None`. Tests
    /// name one on which things go wrong.
    pub vfs: Option<&'static str>,
}

impl StoreConfig {
    /// The usual sizes, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), queue: 1024, batch: 128, readers: 3, max_pages: None, vfs: None }
    }
}

/// A handle to the store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    config: StoreConfig,
    metrics: StoreMetrics,
    jobs: RwLock<Jobs>,
    readers: Readers,
    healthy: AtomicBool,
    writer_ended: Arc<Notify>,
    /// Held while the store is open: two servers on one folder would recover each other's
    /// recordings.
    _lock: File,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.shared.config.dir).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the folder, makes what is missing in it, brings the tables to the newest version
    /// and starts the threads. Metrics go to `registry`.
    pub fn open(config: StoreConfig, registry: &Registry) -> Result<Self, StoreError> {
        let lock = prepare_folder(&config.dir)?;
        let metrics = StoreMetrics::register(registry).map_err(StoreError::unavailable)?;
        let file = database(&config.dir);
        let connection = schema::open_writer(&file, config.vfs, config.max_pages)?;
        schema::migrate(&connection)?;
        messages::count_states(&connection, &metrics)?;
        let readers = (0..config.readers.max(1))
            .map(|_| schema::open_reader(&file, config.vfs))
            .collect::<Result<Vec<_>, _>>()?;
        let readers = Readers::start(readers, config.queue)?;
        let writer_ended = Arc::new(Notify::new());
        let jobs = writer::start(
            connection,
            config.queue,
            config.batch,
            metrics.clone(),
            Arc::clone(&writer_ended),
        )?;
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                metrics,
                jobs: RwLock::new(jobs),
                readers,
                healthy: AtomicBool::new(true),
                writer_ended,
                _lock: lock,
            }),
        })
    }

    /// The folder of all state.
    pub fn dir(&self) -> &Path {
        &self.shared.config.dir
    }

    /// Whether writes can be expected to succeed: false once the writer's thread ended and
    /// could not be restarted.
    pub fn healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Acquire)
    }

    /// Starts a new writer thread in place of one that ended. Jobs that waited for the old one
    /// were answered with [`StoreError::Unavailable`] when it ended.
    pub(crate) fn restart_writer(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let StoreConfig { dir, vfs, max_pages, .. } = &shared.config;
        let connection = schema::open_writer(&database(dir), *vfs, *max_pages)?;
        let jobs = writer::start(
            connection,
            shared.config.queue,
            shared.config.batch,
            shared.metrics.clone(),
            Arc::clone(&shared.writer_ended),
        )?;
        shared.metrics.queue.set(0);
        shared.metrics.restarts.inc();
        *shared.jobs.write().unwrap_or_else(PoisonError::into_inner) = jobs;
        shared.healthy.store(true, Ordering::Release);
        Ok(())
    }

    /// Declares the store unfit: [`Store::healthy`] is false until a restart succeeds.
    pub(crate) fn mark_unhealthy(&self) {
        self.shared.healthy.store(false, Ordering::Release);
    }

    /// Told each time the writer's thread ends.
    pub(crate) fn writer_ended(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.writer_ended)
    }

    /// Has the writer do `work` in a transaction; answered when it is on the disk. `work` may
    /// run again if its batch had to be rolled back.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let answer = self.submit(work);
        let answer = match answer {
            Ok(answer) => answer.await.unwrap_or_else(|_| Err(thread_ended())),
            Err(error) => Err(error),
        };
        self.count_error(answer)
    }

    fn submit<T, F>(&self, work: F) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (call, answer) = Call::new(work);
        let jobs = self.shared.jobs.read().unwrap_or_else(PoisonError::into_inner);
        self.shared.metrics.queue.inc();
        jobs.try_send(Box::new(call)).map_err(|e| {
            self.shared.metrics.queue.dec();
            match e {
                TrySendError::Full(_) => StoreError::Busy,
                TrySendError::Disconnected(_) => thread_ended(),
            }
        })?;
        Ok(answer)
    }

    /// Has a reader do `work`.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let submitted = self.shared.readers.submit(Box::new(move |connection| {
            // Whoever asked may have gone away.
            let _ = reply.send(work(connection));
        }));
        let answer = match submitted {
            Ok(()) => answer
                .await
                .unwrap_or_else(|_| Err(StoreError::unavailable("a reader failed; see the log"))),
            Err(error) => Err(error),
        };
        self.count_error(answer)
    }

    fn count_error<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &answer {
            self.shared.metrics.errors.with_label_values(&[error.kind()]).inc();
        }
        answer
    }
}

fn thread_ended() -> StoreError {
    StoreError::unavailable("the writer's thread ended")
}

fn database(dir: &Path) -> PathBuf {
    dir.join("hark.sqlite")
}

/// Makes the folders that are missing, for this user's eyes only, and takes the lock.
fn prepare_folder(dir: &Path) -> Result<File, StoreError> {
    let refused = |error: std::io::Error| StoreError::Open {
        folder: dir.display().to_string(),
        cause: error.to_string(),
        mend: "let this user write there, or set storage.dir to another folder",
    };
    for folder in [dir.to_path_buf(), dir.join("audio"), dir.join("spool"), dir.join("prompts")] {
        make_private(&folder).map_err(refused)?;
    }
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("hark.lock"))
        .map_err(refused)?;
    lock.try_lock().map_err(|error| StoreError::Open {
        folder: dir.display().to_string(),
        cause: error.to_string(),
        mend: "another hark serves this folder: stop it first, or set storage.dir to another",
    })?;
    Ok(lock)
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
