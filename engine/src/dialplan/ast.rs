//! What a `.dial` file says, as written: names not yet looked up, types not yet known.

use std::time::Duration;

use super::effect::{DeliveryPreset, Folder, HangupCause};
use super::pattern::Pattern;
use crate::directory::GreetingKind;
use crate::key::{Key, KeySet};
use crate::presence::Presence;

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
    /// `import "hark/mailbox.dial"`
    pub imports: Vec<Name>,
    /// `languages en, de`
    pub languages: Vec<Name>,
    /// `timezone "Europe/Berlin"`
    pub zones: Vec<Name>,
    /// `language de { "Goodbye." = "Auf Wiederhören." }`
    pub translations: Vec<Translation>,
    /// `holidays feast = 12-25, 12-26`
    pub holidays: Vec<Holidays>,
    /// `hours office = mon-fri 9:00-17:30 except feast`
    pub hours: Vec<Hours>,
    /// `allow local = "030x+"`
    pub allows: Vec<Allow>,
    /// `json Booking { name: Text }`
    pub documents: Vec<Document>,
    /// `constant tries = 3`
    pub constants: Vec<Constant>,
    /// `route "1xxx" as ext -> deposit(user(ext))`
    pub routes: Vec<Route>,
    /// `flow name(…) {…}` and `menu name(…) {…}`
    pub flows: Vec<Flow>,
    /// `test "…" {…}`
    pub tests: Vec<Test>,
}

/// The texts of one language: for each text as the prompts have it, how that language says it.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The language.
    pub language: Name,
    /// Each text.
    pub entries: Vec<TranslationEntry>,
}

/// `"Goodbye." = "Auf Wiederhören."`
#[derive(Clone, Debug)]
pub struct TranslationEntry {
    /// The text as it stands in the prompts, between its quotes.
    pub original: Name,
    /// The text of the language.
    pub text: Expr,
}

/// Days on which nobody works.
#[derive(Clone, Debug)]
pub struct Holidays {
    /// Their name.
    pub name: Name,
    /// Each day: the year if it is not every year, month, day.
    pub days: Vec<(Option<i16>, u8, u8)>,
    /// What the author says of them.
    pub doc: Option<String>,
}

/// When something is open.
#[derive(Clone, Debug)]
pub struct Hours {
    /// Their name.
    pub name: Name,
    /// The time zone, if it is not the dialplan's.
    pub zone: Option<Name>,
    /// The days of the week (1 is Monday), and from when until when, in minutes of the day.
    pub spans: Vec<(Vec<u8>, u16, u16)>,
    /// `except` which holidays.
    pub except: Vec<Name>,
    /// What the author says of them.
    pub doc: Option<String>,
}

/// Numbers that may be dialled on a caller's behalf.
#[derive(Clone, Debug)]
pub struct Allow {
    /// The list's name.
    pub name: Name,
    /// Which numbers.
    pub patterns: Vec<(Pattern, Span)>,
    /// What the author says of it.
    pub doc: Option<String>,
}

/// The shape of a web service's answer.
#[derive(Clone, Debug)]
pub struct Document {
    /// The type's name.
    pub name: Name,
    /// Its fields.
    pub fields: Vec<Param>,
    /// What the author says of it.
    pub doc: Option<String>,
}

/// A value with a name, the same in every call.
#[derive(Clone, Debug)]
pub struct Constant {
    /// What the author says of it.
    pub doc: Option<String>,
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
    /// The name that the dialled digits are given, or those of them that the pattern captures.
    pub binder: Option<Name>,
    /// What else has to hold.
    pub conditions: Vec<RouteCondition>,
    /// What the author says of it.
    pub doc: Option<String>,
    /// What answers.
    pub target: Call,
    /// The whole line's head.
    pub span: Span,
}

/// What has to hold for a route beside the number.
#[derive(Clone, Debug)]
pub enum RouteCondition {
    /// `at "sales.example.com"`
    Domain(String, Span),
    /// `from "+4930x+"`
    From(Pattern, Span),
    /// `from trunk "carrier"`
    Trunk(String, Span),
    /// `from user` (true), `from guest` (false)
    Identified(bool, Span),
    /// `when office`, `when not office`
    When {
        /// The hours.
        hours: Name,
        /// Whether they must be closed.
        not: bool,
        /// Where it stands.
        span: Span,
    },
}

