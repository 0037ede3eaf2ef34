//! The store as its users see it, on real files.

use std::collections::HashSet;
use std::time::Duration;

use hark_engine::dialplan::effect::{Delivery, Folder};
use hark_engine::directory::{Directory, User};
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::mailbox::Lamp;
use hark_engine::message::state::RecipientState;
use hark_engine::message::{Event, Sender, Step};
use hark_engine::time::UnixMillis;
use prometheus::Registry;

use super::actor::StoreActor;
use super::*;

mod folders;
mod telephone;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn open(dir: &Path) -> Store {
    // The lock of a store that was just dropped may be held a moment longer by a query.
    Store::open(StoreConfig::new(dir), &Registry::new()).unwrap()
}

fn new_user(name: &str, extension: &str) -> NewUser {
    NewUser {
        name: name.into(),
        display_name: format!("{name} Test"),
        extension: extension.into(),
        password_hash: "$argon2id$".into(),
        ha1: DigestSecrets { md5: [1; 16], sha256: [2; 32] },
        language: "en".into(),
        limit_secs: 59,
        pin_hash: None,
    }
}

async fn two_users(store: &Store) -> (UserId, UserId) {
    let alice = store.create_user(new_user("alice", "1001")).await.unwrap();
    let bob = store.create_user(new_user("bob", "1002")).await.unwrap();
    (alice, bob)
}

fn message_id(n: u32) -> MessageId {
    let mut random = [7; 10];
    random[..4].copy_from_slice(&n.to_be_bytes());
    MessageId::new(NOW.after(Duration::from_millis(n.into())), random)
}

fn message(n: u32, from: UserId, to: &[UserId]) -> NewMessage {
    let id = message_id(n);
    NewMessage {
        id,
        sender: Sender { user: Some(from), name: "Alice".into(), address: "sip:alice@x".into() },
        delivery: Delivery {
            to: to.to_vec(),
            receipt: true,
            urgent: n % 2 == 1,
            ..Delivery::default()
        },
        length_ms: 5000,
        bytes: 15_000,
        peaks: vec![9; 64],
        audio: PathBuf::from(format!("audio/2026/11/{id}.ogg")),
        idempotency_key: Some(format!("key-{n}")),
        at: NOW.after(Duration::from_millis(n.into())),
    }
}

#[tokio::test]
async fn a_message_goes_its_whole_way_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let id = message_id(1);
    let first = store.commit_message(message(1, alice, &[bob, bob])).await.unwrap();
    assert_eq!((first.id, first.recipients.clone(), first.duplicate), (id, vec![bob], false));
    let again = store.commit_message(message(1, alice, &[bob])).await.unwrap();
    assert!(again.duplicate && again.id == id);
    assert_eq!(store.unfinished().await.unwrap(), [(id, bob)]);
    assert_eq!(store.counts(bob).await.unwrap(), Lamp { new: 1, saved: 0, urgent_new: 1 });

    let device = || "browser".to_owned();
    let events = [
        Event::Notified { device: device() },
        Event::Delivered { device: device() },
        Event::Heard { device: device(), heard_ms: 4000 },
    ];
    for event in events {
        let news = store.append_event(id, bob, NOW, event.clone()).await.unwrap();
        assert!(news.changed && news.seq.is_some());
        let repeated = store.append_event(id, bob, NOW, event).await.unwrap();
        assert!(!repeated.changed && repeated.seq.is_none());
    }
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.unfinished().await.unwrap(), []);
    assert_eq!(store.counts(bob).await.unwrap(), Lamp { new: 0, saved: 1, urgent_new: 0 });
    let log = store.events(id).await.unwrap();
    assert_eq!(log.len(), 4);
    let state = store.recipient_state(id, bob).await.unwrap().unwrap();
    assert_eq!(RecipientState::fold(&log), state, "the table is what the log says");
    let outbox = store.outbox(alice, 10).await.unwrap();
    assert_eq!(outbox[0].recipients[0].name, "bob Test");
    let steps: Vec<_> = outbox[0].recipients[0].state.steps().into_iter().map(|s| s.step).collect();
    assert_eq!(steps, [Step::Accepted, Step::Notified, Step::Delivered, Step::Heard]);
    assert_eq!(store.mailbox(bob, Folder::Saved).await.unwrap()[0].id, id);
    let record = store.message(id).await.unwrap().unwrap();
    assert_eq!((record.recipients, record.bytes, record.receipt), (vec![bob], 15_000, true));
    store.append_event(id, bob, NOW, Event::Deleted).await.unwrap();
    assert_eq!(store.counts(bob).await.unwrap(), Lamp::default());
    let saved = store.append_event(id, bob, NOW, Event::Saved).await;
    assert!(matches!(saved, Err(StoreError::Illegal(_))));
}

