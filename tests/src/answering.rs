//! A telephone that answers every call by itself, and presses keys: for tests in which it is one
//! of many things that happen.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::call::{media_address, offer};
use crate::peer::{Account, Peer};
use crate::rtp::{Press, Stream};
use crate::sip::{self, Received};

/// A call that came.
#[derive(Clone, Debug)]
pub struct Came {
    /// When.
    pub at: Instant,
    /// Who was shown as calling: the display name.
    pub from: String,
}

/// The telephone. Dropping it stops its thread.
pub struct Answering {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    came: Mutex<Vec<Came>>,
    stop: AtomicBool,
}

struct InHand {
    rtp: Stream,
    ok: String,
    /// The keys that are still to be pressed, and how long after the call's begin.
    keys: Vec<(Duration, char)>,
    begun: Instant,
}

impl Answering {
    /// A telephone of this account, registered for an hour, that presses each of `keys` so long
    /// after it answered.
    pub fn registered(account: &Account, keys: &[(Duration, char)]) -> Self {
        let peer = Peer::new(account.server);
        let (_, answer) = peer.register_for(account, Duration::from_secs(3600));
        assert_eq!(answer.and_then(|answer| answer.status()), Some(200), "registered");
        let shared = Arc::new(Shared::default());
        let (keys, seen) = (keys.to_vec(), Arc::clone(&shared));
        let thread = thread::spawn(move || serve(&peer, &keys, &seen));
        Self { shared, thread: Some(thread) }
    }

    /// Every call that came, in their order.
    pub fn came(&self) -> Vec<Came> {
        self.shared.came.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What went wrong in it shows in what it did not do.
            let _ = thread.join();
        }
    }
}

fn serve(peer: &Peer, keys: &[(Duration, char)], shared: &Shared) {
    let mut calls: HashMap<String, InHand> = HashMap::new();
    while !shared.stop.load(Ordering::Relaxed) {
        if let Some(request) = peer.receive(Duration::from_millis(20)) {
            take(peer, &request, keys, shared, &mut calls);
        }
        for call in calls.values_mut() {
            while call.keys.first().is_some_and(|(after, _)| call.begun.elapsed() >= *after) {
                let (_, key) = call.keys.remove(0);
                call.rtp.press(Press::of(key));
            }
        }
    }
}

fn take(
    peer: &Peer,
    request: &Received,
    keys: &[(Duration, char)],
    shared: &Shared,
    calls: &mut HashMap<String, InHand>,
) {
    let id = request.header("Call-ID").unwrap_or_default().to_owned();
    match request.method() {
        Some("INVITE") => {
            if let Some(call) = calls.get(&id) {
                // Sent again: our answer was lost.
                return peer.send_raw(call.ok.as_bytes());
            }
            // A call of a server that went away without a word is over.
            calls.clear();
            let from = request.header("From").unwrap_or_default();
            let from = from.split('"').nth(1).unwrap_or_default().to_owned();
            let came = Came { at: Instant::now(), from };
            shared.came.lock().unwrap_or_else(PoisonError::into_inner).push(came);
            let rtp = Stream::open();
            if let Some(remote) = media_address(&request.body) {
                rtp.connect(remote);
            }
            let tag = sip::fresh("answering");
            peer.send_raw(response(peer, request, "180 Ringing", &tag, "").as_bytes());
            let ok = response(peer, request, "200 OK", &tag, &offer(rtp.port()));
            peer.send_raw(ok.as_bytes());
            let call = InHand { rtp, ok, keys: keys.to_vec(), begun: Instant::now() };
            calls.insert(id, call);
        }
        Some("BYE" | "CANCEL") => {
            peer.send_raw(request.answer("200 OK").as_bytes());
            calls.remove(&id);
        }
        Some(_) | None => {}
    }
}

fn response(peer: &Peer, request: &Received, status: &str, tag: &str, sdp: &str) -> String {
    let to = request.header("To").unwrap_or_default();
    let answer = request.answer(status);
    let answer = answer.replace(&format!("To: {to}"), &format!("To: {to};tag={tag}"));
    let (head, _) = answer.split_once("Content-Length").unwrap_or((&answer, ""));
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let (local, length) = (peer.local(), sdp.len());
    format!("{head}Contact: <sip:callee@{local}>\r\n{kind}Content-Length: {length}\r\n\r\n{sdp}")
}
