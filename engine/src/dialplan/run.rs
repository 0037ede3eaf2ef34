//! A call on its way through a program: pure, resumable, small, and bounded by fuel.
//!
//! ```text
//!            ┌── PlayDone ── Playing ◄─┐
//! New ─► (operations run) ─────────────┼─► Waiting   (a menu: keys, silence)
//!            ├── RecordDone ─ Recording┤
//!            └── Done/Answered ─ Asking┴─► Done
//! ```
//!
//! * A key always stops what is being spoken. Keys typed ahead are kept, up to [`MAX_TYPED`],
//!   for the next menu, and while any are kept nothing further is spoken. A wrong key, a failure
//!   answer and `record` forget them.
//! * When the caller is gone, the run goes on in silence to the next menu, takes its hang-up
//!   answer and ends. Nothing is spoken or recorded any more.

mod act;
mod eval;
mod input;
mod inspect;
mod learnt;
mod menu;
mod outcome;
mod spelled;
mod step;
mod trace;
mod webhook;

pub use inspect::Waiting;
pub use menu::BETWEEN_KEYS;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::effect::{Effect, Finish, HangupCause, HangupOutcome, Input, RecordingId, Ticket};
use super::hir::Condition;
use super::program::{Label, Program};
use super::speech::Language;
use super::value::{Recorded, Value};
use crate::directory::Directory;
use crate::id::{MessageId, UserId};
use crate::key::{Key, KeySet};
use crate::time::{Instant, UnixMillis};

/// How many keys are kept that were typed ahead.
pub const MAX_TYPED: usize = 16;
/// How many operations may run between two waits.
pub(super) const FUEL: u32 = 1_000_000;
/// How many flows may stand in one another. The checker allows fewer.
const MAX_FRAMES: usize = 64;
/// How many entries of a list a run looks at.
pub(super) const MAX_LIST: usize = 1000;

/// Who is calling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerInfo {
    /// The account, when the caller identified.
    pub user: Option<UserId>,
    /// The number called from; empty when withheld.
    pub number: String,
    /// The name shown; empty when there is none.
    pub name: String,
}

/// What a run knows of its call.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The users, as they were when the call began.
    pub directory: Arc<Directory>,
    /// Who is calling, or who is called by a delivery.
    pub caller: CallerInfo,
    /// The number dialled.
    pub dialled: String,
    /// The domain dialled: the host of the Request-URI.
    pub domain: String,
    /// The trunk over which the call came in, by its name in the configuration.
    pub trunk: Option<String>,
    /// BCP 47 tag of the language to speak; the dialplan's first where it does not speak that.
    pub language: String,
    /// Wall-clock time when the call began.
    pub at: UnixMillis,
}

/// No route leads anywhere for the number dialled: 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no route matches the number dialled")]
pub struct NoRoute;

/// Why a flow can't be started.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// The dialplan has no such flow.
    #[error("the dialplan has no flow `{0}`: declare `flow {0}(…)` in a .dial file")]
    NoSuchFlow(String),
    /// The flow takes something else.
    #[error("the flow `{flow}` takes {wanted}: declare it with these parameters")]
    WrongArguments {
        /// Which flow.
        flow: String,
        /// What it takes.
        wanted: String,
    },
}

/// A call's way through a program.
#[derive(Clone, Debug)]
pub struct Run {
    program: Arc<Program>,
    context: Arc<CallContext>,
    pc: u32,
    base: u32,
    frames: Vec<Frame>,
    slots: Vec<Value>,
    state: State,
    typed: Keys,
    out: VecDeque<Effect>,
    tickets: u32,
    recordings: u32,
    fuel: u32,
    answered: bool,
    gone: bool,
    started: Instant,
    /// Of the message that was played last: how far it was heard, and where playing stopped.
    heard: Option<Heard>,
    /// What will be known if what is being asked for is done.
    learning: Option<learnt::Learnt>,
    learnt: Vec<learnt::Learnt>,
    /// The language that is spoken now.
    language: Language,
    /// Whether the call is to be followed step by step.
    tracing: bool,
    /// Which operations have run, where somebody wants to know.
    visited: Option<Box<[Visit]>>,
    /// Early media is played.
    early: bool,
}

