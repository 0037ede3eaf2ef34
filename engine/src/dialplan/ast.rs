//! What a `.dial` file says, as written: names not yet looked up, types not yet known.

mod act;
mod expr;
mod stmt;
mod test;

use super::pattern::Pattern;

pub use act::{
    Cause, Collect, Forward, Kept, Later, PlayValue, PlayWhat, Record, SendFlags, Setting, Webhook,
};
pub use expr::{Binary, Expr, ExprKind, TextPart};
pub use stmt::{ActKind, Arm, Block, Call, Match, Menu, MenuAnswer, Stmt, StmtKind};
pub use test::{Expected, Step, StepKind, Test, Thing, Who};

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
