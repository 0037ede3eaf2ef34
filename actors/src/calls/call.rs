//! One call: a SIP leg, a media session and a dialplan run; and while its caller speaks with
//! somebody else, that one's leg and session too.
//!
//! Owns the media sessions (closed when dropped) and this call's spools. If it dies, the
//! switchboard hangs up its legs and makes messages of its spools by the rule that the dialplan
//! gave them; nothing said is lost.
//!
//! Restart policy: never restarted. A call is a conversation; the caller calls again.

mod connect;
mod leg;
mod run;
mod sound;
mod watched;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hark_engine::delivery::machine::RingResult;
use hark_engine::dialplan::effect::{
    Action, Answer, Effect, Failure, Finish, Input, Join, RecordEnd, RecordingId, Ticket,
};
use hark_engine::dialplan::run::Run;
use hark_engine::id::{MessageId, UserId};
use hark_engine::key::{Key, KeySet};
use hark_engine::media::clip::Clip;
use hark_engine::message::{Event as MessageEvent, Sender};
use hark_engine::sip::endpoint::{Command, EndCause, Event as SipEvent, LegId};
use hark_engine::sip::sdp::Negotiated;
use hark_engine::time::Instant;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::CallServices;
use super::dial::Destination;
use super::media::Description;
use super::recordings::CallRecordings;
use super::switchboard::{Ready, SwitchboardMessage};
use super::track::Track;
use super::trunks::TrunkCall;
use super::{queries, sounds};
use crate::clock;
use crate::media::{MediaEvent, MediaSession, PlayRequest, RecordRequest};
use crate::orders::Ordered;
use connect::Connection;
use watched::Watched;

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
    /// Where further legs are asked for.
    pub switchboard: ActorRef<SwitchboardMessage>,
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
    /// What is known of it from outside.
    pub track: Track,
}

/// Who called whom.
pub(super) enum Direction {
    /// We were called.
    Incoming {
        /// The offer; `None` if we are to make it.
        offer: Option<Bytes>,
    },
    /// We ring somebody.
    Outgoing(Box<Outgoing>),
}

/// A call that we make.
pub(super) struct Outgoing {
    /// The message that it delivers, if that is what it is for.
    pub delivery: Option<DeliveryCall>,
    /// Whether nothing that is said in it may be kept.
    pub secret: bool,
    /// Whoever ordered it from a computer watches it.
    pub order: Option<Ordered>,
    /// The trunk over which it goes, which counts it.
    pub _trunk: Option<TrunkCall>,
}

/// What a delivery call is for.
pub(super) struct DeliveryCall {
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
    /// Something happened to one of its legs.
    Sip(Box<SipEvent>),
    /// Something happened in its media session.
    Media(MediaEvent),
    /// Something happened in the media session of the callee that it is connected with.
    FarMedia(LegId, MediaEvent),
    /// A callee was found, or not.
    Dialled(Ticket, Box<Result<(LegId, Destination), Failure>>),
    /// Sounds that nobody could hear are over.
    Unheard(Ticket),
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
    /// Whoever watches the call is shown how long the recording is.
    Tick,
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
    /// The server stops, or somebody in it was erased.
    Drain,
    /// Who ordered it wants it no more, nor what was recorded in it.
    Cancelled,
}

/// The call.
pub(super) struct Call {
    services: CallServices,
    switchboard: ActorRef<SwitchboardMessage>,
    leg: LegId,
    run: Run,
    session: MediaSession,
    description: Description,
    recordings: CallRecordings,
    sender: Sender,
    device: String,
    outgoing: Option<Box<Outgoing>>,
    /// Whoever ordered it from a computer, if anybody did.
    watched: Watched,
    offer: Option<Bytes>,
    /// Our answer to the offer, once early media or the call itself asked for it.
    agreed: Option<(String, Negotiated)>,
    offered: bool,
    line: Line,
    connection: Option<Connection>,
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
    track: Track,
    /// SIP INFO keys that the session has not reported yet.
    info_keys: u32,
    /// Whether the phone sends telephone events.
    rtp_keys: bool,
    hung_up: bool,
}

/// How far the leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Not answered yet, and nothing can be heard.
    Ringing,
    /// Not answered yet, and early media is heard.
    Early,
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
    /// Whether its sounds are heard: all of them could be made, and somebody listens.
    complete: bool,
    /// Whether there is no media to play them in; a timer ends them.
    unheard: bool,
}

struct RecordingNow {
    ticket: Ticket,
    recording: RecordingId,
    join: Option<Join>,
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
        let secret = call.outgoing.as_ref().is_some_and(|outgoing| outgoing.secret);
        if call.services.tracks.traced() && !secret {
            call.run.trace();
        }
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
            CallMessage::Sip(event) => match event.leg() {
                Some(leg) if leg != call.leg => call.far_sip(&myself, leg, *event),
                Some(_) | None => call.sip(&myself, *event),
            },
            CallMessage::Media(event) => call.media(&myself, event),
            CallMessage::FarMedia(leg, event) => call.far_media(leg, event),
            CallMessage::Dialled(ticket, dialled) => call.dialled(&myself, ticket, *dialled),
            CallMessage::Ready(ticket, clips, complete) => {
                call.ready(&myself, ticket, clips, complete);
            }
            CallMessage::Unheard(ticket) => {
                call.play_done(&myself, ticket.0.into(), Duration::ZERO);
            }
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
            CallMessage::Tick => call.tick(&myself),
            CallMessage::Stop(Stop::Cancelled) => {
                call.watched.cancel();
                call.hang_up(&myself, None);
            }
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
        let CallArguments { services, switchboard, leg, run, session, direction, .. } = arguments;
        let CallArguments { recordings, description, sender, begun, track, .. } = arguments;
        services.metrics.live.inc();
        let (outgoing, offer) = match direction {
            Direction::Incoming { offer } => (None, offer),
            Direction::Outgoing(outgoing) => (Some(outgoing), None),
        };
        let delivery = outgoing.as_ref().and_then(|outgoing| outgoing.delivery.as_ref());
        let order = outgoing.as_ref().and_then(|outgoing| outgoing.order.clone());
        let device = match (delivery, &order) {
            (Some(delivery), _) => format!("phone:{}", delivery.device),
            // The number that a link's holder had called is no affair of the sender's.
            (None, Some(order)) if order.user().is_some() => format!("phone:{}", order.device()),
            (None, Some(_) | None) => "phone".to_owned(),
        };
        let watched = Watched::new(order);
        Self {
            services,
            switchboard,
            leg,
            run,
            session,
            description,
            recordings,
            sender,
            device,
            outgoing,
            watched,
            offer,
            agreed: None,
            offered: false,
            line: Line::Ringing,
            connection: None,
            playing: None,
            recording: None,
            early: VecDeque::new(),
            armed: None,
            begun,
            answered: false,
            confirming: None,
            settles_itself: false,
            track,
            info_keys: 0,
            rtp_keys: false,
            hung_up: false,
        }
    }
}
