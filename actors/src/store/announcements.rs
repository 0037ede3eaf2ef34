//! Announcements: accepted once a key, followed until they are over.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Event;
use hark_engine::message::state::RecipientState;
use hark_engine::time::UnixMillis;

use super::events::parse_state;
use super::messages::id;
use super::{Store, StoreError};

const COLUMNS: &str = "id, owner, key, created, dedup_key, state, plan, step, step_started, \
     confirmed_by, confirmed_at, confirmed_on, reason";
/// The most that are listed at once.
const LONGEST_LIST: u32 = 200;
/// The most announcements of one owner that are under way at once.
const MOST_LIVE: i64 = 1000;

/// An announcement to be accepted.
#[derive(Clone, Debug)]
pub struct NewAnnouncement {
    /// Its id.
    pub id: Uuid,
    /// Who wants it made.
    pub owner: UserId,
    /// A second one of this owner under the same key is the first one.
    pub key: String,
    /// SHA-256 of what was asked: another one under the same key is a mistake.
    pub fingerprint: [u8; 32],
    /// When it is accepted.
    pub created: UnixMillis,
    /// Within the window of another one with this key it is not made.
    pub dedup_key: Option<String>,
    /// How long that window is, in milliseconds.
    pub dedup_window_ms: i64,
    /// What is said, to whom, as JSON.
    pub plan: String,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The announcement: the earlier one where this is a repetition.
    pub id: Uuid,
    /// Whether it was there already, by its key or within the window of de-duplication.
    pub duplicate: bool,
    /// Whether the key was used for another request than this one.
    pub differs: bool,
}

/// An announcement as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncementRecord {
    /// Its id.
    pub id: Uuid,
    /// Who wanted it made.
    pub owner: UserId,
    /// The key that it was accepted under.
    pub key: String,
    /// When it was accepted.
    pub created: UnixMillis,
    /// Its key for de-duplication.
    pub dedup_key: Option<String>,
    /// `pending`, `active`, `sent`, `confirmed`, `exhausted`, `expired`, `cancelled` or `failed`.
    pub state: String,
    /// What is said, to whom, as JSON.
    pub plan: String,
    /// The step it is at.
    pub step: usize,
    /// When its people were told.
    pub step_started: Option<UnixMillis>,
    /// Who confirmed it first, when and on which device.
    pub confirmed: Option<(UserId, UnixMillis, String)>,
    /// Why it came to nothing.
    pub reason: Option<String>,
}

/// A voice message of an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The message, whose id is chosen before it is made.
    pub message: MessageId,
    /// Of which step.
    pub step: usize,
    /// In which language: a BCP 47 tag, or empty for a recording.
    pub language: String,
    /// To whom.
    pub recipients: Vec<UserId>,
    /// Whether the message exists.
    pub committed: bool,
}

impl Store {
    /// Accepts an announcement: when this returns, it will be made, once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where its key was used for something else, or too many of its
    /// owner are under way.
    pub async fn submit_announcement(&self, new: NewAnnouncement) -> Result<Submitted, StoreError> {
        self.write(move |c| submit(c, &new)).await
    }

    /// The announcement that this owner's key was used for, if it was.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it was used for something else.
    pub async fn announcement_by_key(
        &self,
        owner: UserId,
        key: &str,
        fingerprint: [u8; 32],
    ) -> Result<Option<Submitted>, StoreError> {
        let key = key.to_owned();
        self.read(move |c| known(c, owner, &key, fingerprint)).await
    }

    /// An announcement.
    pub async fn announcement(&self, id: Uuid) -> Result<Option<AnnouncementRecord>, StoreError> {
        self.read(move |c| one(c, id)).await
    }