/// Whether an operation has run, and which ways it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// It has run.
    pub run: bool,
    /// What it asks for did not hold, or failed.
    pub no: bool,
    /// It held.
    pub yes: bool,
}

/// How much of a message was heard.
#[derive(Clone, Copy, Debug)]
struct Heard {
    message: MessageId,
    /// The furthest that was heard, over all replays, in milliseconds.
    furthest_ms: u32,
    /// Where playing stopped last, in milliseconds.
    position_ms: u32,
}

/// A message that is being played.
#[derive(Clone, Copy, Debug)]
struct PlayingMessage {
    message: MessageId,
    from_ms: u32,
    /// In percent.
    speed: u16,
}

/// Where to go on when a flow returns.
#[derive(Clone, Copy, Debug)]
struct Frame {
    pc: u32,
    base: u32,
    /// Where the result is put.
    into: Option<u16>,
}

/// What the run waits for.
#[derive(Clone, Debug)]
enum State {
    /// The first look at the clock.
    New,
    /// Nothing: it is running just now.
    Running,
    Playing {
        ticket: Ticket,
        since: Instant,
        message: Option<PlayingMessage>,
    },
    Recording(Box<Recording>),
    Sending {
        ticket: Ticket,
        failed: Label,
        /// The caller speaks with somebody, which a hang-up ends.
        connected: bool,
    },
    Asking {
        ticket: Ticket,
        slot: u16,
        failed: Label,
    },
    /// A web service is asked.
    Awaiting {
        ticket: Ticket,
        op: u32,
    },
    Waiting {
        menu: u32,
        deadline: Instant,
        keys: Keys,
    },
    Collecting {
        op: u32,
        deadline: Instant,
        keys: Keys,
    },
    Done,
}

#[derive(Clone, Debug)]
struct Recording {
    ticket: Ticket,
    id: RecordingId,
    since: Instant,
    slot: u16,
    stop_on: KeySet,
    silence: Option<Duration>,
    keeps: bool,
    stopped: bool,
    /// What it becomes one with.
    joined: Option<Recorded>,
}

/// A few keys, in the order pressed.
#[derive(Clone, Copy, Debug, Default)]
struct Keys {
    keys: [u8; 32],
    len: u8,
}

impl Keys {
    fn push(&mut self, key: Key, most: usize) {
        let len = usize::from(self.len);
        if len < most.min(self.keys.len()) {
            self.keys[len] = key.event();
            self.len += 1;
        }
    }

    fn take_first(&mut self) -> Option<Key> {
        let first = self.iter().next()?;
        self.keys.copy_within(1.., 0);
        self.len -= 1;
        Some(first)
    }

    fn iter(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys.iter().take(self.len.into()).filter_map(|k| Key::from_event(*k))
    }

