//! A dialplan with every name found and every type known: what the checker reasons about and
//! the program is made from.

use std::time::Duration;

use super::ast::{ActKind, Name, Span};
use super::pattern::Pattern;
use super::program::Expr;
use super::value::Type;
use crate::key::KeySet;

/// All sources together.
#[derive(Debug, Default)]
pub struct Module {
    /// The language of the prompts.
    pub language: String,
    /// Every flow; calls refer to them by place.
    pub flows: Vec<Flow>,
    /// In the order of the sources.
    pub routes: Vec<Route>,
}

/// A flow.
#[derive(Debug)]
pub struct Flow {
    /// Its name.
    pub name: Name,
    /// How many of `vars` are parameters.
    pub params: usize,
    /// Every variable of the flow; the place is its slot.
    pub vars: Vec<Var>,
    /// The counters of the `again at most` that begin the flow anew.
    pub counters: Vec<u16>,
    /// What it does.
    pub body: Block,
}

/// A variable.
#[derive(Clone, Debug)]
pub struct Var {
    /// Its name, and where it was given.
    pub name: Name,
    /// Its type.
    pub kind: Type,
}

/// A route.
#[derive(Debug)]
pub struct Route {
    /// The number; none for `otherwise`.
    pub pattern: Option<Pattern>,
    /// What answers. The only slot that its arguments know is 0, the digits dialled.
    pub call: Call,
    /// Where it stands.
    pub span: Span,
}

/// Instructions.
#[derive(Debug, Default)]
pub struct Block {
    /// One after the other.
    pub stmts: Vec<Stmt>,
    /// Where they stand.
    pub span: Span,
}

/// An instruction.
#[derive(Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
}

/// A call of a flow.
#[derive(Debug)]
pub struct Call {
    /// Which.
    pub flow: usize,
    /// The arguments.
    pub args: Vec<Expr>,
    /// The recordings handed over: slot and place.
    pub moved: Vec<(u16, Span)>,
    /// Whether an argument may be nobody, in which case the caller's number counts as wrong.
    pub may_miss: bool,
}

/// A sound.
#[derive(Debug)]
pub enum Play {
    /// By name.
    Prompt(String),
    /// A user's own greeting, or else the block.
    Greeting(Expr),
    /// A message.
    Message(Expr),
    /// The recording of a slot.
    Recording(u16),
}

/// A question to the store.
#[derive(Clone, Debug)]
pub enum Query {
    /// `messages(user, new)`; true for saved ones.
    Messages(Expr, bool),
    /// `user.contacts online`
    Online(Expr),
}

/// The instructions.
#[derive(Debug)]
#[allow(missing_docs, reason = "as in ast::StmtKind, with names found")]
pub enum Kind {
    Say(Expr),
    Play { what: Play, otherwise: Block },
    Beep,
    Pause(Expr),
    Record { slot: u16, max: Expr, stop_on: KeySet, silence: Option<Duration>, keeps: bool },
    Set { slot: u16, value: Expr },
    Query { slot: u16, query: Query, otherwise: Block },
    Send { slot: u16, to: Vec<Expr>, receipt: bool, urgent: bool, otherwise: Block },
    Discard { slot: u16 },
    Act { kind: ActKind, message: Expr, user: Expr, otherwise: Block },
    Menu(Box<Menu>),
    Call(Call),
    Again { limit: Option<Limit> },
    If { condition: Expr, then: Block, otherwise: Block },
    IfUser { value: Expr, slot: u16, then: Block, otherwise: Block },
    ForEach { list: u16, index: u16, item: u16, body: Block },
    Hangup,
    Log(Expr),
    Panic,
}

/// `at most 2 then …`
#[derive(Debug)]
pub struct Limit {
    /// The slot that counts.
    pub counter: u16,
    /// How often.
    pub most: u32,
    /// What then.
    pub then: Block,
}

/// A menu.
#[derive(Debug)]
pub struct Menu {
    /// What is heard first.
    pub prompt: Block,
    /// Keys and digits, in the order written.
    pub choices: Vec<Choice>,
    /// After so long, the block of this number.
    pub silence: Option<(Duration, usize, Span)>,
    /// On anything else.
    pub other: Option<(usize, Span)>,
    /// When the caller is gone.
    pub hangup: Option<(usize, Span)>,
    /// The actions, each once, though several causes may share it.
    pub actions: Vec<Block>,
    /// The counters of the `again at most` that return here.
    pub counters: Vec<u16>,
    /// The word `menu`.
    pub head: Span,
}

/// A key or digits of a menu.
#[derive(Debug)]
pub struct Choice {
    /// What is pressed.
    pub pattern: Pattern,
    /// Where the digits are put.
    pub slot: Option<u16>,
    /// The number of the action.
    pub action: usize,
    /// Where it stands.
    pub span: Span,
}
