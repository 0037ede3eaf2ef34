//! What is over, what is full, what is taken away and what is erased: in a real store.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;

use hark_engine::dialplan::effect::{Delivery, Folder};
use hark_engine::id::MessageId;
use hark_engine::message::{Event, Sender};
use hark_engine::time::UnixMillis;
use prometheus::Registry;
use tempfile::TempDir;

use super::janitor::JanitorServices;
use super::*;
use crate::bus::{Bus, BusEvent};
use crate::clock;
use crate::config;
use crate::messages::Messages;
use crate::presence_board::PresenceBoard;
use crate::recording::{Recordings, Tags};
use crate::recovery;
use crate::store::{DigestSecrets, NewMessage, NewUser, StoreConfig, TokenRecord};
use crate::users::Users;

pub(super) const ALICE: UserId = UserId(1);
pub(super) const BOB: UserId = UserId(2);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) async fn site(dir: &Path, config: config::Retention) -> JanitorServices {
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir), &registry).unwrap();
    for (name, extension) in [("alicia", "1001"), ("roberta", "1002")] {
        let user = NewUser {
            name: name.into(),
            display_name: format!("{name} Testerson"),
            extension: extension.into(),
            password_hash: String::new(),
            ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
            language: "en".into(),
            limit_secs: 59,
            pin_hash: None,
        };
        store.create_user(user).await.unwrap();
    }
    let bus = Bus::default();
    let (messages, mut handover) = Messages::new(store.clone(), bus.clone(), 30);
    tokio::spawn(async move { while handover.recv().await.is_some() {} });
    let recordings = Recordings::start(dir, &registry).unwrap();
    let board = PresenceBoard::new(bus.clone());
    let users = Users::load(store.clone(), recordings, board, "Test", &registry).await.unwrap();
    let retention = Retention::new(store.clone(), &config);
    let metrics = JanitorMetrics::register(&registry).unwrap();
    JanitorServices { store, messages, users, bus, retention, metrics }
}

/// Leaves a message of a second, with its file.
pub(super) async fn leave(site: &JanitorServices, from: UserId, to: UserId) -> MessageId {
    let at = clock::wall();
    let id = MessageId::new(at, clock::random());
    let directory = site.users.directory();
    let who = directory.user(from).unwrap();
    let sender = Sender {
        user: Some(from),
        name: who.display_name.clone(),
        address: format!("sip:{}@localhost", who.name),
    };
    let tags: Tags = recovery::tags(&directory, "localhost", id, &sender, &[to], at);
    let spoken = (0..8000).map(|n| ((f64::from(n) * 0.35).sin() * 9000.0) as i16).collect();
    let registry = Registry::new();
    let recordings = Recordings::start(site.store.dir(), &registry).unwrap();
    let finished = recordings.speak(spoken, tags).await.unwrap();
    let message = NewMessage {
        id,
        sender,
        delivery: Delivery { to: vec![to], receipt: true, ..Delivery::default() },
        length_ms: finished.length_ms,
        bytes: finished.bytes,
        peaks: finished.peaks,
        audio: finished.audio,
        idempotency_key: None,
        at,
    };
    site.messages.commit(message).await.unwrap();
    id
}

fn audio(site: &JanitorServices, id: MessageId) -> std::path::PathBuf {
    site.store.dir().join(crate::recording::files::audio_path(id))
}

