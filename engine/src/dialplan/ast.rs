//! What a `.dial` file says, as written: names not yet looked up, types not yet known.

use std::time::Duration;

use super::pattern::Pattern;
use crate::key::{Key, KeySet};

/// A stretch of a source, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// Which source, by its place in the list that was compiled.
    pub source: u32,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// From the beginning of `self` to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { end: other.end.max(self.end), ..self }
    }
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// One source, parsed as far as it could be.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// `languages en, de`
    pub languages: Vec<Name>,
    /// `constant tries = 3`
    pub constants: Vec<Constant>,
    /// `route "1xxx" as ext -> deposit(user(ext))`
    pub routes: Vec<Route>,
    /// `flow name(…) {…}` and `menu name(…) {…}`
    pub flows: Vec<Flow>,
    /// `test "…" {…}`
    pub tests: Vec<Test>,
}

/// A value with a name, the same in every call.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its name.
    pub name: Name,
    /// A literal.
    pub value: Expr,
}

/// Which flow answers which number.
#[derive(Clone, Debug)]
pub struct Route {
    /// The number, or none for `otherwise`.
    pub pattern: Option<Pattern>,
    /// The name that the dialled digits are given.
    pub binder: Option<Name>,
    /// What answers.
    pub target: Call,
    /// The whole line's head.
    pub span: Span,
}

/// A flow, or a named menu, which is a flow of that menu alone.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub name: Name,
    /// What it is given.
    pub params: Vec<Param>,
    /// What it does.
    pub body: Block,
}

/// A parameter: `to: User`.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// The name of its type.
    pub kind: Name,
}

/// Instructions, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The instructions.
    pub stmts: Vec<Stmt>,
    /// From brace to brace, or the one instruction.
    pub span: Span,
}

/// An instruction and where it stands.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Where it stands.
    pub span: Span,
}

/// The instructions.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `say "Hello {to.name}"`
    Say(Expr),
    /// `play to.greeting else say "…"`
    Play(PlayWhat, Option<Block>),
    /// `beep`
    Beep,
    /// `pause 500ms`
    Pause(Expr),
    /// `message = record max 59s, stop on "#" or silence 4s, hangup keeps`
    Record(Record),
    /// `name = value`, with a failure answer if the value is asked of the store.
    Assign {
        /// The new name.
        into: Name,
        /// Its value.
        value: Expr,
        /// What to do when it can't be found out.
        otherwise: Option<Block>,
    },
    /// `send message to bob with receipt else {…}`
    Send {
        /// The recording.
        recording: Name,
        /// To whom.
        to: Vec<Expr>,
        /// `with receipt`
        receipt: bool,
        /// `with urgency`
        urgent: bool,
        /// What to do when it could not be kept.
        otherwise: Option<Block>,
    },
    /// `discard message`
    Discard(Name),
    /// `save m for me else {…}`
    Act {
        /// What to do.
        kind: ActKind,
        /// With which message.
        message: Expr,
        /// For whom.
        user: Expr,
        /// What to do when it could not be done.
        otherwise: Option<Block>,
    },
    /// `menu {…}`
    Menu(Box<Menu>),
    /// `deposit(to)`
    Call(Call),
    /// `again`, `again at most 2 then goodbye`
    Again(Option<(Expr, Block)>),
    /// `if … {…} else {…}`
    If {
        /// What decides.
        condition: Expr,
        /// `as name`: the value found, where the condition is something that may be missing.
        binder: Option<Name>,
        /// Done if so.
        then: Block,
        /// Done if not.
        otherwise: Option<Block>,
    },
    /// `for each m in messages(me, new) {…} else {…}`
    ForEach {
        /// The name of each item.
        item: Name,
        /// The list.
        list: Expr,
        /// Done for each.
        body: Block,
        /// What to do when the list can't be found out.
        otherwise: Option<Block>,
    },
    /// `hangup`
    Hangup,
    /// `log "…"`
    Log(Expr),
    /// `panic`, in tests of the server only.
    Panic,
}

/// What can be played.
#[derive(Clone, Debug)]
pub enum PlayWhat {
    /// `prompt "name"`
    Prompt(Name),
    /// A greeting, a message or a recording.
    Value(Expr),
}

/// What can be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActKind {
    /// `mark_heard`
    MarkHeard,
    /// `save`
    Save,
    /// `delete`
    Delete,
    /// `confirm`
    Confirm,
}

