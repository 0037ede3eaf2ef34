//! What actions are told: what to play, collect, send, record and ask.

use super::super::effect::DeliveryPreset;
use super::super::pattern::Pattern;
use super::{Block, Expr, Name, Span};
use crate::directory::GreetingKind;
use crate::key::{Key, KeySet};

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
