//! `kill -9` at a random moment, again and again, while telephones and browsers leave messages and
//! a telephone is rung for others; and then an account of every message that was acknowledged.
//!
//! `HARK_CRASH_ROUNDS` says how often (15 unless it is set), `HARK_CRASH_SEED` repeats a run's
//! moments.

use std::collections::{HashMap, HashSet};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hark_engine::message::state::RecipientState;
use hark_engine::message::{Event, Step};
use hark_engine::time::UnixMillis;
use hark_tests::answering::Answering;
use hark_tests::audio::{self, Sound};
use hark_tests::call::Call;
use hark_tests::http::Http;
use hark_tests::peer::Account;
use hark_tests::site::{Site, SiteOptions};
use hark_tests::{story, wait};
use ogg::{PacketWriteEndInfo, PacketWriter};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tungstenite::{ClientRequestBuilder, Message};

/// Rounds of `make test`.
const ROUNDS: usize = 15;
/// A telephone that rang when the server went away is left alone for so long.
const RING_AGAIN: Duration = Duration::from_secs(10);
/// How much of a recording may not have been in its spool yet.
const MAY_BE_LOST: u64 = 700;
/// How long all that is unfinished may take in the end, for each message.
const EACH_WITHIN: Duration = Duration::from_secs(15);

/// An extension with a 7 before it: speak for a second, and hear the hang-up when it is kept.
const QUICK: &str = r#"
/// Leave a short message; the call ends when it is kept.
route "7(1xxx)" as ext -> quick(user(ext))

flow quick(to: User) {
    beep
    message = record max 1s, hangup keeps
    send message to to else { say "It could not be kept."; wait_for_nothing }
    hangup
}

flow wait_for_nothing {
    menu {
        say "Please call again."
        key 1      -> hangup
        other      -> hangup
        silence 9s -> hangup
    }
}
"#;

/// What one sender was told.
#[derive(Default)]
struct Told {
    /// From browsers: the ids that were acknowledged, with sender, recipient and length.
    browser: Vec<(String, &'static str, &'static str, u64)>,
    /// Attempts from browsers, acknowledged or not, by the sound that each begins with.
    attempts: HashMap<Vec<u8>, (&'static str, u64)>,
    /// From telephones: the callers whose message was acknowledged.
    phone: Vec<String>,
    /// Callers who began to speak.
    callers: HashSet<String>,
}

#[test]
fn nothing_that_was_acknowledged_is_lost_by_kill_9_at_any_moment() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("HARK_CRASH_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    let seed = number("HARK_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{rounds} rounds, HARK_CRASH_SEED={seed}");
    let mut random = Random(seed);

    let dialplans = story::dialplans_with("quick.dial", QUICK);
    let mut site = Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        unwatched: true,
        more: "[trace]\nenabled = false\n".into(),
        ring_again_seconds: Some(RING_AGAIN.as_secs() as u32),
        ..SiteOptions::default()
    });
    // Confirms each message as soon as it hears of it.
    let phone = Answering::start(
        site.udp(),
        &[(Duration::from_millis(700), '1'), (Duration::from_millis(1500), '1')],
    );
    let (alice, bob, carol) = (site.sign_in("alice"), site.sign_in("bob"), site.sign_in("carol"));
    let profile = json!({
        "devices": [{ "name": "desk", "kind": "sip-address", "uri": format!("sip:bob@{}", phone.local()) }],
        "rules": [{ "when": "always", "do": { "ring": { "device": "desk", "attempts": 10, "retry_secs": 1, "ring_secs": 30 } } }],
    });
    assert!(bob.put("/api/v1/me/profile", &profile).status < 300);
    let ids = HashMap::from([("alice", id(&alice)), ("bob", id(&bob)), ("carol", id(&carol))]);

    quiet_panics();
    let told = Mutex::new(Told::default());
    let (frames, callers) = (AtomicUsize::new(60), AtomicUsize::new(0));
    let begun = Instant::now();
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        // Most rounds are short; some let whole calls and deliveries end.
        let longest = if round % 5 == 4 { 9_000 } else { 3_000 };
        let kill_after = Duration::from_millis(150 + random.below(longest));
        thread::scope(|scope| {
            let (told, stop, frames, callers) = (&told, &stop, &frames, &callers);
            for (http, from, to) in [(&alice, "alice", "carol"), (&carol, "carol", "alice")] {
                let to_id = ids[to];
                scope.spawn(move || speak_in_browsers(http, (from, to, to_id), frames, told, stop));
            }
            // To bob only now and then: his telephone takes one at a time.
            let number = if round % 3 == 0 { "71002" } else { "71003" };
            for number in [number, "71001"] {
                let server = site.udp();
                scope.spawn(move || speak_by_phone(server, number, callers, told, stop));
            }
            thread::sleep(kill_after);
            site.kill();
            stop.store(true, Ordering::Relaxed);
        });
        site.restart();
    }
    println!("{rounds} kills in {:.0?}", begun.elapsed());

    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    account(&site, &told, &phone, &[alice, bob, carol]);
}

