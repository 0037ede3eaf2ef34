//! A telephone and a store made of arithmetic.

use std::time::Duration;

use super::super::effect::{
    Answer, Callee, Delivery, Effect, Failure, HangupCause, Input, Join, Keepsake, RecordEnd,
    RecordingId, Sound, Ticket,
};
use super::super::run::{Run, Visit};
use super::journal::{Happened, Happening};
use super::world::World;
use crate::key::{Key, KeySet};
use crate::time::Instant;

/// Between two keys of one `press`.
const BETWEEN_PRESSES: Duration = Duration::from_millis(100);
/// How much happens at most between two steps of a test.
const MAX_EVENTS: usize = 10_000;

/// A message that was sent.
#[derive(Clone)]
pub struct Sent {
    /// To whom.
    pub delivery: Delivery,
    /// How long it is.
    pub length: Duration,
}

/// The telephone, and what it saw.
#[derive(Clone)]
pub struct Phone {
    run: Option<Run>,
    /// The calls before this one.
    earlier: Vec<Run>,
    now: Instant,
    playing: Option<Playing>,
    recording: Option<Recording>,
    recorded: Vec<(RecordingId, Duration, bool)>,
    heard: Vec<Sound>,
    speaking_until: Instant,
    /// The conversation that the caller is in, and until when.
    conversation: Option<(Ticket, Instant)>,
    gone: bool,
    /// Everything around it.
    pub world: World,
    /// What was sent.
    pub sent: Vec<Sent>,
    /// What was forwarded.
    pub forwarded: Vec<Sent>,
    /// What recordings were kept as.
    pub kept: Vec<Keepsake>,
    /// How many recordings were discarded.
    pub discarded: usize,
    /// With whom the caller was connected.
    pub connected: Vec<Callee>,
    /// Who was rung for another flow.
    pub rung: Vec<Callee>,
    /// How many web services were asked.
    pub asked_services: usize,
    /// Whether the call was picked up.
    pub answered: bool,
    /// Whether there was early media.
    pub early: bool,
    /// Why the dialplan ended the call.
    pub cause: Option<HangupCause>,
    /// Whether a planted panic was reached.
    pub panicked: bool,
    /// What happened, in order, where somebody watches.
    pub(super) journal: Option<Vec<Happened>>,
}

#[derive(Clone)]
struct Playing {
    ticket: Ticket,
    since: Instant,
    until: Instant,
    stop_on: KeySet,
}

#[derive(Clone)]
struct Recording {
    ticket: Ticket,
    id: RecordingId,
    since: Instant,
    max: Duration,
    stop_on: KeySet,
    silence: Option<Duration>,
    join: Option<Join>,
}

impl Phone {
    pub fn new() -> Self {
        Self {
            run: None,
            earlier: Vec::new(),
            now: Instant::ZERO,
            playing: None,
            recording: None,
            recorded: Vec::new(),
            heard: Vec::new(),
            speaking_until: Instant::ZERO,
            conversation: None,
            gone: false,
            world: World::new(),
            sent: Vec::new(),
            forwarded: Vec::new(),
            kept: Vec::new(),
            discarded: 0,
            connected: Vec::new(),
            rung: Vec::new(),
            asked_services: 0,
            answered: false,
            early: false,
            cause: None,
            panicked: false,
            journal: None,
        }
    }

    pub const fn now(&self) -> Instant {
        self.now
    }

    pub const fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Whether nothing happens that the caller has not to do with: what is said has been said,
    /// and nobody speaks.
    pub fn is_idle(&self) -> bool {
        self.playing.is_none() && self.conversation.is_none()
    }

    /// How long a finished recording is.
    pub fn recorded_length(&self, recording: RecordingId) -> Duration {
        let found = self.recorded.iter().find(|(id, ..)| *id == recording);
        found.map_or(Duration::ZERO, |(_, length, _)| *length)
    }

