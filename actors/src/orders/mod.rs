//! Calls that somebody orders from a computer: to record a message on a telephone, or to hear
//! one there. A page watches each of them live and can cancel it.
//!
//! Owns the list of ordered calls and what limits them. Nothing here outlives the process: an
//! order is a conversation that is about to begin, and who ordered it sees when it broke down.
//!
//! ```text
//!  API, link page ─► Orders ─ bounded queue ─► switchboard ─► call
//!        ▲             │                                       │
//!        └── watch ────┴──────────── Ordered (progress) ◄──────┘
//!   browser tabs ◄─ bus
//! ```

mod handle;
mod metrics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_engine::dialplan::effect::Callee;
use hark_engine::dialplan::value::Value;
use hark_engine::id::UserId;
use hark_engine::message::MessageSummary;
use hark_engine::order::outside::{Allowed, Limits, Policy, Refused};
use hark_engine::order::{Purpose, Stage};
use hark_engine::throttle::Throttle;
use hark_engine::time::Instant;
use prometheus::Registry;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

pub use handle::Ordered;
use metrics::OrderMetrics;

use crate::bus::Bus;
use crate::clock;

/// How long an ordered telephone rings.
const RING_FOR: Duration = Duration::from_secs(30);
/// Orders that are known at once, the ended ones among them.
const MOST: usize = 2_000;
/// How long an order that has ended can still be looked at.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Users whose hourly limit is remembered.
const USERS: usize = 65_536;
/// Orders that may wait for the switchboard.
const QUEUE: usize = 64;

/// What the operator decided about ordered calls.
#[derive(Clone, Debug)]
pub struct OrderConfig {
    /// Calls that a user may order in an hour.
    pub per_hour: u32,
    /// Numbers that whoever holds a link may have called.
    pub allowed: Vec<Allowed>,
    /// How many such calls there may be in any 24 hours.
    pub limits: Limits,
    /// The trunk for them; the first one if `None`.
    pub trunk: Option<String>,
}

/// Which order: 128 random bits, so that nobody guesses another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct OrderId(String);

impl OrderId {
    fn fresh() -> Self {
        Self(hex::encode(clock::random::<16>()))
    }

    /// As it stands in an address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who orders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// A user who is signed in.
    User(UserId),
    /// Whoever holds a link: the SHA-256 of its token.
    Link([u8; 32]),
}

/// What is ordered.
#[derive(Clone, Debug)]
pub enum What {
    /// Record a message for these users.
    Record {
        /// Who speaks.
        me: UserId,
        /// For whom; at least one.
        to: Vec<UserId>,
    },
    /// Hear a message, with all that can be done with it in the mailbox.
    Play {
        /// Who listens.
        me: UserId,
        /// To what.
        message: Box<MessageSummary>,
    },
    /// Hear a message, and nothing else.
    PlayByLink {
        /// Whose message it is.
        of: UserId,
        /// Which.
        message: Box<MessageSummary>,
    },
}

impl What {
    const fn purpose(&self) -> Purpose {
        match self {
            Self::Record { .. } => Purpose::Record,
            Self::Play { .. } | Self::PlayByLink { .. } => Purpose::Play,
        }
    }

    /// The flow of the dialplan, and its arguments.
    fn flow(self) -> (&'static str, Vec<Value>) {
        match self {
            Self::Record { me, to } => {
                let to: Vec<Value> = to.into_iter().map(Value::from).collect();
                ("call_to_record", vec![Value::from(me), Value::List(to.into())])
            }
            Self::Play { me, message } => {
                ("play_on_phone", vec![Value::from(*message), Value::from(me)])
            }
            Self::PlayByLink { of, message } => {
                ("play_by_link", vec![Value::from(*message), Value::from(of)])
            }
        }
    }
}

/// An ordered call, as whoever ordered it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Which order.
    pub call: OrderId,
    /// What it is for.
    pub kind: Purpose,
    /// The telephone, as it was named.
    pub device: String,
    /// Rises with every change: what to wait for.
    pub version: u32,
    /// How far it is.
    #[serde(flatten)]
    pub stage: Stage,
}

