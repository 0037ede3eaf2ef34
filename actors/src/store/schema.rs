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
-- The delivery calls that are being made.
CREATE TABLE rings (
    message BLOB    NOT NULL REFERENCES messages(id),
    user    INTEGER NOT NULL REFERENCES users(id),
    begun   INTEGER NOT NULL,
    PRIMARY KEY (message, user)
) STRICT, WITHOUT ROWID;
",
];

/// Opens the writer's connection: WAL, and an fsync before every commit returns.
///
/// `synchronous=NORMAL` would be faster and may lose acknowledged commits at power loss.
pub(super) fn open_writer(
    file: &Path,
    vfs: Option<&str>,
    max_pages: Option<u32>,
) -> Result<Connection, StoreError> {
    let connection = match vfs {
        None => Connection::open(file)?,
        Some(vfs) => Connection::open_with_flags_and_vfs(file, OpenFlags::default(), vfs)?,
    };
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
pub(super) fn open_reader(file: &Path, vfs: Option<&str>) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match vfs {
        None => Connection::open_with_flags(file, flags)?,
        Some(vfs) => Connection::open_with_flags_and_vfs(file, flags, vfs)?,
    };
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
