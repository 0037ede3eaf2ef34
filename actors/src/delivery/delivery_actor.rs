//! One message on its way to one recipient.
//!
//! Owns the delivery machine's run and, while a telephone rings, the right to stop it. If it
//! dies, the ringing call is stopped (its stop channel closes) and the message actor begins the
//! delivery afresh from the store: at worst a telephone rings twice.

use hark_engine::delivery::machine::{Input, Machine, Output, RingResult};
use hark_engine::id::UserId;
use hark_engine::message::{Event, MessageSummary};
use hark_engine::presence::Reach;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::{DeliveryServices, RingRequest};
use crate::bus::BusEvent;
use crate::clock;

/// The actor.
pub(super) struct DeliveryActor;

/// What it begins with.
pub(super) struct DeliveryArguments {
    pub services: DeliveryServices,
    pub message: MessageSummary,
    pub recipient: UserId,
    /// When the commit returned; `None` for a delivery that is resumed.
    pub committed: Option<hark_engine::time::Instant>,
}

/// What it is told.
#[derive(Debug)]
pub(super) enum DeliveryMessage {
    /// The machine's deadline has come.
    Deadline,
    /// The call that was asked for is over.
    Rang { device: String, result: RingResult },
    /// The recipient heard, saved or deleted the message elsewhere.
    Settled,
    /// A browser showed the pop-up.
    Seen,
    /// The recipient came or went.
    Presence(Reach),
}

/// The delivery under way.
pub(super) struct DeliveryState {
    services: DeliveryServices,
    message: MessageSummary,
    recipient: UserId,
    committed: Option<hark_engine::time::Instant>,
    machine: Machine,
    stop: Option<oneshot::Sender<()>>,
    /// The deadline for which a timer is set.
    armed: Option<hark_engine::time::Instant>,
}

impl Drop for DeliveryState {
    fn drop(&mut self) {
        self.services.metrics.live.dec();
    }
}

impl Actor for DeliveryActor {
    type Msg = DeliveryMessage;
    type State = DeliveryState;
    type Arguments = DeliveryArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let DeliveryArguments { services, message, recipient, committed } = arguments;
        // Presence is looked up before the profile: nothing stands between commit and pop-up
        // but one read.
        let reach = services.presence.reach(recipient);
        let profile = services.store.profile(recipient).await?;
        let machine = Machine::start(clock::now(), profile, reach);
        services.metrics.live.inc();
        let mut state = DeliveryState {
            services,
            message,
            recipient,
            committed,
            machine,
            stop: None,
            armed: None,
        };
        state.drive(&myself).await;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DeliveryMessage::Deadline => {
                state.armed.take_if(|armed| *armed <= clock::now());
                state.machine.handle_timeout(clock::now());
            }
            DeliveryMessage::Rang { device, result } => state.rang(&device, result),
            DeliveryMessage::Settled => state.machine.handle_input(clock::now(), Input::Settled),
            DeliveryMessage::Seen => state.machine.handle_input(clock::now(), Input::Seen),
            DeliveryMessage::Presence(reach) => {
                state.machine.handle_input(clock::now(), Input::Presence(reach));
            }
        }
        state.drive(&myself).await;
        Ok(())
    }
}

impl DeliveryState {
    fn rang(&mut self, device: &str, result: RingResult) {
        self.stop = None;
        let outcome = match &result {
            RingResult::Confirmed => "confirmed",
            RingResult::Failed { .. } => "failed",
        };
        self.services.metrics.deliveries.with_label_values(&["phone", outcome]).inc();
        tracing::debug!(message = %self.message.id, device, outcome, "delivery call ended");
        self.machine.handle_input(clock::now(), Input::Rang(result));
    }

    /// Does what the machine wants done, and sets the timer that it asks for.
    async fn drive(&mut self, myself: &ActorRef<DeliveryMessage>) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::PopUp => self.pop_up().await,
                Output::Ring { device, target, ring_for } => {
                    self.notified();
                    let (reply, rang) = oneshot::channel();
                    let (stop, stopped) = oneshot::channel();
                    self.stop = Some(stop);
                    let request = RingRequest {
                        user: self.recipient,
                        device: device.clone(),
                        target,
                        ring_for,
                        message: self.message.clone(),
                        reply,
                        stop: stopped,
                    };
                    let ringer = self.services.ringer.clone();
                    let myself = myself.clone();
                    tokio::spawn(async move {
                        let failed =
                            |reason: &str| RingResult::Failed { reason: reason.to_owned() };
                        let result = match ringer.try_send(request) {
                            Ok(()) => rang.await.unwrap_or_else(|_| failed("the call broke down")),
                            Err(_) => failed("too many calls at once"),
                        };
                        // The delivery may be over already; then nobody waits for this.
                        let _ = myself.cast(DeliveryMessage::Rang { device, result });
                    });
                }
                Output::StopRinging => self.stop = None,
                Output::AttemptFailed { device, reason } => {
                    self.note(Event::AttemptFailed { device, reason }).await;
                }
                Output::Failed { reason } => self.note(Event::Failed { reason }).await,
                Output::Finished => return myself.stop(None),
            }
        }
        let deadline = self.machine.next_deadline();
        if let Some(deadline) = deadline.filter(|_| deadline != self.armed) {
            self.armed = Some(deadline);
            let wait = deadline.since(clock::now());
            myself.send_after(wait, || DeliveryMessage::Deadline);
        }
    }

    async fn pop_up(&mut self) {
        let outcome = match self.services.messages.link(self.message.id, self.recipient).await {
            Ok(link) => {
                let message = self.message.clone();
                let recipient = self.recipient;
                self.services.bus.publish(BusEvent::PopUp { recipient, message, link });
                self.notified();
                "shown"
            }
            Err(error) => {
                // The message is in the mailbox all the same; only its pop-up is missing.
                tracing::error!(message = %self.message.id, %error, "can't make a link");
                "failed"
            }
        };
        self.services.metrics.deliveries.with_label_values(&["pop-up", outcome]).inc();
    }

    fn notified(&mut self) {
        if let Some(committed) = self.committed.take() {
            let latency = clock::now().since(committed).as_secs_f64();
            self.services.metrics.commit_to_notification.observe(latency);
        }
    }

    async fn note(&self, event: Event) {
        if let Err(error) =
            self.services.messages.note(self.message.id, self.recipient, event).await
        {
            tracing::error!(message = %self.message.id, %error, "can't note a delivery's step");
        }
    }
}
