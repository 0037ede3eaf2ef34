//! Calls: one actor each, and the switchboard that begins and supervises them.
//!
//! ```text
//! SipActor ─events─► Switchboard ─► CallActor (one a call)
//!                        ▲              │ engine::dialplan::run decides
//!    DeliveryActor ──────┘              ├─► media session: play, record
//!      (ring and play)                  ├─► prompts, spools, messages
//!                                       └─► SipActor: answer, hang up
//! ```

mod call;
mod dial;
mod ledger;
mod media;
mod metrics;
mod parts;
mod queries;
mod recordings;
mod sounds;
mod switchboard;
mod track;
mod trunks;
mod webhook;

pub use ledger::Ledger;
pub use metrics::CallMetrics;
pub use switchboard::{Switchboard, SwitchboardArguments, SwitchboardMessage};
pub use track::{LiveCall, Track, Tracks};
pub use trunks::Trunks;
pub use webhook::Webhooks;

use std::sync::Arc;

use hark_engine::directory::Directory;
use tokio::sync::watch;

use crate::config::Outside;
use crate::delivery::Waiting;
use crate::dialplan::InForce;
use crate::forward::Forwarder;
use crate::media::MediaPlane;
use crate::messages::Messages;
use crate::presence_board::PresenceBoard;
use crate::prompt::{Prompts, Speech};
use crate::recording::Recordings;
use crate::recovery::Recovery;
use crate::sip::SipHandle;
use crate::store::Store;
use crate::users::Users;

/// What calls work with.
#[derive(Clone)]
pub struct CallServices {
    /// Where commands to telephones go.
    pub sip: SipHandle,
    /// Where media sessions are opened.
    pub media: MediaPlane,
    /// Who turns text into sound.
    pub speech: Speech,
    /// What somebody recorded for telephones to say.
    pub prompts: Prompts,
    /// Who keeps recordings.
    pub recordings: Recordings,
    /// Who commits messages and notes their steps.
    pub messages: Messages,
    /// Where mailboxes and credentials are.
    pub store: Store,
    /// The ways into the telephone network.
    pub trunks: Trunks,
    /// Who asks web services.
    pub webhooks: Webhooks,
    /// Who is present.
    pub presence: PresenceBoard,
    /// What waits to ring which telephone.
    pub waiting: Waiting,
    /// Which numbers outside may be called for users.
    pub outside: Arc<Outside>,
    /// Who makes changes to users.
    pub users: Users,
    /// The users, as they are now.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// The dialplan in force. A call keeps the one that it began with.
    pub dialplan: watch::Receiver<Arc<InForce>>,
    /// The calls that are up, and where traces go.
    pub tracks: Tracks,
    /// What is counted.
    pub metrics: CallMetrics,
    /// The SIP domain of the users.
    pub domain: Arc<str>,
    /// BCP 47 tag of the language in which telephones speak unless a user chose another.
    pub language: Arc<str>,
    /// The most calls at once.
    pub max_calls: usize,
    /// Whether callers from foreign domains may call without a password.
    pub guests: bool,
    /// How long a call may be without RTP.
    pub dead_after: std::time::Duration,
}

impl CallServices {
    fn forwarder(&self) -> Forwarder {
        Forwarder {
            store: self.store.clone(),
            messages: self.messages.clone(),
            recordings: self.recordings.clone(),
            directory: self.directory.borrow().clone(),
            domain: Arc::clone(&self.domain),
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery {
            recordings: self.recordings.clone(),
            messages: self.messages.clone(),
            directory: self.directory.borrow().clone(),
            domain: Arc::clone(&self.domain),
        }
    }
}
