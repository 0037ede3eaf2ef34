//! The calls that we make: deliveries, one at a time a person, and those that a dialplan starts.

use super::super::trunks::TrunkCall;
use super::*;

/// The flow that a delivery call runs.
const DELIVER: &str = "deliver";
/// The flow of one that plays an announcement.
const ANNOUNCE: &str = "announce";
/// The flow that tells a code.
const VERIFY: &str = "verify";
/// When to try again over a trunk that carries as many calls as it may.
const TRUNK_AGAIN: Duration = Duration::from_secs(60);
/// The most delivery calls that may wait for one person's telephone to be free.
const MAX_WAITING: usize = 100;

/// A leg with a media session, for a call that we make.
struct OpenLine {
    leg: LegId,
    session: crate::media::MediaSession,
    ready: Ready,
}

/// Where a call that was asked for goes, and as whom.
struct Reached {
    target: InviteTarget,
    credentials: Option<(String, String)>,
    from: NameAddr,
    /// The call counts there as long as this is kept.
    trunk: Option<TrunkCall>,
    context: CallContext,
    to: UserId,
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
        let message = match &request.purpose {
            Purpose::Deliver(message) => message.id,
            Purpose::Verify(digits) => {
                let digits = *digits;
                return self.tell_code(myself, request, digits).await;
            }
        };
        // Several telephones of a person may ring at once for the same message.
        if self.ringing.get(&user).is_some_and(|(rung, _)| *rung != message) {
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
        let Purpose::Deliver(message) = request.purpose.clone() else {
            return refuse(request.reply, "there is nothing to deliver");
        };
        let (line, placed) = match self.prepare(&request) {
            Ok(prepared) => prepared,
            Err(result) => {
                // The delivery may be over already.
                let _ = request.reply.send(result);
                return false;
            }
        };
        let RingRequest { user, device, ring_for, reply, mut stop, .. } = request;
        let Reached { target, credentials, from, trunk, context, to } = placed;
        let in_force = self.services.dialplan.borrow().clone();
        let arguments = vec![Value::from(message.clone()), Value::from(to)];
        let begin = |flow| {
            Run::for_flow(&in_force.program, flow, arguments.clone(), context.clone())
                .map(|run| (run, flow))
        };
        let announced = self.services.messages.is_announcement(message.id);
        // A dialplan that knows no announcements delivers them as messages.
        let begun = match announced.then(|| begin(ANNOUNCE)) {
            Some(Ok(begun)) => Ok(begun),
            Some(Err(_)) | None => begin(DELIVER),
        };
        let (run, flow) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                tracing::error!(%error, "messages can't be delivered by phone");
                return refuse(reply, "the dialplan can't deliver by phone");
            }
        };
        let sender = self.sender(&context.caller, None);
        let delivery = DeliveryCall { device, user, message: message.id, reply: Some(reply) };
        let outgoing = Outgoing { delivery: Some(delivery), secret: false, _trunk: trunk };
        let leg = line.leg;
        let track = self.services.tracks.begin(Way::Out, in_force, &context, flow);
        let call = Placed { track, run, target, credentials, from, ring_for, sender };
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

    /// A line for a call that was asked for, and where it goes.
    fn prepare(&self, request: &RingRequest) -> Result<(OpenLine, Reached), RingResult> {
        let failed = |reason: &str| RingResult::Failed { reason: reason.to_owned() };
        let directory = self.services.directory.borrow().clone();
        let user = directory.user(request.user);
        let user = user.ok_or_else(|| failed("the recipient's account is gone"))?;
        let mut number = user.extension.clone();
        let mut trunk = None;
        let target = match &request.target {
            Target::RegisteredPhones => InviteTarget::Account(user.name.clone()),
            Target::Address(address) => InviteTarget::Uri(
                Uri::parse(address)
                    .ok_or_else(|| failed("the device's address is not a SIP URI"))?,
            ),
            Target::Number { number: outside, trunk: over } => {
                // As people write it, with spaces, or as it is dialled.
                let plain = |c: &char| c.is_ascii_digit() || matches!(c, '+' | '*' | '#');
                number = outside.chars().filter(plain).collect();
                if !self.services.trunks.has(over.as_deref()) {
                    return Err(failed("this server has no trunk that carries the call"));
                }
                let call = self.services.trunks.begin(clock::now(), over.as_deref());
                let call = call.ok_or_else(|| RingResult::Limited {
                    reason: "no trunk takes the call now".into(),
                    wait: TRUNK_AGAIN,
                })?;
                let uri = call.uri(&number).ok_or_else(|| failed("it is no telephone number"))?;
                trunk = Some(call);
                InviteTarget::Uri(uri)
            }
        };
        let called = CallerInfo { user: Some(user.id), number, name: user.display_name.clone() };
        let over = trunk.as_ref().map(|call| call.name().to_owned());
        let context = self.called_context(called, Some(user.language.clone()), over);
        let from = self.from(request, trunk.as_ref());
        let from = from.ok_or_else(|| failed("the site's domain can't stand in a SIP address"))?;
        let credentials = trunk.as_ref().and_then(TrunkCall::credentials);
        let line = self.line().ok_or_else(|| failed("too many calls at once"))?;
        Ok((line, Reached { target, credentials, from, trunk, context, to: user.id }))
    }

    /// Calls somebody to tell them a code. Nothing of it is traced.
    async fn tell_code(
        &mut self,
        myself: &ActorRef<SwitchboardMessage>,
        request: RingRequest,
        digits: [u8; 6],
    ) {
        let result = match self.prepare(&request) {
            Ok((line, reached)) => {
                let Reached { target, credentials, from, trunk, context, .. } = reached;
                let in_force = self.services.dialplan.borrow().clone();
                let code: Vec<_> = digits.iter().map(|d| Value::Number(i64::from(*d))).collect();
                let arguments = vec![Value::List(code.into())];
                match Run::for_flow(&in_force.program, VERIFY, arguments, context.clone()) {
                    Ok(run) => {
                        let sender = self.sender(&context.caller, None);
                        let track =
                            self.services.tracks.begin(Way::Out, in_force, &context, VERIFY);
                        let ring_for = request.ring_for;
                        let call =
                            Placed { track, run, target, credentials, from, ring_for, sender };
                        let outgoing = Outgoing { delivery: None, secret: true, _trunk: trunk };
                        if self.place(myself, line, call, outgoing).await {
                            RingResult::Confirmed
                        } else {
                            RingResult::Failed { reason: "the call can't be made".into() }
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, "codes can't be told by phone");
                        let reason = "the dialplan can't tell codes by phone".into();
                        RingResult::Failed { reason }
                    }
                }
            }
            Err(result) => result,
        };
        // Who asked may have gone.
        let _ = request.reply.send(result);
    }

    /// Who the telephone shows as calling: the message's sender, at our domain, or as whom the
    /// trunk knows us.
    fn from(&self, request: &RingRequest, trunk: Option<&TrunkCall>) -> Option<NameAddr> {
        let directory = self.services.directory.borrow();
        let sender = match &request.purpose {
            Purpose::Deliver(message) => Some(&message.sender),
            Purpose::Verify(_) => None,
        };
        let display = match sender {
            Some(sender) => plain(&sender.name, LONGEST_NAME).replace(['"', '\\'], ""),
            None => directory.site_name().replace(['"', '\\'], ""),
        };
        if let Some(known) = trunk.and_then(TrunkCall::identity) {
            return Some(NameAddr { display: Some(display).filter(|d| !d.is_empty()), ..known });
        }
        let spoke = sender.and_then(|sender| sender.user);
        let own = spoke.filter(|user| directory.address(*user).is_none());
        let user = own.and_then(|u| directory.user(u)).map_or("hark", |u| u.name.as_str());
        NameAddr::parse(&format!("\"{display}\" <sip:{user}@{}>", self.services.domain))
    }

    // ---- calls that we make ----

    /// Calls somebody for a dialplan, and runs its flow when they answer.
    pub(super) async fn start_flow(
        &mut self,
        myself: &ActorRef<SwitchboardMessage>,
        call: FlowCall,
    ) {
        let FlowCall { in_force, flow, args, destination, sender, ring_for, reply } = call;
        let from = destination.from(&sender, &self.services.domain);
        let credentials = destination.credentials();
        let Destination { target, called, language, trunk } = destination;
        let over = trunk.as_ref().map(|call| call.name().to_owned());
        let context = self.called_context(called, language, over);
        let sender = self.sender(&context.caller, None);
        let run = Run::for_flow(&in_force.program, &flow, args, context.clone());
        let run = run.map_err(|error| {
            tracing::error!(%error, "a dialplan starts a call with a flow that can't be run");
        });
        let started = match (run, from) {
            (Ok(run), Some(from)) => match self.line() {
                Some(line) => {
                    let track = self.services.tracks.begin(Way::Out, in_force, &context, &flow);
                    let call = Placed { track, run, target, credentials, from, ring_for, sender };
                    let outgoing = Outgoing { delivery: None, secret: false, _trunk: trunk };
                    self.place(myself, line, call, outgoing).await
                }
                None => false,
            },
            (Ok(_), None) | (Err(()), _) => false,
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
        let delivers = outgoing.delivery.as_ref();
        let delivers = delivers.map(|delivery| (delivery.user, delivery.message));
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
        self.keep(leg, actor, spools, (delivers.map(|(user, _)| user), called));
        if let Some((user, message)) = delivers {
            self.ringing.entry(user).or_insert((message, 0)).1 += 1;
        }
        let headers = Vec::new();
        self.services.sip.command(Command::Invite {
            leg,
            target,
            from,
            sdp,
            credentials,
            headers,
            ring_for,
        });
        true
    }
}

fn answer(reply: tokio::sync::oneshot::Sender<RingResult>, reason: &str) {
    // The delivery may be over already.
    let _ = reply.send(RingResult::Failed { reason: reason.to_owned() });
}
