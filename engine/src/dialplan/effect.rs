//! What a dialplan run asks for, and what it is told.
//!
//! A run never touches a telephone, a file or a clock. It emits [`Effect`]s in order and is fed
//! [`Input`]s; whoever drives it (a call actor, the test runner, a simulator) does the work.
//!
//! Rules that both sides keep:
//!
//! * An effect that carries a [`Ticket`] is answered by exactly one input with that ticket.
//!   After [`Input::Hangup`] the driver still answers [`Effect::Query`] and [`Effect::Act`] and
//!   [`Effect::Send`], but no longer plays or records.
//! * At most one `Play` and one `Record` are open at a time. `Play` ends by itself, by a key in
//!   `stop_on` (the driver stops it at once, without asking the run), or by `StopPlay`.
//! * Every key is delivered once, in the order pressed, as [`Input::Key`] — also the one that
//!   stopped a prompt or a recording, and it comes *before* that `PlayDone` or `RecordDone`.
//! * After [`Effect::Finished`] the run emits nothing more.

use std::time::Duration;

use crate::id::{MessageId, UserId};
use crate::key::{Key, KeySet};
use crate::message::MessageSummary;
use crate::presence::Presence;

/// Ties an effect to the input that answers it. Unique within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// A recording of this run, numbered from 0 in the order of `record` instructions executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingId(pub u32);

/// Something to be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Text, by a recorded prompt where one exists, else by text-to-speech.
    Speech {
        /// BCP 47 tag of the language.
        language: String,
        /// What to say, values already put in.
        text: String,
    },
    /// A prompt by name, from the prompt folder of the language.
    Prompt {
        /// BCP 47 tag of the language.
        language: String,
        /// The file's name without its ending.
        name: String,
    },
    /// A user's own recorded greeting. Emitted only where the directory says that it exists.
    Greeting(UserId),
    /// A stored message's audio, from `from` on.
    Message {
        /// Which message.
        message: MessageId,
        /// Where in it to begin.
        from: Duration,
    },
    /// A recording of this run, not yet sent.
    Recording(RecordingId),
    /// The tone after which to speak: 1 kHz, 250 ms.
    Beep,
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
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Delivery {
    /// The recipients, each once.
    pub to: Vec<UserId>,
    /// Whether the sender is told what becomes of it.
    pub receipt: bool,
    /// Whether it goes before others.
    pub urgent: bool,
}

/// Which of a user's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Folder {
    /// Not heard yet.
    New,
    /// Heard or saved, and not deleted.
    Saved,
}

/// Something that the run wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The messages of a user's folder, oldest first, urgent ones before others.
    Messages(UserId, Folder),
    /// Who of a user's contacts is present now: answered with [`Answer::Users`].
    ContactsOnline(UserId),
    /// How present a user is.
    Presence(UserId),
    /// Whether these digits are the user's telephone PIN.
    CheckPin(UserId, String),
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
}

/// What a query was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Messages, for [`Query::Messages`].
    Messages(Vec<MessageSummary>),
    /// Users, for [`Query::ContactsOnline`].
    Users(Vec<UserId>),
    /// For [`Query::Presence`].
    Presence(Presence),
    /// For [`Query::CheckPin`].
    Yes(bool),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Pick up. Emitted once, before the first sound or recording.
    Answer,
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
    /// Throw a finished recording away. Not answered.
    Discard(RecordingId),
    /// Find something out; answered by [`Input::Answered`].
    Query(Ticket, Query),
    /// Change something; answered by [`Input::Done`].
    Act(Ticket, Action),
    /// A line for the operator's log, at DEBUG.
    Log(String),
    /// End this call's actor by a panic. Compiled only where test instructions are allowed.
    Panic,
    /// The run is over: hang up if the caller is still there.
    Finished(Finish),
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