fn later(days: u32) -> UnixMillis {
    clock::wall().after(DAY * days + Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_messages_are_purged_with_their_audio_and_not_before() {
    let dir = TempDir::new().unwrap();
    let config = config::Retention { deleted_days: 7, ..config::Retention::default() };
    let site = site(dir.path(), config).await;
    let (gone, kept) = (leave(&site, ALICE, BOB).await, leave(&site, ALICE, BOB).await);
    site.messages.note(gone, BOB, Event::Deleted).await.unwrap();
    site.sweep(later(6)).await.unwrap();
    assert!(audio(&site, gone).exists());
    site.store.set_hold(BOB, true).await.unwrap();
    site.sweep(later(8)).await.unwrap();
    assert!(audio(&site, gone).exists(), "a legal hold stands");
    site.store.set_hold(BOB, false).await.unwrap();
    site.store.set_hold(ALICE, true).await.unwrap();
    site.sweep(later(8)).await.unwrap();
    assert!(audio(&site, gone).exists(), "a legal hold stands for its sender");
    assert_eq!(site.store.inbox(BOB, Some(Folder::Deleted)).await.unwrap(), []);
    site.store.set_hold(ALICE, false).await.unwrap();
    site.sweep(later(8)).await.unwrap();
    assert!(!audio(&site, gone).exists() && audio(&site, kept).exists());
    assert!(site.messages.note(gone, BOB, Event::Restored).await.is_err());
    assert_eq!(site.store.messages_with_audio().await.unwrap(), HashSet::from([kept]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_unheard_is_told_to_its_sender() {
    let dir = TempDir::new().unwrap();
    let config =
        config::Retention { unheard_days: 30, heard_days: 10, ..config::Retention::default() };
    let site = site(dir.path(), config).await;
    let (unheard, heard) = (leave(&site, ALICE, BOB).await, leave(&site, ALICE, BOB).await);
    let event = Event::Heard { device: "x".into(), heard_ms: 900 };
    site.messages.note(heard, BOB, event).await.unwrap();
    let mut bus = site.bus.subscribe();
    site.sweep(later(11)).await.unwrap();
    assert_eq!(site.store.mailbox(BOB, Folder::Saved).await.unwrap(), []);
    assert_eq!(site.store.mailbox(BOB, Folder::New).await.unwrap().len(), 1);
    site.sweep(later(31)).await.unwrap();
    assert!(!audio(&site, unheard).exists());
    let mut told = Vec::new();
    while let Ok(event) = bus.try_recv() {
        if let BusEvent::Logged { sender, event } = &*event
            && event.event == Event::Expired
        {
            told.push((*sender, event.message));
        }
    }
    assert_eq!(told, [(Some(ALICE), heard), (Some(ALICE), unheard)]);
    let sent = site.store.outbox(ALICE, 10).await.unwrap();
    assert!(sent.iter().all(|entry| entry.recipients[0].state.expired.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_a_purge_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path(), config::Retention::default()).await;
    let (gone, kept) = (leave(&site, ALICE, BOB).await, leave(&site, ALICE, BOB).await);
    let spoken = MessageId::new(clock::wall(), clock::random());
    for file in [spoken, MessageId::new(clock::wall(), clock::random())] {
        std::fs::copy(audio(&site, kept), audio(&site, file)).unwrap();
    }
    site.messages.note(gone, BOB, Event::Deleted).await.unwrap();
    site.messages.note(gone, BOB, Event::Purged).await.unwrap();
    // Marked, and the process ends here.
    assert_eq!(site.store.forget_audio(clock::wall(), 10).await.unwrap().len(), 1);
    assert!(audio(&site, gone).exists());
    let removed = orphans::remove(&site.store, HashSet::from([spoken])).await.unwrap();
    assert_eq!(removed, 2, "the purged one, and one without a row");
    assert!(!audio(&site, gone).exists());
    assert!(audio(&site, kept).exists() && audio(&site, spoken).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_fills_up_and_is_counted() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path(), config::Retention::default()).await;
    let differs = hark_engine::retention::Override {
        quota_minutes: Some(1),
        ..hark_engine::retention::Override::default()
    };
    site.store.set_retention(BOB, differs).await.unwrap();
    leave(&site, ALICE, BOB).await;
    let standing = site.retention.standing(BOB).await.unwrap();
    assert_eq!((standing.usage.messages, standing.percent), (1, 1));
    assert_eq!(site.retention.standing(ALICE).await.unwrap().policy.quota_minutes, 1000);
    site.store.set_mailbox_full(BOB, true).await.unwrap();
    site.users.refresh().await.unwrap();
    assert!(site.users.directory().user(BOB).unwrap().mailbox_full);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_address_outside_expires_and_has_a_quota_too() {
    let dir = TempDir::new().unwrap();
    let config =
        config::Retention { outside_days: 30, quota_minutes: 1, ..config::Retention::default() };
    let site = site(dir.path(), config).await;
    let address = hark_engine::delivery::address::Address::parse("+493012345").unwrap();
    let outside = site.store.outside_row(&address, "en", 59).await.unwrap();
    site.users.refresh().await.unwrap();
    let (janitor, _) = ractor::Actor::spawn(None, super::Janitor, site.clone()).await.unwrap();
    let first = leave(&site, ALICE, outside).await;
    let bobs = leave(&site, ALICE, BOB).await;
    for _ in 0..60 {
        leave(&site, ALICE, outside).await;
    }
    let full = || site.users.directory().user(outside).unwrap().mailbox_full;
    let until = async |wanted: bool| {
        for _ in 0..1000 {
            if full() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain for the mailbox to be full: {wanted}");
    };
    until(true).await;
    site.sweep(later(31)).await.unwrap();
    assert!(!audio(&site, first).exists() && audio(&site, bobs).exists());
    until(false).await;
    janitor.stop_and_wait(None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_everything() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path(), config::Retention::default()).await;
    let (sent, received) = (leave(&site, BOB, ALICE).await, leave(&site, ALICE, BOB).await);
    let contents = site.store.export(BOB).await.unwrap();
    let mut archive = Vec::new();
    export::write(site.store.dir(), BOB, &contents, clock::wall(), &mut archive).unwrap();
    let mut names = Vec::new();
    let mut texts = String::new();
    for entry in tar::Archive::new(&archive[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name.ends_with(".json") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            texts += &text;
        }
        names.push(name);
    }
    for id in [sent, received] {
        assert!(names.contains(&format!("audio/{id}.ogg")), "{names:?}");
    }
    for document in ["account.json", "received.json", "sent.json", "message-log.json"] {
        assert!(names.iter().any(|name| name == document), "{names:?}");
    }
    assert!(texts.contains("roberta Testerson") && !texts.contains("password"), "{texts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_leaves_no_trace_of_the_name() {
    let dir = TempDir::new().unwrap();
    let site = site(dir.path(), config::Retention::default()).await;
    let (sent, received) = (leave(&site, BOB, ALICE).await, leave(&site, ALICE, BOB).await);
    std::fs::write(dir.path().join("first-run-passwords.txt"), "alicia 1 x\nroberta 2 y\n")
        .unwrap();
    site.store.set_hold(BOB, true).await.unwrap();
    let held = erase::erase(&site.store, "localhost", "roberta", None).await;
    assert!(matches!(held, Err(erase::EraseError::Store(StoreError::Conflict { .. }))), "{held:?}");
    site.store.set_hold(BOB, false).await.unwrap();
    let token = TokenRecord {
        id: 0,
        user: BOB,
        name: "roberta's terminal".into(),
        scopes: "messages:read".into(),
        created: clock::wall(),
        expires: None,
        last_used: None,
    };
    site.store.create_token(token, [7; 32]).await.unwrap();
    let done = erase::erase(&site.store, "localhost", "ROBERTA", None).await.unwrap();
    assert_eq!((done.removed, done.rewritten), (0, 2));
    assert!(audio(&site, sent).exists() && audio(&site, received).exists());
    let inbox = site.store.mailbox(ALICE, Folder::New).await.unwrap();
    assert_eq!((inbox.len(), inbox[0].sender.name.as_str()), (1, crate::store::FORMER));
    assert_eq!(site.store.outbox(ALICE, 9).await.unwrap()[0].recipients[0].name, "Former user");
    assert_eq!(site.store.users().await.unwrap().len(), 1);
    let token = site.store.token([7; 32], clock::wall()).await.unwrap();
    assert_eq!(token, None, "an application still acts for who is gone");
    // The log is append-only again.
    assert!(site.messages.note(sent, ALICE, Event::Saved).await.unwrap());
    let mut folders = vec![dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
            let found = bytes.windows(7).any(|window| window == b"roberta");
            assert!(!found, "the name stands in {}", path.display());
        }
    }
    let again = erase::erase(&site.store, "localhost", "roberta", None).await;
    assert!(matches!(again, Err(erase::EraseError::NoSuchUser)), "{again:?}");
}
