//! The text frames of `/ws`: what a browser may say and what it is told.

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{Event, LoggedEvent, Step};
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::chat::{ChatIncoming, ChatOutgoing};
use crate::orders::Progress;
use crate::outside::Recipient;
use crate::web::view::{ContactView, MessageView, ReachView, UserView};
use hark_engine::message::mailbox::Lamp;

/// The browser's own name for a recording; echoed, never used as a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClientId {
    /// A number.
    Number(i64),
    /// A text of at most [`ClientId::LONGEST`] bytes.
    Text(String),
}

impl ClientId {
    /// The longest text that is taken.
    pub const LONGEST: usize = 64;

    /// Whether it is short enough to be kept and echoed.
    pub fn is_fit(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Text(text) => text.len() <= Self::LONGEST,
        }
    }
}

/// What a browser says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Incoming {
    /// The recorder starts; binary frames follow.
    RecordStart {
        /// The browser's name for it.
        id: ClientId,
        /// To whom it goes, chosen before the first word so that it can't be lost.
        to: Vec<Recipient>,
        /// What the bytes are.
        mime: String,
        /// Whether it goes before others.
        #[serde(default)]
        urgent: bool,
    },
    /// The last byte was sent: make it a message.
    RecordStop {
        /// Which recording.
        id: ClientId,
    },
    /// Throw it away.
    RecordCancel {
        /// Which recording.
        id: ClientId,
    },
    /// Somebody uses this browser (again), or has not for a while.
    Activity {
        /// Which of them.
        active: bool,
    },
    /// The pop-up of this message was shown.
    Seen {
        /// Which message.
        message: MessageId,
    },
    /// Something of a chat.
    Chat(ChatIncoming),
    /// The answer to [`Outgoing::Ping`].
    Pong,
}

/// What a browser is told.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outgoing {
    /// First frame, and again whenever the browser has to read its lists afresh.
    Hello {
        /// Who is signed in.
        user: UserView,
        /// Their contacts.
        contacts: Vec<ContactView>,
        /// Their lamps.
        counts: Counts,
        /// The last event of the log: whoever comes back with it is told what follows.
        last_event_id: i64,
        /// Whether what was missed follows; else the lists are to be read afresh.
        resumed: bool,
    },
    /// A contact came or went.
    Presence {
        /// Who.
        user: UserId,
        /// How present now, and by what they can be reached.
        #[serde(flatten)]
        reach: ReachView,
    },
    /// A message exists.
    Popup {
        /// Which.
        message: Box<MessageView>,
        /// Its page.
        link: String,
        /// When it was committed.
        committed_at: UnixMillis,
    },
    /// What became of a message that this user sent.
    Receipt(Receipt),
    /// What became of a message in this user's own mailbox, on whatever device.
    MessageState(MessageState),
    /// The lamps changed.
    Counts(Counts),
    /// How a recording goes.
    Recording(Recording),
    /// An event that this user sent went on.
    Event {
        /// Which.
        id: uuid::Uuid,
        /// What it has come to: `pending`, `active`, `sent`, `confirmed`, `exhausted`, …
        state: &'static str,
    },
    /// The mailbox has become nearly full, or is no longer.
    Mailbox {
        /// How full, in percent.
        percent: u32,
        /// Which of the two.
        nearly_full: bool,
    },
    /// Something of a chat.
    Chat(ChatOutgoing),
    /// How a call goes that this user ordered.
    Call(Progress),
    /// Words for this user.
    Notice {
        /// Plain text.
        text: String,
    },
    /// Are you there?
    Ping,
}

/// The lamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Not heard yet.
    pub new: u32,
    /// Heard or kept.
    pub saved: u32,
    /// Of the new ones, the urgent.
    pub urgent_new: u32,
}

impl From<Lamp> for Counts {
    fn from(lamp: Lamp) -> Self {
        Self { new: lamp.new, saved: lamp.saved, urgent_new: lamp.urgent_new }
    }
}

/// A step of a sent message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Which message.
    pub message: MessageId,
    /// For whom.
    pub recipient: UserId,
    /// Their name.
    pub recipient_name: String,
    /// What happened.
    #[serde(flatten)]
    pub step: StepView,
    /// The event's place in the log.
    pub event_id: i64,
}

/// An event as a sender sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// `accepted`, `offered` (a telephone is about to ring), `notified`, `delivered`, `confirmed`,
    /// `heard`, `expired`, `attempt-failed`, `called-off` or `failed`.
    pub step: &'static str,
    /// On which device; absent where none was involved.
    pub device: Option<String>,
    /// When.
    pub at: UnixMillis,
    /// How much of it was heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_ms: Option<u32>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl StepView {
    /// The view of an event; `None` for what is the recipient's own affair (saved, deleted,
    /// restored).
    pub fn of(logged: &LoggedEvent) -> Option<Self> {
        let blank = |step| Self { step, device: None, at: logged.at, heard_ms: None, reason: None };
        let on = |step, device: &String| Self { device: Some(device.clone()), ..blank(step) };
        Some(match &logged.event {
            Event::Accepted | Event::Held { .. } => blank("accepted"),
            Event::Notified { device } => on("notified", device),
            Event::Delivered { device } => on("delivered", device),
            Event::Heard { device, heard_ms } => {
                Self { heard_ms: Some(*heard_ms), ..on("heard", device) }
            }
            Event::Confirmed { device } => on("confirmed", device),
            Event::Expired => blank("expired"),
            Event::Called { device, .. } => on("offered", device),
            Event::AttemptFailed { device, reason } => {
                Self { reason: Some(reason.clone()), ..on("attempt-failed", device) }
            }
            Event::CalledOff { reason } => {
                Self { reason: Some(reason.clone()), ..blank("called-off") }
            }
            Event::Failed { reason } => Self { reason: Some(reason.clone()), ..blank("failed") },
            Event::Saved | Event::Deleted | Event::Restored | Event::Purged | Event::Released => {
                return None;
            }
        })
    }
}

