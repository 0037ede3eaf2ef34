//! Calls that somebody orders from a computer: Hark rings a telephone, and a message is recorded
//! or heard there while a page watches.
//!
//! ```text
//!  calling ─► ringing ─► answered ─► recording ─► recorded ─┐   ┌─► done      a message exists,
//!     │          │           │          ▲            │      ├───┤            or was heard
//!     │          │           │          └────────────┘      │   ├─► failed    says why
//!     │          │           └─► playing ───────────────────┘   │
//!     └──────────┴──────────────────────────────────────────────┴─► cancelled
//! ```
//!
//! The last row is final. What the telephone does after it (the goodbye is spoken, somebody
//! hangs up) changes nothing any more.

pub mod outside;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::MessageId;

/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 128;

/// What the call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A message is recorded in it.
    Record,
    /// A message is heard in it.
    Play,
}

impl Purpose {
    /// As metrics and the API call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Play => "play",
        }
    }
}

/// How far an ordered call has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Stage {
    /// The telephone is being called.
    Calling,
    /// It rings.
    Ringing,
    /// Somebody picked up.
    Answered,
    /// A message is being spoken.
    Recording {
        /// How long it is by now, in milliseconds.
        ms: u32,
    },
    /// It was spoken; nobody has decided about it yet.
    Recorded {
        /// How long it is, in milliseconds.
        ms: u32,
    },
    /// The message is being played.
    Playing,
    /// The message exists, or was heard.
    Done {
        /// The message that was recorded.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
        /// How much of a message that was played was heard, in milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        heard_ms: Option<u32>,
    },
    /// It came to nothing.
    Failed {
        /// Why, in words for who ordered it.
        reason: String,
    },
    /// Whoever ordered it wanted it no more.
    Cancelled,
}

impl Stage {
    /// Whether nothing follows.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Done { .. } | Self::Failed { .. } | Self::Cancelled => true,
            Self::Calling
            | Self::Ringing
            | Self::Answered
            | Self::Recording { .. }
            | Self::Recorded { .. }
            | Self::Playing => false,
        }
    }

    /// As metrics call it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Calling => "calling",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Recording { .. } => "recording",
            Self::Recorded { .. } => "recorded",
            Self::Playing => "playing",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What happens in an ordered call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The telephone rings.
    Rings,
    /// Somebody picked up.
    PickedUp,
    /// A recording has become so long; also with zero, when it begins.
    Recording(Duration),
    /// The recording ended.
    Recorded(Duration),
    /// The message begins to play.
    Plays,
    /// The message was heard up to there.
    Heard(Duration),
    /// What was recorded is committed.
    Sent(MessageId),
    /// It was cancelled from the page.
    Cancelled,
    /// The call can't go on, or ended before it was answered.
    Failed(String),
    /// The call is over and everything that was said in it settled.
    Over,
}

/// An ordered call as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    purpose: Purpose,
    stage: Stage,
    heard: Option<Duration>,
    answered: bool,
    /// Why it failed, told when the call is over: what was said is settled by then.
    reason: Option<String>,
}

impl Order {
    /// A call that is being made.
    pub const fn new(purpose: Purpose) -> Self {
        Self { purpose, stage: Stage::Calling, heard: None, answered: false, reason: None }
    }

    /// How far it is.
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// What it is for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What happened. Says whether the stage is another one now.
    pub fn handle_input(&mut self, input: Input) -> bool {
        if self.stage.is_final() {
            return false;
        }
        let next = match input {
            Input::Rings if self.stage == Stage::Calling => Stage::Ringing,
            Input::Rings => return false,
            Input::PickedUp => {
                self.answered = true;
                Stage::Answered
            }
            Input::Recording(length) => Stage::Recording { ms: millis(length) },
            Input::Recorded(length) => Stage::Recorded { ms: millis(length) },
            Input::Plays if self.purpose == Purpose::Play => Stage::Playing,
            // A review of what was recorded.
            Input::Plays => return false,
            Input::Heard(heard) => {
                self.heard = self.heard.max(Some(heard));
                return false;
            }
            Input::Sent(message) if self.purpose == Purpose::Record => {
                Stage::Done { message: Some(message), heard_ms: None }
            }
            // An answer to the message that was played.
            Input::Sent(_) => return false,
            Input::Cancelled => Stage::Cancelled,
            Input::Failed(reason) => {
                self.reason = Some(reason.chars().take(LONGEST_REASON).collect());
                return false;
            }
            Input::Over => self.over(),
        };
        let news = next != self.stage;
        self.stage = next;
        news
    }

