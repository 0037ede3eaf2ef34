//! What a word means: the type of a name, what its author says of it, and what the compiler says.

use super::super::ast::Span;
use super::super::explain::Code;
use super::super::lexer::TokenKind;
use super::super::value::{FIELDS, Type};
use super::index::{Definition, What};
use super::infer::{built_in, list_fields};
use super::place::{Place, Within};
use super::words::meanings;
use super::{Analysis, navigate::touches};

/// What is shown where the pointer rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The word that it is about.
    pub span: Span,
    /// Markdown.
    pub text: String,
}

impl Analysis {
    /// What the word at a place means, if it means something.
    pub fn hover(&self, source: u32, offset: u32) -> Option<Hover> {
        let offset = self.boundary(source, offset);
        let mut parts = Vec::new();
        let mut span = None;
        if let Some((at, text)) = self.meaning(source, offset) {
            span = Some(at);
            parts.push(text);
        }
        for diagnostic in self.diagnostics().iter() {
            if touches(diagnostic.span, source, offset)
                && let Some(code) = Code::of(diagnostic.code)
            {
                span = span.or(Some(diagnostic.span));
                parts.push(format!(
                    "**{}**: {}\n\n{}\n\n`hark explain {}` shows examples.",
                    code.name(),
                    code.title,
                    code.summary(),
                    code.name()
                ));
            }
        }
        Some(Hover { span: span?, text: parts.join("\n\n---\n\n") })
    }

    fn meaning(&self, source: u32, offset: u32) -> Option<(Span, String)> {
        if let Some((at, span)) = self.named_at(source, offset) {
            return Some((span, self.about(&self.index.definitions[at])));
        }
        let mut fields = self.index.fields.iter();
        if let Some((span, owner, name)) = fields.find(|(s, ..)| touches(*s, source, offset)) {
            return Some((*span, self.about_field(*owner, name)?));
        }
        let place = self.place(source, offset)?;
        match place.within {
            Within::Text | Within::Comment => return None,
            Within::Code | Within::Placeholder => {}
        }
        let word = place.text_of(place.word).to_owned();
        if word.is_empty() {
            return None;
        }
        if place.kind_back(0) == Some(TokenKind::Dot) {
            let owner = self.owner(&place, offset);
            return Some((place.word, self.about_field(owner, &word)?));
        }
        self.about_word(&place, &word).map(|text| (place.word, text))
    }

    /// A word that the language gives its meaning.
    fn about_word(&self, place: &Place<'_>, word: &str) -> Option<String> {
        let in_test = self.in_test(place.word);
        if in_test && super::offer::USERS.contains(&word) {
            return Some(format!("{}\n\nA user of every test.", code(&format!("{word}: User"))));
        }
        let found = meanings(word, in_test);
        let all: Vec<String> =
            found.iter().map(|w| format!("{}\n\n{}", code(w.form), w.help)).collect();
        if !all.is_empty() {
            return Some(all.join("\n\n"));
        }
        built_in(word).map(|kind| code(&format!("{word}: {}", self.type_text(kind))))
    }

    /// Whether a place stands in a test.
    pub(super) fn in_test(&self, at: Span) -> bool {
        let file = self.files.get(at.source as usize);
        let mut tests = file.into_iter().flat_map(|file| &file.tests);
        tests.any(|test| test.span.end <= at.start && at.end <= test.whole.end)
    }

    fn about(&self, definition: &Definition) -> String {
        let Definition { name, kind, doc, signature, .. } = definition;
        let mut text = match definition.what {
            What::Param | What::Local => code(&format!("{name}: {}", self.type_text(*kind))),
            What::JsonField(place) => {
                let owner = self.index.documents.get(usize::from(place));
                let owner = owner.map_or("json", String::as_str);
                format!("{}\n\nA field of `{owner}`.", code(signature))
            }
            What::Flow { .. } | What::Holidays | What::Allow | What::Json(_) | What::Hours => {
                code(signature)
            }
            What::Constant => format!("{}\n\n{}", code(signature), self.type_text(*kind)),
        };
        if let Some(doc) = doc {
            text.push_str("\n\n");
            text.push_str(doc);
        }
        text
    }

    fn about_field(&self, owner: Type, name: &str) -> Option<String> {
        let (kind, help) = match owner {
            Type::List(item) => list_fields(item)
                .into_iter()
                .find(|(known, ..)| *known == name)
                .map(|(_, kind, help)| (kind, help))?,
            Type::Document(place) => {
                let mut fields = self.index.document_fields(place);
                let (_, field) = fields.find(|(_, field)| field.name == name)?;
                return Some(self.about(field));
            }
            owner => FIELDS
                .iter()
                .find(|(of, known, ..)| *of == owner && *known == name)
                .map(|(_, _, _, kind, help)| (*kind, *help))?,
        };
        let owner = self.type_text(owner);
        Some(format!(
            "{}\n\nOf {owner}: {help}.",
            code(&format!("{name}: {}", self.type_text(kind)))
        ))
    }

    /// A type as an author writes it.
    pub(super) fn type_text(&self, kind: Type) -> String {
        kind.written(&self.index.documents)
    }
}

fn code(text: &str) -> String {
    format!("```dial\n{text}\n```")
}
