//! The notifier: begins subscriptions, and tells each when to look.
//!
//! Owns the list of subscriptions. If it dies they die with it (they are linked) and end as
//! *deactivated*: the telephones subscribe again within seconds. The supervisor restarts it.
//!
//! Restart policy for subscriptions: never. The telephone subscribes again.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hark_engine::id::UserId;
use hark_engine::sip::endpoint::{Command, Event, SubscriptionId, dialled};
use hark_engine::sip::package::Package;
use hark_engine::sip::uri::Uri;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::SubscriptionServices;
use super::lamps::Lamps;
use super::subscription_actor::{SubscriptionActor, SubscriptionArguments, SubscriptionMessage};
use crate::bus::{self, BusEvent};

/// The actor.
#[derive(Debug)]
pub struct Notifier;

/// What it begins with.
#[derive(Clone)]
pub struct NotifierArguments {
    /// What subscriptions work with.
    pub services: SubscriptionServices,
    /// What happens on the SIP side; shared so that a restarted notifier goes on with it.
    pub sip: Arc<Mutex<mpsc::Receiver<Event>>>,
}

/// What it is told.
#[derive(Debug)]
pub enum NotifierMessage {
    /// Somebody subscribes, or a subscription is over, or a telephone came or went.
    Sip(Box<Event>),
    /// The counts of a user's mailbox changed.
    Lamp(UserId),
    /// A user came or went.
    Presence(UserId),
    /// Events were missed: everybody looks.
    Lagged,
    /// It is time to tell a telephone its lamp that has not subscribed.
    LampOf {
        /// Whose telephone.
        user: UserId,
        /// The contact that it registered.
        contact: String,
    },
    /// A telephone was told its lamp: whether it wants to be told again.
    LampTold {
        /// Whose telephone.
        user: UserId,
        /// The contact that it registered.
        contact: String,
        /// Whether it took it.
        taken: bool,
    },
}

/// The subscriptions.
pub struct NotifierState {
    pub(super) services: SubscriptionServices,
    subscriptions: HashMap<SubscriptionId, Entry>,
    actors: HashMap<ActorId, SubscriptionId>,
    by_user: HashMap<UserId, HashSet<SubscriptionId>>,
    pub(super) lamps: Lamps,
    _pumps: JoinSet<()>,
}

struct Entry {
    actor: ActorRef<SubscriptionMessage>,
    stale: Arc<AtomicBool>,
    package: Package,
    user: UserId,
    remote: SocketAddr,
}

