//! The checked dialplan as a run follows it: one flat list of small operations.

mod assemble;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ast::{ActKind, Binary, Span};
use super::effect::{HangupCause, Keepsake};
use super::hir;
use super::pattern::Pattern;
use super::speech::Language;
use super::value::{Field, Type, Value};
use crate::calendar::{Hours, Zone};
use crate::directory::GreetingKind;
use crate::key::KeySet;

pub(super) use assemble::{assemble, rank};

/// A place in the program, by its number in `Program::labels`.
pub(super) type Label = u32;

/// A compiled dialplan. Shared by every call that runs it.
pub struct Program {
    pub(super) languages: Vec<Language>,
    pub(super) zone: Zone,
    /// By their names.
    pub(super) hours: Vec<(String, Hours)>,
    pub(super) allows: Vec<Vec<Pattern>>,
    pub(super) documents: Vec<DocumentTable>,
    pub(super) ops: Vec<Op>,
    /// Where each operation was written.
    pub(super) spans: Vec<Span>,
    pub(super) labels: Vec<u32>,
    pub(super) menus: Vec<MenuTable>,
    pub(super) flows: Vec<FlowTable>,
    pub(super) routes: Vec<RouteTable>,
    pub(super) files: Vec<FileTable>,
}

impl Program {
    /// The names of its flows.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        self.flows.iter().map(|f| f.name.as_str())
    }

    /// How many operations it has.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it does nothing at all.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The languages that it speaks; the first is the one that its prompts are written in.
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// Where an operation was written: the file and the line, from 1.
    pub fn place(&self, op: u32) -> Option<(&str, u32)> {
        let span = self.spans.get(op as usize)?;
        let file = self.files.get(span.source as usize)?;
        Some((&file.name, file.line(*span)))
    }

    /// The file and the line, from 1, of a place in the sources.
    pub fn line(&self, span: Span) -> (String, u32) {
        self.files
            .get(span.source as usize)
            .map_or_else(Default::default, |file| (file.name.clone(), file.line(span)))
    }

    /// Where an operation was written, in bytes of its source.
    pub fn span(&self, op: u32) -> Option<Span> {
        self.spans.get(op as usize).copied()
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({} flows, {} operations)", self.flows.len(), self.ops.len())
    }
}

/// A source, as far as its lines can be found again.
#[derive(Debug)]
pub(super) struct FileTable {
    pub name: String,
    /// Where each line begins.
    pub lines: Vec<u32>,
}

impl FileTable {
    fn line(&self, span: Span) -> u32 {
        let line = self.lines.partition_point(|start| *start <= span.start);
        u32::try_from(line).unwrap_or(u32::MAX)
    }
}

#[derive(Debug)]
pub(super) struct FlowTable {
    pub name: String,
    pub entry: u32,
    pub params: Vec<Type>,
    pub slots: u16,
    /// What its variables are called; the place is the slot. Empty for those that have no name.
    pub names: Vec<String>,
}

#[derive(Debug)]
pub(super) struct RouteTable {
    pub pattern: Option<Pattern>,
    pub conditions: Vec<hir::Condition>,
    pub flow: u32,
    pub args: Box<[Expr]>,
}

/// A `json` type: the names and types of its fields.
#[derive(Debug)]
pub(super) struct DocumentTable {
    pub fields: Vec<(String, Type)>,
}

#[derive(Debug)]
pub(super) struct MenuTable {
    /// One number only before patterns, else in the order written.
    pub choices: Vec<(Pattern, Option<u16>, Label)>,
    pub silence: Duration,
    pub between: Duration,
    pub end_on: KeySet,
    pub on_silence: Label,
    pub on_other: Label,
    pub on_hangup: Option<Label>,
}

