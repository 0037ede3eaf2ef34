//! Very many browser sessions: what each costs, how soon one is told of a message, and what it
//! costs to tell a thousand watchers that somebody came or went.
//!
//! The browsers are a process of their own ([`client`]), so that their cost is not counted. Both
//! read the same clock.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hark_actors::announce::Announcements;
use hark_actors::bus::Bus;
use hark_actors::chat::{Chat, ChatMetrics};
use hark_actors::clock;
use hark_actors::config::{self, Events};
use hark_actors::delivery::{Dispatcher, DispatcherArguments, Verifier};
use hark_actors::messages::Messages;
use hark_actors::orders::{OrderConfig, Orders};
use hark_actors::outside::Outside;
use hark_actors::presence_board::PresenceBoard;
use hark_actors::retention::Retention;
use hark_actors::store::Store;
use hark_actors::web::{Parts, Server, WebConfig};
use hark_engine::id::UserId;
use hark_engine::order::outside::Limits;
use prometheus::Registry;
use ractor::Actor;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Outcome, world};

const DAY: Duration = Duration::from_secs(86_400);
/// Messages whose way is timed.
const MESSAGES: usize = 300;
/// Presence changes that are timed.
const CHANGES: usize = 40;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with users, each with one open session in the other process.
struct Crowd {
    store: Store,
    messages: Messages,
    board: PresenceBoard,
    users: Vec<UserId>,
    lines: Receiver<String>,
    client: Child,
    before: u64,
    _dir: tempfile::TempDir,
    _server: Server,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

impl Crowd {
    async fn gather(count: usize, watched: bool) -> Outcome<Self> {
        let dir = tempfile::tempdir()?;
        let store = world::open(dir.path())?;
        let (registry, bus) = (Registry::new(), Bus::default());
        let mut users = vec![world::user(&store, 0).await?];
        let mut cookies = String::new();
        for number in 1..=count {
            let user = world::user(&store, number).await?;
            users.push(user);
            if watched && let Some(star) = users.first() {
                store.set_contacts(user, vec![*star]).await?;
            }
            let token = clock::random::<32>();
            let (now, hash) = (clock::wall(), Sha256::digest(token).into());
            store.create_session(hash, user, now.after(DAY)).await?;
            let value = URL_SAFE_NO_PAD.encode(token);
            writeln!(cookies, "hark_session={value}.{}", now.as_secs())?;
        }
        let file = dir.path().join("cookies");
        std::fs::write(&file, cookies)?;
        let board = PresenceBoard::new(bus.clone());
        let (messages, handover) = Messages::new(store.clone(), bus.clone(), 30);
        let parts = (&bus, &board);
        let (services, recordings) =
            world::deliveries(dir.path(), &store, &messages, parts, &registry).await?;
        let (users_service, outward) = (services.users.clone(), services.outward.clone());
        let (policy, ringer) = (Arc::clone(&services.outside), services.ringer.clone());
        let handover = Arc::new(tokio::sync::Mutex::new(handover));
        let arguments = DispatcherArguments { services, handover };
        let _dispatcher = Actor::spawn(None, Dispatcher, arguments).await?;
        let limits = Limits { per_link: 0, per_number: 0, total: 0 };
        let ordered = OrderConfig { per_hour: 1, allowed: Vec::new(), limits, trunk: None };
        let (orders, _ordered) = Orders::new(ordered, bus.clone(), &registry)?;
        let outside = Outside {
            store: store.clone(),
            users: users_service.clone(),
            policy: Arc::clone(&policy),
            domain: "bench.example".into(),
            language: "en".into(),
            limit_secs: 59,
        };
        let parts = Parts {
            verifier: Verifier {
                store: store.clone(),
                ringer,
                outward: outward.clone(),
                outside: policy,
                users: users_service.clone(),
            },
            announcements: Announcements::new(store.clone(), outside.clone(), &Events::default()),
            retention: Retention::new(store.clone(), &config::Retention::default()),
            chat: Chat::new(store.clone(), bus.clone(), ChatMetrics::register(&registry)?).0,
            outside,
            outward,
            store: store.clone(),
            messages: messages.clone(),
            recordings,
            users: users_service,
            board: board.clone(),
            orders,
            registry,
        };
        let config = WebConfig {
            domain: "bench.example".into(),
            public_url: None,
            limit_seconds: 59,
            trunks: Vec::new(),
            requests_a_second: 0,
            upload_bytes: 16 << 20,
            trusted_proxies: Vec::new(),
        };
        let server = Server::start("127.0.0.1:0".parse()?, config, parts, &bus).await?;
        let before = resident()?;
        let mut client = Command::new(std::env::current_exe()?)
            .arg("client")
            .arg(server.addr().to_string())
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()?;
        let (told, lines) = channel();
        let out = client.stdout.take().ok_or("the client has an output")?;
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let crowd = Self {
            store,
            messages,
            board,
            users,
            lines,
            client,
            before,
            _dir: dir,
            _server: server,
        };
        let ready = crowd.line().await?;
        if ready != "ready" {
            return Err(format!("the browsers said {ready}").into());
        }
        Ok(crowd)
    }

