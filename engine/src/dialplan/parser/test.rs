//! `test "…" { … }`.

use std::time::Duration;

use super::super::ast::{ActKind, Expected, Name, Step, StepKind, Test, Who};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::TokenKind;
use super::{Parsed, Parser};
use crate::key::Key;

const EXAMPLE: &str = "call \"1002\" from \"+15551234\"; expect say \"Please\"; speak 5s; hang up";

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
        self.bump();
        Ok(Test { name, steps, span })
    }

    fn step(&mut self) -> Parsed<StepKind> {
        let word = self.word_here();
        if matches!(self.word_after(1), "has" | "is") {
            return self.given();
        }
        self.bump();
        match word {
            "call" => {
                let number = self.plain_text()?;
                if self.eat_word("as") {
                    return Ok(StepKind::CallAs(number, self.name("a user of the test")?));
                }
                self.expect_word("from", EXAMPLE)?;
                Ok(StepKind::CallFrom(number, self.plain_text()?))
            }
            "deliver" => {
                let (from, lasting) = self.message_from()?;
                self.expect_word("to", "deliver message from alice lasting 5s to bob")?;
                Ok(StepKind::Deliver { from, lasting, to: self.name("a user of the test")? })
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
            "speak" => Ok(StepKind::Speak(self.duration()?)),
            "wait" => Ok(StepKind::Wait(self.duration()?)),
            "press" => {
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
            "hang" => {
                self.expect_word("up", "hang up")?;
                Ok(StepKind::HangUp)
            }
            "expect" => Ok(StepKind::Expect(self.expected()?)),
            _ => {
                self.at -= 1;
                let known =
                    ["call", "deliver", "store", "speak", "wait", "press", "hang", "expect"];
                let error = self.unexpected("a step of a test").mend(EXAMPLE).suggest(word, known);
                self.tell(error)
            }
        }
    }

    fn given(&mut self) -> Parsed<StepKind> {
        let owner = self.name("a user of the test")?;
        if self.eat_word("is") {
            self.expect_word("online", "bob is online")?;
            return Ok(StepKind::IsOnline(owner));
        }
        self.expect_word("has", "bob has greeting")?;
        if self.eat_word("greeting") {
            return Ok(StepKind::HasGreeting(owner));
        }
        let saved = self.at_word("saved");
        if !saved && !self.at_word("new") {
            let error = self.unexpected("`greeting`, `new message` or `saved message`");
            return self.tell(error);
        }
        self.bump();
        let (from, lasting) = self.message_from()?;
        Ok(StepKind::HasMessage { owner, saved, from, lasting })
    }

    fn message_from(&mut self) -> Parsed<(Who, Duration)> {
        let example = "message from alice lasting 5s";
        self.expect_word("message", example)?;
        self.expect_word("from", example)?;
        let from = if self.kind() == TokenKind::Text {
            Who::Stranger(self.plain_text()?)
        } else {
            Who::User(self.name("a user of the test, or a name in quotes")?)
        };
        self.expect_word("lasting", example)?;
        Ok((from, self.duration()?))
    }

    fn duration(&mut self) -> Parsed<Duration> {
        if let TokenKind::Duration(duration) = self.kind() {
            self.bump();
            return Ok(duration);
        }
        let error = self.unexpected("a duration, such as `5s`");
        self.tell(error)
    }

    fn expected(&mut self) -> Parsed<Expected> {
        let no = self.eat_word("no");
        let word: Name = self.name("what is expected")?;
        let act = match word.text.as_str() {
            "heard" => Some(ActKind::MarkHeard),
            "saved" => Some(ActKind::Save),
            "deleted" => Some(ActKind::Delete),
            "confirmed" => Some(ActKind::Confirm),
            _ => None,
        };
        match (no, word.text.as_str(), act) {
            (false, _, Some(act)) => Ok(Expected::Acted(act)),
            (true, _, Some(act)) => Ok(Expected::NotActed(act)),
            (false, "say", _) => Ok(Expected::Say(self.plain_text()?)),
            (true, "say", _) => Ok(Expected::NoSay(self.plain_text()?)),
            (true, "message", _) => Ok(Expected::NoMessage),
            (true, "route", _) => Ok(Expected::NoRoute),
            (false, "beep", _) => Ok(Expected::Beep),
            (false, "greeting", _) => Ok(Expected::Greeting),
            (false, "discarded", _) => Ok(Expected::Discarded),
            (false, "hangup", _) => Ok(Expected::Hangup),
            (false, "play", _) if self.eat_word("message") => Ok(Expected::PlayMessage),
            (false, "play", _) if self.eat_word("recording") => Ok(Expected::PlayRecording),
            (false, "message", _) => self.expected_message(),
            _ => {
                let error = Diagnostic::error(10, word.span, "this can't be expected").mend(
                    "expect say \"…\", beep, greeting, play message, play recording, message to bob, no message, discarded, heard, saved, deleted, confirmed, hangup or no route",
                );
                self.tell(error)
            }
        }
    }

    fn expected_message(&mut self) -> Parsed<Expected> {
        self.expect_word("to", "expect message to bob lasting 5s with receipt")?;
        let to = self.name("a user of the test")?;
        let lasting = if self.eat_word("lasting") { Some(self.duration()?) } else { None };
        let receipt = self.eat_word("with") && {
            self.expect_word("receipt", "expect message to bob with receipt")?;
            true
        };
        Ok(Expected::Message { to, lasting, receipt })
    }
}
