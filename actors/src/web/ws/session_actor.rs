//! One browser session: what a tab is shown, and what it records.
//!
//! Owns its place in the hub, its user's presence for as long as it lives, the queue to its
//! socket and the recording in hand. When it dies, all four are released by `Drop`: the socket
//! closes, the browser comes back and reads afresh, and what was spoken becomes a message as
//! after any lost connection. It is not restarted: without its socket it would be nobody's.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use actix_ws::CloseCode;
use bytes::Bytes;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{LoggedEvent, MessageSummary};
use hark_engine::time::UnixMillis;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::frames::{
    ClientId, Counts, Incoming, MessageState, Outgoing, Receipt, Recording, RecordingState,
    StepView,
};
use super::hub::Seat;
use super::mailbox::{Door, Place};
use super::subscription::{SubscriptionActor, SubscriptionArgs};
use super::upload::{Appended, Intent, Upload, UploadError};
use super::{LastWord, Out, TOO_SLOW};
use crate::bus::BusEvent;
use crate::presence_board::BrowserGuard;
use crate::web::error::ApiError;
use crate::web::scopes::{Grants, Scope};
use crate::web::view::{self, MessageView, ReachView};
use crate::web::{WebState, state};

/// Events from the hub that may wait.
const EVENTS: usize = 256;
/// A presence subscription that dies oftener takes the session with it.
const RESTARTS: u32 = 5;
/// Frames that make no sense, before the browser is cut off.
const NONSENSE: u32 = 20;
/// Recordings of one session that may be on their way into the store at once.
const FINISHING: usize = 4;

/// What a session is told.
pub enum SessionMsg {
    /// A text frame came.
    Text(String, Place),
    /// A binary frame came: the next bytes of the recording.
    Binary(Bytes, Place),
    /// The bus told something about this user.
    Bus(Arc<BusEvent>, Place),
    /// A contact's presence changed.
    Presence(UserId, ReachView, Place),
    /// Events were lost: show everything afresh.
    Reread(Place),
    /// Look whether the recording has gone quiet.
    Tick(Place),
    /// A recording was made into a message, or was not.
    Recorded(ClientId, Result<MessageId, UploadError>),
    /// The browser does not keep up.
    TooSlow,
    /// The socket is gone.
    SocketClosed,
    /// The server stops.
    ServerStops,
    /// The user was erased.
    AccountGone,
}

/// What a session is made of.
pub struct SessionArgs {
    /// The server.
    pub app: Arc<WebState>,
    /// Who is signed in.
    pub user: UserId,
    /// What they may do.
    pub grants: Grants,
    /// The last event that the client knows, if it comes back.
    pub last_event: Option<i64>,
    /// The session's place in the hub.
    pub seat: Seat,
    /// The queue to the socket.
    pub out: mpsc::Sender<Out>,
    /// What is said when the queue is full.
    pub last_word: LastWord,
}

/// The actor; its state is [`Session`].
pub struct SessionActor;

/// The state of a [`SessionActor`].
pub struct Session {
    app: Arc<WebState>,
    user: UserId,
    grants: Grants,
    out: mpsc::Sender<Out>,
    last_word: LastWord,
    myself: ActorRef<SessionMsg>,
    /// None for an application: its user is not there because it listens.
    presence: Option<BrowserGuard>,
    /// Events up to this one were told as missed: the bus tells some of them again.
    told_up_to: i64,
    events: Door<SessionMsg>,
    told: HashMap<UserId, ReachView>,
    restarts: u32,
    nonsense: u32,
    upload: Option<(ClientId, Upload)>,
    finishing: usize,
    /// Recordings that ended lately: a late frame about them is no nonsense.
    ended: VecDeque<ClientId>,
    _open: state::Counted,
    _seat: Seat,
}

