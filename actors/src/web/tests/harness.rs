//! A server with three users, a plain HTTP client and a WebSocket client.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{MessageSummary, Sender, Step};
use hark_engine::order::outside::{Allowed, Limits};
use prometheus::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

use crate::announce::Announcements;
use crate::bus::{Bus, BusEvent};
use crate::chat::{Chat, ChatMetrics};
use crate::clock;
use crate::config::{self, Events};
use crate::delivery::Verifier;
use crate::messages::Messages;
use crate::orders::{OrderConfig, OrderRequest, Orders};
use crate::outside::Outside;
use crate::outward::Outward;
use crate::presence_board::PresenceBoard;
use crate::recording::Recordings;
use crate::retention::Retention;
use crate::store::{DigestSecrets, NewMessage, NewUser, Store, StoreConfig};
use crate::users::Users;
use crate::web::{Parts, Server, WebConfig, hash_password};

pub const PASSWORD: &str = "correct horse";

/// A running server. The users are alice (1), bob (2) and carol (3); alice and bob are each
/// other's contacts.
pub struct TestServer {
    pub runtime: Runtime,
    pub store: Store,
    pub messages: Messages,
    pub board: PresenceBoard,
    pub outside: Outside,
    pub base: String,
    pub dir: TempDir,
    /// What reaches the switchboard.
    pub ordered: std::cell::RefCell<tokio::sync::mpsc::Receiver<OrderRequest>>,
    server: Option<Server>,
}

pub fn start() -> TestServer {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = TempDir::new().unwrap();
    let registry = Registry::new();
    let (store, messages, board, outside, server, requests) = runtime.block_on(async {
        let store = Store::open(StoreConfig::new(dir.path()), &registry).unwrap();
        let hash = hash_password(PASSWORD).unwrap();
        for (name, extension) in [("alice", "1001"), ("bob", "1002"), ("carol", "1003")] {
            let user = NewUser {
                name: name.into(),
                display_name: format!("{} Example", name.to_uppercase()),
                extension: extension.into(),
                password_hash: hash.clone(),
                ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
                language: "en".into(),
                limit_secs: 59,
                pin_hash: None,
            };
            store.create_user(user).await.unwrap();
        }
        store.set_contacts(UserId(1), vec![UserId(2)]).await.unwrap();
        store.set_contacts(UserId(2), vec![UserId(1)]).await.unwrap();
        let bus = Bus::default();
        let (messages, mut handover) = Messages::new(store.clone(), bus.clone(), 30);
        let board = PresenceBoard::new(bus.clone());
        // Stands in for the dispatcher: everybody wants a pop-up.
        let (shown, told, links) = (store.clone(), bus.clone(), messages.clone());
        tokio::spawn(async move {
            while let Some(committed) = handover.recv().await {
                let record = shown.message(committed.message).await.unwrap().unwrap();
                for recipient in committed.recipients {
                    let message = MessageSummary {
                        id: record.id,
                        sender: record.sender.clone(),
                        at: record.at,
                        length_ms: record.length_ms,
                        urgent: record.urgent,
                        private: record.private,
                        reply_to: record.reply_to,
                        step: Step::Accepted,
                    };
                    let link = links.link(record.id, recipient).await.unwrap();
                    told.publish(BusEvent::PopUp { recipient, message, link });
                }
            }
        });
        let recordings = Recordings::start(dir.path(), &registry).unwrap();
        let limits = Limits { per_link: 2, per_number: 2, total: 10 };
        let allowed = vec![Allowed::parse("+4930x{4,8}").unwrap()];
        let ordered = OrderConfig { per_hour: 3, allowed, limits, trunk: None };
        let (orders, requests) = Orders::new(ordered, bus.clone(), &registry).unwrap();
        let config = WebConfig {
            domain: "hark.example".into(),
            public_url: None,
            limit_seconds: 59,
            trunks: vec!["carrier".into()],
            requests_a_second: 100,
            upload_bytes: 16 << 20,
            trusted_proxies: Vec::new(),
        };
        let users =
            Users::load(store.clone(), recordings.clone(), board.clone(), "Test", &registry)
                .await
                .unwrap();
        let policy = Arc::new(crate::config::Outside {
            allow: vec!["+49*".into(), "*@example.org".into()],
            ..crate::config::Outside::default()
        });
        let outside = Outside {
            store: store.clone(),
            users: users.clone(),
            policy: Arc::clone(&policy),
            domain: "hark.example".into(),
            language: "en".into(),
            limit_secs: 59,
        };
        // Nobody rings here: what is asked for waits in the queue.
        let (ringer, rings) = tokio::sync::mpsc::channel(8);
        std::mem::forget(rings);
        let outward = Outward::new(&Default::default(), store.clone(), &registry).unwrap();
        let events = Events { managers: vec!["alice".into()], ..Events::default() };
        let announcements = Announcements::new(store.clone(), outside.clone(), &events);
        let parts = Parts {
            verifier: Verifier {
                store: store.clone(),
                ringer,
                outward: outward.clone(),
                outside: policy,
                users: users.clone(),
            },
            outside: outside.clone(),
            store: store.clone(),
            messages: messages.clone(),
            chat: Chat::new(store.clone(), bus.clone(), ChatMetrics::register(&registry).unwrap())
                .0,
            recordings: recordings.clone(),
            users,
            board: board.clone(),
            outward,
            announcements,
            retention: Retention::new(store.clone(), &config::Retention::default()),
            orders: orders.clone(),
            registry,
        };
        let listen = "127.0.0.1:0".parse().unwrap();
        let server = Server::start(listen, config, parts, &bus).await.unwrap();
        (store, messages, board, outside, server, requests)
    });
    let base = format!("http://{}", server.addr());
    let ordered = std::cell::RefCell::new(requests);
    TestServer {
        runtime,
        store,
        messages,
        board,
        outside,
        base,
        dir,
        ordered,
        server: Some(server),
    }
}

