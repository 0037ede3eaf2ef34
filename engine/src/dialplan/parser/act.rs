//! Instructions that do something outside of the call: send, keep, connect, notify, ask.

use super::super::ast::{ActKind, Expr, Forward, Kept, Later, Name, SendFlags, StmtKind, Webhook};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::TokenKind;
use super::{Parsed, Parser};
use crate::directory::GreetingKind;

pub const GREETINGS: [&str; 5] = ["standard", "busy", "away", "temporary", "closed"];

impl Parser<'_> {
    /// `send r to bob and carol with receipt and urgency in 2h answering m else {…}`
    pub(super) fn send(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "send message to bob with receipt else { say \"…\" }";
        let recording = self.variable()?;
        let to = self.recipients(EXAMPLE)?;
        let mut flags = SendFlags::default();
        let (mut later, mut answering) = (None, None);
        loop {
            match self.word_here() {
                "with" => self.extras(&mut flags)?,
                "in" => {
                    self.bump();
                    later = Some(Later::In(self.sum()?));
                }
                "at" => {
                    self.bump();
                    later = Some(Later::At(self.sum()?));
                }
                "answering" => {
                    self.bump();
                    answering = Some(self.postfix()?);
                }
                _ => break,
            }
        }
        let otherwise = self.otherwise()?;
        let SendFlags { receipt, urgent, private, .. } = flags;
        Ok(StmtKind::Send { recording, to, receipt, urgent, private, later, answering, otherwise })
    }

    fn recipients(&mut self, example: &str) -> Parsed<Vec<Expr>> {
        self.expect_word("to", example)?;
        let mut to = vec![self.postfix()?];
        while self.eat_word("and") {
            to.push(self.postfix()?);
        }
        Ok(to)
    }

    /// `with receipt and urgency and privacy`
    pub(super) fn extras(&mut self, flags: &mut SendFlags) -> Parsed<()> {
        self.bump();
        loop {
            match self.word_here() {
                "receipt" => flags.receipt = true,
                "urgency" => flags.urgent = true,
                "privacy" => flags.private = true,
                word => {
                    let error = self
                        .unexpected("`receipt`, `urgency` or `privacy`")
                        .suggest(word, ["receipt", "urgency", "privacy"]);
                    return self.tell(error);
                }
            }
            self.bump();
            if !self.eat_word("and") {
                return Ok(());
            }
        }
    }

    /// `forward m of me to bob introduced by intro with receipt else {…}`
    pub(super) fn forward(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "forward m of me to bob introduced by intro else { say \"…\" }";
        let message = self.postfix()?;
        self.expect_word("of", EXAMPLE)?;
        let user = self.postfix()?;
        let to = self.recipients(EXAMPLE)?;
        let mut introduction = None;
        if self.eat_word("introduced") {
            self.expect_word("by", EXAMPLE)?;
            introduction = Some(self.variable()?);
        }
        let mut flags = SendFlags::default();
        if self.at_word("with") {
            self.extras(&mut flags)?;
        }
        let otherwise = self.otherwise()?;
        let SendFlags { receipt, urgent, private, .. } = flags;
        Ok(StmtKind::Forward(Box::new(Forward {
            message,
            user,
            to,
            introduction,
            receipt,
            urgent,
            private,
            otherwise,
        })))
    }

    /// `save m for me else {…}` and its like
    pub(super) fn act(&mut self, kind: ActKind) -> Parsed<StmtKind> {
        let message = self.postfix()?;
        self.expect_word("for", "save m for me else { say \"…\" }")?;
        let user = self.postfix()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Act { kind, message, user, otherwise })
    }

    /// `keep r as greeting busy of me else {…}`, `keep r as name of me else {…}`
    pub(super) fn keep(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "keep r as greeting of me else { say \"…\" }";
        let recording = self.variable()?;
        self.expect_word("as", EXAMPLE)?;
        let what = self.kept(EXAMPLE)?;
        self.expect_word("of", EXAMPLE)?;
        let user = self.postfix()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Keep { recording, what, user, otherwise })
    }

    /// `name`, `greeting`, `greeting busy`
    pub(super) fn kept(&mut self, example: &str) -> Parsed<Kept> {
        if self.eat_word("name") {
            return Ok(Kept::Name);
        }
        self.expect_word("greeting", example)?;
        Ok(Kept::Greeting(self.greeting_kind()))
    }

    /// The kind of a greeting, the standard one where none is named.
    pub(super) fn greeting_kind(&mut self) -> GreetingKind {
        let here = !self.token().first_of_line;
        match GreetingKind::from_name(self.word_here()).filter(|_| here) {
            Some(kind) => {
                self.bump();
                kind
            }
            None => GreetingKind::Standard,
        }
    }

    /// `remove greeting busy of me else {…}`
    pub(super) fn remove(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "remove greeting busy of me else { say \"…\" }";
        self.expect_word("greeting", EXAMPLE)?;
        let word = self.word_here();
        let greeting = self.greeting_kind();
        if !self.at_word("of") {
            let error = self
                .unexpected("`of`")
                .mend(format!("a greeting is {}; for example: {EXAMPLE}", GREETINGS.join(", ")))
                .suggest(word, GREETINGS);
            return self.tell(error);
        }
        self.bump();
        let user = self.postfix()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Remove { greeting, user, otherwise })
    }

    /// `connect bob for 20s else {…}`, `connect number via "carrier" else {…}`
    pub(super) fn connect(&mut self) -> Parsed<StmtKind> {
        let callee = self.postfix()?;
        let (ring_for, via) = self.ringing()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Connect { callee, ring_for, via, otherwise })
    }

    /// `ring me for 30s -> call_to_record(me) else {…}`
    pub(super) fn ring(&mut self) -> Parsed<StmtKind> {
        let callee = self.postfix()?;
        let (ring_for, via) = self.ringing()?;
        self.expect(TokenKind::Arrow, "ring me for 30s -> call_to_record(me) else { … }")?;
        let flow = self.call_or_name()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Ring { callee, ring_for, via, flow, otherwise })
    }

    /// `for 20s`, `via "carrier"`, in either order
    fn ringing(&mut self) -> Parsed<(Option<Expr>, Option<Name>)> {
        let (mut ring_for, mut via) = (None, None);
        loop {
            if self.eat_word("for") {
                ring_for = Some(self.postfix()?);
            } else if self.eat_word("via") {
                let span = self.span();
                via = Some(Name { text: self.plain_text()?, span });
            } else {
                return Ok((ring_for, via));
            }
        }
    }

    /// `notify bob "There is cake." else {…}`
    pub(super) fn notify(&mut self) -> Parsed<StmtKind> {
        let user = self.postfix()?;
        let text = self.postfix()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Notify { user, text, otherwise })
    }

    /// `set me.language = "de" else {…}`
    pub(super) fn set(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "set me.language = \"de\" else { say \"…\" }";
        let start = self.span();
        let place = self.postfix()?;
        let super::super::ast::ExprKind::Field(user, field) = place.kind else {
            let span = start.to(self.previous());
            return self.tell(
                Diagnostic::error(10, span, "expected a user's setting")
                    .mend(format!("for example: {EXAMPLE}")),
            );
        };
        self.expect(TokenKind::Assign, EXAMPLE)?;
        let value = self.expr()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Set { user: *user, field, value, otherwise })
    }

    /// `x = webhook "https://…" { number: caller.number } as Booking within 3s else {…}`
    pub(super) fn webhook(&mut self, into: Name) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "found = webhook \"https://example.com/find\" { number: caller.number } as Found within 3s else { … }";
        let url = self.postfix()?;
        let mut fields = Vec::new();
        if self.eat(TokenKind::LeftBrace) {
            while self.kind() != TokenKind::RightBrace {
                let name = self.name("the name of a value to send")?;
                self.expect(TokenKind::Colon, EXAMPLE)?;
                fields.push((name, self.expr()?));
                if !self.eat(TokenKind::Comma) {
                    break;
                }
            }
            self.expect(TokenKind::RightBrace, EXAMPLE)?;
        }
        self.expect_word("as", EXAMPLE)?;
        let kind = self.name("the `json` type of the answer")?;
        let within = if self.eat_word("within") { Some(self.postfix()?) } else { None };
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Webhook(Box::new(Webhook { into, url, fields, kind, within, otherwise })))
    }
}
