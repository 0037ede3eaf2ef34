//! One subscription: what one telephone watches of one user.
//!
//! Owns the subscription in the endpoint and what was told last. If it dies, the subscription is
//! ended as *deactivated*, upon which the telephone subscribes again at once and is told the
//! state afresh: nothing is lost. It is never restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hark_engine::id::UserId;
use hark_engine::message::mailbox::Lamp;
use hark_engine::presence::Reach;
use hark_engine::sip::body::{dialog_info, message_summary, pidf};
use hark_engine::sip::endpoint::{Command, SubscriptionId};
use hark_engine::sip::package::Package;
use hark_engine::sip::subscription::Reason;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::SubscriptionServices;
use crate::sip::SipHandle;
use crate::store::StoreError;

/// The actor.
pub(super) struct SubscriptionActor;

/// What it begins with.
pub(super) struct SubscriptionArguments {
    pub services: SubscriptionServices,
    pub id: SubscriptionId,
    pub package: Package,
    /// Who is watched.
    pub user: UserId,
    /// Cleared when a [`SubscriptionMessage::Changed`] is taken up: a second one that waits
    /// would say nothing new.
    pub stale: Arc<AtomicBool>,
}

/// What it is told.
#[derive(Debug)]
pub(super) enum SubscriptionMessage {
    /// What is watched may have changed.
    Changed,
}

/// The subscription.
pub(super) struct SubscriptionState {
    services: SubscriptionServices,
    id: SubscriptionId,
    package: Package,
    user: UserId,
    stale: Arc<AtomicBool>,
    told: Seen,
    /// Documents of `dialog` are numbered.
    version: u32,
    _live: Live,
}

/// What can be seen of a user by one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Lamp(Lamp),
    Presence(Reach),
    InCall(bool),
}

/// The subscription in the endpoint, for as long as this lives.
struct Live {
    sip: SipHandle,
    id: SubscriptionId,
    alive: prometheus::IntGauge,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.alive.dec();
        // Where it is over already, the endpoint knows nothing of it any more.
        let reason = Reason::Deactivated;
        self.sip.command(Command::EndSubscription { subscription: self.id, reason });
    }
}

impl Actor for SubscriptionActor {
    type Msg = SubscriptionMessage;
    type State = SubscriptionState;
    type Arguments = SubscriptionArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let SubscriptionArguments { services, id, package, user, stale } = arguments;
        let alive = services.metrics.alive.with_label_values(&[package.name()]);
        alive.inc();
        let live = Live { sip: services.sip.clone(), id, alive };
        let told = see(&services, package, user).await?;
        let mut state =
            SubscriptionState { services, id, package, user, stale, told, version: 0, _live: live };
        let body = state.body().ok_or(StoreError::NotFound { what: "user" })?;
        let accept = Command::AcceptSubscription { subscription: id, state: body };
        state.services.sip.command(accept);
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SubscriptionMessage::Changed => state.changed().await,
        }
        Ok(())
    }
}

impl SubscriptionState {
    async fn changed(&mut self) {
        self.stale.store(false, Ordering::Release);
        let seen = match see(&self.services, self.package, self.user).await {
            Ok(seen) => seen,
            // Told with the next change, or with the next refresh at the latest.
            Err(error) => return tracing::warn!(%error, "what is watched can't be read"),
        };
        if seen == self.told {
            return;
        }
        self.told = seen;
        if let Some(state) = self.body() {
            self.services.sip.command(Command::Notify { subscription: self.id, state });
        }
    }

    /// The document; `None` where the user is gone.
    fn body(&mut self) -> Option<String> {
        let directory = self.services.directory.borrow().clone();
        let address = self.services.address(directory.user(self.user)?);
        Some(match self.told {
            Seen::Lamp(lamp) => message_summary::write(&address, lamp),
            Seen::Presence(reach) => pidf::write(&address, reach),
            Seen::InCall(in_call) => {
                let document = dialog_info::write(&address, self.version, in_call);
                self.version = self.version.wrapping_add(1);
                document
            }
        })
    }
}

async fn see(
    services: &SubscriptionServices,
    package: Package,
    user: UserId,
) -> Result<Seen, StoreError> {
    Ok(match package {
        Package::MessageSummary => Seen::Lamp(services.store.counts(user).await?),
        Package::Presence => {
            let Reach { shown, .. } = services.presence.reach(user);
            // Others see this much and no more, so that only this much is a change.
            Seen::Presence(Reach { shown, ..Reach::default() })
        }
        Package::Dialog => Seen::InCall(services.presence.reach(user).in_call),
    })
}
