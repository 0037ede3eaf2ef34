//! The bus: what happened, told to whoever shows it. In-process today; the seam behind which a
//! clustered one stands later.
//!
//! One bounded broadcast for all: a subscriber that lags is told so and reads its state afresh
//! from the store, which is always ahead of the bus.

use std::sync::Arc;

use hark_engine::id::UserId;
use hark_engine::message::mailbox::Lamp;
use hark_engine::message::{LoggedEvent, MessageSummary};
use hark_engine::presence::Reach;
use hark_engine::time::UnixMillis;
use ractor::{ActorRef, Message};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use crate::orders::Progress;
use crate::store::{ChatEntry, Marked};

/// How many events a subscriber may lag behind before it has to read afresh.
const CAPACITY: usize = 4096;

/// What happened.
#[derive(Clone, Debug)]
pub enum BusEvent {
    /// A message is to be shown to this recipient at once, in every browser session.
    PopUp {
        /// For whom.
        recipient: UserId,
        /// What the recipient's mailbox says of it.
        message: MessageSummary,
        /// Where the recipient can hear it: a path such as `/m/TOKEN`.
        link: String,
    },
    /// A message was committed for this recipient: their list of messages has grown.
    Arrived {
        /// For whom.
        recipient: UserId,
        /// What the recipient's mailbox says of it.
        message: MessageSummary,
    },
    /// An event was appended to a message's log; `sender` is to be told of it if it is a user.
    Logged {
        /// The message's sender, when a user who asked for receipts.
        sender: Option<UserId>,
        /// What was appended.
        event: LoggedEvent,
    },
    /// The counts of a user's lamps changed.
    Lamp {
        /// Whose.
        user: UserId,
        /// To what.
        lamp: Lamp,
    },
    /// A user came or went, began or ended a call, or does (not) want to be disturbed.
    Presence {
        /// Who.
        user: UserId,
        /// How they can be reached now.
        reach: Reach,
    },
    /// The telephones of a user that are registered now.
    Telephones {
        /// Whose.
        user: UserId,
        /// How many.
        count: u32,
    },
    /// A mailbox has become nearly full, or is no longer.
    Mailbox {
        /// Whose.
        user: UserId,
        /// How full, in percent.
        percent: u32,
        /// Which of the two.
        nearly_full: bool,
    },
    /// An announcement went on: `GET /api/v1/events/{id}` says how.
    Announcement {
        /// Who wanted it made.
        owner: UserId,
        /// Which.
        id: Uuid,
        /// `pending`, `active`, `sent`, `confirmed`, `exhausted`, `expired`, `cancelled` or
        /// `failed`.
        state: &'static str,
    },
    /// Something happened to a chat text, or is about to.
    Chat(ChatEvent),
    /// A call that a user ordered has come further.
    Order {
        /// Who ordered it.
        user: UserId,
        /// How far it is.
        progress: Progress,
    },
    /// Words for a user, to be shown in every browser session.
    Notice {
        /// For whom.
        user: UserId,
        /// What to show: plain text.
        text: String,
    },
}

/// What happens in a chat.
#[derive(Clone, Debug)]
pub enum ChatEvent {
    /// A text was committed: both users' threads have grown.
    Kept {
        /// The text.
        entry: ChatEntry,
        /// The key under which its sender's client sent it.
        key: Option<String>,
    },
    /// Texts of `sender` to `recipient` reached a device, or were read.
    Marked {
        /// Who wrote them.
        sender: UserId,
        /// Whom they are for.
        recipient: UserId,
        /// What is new, of which text.
        marked: Vec<Marked>,
        /// When.
        at: UnixMillis,
    },
    /// Somebody is typing, or is not any more. Holds for some seconds.
    Typing {
        /// Who.
        from: UserId,
        /// To whom.
        to: UserId,
        /// Whether they are.
        on: bool,
    },
    /// A text that nothing of its recipient could show now: no browser is open and no telephone
    /// took it. It waits in the thread; the recipient's rules may say how to tell them.
    Unreached {
        /// The text.
        entry: ChatEntry,
    },
}

/// The bus. Cheap to clone; all clones are one bus.
#[derive(Clone, Debug)]
pub struct Bus {
    sender: broadcast::Sender<Arc<BusEvent>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }
}

impl Bus {
    /// Tells every subscriber. That there may be none is fine.
    pub fn publish(&self, event: BusEvent) {
        let _nobody_listens = self.sender.send(Arc::new(event));
    }

    /// From now on, everything that is published.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<BusEvent>> {
        self.sender.subscribe()
    }
}

/// Hands an actor what it reads of the bus, until one of them is gone. What `read` has no message
/// for is for others; `lagged` is sent where events were missed.
pub async fn pump<M: Message>(
    mut events: broadcast::Receiver<Arc<BusEvent>>,
    to: ActorRef<M>,
    read: impl Fn(&Arc<BusEvent>) -> Option<M>,
    lagged: impl Fn() -> M,
) {
    loop {
        let message = match events.recv().await {
            Ok(event) => read(&event),
            Err(RecvError::Lagged(_)) => Some(lagged()),
            Err(RecvError::Closed) => return,
        };
        if message.is_some_and(|message| to.cast(message).is_err()) {
            return;
        }
    }
}
