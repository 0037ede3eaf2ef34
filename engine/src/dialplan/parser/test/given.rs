//! What is given in a test before, or while, somebody calls.

use super::super::super::ast::StepKind;
use super::super::super::effect::Folder;
use super::super::super::lexer::TokenKind;
use super::super::super::value::PRESENCES;
use super::super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn given(&mut self) -> Parsed<StepKind> {
        let owner = self.name("a user of the test")?;
        if self.eat_word("is") {
            let word = self.word_here();
            let Some((_, presence)) = PRESENCES.iter().find(|(name, _)| *name == word) else {
                let error = self
                    .unexpected("how present somebody is")
                    .mend("bob is online, away, busy, on_phone, do_not_disturb or offline")
                    .suggest(word, PRESENCES.map(|(name, _)| name));
                return self.tell(error);
            };
            self.bump();
            return Ok(StepKind::Is(owner, *presence));
        }
        if self.eat_word("speaks") {
            return Ok(StepKind::Speaks(owner, self.name("a language, such as `de`")?));
        }
        self.expect_word("has", "bob has greeting")?;
        if self.eat_word("greeting") {
            return Ok(StepKind::HasGreeting(owner, self.greeting_kind()));
        }
        if self.eat_word("spoken") {
            self.expect_word("name", "bob has spoken name")?;
            return Ok(StepKind::HasSpokenName(owner));
        }
        if self.eat_word("full") {
            self.expect_word("mailbox", "bob has full mailbox")?;
            return Ok(StepKind::HasFullMailbox(owner));
        }
        if self.eat_word("pin") {
            return Ok(StepKind::HasPin(owner, self.plain_text()?));
        }
        if self.eat_word("device") {
            return Ok(StepKind::HasDevice(owner, self.plain_text()?));
        }
        if let TokenKind::Number(count) = self.kind() {
            self.bump();
            self.expect_word("receipts", "alice has 2 receipts")?;
            return Ok(StepKind::HasReceipts(owner, u32::try_from(count).unwrap_or(0)));
        }
        let urgent = self.eat_word("urgent");
        let private = self.eat_word("private");
        let folder = match self.word_here() {
            "new" => Folder::New,
            "saved" => Folder::Saved,
            "deleted" => Folder::Deleted,
            word => {
                let known = [
                    "greeting", "spoken", "full", "pin", "device", "new", "saved", "deleted",
                    "urgent", "private",
                ];
                let error = self
                    .unexpected("what a user of a test can have")
                    .mend("bob has new message from alice lasting 5s; greeting; spoken name; full mailbox; pin \"2580\"; device \"mobile\"; 2 receipts")
                    .suggest(word, known);
                return self.tell(error);
            }
        };
        self.bump();
        let (from, lasting) = self.message_from()?;
        Ok(StepKind::HasMessage { owner, folder, urgent, private, from, lasting })
    }
}
