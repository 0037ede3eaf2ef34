//! The root of the actors: starts those that live as long as the server, and restarts them.
//!
//! | actor | if it fails | lost with it |
//! |---|---|---|
//! | switchboard | restarted, [`RESTARTS_A_MINUTE`] times a minute at most | the calls that are up; what was said in them is made into messages at once |
//! | dispatcher | the same | nothing: deliveries are resumed from the store |
//! | announcer | the same | nothing: announcements, schedules and rules are read from the store |
//! | janitor | the same | nothing: mailboxes are counted afresh |
//! | notifier | the same | SIP subscriptions, which end as deactivated: telephones subscribe again at once |
//! | store actor | the same | nothing: it only watches the writer's thread |
//!
//! One that fails oftener ends the process with an error, so that whatever watches over it (a
//! service manager) starts afresh from the disk, which is always in order.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use hark_engine::id::UserId;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::watch;

use crate::announce::{Announcer, AnnouncerArguments};
use crate::calls::{Switchboard, SwitchboardArguments, SwitchboardMessage};
use crate::delivery::{Dispatcher, DispatcherArguments, DispatcherMessage};
use crate::retention::{Janitor, JanitorServices};
use crate::store::{Store, StoreActor};
use crate::subscriptions::{Notifier, NotifierArguments};

/// How often one actor may be restarted in any minute.
pub const RESTARTS_A_MINUTE: usize = 5;

const MINUTE: Duration = Duration::from_secs(60);

/// The actor.
#[derive(Debug)]
pub struct Supervisor;

/// What its children are made of.
pub struct SupervisorArguments {
    /// For the switchboard.
    pub switchboard: SwitchboardArguments,
    /// For the dispatcher.
    pub dispatcher: DispatcherArguments,
    /// For the announcer.
    pub announcer: AnnouncerArguments,
    /// For the janitor.
    pub janitor: JanitorServices,
    /// For the notifier.
    pub notifier: NotifierArguments,
    /// For the store actor.
    pub store: Store,
    /// Set to true when the server can't go on.
    pub fatal: watch::Sender<bool>,
}

/// What it is told.
#[derive(Debug)]
pub enum SupervisorMessage {
    /// Refuse new calls and end those that are up.
    Drain,
    /// How many calls are up?
    CountCalls(ractor::RpcReplyPort<usize>),
    /// A user was erased: end the calls that they are in.
    Leave(UserId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Child {
    Switchboard,
    Dispatcher,
    Announcer,
    Janitor,
    Notifier,
    Store,
}

/// The children.
pub struct SupervisorState {
    arguments: SupervisorArguments,
    children: HashMap<ActorId, Child>,
    restarts: HashMap<Child, VecDeque<Instant>>,
    switchboard: Option<ActorRef<SwitchboardMessage>>,
    dispatcher: Option<ActorRef<DispatcherMessage>>,
    draining: bool,
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let mut state = SupervisorState {
            arguments,
            children: HashMap::new(),
            restarts: HashMap::new(),
            switchboard: None,
            dispatcher: None,
            draining: false,
        };
        let children = [
            Child::Store,
            Child::Dispatcher,
            Child::Notifier,
            Child::Announcer,
            Child::Janitor,
            Child::Switchboard,
        ];
        for child in children {
            state.start(child, myself.get_cell()).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisorMessage::Drain = message {
            // Deliveries stop first: a call that ends because the server stops is no failure of
            // its delivery, which goes on after the start.
            state.draining = true;
            if let Some(dispatcher) = state.dispatcher.take() {
                dispatcher.stop(None);
            }
        }
        let Some(switchboard) = &state.switchboard else { return Ok(()) };
        // A switchboard that has just failed has no calls.
        let _told = match message {
            SupervisorMessage::Drain => switchboard.cast(SwitchboardMessage::Drain),
            SupervisorMessage::CountCalls(reply) => {
                switchboard.cast(SwitchboardMessage::Count(reply))
            }
            SupervisorMessage::Leave(user) => switchboard.cast(SwitchboardMessage::Leave(user)),
        };
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, error) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, error.to_string()),
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                (cell, reason.unwrap_or_else(|| "it stopped".into()))
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        let Some(child) = state.children.remove(&cell.get_id()) else { return Ok(()) };
        if state.draining {
            return Ok(());
        }
        tracing::error!(?child, error, "a part of the server failed: it is restarted");
        if state.too_often(child) {
            tracing::error!(?child, "it fails again and again: the server ends");
            state.arguments.fatal.send_replace(true);
            return Ok(());
        }
        if let Err(error) = state.start(child, myself.get_cell()).await {
            tracing::error!(?child, %error, "it can't be restarted: the server ends");
            state.arguments.fatal.send_replace(true);
        }
        Ok(())
    }
}

impl SupervisorState {
    async fn start(&mut self, child: Child, me: ActorCell) -> Result<(), ActorProcessingErr> {
        let id = match child {
            Child::Switchboard => {
                // Before the next one takes calls of its own.
                if self.switchboard.take().is_some() {
                    self.recover_calls();
                }
                let arguments = self.arguments.switchboard.clone();
                let (actor, _) = Actor::spawn_linked(None, Switchboard, arguments, me).await?;
                let id = actor.get_id();
                self.switchboard = Some(actor);
                id
            }
            Child::Dispatcher => {
                let arguments = self.arguments.dispatcher.clone();
                let (actor, _) = Actor::spawn_linked(None, Dispatcher, arguments, me).await?;
                let id = actor.get_id();
                self.dispatcher = Some(actor);
                id
            }
            Child::Announcer => {
                let arguments = self.arguments.announcer.clone();
                Actor::spawn_linked(None, Announcer, arguments, me).await?.0.get_id()
            }
            Child::Janitor => {
                let services = self.arguments.janitor.clone();
                Actor::spawn_linked(None, Janitor, services, me).await?.0.get_id()
            }
            Child::Notifier => {
                let arguments = self.arguments.notifier.clone();
                Actor::spawn_linked(None, Notifier, arguments, me).await?.0.get_id()
            }
            Child::Store => {
                let store = self.arguments.store.clone();
                Actor::spawn_linked(None, StoreActor, store, me).await?.0.get_id()
            }
        };
        self.children.insert(id, child);
        Ok(())
    }

    /// The calls of a switchboard that died have died with it; what was said in them has not.
    fn recover_calls(&self) {
        let SwitchboardArguments { services, ledger, .. } = &self.arguments.switchboard;
        ledger.clear_up(services);
    }

    fn too_often(&mut self, child: Child) -> bool {
        let now = Instant::now();
        let times = self.restarts.entry(child).or_default();
        times.retain(|time| now.duration_since(*time) < MINUTE);
        times.push_back(now);
        times.len() > RESTARTS_A_MINUTE
    }
}
