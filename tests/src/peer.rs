//! Requests outside a call, written by hand: REGISTER, OPTIONS, and octets that are no SIP at all.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::digest;
use crate::sip::{self, Received, Request};

/// Who asks, and whom.
#[derive(Clone)]
pub struct Account {
    /// The server.
    pub server: SocketAddr,
    /// The account's name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The host part of the account's address; the server's own, unless a stranger calls.
    pub domain: String,
}

impl Account {
    /// An account of the server's own domain.
    pub fn new(server: SocketAddr, user: &str, password: &str) -> Self {
        Self {
            server,
            user: user.into(),
            password: password.into(),
            domain: server.ip().to_string(),
        }
    }

    /// Somebody from elsewhere, who has no account.
    pub fn stranger(server: SocketAddr) -> Self {
        Self { domain: "elsewhere.example".into(), ..Self::new(server, "visitor", "") }
    }

    /// The address of record, with a fresh tag.
    pub fn from(&self) -> String {
        format!("<sip:{}@{}>;tag={}", self.user, self.domain, sip::fresh("t"))
    }

    /// The header that answers a 401 or 407, as a whole line; `None` if there is no MD5 challenge.
    pub fn credentials(&self, challenged: &Received, method: &str, uri: &str) -> Option<String> {
        [("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization")]
            .iter()
            .find_map(|(challenge, header)| {
                let answer = challenged.all(challenge).find_map(|challenge| {
                    digest::answer(challenge, &self.user, &self.password, method, uri)
                })?;
                Some(format!("{header}: {answer}\r\n"))
            })
    }
}

/// A socket of its own for requests outside a call.
pub struct Peer {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Peer {
    /// A peer on 127.0.0.1.
    pub fn new(server: SocketAddr) -> Self {
        Self::at(server, "127.0.0.1:0")
    }

    /// A peer on another loopback address: what is throttled by address stays its own.
    pub fn at(server: SocketAddr, local: &str) -> Self {
        Self {
            socket: UdpSocket::bind(local).unwrap_or_else(|error| panic!("{local}: {error}")),
            server,
        }
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Sends octets as they are.
    pub fn send_raw(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).expect("UDP can be sent");
    }

    /// The next message that arrives within `at_most`.
    pub fn receive(&self, at_most: Duration) -> Option<Received> {
        self.socket.set_read_timeout(Some(at_most)).expect("a socket option");
        let mut buffer = [0; 65_536];
        let (length, _) = self.socket.recv_from(&mut buffer).ok()?;
        Received::parse(&buffer[..length])
    }

    /// Sends a request and waits for its final response.
    #[track_caller]
    pub fn transact(&self, request: &Request<'_>) -> Received {
        sip::transact(&self.socket, self.server, &request.print(self.local()), |_| {})
    }

    /// Asks for the server's options: answered by any server that still serves.
    #[track_caller]
    pub fn options(&self) -> Received {
        self.options_seeing(|_| {})
    }

    /// The same, and shows every message that arrives until the answer does.
    #[track_caller]
    pub fn options_seeing(&self, see: impl FnMut(&Received)) -> Received {
        let uri = format!("sip:{}", self.server);
        let from = format!("<sip:probe@elsewhere.example>;tag={}", sip::fresh("t"));
        let request = Request {
            method: "OPTIONS",
            uri: &uri,
            from: &from,
            to: &format!("<{uri}>"),
            call_id: &sip::fresh("c"),
            cseq: 1,
            more: "",
            body: "",
        };
        sip::transact(&self.socket, self.server, &request.print(self.local()), see)
    }

    /// Registers: the challenge, and the final answer to the credentials.
    #[track_caller]
    pub fn register(&self, account: &Account) -> (Received, Option<Received>) {
        self.register_for(account, Duration::from_secs(60))
    }

    /// The same for so long.
    #[track_caller]
    pub fn register_for(
        &self,
        account: &Account,
        lasting: Duration,
    ) -> (Received, Option<Received>) {
        let uri = format!("sip:{}", self.server);
        let (from, call_id) = (account.from(), sip::fresh("c"));
        let to = format!("<sip:{}@{}>", account.user, account.domain);
        let ask = |cseq, more: &str| {
            let more = format!("Expires: {}\r\n{more}", lasting.as_secs());
            let request = Request {
                method: "REGISTER",
                uri: &uri,
                from: &from,
                to: &to,
                call_id: &call_id,
                cseq,
                more: &more,
                body: "",
            };
            sip::transact(&self.socket, self.server, &request.print(self.local()), |_| {})
        };
        let challenged = ask(1, "");
        let answer = account
            .credentials(&challenged, "REGISTER", &uri)
            .map(|credentials| ask(2, &credentials));
        (challenged, answer)
    }
}
