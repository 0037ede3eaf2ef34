//! The SIP side of a call: picking up, hanging up, and how it ended.

use hark_engine::dialplan::effect::HangupCause;

use super::watched::Watching;
use super::*;

impl Call {
    pub(super) fn sip(&mut self, myself: &ActorRef<CallMessage>, event: SipEvent) {
        match event {
            SipEvent::Confirmed { sdp, .. } => self.line_up(myself, sdp),
            SipEvent::Answered { sdp, remote, .. } => self.picked_up(myself, &sdp, remote.ip()),
            SipEvent::Reinvite { sdp, .. } => self.reinvite(sdp),
            // A phone that also sends telephone events would press every key twice.
            SipEvent::DtmfInfo { .. } if self.rtp_keys => {}
            // In a bridge it is meant for the callee, and the session does not report it.
            SipEvent::DtmfInfo { key, .. } if self.is_connected() => self.session.press(key),
            // Through the session, so that it stops prompts and recordings like any other key.
            SipEvent::DtmfInfo { key, .. } => {
                self.info_keys = self.info_keys.saturating_add(1);
                self.session.press(key);
            }
            SipEvent::Ringing { .. } => self.rings(),
            SipEvent::Ended { cause, .. } => self.ended(myself, &cause),
            // The switchboard keeps these to itself.
            SipEvent::IncomingCall { .. }
            | SipEvent::Registered { .. }
            | SipEvent::Unregistered { .. }
            | SipEvent::Counted(_) => {}
        }
    }

    /// Lets the caller hear what is played before the call is answered (183, unreliable: Hark
    /// does not do RFC 3262). Where the INVITE had no offer there is no way to: then what is
    /// played until [`Self::pick_up`] takes its time in silence.
    pub(super) fn early_media(&mut self) {
        if self.outgoing.is_some() || self.line != Line::Ringing || self.offer.is_none() {
            return;
        }
        let Some((sdp, negotiated)) = self.agree() else { return };
        // Few telephones send before they are answered: silence is no sign that they are gone.
        self.description.connect(&self.session, &Negotiated { receive: false, ..negotiated });
        self.line = Line::Early;
        self.services.sip.command(Command::Progress { leg: self.leg, sdp });
    }

    /// Answers an incoming call, when the run first wants to be heard.
    pub(super) fn pick_up(&mut self) {
        if self.outgoing.is_some() || !matches!(self.line, Line::Ringing | Line::Early) {
            return;
        }
        let sdp = if self.offer.is_none() && self.agreed.is_none() {
            self.offered = true;
            self.description.offer()
        } else {
            let Some((sdp, negotiated)) = self.agree() else { return };
            self.description.connect(&self.session, &negotiated);
            sdp
        };
        self.line = Line::Answering;
        self.answered = true;
        self.track.note("answered");
        let setup = clock::now().since(self.begun).as_secs_f64();
        self.services.metrics.setup.observe(setup);
        self.services.sip.command(Command::Answer { leg: self.leg, sdp });
    }

    /// Our answer to the caller's offer, the same whenever it is asked for (RFC 3261 section
    /// 13.2.1). `None` if the offer can't be answered: the call is refused then.
    fn agree(&mut self) -> Option<(String, Negotiated)> {
        if let Some(offer) = self.offer.take() {
            match self.description.answer(&offer) {
                Ok(agreed) => self.agreed = Some(agreed),
                Err(error) => {
                    tracing::debug!(%error, "an offer can't be answered");
                    self.services.sip.command(Command::Reject {
                        leg: self.leg,
                        status: 488,
                        retry_after: None,
                    });
                    // Nothing more is asked of the run until the leg has ended.
                    self.line = Line::Answering;
                }
            }
        }
        self.agreed.clone()
    }

