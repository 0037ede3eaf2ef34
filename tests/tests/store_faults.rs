//! A disk that fails at any one of its operations, or from any of them on: nothing that was
//! acknowledged is lost, every failure is told, and the server goes on when the disk does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hark_actors::bus::Bus;
use hark_actors::clock;
use hark_actors::disk::Disk;
use hark_actors::messages::Messages;
use hark_actors::recording::{
    Intent, RecordSink as _, Recordings, Spool, SpoolFormat, SpoolHeader, SpoolSource, files,
    recover,
};
use hark_actors::recovery::{Recovery, tags};
use hark_actors::store::{DigestSecrets, NewMessage, NewUser, Store, StoreConfig, StoreError};
use hark_engine::dialplan::effect::{Delivery, Folder};
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::media::{Codec, RecordedFrame};
use hark_engine::message::{Event, Sender, Step};
use hark_tests::faulty::{Arm, Kind, Plan, VFS};
use prometheus::Registry;

const BOB: UserId = UserId(1);
/// How long one recording may take to be kept or refused, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store and recordings on a disk that follows the plan, as a server has them.
struct Server {
    store: Store,
    messages: Messages,
    recordings: Recordings,
}

impl Server {
    fn start(dir: &Path, plan: &Plan) -> Self {
        let registry = Registry::new();
        let config = StoreConfig { vfs: Some(VFS), readers: 1, ..StoreConfig::new(dir) };
        let store = Store::open(config, &registry).expect("the store opens");
        let (messages, _handover) = Messages::new(store.clone(), Bus::default(), 30);
        let disk = Disk::with_faults(Arc::new(plan.clone()));
        let recordings = Recordings::start_on(disk, dir, &registry).expect("recordings start");
        Self { store, messages, recordings }
    }

    /// What a call does from the first word to the acknowledgement. `Err` is what it is told.
    async fn record(&self, id: MessageId) -> Result<MessageId, String> {
        let delivery = Delivery { to: vec![BOB], ..Delivery::default() };
        let spool = self.speak(id);
        let kept = self.keep(&spool, id, ann(), delivery).await;
        if kept.is_ok() {
            // What can't be removed is found to be a repetition at the next start.
            let _ = spool.remove().await;
        }
        kept
    }

    fn speak(&self, id: MessageId) -> Spool {
        let header = SpoolHeader {
            message: id,
            sender: ann(),
            intent: Intent::Discard,
            started: clock::wall(),
            source: SpoolSource::Phone,
            format: SpoolFormat::G711,
            limit_ms: 59_000,
            idempotency_key: None,
        };
        let (mut sink, spool) = self.recordings.spools().create(&header).expect("a queue");
        // A tone: silence would be trimmed away.
        let tone: Vec<u8> = (0..160_u32).map(|s| if s % 16 < 8 { 0x9f } else { 0x1f }).collect();
        let frame = |n: u32| {
            let (codec, payload) = (Codec::Pcmu, tone.clone().into());
            RecordedFrame { codec, timestamp_ms: n * 20, payload }
        };
        for piece in 0..5_u32 {
            let frames: Vec<_> = (piece * 15..(piece + 1) * 15).map(frame).collect();
            // One that is refused is told at the sync at the latest.
            let _full = sink.append(&frames);
        }
        spool
    }

    async fn keep(
        &self,
        spool: &Spool,
        id: MessageId,
        sender: Sender,
        delivery: Delivery,
    ) -> Result<MessageId, String> {
        let intent = Intent::Send(delivery.clone());
        spool.set_intent(&intent).map_err(|error| error.to_string())?;
        spool.sync().await.map_err(|error| error.to_string())?;
        let (directory, at) = (Directory::default(), clock::wall());
        let tags = tags(&directory, "x", id, &sender, &delivery.to, at);
        let finished =
            self.recordings.finish(spool.path(), tags).await.map_err(|error| error.to_string())?;
        let message = NewMessage {
            id,
            sender,
            delivery,
            length_ms: finished.length_ms,
            bytes: finished.bytes,
            peaks: finished.peaks,
            audio: finished.audio,
            idempotency_key: None,
            at,
        };
        let committed = self.messages.commit(message).await;
        committed.map(|committed| committed.id).map_err(|error| error.to_string())
    }

