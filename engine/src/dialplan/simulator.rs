//! A text telephone for authors: what is typed goes to a call as keys, speech and time, and what
//! happens in it is told in words. The site around it is that of the tests, in virtual time, so a
//! session can be written down as a test that passes.

mod script;
mod told;
mod typed;

use std::sync::Arc;
use std::time::Duration;

use super::Program;
use super::Source;
use super::ast::StepKind;
use super::parser;
use super::test_runner::journal::{Happened, Happening};
use super::test_runner::play::Play;
use crate::key::Key;
use crate::time::Instant;
use script::Script;
use typed::{HELP, parsed};

/// How many inputs can be taken back.
const MOST_BACK: usize = 200;
/// How long a call is played out without the caller doing anything.
const MOST_SETTLING: Duration = Duration::from_secs(600);

/// What kind of thing a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is heard.
    Heard,
    /// It was done.
    Done,
    /// The dialplan's own account of a step.
    Trace,
    /// An answer to a command.
    Note,
    /// What was typed can't be done.
    Wrong,
    /// A line of a test that was asked for.
    Test,
}

/// A line of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When, from the beginning of the session.
    pub at: Duration,
    /// What kind of thing.
    pub kind: Kind,
    /// In words.
    pub text: String,
}

impl Told {
    /// When, as `1:02.5`: minutes, seconds and tenths.
    pub fn clock(&self) -> String {
        told::clock(self.at)
    }
}

/// Who calls, and what is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The number dialled.
    pub number: String,
    /// One of the test's users (alice, bob, carol), or none.
    pub user: Option<String>,
    /// The number called from, where it is no user.
    pub from: String,
    /// The language that the user speaks, as `de`; the dialplan's first if none.
    pub language: Option<String>,
}

impl Setup {
    /// The lines of a test that say so.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let number = script::quoted(&self.number);
        match &self.user {
            Some(user) => {
                lines.extend(self.language.iter().map(|l| format!("{user} speaks {l}")));
                lines.push(format!("call {number} as {user}"));
            }
            None => lines.push(format!("call {number} from {}", script::quoted(&self.from))),
        }
        lines
    }
}

/// A session: a call, and what was typed into it.
pub struct Simulator {
    program: Arc<Program>,
    setup: Setup,
    /// What was said of the site, for a call that begins anew.
    given: Vec<String>,
    now: Session,
    before: Vec<Session>,
    trace: bool,
    over: bool,
}

/// All that changes while a call goes on.
#[derive(Clone)]
struct Session {
    play: Play,
    script: Script,
    /// When the last input was done with.
    mark: Instant,
}

impl Session {
    fn new(program: &Arc<Program>) -> Self {
        let mut play = Play::new(program);
        play.phone.watch();
        Self { play, script: Script::default(), mark: Instant::ZERO }
    }
}

impl Simulator {
    /// A telephone that has not yet dialled. With `trace` each step of the dialplan is told.
    pub fn new(program: &Arc<Program>, setup: Setup, trace: bool) -> Self {
        Self {
            program: Arc::clone(program),
            setup,
            given: Vec::new(),
            now: Session::new(program),
            before: Vec::new(),
            trace,
            over: false,
        }
    }

    /// Dials.
    pub fn start(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        // The call itself is not taken back: that would be a telephone that has not dialled.
        let before = self.before.len();
        let lines: Vec<String> = self.given.iter().cloned().chain(self.setup.lines()).collect();
        for line in lines {
            told.extend(self.steps(&line));
        }
        self.before.truncate(before);
        told
    }

    /// Whether `quit` was typed.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the call has ended, or was never put through.
    pub fn call_is_over(&self) -> bool {
        self.now.play.refused || self.now.play.phone.is_over()
    }

    /// Lets time pass as it does.
    pub fn advance(&mut self, by: Duration) -> Vec<Told> {
        self.now.play.phone.advance(by);
        self.happened()
    }

    /// Lets time pass until the caller has something to do: everything is said, and nobody else
    /// speaks.
    pub fn settle(&mut self) -> Vec<Told> {
        self.now
            .play
            .phone
            .advance_until(MOST_SETTLING, |phone| phone.is_idle() || phone.is_over());
        self.happened()
    }

