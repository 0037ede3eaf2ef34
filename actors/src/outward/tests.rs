//! The channels and the feed against a receiver on loopback.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::MessageId;
use hark_engine::message::{Event, Sender, Step};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use tempfile::TempDir;
use web_push_native::p256::SecretKey;

use super::*;
use crate::messages::Messages;
use crate::presence_board::PresenceBoard;
use crate::recording::Recordings;
use crate::store::{
    About, DigestSecrets, NewMessage, NewSubscription, NewUser, SigningSecret, StoreConfig,
};

/// A request as a receiver saw it.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn is_signed_with(&self, secret: &[u8; 32]) -> bool {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(&self.body);
        let signature = self.header("webhook-signature").strip_prefix("v1,").unwrap_or_default();
        mac.verify_slice(&STANDARD.decode(signature).unwrap()).is_ok()
    }
}

/// Answers with the statuses in turn, and with 200 after them.
struct Receiver {
    base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Receiver {
    fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let statuses = Arc::new(Mutex::new(statuses.iter().copied().collect::<VecDeque<_>>()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, statuses) = (Arc::clone(&log), Arc::clone(&statuses));
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while let Some(request) = read(&mut stream) {
                        log.lock().unwrap().push(request);
                        let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
                        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { base, seen }
    }

    async fn wait(&self, count: usize) -> Vec<Seen> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let seen = self.seen.lock().unwrap().clone();
            if seen.len() >= count {
                return seen;
            }
            assert!(Instant::now() < deadline, "{count} requests come: {seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn read(stream: &mut BufReader<std::net::TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Seen { path, headers, body })
}

struct Place {
    dir: TempDir,
    store: Store,
    messages: Messages,
    bus: Bus,
    users: Users,
    outward: Outward,
}

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);

async fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let store = Store::open(StoreConfig::new(dir.path()), &registry).unwrap();
    for (name, extension) in [("alice", "1001"), ("bob", "1002")] {
        let user = NewUser {
            name: name.into(),
            display_name: name.to_uppercase(),
            extension: extension.into(),
            password_hash: String::new(),
            ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
            language: "de".into(),
            limit_secs: 59,
            pin_hash: None,
        };
        store.create_user(user).await.unwrap();
    }
    let bus = Bus::default();
    let (messages, _handover) = Messages::new(store.clone(), bus.clone(), 30);
    let recordings = Recordings::start(dir.path(), &registry).unwrap();
    let board = PresenceBoard::new(bus.clone());
    let users = Users::load(store.clone(), recordings, board, "Test", &registry).await.unwrap();
    let mut config = Config::default();
    config.outward.private_networks = true;
    let outward = Outward::new(&config, store.clone(), &registry).unwrap();
    Place { dir, store, messages, bus, users, outward }
}

impl Place {
    async fn message(&self, receipt: bool) -> MessageId {
        let at = clock::wall();
        let id = MessageId::new(at, clock::random());
        let message = NewMessage {
            id,
            sender: Sender { user: Some(ALICE), name: "Alice".into(), address: String::new() },
            delivery: Delivery { to: vec![BOB], receipt, ..Delivery::default() },
            length_ms: 5_000,
            bytes: 10,
            peaks: vec![0; 64],
            audio: PathBuf::from(format!("audio/{id}.ogg")),
            idempotency_key: None,
            at,
        };
        self.messages.commit(message).await.unwrap();
        id
    }

    async fn hook(&self, user: UserId, url: String, about: About) -> (i64, [u8; 32]) {
        let secret = clock::random();
        let at = clock::wall();
        let made = self.store.create_webhook(user, url, SigningSecret(secret), about, at).await;
        (made.unwrap(), secret)
    }

    async fn heard(&self, message: MessageId) {
        for event in [
            Event::Notified { device: "browser".into() },
            Event::Delivered { device: "browser".into() },
            Event::Heard { device: "browser".into(), heard_ms: 2_000 },
        ] {
            assert!(self.messages.note(message, BOB, event).await.unwrap());
        }
    }