impl Actor for SessionActor {
    type Msg = SessionMsg;
    type State = Session;
    type Arguments = SessionArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMsg>,
        args: SessionArgs,
    ) -> Result<Session, ActorProcessingErr> {
        let SessionArgs { app, user, grants, last_event, seat, out, last_word } = args;
        let events = Door::new(myself.clone(), EVENTS);
        if !seat.open(events.clone()) {
            myself.cast(SessionMsg::ServerStops)?;
        }
        let mut session = Session {
            presence: (grants == Grants::Everything).then(|| app.board.browser_opened(user)),
            _open: state::Counted::new(app.metrics.sessions.clone()),
            app,
            user,
            grants,
            out,
            last_word,
            myself,
            told_up_to: 0,
            events,
            told: HashMap::new(),
            restarts: 0,
            nonsense: 0,
            upload: None,
            finishing: 0,
            ended: VecDeque::new(),
            _seat: seat,
        };
        session.resume(last_event).await?;
        session.watch().await?;
        Ok(session)
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut Session,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionMsg::Text(text, _place) => state.text(&text).await,
            SessionMsg::Binary(bytes, _place) => state.binary(&bytes),
            SessionMsg::Bus(event, _place) => state.bus(&event).await,
            SessionMsg::Presence(user, reach, _place) => state.contact(user, reach),
            SessionMsg::Reread(_place) => state.resume(None).await?,
            SessionMsg::Tick(_place) => state.tick(),
            SessionMsg::Recorded(id, outcome) => state.recorded(id, outcome),
            SessionMsg::TooSlow => state.drop_slow(),
            SessionMsg::SocketClosed => myself.stop(None),
            SessionMsg::ServerStops => state.close(CloseCode::Away, "the server stops"),
            SessionMsg::AccountGone => state.close(CloseCode::Policy, "the account is no more"),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SessionMsg>,
        event: SupervisionEvent,
        state: &mut Session,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(..) => {
                state.restarts += 1;
                state.app.metrics.subscription_restarts.inc();
                if state.restarts > RESTARTS {
                    state.close(CloseCode::Error, "presence can't be watched");
                } else {
                    state.watch().await?;
                }
            }
            // The subscription ends by itself only because we do.
            SupervisionEvent::ActorTerminated(..) => myself.stop(None),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl Session {
    /// Shows who is who, and tells whoever comes back what they missed.
    async fn resume(&mut self, last_event: Option<i64>) -> Result<(), ApiError> {
        // Read before the lists: what happens meanwhile is told by the bus, twice at worst.
        let now = self.app.store.last_event().await?;
        let missed = match last_event.filter(|last| (0..=now).contains(last)) {
            Some(last) => Some(self.app.store.missed(self.user, last).await?),
            None => None,
        };
        let missed = missed.filter(|missed| !missed.too_many);
        self.hello(now, missed.is_some()).await?;
        if let Some(missed) = missed {
            for (sender, event) in &missed.events {
                self.logged(*sender, event);
            }
            self.told_up_to = missed.up_to;
        }
        Ok(())
    }

    async fn hello(&mut self, last_event_id: i64, resumed: bool) -> Result<(), ApiError> {
        let directory = self.app.directory();
        let user = directory.user(self.user).ok_or(ApiError::SignedOut)?;
        let contacts = view::contacts(&directory, user, &self.app.board);
        self.told = contacts.iter().map(|c| (c.user.id, c.reach)).collect();
        let counts = Counts::from(self.app.lamp(self.user).await?);
        self.tell(Outgoing::Hello { user: user.into(), contacts, counts, last_event_id, resumed });
        Ok(())
    }

    /// Starts the presence subscription, from what the browser was told last.
    async fn watch(&mut self) -> Result<(), ActorProcessingErr> {
        let args = SubscriptionArgs {
            hub: self.app.hub.clone(),
            board: self.app.board.clone(),
            session: self.events.clone(),
            told: self.told.clone(),
        };
        let supervisor = self.myself.get_cell();
        Actor::spawn_linked(None, SubscriptionActor, args, supervisor).await?;
        Ok(())
    }

    fn contact(&mut self, user: UserId, reach: ReachView) {
        self.told.insert(user, reach);
        self.tell(Outgoing::Presence { user, reach });
    }

    async fn bus(&mut self, event: &BusEvent) {
        match event {
            BusEvent::PopUp { message, link, .. } => self.popup(message, link).await,
            BusEvent::Logged { event, .. } if (1..=self.told_up_to).contains(&event.seq) => {}
            BusEvent::Logged { sender, event } => self.logged(*sender, event),
            BusEvent::Lamp { lamp, .. } => self.tell(Outgoing::Counts((*lamp).into())),
            BusEvent::Chat(event) => self.chat(event),
            BusEvent::Order { progress, .. } => self.tell(Outgoing::Call(progress.clone())),
            BusEvent::Notice { text, .. } => self.tell(Outgoing::Notice { text: text.clone() }),
            BusEvent::Announcement { id, state, .. } => {
                self.tell(Outgoing::Event { id: *id, state });
            }
            BusEvent::Mailbox { percent, nearly_full, .. } => {
                let (percent, nearly_full) = (*percent, *nearly_full);
                self.tell(Outgoing::Mailbox { percent, nearly_full });
            }
            BusEvent::Telephones { .. } => {}
            // An arrival is told by its `accepted` event, presence by the subscription.
            BusEvent::Arrived { .. } | BusEvent::Presence { .. } => {}
        }
    }

    /// A line of the event log, for its recipient or its sender.
    fn logged(&mut self, sender: Option<UserId>, event: &LoggedEvent) {
        if event.recipient == self.user
            && let Some(state) = MessageState::of(event)
        {
            self.tell(Outgoing::MessageState(state));
        }
        if sender == Some(self.user)
            && let Some(step) = StepView::of(event)
        {
            let recipient = event.recipient;
            let recipient_name = self.app.name_of(recipient);
            let message = event.message;
            let event_id = event.seq;
            let receipt = Receipt { message, recipient, recipient_name, step, event_id };
            self.tell(Outgoing::Receipt(receipt));
        }
    }

    async fn popup(&mut self, message: &MessageSummary, link: &str) {
        let committed_at: UnixMillis = message.at;
        let peaks = self.app.peaks(message.id).await;
        let announcement = self.app.messages.is_announcement(message.id);
        let view = MessageView::new(message.clone(), peaks);
        let message = Box::new(MessageView { announcement, ..view });
        self.tell(Outgoing::Popup { message, link: link.to_owned(), committed_at });
    }

    async fn text(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(Incoming::RecordStart { id, to, mime, urgent }) => {
                self.record_start(id, Intent { sender: self.user, to, mime, urgent }).await;
            }
            Ok(Incoming::RecordStop { id }) => self.record_stop(&id),
            Ok(Incoming::RecordCancel { id }) => self.record_cancel(&id),
            Ok(Incoming::Activity { active }) => {
                if let Some(presence) = &mut self.presence {
                    presence.set_active(active);
                }
            }
            Ok(Incoming::Seen { message }) => {
                if let Err(error) = self.app.seen(self.user, message).await {
                    tracing::debug!(%error, "a pop-up could not be confirmed");
                }
            }
            Ok(Incoming::Pong) => {}
            Ok(Incoming::Chat(frame)) => self.chat_frame(frame).await,
            Err(error) => self.nonsense(&error.to_string()),
        }
    }

    fn nonsense(&mut self, why: &str) {
        tracing::debug!(why, "a browser sent a frame that makes no sense");
        self.app.metrics.dropped.with_label_values(&["frame"]).inc();
        self.nonsense += 1;
        if self.nonsense > NONSENSE {
            self.close(CloseCode::Policy, "too many frames that make no sense");
        }
    }

    async fn record_start(&mut self, id: ClientId, intent: Intent) {
        if !id.is_fit() {
            return self.nonsense("the name of the recording is too long");
        }
        if !self.grants.hold(Scope::MessagesSend) {
            let lacks = ApiError::WrongScope(Scope::MessagesSend.to_string());
            return self.failed(id, &lacks.into());
        }
        if self.upload.is_some() || self.finishing >= FINISHING {
            return self.failed(id, &UploadError::OneAtATime);
        }
        match Upload::start(&self.app, intent).await {
            Ok(upload) => {
                self.tell_recording(&id, RecordingState::Open, &upload);
                self.upload = Some((id, upload));
            }
            Err(error) => self.failed(id, &error),
        }
    }

    fn binary(&mut self, bytes: &Bytes) {
        // Bytes of a recording that has ended already are late, not wrong.
        let Some((id, mut upload)) = self.upload.take() else { return };
        match upload.append(bytes) {
            Ok(Appended::Quietly) => self.upload = Some((id, upload)),
            Ok(Appended::Noticeably) => {
                self.tell_recording(&id, RecordingState::Progress, &upload);
                self.upload = Some((id, upload));
            }
            // What fits is kept, as on the telephone.
            Ok(Appended::Full) => self.finish(id, upload),
            Err(error) => {
                upload.cancel();
                self.failed(id, &error);
            }
        }
    }

    fn record_stop(&mut self, id: &ClientId) {
        match self.upload.take_if(|(open, _)| open == id) {
            Some((id, upload)) => self.finish(id, upload),
            None if self.ended.contains(id) => {}
            None => self.nonsense("no such recording is open"),
        }
    }

    fn record_cancel(&mut self, id: &ClientId) {
        match self.upload.take_if(|(open, _)| open == id) {
            Some((id, upload)) => {
                upload.cancel();
                self.app.metrics.recordings.with_label_values(&["cancelled"]).inc();
                self.remember(id);
            }
            None if self.ended.contains(id) => {}
            None => self.nonsense("no such recording is open"),
        }
    }

    fn tick(&mut self) {
        if let Some((id, upload)) = self.upload.take_if(|(_, upload)| upload.is_abandoned()) {
            self.finish(id, upload);
        }
    }

    /// Makes the recording a message, off this actor; [`SessionMsg::Recorded`] comes back.
    fn finish(&mut self, id: ClientId, upload: Upload) {
        self.finishing += 1;
        self.remember(id.clone());
        let myself = self.myself.clone();
        let session = self.myself.clone();
        let told = move || session.get_status() == ractor::ActorStatus::Running;
        let committing = upload.finish(told);
        tokio::spawn(async move {
            let outcome = committing.await;
            // A session that is gone by now has nobody to tell; the message exists all the same.
            let _gone = myself.cast(SessionMsg::Recorded(id, outcome));
        });
    }

    fn recorded(&mut self, id: ClientId, outcome: Result<MessageId, UploadError>) {
        self.finishing = self.finishing.saturating_sub(1);
        match outcome {
            Ok(message) => self.tell(Outgoing::Recording(Recording {
                id,
                state: RecordingState::Committed,
                bytes: 0,
                ms: 0,
                message: Some(message),
                error: None,
            })),
            Err(error) => self.failed(id, &error),
        }
    }

    fn failed(&mut self, id: ClientId, error: &UploadError) {
        self.remember(id.clone());
        self.tell(Outgoing::Recording(Recording {
            id,
            state: RecordingState::Failed,
            bytes: 0,
            ms: 0,
            message: None,
            error: Some(error.to_string()),
        }));
    }

    fn remember(&mut self, id: ClientId) {
        if self.ended.len() >= 2 * FINISHING {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
    }

    fn tell_recording(&mut self, id: &ClientId, state: RecordingState, upload: &Upload) {
        self.tell(Outgoing::Recording(Recording {
            id: id.clone(),
            state,
            bytes: upload.bytes(),
            ms: upload.ms(),
            message: None,
            error: None,
        }));
    }

    /// Whose session it is.
    pub(super) const fn user(&self) -> UserId {
        self.user
    }

    /// The server.
    pub(super) const fn app(&self) -> &Arc<WebState> {
        &self.app
    }

    pub(super) fn tell(&mut self, frame: Outgoing) {
        match self.out.try_send(Out::Frame(Box::new(frame))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.drop_slow(),
            // The pump is gone; `SocketClosed` is on its way.
            Err(TrySendError::Closed(_)) => {}
        }
    }

    fn drop_slow(&mut self) {
        self.app.metrics.dropped.with_label_values(&["slow"]).inc();
        self.close(CloseCode::Again, TOO_SLOW);
    }

    /// Closes the socket and ends the session. With a full queue the pump comes to its end
    /// instead, and to the last word.
    fn close(&mut self, code: CloseCode, reason: &'static str) {
        let _said_already = self.last_word.set((code, reason));
        let _full_or_gone = self.out.try_send(Out::Close(code, reason));
        self.myself.stop(Some(reason.to_owned()));
    }
}
