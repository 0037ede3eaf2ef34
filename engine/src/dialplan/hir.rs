//! A dialplan with every name found and every type known: what the checker reasons about and
//! the program is made from.

use std::time::Duration;

use super::ast::{ActKind, Name, Span};
use super::effect::{DeliveryPreset, Folder, HangupCause, Keepsake};
use super::pattern::Pattern;
use super::program::Expr;
use super::speech::Language;
use super::value::Type;
use crate::calendar::{Hours, Zone};
use crate::directory::GreetingKind;
use crate::key::KeySet;

/// All sources together.
#[derive(Debug)]
pub struct Module {
    /// The languages of the prompts; the first is the one that they are written in.
    pub languages: Vec<Language>,
    /// Where the site's clocks are.
    pub zone: Zone,
    /// Opening hours and their names; values refer to them by place.
    pub hours: Vec<(String, Hours)>,
    /// Lists of numbers that may be dialled.
    pub allows: Vec<Vec<Pattern>>,
    /// The types of web services' answers.
    pub documents: Vec<DocumentType>,
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
    /// What it gives back.
    pub result: Option<Type>,
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
    /// Where its value comes from.
    pub origin: Origin,
}

/// Where a variable's value comes from, for errors that follow it back.
#[derive(Clone, Debug, Default)]
pub enum Origin {
    /// Whoever calls the flow.
    Parameter,
    /// The caller: keys, or the number dialled.
    Caller,
    /// A web service.
    Service,
    /// Another value.
    Value(Expr),
    /// Hark itself.
    #[default]
    Hark,
}

/// A `json` type.
#[derive(Debug)]
pub struct DocumentType {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<(String, Type)>,
}

/// What has to hold for a route beside the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The domain dialled.
    Domain(String),
    /// The number called from.
    From(Pattern),
    /// The trunk that it came in over.
    Trunk(String),
    /// Whether the caller identified.
    Identified(bool),
    /// Whether hours are open (true) or closed.
    When(u16, bool),
}

/// A route.
#[derive(Debug)]
pub struct Route {
    /// The number; none for `otherwise`.
    pub pattern: Option<Pattern>,
    /// What else has to hold.
    pub conditions: Vec<Condition>,
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
    /// Its name.
    pub name: String,
    /// The arguments.
    pub args: Vec<Expr>,
    /// The recordings handed over: slot and place.
    pub moved: Vec<(u16, Span)>,
    /// Whether an argument may be nobody, in which case the caller's number counts as wrong.
    pub may_miss: bool,
    /// Where its result is put.
    pub into: Option<u16>,
}

/// A sound.
#[derive(Debug)]
pub enum Play {
    /// By name.
    Prompt(String),
    /// A user's own greeting, or else the block.
    Greeting(Expr, GreetingKind),
    /// A user's spoken name, or else the block.
    SpokenName(Expr),
    /// A message.
    Message(Expr),
    /// The recording of a slot.
    Recording(u16),
}

/// A question to the store.
#[derive(Clone, Debug)]
pub enum Query {
    /// `messages(user, new)`
    Messages(Expr, Folder),
    /// `user.contacts online`
    Online(Expr),
    /// `presence(user)`
    Presence(Expr),
    /// `pin_matches(user, digits)`
    PinMatches(Expr, Expr),
    /// `has_pin(user)`
    HasPin(Expr),
    /// `devices(user)`
    Devices(Expr),
    /// `receipts(user)`
    Receipts(Expr),
    /// `waiting(user)`
    Waiting(Expr),
}

/// Whom to connect or to ring.
#[derive(Clone, Debug)]
pub enum Callee {
    /// A user.
    User(Expr),
    /// A device.
    Device(Expr),
    /// A number, over a trunk.
    Number {
        /// The number: of an allow-list, or written by the author.
        number: Expr,
        /// Over which trunk.
        via: Option<String>,
    },
}

/// A setting to be changed.
#[derive(Clone, Debug)]
pub enum Setting {
    /// `language`
    Language(Expr),
    /// `pin`
    Pin(Expr),
    /// `delivery`
    Delivery(DeliveryPreset),
    /// `do_not_disturb`
    DoNotDisturb(Expr),
    /// A greeting is thrown away.
    NoGreeting(GreetingKind),
}

