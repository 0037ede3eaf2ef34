//! What happens to a run: keys, sounds and recordings that end, answers, the hang-up.

use std::sync::Arc;
use std::time::Duration;

use super::super::effect::{Answer, Effect, Finish, RecordEnd, Ticket};
use super::super::value::{Recorded, Value};
use super::{Heard, MAX_LIST, MAX_TYPED, PlayingMessage, Recording, Run, State};
use crate::id::UserId;
use crate::key::Key;
use crate::time::Instant;

impl Run {
    pub(super) fn key(&mut self, now: Instant, key: Key) {
        match &mut self.state {
            State::Waiting { menu, keys, .. } => {
                let (menu, keys) = (*menu, *keys);
                self.typed.push(key, MAX_TYPED);
                self.feed_menu(now, menu, keys);
                self.go(now);
            }
            State::Collecting { op, keys, .. } => {
                let (op, keys) = (*op, *keys);
                self.typed.push(key, MAX_TYPED);
                self.feed_collect(now, op, keys);
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
            | State::Asking { .. }
            | State::Awaiting { .. } => self.typed.push(key, MAX_TYPED),
        }
    }

    pub(super) fn play_done(&mut self, now: Instant, ticket: Ticket, played: Duration) {
        let State::Playing { ticket: open, message, .. } = self.state else { return };
        if open != ticket {
            return;
        }
        if let Some(message) = message {
            let PlayingMessage { message, from_ms, speed } = message;
            // What took a second at double speed was two seconds of the message.
            let played = played.as_millis().saturating_mul(speed.into()) / 100;
            let played = u32::try_from(played).unwrap_or(u32::MAX);
            let position_ms = from_ms.saturating_add(played);
            let before = self.heard.filter(|heard| heard.message == message);
            // Where nothing was played, nothing of it was heard, wherever that was.
            let reached = if played == 0 { 0 } else { position_ms };
            let furthest_ms = reached.max(before.map_or(0, |heard| heard.furthest_ms));
            self.heard = Some(Heard { message, furthest_ms, position_ms });
        }
        self.state = State::Running;
        self.go(now);
    }

    pub(super) fn record_done(
        &mut self,
        now: Instant,
        ticket: Ticket,
        end: RecordEnd,
        length: Duration,
    ) {
        let State::Recording(recording) = &self.state else { return };
        if recording.ticket != ticket {
            return;
        }
        let Recording { id, slot, silence, keeps, joined, .. } = **recording;
        self.state = State::Running;
        let recorded = Recorded::new(id, length, end, silence);
        let recorded = joined.map_or(recorded, |earlier| recorded.joined(earlier));
        self.note(|_| format!("recorded {length:.1?}, ended by {end}"));
        self.set(slot, Value::Recording(recorded));
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

    pub(super) fn done(&mut self, now: Instant, ticket: Ticket, ok: bool) {
        let State::Sending { ticket: open, failed, .. } = self.state else { return };
        if open == ticket {
            self.state = State::Running;
            if let Some(learnt) = self.learning.take().filter(|_| ok) {
                self.learn(learnt);
            }
            // Where no label is, failure is no matter.
            if !ok && failed != u32::MAX {
                self.jump(failed);
            }
            self.go(now);
        }
    }

    pub(super) fn answered(&mut self, now: Instant, ticket: Ticket, answer: Option<Answer>) {
        if let State::Awaiting { ticket: open, op } = self.state
            && open == ticket
        {
            let body = match &answer {
                Some(Answer::Body(body)) => Some(body.as_str()),
                _ => None,
            };
            return self.service_answered(now, op, body);
        }
        let State::Asking { ticket: open, slot, failed } = self.state else { return };
        if open != ticket {
            return;
        }
        self.state = State::Running;
        let list: Option<Vec<Value>> = match answer {
            Some(Answer::Messages(mut list)) => {
                list.sort_by_key(|message| !message.urgent);
                Some(list.into_iter().take(MAX_LIST).map(Value::from).collect())
            }
            Some(Answer::Users(list)) => {
                let known = |u: &UserId| self.context.directory.user(*u).is_some();
                Some(list.into_iter().filter(known).take(MAX_LIST).map(Value::User).collect())
            }
            Some(Answer::Devices(list)) => {
                Some(list.into_iter().take(MAX_LIST).map(|d| Value::Device(Arc::new(d))).collect())
            }
            Some(Answer::Presence(presence)) => {
                return self.found(now, slot, Value::Presence(presence));
            }
            Some(Answer::Yes(yes)) => return self.found(now, slot, Value::Bool(yes)),
            Some(Answer::Count(count)) => {
                return self.found(now, slot, Value::Number(count.into()));
            }
            Some(Answer::Body(_)) | None => None,
        };
        match list {
            Some(list) => self.set(slot, Value::List(list.into())),
            None => self.jump(failed),
        }
        self.go(now);
    }

    fn found(&mut self, now: Instant, slot: u16, value: Value) {
        self.set(slot, value);
        self.go(now);
    }

    pub(super) fn hangup(&mut self, now: Instant) {
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
            State::Sending { connected: true, .. } => {
                self.state = State::Running;
                self.go(now);
            }
            State::Collecting { .. } => self.finish(Finish::CallerGone),
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
            | State::Awaiting { .. }
            | State::Done => {}
        }
    }
}