    fn over(&mut self) -> Stage {
        if let Some(heard) = self.heard.filter(|_| self.purpose == Purpose::Play) {
            return Stage::Done { message: None, heard_ms: Some(millis(heard)) };
        }
        let why = match (self.answered, self.purpose) {
            (false, Purpose::Record | Purpose::Play) => "the call broke down",
            (true, Purpose::Record) => "the call ended and no message was left",
            (true, Purpose::Play) => "the call ended before the message was heard",
        };
        Stage::Failed { reason: self.reason.take().unwrap_or_else(|| why.to_owned()) }
    }
}

fn millis(length: Duration) -> u32 {
    u32::try_from(length.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::UnixMillis;

    const MESSAGE: fn() -> MessageId = || MessageId::new(UnixMillis(1), [1; 10]);

    fn after(purpose: Purpose, inputs: &[Input]) -> Stage {
        let mut order = Order::new(purpose);
        for input in inputs {
            order.handle_input(input.clone());
        }
        order.stage
    }

    #[test]
    fn a_recording_is_watched_from_the_ring_to_the_message() {
        let second = Duration::from_secs(1);
        let mut order = Order::new(Purpose::Record);
        let stages = [
            (Input::Rings, Stage::Ringing),
            (Input::PickedUp, Stage::Answered),
            (Input::Recording(Duration::ZERO), Stage::Recording { ms: 0 }),
            (Input::Recording(second), Stage::Recording { ms: 1000 }),
            (Input::Recorded(second), Stage::Recorded { ms: 1000 }),
            (Input::Sent(MESSAGE()), Stage::Done { message: Some(MESSAGE()), heard_ms: None }),
        ];
        for (input, stage) in stages {
            assert!(order.handle_input(input));
            assert_eq!(order.stage(), &stage);
        }
        assert!(!order.handle_input(Input::Cancelled), "what is sent is sent");
        assert!(!order.handle_input(Input::Over));
    }

    #[test]
    fn who_hangs_up_in_mid_word_still_has_a_message_if_one_was_made_of_it() {
        let inputs = [Input::PickedUp, Input::Recording(Duration::ZERO)];
        let failed = after(Purpose::Record, &[&inputs[..], &[Input::Over]].concat());
        assert_eq!(failed.label(), "failed");
        let sent = after(Purpose::Record, &[&inputs[..], &[Input::Sent(MESSAGE())]].concat());
        assert_eq!(sent.label(), "done");
    }

    #[test]
    fn a_message_that_was_played_is_done_only_if_somebody_heard_it() {
        let heard = [Input::PickedUp, Input::Plays, Input::Heard(Duration::from_secs(2))];
        assert_eq!(after(Purpose::Play, &heard), Stage::Playing);
        let done = after(Purpose::Play, &[&heard[..], &[Input::Over]].concat());
        assert_eq!(done, Stage::Done { message: None, heard_ms: Some(2000) });
        let failed = after(Purpose::Play, &[Input::PickedUp, Input::Over]);
        assert!(matches!(failed, Stage::Failed { reason } if reason.contains("before")));
    }

    #[test]
    fn a_call_that_nobody_answers_says_why() {
        let busy = after(Purpose::Play, &[Input::Failed("busy".into()), Input::Over]);
        assert_eq!(busy, Stage::Failed { reason: "busy".into() });
    }

    fn inputs() -> impl Strategy<Value = Vec<Input>> {
        let one = prop_oneof![
            Just(Input::Rings),
            Just(Input::PickedUp),
            (0..99_u64).prop_map(|s| Input::Recording(Duration::from_secs(s))),
            (0..99_u64).prop_map(|s| Input::Recorded(Duration::from_secs(s))),
            Just(Input::Plays),
            (0..99_u64).prop_map(|s| Input::Heard(Duration::from_secs(s))),
            Just(Input::Sent(MESSAGE())),
            Just(Input::Cancelled),
            "[a-z]{0,200}".prop_map(Input::Failed),
        ];
        prop::collection::vec(one, 0..20)
    }

    proptest! {
        #[test]
        fn it_always_ends_and_what_is_final_stays(inputs in inputs(), play: bool) {
            let purpose = if play { Purpose::Play } else { Purpose::Record };
            let mut order = Order::new(purpose);
            for input in inputs {
                let before = order.stage().clone();
                let news = order.handle_input(input);
                prop_assert_eq!(news, &before != order.stage());
                prop_assert!(!before.is_final() || &before == order.stage());
            }
            order.handle_input(Input::Over);
            prop_assert!(order.stage().is_final());
        }
    }
}
