//! The threads that write spools.
//!
//! A media shard must never wait for a disk, so it hands its frames over a bounded queue. While
//! the queue is full, a recording holds on to a few seconds of audio; beyond that, and when the
//! disk is full, it is declared failed, and the caller is told instead of losing words in
//! silence. Nothing is written after a failed write, so that a spool is always whole up to
//! where it ends.
//!
//! What was written survives the process's death at once. When the thread has nothing else to
//! do it also syncs spools to the disk, one at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use hark_engine::media::RecordedFrame;

use super::spool_format::{self, Intent, SpoolHeader};
use super::{RecordSink, RecordingError, SinkFull, files};

/// How many pieces wait for a thread. A piece is about 200 ms of one call.
const QUEUE: usize = 4096;
/// How much a recording holds while the queue is full: about 20 s of G.711.
const MOST_PENDING: usize = 192 << 10;
/// How long a spool stays unsynced while there is time to sync it.
const SYNC_AFTER: Duration = Duration::from_secs(2);
/// How long the owner waits for a slow disk before it gives up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where spools lie under the storage folder.
pub(crate) fn folder(dir: &Path) -> PathBuf {
    dir.join("spool")
}

/// Starts recordings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Spools {
    folder: Arc<Path>,
    threads: Arc<[SyncSender<Order>]>,
    next: Arc<AtomicU64>,
}

impl Spools {
    /// Starts `threads` threads that write under the storage folder `dir`.
    pub fn start(dir: &Path, threads: usize) -> Result<Self, RecordingError> {
        let folder = folder(dir);
        std::fs::create_dir_all(&folder).map_err(|e| RecordingError::file(&folder, e))?;
        let threads = (0..threads.max(1))
            .map(|_| {
                let (orders, waiting) = sync_channel(QUEUE);
                std::thread::Builder::new()
                    .name("hark-spool".into())
                    .spawn(move || Writer::default().run(&waiting))
                    .map_err(|e| RecordingError::file(&folder, e))?;
                Ok(orders)
            })
            .collect::<Result<Vec<_>, RecordingError>>()?;
        Ok(Self { folder: folder.into(), threads: threads.into(), next: Arc::default() })
    }

    /// Begins a spool, without waiting for the disk: what goes wrong shows at the next append
    /// or sync. The sink goes to whoever receives audio, the spool to whoever answers for it.
    pub fn create(&self, header: &SpoolHeader) -> Result<(SpoolSink, Spool), SinkFull> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{}.spool", header.message));
        let first = spool_format::write_header(header).map_err(|_| SinkFull)?;
        let thread = usize::try_from(number).unwrap_or(0) % self.threads.len();
        let shared = Arc::new(Shared {
            number,
            path,
            orders: self.threads[thread].clone(),
            pending: Mutex::default(),
            written: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        });
        let open = Order::Open { shared: Arc::downgrade(&shared), first, number };
        shared.orders.try_send(open).map_err(|_| SinkFull)?;
        Ok((SpoolSink { shared: Arc::clone(&shared) }, Spool { shared }))
    }
}

#[derive(Debug)]
struct Shared {
    number: u64,
    path: PathBuf,
    orders: SyncSender<Order>,
    /// What could not be handed over yet.
    pending: Mutex<Vec<u8>>,
    written: AtomicU64,
    failed: AtomicBool,
}

impl Shared {
    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), SinkFull> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut pending);
        self.hand_over(&mut pending)?;
        if pending.len() > MOST_PENDING {
            self.failed.store(true, Ordering::Release);
            return Err(SinkFull);
        }
        Ok(())
    }

    /// Hands over what is pending, as far as the queue has room.
    fn hand_over(&self, pending: &mut Vec<u8>) -> Result<(), SinkFull> {
        if self.failed.load(Ordering::Acquire) {
            return Err(SinkFull);
        }
        if pending.is_empty() {
            return Ok(());
        }
        let order = Order::Append { number: self.number, bytes: std::mem::take(pending) };
        match self.orders.try_send(order) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Order::Append { bytes, .. })) => {
                *pending = bytes;
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.failed.store(true, Ordering::Release);
                Err(SinkFull)
            }
        }
    }
}

/// Takes audio in, from a media shard or a browser's session. Never blocks.
#[derive(Debug)]
pub struct SpoolSink {
    shared: Arc<Shared>,
}

impl SpoolSink {
    /// Appends bytes of a browser's file.
    pub fn append_bytes(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        self.shared.append(|out| spool_format::write_bytes(out, bytes))
    }
}

impl RecordSink for SpoolSink {
    fn append(&mut self, frames: &[RecordedFrame]) -> Result<(), SinkFull> {
        self.shared.append(|out| {
            for frame in frames {
                spool_format::write_frame(out, frame);
            }
        })
    }
}

/// A spool, for whoever answers for it. Dropping it leaves the file for recovery.
#[derive(Debug)]
pub struct Spool {
    shared: Arc<Shared>,
}

