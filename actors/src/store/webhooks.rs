//! Web services that users registered, and the events that they have to be told still.
//!
//! What is to be told is queued by a trigger on the event log (`schema.rs`).

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;
use hark_engine::time::UnixMillis;

use super::events::parse_state;
use super::messages::id;
use super::{Store, StoreError};

/// The most web services of one user.
const MAX_WEBHOOKS: u32 = 10;
/// The most events that are remembered of those that a web service did not take.
const MAX_DEAD: u32 = 1000;

/// Whose messages a web service is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// Those that the user sent.
    #[default]
    Sent,
    /// Those that the user received.
    Received,
    /// Both.
    All,
}

impl About {
    const fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::All => "all",
        }
    }

    fn from_label(label: &str) -> Self {
        match label {
            "received" => Self::Received,
            "all" => Self::All,
            _ => Self::Sent,
        }
    }
}

/// The secret that signs what a web service is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigningSecret(pub [u8; 32]);

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// A registered web service.
#[derive(Clone, Debug)]
pub struct WebhookRecord {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub user: UserId,
    /// Where it is.
    pub url: String,
    /// What signs the posts to it.
    pub secret: SigningSecret,
    /// What it is told of.
    pub about: About,
    /// When it was registered.
    pub created: UnixMillis,
    /// How many events wait to be told.
    pub queued: u32,
    /// How many were never queued, because too many waited.
    pub missed: u64,
    /// How many it did not take, however often it was tried.
    pub dead: u32,
    /// When it last took one.
    pub last_ok: Option<UnixMillis>,
    /// Why it did not take the last one.
    pub error: Option<String>,
    /// Since when it has taken none, if it did not take the last one.
    pub failing_since: Option<UnixMillis>,
}

/// An event that a web service did not take, however often it was tried.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// Its place in the log.
    pub seq: i64,
    /// Of which message.
    pub message: MessageId,
    /// What happened, as the log names it; `None` where the log does not know it any more.
    pub kind: Option<String>,
    /// When it was given up.
    pub at: UnixMillis,
    /// Why it was not taken.
    pub reason: String,
}

/// An event that a web service is to be told.
#[derive(Clone, Debug)]
pub struct QueuedEvent {
    /// Its place in the log.
    pub seq: i64,
    /// Of which message.
    pub message: MessageId,
    /// How often it was tried.
    pub attempts: u32,
    /// What happened; `None` where the event or its message is gone.
    pub told: Option<ToldEvent>,
}

/// What is told of an event.
#[derive(Clone, Debug)]
pub struct ToldEvent {
    /// When it happened.
    pub at: UnixMillis,
    /// To whom the message is.
    pub recipient: UserId,
    /// The event as the log keeps it: JSON.
    pub event: String,
    /// Who spoke the message.
    pub sender: Sender,
    /// How long the message is, in milliseconds.
    pub length_ms: u32,
    /// Whether the message goes before others.
    pub urgent: bool,
    /// Until when the message waits for its time, if it does.
    pub held: Option<UnixMillis>,
}

