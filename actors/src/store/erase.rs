//! Erasing a user: what was theirs goes, what they gave to others stays without their name.
//!
//! | what | becomes |
//! |---|---|
//! | the account | a row without name, extension, secrets or profile, for others' receipts to point to |
//! | messages in their mailbox | purged; the audio goes with the last recipient's copy |
//! | messages that they sent to others | stay with them, from [`FORMER`]; the files' tags are rewritten |
//! | the event log about them | keeps what happened and when, without their devices and words |
//! | chat texts | stay with whom they were exchanged with, from [`FORMER`] |
//! | verified addresses, push, webhooks, receipt mails | removed |
//! | events, templates, schedules, rules, contacts, sign-ins, registrations, links | removed |
//! | greetings and names, spoken prompts, traces | their files are removed |
//!
//! The log is append-only, and its triggers say so: they are taken away and put back inside the
//! one transaction that blanks the lines, here and nowhere else.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension as _, params};

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::RecipientState;
use hark_engine::message::{Event, LoggedEvent};
use hark_engine::time::UnixMillis;

use super::events::{folder_label, step_label};
use super::messages::{id, recipients};
use super::{Store, StoreError};

/// Who a message is from whose sender was erased.
pub const FORMER: &str = "Former user";
/// What stands in the place of a device or a reason.
const BLANK: &str = "erased";

/// What erasing leaves to be done with files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Files to be removed, relative to the storage folder.
    pub remove: Vec<PathBuf>,
    /// Messages of others, or to others, whose file's tags name the user: which, the file, and
    /// whether the erased user sent it.
    pub retag: Vec<(MessageId, PathBuf, bool)>,
    /// What ended by it: lines that were added to the log, with the senders to be told of them.
    pub ended: Vec<(Option<UserId>, LoggedEvent)>,
}

impl Store {
    /// The user of this name, also one whose erasing was begun and not finished.
    pub async fn to_be_erased(&self, name: &str) -> Result<Option<(UserId, String)>, StoreError> {
        let name = name.to_owned();
        self.read(move |c| {
            let sql = "SELECT id, name FROM users WHERE name = ?1 AND address IS NULL
                       AND erased IN (0, ?2)";
            let found =
                c.query_row(sql, params![name, LEAVING], |r| Ok((UserId(r.get(0)?), r.get(1)?)));
            Ok(found.optional()?)
        })
        .await
    }

    /// Lets nobody in as this user any more, and hides the account: the first half of erasing
    /// somebody while the server serves.
    ///
    /// # Errors
    /// As [`Self::erase`].
    pub async fn close_account(&self, user: UserId) -> Result<(), StoreError> {
        self.write(move |c| close(c, user)).await
    }

    /// Erases a user, and everything of theirs in the database.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] while a legal hold stands; [`StoreError::NotFound`] where there is
    /// no such user.
    pub async fn erase(&self, user: UserId, now: UnixMillis) -> Result<Erased, StoreError> {
        self.write(move |c| {
            // What is deleted is overwritten too, as long as the file can't be rewritten. Back
            // again when this is over: it makes every deletion slower.
            c.pragma_update(None, "secure_delete", true)?;
            let erased = erase(c, user, now);
            c.pragma_update(None, "secure_delete", false)?;
            erased
        })
        .await
    }

    /// How many bytes the database takes.
    pub async fn size(&self) -> Result<u64, StoreError> {
        self.read(|c| {
            let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            let bytes: i64 = c.query_row(sql, [], |r| r.get(0))?;
            Ok(u64::try_from(bytes).unwrap_or(0))
        })
        .await
    }

    /// Rewrites the database file, so that nothing of what was erased is left in its free pages
    /// or in its log. Needs as much free space as the database takes.
    pub async fn compact(&self) -> Result<(), StoreError> {
        let (file, vfs) = (super::database(self.dir()), self.shared.config.vfs);
        let work = move || -> Result<(), StoreError> {
            let connection = super::schema::open_writer(&file, vfs, None)?;
            connection.execute_batch("VACUUM")?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| StoreError::unavailable(error.to_string()))?
    }
}

/// `users.erased` while somebody leaves: nobody sees the account any more, and all is there still.
const LEAVING: i64 = 2;

/// What lets somebody in, or tells others of them: dead from the moment on that they leave.
const ENTRANCES: [&str; 5] = [
    "DELETE FROM sessions WHERE user = ?1",
    "DELETE FROM tokens WHERE user = ?1",
    "DELETE FROM links WHERE recipient = ?1",
    "DELETE FROM bindings WHERE account = (SELECT name FROM users WHERE id = ?1) COLLATE NOCASE",
    "DELETE FROM push_subscriptions WHERE user = ?1",
];

fn close(c: &Connection, user: UserId) -> Result<(), StoreError> {
    may_be_erased(c, user)?;
    for sql in ENTRANCES {
        c.execute(sql, [user.0])?;
    }
    c.execute("UPDATE users SET erased = ?2 WHERE id = ?1", [user.0, LEAVING])?;
    Ok(())
}

