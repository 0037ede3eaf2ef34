//! One call: a SIP leg, a media session and a dialplan run.
//!
//! Owns the media session (closed when dropped) and this call's spools. If it dies, the
//! switchboard hangs up the leg and makes messages of its spools by the rule that the dialplan
//! gave them; nothing said is lost.
//!
//! Restart policy: never restarted. A call is a conversation; the caller calls again.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hark_engine::delivery::machine::RingResult;
use hark_engine::dialplan::effect::{
    Action, Answer, Effect, Failure, Finish, Input, RecordEnd, Ticket,
};
use hark_engine::dialplan::run::Run;
use hark_engine::id::UserId;
use hark_engine::key::{Key, KeySet};
use hark_engine::media::clip::Clip;
use hark_engine::message::{Event as MessageEvent, Sender};
use hark_engine::sip::endpoint::{Command, EndCause, Event as SipEvent, LegId};
use hark_engine::time::Instant;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::CallServices;
use super::media::Description;
use super::recordings::CallRecordings;
use super::switchboard::Ready;
use super::{queries, sounds};
use crate::clock;
use crate::media::{MediaEvent, MediaSession, PlayRequest, RecordRequest};

/// How long a call may take to be over once a leg was hung up, by whomever.
const LINGER: Duration = Duration::from_secs(40);
/// How long the media shard may take to hand over a recording that it was told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Keys that may wait for the run: it keeps sixteen itself, the rest is noise.
const MAX_EARLY_KEYS: usize = 32;

/// The actor.
pub(super) struct CallActor;

/// What a call begins with.
pub(super) struct CallArguments {
    pub services: CallServices,
    pub leg: LegId,
    pub run: Run,
    pub session: MediaSession,
    pub direction: Direction,
    pub recordings: CallRecordings,
    pub description: Description,
    /// Whose the recordings of this call are.
    pub sender: Sender,
    /// Where the media session's events wait for this actor.
    pub ready: Ready,
    /// When the INVITE arrived or was sent.
    pub begun: Instant,
}

/// Who called whom.
pub(super) enum Direction {
    /// We were called.
    Incoming {
        /// The offer; `None` if we are to make it.
        offer: Option<Bytes>,
    },
    /// We ring somebody to deliver a message.
    Outgoing(Box<Outgoing>),
}

/// A delivery call.
pub(super) struct Outgoing {
    /// How receipts call the device.
    pub device: String,
    /// Whom it is for, and which message.
    pub user: UserId,
    pub message: hark_engine::id::MessageId,
    /// Told how it ended.
    pub reply: Option<tokio::sync::oneshot::Sender<RingResult>>,
}

/// What a call is told.
#[derive(Debug)]
pub(super) enum CallMessage {
    /// Something happened to its leg.
    Sip(Box<SipEvent>),
    /// Something happened in its media session.
    Media(MediaEvent),
    /// The sounds of a play are ready.
    /// Whether none of them is a tone in the place of one that can't be made.
    Ready(Ticket, Vec<Arc<Clip>>, bool),
    /// A send or an act was done, or not.
    Done(Ticket, Result<(), Failure>),
    /// A query was answered.
    Answered(Ticket, Result<Answer, Failure>),
    /// The run's deadline has come.
    Deadline,
    /// A recording that was told to stop has still not been handed over.
    StopLate(Ticket),
    /// End the call.
    Stop(Stop),
    /// The leg has not ended in time.
    GiveUp,
}

/// Why a call is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The message that it delivers was heard, saved or deleted.
    Settled,
    /// The server stops.
    Drain,
}

/// The call.
pub(super) struct Call {
    services: CallServices,
    leg: LegId,
    run: Run,
    session: MediaSession,
    description: Description,
    recordings: CallRecordings,
    sender: Sender,
    device: String,
    outgoing: Option<Box<Outgoing>>,
    offer: Option<Bytes>,
    offered: bool,
    line: Line,
    playing: Option<Playing>,
    recording: Option<RecordingNow>,
    early: VecDeque<Key>,
    /// The deadline for which a timer is set.
    armed: Option<Instant>,
    begun: Instant,
    answered: bool,
    /// The confirmation that is on its way into the store, or in it.
    confirming: Option<Ticket>,
    /// Whether this delivery call itself noted what became of its message.
    settles_itself: bool,
    /// SIP INFO keys that the session has not reported yet.
    info_keys: u32,
    /// Whether the phone sends telephone events.
    rtp_keys: bool,
    hung_up: bool,
}

