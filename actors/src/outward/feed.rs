//! The feed: tells registered web services every step of a message, in the log's order for each
//! message, until they took it.
//!
//! What is to be told lies in the store (`store/webhooks.rs`), put there by the transaction that
//! wrote the event; a row goes when the service answered 2xx. So a kill loses none, and at worst
//! one that was taken is told again, under the same `webhook-id`. One task looks which services
//! wait, and each of them has a task of its own while it does: a slow one holds up no other.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hark_engine::time::UnixMillis;
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast};
use tokio::task::{JoinHandle, JoinSet};

use super::post::{self, Post, PostError};
use super::{Outward, sign};
use crate::bus::{Bus, BusEvent};
use crate::clock;
use crate::store::{About, QueuedEvent, StoreError, ToldEvent, WebhookRecord};
use crate::users::Users;

/// How many messages one service is told of at once.
const AT_ONCE: usize = 4;
/// Events that come closely together are looked for once.
const TOGETHER: Duration = Duration::from_millis(20);
/// How often is looked for what the bus did not tell of, and how long is slept at most.
const SWEEP: Duration = Duration::from_secs(30);
/// How long after its failures an event is told again; after the last of them it is given up:
/// a day and a half in all.
const RETRIES_SECS: [u64; 12] =
    [1, 5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 36_000, 43_200];
/// How long a service is left alone that takes nothing, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long is waited when the store can't be used.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// The web services whose users want them to be tried at once. A set: it can't grow beyond them.
#[derive(Debug, Default)]
pub(super) struct Retries {
    webhooks: Mutex<HashSet<i64>>,
    asked: Notify,
}

impl Retries {
    /// Has the feed try this one at once, however long it meant to wait.
    pub fn ask(&self, webhook: i64) {
        self.webhooks.lock().unwrap_or_else(PoisonError::into_inner).insert(webhook);
        self.asked.notify_one();
    }

