//! A few threads that read, each with a connection of its own: WAL lets them run beside the
//! writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::error::StoreError;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The sending end of the readers.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    reads: SyncSender<Read>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub fn start(connections: Vec<Connection>, queue: usize) -> Result<Self, StoreError> {
        let (reads, waiting) = sync_channel::<Read>(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for connection in connections {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name("hark-store-read".into())
                .spawn(move || serve(&connection, &waiting))?;
        }
        Ok(Self { reads })
    }

    /// Queues a read; its answer is its own affair.
    pub fn submit(&self, read: Read) -> Result<(), StoreError> {
        self.reads.try_send(read).map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::unavailable("the readers ended"),
        })
    }
}

fn serve(connection: &Connection, waiting: &Mutex<Receiver<Read>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(read) = next else { return };
        // A read holds nothing that a panic could leave half done, so the reader goes on; the
        // asker sees its channel closed.
        if catch_unwind(AssertUnwindSafe(|| read(connection))).is_err() {
            tracing::error!("a read of the store panicked");
        }
    }
}
