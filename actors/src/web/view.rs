//! What the API and the socket show of users and messages.

use hark_engine::directory::{Directory, User};
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{MessageSummary, Sender, Step};
use hark_engine::presence::Presence;
use hark_engine::time::UnixMillis;
use serde::Serialize;

use crate::presence_board::PresenceBoard;
use crate::store::MailboxEntry;

/// A user as they see themselves.
#[derive(Clone, Debug, Serialize)]
pub struct UserView {
    /// The account's number.
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
#[derive(Clone, Debug, Serialize)]
pub struct ContactView {
    /// Who.
    #[serde(flatten)]
    pub user: UserView,
    /// How present.
    pub presence: Presence,
}

/// The most contacts that are shown and watched; a list this long is no longer read.
pub const MOST_CONTACTS: usize = 500;

/// The contacts of `user`, in their own order, with their presence now.
pub fn contacts(directory: &Directory, user: &User, board: &PresenceBoard) -> Vec<ContactView> {
    let known = user.contacts.iter().filter_map(|id| directory.user(*id));
    known
        .take(MOST_CONTACTS)
        .map(|contact| ContactView { user: contact.into(), presence: board.presence(contact.id) })
        .collect()
}

/// A message as its recipient sees it.
#[derive(Clone, Debug, Serialize)]
pub struct MessageView {
    /// Which message.
    pub id: MessageId,
    /// Who spoke it.
    pub sender: Sender,
    /// When it was committed.
    pub at: UnixMillis,
    /// How long it is.
    pub length_ms: u32,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether its recipients may not forward it.
    pub private: bool,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// What became of it.
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