    fn take(&self) -> HashSet<i64> {
        std::mem::take(&mut *self.webhooks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the task of a web service listens to while it waits.
#[derive(Default)]
struct Wake {
    /// Something more is to be told.
    news: Notify,
    /// Its user wants it tried at once.
    retry: Notify,
}

/// Starts the feed. Its task ends with the process.
pub fn start(outward: Outward, bus: &Bus, users: Users) -> JoinHandle<()> {
    let events = bus.subscribe();
    let feed = Feed { outward, users };
    tokio::spawn(async move {
        let mut events = events;
        loop {
            let run = AssertUnwindSafe(feed.clone().run(&mut events)).catch_unwind();
            match run.await {
                // The bus is closed: the server ends.
                Ok(()) => return,
                Err(_panic) => {
                    feed.outward.shared.metrics.restarts.inc();
                    tracing::error!("the feed of webhooks failed and is started again");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    })
}

#[derive(Clone)]
struct Feed {
    outward: Outward,
    users: Users,
}

impl Feed {
    async fn run(self, events: &mut broadcast::Receiver<Arc<BusEvent>>) {
        let retries = &self.outward.shared.retries;
        let mut working: HashMap<i64, Arc<Wake>> = HashMap::new();
        // Dropped with this future, and its tasks with it.
        let mut tasks: JoinSet<i64> = JoinSet::new();
        loop {
            // Those without a task begin afresh below.
            for wake in retries.take().iter().filter_map(|webhook| working.get(webhook)) {
                wake.retry.notify_one();
            }
            match self.outward.shared.store.webhooks_waiting().await {
                Ok(waiting) => {
                    for webhook in waiting {
                        if let Some(wake) = working.get(&webhook) {
                            wake.news.notify_one();
                            continue;
                        }
                        let wake = Arc::new(Wake::default());
                        working.insert(webhook, Arc::clone(&wake));
                        let feed = self.clone();
                        tasks.spawn(async move {
                            let work = AssertUnwindSafe(feed.serve(webhook, &wake));
                            if work.catch_unwind().await.is_err() {
                                feed.outward.shared.metrics.restarts.inc();
                                tracing::error!(webhook, "the task of a webhook failed");
                                tokio::time::sleep(STORE_PAUSE).await;
                            }
                            webhook
                        });
                    }
                }
                Err(error) => tracing::warn!(%error, "can't look which webhooks wait"),
            }
            if let Ok(count) = self.outward.shared.store.webhook_backlog().await {
                self.outward.shared.metrics.events_waiting.set(count);
            }
            tokio::select! {
                news = logged(events) => {
                    if news.is_err() { return }
                    tokio::time::sleep(TOGETHER).await;
                }
                Some(ended) = tasks.join_next() => {
                    // The tasks catch their panics, and nobody else aborts them.
                    if let Ok(webhook) = ended {
                        working.remove(&webhook);
                    }
                }
                () = retries.asked.notified() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }

    /// Tells one service all that it has to be told.
    async fn serve(&self, webhook: i64, wake: &Wake) {
        let store = &self.outward.shared.store;
        let mut failures: u32 = 0;
        loop {
            let now = clock::wall();
            let look = async {
                let Some(record) = store.webhook(webhook).await? else { return Ok(None) };
                let (heads, due) = store.webhook_heads(webhook, now, AT_ONCE).await?;
                Ok::<_, StoreError>(Some((record, heads, due)))
            };
            let (record, heads, due) = match look.await {
                Ok(Some(found)) => found,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, webhook, "can't look what a webhook is to be told");
                    tokio::time::sleep(STORE_PAUSE).await;
                    continue;
                }
            };
            if heads.is_empty() {
                let Some(due) = due else { return };
                let wait = due.since(now).clamp(Duration::from_millis(10), SWEEP);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = wake.news.notified(), if failures == 0 => {}
                    () = wake.retry.notified() => failures = 0,
                }
                continue;
            }
            let told = join_all(heads.iter().map(|event| self.tell(&record, event))).await;
            if told.contains(&true) {
                failures = 0;
            } else {
                // It takes nothing at this moment: what else waits is not sent after it.
                failures = failures.saturating_add(1);
                let pause = Duration::from_secs(1) * 2u32.saturating_pow(failures.min(6) - 1);
                tokio::select! {
                    () = tokio::time::sleep(pause.min(LONGEST_PAUSE)) => {}
                    () = wake.retry.notified() => failures = 0,
                }
            }
        }
    }

    /// Tells one event, and notes what came of it. Says whether the service took it, or was not
    /// to be asked.
    async fn tell(&self, webhook: &WebhookRecord, queued: &QueuedEvent) -> bool {
        let store = &self.outward.shared.store;
        let (hook, seq) = (webhook.id, queued.seq);
        let (went, noted) = match self.judge(webhook, queued) {
            Telling::Nothing => (true, store.webhook_skipped(hook, seq).await),
            Telling::Later(due) => (true, store.webhook_later(hook, seq, due, None).await),
            Telling::Post(body) => {
                let outcome = self.post(webhook, seq, body).await;
                let noted = match &outcome {
                    Ok(()) => store.webhook_told(hook, seq, clock::wall()).await,
                    Err(error) => self.note_failure(hook, queued, error).await,
                };
                (outcome.is_ok(), noted)
            }
        };
        if let Err(error) = noted {
            // It is told again: at least once is what was promised.
            tracing::warn!(%error, webhook = hook, "what a webhook was told can't be noted");
            tokio::time::sleep(STORE_PAUSE).await;
        }
        went
    }

    async fn post(&self, webhook: &WebhookRecord, seq: i64, body: Value) -> Result<(), PostError> {
        let body = body.to_string();
        let id = format!("evt_{seq}");
        let secret = Some(webhook.secret.0);
        let headers = sign::headers(secret, &id, clock::wall().as_secs(), &body);
        let post = Post { url: webhook.url.clone(), headers, body: body.into_bytes() };
        let outcome = self.outward.shared.poster.post(post).await;
        let posts = &self.outward.shared.metrics.event_posts;
        posts.with_label_values(&[post::label(&outcome)]).inc();
        outcome
    }

    async fn note_failure(
        &self,
        webhook: i64,
        queued: &QueuedEvent,
        error: &PostError,
    ) -> Result<(), StoreError> {
        let store = &self.outward.shared.store;
        let now = clock::wall();
        // Gone is gone (RFC 9110 section 15.5.11); whatever else is answered may be mended.
        let hopeless =
            matches!(error, PostError::Refused(_) | PostError::Status { status: 410, .. });
        let retry = usize::try_from(queued.attempts).ok().and_then(|n| RETRIES_SECS.get(n));
        match retry {
            Some(secs) if !hopeless => {
                let wait = Duration::from_secs(*secs).max(error.retry_after().unwrap_or_default());
                let due = now.after(wait);
                let failed = Some((now, error.to_string()));
                store.webhook_later(webhook, queued.seq, due, failed).await
            }
            Some(_) | None => {
                self.outward.shared.metrics.events_dead.inc();
                tracing::warn!(
                    webhook,
                    seq = queued.seq,
                    "a webhook is not told an event: given up"
                );
                store.webhook_dead(webhook, queued.seq, now, error.to_string()).await
            }
        }
    }

    /// What a service is to be told of an event.
    fn judge(&self, webhook: &WebhookRecord, queued: &QueuedEvent) -> Telling {
        let Some(told) = &queued.told else { return Telling::Nothing };
        let event: Value = serde_json::from_str(&told.event).unwrap_or_default();
        let kind = event["kind"].as_str().unwrap_or("unknown");
        let is_sender = told.sender.user == Some(webhook.user) && webhook.about != About::Received;
        if !is_sender {
            // Who gets a message learns nothing of it before its time.
            if kind == "held" {
                return Telling::Nothing;
            }
            if let Some(due) = told.held {
                return Telling::Later(due.max(clock::wall().after(STORE_PAUSE)));
            }
        }
        Telling::Post(self.body(is_sender, queued, told, kind, &event))
    }

    fn body(
        &self,
        is_sender: bool,
        queued: &QueuedEvent,
        told: &ToldEvent,
        kind: &str,
        event: &Value,
    ) -> Value {
        let directory = self.users.directory();
        let name = directory.user(told.recipient).map(|user| user.display_name.as_str());
        json!({
            "type": format!("message.{kind}"),
            "seq": queued.seq,
            "at": told.at,
            "role": if is_sender { "sender" } else { "recipient" },
            "message": {
                "id": queued.message,
                "sender": told.sender,
                "length_ms": told.length_ms,
                "urgent": told.urgent,
            },
            "recipient": { "id": told.recipient, "name": name },
            "event": event,
        })
    }
}

enum Telling {
    Post(Value),
    Later(UnixMillis),
    Nothing,
}

/// Waits until something was logged, or may have been. An error: the bus is closed.
async fn logged(events: &mut broadcast::Receiver<Arc<BusEvent>>) -> Result<(), ()> {
    loop {
        match events.recv().await {
            Ok(event) if matches!(*event, BusEvent::Logged { .. }) => return Ok(()),
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return Ok(()),
            Err(broadcast::error::RecvError::Closed) => return Err(()),
        }
    }
}
