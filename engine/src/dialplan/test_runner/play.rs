//! One test being played: who is there, who calls, what is pressed and said.

use std::sync::Arc;
use std::time::Duration;

use super::super::Program;
use super::super::ast::{Expr, ExprKind, Name, Span, Step, StepKind, Test, TextPart, Who};
use super::super::diagnostic::Diagnostic;
use super::super::effect::{DeviceInfo, Folder};
use super::super::run::{CallContext, CallerInfo, Run, Visit};
use super::super::value::Value;
use super::phone::Phone;
use super::world::moment;
use super::{Failure, Outcome, failed};
use crate::directory::{Directory, User};
use crate::id::MessageId;
use crate::message::{MessageSummary, Sender, Step as MessageStep};
use crate::time::UnixMillis;

/// How old the messages are that a test puts into a mailbox.
const AGE: Duration = Duration::from_secs(300);
/// How long an expectation waits for what it expects.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A test, or a session with a simulator, as far as it has come.
#[derive(Clone)]
pub(in super::super) struct Play {
    program: Arc<Program>,
    pub phone: Phone,
    pub refused: bool,
}

impl Play {
    pub fn new(program: &Arc<Program>) -> Self {
        Self { program: Arc::clone(program), phone: Phone::new(), refused: false }
    }

    pub fn visits(&self) -> impl Iterator<Item = &[Visit]> {
        self.phone.visits()
    }

