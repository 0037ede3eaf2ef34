//! Where a name is defined, and where it is used.

use super::super::ast::Span;
use super::super::lexer::TokenKind;
use super::Analysis;
use super::place::Within;

impl Analysis {
    /// Where what is named at a place is defined; for an import, the beginning of its file.
    pub fn definition(&self, source: u32, offset: u32) -> Option<Span> {
        let offset = self.boundary(source, offset);
        let mut imports = self.index.imports.iter();
        if let Some((_, file)) = imports.find(|(span, _)| touches(*span, source, offset)) {
            return Some(Span { source: *file, start: 0, end: 0 });
        }
        let (at, _) = self.named_at(source, offset)?;
        Some(self.index.definitions[at].span)
    }

    /// Everything that refers to what is named at a place, in the order of the sources.
    pub fn references(&self, source: u32, offset: u32, with_definition: bool) -> Vec<Span> {
        let offset = self.boundary(source, offset);
        let Some((at, _)) = self.named_at(source, offset) else { return Vec::new() };
        let uses = self.index.uses.iter().filter(|used| used.of == at).map(|used| used.span);
        let definition = with_definition.then(|| self.index.definitions[at].span);
        let mut all: Vec<Span> = uses.chain(definition).collect();
        all.sort_by_key(|span| (span.source, span.start));
        all.dedup();
        all
    }

    /// What is named at a place, and the word that names it.
    pub(super) fn named_at(&self, source: u32, offset: u32) -> Option<(usize, Span)> {
        let mut uses = self.index.uses.iter();
        if let Some(used) = uses.find(|used| touches(used.span, source, offset)) {
            return Some((used.of, used.span));
        }
        let mut definitions = self.index.definitions.iter().enumerate();
        if let Some((at, found)) = definitions.find(|(_, d)| touches(d.span, source, offset)) {
            return Some((at, found.span));
        }
        self.guess(source, offset)
    }

    /// What a word of an instruction that can't be read yet will mean.
    fn guess(&self, source: u32, offset: u32) -> Option<(usize, Span)> {
        if self.readable.get(source as usize).copied().unwrap_or(true)
            || self.in_test_at(source, offset)
        {
            return None;
        }
        let place = self.place(source, offset)?;
        match place.within {
            Within::Text | Within::Comment => return None,
            Within::Code | Within::Placeholder => {}
        }
        let word = place.text_of(place.word);
        if word.is_empty() || place.kind_back(0) == Some(TokenKind::Dot) {
            return None;
        }
        let at = Span { source, start: offset, end: offset };
        let found = self
            .definition_at(word, at)
            .or_else(|| self.index.flows.get(word).copied())
            .or_else(|| self.index.allows.get(word).copied())?;
        Some((found, place.word))
    }

    fn in_test_at(&self, source: u32, offset: u32) -> bool {
        self.in_test(Span { source, start: offset, end: offset })
    }
}

/// Whether a cursor at `offset` stands in, before or behind a word.
pub(super) fn touches(span: Span, source: u32, offset: u32) -> bool {
    span.source == source && span.start <= offset && offset <= span.end
}
