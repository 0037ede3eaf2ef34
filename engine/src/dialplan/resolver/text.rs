//! Texts: values in them, plural forms, and how each language says them.

use std::sync::Arc;

use super::super::ast::{self, Span};
use super::super::diagnostic::Diagnostic;
use super::super::program::{Expr, Part};
use super::super::speech::Language;
use super::super::value::{Field, Type, Value};
use super::Resolver;

impl Resolver<'_> {
    /// A text, in every language if it is spoken.
    pub(super) fn text(&mut self, parts: &[ast::TextPart], span: Span) -> Expr {
        if !self.spoken || !has_words(parts) {
            return self.text_in(self.written_in(span.source), parts);
        }
        let (text, missing) = self.in_every_language(parts, span);
        for language in missing {
            self.missing(language, span);
        }
        text
    }

    /// A constant's text, and whether every language has it.
    pub(super) fn constant_text(&mut self, text: &ast::Expr) -> (Expr, bool) {
        let ast::ExprKind::Text(parts) = &text.kind else {
            return (Expr::Const(Value::from("")), true);
        };
        if !has_words(parts) {
            return (self.text_in(self.written_in(text.span.source), parts), true);
        }
        let (said, missing) = self.in_every_language(parts, text.span);
        (said, missing.is_empty())
    }

    /// A text in each of the dialplan's languages, as it is written where there is no
    /// translation, and the languages that have none.
    fn in_every_language(&mut self, parts: &[ast::TextPart], span: Span) -> (Expr, Vec<Language>) {
        let written = self.written_in(span.source);
        let original = self.text_in(written, parts);
        if self.languages == [written] {
            return (original, Vec::new());
        }
        let (mut all, mut missing) = (Vec::new(), Vec::new());
        for language in self.languages.clone() {
            if language == written {
                all.push(original.clone());
            } else if let Some(ast::ExprKind::Text(parts)) = self.translation(language, span) {
                all.push(self.text_in(language, &parts));
            } else {
                missing.push(language);
                all.push(original.clone());
            }
        }
        (Expr::Localized(all.into()), missing)
    }

    fn translation(&mut self, language: Language, span: Span) -> Option<ast::ExprKind> {
        let key = (language, self.slice(span).trim_matches('"').to_owned());
        let text = self.translations.get(&key)?.text.kind.clone();
        self.translated.insert(key);
        Some(text)
    }

    pub(super) fn missing(&mut self, language: Language, span: Span) {
        let text = self.slice(span);
        let tag = language.tag();
        let error =
            Diagnostic::error(111, span, format!("{} has no words for this", language.name()))
                .label(format!("not in `{tag}`"))
                .cause("who speaks that language would hear another one")
                .mend(format!("language {tag} {{ {text} = \"…\" }}"));
        self.tell(error);
    }

    /// What is written in a place.
    pub(super) fn slice(&self, span: Span) -> &str {
        let source = self.sources.get(span.source as usize);
        source.and_then(|s| s.text.get(span.start as usize..span.end as usize)).unwrap_or("")
    }

    fn text_in(&mut self, language: Language, parts: &[ast::TextPart]) -> Expr {
        let outer = std::mem::replace(&mut self.language, language);
        let parts: Vec<Part> = parts.iter().map(|part| self.part(part)).collect();
        self.language = outer;
        match parts.as_slice() {
            [Part::Literal(text)] => Expr::Const(Value::Text(Arc::clone(text))),
            [] => Expr::Const(Value::from("")),
            _ => Expr::Text(parts.into()),
        }
    }

    fn part(&mut self, part: &ast::TextPart) -> Part {
        match part {
            ast::TextPart::Literal(text) => Part::Literal(text.as_str().into()),
            ast::TextPart::Value(value) => {
                let (resolved, kind) = self.expr(value);
                self.must_be_spoken(kind, value.span);
                match resolved {
                    Expr::Field(_, Field::MessageAge) => Part::Age(resolved),
                    resolved => Part::Value(resolved),
                }
            }
            ast::TextPart::Plural(count, forms) => self.plural(count, forms),
        }
    }

    pub(super) fn must_be_spoken(&mut self, kind: Type, span: Span) {
        let mend = match kind {
            Type::Text
            | Type::Number
            | Type::Digits
            | Type::Dialable
            | Type::Bool
            | Type::Duration
            | Type::Time
            | Type::Presence
            | Type::Unknown => return,
            Type::User | Type::Contact | Type::Caller | Type::Site | Type::Device => {
                "say its `name`"
            }
            Type::Maybe(_) => "give it a name first: if … as found { say \"{found}\" }",
            Type::List(_) => "say its `count`, or go through it: `for each`",
            Type::Message | Type::Recording => "`play` it, or say its `length`",
            Type::Greeting(_) | Type::SpokenName => "`play` it",
            Type::Hours => "say whether it is `open`",
            Type::Document(_) => "say one of its fields",
        };
        self.tell(Diagnostic::error(204, span, format!("{kind} can't be spoken")).mend(mend));
    }

    fn plural(&mut self, count: &ast::Expr, forms: &[String]) -> Part {
        let resolved = self.expr_of(count, Type::Number);
        let wanted = self.language.plural_form_names();
        if forms.len() == wanted.len() && forms.iter().all(|f| !f.is_empty()) {
            return Part::Plural(resolved, forms.iter().map(|f| f.as_str().into()).collect());
        }
        let name = self.language.name();
        self.tell(
            Diagnostic::error(
                206,
                count.span,
                format!("{name} has {} forms of a counted word", wanted.len()),
            )
            .label(format!("{} given", forms.len()))
            .mend(format!(
                "between `|`, the forms for {}: {{n: message | messages}}",
                wanted.join(", ")
            )),
        );
        Part::Plural(resolved, wanted.iter().map(|_| "".into()).collect())
    }
}

/// Whether a text holds words, which each language says in its own way.
fn has_words(parts: &[ast::TextPart]) -> bool {
    parts.iter().any(|part| match part {
        ast::TextPart::Literal(text) => text.chars().any(char::is_alphabetic),
        ast::TextPart::Plural(..) => true,
        ast::TextPart::Value(_) => false,
    })
}
