//! Giving something another name, wherever it is named: in other files, in the texts that speak
//! it, and in the translations of those texts.

use std::collections::BTreeMap;

use super::super::STARTED_BY_HARK;
use super::super::ast::{Span, TranslationEntry};
use super::super::parser::{QUERIES, RESERVED};
use super::super::resolver::names::BUILT_IN;
use super::super::value::Type;
use super::index::{Definition, What};
use super::{Analysis, Edit};

/// Why something can't be given another name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// Nothing that an author named stands there.
    #[error("there is no name here that could be another")]
    NoName,
    /// Hark calls it by this name.
    #[error("Hark itself starts `{0}`, by this name")]
    StartedByHark(String),
    /// It ships with Hark.
    #[error("`{0}` ships with Hark, and can't be changed here")]
    Shipped(String),
    /// Not all names can be read.
    #[error("{0} can't be read whole: mend what is wrong there first")]
    Unreadable(String),
    /// What was asked for is no name.
    #[error(
        "`{0}` is no name: a name is made of letters, digits and `_`, and begins with no digit"
    )]
    NotAName(String),
    /// What was asked for is a word of the language.
    #[error("`{0}` is a word of the language")]
    Reserved(String),
    /// Something else is called so already.
    #[error("something else is called `{0}` already")]
    Taken(String),
}

impl Analysis {
    /// The word at a place, if what it names can be given another name.
    ///
    /// # Errors
    /// When it can't.
    pub fn can_rename(&self, source: u32, offset: u32) -> Result<Span, RenameError> {
        self.renamed(source, offset).map(|(_, span)| span)
    }

    /// What changes where something is given another name.
    ///
    /// # Errors
    /// When it can't be, or not this one.
    pub fn rename(&self, source: u32, offset: u32, to: &str) -> Result<Vec<Edit>, RenameError> {
        let (at, _) = self.renamed(source, offset)?;
        self.may_be_called(at, to)?;
        let mut edits = BTreeMap::new();
        let mut replace = |span: Span| {
            edits.insert((span.source, span.start, span.end), to.to_owned());
        };
        replace(self.index.definitions[at].span);
        for used in &self.index.uses {
            if used.of == at && !used.translated {
                replace(used.span);
            }
        }
        for file in &self.files {
            for entry in file.translations.iter().flat_map(|t| &t.entries) {
                self.translation(at, to, entry, &mut edits);
            }
        }
        if let Some(((source, ..), _)) =
            edits.iter().find(|((source, ..), _)| self.is_shipped(*source))
        {
            return Err(self.shipped(*source));
        }
        let edits = edits.into_iter();
        Ok(edits
            .map(|((source, start, end), text)| Edit { span: Span { source, start, end }, text })
            .collect())
    }

    fn renamed(&self, source: u32, offset: u32) -> Result<(usize, Span), RenameError> {
        let offset = self.boundary(source, offset);
        // What is not read whole may use the name where nobody sees it.
        for (number, readable) in (0u32..).zip(&self.readable) {
            if !readable && !self.is_shipped(number) {
                return Err(RenameError::Unreadable(self.source_name(number)));
            }
        }
        let (at, span) = self.named_at(source, offset).ok_or(RenameError::NoName)?;
        let definition = &self.index.definitions[at];
        let is_flow = matches!(definition.what, What::Flow { .. });
        if is_flow && STARTED_BY_HARK.contains(&definition.name.as_str()) {
            return Err(RenameError::StartedByHark(definition.name.clone()));
        }
        if self.is_shipped(definition.span.source) {
            return Err(self.shipped(definition.span.source));
        }
        Ok((at, span))
    }

    fn shipped(&self, source: u32) -> RenameError {
        RenameError::Shipped(self.source_name(source))
    }

    fn source_name(&self, source: u32) -> String {
        self.sources.get(source as usize).map_or(String::new(), |s| s.name.clone())
    }

