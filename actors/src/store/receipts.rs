//! What a sender is told by telephone: how many of their messages were heard since last time.

use rusqlite::params;

use hark_engine::id::UserId;

use super::users::one_user;
use super::{Store, StoreError};

/// How many messages were heard, and up to where in the event log that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardCount {
    /// The messages, whoever of their recipients heard them.
    pub messages: u32,
    /// The newest event that was looked at.
    pub up_to: i64,
}

impl Store {
    /// How many of the messages that `sender` wanted receipts for were heard by a recipient for
    /// the first time since [`Store::receipts_told`].
    pub async fn heard_since_told(&self, sender: UserId) -> Result<HeardCount, StoreError> {
        self.read(move |c| {
            // Both questions see one state of the database only inside a transaction.
            let tx = c.unchecked_transaction()?;
            let up_to = tx
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM events")?
                .query_row([], |r| r.get(0))?;
            let messages = tx
                .prepare_cached(
                    "SELECT count(DISTINCT first.message) FROM (
                         SELECT e.message, min(e.seq) AS seq
                         FROM messages m JOIN events e ON e.message = m.id
                         WHERE m.sender_user = ?1 AND m.receipt
                         AND json_extract(e.event, '$.kind') = 'heard'
                         GROUP BY e.message, e.recipient
                     ) AS first
                     WHERE first.seq > (SELECT receipts_told FROM users WHERE id = ?1)",
                )?
                .query_row([sender.0], |r| r.get(0))?;
            Ok(HeardCount { messages, up_to })
        })
        .await
    }

    /// The sender was told of what was counted up to this event.
    pub async fn receipts_told(&self, sender: UserId, up_to: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE users SET receipts_told = max(receipts_told, ?2) WHERE id = ?1";
            one_user(c.execute(sql, params![sender.0, up_to])?)
        })
        .await
    }
}