fn may_be_erased(c: &Connection, user: UserId) -> Result<(), StoreError> {
    let (held, erased): (bool, i64) = c
        .query_row("SELECT held, erased FROM users WHERE id = ?1", [user.0], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => StoreError::NotFound { what: "user" },
            error => error.into(),
        })?;
    if held || !matches!(erased, 0 | LEAVING) {
        let what = if held { "a legal hold stands for this user" } else { "the user is erased" };
        return Err(StoreError::Conflict { what: what.into() });
    }
    Ok(())
}

fn erase(c: &Connection, user: UserId, now: UnixMillis) -> Result<Erased, StoreError> {
    may_be_erased(c, user)?;
    let mut out = Erased { ended: blank_log(c, user, now)?, ..Erased::default() };
    for (message, audio, sent) in their_messages(c, user)? {
        let others = recipients(c, message)?.into_iter().filter(|other| *other != user);
        let mut kept = false;
        for other in others {
            let purged: bool = c.query_row(
                "SELECT json_extract(state, '$.purged') IS NOT NULL FROM recipients
                 WHERE message = ?1 AND user = ?2",
                params![message.0.as_bytes(), other.0],
                |r| r.get(0),
            )?;
            kept |= !purged;
        }
        // Somebody else's message stays for its sender as long as the site keeps it.
        if kept || (!sent && sender_exists(c, message)?) {
            out.retag.push((message, audio, sent));
        } else {
            c.execute(
                "UPDATE messages SET audio_gone = ?2 WHERE id = ?1",
                params![message.0.as_bytes(), now.0],
            )?;
            out.remove.push(audio);
        }
    }
    c.execute(
        "UPDATE messages SET sender_user = NULL, sender_name = ?2, sender_address = '',
         receipt = 0, idempotency_key = NULL WHERE sender_user = ?1",
        params![user.0, FORMER],
    )?;
    for sql in [
        "DELETE FROM announcement_parts WHERE announcement IN
         (SELECT id FROM announcements WHERE owner = ?1)",
        "DELETE FROM announcements WHERE owner = ?1",
        "UPDATE announcements SET confirmed_by = NULL, confirmed_on = NULL WHERE confirmed_by = ?1",
        "DELETE FROM templates WHERE owner = ?1",
        "DELETE FROM schedules WHERE owner = ?1",
        "DELETE FROM event_rules WHERE owner = ?1",
        "DELETE FROM group_members WHERE user = ?1",
        "DELETE FROM verified WHERE user = ?1",
        "DELETE FROM codes WHERE user = ?1",
        "DELETE FROM codes_sent WHERE user = ?1",
        "DELETE FROM delivery_calls WHERE user = ?1 OR sender = ?1",
        "DELETE FROM explanations WHERE recipient = ?1",
        "DELETE FROM webhook_queue WHERE webhook IN (SELECT id FROM webhooks WHERE user = ?1)",
        "DELETE FROM webhooks WHERE user = ?1",
        "DELETE FROM profile_webhook_secrets WHERE user = ?1",
        "DELETE FROM receipt_mails WHERE user = ?1",
        "DELETE FROM imdn_wishes WHERE sender = ?1 OR recipient = ?1",
        "UPDATE chat_events SET device = 'erased'
         WHERE chat IN (SELECT id FROM chats WHERE recipient = ?1)",
        "DELETE FROM contacts WHERE owner = ?1 OR contact = ?1",
        "DELETE FROM pin_attempts WHERE user = ?1",
        "DELETE FROM request_keys WHERE user = ?1",
    ]
    .into_iter()
    .chain(ENTRANCES)
    {
        c.execute(sql, [user.0])?;
    }
    // What rules and others announced about the user keeps its words without the name.
    c.execute(
        "UPDATE announcements SET plan = replace(plan, u.display_name, ?2),
         key = replace(key, u.display_name, ?2),
         dedup_key = replace(dedup_key, u.display_name, ?2)
         FROM users u WHERE u.id = ?1 AND length(u.display_name) > 1
         AND state NOT IN ('pending', 'active')
         AND (instr(plan, u.display_name) OR instr(key, u.display_name))",
        params![user.0, FORMER],
    )?;
    c.execute(
        "UPDATE users SET name = ?2, display_name = ?3, extension = ?2, password_hash = '',
         ha1_md5 = zeroblob(16), ha1_sha256 = zeroblob(32), pin_hash = NULL, profile = NULL,
         greetings = '', has_spoken_name = 0, do_not_disturb = 0, retention = NULL,
         mailbox_full = 0, erased = 1 WHERE id = ?1",
        params![user.0, format!("erased:{user}"), FORMER],
    )?;
    Ok(out)
}