/// A change in one's own mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageState {
    /// Which message.
    pub message: MessageId,
    /// How far it has come now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// It was saved.
    #[serde(skip_serializing_if = "is_false")]
    pub saved: bool,
    /// It was deleted.
    #[serde(skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// It was taken back from the deleted ones.
    #[serde(skip_serializing_if = "is_false")]
    pub restored: bool,
    /// The event's place in the log.
    pub event_id: i64,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

impl MessageState {
    /// What an event changes in its recipient's mailbox, if anything.
    pub fn of(logged: &LoggedEvent) -> Option<Self> {
        let message = logged.message;
        let blank = Self {
            message,
            step: None,
            saved: false,
            deleted: false,
            restored: false,
            event_id: logged.seq,
        };
        let step = |step| Self { step: Some(step), ..blank.clone() };
        match &logged.event {
            Event::Notified { .. } => Some(step(Step::Notified)),
            Event::Delivered { .. } => Some(step(Step::Delivered)),
            Event::Heard { .. } => Some(step(Step::Heard)),
            Event::Saved => Some(Self { saved: true, ..blank }),
            // For a page, what is over is gone like what is deleted.
            Event::Deleted | Event::Expired => Some(Self { deleted: true, ..blank }),
            Event::Restored => Some(Self { restored: true, ..blank }),
            Event::Accepted | Event::Released => Some(step(Step::Accepted)),
            // Not the recipient's before its time.
            Event::Held { .. }
            | Event::Confirmed { .. }
            | Event::Purged
            | Event::Called { .. }
            | Event::AttemptFailed { .. }
            | Event::CalledOff { .. }
            | Event::Failed { .. } => None,
        }
    }
}

/// How a recording goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// The browser's name for it.
    pub id: ClientId,
    /// What it has come to.
    pub state: RecordingState,
    /// Bytes kept so far.
    pub bytes: u64,
    /// Speech kept so far.
    pub ms: u32,
    /// The message that it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a recording has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// The file is open: speak.
    Open,
    /// It grows.
    Progress,
    /// It is a message: it can't be lost any more.
    Committed,
    /// It is not, and will not be.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_the_client_writes_them() {
        let start = r#"{"type":"record_start","id":"a1","to":[2],"mime":"audio/ogg; codecs=opus"}"#;
        let Incoming::RecordStart { id, to, urgent, .. } = serde_json::from_str(start).unwrap()
        else {
            panic!("not a start")
        };
        let bob = vec![Recipient::Id(UserId(2))];
        assert_eq!((id, to, urgent), (ClientId::Text("a1".into()), bob, false));
        let start = r#"{"type":"record_start","id":1,"mime":"audio/ogg",
            "to":[{"user":2},{"address":"+4930123"}]}"#;
        let Incoming::RecordStart { to, .. } = serde_json::from_str(start).unwrap() else {
            panic!("not a start")
        };
        let stranger = Recipient::Address { address: "+4930123".into() };
        assert_eq!(to, [Recipient::User { user: UserId(2) }, stranger]);
        assert_eq!(serde_json::from_str::<Incoming>(r#"{"type":"pong"}"#).unwrap(), Incoming::Pong);
        assert!(serde_json::from_str::<Incoming>(r#"{"type":"shutdown"}"#).is_err());
    }

    #[test]
    fn receipts_name_step_device_and_time() {
        let logged = LoggedEvent {
            seq: 1,
            message: MessageId::new(UnixMillis(5), [0; 10]),
            recipient: UserId(2),
            at: UnixMillis(7),
            event: Event::Heard { device: "browser".into(), heard_ms: 900 },
        };
        let receipt = Outgoing::Receipt(Receipt {
            message: logged.message,
            recipient: logged.recipient,
            recipient_name: "Bob".into(),
            step: StepView::of(&logged).unwrap(),
            event_id: logged.seq,
        });
        let json = serde_json::to_value(&receipt).unwrap();
        assert_eq!(json["type"], "receipt");
        assert_eq!(json["step"], "heard");
        assert_eq!(json["device"], "browser");
        assert_eq!(json["at"], 7);
        assert_eq!(json["heard_ms"], 900);
        assert!(json.get("reason").is_none());
    }

    #[test]
    fn mailbox_changes_say_one_thing() {
        let logged = LoggedEvent {
            seq: 1,
            message: MessageId::new(UnixMillis(5), [0; 10]),
            recipient: UserId(2),
            at: UnixMillis(7),
            event: Event::Deleted,
        };
        let json = serde_json::to_value(MessageState::of(&logged).unwrap()).unwrap();
        assert_eq!(json["deleted"], true);
        assert!(json.get("step").is_none() && json.get("saved").is_none());
    }
}
