//! Text to tokens. Nothing is refused here: what can't be read becomes a diagnostic and is left
//! out, so that the parser always sees a whole file.

use std::time::Duration;

use super::ast::Span;
use super::diagnostic::Diagnostic;

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
    /// Whether it is the first of its line: instructions begin there.
    pub first_of_line: bool,
    /// The comment of `///` lines right before it, by its place in [`Lexed::docs`].
    pub doc: Option<u32>,
}

/// What a text consists of.
pub struct Lexed {
    /// The tokens, the last of them `End`.
    pub tokens: Vec<Token>,
    /// The doc comments, without their slashes.
    pub docs: Vec<String>,
}

/// The kinds of token. Words are all of one kind: which of them mean something is a question of
/// the place, so that `to` can be a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "punctuation is named after itself")]
pub enum TokenKind {
    Word,
    Text,
    Number(i64),
    Duration(Duration),
    Star,
    Hash,
    LeftBrace,
    RightBrace,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    Question,
    Comma,
    Colon,
    Semicolon,
    Dot,
    Arrow,
    Assign,
    Equal,
    Differs,
    Less,
    AtMost,
    More,
    AtLeast,
    Plus,
    Minus,
    End,
}

impl TokenKind {
    /// How errors name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Word => "a word",
            Self::Text => "a text",
            Self::Number(_) => "a number",
            Self::Duration(_) => "a duration",
            Self::Star => "`*`",
            Self::Hash => "`#`",
            Self::LeftBrace => "`{`",
            Self::RightBrace => "`}`",
            Self::LeftParen => "`(`",
            Self::RightParen => "`)`",
            Self::LeftBracket => "`[`",
            Self::RightBracket => "`]`",
            Self::Question => "`?`",
            Self::Comma => "`,`",
            Self::Colon => "`:`",
            Self::Semicolon => "`;`",
            Self::Dot => "`.`",
            Self::Arrow => "`->`",
            Self::Assign => "`=`",
            Self::Equal => "`==`",
            Self::Differs => "`!=`",
            Self::Less => "`<`",
            Self::AtMost => "`<=`",
            Self::More => "`>`",
            Self::AtLeast => "`>=`",
            Self::Plus => "`+`",
            Self::Minus => "`-`",
            Self::End => "the end of the file",
        }
    }
}

/// The tokens of `text`, the last of them `End`. `offset` is where `text` begins in its source.
pub fn lex(source: u32, text: &str, offset: u32, diagnostics: &mut Vec<Diagnostic>) -> Lexed {
    let mut lexer = Lexer {
        source,
        text,
        offset,
        at: 0,
        first_of_line: true,
        doc: None,
        out: Lexed { tokens: Vec::new(), docs: Vec::new() },
        diagnostics,
    };
    while lexer.next() {}
    let end = lexer.span(lexer.text.len());
    lexer.out.tokens.push(Token {
        kind: TokenKind::End,
        span: end,
        first_of_line: true,
        doc: None,
    });
    lexer.out
}