    pub fn test(&mut self, test: &Test) -> Outcome {
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

    pub fn step(&mut self, step: &Step) -> Outcome {
        let span = step.span;
        match &step.kind {
            StepKind::Call { number, from, domain, trunk } => {
                let caller = self.caller(from)?;
                let mut context = self.context(number, caller);
                if let Some(domain) = domain {
                    context.domain.clone_from(domain);
                }
                context.trunk.clone_from(trunk);
                match Run::for_call(&self.program, context) {
                    Ok(run) => self.phone.begin(run),
                    Err(_) => self.refused = true,
                }
            }
            StepKind::Deliver { from, lasting, to } => self.deliver(from, *lasting, to, span)?,
            StepKind::Begin { flow, who } => {
                let args = flow.args.iter().map(|a| self.value(a)).collect::<Result<_, _>>()?;
                let user = self.user(who)?.clone();
                self.begin(&flow.name.text, args, &user, span)?;
            }
            StepKind::Clock(text) => match moment(&self.program, text) {
                Some(at) => self.phone.world.at = at,
                None => {
                    return Err(Box::new(
                        failed(span, "this is no time").mend("clock \"2026-12-24 09:00\""),
                    ));
                }
            },
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
            given => self.given(given)?,
        }
        Ok(())
    }

    fn given(&mut self, given: &StepKind) -> Outcome {
        match given {
            StepKind::HasGreeting(who, kind) => {
                let id = self.user(who)?.id;
                if let Some(user) = self.phone.world.user_mut(id) {
                    user.greetings = user.greetings.with(*kind);
                }
            }
            StepKind::HasSpokenName(who) => {
                let id = self.user(who)?.id;
                if let Some(user) = self.phone.world.user_mut(id) {
                    user.has_spoken_name = true;
                }
            }
            StepKind::HasFullMailbox(who) => {
                let id = self.user(who)?.id;
                if let Some(user) = self.phone.world.user_mut(id) {
                    user.mailbox_full = true;
                }
            }
            StepKind::Speaks(who, language) => {
                let id = self.user(who)?.id;
                if let Some(user) = self.phone.world.user_mut(id) {
                    user.language.clone_from(&language.text);
                }
            }
            StepKind::HasPin(who, pin) => {
                let id = self.user(who)?.id;
                self.phone.world.pins.push((id, pin.clone()));
            }
            StepKind::HasReceipts(who, count) => {
                let id = self.user(who)?.id;
                self.phone.world.receipts.push((id, *count));
            }
            StepKind::HasDevice(who, name) => {
                let owner = self.user(who)?.id;
                let device = DeviceInfo { owner, name: name.clone(), rings: true };
                self.phone.world.devices.push(device);
            }
            StepKind::HasMessage { owner, folder, urgent, private, from, lasting } => {
                let owner = self.user(owner)?.id;
                let mut message = self.message(from, *lasting)?;
                message.urgent = *urgent;
                message.private = *private;
                self.phone.world.mailbox.push((owner, *folder, message));
            }
            StepKind::Is(who, presence) => {
                let id = self.user(who)?.id;
                self.phone.world.present.push((id, *presence));
            }
            StepKind::RecordingFails => self.phone.world.recording_fails = true,
            StepKind::Store(fails) => self.phone.world.store_fails = *fails,
            StepKind::Callee(length) => self.phone.world.callee = *length,
            StepKind::WebhookAnswers(body) => self.phone.world.service.clone_from(body),
            StepKind::Call { .. }
            | StepKind::Deliver { .. }
            | StepKind::Begin { .. }
            | StepKind::Clock(_)
            | StepKind::Speak(_)
            | StepKind::Press(_)
            | StepKind::Wait(_)
            | StepKind::HangUp
            | StepKind::Expect(_) => {}
        }
        Ok(())
    }

    fn caller(&self, who: &Who) -> Result<CallerInfo, Failure> {
        Ok(match who {
            Who::Stranger(number) => {
                CallerInfo { user: None, number: number.clone(), name: String::new() }
            }
            Who::User(name) => called(self.user(name)?),
        })
    }

    fn deliver(&mut self, from: &Who, lasting: Duration, to: &Name, span: Span) -> Outcome {
        let message = self.message(from, lasting)?;
        let user = self.user(to)?.clone();
        self.phone.world.mailbox.push((user.id, Folder::New, message.clone()));
        let args = vec![Value::from(message), Value::User(user.id)];
        self.begin("deliver", args, &user, span)
    }

    /// Starts a flow as Hark does for a call that it made.
    fn begin(&mut self, flow: &str, args: Vec<Value>, user: &User, span: Span) -> Outcome {
        let context = self.context("", called(user));
        match Run::for_flow(&self.program, flow, args, context) {
            Ok(run) => self.phone.begin(run),
            Err(error) => return Err(failed(span, error.to_string())),
        }
        Ok(())
    }

    /// An argument of `begin`: a user, a text, a number, a duration, `hours`, a message in a
    /// mailbox, or a list of them.
    fn value(&self, written: &Expr) -> Result<Value, Failure> {
        Ok(match &written.kind {
            ExprKind::Text(parts) => match parts.as_slice() {
                [] => Value::from(""),
                [TextPart::Literal(text)] => Value::from(text.as_str()),
                _ => return Err(failed(written.span, "no value can be put into this text")),
            },
            ExprKind::Number(n) => Value::Number(*n),
            ExprKind::Duration(d) => Value::Duration(*d),
            ExprKind::Bool(yes) => Value::Bool(*yes),
            ExprKind::List(items) => {
                let items = items.iter().map(|item| self.value(item));
                Value::List(items.collect::<Result<Vec<_>, _>>()?.into())
            }
            ExprKind::Name(name) if name == "message" => match self.phone.world.mailbox.last() {
                Some((.., message)) => Value::from(message.clone()),
                None => {
                    return Err(Box::new(
                        failed(written.span, "there is no message yet")
                            .mend("before this: alice has new message from bob lasting 5s"),
                    ));
                }
            },
            ExprKind::Name(name) => {
                let hours = self.program.hours.iter().position(|(known, _)| known == name);
                match hours.and_then(|place| u16::try_from(place).ok()) {
                    Some(place) => Value::Hours(place),
                    None => {
                        let who = Name { text: name.clone(), span: written.span };
                        Value::User(self.user(&who)?.id)
                    }
                }
            }
            _ => {
                return Err(Box::new(
                    failed(written.span, "a test can't give this").mend(
                        "give a user of the test, a text, a number, or `message`, the newest one in a mailbox",
                    ),
                ));
            }
        })
    }

    fn context(&self, dialled: &str, caller: CallerInfo) -> CallContext {
        let users = self.phone.world.users.clone();
        let of_user = caller.user.and_then(|id| users.iter().find(|u| u.id == id));
        CallContext {
            language: of_user.map(|u| u.language.clone()).unwrap_or_default(),
            directory: Arc::new(Directory::new("Hark", users)),
            caller,
            dialled: dialled.to_owned(),
            domain: "localhost".to_owned(),
            trunk: None,
            at: self.phone.world.at,
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
        let number = u8::try_from(self.phone.world.mailbox.len()).unwrap_or(u8::MAX);
        let at = self.phone.world.at;
        Ok(MessageSummary {
            id: MessageId::new(at, [number; 10]),
            sender,
            at: UnixMillis(at.0 - i64::try_from(AGE.as_millis()).unwrap_or(0)),
            length_ms: u32::try_from(lasting.as_millis()).unwrap_or(u32::MAX),
            urgent: false,
            private: false,
            reply_to: None,
            step: MessageStep::Accepted,
        })
    }

    pub fn user(&self, name: &Name) -> Result<&User, Failure> {
        let users = &self.phone.world.users;
        users.iter().find(|u| u.name == name.text).ok_or_else(|| {
            let message = format!("no user of a test is called `{}`", name.text);
            Box::new(
                Diagnostic::error(701, name.span, message)
                    .mend("a test's users are alice, bob and carol")
                    .suggest(&name.text, users.iter().map(|u| u.name.as_str())),
            )
        })
    }
}

fn called(user: &User) -> CallerInfo {
    CallerInfo {
        user: Some(user.id),
        number: user.extension.clone(),
        name: user.display_name.clone(),
    }
}
