//! `test "…" { … }`.

mod expected;
mod given;

pub use expected::{PRESETS, THINGS};

use std::time::Duration;

use super::super::ast::{Name, Step, StepKind, Test, Who};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::TokenKind;
use super::{Parsed, Parser};
use crate::key::Key;

const EXAMPLE: &str = "call \"1002\" from \"+15551234\"; expect say \"Please\"; speak 5s; hang up";
/// The words that begin a step of a test.
pub const STEPS: [&str; 13] = [
    "call",
    "deliver",
    "begin",
    "clock",
    "store",
    "recording",
    "callee",
    "webhook",
    "speak",
    "wait",
    "press",
    "hang",
    "expect",
];

impl Parser<'_> {
    pub(super) fn test(&mut self) -> Parsed<Test> {
        let start = self.span();
        self.bump();
        let name = self.plain_text()?;
        let span = start.to(self.previous());
        let open = self.span();
        self.expect(TokenKind::LeftBrace, "test \"sends\" { call \"1002\" as alice; hang up }")?;
        let mut steps = Vec::new();
        loop {
            while self.eat(TokenKind::Semicolon) {}
            match self.kind() {
                TokenKind::RightBrace => break,
                TokenKind::End => return self.unclosed(open),
                _ => {}
            }
            let start = self.span();
            let before = self.at;
            match self.step() {
                Ok(kind) => steps.push(Step { kind, span: start.to(self.previous()) }),
                Err(_) => self.skip_to_next_line(),
            }
            if self.at == before {
                self.bump();
            }
        }
        let whole = start.to(self.span());
        self.bump();
        Ok(Test { name, whole, steps, span })
    }

    fn step(&mut self) -> Parsed<StepKind> {
        let word = self.word_here();
        if matches!(self.word_after(1), "has" | "is" | "speaks") {
            return self.given();
        }
        self.bump();
        match word {
            "call" => self.call_step(),
            "deliver" => {
                let (from, lasting) = self.message_from()?;
                self.expect_word("to", "deliver message from alice lasting 5s to bob")?;
                Ok(StepKind::Deliver { from, lasting, to: self.name("a user of the test")? })
            }
            "begin" => {
                let flow = self.call_or_name()?;
                self.expect_word("as", "begin call_to_record(alice) as alice")?;
                Ok(StepKind::Begin { flow, who: self.name("a user of the test")? })
            }
            "clock" => Ok(StepKind::Clock(self.plain_text()?)),
            "recording" => {
                self.expect_word("fails", "recording fails")?;
                Ok(StepKind::RecordingFails)
            }
            "store" => {
                let fails = self.at_word("fails");
                if !fails && !self.at_word("works") {
                    let error = self.unexpected("`fails` or `works`");
                    return self.tell(error);
                }
                self.bump();
                Ok(StepKind::Store(fails))
            }
            "callee" => {
                if self.eat_word("fails") {
                    return Ok(StepKind::Callee(None));
                }
                self.expect_word("answers", "callee answers for 20s")?;
                let length =
                    if self.eat_word("for") { self.duration()? } else { Duration::from_secs(30) };
                Ok(StepKind::Callee(Some(length)))
            }
            "webhook" => {
                if self.eat_word("fails") {
                    return Ok(StepKind::WebhookAnswers(None));
                }
                self.expect_word("answers", "webhook answers \"\\{ \\\"open\\\": true \\}\"")?;
                Ok(StepKind::WebhookAnswers(Some(self.plain_text()?)))
            }
            "speak" => Ok(StepKind::Speak(self.duration()?)),
            "wait" => Ok(StepKind::Wait(self.duration()?)),
            "press" => self.press(),
            "hang" => {
                self.expect_word("up", "hang up")?;
                Ok(StepKind::HangUp)
            }
            "expect" => Ok(StepKind::Expect(self.expected()?)),
            _ => {
                self.at = self.at.saturating_sub(1);
                let error = self.unexpected("a step of a test").mend(EXAMPLE).suggest(word, STEPS);
                self.tell(error)
            }
        }
    }

    fn call_step(&mut self) -> Parsed<StepKind> {
        let number = self.plain_text()?;
        let (mut from, mut domain, mut trunk) = (None, None, None);
        loop {
            if self.eat_word("as") {
                from = Some(Who::User(self.name("a user of the test")?));
            } else if self.eat_word("from") {
                from = Some(Who::Stranger(self.plain_text()?));
            } else if self.eat_word("at") {
                domain = Some(self.plain_text()?);
            } else if self.eat_word("over") {
                trunk = Some(self.plain_text()?);
            } else {
                break;
            }
        }
        let Some(from) = from else {
            let error = self.unexpected("`from` or `as`").mend(format!("for example: {EXAMPLE}"));
            return self.tell(error);
        };
        Ok(StepKind::Call { number, from, domain, trunk })
    }

    fn press(&mut self) -> Parsed<StepKind> {
        let span = self.span();
        let text = if self.kind() == TokenKind::Text {
            self.plain_text()?
        } else {
            self.key()?.to_string()
        };
        let keys: Vec<Key> = text.chars().filter_map(Key::from_char).collect();
        if keys.is_empty() || keys.len() != text.chars().count() {
            let error = Diagnostic::error(13, span, "not all of these are keys")
                .mend("a key is one of 0-9 * # A-D");
            return self.tell(error);
        }
        Ok(StepKind::Press(keys))
    }

    /// `message from alice lasting 5s`
    fn message_from(&mut self) -> Parsed<(Who, Duration)> {
        let example = "message from alice lasting 5s";
        self.expect_word("message", example)?;
        self.expect_word("from", example)?;
        let from = self.who()?;
        self.expect_word("lasting", example)?;
        Ok((from, self.duration()?))
    }

    /// A user of the test, or anybody in quotes.
    fn who(&mut self) -> Parsed<Who> {
        if self.kind() == TokenKind::Text {
            return Ok(Who::Stranger(self.plain_text()?));
        }
        let name: Name = self.name("a user of the test, or a name in quotes")?;
        Ok(Who::User(name))
    }

    fn duration(&mut self) -> Parsed<Duration> {
        if let TokenKind::Duration(duration) = self.kind() {
            self.bump();
            return Ok(duration);
        }
        let error = self.unexpected("a duration, such as `5s`");
        self.tell(error)
    }
}