struct Lexer<'a> {
    source: u32,
    text: &'a str,
    offset: u32,
    at: usize,
    first_of_line: bool,
    /// The doc comment that waits for its item.
    doc: Option<String>,
    out: Lexed,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Lexer<'_> {
    fn next(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(c) = rest.chars().next() else { return false };
        let start = self.at;
        if c == '\n' {
            self.first_of_line = true;
            self.at += 1;
        } else if c.is_whitespace() || (start == 0 && c == '\u{feff}') {
            self.at += c.len_utf8();
        } else if rest.starts_with("//") {
            let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
            // A line of many slashes is a ruler, no documentation.
            if let Some(doc) = line.strip_prefix("///").filter(|doc| !doc.starts_with('/')) {
                let doc = doc.strip_prefix(' ').unwrap_or(doc).trim_end();
                match &mut self.doc {
                    Some(before) => {
                        before.push('\n');
                        before.push_str(doc);
                    }
                    None => self.doc = Some(doc.to_owned()),
                }
            }
            self.at += line.len();
        } else if c == '"' {
            self.text_token();
        } else if c.is_ascii_digit() {
            self.number();
        } else if c.is_alphabetic() || c == '_' {
            self.at += word_length(rest);
            self.push(TokenKind::Word, start);
        } else {
            self.punctuation(c);
        }
        true
    }

    fn span(&self, start: usize) -> Span {
        let place = |at: usize| self.offset.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        Span { source: self.source, start: place(start), end: place(self.at.max(start)) }
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let doc = self.doc.take().map(|doc| {
            self.out.docs.push(doc);
            u32::try_from(self.out.docs.len() - 1).unwrap_or(u32::MAX)
        });
        let token = Token { kind, span: self.span(start), first_of_line: self.first_of_line, doc };
        self.first_of_line = false;
        self.out.tokens.push(token);
    }

    fn text_token(&mut self) {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        for c in self.text[start + 1..].chars() {
            match c {
                '\n' => break,
                '"' if !escaped => {
                    self.at += 1;
                    self.push(TokenKind::Text, start);
                    return;
                }
                _ => escaped = c == '\\' && !escaped,
            }
            self.at += c.len_utf8();
        }
        let span = self.span(start);
        self.diagnostics.push(
            Diagnostic::error(2, span, "this text has no end")
                .label("begins here and does not end on this line")
                .mend("put a `\"` at its end; a long text may be two `say`, one after the other"),
        );
        // Taken as if it ended at the line's end, to find what else is wrong.
        self.push(TokenKind::Text, start);
    }

    fn number(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = word_length(&rest[digits..]);
        self.at += digits + unit;
        let (number, unit) = (&rest[..digits], &rest[digits..digits + unit]);
        let value = number.parse::<i64>().ok().filter(|n| *n <= 1_000_000_000);
        let millis_per_unit = match unit {
            "" => None,
            "ms" => Some(1),
            "s" => Some(1000),
            "m" | "min" => Some(60_000),
            "h" => Some(3_600_000),
            _ => {
                let span = self.span(start);
                self.diagnostics.push(
                    Diagnostic::error(4, span, format!("`{unit}` is no unit of time"))
                        .mend("a duration is written 500ms, 8s, 2m or 1h"),
                );
                Some(1000)
            }
        };
        let Some(value) = value else {
            let span = self.span(start);
            self.diagnostics.push(
                Diagnostic::error(4, span, "this number is too large")
                    .mend("numbers reach up to 1000000000; put digits to be dialled in quotes"),
            );
            self.push(TokenKind::Number(0), start);
            return;
        };
        let kind = match millis_per_unit {
            None => TokenKind::Number(value),
            Some(millis) => {
                let millis = u64::try_from(value).unwrap_or(0).saturating_mul(millis);
                TokenKind::Duration(Duration::from_millis(millis))
            }
        };
        self.push(kind, start);
    }

    fn punctuation(&mut self, c: char) {
        let start = self.at;
        let next = self.text[start..].chars().nth(1);
        let (kind, length) = match (c, next) {
            ('-', Some('>')) => (TokenKind::Arrow, 2),
            ('=', Some('=')) => (TokenKind::Equal, 2),
            ('!', Some('=')) => (TokenKind::Differs, 2),
            ('<', Some('=')) => (TokenKind::AtMost, 2),
            ('>', Some('=')) => (TokenKind::AtLeast, 2),
            ('*', _) => (TokenKind::Star, 1),
            ('#', _) => (TokenKind::Hash, 1),
            ('{', _) => (TokenKind::LeftBrace, 1),
            ('}', _) => (TokenKind::RightBrace, 1),
            ('(', _) => (TokenKind::LeftParen, 1),
            (')', _) => (TokenKind::RightParen, 1),
            ('[', _) => (TokenKind::LeftBracket, 1),
            (']', _) => (TokenKind::RightBracket, 1),
            ('?', _) => (TokenKind::Question, 1),
            (',', _) => (TokenKind::Comma, 1),
            (':', _) => (TokenKind::Colon, 1),
            (';', _) => (TokenKind::Semicolon, 1),
            ('.', _) => (TokenKind::Dot, 1),
            ('=', _) => (TokenKind::Assign, 1),
            ('<', _) => (TokenKind::Less, 1),
            ('>', _) => (TokenKind::More, 1),
            ('+', _) => (TokenKind::Plus, 1),
            ('-', _) => (TokenKind::Minus, 1),
            _ => {
                self.at += c.len_utf8();
                let span = self.span(start);
                let what = format!("`{}` means nothing in a dialplan", c.escape_default());
                self.diagnostics.push(Diagnostic::error(1, span, what).label("not understood"));
                return;
            }
        };
        self.at += length;
        self.push(kind, start);
    }
}

fn word_length(text: &str) -> usize {
    text.char_indices()
        .find(|(_, c)| !(c.is_alphanumeric() || *c == '_'))
        .map_or(text.len(), |(at, _)| at)
}
