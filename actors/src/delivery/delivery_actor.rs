//! One message on its way to one recipient.
//!
//! Owns the delivery machine's run and, while a telephone rings, the right to stop it. If it
//! dies, the ringing call is stopped (its stop channel closes) and the message actor begins the
//! delivery afresh from the store: what was called and told is in the event log, so nobody is
//! called within the confirm window of a call, or told twice.

use std::time::Duration;

use hark_engine::delivery::condition::SenderFacts;
use hark_engine::delivery::explain::{Line, What};
use hark_engine::delivery::machine::{
    Input, Machine, Memory, Moment, NotTold, Output, PastCall, RingResult, RingTarget, Start,
};
use hark_engine::delivery::profile::{DeviceKind, Profile};
use hark_engine::id::UserId;
use hark_engine::message::state::RecipientState;
use hark_engine::message::{Event, MessageSummary};
use hark_engine::presence::Reach;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::ring::Ring;
use super::{BROWSER, DeliveryServices};
use crate::bus::BusEvent;
use crate::clock;
use crate::outward::{Channel, Notification, NotifyError};

/// How long one device may take to be told.
const TELL_WITHIN: Duration = Duration::from_secs(60);

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
    /// The ring that was asked for is over.
    Rang(RingResult),
    /// A device was told, or was not.
    Notified {
        /// Its name.
        device: String,
        result: Result<(), NotifyError>,
    },
    /// The recipient heard, saved or deleted the message elsewhere.
    Settled,
    /// It need not be brought to the recipient any more, for this reason.
    CalledOff(String),
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
    /// The most calls in an hour that the profile wants.
    calls_per_hour: u32,
    profile: Profile,
    machine: Machine,
    stop: Option<oneshot::Sender<()>>,
    /// The deadline for which a timer is set.
    armed: Option<hark_engine::time::Instant>,
    /// Whether anything was done that is worth an explanation.
    worth_telling: bool,
    untold: Vec<Line>,
}

impl Drop for DeliveryState {
    fn drop(&mut self) {
        self.services.waiting.set(self.recipient, self.message.id, Vec::new());
        self.services.metrics.live.dec();
    }
}

/// Both clocks.
fn moment() -> Moment {
    Moment { now: clock::now(), wall: clock::wall() }
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
        let memory = match committed {
            Some(_) => Memory::default(),
            None => memory(&services, &message, recipient).await?,
        };
        let start = Start {
            profile: profile.clone(),
            reach,
            sender: sender(&services, &message, recipient),
            urgent: message.urgent,
            private: message.private,
            age: clock::wall().since(message.at),
            memory,
        };
        let machine = Machine::start(moment(), start);
        services.metrics.live.inc();
        let mut state = DeliveryState {
            services,
            message,
            recipient,
            worth_telling: committed.is_some(),
            committed,
            calls_per_hour: profile.calls_per_hour,
            profile,
            machine,
            stop: None,
            armed: None,
            untold: Vec::new(),
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
                state.machine.handle_timeout(moment());
            }
            DeliveryMessage::Rang(result) => state.rang(result),
            DeliveryMessage::Notified { device, result } => state.notified(device, result).await,
            DeliveryMessage::Settled => state.input(Input::Settled),
            DeliveryMessage::CalledOff(reason) => state.input(Input::CalledOff(reason)),
            DeliveryMessage::Seen => state.input(Input::Seen),
            DeliveryMessage::Presence(reach) => state.input(Input::Presence(reach)),
        }
        state.drive(&myself).await;
        Ok(())
    }
}

/// What was done for the message before, from the event log.
async fn memory(
    services: &DeliveryServices,
    message: &MessageSummary,
    recipient: UserId,
) -> Result<Memory, ActorProcessingErr> {
    let state = services.store.recipient_state(message.id, recipient).await?;
    let RecipientState { notified, calls, .. } = state.unwrap_or_default();
    let record = services.store.message(message.id).await?;
    let directory = services.users.directory();
    let others = record.map(|record| record.recipients).unwrap_or_default().into_iter();
    let names = others.filter_map(|user| directory.user(user).map(|user| user.name.clone()));
    let now = clock::wall();
    Ok(Memory {
        seen: notified.iter().any(|reached| reached.device == BROWSER),
        calls: calls
            .iter()
            .map(|c| PastCall { rule: c.rule, act: c.act, ago: now.since(c.at) })
            .collect(),
        // That a telephone rang tells nobody anything.
        told: notified
            .into_iter()
            .filter(|r| r.device != BROWSER && !r.device.starts_with("phone"))
            .map(|r| (r.device, now.since(r.at)))
            .collect(),
        escalated: names.collect(),
    })
}

