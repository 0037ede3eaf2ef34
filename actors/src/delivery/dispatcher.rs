//! The dispatcher: takes committed messages, and keeps an actor for each that is live.
//!
//! Owns nothing but the list of live messages, which the store can give again. If it dies its
//! message actors die with it, and its supervisor starts another, which resumes them all.
//!
//! Restart policy for messages: one that fails is begun afresh at most [`RESTARTS`] times in
//! this process's life; then it is left to the next start.

use std::collections::HashMap;
use std::time::Duration;

use hark_engine::dialplan::effect::Folder;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::RecipientState;
use hark_engine::message::{Event, MessageSummary};
use hark_engine::presence::Reach;
use hark_engine::time::Instant;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::message_actor::{MessageActor, MessageArguments, MessageMessage};
use super::{BROWSER, DeliveryServices};
use crate::bus::BusEvent;
use crate::clock;
use crate::messages::Handover;
use crate::store::{Ring, StoreError, Unfinished};

/// How often a failed message actor is begun afresh.
const RESTARTS: u32 = 3;

/// How long after the start unfinished deliveries are taken up.
const SETTLE: Duration = Duration::from_secs(3);
/// When to try again what the store could not give.
const AGAIN: Duration = Duration::from_secs(5);

/// The actor.
#[derive(Debug)]
pub struct Dispatcher;

/// What it begins with.
#[derive(Clone, Debug)]
pub struct DispatcherArguments {
    /// What deliveries work with.
    pub services: DeliveryServices,
    /// The queue of committed messages, shared so that a restarted dispatcher serves it on.
    pub handover: std::sync::Arc<Mutex<mpsc::Receiver<Handover>>>,
    /// For so long after a telephone began to ring, a restart does not let it ring again for the
    /// same message: somebody may be holding it.
    pub ring_again: Duration,
}

/// What it is told.
#[derive(Debug)]
pub enum DispatcherMessage {
    /// A message was committed.
    Committed(Handover),
    /// A recipient heard, saved or deleted a message.
    Settled(MessageId, UserId),
    /// A browser showed a message to its recipient.
    Seen(MessageId, UserId),
    /// A user came or went.
    Presence(UserId, Reach),
    /// Time to take up what an earlier run left unfinished.
    Resume,
    /// Events were missed: nothing is known of who came or was settled meanwhile.
    Lagged,
}

/// The live messages.
pub struct DispatcherState {
    services: DeliveryServices,
    live: HashMap<MessageId, ActorRef<MessageMessage>>,
    actors: HashMap<ActorId, MessageId>,
    /// Telephones that rang when an earlier run ended, and until when they are left alone. `None`
    /// before the store was asked.
    rested: Option<HashMap<(MessageId, UserId), Instant>>,
    ring_again: Duration,
    restarts: HashMap<MessageId, u32>,
    /// The pumps that feed this actor; they end with it.
    _pumps: JoinSet<()>,
}

impl Actor for Dispatcher {
    type Msg = DispatcherMessage;
    type State = DispatcherState;
    type Arguments = DispatcherArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let DispatcherArguments { services, handover, ring_again } = arguments;
        let mut pumps = JoinSet::new();
        pumps.spawn(pump_bus(services.bus.subscribe(), myself.clone()));
        pumps.spawn(pump_handover(handover, myself.clone()));
        pumps.spawn(super::release::release(services.messages.clone()));
        let state = DispatcherState {
            services,
            live: HashMap::new(),
            actors: HashMap::new(),
            rested: None,
            ring_again,
            restarts: HashMap::new(),
            _pumps: pumps,
        };
        // Browsers come back within moments of a restart: who sits before one is not rung.
        myself.send_after(SETTLE, || DispatcherMessage::Resume);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let done = match message {
            DispatcherMessage::Committed(handover) => {
                let Handover { message, recipients, committed } = handover;
                state.begin(&myself, message, recipients, Some(committed)).await
            }
            DispatcherMessage::Settled(message, user) => {
                if let Some(actor) = state.live.get(&message) {
                    // One that has just ended needs not be told.
                    let _ = actor.cast(MessageMessage::Settled(user));
                }
                Ok(())
            }
            DispatcherMessage::Seen(message, user) => {
                if let Some(actor) = state.live.get(&message) {
                    let _ = actor.cast(MessageMessage::Seen(user));
                }
                Ok(())
            }
            DispatcherMessage::Presence(user, reach) => state.presence(&myself, user, reach).await,
            DispatcherMessage::Lagged | DispatcherMessage::Resume => {
                state.resume_all(&myself).await
            }
        };
        if let Err(error) = done {
            // The store still has it as unfinished.
            tracing::error!(%error, "a delivery can't be begun now: it is tried again");
            myself.send_after(AGAIN, || DispatcherMessage::Resume);
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, error) = match event {
            SupervisionEvent::ActorTerminated(cell, _, _) => (cell, None),
            SupervisionEvent::ActorFailed(cell, error) => (cell, Some(error)),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        let Some(message) = state.actors.remove(&cell.get_id()) else { return Ok(()) };
        state.live.remove(&message);
        if let Some(error) = error {
            tracing::error!(%message, %error, "a message's actor failed");
            state.restart(&myself, message).await;
        }
        Ok(())
    }
}

