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

mod eval;
mod menu;
mod outcome;

pub use menu::BETWEEN_KEYS;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::ast::ActKind;
use super::effect::{
    Action, Answer, Delivery, Effect, Finish, Folder, HangupOutcome, Input, Query, RecordEnd,
    RecordingId, Sound, Ticket,
};
use super::hir;
use super::program::{Expr, Label, Op, Program};
use super::value::{Recorded, Value};
use crate::directory::Directory;
use crate::id::{MessageId, UserId};
use crate::key::{Key, KeySet};
use crate::time::{Instant, UnixMillis};

/// How many keys are kept that were typed ahead.
pub const MAX_TYPED: usize = 16;
/// How many operations may run between two waits.
const FUEL: u32 = 100_000;
/// How many flows may stand in one another. The checker allows fewer.
const MAX_FRAMES: usize = 64;
/// How many entries of a list a run looks at.
const MAX_LIST: usize = 1000;

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
    /// BCP 47 tag of the language to speak; the dialplan's own when empty.
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
    heard: Option<(MessageId, Duration)>,
}

/// Where to go on when a flow returns.
#[derive(Clone, Copy, Debug)]
struct Frame {
    pc: u32,
    base: u32,
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
        message: Option<MessageId>,
    },
    Recording(Box<Recording>),
    Sending {
        ticket: Ticket,
        failed: Label,
    },
    Asking {
        ticket: Ticket,
        slot: u16,
        failed: Label,
    },
    Waiting {
        menu: u32,
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
        let keys: Option<Vec<Key>> = context.dialled.chars().map(Key::from_char).collect();
        let context = Arc::new(context);
        for route in &program.routes {
            let matches = match (&route.pattern, &keys) {
                (None, _) => true,
                (Some(pattern), Some(keys)) => pattern.matches(keys),
                (Some(_), None) => false,
            };
            if !matches {
                continue;
            }
            let mut run = Self::new(program, &context);
            run.slots.push(Value::Digits(context.dialled.as_str().into()));
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
        if let State::Waiting { menu, deadline, keys } = self.state
            && deadline <= now
        {
            self.wait_is_over(menu, keys);
            self.go(now);
        }
    }

    /// When [`Run::handle_timeout`] is due: at once for a new run.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::New => Some(Instant::ZERO),
            State::Waiting { deadline, .. } => Some(*deadline),
            State::Running
            | State::Playing { .. }
            | State::Recording(_)
            | State::Sending { .. }
            | State::Asking { .. }
            | State::Done => None,
        }
    }

    /// What the run wants done next.
    pub fn poll_output(&mut self) -> Option<Effect> {
        let effect = self.out.pop_front();
        if self.out.is_empty() && self.out.capacity() > 4 {
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

    // ---- what happens ----

    fn key(&mut self, now: Instant, key: Key) {
        match &mut self.state {
            State::Waiting { menu, keys, .. } => {
                let (menu, keys) = (*menu, *keys);
                self.typed.push(key, MAX_TYPED);
                self.feed_menu(now, menu, keys);
                self.go(now);
            }
            // What is pressed while speaking does nothing; what follows the key that ended the
            // recording is typed ahead.
            State::Recording(recording) if !recording.stopped => {
                recording.stopped = recording.stop_on.contains(key);
            }
            State::Done => {}
            State::New
            | State::Running
            | State::Playing { .. }
            | State::Recording(_)
            | State::Sending { .. }
            | State::Asking { .. } => self.typed.push(key, MAX_TYPED),
        }
    }

    fn play_done(&mut self, now: Instant, ticket: Ticket, played: Duration) {
        let State::Playing { ticket: open, message, .. } = self.state else { return };
        if open != ticket {
            return;
        }
        if let Some(message) = message {
            // The furthest that was heard counts, over all replays.
            let before = self.heard.filter(|(m, _)| *m == message).map(|(_, heard)| heard);
            self.heard = Some((message, played.max(before.unwrap_or_default())));
        }
        self.state = State::Running;
        self.go(now);
    }

    fn record_done(&mut self, now: Instant, ticket: Ticket, end: RecordEnd, length: Duration) {
        let State::Recording(recording) = &self.state else { return };
        if recording.ticket != ticket {
            return;
        }
        let Recording { id, slot, silence, keeps, .. } = **recording;
        self.state = State::Running;
        self.set(slot, Value::Recording(Recorded { id, length, end, silence }));
        if end == RecordEnd::Hangup {
            self.gone = true;
            if !keeps {
                self.emit(Effect::Discard(id));
                self.finish(Finish::CallerGone);
                return;
            }
        }
        self.go(now);
    }

    fn done(&mut self, now: Instant, ticket: Ticket, ok: bool) {
        let State::Sending { ticket: open, failed } = self.state else { return };
        if open == ticket {
            self.state = State::Running;
            if !ok {
                self.jump(failed);
            }
            self.go(now);
        }
    }

    fn answered(&mut self, now: Instant, ticket: Ticket, answer: Option<Answer>) {
        let State::Asking { ticket: open, slot, failed } = self.state else { return };
        if open != ticket {
            return;
        }
        self.state = State::Running;
        let list: Option<Vec<Value>> = match answer {
            Some(Answer::Messages(list)) => {
                Some(list.into_iter().take(MAX_LIST).map(Value::from).collect())
            }
            Some(Answer::Users(list)) => {
                let known = |u: &UserId| self.context.directory.user(*u).is_some();
                Some(list.into_iter().filter(known).take(MAX_LIST).map(Value::User).collect())
            }
            Some(Answer::Presence(_) | Answer::Yes(_)) | None => None,
        };
        let found = list.is_some();
        self.set(slot, Value::List(list.unwrap_or_default().into()));
        if !found {
            self.jump(failed);
        }
        self.go(now);
    }

    fn hangup(&mut self, now: Instant) {
        if self.gone {
            return;
        }
        self.gone = true;
        match &self.state {
            State::Playing { ticket, since, .. } => {
                let (ticket, played) = (*ticket, now.since(*since));
                self.play_done(now, ticket, played);
            }
            State::Recording(recording) => {
                // The driver ends the recording itself; should it not have said so yet, what
                // was said until now is what there is.
                let (ticket, length) = (recording.ticket, now.since(recording.since));
                self.record_done(now, ticket, RecordEnd::Hangup, length);
            }
            State::Waiting { menu, .. } => {
                let menu = *menu;
                self.state = State::Running;
                self.leave_menu(menu);
                self.go(now);
            }
            State::New
            | State::Running
            | State::Sending { .. }
            | State::Asking { .. }
            | State::Done => {}
        }
    }

    // ---- operations ----

    fn go(&mut self, now: Instant) {
        let program = Arc::clone(&self.program);
        while matches!(self.state, State::Running) {
            if self.fuel == 0 {
                self.finish(Finish::OutOfFuel);
                return;
            }
            self.fuel -= 1;
            let Some(op) = program.ops.get(self.pc as usize) else {
                self.finish(Finish::Completed);
                return;
            };
            self.pc += 1;
            self.step(now, op);
        }
    }

    fn step(&mut self, now: Instant, op: &Op) {
        match op {
            Op::Say(text) => {
                let text = self.text(text, now);
                let language = self.language();
                self.play(now, Sound::Speech { language, text }, None);
            }
            Op::Prompt(name) => {
                let sound = Sound::Prompt { language: self.language(), name: name.to_string() };
                self.play(now, sound, None);
            }
            Op::Greeting { user, missing } => match self.user(user) {
                Some(user) if self.has_greeting(user) => {
                    self.play(now, Sound::Greeting(user), None);
                }
                _ => self.jump(*missing),
            },
            Op::PlayMessage(message) => {
                if let Value::Message(message) = self.eval(message) {
                    let sound = Sound::Message { message: message.id, from: Duration::ZERO };
                    self.play(now, sound, Some(message.id));
                }
            }
            Op::PlayRecording(slot) => {
                if let Value::Recording(recorded) = self.get(*slot) {
                    self.play(now, Sound::Recording(recorded.id), None);
                }
            }
            Op::Beep => self.sound(now, Sound::Beep, KeySet::EMPTY, None),
            Op::Pause(length) => {
                if let Value::Duration(length) = self.eval(length) {
                    self.play(now, Sound::Pause(length), None);
                }
            }
            Op::Record { slot, max, stop_on, silence, keeps } => {
                let max = self.duration(max);
                self.record(now, *slot, max, *stop_on, *silence, *keeps);
            }
            Op::Send { slot, to, receipt, urgent, failed } => {
                let delivery = Delivery { to: self.users(to), receipt: *receipt, urgent: *urgent };
                self.send(*slot, delivery, *failed);
            }
            Op::Discard(slot) => {
                if let Value::Recording(recorded) = self.get(*slot) {
                    self.emit(Effect::Discard(recorded.id));
                }
            }
            Op::Act { kind, message, user, failed } => self.act(*kind, message, user, *failed),
            Op::Query { slot, query, failed } => self.query(*slot, query, *failed),
            Op::Failed => self.typed = Keys::default(),
            Op::Set(slot, value) => {
                let value = self.eval_at(value, now);
                self.set(*slot, value);
            }
            Op::Jump(label) => self.jump(*label),
            Op::Unless(condition, label) => {
                if self.eval_at(condition, now) != Value::Bool(true) {
                    self.jump(*label);
                }
            }
            Op::UnlessUser { value, slot, otherwise } => match self.user(value) {
                Some(user) => self.set(*slot, Value::User(user)),
                None => self.jump(*otherwise),
            },
            Op::Next { list, index, item, done } => self.next_item(*list, *index, *item, *done),
            Op::Zero(slot) => self.set(*slot, Value::Number(0)),
            Op::Again { counter, most, exhausted } => {
                let count = self.count(*counter);
                if count >= i64::from(*most) {
                    self.jump(*exhausted);
                } else {
                    self.set(*counter, Value::Number(count + 1));
                }
            }
            Op::Wait(menu) => self.wait(now, *menu),
            Op::Call { flow, args, missed, tail } => {
                let args: Vec<Value> = args.iter().map(|a| self.eval_at(a, now)).collect();
                match missed {
                    Some(missed) if args.contains(&Value::Nothing) => self.jump(*missed),
                    _ => self.call(*flow, args, *tail),
                }
            }
            Op::Return => match self.frames.pop() {
                Some(frame) => {
                    self.slots.truncate(self.base as usize);
                    (self.pc, self.base) = (frame.pc, frame.base);
                }
                None => self.finish(self.ending()),
            },
            Op::Gone => self.finish(Finish::CallerGone),
            Op::Hangup => self.finish(self.ending()),
            Op::Log(text) => {
                let text = self.text(text, now);
                self.emit(Effect::Log(text));
            }
            Op::Panic => self.emit(Effect::Panic),
        }
    }

    const fn ending(&self) -> Finish {
        if self.gone { Finish::CallerGone } else { Finish::Completed }
    }

    /// Plays unless the caller is gone or has typed ahead; any key stops it.
    fn play(&mut self, now: Instant, sound: Sound, message: Option<MessageId>) {
        if self.typed.is_empty() {
            self.sound(now, sound, KeySet::ALL, message);
        }
    }

    fn sound(&mut self, now: Instant, sound: Sound, stop_on: KeySet, message: Option<MessageId>) {
        if self.gone {
            return;
        }
        self.pick_up();
        let ticket = self.ticket();
        self.emit(Effect::Play { ticket, sounds: vec![sound], stop_on });
        self.state = State::Playing { ticket, since: now, message };
    }

    fn record(
        &mut self,
        now: Instant,
        slot: u16,
        max: Duration,
        stop_on: KeySet,
        silence: Option<Duration>,
        keeps: bool,
    ) {
        if self.gone {
            // Nobody is there to be recorded, and the checker saw to it that no recording is
            // still owed an end.
            self.finish(Finish::CallerGone);
            return;
        }
        self.pick_up();
        self.typed = Keys::default();
        self.fuel = FUEL;
        let (ticket, id) = (self.ticket(), RecordingId(self.recordings));
        self.recordings = self.recordings.saturating_add(1);
        self.state = State::Recording(Box::new(Recording {
            ticket,
            id,
            since: now,
            slot,
            stop_on,
            silence,
            keeps,
            stopped: false,
        }));
        let on_hangup = outcome::of(self, ticket, id, max);
        let recording = id;
        self.emit(Effect::Record { ticket, recording, max, stop_on, silence, on_hangup });
    }

    fn send(&mut self, slot: u16, delivery: Delivery, failed: Label) {
        let Value::Recording(recorded) = self.get(slot) else { return };
        let recording = recorded.id;
        if delivery.to.is_empty() {
            self.emit(Effect::Discard(recording));
            self.jump(failed);
            return;
        }
        let ticket = self.ticket();
        self.emit(Effect::Send { ticket, recording, delivery });
        self.state = State::Sending { ticket, failed };
    }

    fn act(&mut self, kind: ActKind, message: &Expr, user: &Expr, failed: Label) {
        let (Value::Message(message), Some(user)) = (self.eval(message), self.user(user)) else {
            self.jump(failed);
            return;
        };
        let message = message.id;
        let action = match kind {
            ActKind::MarkHeard => match self.heard.filter(|(m, _)| *m == message) {
                Some((_, heard)) if !heard.is_zero() => Action::MarkHeard { user, message, heard },
                // Nothing of it was heard: it stays new.
                _ => return,
            },
            ActKind::Save => Action::Save(user, message),
            ActKind::Delete => Action::Delete(user, message),
            ActKind::Confirm => Action::Confirm(user, message),
        };
        let ticket = self.ticket();
        self.emit(Effect::Act(ticket, action));
        self.state = State::Sending { ticket, failed };
    }

    fn query(&mut self, slot: u16, query: &hir::Query, failed: Label) {
        let query = match query {
            hir::Query::Messages(user, saved) => self.user(user).map(|user| {
                Query::Messages(user, if *saved { Folder::Saved } else { Folder::New })
            }),
            hir::Query::Online(user) => self.user(user).map(Query::ContactsOnline),
        };
        let Some(query) = query else {
            self.jump(failed);
            return;
        };
        let ticket = self.ticket();
        self.emit(Effect::Query(ticket, query));
        self.state = State::Asking { ticket, slot, failed };
    }

    fn next_item(&mut self, list: u16, index: u16, item: u16, done: Label) {
        let at = self.count(index);
        let value = match self.get(list) {
            // Once the caller is gone nothing is gone through any further.
            Value::List(list) if !self.gone => {
                usize::try_from(at).ok().and_then(|at| list.get(at).cloned())
            }
            _ => None,
        };
        match value {
            Some(value) => {
                self.set(item, value);
                self.set(index, Value::Number(at.saturating_add(1)));
            }
            None => self.jump(done),
        }
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

    fn call(&mut self, flow: u32, args: Vec<Value>, tail: bool) {
        if tail {
            self.slots.truncate(self.base as usize);
        } else if self.frames.len() >= MAX_FRAMES {
            self.finish(Finish::OutOfFuel);
            return;
        } else {
            self.frames.push(Frame { pc: self.pc, base: self.base });
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
        self.state = State::Done;
        self.emit(Effect::Finished(how));
    }
}
