//! Blocks and instructions.

use super::super::ast::{
    ActKind, Block, Collect, Expr, ExprKind, Name, PlayValue, PlayWhat, Record, Span, Stmt,
    StmtKind,
};
use super::super::diagnostic::Diagnostic;
use super::super::effect::HangupCause;
use super::super::lexer::TokenKind;
use super::{Parsed, Parser};
use crate::key::KeySet;

/// The words that begin an instruction or belong to an expression: none of them can be a name.
pub const RESERVED: [&str; 52] = [
    "answer",
    "early",
    "say",
    "play",
    "beep",
    "tone",
    "pause",
    "record",
    "collect",
    "send",
    "forward",
    "keep",
    "remove",
    "discard",
    "menu",
    "key",
    "digits",
    "silence",
    "other",
    "again",
    "if",
    "else",
    "match",
    "for",
    "return",
    "hangup",
    "log",
    "mark_heard",
    "save",
    "delete",
    "restore",
    "confirm",
    "connect",
    "ring",
    "notify",
    "set",
    "told",
    "webhook",
    "speak",
    "panic",
    "and",
    "or",
    "not",
    "true",
    "false",
    "flow",
    "route",
    "otherwise",
    "constant",
    "test",
    "import",
    "languages",
];

impl Parser<'_> {
    pub(super) fn block(&mut self) -> Parsed<Block> {
        self.deeper(Self::block_in_braces)
    }

    fn block_in_braces(&mut self) -> Parsed<Block> {
        let open = self.span();
        self.expect(TokenKind::LeftBrace, "flow greet(to: User) { say \"Hello.\" }")?;
        let mut stmts = Vec::new();
        loop {
            while self.eat(TokenKind::Semicolon) {}
            match self.kind() {
                TokenKind::RightBrace => break,
                TokenKind::End => return self.unclosed(open),
                _ => {}
            }
            let before = self.at;
            match self.stmt() {
                Ok(stmt) => stmts.push(stmt),
                Err(_) => self.skip_to_next_line(),
            }
            if self.at == before {
                self.bump();
            }
        }
        let span = open.to(self.span());
        self.bump();
        Ok(Block { stmts, span })
    }

    pub(super) fn unclosed<T>(&mut self, open: Span) -> Parsed<T> {
        let error = Diagnostic::error(11, open, "this `{` has no `}`")
            .label("opened here")
            .cause("the file ended before it was closed")
            .mend("close it where the block ends");
        self.tell(error)
    }

    /// A block in braces, or one instruction.
    pub(super) fn action(&mut self) -> Parsed<Block> {
        if self.kind() == TokenKind::LeftBrace {
            return self.block();
        }
        let stmt = self.deeper(Self::stmt)?;
        let span = stmt.span;
        Ok(Block { stmts: vec![stmt], span })
    }

    pub(super) fn otherwise(&mut self) -> Parsed<Option<Block>> {
        if self.eat_word("else") { Ok(Some(self.action()?)) } else { Ok(None) }
    }

    pub(super) fn stmt(&mut self) -> Parsed<Stmt> {
        let start = self.span();
        let kind = self.stmt_kind()?;
        let span = start.to(self.previous());
        let token = self.token();
        let ends = token.first_of_line
            || matches!(token.kind, TokenKind::Semicolon | TokenKind::RightBrace | TokenKind::End)
            || matches!(self.word_here(), "key" | "digits" | "silence" | "other" | "else")
            || self.previous_is_brace();
        if !ends {
            let error = self
                .unexpected("the end of the instruction")
                .mend("put each instruction on a line of its own, or `;` between them");
            return self.tell(error);
        }
        Ok(Stmt { kind, span })
    }

    fn previous_is_brace(&self) -> bool {
        self.at > 0 && self.tokens[self.at - 1].kind == TokenKind::RightBrace
    }

    fn stmt_kind(&mut self) -> Parsed<StmtKind> {
        let word = self.word_here();
        let next = self.tokens.get(self.at + 1).map(|t| t.kind);
        if next == Some(TokenKind::Assign) && !word.is_empty() {
            return self.assignment();
        }
        match word {
            "answer" => self.then(|_| Ok(StmtKind::Answer)),
            "early" => self.then(|_| Ok(StmtKind::Early)),
            "say" => self.then(Self::say),
            "tone" => self.then(|p| {
                let hertz = p.postfix()?;
                p.expect_word("for", "tone 440 for 200ms")?;
                Ok(StmtKind::Tone(hertz, p.postfix()?))
            }),
            "log" => self.then(|p| Ok(StmtKind::Log(p.expr()?))),
            "pause" => self.then(|p| Ok(StmtKind::Pause(p.expr()?))),
            "beep" => self.then(|_| Ok(StmtKind::Beep)),
            "hangup" => self.then(Self::hangup),
            "return" => self.then(Self::give_back),
            "match" => self.then(Self::matching),
            "forward" => self.then(Self::forward),
            "keep" => self.then(Self::keep),
            "remove" => self.then(Self::remove),
            "connect" => self.then(Self::connect),
            "ring" => self.then(Self::ring),
            "notify" => self.then(Self::notify),
            "set" => self.then(Self::set),
            "told" => self.then(|p| Ok(StmtKind::Told { user: p.postfix()? })),
            "speak" => self.then(|p| Ok(StmtKind::Speak(p.name("a language, such as `de`")?))),
            "restore" => self.then(|p| p.act(ActKind::Restore)),
            "panic" => self.then(|_| Ok(StmtKind::Panic)),
            "play" => self.then(Self::play),
            "send" => self.then(Self::send),
            "discard" => self.then(|p| Ok(StmtKind::Discard(p.variable()?))),
            "mark_heard" => self.then(|p| p.act(ActKind::MarkHeard)),
            "save" => self.then(|p| p.act(ActKind::Save)),
            "delete" => self.then(|p| p.act(ActKind::Delete)),
            "confirm" => self.then(|p| p.act(ActKind::Confirm)),
            "menu" => {
                let head = self.span();
                self.then(|p| Ok(StmtKind::Menu(Box::new(p.menu_body(head)?))))
            }
            "again" => self.then(Self::again),
            "if" => self.then(Self::condition),
            "for" => self.then(Self::for_each),
            "record" => {
                let error = Diagnostic::error(12, self.span(), "this recording has no name")
                    .mend("give it one, so that it can be sent: `message = record max 59s, …`");
                self.tell(error)
            }
            "key" | "digits" | "silence" | "other" => {
                let error =
                    Diagnostic::error(12, self.span(), format!("`{word}` answers a menu only"))
                        .mend("put it into a `menu { … }`");
                self.tell(error)
            }
            "collect" | "webhook" => {
                let error =
                    Diagnostic::error(12, self.span(), format!("what `{word}` finds has no name"))
                        .mend(format!("give it one: `found = {word} …`"));
                self.tell(error)
            }
            "" => {
                let error = self.unexpected("an instruction");
                self.tell(error)
            }
            _ if next == Some(TokenKind::LeftParen) || self.ends_after_word() => {
                Ok(StmtKind::Call(self.call_or_name()?))
            }
            word => {
                let error =
                    Diagnostic::error(12, self.span(), format!("`{word}` is no instruction"))
                        .label("not an instruction")
                        .suggest(word, RESERVED);
                self.tell(error)
            }
        }
    }

    fn ends_after_word(&self) -> bool {
        self.tokens.get(self.at + 1).is_none_or(|t| {
            t.first_of_line
                || matches!(t.kind, TokenKind::Semicolon | TokenKind::RightBrace | TokenKind::End)
        })
    }

    fn then(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<StmtKind>) -> Parsed<StmtKind> {
        self.bump();
        parse(self)
    }

    fn assignment(&mut self) -> Parsed<StmtKind> {
        let into = self.name("a name")?;
        self.bump();
        if self.eat_word("record") {
            return self.record(into);
        }
        if self.eat_word("collect") {
            return self.collect(into);
        }
        if self.eat_word("webhook") {
            return self.webhook(into);
        }
        let value = self.expr()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Assign { into, value, otherwise })
    }

    fn record(&mut self, into: Name) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "message = record max 59s, stop on \"#\" or silence 4s, hangup keeps";
        self.expect_word("max", EXAMPLE)?;
        let max = self.postfix()?;
        let mut record = Record {
            into,
            max,
            stop_on: KeySet::EMPTY,
            silence: None,
            hangup_keeps: None,
            join: None,
        };
        while self.eat(TokenKind::Comma) {
            if self.eat_word("stop") {
                self.expect_word("on", EXAMPLE)?;
                self.stop(&mut record)?;
                while self.eat_word("or") {
                    self.stop(&mut record)?;
                }
            } else if self.eat_word("hangup") {
                record.hangup_keeps = Some(match self.word_here() {
                    "keeps" => true,
                    "discards" => false,
                    _ => {
                        let error = self.unexpected("`keeps` or `discards`");
                        return self.tell(error);
                    }
                });
                self.bump();
            } else if self.at_word("after") || self.at_word("before") {
                let behind = self.at_word("after");
                self.bump();
                record.join = Some((behind, self.variable()?));
            } else {
                let error = self
                    .unexpected("`stop on`, `hangup`, `after` or `before`")
                    .mend(format!("as in: {EXAMPLE}"));
                return self.tell(error);
            }
        }
        Ok(StmtKind::Record(record))
    }

    fn stop(&mut self, record: &mut Record) -> Parsed<()> {
        if self.eat_word("silence") {
            record.silence = Some(self.postfix()?);
        } else {
            record.stop_on = record.stop_on.with(self.key()?);
        }
        Ok(())
    }

    fn play(&mut self) -> Parsed<StmtKind> {
        let what = if self.eat_word("prompt") {
            let span = self.span();
            PlayWhat::Prompt(Name { text: self.plain_text()?, span })
        } else {
            let value = self.postfix()?;
            let from = if self.eat_word("from") { Some(self.sum()?) } else { None };
            let mut speed = None;
            if self.eat_word("at") {
                speed = Some(self.postfix()?);
                self.expect_word("percent", "play m from 10s at 125 percent")?;
            }
            PlayWhat::Value(Box::new(PlayValue { value, from, speed }))
        };
        Ok(StmtKind::Play(what, self.otherwise()?))
    }

    /// `say "Welcome." recorded "welcome"`
    fn say(&mut self) -> Parsed<StmtKind> {
        let text = self.expr()?;
        let mut file = None;
        if self.eat_word("recorded") {
            let span = self.span();
            file = Some(Name { text: self.plain_text()?, span });
        }
        Ok(StmtKind::Say(text, file))
    }

    /// `hangup`, `hangup busy`
    fn hangup(&mut self) -> Parsed<StmtKind> {
        let word = self.word_here();
        if word.is_empty() || self.token().first_of_line || word == "else" {
            return Ok(StmtKind::Hangup(HangupCause::Normal));
        }
        let cause = self.hangup_cause()?;
        Ok(StmtKind::Hangup(cause))
    }

    pub(super) fn hangup_cause(&mut self) -> Parsed<HangupCause> {
        let word = self.word_here();
        let Some((_, cause)) = CAUSES.iter().find(|(name, _)| *name == word) else {
            let error = self
                .unexpected("a cause of hanging up")
                .mend("hangup, or hangup busy, rejected, unavailable, not_found or congestion")
                .suggest(word, CAUSES.map(|(name, _)| name));
            return self.tell(error);
        };
        self.bump();
        Ok(*cause)
    }

    /// `pin = collect 4 to 10, end on #, silence 6s, between 3s, secret else goodbye`
    fn collect(&mut self, into: Name) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "pin = collect 4 to 10, end on #, silence 6s else goodbye";
        let fewest = self.postfix()?;
        let most = if self.eat_word("to") { self.postfix()? } else { fewest.clone() };
        let mut collect = Collect {
            into,
            fewest,
            most,
            end_on: KeySet::EMPTY,
            silence: None,
            between: None,
            secret: false,
            otherwise: None,
        };
        while self.eat(TokenKind::Comma) {
            if self.eat_word("end") {
                self.expect_word("on", EXAMPLE)?;
                collect.end_on = self.keys()?;
            } else if self.eat_word("silence") {
                collect.silence = Some(self.postfix()?);
            } else if self.eat_word("between") {
                collect.between = Some(self.postfix()?);
            } else if self.eat_word("secret") {
                collect.secret = true;
            } else {
                let error = self
                    .unexpected("`end on`, `silence`, `between` or `secret`")
                    .mend(format!("as in: {EXAMPLE}"));
                return self.tell(error);
            }
        }
        collect.otherwise = self.otherwise()?;
        Ok(StmtKind::Collect(Box::new(collect)))
    }
}

/// The questions to the store that look like functions.
pub const QUERIES: [&str; 7] =
    ["messages", "presence", "pin_matches", "has_pin", "devices", "receipts", "waiting"];
/// Why a call may be ended, as authors write it.
pub const CAUSES: [(&str, HangupCause); 5] = [
    ("busy", HangupCause::Busy),
    ("rejected", HangupCause::Rejected),
    ("unavailable", HangupCause::Unavailable),
    ("not_found", HangupCause::NotFound),
    ("congestion", HangupCause::Congestion),
];

/// Whether an expression is a question to the store, which may fail.
pub fn is_query(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(call) => QUERIES.contains(&call.name.text.as_str()),
        ExprKind::Online(_) => true,
        _ => false,
    }
}
