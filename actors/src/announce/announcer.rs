//! The announcer: makes what was accepted, and follows it until it is over.
//!
//! Owns the machines of schedules, rules and escalations, and the list of announcements under
//! way: all of it read from the store. If it dies nothing is lost: its supervisor starts another,
//! which reads the store again; what a rule saw begin meanwhile is seen when it begins anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hark_engine::announce::escalation::{self, Ending, Escalation};
use hark_engine::announce::scheduler::{self, Scheduler};
use hark_engine::announce::watch::{self, Fire, Watch};
use hark_engine::calendar::Recurrence;
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{Event, LoggedEvent, hold};
use hark_engine::time::UnixMillis;
use prometheus::{IntCounterVec, Opts, Registry};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::watch as channel;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::make::{MakeError, make, parts};
use super::request::{Plan, Request};
use super::watching::{Lasting, RuleSpec};
use super::{AnnounceError, Announcements};
use crate::bus::{self, Bus, BusEvent};
use crate::clock;
use crate::messages::Messages;
use crate::prompt::{Prompts, Speech};
use crate::recording::Recordings;
use crate::store::{AnnouncementRecord, EventRuleRecord, ScheduleRecord, Store, StoreError};

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

    async fn read_schedules(&mut self) -> Result<(), StoreError> {
        let stored = self.services.store.schedules(None).await?;
        let enabled: HashMap<i64, ScheduleRecord> =
            stored.into_iter().filter(|s| s.enabled).map(|s| (s.id, s)).collect();
        for id in self.schedules.keys().filter(|id| !enabled.contains_key(id)) {
            self.scheduler.handle_input(scheduler::Input::Remove(*id));
        }
        for (id, schedule) in &enabled {
            let zone = self.services.announcements.zone();
            match Recurrence::parse(&schedule.recurrence, zone) {
                Ok(recurrence) => self.scheduler.handle_input(scheduler::Input::Set {
                    id: *id,
                    recurrence: Box::new(recurrence),
                    done: schedule.done,
                    grace: Duration::from_secs(schedule.grace_secs.into()),
                }),
                Err(error) => tracing::error!(%error, id, "a stored schedule can't be read"),
            }
        }
        self.schedules = enabled;
        Ok(())
    }

    async fn read_rules(&mut self) -> Result<(), StoreError> {
        let stored = self.services.store.event_rules(None).await?;
        let mut rules = HashMap::new();
        for EventRuleRecord { id, owner, spec, enabled, .. } in stored {
            match serde_json::from_str::<RuleSpec>(&spec) {
                Ok(spec) if enabled => {
                    rules.insert(id, (owner, spec));
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, id, "a stored rule can't be read"),
            }
        }
        let now = clock::now();
        for id in self.rules.keys().filter(|id| !rules.contains_key(id)) {
            self.watch.handle_input(now, watch::Input::Remove(*id));
        }
        for (id, (owner, spec)) in &rules {
            // A rule sees what its owner may see.
            let about = (!self.services.announcements.is_manager(*owner)).then_some(*owner);
            self.watch.handle_input(now, watch::Input::Set(*id, spec.rule(about)));
        }
        let wanted: HashSet<_> = rules.values().map(|(_, spec)| spec.condition).collect();
        // A new rule learns what waits already.
        let new_rule = rules.iter().any(|(id, rule)| self.rules.get(id) != Some(rule));
        self.rules = rules;
        if self.lasting.want(wanted) || new_rule {
            for waiting in self.services.store.unheard(MOST_UNHEARD).await? {
                if let Some(input) = self.lasting.waits(waiting) {
                    self.watch.handle_input(now, input);
                }
            }
        }
        if self.lasting.wants_trunks() && self.trunks_at.is_none() {
            // What was counted before the rule was made is not its affair.
            self.lasting.refusing_trunks(&self.services.registry);
            self.trunks_at = Some(tokio::time::Instant::now() + TRUNKS);
        }
        Ok(())
    }

    /// Takes up an announcement, a new one or one of an earlier run.
    async fn begin(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        record: AnnouncementRecord,
    ) -> Result<(), StoreError> {
        let AnnouncementRecord { id, owner, step, step_started, .. } = record;
        let plan: Plan = match serde_json::from_str(&record.plan) {
            Ok(plan) => plan,
            Err(error) => {
                let reason = format!("its plan can't be read: {error}");
                return self.finish(id, owner, "failed", None, Some(reason)).await;
            }
        };
        let now = clock::wall();
        if plan.not_after.is_some_and(|end| end <= now) {
            return self.finish(id, owner, "expired", None, None).await;
        }
        for part in self.services.store.parts(id).await? {
            self.of_message.insert(part.message, id);
        }
        let waits = plan.steps.iter().map(|s| Duration::from_secs(s.wait_seconds.into()));
        let escalation = plan.confirm.then(|| {
            let held = step_started.and_then(|at| self.services.announcements.held(&plan, at));
            let ago = held.or(step_started).map(|at| now.since(at));
            let mut escalation = Escalation::begin(clock::now(), waits.collect(), step, ago);
            if let Some(until) = held.filter(|until| *until > now) {
                escalation.hold(clock::now(), now, until);
            }
            escalation
        });
        let plan = Arc::new(plan);
        let confirm = plan.confirm;
        self.live.insert(id, Live { owner, plan, escalation, failures: 0 });
        if let Some(told) = step_started {
            // When those of earlier steps were told is not known any more: it was before.
            for step in 0..=step {
                self.held_back(id, step, told).await?;
            }
        }
        if step_started.is_some() {
            self.confirmed_meanwhile(id).await?;
        }
        if self.live.contains_key(&id) && (step_started.is_some() || !confirm) {
            self.make(myself, id, step).await?;
        }
        Ok(())
    }

    /// Makes the messages of a step, in a task of its own.
    async fn make(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        id: Uuid,
        step: usize,
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get(&id) else { return Ok(()) };
        let (owner, plan) = (live.owner, Arc::clone(&live.plan));
        let now = clock::wall();
        let directory = self.services.directory.borrow().clone();
        let new = parts(&self.services, &directory, &plan, step);
        let begun = self.services.store.begin_step(id, step, new, now).await;
        // It is taken up anew from what the store knows.
        let all = begun.inspect_err(|_| drop(self.live.remove(&id)))?;
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let held = self.services.announcements.held(&plan, now);
        if let (Some(escalation), Some(until)) = (&mut live.escalation, held)
            && all.iter().all(|part| !part.committed)
        {
            escalation.hold(clock::now(), now, until);
        }
        let looked = self.held_back(id, step, now).await;
        looked.inspect_err(|_| drop(self.live.remove(&id)))?;
        for part in &all {
            self.of_message.insert(part.message, id);
        }
        self.publish(owner, id, "active");
        let (services, myself) = (self.services.clone(), myself.clone());
        tokio::spawn(async move {
            let mut outcome = Ok(());
            for part in &all {
                if let Err(error) = make(&services, owner, &plan, part, held).await {
                    outcome = Err(error);
                }
            }
            let outcome = outcome.map_err(|error: MakeError| error.to_string());
            // A successor finds in the store what is left to be made.
            let _ = myself.cast(AnnouncerMessage::Made(id, step, outcome));
        });
        Ok(())
    }

    /// Has the escalation allow for those of a step, told at `told`, whose own quiet hours hold
    /// back the ringing.
    async fn held_back(
        &mut self,
        id: Uuid,
        step: usize,
        told: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get(&id).filter(|live| live.escalation.is_some()) else {
            return Ok(());
        };
        let plan = Arc::clone(&live.plan);
        let from = self.services.announcements.held(&plan, told).unwrap_or(told);
        let mut latest = None;
        for user in plan.steps.get(step).map(|step| step.recipients.as_slice()).unwrap_or_default()
        {
            let profile = self.services.store.profile(*user).await?;
            latest = latest.max(profile.quiet_until(from, plan.urgent));
        }
        if let Some(until) = latest
            && let Some(escalation) = self.live.get_mut(&id).and_then(|l| l.escalation.as_mut())
        {
            escalation.held_back(clock::now(), clock::wall(), until);
        }
        Ok(())
    }

    async fn made(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        id: Uuid,
        step: usize,
        outcome: Result<(), String>,
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get_mut(&id) else { return self.made_too_late(id).await };
        let owner = live.owner;
        match outcome {
            Ok(()) => {
                live.failures = 0;
                if live.escalation.is_none() {
                    return self.finish(id, owner, "sent", None, None).await;
                }
                self.publish(owner, id, "active");
                // Somebody may have been faster than we.
                self.confirmed_meanwhile(id).await
            }
            Err(reason) => {
                live.failures += 1;
                tracing::warn!(%id, step, reason, "an announcement can't be made");
                if live.failures < ATTEMPTS {
                    let wait = Duration::from_secs(1 << live.failures.min(6));
                    myself.send_after(wait, move || AnnouncerMessage::MakeAgain(id, step));
                    return Ok(());
                }
                live.failures = 0;
                match &mut live.escalation {
                    Some(escalation) => {
                        let nobody = escalation::Input::NobodyReached(step);
                        escalation.handle_input(clock::now(), nobody);
                        Ok(())
                    }
                    None => self.finish(id, owner, "failed", None, Some(reason)).await,
                }
            }
        }
    }

    /// What was still being made when somebody confirmed calls nobody.
    async fn made_too_late(&self, id: Uuid) -> Result<(), StoreError> {
        match self.services.store.announcement(id).await? {
            Some(record) if record.state == "confirmed" => self.call_off(id).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Takes in what happened; says whether it mattered.
    async fn bus(&mut self, event: &BusEvent) -> Result<bool, StoreError> {
        let messages = self.services.messages.clone();
        let input = self.lasting.read(event, |message| messages.is_announcement(message));
        let mattered = input.is_some();
        if let Some(input) = input {
            self.watch.handle_input(clock::now(), input);
        }
        let BusEvent::Logged { event: logged, .. } = event else { return Ok(mattered) };
        let Some(id) = self.of_message.get(&logged.message).copied() else {
            return Ok(mattered);
        };
        if let Some(owner) = self.live.get(&id).map(|live| live.owner) {
            self.publish(owner, id, "active");
        }
        let LoggedEvent { recipient, at, event, .. } = logged;
        match event {
            Event::Confirmed { device } => {
                self.confirmed(id, (*recipient, *at, device.clone())).await?;
            }
            Event::Failed { .. } => self.failed(id, logged.message).await?,
            Event::Accepted
            | Event::Notified { .. }
            | Event::Delivered { .. }
            | Event::Heard { .. }
            | Event::Saved
            | Event::Deleted
            | Event::Restored
            | Event::Called { .. }
            | Event::Expired
            | Event::Purged
            | Event::Held { .. }
            | Event::Released
            | Event::CalledOff { .. }
            | Event::AttemptFailed { .. } => {}
        }
        Ok(true)
    }

    async fn confirmed(
        &mut self,
        id: Uuid,
        by: (UserId, UnixMillis, String),
    ) -> Result<(), StoreError> {
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let owner = live.owner;
        if live.escalation.is_none() {
            return Ok(());
        }
        // First, so that a crash in between is made good at the next start.
        let done = match self.call_off(id).await {
            Ok(()) => self.finish(id, owner, "confirmed", Some(by), None).await,
            Err(error) => Err(error),
        };
        // It is taken up anew from what the store knows.
        done.inspect_err(|_| drop(self.live.remove(&id)))
    }

    /// Nobody else is rung or told any more of what somebody confirmed; whom it reached has it in
    /// the mailbox.
    async fn call_off(&self, id: Uuid) -> Result<(), StoreError> {
        for part in self.services.store.parts(id).await? {
            for (user, _) in self.services.store.recipient_states(part.message).await? {
                let event = Event::CalledOff { reason: BY_ANOTHER.to_owned() };
                match self.services.messages.note(part.message, user, event).await {
                    Err(error) if error.is_outage() => return Err(error),
                    // Deleted meanwhile, or gone: there is nothing to call off.
                    Ok(_) | Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Whether somebody confirmed while nobody listened.
    async fn confirmed_meanwhile(&mut self, id: Uuid) -> Result<(), StoreError> {
        for part in self.services.store.parts(id).await? {
            for (user, state) in self.services.store.recipient_states(part.message).await? {
                if let Some(on) = state.confirmed {
                    return self.confirmed(id, (user, on.at, on.device)).await;
                }
            }
        }
        Ok(())
    }

    /// Whether nobody of the step at hand can be reached any more.
    async fn failed(&mut self, id: Uuid, message: MessageId) -> Result<(), StoreError> {
        let Some(step) = self.live.get(&id).and_then(|l| l.escalation.as_ref()).map(|e| e.step())
        else {
            return Ok(());
        };
        let parts = self.services.store.parts(id).await?;
        if !parts.iter().any(|part| part.message == message && part.step == step) {
            return Ok(());
        }
        for part in parts.iter().filter(|part| part.step == step) {
            let states = self.services.store.recipient_states(part.message).await?;
            if !part.committed || states.iter().any(|(_, state)| state.failed.is_none()) {
                return Ok(());
            }
        }
        if let Some(escalation) = self.live.get_mut(&id).and_then(|l| l.escalation.as_mut()) {
            escalation.handle_input(clock::now(), escalation::Input::NobodyReached(step));
        }
        Ok(())
    }

    /// Events were missed: whatever ended meanwhile is found in the store.
    async fn lagged(&mut self) -> Result<(), StoreError> {
        for id in self.live.keys().copied().collect::<Vec<_>>() {
            self.confirmed_meanwhile(id).await?;
        }
        self.version = None;
        self.services.announcements.shared.changed.notify_one();
        Ok(())
    }

    /// Tells the rules whose last registration lapsed while the server was down.
    async fn lapsed(&mut self) -> Result<(), StoreError> {
        let directory = self.services.directory.borrow().clone();
        let lapsed = self.services.store.lapsed_accounts(clock::wall()).await?;
        let users = lapsed.iter().filter_map(|(name, at)| Some((directory.by_name(name)?.id, *at)));
        for (user, since) in users {
            if let Some(input) = self.lasting.lapsed(user, since) {
                self.watch.handle_input(clock::now(), input);
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

    async fn escalate(
        &mut self,
        myself: &ActorRef<AnnouncerMessage>,
        id: Uuid,
        wall: UnixMillis,
    ) -> Result<(), StoreError> {
        let now = clock::now();
        let Some(live) = self.live.get_mut(&id) else { return Ok(()) };
        let owner = live.owner;
        if live.plan.not_after.is_some_and(|end| end <= wall) {
            return self.finish(id, owner, "expired", None, None).await;
        }
        let Some(escalation) = &mut live.escalation else { return Ok(()) };
        escalation.handle_clock(now, wall);
        escalation.handle_timeout(now);
        let outputs: Vec<_> = std::iter::from_fn(|| escalation.poll_output()).collect();
        for output in outputs {
            match output {
                escalation::Output::Tell(step) => {
                    let empty = self.live.get(&id).is_some_and(|live| {
                        live.plan.steps.get(step).is_none_or(|s| s.recipients.is_empty())
                    });
                    if empty {
                        // All mailboxes of this step are full.
                        if let Some(e) = self.live.get_mut(&id).and_then(|l| l.escalation.as_mut())
                        {
                            e.handle_input(now, escalation::Input::NobodyReached(step));
                        }
                        // Looked at again at once.
                        let _ = myself.cast(AnnouncerMessage::Look);
                    } else {
                        self.make(myself, id, step).await?;
                    }
                }
                escalation::Output::Over(Ending::Exhausted) => {
                    let reason = Some("nobody confirmed it".to_owned());
                    self.finish(id, owner, "exhausted", None, reason).await?;
                }
                // Finished where they are told.
                escalation::Output::Over(Ending::Confirmed | Ending::Stopped) => {}
            }
        }
        Ok(())
    }

    async fn scheduled(&mut self, output: scheduler::Output) -> Result<(), StoreError> {
        let store = self.services.store.clone();
        match output {
            scheduler::Output::Skipped { id, first, last, count } => {
                tracing::warn!(schedule = id, count, "occurrences were missed and are skipped");
                self.count("skipped");
                let note = format!(
                    "{count} missed, the first of them at {}",
                    crate::recording::date::rfc3339(first)
                );
                store.skip_occurrences(id, last, count, note).await
            }
            scheduler::Output::Fire { id, at } => {
                let Some(schedule) = self.schedules.get(&id).cloned() else { return Ok(()) };
                let key = format!("schedule:{id}:{}", at.0);
                let prepared = match serde_json::from_str::<Request>(&schedule.request) {
                    Ok(request) => {
                        let announcements = &self.services.announcements;
                        announcements.prepare(schedule.owner, &key, &request).await
                    }
                    Err(error) => Err(AnnounceError::Refused(error.to_string())),
                };
                match prepared {
                    Ok(new) => {
                        store.fire_schedule(id, at, Some(new), None).await?;
                        self.services.announcements.shared.changed.notify_one();
                        Ok(())
                    }
                    Err(AnnounceError::Store(error)) if error.is_outage() => {
                        // The scheduler holds it for done; the store does not, and is read again.
                        Err(error)
                    }
                    Err(error) => {
                        tracing::warn!(schedule = id, %error, "an occurrence can't be announced");
                        self.count("refused");
                        store.fire_schedule(id, at, None, Some(error.to_string())).await?;
                        Ok(())
                    }
                }
            }
        }
    }

    async fn fired(&mut self, fire: Fire, at: UnixMillis) -> Result<(), StoreError> {
        let Some((owner, spec)) = self.rules.get(&fire.rule).cloned() else { return Ok(()) };
        let directory = self.services.directory.borrow().clone();
        let since = self.lasting.since(spec.condition, &fire.subject);
        let (key, request) = spec.request(fire.rule, owner, &fire.subject, since, &directory);
        let note = match self.services.announcements.submit(owner, &key, &request).await {
            Ok(_) => None,
            Err(AnnounceError::Store(error)) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::warn!(rule = fire.rule, %error, "a rule can't tell what it saw");
                self.count("refused");
                Some(error.to_string())
            }
        };
        self.services.store.rule_fired(fire.rule, at, note).await
    }

    /// It is over.
    async fn finish(
        &mut self,
        id: Uuid,
        owner: UserId,
        state: &'static str,
        confirmed: Option<(UserId, UnixMillis, String)>,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        let news = self.services.store.finish_announcement(id, state, confirmed, reason).await?;
        self.live.remove(&id);
        if news {
            self.count(state);
            self.publish(owner, id, state);
        }
        self.of_message.retain(|_, of| *of != id);
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
