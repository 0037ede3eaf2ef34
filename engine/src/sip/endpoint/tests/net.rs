//! A network in memory: seeded, in virtual time.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::sip::address::NameAddr;
use crate::sip::digest::Ha1;
use crate::sip::endpoint::*;
use crate::sip::message::{Message, Response};
use crate::sip::uri::Uri;
use crate::sip::wire;
use crate::time::Instant;

pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/// What a host does of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    Answer,
    Ring,
    Reject(u16),
    Nothing,
}

type Filter = Box<dyn FnMut(&str) -> bool>;

pub struct Host {
    pub endpoint: Endpoint,
    pub addr: SocketAddr,
    pub policy: Policy,
    pub events: Vec<Event>,
    next_connection: u64,
}

pub struct Net {
    pub now: Instant,
    pub hosts: Vec<Host>,
    /// What came to addresses that no host has.
    pub inbox: Vec<(SocketAddr, Message)>,
    /// Whether requests to them are put aside, so that the inbox holds answers.
    pub aside: bool,
    pub put_aside: Vec<Message>,
    /// Percent of datagrams that are lost; as many are doubled.
    pub loss: u64,
    /// Drops the datagrams that it answers `true` for.
    pub filter: Option<Filter>,
    pub blocked: Vec<SocketAddr>,
    flight: BTreeMap<(Instant, u64), Flying>,
    pipes: HashMap<(usize, ConnectionId), (usize, ConnectionId)>,
    random: u64,
}

#[allow(clippy::large_enum_variant, reason = "a test network holds few of them")]
enum Flying {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Bytes },
    Input { host: usize, input: Input },
}

impl Net {
    pub fn new(seed: u64) -> Self {
        Self {
            now: Instant::from_micros(1),
            hosts: Vec::new(),
            inbox: Vec::new(),
            aside: false,
            put_aside: Vec::new(),
            loss: 0,
            filter: None,
            blocked: Vec::new(),
            flight: BTreeMap::new(),
            pipes: HashMap::new(),
            random: seed,
        }
    }

    /// Adds `192.0.2.n`, whose domain is `hn.example`.
    pub fn host(&mut self, n: u8, policy: Policy) -> usize {
        self.host_with(n, policy, |_| {})
    }

    pub fn host_with(
        &mut self,
        n: u8,
        policy: Policy,
        f: impl FnOnce(&mut EndpointConfig),
    ) -> usize {
        let addr: SocketAddr = ([192, 0, 2, n], 5060).into();
        let listeners = [Transport::Udp, Transport::Tcp]
            .map(|transport| Listener { transport, addr, public: addr })
            .to_vec();
        let mut config = EndpointConfig::new(&format!("h{n}.example"), listeners);
        f(&mut config);
        let realm = config.realm.clone();
        let mut endpoint = Endpoint::new(config, [n; 32]);
        let accounts: Accounts = ["alice", "bob"]
            .into_iter()
            .map(|name| (name.to_owned(), Ha1::new(name, &realm, "secret")))
            .collect();
        endpoint.handle_input(self.now, Input::Command(Command::SetAccounts(Arc::new(accounts))));
        self.hosts.push(Host { endpoint, addr, policy, events: Vec::new(), next_connection: 0 });
        self.hosts.len() - 1
    }

