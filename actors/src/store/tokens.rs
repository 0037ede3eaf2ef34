//! Tokens of applications: whoever holds one acts for its user, within its scopes, until it
//! expires or is revoked. Only the SHA-256 of the secret is stored.

use rusqlite::{OptionalExtension, Row, params};

use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::{Store, StoreError};

/// The most tokens of one user.
pub const MOST_TOKENS: u32 = 50;

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its number.
    pub id: i64,
    /// For whom it acts.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do: the scopes' names, each once, with spaces between them.
    pub scopes: String,
    /// When it was made.
    pub created: UnixMillis,
    /// From when on it is worth nothing; never if none.
    pub expires: Option<UnixMillis>,
    /// When it was last used, to about a minute.
    pub last_used: Option<UnixMillis>,
}

const COLUMNS: &str = "id, user, name, scopes, created, expires, last_used";

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get(0)?,
        user: UserId(row.get(1)?),
        name: row.get(2)?,
        scopes: row.get(3)?,
        created: UnixMillis(row.get(4)?),
        expires: row.get::<_, Option<i64>>(5)?.map(UnixMillis),
        last_used: row.get::<_, Option<i64>>(6)?.map(UnixMillis),
    })
}

impl Store {
    /// Keeps a token whose secret hashes to `hash`. Says its number.
    ///
    /// # Errors
    /// `Conflict` where the user has [`MOST_TOKENS`] already.
    pub async fn create_token(
        &self,
        new: TokenRecord,
        hash: [u8; 32],
    ) -> Result<TokenRecord, StoreError> {
        self.write(move |c| {
            let sql = "SELECT count(*) FROM tokens WHERE user = ?1";
            let has: u32 = c.prepare_cached(sql)?.query_row([new.user.0], |r| r.get(0))?;
            if has >= MOST_TOKENS {
                let what = format!("a user has at most {MOST_TOKENS} tokens: revoke one first");
                return Err(StoreError::Conflict { what });
            }
            c.prepare_cached(
                "INSERT INTO tokens (user, name, hash, scopes, created, expires)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                new.user.0,
                new.name,
                hash,
                new.scopes,
                new.created.0,
                new.expires.map(|at| at.0)
            ])?;
            Ok(TokenRecord { id: c.last_insert_rowid(), ..new.clone() })
        })
        .await
    }

    /// The token whose secret hashes to `hash`, if it still holds at `now`.
    pub async fn token(
        &self,
        hash: [u8; 32],
        now: UnixMillis,
    ) -> Result<Option<TokenRecord>, StoreError> {
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM tokens
                 WHERE hash = ?1 AND (expires IS NULL OR expires > ?2)
                 AND user IN (SELECT id FROM users WHERE NOT erased)"
            );
            Ok(c.prepare_cached(&sql)?.query_row(params![hash, now.0], token).optional()?)
        })
        .await
    }

    /// The tokens of a user, or with `None` of all users, the oldest first.
    pub async fn tokens(&self, user: Option<UserId>) -> Result<Vec<TokenRecord>, StoreError> {
        self.read(move |c| {
            let sql =
                format!("SELECT {COLUMNS} FROM tokens WHERE ?1 IS NULL OR user = ?1 ORDER BY id");
            let mut query = c.prepare_cached(&sql)?;
            let rows = query.query_map([user.map(|user| user.0)], token)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Revokes a token, of `user` or with `None` of anybody.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn revoke_token(&self, id: i64, user: Option<UserId>) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM tokens WHERE id = ?1 AND (?2 IS NULL OR user = ?2)";
            let gone = c.execute(sql, params![id, user.map(|user| user.0)])?;
            if gone == 0 { Err(StoreError::NotFound { what: "token" }) } else { Ok(()) }
        })
        .await
    }

    /// Notes that a token was used. One that is gone is no error.
    pub async fn token_used(&self, id: i64, at: UnixMillis) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE tokens SET last_used = max(coalesce(last_used, 0), ?2) WHERE id = ?1";
            c.prepare_cached(sql)?.execute(params![id, at.0])?;
            Ok(())
        })
        .await
    }
}
