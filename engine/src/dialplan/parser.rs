//! Tokens to syntax tree. A wrong instruction is told and left out, and reading goes on with the
//! next line, so that one run tells of many errors. Nesting is bounded: no input can exhaust the
//! stack.

mod expr;
mod menu;
mod stmt;
mod test;

pub use stmt::{RESERVED, is_query};

use super::Source;
use super::ast::{Block, Call, Constant, File, Flow, Name, Param, Route, Span, Stmt};
use super::diagnostic::Diagnostic;
use super::lexer::{Token, TokenKind, lex};
use super::pattern::Pattern;

/// How deep blocks and expressions may stand in one another.
const MAX_DEPTH: u32 = 48;
/// How long a source may be, in bytes.
const MAX_SOURCE: usize = 1 << 20;
/// The words that may begin something at the outermost level.
const ITEMS: [&str; 7] = ["languages", "constant", "route", "otherwise", "flow", "menu", "test"];

/// Already told; the reader goes on behind it.
pub(super) struct Told;
type Parsed<T> = Result<T, Told>;

/// Reads one source, as far as it can be read.
pub fn parse(number: u32, source: &Source, diagnostics: &mut Vec<Diagnostic>) -> File {
    if source.text.len() > MAX_SOURCE {
        let span = Span { source: number, start: 0, end: 0 };
        diagnostics.push(
            Diagnostic::error(6, span, "this file is longer than 1 MB")
                .mend("divide it: all files of the folder are one dialplan"),
        );
        return File::default();
    }
    let tokens = lex(number, &source.text, 0, diagnostics);
    let mut parser = Parser { text: &source.text, offset: 0, tokens, at: 0, depth: 0, diagnostics };
    parser.file()
}