impl Store {
    /// Registers a web service of a user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the user has as many as may be.
    pub async fn create_webhook(
        &self,
        user: UserId,
        url: String,
        secret: SigningSecret,
        about: About,
        at: UnixMillis,
    ) -> Result<i64, StoreError> {
        self.write(move |c| {
            let sql = "SELECT count(*) FROM webhooks WHERE user = ?1";
            let count: u32 = c.prepare_cached(sql)?.query_row([user.0], |r| r.get(0))?;
            if count >= MAX_WEBHOOKS {
                let what = format!("there are {MAX_WEBHOOKS} webhooks already: delete one first");
                return Err(StoreError::Conflict { what });
            }
            c.prepare_cached(
                "INSERT INTO webhooks (user, url, secret, about, created)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![user.0, url, secret.0, about.label(), at.0])?;
            Ok(c.last_insert_rowid())
        })
        .await
    }

    /// The web services of a user, oldest first.
    pub async fn webhooks(&self, user: UserId) -> Result<Vec<WebhookRecord>, StoreError> {
        self.read(move |c| {
            let sql = format!("{SELECT} WHERE w.user = ?1 ORDER BY w.id");
            let mut query = c.prepare_cached(&sql)?;
            Ok(query.query_map([user.0], webhook)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// A web service.
    pub async fn webhook(&self, id: i64) -> Result<Option<WebhookRecord>, StoreError> {
        self.read(move |c| {
            let sql = format!("{SELECT} WHERE w.id = ?1");
            Ok(c.prepare_cached(&sql)?.query_row([id], webhook).optional()?)
        })
        .await
    }

    /// Forgets a web service of a user and what it was to be told. Says whether there was one.
    pub async fn delete_webhook(&self, user: UserId, id: i64) -> Result<bool, StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM webhooks WHERE user = ?1 AND id = ?2";
            Ok(c.execute(sql, params![user.0, id])? > 0)
        })
        .await
    }

    /// The secret for the web services that a user's profile names; made now if there is none.
    /// With `fresh`, the old one counts no more.
    pub async fn profile_webhook_secret(
        &self,
        user: UserId,
        fresh: bool,
    ) -> Result<SigningSecret, StoreError> {
        let new: [u8; 32] = crate::clock::random();
        self.write(move |c| {
            let sql = "INSERT INTO profile_webhook_secrets (user, secret) VALUES (?1, ?2)
                       ON CONFLICT (user) DO UPDATE SET secret = iif(?3, ?2, secret)
                       RETURNING secret";
            let kept = c.prepare_cached(sql)?.query_row(params![user.0, new, fresh], |r| r.get(0));
            Ok(SigningSecret(kept?))
        })
        .await
    }

    /// The web services that are to be told something, now or later.
    pub async fn webhooks_waiting(&self) -> Result<Vec<i64>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached("SELECT id FROM webhooks WHERE queued > 0")?;
            Ok(query.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// How many events wait for web services, all together.
    pub async fn webhook_backlog(&self) -> Result<i64, StoreError> {
        self.read(|c| {
            let sql = "SELECT coalesce(sum(queued), 0) FROM webhooks WHERE queued > 0";
            Ok(c.prepare_cached(sql)?.query_row([], |r| r.get(0))?)
        })
        .await
    }

    /// What a web service is to be told at `now`: of each message the first event alone, so that
    /// they come in order; at most `limit`. And when the next is due, if none is.
    pub async fn webhook_heads(
        &self,
        webhook: i64,
        now: UnixMillis,
        limit: usize,
    ) -> Result<(Vec<QueuedEvent>, Option<UnixMillis>), StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT q.seq, q.message, q.attempts, e.at, e.recipient, e.event, m.sender_user,
                 m.sender_name, m.sender_address, m.length_ms, m.urgent, r.state
                 FROM webhook_queue q
                 LEFT JOIN events e ON e.seq = q.seq
                 LEFT JOIN messages m ON m.id = q.message
                 LEFT JOIN recipients r ON r.message = q.message AND r.user = e.recipient
                 WHERE q.webhook = ?1 AND q.due <= ?2 AND q.seq = (
                     SELECT min(o.seq) FROM webhook_queue o
                     WHERE o.webhook = ?1 AND o.message = q.message)
                 ORDER BY q.seq LIMIT ?3",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = query.query(params![webhook, now.0, limit])?;
            let mut heads = Vec::new();
            while let Some(row) = rows.next()? {
                heads.push(QueuedEvent {
                    seq: row.get(0)?,
                    message: id(row, 1)?,
                    attempts: row.get(2)?,
                    told: told(row)?,
                });
            }
            if !heads.is_empty() {
                return Ok((heads, None));
            }
            let sql = "SELECT min(due) FROM webhook_queue q WHERE webhook = ?1 AND seq = (
                           SELECT min(o.seq) FROM webhook_queue o
                           WHERE o.webhook = ?1 AND o.message = q.message)";
            let due: Option<i64> = c.prepare_cached(sql)?.query_row([webhook], |r| r.get(0))?;
            Ok((heads, due.map(UnixMillis)))
        })
        .await
    }

    /// A web service took an event.
    pub async fn webhook_told(
        &self,
        webhook: i64,
        seq: i64,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            remove(c, webhook, seq)?;
            let sql = "UPDATE webhooks SET last_ok = ?2, error = NULL, failing_since = NULL
                       WHERE id = ?1";
            c.prepare_cached(sql)?.execute(params![webhook, at.0])?;
            Ok(())
        })
        .await
    }

    /// A web service need not be told of an event.
    pub async fn webhook_skipped(&self, webhook: i64, seq: i64) -> Result<(), StoreError> {
        self.write(move |c| remove(c, webhook, seq)).await
    }

    /// A web service is told of an event later: it did not take it (when, and why not), or must
    /// not know of it yet.
    pub async fn webhook_later(
        &self,
        webhook: i64,
        seq: i64,
        due: UnixMillis,
        failed: Option<(UnixMillis, String)>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let tried = failed.is_some();
            c.prepare_cached(
                "UPDATE webhook_queue SET due = ?3, attempts = attempts + ?4
                 WHERE webhook = ?1 AND seq = ?2",
            )?
            .execute(params![webhook, seq, due.0, tried])?;
            match &failed {
                Some((at, error)) => note_error(c, webhook, *at, error),
                None => Ok(()),
            }
        })
        .await
    }

    /// A web service is not tried with this event any more.
    pub async fn webhook_dead(
        &self,
        webhook: i64,
        seq: i64,
        at: UnixMillis,
        reason: String,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached(
                "INSERT OR REPLACE INTO webhook_dead (webhook, seq, message, at, reason)
                 SELECT webhook, seq, message, ?3, ?4 FROM webhook_queue
                 WHERE webhook = ?1 AND seq = ?2",
            )?
            .execute(params![webhook, seq, at.0, reason])?;
            c.prepare_cached(
                "DELETE FROM webhook_dead WHERE webhook = ?1 AND seq NOT IN (
                     SELECT seq FROM webhook_dead WHERE webhook = ?1 ORDER BY seq DESC LIMIT ?2)",
            )?
            .execute(params![webhook, MAX_DEAD])?;
            remove(c, webhook, seq)?;
            note_error(c, webhook, at, &reason)
        })
        .await
    }

    /// What a web service of this user did not take, the latest first; `None` where they have no
    /// such web service.
    pub async fn webhook_given_up(
        &self,
        user: UserId,
        webhook: i64,
        limit: u32,
    ) -> Result<Option<Vec<GivenUp>>, StoreError> {
        self.read(move |c| {
            let sql = "SELECT 1 FROM webhooks WHERE id = ?1 AND user = ?2";
            if !c.prepare_cached(sql)?.exists(params![webhook, user.0])? {
                return Ok(None);
            }
            let mut query = c.prepare_cached(
                "SELECT d.seq, d.message, json_extract(e.event, '$.kind'), d.at, d.reason
                 FROM webhook_dead d LEFT JOIN events e ON e.seq = d.seq
                 WHERE d.webhook = ?1 ORDER BY d.seq DESC LIMIT ?2",
            )?;
            let mut rows = query.query(params![webhook, limit])?;
            let mut given_up = Vec::new();
            while let Some(row) = rows.next()? {
                given_up.push(GivenUp {
                    seq: row.get(0)?,
                    message: id(row, 1)?,
                    kind: row.get(2)?,
                    at: UnixMillis(row.get(3)?),
                    reason: row.get(4)?,
                });
            }
            Ok(Some(given_up))
        })
        .await
    }

    /// What a web service of this user did not take is tried anew, from the first on. Says how
    /// many events that are.
    pub async fn webhook_retry(&self, user: UserId, webhook: i64) -> Result<usize, StoreError> {
        self.write(move |c| {
            let sql = "SELECT 1 FROM webhooks WHERE id = ?1 AND user = ?2";
            let is_theirs = c.prepare_cached(sql)?.exists(params![webhook, user.0])?;
            if !is_theirs {
                return Err(StoreError::NotFound { what: "webhook" });
            }
            c.execute(
                "INSERT OR IGNORE INTO webhook_queue (webhook, seq, message)
                 SELECT webhook, seq, message FROM webhook_dead WHERE webhook = ?1",
                [webhook],
            )?;
            c.execute("UPDATE webhook_queue SET due = 0 WHERE webhook = ?1", [webhook])?;
            Ok(c.execute("DELETE FROM webhook_dead WHERE webhook = ?1", [webhook])?)
        })
        .await
    }
}