#[tokio::test]
async fn whatever_happens_tables_and_lamps_are_what_the_log_says() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let ids = [0, 1, 2, 3].map(message_id);
    for n in 0..4 {
        store.commit_message(message(n, alice, &[bob, alice])).await.unwrap();
    }
    let mut seed = 1u32;
    let mut random = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    for _ in 0..300 {
        let (id, user) = (ids[random(4) as usize], [alice, bob][random(2) as usize]);
        let device = format!("phone:{}", random(3));
        let event = match random(24) {
            0..6 => Event::Notified { device },
            6..12 => Event::Delivered { device },
            12..16 => Event::Heard { device, heard_ms: random(5000) },
            16..18 => Event::Saved,
            18 => Event::Deleted,
            19 => Event::Restored,
            20..22 => Event::AttemptFailed { device, reason: "busy".into() },
            _ => Event::Failed { reason: "busy".into() },
        };
        // Keeping a deleted message is refused; all else is taken, as news or as known.
        let taken = store.append_event(id, user, NOW, event).await;
        assert!(matches!(taken, Ok(_) | Err(StoreError::Illegal(_))), "{taken:?}");
    }
    for user in [alice, bob] {
        let mut states = Vec::new();
        for (n, id) in ids.into_iter().enumerate() {
            let log = store.events(id).await.unwrap();
            let folded = RecipientState::fold(log.iter().filter(|l| l.recipient == user));
            assert_eq!(store.recipient_state(id, user).await.unwrap(), Some(folded.clone()));
            assert_eq!(store.unfinished().await.unwrap().contains(&(id, user)), !folded.finished());
            states.push((folded, n % 2 == 1));
        }
        let lamp = Lamp::count(states.iter().map(|(state, urgent)| (state, *urgent)));
        assert_eq!(store.counts(user).await.unwrap(), lamp);
        let listed = store.inbox(user, None).await.unwrap().len();
        assert_eq!(u32::try_from(listed).unwrap(), lamp.new + lamp.saved);
    }
}

#[tokio::test]
async fn a_mailbox_is_heard_urgent_first_then_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    for n in 0..4 {
        store.commit_message(message(n, alice, &[bob])).await.unwrap();
    }
    let order = store.mailbox(bob, Folder::New).await.unwrap();
    let ids: Vec<_> = order.iter().map(|m| m.id).collect();
    assert_eq!(ids, [message_id(1), message_id(3), message_id(0), message_id(2)]);
    let shown = store.inbox(bob, None).await.unwrap();
    assert_eq!(shown[0].message.id, message_id(3), "clients show the newest first");
    assert!(store.inbox_entry(alice, message_id(3)).await.unwrap().is_none());
    assert!(store.inbox_entry(bob, message_id(3)).await.unwrap().is_some());
}

#[tokio::test]
async fn users_are_unique_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    for taken in [new_user("ALICE", "1009"), new_user("dora", "1001")] {
        let refused = store.create_user(taken).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    store.set_contacts(alice, vec![bob]).await.unwrap();
    let busy = hark_engine::directory::GreetingKind::Busy;
    store.set_greeting(bob, hark_engine::directory::GreetingKind::Standard, true).await.unwrap();
    store.set_greeting(bob, busy, true).await.unwrap();
    store.set_greeting(bob, busy, false).await.unwrap();
    store.set_spoken_name(bob, true).await.unwrap();
    store.set_language(bob, "de".into()).await.unwrap();
    let users = store.users().await.unwrap().into_iter().map(User::from).collect();
    let directory = Directory::new("Site", users);
    assert_eq!(directory.by_name("Alice").unwrap().contacts, [bob]);
    assert!(
        directory
            .by_extension("1002")
            .unwrap()
            .greetings
            .contains(hark_engine::directory::GreetingKind::Standard)
    );
    let known = directory.by_name("bob").unwrap();
    assert!(!known.greetings.contains(busy) && known.has_spoken_name);
    assert_eq!(known.language, "de");
    assert_eq!(store.user_credentials("Bob").await.unwrap().unwrap().0, bob);
    assert_eq!(store.user_credentials("eve").await.unwrap(), None);
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    let mut profile = store.profile(bob).await.unwrap();
    profile.rules.clear();
    store.set_profile(bob, &profile).await.unwrap();
    assert_eq!(store.profile(bob).await.unwrap(), profile);
    let gone = store.set_profile(UserId(99), &profile).await;
    assert_eq!(gone, Err(StoreError::NotFound { what: "user" }));
    let to_nobody = store.commit_message(message(1, alice, &[UserId(99)])).await;
    assert!(matches!(to_nobody, Err(StoreError::NotFound { .. })), "{to_nobody:?}");
    assert!(store.message(message_id(1)).await.unwrap().is_none(), "nothing of it was kept");
}