    /// Does what a line says: keys, a command, or a step of a test.
    pub fn enter(&mut self, line: &str) -> Vec<Told> {
        let line = line.trim();
        match line {
            "" => Vec::new(),
            "help" | "?" => HELP.iter().map(|line| self.told(Kind::Note, *line)).collect(),
            "state" => self.state(),
            "quit" | "exit" => {
                self.over = true;
                Vec::new()
            }
            "restart" => {
                self.keep_for_back();
                self.now = Session::new(&self.program);
                self.start()
            }
            "back" => match self.before.pop() {
                Some(before) => {
                    self.now = before;
                    let mut told = vec![self.told(Kind::Note, "taken back")];
                    told.extend(self.state());
                    told
                }
                None => vec![self.told(Kind::Wrong, "there is nothing to take back")],
            },
            _ if line.starts_with("save test") => {
                let name = line.trim_start_matches("save test").trim().trim_matches('"');
                self.save(if name.is_empty() { "a session" } else { name })
            }
            _ if line.len() == 1 && line.chars().all(|c| c.is_ascii_digit()) => {
                self.steps(&format!("press {line}"))
            }
            _ if line.chars().all(|c| Key::from_char(c).is_some()) => {
                self.steps(&format!("press \"{line}\""))
            }
            _ => self.steps(line),
        }
    }

    /// What the caller can do just now, in a few words.
    pub fn prompt(&self) -> String {
        if self.call_is_over() {
            return "the call is over (restart, back, save test NAME, quit)".into();
        }
        let phone = &self.now.play.phone;
        let place = self.place();
        if phone.is_recording() {
            return format!("{place}: recording (speak 5s, then a key, wait or hang up)");
        }
        match phone.run().and_then(super::Run::waiting) {
            Some(waiting) => {
                let left = waiting.deadline.since(phone.now());
                let typed = match waiting.typed.as_str() {
                    "" => String::new(),
                    typed => format!(", typed {typed}"),
                };
                let choices = waiting.choices.join(" ");
                format!("{place}: asks for {choices}{typed}; silence in {left:.1?}")
            }
            None => place,
        }
    }

    fn place(&self) -> String {
        let Some(run) = self.now.play.phone.run() else { return String::new() };
        let (file, line) = self.program.place(run.at()).unwrap_or(("", 0));
        format!("{} {file}:{line}", run.in_flow().unwrap_or(""))
    }

    fn state(&self) -> Vec<Told> {
        let mut told = vec![self.told(Kind::Note, self.prompt())];
        if let Some(run) = self.now.play.phone.run() {
            let variables = run.variables();
            told.extend(
                variables
                    .into_iter()
                    .map(|(name, value)| self.told(Kind::Note, format!("  {name} = {value}"))),
            );
        }
        told
    }

    fn told(&self, kind: Kind, text: impl Into<String>) -> Told {
        Told { at: self.now.play.phone.now().since(Instant::ZERO), kind, text: text.into() }
    }

    fn keep_for_back(&mut self) {
        if self.before.len() >= MOST_BACK {
            self.before.remove(0);
        }
        self.before.push(self.now.clone());
    }