    /// Makes messages of what an earlier run left behind, as the start does.
    async fn recover(&self, dir: &Path) {
        files::remove_leftovers(dir).expect("leftovers can be removed");
        let orphans = recover::recover(dir).expect("spools can be read");
        let recovery = Recovery {
            recordings: self.recordings.clone(),
            messages: self.messages.clone(),
            directory: Arc::default(),
            domain: "x".into(),
        };
        recovery.settle_all(orphans).await;
    }
}

fn ann() -> Sender {
    Sender { user: None, name: "Ann".into(), address: "sip:ann@x".into() }
}

fn bob() -> NewUser {
    NewUser {
        name: "bob".into(),
        display_name: "Bob".into(),
        extension: "1002".into(),
        password_hash: String::new(),
        ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
        language: "en".into(),
        limit_secs: 59,
        pin_hash: None,
    }
}

fn fresh() -> MessageId {
    MessageId::new(clock::wall(), clock::random())
}

/// In memory where there is such a place: what fails here is not the machine's own disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
}

/// A server finds a spool at its start, and its disk fails as `arm` says while it makes a message
/// of it: the next start, or this one, makes exactly one.
async fn recovery(plan: &Plan, arm: Option<Arm>) -> (usize, usize) {
    let dir = folder();
    plan.arm(None);
    let server = Server::start(dir.path(), plan);
    server.store.create_user(bob()).await.expect("bob");
    let id = fresh();
    let spool = server.speak(id);
    let intent = Intent::Send(Delivery { to: vec![BOB], ..Delivery::default() });
    spool.set_intent(&intent).expect("written");
    spool.sync().await.expect("synced");
    drop(spool);

    plan.arm(arm);
    server.recover(dir.path()).await;
    let steps = plan.heal();
    drop(server);
    let server = Server::start(dir.path(), plan);
    server.recover(dir.path()).await;
    let listed = server.store.mailbox(BOB, Folder::New).await.expect("the mailbox");
    assert_eq!(listed.iter().map(|m| m.id).collect::<Vec<_>>(), [id], "{arm:?}");
    let record = server.store.message(id).await.expect("read").expect("the row");
    let pcm = server.recordings.decode(&record.audio).await.expect("it can be heard");
    assert!(pcm.len() > 8_000, "{arm:?}: {} samples", pcm.len());
    let left = std::fs::read_dir(dir.path().join("spool")).expect("the spools").count();
    assert_eq!(left, 0, "{arm:?}");
    steps
}

/// One life of a server whose disk fails as `arm` says while a message is left: what was
/// acknowledged is there after it, once, and can be heard.
async fn life(plan: &Plan, arm: Option<Arm>) -> (usize, usize) {
    let dir = folder();
    plan.arm(None);
    let server = Server::start(dir.path(), plan);
    server.store.create_user(bob()).await.expect("bob");
    let before = server.record(fresh()).await.expect("a message before");

    plan.arm(arm);
    let id = fresh();
    let told = tokio::time::timeout(PATIENCE, server.record(id)).await;
    let told = told.unwrap_or_else(|_| panic!("{arm:?}: nobody was told anything"));
    let steps = plan.heal();
    if let Err(error) = &told {
        assert!(!error.is_empty(), "{arm:?}: refused without a word");
    }

    // The disk is well again: so is the server, without a restart.
    let after = server.record(fresh()).await;
    let after = after.unwrap_or_else(|error| panic!("{arm:?}: not recovered: {error}"));
    assert!(server.store.healthy(), "{arm:?}");
    drop(server);

    let server = Server::start(dir.path(), plan);
    server.recover(dir.path()).await;
    let listed = server.store.mailbox(BOB, Folder::New).await.expect("the mailbox");
    let count = |id| listed.iter().filter(|message| message.id == id).count();
    assert_eq!((count(before), count(after)), (1, 1), "{arm:?}");
    let there = count(id);
    assert!(there <= 1, "{arm:?}: {there} times");
    if told.is_ok() {
        assert_eq!(there, 1, "{arm:?}: acknowledged and lost");
    }
    assert_eq!(listed.len(), 2 + there, "{arm:?}: a message that nobody left");
    for message in &listed {
        let record = server.store.message(message.id).await.expect("read").expect("the row");
        let pcm = server.recordings.decode(&record.audio).await;
        let pcm = pcm.unwrap_or_else(|error| panic!("{arm:?}: it can't be heard: {error}"));
        assert!(pcm.len() > 8_000, "{arm:?}: {} samples", pcm.len());
        let state = server.store.recipient_state(message.id, BOB).await.expect("read");
        let state = state.expect("a state");
        assert_eq!(state.step(), Step::Accepted, "{arm:?}");
    }
    // A second start finds nothing more.
    server.recover(dir.path()).await;
    let again = server.store.mailbox(BOB, Folder::New).await.expect("the mailbox");
    assert_eq!(again.len(), listed.len(), "{arm:?}");
    let left = std::fs::read_dir(dir.path().join("spool")).expect("the spools");
    let left: Vec<_> = left.map(|entry| entry.expect("an entry").path()).collect();
    // A torn header alone is set aside: its caller was told that nothing was kept.
    let aside = |file: &std::path::PathBuf| file.extension().is_some_and(|e| e == "broken");
    assert!(left.iter().all(|file| aside(file) && told.is_err()), "{arm:?}: {left:?}");
    steps
}