#[tokio::test]
async fn sessions_bindings_and_links_hold_until_they_lapse() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let soon = NOW.after(Duration::from_secs(60));
    store.create_session([5; 32], alice, soon).await.unwrap();
    assert_eq!(store.session([5; 32], NOW).await.unwrap(), Some(alice));
    assert_eq!(store.session([5; 32], soon).await.unwrap(), None);
    store.delete_session([5; 32]).await.unwrap();
    assert_eq!(store.session([5; 32], NOW).await.unwrap(), None);

    let binding = StoredBinding {
        account: "bob".into(),
        contact: "sip:bob@192.0.2.1".into(),
        binding: "{}".into(),
        expires: soon,
    };
    store.save_binding(binding.clone()).await.unwrap();
    store.save_binding(binding.clone()).await.unwrap();
    assert_eq!(store.bindings(NOW).await.unwrap(), [binding]);
    assert_eq!(store.bindings(soon).await.unwrap(), []);
    store.delete_binding("bob", "sip:bob@192.0.2.1").await.unwrap();
    assert_eq!(store.bindings(NOW).await.unwrap(), []);

    let id = store.commit_message(message(1, alice, &[bob])).await.unwrap().id;
    let token = store.create_link(id, bob, soon).await.unwrap();
    assert_eq!(token.as_str().len(), 22);
    assert_eq!(store.resolve_link(token.as_str(), NOW).await.unwrap(), Some((id, bob)));
    assert_eq!(store.resolve_link(token.as_str(), soon).await.unwrap(), None);
    assert_eq!(store.resolve_link("AAAAAAAAAAAAAAAAAAAAAA", NOW).await.unwrap(), None);
    assert_eq!(store.revoke_links(id, bob).await.unwrap(), 1);
    assert_eq!(store.resolve_link(token.as_str(), NOW).await.unwrap(), None);
    assert!(store.link_known(token.as_str()).await.unwrap());
    let not_his = store.create_link(id, alice, soon).await;
    assert!(matches!(not_his, Err(StoreError::NotFound { .. })));
    store.remove_lapsed(soon).await.unwrap();
}

#[tokio::test]
async fn the_log_can_only_grow() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let id = store.commit_message(message(1, alice, &[bob])).await.unwrap().id;
    for sql in ["DELETE FROM events", "UPDATE events SET at = 0"] {
        let refused = store.write(move |c| Ok(c.execute(sql, [])?)).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    assert_eq!(store.events(id).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn group_commit_keeps_the_good_and_rolls_back_the_bad_alone() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir.path()), &registry).unwrap();
    let (alice, bob) = two_users(&store).await;
    let started = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..400 {
        let store = store.clone();
        // Every fifth has a recipient that does not exist; it fails after its row was written.
        let to = if n % 5 == 0 { vec![bob, UserId(99)] } else { vec![bob] };
        tasks.spawn(async move { (n, store.commit_message(message(n, alice, &to)).await) });
    }
    let (mut good, mut bad) = (HashSet::new(), 0);
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            (n, Ok(committed)) => {
                assert_eq!(committed.id, message_id(n));
                good.insert(committed.id);
            }
            (n, Err(error)) => {
                assert!(n % 5 == 0 && matches!(error, StoreError::NotFound { .. }), "{error:?}");
                bad += 1;
            }
        }
    }
    assert_eq!((good.len(), bad), (320, 80));
    let kept: HashSet<_> =
        store.inbox(bob, None).await.unwrap().into_iter().map(|e| e.message.id).collect();
    assert_eq!(kept, good);
    let commits = store.shared.metrics.commit_seconds.get_sample_count();
    assert!(commits < 300, "{commits} commits for 402 jobs: nothing was grouped");
    eprintln!("402 jobs in {commits} commits and {:?}", started.elapsed());
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_acknowledged_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = StoreConfig::new(dir.path());
    config.max_pages = Some(128);
    let store = Store::open(config, &Registry::new()).unwrap();
    let (alice, bob) = two_users(&store).await;
    let mut kept = Vec::new();
    let full = loop {
        let n = u32::try_from(kept.len()).unwrap();
        let mut large = message(n, alice, &[bob]);
        large.peaks = vec![0; 3000];
        match store.commit_message(large).await {
            Ok(committed) => kept.push(committed.id),
            Err(error) => break error,
        }
        assert!(kept.len() < 1000);
    };
    assert!(matches!(full, StoreError::DiskFull { .. }), "{full:?}");
    assert!(full.is_outage());
    assert!(!kept.is_empty());
    for id in &kept {
        assert!(store.message(*id).await.unwrap().is_some());
    }
    assert!(store.message(message_id(kept.len() as u32)).await.unwrap().is_none());
    // Reading and small changes go on.
    store.append_event(kept[0], bob, NOW, Event::Saved).await.unwrap();
}

