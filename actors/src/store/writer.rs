//! The one thread that writes: group commit, a savepoint a job.
//!
//! Jobs that wait while a commit is on its way to the disk go together into the next one, so
//! that a busy store pays one fsync for many jobs. Nobody is answered before the commit that
//! holds their job has returned. A job that fails is rolled back alone.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{Notify, oneshot};

use super::error::StoreError;
use super::metrics::StoreMetrics;

/// A request to the writer. `run` may be called again when a whole batch had to be rolled back.
pub(super) trait Job: Send {
    /// Does the work inside a savepoint.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;
    /// Tells whoever asked. `commit` is what became of the transaction.
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
}

/// A job that answers through a channel.
pub(super) struct Call<T, F> {
    work: F,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Call<T, F>
where
    F: FnMut(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    pub fn new(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work, result: Err(StoreError::unavailable("not run")), reply }, answer)
    }
}

impl<T, F> Job for Call<T, F>
where
    F: FnMut(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.result = (self.work)(connection);
        match &self.result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.clone()),
        }
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) {
        // Whoever asked may have gone away; what was committed stays committed.
        let _ = self.reply.send(commit.and(self.result));
    }
}

/// The sending end of a running writer thread.
pub(super) type Jobs = SyncSender<Box<dyn Job>>;

/// Starts the writer; it ends when `Jobs` is dropped. If it panics, what it held is dropped,
/// which answers every waiting job with [`StoreError::Unavailable`], and `ended` is told.
pub(super) fn start(
    connection: Connection,
    queue: usize,
    batch: usize,
    metrics: StoreMetrics,
    ended: Arc<Notify>,
) -> Result<Jobs, StoreError> {
    let (jobs, waiting) = sync_channel(queue);
    let writer = Writer { connection, batch: batch.max(1), metrics };
    std::thread::Builder::new().name("hark-store".into()).spawn(move || {
        let _told = TellPanic(ended);
        writer.run(&waiting);
    })?;
    Ok(jobs)
}

struct TellPanic(Arc<Notify>);

impl Drop for TellPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}

struct Writer {
    connection: Connection,
    batch: usize,
    metrics: StoreMetrics,
}

impl Writer {
    fn run(self, waiting: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv() {
            let mut jobs = vec![first];
            while jobs.len() < self.batch {
                match waiting.try_recv() {
                    Ok(job) => jobs.push(job),
                    Err(_) => break,
                }
            }
            let taken = jobs.len();
            self.commit(jobs);
            self.metrics.queue.sub(i64::try_from(taken).unwrap_or(i64::MAX));
        }
    }

    fn commit(&self, mut jobs: Vec<Box<dyn Job>>) {
        self.metrics.jobs.inc_by(u64::try_from(jobs.len()).unwrap_or(0));
        match self.transaction(&mut jobs) {
            Ok(()) => {
                for job in jobs {
                    self.answer(job, Ok(()));
                }
            }
            Err(error) if jobs.len() == 1 => {
                for job in jobs {
                    self.answer(job, Err(error.clone()));
                }
            }
            // A full disk rolls back the whole transaction: what is small enough may still fit.
            Err(_) => {
                for job in jobs {
                    let mut alone = vec![job];
                    let end = self.transaction(&mut alone);
                    for job in alone {
                        self.answer(job, end.clone());
                    }
                }
            }
        }
    }

    fn answer(&self, job: Box<dyn Job>, commit: Result<(), StoreError>) {
        if let Err(error) = &commit {
            tracing::error!(%error, "a commit failed");
        }
        job.answer(commit);
    }

    /// Runs the jobs in one transaction. An `Err` means that none of them is kept.
    fn transaction(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        if !self.connection.is_autocommit() {
            // Left over from a commit and a rollback that both failed.
            self.connection.execute_batch("ROLLBACK")?;
        }
        let started = Instant::now();
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let end =
            self.savepoints(jobs).and_then(|()| Ok(self.connection.execute_batch("COMMIT")?));
        if end.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        end
    }

    fn savepoints(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        for job in jobs {
            self.connection.execute_batch("SAVEPOINT job")?;
            let end = job.run(&self.connection);
            if self.connection.is_autocommit() {
                // SQLite rolled everything back by itself (disk full, I/O error).
                return end.and(Err(StoreError::unavailable("the transaction was rolled back")));
            }
            if end.is_err() {
                self.connection.execute_batch("ROLLBACK TO job")?;
            }
            self.connection.execute_batch("RELEASE job")?;
        }
        Ok(())
    }
}
