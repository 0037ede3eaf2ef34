//! Tokens to syntax tree. A wrong instruction is told and left out, and reading goes on with the
//! next line, so that one run tells of many errors. Nesting is bounded: no input can exhaust the
//! stack.

mod act;
mod branch;
mod expr;
mod item;
mod lenient;
mod menu;
mod stmt;
mod test;

pub use act::GREETINGS;
pub use item::DAYS;
pub use lenient::parse_leniently;
pub use stmt::{CAUSES, QUERIES, RESERVED, is_query};
#[cfg(test)]
pub use test::STEPS;
pub use test::{PRESETS, THINGS};

use super::Source;
use super::ast::{Block, Call, File, Flow, Name, Param, Span, Stmt, TypeName};
use super::diagnostic::Diagnostic;
use super::lexer::{Lexed, Token, TokenKind, lex};
use super::pattern::Pattern;

/// How deep blocks and expressions may stand in one another.
const MAX_DEPTH: u32 = 48;
/// How long a source may be, in bytes.
const MAX_SOURCE: usize = 1 << 20;
/// The words that may begin something at the outermost level.
pub const ITEMS: [&str; 14] = [
    "import",
    "languages",
    "language",
    "timezone",
    "holidays",
    "hours",
    "allow",
    "json",
    "constant",
    "route",
    "otherwise",
    "flow",
    "menu",
    "test",
];

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
    let lexed: Lexed = lex(number, &source.text, 0, diagnostics);
    let mut parser = Parser {
        text: &source.text,
        offset: 0,
        tokens: lexed.tokens,
        docs: lexed.docs,
        at: 0,
        depth: 0,
        diagnostics,
    };
    let mut file = File::default();
    parser.items(&mut file);
    file
}

struct Parser<'a> {
    text: &'a str,
    /// Where `text` begins in its source.
    offset: u32,
    tokens: Vec<Token>,
    docs: Vec<String>,
    at: usize,
    depth: u32,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn items(&mut self, file: &mut File) {
        while self.kind() != TokenKind::End {
            let before = self.at;
            if self.item(file).is_err() {
                self.skip_to_item(before);
            }
            if self.at == before {
                self.bump();
            }
        }
    }

    /// A number as other countries write it; its `+` is on no key, and does not count.
    fn pattern_without_plus(&mut self, example: &str) -> Parsed<Pattern> {
        let span = self.span();
        let written = self.text_of(span);
        match written.strip_prefix("\"+").map(|rest| rest.trim_end_matches('"')) {
            Some(rest) if self.kind() == TokenKind::Text => {
                self.bump();
                self.read_pattern(rest, span)
            }
            _ => self.pattern(example),
        }
    }

    fn pattern(&mut self, example: &str) -> Parsed<Pattern> {
        let span = self.span();
        if self.kind() != TokenKind::Text {
            let error =
                self.unexpected("a number in quotes").mend(format!("for example: {example}"));
            return self.tell(error);
        }
        let text = self.raw_text()?;
        self.read_pattern(&text, span)
    }

    fn read_pattern(&mut self, text: &str, span: Span) -> Parsed<Pattern> {
        match Pattern::parse(text) {
            Ok(pattern) => Ok(pattern),
            Err(why) => self.tell(
                Diagnostic::error(14, span, format!("this is no number pattern: {why}")).mend(
                    "a pattern is made of 0-9 * # A-D, `x` for any digit, `[2-5]` for some, `x+` or `x{4,10}` at its end, and `(…)` around what is wanted of it",
                ),
            ),
        }
    }

    fn flow(&mut self) -> Parsed<Flow> {
        let start = self.span();
        let doc = self.doc();
        let is_menu = self.word_here() == "menu";
        self.bump();
        let name = self.name("a name")?;
        let mut params = Vec::new();
        if self.eat(TokenKind::LeftParen) {
            params = self.params(TokenKind::RightParen, "flow deposit(to: User)")?;
        }
        let mut result = None;
        if self.eat(TokenKind::Arrow) {
            result = Some(self.type_name()?);
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
        Ok(Flow { doc, name, params, result, body })
    }

    /// `name: Type` between commas, up to the closing mark, which is eaten.
    fn params(&mut self, close: TokenKind, example: &str) -> Parsed<Vec<Param>> {
        let mut params = Vec::new();
        while self.kind() != close {
            let name = self.name("a name")?;
            self.expect(TokenKind::Colon, example)?;
            let kind = self.type_name()?;
            params.push(Param { name, kind });
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(close, example)?;
        Ok(params)
    }

    /// `User`, `[User]`, `User?`
    fn type_name(&mut self) -> Parsed<TypeName> {
        let list = self.eat(TokenKind::LeftBracket);
        let name = self.name("a type, such as `User`")?;
        if list {
            self.expect(TokenKind::RightBracket, "to: [User]")?;
        }
        let maybe = !list && self.eat(TokenKind::Question);
        Ok(TypeName { name, list, maybe })
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

    /// The doc comment before the token at hand.
    fn doc(&self) -> Option<String> {
        self.token().doc.and_then(|doc| self.docs.get(doc as usize).cloned())
    }

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
