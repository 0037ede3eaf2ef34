//! What an editor asks about a dialplan while it is being written: what a name means, where it is
//! defined and used, what may stand here, and how to rename it.
//!
//! Everything is answered from the syntax trees, which the parser reads as far as they go, so
//! that a file with mistakes in it can be asked too.
//!
//! | file | what it knows |
//! |---|---|
//! | `index`, `walk`, `infer` | definitions, what refers to them, types of expressions |
//! | `words` | what each word of the language means |
//! | `place` | what stands at, and before, the cursor |
//! | `hover`, `navigate`, `outline` | answers about what is there |
//! | `around`, `complete`, `offer` | in what the cursor stands, and what may be written there |
//! | `rename`, `mend` | changes |
//!
//! ```text
//! sources ─parser─► ast::File ─walk─► Index ◄── hover, definition, references, rename, …
//! ```

mod around;
mod complete;
mod hover;
mod index;
mod infer;
mod mend;
mod navigate;
mod offer;
mod outline;
mod place;
mod rename;
#[cfg(test)]
mod tests;
mod walk;
mod words;

use std::cell::OnceCell;

pub use complete::{Completion, CompletionKind, MOST_COMPLETIONS};
pub use hover::Hover;
pub use mend::Mend;
pub use outline::{Outline, OutlineKind};
pub use rename::RenameError;

use super::ast::{File, Span};
use super::parser::parse_leniently;
use super::{Diagnostics, Options, Source, check};
use index::Index;

/// A change of a source: what stands at `span` becomes `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

/// The sources of one dialplan, as they are at one moment, understood as far as they can be.
/// Places are bytes of a source, named by its place in the list; those that are out of range or
/// within a character are moved to the nearest character before.
pub struct Analysis {
    sources: Vec<Source>,
    files: Vec<File>,
    /// Whether each could be read whole.
    readable: Vec<bool>,
    index: Index,
    options: Options,
    diagnostics: OnceCell<Diagnostics>,
}

impl Analysis {
    /// Reads the sources, which together are one dialplan: whoever gives them has followed the
    /// imports ([`super::follow`]).
    pub fn new(sources: Vec<Source>, options: Options) -> Self {
        let mut readable = Vec::new();
        let files: Vec<File> = sources
            .iter()
            .zip(0..)
            .map(|(source, number)| {
                let mut found = Vec::new();
                let file = parse_leniently(number, source, &mut found);
                readable.push(found.is_empty());
                file
            })
            .collect();
        let index = Index::of(&sources, &files);
        Self { sources, files, readable, index, options, diagnostics: OnceCell::new() }
    }

    /// The sources, in the order in which places name them.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The place of the source of this name.
    pub fn source(&self, name: &str) -> Option<u32> {
        let at = self.sources.iter().position(|source| source.name == name)?;
        u32::try_from(at).ok()
    }

    /// What the compiler says of them.
    pub fn diagnostics(&self) -> &Diagnostics {
        self.diagnostics.get_or_init(|| check(&self.sources, &self.options))
    }

    /// What a source says at a place.
    fn slice(&self, span: Span) -> &str {
        index::slice(&self.sources, span)
    }

    /// Whether a source ships with Hark, so that nobody can change it here.
    fn is_shipped(&self, source: u32) -> bool {
        let source = self.sources.get(source as usize);
        source.is_some_and(|s| s.name.starts_with(super::imports::SHIPPED))
    }
}