/// Why a call was not ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// One at a time.
    #[error("another call that you asked for is still up: end it first")]
    OneAtATime,
    /// The hour's calls are used up.
    #[error("too many calls were asked for: wait and try again")]
    TooOften(Duration),
    /// The policy for numbers outside says no.
    #[error(transparent)]
    Outside(#[from] Refused),
    /// The server makes as many calls as it can.
    #[error("the server makes as many calls as it can: try again in a moment")]
    Full,
}

impl OrderError {
    const fn label(self) -> &'static str {
        match self {
            Self::OneAtATime => "one_at_a_time",
            Self::TooOften(_) => "too_often",
            Self::Outside(refused) => refused.label(),
            Self::Full => "full",
        }
    }
}

/// An order on its way to the switchboard.
#[derive(Debug)]
pub struct OrderRequest {
    /// Whom to call.
    pub callee: Callee,
    /// The flow to run once they answer.
    pub flow: &'static str,
    /// Its arguments.
    pub args: Vec<Value>,
    /// How long to let it ring.
    pub ring_for: Duration,
    /// Told how it goes. Dropped by everybody, the order is over.
    pub order: Ordered,
    /// When this is dropped or sent to, the call is to be cancelled.
    pub stop: oneshot::Receiver<()>,
}

/// The ordered calls. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Orders {
    shared: Arc<Shared>,
}

struct Shared {
    bus: Bus,
    requests: mpsc::Sender<OrderRequest>,
    trunk: Option<String>,
    metrics: OrderMetrics,
    book: Mutex<Book>,
}

struct Book {
    entries: HashMap<OrderId, Entry>,
    per_hour: Throttle<UserId>,
    outside: Policy<[u8; 32]>,
}

struct Entry {
    by: By,
    progress: watch::Receiver<Progress>,
    stop: Option<oneshot::Sender<()>>,
    /// When it was first seen to be over.
    over: Option<Instant>,
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Who calls whom is not for logs.
        f.debug_struct("Orders").finish_non_exhaustive()
    }
}

