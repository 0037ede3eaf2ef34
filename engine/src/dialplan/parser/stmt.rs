//! Blocks and instructions.

use super::super::ast::{
    ActKind, Block, Expr, ExprKind, Name, PlayWhat, Record, Span, Stmt, StmtKind,
};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::TokenKind;
use super::{Parsed, Parser};
use crate::key::KeySet;

/// The words that begin an instruction, or will: none of them can be a name.
pub const RESERVED: [&str; 37] = [
    "say",
    "play",
    "beep",
    "pause",
    "record",
    "send",
    "discard",
    "menu",
    "key",
    "digits",
    "silence",
    "other",
    "again",
    "if",
    "else",
    "for",
    "hangup",
    "log",
    "mark_heard",
    "save",
    "delete",
    "confirm",
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
    "connect",
    "ring",
    "match",
    "webhook",
];
/// Words of the language to come, which are refused with a word of their own.
const FUTURE: [&str; 4] = ["connect", "ring", "match", "webhook"];

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

    fn otherwise(&mut self) -> Parsed<Option<Block>> {
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
            "say" => self.then(|p| Ok(StmtKind::Say(p.expr()?))),
            "log" => self.then(|p| Ok(StmtKind::Log(p.expr()?))),
            "pause" => self.then(|p| Ok(StmtKind::Pause(p.expr()?))),
            "beep" => self.then(|_| Ok(StmtKind::Beep)),
            "hangup" => self.then(|_| Ok(StmtKind::Hangup)),
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
            word if FUTURE.contains(&word) => {
                let error = Diagnostic::error(
                    18,
                    self.span(),
                    format!("`{word}` is kept for a later version of the language"),
                )
                .mend("nothing takes its place yet");
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
        let value = self.expr()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Assign { into, value, otherwise })
    }

    fn record(&mut self, into: Name) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "message = record max 59s, stop on \"#\" or silence 4s, hangup keeps";
        self.expect_word("max", EXAMPLE)?;
        let max = self.postfix()?;
        let mut record =
            Record { into, max, stop_on: KeySet::EMPTY, silence: None, hangup_keeps: None };
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
            } else {
                let error =
                    self.unexpected("`stop on` or `hangup`").mend(format!("as in: {EXAMPLE}"));
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
            PlayWhat::Value(self.postfix()?)
        };
        Ok(StmtKind::Play(what, self.otherwise()?))
    }

    fn send(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "send message to bob with receipt else { say \"…\" }";
        let recording = self.variable()?;
        self.expect_word("to", EXAMPLE)?;
        let mut to = vec![self.postfix()?];
        while self.eat_word("and") {
            to.push(self.postfix()?);
        }
        let (mut receipt, mut urgent) = (false, false);
        if self.eat_word("with") {
            loop {
                match self.word_here() {
                    "receipt" => receipt = true,
                    "urgency" => urgent = true,
                    _ => {
                        let error = self.unexpected("`receipt` or `urgency`");
                        return self.tell(error);
                    }
                }
                self.bump();
                if !self.eat_word("and") {
                    break;
                }
            }
        }
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Send { recording, to, receipt, urgent, otherwise })
    }

    fn act(&mut self, kind: ActKind) -> Parsed<StmtKind> {
        let message = self.postfix()?;
        self.expect_word("for", "save m for me else { say \"…\" }")?;
        let user = self.postfix()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::Act { kind, message, user, otherwise })
    }

    fn again(&mut self) -> Parsed<StmtKind> {
        if !self.at_word("at") {
            return Ok(StmtKind::Again(None));
        }
        self.bump();
        self.expect_word("most", "again at most 2 then goodbye")?;
        let times = self.postfix()?;
        self.expect_word("then", "again at most 2 then goodbye")?;
        let then = self.action()?;
        Ok(StmtKind::Again(Some((times, then))))
    }

    fn condition(&mut self) -> Parsed<StmtKind> {
        let condition = self.expr()?;
        let binder = if self.eat_word("as") { Some(self.name("a name")?) } else { None };
        let then = self.block()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::If { condition, binder, then, otherwise })
    }

    fn for_each(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "for each m in messages(me, new) { … } else { … }";
        self.expect_word("each", EXAMPLE)?;
        let item = self.name("a name for each item")?;
        self.expect_word("in", EXAMPLE)?;
        let list = self.expr()?;
        let body = self.block()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::ForEach { item, list, body, otherwise })
    }
}

/// Whether an expression is a question to the store, which may fail.
pub fn is_query(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(call) => call.name.text == "messages",
        ExprKind::Online(_) => true,
        _ => false,
    }
}