#[tokio::test]
async fn a_full_file_system_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=600k", "tmpfs"])
        .arg(dir.path())
        .status()
        .is_ok_and(|s| s.success());
    if !mounted {
        eprintln!("skipped: no right to mount a tmpfs here");
        return;
    }
    let outcome = async {
        let store = Store::open(StoreConfig::new(dir.path()), &Registry::new())?;
        let (alice, bob) = two_users(&store).await;
        for n in 0..1000 {
            let mut large = message(n, alice, &[bob]);
            large.peaks = vec![0; 3000];
            store.commit_message(large).await?;
        }
        Ok(())
    }
    .await;
    let _ = std::process::Command::new("umount").arg("-l").arg(dir.path()).status();
    assert!(matches!(outcome, Err(StoreError::DiskFull { .. })), "{outcome:?}");
}

#[tokio::test]
async fn one_folder_serves_one_store() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path());
    let second = Store::open(StoreConfig::new(dir.path()), &Registry::new());
    assert!(matches!(second, Err(StoreError::Open { .. })), "{second:?}");
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let file = dir.path().join("hark.sqlite");
    Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
    let refused = Store::open(StoreConfig::new(dir.path()), &Registry::new());
    assert!(refused.unwrap_err().to_string().contains("newer hark"));
}

#[tokio::test]
async fn a_full_queue_says_busy_and_does_not_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = StoreConfig::new(dir.path());
    config.queue = 2;
    let store = Store::open(config, &Registry::new()).unwrap();
    let slow = |c: &Connection| {
        std::thread::sleep(Duration::from_millis(200));
        Ok(c.execute("SELECT 1 WHERE 0", []).unwrap_or(0))
    };
    let waiting: Vec<_> = (0..8).map(|_| store.submit(slow)).collect();
    let refused = waiting.iter().filter(|w| matches!(w, Err(StoreError::Busy))).count();
    assert!(refused >= 4, "{refused}");
}

#[tokio::test]
async fn a_dead_writer_is_answered_with_unavailable_and_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (alice, bob) = two_users(&store).await;
    let dies = store.write(|_| -> Result<(), StoreError> { panic!("planted") }).await;
    assert!(matches!(dies, Err(StoreError::Unavailable { .. })), "{dies:?}");
    // Nobody supervises yet: no hang.
    let after = tokio::time::timeout(
        Duration::from_secs(5),
        store.commit_message(message(1, alice, &[bob])),
    )
    .await
    .unwrap();
    assert!(matches!(after, Err(StoreError::Unavailable { .. })), "{after:?}");

    let (actor, end) = ractor::Actor::spawn(None, StoreActor, store.clone()).await.unwrap();
    commit_soon(&store, alice, bob, 2).await;
    for n in 0..actor::RESTARTS_A_MINUTE {
        assert!(store.healthy(), "after {n} deaths");
        let _ = store.write(|_| -> Result<(), StoreError> { panic!("planted") }).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!store.healthy(), "too many deaths a minute");
    let refused = store.commit_message(message(3, alice, &[bob])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(store.message(message_id(2)).await.unwrap().is_some(), "reading goes on");
    actor.stop(None);
    end.await.unwrap();
}

async fn commit_soon(store: &Store, from: UserId, to: UserId, n: u32) {
    for _ in 0..100 {
        if store.commit_message(message(n, from, &[to])).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the writer was not restarted");
}