    /// Does the steps of a test that stand in a line; what can't be done changes nothing.
    fn steps(&mut self, line: &str) -> Vec<Told> {
        let steps = match parsed(line) {
            Ok(steps) => steps,
            Err(wrong) => {
                let mend = wrong.mend.map(|mend| format!(" ({mend})")).unwrap_or_default();
                return vec![self.told(Kind::Wrong, format!("{}{mend}; try: help", wrong.message))];
            }
        };
        let before = self.now.clone();
        let mut told = Vec::new();
        let mut given = Vec::new();
        for (step, text) in steps {
            let waited = self.now.play.phone.now().since(self.now.mark);
            let did = self.now.play.step(&step);
            if let Err(wrong) = did {
                self.now = before;
                return vec![self.told(Kind::Wrong, wrong.message)];
            }
            match &step.kind {
                StepKind::Expect(_) => {
                    told.push(self.told(Kind::Note, "as expected"));
                    continue;
                }
                StepKind::Call { .. } if self.now.play.refused => {
                    told.push(self.told(Kind::Done, "no route leads anywhere for this number"));
                }
                StepKind::Call { .. }
                | StepKind::Deliver { .. }
                | StepKind::Begin { .. }
                | StepKind::Speak(_)
                | StepKind::Press(_)
                | StepKind::Wait(_)
                | StepKind::HangUp => {}
                StepKind::Clock(_)
                | StepKind::HasGreeting(..)
                | StepKind::HasSpokenName(_)
                | StepKind::HasFullMailbox(_)
                | StepKind::HasPin(..)
                | StepKind::HasReceipts(..)
                | StepKind::Speaks(..)
                | StepKind::HasDevice(..)
                | StepKind::HasMessage { .. }
                | StepKind::Is(..)
                | StepKind::Store(_)
                | StepKind::RecordingFails
                | StepKind::Callee(_)
                | StepKind::WebhookAnswers(_) => given.push(text.clone()),
            }
            self.now.script.input(text, waited);
            if self.now.play.refused {
                self.now.script.expect("no route".into());
            }
            told.extend(self.happened());
            self.now.mark = self.now.play.phone.now();
        }
        let begun = self.now.play.phone.run().is_some() || self.now.play.refused;
        if begun && !given.is_empty() {
            told.push(self.told(
                Kind::Note,
                "noted; what a call asks for at its beginning changes with restart",
            ));
            self.given.extend(given);
        }
        let after = std::mem::replace(&mut self.now, before);
        self.keep_for_back();
        self.now = after;
        told
    }

    /// What happened since this was asked last: told, and written down.
    fn happened(&mut self) -> Vec<Told> {
        let journal = self.now.play.phone.take_journal();
        let mut lines = Vec::new();
        for Happened { at, what } in journal {
            if let Some(expected) = told::expected(&what, &self.now.play.phone) {
                self.now.script.expect(expected);
            }
            let at = at.since(Instant::ZERO);
            let (kind, text) = match &what {
                Happening::Trace(op, what) if self.trace => {
                    let (file, line) = self.program.place(*op).unwrap_or(("", 0));
                    (Kind::Trace, Some(format!("{file}:{line} {what}")))
                }
                Happening::Trace(..) => continue,
                Happening::Heard(sound) => {
                    (Kind::Heard, Some(told::heard(sound, &self.now.play.phone)))
                }
                Happening::Recorded(length, end) => {
                    (Kind::Done, Some(format!("recorded {length:.1?}, ended by {end}")))
                }
                Happening::Asked(effect, done) => {
                    (Kind::Done, told::done(effect, *done, &self.now.play.phone))
                }
            };
            lines.extend(text.map(|text| Told { at, kind, text }));
        }
        lines
    }

    /// The session as a test that passes.
    fn save(&self, name: &str) -> Vec<Told> {
        let last = self.now.play.phone.now().since(self.now.mark);
        // Easier to read without the pauses, if the same happens without them.
        let tries = [self.now.script.test(name, None), self.now.script.test(name, Some(last))];
        let found = tries.iter().find(|text| self.replays(text));
        match found {
            Some(text) => text.lines().map(|line| self.told(Kind::Test, line)).collect(),
            None => {
                let why =
                    "this session can't be played again as it was: begin it anew with restart";
                vec![self.told(Kind::Wrong, why)]
            }
        }
    }

    /// Whether a test passes, and the same happens in it as here.
    fn replays(&self, text: &str) -> bool {
        let source = Source { name: "typed".into(), text: text.into() };
        let mut wrong = Vec::new();
        let file = parser::parse(0, &source, &mut wrong);
        let [test] = file.tests.as_slice() else { return false };
        let mut play = Play::new(&self.program);
        play.phone.watch();
        if !wrong.is_empty() || play.test(test).is_err() {
            return false;
        }
        let happened = play.phone.take_journal();
        let expected: Vec<String> =
            happened.iter().filter_map(|h| told::expected(&h.what, &play.phone)).collect();
        let here = self.now.script.expected();
        // A test may end before the last thing is said.
        here.iter().filter(|line| *line != "no route").eq(expected.iter())
            || here.starts_with(&expected)
    }
}
