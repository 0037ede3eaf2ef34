//! The rules on Hark's own events.

use rusqlite::{Row, params};

use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::{Store, StoreError};

/// The most rules of one user.
const MOST: i64 = 100;

/// A rule as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRuleRecord {
    /// Its number; given by the store.
    pub id: i64,
    /// Whose it is.
    pub owner: UserId,
    /// What people call it.
    pub name: String,
    /// Condition, times and what is announced, as JSON.
    pub spec: String,
    /// Whether it does not rest.
    pub enabled: bool,
    /// When it told something last.
    pub last_fired: Option<UnixMillis>,
    /// Why the latest telling came to nothing, if it did.
    pub note: Option<String>,
}

impl Store {
    /// Makes a rule and gives its number.
    pub async fn create_event_rule(&self, new: EventRuleRecord) -> Result<i64, StoreError> {
        self.write(move |c| {
            let sql = "SELECT count(*) FROM event_rules WHERE owner = ?1";
            let count: i64 = c.query_row(sql, [new.owner.0], |r| r.get(0))?;
            if count >= MOST {
                return Err(StoreError::Conflict { what: format!("there are {MOST} rules") });
            }
            c.execute(
                "INSERT INTO event_rules (owner, name, spec, enabled) VALUES (?1, ?2, ?3, ?4)",
                params![new.owner.0, new.name, new.spec, new.enabled],
            )?;
            Ok(c.last_insert_rowid())
        })
        .await
    }

    /// Replaces a rule of its owner.
    pub async fn update_event_rule(&self, new: EventRuleRecord) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE event_rules SET name = ?3, spec = ?4, enabled = ?5, note = NULL
                       WHERE id = ?1 AND owner = ?2";
            found(c.execute(sql, params![new.id, new.owner.0, new.name, new.spec, new.enabled])?)
        })
        .await
    }

    /// Removes a rule of this owner.
    pub async fn delete_event_rule(&self, owner: UserId, id: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM event_rules WHERE id = ?1 AND owner = ?2";
            found(c.execute(sql, params![id, owner.0])?)
        })
        .await
    }

    /// Every rule, or one user's.
    pub async fn event_rules(
        &self,
        owner: Option<UserId>,
    ) -> Result<Vec<EventRuleRecord>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT id, owner, name, spec, enabled, last_fired, note FROM event_rules
                 WHERE ?1 IS NULL OR owner = ?1 ORDER BY id",
            )?;
            let rows = query.query_map([owner.map(|o| o.0)], rule)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// A rule told something; `note` says why that came to nothing, if it did.
    pub async fn rule_fired(
        &self,
        id: i64,
        at: UnixMillis,
        note: Option<String>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE event_rules SET last_fired = ?2, note = ?3 WHERE id = ?1";
            c.execute(sql, params![id, at.0, note])?;
            Ok(())
        })
        .await
    }
}

fn found(changed: usize) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "event rule" }) }
}

fn rule(row: &Row<'_>) -> rusqlite::Result<EventRuleRecord> {
    Ok(EventRuleRecord {
        id: row.get(0)?,
        owner: UserId(row.get(1)?),
        name: row.get(2)?,
        spec: row.get(3)?,
        enabled: row.get(4)?,
        last_fired: row.get::<_, Option<i64>>(5)?.map(UnixMillis),
        note: row.get(6)?,
    })
}