    async fn wait_untold(&self, count: i64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.store.webhook_backlog().await.unwrap() != count {
            assert!(Instant::now() < deadline, "{count} events wait in the end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn notification(&self, channel: Channel) -> Notification {
        Notification {
            recipient: BOB,
            recipient_name: "Bob".into(),
            language: "de".into(),
            channel,
            message: MessageSummary {
                id: MessageId::new(clock::wall(), clock::random()),
                sender: Sender { user: Some(ALICE), name: "Alice".into(), address: String::new() },
                at: clock::wall(),
                length_ms: 5_000,
                urgent: true,
                private: false,
                reply_to: None,
                step: Step::Accepted,
            },
            link: "https://hark.example/m/TOKEN".into(),
        }
    }
}

fn kinds(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|s| s.json()["type"].as_str().unwrap().to_owned()).collect()
}

const STEPS: [&str; 4] =
    ["message.accepted", "message.notified", "message.delivered", "message.heard"];

#[tokio::test(flavor = "multi_thread")]
async fn every_step_is_told_in_order_signed_and_again_after_a_failure() {
    let place = place().await;
    let receiver = Receiver::start(&[200, 500]);
    let (id, secret) = place.hook(ALICE, format!("{}/hook", receiver.base), About::Sent).await;
    let services = place.outward.start_services(&place.bus, place.users.clone());
    let message = place.message(true).await;
    place.heard(message).await;
    let seen = receiver.wait(5).await;
    let kinds = kinds(&seen);
    assert_eq!(kinds[0], STEPS[0]);
    // The second was answered 500, told again, and nothing overtook it.
    assert_eq!(kinds[1..3], [STEPS[1], STEPS[1]]);
    assert_eq!(kinds[3..], STEPS[2..]);
    assert!(seen.iter().all(|s| s.is_signed_with(&secret) && s.path == "/hook"));
    assert_eq!(seen[1].header("webhook-id"), seen[2].header("webhook-id"));
    assert_eq!(seen[4].json()["event"]["heard_ms"], 2_000);
    assert_eq!(seen[4].json()["role"], "sender");
    place.wait_untold(0).await;
    let record = place.store.webhook(id).await.unwrap().unwrap();
    assert_eq!((record.queued, record.dead, record.error), (0, 0, None));
    services.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_told_is_told_after_a_restart_and_no_more() {
    let place = place().await;
    let receiver = Receiver::start(&[]);
    place.hook(ALICE, receiver.base.clone(), About::Sent).await;
    // Nobody serves the feed yet: as if the process was killed before it told anything.
    let message = place.message(true).await;
    place.heard(message).await;
    place.wait_untold(4).await;
    let services = place.outward.start_services(&place.bus, place.users.clone());
    assert_eq!(kinds(&receiver.wait(4).await), STEPS);
    place.wait_untold(0).await;
    services.stop();
    let services = place.outward.start_services(&place.bus, place.users.clone());
    place.message(true).await;
    assert_eq!(receiver.wait(5).await.len(), 5);
    services.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_learns_what_is_theirs_and_no_more() {
    let place = place().await;
    let hers = Receiver::start(&[]);
    let his = Receiver::start(&[]);
    place.hook(ALICE, hers.base.clone(), About::All).await;
    place.hook(BOB, his.base.clone(), About::Received).await;
    // Alice wanted no receipt: she learns of the commit and no more.
    let message = place.message(false).await;
    place.heard(message).await;
    let services = place.outward.start_services(&place.bus, place.users.clone());
    assert_eq!(kinds(&his.wait(4).await), STEPS);
    place.wait_untold(0).await;
    assert_eq!(kinds(&hers.wait(1).await), STEPS[..1]);
    assert_eq!(his.wait(4).await[0].json()["role"], "recipient");
    services.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_gone_is_given_up_noted_and_begun_anew_when_asked() {
    let place = place().await;
    let receiver = Receiver::start(&[410]);
    let (id, _) = place.hook(ALICE, receiver.base.clone(), About::Sent).await;
    let services = place.outward.start_services(&place.bus, place.users.clone());
    place.message(true).await;
    receiver.wait(1).await;
    place.wait_untold(0).await;
    let record = place.store.webhook(id).await.unwrap().unwrap();
    assert_eq!(record.dead, 1);
    assert!(record.error.unwrap().contains("410"));
    assert!(record.failing_since.is_some() && record.last_ok.is_none());
    let given_up = place.store.webhook_given_up(ALICE, id, 10).await.unwrap().unwrap();
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].kind.as_deref(), Some("accepted"));
    assert!(given_up[0].reason.contains("410"));
    assert!(place.store.webhook_given_up(BOB, id, 10).await.unwrap().is_none());
    assert_eq!(place.outward.shared.metrics.events_dead.get(), 1);
    assert!(place.outward.retry_webhook(BOB, id).await.is_err(), "it is Alice's");
    // Without any further event.
    assert_eq!(place.outward.retry_webhook(ALICE, id).await.unwrap(), 1);
    assert_eq!(receiver.wait(2).await.len(), 2);
    place.wait_untold(0).await;
    let record = place.store.webhook(id).await.unwrap().unwrap();
    assert_eq!((record.dead, record.error, record.failing_since), (0, None, None));
    assert!(place.store.delete_webhook(ALICE, id).await.unwrap());
    services.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_tried_at_once_when_its_user_asks() {
    let place = place().await;
    let receiver = Receiver::start(&[500; 4]);
    let (id, _) = place.hook(ALICE, receiver.base.clone(), About::Sent).await;
    let services = place.outward.start_services(&place.bus, place.users.clone());
    place.message(true).await;
    // The third failure is half a minute away from the next try.
    receiver.wait(3).await;
    let begun = std::time::Instant::now();
    for tries in 4..=5 {
        place.outward.retry_webhook(ALICE, id).await.unwrap();
        receiver.wait(tries).await;
    }
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    place.wait_untold(0).await;
    let record = place.store.webhook(id).await.unwrap().unwrap();
    assert_eq!((record.queued, record.dead, record.failing_since), (0, 0, None));
    services.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profiles_web_service_gets_a_signed_post() {
    let place = place().await;
    let receiver = Receiver::start(&[200, 503, 404]);
    let n = place.notification(Channel::Webhook { url: format!("{}/x", receiver.base) });
    place.outward.notify(n.clone()).await.unwrap();
    let secret = place.store.profile_webhook_secret(BOB, false).await.unwrap();
    let seen = receiver.wait(1).await.remove(0);
    assert!(seen.is_signed_with(&secret.0));
    assert_eq!(seen.json()["link"], "https://hark.example/m/TOKEN");
    assert!(!place.outward.notify(n.clone()).await.unwrap_err().permanent, "503");
    assert!(place.outward.notify(n).await.unwrap_err().permanent, "404");
    let private = Outward::new(&Config::default(), place.store.clone(), &Registry::new()).unwrap();
    let n = place.notification(Channel::Webhook { url: receiver.base.clone() });
    assert!(private.notify(n).await.unwrap_err().permanent, "loopback is refused by default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_can_read_what_it_is_pushed_and_is_forgotten_when_it_is_gone() {
    let place = place().await;
    let receiver = Receiver::start(&[201, 500, 410]);
    let none = place.outward.notify(place.notification(Channel::Push)).await.unwrap_err();
    assert!(none.permanent);
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint as _;
    let public = key.public_key().to_encoded_point(false);
    let p256dh: [u8; 65] = public.as_bytes().try_into().unwrap();
    let endpoint = format!("{}/push/abc", receiver.base);
    let browser = NewSubscription { endpoint, p256dh, auth: [9; 16], device: "Firefox".into() };
    place.store.save_subscription(BOB, browser, clock::wall()).await.unwrap();

    place.outward.notify(place.notification(Channel::Push)).await.unwrap();
    let seen = receiver.wait(1).await.remove(0);
    let shown = web_push_native::decrypt(seen.body.clone(), &key, &[9; 16].into()).unwrap();
    let shown: Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(shown["who"], "Alice");
    assert_eq!(shown["title"], "Sprachnachricht von Alice");
    assert_eq!(shown["link"], "https://hark.example/m/TOKEN");
    assert_eq!(seen.header("content-encoding"), "aes128gcm");
    assert_eq!(seen.header("urgency"), "high");
    assert_eq!(seen.header("topic").len(), 32);
    assert!(seen.header("authorization").contains(place.outward.push_key()));

    assert!(!place.outward.notify(place.notification(Channel::Push)).await.unwrap_err().permanent);
    assert!(place.outward.notify(place.notification(Channel::Push)).await.unwrap_err().permanent);
    assert!(place.store.subscriptions(BOB).await.unwrap().is_empty());
}

#[tokio::test]
async fn texts_by_sip_go_to_whoever_serves_them() {
    let place = place().await;
    let n = place.notification(Channel::SipMessage { uri: None });
    assert!(place.outward.notify(n.clone()).await.unwrap_err().permanent, "nobody serves them");
    let (sender, mut texts) = mpsc::channel(1);
    place.outward.serve_sip(sender);
    let served = tokio::spawn(async move {
        let SipText { to, text, reply } = texts.recv().await.unwrap();
        reply.send(Err(NotifyError::temporary("busy"))).unwrap();
        (to, text)
    });
    assert_eq!(place.outward.notify(n).await, Err(NotifyError::temporary("busy")));
    let (to, text) = served.await.unwrap();
    assert_eq!(to, SipTarget::User(BOB));
    assert_eq!(text, "Sprachnachricht von Alice (0:05): https://hark.example/m/TOKEN");
    let mail = Channel::Mail { address: "bob@example.org".into(), attach: false };
    assert!(place.outward.send_code(&mail, "123456", "en").await.unwrap_err().permanent);
    drop(place.dir);
}
