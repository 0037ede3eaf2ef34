//! What a run asks of the rest of Hark: to send, keep, change, connect, find out.

use std::time::Duration;

use super::super::ast::ActKind;
use super::super::effect::{Action, Callee, Delivery, Effect, Keepsake, Query, Setting};
use super::super::hir;
use super::super::program::{Expr, ForwardTable, Label, RingTable};
use super::super::value::Value;
use super::learnt::Learnt;
use super::{Run, State};
use crate::presence::Presence;
use crate::time::{Instant, UnixMillis};

/// How long a text of a pop-up may be, in characters.
const MAX_NOTE: usize = 500;

impl Run {
    /// The wall clock's time.
    pub(super) fn wall(&self, now: Instant) -> UnixMillis {
        self.context.at.after(now.since(self.started))
    }

    pub(super) fn delivery(
        &self,
        to: &[Expr],
        options: &hir::SendOptions,
        now: Instant,
    ) -> Delivery {
        let later = options.later.as_ref().map(|later| self.eval_at(later, now));
        let not_before = match later {
            Some(Value::Time(time)) => Some(time),
            Some(Value::Duration(wait)) => Some(self.wall(now).after(wait)),
            _ => None,
        };
        let reply_to = match options.answering.as_ref().map(|message| self.eval(message)) {
            Some(Value::Message(message)) => Some(message.id),
            _ => None,
        };
        Delivery {
            to: self.users(to),
            receipt: options.receipt,
            urgent: options.urgent,
            private: options.private,
            not_before,
            reply_to,
        }
    }

    pub(super) fn send(&mut self, slot: u16, delivery: Delivery, failed: Label) {
        let Value::Recording(recorded) = self.get(slot) else { return };
        let recording = recorded.id;
        if delivery.to.is_empty() {
            self.emit(Effect::Discard(recording));
            self.jump(failed);
            return;
        }
        self.note(|_| {
            format!("send the recording to {}", super::trace::counted(delivery.to.len()))
        });
        let ticket = self.ticket();
        self.emit(Effect::Send { ticket, recording, delivery });
        self.state = State::Sending { ticket, failed, connected: false };
    }

    pub(super) fn forward(&mut self, now: Instant, forward: &ForwardTable) {
        let delivery = self.delivery(&forward.to, &forward.options, now);
        let introduction = forward.introduction.and_then(|slot| match self.get(slot) {
            Value::Recording(recorded) => Some(recorded.id),
            _ => None,
        });
        let (Value::Message(message), Some(user), false) =
            (self.eval(&forward.message), self.user(&forward.user), delivery.to.is_empty())
        else {
            if let Some(recording) = introduction {
                self.emit(Effect::Discard(recording));
            }
            return self.jump(forward.failed);
        };
        self.note(|_| format!("forward to {}", super::trace::counted(delivery.to.len())));
        let ticket = self.ticket();
        let message = message.id;
        self.emit(Effect::Forward { ticket, user, message, introduction, delivery });
        self.state = State::Sending { ticket, failed: forward.failed, connected: false };
    }

    pub(super) fn keep(&mut self, slot: u16, user: &Expr, keepsake: Keepsake, failed: Label) {
        let Value::Recording(recorded) = self.get(slot) else { return };
        let recording = recorded.id;
        let Some(user) = self.user(user) else {
            self.emit(Effect::Discard(recording));
            return self.jump(failed);
        };
        self.note(|_| format!("keep the recording as {keepsake:?}"));
        let ticket = self.ticket();
        self.emit(Effect::Keep { ticket, recording, user, keepsake });
        self.learning = Some(Learnt { user, what: keepsake, is_there: true });
        self.state = State::Sending { ticket, failed, connected: false };
    }

    pub(super) fn act(&mut self, kind: ActKind, message: &Expr, user: &Expr, failed: Label) {
        let (Value::Message(message), Some(user)) = (self.eval(message), self.user(user)) else {
            self.jump(failed);
            return;
        };
        let message = message.id;
        let action = match kind {
            ActKind::MarkHeard => match self.heard.filter(|heard| heard.message == message) {
                Some(heard) if heard.furthest_ms > 0 => Action::MarkHeard {
                    user,
                    message,
                    heard: Duration::from_millis(heard.furthest_ms.into()),
                },
                // Nothing of it was heard: it stays new.
                _ => return,
            },
            ActKind::Save => Action::Save(user, message),
            ActKind::Delete => Action::Delete(user, message),
            ActKind::Confirm => Action::Confirm(user, message),
            ActKind::Restore => Action::Restore(user, message),
        };
        self.change_by(action, failed);
    }

    pub(super) fn change(
        &mut self,
        now: Instant,
        user: &Expr,
        setting: &hir::Setting,
        failed: Label,
    ) {
        let Some(user) = self.user(user) else { return self.jump(failed) };
        let setting = match setting {
            hir::Setting::Language(value) => match self.eval_at(value, now) {
                Value::Text(tag) => Setting::Language(tag.to_string()),
                _ => return self.jump(failed),
            },
            hir::Setting::Pin(value) => match self.eval_at(value, now) {
                Value::Digits(digits) => Setting::Pin(digits.to_string()),
                _ => return self.jump(failed),
            },
            hir::Setting::Delivery(preset) => Setting::Delivery(*preset),
            hir::Setting::DoNotDisturb(value) => {
                Setting::DoNotDisturb(self.eval_at(value, now) == Value::Bool(true))
            }
            hir::Setting::NoGreeting(kind) => {
                let what = Keepsake::Greeting(*kind);
                self.learning = Some(Learnt { user, what, is_there: false });
                Setting::NoGreeting(*kind)
            }
        };
        self.change_by(Action::Set(user, setting), failed);
    }

