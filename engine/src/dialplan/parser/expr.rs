//! Expressions and texts.

use super::super::ast::{Binary, Call, Expr, ExprKind, Name, Span, TextPart};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::{TokenKind, lex};
use super::{Parsed, Parser};

/// How many operators and fields one expression may have.
const MAX_OPERATORS: u32 = 32;
/// How long a text may be, in bytes. Who listens to 4000 letters listens for four minutes.
const MAX_TEXT: usize = 4000;

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(|p| p.binary(0))
    }

    /// Operators by how strongly they bind: `or`, `and`, comparisons, `+` and `-`.
    fn binary(&mut self, level: usize) -> Parsed<Expr> {
        if level == 4 {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        let mut count = 0;
        while let Some(operator) = self.operator(level) {
            count += 1;
            if count > MAX_OPERATORS {
                return self.too_long();
            }
            self.bump();
            let right = self.binary(level + 1)?;
            let span = left.span.to(right.span);
            left = Expr { kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)), span };
        }
        Ok(left)
    }

    fn operator(&self, level: usize) -> Option<Binary> {
        match (level, self.kind()) {
            (0, TokenKind::Word) if self.at_word("or") => Some(Binary::Or),
            (1, TokenKind::Word) if self.at_word("and") => Some(Binary::And),
            (2, TokenKind::Equal) => Some(Binary::Equal),
            (2, TokenKind::Differs) => Some(Binary::Differs),
            (2, TokenKind::Less) => Some(Binary::Less),
            (2, TokenKind::AtMost) => Some(Binary::AtMost),
            (2, TokenKind::More) => Some(Binary::More),
            (2, TokenKind::AtLeast) => Some(Binary::AtLeast),
            (3, TokenKind::Plus) => Some(Binary::Plus),
            (3, TokenKind::Minus) => Some(Binary::Minus),
            _ => None,
        }
    }

    fn too_long<T>(&mut self) -> Parsed<T> {
        let error = Diagnostic::error(5, self.span(), "this expression is too long")
            .mend("give a part of it a name first: `part = …`");
        self.tell(error)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        if self.at_word("not") {
            let start = self.span();
            self.bump();
            let inner = self.deeper(Self::unary)?;
            let span = start.to(inner.span);
            return Ok(Expr { kind: ExprKind::Not(Box::new(inner)), span });
        }
        self.postfix()
    }

    /// A value with its fields, binding strongest: what `send x to who` takes, where `or` and
    /// `and` mean something else.
    pub(super) fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        let mut count = 0;
        loop {
            count += 1;
            if count > MAX_OPERATORS {
                return self.too_long();
            }
            if self.eat(TokenKind::Dot) {
                let field = self.name("the name of a field")?;
                let span = expr.span.to(field.span);
                expr = Expr { kind: ExprKind::Field(Box::new(expr), field), span };
            } else if self.at_word("online") && !self.token().first_of_line {
                let span = expr.span.to(self.span());
                self.bump();
                expr = Expr { kind: ExprKind::Online(Box::new(expr)), span };
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let span = self.span();
        let kind = match self.kind() {
            TokenKind::Text => return self.text(),
            TokenKind::Number(_)
                if self.tokens.get(self.at + 1).is_some_and(|t| t.kind == TokenKind::Colon) =>
            {
                let minutes = self.clock("send message to bob at 8:00")?;
                let kind = ExprKind::Clock(minutes % 1440);
                return Ok(Expr { kind, span: span.to(self.previous()) });
            }
            TokenKind::Number(n) => ExprKind::Number(n),
            TokenKind::Duration(d) => ExprKind::Duration(d),
            TokenKind::Word if self.at_word("true") => ExprKind::Bool(true),
            TokenKind::Word if self.at_word("false") => ExprKind::Bool(false),
            TokenKind::Word => {
                let name = self.name("a name")?;
                if self.kind() == TokenKind::LeftParen {
                    let args = self.arguments()?;
                    let span = span.to(self.previous());
                    let call = Call { name, args, span };
                    return Ok(Expr { kind: ExprKind::Call(call), span });
                }
                return Ok(Expr { kind: ExprKind::Name(name.text), span });
            }
            TokenKind::LeftParen => {
                self.bump();
                let inner = self.expr()?;
                self.expect(TokenKind::RightParen, "(a or b)")?;
                return Ok(inner);
            }
            TokenKind::LeftBracket => {
                let items = self.list()?;
                return Ok(Expr { kind: ExprKind::List(items), span: span.to(self.previous()) });
            }
            _ => {
                let error = self.unexpected("a value");
                return self.tell(error);
            }
        };
        self.bump();
        Ok(Expr { kind, span })
    }

    /// `[a, b]`
    fn list(&mut self) -> Parsed<Vec<Expr>> {
        self.bump();
        let mut items = Vec::new();
        while self.kind() != TokenKind::RightBracket {
            if items.len() as u32 >= MAX_OPERATORS {
                return self.too_long();
            }
            items.push(self.expr()?);
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::RightBracket, "[alice, bob]")?;
        Ok(items)
    }

    /// A sum, without comparisons, `and` and `or`: where those words mean something else.
    pub(super) fn sum(&mut self) -> Parsed<Expr> {
        self.deeper(|p| p.binary(3))
    }

    /// What stands between the quotes, as it is written.
    pub(super) fn raw_text(&mut self) -> Parsed<String> {
        if self.kind() != TokenKind::Text {
            let error = self.unexpected("a text in quotes");
            return self.tell(error);
        }
        let written = self.text_of(self.span());
        self.bump();
        Ok(unquoted(written).to_owned())
    }

    pub(super) fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(TokenKind::LeftParen, "deposit(to)")?;
        let mut args = Vec::new();
        while self.kind() != TokenKind::RightParen {
            args.push(self.expr()?);
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::RightParen, "deposit(to)")?;
        Ok(args)
    }

    /// A text with no values in it.
    pub(super) fn plain_text(&mut self) -> Parsed<String> {
        let span = self.span();
        if self.kind() != TokenKind::Text {
            let error = self.unexpected("a text in quotes");
            return self.tell(error);
        }
        let text = self.text()?;
        match text.kind {
            ExprKind::Text(parts) => match parts.as_slice() {
                [] => Ok(String::new()),
                [TextPart::Literal(literal)] => Ok(literal.clone()),
                _ => self.tell(
                    Diagnostic::error(15, span, "no value can be put into this text")
                        .mend("write it out, or escape the brace: `\\{`"),
                ),
            },
            _ => Ok(String::new()),
        }
    }

    pub(super) fn text(&mut self) -> Parsed<Expr> {
        let span = self.span();
        let written = self.text_of(span);
        self.bump();
        if written.len() > MAX_TEXT {
            let error = Diagnostic::error(5, span, "this text is too long")
                .cause(format!("a text may be {MAX_TEXT} bytes long"))
                .mend("make two of it: two `say`, one after the other");
            return self.tell(error);
        }
        let parts = self.text_parts(unquoted(written), span.start + 1, span.source);
        Ok(Expr { kind: ExprKind::Text(parts), span })
    }

    fn text_parts(&mut self, inside: &str, offset: u32, source: u32) -> Vec<TextPart> {
        let place = |from: usize, to: usize| Span {
            source,
            start: offset + u32::try_from(from).unwrap_or(0),
            end: offset + u32::try_from(to).unwrap_or(0),
        };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(c) = inside[at..].chars().next() {
            let start = at;
            at += c.len_utf8();
            match c {
                '\\' => {
                    let next = inside[at..].chars().next();
                    at += next.map_or(0, char::len_utf8);
                    match next {
                        Some(c @ ('"' | '\\' | '{' | '}')) => literal.push(c),
                        Some('n') => literal.push('\n'),
                        _ => self.diagnostics.push(
                            Diagnostic::error(3, place(start, at), "nothing is written like this")
                                .mend("after `\\` stands one of `\"` `\\` `{` `}` `n`"),
                        ),
                    }
                }
                '{' => {
                    let Some(length) = closing(&inside[at..]) else {
                        self.diagnostics.push(
                            Diagnostic::error(15, place(start, at), "this `{` has no `}`")
                                .label("a value begins here")
                                .mend("close it, or write `\\{` for the brace itself"),
                        );
                        literal.push('{');
                        continue;
                    };
                    if !literal.is_empty() {
                        parts.push(TextPart::Literal(std::mem::take(&mut literal)));
                    }
                    let start = offset + u32::try_from(at).unwrap_or(0);
                    // What could not be read was something to say.
                    let part = self.placeholder(&inside[at..at + length], start, source);
                    parts.push(part.unwrap_or_else(|_| TextPart::Literal("?".into())));
                    at += length + 1;
                }
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(TextPart::Literal(literal));
        }
        parts
    }

    /// `value` or `count: message | messages`.
    fn placeholder(&mut self, inside: &str, offset: u32, source: u32) -> Parsed<TextPart> {
        let (value, forms) = match inside.find(':') {
            Some(at) => (&inside[..at], Some(at + 1)),
            None => (inside, None),
        };
        let tokens = lex(source, value, offset, self.diagnostics).tokens;
        let mut inner = Parser {
            text: value,
            offset,
            tokens,
            docs: Vec::new(),
            at: 0,
            depth: self.depth,
            diagnostics: self.diagnostics,
        };
        let value = inner.expr()?;
        if inner.kind() != TokenKind::End {
            let error = inner
                .unexpected("`}`")
                .mend("a value is written `{to.name}`, a plural `{n: message | messages}`");
            return inner.tell(error);
        }
        Ok(match forms {
            None => TextPart::Value(value),
            Some(from) => {
                let forms = self.deeper(|p| Ok(p.forms(&inside[from..], offset, from, source)))?;
                TextPart::Plural(value, forms)
            }
        })
    }

    /// The forms between `|`, each a text of its own.
    fn forms(&mut self, inside: &str, offset: u32, from: usize, source: u32) -> Vec<Vec<TextPart>> {
        let mut forms = Vec::new();
        let mut begin = 0;
        for end in bars(inside) {
            let form = &inside[begin..end];
            let blank = form.len() - form.trim_start().len();
            let at = offset + u32::try_from(from + begin + blank).unwrap_or(0);
            forms.push(self.text_parts(form.trim(), at, source));
            begin = end + 1;
        }
        forms
    }

    /// A name that must be a variable of this place: `discard message`.
    pub(super) fn variable(&mut self) -> Parsed<Name> {
        self.name("the name of a recording")
    }
}

/// Where the `}` stands that closes what is open at the beginning of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0;
    outside_of_escapes(text).find_map(|(at, c)| match c {
        '{' => {
            open += 1;
            None
        }
        '}' if open == 0 => Some(at),
        '}' => {
            open -= 1;
            None
        }
        _ => None,
    })
}

/// Where the forms of a plural end: at each `|` that stands in no braces, and at the end.
fn bars(text: &str) -> Vec<usize> {
    let mut open = 0;
    let mut ends = Vec::new();
    for (at, c) in outside_of_escapes(text) {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            '|' if open == 0 => ends.push(at),
            _ => {}
        }
    }
    ends.push(text.len());
    ends
}

/// The characters that no `\` stands before.
fn outside_of_escapes(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut escaped = false;
    text.char_indices().filter(move |(_, c)| {
        let plain = !escaped && *c != '\\';
        escaped = *c == '\\' && !escaped;
        plain
    })
}

/// What stands between the quotes of a text.
fn unquoted(written: &str) -> &str {
    let inside = written.strip_prefix('"').unwrap_or(written);
    inside.strip_suffix('"').unwrap_or(inside)
}
