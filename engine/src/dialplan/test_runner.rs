//! Runs the `test "…" { … }` blocks of a dialplan: a telephone made of arithmetic, in virtual
//! time. Every test plays at the same small site (alice 1001, bob 1002, carol 1003, each in the
//! contacts of the others) and a fresh call.

mod phone;

use std::sync::Arc;
use std::time::Duration;

use super::ast::{ActKind, Expected, Name, Span, Step, StepKind, Test, Who};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::effect::{Action, RecordEnd, Sound};
use super::run::{CallContext, CallerInfo, Run};
use super::value::Value;
use super::{Program, Source, parser};
use crate::directory::{Directory, GreetingKind, Greetings, User};
use crate::id::{MessageId, UserId};
use crate::message::{MessageSummary, Sender, Step as MessageStep};
use crate::time::UnixMillis;
use phone::{Phone, Sent};

/// Wall-clock time at the beginning of every test: 2026-01-05, a Monday, 12:00 UTC.
const NOON: UnixMillis = UnixMillis(1_767_614_400_000);
/// How old the messages are that a test puts into a mailbox.
const AGE: Duration = Duration::from_secs(300);
/// How long an expectation waits for what it expects.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of the tests.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// Each test, in the order of the sources.
    pub cases: Vec<TestCase>,
    failures: Diagnostics,
}

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Why it failed; none if it passed.
    pub failure: Option<String>,
}

impl TestReport {
    /// Whether every test passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|c| c.failure.is_none())
    }

    /// One line a test, and each failure with its source.
    pub fn render(&self, color: bool) -> String {
        let mut text = String::new();
        for case in &self.cases {
            let mark = if case.failure.is_none() { "ok    " } else { "FAILED" };
            text.push_str(&format!("{mark} {}: {}\n", case.file, case.name));
        }
        let failed = self.cases.iter().filter(|c| c.failure.is_some()).count();
        text.push_str(&format!("{} passed, {failed} failed\n", self.cases.len() - failed));
        text + &self.failures.render(color)
    }
}

/// Runs every test of `sources` against `program`, which was compiled from them.
pub fn run_tests(program: &Arc<Program>, sources: &[Source]) -> TestReport {
    let mut report = TestReport::default();
    let mut failures = Vec::new();
    for (source, number) in sources.iter().zip(0..) {
        let file = parser::parse(number, source, &mut Vec::new());
        for test in &file.tests {
            let failure = Play::new(program).test(test).err();
            report.cases.push(TestCase {
                name: test.name.clone(),
                file: source.name.clone(),
                failure: failure.as_ref().map(|f| f.message.clone()),
            });
            failures.extend(failure.map(|f| *f));
        }
    }
    report.failures = Diagnostics::new(sources, failures);
    report
}

type Failure = Box<Diagnostic>;
type Outcome = Result<(), Failure>;

/// One test being played.
struct Play<'a> {
    program: &'a Arc<Program>,
    users: Vec<User>,
    phone: Phone,
    refused: bool,
}

impl<'a> Play<'a> {
    fn new(program: &'a Arc<Program>) -> Self {
        let names = [("alice", "Alice Archer"), ("bob", "Bob Baker"), ("carol", "Carol Clark")];
        let users = names
            .iter()
            .zip(1..)
            .map(|((name, display_name), n)| User {
                id: UserId(n),
                name: (*name).to_owned(),
                display_name: (*display_name).to_owned(),
                extension: format!("100{n}"),
                message_limit_secs: 59,
                language: "en".into(),
                contacts: (1..=3).filter(|c| *c != n).map(UserId).collect(),
                greetings: Greetings::default(),
                has_spoken_name: false,
            })
            .collect();
        Self { program, users, phone: Phone::default(), refused: false }
    }

    fn test(mut self, test: &Test) -> Outcome {
        let mut last = test.span;
        for step in &test.steps {
            self.step(step)?;
            last = step.span;
        }
        if self.phone.panicked {
            return Err(failed(last, "the call panicked"));
        }
        self.phone.undisposed().map_or(Ok(()), |what| Err(failed(last, what)))
    }