    /// What a user announced, the newest first.
    pub async fn announcements(
        &self,
        owner: UserId,
        limit: u32,
    ) -> Result<Vec<AnnouncementRecord>, StoreError> {
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM announcements WHERE owner = ?1
                 ORDER BY created DESC, id DESC LIMIT ?2"
            );
            list(c, &sql, params![owner.0, limit.min(LONGEST_LIST)])
        })
        .await
    }

    /// Those that are not over, the oldest first.
    pub async fn live_announcements(&self) -> Result<Vec<AnnouncementRecord>, StoreError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM announcements WHERE state IN ('pending', 'active')
                 ORDER BY created, id LIMIT 10000"
            );
            list(c, &sql, [])
        })
        .await
    }

    /// Begins a step: its messages get their ids, once. Gives all of them.
    pub async fn begin_step(
        &self,
        announcement: Uuid,
        step: usize,
        parts: Vec<Part>,
        at: UnixMillis,
    ) -> Result<Vec<Part>, StoreError> {
        self.write(move |c| {
            let number = i64::try_from(step).unwrap_or(i64::MAX);
            let changed = c.execute(
                "UPDATE announcements SET state = 'active', step = ?2, step_started = ?3
                 WHERE id = ?1 AND state IN ('pending', 'active')
                 AND (step_started IS NULL OR step < ?2)",
                params![announcement.as_bytes(), number, at.0],
            )?;
            if changed == 1 {
                for part in &parts {
                    let recipients =
                        serde_json::to_string(&part.recipients).map_err(StoreError::unavailable)?;
                    c.execute(
                        "INSERT OR IGNORE INTO announcement_parts
                         (message, announcement, step, language, recipients)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                        params![
                            part.message.0.as_bytes(),
                            announcement.as_bytes(),
                            number,
                            part.language,
                            recipients
                        ],
                    )?;
                }
            }
            let mut all = parts_of(c, announcement)?;
            all.retain(|part| part.step == step);
            Ok(all)
        })
        .await
    }

    /// A message of an announcement exists.
    pub async fn part_committed(&self, message: MessageId) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE announcement_parts SET committed = 1 WHERE message = ?1";
            c.execute(sql, [message.0.as_bytes()])?;
            Ok(())
        })
        .await
    }

    /// The messages of an announcement, in the order of its steps.
    pub async fn parts(&self, announcement: Uuid) -> Result<Vec<Part>, StoreError> {
        self.read(move |c| parts_of(c, announcement)).await
    }

    /// The newest messages that are announcements, up to 100,000.
    pub async fn announcement_messages(&self) -> Result<Vec<MessageId>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT message FROM announcement_parts ORDER BY message DESC LIMIT 100000",
            )?;
            let rows = query.query_map([], |r| id(r, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What became of a message for each of its recipients.
    pub async fn recipient_states(
        &self,
        message: MessageId,
    ) -> Result<Vec<(UserId, RecipientState)>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT user, state FROM recipients WHERE message = ?1 ORDER BY place",
            )?;
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

    /// It is over. Says whether it was not before.
    pub async fn finish_announcement(
        &self,
        id: Uuid,
        state: &'static str,
        confirmed: Option<(UserId, UnixMillis, String)>,
        reason: Option<String>,
    ) -> Result<bool, StoreError> {
        self.write(move |c| {
            let (by, at, on) = match &confirmed {
                Some((by, at, on)) => (Some(by.0), Some(at.0), Some(on.as_str())),
                None => (None, None, None),
            };
            let changed = c.execute(
                "UPDATE announcements SET state = ?2, confirmed_by = ?3, confirmed_at = ?4,
                 confirmed_on = ?5, reason = ?6 WHERE id = ?1 AND state IN ('pending', 'active')",
                params![id.as_bytes(), state, by, at, on, reason],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    /// Messages that wait unheard in somebody's mailbox and are no announcements: which, whose,
    /// the user who sent it, and since when. The newest first, at most `limit`.
    pub async fn unheard(&self, limit: u32) -> Result<Vec<Unheard>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT r.message, r.user, m.sender_user, m.sender_name, m.at
                 FROM recipients r JOIN messages m ON m.id = r.message
                 WHERE r.folder = 'new'
                 AND NOT EXISTS (SELECT 1 FROM announcement_parts p WHERE p.message = r.message)
                 ORDER BY r.message DESC LIMIT ?1",
            )?;
            let rows = query.query_map([limit], |r| {
                Ok(Unheard {
                    message: id(r, 0)?,
                    user: UserId(r.get(1)?),
                    sender: r.get::<_, Option<i64>>(2)?.map(UserId),
                    sender_name: r.get(3)?,
                    since: UnixMillis(r.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// Which.
    pub message: MessageId,
    /// In whose mailbox.
    pub user: UserId,
    /// The user who sent it.
    pub sender: Option<UserId>,
    /// Who that is.
    pub sender_name: String,
    /// When it was committed.
    pub since: UnixMillis,
}

/// Whether an event ends the wait of a message.
pub const fn ends_wait(event: &Event) -> bool {
    match event {
        Event::Heard { .. }
        | Event::Confirmed { .. }
        | Event::Saved
        | Event::Deleted
        | Event::Expired
        | Event::Purged => true,
        Event::Accepted
        | Event::Notified { .. }
        | Event::Delivered { .. }
        | Event::Restored
        | Event::Called { .. }
        | Event::Held { .. }
        | Event::Released
        | Event::CalledOff { .. }
        | Event::AttemptFailed { .. }
        | Event::Failed { .. } => false,
    }
}

pub(super) fn submit(c: &Connection, new: &NewAnnouncement) -> Result<Submitted, StoreError> {
    if let Some(known) = known(c, new.owner, &new.key, new.fingerprint)? {
        return Ok(known);
    }
    if let Some(key) = &new.dedup_key {
        let since = new.created.0.saturating_sub(new.dedup_window_ms);
        let within: Option<[u8; 16]> = c
            .prepare_cached(
                "SELECT id FROM announcements WHERE owner = ?1 AND dedup_key = ?2 AND created > ?3
                 ORDER BY created DESC LIMIT 1",
            )?
            .query_row(params![new.owner.0, key, since], |r| r.get(0))
            .optional()?;
        if let Some(id) = within {
            return Ok(Submitted { id: Uuid::from_bytes(id), duplicate: true, differs: false });
        }
    }
    let live: i64 = c
        .prepare_cached(
            "SELECT count(*) FROM announcements WHERE owner = ?1 AND state IN ('pending', 'active')",
        )?
        .query_row([new.owner.0], |r| r.get(0))?;
    if live >= MOST_LIVE {
        let what = format!("{MOST_LIVE} events are under way already");
        return Err(StoreError::Conflict { what });
    }
    c.prepare_cached(
        "INSERT INTO announcements (id, owner, key, fingerprint, created, dedup_key, state, plan)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7)",
    )?
    .execute(params![
        new.id.as_bytes(),
        new.owner.0,
        new.key,
        new.fingerprint,
        new.created.0,
        new.dedup_key,
        new.plan
    ])?;
    Ok(Submitted { id: new.id, duplicate: false, differs: false })
}

fn known(
    c: &Connection,
    owner: UserId,
    key: &str,
    fingerprint: [u8; 32],
) -> Result<Option<Submitted>, StoreError> {
    let known: Option<([u8; 16], [u8; 32])> = c
        .prepare_cached("SELECT id, fingerprint FROM announcements WHERE owner = ?1 AND key = ?2")?
        .query_row(params![owner.0, key], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    match known {
        Some((id, first)) => {
            let (id, differs) = (Uuid::from_bytes(id), first != fingerprint);
            Ok(Some(Submitted { id, duplicate: true, differs }))
        }
        None => Ok(None),
    }
}

fn one(c: &Connection, id: Uuid) -> Result<Option<AnnouncementRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM announcements WHERE id = ?1");
    Ok(c.prepare_cached(&sql)?.query_row([id.as_bytes()], record).optional()?)
}

fn list(
    c: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<AnnouncementRecord>, StoreError> {
    let mut query = c.prepare_cached(sql)?;
    let rows = query.query_map(parameters, record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<AnnouncementRecord> {
    let by: Option<i64> = row.get(9)?;
    let at: Option<i64> = row.get(10)?;
    let on: Option<String> = row.get(11)?;
    Ok(AnnouncementRecord {
        id: Uuid::from_bytes(row.get(0)?),
        owner: UserId(row.get(1)?),
        key: row.get(2)?,
        created: UnixMillis(row.get(3)?),
        dedup_key: row.get(4)?,
        state: row.get(5)?,
        plan: row.get(6)?,
        step: usize::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
        step_started: row.get::<_, Option<i64>>(8)?.map(UnixMillis),
        confirmed: by.zip(at).map(|(by, at)| (UserId(by), UnixMillis(at), on.unwrap_or_default())),
        reason: row.get(12)?,
    })
}

fn parts_of(c: &Connection, announcement: Uuid) -> Result<Vec<Part>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT message, step, language, recipients, committed FROM announcement_parts
         WHERE announcement = ?1 ORDER BY step, language",
    )?;
    let mut rows = query.query([announcement.as_bytes()])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        let recipients: String = row.get(3)?;
        parts.push(Part {
            message: id(row, 0)?,
            step: usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
            language: row.get(2)?,
            recipients: serde_json::from_str(&recipients).map_err(StoreError::unavailable)?,
            committed: row.get(4)?,
        });
    }
    Ok(parts)
}
