//! What a dialplan run asks for, and what it is told.
//!
//! A run never touches a telephone, a file or a clock. It emits [`Effect`]s in order and is fed
//! [`Input`]s; whoever drives it (a call actor, the test runner, a simulator) does the work.
//!
//! Rules that both sides keep:
//!
//! * An effect that carries a [`Ticket`] is answered by exactly one input with that ticket.
//!   After [`Input::Hangup`] the driver still answers [`Effect::Query`], [`Effect::Act`],
//!   [`Effect::Send`], [`Effect::Forward`], [`Effect::Keep`] and [`Effect::Webhook`], but no
//!   longer plays, records or connects.
//! * At most one `Play` and one `Record` are open at a time. `Play` ends by itself, by a key in
//!   `stop_on` (the driver stops it at once, without asking the run), or by `StopPlay`.
//! * Every key is delivered once, in the order pressed, as [`Input::Key`] — also the one that
//!   stopped a prompt or a recording, and it comes *before* that `PlayDone` or `RecordDone`.
//! * After [`Effect::Finished`] the run emits nothing more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::directory::GreetingKind;
use crate::id::{MessageId, UserId};
use crate::key::{Key, KeySet};
use crate::message::MessageSummary;
use crate::presence::Presence;
use crate::time::UnixMillis;

/// Ties an effect to the input that answers it. Unique within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// A recording of this run, numbered from 0 in the order of `record` instructions executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingId(pub u32);

/// Something to be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Text, by a recorded file where one exists, else by text-to-speech.
    Speech {
        /// BCP 47 tag of the language.
        language: String,
        /// What to say, values already put in.
        text: String,
        /// The name of the file of the language's prompt folder that holds these words, if
        /// somebody recorded them.
        file: Option<String>,
    },
    /// A prompt by name, from the prompt folder of the language.
    Prompt {
        /// BCP 47 tag of the language.
        language: String,
        /// The file's name without its ending.
        name: String,
    },
    /// A user's own recorded greeting. Emitted only where the directory says that it exists.
    Greeting(UserId, GreetingKind),
    /// A user's name, as the user spoke it. Emitted only where the directory says that it
    /// exists.
    SpokenName(UserId),
    /// A stored message's audio, from `from` on.
    Message {
        /// Which message.
        message: MessageId,
        /// Where in it to begin.
        from: Duration,
        /// How fast, in percent of the speed at which it was spoken (50-200), at the same
        /// pitch. What [`Input::PlayDone`] tells is the time for which it was heard; the run
        /// makes message time of it.
        speed: u16,
    },
    /// A recording of this run, not yet sent.
    Recording(RecordingId),
    /// The tone after which to speak: 1 kHz, 250 ms.
    Beep,
    /// Another tone.
    Tone {
        /// Its frequency, in hertz (20-3400).
        hertz: u16,
        /// How long.
        length: Duration,
    },
    /// Nothing, for so long.
    Pause(Duration),
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordEnd {
    /// A key of `stop_on` was pressed.
    Key(Key),
    /// Nobody spoke for as long as the `silence` rule allows.
    Silence,
    /// The longest allowed length was reached.
    Limit,
    /// The caller hung up, or the media stayed away for too long.
    Hangup,
    /// The run asked for it.
    Stopped,
    /// The recording could not be kept (disk full, store gone).
    Failed,
}

impl std::fmt::Display for RecordEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => write!(f, "the key {key}"),
            Self::Silence => f.write_str("silence"),
            Self::Limit => f.write_str("its limit"),
            Self::Hangup => f.write_str("the hang-up"),
            Self::Stopped => f.write_str("the dialplan"),
            Self::Failed => f.write_str("a failure"),
        }
    }
}

/// What the dialplan would do with a recording if the caller were gone from here on.
///
/// The run computes it in advance, by following its own hang-up answers, and hands it out with
/// [`Effect::Record`], so that a recording which outlives its process is dealt with as the
/// author wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HangupOutcome {
    /// The recording would be sent.
    Send(Delivery),
    /// The recording would be thrown away.
    Discard,
}