/// One operation.
#[derive(Debug)]
pub(super) enum Op {
    Answer,
    Early,
    Say {
        text: Expr,
        file: Option<Arc<str>>,
    },
    Prompt(Arc<str>),
    Greeting {
        user: Expr,
        kind: GreetingKind,
        missing: Label,
    },
    SpokenName {
        user: Expr,
        missing: Label,
    },
    PlayMessage {
        message: Expr,
        from: Option<Expr>,
        speed: Option<Expr>,
    },
    PlayRecording(u16),
    Beep,
    Tone {
        hertz: u16,
        length: Duration,
    },
    Pause(Expr),
    Collect(Box<CollectTable>),
    Record(Box<hir::Record>),
    Send {
        slot: u16,
        to: Box<[Expr]>,
        options: Box<hir::SendOptions>,
        failed: Label,
    },
    Forward(Box<ForwardTable>),
    Keep {
        slot: u16,
        user: Expr,
        keepsake: Keepsake,
        failed: Label,
    },
    Discard(u16),
    Act {
        kind: ActKind,
        message: Expr,
        user: Expr,
        failed: Label,
    },
    Change {
        user: Expr,
        setting: hir::Setting,
        failed: Label,
    },
    Notify {
        user: Expr,
        text: Expr,
        failed: Label,
    },
    Told(Expr),
    Connect {
        callee: hir::Callee,
        ring_for: Duration,
        failed: Label,
    },
    Ring(Box<RingTable>),
    Query {
        slot: u16,
        query: hir::Query,
        failed: Label,
    },
    Webhook(Box<WebhookTable>),
    /// A failure answer begins: what it says is heard, whatever was typed ahead.
    Failed,
    Set(u16, Expr),
    Jump(Label),
    Unless(Expr, Label),
    UnlessFound {
        value: Expr,
        slot: u16,
        otherwise: Label,
    },
    UnlessAllowed {
        value: Expr,
        allow: u16,
        slot: u16,
        otherwise: Label,
    },
    Next {
        list: u16,
        index: u16,
        item: u16,
        done: Label,
    },
    Zero(u16),
    Again {
        counter: u16,
        most: u32,
        exhausted: Label,
    },
    Wait(u32),
    /// One of a menu's answers was given. Does nothing; coverage asks whether it was come to.
    Given,
    Call {
        flow: u32,
        args: Box<[Expr]>,
        missed: Option<Label>,
        tail: bool,
        into: Option<u16>,
    },
    Return(Option<Expr>),
    Speak(Language),
    /// The caller is gone, and the hang-up answer has run.
    Gone,
    Hangup(HangupCause),
    Log(Expr),
    Panic,
}

/// A `collect`.
#[derive(Debug)]
pub(super) struct CollectTable {
    pub slot: u16,
    pub fewest: u8,
    pub most: u8,
    pub end_on: KeySet,
    pub silence: Duration,
    pub between: Duration,
    pub secret: bool,
    pub failed: Label,
}

/// A `forward`.
#[derive(Debug)]
pub(super) struct ForwardTable {
    pub message: Expr,
    pub user: Expr,
    pub to: Box<[Expr]>,
    pub introduction: Option<u16>,
    pub options: hir::SendOptions,
    pub failed: Label,
}

/// A `ring`.
#[derive(Debug)]
pub(super) struct RingTable {
    pub callee: hir::Callee,
    pub ring_for: Duration,
    pub flow: Arc<str>,
    pub args: Box<[Expr]>,
    pub failed: Label,
}

/// A `webhook`.
#[derive(Debug)]
pub(super) struct WebhookTable {
    pub slot: u16,
    pub url: String,
    pub fields: Vec<(String, Expr)>,
    pub document: u16,
    pub within: Duration,
    pub failed: Label,
}

/// An expression with names found.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A value known beforehand.
    Const(Value),
    /// A variable.
    Slot(u16),
    /// A field of a value.
    Field(Box<Expr>, Field),
    /// The user at this extension, if there is one.
    UserAt(Box<Expr>),
    /// The users whose names begin with what these keys spell.
    Spelled(Box<Expr>),
    /// This moment.
    Now,
    /// The next time that the clock shows this, in minutes of the day.
    Clock(u16),
    /// Values of one type.
    List(Box<[Expr]>),
    /// Not so.
    Not(Box<Expr>),
    /// An operator.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// A text of parts.
    Text(Box<[Part]>),
    /// A text in each of the program's languages.
    Localized(Box<[Expr]>),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As it stands.
    Literal(Arc<str>),
    /// A value, spoken.
    Value(Expr),
    /// A duration since something, spoken as languages do after "ago" or "vor".
    Age(Expr),
    /// The form of a word that goes with a number, in the order of the language.
    Plural(Expr, Box<[Box<[Part]>]>),
}
