//! The switchboard: begins calls, hands each its events, and clears up after those that fail.
//!
//! Owns the list of calls. If it dies, its calls die with it (they are linked): their legs are
//! hung up when their media sessions close and their spools are made into messages at the
//! restart, which the supervisor does at once.
//!
//! Restart policy for calls: never. A failed call's leg is hung up with a BYE, and what was
//! said in it is kept by the dialplan's hang-up rule.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hark_engine::delivery::machine::{RingResult, Target};
use hark_engine::dialplan::run::{CallContext, CallerInfo, Run};
use hark_engine::dialplan::value::Value;
use hark_engine::id::UserId;
use hark_engine::message::Sender;
use hark_engine::sip::address::NameAddr;
use hark_engine::sip::endpoint::{
    Caller, Command, Event as SipEvent, InviteTarget, LegId, dialled,
};
use hark_engine::sip::uri::Uri;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::CallServices;
use super::call::{CallActor, CallArguments, CallMessage, Direction, Outgoing, Stop};
use super::ledger::Ledger;
use super::media::Description;
use super::recordings::{CallRecordings, List};
use crate::clock;
use crate::delivery::RingRequest;
use crate::media::MediaEvent;
use crate::presence_board::CallGuard;
use crate::trace::Way;

/// The flow that a delivery call runs.
const DELIVER: &str = "deliver";
/// The longest name and address that a stranger may show, in characters.
const LONGEST_NAME: usize = 64;
const LONGEST_ADDRESS: usize = 256;
/// The most delivery calls that may wait for one person's telephone to be free.
const MAX_WAITING: usize = 100;

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
    ringing: HashSet<UserId>,
    waiting: HashMap<UserId, VecDeque<RingRequest>>,
    draining: bool,
    _pumps: JoinSet<()>,
}

