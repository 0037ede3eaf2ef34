//! No table with something of a user's is forgotten: each is exported and erased, or it stands
//! here why not. Whoever adds a table adds a row for it to [`ROWS`], and what is said of it here.

use rusqlite::Connection;
use tempfile::TempDir;

use super::tests::{ALICE, BOB, leave, site};
use super::*;
use crate::store::export::questions;

/// Columns that name a user, besides those that refer to `users`.
const NAMES: [&str; 5] = ["user", "owner", "sender", "recipient", "account"];

/// Tables with something of a user's that are not exported, and why.
const NOT_EXPORTED: [(&str, &str); 3] = [
    ("codes", "hashes of codes that were sent: codes-sent.json says where to and when"),
    ("profile_webhook_secrets", "secrets"),
    ("users", "account.json, but for its secrets"),
];

/// Columns that name a user still when they were erased, and why.
const STAY: [(&str, &str, &str); 6] = [
    ("events", "recipient", "the log keeps what happened and when, without devices and words"),
    ("recipients", "user", "a purged row, for the receipts of senders"),
    ("chats", "sender", "the text stays with whom it was written to"),
    ("chats", "recipient", "the text stays with who wrote it"),
    ("receipt_mail_queue", "recipient", "another user's, who is told what happened"),
    ("users", "id", "an empty row, for the above to refer to"),
];

/// A row for each table, of the user 2, beside a message each way between 1 and 2.
const ROWS: &str = "
INSERT INTO contacts VALUES (1, 2, 0), (2, 1, 0);
INSERT INTO sessions VALUES (x'01', 2, 9e15);
INSERT INTO bindings VALUES ('roberta', 'sip:r@10.0.0.1', '{}', 9e15);
INSERT INTO links SELECT zeroblob(32), message, 2, 9e15, 0 FROM recipients WHERE user = 2 LIMIT 1;
INSERT INTO pin_attempts VALUES (2, 3, NULL);
INSERT INTO verified VALUES (2, 'mailto:r@example.org', 1);
INSERT INTO codes VALUES (2, 'tel:+4930123', zeroblob(32), 9e15, 0);
INSERT INTO codes_sent VALUES (2, 'tel:+4930123', 1);
INSERT INTO delivery_calls VALUES (2, 'tel:+4930123', 1, 1), (1, NULL, 2, 1);
INSERT INTO explanations SELECT message, 2, '{}' FROM recipients WHERE user = 2 LIMIT 1;
INSERT INTO push_subscriptions VALUES (1, 'https://push.example', 2, zeroblob(65), zeroblob(16), 'd', 1);
INSERT INTO webhooks (id, user, url, secret, about, created)
    VALUES (7, 2, 'https://hook.example', zeroblob(32), 'all', 1);
INSERT INTO webhook_queue (webhook, seq, message) VALUES (7, 1, x'01');
INSERT INTO webhook_dead VALUES (7, 2, x'01', 1, 'gone');
INSERT INTO profile_webhook_secrets VALUES (2, zeroblob(32));
INSERT INTO receipt_mails (user, address, heard, failed) VALUES (1, 'a@example.org', 1, 1), (2, 'r@example.org', 1, 1);
INSERT INTO receipt_mail_queue VALUES (2, 1, x'01', 1, 'heard', 1), (1, 2, x'01', 2, 'heard', 1);
INSERT INTO chats (id, sender, recipient, at, text) VALUES (1, 1, 2, 1, 'hi'), (2, 2, 1, 1, 'ho');
INSERT INTO chat_events (chat, at, mark, device) VALUES (1, 1, 'read', 'a browser'), (2, 1, 'read', 'another');
INSERT INTO imdn_wishes VALUES ('chat:1', 1, 2, 'm', 1, 0, 1), ('chat:2', 2, 1, 'm', 1, 0, 1);
INSERT INTO tokens (user, name, hash, scopes, created) VALUES (2, 'door bell', zeroblob(32), 'chat', 1);
INSERT INTO user_groups VALUES (1, 'sales', 'sales');
INSERT INTO group_members VALUES (1, 2);
INSERT INTO templates VALUES (1, 2, 't', '{}');
INSERT INTO announcements (id, owner, key, fingerprint, created, state, plan, confirmed_by)
    VALUES (zeroblob(16), 2, 'k', zeroblob(32), 1, 'sent', '{}', NULL),
           (x'00000000000000000000000000000001', 1, 'l', zeroblob(32), 1, 'confirmed', '{}', 2);
