//! One live message: a committed one whose recipients have not all been reached.
//!
//! Owns its recipients' deliveries. If it dies, its deliveries die with it (they are linked)
//! and the dispatcher begins it again from the store.
//!
//! Restart policy for deliveries: one that fails is begun afresh at most [`RESTARTS`] times;
//! then it is left to the next start or to the recipient coming online.

use std::collections::HashMap;
use std::time::Duration;

use hark_engine::id::UserId;
use hark_engine::message::MessageSummary;
use hark_engine::presence::Reach;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::DeliveryServices;
use super::delivery_actor::{DeliveryActor, DeliveryArguments, DeliveryMessage};

/// How often a failed delivery is begun afresh.
const RESTARTS: u32 = 3;

/// When to try again what could not be begun.
const AGAIN: Duration = Duration::from_secs(5);

/// The actor.
pub(super) struct MessageActor;

/// What it begins with.
pub(super) struct MessageArguments {
    pub services: DeliveryServices,
    pub message: MessageSummary,
    pub recipients: Vec<UserId>,
    pub committed: Option<hark_engine::time::Instant>,
}

/// What it is told.
#[derive(Debug)]
pub(super) enum MessageMessage {
    /// Deliver to this recipient too (again).
    Deliver(UserId),
    /// The same, after a failure.
    DeliverAgain(UserId),
    /// This recipient heard, saved or deleted the message.
    Settled(UserId),
    /// It need not be brought to this recipient any more, for this reason.
    CalledOff(UserId, String),
    /// A browser showed the message to this recipient.
    Seen(UserId),
    /// This recipient came or went.
    Presence(UserId, Reach),
}

/// The message and its deliveries.
pub(super) struct MessageState {
    services: DeliveryServices,
    message: MessageSummary,
    deliveries: HashMap<UserId, ActorRef<DeliveryMessage>>,
    restarts: u32,
    /// Deliveries that are to be begun in a moment.
    pending: u32,
}

impl Actor for MessageActor {
    type Msg = MessageMessage;
    type State = MessageState;
    type Arguments = MessageArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let MessageArguments { services, message, recipients, committed } = arguments;
        let mut state =
            MessageState { services, message, deliveries: HashMap::new(), restarts: 0, pending: 0 };
        for recipient in recipients {
            state.deliver(&myself, recipient, committed).await;
        }
        state.stop_if_done(&myself);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MessageMessage::Deliver(recipient) => {
                if !state.deliveries.contains_key(&recipient) {
                    state.deliver(&myself, recipient, None).await;
                }
                state.stop_if_done(&myself);
            }
            MessageMessage::DeliverAgain(recipient) => {
                state.pending = state.pending.saturating_sub(1);
                state.deliver(&myself, recipient, None).await;
                state.stop_if_done(&myself);
            }
            MessageMessage::Settled(recipient) => {
                state.tell(recipient, DeliveryMessage::Settled);
            }
            MessageMessage::CalledOff(recipient, reason) => {
                state.tell(recipient, DeliveryMessage::CalledOff(reason));
            }
            MessageMessage::Seen(recipient) => state.tell(recipient, DeliveryMessage::Seen),
            MessageMessage::Presence(recipient, reach) => {
                state.tell(recipient, DeliveryMessage::Presence(reach));
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, _) => {
                state.forget(cell.get_id());
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                tracing::error!(message = %state.message.id, %error, "a delivery failed");
                if let Some(recipient) = state.forget(cell.get_id()) {
                    state.restart(&myself, recipient).await;
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        state.stop_if_done(&myself);
        Ok(())
    }
}

impl MessageState {
    async fn deliver(
        &mut self,
        myself: &ActorRef<MessageMessage>,
        recipient: UserId,
        committed: Option<hark_engine::time::Instant>,
    ) {
        let services = self.services.clone();
        let message = self.message.clone();
        let arguments = DeliveryArguments { services, message, recipient, committed };
        match Actor::spawn_linked(None, DeliveryActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.deliveries.insert(recipient, actor);
            }
            Err(error) => {
                tracing::error!(message = %self.message.id, %error, "can't begin a delivery now");
                self.begin_later(myself, recipient);
            }
        }
    }

    /// Tries again in a moment. When that has failed too often the delivery stays unfinished in
    /// the store: taken up when the recipient comes online or at the next start.
    fn begin_later(&mut self, myself: &ActorRef<MessageMessage>, recipient: UserId) {
        self.restarts += 1;
        if self.restarts <= RESTARTS {
            self.pending += 1;
            myself.send_after(AGAIN, move || MessageMessage::DeliverAgain(recipient));
        }
    }

    async fn restart(&mut self, myself: &ActorRef<MessageMessage>, recipient: UserId) {
        self.restarts += 1;
        if self.restarts <= RESTARTS {
            self.services.metrics.restarts.with_label_values(&["delivery"]).inc();
            self.deliver(myself, recipient, None).await;
        }
    }

    fn tell(&self, recipient: UserId, message: DeliveryMessage) {
        if let Some(delivery) = self.deliveries.get(&recipient) {
            // One that has just ended needs not be told.
            let _ = delivery.cast(message);
        }
    }

    fn forget(&mut self, id: ActorId) -> Option<UserId> {
        let user = self.deliveries.iter().find(|(_, a)| a.get_id() == id).map(|(u, _)| *u)?;
        self.deliveries.remove(&user);
        Some(user)
    }

    fn stop_if_done(&self, myself: &ActorRef<MessageMessage>) {
        if self.deliveries.is_empty() && self.pending == 0 {
            myself.stop(None);
        }
    }
}
