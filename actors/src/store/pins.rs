//! Telephone PINs, and the attempts at them: kept, so that a restart gives nobody new ones.

use rusqlite::{Connection, OptionalExtension, params};

use hark_engine::id::UserId;
use hark_engine::pin::Attempts;
use hark_engine::time::UnixMillis;

use super::users::one_user;
use super::{Store, StoreError};

/// What came of asking for another attempt at a PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinAttempt {
    /// It is taken, and counts as wrong until [`Store::pin_was_right`]; this is the PHC string of
    /// the PIN.
    Judge(String),
    /// The user has no PIN.
    NoPin,
    /// Too many were wrong: none is taken now.
    Locked,
}

impl Store {
    /// The PHC string of a user's telephone PIN, if there is one.
    pub async fn pin_hash(&self, user: UserId) -> Result<Option<String>, StoreError> {
        self.read(move |c| pin_hash(c, user)).await
    }

    /// Replaces a user's telephone PIN. Its attempts begin anew.
    pub async fn set_pin(&self, user: UserId, hash: String) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE users SET pin_hash = ?2 WHERE id = ?1";
            one_user(c.execute(sql, params![user.0, hash])?)?;
            forget(c, user)
        })
        .await
    }

    /// Takes an attempt at a user's PIN, before it is judged.
    pub async fn begin_pin_attempt(
        &self,
        user: UserId,
        now: UnixMillis,
    ) -> Result<PinAttempt, StoreError> {
        self.write(move |c| {
            let Some(hash) = pin_hash(c, user)? else { return Ok(PinAttempt::NoPin) };
            let known = c
                .prepare_cached("SELECT wrong, locked_until FROM pin_attempts WHERE user = ?1")?
                .query_row([user.0], |r| {
                    let locked_until = r.get::<_, Option<i64>>(1)?.map(UnixMillis);
                    Ok(Attempts { wrong: r.get(0)?, locked_until })
                })
                .optional()?;
            let Ok(taken) = known.unwrap_or_default().begin(now) else {
                return Ok(PinAttempt::Locked);
            };
            c.prepare_cached(
                "INSERT OR REPLACE INTO pin_attempts (user, wrong, locked_until) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![user.0, taken.wrong, taken.locked_until.map(|t| t.0)])?;
            Ok(PinAttempt::Judge(hash))
        })
        .await
    }

    /// The attempt that was judged was right: the wrong ones before it are forgotten.
    pub async fn pin_was_right(&self, user: UserId) -> Result<(), StoreError> {
        self.write(move |c| forget(c, user)).await
    }
}

fn pin_hash(c: &Connection, user: UserId) -> Result<Option<String>, StoreError> {
    c.prepare_cached("SELECT pin_hash FROM users WHERE id = ?1")?
        .query_row([user.0], |r| r.get(0))
        .optional()?
        .ok_or(StoreError::NotFound { what: "user" })
}

fn forget(c: &Connection, user: UserId) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM pin_attempts WHERE user = ?1")?.execute([user.0])?;
    Ok(())
}