INSERT INTO announcement_parts VALUES (zeroblob(16), zeroblob(16), 0, 'en', '[]', 1);
INSERT INTO schedules (id, owner, name, recurrence, request, grace_secs, enabled, done)
    VALUES (1, 2, 's', '{}', '{}', 1, 0, 1);
INSERT INTO event_rules (id, owner, name, spec, enabled) VALUES (1, 2, 'r', '{}', 0);
INSERT INTO request_keys VALUES ('api:2:k', 2, zeroblob(32));
";

/// Every table, with the columns that name a user.
fn tables(c: &Connection) -> Vec<(String, Vec<String>)> {
    let list = |sql: &str| -> Vec<String> {
        let mut query = c.prepare(sql).unwrap();
        query.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    list(tables)
        .into_iter()
        .map(|table| {
            let of_users = format!(
                "SELECT \"from\" FROM pragma_foreign_key_list('{table}') WHERE \"table\" = 'users'"
            );
            let mut columns = list(&of_users);
            let named = list(&format!("SELECT name FROM pragma_table_info('{table}')"));
            columns.extend(named.into_iter().filter(|name| NAMES.contains(&name.as_str())));
            if table == "users" {
                columns.push("id".into());
            }
            columns.sort();
            columns.dedup();
            (table, columns)
        })
        .collect()
}

/// How many rows name the user 2 there.
fn rows(c: &Connection, table: &str, column: &str) -> i64 {
    let who = if column == "account" { "'roberta'" } else { "2" };
    let sql = format!("SELECT count(*) FROM {table} WHERE \"{column}\" = {who}");
    c.query_row(&sql, [], |r| r.get(0)).unwrap()
}

fn is_named(sql: &str, table: &str) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == table)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_something_of_a_users_is_exported_and_erased() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path(), config::Retention::default()).await;
    leave(&site, BOB, ALICE).await;
    leave(&site, ALICE, BOB).await;
    let c = Connection::open(dir.path().join("hark.sqlite")).unwrap();
    c.execute_batch(ROWS).unwrap();
    let tables = tables(&c);
    for (table, columns) in tables.iter().filter(|(_, columns)| !columns.is_empty()) {
        let reason = NOT_EXPORTED.iter().find(|(name, _)| name == table);
        let exported = questions().any(|sql| is_named(sql, table));
        assert!(exported || reason.is_some(), "{table} is in no document of an export");
        for column in columns {
            assert!(
                rows(&c, table, column) > 0,
                "ROWS has none of the user's for {table}.{column}"
            );
        }
    }
    // What hangs on something of a user's has no column of its own for them.
    for table in [
        "webhook_queue",
        "webhook_dead",
        "chat_events",
        "announcement_parts",
        "user_groups",
        "messages",
    ] {
        assert!(questions().any(|sql| is_named(sql, table)), "{table}");
    }
    for (table, columns) in &tables {
        let hangs =
            ["webhook_queue", "webhook_dead", "chat_events", "announcement_parts", "user_groups"];
        let known = !columns.is_empty() || hangs.contains(&table.as_str());
        assert!(known, "say of {table} whether something of a user's hangs on it");
    }

    let export = site.store.export(BOB).await.unwrap();
    for (name, document) in &export.documents {
        let empty = document.as_array().is_none_or(Vec::is_empty);
        assert!(!empty, "{name} is empty, though there is something of the user's");
    }
    let text = serde_json::to_string(&export.documents).unwrap();
    assert!(text.contains("door bell") && text.contains("a browser"), "{text}");
    assert!(!text.contains(&"0".repeat(64)), "a hash or secret is exported");

    erase::erase(&site.store, "localhost", "roberta", None).await.unwrap();
    for (table, columns) in &tables {
        for column in columns {
            let stays = STAY.iter().any(|(t, c, _)| t == table && c == column);
            let left = rows(&c, table, column);
            assert!(left == 0 || stays, "{table}.{column} names the erased in {left} rows");
        }
    }
    let left = |sql: &str| c.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(left("SELECT count(*) FROM webhook_queue WHERE webhook = 7"), 0);
    assert_eq!(left("SELECT count(*) FROM webhook_dead"), 0);
    assert_eq!(left("SELECT count(*) FROM announcement_parts"), 0);
    assert_eq!(left("SELECT count(*) FROM chat_events WHERE device = 'a browser'"), 0);
    assert_eq!(left("SELECT count(*) FROM chat_events WHERE device = 'another'"), 1);
}
