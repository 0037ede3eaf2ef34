//! Connecting the caller with somebody else: a second leg, and two media sessions bridged.
//!
//! ```text
//!  Connect ─► asked ─► leg numbered ─► INVITE ─► rings ─► answered ─► bridged ─► callee's BYE ─► Done(Ok)
//!               │            │            └── busy, declined, silent, unreachable ─────────────► Done(Err)
//!               └────────────┴── no such callee, too many calls ──────────────────────────────► Done(Err)
//!  the caller hangs up, or the call is ended: the callee gets CANCEL or BYE
//! ```
//!
//! A call that was not answered before is told that it rings (180), and answered when the callee
//! answers: nobody pays for ringing. One that was hears a ringing tone of ours, or what the
//! callee's side plays before it answers.

use std::sync::OnceLock;

use hark_engine::dialplan::effect::Callee;

use super::super::dial::{self, Destination};
use super::super::trunks::TrunkCall;
use super::*;

/// The play that is the ringing tone; a run's tickets are far below.
const RINGBACK: u64 = u64::MAX;
/// The ringing tone is not made longer than this.
const LONGEST_RINGING: Duration = Duration::from_secs(600);

/// A connection that the run asked for.
pub(super) struct Connection {
    ticket: Ticket,
    ring_for: Duration,
    /// The callee's side, once its leg has a number.
    far: Option<Far>,
    answered: bool,
}

/// The callee's side.
struct Far {
    leg: LegId,
    session: MediaSession,
    description: Description,
    /// An offer of ours waits for its answer in the ACK.
    offered: bool,
    _trunk: Option<TrunkCall>,
}

impl Call {
    /// Rings somebody and connects the caller with them.
    pub(super) fn connect(
        &mut self,
        myself: &ActorRef<CallMessage>,
        ticket: Ticket,
        callee: Callee,
        ring_for: Duration,
    ) {
        if self.line == Line::Gone || self.hung_up || self.connection.is_some() {
            let refused = Input::Done(ticket, Err(Failure::Refused));
            return self.run.handle_input(clock::now(), refused);
        }
        self.connection = Some(Connection { ticket, ring_for, far: None, answered: false });
        self.let_hear_ringing(ring_for);
        let (services, switchboard) = (self.services.clone(), self.switchboard.clone());
        let (myself, owner) = (myself.clone(), self.leg);
        tokio::spawn(async move {
            let dialled = dial::second_leg(&services, &switchboard, owner, callee).await;
            let _ = myself.cast(CallMessage::Dialled(ticket, Box::new(dialled)));
        });
    }

    fn let_hear_ringing(&self, ring_for: Duration) {
        static CADENCE: OnceLock<Arc<Clip>> = OnceLock::new();
        if self.line == Line::Ringing {
            return self.services.sip.command(Command::Ringing { leg: self.leg });
        }
        let cadence = CADENCE.get_or_init(|| Arc::new(Clip::ringing()));
        let rings = ring_for.min(LONGEST_RINGING).as_secs() / cadence.length().as_secs().max(1);
        let clips = (0..=rings).map(|_| Arc::clone(cadence)).collect();
        self.session.play(PlayRequest { id: RINGBACK, clips, stop_on: KeySet::EMPTY });
    }

    /// Where the callee is, and the number of its leg; or why there will be none.
    pub(super) fn dialled(
        &mut self,
        myself: &ActorRef<CallMessage>,
        ticket: Ticket,
        dialled: Result<(LegId, Destination), Failure>,
    ) {
        let waits = self.connection.as_ref().filter(|c| c.ticket == ticket && c.far.is_none());
        let waits = waits.filter(|_| !self.hung_up).map(|connection| connection.ring_for);
        match (dialled, waits) {
            (Ok((leg, destination)), Some(ring_for)) => {
                if !self.invite(myself, leg, destination, ring_for) {
                    self.detach(leg);
                    self.not_connected(myself, Failure::Refused, "refused");
                }
            }
            (Ok((leg, _)), None) => self.detach(leg),
            (Err(failure), Some(_)) => {
                let unknown = failure == Failure::NotFound;
                let outcome = if unknown { "unreachable" } else { "refused" };
                self.not_connected(myself, failure, outcome);
            }
            (Err(_), None) => {}
        }
    }

