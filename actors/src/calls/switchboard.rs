//! The switchboard: begins calls, hands each its events, and clears up after those that fail.
//!
//! Owns the list of calls and of their legs. If it dies, its calls die with it (they are linked): their legs are
//! hung up when their media sessions close and their spools are made into messages at the
//! restart, which the supervisor does at once.
//!
//! Restart policy for calls: never. A failed call's leg is hung up with a BYE, and what was
//! said in it is kept by the dialplan's hang-up rule.

mod incoming;
mod outgoing;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hark_engine::delivery::machine::{RingResult, Target};
use hark_engine::dialplan::effect::Failure;
use hark_engine::dialplan::run::{CallContext, CallerInfo, Run};
use hark_engine::dialplan::value::Value;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;
use hark_engine::sip::address::NameAddr;
use hark_engine::sip::endpoint::{
    Caller, Command, Event as SipEvent, InviteTarget, LegId, dialled,
};
use hark_engine::sip::uri::Uri;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;

use super::CallServices;
use super::call::{CallActor, CallArguments, CallMessage, DeliveryCall, Direction, Outgoing, Stop};
use super::dial::{Destination, FlowCall};
use super::ledger::Ledger;
use super::media::Description;
use super::recordings::{CallRecordings, List};
use super::track::Track;
use crate::clock;
use crate::delivery::{Purpose, RingRequest};
use crate::media::MediaEvent;
use crate::orders::OrderRequest;
use crate::presence_board::CallGuard;
use crate::trace::Way;

/// The longest name and address that a stranger may show, in characters.
const LONGEST_NAME: usize = 64;
const LONGEST_ADDRESS: usize = 256;
/// The actor.
#[derive(Debug)]
pub struct Switchboard;

/// What it begins with.
#[derive(Clone)]
pub struct SwitchboardArguments {
    /// What calls work with.
    pub services: CallServices,
    /// What happens on the SIP side; shared so that a restarted switchboard goes on with it.
    pub sip: Arc<Mutex<mpsc::Receiver<SipEvent>>>,
    /// Delivery calls that are asked for.
    pub rings: Arc<Mutex<mpsc::Receiver<RingRequest>>>,
    /// Calls that somebody orders from a computer.
    pub orders: Arc<Mutex<mpsc::Receiver<OrderRequest>>>,
    /// The legs and spools of every call, for whoever clears up.
    pub ledger: Ledger,
}

/// What it is told.
#[derive(Debug)]
pub enum SwitchboardMessage {
    /// Something happened on the SIP side.
    Sip(Box<SipEvent>),
    /// A telephone is to be rung for a delivery.
    Ring(Box<RingRequest>),
    /// A delivery no longer wants its call.
    StopRinging(LegId),
    /// Who ordered a call wants it no more.
    Cancel(LegId),
    /// A call wants a further leg, which counts as a call. `None` if there are too many.
    Attach {
        /// The call's own leg.
        owner: LegId,
        /// Whom it leads to, if that is one of ours.
        called: Option<UserId>,
        /// The new leg's number. Its events go to the call; it is hung up with the call.
        reply: oneshot::Sender<Option<LegId>>,
    },
    /// A further leg was not called after all.
    Detach(LegId),
    /// A dialplan calls somebody.
    Start(Box<FlowCall>),
    /// A user was erased: end the calls that they are in.
    Leave(UserId),
    /// The server is about to stop: refuse new calls, end those that are up.
    Drain,
    /// How many calls are there?
    Count(ractor::RpcReplyPort<usize>),
}

/// The calls.
pub struct SwitchboardState {
    services: CallServices,
    ledger: Ledger,
    calls: HashMap<LegId, Entry>,
    legs: HashMap<ActorId, LegId>,
    /// The further legs of calls.
    attached: HashMap<LegId, Further>,
    /// Who is rung, for which message, and by how many calls.
    ringing: HashMap<UserId, (Option<MessageId>, usize)>,
    waiting: HashMap<UserId, VecDeque<RingRequest>>,
    draining: bool,
    _pumps: JoinSet<()>,
}

struct Entry {
    actor: ActorRef<CallMessage>,
    delivers_to: Option<UserId>,
    /// Whom we called, if that is one of ours.
    called: Option<UserId>,
    /// The user is in this call: whoever calls from the first moment, whoever is called once
    /// they answered.
    busy: Option<CallGuard>,
}

/// The leg of somebody with whom a caller is connected.
struct Further {
    /// The leg of the call that it belongs to.
    owner: LegId,
    called: Option<UserId>,
    busy: Option<CallGuard>,
}