/// To whom a recording is sent, and how.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// The recipients, each once.
    pub to: Vec<UserId>,
    /// Whether the sender is told what becomes of it.
    pub receipt: bool,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether its recipients may not forward it.
    #[serde(default)]
    pub private: bool,
    /// When its delivery begins; at once if none. It can't be lost in the meantime.
    #[serde(default)]
    pub not_before: Option<UnixMillis>,
    /// The message that it answers.
    #[serde(default)]
    pub reply_to: Option<MessageId>,
}

/// How a recording is joined with an earlier one of the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The new part stands behind the earlier one.
    Behind(RecordingId),
    /// The new part stands before the earlier one.
    Before(RecordingId),
}

/// What a recording may be kept as, in the place of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keepsake {
    /// A greeting.
    Greeting(GreetingKind),
    /// The user's spoken name.
    Name,
}

/// Whom to connect the caller with, or to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// Every telephone that is registered to the user's account.
    User(UserId),
    /// One of the user's devices, by its name in the profile.
    Device(UserId, String),
    /// A number, over a trunk. Only numbers that the dialplan's author wrote or allowed.
    Number {
        /// What to dial.
        number: String,
        /// The trunk's name in the configuration; the first one if none.
        trunk: Option<String>,
    },
}

/// Why a call is refused or ended (RFC 3261 section 21, Q.850 in a Reason header of RFC 3326).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HangupCause {
    /// The conversation is over: 480 where the call was never answered, else BYE with cause 16.
    #[default]
    Normal,
    /// 486, cause 17.
    Busy,
    /// 603, cause 21.
    Rejected,
    /// 480, cause 20.
    Unavailable,
    /// 404, cause 1.
    NotFound,
    /// 503, cause 34.
    Congestion,
}

impl HangupCause {
    /// How dialplans name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
            Self::NotFound => "not_found",
            Self::Congestion => "congestion",
        }
    }
}

/// One of a user's devices, as a dialplan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Whose.
    pub owner: UserId,
    /// Its name in the profile.
    pub name: String,
    /// Whether Hark can ring it.
    pub rings: bool,
}

/// A setting of a user that a telephone may change.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// The language in which telephones speak to the user, one of the dialplan's.
    Language(String),
    /// The telephone PIN: 4 to 10 digits.
    Pin(String),
    /// A greeting is thrown away.
    NoGreeting(GreetingKind),
    /// What is done when a message arrives.
    Delivery(DeliveryPreset),
    /// Do not disturb.
    DoNotDisturb(bool),
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Language(language) => write!(f, "Language({language})"),
            // Never in a log.
            Self::Pin(_) => f.write_str("Pin(…)"),
            Self::NoGreeting(kind) => write!(f, "NoGreeting({kind:?})"),
            Self::Delivery(preset) => write!(f, "Delivery({preset:?})"),
            Self::DoNotDisturb(on) => write!(f, "DoNotDisturb({on})"),
        }
    }
}

/// Profile rules that can be chosen by telephone; finer ones are made in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryPreset {
    /// A pop-up while present; else the message waits.
    PopUp,
    /// A pop-up while present; else the telephones ring.
    PopUpThenRing,
    /// The telephones ring.
    Ring,
    /// The message waits in the mailbox.
    Wait,
}

/// Which of a user's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Folder {
    /// Not heard yet.
    New,
    /// Heard or saved, and not deleted.
    Saved,
    /// Deleted, and not yet gone for good.
    Deleted,
}