    fn invite(
        &mut self,
        myself: &ActorRef<CallMessage>,
        leg: LegId,
        destination: Destination,
        ring_for: Duration,
    ) -> bool {
        let Some(from) = destination.from(&self.sender, &self.services.domain) else {
            return false;
        };
        let owner = myself.clone();
        let opened = self.services.media.open_beside(&self.session, move |event| {
            // A call that has just ended needs no news of its callee.
            let _ = owner.cast(CallMessage::FarMedia(leg, event));
        });
        let session = match opened {
            Ok(session) => session,
            Err(error) => {
                tracing::warn!(%error, "no media session for a callee");
                return false;
            }
        };
        let mut description = Description::of_our_call(session.local_addr(), leg);
        let (sdp, credentials) = (description.offer(), destination.credentials());
        let Destination { target, trunk, .. } = destination;
        let Some(connection) = &mut self.connection else { return false };
        connection.far = Some(Far { leg, session, description, offered: false, _trunk: trunk });
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

    fn far(&mut self, leg: LegId) -> Option<(&mut Far, &mut bool)> {
        let Connection { far, answered, .. } = self.connection.as_mut()?;
        far.as_mut().filter(|far| far.leg == leg).map(|far| (far, answered))
    }

    /// Something happened to the callee's leg.
    pub(super) fn far_sip(&mut self, myself: &ActorRef<CallMessage>, leg: LegId, event: SipEvent) {
        let Some((far, _)) = self.far(leg) else { return };
        match event {
            SipEvent::Ringing { sdp: Some(sdp), .. } => self.far_plays(leg, &sdp),
            SipEvent::Answered { sdp, remote, .. } => {
                far.description.believe(remote.ip());
                self.far_answered(myself, leg, &sdp);
            }
            SipEvent::Reinvite { sdp, .. } => {
                let command = far.description.reinvited(&far.session, leg, sdp, &mut far.offered);
                self.services.sip.command(command);
            }
            SipEvent::Confirmed { sdp: Some(theirs), .. } if std::mem::take(&mut far.offered) => {
                match far.description.answered(&theirs) {
                    Ok(negotiated) => far.description.connect(&far.session, &negotiated),
                    Err(error) => {
                        tracing::debug!(%error, "a callee's answer in the ACK can't be used");
                        self.hang_up_far(Some("SIP;cause=488;text=\"Not Acceptable\""));
                    }
                }
            }
            SipEvent::DtmfInfo { key, .. } => far.session.press(key),
            SipEvent::Ended { cause, .. } => self.far_ended(myself, &cause),
            SipEvent::Ringing { sdp: None, .. } | SipEvent::Confirmed { .. } => {}
            // The switchboard keeps these to itself.
            SipEvent::IncomingCall { .. }
            | SipEvent::Registered { .. }
            | SipEvent::Unregistered { .. }
            | SipEvent::Subscribe { .. }
            | SipEvent::SubscriptionOver { .. }
            | SipEvent::Published { .. }
            | SipEvent::Text { .. }
            | SipEvent::Requested { .. }
            | SipEvent::Counted(_) => {}
        }
    }

    /// Something happened in the callee's media session. While it is bridged its keys are the
    /// caller's to hear, and before that they mean nothing.
    pub(super) fn far_media(&mut self, leg: LegId, event: MediaEvent) {
        let Some((_, answered)) = self.far(leg) else { return };
        match event {
            // Nobody has to speak before answering.
            MediaEvent::Dead if *answered => {
                tracing::info!("a connection without media is ended");
                self.hang_up_far(Some("Q.850;cause=41;text=\"media lost\""));
            }
            MediaEvent::Dead
            | MediaEvent::Key { .. }
            | MediaEvent::PlayDone { .. }
            | MediaEvent::RecordDone { .. } => {}
        }
    }

    /// The callee's side plays something before it answers (183): its own ringing, or words.
    fn far_plays(&mut self, leg: LegId, sdp: &Bytes) {
        let Some((far, _)) = self.far(leg) else { return };
        // What can't be read now is not needed: the answer has it again.
        let Ok(negotiated) = far.description.answered(sdp) else { return };
        far.description.connect(&far.session, &negotiated);
        self.early_media();
        self.join();
    }

    fn far_answered(&mut self, myself: &ActorRef<CallMessage>, leg: LegId, sdp: &Bytes) {
        let Some((far, answered)) = self.far(leg) else { return };
        match far.description.answered(sdp) {
            Ok(negotiated) => far.description.connect(&far.session, &negotiated),
            Err(error) => {
                tracing::debug!(%error, "a callee's answer can't be used");
                self.hang_up_far(Some("SIP;cause=488;text=\"Not Acceptable\""));
                return self.not_connected(myself, Failure::Refused, "failed");
            }
        }
        *answered = true;
        self.count_connection("connected");
        self.pick_up();
        self.join();
    }

    /// Whether what the caller says and presses goes to a callee.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.answered)
    }