const SELECT: &str = "SELECT w.id, w.user, w.url, w.secret, w.about, w.created, w.queued, w.missed,
    (SELECT count(*) FROM webhook_dead d WHERE d.webhook = w.id), w.last_ok, w.error, w.failing_since
    FROM webhooks w";

fn webhook(row: &Row<'_>) -> rusqlite::Result<WebhookRecord> {
    Ok(WebhookRecord {
        id: row.get(0)?,
        user: UserId(row.get(1)?),
        url: row.get(2)?,
        secret: SigningSecret(row.get(3)?),
        about: About::from_label(&row.get::<_, String>(4)?),
        created: UnixMillis(row.get(5)?),
        queued: row.get(6)?,
        missed: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
        dead: row.get(8)?,
        last_ok: row.get::<_, Option<i64>>(9)?.map(UnixMillis),
        error: row.get(10)?,
        failing_since: row.get::<_, Option<i64>>(11)?.map(UnixMillis),
    })
}

fn told(row: &Row<'_>) -> Result<Option<ToldEvent>, StoreError> {
    let (Some(event), Some(state)) =
        (row.get::<_, Option<String>>(5)?, row.get::<_, Option<String>>(11)?)
    else {
        return Ok(None);
    };
    let state = parse_state(&state)?;
    Ok(Some(ToldEvent {
        at: UnixMillis(row.get(3)?),
        recipient: UserId(row.get(4)?),
        event,
        sender: Sender {
            user: row.get::<_, Option<i64>>(6)?.map(UserId),
            name: row.get(7)?,
            address: row.get(8)?,
        },
        length_ms: row.get(9)?,
        urgent: row.get(10)?,
        held: state.due.filter(|_| state.is_held()),
    }))
}

fn remove(c: &rusqlite::Connection, webhook: i64, seq: i64) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM webhook_queue WHERE webhook = ?1 AND seq = ?2")?
        .execute([webhook, seq])?;
    Ok(())
}

fn note_error(
    c: &rusqlite::Connection,
    webhook: i64,
    at: UnixMillis,
    error: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE webhooks SET error = ?3, failing_since = coalesce(failing_since, ?2)
               WHERE id = ?1";
    c.prepare_cached(sql)?.execute(params![webhook, at.0, error])?;
    Ok(())
}
