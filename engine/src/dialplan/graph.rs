//! A dialplan as a picture: for people who decide what callers hear and don't write it.
//!
//! ```text
//! sources ─build─► Graph (cards, rows, arrows) ─layout─► Layout (boxes, curves) ─svg─► text
//!                    │ overview: menus and described flows only
//!                    └──────────────── mermaid ─────────────────────────────────► text
//! ```

mod build;
mod ends;
mod layers;
mod layout;
mod mermaid;
mod model;
mod order;
mod overview;
mod rows;
mod svg;
mod text;
mod words;

#[cfg(test)]
mod tests;

pub use build::graph;
pub use model::{Arrow, ArrowKind, Card, CardKind, Graph, Row, RowKind};
