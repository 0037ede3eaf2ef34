//! The caller from hell: presses any key at any time, speaks or does not, hangs up some day,
//! while the store, the web services and whoever is called fail as they like.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::dialplan::effect::{
    Answer, DeviceInfo, Effect, Failure, Finish, HangupOutcome, Input, Join, Query, RecordEnd,
    RecordingId, Ticket,
};
use hark_engine::dialplan::{CallContext, CallerInfo, Run};
use hark_engine::directory::{Directory, GreetingKind, User};
use hark_engine::id::{MessageId, UserId};
use hark_engine::key::Key;
use hark_engine::message::{MessageSummary, Sender, Step};
use hark_engine::presence::Presence;
use hark_engine::time::{Instant, UnixMillis};

use super::choices::Choices;

/// How many things happen in a call at most. Who presses a key can be asked anew for ever, so
/// callers hang up before that.
const MOST_STEPS: usize = 20_000;

/// What a caller does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Anything.
    Any,
    /// Nothing: no key, no word, and never hangs up.
    Silent,
}

pub struct Caller<'a> {
    choices: &'a mut Choices,
    manner: Manner,
    /// Whether what a recording was said to become on a hang-up is what it becomes: so it is
    /// where nothing between hangs on the store.
    foreseeable: bool,
    used: HashMap<RecordingId, HangupOutcome>,
    foreseen: HashMap<RecordingId, HangupOutcome>,
    recorded: Vec<RecordingId>,
    play: Option<Ticket>,
    record: Option<(Ticket, RecordingId)>,
    /// What the run waits for from elsewhere, and whether it is the conversation with a callee.
    pending: Option<(Input, bool)>,
    gone: bool,
    hung_up_while: Option<RecordingId>,
}

impl<'a> Caller<'a> {
    pub fn new(choices: &'a mut Choices, manner: Manner) -> Self {
        Self {
            choices,
            manner,
            foreseeable: false,
            used: HashMap::new(),
            foreseen: HashMap::new(),
            recorded: Vec::new(),
            play: None,
            record: None,
            pending: None,
            gone: false,
            hung_up_while: None,
        }
    }

    #[allow(dead_code, reason = "the fuzz targets grow programs of which it does not hold")]
    pub fn foreseeable(mut self) -> Self {
        self.foreseeable = true;
        self
    }

    /// Leads the run to its end.
    ///
    /// # Errors
    /// When it breaks a promise of the language.
    pub fn lead(mut self, mut run: Run) -> Result<(), String> {
        let mut now = Instant::ZERO;
        run.start(now);
        for step in 0..MOST_STEPS {
            while let Some(effect) = run.poll_output() {
                self.take(effect)?;
            }
            if run.is_finished() {
                return self.settle();
            }
            now += Duration::from_millis(self.choices.roll(3000));
            self.act(&mut run, &mut now, step)?;
        }
        Err("the call does not end".into())
    }

    fn settle(&self) -> Result<(), String> {
        for recording in &self.recorded {
            if !self.used.contains_key(recording) {
                return Err(format!("{recording:?} is lost"));
            }
        }
        match self.hung_up_while.filter(|_| self.foreseeable) {
            Some(recording) if self.foreseen[&recording] != self.used[&recording] => {
                Err(format!("{recording:?} became something else than was foreseen"))
            }
            _ => Ok(()),
        }
    }

    fn use_up(&mut self, recording: RecordingId, how: HangupOutcome) -> Result<(), String> {
        if !self.recorded.contains(&recording) {
            return Err(format!("{recording:?} was never made"));
        }
        match self.used.insert(recording, how) {
            None => Ok(()),
            Some(_) => Err(format!("{recording:?} is used twice")),
        }
    }

    fn luck(&mut self) -> Result<(), Failure> {
        if self.choices.roll(4) == 0 { Err(Failure::NotKept) } else { Ok(()) }
    }

