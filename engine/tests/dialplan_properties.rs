//! What holds for every input: the compiler never panics and always ends, and every program
//! that it accepts ends under any keys, silences and hang-ups, having sent or discarded each
//! recording exactly once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::dialplan::effect::{
    Answer, DeviceInfo, Effect, Failure, Finish, HangupOutcome, Input, Join, Query, RecordEnd,
    RecordingId, Ticket,
};
use hark_engine::dialplan::{
    CallContext, CallerInfo, Options, Run, Source, builtin, check, compile,
};
use hark_engine::directory::{Directory, GreetingKind, User};
use hark_engine::id::{MessageId, UserId};
use hark_engine::key::Key;
use hark_engine::message::{MessageSummary, Sender, Step};
use hark_engine::time::{Instant, UnixMillis};
use proptest::prelude::*;

fn one(text: String) -> [Source; 1] {
    [Source { name: "fuzz.dial".into(), text }]
}

fn is_survived(text: String) {
    let found = check(&one(text), &Options::default());
    let _ = (found.render(false), found.to_string());
}

const WORDS: &[&str] = &[
    "flow",
    "menu",
    "route",
    "otherwise",
    "say",
    "play",
    "beep",
    "pause",
    "x",
    "y",
    "=",
    "record",
    "max",
    "stop on",
    "silence",
    "hangup keeps",
    "send",
    "to",
    "with receipt",
    "else",
    "discard",
    "again",
    "at most",
    "2",
    "then",
    "if",
    "for each",
    "in",
    "messages",
    "(",
    ")",
    "{",
    "}",
    ",",
    ";",
    "\n",
    "->",
    "key 1",
    "digits \"1xx\" as n",
    "other",
    "hangup",
    "5s",
    "\"text {x}\"",
    "\"{n: a | b}\"",
    "caller",
    "user",
    ".",
    "name",
    "contacts online",
    "not",
    "and",
    "==",
    ":",
    "User",
    "Recording",
    "test",
    "\"",
    "{{",
    "é",
    "constant",
    "languages en",
    "as",
    "-",
    "*",
    "#",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,300}") {
        is_survived(text);
    }

    #[test]
    fn any_words_are_survived(words in prop::collection::vec(prop::sample::select(WORDS), 0..120)) {
        is_survived(words.join(" "));
    }

    #[test]
    fn any_change_of_a_right_program_is_survived(
        file in 0usize..5,
        cuts in prop::collection::vec((0usize..6000, 0usize..40, prop::sample::select(WORDS)), 1..4),
    ) {
        let mut sources = builtin();
        let text = &mut sources[file].text;
        for (at, length, word) in cuts {
            let chars: Vec<char> = text.chars().collect();
            let at = at.min(chars.len());
            let end = (at + length).min(chars.len());
            *text = chars[..at].iter().collect::<String>() + word
                + &chars[end..].iter().collect::<String>();
        }
        let found = check(&sources, &Options::default());
        let _ = found.render(false);
        if let Ok(program) = compile(&sources, &Options::default()) {
            // Still right: then it must still hold what the checker promises.
            let mut caller = Caller::new(7);
            if let Ok(run) = Run::for_call(&program, context("1002")) {
                caller.lead(run);
            }
        }
    }

    #[test]
    fn every_call_ends_and_every_recording_is_used_once(seed in any::<u64>(), number in 0usize..3) {
        let sources = builtin();
        let program = compile(&sources, &Options::default()).unwrap();
        let dialled = ["1002", "*97", "*98"][number];
        let run = Run::for_call(&program, context(dialled)).unwrap();
        Caller::new(seed).lead(run);
    }
}

#[test]
fn deep_nesting_is_told() {
    for open in ["flow f() {", "flow f() { say \"{", "flow f() { if (", "flow f() { menu {"] {
        is_survived(open.to_owned() + &"{ if (true) ".repeat(5000));
        is_survived(open.to_owned() + &"(".repeat(50_000));
        is_survived(open.to_owned() + &"not ".repeat(50_000));
        is_survived(open.to_owned() + "x" + &".x".repeat(50_000));
        is_survived(open.to_owned() + "x" + &" + x".repeat(50_000));
        is_survived(open.to_owned() + &"menu { key 1 -> ".repeat(5000));
        is_survived(open.to_owned() + &"silence 1s or hangup -> menu { ".repeat(500));
    }
}

