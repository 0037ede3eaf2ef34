//! The operations of a program, one after the other until something must be waited for.

use std::sync::Arc;
use std::time::Duration;

use super::super::ast::ActKind;
use super::super::effect::{Action, Delivery, Effect, Finish, Folder, Query, RecordingId, Sound};
use super::super::hir;
use super::super::program::{Expr, Label, Op};
use super::super::value::Value;
use super::{FUEL, Keys, Recording, Run, State, outcome};
use crate::directory::GreetingKind;
use crate::id::MessageId;
use crate::key::KeySet;
use crate::time::Instant;

impl Run {
    pub(super) fn go(&mut self, now: Instant) {
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
                self.play(now, Sound::Speech { language, text, file: None }, None);
            }
            Op::Prompt(name) => {
                let sound = Sound::Prompt { language: self.language(), name: name.to_string() };
                self.play(now, sound, None);
            }
            Op::Greeting { user, missing } => match self.user(user) {
                Some(user) if self.has_greeting(user) => {
                    self.play(now, Sound::Greeting(user, GreetingKind::Standard), None);
                }
                _ => self.jump(*missing),
            },
            Op::PlayMessage(message) => {
                if let Value::Message(message) = self.eval(message) {
                    let sound =
                        Sound::Message { message: message.id, from: Duration::ZERO, speed: 100 };
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
                let delivery = Delivery {
                    to: self.users(to),
                    receipt: *receipt,
                    urgent: *urgent,
                    ..Delivery::default()
                };
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
        self.emit(Effect::Record {
            ticket,
            recording,
            max,
            stop_on,
            silence,
            on_hangup,
            join: None,
        });
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
}
