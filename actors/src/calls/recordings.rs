//! A call's recordings, from the first word to the message.
//!
//! A recording lives in its spool until its message is committed or it is thrown away. The list
//! is shared with the switchboard: when a call's actor dies, what is still on it is made into
//! messages by the rule in each spool's header.
//!
//! One that is added to an earlier one becomes one spool with it as soon as it has ended.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_engine::dialplan::effect::{
    Delivery, Failure, HangupOutcome, Join, RecordEnd, RecordingId,
};
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::media::clip::Clip;
use hark_engine::message::Sender;
use hark_engine::time::UnixMillis;
use tokio::sync::watch;

use super::parts::{Part, Parts};
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

/// An addition that is shorter adds nothing.
const SHORTEST_ADDITION: Duration = Duration::from_secs(1);

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
    sender: Sender,
    started: UnixMillis,
    parts: Arc<Parts>,
    /// It could not be made into a message, and the dialplan was told.
    refused: bool,
}

impl List {
    fn lock(&self) -> MutexGuard<'_, HashMap<RecordingId, Item>> {
        // Every change is one insertion or removal: a panic can't have torn it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parts(&self, id: RecordingId) -> Option<Arc<Parts>> {
        self.lock().get(&id).map(|item| Arc::clone(&item.parts))
    }

    /// The recording as one spool.
    async fn spool(&self, id: RecordingId, from: &Recordings) -> Result<Arc<Spool>, String> {
        let parts = self.parts(id).ok_or("there is no such recording in this call")?;
        Ok(parts.whole(from).await?.spool)
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes the spools that a dead call left behind, each synced as far as it can be.
    pub async fn take_left_behind(&self, from: &Recordings) -> Vec<PathBuf> {
        // A media session that has just closed hands over its last frames within a turn.
        tokio::time::sleep(HAND_OVER).await;
        let items: Vec<_> = self.lock().drain().map(|(_, item)| item.parts).collect();
        let mut paths = Vec::with_capacity(items.len());
        for parts in items {
            for spool in parts.spools(from).await {
                // What can't be synced is recovered as far as it was written.
                let _ = spool.sync().await;
                paths.push(spool.path().to_owned());
            }
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
        let parts = Arc::new(Parts::of(Part { message, spool: Arc::new(spool) }));
        let item = Item { sender, started, parts, refused: false };
        self.list.lock().insert(id, item);
        Ok(sink)
    }

    /// A recording that is added to an earlier one has ended, and is one with it from now on.
    /// The earlier one stands alone in its place where nothing was said: no second of it, or
    /// nothing that could be kept.
    pub fn ended(&self, id: RecordingId, join: Join, end: RecordEnd, length: Duration) {
        let (earlier, behind) = match join {
            Join::Behind(earlier) => (earlier, false),
            Join::Before(earlier) => (earlier, true),
        };
        let added = end != RecordEnd::Failed && length >= SHORTEST_ADDITION;
        let mut list = self.list.lock();
        let Some(earlier) = list.remove(&earlier) else { return };
        let new = list.remove(&id);
        let (item, left_off) = match new {
            Some(new) if added => {
                let parts = Parts::added(new.parts.own().clone(), earlier.parts, behind);
                (Item { parts: Arc::new(parts), started: earlier.started, ..new }, None)
            }
            new => (earlier, new),
        };
        let parts = Arc::clone(&item.parts);
        list.insert(id, item);
        drop(list);
        if let Some(left_off) = left_off {
            self.throw_away(left_off);
        }
        let from = self.recordings.clone();
        // At once, so that a crash from here on finds one recording. Who needs it waits for it.
        tokio::spawn(async move { drop(parts.whole(&from).await) });
    }

    /// What was recorded, to be heard before it is sent.
    pub async fn preview(list: &List, from: &Recordings, id: RecordingId) -> Result<Clip, String> {
        let spool = list.spool(id, from).await?;
        let pcm = from.preview(spool.path()).await.map_err(|e| e.to_string())?;
        Ok(Clip::from_pcm_8k(pcm))
    }

    /// Makes a message of a recording. When the future is ready with `Ok`, it can't be lost.
    pub fn send(
        &self,
        id: RecordingId,
        delivery: Delivery,
    ) -> impl Future<Output = Result<MessageId, Failure>> + Send + 'static {
        let found = self
            .list
            .lock()
            .get(&id)
            .map(|item| (Arc::clone(&item.parts), item.sender.clone(), item.started));
        let (recordings, messages) = (self.recordings.clone(), self.messages.clone());
        let (directory, domain) = (self.directory.borrow().clone(), Arc::clone(&self.domain));
        let (list, metrics) = (self.list.clone(), self.metrics.clone());
        async move {
            let (parts, sender, started) = found.ok_or(Failure::NotFound)?;
            let mut spool = None;
            let sent = match parts.whole(&recordings).await {
                Ok(Part { message, spool: whole }) => {
                    spool = Some(Arc::clone(&whole));
                    let taken = Taken { message, sender, started, spool: whole };
                    let tags = tags(&directory, &domain, &taken, &delivery.to);
                    taken.commit(&recordings, &messages, tags, delivery).await
                }
                Err(error) => Err(error),
            };
            let outcome = if sent.is_ok() { "sent" } else { "failed" };
            metrics.recordings.with_label_values(&[outcome]).inc();
            if let Err(error) = &sent {
                tracing::error!(error, "a recording could not be made into a message");
            }
            let Ok(message) = sent else {
                // Whether anybody hears that is known when the call is over.
                if let Some(item) = list.lock().get_mut(&id) {
                    item.refused = true;
                }
                return Err(Failure::NotKept);
            };
            list.lock().remove(&id);
            if let Some(spool) = spool
                && let Err(error) = recordings.spools().remove(spool.path())
            {
                // Its message is committed, so the next start finds a repetition and drops it.
                tracing::warn!(%error, "a spool can't be removed");
            }
            Ok(message)
        }
    }

    /// Hands what was recorded, as samples at 8 kHz, to `using`, with the id that a message of it
    /// has. If that succeeds the recording counts as used and is removed, else as one that could
    /// not be kept.
    pub fn used_by<F, U>(
        &self,
        id: RecordingId,
        using: F,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static
    where
        F: FnOnce(MessageId, Vec<i16>) -> U + Send + 'static,
        U: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (recordings, list) = (self.recordings.clone(), self.list.clone());
        let metrics = self.metrics.clone();
        async move {
            let parts = list.parts(id).ok_or(Failure::NotFound)?;
            let spoken = match parts.whole(&recordings).await {
                Ok(whole) => {
                    let spoken = read_back(&recordings, &whole.spool).await;
                    spoken.map(|spoken| (whole.message, spoken))
                }
                Err(error) => Err(error),
            };
            let used = match spoken {
                Ok((message, spoken)) => using(message, spoken).await,
                Err(error) => {
                    tracing::error!(error, "a recording can't be read back");
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
            throw_away(&recordings, &parts).await;
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
        let item = self.list.lock().remove(&id);
        if let Some(item) = item {
            self.metrics.recordings.with_label_values(&["discarded"]).inc();
            self.throw_away(item);
        }
    }

    fn throw_away(&self, item: Item) {
        let from = self.recordings.clone();
        tokio::spawn(async move { throw_away(&from, &item.parts).await });
    }
}

/// Removes the spools of a recording that nobody needs any more.
async fn throw_away(from: &Recordings, parts: &Parts) {
    for spool in parts.spools(from).await {
        // A spool that can't take this any more can't be read back either.
        let _ = spool.set_intent(&Intent::Discard);
        // Waits for the writer, so that it does not write to a file that is gone.
        let _ = spool.sync().await;
        if let Err(error) = from.spools().remove(spool.path()) {
            // The next start drops it: it says of itself that it is to be thrown away.
            tracing::warn!(%error, "a recording that is not needed can't be removed");
        }
    }
}

/// The samples of a recording, at 8 kHz.
async fn read_back(from: &Recordings, spool: &Spool) -> Result<Vec<i16>, String> {
    spool.sync().await.map_err(|e| e.to_string())?;
    from.preview(spool.path()).await.map_err(|e| e.to_string())
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
    ) -> Result<MessageId, String> {
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
        messages.commit(message).await.map(|committed| committed.id).map_err(|e| e.to_string())
    }
}

fn tags(directory: &Directory, domain: &str, taken: &Taken, to: &[UserId]) -> Tags {
    crate::recovery::tags(directory, domain, taken.message, &taken.sender, to, taken.started)
}

#[cfg(test)]
mod tests;
