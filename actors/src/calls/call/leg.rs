//! The SIP side of a call: picking up, hanging up, and how it ended.

use super::*;

impl Call {
    pub(super) fn sip(&mut self, myself: &ActorRef<CallMessage>, event: SipEvent) {
        match event {
            SipEvent::Confirmed { sdp, .. } => self.line_up(myself, sdp),
            SipEvent::Answered { sdp, remote, .. } => self.picked_up(myself, &sdp, remote.ip()),
            SipEvent::Reinvite { sdp, .. } => self.reinvite(sdp),
            // A phone that also sends telephone events would press every key twice.
            SipEvent::DtmfInfo { .. } if self.rtp_keys => {}
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

    /// Answers an incoming call, when the run first wants to be heard.
    pub(super) fn pick_up(&mut self) {
        if self.outgoing.is_some() || self.line != Line::Ringing {
            return;
        }
        let answer = match self.offer.take() {
            Some(offer) => match self.description.answer(&offer) {
                Ok((sdp, negotiated)) => {
                    self.description.connect(&self.session, &negotiated);
                    sdp
                }
                Err(error) => {
                    tracing::debug!(%error, "an offer can't be answered");
                    let reject = Command::Reject { leg: self.leg, status: 488, retry_after: None };
                    // Nothing more is asked of the run until the leg has ended.
                    self.line = Line::Answering;
                    return self.services.sip.command(reject);
                }
            },
            None => {
                self.offered = true;
                self.description.offer()
            }
        };
        self.line = Line::Answering;
        self.answered = true;
        self.track.note("answered");
        let setup = clock::now().since(self.begun).as_secs_f64();
        self.services.metrics.setup.observe(setup);
        self.services.sip.command(Command::Answer { leg: self.leg, sdp: answer });
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
        self.line = Line::Up;
        self.drive(myself);
    }

    /// A device of the recipient rings: that is a notification.
    pub(super) fn rings(&mut self) {
        let Some(outgoing) = &self.outgoing else { return };
        self.track.note("rings");
        let (message, user) = (outgoing.message, outgoing.user);
        let event = MessageEvent::Notified { device: self.device.clone() };
        let messages = self.services.messages.clone();
        tokio::spawn(async move {
            if let Err(error) = messages.note(message, user, event).await {
                tracing::warn!(%error, "can't note that a phone rings");
            }
        });
    }

    pub(super) fn reinvite(&mut self, sdp: Option<Bytes>) {
        let answer = match sdp {
            Some(offer) => self.description.answer(&offer).map(|(sdp, negotiated)| {
                self.description.connect(&self.session, &negotiated);
                sdp
            }),
            None => {
                self.offered = true;
                Ok(self.description.offer())
            }
        };
        self.services.sip.command(match answer {
            Ok(sdp) => Command::AcceptReinvite { leg: self.leg, sdp },
            Err(_) => Command::Reject { leg: self.leg, status: 488, retry_after: None },
        });
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
        self.track.ended(cause);
        self.line = Line::Gone;
        // What the run still has to do, such as sending, is bounded too.
        myself.send_after(LINGER, || CallMessage::GiveUp);
        self.caller_gone(myself, false);
        self.stop_if_over(myself);
    }

    /// Tells the delivery how its call went.
    pub(super) fn report(&mut self, cause: &EndCause) {
        let Some(outgoing) = &mut self.outgoing else { return };
        let Some(reply) = outgoing.reply.take() else { return };
        let failed = |reason: &str| RingResult::Failed { reason: reason.to_owned() };
        let result = match cause {
            _ if self.confirming.is_some() => RingResult::Confirmed,
            _ if self.answered => failed("answered, but not confirmed by key"),
            EndCause::Rejected { status: 486 | 600, .. } => failed("busy"),
            EndCause::Rejected { status: 480 | 404, .. } => failed("no telephone is registered"),
            EndCause::Rejected { status: 603, .. } => failed("declined"),
            EndCause::Rejected { status, reason } => failed(&format!("{status} {reason}")),
            EndCause::Timeout | EndCause::Cancelled | EndCause::LocalHangup => failed("no answer"),
            EndCause::NoAck | EndCause::TransportFailed | EndCause::RemoteBye => {
                failed("the telephone can't be reached")
            }
        };
        // The delivery may be over already.
        let _ = reply.send(result);
    }

    pub(super) fn hang_up(&mut self, myself: &ActorRef<CallMessage>, reason: Option<&str>) {
        if self.hung_up || self.line == Line::Gone {
            return;
        }
        self.hung_up = true;
        let reason = reason.filter(|r| r.contains(';')).map(str::to_owned);
        self.services.sip.command(Command::Hangup { leg: self.leg, reason });
        myself.send_after(LINGER, || CallMessage::GiveUp);
    }
}