    /// The next thing that the browsers say.
    async fn line(&self) -> Outcome<String> {
        let begun = Instant::now();
        loop {
            match self.lines.try_recv() {
                Ok(line) => return Ok(line),
                Err(_) if begun.elapsed() > PATIENCE => {
                    return Err("the browsers are silent".into());
                }
                Err(_) => tokio::time::sleep(Duration::from_micros(200)).await,
            }
        }
    }
}

pub async fn popups(count: usize) -> Outcome {
    let crowd = Crowd::gather(count, false).await?;
    let each = resident()?.saturating_sub(crowd.before) as f64 / count as f64 / 1024.0;
    println!("{count} browser sessions, each of a user of its own\n");
    println!("memory a session, resident, sockets of the kernel not included: {each:.1} KB");
    let from = crowd.users.first().copied().ok_or("a sender")?;
    let (mut late, mut commit) = (Vec::new(), Vec::new());
    for number in 0..MESSAGES {
        let place = 1 + number * 7919 % count;
        let to = crowd.users.get(place).copied().ok_or("a recipient")?;
        let begun = Instant::now();
        crowd.messages.commit(world::message(from, to)).await?;
        // Its commit returned a moment ago, with a lamp counted since: told against us.
        let committed = micros();
        commit.push(begun.elapsed().as_secs_f64() * 1000.0);
        let line = crowd.line().await?;
        let at: u128 = line.strip_prefix("popup ").ok_or("a pop-up")?.parse()?;
        late.push((at as f64 - committed as f64) / 1000.0);
    }
    late.sort_by(f64::total_cmp);
    commit.sort_by(f64::total_cmp);
    let [p50, p99] = [50, 99].map(|p| world::percentile(&late, p));
    let bare = bare_round_trip().await?;
    println!(
        "from the commit to the pop-up's frame in the browser: p50 {p50:.2} ms, p99 {p99:.2} ms"
    );
    println!("yardstick, a byte over loopback to another task and back: {bare:.3} ms");
    let [c50, c99] = [50, 99].map(|p| world::percentile(&commit, p));
    println!("the commit itself: p50 {c50:.2} ms, p99 {c99:.2} ms\n");
    drop(crowd.store.clone());
    Ok(())
}

pub async fn presence(watchers: usize) -> Outcome {
    let crowd = Crowd::gather(watchers, true).await?;
    let star = crowd.users.first().copied().ok_or("a star")?;
    let (mut last, mut cpu) = (Vec::new(), 0.0);
    let mut guard = None;
    for _ in 0..CHANGES {
        let (busy, at) = (cpu_seconds()?, micros());
        guard = match guard {
            None => Some(crowd.board.browser_opened(star)),
            Some(_) => None,
        };
        let mut latest = 0;
        for _ in 0..watchers {
            let line = crowd.line().await?;
            latest = latest.max(line.strip_prefix("presence ").ok_or("a presence")?.parse()?);
        }
        last.push((latest as f64 - at as f64) / 1000.0);
        cpu += cpu_seconds()? - busy;
    }
    last.sort_by(f64::total_cmp);
    let [p50, p99] = [50, 99].map(|p| world::percentile(&last, p));
    println!("a presence change with {watchers} watchers, each in a session of its own\n");
    println!("until the last of them has it: p50 {p50:.1} ms, p99 {p99:.1} ms");
    println!("CPU of the server a change: {:.1} ms\n", cpu * 1000.0 / CHANGES as f64);
    Ok(())
}

/// The browsers: opens a socket for each line of the file, and prints when it is told something.
pub async fn client(address: &str, file: &str) -> Outcome {
    let cookies = std::fs::read_to_string(file)?;
    let (told, mut news) = tokio::sync::mpsc::unbounded_channel();
    let mut count = 0;
    for cookie in cookies.lines() {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {cookie}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await?;
        let told = told.clone();
        tokio::spawn(async move {
            let mut bytes = vec![0; 16_384];
            // A frame that is cut in two between reads is rare, and shows as a wait in vain.
            while let Ok(length @ 1..) = socket.read(&mut bytes).await {
                let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
                for what in ["hello", "popup", "presence"] {
                    let frame = format!("\"type\":\"{what}\"");
                    for _ in 0..text.matches(&frame).count() {
                        if told.send((what, micros())).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        count += 1;
    }
    let mut greeted = 0;
    while let Some((what, at)) = news.recv().await {
        if what == "hello" {
            greeted += 1;
            if greeted == count {
                println!("ready");
            }
        } else if greeted == count {
            println!("{what} {at}");
        }
    }
    Ok(())
}

/// A byte to another task over loopback and back: half of it would be the way of a frame.
async fn bare_round_trip() -> Outcome<f64> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut near = TcpStream::connect(listener.local_addr()?).await?;
    let (mut far, _) = listener.accept().await?;
    tokio::spawn(async move {
        let mut byte = [0];
        while far.read_exact(&mut byte).await.is_ok() && far.write_all(&byte).await.is_ok() {}
    });
    let begun = Instant::now();
    for _ in 0..1_000 {
        near.write_all(&[1]).await?;
        near.read_exact(&mut [0]).await?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn micros() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_micros()
}

/// Resident memory of this process, in octets.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

/// CPU that this process has used, in seconds.
fn cpu_seconds() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(") ").ok_or("a command in stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    // utime and stime (proc_pid_stat(5)), in ticks of 10 ms.
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok());
    Ok((ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0)
}