    fn wait_for(&mut self, input: Input, connected: bool) -> Result<(), String> {
        if self.play.is_some() || self.record.is_some() || self.pending.is_some() {
            return Err("the run waits for two things".into());
        }
        self.pending = Some((input, connected));
        Ok(())
    }

    fn take(&mut self, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::Play { ticket, .. } => {
                self.must_be_there()?;
                self.play = Some(ticket);
            }
            Effect::Record { ticket, recording, on_hangup, join, .. } => {
                self.must_be_there()?;
                if let Some(Join::Behind(earlier) | Join::Before(earlier)) = join {
                    self.use_up(earlier, HangupOutcome::Discard)?;
                }
                if self.recorded.iter().any(|of| !self.used.contains_key(of)) {
                    return Err("two recordings wait to be used".into());
                }
                self.record = Some((ticket, recording));
                self.recorded.push(recording);
                self.foreseen.insert(recording, on_hangup);
            }
            Effect::Send { ticket, recording, delivery } => {
                self.use_up(recording, HangupOutcome::Send(delivery))?;
                let input = Input::Done(ticket, self.luck());
                self.wait_for(input, false)?;
            }
            Effect::Forward { ticket, introduction, .. } => {
                if let Some(recording) = introduction {
                    self.use_up(recording, HangupOutcome::Discard)?;
                }
                let input = Input::Done(ticket, self.luck());
                self.wait_for(input, false)?;
            }
            Effect::Keep { ticket, recording, .. } => {
                self.use_up(recording, HangupOutcome::Discard)?;
                let input = Input::Done(ticket, self.luck());
                self.wait_for(input, false)?;
            }
            Effect::Discard(recording) => self.use_up(recording, HangupOutcome::Discard)?,
            Effect::Connect { ticket, .. } => {
                self.must_be_there()?;
                let input = Input::Done(ticket, self.luck());
                self.wait_for(input, true)?;
            }
            Effect::Ring { ticket, .. } | Effect::Act(ticket, _) => {
                let input = Input::Done(ticket, self.luck());
                self.wait_for(input, false)?;
            }
            Effect::Webhook { ticket, .. } => {
                let bodies = ["{}", "null", "{\"open\": true, \"name\": \"x\"}", "no JSON"];
                let body = (*self.choices.one_of(&bodies)).to_owned();
                let answer = self.luck().map(|()| Answer::Body(body));
                self.wait_for(Input::Answered(ticket, answer), false)?;
            }
            Effect::Query(ticket, query) => {
                let answer = self.answer(&query);
                self.wait_for(Input::Answered(ticket, answer), false)?;
            }
            Effect::Finished(Finish::OutOfFuel, _) => return Err("the run went on for ever".into()),
            Effect::Finished(..)
            | Effect::Answer
            | Effect::EarlyMedia
            | Effect::Trace { .. }
            | Effect::StopPlay(_)
            | Effect::StopRecord(_)
            | Effect::Log(_)
            | Effect::Panic => {}
        }
        Ok(())
    }

    fn must_be_there(&self) -> Result<(), String> {
        if self.gone || self.play.is_some() || self.record.is_some() || self.pending.is_some() {
            return Err("nobody is there who could hear or be heard".into());
        }
        Ok(())
    }

    /// The next thing that happens.
    fn act(&mut self, run: &mut Run, now: &mut Instant, step: usize) -> Result<(), String> {
        if self.gone && self.pending.is_none() {
            return Err("a run of a caller who is gone waits for something".into());
        }
        let silent = self.manner == Manner::Silent;
        let enough = step > MOST_STEPS / 2 && !silent && !self.gone;
        if enough {
            self.hang_up(run, *now);
            return Ok(());
        }
        match if silent || self.gone { 11 } else { self.choices.roll(12) } {
            0..=4 => {
                let key = u8::try_from(self.choices.roll(12)).unwrap();
                run.handle_input(*now, Input::Key(Key::from_event(key).unwrap()));
            }
            5 if step > 1 => self.hang_up(run, *now),
            _ => self.go_on(run, now),
        }
        Ok(())
    }

    fn hang_up(&mut self, run: &mut Run, now: Instant) {
        self.gone = true;
        self.play = None;
        if self.pending.as_ref().is_some_and(|(_, connected)| *connected) {
            self.pending = None;
        }
        if let Some((ticket, recording)) = self.record.take() {
            let (end, length) = (RecordEnd::Hangup, Duration::from_secs(30));
            // The driver may tell of the hang-up first; then it may have been too short.
            if self.choices.percent(70) {
                self.hung_up_while = Some(recording);
                run.handle_input(now, Input::RecordDone { ticket, end, length });
            }
        }
        run.handle_input(now, Input::Hangup);
    }

    /// What is under way comes to its end.
    fn go_on(&mut self, run: &mut Run, now: &mut Instant) {
        if let Some(ticket) = self.play.take() {
            let played = Duration::from_millis(self.choices.roll(5000));
            run.handle_input(*now, Input::PlayDone { ticket, played });
        } else if let Some((ticket, _)) = self.record.take() {
            let ends = [
                RecordEnd::Silence,
                RecordEnd::Limit,
                RecordEnd::Failed,
                RecordEnd::Key(Key::POUND),
            ];
            let silent = self.manner == Manner::Silent;
            let end = *self.choices.one_of(if silent { &ends[..3] } else { &ends });
            let length = Duration::from_millis(self.choices.roll(20_000));
            run.handle_input(*now, Input::RecordDone { ticket, end, length });
        } else if let Some((input, _)) = self.pending.take() {
            run.handle_input(*now, input);
        } else if let Some(deadline) = run.next_deadline() {
            *now = deadline.max(*now);
            run.handle_timeout(*now);
        }
    }

    fn answer(&mut self, query: &Query) -> Result<Answer, Failure> {
        self.luck().map_err(|_| Failure::NotFound)?;
        Ok(match query {
            Query::Messages(..) | Query::Waiting(_) => {
                let count = u8::try_from(self.choices.roll(4)).unwrap();
                Answer::Messages((0..count).map(message).collect())
            }
            Query::ContactsOnline(_) => Answer::Users(vec![UserId(2), UserId(99)]),
            Query::Presence(_) => {
                let all = [Presence::Online, Presence::Offline, Presence::Phone];
                Answer::Presence(*self.choices.one_of(&all))
            }
            Query::CheckPin(..) | Query::HasPin(_) => Answer::Yes(self.choices.percent(50)),
            Query::Devices(user) => {
                Answer::Devices(vec![DeviceInfo { owner: *user, name: "desk".into(), rings: true }])
            }
            Query::Receipts(_) => Answer::Count(2),
        })
    }
}

