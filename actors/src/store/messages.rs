//! Messages: the commit that makes one exist, and what is kept of it.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, params};

use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{Event, MessageSummary, Sender, Step, hold};
use hark_engine::time::UnixMillis;

use super::events::{append, step_label};
use super::metrics::StoreMetrics;
use super::{Store, StoreError};

/// The most recipients that one message has.
pub const MAX_RECIPIENTS: usize = 256;

/// A message whose audio file is in its place, to be committed.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its id, chosen when the recording began.
    pub id: MessageId,
    /// Who spoke it.
    pub sender: Sender,
    /// To whom and how. Repeated recipients are dropped.
    pub delivery: Delivery,
    /// How long it is, in milliseconds.
    pub length_ms: u32,
    /// How large the file is.
    pub bytes: u64,
    /// The picture of its loudness: 64 values.
    pub peaks: Vec<u8>,
    /// The file, relative to the storage folder.
    pub audio: PathBuf,
    /// A second commit under the same key finds the first one's message.
    pub idempotency_key: Option<String>,
    /// When it is committed.
    pub at: UnixMillis,
}

/// A message that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its id: of the earlier message, where the commit was a repetition.
    pub id: MessageId,
    /// The recipients, each once.
    pub recipients: Vec<UserId>,
    /// The time for which it waits, if it is not to be delivered at once.
    pub held: Option<UnixMillis>,
    /// Whether it was there already: nobody needs to be told again.
    pub duplicate: bool,
    /// The last event of each recipient in the log, in their order; empty for a repetition.
    pub seqs: Vec<i64>,
}

/// A message as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its id.
    pub id: MessageId,
    /// Who spoke it.
    pub sender: Sender,
    /// When it was committed.
    pub at: UnixMillis,
    /// How long it is, in milliseconds.
    pub length_ms: u32,
    /// How large the file is.
    pub bytes: u64,
    /// Whether the sender is told what becomes of it.
    pub receipt: bool,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether its recipients may not forward it.
    pub private: bool,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// The picture of its loudness.
    pub peaks: Vec<u8>,
    /// The file, relative to the storage folder.
    pub audio: PathBuf,
    /// Its recipients.
    pub recipients: Vec<UserId>,
}

impl MessageRecord {
    /// The message as telephones list it, for a recipient for whom it has come so far.
    pub fn summary(&self, step: Step) -> MessageSummary {
        MessageSummary {
            id: self.id,
            sender: self.sender.clone(),
            at: self.at,
            length_ms: self.length_ms,
            urgent: self.urgent,
            private: self.private,
            reply_to: self.reply_to,
            step,
        }
    }
}

impl Store {
    /// Makes a message exist: its row, its recipients and their `accepted` events, in one
    /// transaction. When this returns, it can't be lost any more. Idempotent by the message's
    /// id and by its key.
    pub async fn commit_message(&self, message: NewMessage) -> Result<Committed, StoreError> {
        let audio = match message.audio.to_str() {
            Some(path) if message.audio.is_relative() => path.to_owned(),
            _ => {
                let what = "the audio path is not relative and Unicode".to_owned();
                return Err(StoreError::Conflict { what });
            }
        };
        let committed = self.write(move |c| commit(c, &message, &audio)).await?;
        if !committed.duplicate {
            let accepted = self.shared.metrics.messages.with_label_values(&["accepted"]);
            accepted.add(i64::try_from(committed.recipients.len()).unwrap_or(0));
        }
        Ok(committed)
    }

    /// A message, if there is one of this id.
    pub async fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, StoreError> {
        self.read(move |c| {
            let sql = format!("SELECT {COLUMNS} FROM messages m WHERE m.id = ?1");
            let found = c.prepare_cached(&sql)?.query_row([id.0.as_bytes()], record).optional()?;
            let Some(mut message) = found else { return Ok(None) };
            message.recipients = recipients(c, id)?;
            Ok(Some(message))
        })
        .await
    }
}

/// The columns that [`record`] reads, of a table called `m`.
pub(super) const COLUMNS: &str = "m.id, m.sender_user, m.sender_name, m.sender_address, m.at, \
     m.length_ms, m.bytes, m.receipt, m.urgent, m.peaks, m.audio, m.private, m.reply_to";

