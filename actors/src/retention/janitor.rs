//! The janitor: ends what is over, removes the audio that nobody has any more, and watches how
//! full mailboxes are.
//!
//! Owns nothing but which mailboxes it has warned of. If it dies its supervisor starts another,
//! which counts them afresh; what was half done is done by the next sweep.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hark_engine::id::UserId;
use hark_engine::message::Event;
use hark_engine::retention::{Policy, Verdict, nearly_full};
use hark_engine::time::UnixMillis;
use prometheus::{IntCounterVec, Opts, Registry};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::Retention;
use crate::bus::{Bus, BusEvent};
use crate::clock;
use crate::messages::Messages;
use crate::store::{Store, StoreError};
use crate::users::Users;

/// How many messages are looked at in one go.
const BATCH: u32 = 500;
/// The most that one sweep looks at; the next goes on.
const MOST_A_SWEEP: u32 = 100_000;
/// Changes of a mailbox that come within this are counted together.
const SETTLE: Duration = Duration::from_millis(200);
/// When the first sweep begins.
const FIRST: Duration = Duration::from_secs(2);
const DAY: Duration = Duration::from_secs(86_400);

/// `hark_retention_total{what}`
#[derive(Clone, Debug)]
pub struct JanitorMetrics {
    total: IntCounterVec,
}

impl JanitorMetrics {
    /// Makes the metric and registers it.
    ///
    /// # Errors
    /// When there is one of its name already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let opts = Opts::new(
            "hark_retention_total",
            "Messages expired or purged, audio files removed, and mailboxes that became full.",
        );
        let total = IntCounterVec::new(opts, &["what"])?;
        registry.register(Box::new(total.clone()))?;
        for what in ["expired", "purged", "file", "file_failed", "mailbox_full"] {
            total.with_label_values(&[what]);
        }
        Ok(Self { total })
    }

    fn count(&self, what: &str) {
        self.total.with_label_values(&[what]).inc();
    }
}

/// What the janitor works with.
#[derive(Clone)]
pub struct JanitorServices {
    /// Where everything is kept.
    pub store: Store,
    /// Where it is noted what is over.
    pub messages: Messages,
    /// Who can't be written to is in the snapshot of the users.
    pub users: Users,
    /// Where it is told how full mailboxes are.
    pub bus: Bus,
    /// The rules.
    pub retention: Retention,
    /// What is counted.
    pub metrics: JanitorMetrics,
}

/// The actor.
#[derive(Debug)]
pub struct Janitor;

/// What it is told.
#[derive(Debug)]
pub enum JanitorMessage {
    /// Time to look for what is over.
    Sweep,
    /// Something was put into a mailbox, or taken out.
    Changed(UserId),
    /// Time to count the mailboxes that changed.
    Count,
    /// Events were missed: all mailboxes are counted.
    CountAll,
}

/// Which mailboxes it has warned of.
pub struct JanitorState {
    services: JanitorServices,
    nearly: HashMap<UserId, bool>,
    changed: HashSet<UserId>,
    _pump: JoinSet<()>,
}

impl Actor for Janitor {
    type Msg = JanitorMessage;
    type State = JanitorState;
    type Arguments = JanitorServices;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        services: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let mut pump = JoinSet::new();
        pump.spawn(pump_bus(services.bus.clone(), myself.clone()));
        myself.send_after(FIRST, || JanitorMessage::Sweep);
        myself.send_after(Duration::ZERO, || JanitorMessage::CountAll);
        Ok(JanitorState { services, nearly: HashMap::new(), changed: HashSet::new(), _pump: pump })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            JanitorMessage::Sweep => {
                if let Err(error) = state.services.sweep(clock::wall()).await {
                    tracing::error!(%error, "what is over can't be removed now: the next sweep tries again");
                }
                myself.send_after(state.services.retention.every, || JanitorMessage::Sweep);
            }
            JanitorMessage::Changed(user) => {
                if state.changed.is_empty() {
                    myself.send_after(SETTLE, || JanitorMessage::Count);
                }
                state.changed.insert(user);
            }
            JanitorMessage::CountAll => {
                let directory = state.services.users.directory();
                let everybody = directory.users().iter().chain(directory.outside());
                state.changed.extend(everybody.map(|user| user.id));
                myself.send_after(Duration::ZERO, || JanitorMessage::Count);
            }
            JanitorMessage::Count => state.count().await,
        }
        Ok(())
    }
}

impl JanitorState {
    async fn count(&mut self) {
        let mut refresh = false;
        for user in std::mem::take(&mut self.changed) {
            match self.level(user).await {
                Ok(news) => refresh |= news,
                // An erased user has no mailbox any more.
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => tracing::warn!(%error, "a mailbox can't be counted now"),
            }
        }
        if refresh && let Err(error) = self.services.users.refresh().await {
            tracing::warn!(%error, "it is known only later that a mailbox is full, or no longer");
        }
    }