#[test]
fn a_disk_that_fails_anywhere_loses_nothing_that_was_acknowledged() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let plan = Plan::get();
    let (operations, failed) = runtime.block_on(life(&plan, None));
    assert!(operations > 12 && failed == 0, "{operations} operations");
    let (recovering, _) = runtime.block_on(recovery(&plan, None));
    let (mut lives, mut faults) = (0, 0);
    for kind in [Kind::Full, Kind::Broken, Kind::ReadOnly, Kind::Short] {
        for lasting in [false, true] {
            // A few more than there were: what fails makes others that undo it.
            for at in 0..operations + 2 {
                let (_, failed) = runtime.block_on(life(&plan, Some(Arm { at, kind, lasting })));
                lives += 1;
                faults += failed;
            }
            for at in 0..recovering + 2 {
                let arm = Some(Arm { at, kind, lasting });
                let (_, failed) = runtime.block_on(recovery(&plan, arm));
                lives += 1;
                faults += failed;
            }
        }
    }
    println!(
        "{lives} lives: {operations} operations to keep a message, {recovering} to recover one; {faults} failed"
    );
    assert!(faults * 10 > lives * 9, "the plan let hardly anything fail");
}

#[test]
fn what_happens_to_a_message_is_noted_or_told() {
    // In a process of its own as far as the plan goes: no VFS, a database that is full.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config = StoreConfig { max_pages: Some(80), ..StoreConfig::new(dir.path()) };
        let store = Store::open(config, &Registry::new()).expect("the store opens");
        let (messages, _handover) = Messages::new(store.clone(), Bus::default(), 30);
        let recordings = Recordings::start(dir.path(), &Registry::new()).expect("recordings");
        let server = Server { store, messages, recordings };
        server.store.create_user(bob()).await.expect("bob");
        let mut kept = Vec::new();
        let refused = loop {
            match server.record(fresh()).await {
                Ok(id) => kept.push(id),
                Err(refused) => break refused,
            }
            assert!(kept.len() < 1000, "80 pages are never full");
        };
        assert!(refused.contains("full"), "{refused}");
        let mut noted = Ok(true);
        while noted.is_ok() {
            let heard_ms = u32::try_from(kept.len()).expect("few");
            let event = Event::Heard { device: fresh().to_string(), heard_ms };
            noted = server.messages.note(kept[0], BOB, event).await;
            if let Ok(false) = noted {
                break;
            }
        }
        assert!(matches!(noted, Err(StoreError::DiskFull { .. }) | Ok(false)), "{noted:?}");
        let listed = server.store.inbox(BOB, None).await.expect("the inbox");
        assert_eq!(listed.len(), kept.len(), "a full disk is read as before");
    });
}