    fn join(&self) {
        let far = self.connection.as_ref().and_then(|connection| connection.far.as_ref());
        if far.is_some_and(|far| !self.session.bridge(&far.session)) {
            tracing::error!("two legs of a call can't hear each other: no common media thread");
        }
    }

    fn far_ended(&mut self, myself: &ActorRef<CallMessage>, cause: &EndCause) {
        let answered = self.connection.as_ref().is_some_and(|connection| connection.answered);
        if answered {
            return self.connection_over(myself, Ok(()));
        }
        let (failure, outcome) = match cause {
            EndCause::Rejected { status: 486 | 600, .. } => (Failure::Refused, "busy"),
            EndCause::Rejected { status: 603, .. } => (Failure::Refused, "declined"),
            EndCause::Rejected { status: 404 | 410 | 480 | 484 | 604, .. } => {
                (Failure::NotFound, "unreachable")
            }
            EndCause::Rejected { status: 408, .. } | EndCause::Timeout | EndCause::Cancelled => {
                (Failure::Refused, "no_answer")
            }
            EndCause::Rejected { .. } | EndCause::LocalHangup => (Failure::Refused, "failed"),
            EndCause::NoAck | EndCause::TransportFailed | EndCause::RemoteBye => {
                (Failure::NotFound, "unreachable")
            }
        };
        self.not_connected(myself, failure, outcome);
    }

    fn not_connected(
        &mut self,
        myself: &ActorRef<CallMessage>,
        failure: Failure,
        outcome: &'static str,
    ) {
        self.count_connection(outcome);
        self.connection_over(myself, Err(failure));
    }

    /// The run goes on, with the caller alone.
    fn connection_over(&mut self, myself: &ActorRef<CallMessage>, result: Result<(), Failure>) {
        let Some(connection) = self.connection.take() else { return };
        self.session.unbridge();
        self.session.stop_play(RINGBACK);
        self.tell(myself, Input::Done(connection.ticket, result));
    }

    fn hang_up_far(&self, reason: Option<&str>) {
        let far = self.connection.as_ref().and_then(|connection| connection.far.as_ref());
        if let Some(far) = far {
            let reason = reason.map(str::to_owned);
            self.services.sip.command(Command::Hangup { leg: far.leg, reason });
        }
    }

    /// This call ends: the callee is let go. The run is not told before it hears that its caller
    /// is gone.
    pub(super) fn let_far_go(&mut self) {
        self.hang_up_far(None);
        if let Some(connection) = &mut self.connection {
            connection.far = None;
        }
        self.session.unbridge();
    }

    /// What the run is told of its connection once its caller is gone.
    pub(super) fn take_connection(&mut self) -> Option<Input> {
        self.let_far_go();
        let Connection { ticket, answered, .. } = self.connection.take()?;
        if !answered {
            self.count_connection("cancelled");
        }
        Some(Input::Done(ticket, if answered { Ok(()) } else { Err(Failure::Refused) }))
    }

    fn count_connection(&self, outcome: &str) {
        self.services.metrics.connected.with_label_values(&[outcome]).inc();
    }

    fn detach(&self, leg: LegId) {
        // A switchboard that is gone has forgotten the leg as well.
        let _ = self.switchboard.cast(SwitchboardMessage::Detach(leg));
    }
}