/// A flow, or a named menu, which is a flow of that menu alone.
#[derive(Clone, Debug)]
pub struct Flow {
    /// What the author says of it.
    pub doc: Option<String>,
    /// Its name.
    pub name: Name,
    /// What it is given.
    pub params: Vec<Param>,
    /// What it gives back.
    pub result: Option<TypeName>,
    /// What it does.
    pub body: Block,
}

/// A parameter: `to: User`.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub kind: TypeName,
}

/// A type as written: `User`, `[User]`, `User?`.
#[derive(Clone, Debug)]
pub struct TypeName {
    /// The name without its marks.
    pub name: Name,
    /// Whether it is a list of those.
    pub list: bool,
    /// Whether it may be missing.
    pub maybe: bool,
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

/// What can be played.
#[derive(Clone, Debug)]
pub enum PlayWhat {
    /// `prompt "name"`
    Prompt(Name),
    /// A greeting, a spoken name, a message or a recording.
    Value(Box<PlayValue>),
}

/// A value to play, and how.
#[derive(Clone, Debug)]
pub struct PlayValue {
    /// Which.
    pub value: Expr,
    /// `from 10s`
    pub from: Option<Expr>,
    /// `at 125 percent`
    pub speed: Option<Expr>,
}

/// The parts of a `collect`.
#[derive(Clone, Debug)]
pub struct Collect {
    /// The digits' name.
    pub into: Name,
    /// The fewest.
    pub fewest: Expr,
    /// The most.
    pub most: Expr,
    /// The keys that end it.
    pub end_on: KeySet,
    /// How long to wait for the first key.
    pub silence: Option<Expr>,
    /// How long to wait for each further one.
    pub between: Option<Expr>,
    /// Whether they are kept out of every trace.
    pub secret: bool,
    /// What to do when too few were pressed.
    pub otherwise: Option<Block>,
}

/// When a message is delivered.
#[derive(Clone, Debug)]
pub enum Later {
    /// `in 2h`
    In(Expr),
    /// `at 8:00`
    At(Expr),
}

/// The parts of a `forward`.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Which message.
    pub message: Expr,
    /// Out of whose mailbox.
    pub user: Expr,
    /// To whom.
    pub to: Vec<Expr>,
    /// What is heard before it.
    pub introduction: Option<Name>,
    /// `with receipt`
    pub receipt: bool,
    /// `with urgency`
    pub urgent: bool,
    /// `with privacy`
    pub private: bool,
    /// What to do when it could not be kept.
    pub otherwise: Option<Block>,
}

/// What a recording is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// `as greeting busy`
    Greeting(GreetingKind),
    /// `as name`
    Name,
}

/// The parts of a `webhook`.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The answer's name.
    pub into: Name,
    /// Where.
    pub url: Expr,
    /// What is sent, by name.
    pub fields: Vec<(Name, Expr)>,
    /// The type of the answer.
    pub kind: Name,
    /// How long it may take.
    pub within: Option<Expr>,
    /// What to do when there is no answer, or another than expected.
    pub otherwise: Option<Block>,
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
    /// `after r` (true), `before r` (false): the recording that becomes one with this.
    pub join: Option<(bool, Name)>,
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