pub fn message(number: u8) -> MessageSummary {
    MessageSummary {
        id: MessageId::new(UnixMillis(0), [number; 10]),
        sender: Sender { user: None, name: "+15551234".into(), address: String::new() },
        at: UnixMillis(0),
        length_ms: 5000,
        urgent: false,
        private: false,
        reply_to: None,
        step: Step::Accepted,
    }
}

/// Alice calls. One of her contacts is nobody any more.
pub fn context(dialled: &str) -> CallContext {
    let users = ["alice", "bob"].iter().zip(1..).map(|(name, n)| User {
        id: UserId(n),
        name: (*name).into(),
        display_name: (*name).into(),
        extension: format!("100{n}"),
        message_limit_secs: 59,
        language: "en".into(),
        contacts: vec![UserId(3 - n), UserId(99)],
        greetings: (n == 1).then_some(GreetingKind::Standard).into_iter().collect(),
        has_spoken_name: n == 1,
        mailbox_full: false,
    });
    CallContext {
        directory: Arc::new(Directory::new("Hark", users.collect())),
        caller: CallerInfo { user: Some(UserId(1)), number: "1001".into(), name: "Alice".into() },
        dialled: dialled.into(),
        domain: "localhost".into(),
        trunk: None,
        language: "en".into(),
        at: UnixMillis(1_000_000),
    }
}
