//! The browsers of users that are told of messages by Web Push.

use rusqlite::{Row, params};

use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::{Store, StoreError};

/// The most browsers of one user; with a further one the oldest is forgotten.
const MAX_SUBSCRIPTIONS: u32 = 16;

/// A browser's subscription, as it named itself (W3C Push API, RFC 8291 section 3).
#[derive(Clone)]
pub struct NewSubscription {
    /// Where the push service takes what is for it.
    pub endpoint: String,
    /// Its P-256 key, uncompressed.
    pub p256dh: [u8; 65],
    /// Its authentication secret.
    pub auth: [u8; 16],
    /// What people call it.
    pub device: String,
}

impl std::fmt::Debug for NewSubscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever knows the rest can make this browser show things.
        f.debug_struct("NewSubscription").field("device", &self.device).finish_non_exhaustive()
    }
}

/// A subscription that is kept.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its number.
    pub id: i64,
    /// The browser.
    pub browser: NewSubscription,
    /// When it subscribed.
    pub created: UnixMillis,
}

impl Store {
    /// Keeps a subscription. An endpoint is one browser's: whoever signs in there last has it.
    pub async fn save_subscription(
        &self,
        user: UserId,
        new: NewSubscription,
        at: UnixMillis,
    ) -> Result<i64, StoreError> {
        self.write(move |c| {
            let id = c
                .prepare_cached(
                    "INSERT INTO push_subscriptions (endpoint, user, p256dh, auth, device, created)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (endpoint) DO UPDATE SET user = excluded.user,
                     p256dh = excluded.p256dh, auth = excluded.auth, device = excluded.device
                     RETURNING id",
                )?
                .query_row(
                    params![new.endpoint, user.0, new.p256dh, new.auth, new.device, at.0],
                    |r| r.get(0),
                )?;
            c.prepare_cached(
                "DELETE FROM push_subscriptions WHERE user = ?1 AND id NOT IN (
                     SELECT id FROM push_subscriptions WHERE user = ?1 ORDER BY id DESC LIMIT ?2)",
            )?
            .execute(params![user.0, MAX_SUBSCRIPTIONS])?;
            Ok(id)
        })
        .await
    }

    /// The subscriptions of a user, oldest first.
    pub async fn subscriptions(&self, user: UserId) -> Result<Vec<Subscription>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT id, endpoint, p256dh, auth, device, created FROM push_subscriptions
                 WHERE user = ?1 ORDER BY id",
            )?;
            Ok(query.query_map([user.0], subscription)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets a user's subscription. Says whether there was one.
    pub async fn delete_subscription(&self, user: UserId, id: i64) -> Result<bool, StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM push_subscriptions WHERE user = ?1 AND id = ?2";
            Ok(c.execute(sql, params![user.0, id])? > 0)
        })
        .await
    }

    /// Forgets the subscription of a user's browser. Says whether there was one.
    pub async fn delete_endpoint(
        &self,
        user: UserId,
        endpoint: String,
    ) -> Result<bool, StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM push_subscriptions WHERE user = ?1 AND endpoint = ?2";
            Ok(c.execute(sql, params![user.0, endpoint])? > 0)
        })
        .await
    }
}

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription {
        id: row.get(0)?,
        browser: NewSubscription {
            endpoint: row.get(1)?,
            p256dh: row.get(2)?,
            auth: row.get(3)?,
            device: row.get(4)?,
        },
        created: UnixMillis(row.get(5)?),
    })
}
