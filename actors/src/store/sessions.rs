//! Sign-ins of browsers, and where SIP telephones are registered.

use rusqlite::{OptionalExtension, params};

use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::{Store, StoreError};

/// A SIP registration, as the registrar wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBinding {
    /// The account's name.
    pub account: String,
    /// The contact's URI, which names the binding.
    pub contact: String,
    /// The binding itself, as JSON.
    pub binding: String,
    /// When it lapses.
    pub expires: UnixMillis,
}

impl Store {
    /// Keeps a sign-in. Only the SHA-256 of its token is stored.
    pub async fn create_session(
        &self,
        token_hash: [u8; 32],
        user: UserId,
        expires: UnixMillis,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached(
                "INSERT INTO sessions (token_hash, user, expires) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![token_hash, user.0, expires.0])?;
            Ok(())
        })
        .await
    }

    /// Who signed in with this token, if the sign-in still holds at `now`.
    pub async fn session(
        &self,
        token_hash: [u8; 32],
        now: UnixMillis,
    ) -> Result<Option<UserId>, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT user FROM sessions WHERE token_hash = ?1 AND expires > ?2
                 AND user IN (SELECT id FROM users WHERE NOT erased)",
            )?
            .query_row(params![token_hash, now.0], |r| Ok(UserId(r.get(0)?)))
            .optional()?)
        })
        .await
    }

    /// Ends a sign-in. One that is gone already is no error.
    pub async fn delete_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM sessions WHERE token_hash = ?1", [token_hash])?;
            Ok(())
        })
        .await
    }

    /// Removes what lapsed before `now`: sign-ins, registrations, and links after a month's
    /// grace in which they still say that they expired.
    pub async fn remove_lapsed(&self, now: UnixMillis) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM sessions WHERE expires <= ?1", [now.0])?;
            c.execute("DELETE FROM bindings WHERE expires <= ?1", [now.0])?;
            const GRACE_MS: i64 = 30 * 86_400_000;
            c.execute("DELETE FROM links WHERE expires <= ?1", [now.0.saturating_sub(GRACE_MS)])?;
            Ok(())
        })
        .await
    }

    /// Keeps a registration, in place of an older one of the same account and contact.
    pub async fn save_binding(&self, binding: StoredBinding) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached(
                "INSERT INTO bindings (account, contact, binding, expires) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET binding = excluded.binding, expires = excluded.expires",
            )?
            .execute(params![
                binding.account,
                binding.contact,
                binding.binding,
                binding.expires.0
            ])?;
            // What lapsed while the server was down is no news once the user has a telephone.
            let sql = "DELETE FROM bindings WHERE account = ?1 AND expires <= unixepoch() * 1000
                       AND contact <> ?2";
            c.prepare_cached(sql)?.execute([&binding.account, &binding.contact])?;
            Ok(())
        })
        .await
    }

    /// Forgets a registration. One that is gone already is no error.
    pub async fn delete_binding(&self, account: &str, contact: &str) -> Result<(), StoreError> {
        let (account, contact) = (account.to_owned(), contact.to_owned());
        self.write(move |c| {
            let sql = "DELETE FROM bindings WHERE account = ?1 AND contact = ?2";
            c.execute(sql, params![account, contact])?;
            Ok(())
        })
        .await
    }

    /// The accounts whose last registration lapsed while nobody watched, and when. It is gone
    /// from here when the account registers again, or after a month.
    pub async fn lapsed_accounts(
        &self,
        now: UnixMillis,
    ) -> Result<Vec<(String, UnixMillis)>, StoreError> {
        const MONTH_MS: i64 = 31 * 86_400_000;
        self.write(move |c| {
            let old = now.0.saturating_sub(MONTH_MS);
            c.execute("DELETE FROM bindings WHERE expires <= ?1", [old])?;
            let mut query = c.prepare_cached(
                "SELECT account, max(expires) FROM bindings GROUP BY account
                 HAVING max(expires) <= ?1",
            )?;
            let rows = query.query_map([now.0], |r| Ok((r.get(0)?, UnixMillis(r.get(1)?))))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The registrations that still hold at `now`.
    pub async fn bindings(&self, now: UnixMillis) -> Result<Vec<StoredBinding>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT account, contact, binding, expires FROM bindings WHERE expires > ?1
                 ORDER BY account, contact",
            )?;
            let rows = query.query_map([now.0], |r| {
                Ok(StoredBinding {
                    account: r.get(0)?,
                    contact: r.get(1)?,
                    binding: r.get(2)?,
                    expires: UnixMillis(r.get(3)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