/// Something that the run wants to know.
#[derive(Clone, PartialEq, Eq)]
pub enum Query {
    /// The messages of a user's folder, oldest first, urgent ones before others.
    Messages(UserId, Folder),
    /// Who of a user's contacts is present now: answered with [`Answer::Users`].
    ContactsOnline(UserId),
    /// How present a user is.
    Presence(UserId),
    /// Whether these digits are the user's telephone PIN. [`Failure::Refused`] once too many
    /// wrong ones were tried.
    CheckPin(UserId, String),
    /// Whether the user has a telephone PIN.
    HasPin(UserId),
    /// The user's devices.
    Devices(UserId),
    /// How many of the messages that the user sent, and wanted a receipt for, were heard since
    /// the user was last told: answered with [`Answer::Count`].
    Receipts(UserId),
    /// The messages whose deliveries wait to ring the very telephone of this call, urgent ones
    /// before others: answered with [`Answer::Messages`].
    Waiting(UserId),
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Messages(user, folder) => write!(f, "Messages({user:?}, {folder:?})"),
            Self::ContactsOnline(user) => write!(f, "ContactsOnline({user:?})"),
            Self::Presence(user) => write!(f, "Presence({user:?})"),
            // A PIN is never logged.
            Self::CheckPin(user, _) => write!(f, "CheckPin({user:?}, …)"),
            Self::HasPin(user) => write!(f, "HasPin({user:?})"),
            Self::Devices(user) => write!(f, "Devices({user:?})"),
            Self::Receipts(user) => write!(f, "Receipts({user:?})"),
            Self::Waiting(user) => write!(f, "Waiting({user:?})"),
        }
    }
}

/// A change that the run wants made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The message was heard, up to `heard`, by `user`, on this telephone.
    MarkHeard {
        /// Who listened.
        user: UserId,
        /// To what.
        message: MessageId,
        /// How much of it.
        heard: Duration,
    },
    /// The user keeps the message.
    Save(UserId, MessageId),
    /// The user no longer wants the message.
    Delete(UserId, MessageId),
    /// The recipient of a delivery call confirmed by key that the message reached them.
    Confirm(UserId, MessageId),
    /// The user wants a deleted message back.
    Restore(UserId, MessageId),
    /// A pop-up with these words for the user, where a browser session is open.
    Notify(UserId, String),
    /// A setting of the user is changed.
    Set(UserId, Setting),
    /// The user was told of the messages that were heard.
    ReceiptsTold(UserId),
}

/// What a query was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Messages, for [`Query::Messages`] and [`Query::Waiting`].
    Messages(Vec<MessageSummary>),
    /// Users, for [`Query::ContactsOnline`].
    Users(Vec<UserId>),
    /// For [`Query::Presence`].
    Presence(Presence),
    /// For [`Query::CheckPin`] and [`Query::HasPin`].
    Yes(bool),
    /// For [`Query::Devices`].
    Devices(Vec<DeviceInfo>),
    /// For [`Query::Receipts`].
    Count(u32),
    /// A webhook's answer: the body of a 2xx response, JSON.
    Body(String),
}

/// Why something asked for could not be done. The dialplan's failure answer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The store can't be written: disk full, or gone.
    NotKept,
    /// There is no such thing (any more).
    NotFound,
    /// It is not allowed, or too often.
    Refused,
}

