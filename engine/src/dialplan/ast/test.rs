//! Tests in the language: what a caller does, and what is expected.

use std::time::Duration;

use super::super::effect::{Folder, HangupCause};
use super::{ActKind, Call, Kept, Name, SendFlags, Setting, Span};
use crate::directory::GreetingKind;
use crate::key::Key;
use crate::presence::Presence;

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