    fn draw(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    pub fn command(&mut self, host: usize, command: Command) {
        self.feed(host, Input::Command(command));
    }

    pub fn call(&mut self, host: usize, leg: u64, target: InviteTarget) -> LegId {
        let leg = LegId::outgoing(leg);
        self.command(
            host,
            Command::Invite {
                leg,
                target,
                from: NameAddr::parse("\"Hark\" <sip:hark@caller.example>").unwrap(),
                sdp: SDP.to_owned(),
                credentials: Some(("alice".into(), "secret".into())),
                headers: vec![("X-Test".into(), "1".into())],
                ring_for: Duration::from_secs(30),
            },
        );
        leg
    }

    pub fn uri(text: &str) -> InviteTarget {
        InviteTarget::Uri(Uri::parse(text).unwrap())
    }

    pub fn feed(&mut self, host: usize, input: Input) {
        self.hosts[host].endpoint.handle_input(self.now, input);
        self.collect(host);
    }

    /// Puts a datagram of a scripted peer on the network, where nothing happens to it.
    pub fn inject(&mut self, from: &str, host: usize, text: &str) {
        let local = self.hosts[host].addr;
        let bytes = Bytes::from(text.replace("\r\n", "\n").replace('\n', "\r\n"));
        self.feed(host, Input::Datagram { local, remote: from.parse().unwrap(), bytes });
    }

    fn collect(&mut self, host: usize) {
        while let Some(output) = self.hosts[host].endpoint.poll_output() {
            match output {
                Output::Send { connection: None, local, remote, bytes, .. } => {
                    self.datagram(local, remote, bytes);
                }
                Output::Send { connection: Some(connection), bytes, .. } => {
                    if let Some((to, connection)) = self.pipes.get(&(host, connection)).copied() {
                        self.later(to, Input::StreamBytes { connection, bytes });
                    }
                }
                Output::Connect { connection, remote } => self.connect(host, connection, remote),
                Output::Disconnect { connection } => {
                    if let Some((to, connection)) = self.pipes.remove(&(host, connection)) {
                        self.later(to, Input::StreamClosed { connection });
                    }
                }
                Output::Resolve { query, host: name } => {
                    let addresses = match name.as_str() {
                        "h2.example" => vec![[192, 0, 2, 2].into()],
                        "two.example" => vec![[192, 0, 2, 99].into(), [192, 0, 2, 2].into()],
                        _ => Vec::new(),
                    };
                    self.later(host, Input::Resolved { query, addresses });
                }
                Output::Event(event) => self.event(host, event),
            }
        }
    }

    fn event(&mut self, host: usize, event: Event) {
        let policy = self.hosts[host].policy;
        self.hosts[host].events.push(event.clone());
        match (event, policy) {
            (Event::IncomingCall { leg, .. }, Policy::Answer) => {
                self.command(host, Command::Ringing { leg });
                self.command(host, Command::Answer { leg, sdp: SDP.into() });
            }
            (Event::IncomingCall { leg, .. }, Policy::Ring) => {
                self.command(host, Command::Ringing { leg });
            }
            (Event::IncomingCall { leg, .. }, Policy::Reject(status)) => {
                self.command(host, Command::Reject { leg, status, retry_after: None });
            }
            (Event::Text { text, .. }, Policy::Reject(status)) => {
                self.command(host, Command::AnswerText { text, status });
            }
            (Event::Subscribe { subscription, .. }, Policy::Answer) => {
                let state = "first".to_owned();
                self.command(host, Command::AcceptSubscription { subscription, state });
            }
            (Event::Subscribe { subscription, .. }, Policy::Reject(status)) => {
                self.command(host, Command::RefuseSubscription { subscription, status });
            }
            (Event::Reinvite { leg, .. }, Policy::Answer) => {
                self.command(host, Command::AcceptReinvite { leg, sdp: SDP.into() });
            }
            _ => {}
        }
    }

    fn connect(&mut self, host: usize, connection: ConnectionId, remote: SocketAddr) {
        let there = self.hosts.iter().position(|h| h.addr == remote);
        let Some(there) = there.filter(|_| !self.blocked.contains(&remote)) else {
            return self.later(host, Input::ConnectFailed { connection });
        };
        let number = &mut self.hosts[there].next_connection;
        *number += 1;
        let (theirs, from) = (ConnectionId(*number), ([192, 0, 2, 250], 50_000).into());
        self.pipes.insert((host, connection), (there, theirs));
        self.pipes.insert((there, theirs), (host, connection));
        let local = self.hosts[there].addr;
        self.later(there, Input::StreamOpened { connection: theirs, local, remote: from });
        self.later(host, Input::StreamOpened { connection, local: from, remote });
    }

    fn later(&mut self, host: usize, input: Input) {
        let key = (self.now + Duration::from_millis(10), self.flight_number());
        self.flight.insert(key, Flying::Input { host, input });
    }

    fn flight_number(&mut self) -> u64 {
        self.flight.keys().map(|(_, n)| *n).max().unwrap_or(0) + 1
    }

    fn datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if self.filter.as_mut().is_some_and(|drops| drops(&text)) || self.blocked.contains(&to) {
            return;
        }
        let copies = match self.draw(100) {
            n if n < self.loss => 0,
            n if n < 2 * self.loss => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = if self.loss == 0 { 10 } else { 1 + self.draw(300) };
            let key = (self.now + Duration::from_millis(delay), self.flight_number());
            self.flight.insert(key, Flying::Datagram { from, to, bytes: bytes.clone() });
        }
    }

