//! The tables, as a list of migrations that only ever grows.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::StoreError;

/// Each entry moves the database from the version that is its index to the next. Entries that
/// shipped are never changed: a new need is a new entry.
const MIGRATIONS: &[&str] = &[
    r"
CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    display_name  TEXT    NOT NULL,
    extension     TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    ha1_md5       BLOB    NOT NULL CHECK (length(ha1_md5) = 16),
    ha1_sha256    BLOB    NOT NULL CHECK (length(ha1_sha256) = 32),
    language      TEXT    NOT NULL,
    limit_secs    INTEGER NOT NULL CHECK (limit_secs BETWEEN 1 AND 3600),
    pin_hash      TEXT,
    has_greeting  INTEGER NOT NULL DEFAULT 0,
    profile       TEXT
) STRICT;

CREATE TABLE contacts (
    owner   INTEGER NOT NULL REFERENCES users(id),
    contact INTEGER NOT NULL REFERENCES users(id),
    place   INTEGER NOT NULL,
    PRIMARY KEY (owner, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    user       INTEGER NOT NULL REFERENCES users(id),
    expires    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions(expires);

CREATE TABLE bindings (
    account TEXT    NOT NULL,
    contact TEXT    NOT NULL,
    binding TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (account, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    sender_user     INTEGER REFERENCES users(id),
    sender_name     TEXT    NOT NULL,
    sender_address  TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    length_ms       INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    receipt         INTEGER NOT NULL,
    urgent          INTEGER NOT NULL,
    peaks           BLOB    NOT NULL,
    audio           TEXT    NOT NULL,
    idempotency_key TEXT    UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_by_sender ON messages(sender_user, at);

-- What happened, for ever: everything below is derived from it.
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    message   BLOB    NOT NULL REFERENCES messages(id),
    recipient INTEGER NOT NULL REFERENCES users(id),
    at        INTEGER NOT NULL,
    event     TEXT    NOT NULL
) STRICT;
CREATE INDEX events_by_message ON events(message, recipient);
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

-- Each recipient's state, folded from the log in the transaction that writes the log.
CREATE TABLE recipients (
    message  BLOB    NOT NULL REFERENCES messages(id),
    user     INTEGER NOT NULL REFERENCES users(id),
    place    INTEGER NOT NULL,
    step     TEXT    NOT NULL,
    folder   TEXT,
    finished INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    PRIMARY KEY (message, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX recipients_by_folder ON recipients(user, folder);
CREATE INDEX recipients_unfinished ON recipients(message) WHERE finished = 0;

CREATE TABLE links (
    token_hash BLOB    NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    message    BLOB    NOT NULL REFERENCES messages(id),
    recipient  INTEGER NOT NULL REFERENCES users(id),
    expires    INTEGER NOT NULL,
    revoked    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_message ON links(message, recipient);
",
    r"
ALTER TABLE messages ADD COLUMN private  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN reply_to BLOB CHECK (length(reply_to) = 16);

-- Deleted messages have a folder of their own, from which they can be restored.
UPDATE recipients SET folder = 'deleted'
    WHERE folder IS NULL AND CASE WHEN json_valid(state)
        THEN json_extract(state, '$.deleted') IS NOT NULL ELSE 0 END;

-- The time for which a message waits, as long as it does.
ALTER TABLE recipients ADD COLUMN due INTEGER;
CREATE INDEX recipients_due ON recipients(due) WHERE due IS NOT NULL;
",
    r"
-- The kinds of greeting that a user recorded, with commas between them.
ALTER TABLE users ADD COLUMN greetings TEXT NOT NULL DEFAULT '';
UPDATE users SET greetings = 'standard' WHERE has_greeting;
ALTER TABLE users DROP COLUMN has_greeting;
ALTER TABLE users ADD COLUMN has_spoken_name INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN do_not_disturb  INTEGER NOT NULL DEFAULT 0;

-- Up to which event a user was told that their messages were heard.
ALTER TABLE users ADD COLUMN receipts_told INTEGER NOT NULL DEFAULT 0;
UPDATE users SET receipts_told = (SELECT coalesce(max(seq), 0) FROM events);

-- Wrong telephone PINs in a row.
CREATE TABLE pin_attempts (
    user         INTEGER NOT NULL PRIMARY KEY REFERENCES users(id),
    wrong        INTEGER NOT NULL,
    locked_until INTEGER
) STRICT;
",
    r"
-- Announcements: what events say.
CREATE TABLE user_groups (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    display_name TEXT NOT NULL
) STRICT;
CREATE TABLE group_members (
    grp  INTEGER NOT NULL REFERENCES user_groups(id) ON DELETE CASCADE,
    user INTEGER NOT NULL REFERENCES users(id),
    PRIMARY KEY (grp, user)
) STRICT, WITHOUT ROWID;

-- Without an owner a template is the site's.
CREATE TABLE templates (
    id    INTEGER PRIMARY KEY,
    owner INTEGER REFERENCES users(id),
    name  TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX templates_by_name ON templates(coalesce(owner, 0), name);

CREATE TABLE announcements (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner        INTEGER NOT NULL REFERENCES users(id),
    key          TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    created      INTEGER NOT NULL,
    dedup_key    TEXT,
    state        TEXT    NOT NULL,
    plan         TEXT    NOT NULL,
    step         INTEGER NOT NULL DEFAULT 0,
    step_started INTEGER,
    confirmed_by INTEGER REFERENCES users(id),
    confirmed_at INTEGER,
    confirmed_on TEXT,
    reason       TEXT,
    UNIQUE (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX announcements_live ON announcements(created) WHERE state IN ('pending', 'active');
CREATE INDEX announcements_by_dedup ON announcements(owner, dedup_key, created)
    WHERE dedup_key IS NOT NULL;
CREATE INDEX announcements_by_owner ON announcements(owner, created);

-- The voice messages of an announcement: one a step and language.
CREATE TABLE announcement_parts (
    message      BLOB    NOT NULL PRIMARY KEY CHECK (length(message) = 16),
    announcement BLOB    NOT NULL REFERENCES announcements(id),
    step         INTEGER NOT NULL,
    language     TEXT    NOT NULL,
    recipients   TEXT    NOT NULL,
    committed    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (announcement, step, language)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    id         INTEGER PRIMARY KEY,
    owner      INTEGER NOT NULL REFERENCES users(id),
    name       TEXT    NOT NULL,
    recurrence TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    grace_secs INTEGER NOT NULL,
    enabled    INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    skipped    INTEGER NOT NULL DEFAULT 0,
    note       TEXT
) STRICT;

CREATE TABLE event_rules (
    id         INTEGER PRIMARY KEY,
    owner      INTEGER NOT NULL REFERENCES users(id),
    name       TEXT    NOT NULL,
    spec       TEXT    NOT NULL,
    enabled    INTEGER NOT NULL,
    last_fired INTEGER,
    note       TEXT
) STRICT;

-- Retention. since: when something last happened to the message for this recipient.
ALTER TABLE users ADD COLUMN retention    TEXT;
ALTER TABLE users ADD COLUMN held         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN erased       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN mailbox_full INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN audio_gone INTEGER;
ALTER TABLE recipients ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE recipients SET since = coalesce((SELECT max(e.at) FROM events e
    WHERE e.message = recipients.message AND e.recipient = recipients.user), 0);
CREATE INDEX recipients_gone ON recipients(message) WHERE step = 'gone';
CREATE INDEX recipients_by_age ON recipients(since) WHERE folder IS NOT NULL;
",
];

/// Opens the writer's connection: WAL, and an fsync before every commit returns.
///
/// `synchronous=NORMAL` would be faster and may lose acknowledged commits at power loss.
pub(super) fn open_writer(file: &Path, max_pages: Option<u32>) -> Result<Connection, StoreError> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    if let Some(pages) = max_pages {
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens a reader's connection: it can't write.
pub(super) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Brings the database to the newest version.
pub(super) fn migrate(connection: &Connection) -> Result<(), StoreError> {
    migrate_to(connection, MIGRATIONS.len())
}

/// Brings the database to a version, each step in a transaction of its own.
pub(super) fn migrate_to(connection: &Connection, newest: usize) -> Result<(), StoreError> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    let known = MIGRATIONS.len();
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > known {
        return Err(StoreError::unavailable(format!(
            "the database has version {version} and this hark knows {known}: run a newer hark"
        )));
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().take(newest).skip(version) {
        let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.execute_batch(&format!("PRAGMA user_version = {}", step + 1))?;
        tx.commit()?;
    }
    Ok(())
}
