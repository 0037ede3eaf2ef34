//! The delivery calls that are being made: what a restart needs to know, so that nobody is called
//! again for a message while they still hold the telephone on which they just heard it.

use rusqlite::params;

use hark_engine::id::{MessageId, UserId};
use hark_engine::time::UnixMillis;

use super::messages::id;
use super::{Store, StoreError};

/// A delivery call that was being made when the server went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// For which message.
    pub message: MessageId,
    /// To whom.
    pub user: UserId,
    /// When it began.
    pub begun: UnixMillis,
}

impl Store {
    /// A telephone is about to ring. Noted before it does.
    pub async fn ring_begins(&self, ring: Ring) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached(
                "INSERT OR REPLACE INTO rings (message, user, begun) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![ring.message.0.as_bytes(), ring.user.0, ring.begun.0])?;
            Ok(())
        })
        .await
    }

    /// Its call is over, and whoever asked for it knows how it went.
    pub async fn ring_over(&self, message: MessageId, user: UserId) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached("DELETE FROM rings WHERE message = ?1 AND user = ?2")?
                .execute(params![message.0.as_bytes(), user.0])?;
            Ok(())
        })
        .await
    }

    /// The calls that nobody said of that they are over, of earlier runs too; those of which that
    /// is known are at most a few.
    pub async fn rings(&self) -> Result<Vec<Ring>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached("SELECT message, user, begun FROM rings")?;
            let rings = query.query_map([], |row| {
                let (user, begun) = (UserId(row.get(1)?), UnixMillis(row.get(2)?));
                Ok(Ring { message: id(row, 0)?, user, begun })
            })?;
            Ok(rings.collect::<Result<_, _>>()?)
        })
        .await
    }
}