/// Everything that was acknowledged, and everything else that is there.
fn account(site: &Site, told: &Told, phone: &Answering, users: &[Http; 3]) {
    let rows = Connection::open_with_flags(
        site.data().join("hark.sqlite"),
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .expect("the database can be read beside the server");
    let count = |sql: &str| rows.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count");
    // Spools are made into messages beside the first calls.
    wait::until("every spool to be settled", wait::LATER, || {
        let left = std::fs::read_dir(site.data().join("spool")).expect("the spools");
        let open = |path: std::path::PathBuf| path.extension().is_some_and(|e| e == "spool");
        (!left.filter_map(Result::ok).any(|entry| open(entry.path()))).then_some(())
    });

    // Once each, and nothing twice.
    let messages = messages(&rows);
    let by_id: HashMap<&str, &Stored> =
        messages.iter().map(|message| (message.id.as_str(), message)).collect();
    assert_eq!(by_id.len(), messages.len());
    for (id, from, to, frames) in &told.browser {
        let message = by_id.get(id.as_str()).unwrap_or_else(|| panic!("{id} of {from} is lost"));
        assert_eq!(message.frames(), *frames, "{id} from {from} to {to} is not whole");
    }
    let mut made: HashSet<Vec<u8>> = HashSet::new();
    for message in messages.iter().filter(|message| !message.is_from_phone()) {
        let file = std::fs::read(site.data().join(&message.audio)).expect("an audio file");
        let packet = first_packet(&file);
        let attempt = told.attempts.get(&packet);
        let (from, frames) = attempt.unwrap_or_else(|| panic!("nobody said {}", message.id));
        assert!(message.sender.to_lowercase().starts_with(from), "{} of {from}", message.sender);
        assert!(message.frames() <= *frames, "{} grew to {}", message.id, message.frames());
        assert!(made.insert(packet), "an attempt of {from} ({frames} packets) became two messages");
    }
    let mut by_caller: HashMap<&str, usize> = HashMap::new();
    for message in messages.iter().filter(|message| message.is_from_phone()) {
        *by_caller.entry(message.sender.as_str()).or_default() += 1;
        assert!(told.callers.contains(&message.sender), "nobody is called {}", message.sender);
    }
    for caller in &told.phone {
        let times = by_caller.get(caller.as_str()).copied().unwrap_or(0);
        assert_eq!(times, 1, "the acknowledged message of {caller} is there {times} times");
        let message = messages.iter().find(|message| message.sender == *caller).expect("it is");
        assert!(message.length_ms + MAY_BE_LOST > 1000, "{caller}: {} ms", message.length_ms);
    }
    for (caller, times) in &by_caller {
        assert_eq!(*times, 1, "{caller} spoke once, and it arrived {times} times");
    }

    // Whole and readable, each of them, and as long as its row says.
    for message in &messages {
        let file = std::fs::read(site.data().join(&message.audio))
            .unwrap_or_else(|error| panic!("{}: {error}", message.audio));
        assert_eq!(file.len() as u64, message.bytes, "{}", message.id);
        let (sound, tags) = audio::decode_ogg_opus(&file);
        let length = u64::try_from(sound.length().as_millis()).expect("short");
        assert!(length.abs_diff(message.length_ms) < 100, "{}: {length} ms", message.id);
        assert!(tags.iter().any(|(_, value)| *value == message.id), "{tags:?}");
    }
    let leftovers = walk(&site.data().join("audio")).len();
    assert!(leftovers <= messages.len() + told.attempts.len() + told.callers.len());

    states_are_legal(&rows);

    // What was unfinished goes on, until bob's telephone has confirmed everything.
    let to_bob =
        "SELECT count(*) FROM recipients r JOIN users u ON u.id = r.user WHERE u.name = 'bob'";
    let waiting = format!("{to_bob} AND r.step NOT IN ('delivered', 'heard')");
    let at_most = RING_AGAIN + EACH_WITHIN * u32::try_from(count(to_bob).max(1)).expect("few");
    wait::until("bob's telephone to confirm everything", at_most, || {
        (count(&waiting) == 0).then_some(())
    });
    let came = phone.came();
    let mut last: HashMap<&str, Instant> = HashMap::new();
    let mut again = 0;
    for call in &came {
        if let Some(before) = last.insert(call.from.as_str(), call.at) {
            again += 1;
            let gap = call.at - before;
            assert!(
                gap + Duration::from_secs(1) > RING_AGAIN,
                "rung for {} again after {gap:?}",
                call.from
            );
        }
    }
    states_are_legal(&rows);
    for http in users {
        assert_eq!(http.get("/api/v1/messages?folder=all").status, 200);
    }
    println!(
        "{} messages: {} acknowledged to browsers of {} attempts, {} to telephones of {} calls; \
         bob's telephone rang {} times for {} messages, {again} times again after a restart",
        messages.len(),
        told.browser.len(),
        told.attempts.len(),
        told.phone.len(),
        told.callers.len(),
        came.len(),
        count(to_bob),
    );
    assert!(told.browser.len() > told.attempts.len() / 4, "hardly anything was acknowledged");
}

/// Every recipient's state is what its log folds to, along legal paths.
fn states_are_legal(rows: &Connection) {
    let mut events = rows
        .prepare("SELECT at, event FROM events WHERE message = ?1 AND recipient = ?2 ORDER BY seq")
        .expect("a query");
    let mut recipients = rows
        .prepare("SELECT message, user, state, step, finished FROM recipients")
        .expect("a query");
    let mut all = recipients.query([]).expect("recipients");
    while let Some(row) = all.next().expect("a row") {
        let (message, user): (Vec<u8>, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let (stored, step): (String, String) = (row.get(2).unwrap(), row.get(3).unwrap());
        let mut state = RecipientState::default();
        let log = events
            .query_map(rusqlite::params![message, user], |event| {
                Ok((event.get::<_, i64>(0)?, event.get::<_, String>(1)?))
            })
            .expect("events");
        let mut accepted = 0;
        for entry in log {
            let (at, json) = entry.expect("an event");
            let event: Event = serde_json::from_str(&json).expect("an event");
            accepted += usize::from(event == Event::Accepted);
            let news = state.apply(UnixMillis(at), &event);
            assert!(news.expect("a legal path"), "{json} changed nothing and was written");
        }
        assert_eq!(accepted, 1, "accepted {accepted} times");
        let stored: RecipientState = serde_json::from_str(&stored).expect("a state");
        assert_eq!(stored, state, "the row is not what its log says");
        assert!(state.step() >= Step::Accepted && !step.is_empty());
        assert_eq!(row.get::<_, bool>(4).unwrap(), state.finished());
    }
}

struct Stored {
    id: String,
    sender: String,
    user: Option<i64>,
    length_ms: u64,
    bytes: u64,
    audio: String,
}

impl Stored {
    fn is_from_phone(&self) -> bool {
        self.user.is_none()
    }

    /// Of a browser's message: how many packets of 20 ms it has.
    fn frames(&self) -> u64 {
        (self.length_ms + 10) / 20
    }
}

fn messages(rows: &Connection) -> Vec<Stored> {
    let sql = "SELECT id, sender_name, sender_user, length_ms, bytes, audio FROM messages";
    let mut query = rows.prepare(sql).expect("a query");
    let all = query.query_map([], |row| {
        let id: [u8; 16] = row.get(0)?;
        Ok(Stored {
            id: hark_engine::id::MessageId(uuid::Uuid::from_bytes(id)).to_string(),
            sender: row.get(1)?,
            user: row.get(2)?,
            length_ms: row.get::<_, i64>(3)? as u64,
            bytes: row.get::<_, i64>(4)? as u64,
            audio: row.get(5)?,
        })
    });
    all.expect("messages").map(|row| row.expect("a row")).collect()
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn id(http: &Http) -> i64 {
    http.json("/api/v1/me")["user"]["id"].as_i64().expect("an id")
}

/// Leaves messages from a browser, one after the other, each of a length that no other has, until
/// the server is gone.
fn speak_in_browsers(
    http: &Http,
    (from, to, to_id): (&'static str, &'static str, i64),
    frames: &AtomicUsize,
    told: &Mutex<Told>,
    stop: &AtomicBool,
) {
    let Some(mut socket) = open(http) else { return };
    while !stop.load(Ordering::Relaxed) {
        // 1.2 to 58 s of sound: said in a moment, for packets cost nothing to repeat.
        let attempt = frames.fetch_add(1, Ordering::Relaxed);
        let length = attempt % 2_800 + 60;
        let (file, packet) = tone(length, attempt);
        let name = length as u64;
        let twice = locked(told).attempts.insert(packet, (from, name));
        assert!(twice.is_none(), "two attempts begin alike");
        let start = json!({
            "type": "record_start", "id": name, "to": [to_id], "mime": "audio/ogg; codecs=opus",
        });
        let mut said = socket.send(Message::text(start.to_string()));
        for chunk in file.chunks(4_000) {
            said = said.and_then(|()| socket.send(Message::binary(chunk.to_vec())));
        }
        let end = json!({ "type": "record_stop", "id": name }).to_string();
        if said.and_then(|()| socket.send(Message::text(end))).is_err() {
            return;
        }
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    if frame["type"] != "recording" || frame["id"] != name {
                        continue;
                    }
                    if frame["state"] == "committed" {
                        let id = frame["message"].as_str().expect("an id").to_owned();
                        locked(told).browser.push((id, from, to, name));
                        break;
                    }
                    assert_ne!(frame["state"], "failed", "{frame}");
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_wait(&error) => {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

fn is_wait(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

fn open(http: &Http) -> Option<tungstenite::WebSocket<TcpStream>> {
    let host = http.base().trim_start_matches("http://");
    let request = ClientRequestBuilder::new(format!("ws://{host}/ws").parse().expect("a URI"))
        .with_header("Origin", http.base())
        .with_header("Cookie", http.cookie().expect("a session"));
    let stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket option");
    let (mut socket, _) = tungstenite::client(request, stream).ok()?;
    socket.get_mut().set_write_timeout(Some(Duration::from_secs(2))).expect("a socket option");
    Some(socket)
}

/// Leaves messages by telephone, each under a name of its own, until the server is gone.
fn speak_by_phone(
    server: std::net::SocketAddr,
    number: &str,
    callers: &AtomicUsize,
    told: &Mutex<Told>,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let name = format!("m{}", callers.fetch_add(1, Ordering::Relaxed));
        locked(told).callers.insert(name.clone());
        let account = Account { user: name.clone(), ..Account::stranger(server) };
        // The harness panics where a server is gone: here that is what is tried.
        let sent = catch_unwind(AssertUnwindSafe(|| {
            let Ok(call) = Call::dial(&account, number) else { return false };
            call.rtp.say(&loud(Duration::from_secs(3)));
            let begun = Instant::now();
            let ended = loop {
                if call.ended().is_some() {
                    break true;
                }
                if stop.load(Ordering::Relaxed) || begun.elapsed() > Duration::from_secs(20) {
                    break false;
                }
                thread::sleep(Duration::from_millis(10));
            };
            // The flow hangs up when it is kept; where it is not, it waits. A call of a server
            // that is gone is not hung up on.
            if !ended {
                call.vanish();
            }
            ended
        }));
        if sent.unwrap_or(false) {
            locked(told).phone.push(name);
        }
    }
}

fn loud(length: Duration) -> Sound {
    let samples = length.as_millis() as usize * audio::RATE / 1000;
    // Syllables: a steady tone would be taken for noise.
    let sample = |n: usize| {
        let envelope = (n % 1600) as f64 / 1600.0;
        let hertz = 220.0 + 40.0 * ((n / 1600) % 7) as f64;
        ((n as f64 * hertz * std::f64::consts::TAU / 8000.0).sin() * 12_000.0 * envelope) as i16
    };
    Sound((0..samples).map(sample).collect())
}

/// An Ogg Opus file of so many packets of 20 ms, and the packet of which it is made, which is
/// another one for each `pitch`.
fn tone(frames: usize, pitch: usize) -> (Vec<u8>, Vec<u8>) {
    let mut encoder =
        opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip).expect("Opus");
    let step = 0.02 + pitch as f64 * 1e-5;
    let noise = |n: u32| f64::from((n + 7).wrapping_mul(pitch as u32 * 2 + 1) % 251) * 4.0;
    let pcm: Vec<i16> =
        (0..960).map(|n| ((f64::from(n) * step).sin() * 8_000.0 + noise(n)) as i16).collect();
    let packet = encoder.encode_vec(&pcm, 1_000).expect("a packet");
    let mut file = Vec::new();
    let mut writer = PacketWriter::new(&mut file);
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend([0, 0]);
    head.extend(48_000_u32.to_le_bytes());
    head.extend([0, 0, 0]);
    writer.write_packet(head, 7, PacketWriteEndInfo::EndPage, 0).expect("written");
    let mut tags = b"OpusTags".to_vec();
    tags.extend(4_u32.to_le_bytes());
    tags.extend(b"test");
    tags.extend(0_u32.to_le_bytes());
    writer.write_packet(tags, 7, PacketWriteEndInfo::EndPage, 0).expect("written");
    for frame in 1..=frames {
        let end = match frame {
            last if last == frames => PacketWriteEndInfo::EndStream,
            page if page % 10 == 0 => PacketWriteEndInfo::EndPage,
            _ => PacketWriteEndInfo::NormalPacket,
        };
        writer.write_packet(packet.clone(), 7, end, frame as u64 * 960).expect("written");
    }
    drop(writer);
    (file, packet)
}

/// The first packet of sound in an Ogg Opus file.
fn first_packet(file: &[u8]) -> Vec<u8> {
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(file));
    let mut packets = std::iter::from_fn(|| reader.read_packet().expect("an Ogg file"));
    packets.nth(2).expect("a packet of sound").data
}

fn locked(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A caller whose server was killed panics; that is no news.
fn quiet_panics() {
    let loudly = std::panic::take_hook();
    let main = thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().id() == main {
            loudly(info);
        }
    }));
}

/// Moments that can be repeated (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = (self.0 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
        (self.0 >> 11) % end
    }
}