impl Orders {
    /// No orders yet, and the queue that the switchboard serves.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn new(
        config: OrderConfig,
        bus: Bus,
        registry: &Registry,
    ) -> Result<(Self, mpsc::Receiver<OrderRequest>), prometheus::Error> {
        let (requests, queue) = mpsc::channel(QUEUE);
        let refill = Duration::from_secs(3600) / config.per_hour.max(1);
        let book = Book {
            entries: HashMap::new(),
            per_hour: Throttle::new(config.per_hour.max(1), refill, USERS),
            outside: Policy::new(config.allowed, config.limits),
        };
        let metrics = OrderMetrics::register(registry)?;
        let book = Mutex::new(book);
        let shared = Arc::new(Shared { bus, requests, trunk: config.trunk, metrics, book });
        Ok((Self { shared }, queue))
    }

    /// Orders a call to a device of a user's own profile.
    ///
    /// # Errors
    /// [`OrderError`] says what stands in the way; nobody is called.
    pub fn to_device(
        &self,
        user: UserId,
        device: &str,
        what: What,
    ) -> Result<Progress, OrderError> {
        let now = clock::now();
        let ordered = self.shared.lock().admit(now, &By::User(user)).and_then(|mut book| {
            book.per_hour.take(now, &user).map_err(OrderError::TooOften)?;
            let callee = Callee::Device(user, device.to_owned());
            self.begin(&mut book, By::User(user), what.clone(), callee, device)
        });
        self.counted(what.purpose(), ordered)
    }

    /// Orders a call to a number, for whoever holds the link with this digest.
    ///
    /// # Errors
    /// [`OrderError`] says what stands in the way; nobody is called.
    pub fn to_number(
        &self,
        link: [u8; 32],
        number: &str,
        what: What,
    ) -> Result<Progress, OrderError> {
        let now = clock::now();
        let ordered = self.shared.lock().admit(now, &By::Link(link)).and_then(|mut book| {
            let number = book.outside.claim(now, &link, number)?;
            let shown = number.clone();
            let callee = Callee::Number { number, trunk: self.shared.trunk.clone() };
            self.begin(&mut book, By::Link(link), what.clone(), callee, &shown)
        });
        self.counted(what.purpose(), ordered)
    }

    /// Whether whoever holds a link may have any number called.
    pub fn allows_numbers(&self) -> bool {
        self.shared.lock().outside.allows_some()
    }

    /// The orders of somebody that are not over.
    pub fn live(&self, by: &By) -> Vec<Progress> {
        let book = self.shared.lock();
        let own = book.entries.values().filter(|entry| entry.by == *by);
        own.map(|entry| entry.progress.borrow().clone())
            .filter(|progress| !progress.stage.is_final())
            .collect()
    }

    /// How somebody's order goes; `None` where there is none of this id. What is returned changes
    /// with it.
    pub fn watch(&self, by: &By, id: &str) -> Option<watch::Receiver<Progress>> {
        let book = self.shared.lock();
        let entry = book.entries.get(&OrderId(id.to_owned()))?;
        (entry.by == *by).then(|| entry.progress.clone())
    }

    /// Cancels somebody's order. What was recorded in it and not sent yet is thrown away. Says
    /// whether there is such an order.
    pub fn cancel(&self, by: &By, id: &str) -> bool {
        let mut book = self.shared.lock();
        let Some(entry) = book.entries.get_mut(&OrderId(id.to_owned())) else { return false };
        if entry.by != *by {
            return false;
        }
        if let Some(stop) = entry.stop.take() {
            // The call may have ended this moment.
            let _ = stop.send(());
        }
        true
    }

    fn begin(
        &self,
        book: &mut Book,
        by: By,
        what: What,
        callee: Callee,
        device: &str,
    ) -> Result<Progress, OrderError> {
        let place = self.shared.requests.try_reserve().map_err(|_| OrderError::Full)?;
        let first = Progress {
            call: OrderId::fresh(),
            kind: what.purpose(),
            device: device.to_owned(),
            version: 0,
            stage: Stage::Calling,
        };
        let user = match by {
            By::User(user) => Some(user),
            By::Link(_) => None,
        };
        let (bus, metrics) = (self.shared.bus.clone(), self.shared.metrics.clone());
        let (order, progress) = Ordered::new(first.clone(), user, bus, metrics);
        let (stop, stopped) = oneshot::channel();
        let (flow, args) = what.flow();
        place.send(OrderRequest { callee, flow, args, ring_for: RING_FOR, order, stop: stopped });
        let entry = Entry { by, progress, stop: Some(stop), over: None };
        book.entries.insert(first.call.clone(), entry);
        Ok(first)
    }

    fn counted(
        &self,
        purpose: Purpose,
        ordered: Result<Progress, OrderError>,
    ) -> Result<Progress, OrderError> {
        if let Err(error) = &ordered {
            self.shared.metrics.orders.with_label_values(&[purpose.label(), error.label()]).inc();
        }
        ordered
    }
}

impl Shared {
    fn lock(&self) -> Locked<'_> {
        // Every change is one insertion or removal: a panic can't have torn it.
        Locked(self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Locked<'a>(MutexGuard<'a, Book>);

impl std::ops::Deref for Locked<'_> {
    type Target = Book;
    fn deref(&self) -> &Book {
        &self.0
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Book {
        &mut self.0
    }
}

impl Locked<'_> {
    /// Whether there is room for another order of somebody who has none.
    fn admit(mut self, now: Instant, by: &By) -> Result<Self, OrderError> {
        let book = &mut *self.0;
        for entry in book.entries.values_mut() {
            if entry.progress.borrow().stage.is_final() {
                entry.over.get_or_insert(now);
            }
        }
        book.entries.retain(|_, e| e.over.is_none_or(|over| now.since(over) < REMEMBERED));
        if book.entries.values().any(|entry| entry.by == *by && entry.over.is_none()) {
            return Err(OrderError::OneAtATime);
        }
        if book.entries.len() >= MOST {
            return Err(OrderError::Full);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