    fn step(&mut self, step: &Step) -> Outcome {
        let span = step.span;
        match &step.kind {
            StepKind::CallFrom(number, from) => {
                let caller = CallerInfo { user: None, number: from.clone(), name: String::new() };
                self.call(number, caller);
            }
            StepKind::CallAs(number, who) => {
                let user = self.user(who)?.clone();
                let caller = CallerInfo {
                    user: Some(user.id),
                    number: user.extension.clone(),
                    name: user.display_name,
                };
                self.call(number, caller);
            }
            StepKind::Deliver { from, lasting, to } => self.deliver(from, *lasting, to, span)?,
            StepKind::HasGreeting(who) => {
                let id = self.user(who)?.id;
                for user in self.users.iter_mut().filter(|u| u.id == id) {
                    user.greetings = user.greetings.with(GreetingKind::Standard);
                }
            }
            StepKind::HasMessage { owner, saved, from, lasting } => {
                let owner = self.user(owner)?.id;
                let message = self.message(from, *lasting)?;
                self.phone.mailbox.push((owner, *saved, message));
            }
            StepKind::IsOnline(who) => {
                let id = self.user(who)?.id;
                self.phone.online.push(id);
            }
            StepKind::Store(fails) => self.phone.store_fails = *fails,
            StepKind::Speak(length) => {
                if !self.phone.advance_until(PATIENCE, Phone::is_recording) {
                    return Err(failed(span, "nothing is being recorded, so nobody hears this"));
                }
                self.phone.speak(*length);
            }
            StepKind::Press(keys) => {
                for key in keys {
                    self.phone.press(*key);
                }
            }
            StepKind::Wait(length) => self.phone.advance(*length),
            StepKind::HangUp => self.phone.hang_up(),
            StepKind::Expect(expected) => self.expect(expected, span)?,
        }
        Ok(())
    }

    fn call(&mut self, number: &str, caller: CallerInfo) {
        let context = self.context(number, caller);
        match Run::for_call(self.program, context) {
            Ok(run) => self.phone.begin(run, self.users.clone()),
            Err(_) => self.refused = true,
        }
    }

    fn deliver(&mut self, from: &Who, lasting: Duration, to: &Name, span: Span) -> Outcome {
        let message = self.message(from, lasting)?;
        let user = self.user(to)?.clone();
        let caller = CallerInfo {
            user: Some(user.id),
            number: user.extension.clone(),
            name: user.display_name,
        };
        let context = self.context("", caller);
        self.phone.mailbox.push((user.id, false, message.clone()));
        let args = vec![Value::from(message), Value::User(user.id)];
        match Run::for_flow(self.program, "deliver", args, context) {
            Ok(run) => self.phone.begin(run, self.users.clone()),
            Err(error) => return Err(failed(span, error.to_string())),
        }
        Ok(())
    }

    fn context(&self, dialled: &str, caller: CallerInfo) -> CallContext {
        CallContext {
            directory: Arc::new(Directory::new("Hark", self.users.clone())),
            caller,
            dialled: dialled.to_owned(),
            domain: "localhost".to_owned(),
            trunk: None,
            language: String::new(),
            at: NOON,
        }
    }

    fn message(&self, from: &Who, lasting: Duration) -> Result<MessageSummary, Failure> {
        let sender = match from {
            Who::User(name) => {
                let user = self.user(name)?;
                let (name, address) = (user.display_name.clone(), user.name.clone());
                Sender { user: Some(user.id), name, address }
            }
            Who::Stranger(name) => Sender { user: None, name: name.clone(), address: name.clone() },
        };
        let number = u8::try_from(self.phone.mailbox.len()).unwrap_or(u8::MAX);
        Ok(MessageSummary {
            id: MessageId::new(NOON, [number; 10]),
            sender,
            at: UnixMillis(NOON.0 - i64::try_from(AGE.as_millis()).unwrap_or(0)),
            length_ms: u32::try_from(lasting.as_millis()).unwrap_or(u32::MAX),
            urgent: false,
            private: false,
            reply_to: None,
            step: MessageStep::Accepted,
        })
    }

    fn user(&self, name: &Name) -> Result<&User, Failure> {
        self.users.iter().find(|u| u.name == name.text).ok_or_else(|| {
            let message = format!("no user of a test is called `{}`", name.text);
            Box::new(
                Diagnostic::error(701, name.span, message)
                    .mend("a test's users are alice, bob and carol")
                    .suggest(&name.text, self.users.iter().map(|u| u.name.as_str())),
            )
        })
    }

