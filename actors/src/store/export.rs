//! Everything that a user has, for the user.

use std::path::PathBuf;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use hark_engine::id::{MessageId, UserId};

use super::messages::id;
use super::{Store, StoreError};

/// What is exported: documents with their names, and the audio of the user's messages.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// Each document's file name, and what is in it.
    pub documents: Vec<(&'static str, Value)>,
    /// The audio that is there: which message's, and its file relative to the storage folder.
    pub audio: Vec<(MessageId, PathBuf)>,
}

/// The documents: a name, and a question about the user `?1`. Secrets are left out. Whoever adds
/// something that belongs to users adds its line here, and one to `erase`.
const DOCUMENTS: &[(&str, &str)] = &[
    (
        "account.json",
        "SELECT id, name, display_name, extension, language, limit_secs, greetings,
         has_spoken_name, do_not_disturb, profile, retention, held FROM users WHERE id = ?1",
    ),
    (
        "contacts.json",
        "SELECT u.name, u.display_name, u.extension FROM contacts c JOIN users u ON u.id = c.contact
         WHERE c.owner = ?1 ORDER BY c.place",
    ),
    (
        "groups.json",
        "SELECT g.name, g.display_name FROM group_members m JOIN user_groups g ON g.id = m.grp
         WHERE m.user = ?1 ORDER BY g.name",
    ),
    (
        "registrations.json",
        "SELECT b.contact, b.expires FROM bindings b JOIN users u ON u.name = b.account
         WHERE u.id = ?1",
    ),
    ("sign-ins.json", "SELECT expires FROM sessions WHERE user = ?1"),
    (
        "received.json",
        "SELECT lower(hex(m.id)) AS id, m.sender_name, m.sender_address, m.at, m.length_ms, m.bytes,
         m.urgent, m.private, r.folder, r.state, m.audio_gone FROM recipients r
         JOIN messages m ON m.id = r.message WHERE r.user = ?1 AND r.due IS NULL ORDER BY m.id",
    ),
    (
        "sent.json",
        "SELECT lower(hex(m.id)) AS id, m.at, m.length_ms, m.bytes, m.urgent, m.private, m.receipt,
         m.audio_gone, (SELECT group_concat(u.display_name, '; ') FROM recipients r
         JOIN users u ON u.id = r.user WHERE r.message = m.id) AS recipients
         FROM messages m WHERE m.sender_user = ?1 ORDER BY m.id",
    ),
    (
        "message-log.json",
        "SELECT e.seq, lower(hex(e.message)) AS message, u.name AS recipient, e.at, e.event
         FROM events e JOIN users u ON u.id = e.recipient JOIN messages m ON m.id = e.message
         WHERE e.recipient = ?1 OR (m.sender_user = ?1 AND m.receipt) ORDER BY e.seq",
    ),
    (
        "links.json",
        "SELECT lower(hex(message)) AS message, expires, revoked FROM links WHERE recipient = ?1",
    ),
    (
        "events.json",
        "SELECT lower(hex(id)) AS id, key, created, state, plan, step, confirmed_at, reason
         FROM announcements WHERE owner = ?1 ORDER BY created",
    ),
    (
        "chats.json",
        "SELECT c.id, s.name AS sender, r.name AS recipient, c.at, c.text, c.delivered, c.read
         FROM chats c JOIN users s ON s.id = c.sender JOIN users r ON r.id = c.recipient
         WHERE c.sender = ?1 OR c.recipient = ?1 ORDER BY c.id",
    ),
    (
        "chat-marks.json",
        "SELECT e.chat, e.mark, e.at, e.device FROM chat_events e JOIN chats c ON c.id = e.chat
         WHERE c.recipient = ?1 ORDER BY e.seq",
    ),
    (
        "tokens.json",
        "SELECT name, scopes, created, expires, last_used FROM tokens WHERE user = ?1 ORDER BY id",
    ),
    (
        "explanations.json",
        "SELECT lower(hex(message)) AS message, line FROM explanations WHERE recipient = ?1
         ORDER BY rowid",
    ),
    ("calls.json", "SELECT address, at FROM delivery_calls WHERE user = ?1 ORDER BY at"),
    ("pin-attempts.json", "SELECT wrong, locked_until FROM pin_attempts WHERE user = ?1"),
    ("codes-sent.json", "SELECT address, at FROM codes_sent WHERE user = ?1 ORDER BY at"),
    ("request-keys.json", "SELECT key FROM request_keys WHERE user = ?1 ORDER BY key"),
    (
        "sip-receipts.json",
        "SELECT subject, message_id, wanted, told, at FROM imdn_wishes WHERE sender = ?1
         ORDER BY at",
    ),
    (
        "confirmed.json",
        "SELECT lower(hex(id)) AS id, confirmed_at, confirmed_on FROM announcements
         WHERE confirmed_by = ?1 ORDER BY confirmed_at",
    ),
    (
        "event-messages.json",
        "SELECT lower(hex(p.announcement)) AS event, lower(hex(p.message)) AS message, p.step,
         p.language, p.committed FROM announcement_parts p
         JOIN announcements a ON a.id = p.announcement WHERE a.owner = ?1 ORDER BY p.message",
    ),
    (
        "webhook-queue.json",
        "SELECT w.url, q.seq, lower(hex(q.message)) AS message, q.attempts, q.due
         FROM webhook_queue q JOIN webhooks w ON w.id = q.webhook WHERE w.user = ?1 ORDER BY q.seq",
    ),
    (
        "webhook-failures.json",
        "SELECT w.url, d.seq, lower(hex(d.message)) AS message, d.at, d.reason
         FROM webhook_dead d JOIN webhooks w ON w.id = d.webhook WHERE w.user = ?1 ORDER BY d.seq",
    ),
    (
        "receipt-mail-queue.json",
        "SELECT seq, lower(hex(message)) AS message, kind, at FROM receipt_mail_queue
         WHERE user = ?1 ORDER BY seq",
    ),
    ("verified.json", "SELECT address, at FROM verified WHERE user = ?1"),
    ("push.json", "SELECT endpoint, device, created FROM push_subscriptions WHERE user = ?1"),
    ("webhooks.json", "SELECT url, about, created FROM webhooks WHERE user = ?1"),
    ("receipt-mails.json", "SELECT address, heard, failed FROM receipt_mails WHERE user = ?1"),
    ("templates.json", "SELECT name, body FROM templates WHERE owner = ?1 ORDER BY name"),
    (
        "schedules.json",
        "SELECT id, name, recurrence, request, grace_secs, enabled, done, skipped, note
         FROM schedules WHERE owner = ?1 ORDER BY id",
    ),
    (
        "event-rules.json",
        "SELECT id, name, spec, enabled, last_fired, note FROM event_rules WHERE owner = ?1
         ORDER BY id",
    ),
];