    pub(super) fn notify(&mut self, now: Instant, user: &Expr, text: &Expr, failed: Label) {
        let text: String = self.text(text, now).chars().take(MAX_NOTE).collect();
        match self.user(user) {
            Some(user) => self.change_by(Action::Notify(user, text), failed),
            None => self.jump(failed),
        }
    }

    /// Notes that somebody was told of receipts. Should that fail, they are told once more.
    pub(super) fn told(&mut self, user: &Expr) {
        let Some(user) = self.user(user) else { return };
        // Whoever hung up did not hear it to the end.
        if self.gone {
            return;
        }
        let ticket = self.ticket();
        self.emit(Effect::Act(ticket, Action::ReceiptsTold(user)));
        let failed = u32::MAX;
        self.state = State::Sending { ticket, failed, connected: false };
    }

    fn change_by(&mut self, action: Action, failed: Label) {
        // Debug keeps PINs to itself.
        self.note(|_| format!("{action:?}"));
        let ticket = self.ticket();
        self.emit(Effect::Act(ticket, action));
        self.state = State::Sending { ticket, failed, connected: false };
    }

    pub(super) fn connect(&mut self, callee: &hir::Callee, ring_for: Duration, failed: Label) {
        // Nobody is there to be connected.
        if self.gone {
            return self.jump(failed);
        }
        let Some(callee) = self.callee(callee) else { return self.jump(failed) };
        self.pick_up();
        self.note(|_| format!("connect, ringing for {ring_for:?}"));
        let ticket = self.ticket();
        self.emit(Effect::Connect { ticket, callee, ring_for });
        self.state = State::Sending { ticket, failed, connected: true };
    }

    pub(super) fn ring(&mut self, now: Instant, ring: &RingTable) {
        let Some(callee) = self.callee(&ring.callee) else { return self.jump(ring.failed) };
        let args = ring.args.iter().map(|arg| self.eval_at(arg, now)).collect();
        self.note(|_| format!("ring for {:?}, for {}", ring.ring_for, ring.flow));
        let ticket = self.ticket();
        self.emit(Effect::Ring {
            ticket,
            callee,
            ring_for: ring.ring_for,
            flow: ring.flow.to_string(),
            args,
        });
        self.state = State::Sending { ticket, failed: ring.failed, connected: false };
    }

    fn callee(&self, callee: &hir::Callee) -> Option<Callee> {
        match callee {
            hir::Callee::User(user) => self.user(user).map(Callee::User),
            hir::Callee::Device(device) => match self.eval(device) {
                Value::Device(device) => Some(Callee::Device(device.owner, device.name.clone())),
                _ => None,
            },
            hir::Callee::Number { number, via } => match self.eval(number) {
                Value::Text(number) | Value::Digits(number) => {
                    Some(Callee::Number { number: number.to_string(), trunk: via.clone() })
                }
                _ => None,
            },
        }
    }

    pub(super) fn query(&mut self, slot: u16, query: &hir::Query, failed: Label) {
        // What is known should the store not answer.
        let unknown = match query {
            hir::Query::Messages(..)
            | hir::Query::Online(_)
            | hir::Query::Devices(_)
            | hir::Query::Waiting(_) => Value::List([].into()),
            hir::Query::Presence(_) => Value::Presence(Presence::Offline),
            hir::Query::PinMatches(..) | hir::Query::HasPin(_) => Value::Bool(false),
            hir::Query::Receipts(_) => Value::Number(0),
        };
        self.set(slot, unknown);
        let query = match query {
            hir::Query::Messages(user, folder) => {
                self.user(user).map(|user| Query::Messages(user, *folder))
            }
            hir::Query::Online(user) => self.user(user).map(Query::ContactsOnline),
            hir::Query::Presence(user) => self.user(user).map(Query::Presence),
            hir::Query::PinMatches(user, digits) => match (self.user(user), self.eval(digits)) {
                (Some(user), Value::Digits(digits)) => {
                    Some(Query::CheckPin(user, digits.to_string()))
                }
                _ => None,
            },
            hir::Query::HasPin(user) => self.user(user).map(Query::HasPin),
            hir::Query::Devices(user) => self.user(user).map(Query::Devices),
            hir::Query::Receipts(user) => self.user(user).map(Query::Receipts),
            hir::Query::Waiting(user) => self.user(user).map(Query::Waiting),
        };
        let Some(query) = query else {
            self.jump(failed);
            return;
        };
        self.note(|_| super::trace::asked(&query).into());
        let ticket = self.ticket();
        self.emit(Effect::Query(ticket, query));
        self.state = State::Asking { ticket, slot, failed };
    }
}