/// What is asked for with a message.
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    /// That the sender is told what becomes of it.
    pub receipt: bool,
    /// That it goes before others.
    pub urgent: bool,
    /// That it may not be forwarded.
    pub private: bool,
    /// When it is delivered: a Time, or a Duration from now.
    pub later: Option<Expr>,
    /// Which message it answers.
    pub answering: Option<Expr>,
}

/// The instructions.
#[derive(Debug)]
#[allow(missing_docs, reason = "as in ast::StmtKind, with names found")]
pub enum Kind {
    Answer,
    Early,
    Say { text: Expr, file: Option<String> },
    Play { what: Play, from: Option<Expr>, speed: Option<Expr>, otherwise: Block },
    Beep,
    Tone { hertz: u16, length: Duration },
    Pause(Expr),
    Collect(Box<Collect>),
    Record(Record),
    Set { slot: u16, value: Expr },
    Query { slot: u16, query: Query, otherwise: Block },
    Webhook(Box<Webhook>),
    Send { slot: u16, to: Vec<Expr>, options: Box<SendOptions>, otherwise: Block },
    Forward(Box<Forward>),
    Keep { slot: u16, keepsake: Keepsake, user: Expr, otherwise: Block },
    Discard { slot: u16 },
    Act { kind: ActKind, message: Expr, user: Expr, otherwise: Block },
    Change { user: Expr, setting: Setting, otherwise: Block },
    Notify { user: Expr, text: Expr, otherwise: Block },
    Told { user: Expr },
    Connect { callee: Callee, ring_for: Duration, otherwise: Block },
    Ring { callee: Callee, ring_for: Duration, call: Call, otherwise: Block },
    Menu(Box<Menu>),
    Call(Call),
    Return { value: Option<Expr>, moved: Option<u16> },
    Again { limit: Option<Limit> },
    If { condition: Expr, then: Block, otherwise: Block },
    IfFound { value: Expr, slot: u16, then: Block, otherwise: Block },
    IfAllowed { value: Expr, allow: u16, slot: u16, then: Block, otherwise: Block },
    Match { arms: Vec<(Expr, Block, Span)>, other: Option<Block> },
    ForEach { list: u16, index: u16, item: u16, body: Block },
    Speak(Language),
    Hangup(HangupCause),
    Log(Expr),
    Panic,
}

/// A `record`.
#[derive(Debug)]
pub struct Record {
    /// Where the recording is put.
    pub slot: u16,
    /// The longest that it may become.
    pub max: Expr,
    /// The keys that end it.
    pub stop_on: KeySet,
    /// The silence that ends it.
    pub silence: Option<Duration>,
    /// Whether a hang-up keeps it.
    pub keeps: bool,
    /// The recording that becomes one with it, whether it stands behind that, and where that
    /// was written.
    pub join: Option<(u16, bool, Span)>,
}

/// A `collect`.
#[derive(Debug)]
pub struct Collect {
    /// Where the digits are put.
    pub slot: u16,
    /// The fewest.
    pub fewest: u8,
    /// The most.
    pub most: u8,
    /// The keys that end it.
    pub end_on: KeySet,
    /// How long to wait for the first key.
    pub silence: Duration,
    /// How long to wait for each further one.
    pub between: Duration,
    /// Whether the digits are kept out of every trace.
    pub secret: bool,
    /// What to do when too few were pressed.
    pub otherwise: Block,
}

/// A `webhook`.
#[derive(Debug)]
pub struct Webhook {
    /// Where the answer is put.
    pub slot: u16,
    /// Where to ask.
    pub url: String,
    /// What is sent.
    pub fields: Vec<(String, Expr)>,
    /// The type of the answer.
    pub document: u16,
    /// How long it may take.
    pub within: Duration,
    /// What to do when there is no answer, or another than expected.
    pub otherwise: Block,
}

/// A `forward`.
#[derive(Debug)]
pub struct Forward {
    /// Which message.
    pub message: Expr,
    /// Out of whose mailbox.
    pub user: Expr,
    /// To whom.
    pub to: Vec<Expr>,
    /// The recording that is heard before it.
    pub introduction: Option<u16>,
    /// How.
    pub options: SendOptions,
    /// What to do when it could not be kept.
    pub otherwise: Block,
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
    /// How long to wait for each further key of a number.
    pub between: Duration,
    /// The keys that end a number.
    pub end_on: KeySet,
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
