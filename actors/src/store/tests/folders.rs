//! Messages that are deleted, restored, or wait for their time.

use super::*;

#[tokio::test]
async fn what_was_deleted_is_listed_newest_deletion_first_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let ids = [0, 1, 2].map(message_id);
    for n in 0..3 {
        store.commit_message(message(n, alice, &[bob])).await.unwrap();
    }
    for (id, after) in ids.into_iter().zip([2, 3, 1]) {
        let at = NOW.after(Duration::from_secs(after));
        store.append_event(id, bob, at, Event::Deleted).await.unwrap();
    }
    drop(store);
    let store = open(dir.path());
    let deleted = store.mailbox(bob, Folder::Deleted).await.unwrap();
    let order: Vec<_> = deleted.iter().map(|m| m.id).collect();
    assert_eq!(order, [ids[1], ids[0], ids[2]]);
    assert_eq!(store.inbox(bob, None).await.unwrap(), []);
    assert_eq!(store.inbox_entry(bob, ids[0]).await.unwrap(), None);
    assert!(store.create_link(ids[0], bob, NOW.after(Duration::from_secs(9))).await.is_err());
    let restored = store.append_event(ids[0], bob, NOW, Event::Restored).await.unwrap();
    assert!(restored.changed);
    assert_eq!(store.counts(bob).await.unwrap(), Lamp { new: 1, saved: 0, urgent_new: 0 });
    assert_eq!(store.mailbox(bob, Folder::New).await.unwrap()[0].id, ids[0]);
    assert_eq!(store.mailbox(bob, Folder::Deleted).await.unwrap().len(), 2);
    assert_eq!(store.unfinished().await.unwrap(), [], "nobody is rung for it again");
}

#[tokio::test]
async fn a_message_that_waits_for_its_time_survives_a_restart_and_comes_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let due = NOW.after(Duration::from_secs(3600));
    let mut later = message(2, alice, &[bob]);
    later.delivery.not_before = Some(due);
    later.delivery.private = true;
    later.delivery.reply_to = Some(message_id(1));
    let committed = store.commit_message(later.clone()).await.unwrap();
    assert_eq!(committed.held, Some(due));
    assert!(store.commit_message(later).await.unwrap().duplicate);
    drop(store);

    let store = open(dir.path());
    let id = message_id(2);
    assert_eq!(store.counts(bob).await.unwrap(), Lamp::default());
    assert_eq!(store.inbox(bob, None).await.unwrap(), []);
    assert_eq!(store.mailbox(bob, Folder::Deleted).await.unwrap(), []);
    assert_eq!(store.inbox_entry(bob, id).await.unwrap(), None);
    let sent = store.outbox(alice, 10).await.unwrap();
    assert_eq!(sent[0].recipients[0].state.steps()[0].step, Step::Accepted);
    let before = UnixMillis(due.0 - 1);
    assert_eq!(store.due(before).await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), Some(due));
    assert_eq!(store.due(due).await.unwrap(), [(id, bob)]);

    assert!(store.append_event(id, bob, due, Event::Released).await.unwrap().changed);
    assert!(!store.append_event(id, bob, due, Event::Released).await.unwrap().changed);
    assert_eq!(store.due(due).await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), None);
    let listed = store.mailbox(bob, Folder::New).await.unwrap();
    assert_eq!((listed[0].id, listed[0].private), (id, true));
    assert_eq!(listed[0].reply_to, Some(message_id(1)));
    assert_eq!(store.unfinished().await.unwrap(), [(id, bob)], "its delivery is due now");
    let record = store.message(id).await.unwrap().unwrap();
    assert_eq!((record.private, record.reply_to), (true, Some(message_id(1))));
}

#[tokio::test]
async fn a_database_of_the_first_version_keeps_its_deleted_messages() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let id = message_id(1);
    store.commit_message(message(1, alice, &[bob])).await.unwrap();
    store.append_event(id, bob, NOW, Event::Deleted).await.unwrap();
    let state = store.recipient_state(id, bob).await.unwrap().unwrap();
    let mut state = serde_json::to_value(state).unwrap();
    for newer in ["restored", "due", "released"] {
        state.as_object_mut().unwrap().remove(newer).unwrap();
    }
    let old = tempfile::tempdir().unwrap();
    let connection = Connection::open(old.path().join("hark.sqlite")).unwrap();
    schema::migrate_to(&connection, 1).unwrap();
    connection
        .execute_batch(
            "INSERT INTO users VALUES (7, 'bob', 'Bob', '1002', '', zeroblob(16), zeroblob(32),
             'en', 59, NULL, 1, NULL)",
        )
        .unwrap();
    let sql = "INSERT INTO messages VALUES (?1, NULL, 'A', '', 1, 1, 1, 0, 0, x'00', 'a', NULL)";
    connection.execute(sql, [id.0.as_bytes()]).unwrap();
    let sql = "INSERT INTO recipients VALUES (?1, 7, 0, 'deleted', NULL, 1, ?2)";
    connection.execute(sql, (id.0.as_bytes(), state.to_string())).unwrap();
    drop(connection);

    let (store, bob) = (open(old.path()), UserId(7));
    assert_eq!(store.mailbox(bob, Folder::Deleted).await.unwrap()[0].id, id);
    assert_eq!(store.counts(bob).await.unwrap(), Lamp::default());
    let bob = &store.users().await.unwrap()[0];
    assert!(bob.greetings.contains(hark_engine::directory::GreetingKind::Standard));
    assert!(!bob.do_not_disturb && !bob.has_spoken_name);
}