impl Actor for Notifier {
    type Msg = NotifierMessage;
    type State = NotifierState;
    type Arguments = NotifierArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let NotifierArguments { services, sip } = arguments;
        let mut pumps = JoinSet::new();
        let events = services.bus.subscribe();
        let lagged = || NotifierMessage::Lagged;
        pumps.spawn(bus::pump(events, myself.clone(), read, lagged));
        pumps.spawn(async move {
            let mut events = sip.lock().await;
            while let Some(event) = events.recv().await {
                if myself.cast(NotifierMessage::Sip(Box::new(event))).is_err() {
                    return;
                }
            }
        });
        Ok(NotifierState {
            services,
            subscriptions: HashMap::new(),
            actors: HashMap::new(),
            by_user: HashMap::new(),
            lamps: Lamps::default(),
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
            NotifierMessage::Sip(event) => state.sip(&myself, *event).await,
            NotifierMessage::Lamp(user) => {
                state.look(user, &[Package::MessageSummary]);
                state.tell_lamps(&myself, user);
            }
            NotifierMessage::Presence(user) => {
                state.look(user, &[Package::Presence, Package::Dialog]);
            }
            NotifierMessage::Lagged => {
                let users: Vec<_> = state.by_user.keys().copied().collect();
                users.into_iter().for_each(|user| state.look(user, &Package::ALL));
            }
            NotifierMessage::LampOf { user, contact } => state.tell_lamp(&myself, user, contact),
            NotifierMessage::LampTold { user, contact, taken } => {
                state.lamp_told(&myself, user, contact, taken);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, _) => state.over(cell.get_id()),
            SupervisionEvent::ActorFailed(cell, error) => {
                tracing::error!(%error, "a subscription failed: its telephone subscribes again");
                state.over(cell.get_id());
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl NotifierState {
    async fn sip(&mut self, myself: &ActorRef<NotifierMessage>, event: Event) {
        match event {
            Event::Subscribe { subscription, account, package, target, remote } => {
                let begun = match self.watched(&account, package, &target) {
                    Ok(user) => self.begin(myself, subscription, package, user, remote).await,
                    Err(refusal) => Err(refusal),
                };
                let outcome = match begun {
                    Ok(()) => "accepted",
                    Err(status) => {
                        let refuse = Command::RefuseSubscription { subscription, status };
                        self.services.sip.command(refuse);
                        "refused"
                    }
                };
                self.services.metrics.requests.with_label_values(&[outcome]).inc();
            }
            Event::SubscriptionOver { subscription } => {
                if let Some(entry) = self.subscriptions.get(&subscription) {
                    entry.actor.stop(None);
                }
            }
            Event::Registered { account, contact } => {
                self.device_came(myself, &account, contact.contact);
            }
            Event::Unregistered { account: _, contact } => self.lamps.forget(&contact.contact),
            // Whoever feeds the notifier keeps the rest to itself.
            Event::IncomingCall { .. }
            | Event::Confirmed { .. }
            | Event::Reinvite { .. }
            | Event::DtmfInfo { .. }
            | Event::Ringing { .. }
            | Event::Answered { .. }
            | Event::Ended { .. }
            | Event::Published { .. }
            | Event::Text { .. }
            | Event::Requested { .. }
            | Event::Counted(_) => {}
        }
    }

    /// Who is to be watched, if `account` may; else the status that says why not.
    fn watched(&self, account: &str, package: Package, target: &Uri) -> Result<UserId, u16> {
        let directory = self.services.directory.borrow();
        let watcher = directory.by_name(account).ok_or(403_u16)?;
        let watched = match dialled(target) {
            Some(name) => {
                directory.by_name(&name).or_else(|| directory.by_extension(&name)).ok_or(404_u16)?
            }
            // The domain alone: one's own.
            None => watcher,
        };
        let may = watched.id == watcher.id
            || match package {
                // A mailbox is nobody else's business.
                Package::MessageSummary => false,
                Package::Presence | Package::Dialog => watcher.contacts.contains(&watched.id),
            };
        if may { Ok(watched.id) } else { Err(403) }
    }

    async fn begin(
        &mut self,
        myself: &ActorRef<NotifierMessage>,
        id: SubscriptionId,
        package: Package,
        user: UserId,
        remote: SocketAddr,
    ) -> Result<(), u16> {
        let stale = Arc::new(AtomicBool::new(false));
        let arguments = SubscriptionArguments {
            services: self.services.clone(),
            id,
            package,
            user,
            stale: Arc::clone(&stale),
        };
        let spawned =
            Actor::spawn_linked(None, SubscriptionActor, arguments, myself.get_cell()).await;
        let (actor, _) = spawned.map_err(|error| {
            tracing::error!(%error, "a subscription can't begin");
            503_u16
        })?;
        self.actors.insert(actor.get_id(), id);
        self.by_user.entry(user).or_default().insert(id);
        let entry = Entry { actor, stale, package, user, remote };
        // What changed while it was begun is seen by this.
        entry.look();
        self.subscriptions.insert(id, entry);
        Ok(())
    }

    /// What is to be seen of a user may have changed.
    fn look(&self, user: UserId, packages: &[Package]) {
        for id in self.by_user.get(&user).into_iter().flatten() {
            if let Some(entry) = self.subscriptions.get(id)
                && packages.contains(&entry.package)
            {
                entry.look();
            }
        }
    }

    fn over(&mut self, actor: ActorId) {
        let Some(id) = self.actors.remove(&actor) else { return };
        let Some(entry) = self.subscriptions.remove(&id) else { return };
        if let Some(ids) = self.by_user.get_mut(&entry.user) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_user.remove(&entry.user);
            }
        }
    }

    /// Whether a telephone at `remote` has subscribed to the lamp of `user`.
    pub(super) fn has_lamp(&self, user: UserId, remote: SocketAddr) -> bool {
        let mut of_user = self.by_user.get(&user).into_iter().flatten();
        of_user.any(|id| {
            self.subscriptions.get(id).is_some_and(|entry| {
                entry.package == Package::MessageSummary && entry.remote == remote
            })
        })
    }
}

impl Entry {
    fn look(&self) {
        if !self.stale.swap(true, Ordering::AcqRel) {
            // One that has just ended has nobody to tell.
            let _ = self.actor.cast(SubscriptionMessage::Changed);
        }
    }
}

/// What the notifier reads of the bus; everything else on it is for others.
fn read(event: &Arc<BusEvent>) -> Option<NotifierMessage> {
    match **event {
        BusEvent::Lamp { user, .. } => Some(NotifierMessage::Lamp(user)),
        BusEvent::Presence { user, .. } => Some(NotifierMessage::Presence(user)),
        BusEvent::PopUp { .. }
        | BusEvent::Arrived { .. }
        | BusEvent::Logged { .. }
        | BusEvent::Chat(_)
        | BusEvent::Telephones { .. }
        | BusEvent::Mailbox { .. }
        | BusEvent::Announcement { .. }
        | BusEvent::Order { .. }
        | BusEvent::Notice { .. } => None,
    }
}
