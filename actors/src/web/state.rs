//! What every handler and every session shares, and the few questions that they all ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Event;
use hark_engine::message::mailbox::Lamp;
use hark_engine::throttle::Throttle;
use prometheus::{IntGauge, Registry};
use tokio::runtime::Handle;

use super::assets::Assets;
use super::auth::Gate;
use super::error::ApiError;
use super::idempotency::Keys;
use super::intake::{self, Intake};
use super::limits::Limiter;
use super::link_answer::Answers;
use super::metrics::WebMetrics;
use super::scopes::ScopeTable;
use super::wav::WavCache;
use super::ws::hub::{Hub, Limits};
use super::{Parts, StartError, WebConfig};
use crate::announce::Announcements;
use crate::chat::Chat;
use crate::clock;
use crate::delivery::Verifier;
use crate::messages::Messages;
use crate::orders::Orders;
use crate::outside::Outside;
use crate::outward::Outward;
use crate::presence_board::PresenceBoard;
use crate::recording::Recordings;
use crate::retention::Retention;
use crate::store::Store;
use crate::users::Users;

/// The device that receipts name for the web client.
pub const BROWSER: &str = "browser";
/// Browser sessions of one user, and of all.
const SESSIONS: Limits = Limits { per_user: 20, total: 10_000 };

/// The events that a user may send: 60 at once, then one a second; of how many users is known.
const EVENTS: (u32, Duration, usize) = (60, Duration::from_secs(1), 65_536);

/// The server's state.
pub struct WebState {
    /// What the operator decided.
    pub config: WebConfig,
    /// Where everything is kept.
    pub store: Store,
    /// The message service.
    pub messages: Messages,
    /// The chat service.
    pub chat: Chat,
    /// Where recordings are spooled and made into files.
    pub recordings: Recordings,
    /// Who makes changes to users.
    pub users: Users,
    /// Who is present.
    pub board: PresenceBoard,
    /// Where events are accepted.
    pub announcements: Announcements,
    /// How long messages are kept, and how full mailboxes are.
    pub retention: Retention,
    /// Who sends and judges codes.
    pub verifier: Verifier,
    /// Who finds recipients.
    pub outside: Outside,
    /// Mail, Web Push and webhooks.
    pub outward: Outward,
    /// The open sessions.
    pub hub: Hub,
    /// Who has telephones called for pages.
    pub orders: Orders,
    /// Who answers by link, and how often.
    pub answers: Answers,
    /// Sign-in.
    pub gate: Gate,
    /// Which scope a token needs where.
    pub scopes: ScopeTable,
    /// How often anybody may ask.
    pub limiter: Limiter,
    /// Files that are being sent up.
    pub intake: Intake,
    /// Under which keys something is being done.
    pub keys: Keys,
    /// Held while a profile is compared and changed.
    pub profiles: tokio::sync::Mutex<()>,
    /// How often each user may send events.
    events: Mutex<Throttle<UserId>>,
    /// Decoded audio for browsers that don't play Ogg.
    pub wav: WavCache,
    /// What is counted here.
    pub metrics: WebMetrics,
    /// What is counted anywhere.
    pub registry: Registry,
    /// The embedded web client.
    pub assets: Assets,
    /// The runtime that carries actors and whatever must outlive a web worker.
    pub runtime: Handle,
}

impl WebState {
    /// The state of a server made of `parts`, on the runtime that this is called on.
    ///
    /// # Errors
    /// When a metric is registered already or the sign-in can't be prepared.
    pub fn new(config: WebConfig, parts: Parts) -> Result<Self, StartError> {
        let Parts {
            store,
            messages,
            chat,
            recordings,
            users,
            board,
            verifier,
            outside,
            outward,
            announcements,
            retention,
            orders,
            registry,
        } = parts;
        let intake = Intake::new(store.dir(), config.upload_bytes);
        let (left, kept, files) = (intake.leftovers(), store.clone(), recordings.clone());
        tokio::spawn(async move { intake::sweep(left, &kept, &files).await });
        Ok(Self {
            limiter: Limiter::new(config.requests_a_second),
            intake,
            keys: Keys::default(),
            scopes: ScopeTable::of_document(),
            profiles: tokio::sync::Mutex::new(()),
            config,
            store,
            messages,
            chat,
            recordings,
            users,
            board,
            announcements,
            retention,
            verifier,
            outside,
            outward,
            hub: Hub::new(SESSIONS),
            orders,
            answers: Answers::default(),
            gate: Gate::new()?,
            events: Mutex::new(Throttle::new(EVENTS.0, EVENTS.1, EVENTS.2)),
            wav: WavCache::default(),
            metrics: WebMetrics::new(&registry)?,
            registry,
            assets: Assets::load(),
            runtime: Handle::current(),
        })
    }

    /// Takes one of the events that a user may send.
    ///
    /// # Errors
    /// [`ApiError::TooMany`] when there is none left for now.
    pub fn admit_event(&self, user: UserId) -> Result<(), ApiError> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.take(clock::now(), &user).map_err(ApiError::TooMany)
    }

    /// Every user, as they are now.
    pub fn directory(&self) -> Arc<Directory> {
        self.users.directory()
    }

    /// The lamps of a user.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn lamp(&self, user: UserId) -> Result<Lamp, ApiError> {
        Ok(self.store.counts(user).await?)
    }

    /// The display name of a user; empty where there is no such user (any more).
    pub fn name_of(&self, user: UserId) -> String {
        self.directory().user(user).map(|user| user.display_name.clone()).unwrap_or_default()
    }

    /// The picture of a message; empty where it can't be read, for a message is shown without.
    pub async fn peaks(&self, message: MessageId) -> Vec<u8> {
        let record = self.store.message(message).await.ok().flatten();
        record.map(|record| record.peaks).unwrap_or_default()
    }

    /// Notes, in its own time, that a message's audio reached a device of its recipient.
    pub fn note_delivered(&self, message: MessageId, recipient: UserId, device: &'static str) {
        let (messages, store) = (self.messages.clone(), self.store.clone());
        self.runtime.spawn(async move {
            // Read before written: whoever winds to and fro reaches the end many times.
            let state = store.recipient_state(message, recipient).await.ok().flatten();
            if state.is_some_and(|state| state.delivered.iter().any(|r| r.device == device)) {
                return;
            }
            let event = Event::Delivered { device: device.to_owned() };
            if let Err(error) = messages.note(message, recipient, event).await {
                tracing::warn!(%error, %message, "a delivery could not be noted");
            }
        });
    }

    /// Notes that a browser of `user` showed the pop-up of a message.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where the message is not this user's.
    pub async fn seen(&self, user: UserId, message: MessageId) -> Result<(), ApiError> {
        let event = Event::Notified { device: BROWSER.to_owned() };
        self.messages.note(message, user, event).await?;
        Ok(())
    }

    /// The path on the disk of a message's audio.
    pub fn audio_path(&self, relative: &std::path::Path) -> std::path::PathBuf {
        self.store.dir().join(relative)
    }
}

/// Counts itself in a gauge for as long as it lives.
pub struct Counted(IntGauge);

impl Counted {
    /// One more.
    pub fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
