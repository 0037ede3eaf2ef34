//! Expressions, and texts with values in them.

use std::time::Duration;

use super::{Call, Name, Span};

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `"text {value}"`
    Text(Vec<TextPart>),
    /// `12`
    Number(i64),
    /// `6s`
    Duration(Duration),
    /// `8:00`: the next time that the clock shows this. Minutes of the day.
    Clock(u16),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `true`
    Bool(bool),
    /// `to`
    Name(String),
    /// `to.name`
    Field(Box<Expr>, Name),
    /// `user(ext)`
    Call(Call),
    /// `me.contacts online`
    Online(Box<Expr>),
    /// `not a`
    Not(Box<Expr>),
    /// `a and b`
    Binary(Binary, Box<Expr>, Box<Expr>),
}

/// The operators between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as it is written")]
pub enum Binary {
    And,
    Or,
    Equal,
    Differs,
    Less,
    AtMost,
    More,
    AtLeast,
    Plus,
    Minus,
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub enum TextPart {
    /// As it stands.
    Literal(String),
    /// `{value}`
    Value(Expr),
    /// `{count: message | messages}`
    Plural(Expr, Vec<Vec<TextPart>>),
}
