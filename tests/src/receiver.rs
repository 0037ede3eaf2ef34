//! A web service that writes down what it is sent: of webhooks, and of a push service.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::wait;

/// A request.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its path.
    pub path: String,
    /// Its header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    /// A header field; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

#[derive(Default)]
struct Log {
    received: Vec<Received>,
    answers: VecDeque<u16>,
}

/// A running service on loopback.
pub struct Receiver {
    base: String,
    log: Arc<Mutex<Log>>,
}

impl Receiver {
    /// Starts one that answers with these statuses in turn, and with 200 after them.
    #[track_caller]
    pub fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound socket's address"));
        let answers = answers.iter().copied().collect();
        let log = Arc::new(Mutex::new(Log { received: Vec::new(), answers }));
        let shared = Arc::clone(&log);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &log));
            }
        });
        Self { base, log }
    }

    /// Its address: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The statuses that it answers with from here on, before 200.
    pub fn answer(&self, statuses: &[u16]) {
        locked(&self.log).answers = statuses.iter().copied().collect();
    }

    /// What it was sent so far.
    pub fn received(&self) -> Vec<Received> {
        locked(&self.log).received.clone()
    }

    /// Waits until it was sent so much.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<Received> {
        wait::until(&format!("{count} requests"), wait::LATER, || {
            Some(self.received()).filter(|received| received.len() >= count)
        })
    }
}

fn serve(stream: TcpStream, log: &Mutex<Log>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        let status = {
            let mut log = locked(log);
            log.received.push(request);
            log.answers.pop_front().unwrap_or(200)
        };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Received { path, headers, body })
}

fn locked(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
