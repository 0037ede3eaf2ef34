//! What recipients and senders see of their messages.

use rusqlite::{Connection, params};

use hark_engine::dialplan::effect::Folder;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::MessageSummary;
use hark_engine::message::mailbox::{Lamp, hearing_order};
use hark_engine::message::state::RecipientState;
use hark_engine::time::UnixMillis;

use super::events::{folder_label, parse_state};
use super::messages::{COLUMN_COUNT, COLUMNS, MessageRecord, id, record};
use super::pages::Place;
use super::{Store, StoreError};

/// The most messages that one question lists.
const LONGEST_LIST: u32 = 1000;

/// A message in a recipient's mailbox, with all that a client shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxEntry {
    /// The message (its `recipients` are left empty here).
    pub message: MessageRecord,
    /// What became of it for this recipient.
    pub state: RecipientState,
}

impl MailboxEntry {
    /// The message as telephones list it.
    pub fn summary(&self) -> MessageSummary {
        MessageSummary {
            id: self.message.id,
            sender: self.message.sender.clone(),
            at: self.message.at,
            length_ms: self.message.length_ms,
            urgent: self.message.urgent,
            private: self.message.private,
            reply_to: self.message.reply_to,
            step: self.state.step(),
        }
    }
}

/// A message that somebody sent, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Which message.
    pub id: MessageId,
    /// When it was committed.
    pub at: UnixMillis,
    /// How long it is, in milliseconds.
    pub length_ms: u32,
    /// Whether the sender asked to be told.
    pub receipt: bool,
    /// For each recipient, what became of it.
    pub recipients: Vec<OutboxRecipient>,
}

/// What became of a sent message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRecipient {
    /// Who.
    pub user: UserId,
    /// The recipient's display name.
    pub name: String,
    /// The state; `RecipientState::steps` gives the receipt's lines.
    pub state: RecipientState,
}

impl Store {
    /// A folder as it is heard on a telephone: urgent messages first, then the oldest; of the
    /// deleted, those that were deleted last first.
    pub async fn mailbox(
        &self,
        user: UserId,
        folder: Folder,
    ) -> Result<Vec<MessageSummary>, StoreError> {
        let mut messages: Vec<_> =
            self.inbox(user, Some(folder)).await?.iter().map(MailboxEntry::summary).collect();
        if folder != Folder::Deleted {
            messages.sort_by(hearing_order);
        }
        Ok(messages)
    }

    /// A folder, or with `None` everything that is not deleted, as a client shows it: newest
    /// first, at most 1000. The deleted are in the order of their deletion.
    pub async fn inbox(
        &self,
        user: UserId,
        folder: Option<Folder>,
    ) -> Result<Vec<MailboxEntry>, StoreError> {
        self.read(move |c| entries(c, user, folder)).await
    }

    /// One message as its recipient sees it; `None` where it is not theirs, deleted or not due
    /// yet.
    pub async fn inbox_entry(
        &self,
        user: UserId,
        message: MessageId,
    ) -> Result<Option<MailboxEntry>, StoreError> {
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS}, r.state FROM recipients r JOIN messages m ON m.id = r.message
                 WHERE r.user = ?1 AND r.message = ?2 AND r.folder IN ('new', 'saved')"
            );
            let mut query = c.prepare_cached(&sql)?;
            let mut rows = query.query(params![user.0, message.0.as_bytes()])?;
            rows.next()?.map(entry).transpose()
        })
        .await
    }

    /// What the user sent, newest first.
    pub async fn outbox(&self, sender: UserId, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |c| outbox(c, sender, limit.min(LONGEST_LIST))).await
    }

    /// The counts behind the user's lamps.
    pub async fn counts(&self, user: UserId) -> Result<Lamp, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT count(*) FILTER (WHERE r.folder = 'new'),
                        count(*) FILTER (WHERE r.folder = 'saved'),
                        count(*) FILTER (WHERE r.folder = 'new' AND m.urgent)
                 FROM recipients r JOIN messages m ON m.id = r.message
                 WHERE r.user = ?1 AND r.folder IN ('new', 'saved')",
            )?;
            Ok(query.query_row([user.0], |r| {
                Ok(Lamp { new: r.get(0)?, saved: r.get(1)?, urgent_new: r.get(2)? })
            })?)
        })
        .await
    }
}

fn entries(
    c: &Connection,
    user: UserId,
    folder: Option<Folder>,
) -> Result<Vec<MailboxEntry>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, r.state FROM recipients r JOIN messages m ON m.id = r.message
         WHERE r.user = ?1
         AND CASE WHEN ?2 IS NULL THEN r.folder IN ('new', 'saved') ELSE r.folder = ?2 END
         ORDER BY json_extract(r.state, '$.deleted') DESC, m.at DESC, m.id DESC LIMIT ?3"
    );
    let mut query = c.prepare_cached(&sql)?;
    let mut rows = query.query(params![user.0, folder.map(folder_label), LONGEST_LIST])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry(row)?);
    }
    Ok(entries)
}

fn entry(row: &rusqlite::Row<'_>) -> Result<MailboxEntry, StoreError> {
    let state: String = row.get(COLUMN_COUNT)?;
    Ok(MailboxEntry { message: record(row)?, state: parse_state(&state)? })
}

fn outbox(c: &Connection, sender: UserId, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
    outbox_after(c, sender, Place::NEWEST, limit)
}

/// What a user sent before the message at `after`, newest first.
pub(super) fn outbox_after(
    c: &Connection,
    sender: UserId,
    after: Place,
    limit: u32,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, at, length_ms, receipt FROM messages
         WHERE sender_user = ?1 AND (at, id) < (?2, ?3) ORDER BY at DESC, id DESC LIMIT ?4",
    )?;
    let after = params![sender.0, after.at.0, after.id.0.as_bytes(), limit];
    let sent = query.query_map(after, sent)?.collect::<Result<Vec<_>, _>>()?;
    with_recipients(c, sent)
}

/// One message of a user's outbox.
pub(super) fn outbox_one(
    c: &Connection,
    sender: UserId,
    message: MessageId,
) -> Result<Option<OutboxEntry>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, at, length_ms, receipt FROM messages WHERE sender_user = ?1 AND id = ?2",
    )?;
    let sent = query.query_map(params![sender.0, message.0.as_bytes()], sent)?;
    Ok(with_recipients(c, sent.collect::<Result<Vec<_>, _>>()?)?.pop())
}

fn sent(row: &rusqlite::Row<'_>) -> rusqlite::Result<OutboxEntry> {
    Ok(OutboxEntry {
        id: id(row, 0)?,
        at: UnixMillis(row.get(1)?),
        length_ms: row.get(2)?,
        receipt: row.get(3)?,
        recipients: Vec::new(),
    })
}

fn with_recipients(
    c: &Connection,
    mut sent: Vec<OutboxEntry>,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT r.user, u.display_name, r.state FROM recipients r JOIN users u ON u.id = r.user
         WHERE r.message = ?1 ORDER BY r.place",
    )?;
    for message in &mut sent {
        let mut rows = query.query([message.id.0.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let state: String = row.get(2)?;
            message.recipients.push(OutboxRecipient {
                user: UserId(row.get(0)?),
                name: row.get(1)?,
                state: parse_state(&state)?,
            });
        }
    }
    Ok(sent)
}
