//! A call's recordings, from the first word to the message.
//!
//! A recording lives in its spool until its message is committed or it is thrown away. The list
//! is shared with the switchboard: when a call's actor dies, what is still on it is made into
//! messages by the rule in each spool's header.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_engine::dialplan::effect::{Delivery, Failure, HangupOutcome, RecordingId};
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::media::clip::Clip;
use hark_engine::message::Sender;
use hark_engine::time::UnixMillis;
use tokio::sync::watch;

use super::queries::millis;
use super::{CallMetrics, CallServices};
use crate::clock;
use crate::messages::Messages;
use crate::recording::{
    Intent, Recordings, SinkFull, Spool, SpoolFormat, SpoolHeader, SpoolSink, SpoolSource, Tags,
};
use crate::store::NewMessage;

/// How long a media session may take to hand over the last frames of a call that died.
const HAND_OVER: Duration = Duration::from_millis(500);

/// The recordings of one call.
pub(super) struct CallRecordings {
    recordings: Recordings,
    directory: watch::Receiver<Arc<Directory>>,
    domain: Arc<str>,
    messages: Messages,
    metrics: CallMetrics,
    list: List,
}

/// The recordings that are neither sent nor thrown away. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct List(Arc<Mutex<HashMap<RecordingId, Item>>>);

#[derive(Debug)]
struct Item {
    message: MessageId,
    sender: Sender,
    started: UnixMillis,
    spool: Arc<Spool>,
    /// It could not be made into a message, and the dialplan was told.
    refused: bool,
}

impl List {
    fn lock(&self) -> MutexGuard<'_, HashMap<RecordingId, Item>> {
        // Every change is one insertion or removal: a panic can't have torn it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: RecordingId) -> Option<PathBuf> {
        self.lock().get(&id).map(|item| item.spool.path().to_owned())
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes the spools that a dead call left behind, each synced as far as it can be.
    pub async fn take_left_behind(&self) -> Vec<PathBuf> {
        // A media session that has just closed hands over its last frames within a turn.
        tokio::time::sleep(HAND_OVER).await;
        let items: Vec<_> = self.lock().drain().map(|(_, item)| item.spool).collect();
        let mut paths = Vec::with_capacity(items.len());
        for spool in items {
            // What can't be synced is recovered as far as it was written.
            let _ = spool.sync().await;
            paths.push(spool.path().to_owned());
        }
        paths
    }
}

impl CallRecordings {
    pub fn new(services: &CallServices) -> Self {
        Self {
            recordings: services.recordings.clone(),
            directory: services.directory.clone(),
            domain: Arc::clone(&services.domain),
            messages: services.messages.clone(),
            metrics: services.metrics.clone(),
            list: List::default(),
        }
    }

    /// The list, for whoever survives this call.
    pub fn list(&self) -> List {
        self.list.clone()
    }

    /// Begins a recording; what is spoken goes into the sink.
    pub fn begin(
        &self,
        id: RecordingId,
        sender: Sender,
        on_hangup: HangupOutcome,
        max: Duration,
    ) -> Result<SpoolSink, SinkFull> {
        let started = clock::wall();
        let message = MessageId::new(started, clock::random());
        let header = SpoolHeader {
            message,
            sender: sender.clone(),
            intent: Intent::from(on_hangup),
            started,
            source: SpoolSource::Phone,
            format: SpoolFormat::G711,
            limit_ms: millis(max),
            idempotency_key: None,
        };
        let (sink, spool) = self.recordings.spools().create(&header)?;
        let item = Item { message, sender, started, spool: Arc::new(spool), refused: false };
        self.list.lock().insert(id, item);
        Ok(sink)
    }

    /// What was recorded, to be heard before it is sent.
    pub async fn preview(list: &List, from: &Recordings, id: RecordingId) -> Result<Clip, String> {
        let path = list.path(id).ok_or("there is no such recording in this call")?;
        let pcm = from.preview(&path).await.map_err(|e| e.to_string())?;
        Ok(Clip::from_pcm_8k(pcm))
    }