    fn may_be_called(&self, at: usize, to: &str) -> Result<(), RenameError> {
        let plain = |c: char| c.is_alphanumeric() || c == '_';
        let begins = to.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        if !begins || !to.chars().all(plain) || to.len() > 64 {
            return Err(RenameError::NotAName(to.chars().take(64).collect()));
        }
        let definition = &self.index.definitions[at];
        let reserved = match definition.what {
            What::Json(_) => Type::NAMED.iter().any(|(name, _)| *name == to),
            // Only behind a dot, where no other word stands.
            What::JsonField(_) => false,
            What::Flow { .. }
            | What::Constant
            | What::Hours
            | What::Holidays
            | What::Allow
            | What::Param
            | What::Local => {
                RESERVED.contains(&to) || BUILT_IN.contains(&to) || QUERIES.contains(&to)
            }
        };
        if reserved {
            return Err(RenameError::Reserved(to.to_owned()));
        }
        let mut others = self.index.definitions.iter().enumerate();
        if others.any(|(place, other)| place != at && other.name == to && clash(definition, other))
        {
            return Err(RenameError::Taken(to.to_owned()));
        }
        Ok(())
    }

    /// What a translation, which is found by its prompt's text, becomes where the name stands in
    /// that text. Where others say the same text of something else, they keep their translation.
    fn translation(
        &self,
        at: usize,
        to: &str,
        entry: &TranslationEntry,
        edits: &mut BTreeMap<(u32, u32, u32), String>,
    ) {
        let prompts = self.index.prompts.iter().filter(|p| p.raw == entry.original.text);
        let (mut renamed, mut kept) = (None, false);
        for prompt in prompts {
            let uses = &self.index.uses[prompt.uses.clone()];
            if uses.iter().any(|used| used.of == at) {
                renamed = renamed.or(Some((prompt, uses)));
            } else {
                kept = true;
            }
        }
        let Some((prompt, uses)) = renamed else { return };
        let (key, value) = (entry.original.span, entry.text.span);
        let moved = |span: Span| {
            let start = key.start + (span.start - prompt.span.start);
            Span { source: key.source, start, end: start + (span.end - span.start) }
        };
        let in_key = uses.iter().filter(|used| used.of == at).map(|used| moved(used.span));
        let name = &self.index.definitions[at].name;
        let in_value = self.index.uses.iter().filter(|used| {
            let inside = used.span.source == value.source
                && value.start <= used.span.start
                && used.span.end <= value.end;
            inside && used.translated && self.slice(used.span) == name
        });
        let spans = in_key.chain(in_value.map(|used| used.span));
        if !kept {
            for span in spans {
                edits.insert((span.source, span.start, span.end), to.to_owned());
            }
            return;
        }
        let whole = key.to(value);
        let mut text = self.slice(whole).to_owned();
        let mut places: Vec<Span> = spans.collect();
        places.sort_by_key(|span| std::cmp::Reverse(span.start));
        for span in places {
            let (start, end) = (span.start - whole.start, span.end - whole.start);
            text.replace_range(start as usize..end as usize, to);
        }
        let indent = self.indent(whole);
        edits.insert((whole.source, whole.end, whole.end), format!("\n{indent}{text}"));
    }

    /// The blanks before what stands at a place.
    pub(super) fn indent(&self, at: Span) -> &str {
        let before = self.slice(Span { start: 0, end: at.start, ..at });
        let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
        &line[..line.len() - line.trim_start().len()]
    }
}

/// Whether two of the same name would be mistaken for one another.
fn clash(one: &Definition, other: &Definition) -> bool {
    let is_value = |what| matches!(what, What::Constant | What::Hours | What::Param | What::Local);
    let is_local = |what| matches!(what, What::Param | What::Local);
    match (one.what, other.what) {
        (one_what, other_what) if is_local(one_what) && is_local(other_what) => {
            one.visible.source == other.visible.source
                && one.span.start.min(one.visible.start) < other.visible.end
                && other.span.start.min(other.visible.start) < one.visible.end
        }
        (one, other) if is_value(one) && is_value(other) => true,
        (What::Flow { .. }, What::Flow { .. })
        | (What::Holidays, What::Holidays)
        | (What::Allow, What::Allow)
        | (What::Json(_), What::Json(_)) => true,
        (What::JsonField(one), What::JsonField(other)) => one == other,
        _ => false,
    }
}
