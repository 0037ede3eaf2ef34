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
mod message_actor;
mod metrics;
mod release;

pub use dispatcher::{Dispatcher, DispatcherArguments, DispatcherMessage};
pub use metrics::DeliveryMetrics;

use hark_engine::delivery::machine::{RingResult, Target};
use hark_engine::id::UserId;
use hark_engine::message::MessageSummary;
use std::time::Duration;
use tokio::sync::oneshot;

use crate::bus::Bus;
use crate::messages::Messages;
use crate::presence_board::PresenceBoard;
use crate::store::Store;

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
    /// What to play.
    pub message: MessageSummary,
    /// How it ended. When this is dropped unanswered, the delivery counts it as failed.
    pub reply: oneshot::Sender<RingResult>,
    /// When this is dropped or sent to, the call is to stop.
    pub stop: oneshot::Receiver<()>,
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
    /// What is counted.
    pub metrics: DeliveryMetrics,
}