    /// Lets `time` pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let flight = self.flight.first_key_value().map(|((at, _), _)| *at);
            let wakes = self.hosts.iter().filter_map(|h| h.endpoint.next_deadline());
            let Some(next) = wakes.chain(flight).min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            if flight == Some(next)
                && let Some((_, flying)) = self.flight.pop_first()
            {
                self.arrive(flying);
            } else {
                for host in 0..self.hosts.len() {
                    self.hosts[host].endpoint.handle_timeout(self.now);
                    self.collect(host);
                }
            }
        }
        self.now = end;
    }

    fn arrive(&mut self, flying: Flying) {
        match flying {
            Flying::Datagram { from, to, bytes } => {
                match self.hosts.iter().position(|host| host.addr == to) {
                    Some(host) => {
                        self.feed(host, Input::Datagram { local: to, remote: from, bytes });
                    }
                    None => match read(&bytes) {
                        request @ Message::Request(_) if self.aside => {
                            self.put_aside.push(request);
                        }
                        message => self.inbox.push((to, message)),
                    },
                }
            }
            Flying::Input { host, input } => self.feed(host, input),
        }
    }

    /// Why the legs of `host` ended.
    pub fn ended(&self, host: usize) -> Vec<EndCause> {
        self.hosts[host]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Ended { cause, .. } => Some(cause.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn has(&self, host: usize, what: impl Fn(&Event) -> bool) -> bool {
        self.hosts[host].events.iter().any(what)
    }

    pub fn incoming(&self, host: usize) -> LegId {
        self.hosts[host]
            .events
            .iter()
            .find_map(|event| match event {
                Event::IncomingCall { leg, .. } => Some(*leg),
                _ => None,
            })
            .unwrap()
    }

    /// The statuses that came to scripted peers, in order.
    pub fn statuses(&self) -> Vec<u16> {
        self.inbox
            .iter()
            .filter_map(|(_, message)| match message {
                Message::Response(response) => Some(response.status),
                Message::Request(_) => None,
            })
            .collect()
    }

    /// Nothing is left of any call after a minute.
    pub fn assert_clean(&mut self) {
        self.run(Duration::from_secs(100));
        for host in &self.hosts {
            assert_eq!(host.endpoint.transactions(), 0, "transactions left at {}", host.addr);
            assert_eq!(host.endpoint.legs(), 0, "legs left at {}", host.addr);
            host.endpoint.assert_empty();
        }
    }
}

/// A message of ours. An answer to what can't be read repeats it, and can't be read whole either.
fn read(bytes: &Bytes) -> Message {
    wire::parse_datagram(bytes).unwrap_or_else(|error| {
        let status = bytes.get(8..11).and_then(|s| std::str::from_utf8(s).ok()?.parse().ok());
        match status {
            Some(status @ (400 | 505)) => Response::new(status).into(),
            _ => panic!("{error:?} in {bytes:?}"),
        }
    })
}