impl DispatcherState {
    async fn begin(
        &mut self,
        myself: &ActorRef<DispatcherMessage>,
        id: MessageId,
        recipients: Vec<UserId>,
        committed: Option<hark_engine::time::Instant>,
    ) -> Result<(), StoreError> {
        if let Some(actor) = self.live.get(&id) {
            for recipient in recipients {
                let _ = actor.cast(MessageMessage::Deliver(recipient));
            }
            return Ok(());
        }
        let mut message = None;
        for recipient in &recipients {
            if let Some(entry) = self.services.store.inbox_entry(*recipient, id).await? {
                message = Some(entry.summary());
                break;
            }
        }
        // Deleted meanwhile by everybody: nothing to deliver.
        let Some(message) = message else { return Ok(()) };
        self.spawn(myself, message, recipients, committed).await;
        Ok(())
    }

    async fn spawn(
        &mut self,
        myself: &ActorRef<DispatcherMessage>,
        message: MessageSummary,
        recipients: Vec<UserId>,
        committed: Option<hark_engine::time::Instant>,
    ) {
        let id = message.id;
        let services = self.services.clone();
        let arguments = MessageArguments { services, message, recipients, committed };
        match Actor::spawn_linked(None, MessageActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.actors.insert(actor.get_id(), id);
                self.live.insert(id, actor);
            }
            Err(error) => tracing::error!(message = %id, %error, "can't begin a message"),
        }
    }

    async fn restart(&mut self, myself: &ActorRef<DispatcherMessage>, id: MessageId) {
        let count = self.restarts.entry(id).or_default();
        *count += 1;
        if *count > RESTARTS {
            return;
        }
        self.services.metrics.restarts.with_label_values(&["message"]).inc();
        let resumed = match self.services.store.message_states(id).await {
            Ok(states) => {
                let unreached = states.into_iter().filter(|(_, state)| is_unreached(state));
                let recipients = unreached.map(|(user, _)| user).collect();
                self.begin(myself, id, recipients, None).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = resumed {
            tracing::error!(message = %id, %error, "a message's deliveries can't be resumed");
        }
    }

    /// Begins every delivery that the store has as unfinished and that nobody was told of.
    async fn resume_all(&mut self, myself: &ActorRef<DispatcherMessage>) -> Result<(), StoreError> {
        self.learn_rested(myself).await?;
        let mut resumed = 0_usize;
        for Unfinished { message, recipients } in self.services.store.unfinished_messages().await? {
            let unreached = recipients.into_iter().filter(|(_, state)| is_unreached(state));
            let recipients: Vec<_> = unreached.map(|(user, _)| user).collect();
            let recipients = self.not_rested(message.id, recipients);
            if recipients.is_empty() {
                continue;
            }
            resumed += 1;
            match self.live.get(&message.id) {
                Some(actor) => {
                    for recipient in recipients {
                        let _ = actor.cast(MessageMessage::Deliver(recipient));
                    }
                }
                None => self.spawn(myself, message, recipients, None).await,
            }
        }
        tracing::info!(resumed, "unfinished deliveries go on");
        Ok(())
    }

    /// Finds out, once, which telephones were ringing when an earlier run ended.
    async fn learn_rested(
        &mut self,
        myself: &ActorRef<DispatcherMessage>,
    ) -> Result<(), StoreError> {
        if self.rested.is_some() {
            return Ok(());
        }
        let (now, wall) = (clock::now(), clock::wall());
        let mut rested = HashMap::new();
        for Ring { message, user, begun } in self.services.store.rings().await? {
            // A clock that was set meanwhile can make it longer by nothing, and shorter at most
            // to nothing.
            let left = self.ring_again.saturating_sub(wall.since(begun));
            if left.is_zero() {
                self.services.store.ring_over(message, user).await?;
                continue;
            }
            rested.insert((message, user), now + left);
            myself.send_after(left, || DispatcherMessage::Resume);
        }
        self.rested = Some(rested);
        Ok(())
    }

    /// Those of a message's recipients whose telephones need not be left alone.
    fn not_rested(&mut self, message: MessageId, mut recipients: Vec<UserId>) -> Vec<UserId> {
        if let Some(rested) = self.rested.as_mut().filter(|rested| !rested.is_empty()) {
            let now = clock::now();
            rested.retain(|_, until| *until > now);
            recipients.retain(|user| !rested.contains_key(&(message, *user)));
        }
        recipients
    }

    async fn presence(
        &mut self,
        myself: &ActorRef<DispatcherMessage>,
        user: UserId,
        reach: Reach,
    ) -> Result<(), StoreError> {
        for actor in self.live.values() {
            let _ = actor.cast(MessageMessage::Presence(user, reach));
        }
        if !reach.has_browser() {
            return Ok(());
        }
        self.learn_rested(myself).await?;
        for entry in self.services.store.inbox(user, Some(Folder::New)).await? {
            let id = entry.message.id;
            if is_unreached(&entry.state) && !self.not_rested(id, vec![user]).is_empty() {
                self.begin(myself, id, vec![user], None).await?;
            }
        }
        Ok(())
    }
}

/// Whether nothing has reached this recipient. Who saw a pop-up has the message in their list:
/// showing it once more at every start would be a nuisance. A telephone that merely rang reached
/// nobody.
fn is_unreached(state: &RecipientState) -> bool {
    !state.finished()
        && !state.is_held()
        && state.notified.iter().all(|reached| reached.device != BROWSER)
}

async fn pump_handover(
    queue: std::sync::Arc<Mutex<mpsc::Receiver<Handover>>>,
    dispatcher: ActorRef<DispatcherMessage>,
) {
    let mut queue = queue.lock().await;
    while let Some(handover) = queue.recv().await {
        if dispatcher.cast(DispatcherMessage::Committed(handover)).is_err() {
            return;
        }
    }
}

async fn pump_bus(
    mut events: tokio::sync::broadcast::Receiver<std::sync::Arc<BusEvent>>,
    dispatcher: ActorRef<DispatcherMessage>,
) {
    loop {
        let message = match events.recv().await {
            Ok(event) => match &*event {
                BusEvent::Presence { user, reach } => DispatcherMessage::Presence(*user, *reach),
                BusEvent::Logged { event, .. } => match event.event {
                    Event::Heard { .. } | Event::Saved | Event::Deleted => {
                        DispatcherMessage::Settled(event.message, event.recipient)
                    }
                    Event::Notified { ref device } if device == BROWSER => {
                        DispatcherMessage::Seen(event.message, event.recipient)
                    }
                    Event::Accepted
                    | Event::Restored
                    | Event::Held { .. }
                    | Event::Released
                    | Event::Notified { .. }
                    | Event::Delivered { .. }
                    | Event::AttemptFailed { .. }
                    | Event::Failed { .. } => continue,
                },
                BusEvent::PopUp { .. }
                | BusEvent::Arrived { .. }
                | BusEvent::Lamp { .. }
                | BusEvent::Order { .. }
                | BusEvent::Notice { .. } => continue,
            },
            Err(RecvError::Lagged(_)) => DispatcherMessage::Lagged,
            Err(RecvError::Closed) => return,
        };
        if dispatcher.cast(message).is_err() {
            return;
        }
    }
}
