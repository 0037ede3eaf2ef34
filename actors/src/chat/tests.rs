//! Texts in a real store.

use hark_engine::id::UserId;
use prometheus::Registry;

use super::*;
use crate::store::{DigestSecrets, NewUser, StoreConfig};

struct World {
    chat: Chat,
    bus: Bus,
    queue: mpsc::Receiver<ChatEntry>,
    alice: UserId,
    bob: UserId,
    _dir: tempfile::TempDir,
}

async fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir.path()), &registry).unwrap();
    let mut ids = Vec::new();
    for (name, extension) in [("alice", "1001"), ("bob", "1002")] {
        let user = NewUser {
            name: name.into(),
            display_name: name.into(),
            extension: extension.into(),
            password_hash: "x".into(),
            ha1: DigestSecrets { md5: [1; 16], sha256: [2; 32] },
            language: "en".into(),
            limit_secs: 59,
            pin_hash: None,
        };
        ids.push(store.create_user(user).await.unwrap());
    }
    let bus = Bus::default();
    let metrics = ChatMetrics::register(&registry).unwrap();
    let (chat, queue) = Chat::new(store, bus.clone(), metrics);
    World { chat, bus, queue, alice: ids[0], bob: ids[1], _dir: dir }
}

impl World {
    fn draft(&self, text: &str, key: Option<&str>) -> Draft {
        Draft {
            from: self.alice,
            to: self.bob,
            text: text.into(),
            key: key.map(str::to_owned),
            wish: None,
        }
    }
}

#[tokio::test]
async fn a_text_is_kept_once_and_told_after_that() {
    let mut world = world().await;
    let mut events = world.bus.subscribe();
    let first = world.chat.send(world.draft(" Hello\r\nBob \u{7}", Some("k1"))).await.unwrap();
    assert_eq!((first.entry.text.as_str(), first.duplicate), ("Hello\nBob", false));
    let again = world.chat.send(world.draft("Hello\nBob", Some("k1"))).await.unwrap();
    assert_eq!((again.entry.id, again.duplicate), (first.entry.id, true));
    let told = events.try_recv().unwrap();
    assert!(
        matches!(&*told, BusEvent::Chat(ChatEvent::Kept { key: Some(key), .. }) if key == "k1")
    );
    assert!(events.try_recv().is_err(), "a repetition is told to nobody");
    assert_eq!(world.queue.recv().await.unwrap().id, first.entry.id);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = world().await;
    let send = |draft| world.chat.send(draft);
    assert!(matches!(send(world.draft(" \n ", None)).await, Err(ChatError::Empty)));
    let long = "ü".repeat(LONGEST_TEXT);
    assert!(send(world.draft(&long, None)).await.is_ok());
    assert!(matches!(send(world.draft(&(long + "x"), None)).await, Err(ChatError::TooLong)));
    assert!(matches!(send(world.draft("x", Some(""))).await, Err(ChatError::Key)));
    let own = Draft { to: world.alice, ..world.draft("x", None) };
    assert!(matches!(send(own).await, Err(ChatError::Yourself)));
    let nobody = Draft { to: UserId(99), ..world.draft("x", None) };
    assert!(matches!(send(nobody).await, Err(ChatError::Store(StoreError::NotFound { .. }))));
}

#[tokio::test]
async fn one_user_cannot_flood() {
    let world = world().await;
    for _ in 0..BURST {
        world.chat.send(world.draft("x", None)).await.unwrap();
    }
    assert!(matches!(world.chat.send(world.draft("x", None)).await, Err(ChatError::TooFast(_))));
}

#[tokio::test]
async fn marks_are_told_once_and_reading_implies_delivery() {
    let world = world().await;
    let (alice, bob) = (world.alice, world.bob);
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        ids.push(world.chat.send(world.draft(text, None)).await.unwrap().entry.id);
    }
    let mut events = world.bus.subscribe();
    world.chat.mark(alice, bob, ids[0], Mark::Delivered, "browser").await.unwrap();
    world.chat.mark(alice, bob, ids[0], Mark::Delivered, "phone").await.unwrap();
    world.chat.mark(alice, bob, ids[1], Mark::Read, "browser").await.unwrap();
    let mut seen = Vec::new();
    while let Ok(event) = events.try_recv() {
        let BusEvent::Chat(ChatEvent::Marked { marked, .. }) = &*event else { panic!() };
        seen.extend(marked.iter().map(|marked| (marked.chat, marked.mark)));
    }
    let expected = [
        (ids[0], Mark::Delivered),
        (ids[0], Mark::Read),
        (ids[1], Mark::Delivered),
        (ids[1], Mark::Read),
    ];
    assert_eq!(seen, expected);
    let threads = world.chat.store().chat_threads(bob).await.unwrap();
    assert_eq!((threads.len(), threads[0].with, threads[0].unread), (1, alice, 1));
    assert_eq!(threads[0].last.text, "3");
    assert_eq!(world.chat.store().chat_threads(alice).await.unwrap()[0].unread, 0);
}

#[tokio::test]
async fn history_is_read_page_by_page_in_both_directions() {
    let world = world().await;
    for n in 0..5 {
        let (from, to) =
            if n % 2 == 0 { (world.alice, world.bob) } else { (world.bob, world.alice) };
        let draft = Draft { from, to, text: n.to_string(), key: None, wish: None };
        world.chat.send(draft).await.unwrap();
    }
    let store = world.chat.store();
    let page = store.chat_history(world.bob, world.alice, None, 3).await.unwrap();
    let texts = |page: &[ChatEntry]| page.iter().map(|e| e.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&page), ["4", "3", "2"]);
    let rest = store.chat_history(world.bob, world.alice, Some(page[2].id), 3).await.unwrap();
    assert_eq!(texts(&rest), ["1", "0"]);
}