struct Parser<'a> {
    text: &'a str,
    /// Where `text` begins in its source.
    offset: u32,
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn file(&mut self) -> File {
        let mut file = File::default();
        while self.kind() != TokenKind::End {
            let before = self.at;
            if self.item(&mut file).is_err() {
                self.skip_to_item(before);
            }
            if self.at == before {
                self.bump();
            }
        }
        file
    }

    fn item(&mut self, file: &mut File) -> Parsed<()> {
        let word = if self.kind() == TokenKind::Word { self.word_here() } else { "" };
        match word {
            "languages" => {
                self.bump();
                file.languages.push(self.name("a language, such as `en`")?);
                while self.eat(TokenKind::Comma) {
                    file.languages.push(self.name("a language, such as `en`")?);
                }
            }
            "constant" => {
                self.bump();
                let name = self.name("the constant's name")?;
                self.expect(TokenKind::Assign, "constant tries = 3")?;
                let value = self.expr()?;
                file.constants.push(Constant { name, value });
            }
            "route" | "otherwise" => {
                let route = self.route()?;
                file.routes.push(route);
            }
            "flow" | "menu" => {
                let flow = self.flow()?;
                file.flows.push(flow);
            }
            "test" => {
                let test = self.test()?;
                file.tests.push(test);
            }
            _ => {
                let mut error =
                    self.unexpected("a `route`, `flow`, `menu`, `constant`, `languages` or `test`");
                if !word.is_empty() {
                    error = error.suggest(word, ITEMS);
                }
                return self.tell(error);
            }
        }
        self.eat(TokenKind::Semicolon);
        Ok(())
    }

    fn route(&mut self) -> Parsed<Route> {
        let start = self.span();
        let mut binder = None;
        let mut pattern = None;
        if self.word_here() == "otherwise" {
            self.bump();
        } else {
            self.bump();
            pattern = Some(self.pattern("route \"1xxx\" as ext -> deposit(user(ext))")?);
            if self.eat_word("as") {
                binder = Some(self.name("a name for the number dialled")?);
            }
        }
        let span = start.to(self.previous());
        self.expect(TokenKind::Arrow, "route \"*97\" -> mailbox(caller)")?;
        let target = self.call_or_name()?;
        Ok(Route { pattern, binder, target, span })
    }

    fn pattern(&mut self, example: &str) -> Parsed<Pattern> {
        let span = self.span();
        if self.kind() != TokenKind::Text {
            let error =
                self.unexpected("a number in quotes").mend(format!("for example: {example}"));
            return self.tell(error);
        }
        let text = self.plain_text()?;
        match Pattern::parse(&text) {
            Ok(pattern) => Ok(pattern),
            Err(why) => self.tell(
                Diagnostic::error(14, span, format!("this is no number pattern: {why}")).mend(
                    "a pattern is made of 0-9 * # A-D, `x` for any digit and `[2-5]` for some",
                ),
            ),
        }
    }

    fn flow(&mut self) -> Parsed<Flow> {
        let start = self.span();
        let is_menu = self.word_here() == "menu";
        self.bump();
        let name = self.name("a name")?;
        let mut params = Vec::new();
        if self.kind() == TokenKind::LeftParen {
            self.bump();
            while self.kind() != TokenKind::RightParen {
                let name = self.name("a parameter's name")?;
                self.expect(TokenKind::Colon, "flow deposit(to: User)")?;
                let kind = self.name("a type, such as `User`")?;
                params.push(Param { name, kind });
                if !self.eat(TokenKind::Comma) {
                    break;
                }
            }
            self.expect(TokenKind::RightParen, "flow deposit(to: User)")?;
        }
        let body = if is_menu {
            let head = start.to(self.previous());
            let menu = self.menu_body(head)?;
            let span = menu.span;
            let kind = super::ast::StmtKind::Menu(Box::new(menu));
            Block { stmts: vec![Stmt { kind, span }], span }
        } else {
            self.block()?
        };
        Ok(Flow { name, params, body })
    }

    fn call_or_name(&mut self) -> Parsed<Call> {
        let name = self.name("the name of a flow or menu")?;
        let mut args = Vec::new();
        if self.kind() == TokenKind::LeftParen {
            args = self.arguments()?;
        }
        let span = name.span.to(self.previous());
        Ok(Call { name, args, span })
    }

    // ---- tokens ----

    fn token(&self) -> Token {
        // `lex` ends every list with `End`, and `bump` never goes behind it.
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    fn span(&self) -> Span {
        self.token().span
    }

    fn previous(&self) -> Span {
        self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].span
    }

    fn bump(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn text_of(&self, span: Span) -> &'a str {
        let start = span.start.saturating_sub(self.offset) as usize;
        let end = span.end.saturating_sub(self.offset) as usize;
        self.text.get(start..end).unwrap_or("")
    }

    fn word_here(&self) -> &'a str {
        if self.kind() == TokenKind::Word { self.text_of(self.span()) } else { "" }
    }

    fn at_word(&self, word: &str) -> bool {
        self.word_here() == word
    }

    fn word_after(&self, ahead: usize) -> &'a str {
        match self.tokens.get(self.at + ahead) {
            Some(t) if t.kind == TokenKind::Word => self.text_of(t.span),
            _ => "",
        }
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.bump();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind, example: &str) -> Parsed<()> {
        if self.eat(kind) {
            return Ok(());
        }
        let error = self.unexpected(kind.name()).mend(format!("for example: {example}"));
        self.tell(error)
    }

    fn expect_word(&mut self, word: &str, example: &str) -> Parsed<()> {
        if self.eat_word(word) {
            return Ok(());
        }
        let error = self.unexpected(&format!("`{word}`")).mend(format!("for example: {example}"));
        self.tell(error)
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        if self.kind() != TokenKind::Word {
            let error = self.unexpected(what);
            return self.tell(error);
        }
        let span = self.span();
        let text = self.text_of(span).to_owned();
        self.bump();
        Ok(Name { text, span })
    }

    fn unexpected(&self, wanted: &str) -> Diagnostic {
        let token = self.token();
        let found = match token.kind {
            TokenKind::Word => format!("`{}`", self.text_of(token.span)),
            kind => kind.name().to_owned(),
        };
        Diagnostic::error(10, token.span, format!("expected {wanted}, found {found}"))
            .label(format!("not {wanted}"))
    }

    fn tell<T>(&mut self, error: Diagnostic) -> Parsed<T> {
        self.diagnostics.push(error);
        Err(Told)
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            let error = Diagnostic::error(5, self.span(), "this stands too deep in other blocks")
                .cause(format!("blocks and expressions may stand {MAX_DEPTH} deep in one another"))
                .mend("give the inner part a name: make it a flow of its own");
            return self.tell(error);
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Skips to the next line that begins, or should begin, something at the outermost level.
    fn skip_to_item(&mut self, failed: usize) {
        let mut open = 0usize;
        while self.kind() != TokenKind::End {
            if self.at > failed && self.token().first_of_line {
                // `menu {` is an inline menu, not an item.
                let next = self.tokens.get(self.at + 1).map(|t| t.kind);
                let inline = self.at_word("menu") && next == Some(TokenKind::LeftBrace);
                let is_item = ITEMS.contains(&self.word_here()) && !inline;
                if is_item || (open == 0 && self.kind() == TokenKind::Word) {
                    return;
                }
            }
            match self.kind() {
                TokenKind::LeftBrace => open += 1,
                TokenKind::RightBrace => open = open.saturating_sub(1),
                _ => {}
            }
            self.bump();
        }
    }

    /// Skips to the end of the instruction: `;`, the next line, or the block's `}`.
    fn skip_to_next_line(&mut self) {
        let mut open = 0usize;
        while self.kind() != TokenKind::End {
            match self.kind() {
                TokenKind::LeftBrace => open += 1,
                TokenKind::RightBrace if open == 0 => return,
                TokenKind::RightBrace => open -= 1,
                TokenKind::Semicolon if open == 0 => return,
                _ => {}
            }
            self.bump();
            if open == 0 && self.token().first_of_line {
                return;
            }
        }
    }
}