/// The messages that the user sent or received whose audio is there: which, the file, and whether
/// the user sent it.
fn their_messages(
    c: &Connection,
    user: UserId,
) -> Result<Vec<(MessageId, PathBuf, bool)>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT m.id, m.audio, m.sender_user IS ?1 FROM messages m WHERE m.audio_gone IS NULL AND
         (m.sender_user = ?1 OR EXISTS (SELECT 1 FROM recipients r
          WHERE r.message = m.id AND r.user = ?1))",
    )?;
    let rows = query.query_map([user.0], |r| {
        Ok((id(r, 0)?, PathBuf::from(r.get::<_, String>(1)?), r.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn sender_exists(c: &Connection, message: MessageId) -> Result<bool, StoreError> {
    let sql = "SELECT sender_user IS NOT NULL FROM messages WHERE id = ?1";
    Ok(c.query_row(sql, [message.0.as_bytes()], |r| r.get(0))?)
}

/// The log about this recipient keeps what happened and when. Their mailbox is purged.
fn blank_log(
    c: &Connection,
    user: UserId,
    now: UnixMillis,
) -> Result<Vec<(Option<UserId>, LoggedEvent)>, StoreError> {
    let mut query = c.prepare(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'
         AND name IN ('events_are_never_changed', 'events_are_never_removed')",
    )?;
    let triggers: Vec<(String, String)> =
        query.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    drop(query);
    for (name, _) in &triggers {
        c.execute_batch(&format!("DROP TRIGGER \"{name}\""))?;
    }
    let mut query = c.prepare("SELECT message FROM recipients WHERE user = ?1")?;
    let messages: Vec<MessageId> =
        query.query_map([user.0], |r| id(r, 0))?.collect::<Result<_, _>>()?;
    let mut ended = Vec::new();
    for message in messages {
        let sql = "SELECT sender_user FROM messages WHERE id = ?1 AND receipt";
        let sender = c.query_row(sql, [message.0.as_bytes()], |r| r.get(0)).optional()?.flatten();
        let added = purge(c, message, user, now)?;
        ended.extend(added.into_iter().map(|line| (sender.map(UserId), line)));
    }
    for (_, sql) in &triggers {
        c.execute_batch(sql)?;
    }
    Ok(ended)
}

/// Blanks the lines about one message, and adds those that end it.
fn purge(
    c: &Connection,
    message: MessageId,
    user: UserId,
    now: UnixMillis,
) -> Result<Vec<LoggedEvent>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT seq, at, event FROM events WHERE message = ?1 AND recipient = ?2 ORDER BY seq",
    )?;
    let lines = query.query_map(params![message.0.as_bytes(), user.0], |r| {
        Ok((r.get::<_, i64>(0)?, UnixMillis(r.get(1)?), r.get::<_, String>(2)?))
    })?;
    let mut log = Vec::new();
    for line in lines.collect::<Result<Vec<_>, _>>()? {
        let (seq, at, json) = line;
        let event = blanked(serde_json::from_str(&json).map_err(StoreError::unavailable)?);
        let json = serde_json::to_string(&event).map_err(StoreError::unavailable)?;
        c.prepare_cached("UPDATE events SET event = ?2 WHERE seq = ?1")?
            .execute(params![seq, json])?;
        log.push(LoggedEvent { seq, message, recipient: user, at, event });
    }
    let mut state = RecipientState::fold(&log);
    let mut added = Vec::new();
    for event in [Event::Released, Event::Expired, Event::Purged] {
        if !state.apply(now, &event).unwrap_or(false) {
            continue;
        }
        let json = serde_json::to_string(&event).map_err(StoreError::unavailable)?;
        c.prepare_cached(
            "INSERT INTO events (message, recipient, at, event) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![message.0.as_bytes(), user.0, now.0, json])?;
        let seq = c.last_insert_rowid();
        added.push(LoggedEvent { seq, message, recipient: user, at: now, event });
    }
    let json = serde_json::to_string(&state).map_err(StoreError::unavailable)?;
    c.prepare_cached(
        "UPDATE recipients SET step = ?3, folder = ?4, finished = 1, state = ?5, due = NULL
         WHERE message = ?1 AND user = ?2",
    )?
    .execute(params![
        message.0.as_bytes(),
        user.0,
        step_label(&state),
        state.folder().map(folder_label),
        json
    ])?;
    Ok(added)
}

fn blanked(event: Event) -> Event {
    let device = || BLANK.to_owned();
    match event {
        Event::Notified { .. } => Event::Notified { device: device() },
        Event::Delivered { .. } => Event::Delivered { device: device() },
        Event::Confirmed { .. } => Event::Confirmed { device: device() },
        Event::Heard { heard_ms, .. } => Event::Heard { device: device(), heard_ms },
        Event::AttemptFailed { .. } => {
            Event::AttemptFailed { device: device(), reason: BLANK.into() }
        }
        Event::Failed { .. } => Event::Failed { reason: BLANK.into() },
        Event::Called { rule, act, .. } => Event::Called { device: device(), rule, act },
        event @ (Event::Accepted
        | Event::Saved
        | Event::Deleted
        | Event::Restored
        | Event::Expired
        | Event::Purged
        | Event::Held { .. }
        | Event::Released
        | Event::CalledOff { .. }) => event,
    }
}
