//! Texts on their way to telephones that take MESSAGEs: at once where one is registered, else
//! when one registers. The store knows what waits, so a restart forgets nothing.
//!
//! One user's texts go out one after the other, in order; users don't wait for each other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hark_engine::id::UserId;
use hark_engine::presence::Reach;
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;

use super::{Chat, ChatMetrics};
use crate::bus::{Bus, BusEvent, ChatEvent};
use crate::clock;
use crate::presence_board::PresenceBoard;
use crate::store::{ChatEntry, Mark, StoreError};
use crate::texts::Texts;

/// How many users' telephones are written to at a time.
const AT_A_TIME: usize = 64;
/// What is older than this is in the thread and nowhere else.
const STALE: Duration = Duration::from_secs(7 * 86_400);
/// How many texts are taken out of the store at once.
const PAGE: u32 = 50;

/// Passes texts on.
pub struct Post {
    /// The chat service.
    pub chat: Chat,
    /// Who sends MESSAGEs.
    pub texts: Texts,
    /// Who is reachable how.
    pub presence: PresenceBoard,
    /// Where texts that reached nobody are told.
    pub bus: Bus,
    /// What is counted.
    pub metrics: ChatMetrics,
}

/// What a run for one user leaves.
struct Done {
    user: UserId,
}

impl Post {
    /// Serves until the chat service is gone.
    pub async fn run(
        self,
        mut queue: mpsc::Receiver<ChatEntry>,
        mut events: broadcast::Receiver<Arc<BusEvent>>,
    ) {
        let me = Arc::new(self);
        let permits = Arc::new(Semaphore::new(AT_A_TIME));
        let mut runs = JoinSet::new();
        let mut running: HashSet<UserId> = HashSet::new();
        // Texts that came while a run for their user was under way.
        let mut waiting: HashMap<UserId, Vec<ChatEntry>> = HashMap::new();
        let mut reached: HashMap<UserId, bool> = HashMap::new();
        loop {
            let wanted: Vec<(UserId, Vec<ChatEntry>)> = tokio::select! {
                entry = queue.recv() => match entry {
                    Some(entry) => vec![(entry.recipient, vec![entry])],
                    None => return,
                },
                event = events.recv() => match event {
                    Ok(event) => match &*event {
                        BusEvent::Presence { user, reach } if appeared(&mut reached, *user, *reach) => {
                            vec![(*user, Vec::new())]
                        }
                        _ => continue,
                    },
                    // Telephones may have appeared meanwhile.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        me.texts.reachable().into_iter().map(|user| (user, Vec::new())).collect()
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                Some(done) = runs.join_next() => match done {
                    Ok(Done { user }) => {
                        running.remove(&user);
                        match waiting.remove(&user) {
                            Some(fresh) => vec![(user, fresh)],
                            None => continue,
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, "passing texts on failed: they wait");
                        running.clear();
                        continue;
                    }
                },
            };
            for (user, fresh) in wanted {
                if !running.insert(user) {
                    waiting.entry(user).or_default().extend(fresh);
                    continue;
                }
                let (me, permits) = (Arc::clone(&me), Arc::clone(&permits));
                runs.spawn(async move {
                    let _permit = permits.acquire_owned().await;
                    me.serve(user, fresh).await;
                    Done { user }
                });
            }
        }
    }

    async fn serve(&self, user: UserId, fresh: Vec<ChatEntry>) {
        if let Err(error) = self.pass_on(user).await {
            tracing::warn!(%error, "texts for a telephone wait");
        }
        for entry in fresh {
            let now = self.chat.store().chat(entry.id).await.ok().flatten();
            let is_shown = self.presence.reach(user).browser;
            if !is_shown && now.is_none_or(|now| now.delivered.is_none()) {
                self.bus.publish(BusEvent::Chat(ChatEvent::Unreached { entry }));
            }
        }
    }

    async fn pass_on(&self, user: UserId) -> Result<(), StoreError> {
        let store = self.chat.store();
        let since = hark_engine::time::UnixMillis(
            clock::wall().0 - i64::try_from(STALE.as_millis()).unwrap_or(0),
        );
        while self.texts.may_reach(user) {
            let page = store.untexted_chats(user, since, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.id) else { return Ok(()) };
            for entry in page {
                match self.texts.chat_text(entry.sender, user, &entry.text).await {
                    Ok(device) => {
                        self.metrics.posted.with_label_values(&["taken"]).inc();
                        store.set_texted(entry.id, clock::wall()).await?;
                        let device = format!("phone:{device}");
                        let (from, mark) = (entry.sender, Mark::Delivered);
                        self.chat.mark(from, user, entry.id, mark, &device).await?;
                    }
                    Err(error) => {
                        let outcome = if error.permanent { "refused" } else { "unreachable" };
                        self.metrics.posted.with_label_values(&[outcome]).inc();
                        tracing::debug!(error = error.reason, "a telephone did not take a text");
                        return Ok(());
                    }
                }
            }
            tracing::trace!(chat = %last, "a page of texts was passed on");
        }
        Ok(())
    }
}

/// Whether a telephone of the user is there that was not.
fn appeared(reached: &mut HashMap<UserId, bool>, user: UserId, reach: Reach) -> bool {
    let before = if reach.phone { reached.insert(user, true) } else { reached.remove(&user) };
    reach.phone && before != Some(true)
}
