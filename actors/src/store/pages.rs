//! Lists page by page: what follows a place, never how many were passed over.

use rusqlite::{Connection, OptionalExtension, params};

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::LoggedEvent;
use hark_engine::time::UnixMillis;

use super::events::parse_state;
use super::mailbox::{MailboxEntry, OutboxEntry};
use super::messages::{COLUMN_COUNT, COLUMNS, id, record};
use super::{Store, StoreError, mailbox};

/// The longest page.
pub const LONGEST_PAGE: u32 = 200;
/// Events that a client that comes back is told at most, and how far back they are looked for;
/// one that missed more reads afresh.
pub const MOST_MISSED: u32 = 200;
const FARTHEST: i64 = 1_000_000;
/// Two events may be told in the other order than they were logged in, but not later than this:
/// what was logged so shortly before the last one that a client knows is told again.
const OVERLAP_MS: i64 = 5_000;
const OVERLAP: i64 = 1_000;

/// Which list of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// What its owner neither kept nor deleted.
    Inbox,
    /// What its owner chose to keep.
    Saved,
    /// Both.
    All,
    /// What its owner deleted.
    Deleted,
}

/// A place in a list: what comes after it is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// When the message there was committed.
    pub at: UnixMillis,
    /// Which message it is.
    pub id: MessageId,
}

impl Place {
    /// Before everything.
    pub const NEWEST: Self = Self { at: UnixMillis(i64::MAX), id: MessageId(uuid::Uuid::max()) };
}

/// What a client that comes back has missed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// The events, in their order, each with its message's sender if that asked for receipts.
    pub events: Vec<(Option<UserId>, LoggedEvent)>,
    /// Whether there were more than are told: everything is to be read afresh.
    pub too_many: bool,
    /// Everything up to this event was looked at.
    pub up_to: i64,
}

impl Store {
    /// The next messages of a list after `after`, newest first. The deleted too are in the order
    /// of their commit here.
    pub async fn shelf(
        &self,
        user: UserId,
        shelf: Shelf,
        after: Place,
        limit: u32,
    ) -> Result<Vec<MailboxEntry>, StoreError> {
        let which = match shelf {
            Shelf::Inbox => {
                "r.folder IN ('new', 'saved') AND json_extract(r.state, '$.saved') IS NULL"
            }
            Shelf::Saved => {
                "r.folder IN ('new', 'saved') AND json_extract(r.state, '$.saved') IS NOT NULL"
            }
            Shelf::All => "r.folder IN ('new', 'saved')",
            Shelf::Deleted => "r.folder = 'deleted'",
        };
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS}, r.state FROM recipients r JOIN messages m ON m.id = r.message
                 WHERE r.user = ?1 AND {which} AND (m.at, m.id) < (?2, ?3)
                 ORDER BY m.at DESC, m.id DESC LIMIT ?4"
            );
            let mut query = c.prepare_cached(&sql)?;
            let limit = limit.min(LONGEST_PAGE + 1);
            let mut rows =
                query.query(params![user.0, after.at.0, after.id.0.as_bytes(), limit])?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                let state: String = row.get(COLUMN_COUNT)?;
                entries.push(MailboxEntry { message: record(row)?, state: parse_state(&state)? });
            }
            Ok(entries)
        })
        .await
    }

    /// The next messages that a user sent after `after`, newest first.
    pub async fn sent(
        &self,
        sender: UserId,
        after: Place,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |c| mailbox::outbox_after(c, sender, after, limit.min(LONGEST_PAGE + 1)))
            .await
    }

    /// One message as its sender sees it; `None` where it is not theirs.
    pub async fn sent_entry(
        &self,
        sender: UserId,
        message: MessageId,
    ) -> Result<Option<OutboxEntry>, StoreError> {
        self.read(move |c| mailbox::outbox_one(c, sender, message)).await
    }

    /// The message that was committed under this key, if one was.
    pub async fn committed_under(&self, key: String) -> Result<Option<MessageId>, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached("SELECT id FROM messages WHERE idempotency_key = ?1")?
                .query_row([key], |r| id(r, 0))
                .optional()?)
        })
        .await
    }

    /// What happened after event `last` to messages in a user's mailbox, and to those that the
    /// user sent and asked receipts for; and shortly before it, for the order in which events are
    /// told is not quite that of the log.
    pub async fn missed(&self, user: UserId, last: i64) -> Result<Missed, StoreError> {
        self.read(move |c| {
            let mut missed = Missed { up_to: newest(c)?, ..Missed::default() };
            if missed.up_to - last > FARTHEST {
                missed.too_many = true;
                return Ok(missed);
            }
            let known = "SELECT at FROM events WHERE seq = ?1";
            let since: Option<i64> =
                c.prepare_cached(known)?.query_row([last], |r| r.get(0)).optional()?;
            let since = since.map_or(i64::MAX, |at| at.saturating_sub(OVERLAP_MS));
            let mut query = c.prepare_cached(
                "SELECT e.seq, e.message, e.recipient, e.at, e.event,
                        CASE WHEN m.receipt THEN m.sender_user END
                 FROM events e JOIN messages m ON m.id = e.message
                 WHERE e.seq > ?1 - ?5 AND e.seq <= ?6 AND e.seq <> ?1
                   AND (e.seq > ?1 OR e.at >= ?4)
                   AND (e.recipient = ?2 OR (m.receipt AND m.sender_user = ?2))
                 ORDER BY e.seq LIMIT ?3",
            )?;
            let most = MOST_MISSED + 1;
            let mut rows =
                query.query(params![last, user.0, most, since, OVERLAP, missed.up_to])?;
            while let Some(row) = rows.next()? {
                if missed.events.len() >= MOST_MISSED as usize {
                    missed.too_many = true;
                    break;
                }
                let json: String = row.get(4)?;
                let event = LoggedEvent {
                    seq: row.get(0)?,
                    message: id(row, 1)?,
                    recipient: UserId(row.get(2)?),
                    at: UnixMillis(row.get(3)?),
                    event: serde_json::from_str(&json).map_err(StoreError::unavailable)?,
                };
                missed.events.push((row.get::<_, Option<i64>>(5)?.map(UserId), event));
            }
            Ok(missed)
        })
        .await
    }

    /// The last event of all: from where a client that comes now is up to date.
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        self.read(newest).await
    }
}

fn newest(c: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM events";
    Ok(c.prepare_cached(sql)?.query_row([], |r| r.get(0))?)
}
