//! A telephone that is called, written by hand: it rings, answers, refuses, hangs up.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::call::{media_address, offer};
use crate::peer::{Account, Peer};
use crate::rtp::Stream;
use crate::sip::{self, Received, Request};
use crate::wait;

/// A telephone that waits to be called.
pub struct Callee {
    peer: Peer,
}

impl Callee {
    /// A telephone that is registered to an account.
    #[track_caller]
    pub fn registered(account: &Account) -> Self {
        let peer = Peer::new(account.server);
        let (_, answer) = peer.register(account);
        assert_eq!(answer.and_then(|answer| answer.status()), Some(200), "registered");
        Self { peer }
    }

    /// A telephone, or a carrier, at an address of its own: `127.0.0.5:0`.
    pub fn at(server: SocketAddr, local: &str) -> Self {
        Self { peer: Peer::at(server, local) }
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.peer.local()
    }

    /// Waits until it is called, and says that it was (100).
    #[track_caller]
    pub fn wait_call(&self) -> Ringing<'_> {
        let invite = self.wait_request("INVITE");
        self.peer.send_raw(invite.answer("100 Trying").as_bytes());
        Ringing { callee: self, invite, tag: sip::fresh("callee") }
    }

    /// Waits for a request of this method; answers to what else comes are not its business.
    #[track_caller]
    fn wait_request(&self, method: &str) -> Received {
        let begun = Instant::now();
        loop {
            let left = wait::LATER.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "waited in vain for {method}");
            match self.peer.receive(left) {
                Some(message) if message.method() == Some(method) => return message,
                Some(_) | None => {}
            }
        }
    }

    /// Whether nobody calls it for so long.
    pub fn is_left_alone(&self, span: Duration) -> bool {
        let begun = Instant::now();
        while let Some(left) = span.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            if self.peer.receive(left).is_some_and(|message| message.method() == Some("INVITE")) {
                return false;
            }
        }
        true
    }
}

/// A call that has come and is not answered.
pub struct Ringing<'a> {
    callee: &'a Callee,
    /// The INVITE.
    pub invite: Received,
    tag: String,
}

impl<'a> Ringing<'a> {
    /// Rings (180).
    pub fn ring(&self) {
        self.respond("180 Ringing", "");
    }

    /// Plays something before it answers (183).
    pub fn early(&self) -> Stream {
        let rtp = self.stream();
        self.respond("183 Session Progress", &offer(rtp.port()));
        rtp
    }

    /// Refuses: `486 Busy Here`.
    #[track_caller]
    pub fn refuse(self, status: &str) {
        self.respond(status, "");
        self.callee.wait_request("ACK");
    }

    /// Asks for a password (407) and waits for the call to come again, with or without one.
    #[track_caller]
    pub fn challenge(self, challenge: &str) -> Self {
        let header = format!("Proxy-Authenticate: {challenge}\r\n");
        self.respond_with("407 Proxy Authentication Required", &header, "");
        self.callee.wait_request("ACK");
        self.callee.wait_call()
    }

    /// Answers.
    #[track_caller]
    pub fn answer(self) -> Answered<'a> {
        let rtp = self.stream();
        self.answer_with(rtp)
    }

    /// Answers with the stream of its early media.
    #[track_caller]
    pub fn answer_with(self, rtp: Stream) -> Answered<'a> {
        self.respond("200 OK", &offer(rtp.port()));
        let ack = self.callee.wait_request("ACK");
        let Self { callee, invite, tag } = self;
        Answered { callee, rtp, invite, ack, tag }
    }

    /// Waits until the caller gives up.
    #[track_caller]
    pub fn wait_cancelled(self) {
        let cancel = self.callee.wait_request("CANCEL");
        self.callee.peer.send_raw(cancel.answer("200 OK").as_bytes());
        self.refuse("487 Request Terminated");
    }

    #[track_caller]
    fn stream(&self) -> Stream {
        let rtp = Stream::open();
        rtp.connect(media_address(&self.invite.body).expect("an INVITE with an SDP offer"));
        rtp
    }

    fn respond(&self, status: &str, sdp: &str) {
        self.respond_with(status, "", sdp);
    }

    fn respond_with(&self, status: &str, more: &str, sdp: &str) {
        let local = self.callee.local();
        let to = self.invite.header("To").unwrap_or_default();
        let answer = self.invite.answer(status);
        let answer = answer.replace(&format!("To: {to}"), &format!("To: {to};tag={}", self.tag));
        let (head, _) = answer.split_once("Content-Length").unwrap_or((&answer, ""));
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let response = format!(
            "{head}Contact: <sip:callee@{local}>\r\n{more}{kind}Content-Length: {}\r\n\r\n{sdp}",
            sdp.len(),
        );
        self.callee.peer.send_raw(response.as_bytes());
    }
}

/// A call that was answered.
pub struct Answered<'a> {
    callee: &'a Callee,
    /// The sound, both ways.
    pub rtp: Stream,
    /// The INVITE.
    pub invite: Received,
    ack: Received,
    tag: String,
}

impl Answered<'_> {
    /// Hangs up.
    #[track_caller]
    pub fn hang_up(self) {
        let header = |name| self.invite.header(name).unwrap_or_default();
        let contact = header("Contact").trim_start_matches('<');
        let uri = contact.split('>').next().unwrap_or_default();
        let (from, call_id) = (format!("{};tag={}", header("To"), self.tag), header("Call-ID"));
        let bye = Request {
            method: "BYE",
            uri,
            from: &from,
            to: header("From"),
            call_id,
            cseq: 1,
            more: "",
            body: "",
        };
        let response = self.callee.peer.transact(&bye);
        assert_eq!(response.status(), Some(200), "the answer to the callee's BYE");
    }

    /// Waits for the server's BYE, and answers it.
    #[track_caller]
    pub fn wait_ended(&self) -> Received {
        let bye = self.callee.wait_request("BYE");
        assert_eq!(bye.header("Call-ID"), self.ack.header("Call-ID"), "the BYE of another call");
        self.callee.peer.send_raw(bye.answer("200 OK").as_bytes());
        bye
    }
}

/// A free port that nothing listens on, for what can't be reached.
pub fn nobody(ip: &str) -> SocketAddr {
    let socket = UdpSocket::bind(format!("{ip}:0")).expect("a free port");
    socket.local_addr().expect("a bound socket has an address")
}