    const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Run {
    /// A run for a call that came in, by the route of the number dialled. A route that asks for
    /// a user whom the directory does not know does not match.
    pub fn for_call(program: &Arc<Program>, context: CallContext) -> Result<Self, NoRoute> {
        let keys = keys_of(&context.dialled);
        let context = Arc::new(context);
        for route in &program.routes {
            let matches = match (&route.pattern, &keys) {
                (None, _) => true,
                (Some(pattern), Some(keys)) => pattern.matches(keys),
                (Some(_), None) => false,
            };
            if !matches || !route.conditions.iter().all(|c| holds(c, program, &context)) {
                continue;
            }
            let mut run = Self::new(program, &context);
            let dialled = match (&route.pattern, &keys) {
                (Some(pattern), Some(keys)) => {
                    pattern.captured(keys).iter().map(|k| k.as_char()).collect()
                }
                _ => context.dialled.clone(),
            };
            run.slots.push(Value::Digits(dialled.into()));
            let args: Vec<Value> = route.args.iter().map(|a| run.eval(a)).collect();
            if args.contains(&Value::Nothing) {
                continue;
            }
            run.slots.clear();
            run.enter(route.flow, args);
            return Ok(run);
        }
        Err(NoRoute)
    }

    /// A run of one flow, for a call that Hark itself made; it is answered already.
    pub fn for_flow(
        program: &Arc<Program>,
        flow: &str,
        args: Vec<Value>,
        context: CallContext,
    ) -> Result<Self, StartError> {
        let Some(index) = program.flows.iter().position(|f| f.name == flow) else {
            return Err(StartError::NoSuchFlow(flow.to_owned()));
        };
        let params = &program.flows[index].params;
        if params.len() != args.len() || params.iter().zip(&args).any(|(p, a)| !p.holds(a)) {
            let wanted: Vec<String> = params.iter().map(ToString::to_string).collect();
            let wanted = if wanted.is_empty() { "nothing".into() } else { wanted.join(", ") };
            return Err(StartError::WrongArguments { flow: flow.to_owned(), wanted });
        }
        let mut run = Self::new(program, &Arc::new(context));
        run.enter(u32::try_from(index).unwrap_or(0), args);
        run.answered = true;
        Ok(run)
    }

    fn new(program: &Arc<Program>, context: &Arc<CallContext>) -> Self {
        Self {
            program: Arc::clone(program),
            context: Arc::clone(context),
            pc: 0,
            base: 0,
            frames: Vec::new(),
            slots: Vec::new(),
            state: State::New,
            typed: Keys::default(),
            out: VecDeque::new(),
            tickets: 0,
            recordings: 0,
            fuel: FUEL,
            answered: false,
            gone: false,
            started: Instant::ZERO,
            heard: None,
            learning: None,
            learnt: Vec::new(),
            language: Language::from_tag(&context.language)
                .filter(|language| program.languages.contains(language))
                .or_else(|| program.languages.first().copied())
                .unwrap_or_default(),
            tracing: false,
            visited: None,
            early: false,
        }
    }

    /// The flow that a run stands before; `None` once it has begun.
    pub fn flow(&self) -> Option<&str> {
        let entered = |flow: &&super::program::FlowTable| flow.entry == self.pc;
        match self.state {
            State::New => self.program.flows.iter().find(entered).map(|flow| flow.name.as_str()),
            State::Running
            | State::Playing { .. }
            | State::Recording(_)
            | State::Sending { .. }
            | State::Asking { .. }
            | State::Awaiting { .. }
            | State::Waiting { .. }
            | State::Collecting { .. }
            | State::Done => None,
        }
    }

    /// Begins. [`Run::handle_timeout`] and [`Run::handle_input`] do so too.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, State::New) {
            self.started = now;
            self.state = State::Running;
            self.go(now);
        }
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.start(now);
        match input {
            Input::Key(key) => self.key(now, key),
            Input::PlayDone { ticket, played } => self.play_done(now, ticket, played),
            Input::RecordDone { ticket, end, length } => self.record_done(now, ticket, end, length),
            Input::Done(ticket, result) => self.done(now, ticket, result.is_ok()),
            Input::Answered(ticket, answer) => self.answered(now, ticket, answer.ok()),
            Input::Hangup => self.hangup(now),
        }
    }

    /// The deadline has come, or the run is to begin.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.start(now);
        match self.state {
            State::Waiting { menu, deadline, keys } if deadline <= now => {
                self.wait_is_over(menu, keys);
                self.go(now);
            }
            State::Collecting { op, deadline, keys } if deadline <= now => {
                self.collected(op, keys);
                self.go(now);
            }
            _ => {}
        }
    }

    /// When [`Run::handle_timeout`] is due: at once for a new run.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::New => Some(Instant::ZERO),
            State::Waiting { deadline, .. } | State::Collecting { deadline, .. } => Some(*deadline),
            State::Running
            | State::Playing { .. }
            | State::Recording(_)
            | State::Sending { .. }
            | State::Asking { .. }
            | State::Awaiting { .. }
            | State::Done => None,
        }
    }

    /// What the run wants done next.
    pub fn poll_output(&mut self) -> Option<Effect> {
        let effect = self.out.pop_front();
        // A call waits far longer than it runs: while it does, it holds no queue.
        if self.out.is_empty() {
            self.out = VecDeque::new();
        }
        effect
    }

    /// Whether the run is over.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// What would become of the open recording if the caller were gone from here on. None when
    /// nothing is being recorded.
    pub fn hangup_outcome(&self) -> Option<HangupOutcome> {
        let State::Recording(recording) = &self.state else { return None };
        Some(outcome::of(self, recording.ticket, recording.id, Duration::MAX))
    }

    /// How many bytes the run holds: itself and what it has on the heap. What it shares with
    /// others (the program, the directory) is not counted.
    pub fn size(&self) -> usize {
        let context = &self.context;
        let strings = context.dialled.capacity()
            + context.language.capacity()
            + context.domain.capacity()
            + context.trunk.as_ref().map_or(0, String::capacity)
            + context.caller.name.capacity()
            + context.caller.number.capacity();
        size_of::<Self>()
            + size_of::<CallContext>()
            + strings
            + self.frames.capacity() * size_of::<Frame>()
            + self.slots.capacity() * size_of::<Value>()
            + self.out.capacity() * size_of::<Effect>()
            + if matches!(self.state, State::Recording(_)) { size_of::<Recording>() } else { 0 }
    }

    // ---- frames ----

    fn enter(&mut self, flow: u32, args: Vec<Value>) {
        let program = Arc::clone(&self.program);
        let Some(flow) = program.flows.get(flow as usize) else { return };
        self.base = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let slots = self.slots.len() + usize::from(flow.slots);
        self.slots.reserve_exact(slots - self.slots.len());
        self.slots.extend(args);
        self.slots.resize(slots, Value::Nothing);
        self.pc = flow.entry;
    }

    fn call(&mut self, flow: u32, args: Vec<Value>, tail: bool, into: Option<u16>) {
        if tail {
            self.slots.truncate(self.base as usize);
        } else if self.frames.len() >= MAX_FRAMES {
            self.finish(Finish::OutOfFuel);
            return;
        } else {
            self.frames.push(Frame { pc: self.pc, base: self.base, into });
        }
        self.enter(flow, args);
    }

    fn get(&self, slot: u16) -> &Value {
        self.slots.get(self.base as usize + usize::from(slot)).unwrap_or(&Value::Nothing)
    }

    fn set(&mut self, slot: u16, value: Value) {
        if let Some(place) = self.slots.get_mut(self.base as usize + usize::from(slot)) {
            *place = value;
        }
    }

    fn count(&self, slot: u16) -> i64 {
        if let Value::Number(n) = self.get(slot) { *n } else { 0 }
    }

    fn jump(&mut self, label: Label) {
        self.pc = self.program.labels.get(label as usize).copied().unwrap_or(u32::MAX);
    }

    // ---- effects ----

    fn emit(&mut self, effect: Effect) {
        self.out.push_back(effect);
    }

    const fn ticket(&mut self) -> Ticket {
        self.tickets = self.tickets.wrapping_add(1);
        Ticket(self.tickets)
    }

    fn pick_up(&mut self) {
        if !self.answered {
            self.answered = true;
            self.emit(Effect::Answer);
        }
    }

    fn finish(&mut self, how: Finish) {
        self.finish_by(how, HangupCause::Normal);
    }

    fn finish_by(&mut self, how: Finish, cause: HangupCause) {
        self.state = State::Done;
        self.emit(Effect::Finished(how, cause));
    }
}

/// The keys of a number; a `+` before it is on no key. None if it can't be typed.
fn keys_of(number: &str) -> Option<Vec<Key>> {
    number.strip_prefix('+').unwrap_or(number).chars().map(Key::from_char).collect()
}

/// Whether a route's condition holds for this call.
fn holds(condition: &Condition, program: &Program, context: &CallContext) -> bool {
    match condition {
        Condition::Domain(domain) => context.domain.eq_ignore_ascii_case(domain),
        Condition::From(pattern) => {
            keys_of(&context.caller.number).is_some_and(|keys| pattern.matches(&keys))
        }
        Condition::Trunk(trunk) => context.trunk.as_deref() == Some(trunk),
        Condition::Identified(wanted) => context.caller.user.is_some() == *wanted,
        Condition::When(hours, open) => {
            program.hours.get(usize::from(*hours)).is_some_and(|(_, h)| h.open(context.at) == *open)
        }
    }
}
