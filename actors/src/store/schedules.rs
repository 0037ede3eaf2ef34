//! The schedules of announcements.

use rusqlite::{Connection, OptionalExtension, Row, params};

use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::announcements::{NewAnnouncement, Submitted, submit};
use super::{Store, StoreError};

/// The most schedules of one user.
const MOST: i64 = 200;
const COLUMNS: &str =
    "id, owner, name, recurrence, request, grace_secs, enabled, done, skipped, note";

/// A schedule as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// Its number; given by the store.
    pub id: i64,
    /// Whose it is.
    pub owner: UserId,
    /// What people call it.
    pub name: String,
    /// When it recurs, as iCalendar writes it.
    pub recurrence: String,
    /// What is announced, as JSON.
    pub request: String,
    /// A missed occurrence that is not older is said late, in seconds.
    pub grace_secs: u32,
    /// Whether it does not rest.
    pub enabled: bool,
    /// Everything up to here was dealt with.
    pub done: UnixMillis,
    /// How many occurrences were missed for good.
    pub skipped: u32,
    /// What came of the latest occurrence, where it was not simply said.
    pub note: Option<String>,
}

impl Store {
    /// Makes a schedule and gives its number.
    pub async fn create_schedule(&self, new: ScheduleRecord) -> Result<i64, StoreError> {
        self.write(move |c| {
            let sql = "SELECT count(*) FROM schedules WHERE owner = ?1";
            let count: i64 = c.query_row(sql, [new.owner.0], |r| r.get(0))?;
            if count >= MOST {
                return Err(StoreError::Conflict { what: format!("there are {MOST} schedules") });
            }
            c.execute(
                "INSERT INTO schedules (owner, name, recurrence, request, grace_secs, enabled, done)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    new.owner.0,
                    new.name,
                    new.recurrence,
                    new.request,
                    new.grace_secs,
                    new.enabled,
                    new.done.0
                ],
            )?;
            Ok(c.last_insert_rowid())
        })
        .await
    }

    /// Replaces a schedule of its owner.
    pub async fn update_schedule(&self, new: ScheduleRecord) -> Result<(), StoreError> {
        self.write(move |c| {
            let changed = c.execute(
                "UPDATE schedules SET name = ?3, recurrence = ?4, request = ?5, grace_secs = ?6,
                 enabled = ?7, done = ?8, note = NULL WHERE id = ?1 AND owner = ?2",
                params![
                    new.id,
                    new.owner.0,
                    new.name,
                    new.recurrence,
                    new.request,
                    new.grace_secs,
                    new.enabled,
                    new.done.0
                ],
            )?;
            found(changed)
        })
        .await
    }

    /// Removes a schedule of this owner.
    pub async fn delete_schedule(&self, owner: UserId, id: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM schedules WHERE id = ?1 AND owner = ?2";
            found(c.execute(sql, params![id, owner.0])?)
        })
        .await
    }

    /// Every schedule, or one user's.
    pub async fn schedules(
        &self,
        owner: Option<UserId>,
    ) -> Result<Vec<ScheduleRecord>, StoreError> {
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM schedules WHERE ?1 IS NULL OR owner = ?1 ORDER BY id"
            );
            let mut query = c.prepare_cached(&sql)?;
            let rows = query.query_map([owner.map(|o| o.0)], schedule)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// A schedule of this owner.
    pub async fn schedule(
        &self,
        owner: UserId,
        id: i64,
    ) -> Result<Option<ScheduleRecord>, StoreError> {
        self.read(move |c| {
            let sql = format!("SELECT {COLUMNS} FROM schedules WHERE id = ?1 AND owner = ?2");
            Ok(c.prepare_cached(&sql)?.query_row(params![id, owner.0], schedule).optional()?)
        })
        .await
    }

    /// An occurrence is due: its announcement exists and the schedule has dealt with it, both or
    /// neither. Without an announcement `note` says why there is none.
    pub async fn fire_schedule(
        &self,
        id: i64,
        at: UnixMillis,
        announcement: Option<NewAnnouncement>,
        note: Option<String>,
    ) -> Result<Option<Submitted>, StoreError> {
        self.write(move |c| {
            advance(c, id, at, 0, note.as_deref())?;
            announcement.clone().map(|new| submit(c, &new)).transpose()
        })
        .await
    }

    /// Occurrences up to `last` were missed.
    pub async fn skip_occurrences(
        &self,
        id: i64,
        last: UnixMillis,
        count: u32,
        note: String,
    ) -> Result<(), StoreError> {
        self.write(move |c| advance(c, id, last, count, Some(&note))).await
    }
}

fn advance(
    c: &Connection,
    id: i64,
    done: UnixMillis,
    skipped: u32,
    note: Option<&str>,
) -> Result<(), StoreError> {
    // One that was removed meanwhile has nothing to note.
    c.execute(
        "UPDATE schedules SET done = ?2, skipped = skipped + ?3, note = ?4 WHERE id = ?1",
        params![id, done.0, skipped, note],
    )?;
    Ok(())
}

fn found(changed: usize) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "schedule" }) }
}

fn schedule(row: &Row<'_>) -> rusqlite::Result<ScheduleRecord> {
    Ok(ScheduleRecord {
        id: row.get(0)?,
        owner: UserId(row.get(1)?),
        name: row.get(2)?,
        recurrence: row.get(3)?,
        request: row.get(4)?,
        grace_secs: row.get(5)?,
        enabled: row.get(6)?,
        done: UnixMillis(row.get(7)?),
        skipped: row.get(8)?,
        note: row.get(9)?,
    })
}
