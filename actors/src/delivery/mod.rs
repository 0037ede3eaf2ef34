//! Deliveries: from a committed message to each recipient's device.
//!
//! ```text
//! Dispatcher ─► MessageActor (one a live message) ─► DeliveryActor (one a recipient)
//!                                                        │ engine::delivery::machine decides
//!                                                        ├─► bus: pop-up
//!                                                        └─► switchboard: ring and play
//! ```
//!
//! Nothing here is the truth: every step is in the store's event log before anybody is told,
//! and whatever dies here is begun again from it.

mod delivery_actor;
mod dispatcher;
mod lines;
mod message_actor;
mod metrics;
mod release;
mod ring;
mod verify;

pub use dispatcher::{Dispatcher, DispatcherArguments, DispatcherMessage};
pub use lines::{Lines, Waiting};
pub use metrics::DeliveryMetrics;
pub use verify::{Verifier, VerifyError};

use hark_engine::delivery::machine::{RingResult, Target};
use hark_engine::id::UserId;
use hark_engine::message::MessageSummary;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;

use crate::bus::Bus;
use crate::config::Outside;
use crate::messages::Messages;
use crate::outward::Outward;
use crate::presence_board::PresenceBoard;
use crate::store::Store;
use crate::users::Users;

/// How the event log and receipts call the web client, in whatever tab.
pub const BROWSER: &str = "browser";

/// A delivery call asked of the switchboard.
#[derive(Debug)]
pub struct RingRequest {
    /// Who is to be reached. One such call at a time a person; further ones wait.
    pub user: UserId,
    /// The device's name, as receipts call it.
    pub device: String,
    /// Where it is.
    pub target: Target,
    /// How long to let it ring.
    pub ring_for: Duration,
    /// What for.
    pub purpose: Purpose,
    /// How it ended. When this is dropped unanswered, the delivery counts it as failed.
    pub reply: oneshot::Sender<RingResult>,
    /// When this is dropped or sent to, the call is to stop.
    pub stop: oneshot::Receiver<()>,
}

/// What a telephone is rung for.
#[derive(Clone)]
pub enum Purpose {
    /// To deliver a message.
    Deliver(MessageSummary),
    /// To tell a code to whose number it is. Answered as confirmed as soon as it is called.
    Verify([u8; 6]),
}

impl std::fmt::Debug for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deliver(message) => write!(f, "Deliver({})", message.id),
            // A code is never logged.
            Self::Verify(_) => f.write_str("Verify(..)"),
        }
    }
}

/// Who rings telephones.
pub type Ringer = tokio::sync::mpsc::Sender<RingRequest>;

/// What the delivery actors work with.
#[derive(Clone, Debug)]
pub struct DeliveryServices {
    /// Where profiles and events are.
    pub store: Store,
    /// Where steps are noted.
    pub messages: Messages,
    /// Where pop-ups are published.
    pub bus: Bus,
    /// Who is present.
    pub presence: PresenceBoard,
    /// Who rings telephones.
    pub ringer: Ringer,
    /// Whose turn it is to ring whom.
    pub lines: Lines,
    /// What waits to ring.
    pub waiting: Waiting,
    /// Who tells of a message without ringing.
    pub outward: Outward,
    /// The users.
    pub users: Users,
    /// What the operator lets Hark call and write to.
    pub outside: Arc<Outside>,
    /// The address under which links work: `https://hark.example.org`. Set once it is known.
    pub base: Arc<OnceLock<String>>,
    /// What is counted.
    pub metrics: DeliveryMetrics,
}
