//! The announcer: makes what was accepted, and follows it until it is over.
//!
//! Owns the machines of schedules, rules and escalations, and the list of announcements under
//! way: all of it read from the store. If it dies nothing is lost: its supervisor starts another,
//! which reads the store again; what a rule saw begin meanwhile is seen when it begins anew.

mod causes;
mod news;
mod steps;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hark_engine::announce::escalation::Escalation;
use hark_engine::announce::scheduler::Scheduler;
use hark_engine::announce::watch::{Fire, Watch};
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::hold;
use prometheus::{IntCounterVec, Opts, Registry};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::watch as channel;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Announcements;
use super::request::Plan;
use super::watching::{Lasting, RuleSpec};
use crate::bus::{self, Bus, BusEvent};
use crate::clock;
use crate::messages::Messages;
use crate::prompt::{Prompts, Speech};
use crate::recording::Recordings;
use crate::store::{ScheduleRecord, Store, StoreError};

/// When to try again what the store could not give.
const AGAIN: Duration = Duration::from_secs(5);
/// How often the making of a message is tried, the wait doubling from a second.
const ATTEMPTS: u32 = 6;
/// How often is looked whether a trunk refused calls.
const TRUNKS: Duration = Duration::from_secs(5);
/// The most messages whose wait is read at the start.
const MOST_UNHEARD: u32 = 50_000;
/// Why nobody is called for an announcement any more.
const BY_ANOTHER: &str = "confirmed by another";
/// How long after the start a telephone may be back whose registration lapsed while the server
/// was down, before rules learn of it.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// How often what lasts is looked at when nothing else happens.
const IDLE: Duration = Duration::from_secs(15);

/// What the announcer works with.
#[derive(Clone)]
pub struct AnnouncerServices {
    /// Where everything is kept.
    pub store: Store,
    /// Who commits.
    pub messages: Messages,
    /// Who makes audio files.
    pub recordings: Recordings,
    /// Who speaks.
    pub speech: Speech,
    /// What somebody recorded.
    pub prompts: Prompts,
    /// The users.
    pub directory: channel::Receiver<Arc<Directory>>,
    /// Where it is told how announcements go on.
    pub bus: Bus,
    /// The SIP domain of the users.
    pub domain: Arc<str>,
    /// The site's language.
    pub language: Arc<str>,
    /// Where requests are accepted.
    pub announcements: Announcements,
    /// Where refused trunks are counted.
    pub registry: Registry,
    /// `hark_announcements_total{outcome}`
    pub outcomes: IntCounterVec,
}

impl AnnouncerServices {
    /// The counter of announcements by what they came to, registered.
    ///
    /// # Errors
    /// When there is one of its name already.
    pub fn outcomes(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
        let opts = Opts::new("hark_announcements_total", "Announcements, by what they came to.");
        let outcomes = IntCounterVec::new(opts, &["outcome"])?;
        registry.register(Box::new(outcomes.clone()))?;
        Ok(outcomes)
    }
}

/// The actor.
#[derive(Debug)]
pub struct Announcer;

/// What it begins with.
pub type AnnouncerArguments = AnnouncerServices;

/// What it is told.
#[derive(Debug)]
pub enum AnnouncerMessage {
    /// Something is new in the store.
    Changed,
    /// A deadline has come.
    Look,
    /// Something happened.
    Bus(Arc<BusEvent>),
    /// Events were missed.
    Lagged,
    /// Time to look whose telephone is not back.
    Lapsed,
    /// The messages of a step were made, or not.
    Made(Uuid, usize, Result<(), String>),
    /// Time to try that again.
    MakeAgain(Uuid, usize),
}

struct Live {
    owner: UserId,
    plan: Arc<Plan>,
    escalation: Option<Escalation>,
    /// How often the making of the step at hand failed.
    failures: u32,
}

/// What is under way.
pub struct AnnouncerState {
    services: AnnouncerServices,
    scheduler: Scheduler,
    schedules: HashMap<i64, ScheduleRecord>,
    watch: Watch,
    rules: HashMap<i64, (UserId, RuleSpec)>,
    /// What rules want told, until it is accepted.
    fires: VecDeque<Fire>,
    lasting: Lasting,
    live: HashMap<Uuid, Live>,
    of_message: HashMap<MessageId, Uuid>,
    version: Option<u64>,
    trunks_at: Option<tokio::time::Instant>,
    armed: Option<tokio::task::JoinHandle<()>>,
    _pumps: JoinSet<()>,
}

