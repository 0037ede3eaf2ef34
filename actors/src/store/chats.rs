//! Chat texts between two users, and what became of them.

use hark_engine::id::{ChatId, UserId};
use hark_engine::time::UnixMillis;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::imdn::{Subject, Wish, insert_wish};
use super::{Store, StoreError};

/// The most texts that one question is answered with.
const LONGEST_PAGE: u32 = 200;
/// The most threads that are listed.
const LONGEST_LIST: u32 = 500;

/// A text to be kept.
#[derive(Clone, Debug)]
pub struct NewChat {
    /// Who wrote it.
    pub sender: UserId,
    /// Whom it is for.
    pub recipient: UserId,
    /// When it was kept.
    pub at: UnixMillis,
    /// The text.
    pub text: String,
    /// A second text of the sender under the same key is the first one again.
    pub key: Option<String>,
    /// What a SIP client wants to be told of it.
    pub wish: Option<Wish>,
}

/// A text that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatEntry {
    /// Its number, which grows with time.
    pub id: ChatId,
    /// Who wrote it.
    pub sender: UserId,
    /// Whom it is for.
    pub recipient: UserId,
    /// When it was kept.
    pub at: UnixMillis,
    /// The text.
    pub text: String,
    /// When it first reached a device of its recipient.
    pub delivered: Option<UnixMillis>,
    /// When it was read.
    pub read: Option<UnixMillis>,
}

/// What came of keeping a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChat {
    /// The text.
    pub entry: ChatEntry,
    /// Whether it was there already: nobody needs to be told again.
    pub duplicate: bool,
}

/// What can become of a text. Whoever read it has got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// It reached a device of its recipient.
    Delivered,
    /// Its recipient has it before their eyes.
    Read,
}

impl Mark {
    /// As the log and the API name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// A text that has a mark now which it did not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Which text.
    pub chat: ChatId,
    /// Which mark.
    pub mark: Mark,
}

/// A user's conversation with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatThread {
    /// With whom.
    pub with: UserId,
    /// The last text, of whichever of the two.
    pub last: ChatEntry,
    /// How many texts of the other one the user has not read.
    pub unread: u32,
}

impl Store {
    /// Keeps a text. When this returns, it can't be lost any more.
    pub async fn keep_chat(&self, new: NewChat) -> Result<KeptChat, StoreError> {
        self.write(move |c| keep(c, &new)).await
    }

    /// Marks what `sender` wrote to `recipient`, up to and with the text `up_to`. Gives what is
    /// new, the oldest first.
    pub async fn mark_chats(
        &self,
        sender: UserId,
        recipient: UserId,
        up_to: ChatId,
        mark: Mark,
        device: String,
        at: UnixMillis,
    ) -> Result<Vec<Marked>, StoreError> {
        self.write(move |c| {
            let mut marked = Vec::new();
            // Whoever read it has got it.
            for step in [Mark::Delivered, Mark::Read].into_iter().filter(|step| *step <= mark) {
                let column = step.name();
                let sql = format!(
                    "UPDATE chats SET {column} = ?4 WHERE sender = ?1 AND recipient = ?2
                     AND id <= ?3 AND {column} IS NULL RETURNING id"
                );
                let mut query = c.prepare_cached(&sql)?;
                let ids = query
                    .query_map(params![sender.0, recipient.0, up_to.0, at.0], |r| r.get(0))?
                    .collect::<Result<Vec<i64>, _>>()?;
                let mut log = c.prepare_cached(
                    "INSERT INTO chat_events (chat, at, mark, device) VALUES (?1, ?2, ?3, ?4)",
                )?;
                for id in ids {
                    log.execute(params![id, at.0, column, device])?;
                    marked.push(Marked { chat: ChatId(id), mark: step });
                }
            }
            marked.sort_by_key(|marked| (marked.chat, marked.mark));
            Ok(marked)
        })
        .await
    }

    /// One text, for one of its two users.
    pub async fn chat(&self, id: ChatId) -> Result<Option<ChatEntry>, StoreError> {
        self.read(move |c| {
            let sql = format!("SELECT {COLUMNS} FROM chats WHERE id = ?1");
            Ok(c.prepare_cached(&sql)?.query_row([id.0], entry).optional()?)
        })
        .await
    }

    /// A user's conversations, the latest first.
    pub async fn chat_threads(&self, user: UserId) -> Result<Vec<ChatThread>, StoreError> {
        self.read(move |c| threads(c, user)).await
    }

