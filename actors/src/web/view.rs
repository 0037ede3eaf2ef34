//! What the API and the socket show of users and messages.

use hark_engine::directory::{Directory, User};
use hark_engine::id::{ChatId, MessageId, UserId};
use hark_engine::message::{MessageSummary, Sender, Step};
use hark_engine::presence::{Presence, Reach};
use hark_engine::time::UnixMillis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::presence_board::PresenceBoard;
use crate::store::{ChatEntry, MailboxEntry};

/// A user as they see themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    /// The account's number.
    #[schema(value_type = i64)]
    pub id: UserId,
    /// The sign-in name.
    pub name: String,
    /// The name that people see.
    pub display_name: String,
    /// The extension that telephones dial.
    pub extension: String,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            name: user.name.clone(),
            display_name: user.display_name.clone(),
            extension: user.extension.clone(),
        }
    }
}

/// A user as their contacts see them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactView {
    /// Who.
    #[serde(flatten)]
    pub user: UserView,
    /// How present, and by what they can be reached now.
    #[serde(flatten)]
    pub reach: ReachView,
}

/// How somebody can be reached now. By neither means: they find it in their mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReachView {
    /// How present.
    #[schema(value_type = String)]
    pub presence: Presence,
    /// Whether a browser of theirs would show something at once.
    pub by_browser: bool,
    /// Whether a telephone of theirs would ring.
    pub by_phone: bool,
}

impl From<Reach> for ReachView {
    fn from(reach: Reach) -> Self {
        Self {
            presence: reach.shown,
            by_browser: reach.has_browser(),
            by_phone: reach.phone && !reach.do_not_disturb,
        }
    }
}

/// The most contacts that are shown and watched; a list this long is no longer read.
pub const MOST_CONTACTS: usize = 500;

/// The contacts of `user`, in their own order, with their presence now.
pub fn contacts(directory: &Directory, user: &User, board: &PresenceBoard) -> Vec<ContactView> {
    let known = user.contacts.iter().filter_map(|id| directory.user(*id));
    known
        .take(MOST_CONTACTS)
        .map(|contact| ContactView { user: contact.into(), reach: board.reach(contact.id).into() })
        .collect()
}

/// Who spoke a message, as it stands in JSON: the shape of [`Sender`].
#[derive(ToSchema)]
#[schema(as = Sender)]
#[expect(dead_code, reason = "it documents `Sender`, which knows nothing of OpenAPI")]
pub struct SenderShape {
    /// The account, when it is a user's.
    user: Option<i64>,
    /// A display name, or the number called from.
    name: String,
    /// An address to answer to; empty when unknown.
    address: String,
}

/// A message as its recipient sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessageView {
    /// Which message.
    #[schema(value_type = String, format = "uuid")]
    pub id: MessageId,
    /// Who spoke it.
    #[schema(value_type = SenderShape)]
    pub sender: Sender,
    /// When it was committed, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: UnixMillis,
    /// How long it is.
    pub length_ms: u32,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether its recipients may not forward it.
    pub private: bool,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub reply_to: Option<MessageId>,
    /// What became of it: `accepted`, `notified`, `delivered` or `heard`.
    #[schema(value_type = String)]
    pub step: Step,
    /// Whether its recipient chose to keep it.
    pub saved: bool,
    /// Whether it is an announcement, which can be confirmed.
    #[serde(skip_serializing_if = "is_false")]
    pub announcement: bool,
    /// How loud it is, in 64 parts: for drawing.
    pub peaks: Vec<u8>,
    /// Where its audio is.
    pub audio: String,
}

impl MessageView {
    /// The view of a mailbox entry.
    pub fn new(summary: MessageSummary, peaks: Vec<u8>) -> Self {
        Self {
            audio: format!("/api/v1/messages/{}/audio", summary.id),
            id: summary.id,
            sender: summary.sender,
            at: summary.at,
            length_ms: summary.length_ms,
            urgent: summary.urgent,
            private: summary.private,
            reply_to: summary.reply_to,
            step: summary.step,
            saved: false,
            announcement: false,
            peaks,
        }
    }
}

const fn is_false(value: &bool) -> bool {
    !*value
}

impl From<MailboxEntry> for MessageView {
    fn from(entry: MailboxEntry) -> Self {
        let summary = entry.summary();
        Self { saved: entry.state.saved.is_some(), ..Self::new(summary, entry.message.peaks) }
    }
}

/// A chat text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChatView {
    /// Its number, which grows with time.
    #[schema(value_type = i64)]
    pub id: ChatId,
    /// Who wrote it.
    #[schema(value_type = i64)]
    pub sender: UserId,
    /// Whom it is for.
    #[schema(value_type = i64)]
    pub recipient: UserId,
    /// When it was kept.
    #[schema(value_type = i64)]
    pub at: UnixMillis,
    /// The text: plain, with line breaks.
    pub text: String,
    /// When it first reached a device of its recipient.
    #[schema(value_type = Option<i64>)]
    pub delivered: Option<UnixMillis>,
    /// When it was read.
    #[schema(value_type = Option<i64>)]
    pub read: Option<UnixMillis>,
}

impl From<ChatEntry> for ChatView {
    fn from(entry: ChatEntry) -> Self {
        let ChatEntry { id, sender, recipient, at, text, delivered, read } = entry;
        Self { id, sender, recipient, at, text, delivered, read }
    }
}