/// How many columns [`record`] reads: those after them are the caller's.
pub(super) const COLUMN_COUNT: usize = 13;

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<MessageRecord> {
    Ok(MessageRecord {
        id: id(row, 0)?,
        sender: Sender {
            user: row.get::<_, Option<i64>>(1)?.map(UserId),
            name: row.get(2)?,
            address: row.get(3)?,
        },
        at: UnixMillis(row.get(4)?),
        length_ms: row.get(5)?,
        bytes: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
        receipt: row.get(7)?,
        urgent: row.get(8)?,
        peaks: row.get(9)?,
        audio: PathBuf::from(row.get::<_, String>(10)?),
        private: row.get(11)?,
        reply_to: row
            .get::<_, Option<[u8; 16]>>(12)?
            .map(|bytes| MessageId(uuid::Uuid::from_bytes(bytes))),
        recipients: Vec::new(),
    })
}

/// The message id in a column.
pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<MessageId> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(MessageId(uuid::Uuid::from_bytes(bytes)))
}

fn commit(c: &Connection, message: &NewMessage, audio: &str) -> Result<Committed, StoreError> {
    let known: Option<MessageId> = c
        .prepare_cached("SELECT id FROM messages WHERE id = ?1 OR idempotency_key = ?2")?
        .query_row(params![message.id.0.as_bytes(), message.idempotency_key], |r| id(r, 0))
        .optional()?;
    if let Some(id) = known {
        let recipients = recipients(c, id)?;
        return Ok(Committed { id, recipients, held: None, duplicate: true, seqs: Vec::new() });
    }
    let delivery = &message.delivery;
    let mut to: Vec<UserId> = Vec::with_capacity(delivery.to.len());
    let mut gone = false;
    for user in &delivery.to {
        // One who was looked up a moment before they were erased.
        let erased = "SELECT 1 FROM users WHERE id = ?1 AND erased = 1";
        if c.prepare_cached(erased)?.exists([user.0])? {
            gone = true;
        } else if !to.contains(user) {
            to.push(*user);
        }
    }
    if to.is_empty() && gone {
        return Err(StoreError::NotFound { what: "recipient any more" });
    }
    if to.is_empty() || to.len() > MAX_RECIPIENTS {
        let what = format!("a message has 1 to {MAX_RECIPIENTS} recipients, not {}", to.len());
        return Err(StoreError::Conflict { what });
    }
    c.prepare_cached(
        "INSERT INTO messages (id, sender_user, sender_name, sender_address, at, length_ms,
         bytes, receipt, urgent, peaks, audio, idempotency_key, private, reply_to)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        message.id.0.as_bytes(),
        message.sender.user.map(|u| u.0),
        message.sender.name,
        message.sender.address,
        message.at.0,
        message.length_ms,
        i64::try_from(message.bytes).unwrap_or(i64::MAX),
        delivery.receipt,
        delivery.urgent,
        message.peaks,
        audio,
        message.idempotency_key,
        delivery.private,
        delivery.reply_to.map(|id| id.0.into_bytes()),
    ])?;
    let held = hold::until(message.at, delivery.not_before);
    let mut seqs = Vec::with_capacity(to.len());
    for (place, user) in to.iter().enumerate() {
        c.prepare_cached(
            "INSERT INTO recipients (message, user, place, step, finished, state)
             VALUES (?1, ?2, ?3, '', 0, '')",
        )?
        .execute(params![
            message.id.0.as_bytes(),
            user.0,
            i64::try_from(place).unwrap_or(0)
        ])?;
        let mut logged = append(c, message.id, *user, message.at, &Event::Accepted)?;
        if let Some(until) = held {
            logged = append(c, message.id, *user, message.at, &Event::Held { until })?;
        }
        seqs.push(logged.seq.unwrap_or(0));
    }
    Ok(Committed { id: message.id, recipients: to, held, duplicate: false, seqs })
}

pub(super) fn recipients(c: &Connection, id: MessageId) -> Result<Vec<UserId>, StoreError> {
    let mut query =
        c.prepare_cached("SELECT user FROM recipients WHERE message = ?1 ORDER BY place")?;
    let users = query.query_map([id.0.as_bytes()], |r| Ok(UserId(r.get(0)?)))?;
    Ok(users.collect::<Result<_, _>>()?)
}

/// Sets the gauges of messages by state, at start-up.
pub(super) fn count_states(c: &Connection, metrics: &StoreMetrics) -> Result<(), StoreError> {
    let mut query = c.prepare("SELECT state FROM recipients")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let json: String = row.get(0)?;
        let state = serde_json::from_str(&json).map_err(StoreError::unavailable)?;
        metrics.messages.with_label_values(&[step_label(&state)]).inc();
    }
    Ok(())
}
