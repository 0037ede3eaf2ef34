//! The dialplan language: lexer → parser → resolver → checker → compact program → run.

pub mod effect;
