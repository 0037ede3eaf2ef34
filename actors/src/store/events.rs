//! The event log, and the states that are folded from it in the same transaction.

use rusqlite::{Connection, OptionalExtension, params};

use hark_engine::dialplan::effect::Folder;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::RecipientState;
use hark_engine::message::{Event, LoggedEvent, MessageSummary, Step};
use hark_engine::time::UnixMillis;

use super::messages::{COLUMN_COUNT, COLUMNS, id, record};
use super::{Store, StoreError};

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the log; `None` where it changed nothing and was not written.
    pub seq: Option<i64>,
    /// Whether it changed anything: only then is anybody to be told.
    pub changed: bool,
    /// The recipient's state before.
    pub before: RecipientState,
    /// The recipient's state after.
    pub state: RecipientState,
}

/// A message that has not reached some of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Which message, as the first of them sees it.
    pub message: MessageSummary,
    /// Whom, and what became of it for them so far.
    pub recipients: Vec<(UserId, RecipientState)>,
}

impl Store {
    /// Appends an event to the log, if a legal path leads through it and it is news. A repeated
    /// step is `Ok` with `changed: false`.
    pub async fn append_event(
        &self,
        message: MessageId,
        recipient: UserId,
        at: UnixMillis,
        event: Event,
    ) -> Result<Appended, StoreError> {
        let event = bounded(event);
        let appended = self.write(move |c| append(c, message, recipient, at, &event)).await?;
        let (from, to) = (step_label(&appended.before), step_label(&appended.state));
        if from != to {
            self.shared.metrics.messages.with_label_values(&[from]).dec();
            self.shared.metrics.messages.with_label_values(&[to]).inc();
        }
        Ok(appended)
    }

    /// A message's log, for all its recipients.
    pub async fn events(&self, message: MessageId) -> Result<Vec<LoggedEvent>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT seq, message, recipient, at, event FROM events WHERE message = ?1
                 ORDER BY seq",
            )?;
            let mut rows = query.query([message.0.as_bytes()])?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                let json: String = row.get(4)?;
                events.push(LoggedEvent {
                    seq: row.get(0)?,
                    message: id(row, 1)?,
                    recipient: UserId(row.get(2)?),
                    at: UnixMillis(row.get(3)?),
                    event: serde_json::from_str(&json).map_err(StoreError::unavailable)?,
                });
            }
            Ok(events)
        })
        .await
    }

    /// Whom which message waits for although its time has come at `now`, the earliest first; at
    /// most 1000.
    pub async fn due(&self, now: UnixMillis) -> Result<Vec<(MessageId, UserId)>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT message, user FROM recipients WHERE due <= ?1 ORDER BY due LIMIT 1000",
            )?;
            let rows = query.query_map([now.0], |r| Ok((id(r, 0)?, UserId(r.get(1)?))))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// When the next message is due of those that wait for their time.
    pub async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.read(|c| {
            let sql = "SELECT min(due) FROM recipients WHERE due IS NOT NULL";
            let due: Option<i64> = c.prepare_cached(sql)?.query_row([], |r| r.get(0))?;
            Ok(due.map(UnixMillis))
        })
        .await
    }

    /// What became of a message for one recipient; `None` where it is not theirs.
    pub async fn recipient_state(
        &self,
        message: MessageId,
        recipient: UserId,
    ) -> Result<Option<RecipientState>, StoreError> {
        self.read(move |c| load(c, message, recipient)).await
    }

    /// Every message that has not reached a recipient yet, and whom, oldest first.
    pub async fn unfinished(&self) -> Result<Vec<(MessageId, UserId)>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT message, user FROM recipients WHERE finished = 0 ORDER BY message, place",
            )?;
            let rows = query.query_map([], |r| Ok((id(r, 0)?, UserId(r.get(1)?))))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The same with all that begins their deliveries: resumed at start-up. One question for all
    /// of them, for there may be very many.
    pub async fn unfinished_messages(&self) -> Result<Vec<Unfinished>, StoreError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS}, r.user, r.state FROM recipients r
                 JOIN messages m ON m.id = r.message
                 WHERE r.finished = 0 ORDER BY r.message, r.place"
            );
            let mut query = c.prepare_cached(&sql)?;
            let mut rows = query.query([])?;
            let mut found: Vec<Unfinished> = Vec::new();
            while let Some(row) = rows.next()? {
                let user = UserId(row.get(COLUMN_COUNT)?);
                let json: String = row.get(COLUMN_COUNT + 1)?;
                let state = parse_state(&json)?;
                let message = id(row, 0)?;
                if let Some(last) = found.last_mut().filter(|last| last.message.id == message) {
                    last.recipients.push((user, state));
                    continue;
                }
                let message = record(row)?.summary(state.step());
                found.push(Unfinished { message, recipients: vec![(user, state)] });
            }
            Ok(found)
        })
        .await
    }

    /// What became of a message for each of its recipients.
    pub async fn message_states(
        &self,
        message: MessageId,
    ) -> Result<Vec<(UserId, RecipientState)>, StoreError> {
        self.read(move |c| {
            let sql = "SELECT user, state FROM recipients WHERE message = ?1 ORDER BY place";
            let mut query = c.prepare_cached(sql)?;
            let mut rows = query.query([message.0.as_bytes()])?;
            let mut states = Vec::new();
            while let Some(row) = rows.next()? {
                let json: String = row.get(1)?;
                states.push((UserId(row.get(0)?), parse_state(&json)?));
            }
            Ok(states)
        })
        .await
    }
}

