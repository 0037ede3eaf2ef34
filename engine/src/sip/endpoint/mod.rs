//! A SIP endpoint without sockets: transactions, dialogs, the registrar and the calls of a
//! server that answers phones and rings them.
//!
//! Feed it [`Input`]s, wake it at [`Endpoint::next_deadline`], and carry out every
//! [`Output`] after each. A call is a *leg*: it begins with [`Event::IncomingCall`] or
//! [`Command::Invite`] and ends with exactly one [`Event::Ended`].
//!
//! ```text
//!  IncomingCall ─▶ Offered ──Answer──▶ Established ──Hangup──▶ Closing ──BYE's end──▶ gone
//!  Invite ───────▶ Calling ──2xx─────▶      │
//!                    │                      └──BYE received────────────────────────▶ gone
//!  every way out of Offered, Calling and Established tells Ended
//! ```

mod accounts;
mod api;
mod auth;
mod branch;
mod closing;
mod config;
mod credentials;
mod established;
mod flow;
mod leg;
mod matching;
mod offered;
mod outgoing;
mod publishing;
mod random;
mod registration;
mod requests;
mod respond;
mod server;
mod stats;
mod streams;
mod subscribing;
mod timers;
mod transactions;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

pub use accounts::Accounts;
pub use api::{
    Caller, Command, EndCause, Event, Input, InviteTarget, LegId, Output, Outside, OutsideKind,
    RequestFailure, RequestId, SubscriptionId, TextId,
};
pub use config::{EndpointConfig, Listener, Rate};
pub use flow::{ConnectionId, Flow, Transport};
pub use server::dialled;
pub use stats::Stats;

use branch::{Branch, BranchId};
use leg::Leg;
use outgoing::Resolving;
use random::Random;
use requests::{Sending, Sent, Unanswered, Unresolved};
use streams::Streams;
use subscribing::Watching;
use timers::Timers;
use transactions::{ClientId, ServerId, Told, Transactions};

use super::dialog::DialogId;
use super::nonce::Nonces;
use super::publication::Publications;
use super::registrar::{Limits, Registrar};
use crate::throttle::Throttle;
use crate::time::{Instant, UnixMillis};

/// Milliseconds by which the wall clock and the monotonic one differ when somebody has set it:
/// less is the drift that NTP corrects.
const JUMP: u64 = 2_000;

/// One SIP endpoint: see the [module](self).
pub struct Endpoint {
    config: EndpointConfig,
    random: Random,
    nonces: Nonces,
    accounts: Arc<Accounts>,
    /// The wall clock as it was when the command told it.
    clock: (Instant, UnixMillis),
    draining: bool,
    transactions: Transactions,
    registrar: Registrar,
    streams: Streams,
    legs: HashMap<LegId, Leg>,
    dialogs: HashMap<DialogId, LegId>,
    /// Whose INVITE a server transaction answers.
    server_legs: HashMap<ServerId, LegId>,
    branches: HashMap<BranchId, Branch>,
    clients: HashMap<ClientId, Owner>,
    resolving: HashMap<u64, Resolving>,
    /// Who watches what.
    watching: HashMap<SubscriptionId, Watching>,
    watched: HashMap<DialogId, SubscriptionId>,
    /// How many subscriptions each account has.
    watchers: HashMap<String, usize>,
    publications: Publications,
    /// The MESSAGEs that the application has not answered.
    texts: HashMap<TextId, Unanswered>,
    /// Requests of ours outside of any dialog.
    sending: HashMap<RequestId, Sending>,
    sent: HashMap<ClientId, Sent>,
    unresolved: HashMap<u64, Unresolved>,
    timers: Timers<Wake>,
    auth_failures: Throttle<IpAddr>,
    invites: Throttle<IpAddr>,
    registers: Throttle<IpAddr>,
    events: Throttle<IpAddr>,
    texts_in: Throttle<IpAddr>,
    outputs: VecDeque<Output>,
    stats: Stats,
    next_number: u64,
}

