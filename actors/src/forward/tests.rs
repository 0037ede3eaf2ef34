//! Messages that are passed on, through real files.

use hark_engine::dialplan::effect::Folder;
use hark_engine::directory::User;
use prometheus::Registry;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::bus::Bus;
use crate::messages::Handover;
use crate::recording::transcode::transcode_pcm;
use crate::recording::{Tags, ogg_opus};
use crate::store::{DigestSecrets, NewUser, StoreConfig};

struct Site {
    forwarder: Forwarder,
    handover: mpsc::Receiver<Handover>,
    dir: TempDir,
}

/// Alice, Bob and Carol, who have the numbers 1 to 3.
async fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir.path()), &registry).unwrap();
    for (name, extension) in [("alice", "1001"), ("bob", "1002"), ("carol", "1003")] {
        let user = NewUser {
            name: name.into(),
            display_name: name.to_uppercase(),
            extension: extension.into(),
            password_hash: String::new(),
            ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
            language: "en".into(),
            limit_secs: 59,
            pin_hash: None,
        };
        store.create_user(user).await.unwrap();
    }
    let users = store.users().await.unwrap().into_iter().map(User::from).collect();
    let (messages, handover) = Messages::new(store.clone(), Bus::default(), 30);
    let recordings = Recordings::start(dir.path(), &registry).unwrap();
    let directory = Arc::new(Directory::new("Site", users));
    let forwarder =
        Forwarder { store, messages, recordings, directory, domain: "hark.example".into() };
    Site { forwarder, handover, dir }
}

/// So many seconds that are no silence, at 8 kHz.
fn spoken(seconds: i32) -> Vec<i16> {
    (0..8000 * seconds).map(|n| ((f64::from(n) * 0.35).sin() * 9000.0) as i16).collect()
}

impl Site {
    /// A message of three seconds from Alice to Bob.
    async fn message(&mut self, private: bool) -> MessageId {
        let at = clock::wall();
        let id = MessageId::new(at, clock::random());
        let sender = Sender { user: Some(UserId(1)), name: "ALICE".into(), address: String::new() };
        let tags = Tags {
            id,
            title: String::new(),
            sender: sender.name.clone(),
            sender_address: String::new(),
            recipients: Vec::new(),
            at,
            forwarded_from: None,
        };
        let made = transcode_pcm(&spoken(3)).unwrap();
        let file = ogg_opus::write(&made.stream, &tags).unwrap();
        let audio = std::path::PathBuf::from(format!("audio/{id}.ogg"));
        std::fs::write(self.dir.path().join(&audio), &file).unwrap();
        let delivery = Delivery { to: vec![UserId(2)], private, ..Delivery::default() };
        let message = NewMessage {
            id,
            sender,
            delivery,
            length_ms: made.stream.length_ms(),
            bytes: file.len() as u64,
            peaks: made.peaks,
            audio,
            idempotency_key: None,
            at,
        };
        self.forwarder.messages.commit(message).await.unwrap();
        assert_eq!(self.handover.recv().await.unwrap().message, id);
        id
    }

    async fn forward(
        &self,
        user: UserId,
        message: MessageId,
        introduction: Option<Vec<i16>>,
    ) -> Result<MessageId, ForwardError> {
        let id = MessageId::new(clock::wall(), clock::random());
        let delivery = Delivery { to: vec![UserId(3)], receipt: true, ..Delivery::default() };
        let forward = Forward { id, user, message, introduction, delivery };
        let first = self.forwarder.forward(forward.clone()).await;
        if first.is_ok() {
            assert_eq!(self.forwarder.forward(forward).await.unwrap(), id, "once, told twice");
        }
        first
    }
}

#[tokio::test]
async fn a_message_is_passed_on_with_words_before_it_and_names_both_senders() {
    let mut site = site().await;
    let original = site.message(false).await;
    let id = site.forward(UserId(2), original, Some(spoken(2))).await.unwrap();
    assert_eq!(site.handover.recv().await.unwrap().recipients, [UserId(3)]);
    let store = &site.forwarder.store;
    let carols = store.mailbox(UserId(3), Folder::New).await.unwrap();
    assert_eq!((carols.len(), carols[0].id), (1, id));
    assert_eq!((carols[0].sender.user, carols[0].sender.name.as_str()), (Some(UserId(2)), "BOB"));
    let length = carols[0].length_ms;
    assert!((5_100..=5_400).contains(&length), "2 s, a pause and 3 s, not {length} ms");
    let record = store.message(id).await.unwrap().unwrap();
    let file = std::fs::read(site.dir.path().join(record.audio)).unwrap();
    let comments = ogg_opus::read(&file).unwrap().comments;
    assert!(comments.contains(&"ARTIST=BOB".to_owned()), "{comments:?}");
    assert!(comments.contains(&"HARK_RECIPIENT=sip:carol@hark.example".to_owned()));
    assert!(comments.iter().any(|c| c.starts_with("FORWARDED_FROM=ALICE at 2")), "{comments:?}");
    assert_eq!(store.mailbox(UserId(2), Folder::New).await.unwrap()[0].id, original, "it stays");
}

#[tokio::test]
async fn without_words_it_is_passed_on_as_it_is() {
    let mut site = site().await;
    let original = site.message(false).await;
    for introduction in [None, Some(Vec::new())] {
        let id = site.forward(UserId(2), original, introduction).await.unwrap();
        let read = async |id| {
            let record = site.forwarder.store.message(id).await.unwrap().unwrap();
            let file = std::fs::read(site.dir.path().join(record.audio)).unwrap();
            ogg_opus::read(&file).unwrap().stream
        };
        assert_eq!(read(id).await, read(original).await);
    }
}

#[tokio::test]
async fn what_is_private_or_not_theirs_is_not_passed_on() {
    let mut site = site().await;
    let (private, open) = (site.message(true).await, site.message(false).await);
    let refused = site.forward(UserId(2), private, None).await;
    assert!(matches!(refused, Err(ForwardError::Private)), "{refused:?}");
    for user in [UserId(1), UserId(3)] {
        let refused = site.forward(user, open, None).await;
        assert!(matches!(refused, Err(ForwardError::NotFound)), "{refused:?}");
    }
    let event = hark_engine::message::Event::Deleted;
    site.forwarder.messages.note(open, UserId(2), event).await.unwrap();
    let refused = site.forward(UserId(2), open, None).await;
    assert!(matches!(refused, Err(ForwardError::NotFound)), "{refused:?}");
    assert_eq!(site.forwarder.store.mailbox(UserId(3), Folder::New).await.unwrap(), []);
    assert!(site.handover.try_recv().is_err(), "nobody was told");
}
