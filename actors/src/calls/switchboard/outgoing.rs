//! The calls that we make: deliveries, one at a time a person, and those that a dialplan starts.

use hark_engine::order::Input;

use super::*;
use crate::orders::Ordered;
use crate::store::Ring;

/// The flow that a delivery call runs.
const DELIVER: &str = "deliver";
/// The most delivery calls that may wait for one person's telephone to be free.
const MAX_WAITING: usize = 100;

/// A leg with a media session, for a call that we make.
struct OpenLine {
    leg: LegId,
    session: crate::media::MediaSession,
    ready: Ready,
}

/// A call that we make: what runs when it is answered, and where it goes.
struct Placed {
    track: Track,
    run: Run,
    target: InviteTarget,
    credentials: Option<(String, String)>,
    from: NameAddr,
    ring_for: Duration,
    /// Whose recordings are made in it: those of who is called.
    sender: Sender,
}

impl SwitchboardState {
    // ---- deliveries ----

    /// Rings for a delivery, now or when the telephone is free. One that can't be rung makes
    /// room for the next that waits for the same person.
    pub(super) async fn ring(
        &mut self,
        myself: &ActorRef<SwitchboardMessage>,
        request: RingRequest,
    ) {
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
    pub(super) fn ring_next(&mut self, myself: &ActorRef<SwitchboardMessage>, user: UserId) {
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
        let called = CallerInfo {
            user: Some(user.id),
            number: user.extension.clone(),
            name: user.display_name.clone(),
        };
        let context = self.called_context(called, Some(user.language.clone()), None);
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
        let Some(from) = NameAddr::parse(&self.from(&request)) else {
            return refuse(request.reply, "the site's domain can't stand in a SIP address");
        };
        let Some(line) = self.line() else {
            return refuse(request.reply, "too many calls at once");
        };
        let RingRequest { user, device, ring_for, message, reply, mut stop, .. } = request;
        let delivery = DeliveryCall { device, user, message: message.id, reply: Some(reply) };
        let outgoing = Outgoing { delivery: Some(delivery), order: None, _trunk: None };
        let leg = line.leg;
        let track = self.services.tracks.begin(Way::Out, in_force, &context, DELIVER);
        let call = Placed { track, run, target, credentials: None, from, ring_for, sender };
        if !self.place(myself, line, call, outgoing).await {
            return false;
        }
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

    // ---- calls that we make ----

    /// Calls somebody for a dialplan, and runs its flow when they answer.
    pub(super) async fn start_flow(
        &mut self,
        myself: &ActorRef<SwitchboardMessage>,
        call: FlowCall,
    ) {
        let FlowCall { in_force, flow, args, destination, sender, ring_for, reply, order } = call;
        let (order, stop) = order.unzip();
        let from = destination.from(&sender, &self.services.domain);
        let credentials = destination.credentials();
        let Destination { target, called, language, trunk } = destination;
        let over = trunk.as_ref().map(|call| call.name().to_owned());
        let context = self.called_context(called, language, over);
        let sender = self.sender(&context.caller, None);
        let run = Run::for_flow(&in_force.program, &flow, args, context.clone());
        let run = run.map_err(|error| {
            tracing::error!(%error, "a call is started with a flow that can't be run");
            tell(order.as_ref(), "the dialplan has no flow for such a call");
        });
        let started = match (run, from) {
            (Ok(run), Some(from)) => match self.line() {
                Some(line) => {
                    let leg = line.leg;
                    let track = self.services.tracks.begin(Way::Out, in_force, &context, &flow);
                    let call = Placed { track, run, target, credentials, from, ring_for, sender };
                    let outgoing = Outgoing { delivery: None, order, _trunk: trunk };
                    let placed = self.place(myself, line, call, outgoing).await;
                    if placed && let Some(stop) = stop {
                        cancel_later(myself, leg, stop);
                    }
                    placed
                }
                None => {
                    tell(order.as_ref(), "too many calls at once");
                    false
                }
            },
            (Ok(_), None) => {
                tell(order.as_ref(), "the site's domain can't stand in a SIP address");
                false
            }
            (Err(()), _) => false,
        };
        // The call that asked may have ended.
        let _ = reply.send(if started { Ok(()) } else { Err(Failure::Refused) });
    }

    /// What a run knows that speaks with somebody whom we called.
    fn called_context(
        &self,
        called: CallerInfo,
        language: Option<String>,
        trunk: Option<String>,
    ) -> CallContext {
        CallContext {
            dialled: called.number.clone(),
            caller: called,
            domain: self.services.domain.to_string(),
            trunk,
            language: language.unwrap_or_else(|| self.services.language.to_string()),
            at: clock::wall(),
            directory: self.services.directory.borrow().clone(),
        }
    }

    /// A line for a call that we make; `None` if there are too many calls.
    fn line(&self) -> Option<OpenLine> {
        if self.is_full() {
            return None;
        }
        let (session, ready) = self.open_media()?;
        let leg = self.services.sip.next_leg();
        Some(OpenLine { leg, session, ready })
    }

    /// Calls, with an actor that waits for the answer. False if there is none: then nobody is
    /// called.
    async fn place(
        &mut self,
        myself: &ActorRef<SwitchboardMessage>,
        line: OpenLine,
        call: Placed,
        outgoing: Outgoing,
    ) -> bool {
        let OpenLine { leg, session, ready } = line;
        let Placed { track, run, target, credentials, from, ring_for, sender } = call;
        let called = sender.user;
        let mut description = Description::of_our_call(session.local_addr(), leg);
        let sdp = description.offer();
        let recordings = CallRecordings::new(&self.services);
        let spools = recordings.list();
        let delivers_to = outgoing.delivery.as_ref().map(|delivery| delivery.user);
        // No delivery rings a telephone that its owner wanted to be rung for something else.
        let ordered_by = outgoing.order.as_ref().and_then(Ordered::user);
        let delivers_to = delivers_to.or(ordered_by.filter(|user| !self.ringing.contains(user)));
        let ring = outgoing.delivery.as_ref().map(|delivery| Ring {
            message: delivery.message,
            user: delivery.user,
            begun: clock::wall(),
        });
        let arguments = CallArguments {
            services: self.services.clone(),
            switchboard: myself.clone(),
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
        self.keep(leg, actor.clone(), spools, (delivers_to, called));
        self.ringing.extend(delivers_to);
        let headers = Vec::new();
        let invite = Command::Invite { leg, target, from, sdp, credentials, headers, ring_for };
        let Some(ring) = ring else {
            self.services.sip.command(invite);
            return true;
        };
        // Noted before it rings: whoever hears it is not called again by a restart.
        let (store, invite) = (self.services.store.clone(), Box::new(invite));
        tokio::spawn(async move {
            let noted = store.ring_begins(ring).await;
            // The call may have been given up meanwhile.
            let _ = actor.cast(CallMessage::Noted(noted.map(|()| invite)));
        });
        true
    }
}

fn tell(order: Option<&Ordered>, reason: &str) {
    if let Some(order) = order {
        order.tell(Input::Failed(reason.to_owned()));
    }
}

fn cancel_later(
    myself: &ActorRef<SwitchboardMessage>,
    leg: LegId,
    stop: tokio::sync::oneshot::Receiver<()>,
) {
    let switchboard = myself.clone();
    tokio::spawn(async move {
        // Dropped without a word when nobody can cancel it any more.
        if stop.await.is_ok() {
            let _ = switchboard.cast(SwitchboardMessage::Cancel(leg));
        }
    });
}

fn answer(reply: tokio::sync::oneshot::Sender<RingResult>, reason: &str) {
    // The delivery may be over already.
    let _ = reply.send(RingResult::Failed { reason: reason.to_owned() });
}