    fn expect(&mut self, expected: &Expected, span: Span) -> Outcome {
        match expected {
            Expected::NoRoute if self.refused => Ok(()),
            Expected::NoRoute => Err(failed(span, "a route was found")),
            _ if self.refused => Err(failed(span, "the number has no route")),
            Expected::Say(text) => self.hear(span, &format!("say \"{text}\""), |sound| {
                matches!(sound, Sound::Speech { text: spoken, .. } if contains(spoken, text))
            }),
            Expected::NoSay(text) => {
                self.phone.advance_until(PATIENCE, |p| !p.is_playing());
                let spoken = self.phone.take_heard(|sound| {
                    matches!(sound, Sound::Speech { text: spoken, .. } if contains(spoken, text))
                });
                if spoken { Err(failed(span, format!("\"{text}\" was said"))) } else { Ok(()) }
            }
            Expected::Beep => self.hear(span, "beep", |s| *s == Sound::Beep),
            Expected::Greeting => {
                self.hear(span, "greeting", |s| matches!(s, Sound::Greeting(..)))
            }
            Expected::PlayMessage => {
                self.hear(span, "play message", |s| matches!(s, Sound::Message { .. }))
            }
            Expected::PlayRecording => {
                self.hear(span, "play recording", |s| matches!(s, Sound::Recording(_)))
            }
            Expected::Message { to, lasting, receipt } => {
                let to = self.user(to)?.id;
                let fits = |sent: &Sent| {
                    sent.delivery.to.contains(&to)
                        && (!receipt || sent.delivery.receipt)
                        && lasting.is_none_or(|l| l.abs_diff(sent.length) <= Duration::from_secs(1))
                };
                if self.phone.advance_until(PATIENCE, |p| p.sent.iter().any(fits)) {
                    return Ok(());
                }
                let sent: Vec<String> =
                    self.phone.sent.iter().map(|s| format!("{:?} long", s.length)).collect();
                let sent = if sent.is_empty() { "none".into() } else { sent.join(", ") };
                Err(failed(span, format!("no such message was sent; sent: {sent}")))
            }
            Expected::NoMessage if self.phone.sent.is_empty() => Ok(()),
            Expected::NoMessage => Err(failed(span, "a message was sent")),
            Expected::Discarded if self.phone.discarded > 0 => Ok(()),
            Expected::Discarded => Err(failed(span, "no recording was discarded")),
            Expected::Acted(kind) => {
                if self.phone.advance_until(PATIENCE, |p| p.acts.iter().any(|a| is(a, *kind))) {
                    return Ok(());
                }
                Err(failed(span, "this did not happen"))
            }
            Expected::NotActed(kind) => {
                if self.phone.acts.iter().any(|a| is(a, *kind)) {
                    return Err(failed(span, "this happened"));
                }
                Ok(())
            }
            Expected::Hangup => {
                if self.phone.advance_until(PATIENCE, Phone::is_over) {
                    return Ok(());
                }
                Err(failed(span, "the call goes on"))
            }
        }
    }

    fn hear(&mut self, span: Span, what: &str, is: impl Fn(&Sound) -> bool) -> Outcome {
        let from = self.phone.transcript();
        if self.phone.advance_until(PATIENCE, |p| p.heard_any(&is)) {
            self.phone.take_heard(is);
            return Ok(());
        }
        let heard = self.phone.transcript();
        let heard = if heard.is_empty() { from } else { heard };
        let heard = if heard.is_empty() { "nothing".to_owned() } else { heard };
        let failure = *failed(span, format!("not heard: {what}"));
        Err(Box::new(failure.cause(format!("heard instead: {heard}"))))
    }
}

fn contains(spoken: &str, text: &str) -> bool {
    spoken.to_lowercase().contains(&text.to_lowercase())
}

fn is(action: &Action, kind: ActKind) -> bool {
    match action {
        Action::MarkHeard { .. } => kind == ActKind::MarkHeard,
        Action::Save(..) => kind == ActKind::Save,
        Action::Delete(..) => kind == ActKind::Delete,
        Action::Confirm(..) => kind == ActKind::Confirm,
        Action::Restore(..) | Action::Notify(..) | Action::Set(..) | Action::ReceiptsTold(_) => {
            false
        }
    }
}

fn failed(span: Span, message: impl Into<String>) -> Failure {
    Box::new(Diagnostic::error(702, span, message))
}
