//! Senders who want a mail of what became of their messages, and what the next mail tells.
//!
//! What is to be told is queued by a trigger on the event log (`schema.rs`).

use rusqlite::{OptionalExtension, params};

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::RecipientState;
use hark_engine::time::UnixMillis;

use super::events::parse_state;
use super::messages::id;
use super::{Store, StoreError};

/// The most lines of one mail.
const MAX_NEWS: u32 = 100;
/// How often a code may be guessed.
const MAX_TRIES: u32 = 5;

/// What a sender wants to be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptMail {
    /// Where to.
    pub address: String,
    /// Whether that a message was heard.
    pub heard: bool,
    /// Whether that a message could not be delivered.
    pub failed: bool,
    /// Whether the address is known to be theirs: before that nothing is mailed but a code.
    pub confirmed: bool,
    /// Why the last mail could not be sent.
    pub error: Option<String>,
    /// How often in a row it could not.
    pub attempts: u32,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptNews {
    /// Of which message.
    pub message: MessageId,
    /// Which recipient.
    pub recipient: UserId,
    /// When the message was sent.
    pub sent: UnixMillis,
    /// How long the message is, in milliseconds.
    pub length_ms: u32,
    /// What became of it up to now.
    pub state: RecipientState,
}

/// What came of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// It was right.
    Yes,
    /// It was wrong; others may be tried.
    Wrong,
    /// There is none to try: it lapsed, was guessed at too often, or none was sent.
    NoCode,
}

impl Store {
    /// A sender's wish.
    pub async fn receipt_mail(&self, user: UserId) -> Result<Option<ReceiptMail>, StoreError> {
        self.read(move |c| {
            let sql = "SELECT address, heard, failed, confirmed, error, attempts
                       FROM receipt_mails WHERE user = ?1";
            let wish = c.prepare_cached(sql)?.query_row([user.0], |r| {
                Ok(ReceiptMail {
                    address: r.get(0)?,
                    heard: r.get(1)?,
                    failed: r.get(2)?,
                    confirmed: r.get(3)?,
                    error: r.get(4)?,
                    attempts: r.get(5)?,
                })
            });
            Ok(wish.optional()?)
        })
        .await
    }

    /// Sets a sender's wish. An address that changed is not confirmed. Says whether it is.
    pub async fn set_receipt_mail(
        &self,
        user: UserId,
        address: String,
        heard: bool,
        failed: bool,
    ) -> Result<bool, StoreError> {
        self.write(move |c| {
            let sql = "INSERT INTO receipt_mails (user, address, heard, failed)
                       VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (user) DO UPDATE SET heard = ?3, failed = ?4, address = ?2,
                       confirmed = confirmed AND address = ?2, error = NULL, attempts = 0,
                       not_before = 0
                       RETURNING confirmed";
            Ok(c.prepare_cached(sql)?
                .query_row(params![user.0, address, heard, failed], |r| r.get(0))?)
        })
        .await
    }

    /// Nothing is mailed to this sender any more.
    pub async fn delete_receipt_mail(&self, user: UserId) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM receipt_mails WHERE user = ?1", [user.0])?;
            Ok(())
        })
        .await
    }

    /// A code was sent to the address of a sender; an older one counts no more.
    pub async fn set_receipt_code(
        &self,
        user: UserId,
        hash: [u8; 32],
        expires: UnixMillis,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE receipt_mails SET code_hash = ?2, code_expires = ?3, code_tries = 0
                       WHERE user = ?1";
            super::users::one_user(c.execute(sql, params![user.0, hash, expires.0])?)
        })
        .await
    }

    /// Whether this is the code that was sent; if so, the address is confirmed.
    pub async fn confirm_receipt_mail(
        &self,
        user: UserId,
        hash: [u8; 32],
        now: UnixMillis,
    ) -> Result<Confirmed, StoreError> {
        self.write(move |c| {
            let sql = "UPDATE receipt_mails SET code_tries = code_tries + 1
                       WHERE user = ?1 AND code_hash IS NOT NULL AND code_expires > ?2
                       AND code_tries < ?3 RETURNING code_hash";
            let sent: Option<[u8; 32]> = c
                .prepare_cached(sql)?
                .query_row(params![user.0, now.0, MAX_TRIES], |r| r.get(0))
                .optional()?;
            match sent {
                None => Ok(Confirmed::NoCode),
                Some(sent) if sent != hash => Ok(Confirmed::Wrong),
                Some(_) => {
                    let sql = "UPDATE receipt_mails SET confirmed = 1, code_hash = NULL
                               WHERE user = ?1";
                    c.execute(sql, [user.0])?;
                    Ok(Confirmed::Yes)
                }
            }
        })
        .await
    }

    /// The senders to whom something that happened before `before` is to be told at `now`; at
    /// most 100.
    pub async fn receipt_mails_due(
        &self,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<Vec<UserId>, StoreError> {
        self.read(move |c| {
            let sql = "SELECT r.user FROM receipt_mails r
                       JOIN (SELECT user, min(at) AS since FROM receipt_mail_queue GROUP BY user) q
                       ON q.user = r.user
                       WHERE q.since <= ?1 AND r.not_before <= ?2 ORDER BY q.since LIMIT 100";
            let mut query = c.prepare_cached(sql)?;
            let users = query.query_map([before.0, now.0], |r| Ok(UserId(r.get(0)?)))?;
            Ok(users.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What is to be told to a sender, oldest first, at most [`MAX_NEWS`]; and the last event
    /// that was looked at.
    pub async fn receipt_news(&self, user: UserId) -> Result<(Vec<ReceiptNews>, i64), StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT q.seq, q.message, q.recipient, m.at, m.length_ms, r.state
                 FROM receipt_mail_queue q LEFT JOIN messages m ON m.id = q.message
                 LEFT JOIN recipients r ON r.message = q.message AND r.user = q.recipient
                 WHERE q.user = ?1 ORDER BY q.seq LIMIT ?2",
            )?;
            let mut rows = query.query(params![user.0, MAX_NEWS])?;
            let (mut news, mut up_to) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                up_to = row.get(0)?;
                // A message that was erased meanwhile is told no more.
                let Some(state) = row.get::<_, Option<String>>(5)? else { continue };
                news.push(ReceiptNews {
                    message: id(row, 1)?,
                    recipient: UserId(row.get(2)?),
                    sent: UnixMillis(row.get(3)?),
                    length_ms: row.get(4)?,
                    state: parse_state(&state)?,
                });
            }
            Ok((news, up_to))
        })
        .await
    }

    /// The sender was told of everything up to this event, or can't be told of it (`error`).
    pub async fn receipt_mail_done(
        &self,
        user: UserId,
        up_to: i64,
        error: Option<String>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM receipt_mail_queue WHERE user = ?1 AND seq <= ?2";
            c.execute(sql, params![user.0, up_to])?;
            let sql = "UPDATE receipt_mails SET attempts = 0, not_before = 0, error = ?2
                       WHERE user = ?1";
            c.execute(sql, params![user.0, error])?;
            Ok(())
        })
        .await
    }

    /// The mail could not be sent now: it is tried again at `not_before`.
    pub async fn receipt_mail_waits(
        &self,
        user: UserId,
        not_before: UnixMillis,
        error: String,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql =
                "UPDATE receipt_mails SET attempts = attempts + 1, not_before = ?2, error = ?3
                       WHERE user = ?1";
            c.execute(sql, params![user.0, not_before.0, error])?;
            Ok(())
        })
        .await
    }
}