impl Actor for Switchboard {
    type Msg = SwitchboardMessage;
    type State = SwitchboardState;
    type Arguments = SwitchboardArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let SwitchboardArguments { services, sip, rings, orders, ledger } = arguments;
        let mut pumps = JoinSet::new();
        let switchboard = myself.clone();
        pumps.spawn(async move {
            let mut events = sip.lock().await;
            while let Some(event) = events.recv().await {
                if switchboard.cast(SwitchboardMessage::Sip(Box::new(event))).is_err() {
                    return;
                }
            }
        });
        pumps.spawn(pump_orders(orders, services.clone(), myself.clone()));
        pumps.spawn(async move {
            let mut rings = rings.lock().await;
            while let Some(request) = rings.recv().await {
                if myself.cast(SwitchboardMessage::Ring(Box::new(request))).is_err() {
                    return;
                }
            }
        });
        Ok(SwitchboardState {
            services,
            ledger,
            calls: HashMap::new(),
            legs: HashMap::new(),
            attached: HashMap::new(),
            ringing: HashMap::new(),
            waiting: HashMap::new(),
            draining: false,
            _pumps: pumps,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SwitchboardMessage::Sip(event) => state.sip(&myself, *event).await,
            SwitchboardMessage::Ring(request) => state.ring(&myself, *request).await,
            SwitchboardMessage::StopRinging(leg) => {
                if let Some(call) = state.calls.get(&leg) {
                    // It may have ended this moment.
                    let _ = call.actor.cast(CallMessage::Stop(Stop::Settled));
                }
            }
            SwitchboardMessage::Cancel(leg) => {
                if let Some(call) = state.calls.get(&leg) {
                    let _ = call.actor.cast(CallMessage::Stop(Stop::Cancelled));
                }
            }
            SwitchboardMessage::Attach { owner, called, reply } => {
                // The call may have ended this moment.
                let _ = reply.send(state.attach(owner, called));
            }
            SwitchboardMessage::Detach(leg) => state.detach(leg),
            SwitchboardMessage::Start(call) => state.start_flow(&myself, *call).await,
            SwitchboardMessage::Leave(user) => state.leave(user),
            SwitchboardMessage::Drain => {
                state.draining = true;
                state.services.sip.command(Command::Drain(true));
                for call in state.calls.values() {
                    let _ = call.actor.cast(CallMessage::Stop(Stop::Drain));
                }
            }
            SwitchboardMessage::Count(reply) => {
                // Who asked may have gone.
                let _ = reply.send(state.calls.len());
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
                state.over(&myself, cell.get_id());
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                state.services.metrics.failures.inc();
                tracing::error!(%error, "a call failed: it is hung up and its recording kept");
                if let Some(&leg) = state.legs.get(&cell.get_id()) {
                    state.ledger.clear_up_leg(&state.services, leg);
                }
                state.over(&myself, cell.get_id());
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl SwitchboardState {
    async fn sip(&mut self, myself: &ActorRef<SwitchboardMessage>, event: SipEvent) {
        if let SipEvent::IncomingCall { .. } = &event {
            return self.incoming(myself, event).await;
        }
        // Whoever feeds the switchboard keeps what is about no leg to itself.
        let Some(leg) = event.leg() else { return };
        let owner = self.attached.get(&leg).map(|further| further.owner);
        match &event {
            SipEvent::Answered { .. } => self.answered(leg),
            SipEvent::Ended { .. } => self.detach(leg),
            SipEvent::IncomingCall { .. }
            | SipEvent::Confirmed { .. }
            | SipEvent::Reinvite { .. }
            | SipEvent::DtmfInfo { .. }
            | SipEvent::Ringing { .. }
            | SipEvent::Registered { .. }
            | SipEvent::Unregistered { .. }
            | SipEvent::Subscribe { .. }
            | SipEvent::SubscriptionOver { .. }
            | SipEvent::Published { .. }
            | SipEvent::Text { .. }
            | SipEvent::Requested { .. }
            | SipEvent::Counted(_) => {}
        }
        if let Some(call) = self.calls.get(&owner.unwrap_or(leg)) {
            // A call that has just failed is cleared up by supervision.
            let _ = call.actor.cast(CallMessage::Sip(Box::new(event)));
        }
    }

    /// Ends the calls in which a user is, or is called. What was recorded in them is kept.
    fn leave(&self, user: UserId) {
        let is_in = |called: Option<UserId>, busy: &Option<CallGuard>| {
            called == Some(user) || busy.as_ref().is_some_and(|guard| guard.user() == user)
        };
        let own = self
            .calls
            .iter()
            .filter(|(_, call)| call.delivers_to == Some(user) || is_in(call.called, &call.busy));
        let further = self.attached.values().filter(|further| is_in(further.called, &further.busy));
        for leg in own.map(|(leg, _)| *leg).chain(further.map(|further| further.owner)) {
            if let Some(call) = self.calls.get(&leg) {
                // It may have ended this moment.
                let _ = call.actor.cast(CallMessage::Stop(Stop::Drain));
            }
        }
    }

    /// Whether there are as many calls as may be, or none shall begin any more.
    fn is_full(&self) -> bool {
        self.draining || self.calls.len() + self.attached.len() >= self.services.max_calls
    }

    /// Who was called is in a call from now on.
    fn answered(&mut self, leg: LegId) {
        let began = |user: Option<UserId>| user.map(|u| self.services.presence.call_began(u));
        if let Some(further) = self.attached.get_mut(&leg) {
            further.busy = began(further.called);
        } else if let Some(call) = self.calls.get_mut(&leg) {
            call.busy = began(call.called);
        }
    }

    fn attach(&mut self, owner: LegId, called: Option<UserId>) -> Option<LegId> {
        if self.is_full() || !self.calls.contains_key(&owner) {
            return None;
        }
        let leg = self.services.sip.next_leg();
        self.attached.insert(leg, Further { owner, called, busy: None });
        self.ledger.attach(owner, leg);
        Some(leg)
    }

    fn detach(&mut self, leg: LegId) {
        if let Some(further) = self.attached.remove(&leg) {
            self.ledger.detach(further.owner, leg);
        }
    }

    fn open_media(&self) -> Option<(crate::media::MediaSession, Ready)> {
        let (first, ready) = Ready::new();
        match self.services.media.open(move |event| first.tell(event)) {
            Ok(session) => Some((session, ready)),
            Err(error) => {
                tracing::warn!(%error, "no media session for a call");
                None
            }
        }
    }

    fn keep(
        &mut self,
        leg: LegId,
        actor: ActorRef<CallMessage>,
        spools: List,
        (delivers_to, called): (Option<UserId>, Option<UserId>),
    ) {
        self.legs.insert(actor.get_id(), leg);
        self.ledger.note(leg, spools);
        self.calls.insert(leg, Entry { actor, delivers_to, called, busy: None });
    }

    fn refuse(&self, reject: Command, outcome: &str) {
        self.services.metrics.calls.with_label_values(&["in", outcome]).inc();
        self.services.sip.command(reject);
    }

    /// A call's actor has ended: forget it, and ring for the next message that waits.
    fn over(&mut self, myself: &ActorRef<SwitchboardMessage>, actor: ActorId) {
        let Some(leg) = self.legs.remove(&actor) else { return };
        // Their end is told to nobody any more. Those that it has ended itself are over.
        let further: Vec<_> = self
            .attached
            .extract_if(|_, further| further.owner == leg)
            .map(|(further, _)| further)
            .collect();
        for leg in further {
            self.services.sip.command(Command::Hangup { leg, reason: None });
        }
        self.ledger.close(&self.services, leg);
        let Some(entry) = self.calls.remove(&leg) else { return };
        if let Some(user) = entry.delivers_to {
            match self.ringing.get_mut(&user) {
                // Its other telephones ring on.
                Some((_, calls)) if *calls > 1 => *calls -= 1,
                Some(_) | None => {
                    self.ringing.remove(&user);
                    self.ring_next(myself, user);
                }
            }
        }
    }
}

/// Finds out where each ordered call goes, beside the switchboard: it shall wait for no store.
async fn pump_orders(
    orders: Arc<Mutex<mpsc::Receiver<OrderRequest>>>,
    services: CallServices,
    switchboard: ActorRef<SwitchboardMessage>,
) {
    let mut orders = orders.lock().await;
    while let Some(request) = orders.recv().await {
        if let Some(call) = super::dial::ordered(&services, request).await
            && switchboard.cast(SwitchboardMessage::Start(Box::new(call))).is_err()
        {
            return;
        }
    }
}

/// What a stranger calls itself, cut to what can be shown and spoken.
fn plain(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

/// Media events on their way to an actor that is spawned after its session is opened.
pub(super) struct Ready(Arc<std::sync::OnceLock<ActorRef<CallMessage>>>);

impl Ready {
    fn new() -> (Self, Self) {
        let cell = Arc::default();
        (Self(Arc::clone(&cell)), Self(cell))
    }

    pub fn connect(&self, actor: &ActorRef<CallMessage>) {
        // Set once, here.
        let _ = self.0.set(actor.clone());
    }

    fn tell(&self, event: MediaEvent) {
        if let Some(actor) = self.0.get() {
            // A call that has just ended hears no more keys.
            let _ = actor.cast(CallMessage::Media(event));
        }
    }
}
