//! How an endpoint is set up.

use std::net::SocketAddr;
use std::time::Duration;

use super::flow::Transport;
use crate::sip::subscription::Pace;
use crate::sip::transaction::Timing;

/// A socket that the actors listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// UDP or TCP.
    pub transport: Transport,
    /// The address that it is bound to.
    pub addr: SocketAddr,
    /// The address that peers are told (Via, Contact). The same, unless bound to every address
    /// of the machine, or behind a translator.
    pub public: SocketAddr,
}

/// A token bucket a source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How long until one more.
    pub refill: Duration,
}

/// How an endpoint is set up. [`EndpointConfig::new`] fills in what few sites would change.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// The digest realm.
    pub realm: String,
    /// Whose From needs a password: the hosts that are ours.
    pub domains: Vec<String>,
    /// The sockets.
    pub listeners: Vec<Listener>,
    /// The value of Server and User-Agent.
    pub user_agent: String,
    /// More than this many transactions at once: 503.
    pub max_transactions: usize,
    /// More than this many legs at once: 503.
    pub max_dialogs: usize,
    /// More than this many connections at once: closed at once.
    pub max_connections: usize,
    /// More than this many devices registered to one account: 403.
    pub max_bindings_per_account: usize,
    /// More than this many devices registered: 503.
    pub max_bindings: usize,
    /// A shorter registration is refused with 423.
    pub register_min_expires: Duration,
    /// A longer registration is shortened to this.
    pub register_max_expires: Duration,
    /// More than this many subscriptions at once: 503.
    pub max_subscriptions: usize,
    /// More than this many subscriptions of one account: 403.
    pub max_subscriptions_per_account: usize,
    /// A shorter subscription or publication is refused with 423.
    pub subscribe_min_expires: Duration,
    /// A longer subscription or publication is shortened to this.
    pub subscribe_max_expires: Duration,
    /// How often one subscription notifies.
    pub notify_pace: Pace,
    /// Wrong passwords.
    pub auth_failures: Rate,
    /// Calls coming in.
    pub invites: Rate,
    /// Registrations.
    pub registers: Rate,
    /// Subscriptions and publications.
    pub events: Rate,
    /// MESSAGEs coming in.
    pub texts: Rate,
    /// How many source addresses each of the rates above remembers.
    pub max_sources: usize,
    /// How long the application may leave a call unanswered.
    pub answer_within: Duration,
    /// What Retry-After says when we are busy.
    pub retry_after: Duration,
    /// The base timers.
    pub timing: Timing,
}

impl EndpointConfig {
    /// The usual bounds for `domain`.
    pub fn new(domain: &str, listeners: Vec<Listener>) -> Self {
        Self {
            realm: domain.to_owned(),
            domains: vec![domain.to_owned()],
            listeners,
            user_agent: "Hark".to_owned(),
            max_transactions: 50_000,
            max_dialogs: 20_000,
            max_connections: 10_000,
            max_bindings_per_account: 16,
            max_bindings: 100_000,
            register_min_expires: Duration::from_secs(30),
            register_max_expires: Duration::from_secs(3600),
            max_subscriptions: 50_000,
            max_subscriptions_per_account: 100,
            subscribe_min_expires: Duration::from_secs(60),
            // After a restart a lamp is wrong for no longer than this.
            subscribe_max_expires: Duration::from_secs(600),
            notify_pace: Pace { burst: 10, refill: Duration::from_secs(1) },
            auth_failures: Rate { burst: 20, refill: Duration::from_secs(6) },
            invites: Rate { burst: 5000, refill: Duration::from_micros(500) },
            registers: Rate { burst: 2000, refill: Duration::from_millis(2) },
            events: Rate { burst: 2000, refill: Duration::from_millis(2) },
            texts: Rate { burst: 500, refill: Duration::from_millis(10) },
            max_sources: 20_000,
            answer_within: Duration::from_secs(180),
            retry_after: Duration::from_secs(5),
            timing: Timing::default(),
        }
    }
}