    /// The caller has seen our answer: it hears what is played from now on.
    pub(super) fn line_up(&mut self, myself: &ActorRef<CallMessage>, sdp: Option<Bytes>) {
        if let Some(theirs) = sdp
            && std::mem::take(&mut self.offered)
        {
            match self.description.answered(&theirs) {
                Ok(negotiated) => self.description.connect(&self.session, &negotiated),
                Err(error) => {
                    tracing::debug!(%error, "an answer in the ACK can't be used");
                    return self.hang_up(myself, Some("SIP;cause=488;text=\"Not Acceptable\""));
                }
            }
        }
        if self.line != Line::Answering {
            return;
        }
        self.line = Line::Up;
        self.drive(myself);
        while let Some(key) = self.early.pop_front() {
            self.key(myself, key);
        }
    }

    /// The phone that we rang was picked up.
    pub(super) fn picked_up(
        &mut self,
        myself: &ActorRef<CallMessage>,
        sdp: &Bytes,
        signalling: IpAddr,
    ) {
        if self.outgoing.is_none() {
            return;
        }
        self.description.believe(signalling);
        match self.description.answered(sdp) {
            Ok(negotiated) => self.description.connect(&self.session, &negotiated),
            Err(error) => {
                tracing::debug!(%error, "a phone's answer can't be used");
                return self.hang_up(myself, Some("SIP;cause=488;text=\"Not Acceptable\""));
            }
        }
        self.answered = true;
        self.track.note("picked up");
        self.watched.tell(Watching::PickedUp);
        self.line = Line::Up;
        self.drive(myself);
    }

    /// Calls the telephone of a delivery, once a restart would know of it.
    pub(super) fn noted(
        &mut self,
        myself: &ActorRef<CallMessage>,
        noted: Result<Box<Command>, StoreError>,
    ) {
        match noted {
            Ok(invite) if !self.hung_up => self.services.sip.command(*invite),
            // Stopped before it rang.
            Ok(_) => self.not_called(myself, "no longer wanted"),
            Err(error) => {
                tracing::error!(%error, "a delivery call can't be noted: it is not made");
                self.not_called(myself, "the server can't note the call");
            }
        }
    }

    /// No leg was ever made.
    fn not_called(&mut self, myself: &ActorRef<CallMessage>, reason: &str) {
        let delivery = self.outgoing.as_mut().and_then(|outgoing| outgoing.delivery.as_mut());
        if let Some(reply) = delivery.and_then(|delivery| delivery.reply.take()) {
            // The delivery may be over already.
            let _ = reply.send(RingResult::Failed { reason: reason.to_owned() });
        }
        self.line = Line::Gone;
        self.forget_ring();
        myself.stop(None);
    }

    /// A restart need not leave the telephone alone any more.
    fn forget_ring(&self) {
        let delivery = self.outgoing.as_ref().and_then(|outgoing| outgoing.delivery.as_ref());
        let Some(delivery) = delivery else { return };
        let (store, message, user) = (self.services.store.clone(), delivery.message, delivery.user);
        tokio::spawn(async move {
            if let Err(error) = store.ring_over(message, user).await {
                // At worst a restart waits a moment before it goes on.
                tracing::warn!(%error, "that a delivery call is over can't be noted");
            }
        });
    }

    /// A device of the recipient rings: that is a notification.
    pub(super) fn rings(&mut self) {
        if self.outgoing.is_none() {
            return;
        }
        self.track.note("rings");
        self.watched.tell(Watching::Rings);
        let outgoing = self.outgoing.as_ref();
        let Some(delivery) = outgoing.and_then(|outgoing| outgoing.delivery.as_ref()) else {
            return;
        };
        let (message, user) = (delivery.message, delivery.user);
        let event = MessageEvent::Notified { device: self.device.clone() };
        let messages = self.services.messages.clone();
        tokio::spawn(async move {
            if let Err(error) = messages.note(message, user, event).await {
                tracing::warn!(%error, "can't note that a phone rings");
            }
        });
    }

    pub(super) fn reinvite(&mut self, sdp: Option<Bytes>) {
        let Self { description, session, leg, offered, .. } = self;
        let command = description.reinvited(session, *leg, sdp, offered);
        self.services.sip.command(command);
    }