/// Columns that hold JSON already.
const AS_JSON: [&str; 7] = ["profile", "retention", "state", "event", "plan", "request", "spec"];

/// The questions of all documents, for the test that no table is forgotten.
#[cfg(test)]
pub(crate) fn questions() -> impl Iterator<Item = &'static str> {
    DOCUMENTS.iter().map(|(_, sql)| *sql)
}

impl Store {
    /// Everything that a user has, but for the files.
    pub async fn export(&self, user: UserId) -> Result<Export, StoreError> {
        self.read(move |c| {
            // One state of the database for all questions.
            let tx = c.unchecked_transaction()?;
            let mut export = Export::default();
            for (name, sql) in DOCUMENTS {
                export.documents.push((*name, rows(&tx, sql, user)?));
            }
            let mut query = tx.prepare(
                "SELECT m.id, m.audio FROM messages m WHERE m.audio_gone IS NULL AND
                 (m.sender_user = ?1 OR EXISTS (SELECT 1 FROM recipients r
                  WHERE r.message = m.id AND r.user = ?1 AND r.folder IS NOT NULL))
                 ORDER BY m.id",
            )?;
            let files = query.query_map(params![user.0], |r| {
                Ok((id(r, 0)?, PathBuf::from(r.get::<_, String>(1)?)))
            })?;
            export.audio = files.collect::<Result<_, _>>()?;
            Ok(export)
        })
        .await
    }
}

/// The rows of a question as JSON objects.
fn rows(c: &Connection, sql: &str, user: UserId) -> Result<Value, StoreError> {
    let mut query = c.prepare(sql)?;
    let names: Vec<String> = query.column_names().map(str::to_owned).collect();
    let mut rows = query.query([user.0])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let mut object = Map::new();
        for (column, name) in names.iter().enumerate() {
            let value = match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => json!(n),
                ValueRef::Real(n) => json!(n),
                ValueRef::Blob(bytes) => json!(hex::encode(bytes)),
                ValueRef::Text(text) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    if AS_JSON.contains(&name.as_str()) {
                        serde_json::from_str(&text).unwrap_or(Value::String(text))
                    } else {
                        Value::String(text)
                    }
                }
            };
            object.insert(name.clone(), value);
        }
        list.push(Value::Object(object));
    }
    Ok(Value::Array(list))
}