/// How far the leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Not answered yet.
    Ringing,
    /// Answered; the caller's ACK is not here yet, so nothing is played that it would miss.
    Answering,
    /// Up.
    Up,
    /// Over.
    Gone,
}

struct Playing {
    ticket: Ticket,
    stop_on: KeySet,
    /// When its sounds were ready and began; `None` before.
    started: Option<Instant>,
    /// Whether all of its sounds could be made.
    complete: bool,
}

struct RecordingNow {
    ticket: Ticket,
    since: Instant,
    /// Tell the run that the caller is gone once the recording is handed over.
    then_hangup: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.services.metrics.live.dec();
        self.services.metrics.length.observe(clock::now().since(self.begun).as_secs_f64());
    }
}

impl Actor for CallActor {
    type Msg = CallMessage;
    type State = Call;
    type Arguments = CallArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        arguments.ready.connect(&myself);
        let mut call = Call::new(arguments);
        call.run.start(clock::now());
        if call.outgoing.is_none() {
            call.drive(&myself);
        }
        Ok(call)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        call: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CallMessage::Sip(event) => call.sip(&myself, *event),
            CallMessage::Media(event) => call.media(&myself, event),
            CallMessage::Ready(ticket, clips, complete) => call.ready(ticket, clips, complete),
            CallMessage::Done(ticket, result) => {
                // What could not be noted is tried again by another call.
                if result.is_err() && call.confirming == Some(ticket) {
                    call.confirming = None;
                }
                call.tell(&myself, Input::Done(ticket, result));
            }
            CallMessage::Answered(ticket, answer) => {
                call.tell(&myself, Input::Answered(ticket, answer));
            }
            CallMessage::Deadline => {
                call.armed.take_if(|armed| *armed <= clock::now());
                if call.line != Line::Answering {
                    call.run.handle_timeout(clock::now());
                    call.drive(&myself);
                }
            }
            CallMessage::StopLate(ticket) => call.stop_late(&myself, ticket),
            // What settles a delivery may be the very key that was pressed in this call.
            CallMessage::Stop(Stop::Settled) if call.settles_itself => {}
            CallMessage::Stop(Stop::Settled | Stop::Drain) => call.hang_up(&myself, None),
            CallMessage::GiveUp => myself.stop(None),
        }
        Ok(())
    }
}

impl Call {
    fn new(arguments: CallArguments) -> Self {
        let CallArguments { services, leg, run, session, direction, .. } = arguments;
        let CallArguments { recordings, description, sender, begun, .. } = arguments;
        services.metrics.live.inc();
        let (outgoing, offer) = match direction {
            Direction::Incoming { offer } => (None, offer),
            Direction::Outgoing(outgoing) => (Some(outgoing), None),
        };
        let device = match &outgoing {
            Some(outgoing) => format!("phone:{}", outgoing.device),
            None => "phone".to_owned(),
        };
        Self {
            services,
            leg,
            run,
            session,
            description,
            recordings,
            sender,
            device,
            outgoing,
            offer,
            offered: false,
            line: Line::Ringing,
            playing: None,
            recording: None,
            early: VecDeque::new(),
            armed: None,
            begun,
            answered: false,
            confirming: None,
            settles_itself: false,
            info_keys: 0,
            rtp_keys: false,
            hung_up: false,
        }
    }

    // ---- the leg ----

