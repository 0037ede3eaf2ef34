//! The dispatcher: takes committed messages, and keeps an actor for each that is live.
//!
//! Owns nothing but the list of live messages, which the store can give again. If it dies its
//! message actors die with it, and its supervisor starts another, which resumes them all.
//!
//! Restart policy for messages: one that fails is begun afresh at most [`RESTARTS`] times in
//! this process's life; then it is left to the next start.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::dialplan::effect::Folder;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::RecipientState;
use hark_engine::message::{Event, MessageSummary};
use hark_engine::presence::Reach;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::message_actor::{MessageActor, MessageArguments, MessageMessage};
use super::{BROWSER, DeliveryServices};
use crate::bus::{self, BusEvent};
use crate::messages::Handover;
use crate::store::{StoreError, Unfinished};

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
}

/// What it is told.
#[derive(Debug)]
pub enum DispatcherMessage {
    /// A message was committed.
    Committed(Handover),
    /// A recipient heard, saved or deleted a message, or confirmed it by telephone.
    Settled(MessageId, UserId),
    /// A message need not be brought to a recipient any more, for this reason.
    CalledOff(MessageId, UserId, String),
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
        let DispatcherArguments { services, handover } = arguments;
        let mut pumps = JoinSet::new();
        let events = services.bus.subscribe();
        let lagged = || DispatcherMessage::Lagged;
        pumps.spawn(bus::pump(events, myself.clone(), read, lagged));
        pumps.spawn(pump_handover(handover, myself.clone()));
        pumps.spawn(super::release::release(services.messages.clone()));
        let state = DispatcherState {
            services,
            live: HashMap::new(),
            actors: HashMap::new(),
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
            DispatcherMessage::CalledOff(message, user, reason) => {
                if let Some(actor) = state.live.get(&message) {
                    let _ = actor.cast(MessageMessage::CalledOff(user, reason));
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
            Ok(states) => match self.unreached(states).await {
                Ok(recipients) => self.begin(myself, id, recipients, None).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = resumed {
            tracing::error!(message = %id, %error, "a message's deliveries can't be resumed");
        }
    }

    /// Begins every delivery that the store has as unfinished and that nobody was told of.
    async fn resume_all(&mut self, myself: &ActorRef<DispatcherMessage>) -> Result<(), StoreError> {
        let mut resumed = 0_usize;
        for Unfinished { message, recipients } in self.services.store.unfinished_messages().await? {
            let recipients = self.unreached(recipients).await?;
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

    /// The recipients whom nothing has reached, or for whom a rule waits nonetheless.
    async fn unreached(
        &self,
        recipients: Vec<(UserId, RecipientState)>,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut unreached = Vec::with_capacity(recipients.len());
        for (user, state) in recipients {
            if is_unreached(&state) || self.waits_for_a_late_rule(user, &state).await? {
                unreached.push(user);
            }
        }
        Ok(unreached)
    }

    /// Whether a rule waits until the message has been unheard for long enough, though its
    /// recipient saw it.
    async fn waits_for_a_late_rule(
        &self,
        user: UserId,
        state: &RecipientState,
    ) -> Result<bool, StoreError> {
        let waits = !state.finished() && !state.is_held();
        Ok(waits && self.services.store.profile(user).await?.has_late_rules())
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
        for entry in self.services.store.inbox(user, Some(Folder::New)).await? {
            if is_unreached(&entry.state) {
                self.begin(myself, entry.message.id, vec![user], None).await?;
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

/// What the dispatcher reads of the bus; everything else on it is for others.
fn read(event: &Arc<BusEvent>) -> Option<DispatcherMessage> {
    match &**event {
        BusEvent::Presence { user, reach } => Some(DispatcherMessage::Presence(*user, *reach)),
        BusEvent::Logged { event, .. } => match event.event {
            Event::Heard { .. }
            | Event::Confirmed { .. }
            | Event::Saved
            | Event::Deleted
            | Event::Expired
            | Event::Purged => Some(DispatcherMessage::Settled(event.message, event.recipient)),
            // Confirmed by key, perhaps in the call of another message.
            Event::Delivered { ref device } if device.starts_with("phone") => {
                Some(DispatcherMessage::Settled(event.message, event.recipient))
            }
            Event::Notified { ref device } if device == BROWSER => {
                Some(DispatcherMessage::Seen(event.message, event.recipient))
            }
            Event::CalledOff { ref reason } => {
                let reason = reason.clone();
                Some(DispatcherMessage::CalledOff(event.message, event.recipient, reason))
            }
            Event::Accepted
            | Event::Restored
            | Event::Held { .. }
            | Event::Released
            | Event::Notified { .. }
            | Event::Delivered { .. }
            | Event::Called { .. }
            | Event::AttemptFailed { .. }
            | Event::Failed { .. } => None,
        },
        BusEvent::PopUp { .. }
        | BusEvent::Arrived { .. }
        | BusEvent::Lamp { .. }
        | BusEvent::Telephones { .. }
        | BusEvent::Mailbox { .. }
        | BusEvent::Announcement { .. }
        | BusEvent::Chat(_)
        | BusEvent::Order { .. }
        | BusEvent::Notice { .. } => None,
    }
}
