//! What was asked for under a key, so that something else under it is known for that.

use rusqlite::{OptionalExtension as _, params};

use hark_engine::id::UserId;

use super::{Store, StoreError};

impl Store {
    /// Notes what `user` asks for under a key. What was asked for under it before came to nothing.
    pub async fn note_request(
        &self,
        user: UserId,
        key: String,
        fingerprint: [u8; 32],
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached(
                "INSERT INTO request_keys (key, user, fingerprint) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint",
            )?
            .execute(params![key, user.0, fingerprint])?;
            Ok(())
        })
        .await
    }

    /// What was asked for under a key; `None` where that was not noted.
    pub async fn request_under(&self, key: String) -> Result<Option<[u8; 32]>, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached("SELECT fingerprint FROM request_keys WHERE key = ?1")?
                .query_row([key], |r| r.get(0))
                .optional()?)
        })
        .await
    }
}