/// What the run wants done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Pick up. Emitted once, before the first sound or recording that is not early media.
    Answer,
    /// What is played from here on is early media (183, RFC 3960): the caller hears it, and the
    /// call is not answered yet. Where the INVITE had no offer that is impossible: what is
    /// played until [`Effect::Answer`] takes as long as it would, unheard.
    EarlyMedia,
    /// Play sounds one after the other; answered by [`Input::PlayDone`].
    Play {
        /// For the answer.
        ticket: Ticket,
        /// What to play. Not empty.
        sounds: Vec<Sound>,
        /// The keys that stop it at once.
        stop_on: KeySet,
    },
    /// Stop what is playing; its `PlayDone` still comes.
    StopPlay(Ticket),
    /// Record the caller; answered by [`Input::RecordDone`].
    Record {
        /// For the answer.
        ticket: Ticket,
        /// The recording's number.
        recording: RecordingId,
        /// The longest it may become.
        max: Duration,
        /// The keys that end it.
        stop_on: KeySet,
        /// End it when nobody spoke for so long.
        silence: Option<Duration>,
        /// What becomes of it if everything stops now.
        on_hangup: HangupOutcome,
        /// The earlier recording that becomes a part of this one, which then counts as used.
        /// If nothing new is recorded, this recording is the earlier one alone.
        join: Option<Join>,
    },
    /// Stop recording; its `RecordDone` still comes.
    StopRecord(Ticket),
    /// Send a finished recording; answered by [`Input::Done`] once it is committed.
    Send {
        /// For the answer.
        ticket: Ticket,
        /// Which recording.
        recording: RecordingId,
        /// To whom and how.
        delivery: Delivery,
    },
    /// Send a stored message on, perhaps with an introduction before it; answered by
    /// [`Input::Done`] once it is committed. A private message is refused.
    Forward {
        /// For the answer.
        ticket: Ticket,
        /// Whose mailbox it is in.
        user: UserId,
        /// Which message.
        message: MessageId,
        /// A recording of this run, which then counts as used.
        introduction: Option<RecordingId>,
        /// To whom and how.
        delivery: Delivery,
    },
    /// Keep a finished recording as a greeting or a spoken name; answered by [`Input::Done`].
    Keep {
        /// For the answer.
        ticket: Ticket,
        /// Which recording; used by this.
        recording: RecordingId,
        /// For whom.
        user: UserId,
        /// As what.
        keepsake: Keepsake,
    },
    /// Throw a finished recording away. Not answered.
    Discard(RecordingId),
    /// Ring somebody, let the caller hear the ringing, and connect the two. Answered by
    /// [`Input::Done`]: with success once the callee hung up after a conversation, with a
    /// failure if there was none. When the caller hangs up both legs end.
    Connect {
        /// For the answer.
        ticket: Ticket,
        /// Whom.
        callee: Callee,
        /// How long to let it ring.
        ring_for: Duration,
    },
    /// Call somebody else, and run a flow of the same program for them. Answered by
    /// [`Input::Done`] at once: the call goes its own way.
    Ring {
        /// For the answer.
        ticket: Ticket,
        /// Whom.
        callee: Callee,
        /// How long to let it ring.
        ring_for: Duration,
        /// The flow's name.
        flow: String,
        /// What it is given: users, messages, texts, numbers. Never a recording.
        args: Vec<super::value::Value>,
    },
    /// Ask a web service; answered by [`Input::Answered`] with [`Answer::Body`].
    Webhook {
        /// For the answer.
        ticket: Ticket,
        /// Where: `http://` or `https://`, written by the dialplan's author.
        url: String,
        /// The body of the POST request, a JSON object.
        body: String,
        /// How long it may take.
        within: Duration,
    },
    /// Find something out; answered by [`Input::Answered`].
    Query(Ticket, Query),
    /// Change something; answered by [`Input::Done`].
    Act(Ticket, Action),
    /// A line for the operator's log, at DEBUG.
    Log(String),
    /// A step of the run, where it is followed step by step: which operation of the program,
    /// and what it did. Holds no digits that the dialplan calls secret.
    Trace {
        /// The operation; the program knows its file and line.
        op: u32,
        /// What it did.
        what: String,
    },
    /// End this call's actor by a panic. Compiled only where test instructions are allowed.
    Panic,
    /// The run is over: hang up, or refuse the call if it was never answered, if the caller is
    /// still there.
    Finished(Finish, HangupCause),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The dialplan came to an end of its own: `hangup`, or the last instruction.
    Completed,
    /// The caller hung up and every hang-up answer has run.
    CallerGone,
    /// More instructions ran without asking the caller than the fuel allows. A defect of the
    /// checker, stopped here.
    OutOfFuel,
}

/// What a run is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The caller pressed a key.
    Key(Key),
    /// The sounds of a `Play` ended. `played` is how much of them was heard.
    PlayDone {
        /// Of the `Play`.
        ticket: Ticket,
        /// How much was played.
        played: Duration,
    },
    /// A recording ended.
    RecordDone {
        /// Of the `Record`.
        ticket: Ticket,
        /// Why.
        end: RecordEnd,
        /// How long it is.
        length: Duration,
    },
    /// A `Send` or an `Act` was done, or not.
    Done(Ticket, Result<(), Failure>),
    /// A query's answer.
    Answered(Ticket, Result<Answer, Failure>),
    /// The caller is gone.
    Hangup,
}
