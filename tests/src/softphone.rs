//! A softphone written by hand: it registers, subscribes, publishes, and sends and takes texts.
//! For what has to be timed, or has to be wrong.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::peer::Account;
use crate::sip::{self, Received};
use crate::wait;

/// A softphone with a socket of its own.
pub struct Softphone {
    socket: UdpSocket,
    account: Account,
    /// Requests that came, with their instants, that nobody waited for yet.
    waiting: VecDeque<(Instant, Received)>,
    /// The status with which requests are answered.
    pub answers: &'static str,
    cseq: u32,
}

/// What a request says beside who sends it to whom.
#[derive(Clone, Copy, Default)]
pub struct Say<'a> {
    /// Whole header lines, each with its line end.
    pub more: &'a str,
    /// The type of the body.
    pub content_type: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// A dialog that a SUBSCRIBE made.
#[derive(Clone)]
pub struct Subscription {
    from: String,
    to: String,
    call_id: String,
    target: String,
}

impl Softphone {
    /// A softphone of this account that has not registered.
    #[track_caller]
    pub fn new(account: &Account) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let (account, waiting) = (account.clone(), VecDeque::new());
        Self { socket, account, waiting, answers: "200 OK", cseq: 0 }
    }

    /// The same, registered.
    #[track_caller]
    pub fn registered(account: &Account) -> Self {
        let mut phone = Self::new(account);
        let registrar = format!("sip:{}", account.server);
        let allow = "Expires: 600\r\nAllow: INVITE, ACK, BYE, CANCEL, MESSAGE, NOTIFY\r\n";
        let answer = phone.request("REGISTER", &registrar, Say { more: allow, ..Say::default() });
        assert_eq!(answer.status(), Some(200), "{}", answer.start);
        phone
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// The address of a user of the server.
    pub fn address(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.account.server)
    }

    /// Sends a request outside of any dialog, with credentials when it is challenged; its final
    /// answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, uri: &str, say: Say<'_>) -> Received {
        let from = self.account.from();
        let to = match method {
            "REGISTER" => {
                format!("<sip:{}@{}>", self.account.user, self.account.domain)
            }
            _ => format!("<{uri}>"),
        };
        self.ask(method, uri, (&from, &to, &sip::fresh("c")), say)
    }

    /// Sends a text.
    #[track_caller]
    pub fn text(&mut self, to: &str, text: &str) -> Received {
        let uri = self.address(to);
        let body = text.as_bytes();
        self.request("MESSAGE", &uri, Say { content_type: "text/plain", body, ..Say::default() })
    }

    /// Subscribes: the answer, and the dialog if it is a good one.
    #[track_caller]
    pub fn subscribe(&mut self, event: &str, user: &str, more: &str) -> (Received, Subscription) {
        let uri = self.address(user);
        let (from, call_id) = (self.account.from(), sip::fresh("c"));
        let to = format!("<{uri}>");
        let more = format!("Event: {event}\r\n{more}");
        let say = Say { more: &more, ..Say::default() };
        let answer = self.ask("SUBSCRIBE", &uri, (&from, &to, &call_id), say);
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let target = header("Contact").trim_matches(['<', '>']).to_owned();
        let made = Subscription { from, to: header("To"), call_id, target };
        (answer, made)
    }

    /// Refreshes or ends a subscription.
    #[track_caller]
    pub fn refresh(&mut self, made: &Subscription, event: &str, expires: u32) -> Received {
        let more = format!("Event: {event}\r\nExpires: {expires}\r\n");
        let say = Say { more: &more, ..Say::default() };
        let Subscription { from, to, call_id, target } = made.clone();
        self.ask("SUBSCRIBE", &target, (&from, &to, &call_id), say)
    }

    /// Waits for a request of this method that `wanted` accepts; others are answered and let go.
    #[track_caller]
    pub fn wait(
        &mut self,
        method: &str,
        at_most: Duration,
        wanted: impl Fn(&Received) -> bool,
    ) -> (Instant, Received) {
        let begun = Instant::now();
        loop {
            while let Some((at, request)) = self.waiting.pop_front() {
                if request.method() == Some(method) && wanted(&request) {
                    return (at, request);
                }
            }
            let left = at_most.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "waited {at_most:?} in vain for {method}");
            self.receive(left);
        }
    }

    /// Whether no request of this method comes for so long.
    pub fn is_left_alone(&mut self, method: &str, span: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < span {
            self.receive(span.saturating_sub(begun.elapsed()));
            if self.waiting.iter().any(|(_, request)| request.method() == Some(method)) {
                return false;
            }
        }
        true
    }

    fn receive(&mut self, at_most: Duration) {
        let at_most = at_most.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(at_most)).expect("a socket option");
        let mut buffer = [0; 65_536];
        let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { return };
        let at = Instant::now();
        let Some(message) = Received::parse(&buffer[..length]) else { return };
        if message.method().is_some() {
            let answer = message.answer(self.answers);
            self.socket.send_to(answer.as_bytes(), from).expect("UDP can be sent");
            self.waiting.push_back((at, message));
        }
    }

    #[track_caller]
    fn ask(
        &mut self,
        method: &str,
        uri: &str,
        dialog: (&str, &str, &str),
        say: Say<'_>,
    ) -> Received {
        let challenged = self.send(method, uri, dialog, "", say);
        if !matches!(challenged.status(), Some(401 | 407)) {
            return challenged;
        }
        match self.account.credentials(&challenged, method, uri) {
            Some(credentials) => self.send(method, uri, dialog, &credentials, say),
            None => challenged,
        }
    }

    #[track_caller]
    fn send(
        &mut self,
        method: &str,
        uri: &str,
        (from, to, call_id): (&str, &str, &str),
        credentials: &str,
        Say { more, content_type, body }: Say<'_>,
    ) -> Received {
        self.cseq += 1;
        let (local, cseq, user) = (self.local(), self.cseq, &self.account.user);
        let contact = match method {
            "MESSAGE" => String::new(),
            _ => format!("Contact: <sip:{user}@{local}>\r\n"),
        };
        let content_type = match content_type {
            "" => String::new(),
            kind => format!("Content-Type: {kind}\r\n"),
        };
        let mut octets = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch={}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n{contact}{more}{credentials}{content_type}\
             Content-Length: {}\r\n\r\n",
            sip::fresh("z9hG4bK"),
            body.len(),
        )
        .into_bytes();
        octets.extend_from_slice(body);
        let wanted = format!("{cseq} {method}");
        let begun = Instant::now();
        self.socket.send_to(&octets, self.account.server).expect("UDP can be sent");
        let mut sent = Instant::now();
        let mut buffer = [0; 65_536];
        loop {
            assert!(begun.elapsed() < wait::SOON, "no final answer to {method}");
            if sent.elapsed() > Duration::from_millis(500) {
                self.socket.send_to(&octets, self.account.server).expect("UDP can be sent");
                sent = Instant::now();
            }
            self.socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket option");
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { continue };
            let at = Instant::now();
            let Some(message) = Received::parse(&buffer[..length]) else { continue };
            match message.status() {
                Some(200..) if message.header("CSeq") == Some(wanted.as_str()) => return message,
                Some(_) => {}
                None => {
                    let answer = message.answer(self.answers);
                    self.socket.send_to(answer.as_bytes(), from).expect("UDP can be sent");
                    self.waiting.push_back((at, message));
                }
            }
        }
    }
}