#[test]
fn many_flows_are_no_trouble() {
    let mut text = String::new();
    for n in 0..3000 {
        text += &format!("flow f{n}() {{ say \"{n}\"; f{} }}\n", n + 1);
    }
    text += "flow f3000() { hangup }\n";
    assert!(!check(&one(text), &Options::default()).has_errors());
}

/// Somebody who presses any key at any time, speaks or does not, and hangs up some day.
struct Caller {
    random: u64,
    /// How each recording was used.
    used: HashMap<RecordingId, HangupOutcome>,
    foreseen: HashMap<RecordingId, HangupOutcome>,
    recorded: Vec<RecordingId>,
}

impl Caller {
    fn new(seed: u64) -> Self {
        Self {
            random: seed | 1,
            used: HashMap::new(),
            foreseen: HashMap::new(),
            recorded: Vec::new(),
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % sides
    }

    fn use_up(&mut self, recording: RecordingId, how: HangupOutcome) {
        let before = self.used.insert(recording, how);
        assert!(before.is_none(), "{recording:?} used twice");
    }

    fn luck(&mut self) -> Result<(), Failure> {
        if self.roll(5) == 0 { Err(Failure::NotKept) } else { Ok(()) }
    }

    fn lead(&mut self, mut run: Run) {
        let mut now = Instant::ZERO;
        let (mut play, mut record): (Option<Ticket>, Option<(Ticket, RecordingId)>) = (None, None);
        let mut gone = false;
        let mut hung_up_while = None;
        run.start(now);
        for step in 0..2000 {
            while let Some(effect) = run.poll_output() {
                match effect {
                    Effect::Play { ticket, .. } => {
                        assert!(!gone && play.is_none() && record.is_none());
                        play = Some(ticket);
                    }
                    Effect::Record { ticket, recording, on_hangup, join, .. } => {
                        assert!(!gone && play.is_none() && record.is_none());
                        if let Some(Join::Behind(earlier) | Join::Before(earlier)) = join {
                            self.use_up(earlier, HangupOutcome::Discard);
                        }
                        record = Some((ticket, recording));
                        self.recorded.push(recording);
                        self.foreseen.insert(recording, on_hangup);
                    }
                    Effect::Send { ticket, recording, delivery } => {
                        self.use_up(recording, HangupOutcome::Send(delivery));
                        let result = self.luck();
                        run.handle_input(now, Input::Done(ticket, result));
                    }
                    Effect::Forward { ticket, introduction: used, .. } => {
                        if let Some(recording) = used {
                            self.use_up(recording, HangupOutcome::Discard);
                        }
                        let result = self.luck();
                        run.handle_input(now, Input::Done(ticket, result));
                    }
                    Effect::Keep { ticket, recording, .. } => {
                        self.use_up(recording, HangupOutcome::Discard);
                        let result = self.luck();
                        run.handle_input(now, Input::Done(ticket, result));
                    }
                    Effect::Discard(recording) => self.use_up(recording, HangupOutcome::Discard),
                    Effect::Connect { ticket, .. } | Effect::Ring { ticket, .. } => {
                        assert!(!gone, "nobody is there to be connected");
                        let result = self.luck();
                        run.handle_input(now, Input::Done(ticket, result));
                    }
                    Effect::Webhook { ticket, .. } => {
                        let bodies = ["{}", "null", "{\"open\": true, \"name\": \"x\"}", "no JSON"];
                        let body = bodies[usize::try_from(self.roll(4)).unwrap()].to_owned();
                        let answer = self.luck().map(|()| Answer::Body(body));
                        run.handle_input(now, Input::Answered(ticket, answer));
                    }
                    Effect::Query(ticket, query) => {
                        let answer = if self.roll(6) == 0 {
                            Err(Failure::NotFound)
                        } else {
                            Ok(answer(&query))
                        };
                        run.handle_input(now, Input::Answered(ticket, answer));
                    }
                    Effect::Act(ticket, _) => run.handle_input(now, Input::Done(ticket, Ok(()))),
                    Effect::Finished(how, _) => {
                        assert_ne!(how, Finish::OutOfFuel);
                        assert!(run.poll_output().is_none());
                    }
                    Effect::Answer
                    | Effect::EarlyMedia
                    | Effect::Trace { .. }
                    | Effect::StopPlay(_)
                    | Effect::StopRecord(_)
                    | Effect::Log(_)
                    | Effect::Panic => {}
                }
            }
            if run.is_finished() {
                break;
            }
            assert!(!gone, "a run of a caller who is gone waits for something");
            now += Duration::from_millis(self.roll(3000));
            let key = Key::from_event(u8::try_from(self.roll(12)).unwrap()).unwrap();
            match self.roll(12) {
                0..=4 => run.handle_input(now, Input::Key(key)),
                5 | 6 => {
                    if let Some(deadline) = run.next_deadline() {
                        now = deadline.max(now);
                        run.handle_timeout(now);
                    }
                }
                7 if step > 1 => {
                    gone = true;
                    play = None;
                    if let Some((ticket, recording)) = record.take() {
                        hung_up_while = Some(recording);
                        let end = RecordEnd::Hangup;
                        let length = Duration::from_secs(30);
                        run.handle_input(now, Input::RecordDone { ticket, end, length });
                    }
                    run.handle_input(now, Input::Hangup);
                }
                _ => {
                    if let Some(ticket) = play.take() {
                        let played = Duration::from_millis(self.roll(5000));
                        run.handle_input(now, Input::PlayDone { ticket, played });
                    } else if let Some((ticket, _)) = record.take() {
                        let ends = [
                            RecordEnd::Key(Key::POUND),
                            RecordEnd::Silence,
                            RecordEnd::Limit,
                            RecordEnd::Failed,
                        ];
                        let end = ends[usize::try_from(self.roll(4)).unwrap()];
                        let length = Duration::from_millis(self.roll(20_000));
                        run.handle_input(now, Input::RecordDone { ticket, end, length });
                    }
                }
            }
        }
        assert!(run.is_finished(), "the call does not end");
        for recording in &self.recorded {
            assert!(self.used.contains_key(recording), "{recording:?} is lost");
        }
        if let Some(recording) = hung_up_while {
            assert_eq!(self.foreseen[&recording], self.used[&recording]);
        }
    }
}

fn answer(query: &Query) -> Answer {
    match query {
        Query::Messages(..) => Answer::Messages((0..3).map(message).collect()),
        Query::ContactsOnline(_) => Answer::Users(vec![UserId(2), UserId(99)]),
        Query::Presence(_) => Answer::Presence(Default::default()),
        Query::CheckPin(..) | Query::HasPin(_) => Answer::Yes(true),
        Query::Devices(user) => {
            Answer::Devices(vec![DeviceInfo { owner: *user, name: "desk".into(), rings: true }])
        }
        Query::Receipts(_) => Answer::Count(2),
    }
}

fn message(number: u8) -> MessageSummary {
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

fn context(dialled: &str) -> CallContext {
    let users = ["alice", "bob"].iter().zip(1..).map(|(name, n)| User {
        id: UserId(n),
        name: (*name).into(),
        display_name: (*name).into(),
        extension: format!("100{n}"),
        message_limit_secs: 59,
        language: "en".into(),
        contacts: vec![UserId(3 - n)],
        greetings: (n == 1).then_some(GreetingKind::Standard).into_iter().collect(),
        has_spoken_name: n == 1,
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

#[test]
fn a_waiting_call_is_small() {
    let program = compile(&builtin(), &Options::default()).unwrap();
    let mut run = Run::for_call(&program, context("1002")).unwrap();
    let now = Instant::ZERO;
    run.start(now);
    let mut sizes = Vec::new();
    for _ in 0..20 {
        let mut next = None;
        while let Some(effect) = run.poll_output() {
            next = match effect {
                Effect::Play { ticket, .. } => {
                    Some(Input::PlayDone { ticket, played: Duration::from_secs(1) })
                }
                Effect::Record { ticket, .. } => Some(Input::RecordDone {
                    ticket,
                    end: RecordEnd::Limit,
                    length: Duration::from_secs(59),
                }),
                _ => next,
            };
        }
        sizes.push(run.size());
        match next {
            Some(input) => run.handle_input(now, input),
            None => break,
        }
    }
    println!("bytes of a waiting call: {sizes:?}, of which the struct {}", size_of::<Run>());
    assert!(sizes.iter().all(|size| *size < 1024), "{sizes:?}");
}