    /// Counts one mailbox. Says whether it has become full, or is no longer.
    async fn level(&mut self, user: UserId) -> Result<bool, StoreError> {
        let JanitorServices { store, messages, users, bus, retention, metrics } = &self.services;
        let standing = retention.standing(user).await?;
        let percent = standing.percent;
        let full = percent >= 100;
        // What waits for a number or address outside counts too. Its owner has no mailbox to tidy
        // up: whoever writes there is told, and what is over makes room.
        if users.directory().address(user).is_some() {
            let news = full != standing.user.full;
            if news {
                store.set_mailbox_full(user, full).await?;
                if full {
                    metrics.count("mailbox_full");
                }
            }
            return Ok(news);
        }
        let before = self.nearly.get(&user).copied();
        let now = nearly_full(percent, before.unwrap_or(false));
        self.nearly.insert(user, now);
        if now != before.unwrap_or(false) {
            bus.publish(BusEvent::Mailbox { user, percent, nearly_full: now });
            // Who is over it at the start was told before.
            if now && before.is_some() {
                let text = format!(
                    "Your mailbox is {percent} % full. Delete what you no longer need: \
                     when it is full, nobody can leave you a message."
                );
                messages.notify(user, &text);
            }
        }
        if full == standing.user.full {
            return Ok(false);
        }
        store.set_mailbox_full(user, full).await?;
        if full {
            metrics.count("mailbox_full");
            messages.notify(user, "Your mailbox is full: nobody can leave you a message.");
        }
        Ok(true)
    }
}

impl JanitorServices {
    /// Ends what is over at `now`, and removes the audio that nobody has any more.
    pub(super) async fn sweep(&self, now: UnixMillis) -> Result<(), StoreError> {
        let mut policies: HashMap<UserId, Policy> = HashMap::new();
        let shortest = self.shortest(&mut policies).await?;
        if let Some(days) = shortest {
            let age = i64::try_from((DAY * days).as_millis()).unwrap_or(i64::MAX);
            self.end(UnixMillis(now.0.saturating_sub(age)), now, &policies).await?;
        }
        loop {
            let files = self.store.forget_audio(now, BATCH).await?;
            for file in &files {
                // From here on a crash leaves a file that nothing names: it is found at the start.
                let path = self.store.dir().join(file);
                let what = match tokio::fs::remove_file(&path).await {
                    Ok(()) => "file",
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => "file",
                    Err(error) => {
                        tracing::error!(%error, path = %path.display(), "an audio file can't be removed: it is tried again at the next start");
                        "file_failed"
                    }
                };
                self.metrics.count(what);
            }
            if files.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// The shortest time after which anything of anybody ends, in days. Fills in everybody's
    /// policy; numbers and addresses outside have one of their own.
    async fn shortest(
        &self,
        policies: &mut HashMap<UserId, Policy>,
    ) -> Result<Option<u32>, StoreError> {
        let directory = self.users.directory();
        let mut shortest = None;
        for user in directory.outside() {
            policies.insert(user.id, self.retention.outside);
            shortest = self.retention.outside.shortest_days();
        }
        for user in directory.users() {
            let differs = match self.store.user_retention(user.id).await {
                Ok(found) => found.differs,
                Err(StoreError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            let policy = self.retention.policy.with(&differs);
            policies.insert(user.id, policy);
            shortest = match (shortest, policy.shortest_days()) {
                (Some(a), Some(b)) => Some(std::cmp::min::<u32>(a, b)),
                (a, b) => a.or(b),
            };
        }
        Ok(shortest)
    }

    async fn end(
        &self,
        before: UnixMillis,
        now: UnixMillis,
        policies: &HashMap<UserId, Policy>,
    ) -> Result<(), StoreError> {
        let mut kept = 0;
        while kept < MOST_A_SWEEP {
            let aged = self.store.aged(before, kept, BATCH).await?;
            let count = u32::try_from(aged.len()).unwrap_or(BATCH);
            for message in aged {
                let policy = policies.get(&message.user).copied();
                let verdict = policy.map_or(Verdict::Keep, |policy| {
                    policy.verdict(message.folder, message.saved, message.since, now)
                });
                let (id, user) = (message.message, message.user);
                match verdict {
                    Verdict::Keep => {
                        kept += 1;
                        continue;
                    }
                    // What has expired can't be taken back: it goes with it.
                    Verdict::Expire => {
                        self.messages.note(id, user, Event::Expired).await?;
                        self.metrics.count("expired");
                        self.messages.note(id, user, Event::Purged).await?;
                    }
                    Verdict::Purge => {
                        self.messages.note(id, user, Event::Purged).await?;
                        self.metrics.count("purged");
                    }
                }
            }
            if count < BATCH {
                return Ok(());
            }
        }
        Ok(())
    }
}

async fn pump_bus(bus: Bus, to: ActorRef<JanitorMessage>) {
    let mut events = bus.subscribe();
    loop {
        let message = match events.recv().await {
            Ok(event) => match changed(&event) {
                Some(user) => JanitorMessage::Changed(user),
                None => continue,
            },
            Err(RecvError::Lagged(_)) => JanitorMessage::CountAll,
            Err(RecvError::Closed) => return,
        };
        if to.cast(message).is_err() {
            return;
        }
    }
}

/// Whose mailbox changed by it.
fn changed(event: &Arc<BusEvent>) -> Option<UserId> {
    match &**event {
        BusEvent::Lamp { user, .. } => Some(*user),
        BusEvent::Arrived { .. }
        | BusEvent::PopUp { .. }
        | BusEvent::Logged { .. }
        | BusEvent::Presence { .. }
        | BusEvent::Telephones { .. }
        | BusEvent::Mailbox { .. }
        | BusEvent::Announcement { .. }
        | BusEvent::Chat(_)
        | BusEvent::Order { .. }
        | BusEvent::Notice { .. } => None,
    }
}