/// Appends an event and folds it into the recipient's row.
pub(super) fn append(
    c: &Connection,
    message: MessageId,
    recipient: UserId,
    at: UnixMillis,
    event: &Event,
) -> Result<Appended, StoreError> {
    let before = load(c, message, recipient)?
        .ok_or(StoreError::NotFound { what: "message for this user" })?;
    let mut state = before.clone();
    if !state.apply(at, event)? {
        return Ok(Appended { seq: None, changed: false, before, state });
    }
    let json = serde_json::to_string(event).map_err(StoreError::unavailable)?;
    c.prepare_cached("INSERT INTO events (message, recipient, at, event) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![message.0.as_bytes(), recipient.0, at.0, json])?;
    let seq = c.last_insert_rowid();
    let json = serde_json::to_string(&state).map_err(StoreError::unavailable)?;
    c.prepare_cached(
        "UPDATE recipients SET step = ?3, folder = ?4, finished = ?5, state = ?6, due = ?7,
         since = ?8 WHERE message = ?1 AND user = ?2",
    )?
    .execute(params![
        message.0.as_bytes(),
        recipient.0,
        step_label(&state),
        state.folder().map(folder_label),
        state.finished(),
        json,
        state.due.filter(|_| state.is_held()).map(|due| due.0),
        at.0,
    ])?;
    Ok(Appended { seq: Some(seq), changed: true, before, state })
}

fn load(
    c: &Connection,
    message: MessageId,
    recipient: UserId,
) -> Result<Option<RecipientState>, StoreError> {
    let json: Option<String> = c
        .prepare_cached("SELECT state FROM recipients WHERE message = ?1 AND user = ?2")?
        .query_row(params![message.0.as_bytes(), recipient.0], |r| r.get(0))
        .optional()?;
    json.map(|json| parse_state(&json)).transpose()
}

/// A stored state; empty text is the state before the first event.
pub(super) fn parse_state(json: &str) -> Result<RecipientState, StoreError> {
    if json.is_empty() {
        return Ok(RecipientState::default());
    }
    serde_json::from_str(json).map_err(StoreError::unavailable)
}

/// How the table and the metrics call a folder.
pub(super) const fn folder_label(folder: Folder) -> &'static str {
    match folder {
        Folder::New => "new",
        Folder::Saved => "saved",
        Folder::Deleted => "deleted",
    }
}

/// How the table and the metrics call a state.
pub(super) fn step_label(state: &RecipientState) -> &'static str {
    if state.is_gone() {
        return "gone";
    }
    if state.deleted.is_some() {
        return "deleted";
    }
    if state.failed.is_some() {
        return "failed";
    }
    match state.step() {
        Step::Accepted => "accepted",
        Step::Notified => "notified",
        Step::Delivered => "delivered",
        Step::Heard => "heard",
    }
}

/// The event with its texts cut to a length that can't fill the log.
fn bounded(mut event: Event) -> Event {
    const LONGEST: usize = 128;
    let cut = |text: &mut String| {
        if let Some((at, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(at);
        }
    };
    match &mut event {
        Event::Accepted
        | Event::Saved
        | Event::Deleted
        | Event::Restored
        | Event::Expired
        | Event::Purged
        | Event::Held { .. }
        | Event::Released => {}
        Event::Notified { device }
        | Event::Delivered { device }
        | Event::Confirmed { device }
        | Event::Heard { device, .. } => {
            cut(device);
        }
        Event::Called { device, .. } => cut(device),
        Event::AttemptFailed { device, reason } => {
            cut(device);
            cut(reason);
        }
        Event::CalledOff { reason } | Event::Failed { reason } => cut(reason),
    }
    event
}
