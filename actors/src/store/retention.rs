//! How long messages are kept, how much a mailbox holds, and what a legal hold forbids.

use std::collections::HashSet;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, params};

use hark_engine::dialplan::effect::Folder;
use hark_engine::id::{MessageId, UserId};
use hark_engine::retention::{Override, Usage};
use hark_engine::time::UnixMillis;

use super::messages::id;
use super::users::one_user;
use super::{Store, StoreError};

/// What one user's retention has that differs from the site's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserRetention {
    /// The times and the quota.
    pub differs: Override,
    /// Nothing of the user is removed while this stands.
    pub held: bool,
    /// Whether the mailbox counts as full.
    pub full: bool,
}

/// A message in a folder to which nothing has happened for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aged {
    /// Which.
    pub message: MessageId,
    /// Whose.
    pub user: UserId,
    /// In which folder.
    pub folder: Folder,
    /// Whether its recipient chose to keep it.
    pub saved: bool,
    /// When something happened to it last.
    pub since: UnixMillis,
}

impl Store {
    /// What differs for a user.
    pub async fn user_retention(&self, user: UserId) -> Result<UserRetention, StoreError> {
        self.read(move |c| user_retention(c, user)).await
    }

    /// Changes what differs for a user.
    pub async fn set_retention(&self, user: UserId, differs: Override) -> Result<(), StoreError> {
        let json = serde_json::to_string(&differs).map_err(StoreError::unavailable)?;
        self.write(move |c| {
            let sql = "UPDATE users SET retention = ?2 WHERE id = ?1 AND NOT erased";
            one_user(c.execute(sql, params![user.0, json])?)
        })
        .await
    }

    /// From here on nothing of the user is removed, or it is again.
    pub async fn set_hold(&self, user: UserId, held: bool) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE users SET held = ?2 WHERE id = ?1 AND NOT erased";
            one_user(c.execute(sql, params![user.0, held])?)
        })
        .await
    }

    /// Whether the mailbox counts as full from here on.
    pub async fn set_mailbox_full(&self, user: UserId, full: bool) -> Result<(), StoreError> {
        self.write(move |c| {
            one_user(c.execute(
                "UPDATE users SET mailbox_full = ?2 WHERE id = ?1",
                params![user.0, full],
            )?)
        })
        .await
    }

    /// What a mailbox holds of what is neither deleted nor expired.
    pub async fn usage(&self, user: UserId) -> Result<Usage, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT count(*), coalesce(sum(m.length_ms), 0), coalesce(sum(m.bytes), 0)
                 FROM recipients r JOIN messages m ON m.id = r.message
                 WHERE r.user = ?1 AND r.folder IN ('new', 'saved')",
            )?;
            let number = |n: i64| u64::try_from(n).unwrap_or(0);
            Ok(query.query_row([user.0], |r| {
                Ok(Usage {
                    messages: number(r.get(0)?),
                    length_ms: number(r.get(1)?),
                    bytes: number(r.get(2)?),
                })
            })?)
        })
        .await
    }

    /// Messages of users without a hold to which nothing has happened since `before`, the
    /// longest first, at most `limit` after `offset` of them.
    pub async fn aged(
        &self,
        before: UnixMillis,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Aged>, StoreError> {
        self.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT r.message, r.user, r.folder, json_extract(r.state, '$.saved') IS NOT NULL,
                 r.since FROM recipients r JOIN users u ON u.id = r.user
                 WHERE r.folder IS NOT NULL AND r.since <= ?1 AND NOT u.held
                 ORDER BY r.since, r.message LIMIT ?2 OFFSET ?3",
            )?;
            let rows = query.query_map(params![before.0, limit, offset], |r| {
                let folder: String = r.get(2)?;
                Ok(Aged {
                    message: id(r, 0)?,
                    user: UserId(r.get(1)?),
                    folder: match folder.as_str() {
                        "new" => Folder::New,
                        "deleted" => Folder::Deleted,
                        _ => Folder::Saved,
                    },
                    saved: r.get(3)?,
                    since: UnixMillis(r.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Marks the audio of messages as gone that no recipient has any more, the oldest first, and
    /// gives their files. Nothing of a user is given who is held. The files are to be removed
    /// when this returns; one that a crash leaves behind is known by its mark.
    pub async fn forget_audio(
        &self,
        now: UnixMillis,
        limit: u32,
    ) -> Result<Vec<PathBuf>, StoreError> {
        self.write(move |c| {
            let mut query = c.prepare_cached(
                "SELECT m.id, m.audio FROM messages m
                 WHERE m.audio_gone IS NULL
                 AND m.id IN (SELECT r.message FROM recipients r WHERE r.step = 'gone')
                 AND NOT EXISTS (SELECT 1 FROM recipients r LEFT JOIN users u ON u.id = r.user
                                 WHERE r.message = m.id AND (r.step <> 'gone' OR u.held))
                 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = m.sender_user AND u.held)
                 LIMIT ?1",
            )?;
            let rows = query.query_map([limit], |r| Ok((id(r, 0)?, r.get::<_, String>(1)?)))?;
            let gone = rows.collect::<Result<Vec<_>, _>>()?;
            for (message, _) in &gone {
                c.execute(
                    "UPDATE messages SET audio_gone = ?2 WHERE id = ?1",
                    params![message.0.as_bytes(), now.0],
                )?;
                c.execute("DELETE FROM links WHERE message = ?1", [message.0.as_bytes()])?;
            }
            Ok(gone.into_iter().map(|(_, audio)| PathBuf::from(audio)).collect())
        })
        .await
    }

    /// Whether the audio of a message was removed, for no recipient has it any more.
    pub async fn audio_is_gone(&self, message: MessageId) -> Result<bool, StoreError> {
        self.read(move |c| {
            let sql =
                "SELECT EXISTS (SELECT 1 FROM messages WHERE id = ?1 AND audio_gone NOT NULL)";
            Ok(c.prepare_cached(sql)?.query_row([message.0.as_bytes()], |r| r.get(0))?)
        })
        .await
    }

    /// The messages whose audio has to be there.
    pub async fn messages_with_audio(&self) -> Result<HashSet<MessageId>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached("SELECT id FROM messages WHERE audio_gone IS NULL")?;
            let rows = query.query_map([], |r| id(r, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn user_retention(c: &Connection, user: UserId) -> Result<UserRetention, StoreError> {
    let found: Option<(Option<String>, bool, bool)> = c
        .prepare_cached("SELECT retention, held, mailbox_full FROM users WHERE id = ?1")?
        .query_row([user.0], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let (json, held, full) = found.ok_or(StoreError::NotFound { what: "user" })?;
    let differs = match json {
        Some(json) => serde_json::from_str(&json).map_err(StoreError::unavailable)?,
        None => Override::default(),
    };
    Ok(UserRetention { differs, held, full })
}
