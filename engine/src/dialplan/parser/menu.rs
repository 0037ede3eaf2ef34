//! Menus and their answers.

use super::super::ast::{Block, Cause, Menu, MenuAnswer, Span};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::TokenKind;
use super::{Parsed, Parser};
use crate::key::{Key, KeySet};

const ANSWERS: [&str; 5] = ["key", "digits", "silence", "other", "hangup"];

impl Parser<'_> {
    pub(super) fn menu_body(&mut self, head: Span) -> Parsed<Menu> {
        self.deeper(|p| p.menu_in_braces(head))
    }

    fn menu_in_braces(&mut self, head: Span) -> Parsed<Menu> {
        let open = self.span();
        self.expect(TokenKind::LeftBrace, "menu { say \"…\" key 1 -> … }")?;
        let mut prompt = Block { stmts: Vec::new(), span: open };
        let mut answers: Vec<MenuAnswer> = Vec::new();
        let (mut between, mut end_on) = (None, KeySet::EMPTY);
        loop {
            while self.eat(TokenKind::Semicolon) {}
            match self.kind() {
                TokenKind::RightBrace => break,
                TokenKind::End => return self.unclosed(open),
                _ => {}
            }
            let before = self.at;
            if self.at_word("between") && self.word_after(1) != "(" {
                self.bump();
                match self.postfix() {
                    Ok(length) => between = Some(length),
                    Err(_) => self.skip_to_next_line(),
                }
            } else if self.at_word("end") && self.word_after(1) == "on" {
                self.bump();
                self.bump();
                match self.keys() {
                    Ok(keys) => end_on = keys,
                    Err(_) => self.skip_to_next_line(),
                }
            } else if self.at_answer() {
                match self.answer() {
                    Ok(answer) => answers.push(answer),
                    Err(_) => self.skip_to_next_line(),
                }
            } else {
                let start = self.span();
                match self.stmt() {
                    Ok(_) if !answers.is_empty() => self.diagnostics.push(
                        Diagnostic::error(16, start, "an instruction stands behind the answers")
                            .label("never reached")
                            .cause("a menu first speaks and then waits: what is heard stands before the first answer")
                            .mend("move it up, or into the answer that it belongs to"),
                    ),
                    Ok(stmt) => prompt.stmts.push(stmt),
                    Err(_) => self.skip_to_next_line(),
                }
            }
            if self.at == before {
                self.bump();
            }
        }
        let span = head.to(self.span());
        self.bump();
        Ok(Menu { prompt, answers, between, end_on, span, head })
    }

    fn at_answer(&self) -> bool {
        // `hangup` alone is an instruction; `hangup ->` is an answer.
        let next = self.tokens.get(self.at + 1).map(|t| t.kind);
        match self.word_here() {
            "hangup" => {
                next == Some(TokenKind::Arrow)
                    || (self.word_after(1) == "or" && next == Some(TokenKind::Word))
            }
            "key" | "digits" | "silence" | "other" => {
                !matches!(next, Some(TokenKind::Assign | TokenKind::LeftParen))
            }
            _ => false,
        }
    }

    fn answer(&mut self) -> Parsed<MenuAnswer> {
        let start = self.span();
        let mut causes = vec![self.cause()?];
        while self.eat_word("or") {
            causes.push(self.cause()?);
        }
        let span = start.to(self.previous());
        self.expect(TokenKind::Arrow, "key 1 -> send message to to else { … }")?;
        let action = self.action()?;
        Ok(MenuAnswer { causes, action, span })
    }

    fn cause(&mut self) -> Parsed<Cause> {
        let start = self.span();
        match self.word_here() {
            "key" => {
                self.bump();
                let key = self.key()?;
                Ok(Cause::Key(key, start.to(self.previous())))
            }
            "digits" => {
                self.bump();
                let pattern = self.pattern("digits \"1xxx\" as n -> deposit(user(n))")?;
                let binder = if self.eat_word("as") {
                    Some(self.name("a name for the digits")?)
                } else {
                    None
                };
                Ok(Cause::Digits(pattern, binder, start.to(self.previous())))
            }
            "silence" => {
                self.bump();
                let after = self.postfix()?;
                Ok(Cause::Silence(after, start.to(self.previous())))
            }
            "other" => {
                self.bump();
                Ok(Cause::Other(start))
            }
            "hangup" => {
                self.bump();
                Ok(Cause::Hangup(start))
            }
            word => {
                let error = self
                    .unexpected("`key`, `digits`, `silence`, `other` or `hangup`")
                    .suggest(word, ANSWERS);
                self.tell(error)
            }
        }
    }

    /// `# or *`
    pub(super) fn keys(&mut self) -> Parsed<KeySet> {
        let mut keys = KeySet::EMPTY.with(self.key()?);
        while self.eat_word("or") {
            keys = keys.with(self.key()?);
        }
        Ok(keys)
    }

    /// One key, bare or in quotes: `1`, `*`, `#`, `A`, `"#"`.
    pub(super) fn key(&mut self) -> Parsed<Key> {
        let span = self.span();
        let written = self.text_of(span).trim_matches('"');
        let mut chars = written.chars();
        if let (Some(c), None) = (chars.next(), chars.next())
            && let Some(key) = Key::from_char(c)
        {
            self.bump();
            return Ok(key);
        }
        let mend = if written.len() > 1 && written.chars().all(|c| Key::from_char(c).is_some()) {
            format!("for more than one key write: digits \"{written}\" -> …")
        } else {
            "a key is one of 0-9 * # A-D".to_owned()
        };
        let error = Diagnostic::error(13, span, "this is no key of a telephone").mend(mend);
        self.tell(error)
    }
}
