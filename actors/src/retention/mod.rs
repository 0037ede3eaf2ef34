//! For how long messages are kept, how full mailboxes are, and what everybody may take away or
//! have erased.
//!
//! Nothing unheard goes silently: what expires is an event that its sender sees. Audio goes when
//! its last recipient's copy is gone, and never of somebody for whom a legal hold stands.

#[cfg(test)]
mod coverage_tests;
pub mod erase;
pub mod export;
mod janitor;
pub mod orphans;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hark_engine::id::UserId;
use hark_engine::retention::{Policy, Usage};

pub use janitor::{Janitor, JanitorMessage, JanitorMetrics, JanitorServices};

use crate::config;
use crate::store::retention::UserRetention;
use crate::store::{Store, StoreError};

/// The retention of a site. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Retention {
    store: Store,
    policy: Policy,
    /// Of what was sent to numbers and addresses outside.
    outside: Policy,
    every: Duration,
}

/// How it stands with one user.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// What holds for them.
    pub policy: Policy,
    /// What differs for them, and whether a hold stands.
    pub user: UserRetention,
    /// What their mailbox holds.
    pub usage: Usage,
    /// How full that is, in percent.
    pub percent: u32,
}

impl Retention {
    /// The retention that the operator configured.
    pub fn new(store: Store, config: &config::Retention) -> Self {
        let every = Duration::from_secs(config.sweep_seconds.into());
        let policy = config.policy();
        Self { store, policy, outside: policy.within(config.outside_days), every }
    }

    /// How it stands with a user.
    ///
    /// # Errors
    /// When the store can't be read, or has no such user.
    pub async fn standing(&self, id: UserId) -> Result<Standing, StoreError> {
        let user = self.store.user_retention(id).await?;
        let policy = self.policy.with(&user.differs);
        let usage = self.store.usage(id).await?;
        Ok(Standing { policy, user, usage, percent: policy.percent(usage) })
    }
}
