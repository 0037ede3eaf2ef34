//! The operations of a program, one after the other until something must be waited for.

use std::sync::Arc;
use std::time::Duration;

use super::super::effect::{Effect, Finish, HangupCause, Join, RecordingId, Sound};
use super::super::hir;
use super::super::program::{Expr, Label, Op};
use super::super::value::{Recorded, Value};
use super::{FUEL, Keys, PlayingMessage, Recording, Run, State, outcome};
use crate::key::KeySet;
use crate::time::Instant;

/// How much slower or faster a message can be played, in percent.
const SPEEDS: std::ops::RangeInclusive<i64> = 50..=200;

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
            if let Some(visited) = &mut self.visited
                && let Some(place) = visited.get_mut(self.pc as usize)
            {
                place.run = true;
            }
            self.pc += 1;
            self.step(now, op);
        }
    }

    fn step(&mut self, now: Instant, op: &Op) {
        match op {
            Op::Answer => {
                if !self.gone {
                    self.note(|_| "answer".into());
                    self.pick_up();
                }
            }
            Op::Early => {
                if !self.answered && !self.early && !self.gone {
                    self.early = true;
                    self.note(|_| "early media".into());
                    self.emit(Effect::EarlyMedia);
                }
            }
            Op::Say { text, file } => {
                let text = self.text(text, now);
                let language = self.language.tag().to_owned();
                let file = file.as_deref().map(str::to_owned);
                self.play(now, Sound::Speech { language, text, file }, None);
            }
            Op::Prompt(name) => {
                let language = self.language.tag().to_owned();
                self.play(now, Sound::Prompt { language, name: name.to_string() }, None);
            }
            Op::Greeting { user, kind, missing } => match self.user(user) {
                Some(user) if self.has_greeting(user, *kind) => {
                    self.play(now, Sound::Greeting(user, *kind), None);
                }
                _ => self.jump(*missing),
            },
            Op::SpokenName { user, missing } => match self.user(user) {
                Some(user) if self.has_spoken_name(user) => {
                    self.play(now, Sound::SpokenName(user), None);
                }
                _ => self.jump(*missing),
            },
            Op::PlayMessage { message, from, speed } => {
                self.play_message(now, message, from.as_ref(), speed.as_ref());
            }
            Op::PlayRecording(slot) => {
                if let Value::Recording(recorded) = self.get(*slot) {
                    self.play(now, Sound::Recording(recorded.id), None);
                }
            }
            Op::Beep => self.sound(now, Sound::Beep, KeySet::EMPTY, None),
            Op::Tone { hertz, length } => {
                self.play(now, Sound::Tone { hertz: *hertz, length: *length }, None);
            }
            Op::Pause(length) => {
                if let Value::Duration(length) = self.eval(length) {
                    self.play(now, Sound::Pause(length), None);
                }
            }
            Op::Collect(collect) => self.collect(now, collect),
            Op::Record(record) => self.record(now, record),
            Op::Send { slot, to, options, failed } => {
                let delivery = self.delivery(to, options, now);
                self.send(*slot, delivery, *failed);
            }
            Op::Forward(forward) => self.forward(now, forward),
            Op::Keep { slot, user, keepsake, failed } => {
                self.keep(*slot, user, *keepsake, *failed);
            }
            Op::Discard(slot) => {
                if let Value::Recording(recorded) = self.get(*slot) {
                    let id = recorded.id;
                    self.note(|_| "discard the recording".into());
                    self.emit(Effect::Discard(id));
                }
            }
            Op::Act { kind, message, user, failed } => self.act(*kind, message, user, *failed),
            Op::Change { user, setting, failed } => self.change(now, user, setting, *failed),
            Op::Notify { user, text, failed } => self.notify(now, user, text, *failed),
            Op::Told(user) => self.told(user),
            Op::Connect { callee, ring_for, failed } => {
                self.connect(callee, *ring_for, *failed);
            }
            Op::Ring(ring) => self.ring(now, ring),
            Op::Query { slot, query, failed } => self.query(*slot, query, *failed),
            Op::Webhook(webhook) => self.ask_service(now, webhook),
            Op::Failed => {
                self.note(|_| "that failed".into());
                self.typed = Keys::default();
            }
            Op::Set(slot, value) => {
                let value = self.eval_at(value, now);
                self.set(*slot, value);
            }
            Op::Jump(label) => self.jump(*label),
            Op::Unless(condition, label) => {
                let holds = self.eval_at(condition, now) == Value::Bool(true);
                self.went(holds);
                if !holds {
                    self.jump(*label);
                }
            }
            Op::UnlessFound { value, slot, otherwise } => match self.eval_at(value, now) {
                Value::Nothing => {
                    self.went(false);
                    self.jump(*otherwise);
                }
                found => {
                    self.went(true);
                    self.set(*slot, found);
                }
            },
            Op::UnlessAllowed { value, allow, slot, otherwise } => {
                self.unless_allowed(value, *allow, *slot, *otherwise);
            }
            Op::Next { list, index, item, done } => self.next_item(*list, *index, *item, *done),
            Op::Zero(slot) => self.set(*slot, Value::Number(0)),
            Op::Again { counter, most, exhausted } => {
                let count = self.count(*counter);
                if count >= i64::from(*most) {
                    self.note(|_| format!("asked {most} times already"));
                    self.jump(*exhausted);
                } else {
                    self.set(*counter, Value::Number(count + 1));
                }
            }
            Op::Wait(menu) => self.wait(now, *menu),
            Op::Given => {}
            Op::Call { flow, args, missed, tail, into } => {
                let args: Vec<Value> = args.iter().map(|a| self.eval_at(a, now)).collect();
                match missed {
                    Some(missed) if args.contains(&Value::Nothing) => {
                        self.note(|_| "nobody has this number".into());
                        self.jump(*missed);
                    }
                    _ => {
                        self.note(|run| {
                            let flow = run.program.flows.get(*flow as usize);
                            flow.map_or_else(String::new, |f| format!("go to {}", f.name))
                        });
                        self.call(*flow, args, *tail, *into);
                    }
                }
            }
            Op::Return(value) => {
                let value = value.as_ref().map(|value| self.eval_at(value, now));
                match self.frames.pop() {
                    Some(frame) => {
                        self.slots.truncate(self.base as usize);
                        (self.pc, self.base) = (frame.pc, frame.base);
                        if let (Some(slot), Some(value)) = (frame.into, value) {
                            self.set(slot, value);
                        }
                    }
                    None => self.finish(self.ending()),
                }
            }
            Op::Speak(language) => self.language = *language,
            Op::Gone => self.finish(Finish::CallerGone),
            Op::Hangup(cause) => self.hang_up(*cause),
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

    fn hang_up(&mut self, cause: HangupCause) {
        self.note(|_| match cause {
            HangupCause::Normal => "hang up".into(),
            cause => format!("hang up, because {}", cause.name()),
        });
        self.finish_by(self.ending(), cause);
    }

    /// Plays unless the caller is gone or has typed ahead; any key stops it.
    fn play(&mut self, now: Instant, sound: Sound, message: Option<PlayingMessage>) {
        if self.typed.is_empty() {
            self.sound(now, sound, KeySet::ALL, message);
        }
    }

    fn sound(
        &mut self,
        now: Instant,
        sound: Sound,
        stop_on: KeySet,
        message: Option<PlayingMessage>,
    ) {
        if self.gone {
            return;
        }
        if !self.early {
            self.pick_up();
        }
        self.note_sound(&sound);
        let ticket = self.ticket();
        self.emit(Effect::Play { ticket, sounds: vec![sound], stop_on });
        self.state = State::Playing { ticket, since: now, message };
    }

    fn play_message(
        &mut self,
        now: Instant,
        message: &Expr,
        from: Option<&Expr>,
        speed: Option<&Expr>,
    ) {
        let Value::Message(message) = self.eval(message) else { return };
        let from = from.map_or(Duration::ZERO, |from| match self.eval_at(from, now) {
            Value::Duration(from) => from,
            _ => Duration::ZERO,
        });
        // Behind its end there is nothing to hear.
        let from_ms = u32::try_from(from.as_millis()).unwrap_or(u32::MAX).min(message.length_ms);
        let speed = match speed.map(|speed| self.eval_at(speed, now)) {
            Some(Value::Number(speed)) => speed.clamp(*SPEEDS.start(), *SPEEDS.end()),
            _ => 100,
        };
        let speed = u16::try_from(speed).unwrap_or(100);
        let message = message.id;
        let from = Duration::from_millis(from_ms.into());
        let playing = PlayingMessage { message, from_ms, speed };
        self.play(now, Sound::Message { message, from, speed }, Some(playing));
    }

    fn record(&mut self, now: Instant, record: &hir::Record) {
        let hir::Record { slot, max, stop_on, silence, keeps, join } = record;
        let earlier = join.and_then(|(slot, behind, _)| match self.get(slot) {
            Value::Recording(recorded) => Some((*recorded, behind)),
            _ => None,
        });
        if self.gone {
            match earlier {
                // Nobody is there to add anything: it goes on as what it was.
                Some((recorded, _)) => self.set(*slot, Value::Recording(recorded)),
                // The checker saw to it that no recording is still owed an end.
                None => self.finish(Finish::CallerGone),
            }
            return;
        }
        self.pick_up();
        self.typed = Keys::default();
        self.fuel = FUEL;
        let max = self.duration(max);
        let (ticket, id) = (self.ticket(), RecordingId(self.recordings));
        self.recordings = self.recordings.saturating_add(1);
        self.state = State::Recording(Box::new(Recording {
            ticket,
            id,
            since: now,
            slot: *slot,
            stop_on: *stop_on,
            silence: *silence,
            keeps: *keeps,
            stopped: false,
            joined: earlier.map(|(recorded, _)| recorded),
        }));
        let join = earlier.map(
            |(Recorded { id, .. }, behind)| {
                if behind { Join::Behind(id) } else { Join::Before(id) }
            },
        );
        self.note(|_| format!("record at most {max:?}"));
        let on_hangup = outcome::of(self, ticket, id, max);
        self.emit(Effect::Record {
            ticket,
            recording: id,
            max,
            stop_on: *stop_on,
            silence: *silence,
            on_hangup,
            join,
        });
    }

    fn unless_allowed(&mut self, value: &Expr, allow: u16, slot: u16, otherwise: Label) {
        let program = Arc::clone(&self.program);
        let (Value::Digits(number) | Value::Text(number)) = self.eval(value) else {
            return self.jump(otherwise);
        };
        let keys = super::keys_of(&number).unwrap_or_default();
        let list = program.allows.get(usize::from(allow)).map_or(&[][..], Vec::as_slice);
        if list.iter().any(|pattern| pattern.matches(&keys)) {
            self.went(true);
            self.set(slot, Value::Digits(number));
        } else {
            self.went(false);
            self.jump(otherwise);
        }
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
