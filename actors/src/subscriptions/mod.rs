//! Who watches what by SIP: the lamps of mailboxes, the presence and the calls of others
//! (RFC 6665, RFC 3842, RFC 3856, RFC 4235).
//!
//! ```text
//!  SUBSCRIBE ─► SIP actor ─► Notifier ─► SubscriptionActor (one a subscription)
//!                  ▲            ▲              │ reads the store and the presence board
//!                  │           bus             ▼
//!                  └──── NOTIFY ◄───── Command::Notify
//! ```
//!
//! When to send, how often, and what a refusal means is decided by the machine in the endpoint
//! (`engine::sip::subscription`). What there is to tell is always read afresh, never remembered:
//! counts come from the store, presence from the board.

mod lamps;
mod metrics;
mod notifier;
mod subscription_actor;

pub use metrics::SubscriptionMetrics;
pub use notifier::{Notifier, NotifierArguments, NotifierMessage};

use std::sync::Arc;

use hark_engine::directory::{Directory, User};
use tokio::sync::watch;

use crate::bus::Bus;
use crate::devices::Devices;
use crate::presence_board::PresenceBoard;
use crate::sip::SipHandle;
use crate::store::Store;

/// What subscriptions work with.
#[derive(Clone)]
pub struct SubscriptionServices {
    /// Where NOTIFYs go.
    pub sip: SipHandle,
    /// Where mailboxes are counted.
    pub store: Store,
    /// Who is present.
    pub presence: PresenceBoard,
    /// What happened.
    pub bus: Bus,
    /// The users, as they are now.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// The telephones that are registered.
    pub devices: Devices,
    /// The SIP domain of the users.
    pub domain: Arc<str>,
    /// Whether telephones that did not subscribe are told of their lamp all the same.
    pub unsolicited: bool,
    /// What is counted.
    pub metrics: SubscriptionMetrics,
}

impl SubscriptionServices {
    /// The address of a user.
    fn address(&self, user: &User) -> String {
        format!("sip:{}@{}", user.name, self.domain)
    }
}
