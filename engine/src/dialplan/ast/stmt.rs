//! Statements: what a flow or menu does.

use super::super::effect::HangupCause;
use super::{Cause, Collect, Expr, Forward, Kept, Later, Name, PlayWhat, Record, Span, Webhook};
use crate::directory::GreetingKind;
use crate::key::KeySet;

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
    /// `answer`
    Answer,
    /// `early`
    Early,
    /// `say "Hello {to.name}" recorded "hello"`
    Say(Expr, Option<Name>),
    /// `play to.greeting else say "…"`
    Play(PlayWhat, Option<Block>),
    /// `tone 440 for 200ms`
    Tone(Expr, Expr),
    /// `pin = collect 4 to 10, end on #, silence 6s, secret else goodbye`
    Collect(Box<Collect>),
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
        /// `with privacy`
        private: bool,
        /// `in 2h`, `at 8:00`
        later: Option<Later>,
        /// `answering m`
        answering: Option<Expr>,
        /// What to do when it could not be kept.
        otherwise: Option<Block>,
    },
    /// `forward m of me to bob introduced by intro else {…}`
    Forward(Box<Forward>),
    /// `keep r as greeting busy of me else {…}`
    Keep {
        /// The recording.
        recording: Name,
        /// As what: `name`, or a greeting.
        what: Kept,
        /// For whom.
        user: Expr,
        /// What to do when it could not be kept.
        otherwise: Option<Block>,
    },
    /// `remove greeting busy of me else {…}`
    Remove {
        /// Which greeting.
        greeting: GreetingKind,
        /// Whose.
        user: Expr,
        /// What to do when that fails.
        otherwise: Option<Block>,
    },
    /// `connect bob for 20s else {…}`, `connect number via "carrier" else {…}`
    Connect {
        /// Whom.
        callee: Expr,
        /// How long to let it ring.
        ring_for: Option<Expr>,
        /// Over which trunk.
        via: Option<Name>,
        /// What to do when nobody answers.
        otherwise: Option<Block>,
    },
    /// `ring me for 30s -> call_to_record(me) else {…}`
    Ring {
        /// Whom.
        callee: Expr,
        /// How long to let it ring.
        ring_for: Option<Expr>,
        /// Over which trunk.
        via: Option<Name>,
        /// What is run when it is answered.
        flow: Call,
        /// What to do when it can't be rung.
        otherwise: Option<Block>,
    },
    /// `notify bob "There is cake." else {…}`
    Notify {
        /// Whom.
        user: Expr,
        /// What to show.
        text: Expr,
        /// What to do when nobody sees it.
        otherwise: Option<Block>,
    },
    /// `set me.language = "de" else {…}`
    Set {
        /// Whose.
        user: Expr,
        /// Which setting.
        field: Name,
        /// To what.
        value: Expr,
        /// What to do when that fails.
        otherwise: Option<Block>,
    },
    /// `told me`: what `receipts(me)` counted was said.
    Told {
        /// Who was told.
        user: Expr,
    },
    /// `answer = webhook "https://…" { number: caller.number } as Booking within 3s else {…}`
    Webhook(Box<Webhook>),
    /// `speak de`
    Speak(Name),
    /// `return value`
    Return(Option<Expr>),
    /// `match p { online -> … other -> … }`
    Match(Box<Match>),
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
        /// `in local`: the allow-list that the number has to be in.
        allowed: Option<Name>,
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
    /// `hangup`, `hangup busy`
    Hangup(HangupCause),
    /// `log "…"`
    Log(Expr),
    /// `panic`, in tests of the server only.
    Panic,
}

/// The parts of a `match`.
#[derive(Clone, Debug)]
pub struct Match {
    /// What decides.
    pub value: Expr,
    /// Each way.
    pub arms: Vec<Arm>,
    /// `other -> …`
    pub other: Option<(Block, Span)>,
}

/// `online or away -> …`
#[derive(Clone, Debug)]
pub struct Arm {
    /// The values.
    pub values: Vec<Expr>,
    /// What is done.
    pub action: Block,
    /// The part before the arrow.
    pub span: Span,
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
    /// `restore`
    Restore,
}

/// A question to the caller.
#[derive(Clone, Debug)]
pub struct Menu {
    /// What is heard first.
    pub prompt: Block,
    /// What the caller may do.
    pub answers: Vec<MenuAnswer>,
    /// `between 2s`: how long to wait for each further key.
    pub between: Option<Expr>,
    /// `end on #`: the keys that end a number.
    pub end_on: KeySet,
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