struct Entry {
    actor: ActorRef<CallMessage>,
    delivers_to: Option<UserId>,
    /// The user is in this call: whoever calls from the first moment, whoever is called once
    /// they answered.
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
        let SwitchboardArguments { services, sip, rings, ledger } = arguments;
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
            ringing: HashSet::new(),
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
        let leg = match &event {
            SipEvent::IncomingCall { .. } => return self.incoming(myself, event).await,
            SipEvent::Confirmed { leg, .. }
            | SipEvent::Reinvite { leg, .. }
            | SipEvent::DtmfInfo { leg, .. }
            | SipEvent::Ringing { leg, .. }
            | SipEvent::Answered { leg, .. }
            | SipEvent::Ended { leg, .. } => *leg,
            // Whoever feeds the switchboard keeps these to itself.
            SipEvent::Registered { .. } | SipEvent::Unregistered { .. } | SipEvent::Counted(_) => {
                return;
            }
        };
        if let Some(call) = self.calls.get_mut(&leg) {
            if let (SipEvent::Answered { .. }, Some(user)) = (&event, call.delivers_to) {
                call.busy = Some(self.services.presence.call_began(user));
            }
            // A call that has just failed is cleared up by supervision.
            let _ = call.actor.cast(CallMessage::Sip(Box::new(event)));
        }
    }

    async fn incoming(&mut self, myself: &ActorRef<SwitchboardMessage>, event: SipEvent) {
        let SipEvent::IncomingCall { leg, caller, target, sdp, remote } = event else { return };
        let begun = clock::now();
        let busy = Command::Reject { leg, status: 503, retry_after: Some(Duration::from_secs(10)) };
        if self.draining || self.calls.len() >= self.services.max_calls {
            return self.refuse(busy, "overload");
        }
        if caller.account.is_none() && !self.services.guests {
            let reject = Command::Reject { leg, status: 403, retry_after: None };
            return self.refuse(reject, "guest");
        }
        let context = self.context(&caller, &target);
        let sender = self.sender(&context.caller, Some(&caller.address));
        let user = context.caller.user;
        let in_force = self.services.dialplan.borrow().clone();
        let Ok(run) = Run::for_call(&in_force.program, context.clone()) else {
            let reject = Command::Reject { leg, status: 404, retry_after: None };
            return self.refuse(reject, "unknown_number");
        };
        let Some((session, ready)) = self.open_media() else {
            return self.refuse(busy, "overload");
        };
        let flow = run.flow().unwrap_or_default();
        let track = self.services.tracks.begin(Way::In, in_force, &context, flow);
        let recordings = CallRecordings::new(&self.services);
        let spools = recordings.list();
        let description = Description::new(session.local_addr(), Some(remote.ip()), leg.0);
        let arguments = CallArguments {
            services: self.services.clone(),
            leg,
            run,
            session,
            direction: Direction::Incoming { offer: sdp },
            recordings,
            description,
            sender,
            ready,
            begun,
            track,
        };
        match Actor::spawn_linked(None, CallActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.keep(leg, actor, spools, None);
                if let (Some(user), Some(entry)) = (user, self.calls.get_mut(&leg)) {
                    entry.busy = Some(self.services.presence.call_began(user));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a call can't begin");
                self.refuse(Command::Reject { leg, status: 500, retry_after: None }, "failed");
            }
        }
    }

    fn context(&self, caller: &Caller, target: &Uri) -> CallContext {
        let directory = self.services.directory.borrow().clone();
        let user = caller.account.as_deref().and_then(|name| directory.by_name(name));
        let number = match (user, &caller.address) {
            (Some(user), _) => user.extension.clone(),
            (None, Uri::Tel { number, .. }) => plain(number, LONGEST_NAME),
            (None, Uri::Sip(uri)) => plain(&uri.user().unwrap_or_default(), LONGEST_NAME),
            (None, Uri::Other(_)) => String::new(),
        };
        let shown = || caller.display.as_deref().map(|name| plain(name, LONGEST_NAME));
        let name = user.map(|u| u.display_name.clone()).or_else(shown);
        let language = user.map_or(&*self.services.language, |u| u.language.as_str()).to_owned();
        CallContext {
            caller: CallerInfo { user: user.map(|u| u.id), number, name: name.unwrap_or_default() },
            dialled: dialled(target).unwrap_or_default(),
            domain: domain(target),
            trunk: None,
            language,
            at: clock::wall(),
            directory,
        }
    }

    /// Whose the recordings of a call are.
    fn sender(&self, caller: &CallerInfo, address: Option<&Uri>) -> Sender {
        let directory = self.services.directory.borrow();
        match caller.user.and_then(|u| directory.user(u)) {
            Some(user) => Sender {
                user: Some(user.id),
                name: user.display_name.clone(),
                address: format!("sip:{}@{}", user.name, self.services.domain),
            },
            None => {
                let named = [&caller.name, &caller.number].into_iter().find(|n| !n.is_empty());
                let name = named.cloned().unwrap_or_else(|| "an unknown caller".to_owned());
                // The whole address: a guest who calls itself 1001 is not our 1001.
                let address = address.map(ToString::to_string).unwrap_or_default();
                Sender { user: None, name, address: plain(&address, LONGEST_ADDRESS) }
            }
        }
    }

    // ---- deliveries ----

    /// Rings for a delivery, now or when the telephone is free. One that can't be rung makes
    /// room for the next that waits for the same person.
    async fn ring(&mut self, myself: &ActorRef<SwitchboardMessage>, request: RingRequest) {
        let user = request.user;
        if self.ringing.contains(&user) {
            let waiting = self.waiting.entry(user).or_default();
            if waiting.len() < MAX_WAITING {
                waiting.push_back(request);
            } else {
                answer(request.reply, "too many messages wait for this telephone");
            }
            return;
        }
        if !self.try_ring(myself, request).await {
            self.ring_next(myself, user);
        }
    }

    /// Takes up the next delivery that waits for this person's telephone.
    fn ring_next(&mut self, myself: &ActorRef<SwitchboardMessage>, user: UserId) {
        let Some(waiting) = self.waiting.get_mut(&user) else { return };
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&user);
        }
        if let Some(next) = next {
            // This actor lives: it is running.
            let _ = myself.cast(SwitchboardMessage::Ring(Box::new(next)));
        }
    }

    /// Whether a telephone rings now; if not, the delivery was told why.
    async fn try_ring(
        &mut self,
        myself: &ActorRef<SwitchboardMessage>,
        mut request: RingRequest,
    ) -> bool {
        let refuse = |reply, reason| {
            answer(reply, reason);
            false
        };
        if !matches!(request.stop.try_recv(), Err(TryRecvError::Empty)) {
            return refuse(request.reply, "no longer wanted");
        }
        if self.draining || self.calls.len() >= self.services.max_calls {
            return refuse(request.reply, "too many calls at once");
        }
        let directory = self.services.directory.borrow().clone();
        let Some(user) = directory.user(request.user) else {
            return refuse(request.reply, "the recipient's account is gone");
        };
        let target = match &request.target {
            Target::RegisteredPhones => InviteTarget::Account(user.name.clone()),
            Target::Address(address) => match Uri::parse(address) {
                Some(uri) => InviteTarget::Uri(uri),
                None => return refuse(request.reply, "the device's address is not a SIP URI"),
            },
        };
        let context = CallContext {
            caller: CallerInfo {
                user: Some(user.id),
                number: user.extension.clone(),
                name: user.display_name.clone(),
            },
            dialled: user.extension.clone(),
            domain: self.services.domain.to_string(),
            trunk: None,
            language: user.language.clone(),
            at: clock::wall(),
            directory: directory.clone(),
        };
        let sender = self.sender(&context.caller, None);
        let in_force = self.services.dialplan.borrow().clone();
        let arguments = vec![Value::from(request.message.clone()), Value::from(user.id)];
        let run = match Run::for_flow(&in_force.program, DELIVER, arguments, context.clone()) {
            Ok(run) => run,
            Err(error) => {
                tracing::error!(%error, "messages can't be delivered by phone");
                return refuse(request.reply, "the dialplan can't deliver by phone");
            }
        };
        let Some((session, ready)) = self.open_media() else {
            return refuse(request.reply, "too many calls at once");
        };
        let leg = self.services.sip.next_leg();
        let mut description = Description::new(session.local_addr(), None, leg.0 & i64::MAX as u64);
        let offer = description.offer();
        let Some(from) = NameAddr::parse(&self.from(&request)) else {
            return refuse(request.reply, "the site's domain can't stand in a SIP address");
        };
        let track = self.services.tracks.begin(Way::Out, in_force, &context, DELIVER);
        let RingRequest { user, device, ring_for, message, reply, mut stop, .. } = request;
        let outgoing = Outgoing { device, user, message: message.id, reply: Some(reply) };
        let recordings = CallRecordings::new(&self.services);
        let spools = recordings.list();
        let arguments = CallArguments {
            services: self.services.clone(),
            leg,
            run,
            session,
            direction: Direction::Outgoing(Box::new(outgoing)),
            recordings,
            description,
            sender,
            ready,
            begun: clock::now(),
            track,
        };
        let spawned = Actor::spawn_linked(None, CallActor, arguments, myself.get_cell()).await;
        let Ok((actor, _)) = spawned else { return false };
        self.keep(leg, actor, spools, Some(user));
        self.ringing.insert(user);
        self.services.sip.command(Command::Invite {
            leg,
            target,
            from,
            sdp: offer,
            credentials: None,
            headers: Vec::new(),
            ring_for,
        });
        let switchboard = myself.clone();
        tokio::spawn(async move {
            // Dropped without a word when the delivery is settled, or its actor died.
            let _ = (&mut stop).await;
            let _ = switchboard.cast(SwitchboardMessage::StopRinging(leg));
        });
        true
    }

    /// Who the telephone shows as calling: the message's sender, at our domain.
    fn from(&self, request: &RingRequest) -> String {
        let directory = self.services.directory.borrow();
        let sender = &request.message.sender;
        let user = sender.user.and_then(|u| directory.user(u)).map_or("hark", |u| u.name.as_str());
        let display = plain(&sender.name, LONGEST_NAME).replace(['"', '\\'], "");
        format!("\"{display}\" <sip:{user}@{}>", self.services.domain)
    }

    // ---- bookkeeping ----

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
        delivers_to: Option<UserId>,
    ) {
        self.legs.insert(actor.get_id(), leg);
        self.ledger.note(leg, spools);
        self.calls.insert(leg, Entry { actor, delivers_to, busy: None });
    }

    fn refuse(&self, reject: Command, outcome: &str) {
        self.services.metrics.calls.with_label_values(&["in", outcome]).inc();
        self.services.sip.command(reject);
    }

    /// A call's actor has ended: forget it, and ring for the next message that waits.
    fn over(&mut self, myself: &ActorRef<SwitchboardMessage>, actor: ActorId) {
        let Some(leg) = self.legs.remove(&actor) else { return };
        self.ledger.close(&self.services, leg);
        let Some(entry) = self.calls.remove(&leg) else { return };
        if let Some(user) = entry.delivers_to {
            self.ringing.remove(&user);
            self.ring_next(myself, user);
        }
    }
}

/// The domain dialled; empty for a `tel:` URI.
fn domain(target: &Uri) -> String {
    match target {
        Uri::Sip(uri) => uri.host.to_string(),
        Uri::Tel { .. } | Uri::Other(_) => String::new(),
    }
}

/// What a stranger calls itself, cut to what can be shown and spoken.
fn plain(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

fn answer(reply: tokio::sync::oneshot::Sender<RingResult>, reason: &str) {
    // The delivery may be over already.
    let _ = reply.send(RingResult::Failed { reason: reason.to_owned() });
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
