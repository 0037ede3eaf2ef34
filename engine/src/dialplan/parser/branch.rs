//! Instructions that choose what comes next.

use super::super::ast::{Arm, Match, StmtKind};
use super::super::lexer::TokenKind;
use super::{Parsed, Parser};

impl Parser<'_> {
    /// `again`, `again at most 2 then goodbye`
    pub(super) fn again(&mut self) -> Parsed<StmtKind> {
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

    /// `if … {…} else {…}`, `if user(ext) as who {…}`, `if ext in local as number {…}`
    pub(super) fn condition(&mut self) -> Parsed<StmtKind> {
        let condition = self.expr()?;
        let allowed = if self.eat_word("in") {
            Some(self.name("the name of an `allow` list")?)
        } else {
            None
        };
        if allowed.is_some() && !self.at_word("as") {
            let error = self.unexpected("`as` and a name").mend(
                "name the number that was found in the list: if ext in local as number { … }",
            );
            return self.tell(error);
        }
        let binder = if self.eat_word("as") { Some(self.name("a name")?) } else { None };
        let then = self.block()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::If { condition, allowed, binder, then, otherwise })
    }

    /// `for each m in list {…}`
    pub(super) fn for_each(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "for each m in messages(me, new) { … } else { … }";
        self.expect_word("each", EXAMPLE)?;
        let item = self.name("a name for each item")?;
        self.expect_word("in", EXAMPLE)?;
        let list = self.expr()?;
        let body = self.block()?;
        let otherwise = self.otherwise()?;
        Ok(StmtKind::ForEach { item, list, body, otherwise })
    }

    /// `return`, `return value`
    pub(super) fn give_back(&mut self) -> Parsed<StmtKind> {
        let ends = self.token().first_of_line
            || matches!(self.kind(), TokenKind::Semicolon | TokenKind::RightBrace | TokenKind::End);
        Ok(StmtKind::Return(if ends { None } else { Some(self.expr()?) }))
    }

    /// `match p { online or away -> … other -> … }`
    pub(super) fn matching(&mut self) -> Parsed<StmtKind> {
        const EXAMPLE: &str = "match p { online -> … other -> … }";
        let value = self.sum()?;
        let open = self.span();
        self.expect(TokenKind::LeftBrace, EXAMPLE)?;
        let mut found = Match { value, arms: Vec::new(), other: None };
        loop {
            while self.eat(TokenKind::Semicolon) {}
            match self.kind() {
                TokenKind::RightBrace => break,
                TokenKind::End => return self.unclosed(open),
                _ => {}
            }
            let before = self.at;
            if self.arm(&mut found, EXAMPLE).is_err() {
                self.skip_to_next_line();
            }
            if self.at == before {
                self.bump();
            }
        }
        self.bump();
        Ok(StmtKind::Match(Box::new(found)))
    }

    fn arm(&mut self, found: &mut Match, example: &str) -> Parsed<()> {
        let start = self.span();
        if self.eat_word("other") {
            self.expect(TokenKind::Arrow, example)?;
            let action = self.action()?;
            if let Some((_, before)) = &found.other {
                let error = super::Diagnostic::error(310, start, "this `match` has two `other`")
                    .label("the second")
                    .also(*before, "the first")
                    .mend("take one of them out");
                return self.tell(error);
            }
            found.other = Some((action, start));
            return Ok(());
        }
        let mut values = vec![self.postfix()?];
        while self.eat_word("or") {
            values.push(self.postfix()?);
        }
        let span = start.to(self.previous());
        self.expect(TokenKind::Arrow, example)?;
        let action = self.action()?;
        found.arms.push(Arm { values, action, span });
        Ok(())
    }
}