    /// Makes a message of a recording. When the future is ready with `Ok`, it can't be lost.
    pub fn send(
        &self,
        id: RecordingId,
        delivery: Delivery,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static {
        let found = self.list.lock().get(&id).map(|item| Taken {
            message: item.message,
            sender: item.sender.clone(),
            started: item.started,
            spool: Arc::clone(&item.spool),
        });
        let (recordings, messages) = (self.recordings.clone(), self.messages.clone());
        let (directory, domain) = (self.directory.borrow().clone(), Arc::clone(&self.domain));
        let (list, metrics) = (self.list.clone(), self.metrics.clone());
        async move {
            let taken = found.ok_or(Failure::NotFound)?;
            let path = taken.spool.path().to_owned();
            let tags = tags(&directory, &domain, &taken, &delivery.to);
            let sent = taken.commit(&recordings, &messages, tags, delivery).await;
            let outcome = if sent.is_ok() { "sent" } else { "failed" };
            metrics.recordings.with_label_values(&[outcome]).inc();
            if let Err(error) = &sent {
                tracing::error!(error, "a recording could not be made into a message");
            }
            if sent.is_err() {
                // Whether anybody hears that is known when the call is over.
                if let Some(item) = list.lock().get_mut(&id) {
                    item.refused = true;
                }
                return Err(Failure::NotKept);
            }
            list.lock().remove(&id);
            if let Err(error) = crate::recording::spool::remove(&path) {
                // Its message is committed, so the next start finds a repetition and drops it.
                tracing::warn!(%error, "a spool can't be removed");
            }
            Ok(())
        }
    }

    /// Hands what was recorded, as samples at 8 kHz, to `using`. If that succeeds the recording
    /// counts as used and is removed, else as one that could not be kept.
    pub fn used_by<F, U>(
        &self,
        id: RecordingId,
        using: F,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static
    where
        F: FnOnce(Vec<i16>) -> U + Send + 'static,
        U: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let spool = self.list.lock().get(&id).map(|item| Arc::clone(&item.spool));
        let (recordings, list) = (self.recordings.clone(), self.list.clone());
        let metrics = self.metrics.clone();
        async move {
            let spool = spool.ok_or(Failure::NotFound)?;
            let spoken = match spool.sync().await {
                Ok(_) => recordings.preview(spool.path()).await,
                Err(error) => Err(error),
            };
            let used = match spoken {
                Ok(spoken) => using(spoken).await,
                Err(error) => {
                    tracing::error!(%error, "a recording can't be read back");
                    Err(Failure::NotKept)
                }
            };
            let outcome = if used.is_ok() { "used" } else { "failed" };
            metrics.recordings.with_label_values(&[outcome]).inc();
            if let Err(failure) = used {
                if let Some(item) = list.lock().get_mut(&id) {
                    item.refused = true;
                }
                return Err(failure);
            }
            list.lock().remove(&id);
            // A spool that can't take this any more can't be read back either.
            let _ = spool.set_intent(&Intent::Discard);
            let _ = spool.sync().await;
            if let Err(error) = crate::recording::spool::remove(spool.path()) {
                // The next start drops it: it says of itself that it is to be thrown away.
                tracing::warn!(%error, "the spool of a used recording can't be removed");
            }
            Ok(())
        }
    }

    /// The caller stayed to hear that these could not be kept, and may speak again: kept after
    /// all, they would arrive twice. Those of a caller who left are made into messages by
    /// whoever clears up after the call.
    pub fn discard_refused(&self) {
        let list = self.list.lock();
        let refused: Vec<_> = list.iter().filter(|(_, i)| i.refused).map(|(id, _)| *id).collect();
        drop(list);
        refused.into_iter().for_each(|id| self.discard(id));
    }

    /// Throws a recording away.
    pub fn discard(&self, id: RecordingId) {
        let Some(item) = self.list.lock().remove(&id) else { return };
        self.metrics.recordings.with_label_values(&["discarded"]).inc();
        tokio::spawn(async move {
            let path = item.spool.path().to_owned();
            // A spool that can't take this any more can't be read back either.
            let _ = item.spool.set_intent(&Intent::Discard);
            // Waits for the writer, so that it does not write to a file that is gone.
            let _ = item.spool.sync().await;
            if let Err(error) = crate::recording::spool::remove(&path) {
                tracing::warn!(%error, "a discarded recording can't be removed");
            }
        });
    }
}

struct Taken {
    message: MessageId,
    sender: Sender,
    started: UnixMillis,
    spool: Arc<Spool>,
}

impl Taken {
    async fn commit(
        self,
        recordings: &Recordings,
        messages: &Messages,
        tags: Tags,
        delivery: Delivery,
    ) -> Result<(), String> {
        // From here on a crash does what the caller chose, not what a hang-up would have done.
        let intent = Intent::from(HangupOutcome::Send(delivery.clone()));
        self.spool.set_intent(&intent).map_err(|e| e.to_string())?;
        self.spool.sync().await.map_err(|e| e.to_string())?;
        let finished =
            recordings.finish(self.spool.path(), tags).await.map_err(|e| e.to_string())?;
        let message = NewMessage {
            id: self.message,
            sender: self.sender,
            delivery,
            length_ms: finished.length_ms,
            bytes: finished.bytes,
            peaks: finished.peaks,
            audio: finished.audio,
            idempotency_key: None,
            at: clock::wall(),
        };
        messages.commit(message).await.map(|_| ()).map_err(|e| e.to_string())
    }
}

fn tags(directory: &Directory, domain: &str, taken: &Taken, to: &[UserId]) -> Tags {
    crate::recovery::tags(directory, domain, taken.message, &taken.sender, to, taken.started)
}
