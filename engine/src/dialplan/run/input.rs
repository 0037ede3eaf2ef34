//! What happens to a run: keys, sounds and recordings that end, answers, the hang-up.

use std::time::Duration;

use super::super::effect::{Answer, Effect, Finish, RecordEnd, Ticket};
use super::super::value::{Recorded, Value};
use super::{MAX_LIST, MAX_TYPED, Recording, Run, State};
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

    pub(super) fn play_done(&mut self, now: Instant, ticket: Ticket, played: Duration) {
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

    pub(super) fn done(&mut self, now: Instant, ticket: Ticket, ok: bool) {
        let State::Sending { ticket: open, failed } = self.state else { return };
        if open == ticket {
            self.state = State::Running;
            if !ok {
                self.jump(failed);
            }
            self.go(now);
        }
    }

    pub(super) fn answered(&mut self, now: Instant, ticket: Ticket, answer: Option<Answer>) {
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
            Some(
                Answer::Presence(_)
                | Answer::Yes(_)
                | Answer::Devices(_)
                | Answer::Count(_)
                | Answer::Body(_),
            )
            | None => None,
        };
        let found = list.is_some();
        self.set(slot, Value::List(list.unwrap_or_default().into()));
        if !found {
            self.jump(failed);
        }
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
}
