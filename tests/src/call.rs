//! A call written by hand, for what has to be measured to the millisecond or has to be wrong.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::peer::Account;
use crate::rtp::{EVENTS, PCMU, Stream};
use crate::sip::{self, Received, Request};
use crate::wait;

/// A call that stands. Dropping it hangs up, if the server has not.
pub struct Call {
    /// The sound, both ways.
    pub rtp: Stream,
    /// When the INVITE was sent and when its 200 arrived.
    pub setup: (Instant, Instant),
    socket: UdpSocket,
    server: SocketAddr,
    dialog: Dialog,
    watch: Arc<Watch>,
    over: bool,
    thread: Option<JoinHandle<()>>,
}

struct Dialog {
    target: String,
    from: String,
    to: String,
    call_id: String,
    cseq: u32,
}

#[derive(Default)]
struct Watch {
    stop: AtomicBool,
    ended: Mutex<Option<Received>>,
}

impl Call {
    /// Calls `number` and waits for the answer; the final response if it is no 200.
    #[track_caller]
    pub fn dial(account: &Account, number: &str) -> Result<Self, Received> {
        Self::dial_seeing(account, number, |_, _| {})
    }

    /// The same, and shows each provisional answer with the stream, which hears and is heard
    /// from the first SDP on.
    #[track_caller]
    pub fn dial_seeing(
        account: &Account,
        number: &str,
        mut see: impl FnMut(&Received, &Stream),
    ) -> Result<Self, Received> {
        let rtp = Stream::open();
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let local = socket.local_addr().expect("a bound socket has an address");
        let server = account.server;
        let (uri, sdp) = (format!("sip:{number}@{server}"), offer(rtp.port()));
        let (from, to, call_id) = (account.from(), format!("<{uri}>"), sip::fresh("c"));
        let print = |method, cseq, to: &str, uri: &str, more: &str, body: &str, branch: &str| {
            let (from, call_id) = (&from, &call_id);
            Request { method, uri, from, to, call_id, cseq, more, body }.print_in(local, branch)
        };

        let mut cseq = 1;
        let mut credentials = String::new();
        let begun = Instant::now();
        let response = loop {
            let branch = sip::fresh("z9hG4bK");
            let invite = print("INVITE", cseq, &to, &uri, &credentials, &sdp, &branch);
            let response = sip::transact(&socket, server, &invite, |message| {
                if message.status().is_some_and(|status| status < 200) {
                    if let Some(addr) = media_address(&message.body) {
                        rtp.connect(addr);
                    }
                    see(message, &rtp);
                }
            });
            let status = response.status().expect("a response");
            if status < 300 {
                break response;
            }
            // RFC 3261 section 17.1.1.3: the ACK of a refusal belongs to the INVITE's transaction.
            let refused = response.header("To").unwrap_or(&to);
            let ack = print("ACK", cseq, refused, &uri, "", "", &branch);
            socket.send_to(ack.as_bytes(), server).expect("UDP can be sent");
            match account.credentials(&response, "INVITE", &uri) {
                Some(answer) if matches!(status, 401 | 407) && credentials.is_empty() => {
                    credentials = answer
                }
                _ => return Err(response),
            }
            cseq += 1;
        };
        let answered = Instant::now();
        let to = response.header("To").expect("a 200 has a To").to_owned();
        let contact = response.header("Contact").expect("a 200 to INVITE has a Contact");
        let target =
            contact.trim().trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
        let ack = print("ACK", cseq, &to, &target, "", "", &sip::fresh("z9hG4bK"));
        socket.send_to(ack.as_bytes(), server).expect("UDP can be sent");
        rtp.connect(media_address(&response.body).expect("an SDP answer with an audio port"));

        let watch = Arc::new(Watch::default());
        let thread = thread::spawn({
            let socket = socket.try_clone().expect("a socket can be cloned");
            let watch = Arc::clone(&watch);
            move || watch_dialog(&socket, server, &ack, &watch)
        });
        let dialog = Dialog { target, from, to, call_id, cseq };
        Ok(Self {
            rtp,
            setup: (begun, answered),
            socket,
            server,
            dialog,
            watch,
            over: false,
            thread: Some(thread),
        })
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.stop_watching();
        if self.over || self.ended().is_some() {
            return;
        }
        self.over = true;
        let local = self.socket.local_addr().expect("a bound socket has an address");
        self.dialog.cseq += 1;
        let Dialog { target, from, to, call_id, cseq } = &self.dialog;
        let bye = Request {
            method: "BYE",
            uri: target,
            from,
            to,
            call_id,
            cseq: *cseq,
            more: "",
            body: "",
        };
        let response = sip::transact(&self.socket, self.server, &bye.print(local), |_| {});
        assert_eq!(response.status(), Some(200), "the answer to BYE: {}", response.start);
    }

    /// The server's BYE, once it came.
    pub fn ended(&self) -> Option<Received> {
        self.watch.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the server's BYE.
    #[track_caller]
    pub fn wait_ended(&self) -> Received {
        wait::until("the server's BYE", wait::LATER, || self.ended())
    }

    /// Goes away without a word: no BYE, no RTP.
    pub fn vanish(mut self) {
        self.stop_watching();
        self.rtp.mute(true);
        self.over = true;
    }

    fn stop_watching(&mut self) {
        self.watch.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the dialog's thread");
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.stop_watching();
        if !thread::panicking() {
            self.hang_up();
        }
    }
}

/// Answers BYE, and a 200 that came again because our ACK was lost.
fn watch_dialog(socket: &UdpSocket, server: SocketAddr, ack: &str, watch: &Watch) {
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket option");
    let mut buffer = [0; 65_536];
    while !watch.stop.load(Ordering::Relaxed) {
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
        let Some(message) = Received::parse(&buffer[..length]) else { continue };
        let answer = match (message.method(), message.status()) {
            (Some("BYE"), _) => message.answer("200 OK"),
            (Some("ACK"), _) => continue,
            (Some(_), _) => message.answer("501 Not Implemented"),
            (None, Some(200))
                if message.header("CSeq").is_some_and(|cseq| cseq.ends_with("INVITE")) =>
            {
                ack.to_owned()
            }
            (None, _) => continue,
        };
        socket.send_to(answer.as_bytes(), server).expect("UDP can be sent");
        if message.method() == Some("BYE") {
            *watch.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
        }
    }
}

/// An SDP offer of G.711 and keys, at a port of this machine.
pub fn offer(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {PCMU} {EVENTS}\r\na=rtpmap:{PCMU} PCMU/8000\r\n\
         a=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// Where an SDP wants its sound.
pub(crate) fn media_address(sdp: &str) -> Option<SocketAddr> {
    let line = |start: &str| sdp.lines().find_map(|line| line.strip_prefix(start));
    let host = line("c=IN IP4 ")?.trim();
    let port = line("m=audio ")?.split(' ').next()?;
    format!("{host}:{port}").parse().ok()
}