/// Whom the response to a request of ours is for.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Branch(BranchId),
    Bye(LegId),
    Notify(SubscriptionId),
    Request,
    /// A CANCEL, or the BYE of a fork that came too late: whatever is answered is fine.
    Nobody,
}

/// What has a deadline of its own beside the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Wake {
    Leg(LegId),
    Registrar,
    Subscription(SubscriptionId),
    Publications,
    Text(TextId),
}

impl Endpoint {
    /// An endpoint that nobody has called yet. `seed` makes its tags and nonces unlike those of
    /// every other.
    pub fn new(config: EndpointConfig, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let limits = Limits {
            min_expires: config.register_min_expires,
            max_expires: config.register_max_expires,
            per_account: config.max_bindings_per_account,
            total: config.max_bindings,
        };
        let throttle = |rate: Rate| Throttle::new(rate.burst, rate.refill, config.max_sources);
        Self {
            nonces: auth::nonces(random.secret()),
            random,
            accounts: Arc::default(),
            clock: (Instant::ZERO, UnixMillis(0)),
            draining: false,
            transactions: Transactions::new(config.timing),
            registrar: Registrar::new(limits),
            streams: Streams::new(),
            legs: HashMap::new(),
            dialogs: HashMap::new(),
            server_legs: HashMap::new(),
            branches: HashMap::new(),
            clients: HashMap::new(),
            resolving: HashMap::new(),
            watching: HashMap::new(),
            watched: HashMap::new(),
            watchers: HashMap::new(),
            publications: Publications::new(config.max_bindings_per_account),
            texts: HashMap::new(),
            sending: HashMap::new(),
            sent: HashMap::new(),
            unresolved: HashMap::new(),
            timers: Timers::new(),
            auth_failures: throttle(config.auth_failures),
            invites: throttle(config.invites),
            registers: throttle(config.registers),
            events: throttle(config.events),
            texts_in: throttle(config.texts),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            next_number: 0,
            config,
        }
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Datagram { local, remote, bytes } => self.datagram(now, local, remote, &bytes),
            Input::StreamOpened { connection, local, remote } => {
                self.stream_opened(connection, local, remote);
            }
            Input::StreamBytes { connection, bytes } => self.stream_bytes(now, connection, &bytes),
            Input::StreamClosed { connection } | Input::ConnectFailed { connection } => {
                self.stream_closed(now, connection);
            }
            Input::Resolved { query, addresses } => self.resolved(now, query, &addresses),
            Input::Command(command) => self.command(now, command),
        }
        self.settle(now);
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transactions.handle_timeout(now);
        self.settle(now);
        while let Some(wake) = self.timers.pop(now) {
            match wake {
                Wake::Leg(leg) => self.leg_timeout(now, leg),
                Wake::Registrar => self.expire_bindings(now),
                Wake::Subscription(id) => self.subscription_timeout(now, id),
                Wake::Publications => self.expire_publications(now),
                Wake::Text(text) => self.text_timeout(now, text),
            }
            self.settle(now);
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        match (self.transactions.next_deadline(), self.timers.next()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What to do next, until it answers `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What was counted since this was last asked.
    pub fn take_stats(&mut self) -> Stats {
        std::mem::take(&mut self.stats)
    }

    /// How many transactions are alive.
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// How many legs are alive, those that only wait for the end of their BYE included.
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// How many devices are registered.
    pub fn registrations(&self) -> usize {
        self.registrar.len()
    }

    /// How many subscriptions are alive, those that wait for the application included.
    pub fn subscriptions(&self) -> usize {
        self.watching.len()
    }

    /// How many devices have published what their user does.
    pub fn publications(&self) -> usize {
        self.publications.len()
    }

    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::WallClock(wall) => {
                // Set by an hour, it has passed by no hour: devices stay as long as they were
                // promised, instead of all going away at once, or not at all.
                let by = wall.0.saturating_sub(self.wall(now).0);
                if by.unsigned_abs() >= JUMP {
                    self.registrar.clock_was_set(by);
                }
                self.clock = (now, wall);
                self.arm_registrar(now);
            }
            Command::SetAccounts(accounts) => self.set_accounts(now, accounts),
            Command::RestoreBinding { account, binding } => {
                self.registrar.restore(&account, binding);
                self.arm_registrar(now);
            }
            Command::Invite { leg, target, from, sdp, credentials, headers, ring_for } => {
                let plan = outgoing::Plan { from, sdp, credentials, headers };
                self.invite(now, leg, target, plan, ring_for);
            }
            Command::Ringing { leg } => self.provisional(now, leg, 180, None),
            Command::Progress { leg, sdp } => self.provisional(now, leg, 183, Some(sdp)),
            Command::Answer { leg, sdp } => self.answer(now, leg, sdp),
            Command::Reject { leg, status, retry_after } => {
                self.reject(now, leg, status, retry_after);
            }
            Command::AcceptReinvite { leg, sdp } => self.accept_reinvite(now, leg, sdp),
            Command::Hangup { leg, reason } => self.hangup(now, leg, reason),
            Command::Drain(draining) => self.draining = draining,
            Command::AcceptSubscription { subscription, state } => {
                self.accept_subscription(now, subscription, state);
            }
            Command::RefuseSubscription { subscription, status } => {
                self.refuse_subscription(now, subscription, status);
            }
            Command::Notify { subscription, state } => self.notify(now, subscription, state),
            Command::EndSubscription { subscription, reason } => {
                self.end_subscription(now, subscription, reason);
            }
            Command::AnswerText { text, status } => self.answer_text(now, text, status),
            Command::Request { request, outside } => self.send_outside(now, request, *outside),
        }
    }

    /// Carries out what the transactions told, until they have nothing more to tell.
    fn settle(&mut self, now: Instant) {
        while let Some(told) = self.transactions.poll() {
            match told {
                Told::Send { flow, bytes, again, reply } => {
                    self.stats.retransmissions += u64::from(again);
                    self.transmit(flow, bytes, reply);
                }
                Told::ClientFailed { id, timed_out } => self.client_failed(now, id, timed_out),
                Told::ClientGone(id) => self.client_gone(now, id),
                Told::ServerFailed(id) => self.server_failed(now, id),
                Told::ServerGone(id) => {
                    self.server_legs.remove(&id);
                }
            }
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes, reply: bool) {
        let Flow { transport, local, remote, connection } = flow;
        let reachable = match transport {
            Transport::Udp => true,
            Transport::Tcp => connection.is_some_and(|c| self.streams.contains(c)),
        };
        if reachable {
            self.outputs.push_back(Output::Send { transport, local, remote, connection, bytes });
        } else if reply {
            self.count("reply_without_connection");
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn count(&mut self, label: &'static str) {
        self.event(Event::Counted(label));
    }

    fn wall(&self, now: Instant) -> UnixMillis {
        self.clock.1.after(now.since(self.clock.0))
    }

    fn number(&mut self) -> u64 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }

    /// Nothing is remembered of calls that are over.
    #[cfg(test)]
    fn assert_empty(&self) {
        assert!(self.dialogs.is_empty(), "dialogs left");
        assert!(self.server_legs.is_empty(), "server transactions left");
        assert!(self.branches.is_empty(), "branches left");
        assert!(self.clients.is_empty(), "client transactions left");
        assert!(self.resolving.is_empty(), "queries left");
        assert!(self.texts.is_empty(), "texts left");
        assert!(self.sending.is_empty() && self.sent.is_empty(), "requests left");
        assert!(self.unresolved.is_empty(), "queries of requests left");
        assert_eq!(self.watched.len(), self.watching.len(), "subscriptions that nobody finds");
        assert_eq!(self.watchers.values().sum::<usize>(), self.watching.len(), "counted wrong");
    }
}