    pub fn begin(&mut self, mut run: Run) {
        if self.journal.is_some() {
            run.trace();
        }
        run.count_visits();
        self.earlier.extend(self.run.take());
        self.run = Some(run);
        self.with_run(|run, now| run.start(now));
    }

    /// Which operations each call went through.
    pub fn visits(&self) -> impl Iterator<Item = &[Visit]> {
        self.earlier.iter().chain(&self.run).map(Run::visits)
    }

    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    pub fn is_over(&self) -> bool {
        self.run.as_ref().is_none_or(Run::is_finished)
    }

    pub fn heard_any(&self, is: impl Fn(&Sound) -> bool) -> bool {
        self.heard.iter().any(is)
    }

    /// Forgets everything up to the first such sound; false if there is none.
    pub fn take_heard(&mut self, is: impl Fn(&Sound) -> bool) -> bool {
        let found = self.heard.iter().position(is);
        if let Some(at) = found {
            self.heard.drain(..=at);
        }
        found.is_some()
    }

    /// What was heard and not yet expected.
    pub fn transcript(&self) -> String {
        let words: Vec<String> = self
            .heard
            .iter()
            .map(|sound| match sound {
                Sound::Speech { text, .. } => format!("\"{text}\""),
                Sound::Prompt { name, .. } => format!("prompt {name}"),
                Sound::Greeting(..) => "greeting".into(),
                Sound::Message { .. } => "message".into(),
                Sound::Recording(_) => "recording".into(),
                Sound::SpokenName(_) => "spoken name".into(),
                Sound::Beep => "beep".into(),
                Sound::Tone { hertz, .. } => format!("tone of {hertz} Hz"),
                Sound::Pause(_) => "pause".into(),
            })
            .collect();
        words.join(", ")
    }