impl TestServer {
    /// Somebody who is not signed in.
    pub fn stranger(&self) -> Client {
        Client::new(&self.base)
    }

    /// Signs in with the right password.
    pub fn client(&self, name: &str) -> Client {
        let mut client = self.stranger();
        let answer = client.sign_in(name, PASSWORD);
        assert_eq!(answer.status, 200, "{}", answer.text());
        client.cookie = Some(answer.cookie().split(';').next().unwrap().to_owned());
        client
    }

    /// Commits a message from alice to bob whose audio is `audio`.
    pub fn message(&self, audio: &[u8]) -> MessageId {
        self.message_with(audio, |_| {})
    }

    /// The same, with its delivery changed by `how`.
    pub fn message_with(&self, audio: &[u8], how: impl FnOnce(&mut Delivery)) -> MessageId {
        let to = vec![UserId(2)];
        let mut delivery = Delivery { to, receipt: true, ..Delivery::default() };
        how(&mut delivery);
        let at = clock::wall();
        let id = MessageId::new(at, clock::random());
        let relative = PathBuf::from(format!("audio/{id}.ogg"));
        std::fs::write(self.dir.path().join(&relative), audio).unwrap();
        let message = NewMessage {
            id,
            sender: Sender {
                user: Some(UserId(1)),
                name: "Alice <b>Example</b>".into(),
                address: "sip:alice@hark.example".into(),
            },
            delivery,
            length_ms: 5_000,
            bytes: audio.len() as u64,
            peaks: (0..64).collect(),
            audio: relative,
            idempotency_key: None,
            at,
        };
        self.runtime.block_on(self.messages.commit(message)).unwrap();
        id
    }

    /// Stops the server and returns when nothing of it runs any more.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }

    /// Waits until `holds`, for ten seconds at most.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(started.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A plain HTTP client that keeps nothing but its cookie.
pub struct Client {
    agent: ureq::Agent,
    base: String,
    pub cookie: Option<String>,
    pub origin: Option<String>,
    pub token: Option<String>,
}

/// What the server answered.
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn cookie(&self) -> &str {
        self.header("set-cookie")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        let agent = ureq::Agent::new_with_config(config);
        Self {
            agent,
            base: base.to_owned(),
            cookie: None,
            origin: Some(base.to_owned()),
            token: None,
        }
    }

    pub fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.send("POST", "/api/v1/session", &[], Some(json!({"name": name, "password": password})))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, None)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], Some(body))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_string()).unwrap())
            }
            None if method == "POST" => self.agent.run(request.body(String::new()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = response.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_vec().unwrap(),
        }
    }

    /// Sends bytes up.
    pub fn upload(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request =
            ureq::http::Request::builder().method("POST").uri(format!("{}{path}", self.base));
        let mut all = headers.to_vec();
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        all.extend(self.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        all.extend(self.origin.as_deref().map(|origin| ("origin", origin)));
        all.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        for (name, value) in all {
            request = request.header(name, value);
        }
        let mut response = self.agent.run(request.body(body.to_vec()).unwrap()).unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_vec().unwrap(),
        }
    }

    /// A client that shows this token and nothing else, as a program does.
    pub fn with_token(&self, token: &str) -> Self {
        let mut client = Self::new(&self.base);
        client.origin = None;
        client.token = Some(token.to_owned());
        client
    }

    /// Opens the WebSocket; `Err` is the status that refused it.
    pub fn try_socket(&self) -> Result<Socket, u16> {
        self.try_socket_at("/ws")
    }

    /// The same at another path, perhaps with a query.
    pub fn try_socket_at(&self, path: &str) -> Result<Socket, u16> {
        let authority = self.base.trim_start_matches("http://");
        let mut request = format!("ws://{authority}{path}").into_client_request().unwrap();
        let headers = request.headers_mut();
        if let Some(token) = &self.token {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if let Some(cookie) = &self.cookie {
            headers.insert("cookie", cookie.parse().unwrap());
        }
        if let Some(origin) = &self.origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens the WebSocket and reads its `hello`.
    pub fn socket(&self) -> (Socket, Value) {
        let mut socket = self.try_socket().unwrap();
        let hello = socket.next("hello");
        (socket, hello)
    }
}

/// A browser's end of `/ws`.
pub struct Socket(pub WebSocket<TcpStream>);

impl Socket {
    pub fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).unwrap();
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).unwrap();
    }

    /// The next frame of this type; others are passed over.
    pub fn next(&mut self, kind: &str) -> Value {
        self.find(kind, |_| true)
    }

    /// The next frame of this type that `fits`.
    pub fn find(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.0.read().unwrap_or_else(|error| panic!("waiting for {kind}: {error}")) {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] == kind && fits(&frame) {
                        return frame;
                    }
                }
                Message::Close(close) => panic!("waiting for {kind}: closed with {close:?}"),
                _ => {}
            }
        }
    }

    /// The code with which the server closes; frames before it are passed over.
    pub fn closed(&mut self) -> Option<u16> {
        loop {
            match self.0.read() {
                Ok(Message::Close(close)) => return close.map(|c| c.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}