    /// The conversation of two users before the text `before`, the latest first; at most `limit`
    /// texts, and never more than 200.
    pub async fn chat_history(
        &self,
        user: UserId,
        with: UserId,
        before: Option<ChatId>,
        limit: u32,
    ) -> Result<Vec<ChatEntry>, StoreError> {
        self.read(move |c| {
            let one = |number: u8| {
                let (from, to) = if number == 1 { ("?1", "?2") } else { ("?2", "?1") };
                format!(
                    "SELECT * FROM (SELECT {COLUMNS} FROM chats WHERE sender = {from}
                     AND recipient = {to} AND id < ?3 ORDER BY id DESC LIMIT ?4)"
                )
            };
            let sql = format!("{} UNION ALL {} ORDER BY id DESC LIMIT ?4", one(1), one(2));
            let before = before.map_or(i64::MAX, |id| id.0);
            let limit = limit.clamp(1, LONGEST_PAGE);
            let mut query = c.prepare_cached(&sql)?;
            let rows = query.query_map(params![user.0, with.0, before, limit], entry)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What no telephone of the recipient took and the recipient has not read, the oldest first.
    pub async fn untexted_chats(
        &self,
        recipient: UserId,
        since: UnixMillis,
        limit: u32,
    ) -> Result<Vec<ChatEntry>, StoreError> {
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM chats WHERE recipient = ?1 AND texted IS NULL
                 AND read IS NULL AND at >= ?2 ORDER BY id LIMIT ?3"
            );
            let mut query = c.prepare_cached(&sql)?;
            let rows = query.query_map(params![recipient.0, since.0, limit], entry)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// A telephone took a text.
    pub async fn set_texted(&self, chat: ChatId, at: UnixMillis) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached("UPDATE chats SET texted = ?2 WHERE id = ?1")?
                .execute(params![chat.0, at.0])?;
            Ok(())
        })
        .await
    }
}

const COLUMNS: &str = "id, sender, recipient, at, text, delivered, read";

fn entry(row: &Row<'_>) -> rusqlite::Result<ChatEntry> {
    Ok(ChatEntry {
        id: ChatId(row.get(0)?),
        sender: UserId(row.get(1)?),
        recipient: UserId(row.get(2)?),
        at: UnixMillis(row.get(3)?),
        text: row.get(4)?,
        delivered: row.get::<_, Option<i64>>(5)?.map(UnixMillis),
        read: row.get::<_, Option<i64>>(6)?.map(UnixMillis),
    })
}

fn keep(c: &Connection, new: &NewChat) -> Result<KeptChat, StoreError> {
    if let Some(key) = &new.key {
        let sql = format!("SELECT {COLUMNS} FROM chats WHERE sender = ?1 AND key = ?2");
        let known =
            c.prepare_cached(&sql)?.query_row(params![new.sender.0, key], entry).optional()?;
        if let Some(entry) = known {
            return Ok(KeptChat { entry, duplicate: true });
        }
    }
    let NewChat { sender, recipient, at, text, key, wish } = new;
    c.prepare_cached(
        "INSERT INTO chats (sender, recipient, at, text, key) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![sender.0, recipient.0, at.0, text, key])?;
    let id = ChatId(c.last_insert_rowid());
    if let Some(wish) = wish {
        insert_wish(c, &Subject::Chat(id), *sender, *recipient, wish, *at)?;
    }
    let entry = ChatEntry {
        id,
        sender: *sender,
        recipient: *recipient,
        at: *at,
        text: text.clone(),
        delivered: None,
        read: None,
    };
    Ok(KeptChat { entry, duplicate: false })
}

fn threads(c: &Connection, user: UserId) -> Result<Vec<ChatThread>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT peer, max(id) FROM (
             SELECT recipient AS peer, max(id) AS id FROM chats WHERE sender = ?1 GROUP BY recipient
             UNION ALL
             SELECT sender, max(id) FROM chats WHERE recipient = ?1 GROUP BY sender)
         GROUP BY peer ORDER BY max(id) DESC LIMIT ?2",
    )?;
    let rows = query.query_map(params![user.0, LONGEST_LIST], |r| {
        Ok((UserId(r.get(0)?), r.get::<_, i64>(1)?))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let sql = format!("SELECT {COLUMNS} FROM chats WHERE id = ?1");
    let mut last = c.prepare_cached(&sql)?;
    let mut unread = c.prepare_cached(
        "SELECT count(*) FROM chats WHERE recipient = ?1 AND sender = ?2 AND read IS NULL",
    )?;
    let mut threads = Vec::with_capacity(rows.len());
    for (with, id) in rows {
        threads.push(ChatThread {
            with,
            last: last.query_row([id], entry)?,
            unread: unread.query_row(params![user.0, with.0], |r| r.get(0))?,
        });
    }
    Ok(threads)
}