    /// A recording of a finished run that was neither sent nor discarded: never, if the checker
    /// is right.
    pub fn undisposed(&self) -> Option<&'static str> {
        let lost = self.is_over() && self.recorded.iter().any(|(.., used)| !used);
        lost.then_some("a recording was neither sent nor discarded")
    }

    pub fn speak(&mut self, length: Duration) {
        self.speaking_until = self.now + length;
        self.advance(length);
    }

    pub fn press(&mut self, key: Key) {
        // A key stops what is under way, and not what is begun because of it.
        let playing = self.playing.as_ref().map(|p| p.ticket);
        let recording = self.recording.as_ref().map(|r| r.ticket);
        self.with_run(|run, now| run.handle_input(now, Input::Key(key)));
        let stops = |p: &mut Playing| p.stop_on.contains(key) && Some(p.ticket) == playing;
        if let Some(playing) = self.playing.take_if(stops) {
            self.play_done(&playing);
        } else if self
            .recording
            .as_ref()
            .is_some_and(|r| r.stop_on.contains(key) && Some(r.ticket) == recording)
        {
            self.record_done(RecordEnd::Key(key));
        }
        self.advance(BETWEEN_PRESSES);
    }

    pub fn hang_up(&mut self) {
        self.gone = true;
        self.playing = None;
        self.conversation = None;
        self.record_done(RecordEnd::Hangup);
        self.with_run(|run, now| run.handle_input(now, Input::Hangup));
    }

    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        for _ in 0..MAX_EVENTS {
            match self.next_event().filter(|next| *next <= until) {
                Some(next) => self.pass_to(next),
                None => break,
            }
        }
        self.now = self.now.max(until);
    }

    /// Lets time pass, from event to event, until `is` holds; false if it never does.
    pub fn advance_until(&mut self, patience: Duration, is: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + patience;
        for _ in 0..MAX_EVENTS {
            if is(self) {
                return true;
            }
            match self.next_event().filter(|next| *next <= until) {
                Some(next) => self.pass_to(next),
                None => break,
            }
        }
        is(self)
    }

    fn next_event(&self) -> Option<Instant> {
        let deadline = self.run.as_ref().and_then(Run::next_deadline);
        let played = self.playing.as_ref().map(|p| p.until);
        let recorded = self.recording.as_ref().map(|r| self.recording_ends(r).0);
        let spoken = self.conversation.map(|(_, until)| until);
        [deadline, played, recorded, spoken].into_iter().flatten().min()
    }

    fn recording_ends(&self, recording: &Recording) -> (Instant, RecordEnd) {
        let limit = recording.since + recording.max;
        let silent_since = self.speaking_until.max(recording.since);
        match recording.silence.map(|s| silent_since + s) {
            Some(silent) if silent < limit => (silent, RecordEnd::Silence),
            _ => (limit, RecordEnd::Limit),
        }
    }

    fn pass_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
        if let Some(playing) = self.playing.take_if(|p| p.until <= at) {
            self.play_done(&playing);
        } else if let Some((ends, why)) = self.recording.as_ref().map(|r| self.recording_ends(r))
            && ends <= at
        {
            self.record_done(why);
        } else if let Some((ticket, _)) = self.conversation.take_if(|(_, until)| *until <= at) {
            self.with_run(|run, now| run.handle_input(now, Input::Done(ticket, Ok(()))));
        } else {
            self.with_run(|run, now| run.handle_timeout(now));
        }
    }

    fn play_done(&mut self, playing: &Playing) {
        let (ticket, played) = (playing.ticket, self.now.since(playing.since));
        self.with_run(|run, now| run.handle_input(now, Input::PlayDone { ticket, played }));
    }

    fn record_done(&mut self, end: RecordEnd) {
        let Some(recording) = self.recording.take() else { return };
        let fails = self.world.recording_fails && end != RecordEnd::Hangup;
        let end = if fails { RecordEnd::Failed } else { end };
        let (ticket, length) = (recording.ticket, self.now.since(recording.since));
        // The silence that ended a message is trimmed from it before anybody hears it.
        let heard = match (end, recording.silence) {
            (RecordEnd::Silence, Some(silence)) => length.saturating_sub(silence),
            _ => length,
        };
        let mut heard = heard;
        if let Some(Join::Behind(earlier) | Join::Before(earlier)) = recording.join {
            heard += self.use_up(earlier);
        }
        self.recorded.push((recording.id, heard, false));
        self.note(|| Happening::Recorded(heard, end));
        self.with_run(|run, now| {
            run.handle_input(now, Input::RecordDone { ticket, end, length });
        });
    }

    fn with_run(&mut self, act: impl FnOnce(&mut Run, Instant)) {
        let Some(mut run) = self.run.take() else { return };
        act(&mut run, self.now);
        while let Some(effect) = run.poll_output() {
            let asked = self.journal.is_some().then(|| effect.clone());
            let answer = self.effect(effect);
            if let Some(asked) = asked {
                self.keep_journal(asked, answer.as_ref());
            }
            if let Some(answer) = answer {
                run.handle_input(self.now, answer);
            }
        }
        self.run = Some(run);
    }

    fn effect(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Log(_) | Effect::Trace { .. } => None,
            Effect::Answer => {
                self.answered = true;
                None
            }
            Effect::EarlyMedia => {
                self.early = true;
                None
            }
            Effect::Finished(_, cause) => {
                self.cause = Some(cause);
                None
            }
            Effect::Play { ticket, sounds, stop_on } => {
                let length = sounds.iter().map(|s| self.length(s)).sum::<Duration>();
                self.heard.extend(sounds);
                let (since, until) = (self.now, self.now + length);
                self.playing = Some(Playing { ticket, since, until, stop_on });
                None
            }
            Effect::StopPlay(_) => {
                let playing = self.playing.take()?;
                let played = self.now.since(playing.since);
                Some(Input::PlayDone { ticket: playing.ticket, played })
            }
            Effect::Record { ticket, recording: id, max, stop_on, silence, join, .. } => {
                let since = self.now;
                self.recording = Some(Recording { ticket, id, since, max, stop_on, silence, join });
                None
            }
            Effect::StopRecord(_) => None,
            Effect::Send { ticket, recording, delivery } => {
                let length = self.use_up(recording);
                let kept = self.kept_or(|phone| phone.sent.push(Sent { delivery, length }));
                Some(Input::Done(ticket, kept))
            }
            Effect::Forward { ticket, message, introduction, delivery, .. } => {
                let before = introduction.map_or(Duration::ZERO, |intro| self.use_up(intro));
                let private = self.world.mailbox.iter().any(|(.., m)| m.id == message && m.private);
                if private {
                    return Some(Input::Done(ticket, Err(Failure::Refused)));
                }
                let length = before + self.world.message_length(message);
                let kept = self.kept_or(|phone| phone.forwarded.push(Sent { delivery, length }));
                Some(Input::Done(ticket, kept))
            }
            Effect::Keep { ticket, recording, user, keepsake } => {
                self.use_up(recording);
                let kept = self.kept_or(|phone| {
                    phone.kept.push(keepsake);
                    if let Some(user) = phone.world.user_mut(user) {
                        match keepsake {
                            Keepsake::Greeting(kind) => user.greetings = user.greetings.with(kind),
                            Keepsake::Name => user.has_spoken_name = true,
                        }
                    }
                });
                Some(Input::Done(ticket, kept))
            }
            Effect::Discard(recording) => {
                self.use_up(recording);
                self.discarded += 1;
                None
            }
            Effect::Query(ticket, query) => Some(Input::Answered(ticket, self.world.query(&query))),
            Effect::Act(ticket, action) => Some(Input::Done(ticket, self.world.act(action))),
            Effect::Connect { ticket, callee, ring_for } => match self.world.callee {
                Some(length) => {
                    self.connected.push(callee);
                    self.conversation = Some((ticket, self.now + length));
                    None
                }
                None => {
                    self.now += ring_for;
                    Some(Input::Done(ticket, Err(Failure::NotFound)))
                }
            },
            Effect::Ring { ticket, callee, .. } => {
                self.rung.push(callee);
                Some(Input::Done(ticket, Ok(())))
            }
            Effect::Webhook { ticket, .. } => {
                self.asked_services += 1;
                let body = self.world.service.clone().ok_or(Failure::Refused);
                Some(Input::Answered(ticket, body.map(Answer::Body)))
            }
            Effect::Panic => {
                self.panicked = true;
                None
            }
        }
    }

    /// Does it if the store works.
    fn kept_or(&mut self, does: impl FnOnce(&mut Self)) -> Result<(), Failure> {
        if self.world.store_fails {
            return Err(Failure::NotKept);
        }
        does(self);
        Ok(())
    }

    fn use_up(&mut self, recording: RecordingId) -> Duration {
        match self.recorded.iter_mut().find(|(id, ..)| *id == recording) {
            Some((_, length, used)) => {
                *used = true;
                *length
            }
            None => Duration::ZERO,
        }
    }

    fn length(&self, sound: &Sound) -> Duration {
        match sound {
            // About as fast as a voice speaks.
            Sound::Speech { text, .. } => {
                Duration::from_millis(400 + 60 * u64::try_from(text.len()).unwrap_or(0))
            }
            Sound::Prompt { .. } | Sound::Greeting(..) => Duration::from_secs(3),
            Sound::Message { message, from, speed } => {
                let left = self.world.message_length(*message).saturating_sub(*from);
                left * 100 / u32::from(*speed).max(1)
            }
            Sound::Recording(recording) => self
                .recorded
                .iter()
                .find(|(id, ..)| id == recording)
                .map_or(Duration::ZERO, |(_, length, _)| *length),
            Sound::Beep => Duration::from_millis(250),
            Sound::SpokenName(_) => Duration::from_secs(1),
            Sound::Pause(length) | Sound::Tone { length, .. } => *length,
        }
    }
}