fn sender(services: &DeliveryServices, message: &MessageSummary, recipient: UserId) -> SenderFacts {
    let directory = services.users.directory();
    let spoke = message.sender.user.filter(|user| directory.address(*user).is_none());
    let contacts = directory.user(recipient).map(|user| &user.contacts);
    SenderFacts {
        user: spoke.and_then(|user| directory.user(user)).map(|user| user.name.clone()),
        contact: spoke.is_some_and(|user| contacts.is_some_and(|known| known.contains(&user))),
        address: message.sender.address.clone(),
    }
}

impl DeliveryState {
    fn input(&mut self, input: Input) {
        self.machine.handle_input(moment(), input);
    }

    fn rang(&mut self, result: RingResult) {
        self.stop = None;
        let outcome = match &result {
            RingResult::Confirmed => "confirmed",
            RingResult::Failed { .. } => "failed",
            RingResult::Limited { .. } => "limited",
        };
        self.services.metrics.deliveries.with_label_values(&["phone", outcome]).inc();
        tracing::debug!(message = %self.message.id, outcome, "a delivery's ring ended");
        self.input(Input::Rang(result));
    }

    async fn notified(&mut self, device: String, result: Result<(), NotifyError>) {
        let known = self.profile.device(&device);
        let (channel, label) = match known {
            Some(device) => (device.kind.channel(), device.label()),
            None => ("unknown", device.clone()),
        };
        let outcome = if result.is_ok() { "told" } else { "failed" };
        self.services.metrics.deliveries.with_label_values(&[channel, outcome]).inc();
        let result = match result {
            Ok(()) => {
                self.note(Event::Notified { device: label }).await;
                self.begun();
                Ok(())
            }
            Err(NotifyError { reason, permanent }) => Err(NotTold { reason, permanent }),
        };
        self.input(Input::Notified { device, result });
    }