    pub(super) fn ended(&mut self, myself: &ActorRef<CallMessage>, cause: &EndCause) {
        let outcome = match cause {
            _ if self.answered => "answered",
            EndCause::Cancelled => "cancelled",
            EndCause::Rejected { .. } => "rejected",
            EndCause::Timeout => "no_answer",
            EndCause::NoAck | EndCause::TransportFailed => "failed",
            EndCause::RemoteBye | EndCause::LocalHangup => "ended",
        };
        let direction = if self.outgoing.is_some() { "out" } else { "in" };
        self.services.metrics.calls.with_label_values(&[direction, outcome]).inc();
        self.report(cause);
        self.forget_ring();
        self.track.ended(cause);
        self.line = Line::Gone;
        if self.outgoing.is_some() && !self.answered {
            // Nobody was there for whom the run could do anything.
            return myself.stop(None);
        }
        // What the run still has to do, such as sending, is bounded too.
        myself.send_after(LINGER, || CallMessage::GiveUp);
        self.caller_gone(myself, false);
        self.stop_if_over(myself);
    }

    /// Tells the delivery how its call went.
    pub(super) fn report(&mut self, cause: &EndCause) {
        if !self.answered {
            self.watched.tell(Watching::Failed(unanswered(cause)));
        }
        let delivery = self.outgoing.as_mut().and_then(|outgoing| outgoing.delivery.as_mut());
        let Some(reply) = delivery.and_then(|delivery| delivery.reply.take()) else { return };
        let failed = |reason: &str| RingResult::Failed { reason: reason.to_owned() };
        let result = match cause {
            _ if self.confirming.is_some() => RingResult::Confirmed,
            _ if self.answered => failed("answered, but not confirmed by key"),
            cause => failed(&unanswered(cause)),
        };
        // The delivery may be over already.
        let _ = reply.send(result);
    }

    /// The run is over. A call that was never answered is refused with the cause's status, any
    /// other gets a BYE that tells the cause.
    pub(super) fn finish(&mut self, myself: &ActorRef<CallMessage>, cause: HangupCause) {
        if self.hung_up || self.line == Line::Gone {
            return;
        }
        let refuses = self.outgoing.is_none() && !self.answered;
        let (status, reason) = match cause {
            HangupCause::Normal => (480, "Q.850;cause=16;text=\"Normal call clearing\""),
            HangupCause::Busy => (486, "Q.850;cause=17;text=\"User busy\""),
            HangupCause::Rejected => (603, "Q.850;cause=21;text=\"Call rejected\""),
            HangupCause::Unavailable => (480, "Q.850;cause=20;text=\"Subscriber absent\""),
            HangupCause::NotFound => (404, "Q.850;cause=1;text=\"Unallocated number\""),
            HangupCause::Congestion => (503, "Q.850;cause=34;text=\"No circuit available\""),
        };
        if refuses {
            let leg = self.leg;
            self.end_with(myself, Command::Reject { leg, status, retry_after: None });
        } else {
            self.hang_up(myself, Some(reason));
        }
    }

    /// Ends the call. `reason` is the value of a Reason header (RFC 3326).
    pub(super) fn hang_up(&mut self, myself: &ActorRef<CallMessage>, reason: Option<&str>) {
        let reason = reason.map(str::to_owned);
        self.end_with(myself, Command::Hangup { leg: self.leg, reason });
    }

    fn end_with(&mut self, myself: &ActorRef<CallMessage>, command: Command) {
        if self.hung_up || self.line == Line::Gone {
            return;
        }
        self.hung_up = true;
        self.let_far_go();
        self.services.sip.command(command);
        myself.send_after(LINGER, || CallMessage::GiveUp);
    }
}

/// Why a telephone did not answer.
fn unanswered(cause: &EndCause) -> String {
    match cause {
        EndCause::Rejected { status: 486 | 600, .. } => "busy".to_owned(),
        EndCause::Rejected { status: 480 | 404, .. } => "no telephone is registered".to_owned(),
        EndCause::Rejected { status: 603, .. } => "declined".to_owned(),
        EndCause::Rejected { status, reason } => format!("{status} {reason}"),
        EndCause::Timeout | EndCause::Cancelled | EndCause::LocalHangup => "no answer".to_owned(),
        EndCause::NoAck | EndCause::TransportFailed | EndCause::RemoteBye => {
            "the telephone can't be reached".to_owned()
        }
    }
}
