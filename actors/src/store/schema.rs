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
-- Rows with an address stand for a number or address outside, to whom messages are sent like to
-- users; nobody signs in or registers as one.
ALTER TABLE users ADD COLUMN address TEXT;
CREATE UNIQUE INDEX users_by_address ON users(address) WHERE address IS NOT NULL;

-- What was shown to be a user's own, and the codes that are to show it.
CREATE TABLE verified (
    user    INTEGER NOT NULL REFERENCES users(id),
    address TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (user, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE codes (
    user      INTEGER NOT NULL REFERENCES users(id),
    address   TEXT    NOT NULL,
    code_hash BLOB    NOT NULL CHECK (length(code_hash) = 32),
    expires   INTEGER NOT NULL,
    wrong     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE codes_sent (
    user    INTEGER NOT NULL,
    address TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

-- The delivery calls of the last days: what limits are judged by.
CREATE TABLE delivery_calls (
    user    INTEGER NOT NULL,
    address TEXT,
    sender  INTEGER,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX delivery_calls_by_time ON delivery_calls(at);

-- Why a message went where it went.
CREATE TABLE explanations (
    message   BLOB    NOT NULL REFERENCES messages(id),
    recipient INTEGER NOT NULL REFERENCES users(id),
    line      TEXT    NOT NULL
) STRICT;
CREATE INDEX explanations_by_message ON explanations(message, recipient);
",
    r"
-- Browsers that are told of messages by Web Push (RFC 8030), also while Hark is not open in them.
CREATE TABLE push_subscriptions (
    id       INTEGER PRIMARY KEY,
    endpoint TEXT    NOT NULL UNIQUE,
    user     INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    p256dh   BLOB    NOT NULL CHECK (length(p256dh) = 65),
    auth     BLOB    NOT NULL CHECK (length(auth) = 16),
    device   TEXT    NOT NULL,
    created  INTEGER NOT NULL
) STRICT;
CREATE INDEX push_subscriptions_by_user ON push_subscriptions(user);

-- Web services that are told what becomes of a user's messages. The secret signs what they are
-- sent, so it can't be kept as a hash.
CREATE TABLE webhooks (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user    INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    url     TEXT    NOT NULL,
    secret  BLOB    NOT NULL CHECK (length(secret) = 32),
    about   TEXT    NOT NULL CHECK (about IN ('sent', 'received', 'all')),
    created INTEGER NOT NULL,
    queued  INTEGER NOT NULL DEFAULT 0,
    missed  INTEGER NOT NULL DEFAULT 0,
    last_ok INTEGER,
    error   TEXT
) STRICT;
CREATE INDEX webhooks_by_user ON webhooks(user);
CREATE INDEX webhooks_waiting ON webhooks(id) WHERE queued > 0;
CREATE INDEX webhooks_full    ON webhooks(id) WHERE queued >= 10000;

-- What signs the posts to the web services that a user's profile names.
CREATE TABLE profile_webhook_secrets (
    user   INTEGER NOT NULL PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    secret BLOB    NOT NULL CHECK (length(secret) = 32)
) STRICT;

-- Which events each web service has to be told still; due 0 is at once.
CREATE TABLE webhook_queue (
    webhook  INTEGER NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
    seq      INTEGER NOT NULL,
    message  BLOB    NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_queue_by_message ON webhook_queue(webhook, message, seq);

-- Which events a web service did not take, however often it was tried.
CREATE TABLE webhook_dead (
    webhook INTEGER NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    message BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    PRIMARY KEY (webhook, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER webhook_queue_grows AFTER INSERT ON webhook_queue
    BEGIN UPDATE webhooks SET queued = queued + 1 WHERE id = NEW.webhook; END;
CREATE TRIGGER webhook_queue_shrinks AFTER DELETE ON webhook_queue
    BEGIN UPDATE webhooks SET queued = queued - 1 WHERE id = OLD.webhook; END;

-- In the transaction that writes the log, so that no event is told that did not happen, and none
-- that happened is forgotten. A sender who wanted no receipt learns of the commit and no more.
CREATE TRIGGER events_go_to_webhooks AFTER INSERT ON events
BEGIN
    UPDATE webhooks SET missed = missed + 1 WHERE queued >= 10000 AND EXISTS (
        SELECT 1 FROM messages m WHERE m.id = NEW.message AND (
            (m.sender_user = webhooks.user AND about <> 'received'
                AND (m.receipt OR json_extract(NEW.event, '$.kind') = 'accepted'))
            OR (NEW.recipient = webhooks.user AND about <> 'sent')));
    INSERT INTO webhook_queue (webhook, seq, message)
        SELECT w.id, NEW.seq, NEW.message FROM messages m JOIN webhooks w ON
            (w.user = m.sender_user AND w.about <> 'received'
                AND (m.receipt OR json_extract(NEW.event, '$.kind') = 'accepted'))
            OR (w.user = NEW.recipient AND w.about <> 'sent')
        WHERE m.id = NEW.message AND w.queued < 10000;
END;

-- Senders who want a mail of what became of their messages.
CREATE TABLE receipt_mails (
    user         INTEGER NOT NULL PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
    address      TEXT    NOT NULL,
    heard        INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    confirmed    INTEGER NOT NULL DEFAULT 0,
    code_hash    BLOB,
    code_expires INTEGER,
    code_tries   INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    not_before   INTEGER NOT NULL DEFAULT 0,
    error        TEXT
) STRICT;

-- What the next mail is to tell them.
CREATE TABLE receipt_mail_queue (
    user      INTEGER NOT NULL REFERENCES receipt_mails(user) ON DELETE CASCADE,
    seq       INTEGER NOT NULL,
    message   BLOB    NOT NULL,
    recipient INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (user, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER events_go_to_receipt_mails AFTER INSERT ON events
    WHEN json_extract(NEW.event, '$.kind') IN ('heard', 'failed')
BEGIN
    INSERT INTO receipt_mail_queue (user, seq, message, recipient, kind, at)
        SELECT r.user, NEW.seq, NEW.message, NEW.recipient, json_extract(NEW.event, '$.kind'), NEW.at
        FROM messages m JOIN receipt_mails r ON r.user = m.sender_user
        WHERE m.id = NEW.message AND m.receipt AND r.confirmed
        AND CASE json_extract(NEW.event, '$.kind') WHEN 'heard' THEN r.heard ELSE r.failed END
        -- Once is enough, however often a message is listened to.
        AND NOT (json_extract(NEW.event, '$.kind') = 'heard'
            AND EXISTS (SELECT 1 FROM events e WHERE e.message = NEW.message
                AND e.recipient = NEW.recipient AND e.seq < NEW.seq
                AND json_extract(e.event, '$.kind') = 'heard'))
        AND (SELECT count(*) FROM receipt_mail_queue q WHERE q.user = r.user) < 1000;
END;
",
    r"
-- Texts between two users. The marks in the columns are folded from chat_events.
CREATE TABLE chats (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    sender    INTEGER NOT NULL REFERENCES users(id),
    recipient INTEGER NOT NULL REFERENCES users(id),
    at        INTEGER NOT NULL,
    text      TEXT    NOT NULL,
    key       TEXT,
    delivered INTEGER,
    read      INTEGER,
    -- When a telephone of the recipient took it as a MESSAGE.
    texted    INTEGER,
    UNIQUE (sender, key)
) STRICT;
CREATE INDEX chats_by_thread ON chats(sender, recipient, id);
CREATE INDEX chats_unread ON chats(recipient, sender) WHERE read IS NULL;
CREATE INDEX chats_untexted ON chats(recipient, id) WHERE texted IS NULL AND read IS NULL;

CREATE TABLE chat_events (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    chat   INTEGER NOT NULL REFERENCES chats(id),
    at     INTEGER NOT NULL,
    mark   TEXT    NOT NULL CHECK (mark IN ('delivered', 'read')),
    device TEXT    NOT NULL
) STRICT;
CREATE INDEX chat_events_by_chat ON chat_events(chat);

-- Which SIP client wants to be told what becomes of what it sent (RFC 5438), and what it was
-- told. A subject is `chat:` or `voice:` with an id.
CREATE TABLE imdn_wishes (
    subject    TEXT    NOT NULL PRIMARY KEY,
    sender     INTEGER NOT NULL REFERENCES users(id),
    recipient  INTEGER NOT NULL REFERENCES users(id),
    message_id TEXT    NOT NULL,
    wanted     INTEGER NOT NULL,
    told       INTEGER NOT NULL DEFAULT 0,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    r"
-- What applications show in the place of a session. The secret itself is nowhere.
CREATE TABLE tokens (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    user      INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    name      TEXT    NOT NULL,
    hash      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes    TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER
) STRICT;
CREATE INDEX tokens_by_user ON tokens(user);
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
    "
-- Since when a web service has taken nothing that it was told.
ALTER TABLE webhooks ADD COLUMN failing_since INTEGER;
",
    r"
-- What was asked for under an idempotency key whose message was kept.
CREATE TABLE request_keys (
    key         TEXT    NOT NULL PRIMARY KEY,
    user        INTEGER NOT NULL REFERENCES users(id),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_keys_by_user ON request_keys(user);
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