    /// Does what the machine wants done, and sets the timer that it asks for.
    async fn drive(&mut self, myself: &ActorRef<DeliveryMessage>) {
        let mut finished = false;
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::PopUp => self.pop_up().await,
                Output::Ring { rule, act, targets, ring_for } => {
                    self.begun();
                    self.ring(myself, (rule, act), targets, ring_for);
                }
                Output::StopRinging => self.stop = None,
                Output::Notify { device, kind } => self.notify(myself, device, kind).await,
                Output::Escalate { to } => self.escalate(&to).await,
                Output::AttemptFailed { device, reason } => {
                    self.note(Event::AttemptFailed { device, reason }).await;
                }
                Output::Failed { reason } => self.note(Event::Failed { reason }).await,
                Output::Finished => finished = true,
            }
        }
        self.services.waiting.set(self.recipient, self.message.id, self.machine.rings());
        self.explain().await;
        if finished {
            return myself.stop(None);
        }
        let deadline = self.machine.next_deadline();
        if let Some(deadline) = deadline.filter(|_| deadline != self.armed) {
            self.armed = Some(deadline);
            let wait = deadline.since(clock::now());
            myself.send_after(wait, || DeliveryMessage::Deadline);
        }
    }

    /// Keeps what the machine says of itself. A delivery that is taken up again without anything
    /// to do adds nothing.
    async fn explain(&mut self) {
        self.untold.append(&mut self.machine.take_lines());
        let idle = |line: &Line| match line.what {
            What::Begun
            | What::Skipped
            | What::Applied
            | What::Presence
            | What::Reached
            | What::Ended => true,
            What::PopUp
            | What::Ring
            | What::Notify
            | What::Failed
            | What::HeldBack
            | What::Wait
            | What::Escalate => false,
        };
        self.worth_telling |= !self.untold.iter().all(idle);
        if !self.worth_telling || self.untold.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.untold);
        if let Err(error) =
            self.services.store.explain(self.message.id, self.recipient, lines).await
        {
            // The delivery goes on all the same.
            tracing::warn!(message = %self.message.id, %error, "an explanation can't be kept");
        }
    }

    fn ring(
        &mut self,
        myself: &ActorRef<DeliveryMessage>,
        (rule, act): (u16, u16),
        targets: Vec<RingTarget>,
        ring_for: Duration,
    ) {
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        let ring = Ring {
            services: self.services.clone(),
            recipient: self.recipient,
            message: self.message.clone(),
            rule,
            act,
            targets,
            ring_for,
            calls_per_hour: self.calls_per_hour,
            stop: stopped,
        };
        let myself = myself.clone();
        tokio::spawn(async move {
            let result = ring.ring().await;
            // The delivery may be over already; then nobody waits for this.
            let _ = myself.cast(DeliveryMessage::Rang(result));
        });
    }

    async fn pop_up(&mut self) {
        let outcome = match self.services.messages.link(self.message.id, self.recipient).await {
            Ok(link) => {
                let message = self.message.clone();
                let recipient = self.recipient;
                self.services.bus.publish(BusEvent::PopUp { recipient, message, link });
                self.begun();
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

    /// Tells a device, in its own time.
    async fn notify(&self, myself: &ActorRef<DeliveryMessage>, device: String, kind: DeviceKind) {
        let refused = |reason: &str, permanent| NotifyError { reason: reason.into(), permanent };
        let prepared = match self.channel(kind) {
            Some(Ok(channel)) => self.notification(channel).await,
            Some(Err(error)) => Err(error),
            None => Err(refused("it can't be told", true)),
        };
        let (outward, myself) = (self.services.outward.clone(), myself.clone());
        tokio::spawn(async move {
            let result = match prepared {
                Ok(notification) => {
                    let told = tokio::time::timeout(TELL_WITHIN, outward.notify(notification));
                    told.await.unwrap_or_else(|_| Err(refused("it took too long", false)))
                }
                Err(error) => Err(error),
            };
            // The delivery may be over already.
            let _ = myself.cast(DeliveryMessage::Notified { device, result });
        });
    }

    fn channel(&self, kind: DeviceKind) -> Option<Result<Channel, NotifyError>> {
        let directory = self.services.users.directory();
        let stranger = directory.address(self.recipient);
        if stranger.is_some_and(|address| !self.services.outside.allows(address)) {
            let reason = "the operator does not allow messages there ([outside] allow)".into();
            return Some(Err(NotifyError { reason, permanent: true }));
        }
        Some(Ok(match kind {
            DeviceKind::Email { address, attach } => Channel::Mail { address, attach },
            DeviceKind::WebPush => Channel::Push,
            DeviceKind::Webhook { url } => Channel::Webhook { url },
            DeviceKind::SipMessage { uri } => Channel::SipMessage { uri },
            DeviceKind::RegisteredPhone
            | DeviceKind::SipAddress { .. }
            | DeviceKind::Number { .. }
            | DeviceKind::Browser => return None,
        }))
    }

    async fn notification(&self, channel: Channel) -> Result<Notification, NotifyError> {
        let link = self.services.messages.link(self.message.id, self.recipient).await;
        let path =
            link.map_err(|error| NotifyError { reason: error.to_string(), permanent: false })?;
        let base = self.services.base.get().map_or("", String::as_str);
        let directory = self.services.users.directory();
        let recipient = directory.user(self.recipient);
        Ok(Notification {
            recipient: self.recipient,
            recipient_name: recipient.map(|u| u.display_name.clone()).unwrap_or_default(),
            language: recipient.map(|u| u.language.clone()).unwrap_or_default(),
            channel,
            zone: self.profile.zone.clone(),
            message: self.message.clone(),
            link: format!("{base}{path}"),
        })
    }

    async fn escalate(&self, to: &str) {
        let directory = self.services.users.directory();
        let added = match directory.by_name(to) {
            Some(user) => {
                self.services.messages.add_recipient(self.message.id, user.id).await.map(|_new| ())
            }
            None => Err(crate::store::StoreError::NotFound { what: "user to escalate to" }),
        };
        if let Err(error) = added {
            tracing::warn!(message = %self.message.id, %error, "a message can't be escalated");
            let reason = format!("not escalated: {error}");
            self.note(Event::AttemptFailed { device: to.to_owned(), reason }).await;
        }
    }

    /// Something was done for the message for the first time since its commit.
    fn begun(&mut self) {
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