    fn sip(&mut self, myself: &ActorRef<CallMessage>, event: SipEvent) {
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
    fn pick_up(&mut self) {
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
        let setup = clock::now().since(self.begun).as_secs_f64();
        self.services.metrics.setup.observe(setup);
        self.services.sip.command(Command::Answer { leg: self.leg, sdp: answer });
    }

    /// The caller has seen our answer: it hears what is played from now on.
    fn line_up(&mut self, myself: &ActorRef<CallMessage>, sdp: Option<Bytes>) {
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
    fn picked_up(&mut self, myself: &ActorRef<CallMessage>, sdp: &Bytes, signalling: IpAddr) {
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
        self.line = Line::Up;
        self.drive(myself);
    }

    /// A device of the recipient rings: that is a notification.
    fn rings(&self) {
        let Some(outgoing) = &self.outgoing else { return };
        let (message, user) = (outgoing.message, outgoing.user);
        let event = MessageEvent::Notified { device: self.device.clone() };
        let messages = self.services.messages.clone();
        tokio::spawn(async move {
            if let Err(error) = messages.note(message, user, event).await {
                tracing::warn!(%error, "can't note that a phone rings");
            }
        });
    }

    fn reinvite(&mut self, sdp: Option<Bytes>) {
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

    fn ended(&mut self, myself: &ActorRef<CallMessage>, cause: &EndCause) {
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
        self.line = Line::Gone;
        // What the run still has to do, such as sending, is bounded too.
        myself.send_after(LINGER, || CallMessage::GiveUp);
        self.caller_gone(myself, false);
        self.stop_if_over(myself);
    }

    /// Tells the delivery how its call went.
    fn report(&mut self, cause: &EndCause) {
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

    fn hang_up(&mut self, myself: &ActorRef<CallMessage>, reason: Option<&str>) {
        if self.hung_up || self.line == Line::Gone {
            return;
        }
        self.hung_up = true;
        let reason = reason.filter(|r| r.contains(';')).map(str::to_owned);
        self.services.sip.command(Command::Hangup { leg: self.leg, reason });
        myself.send_after(LINGER, || CallMessage::GiveUp);
    }

    // ---- media ----

    fn media(&mut self, myself: &ActorRef<CallMessage>, event: MediaEvent) {
        match event {
            MediaEvent::Key { key, .. } => {
                match self.info_keys.checked_sub(1) {
                    Some(left) => self.info_keys = left,
                    None => self.rtp_keys = true,
                }
                self.key(myself, key);
            }
            MediaEvent::PlayDone { id, played, .. } => self.play_done(myself, id, played),
            MediaEvent::RecordDone { id, end, length } => {
                self.record_done(myself, id, end, length);
            }
            MediaEvent::Dead => {
                tracing::info!("a call without media is ended");
                self.services.metrics.calls.with_label_values(&["any", "media_dead"]).inc();
                self.hang_up(myself, Some("Q.850;cause=41;text=\"media lost\""));
                self.caller_gone(myself, true);
            }
        }
    }

    fn key(&mut self, myself: &ActorRef<CallMessage>, key: Key) {
        if self.line == Line::Ringing || self.line == Line::Answering {
            if self.early.len() < MAX_EARLY_KEYS {
                self.early.push_back(key);
            }
            return;
        }
        self.run.handle_input(clock::now(), Input::Key(key));
        let stops = self.playing.take_if(|playing| playing.stop_on.contains(key));
        match stops {
            // Sounds that are still being made have no session that stops them.
            Some(Playing { ticket, started: None, .. }) => {
                let played = Duration::ZERO;
                self.run.handle_input(clock::now(), Input::PlayDone { ticket, played });
            }
            // The session has stopped it, unless the key came before the sounds did.
            Some(playing) => {
                self.session.stop_play(playing.ticket.0.into());
                self.playing = Some(playing);
            }
            None => {}
        }
        self.drive(myself);
    }

    fn ready(&mut self, ticket: Ticket, clips: Vec<Arc<Clip>>, complete: bool) {
        match &mut self.playing {
            Some(playing) if playing.ticket == ticket && playing.started.is_none() => {
                playing.started = Some(clock::now());
                playing.complete = complete;
                let stop_on = playing.stop_on;
                self.session.play(PlayRequest { id: ticket.0.into(), clips, stop_on });
            }
            // It was stopped before it began.
            Some(_) | None => {}
        }
    }

    fn play_done(&mut self, myself: &ActorRef<CallMessage>, id: u64, played: Duration) {
        let Some(playing) = self.playing.take_if(|p| u64::from(p.ticket.0) == id) else { return };
        // A tone in a message's place is not the message: nobody has heard it.
        let played = if playing.complete { played } else { Duration::ZERO };
        self.tell(myself, Input::PlayDone { ticket: playing.ticket, played });
    }

    fn record_done(
        &mut self,
        myself: &ActorRef<CallMessage>,
        id: u64,
        end: RecordEnd,
        length: Duration,
    ) {
        let now = self.recording.take_if(|r| u64::from(r.ticket.0) == id);
        let Some(RecordingNow { ticket, then_hangup, .. }) = now else { return };
        let end = match end {
            RecordEnd::Stopped if then_hangup => RecordEnd::Hangup,
            end => end,
        };
        let now = clock::now();
        self.run.handle_input(now, Input::RecordDone { ticket, end, length });
        if then_hangup {
            self.run.handle_input(now, Input::Hangup);
        }
        self.drive(myself);
    }

    fn stop_late(&mut self, myself: &ActorRef<CallMessage>, ticket: Ticket) {
        let Some(recording) = self.recording.as_ref().filter(|r| r.ticket == ticket) else {
            return;
        };
        tracing::warn!("the media session did not hand over a recording in time");
        // What reached the spool is kept; a length of nothing would throw it away.
        let length = clock::now().since(recording.since);
        self.record_done(myself, ticket.0.into(), RecordEnd::Stopped, length);
    }

    /// The caller is gone: what was being said is kept by the dialplan's rule.
    fn caller_gone(&mut self, myself: &ActorRef<CallMessage>, dead: bool) {
        if let Some(playing) = self.playing.take() {
            self.session.stop_play(playing.ticket.0.into());
            let now = clock::now();
            let heard = playing.started.filter(|_| playing.complete);
            // Of a line that fell silent nobody knows when its listener went away.
            let lost = if dead { self.services.dead_after } else { Duration::ZERO };
            let played =
                heard.map_or(Duration::ZERO, |since| now.since(since).saturating_sub(lost));
            self.run.handle_input(now, Input::PlayDone { ticket: playing.ticket, played });
        }
        match &mut self.recording {
            Some(recording) => {
                if !recording.then_hangup {
                    recording.then_hangup = true;
                    let ticket = recording.ticket;
                    self.session.stop_record(ticket.0.into());
                    myself.send_after(STOP_WITHIN, move || CallMessage::StopLate(ticket));
                }
            }
            None => self.run.handle_input(clock::now(), Input::Hangup),
        }
        self.drive(myself);
    }

    // ---- the run ----

    fn tell(&mut self, myself: &ActorRef<CallMessage>, input: Input) {
        self.run.handle_input(clock::now(), input);
        self.drive(myself);
    }

    /// Does what the run wants done. While the caller has not seen our answer, nothing more is
    /// asked of the run: its prompts would play to nobody.
    fn drive(&mut self, myself: &ActorRef<CallMessage>) {
        self.run.handle_timeout(clock::now());
        while self.line != Line::Answering {
            let Some(effect) = self.run.poll_output() else { break };
            self.perform(myself, effect);
        }
        let deadline = self.run.next_deadline();
        if let Some(deadline) = deadline.filter(|_| deadline != self.armed) {
            self.armed = Some(deadline);
            let wait = deadline.since(clock::now());
            myself.send_after(wait, || CallMessage::Deadline);
        }
    }

    fn perform(&mut self, myself: &ActorRef<CallMessage>, effect: Effect) {
        match effect {
            Effect::Answer => self.pick_up(),
            Effect::Play { ticket, sounds, stop_on } => self.play(myself, ticket, sounds, stop_on),
            Effect::StopPlay(ticket) => self.stop_play(myself, ticket),
            Effect::Record { ticket, recording, max, stop_on, silence, on_hangup } => {
                if self.line == Line::Gone || self.hung_up {
                    return self.record_failed(ticket, RecordEnd::Hangup);
                }
                match self.recordings.begin(recording, self.sender.clone(), on_hangup, max) {
                    Ok(sink) => {
                        self.recording =
                            Some(RecordingNow { ticket, since: clock::now(), then_hangup: false });
                        let id = ticket.0.into();
                        let sink = Box::new(sink);
                        self.session.record(RecordRequest { id, sink, max, stop_on, silence });
                    }
                    Err(error) => {
                        tracing::error!(%error, "a recording can't be kept");
                        self.services.metrics.recordings.with_label_values(&["failed"]).inc();
                        self.record_failed(ticket, RecordEnd::Failed);
                    }
                }
            }
            Effect::StopRecord(ticket) => self.session.stop_record(ticket.0.into()),
            Effect::Send { ticket, recording, delivery } => {
                let sent = self.recordings.send(recording, delivery);
                let myself = myself.clone();
                tokio::spawn(async move {
                    let _ = myself.cast(CallMessage::Done(ticket, sent.await));
                });
            }
            Effect::Discard(recording) => self.recordings.discard(recording),
            Effect::Query(ticket, query) => {
                let (services, myself) = (self.services.clone(), myself.clone());
                tokio::spawn(async move {
                    let answer = queries::answer(&services, query).await;
                    let _ = myself.cast(CallMessage::Answered(ticket, answer));
                });
            }
            Effect::Act(ticket, action) => {
                self.settles_itself |= self.outgoing.is_some();
                if let Action::Confirm(..) = action {
                    self.confirming = Some(ticket);
                }
                let (services, myself) = (self.services.clone(), myself.clone());
                let device = self.device.clone();
                tokio::spawn(async move {
                    let done = queries::act(&services, action, &device).await;
                    let _ = myself.cast(CallMessage::Done(ticket, done));
                });
            }
            Effect::Log(line) => tracing::debug!(line, "dialplan"),
            Effect::Panic => planted_panic(),
            Effect::Finished(finish) => {
                tracing::debug!(?finish, "a dialplan run ended");
                if finish == Finish::Completed {
                    self.recordings.discard_refused();
                }
                self.hang_up(myself, None);
                self.stop_if_over(myself);
            }
        }
    }

    fn play(
        &mut self,
        myself: &ActorRef<CallMessage>,
        ticket: Ticket,
        sounds: Vec<hark_engine::dialplan::effect::Sound>,
        stop_on: KeySet,
    ) {
        if self.line == Line::Gone || self.hung_up {
            let input = Input::PlayDone { ticket, played: Duration::ZERO };
            return self.run.handle_input(clock::now(), input);
        }
        self.playing = Some(Playing { ticket, stop_on, started: None, complete: true });
        let services = self.services.clone();
        let myself = myself.clone();
        let list = self.recordings.list();
        tokio::spawn(async move {
            let (clips, complete) = sounds::clips(&services, sounds, &list).await;
            let _ = myself.cast(CallMessage::Ready(ticket, clips, complete));
        });
    }

    fn stop_play(&mut self, myself: &ActorRef<CallMessage>, ticket: Ticket) {
        let Some(playing) = &self.playing else { return };
        if playing.ticket != ticket {
            return;
        }
        if playing.started.is_some() {
            self.session.stop_play(ticket.0.into());
        } else {
            self.play_done(myself, ticket.0.into(), Duration::ZERO);
        }
    }

    fn record_failed(&mut self, ticket: Ticket, end: RecordEnd) {
        let input = Input::RecordDone { ticket, end, length: Duration::ZERO };
        self.run.handle_input(clock::now(), input);
    }

    /// The actor ends when the leg has ended and the run has nothing left to do.
    fn stop_if_over(&mut self, myself: &ActorRef<CallMessage>) {
        if self.line == Line::Gone && self.run.is_finished() {
            myself.stop(None);
        }
    }
}

/// The `panic` instruction, which exists for tests alone: shows that a defect in one call ends
/// that call and no other.
#[allow(clippy::panic, reason = "that is what the instruction is for")]
fn planted_panic() {
    panic!("the dialplan asked for a panic");
}