/// `test "…" {…}`
#[derive(Clone, Debug)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// From the head to the closing brace.
    pub whole: Span,
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
    /// `call "1002" from "+15551234"`, `call "*97" as alice`, with `at "domain"` and `over "trunk"`
    Call {
        /// The number dialled.
        number: String,
        /// Who calls.
        from: Who,
        /// The domain dialled.
        domain: Option<String>,
        /// The trunk that it comes in over.
        trunk: Option<String>,
    },
    /// `deliver message from alice lasting 5s to bob`: starts the flow `deliver`.
    Deliver {
        /// Who spoke it.
        from: Who,
        /// How long it is.
        lasting: Duration,
        /// Who is called.
        to: Name,
    },
    /// `begin call_to_record(alice) as alice`: starts a flow as Hark does.
    Begin {
        /// Which, and with what: users, texts, numbers.
        flow: Call,
        /// Who is called.
        who: Name,
    },
    /// `clock "2026-12-24 09:00"`, in the dialplan's time zone.
    Clock(String),
    /// `bob has greeting`, `bob has greeting busy`
    HasGreeting(Name, GreetingKind),
    /// `bob has spoken name`
    HasSpokenName(Name),
    /// `bob has full mailbox`
    HasFullMailbox(Name),
    /// `bob has pin "2580"`
    HasPin(Name, String),
    /// `bob has 2 receipts`
    HasReceipts(Name, u32),
    /// `bob speaks de`
    Speaks(Name, Name),
    /// `bob has device "mobile"`
    HasDevice(Name, String),
    /// `bob has new message from alice lasting 5s`
    HasMessage {
        /// Whose mailbox.
        owner: Name,
        /// In which folder.
        folder: Folder,
        /// Whether it goes before others.
        urgent: bool,
        /// Whether it may not be forwarded.
        private: bool,
        /// Who spoke it.
        from: Who,
        /// How long it is.
        lasting: Duration,
    },
    /// `bob is online`, `bob is busy`
    Is(Name, Presence),
    /// `store fails`, `store works`
    Store(bool),
    /// `recording fails`: whatever is recorded from now on can't be kept.
    RecordingFails,
    /// `callee answers`, `callee answers for 20s`, `callee fails`
    Callee(Option<Duration>),
    /// `webhook answers "{…}"`, `webhook fails`
    WebhookAnswers(Option<String>),
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

/// Somebody in a test: a user, or anybody else.
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
    /// Happens from now on, perhaps after something else.
    Yes(Thing),
    /// Has not happened, or is not heard until the next wait.
    No(Thing),
}

/// What can be expected.
#[derive(Clone, Debug)]
pub enum Thing {
    /// `say "…"`
    Say(String),
    /// `beep`
    Beep,
    /// `tone`
    Tone,
    /// `greeting`, `greeting busy`
    Greeting(Option<GreetingKind>),
    /// `name of bob`: a spoken name.
    SpokenName(Name),
    /// `prompt "welcome"`
    Prompt(String),
    /// `play message`, `play message from 10s`, `play message at 125 percent`
    PlayMessage {
        /// From where.
        from: Option<Duration>,
        /// How fast.
        speed: Option<u16>,
    },
    /// `play recording`
    PlayRecording,
    /// `message to bob lasting 5s with receipt`
    Message {
        /// The recipient; anybody if none.
        to: Option<Name>,
        /// The length, if it matters.
        lasting: Option<Duration>,
        /// What must have been asked for.
        with: SendFlags,
    },
    /// `forwarded to bob`
    Forwarded(Option<Name>),
    /// `discarded`
    Discarded,
    /// `kept greeting busy`, `kept name`
    Kept(Kept),
    /// `heard`, `saved`, `deleted`, `confirmed`, `restored`
    Acted(ActKind),
    /// `notified bob "…"`
    Notified(Name),
    /// `set language`, `set pin`
    Set(Setting),
    /// `connected to bob`, `connected to "+49301234"`
    Connected(Who),
    /// `ringing bob`
    Ringing(Who),
    /// `webhook`: it was asked.
    Webhook,
    /// `answer`: the call was picked up.
    Answer,
    /// `early`: early media was heard.
    Early,
    /// `hangup`: the dialplan ends the call; `hangup busy`: by this cause.
    Hangup(Option<HangupCause>),
    /// `route`
    Route,
}

/// What a test may want of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendFlags {
    /// A receipt.
    pub receipt: bool,
    /// That it goes before others.
    pub urgent: bool,
    /// That it may not be forwarded.
    pub private: bool,
    /// That it is delivered later.
    pub later: bool,
}

/// A setting that a test may expect to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `language`
    Language,
    /// `pin`
    Pin,
    /// `delivery`, perhaps to this one.
    Delivery(Option<DeliveryPreset>),
    /// `do_not_disturb`
    DoNotDisturb,
    /// `greeting`: one was removed.
    Greeting,
}