impl Spool {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// How many bytes are in the file.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Acquire)
    }

    /// Whether it can't be kept any more.
    pub fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Says what becomes of the recording from here on, should everything stop.
    pub fn set_intent(&self, intent: &Intent) -> Result<(), SinkFull> {
        let mut written = Ok(());
        self.shared.append(|out| written = spool_format::write_intent(out, intent))?;
        written.map_err(|_| SinkFull)
    }

    /// Waits until all that was appended is on the disk.
    pub async fn sync(&self) -> Result<u64, RecordingError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        self.drain(deadline).await?;
        let (reply, answer) = oneshot::channel();
        let mut order = Order::Sync { number: self.shared.number, reply };
        loop {
            match self.shared.orders.try_send(order) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if tokio::time::Instant::now() < deadline => {
                    order = back;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(_) => return Err(RecordingError::Worker),
            }
        }
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(RecordingError::Worker),
        }
    }

    async fn drain(&self, deadline: tokio::time::Instant) -> Result<(), RecordingError> {
        loop {
            {
                let pending = &self.shared.pending;
                let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
                // A failure is told by the thread, which knows its cause.
                if self.shared.hand_over(&mut pending).is_err() || pending.is_empty() {
                    return Ok(());
                }
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(RecordingError::Worker);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Removes the file: its message is committed, or nobody wants it.
    pub async fn remove(self) -> Result<(), RecordingError> {
        // Waiting for the thread keeps it from writing to, or making, a file that is gone. What
        // can't be synced can still be removed.
        let _ = self.sync().await;
        remove(self.path())
    }
}

/// Removes a spool's file. One that is gone already is no error.
pub fn remove(path: &Path) -> Result<(), RecordingError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RecordingError::file(path, error))
        }
        _ => Ok(()),
    }
}

#[derive(Debug)]
enum Order {
    Open { number: u64, shared: Weak<Shared>, first: Vec<u8> },
    Append { number: u64, bytes: Vec<u8> },
    Sync { number: u64, reply: oneshot::Sender<Result<u64, RecordingError>> },
}

#[derive(Default)]
struct Writer {
    open: HashMap<u64, OpenSpool>,
}

struct OpenSpool {
    path: PathBuf,
    shared: Weak<Shared>,
    file: Result<File, std::io::Error>,
    unsynced_since: Option<Instant>,
    bytes: u64,
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Order>) {
        let mut since_sweep = 0;
        loop {
            match waiting.recv_timeout(Duration::from_millis(250)) {
                Ok(order) => {
                    self.handle(order);
                    since_sweep += 1;
                    if since_sweep > QUEUE {
                        since_sweep = 0;
                        self.sweep();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.sweep();
                    self.sync_one();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn handle(&mut self, order: Order) {
        match order {
            Order::Open { number, shared, first } => {
                let Some(path) = shared.upgrade().map(|s| s.path.clone()) else { return };
                let mut spool = OpenSpool::create(path, shared);
                spool.append(&first);
                self.open.insert(number, spool);
            }
            Order::Append { number, bytes } => {
                if let Some(spool) = self.open.get_mut(&number) {
                    spool.append(&bytes);
                }
            }
            Order::Sync { number, reply } => {
                let result = match self.open.get_mut(&number) {
                    Some(spool) => spool.sync(),
                    None => Err(RecordingError::Worker),
                };
                // Whoever asked may have gone away.
                let _ = reply.send(result);
            }
        }
    }

    /// Closes the files of spools that nobody holds any more.
    fn sweep(&mut self) {
        self.open.retain(|_, spool| spool.shared.strong_count() > 0);
    }

    /// Syncs one spool that has waited long enough.
    fn sync_one(&mut self) {
        let due = |s: &&mut OpenSpool| s.unsynced_since.is_some_and(|t| t.elapsed() > SYNC_AFTER);
        if let Some(spool) = self.open.values_mut().find(due) {
            // A failure marks the spool; whoever holds it hears of it.
            let _ = spool.sync();
        }
    }
}

impl OpenSpool {
    fn create(path: PathBuf, shared: Weak<Shared>) -> Self {
        let mut options = File::options();
        options.create_new(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).and_then(|file| {
            path.parent().map_or(Ok(()), files::sync_folder)?;
            Ok(file)
        });
        let mut spool = Self { path, shared, file, unsynced_since: None, bytes: 0 };
        if spool.file.is_err() {
            spool.mark_failed();
        }
        spool
    }

    fn append(&mut self, bytes: &[u8]) {
        let Ok(file) = &mut self.file else { return };
        match file.write_all(bytes) {
            Ok(()) => {
                self.unsynced_since.get_or_insert_with(Instant::now);
                self.bytes += bytes.len() as u64;
                if let Some(shared) = self.shared.upgrade() {
                    shared.written.store(self.bytes, Ordering::Release);
                }
            }
            Err(error) => self.fail(error),
        }
    }

    fn sync(&mut self) -> Result<u64, RecordingError> {
        if let Ok(file) = &self.file
            && let Err(error) = file.sync_all()
        {
            self.fail(error);
        }
        self.unsynced_since = None;
        match &self.file {
            Ok(_) => Ok(self.bytes),
            Err(error) => {
                let again = match error.raw_os_error() {
                    Some(code) => std::io::Error::from_raw_os_error(code),
                    None => std::io::Error::from(error.kind()),
                };
                Err(RecordingError::file(&self.path, again))
            }
        }
    }

    fn fail(&mut self, error: std::io::Error) {
        self.file = Err(error);
        self.mark_failed();
    }

    fn mark_failed(&mut self) {
        if let Err(error) = &self.file {
            tracing::error!(file = %self.path.display(), %error, "a recording can't be kept");
        }
        if let Some(shared) = self.shared.upgrade() {
            shared.failed.store(true, Ordering::Release);
        }
    }
}