/// The parts of a `record`.
#[derive(Clone, Debug)]
pub struct Record {
    /// The recording's name.
    pub into: Name,
    /// The longest that it may become.
    pub max: Expr,
    /// The keys that end it.
    pub stop_on: KeySet,
    /// The silence that ends it.
    pub silence: Option<Expr>,
    /// `hangup keeps` (true) or `hangup discards` (false).
    pub hangup_keeps: Option<bool>,
}

/// A question to the caller.
#[derive(Clone, Debug)]
pub struct Menu {
    /// What is heard first.
    pub prompt: Block,
    /// What the caller may do.
    pub answers: Vec<MenuAnswer>,
    /// `menu {` … `}`
    pub span: Span,
    /// The word `menu`.
    pub head: Span,
}

/// One `… -> …` of a menu.
#[derive(Clone, Debug)]
pub struct MenuAnswer {
    /// To what; more than one where `or` joins them.
    pub causes: Vec<Cause>,
    /// What is done.
    pub action: Block,
    /// The part before the arrow.
    pub span: Span,
}

/// What a menu answers to.
#[derive(Clone, Debug)]
pub enum Cause {
    /// `key 1`
    Key(Key, Span),
    /// `digits "1xxx" as n`
    Digits(Pattern, Option<Name>, Span),
    /// `silence 6s`
    Silence(Expr, Span),
    /// `other`
    Other(Span),
    /// `hangup`
    Hangup(Span),
}

/// `name(arguments)`
#[derive(Clone, Debug)]
pub struct Call {
    /// The flow's name.
    pub name: Name,
    /// The arguments.
    pub args: Vec<Expr>,
    /// All of it.
    pub span: Span,
}

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
    Plural(Expr, Vec<String>),
}

/// `test "…" {…}`
#[derive(Clone, Debug)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// The head.
    pub span: Span,
}

/// One line of a test.
#[derive(Clone, Debug)]
pub struct Step {
    /// What happens, or is expected.
    pub kind: StepKind,
    /// Where it stands.
    pub span: Span,
}

/// The lines of a test.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// `call "1002" from "+15551234"`
    CallFrom(String, String),
    /// `call "*97" as alice`
    CallAs(String, Name),
    /// `deliver message from alice lasting 5s to bob`: starts the flow `deliver`.
    Deliver {
        /// Who spoke it.
        from: Who,
        /// How long it is.
        lasting: Duration,
        /// Who is called.
        to: Name,
    },
    /// `bob has greeting`
    HasGreeting(Name),
    /// `bob has new message from alice lasting 5s`
    HasMessage {
        /// Whose mailbox.
        owner: Name,
        /// Saved, rather than new.
        saved: bool,
        /// Who spoke it.
        from: Who,
        /// How long it is.
        lasting: Duration,
    },
    /// `bob is online`
    IsOnline(Name),
    /// `store fails`, `store works`
    Store(bool),
    /// `speak 5s`
    Speak(Duration),
    /// `press "1"`
    Press(Vec<Key>),
    /// `wait 5s`
    Wait(Duration),
    /// `hang up`
    HangUp,
    /// `expect …`, `expect no …`
    Expect(Expected),
}

/// The sender of a message in a test: a user, or a name.
#[derive(Clone, Debug)]
pub enum Who {
    /// One of the test's users.
    User(Name),
    /// Anybody else, by number or name.
    Stranger(String),
}

/// What a test expects.
#[derive(Clone, Debug)]
pub enum Expected {
    /// `say "…"`: is heard from now on, perhaps after something else.
    Say(String),
    /// `no say "…"`: is not heard until the next wait.
    NoSay(String),
    /// `beep`
    Beep,
    /// `greeting`
    Greeting,
    /// `play message`
    PlayMessage,
    /// `play recording`
    PlayRecording,
    /// `message to bob lasting 5s with receipt`
    Message {
        /// The recipient.
        to: Name,
        /// The length, if it matters.
        lasting: Option<Duration>,
        /// Whether a receipt must have been asked for.
        receipt: bool,
    },
    /// `no message`
    NoMessage,
    /// `discarded`
    Discarded,
    /// `heard`, `saved`, `deleted`, `confirmed`
    Acted(ActKind),
    /// `no confirmed` and so on
    NotActed(ActKind),
    /// `hangup`: the dialplan ends the call.
    Hangup,
    /// `no route`
    NoRoute,
}