impl Actor for Announcer {
    type Msg = AnnouncerMessage;
    type State = AnnouncerState;
    type Arguments = AnnouncerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        services: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let mut pumps = JoinSet::new();
        let events = services.bus.subscribe();
        let lagged = || AnnouncerMessage::Lagged;
        pumps.spawn(bus::pump(events, myself.clone(), read, lagged));
        pumps.spawn(pump_changes(services.announcements.clone(), myself.clone()));
        services.messages.are_announcements(services.store.announcement_messages().await?);
        Ok(AnnouncerState {
            services,
            scheduler: Scheduler::default(),
            schedules: HashMap::new(),
            watch: Watch::default(),
            rules: HashMap::new(),
            fires: VecDeque::new(),
            lasting: Lasting::default(),
            live: HashMap::new(),
            of_message: HashMap::new(),
            version: None,
            trunks_at: None,
            armed: None,
            _pumps: pumps,
        })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        myself.send_after(BACK_WITHIN, || AnnouncerMessage::Lapsed);
        Ok(myself.cast(AnnouncerMessage::Changed)?)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let done = match message {
            AnnouncerMessage::Changed => state.changed(&myself).await,
            AnnouncerMessage::Look => Ok(()),
            AnnouncerMessage::Bus(event) => match state.bus(&event).await {
                // Nothing of ours: nothing to look at.
                Ok(false) => return Ok(()),
                looked => looked.map(|_| ()),
            },
            AnnouncerMessage::Lagged => state.lagged().await,
            AnnouncerMessage::Lapsed => {
                let looked = state.lapsed().await;
                if looked.is_err() {
                    myself.send_after(AGAIN, || AnnouncerMessage::Lapsed);
                }
                looked
            }
            AnnouncerMessage::Made(id, step, outcome) => {
                state.made(&myself, id, step, outcome).await
            }
            AnnouncerMessage::MakeAgain(id, step) => state.make(&myself, id, step).await,
        };
        let done = match done {
            Ok(()) => state.drive(&myself).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::error!(%error, "announcements can't go on now: it is tried again");
            state.version = None;
            myself.send_after(AGAIN, || AnnouncerMessage::Changed);
        }
        state.arm(&myself);
        Ok(())
    }
}

impl AnnouncerState {
    /// Reads what is new: announcements always, schedules and rules when they were changed.
    async fn changed(&mut self, myself: &ActorRef<AnnouncerMessage>) -> Result<(), StoreError> {
        let version = self.services.announcements.shared.version.load(Ordering::Acquire);
        if self.version != Some(version) {
            self.read_schedules().await?;
            self.read_rules().await?;
            self.version = Some(version);
        }
        let stored = self.services.store.live_announcements().await?;
        // Those that were cancelled.
        let known: HashSet<Uuid> = stored.iter().map(|record| record.id).collect();
        self.live.retain(|id, _| known.contains(id));
        for record in stored {
            if !self.live.contains_key(&record.id) {
                self.begin(myself, record).await?;
            }
        }
        Ok(())
    }

    /// Looks at the clocks, and does what the machines want done.
    async fn drive(&mut self, myself: &ActorRef<AnnouncerMessage>) -> Result<(), StoreError> {
        let (now, wall) = (clock::now(), clock::wall());
        self.scheduler.handle_timeout(wall);
        while let Some(output) = self.scheduler.poll_output() {
            self.scheduled(output).await?;
        }
        if self.trunks_at.is_some_and(|at| at <= tokio::time::Instant::now()) {
            self.trunks_at =
                self.lasting.wants_trunks().then(|| tokio::time::Instant::now() + TRUNKS);
            for input in self.lasting.refusing_trunks(&self.services.registry) {
                self.watch.handle_input(now, input);
            }
        }
        self.watch.handle_timeout(now);
        self.fires.extend(std::iter::from_fn(|| self.watch.poll_output()));
        while let Some(fire) = self.fires.front().cloned() {
            self.fired(fire, wall).await?;
            self.fires.pop_front();
        }
        for id in self.live.keys().copied().collect::<Vec<_>>() {
            self.escalate(myself, id, wall).await?;
        }
        Ok(())
    }

    fn publish(&self, owner: UserId, id: Uuid, state: &'static str) {
        self.services.bus.publish(BusEvent::Announcement { owner, id, state });
    }

    fn count(&self, outcome: &str) {
        self.services.outcomes.with_label_values(&[outcome]).inc();
    }

    /// Sets the timer for the next thing that comes by itself.
    fn arm(&mut self, myself: &ActorRef<AnnouncerMessage>) {
        let now = clock::now();
        let wall = clock::wall();
        let escalations = self.live.values().filter_map(|l| l.escalation.as_ref()?.next_deadline());
        let monotonic = escalations.chain(self.watch.next_deadline()).min().map(|at| at.since(now));
        let scheduled = self.scheduler.next_deadline().map(|at| hold::look_again(wall, at));
        let expiring = self.live.values().filter_map(|l| l.plan.not_after).min();
        let expiring = expiring.map(|at| hold::look_again(wall, at));
        let trunks = self.trunks_at.map(|at| at - tokio::time::Instant::now());
        let wait = [monotonic, scheduled, expiring, trunks].into_iter().flatten().min();
        let wait = wait.unwrap_or(IDLE).clamp(Duration::from_millis(5), IDLE);
        if let Some(armed) = self.armed.take() {
            armed.abort();
        }
        let myself = myself.clone();
        self.armed = Some(tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = myself.cast(AnnouncerMessage::Look);
        }));
    }
}

impl Drop for AnnouncerState {
    fn drop(&mut self) {
        if let Some(armed) = self.armed.take() {
            armed.abort();
        }
    }
}

async fn pump_changes(announcements: Announcements, to: ActorRef<AnnouncerMessage>) {
    loop {
        announcements.shared.changed.notified().await;
        if to.cast(AnnouncerMessage::Changed).is_err() {
            return;
        }
    }
}

/// What the announcer reads of the bus; everything else on it is for others.
fn read(event: &Arc<BusEvent>) -> Option<AnnouncerMessage> {
    match **event {
        BusEvent::Arrived { .. }
        | BusEvent::Logged { .. }
        | BusEvent::Telephones { .. }
        | BusEvent::Mailbox { .. } => Some(AnnouncerMessage::Bus(Arc::clone(event))),
        BusEvent::PopUp { .. }
        | BusEvent::Lamp { .. }
        | BusEvent::Presence { .. }
        | BusEvent::Announcement { .. }
        | BusEvent::Chat(_)
        | BusEvent::Order { .. }
        | BusEvent::Notice { .. } => None,
    }
}
