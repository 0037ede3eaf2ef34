//! Events: an application's request, a schedule or a rule becomes spoken messages, once.
//!
//! ```text
//!  HTTP ──► Announcements::submit ──► row `pending` (acknowledged) ──► Announcer
//!                                                                      │ engine::announce decides
//!            text to speech, or a recording ◄── a message a language ◄─┤
//!            Messages::commit (delivery, receipts, mailboxes)          └─► report, bus
//! ```
//!
//! The row is the promise: what was acknowledged is made, whatever dies meanwhile. The messages'
//! ids are chosen and stored before they are made, so that none is made twice.

mod announcer;
mod make;
mod plan;
mod recipients;
mod report;
pub mod request;
#[cfg(test)]
mod tests;
mod watching;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hark_engine::announce::quiet::QuietHours;
use hark_engine::announce::template::TemplateError;
use hark_engine::announce::watch::Subject;
use hark_engine::calendar::{InvalidRecurrence, Zone};
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

pub use announcer::{Announcer, AnnouncerArguments, AnnouncerMessage, AnnouncerServices};
pub use plan::check_content;
pub use report::{Report, ReportedRecipient, ReportedStep};
pub use request::{Content, Dedup, Plan, PlannedStep, Request, Step};
pub use watching::RuleSpec;

use crate::clock;
use crate::config::Events;
use crate::outside::Outside;
use crate::store::{NewAnnouncement, Store, StoreError, Submitted};

/// The longest idempotency key, in characters.
pub const LONGEST_KEY: usize = 200;

/// Why an event was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// It makes no sense as it stands.
    #[error("{0}")]
    Refused(String),
    /// Its text can't be made.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Its times can't be read.
    #[error(transparent)]
    Recurrence(#[from] InvalidRecurrence),
    /// The key was used for something else.
    #[error("this idempotency key was used for another event")]
    KeyReused,
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Events, schedules and rules. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Announcements {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    outside: Outside,
    managers: Vec<String>,
    quiet: Option<QuietHours>,
    urgent_passes: bool,
    zone: Zone,
    grace_secs: u32,
    /// Told whenever the announcer has to look into the store.
    changed: Arc<Notify>,
    /// Counts the changes of schedules and rules.
    version: AtomicU64,
}

impl Announcements {
    /// The service on `store`, for the recipients whom `outside` finds.
    pub fn new(store: Store, outside: Outside, config: &Events) -> Self {
        let shared = Shared {
            store,
            outside,
            managers: config.managers.iter().map(|name| name.to_lowercase()).collect(),
            quiet: config.quiet(),
            urgent_passes: config.urgent_in_quiet_hours,
            zone: config.zone(),
            grace_secs: config.grace_seconds,
            changed: Arc::default(),
            version: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether a user looks after groups, the site's templates, and rules about everybody.
    pub fn is_manager(&self, user: UserId) -> bool {
        let directory = self.shared.outside.users.directory();
        let name = directory.user(user).map(|user| user.name.to_lowercase());
        name.is_some_and(|name| self.shared.managers.contains(&name))
    }

    /// The zone of schedules that name none.
    pub fn zone(&self) -> &Zone {
        &self.shared.zone
    }

    /// The grace of schedules that name none, in seconds.
    pub fn grace_secs(&self) -> u32 {
        self.shared.grace_secs
    }

    /// Schedules or rules were changed in the store.
    pub fn changed(&self) {
        self.shared.version.fetch_add(1, Ordering::AcqRel);
        self.shared.changed.notify_one();
    }

    /// Accepts a request of `owner` under `key`, once.
    ///
    /// # Errors
    /// [`AnnounceError`] says what is wrong with it; nothing was kept.
    pub async fn submit(
        &self,
        owner: UserId,
        key: &str,
        request: &Request,
    ) -> Result<Submitted, AnnounceError> {
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            let what = format!("an idempotency key has 1 to {LONGEST_KEY} characters");
            return Err(AnnounceError::Refused(what));
        }
        // Before anything is looked up: a repetition is answered alike, whatever has changed.
        let asked = fingerprint(request)?;
        if let Some(known) = self.shared.store.announcement_by_key(owner, key, asked).await? {
            return if known.differs { Err(AnnounceError::KeyReused) } else { Ok(known) };
        }
        let new = self.prepare(owner, key, request).await?;
        let submitted = self.shared.store.submit_announcement(new).await?;
        self.shared.changed.notify_one();
        if submitted.differs { Err(AnnounceError::KeyReused) } else { Ok(submitted) }
    }

    /// Whether a request makes sense as things are now; nothing is kept.
    ///
    /// # Errors
    /// [`AnnounceError`] says what is wrong with it.
    pub async fn check(&self, owner: UserId, request: &Request) -> Result<(), AnnounceError> {
        self.plan(owner, request).await.map(|_| ())
    }

    /// The same of what a rule announces, as if it concerned its owner.
    ///
    /// # Errors
    /// [`AnnounceError`] says what is wrong with it.
    pub async fn check_rule(&self, owner: UserId, spec: &RuleSpec) -> Result<(), AnnounceError> {
        let directory = self.shared.outside.users.directory();
        let subject = Subject { user: Some(owner), ..Subject::default() };
        let (_, request) = spec.request(0, owner, &subject, None, &directory);
        self.check(owner, &request).await
    }

    /// Tells nobody further. Says whether it was not over.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn cancel(&self, id: Uuid) -> Result<bool, StoreError> {
        let news = self.shared.store.finish_announcement(id, "cancelled", None, None).await?;
        if news {
            self.shared.version.fetch_add(1, Ordering::AcqRel);
            self.shared.changed.notify_one();
        }
        Ok(news)
    }

    /// What is stored of a request.
    async fn prepare(
        &self,
        owner: UserId,
        key: &str,
        request: &Request,
    ) -> Result<NewAnnouncement, AnnounceError> {
        let plan = self.plan(owner, request).await?;
        let created = clock::wall();
        Ok(NewAnnouncement {
            id: new_id(created),
            owner,
            key: key.to_owned(),
            fingerprint: fingerprint(request)?,
            created,
            dedup_key: request.dedup.as_ref().map(|dedup| dedup.key.clone()),
            dedup_window_ms: request
                .dedup
                .as_ref()
                .map_or(0, |dedup| i64::from(dedup.window_seconds) * 1000),
            plan: serde_json::to_string(&plan).map_err(StoreError::unavailable)?,
        })
    }

    /// Until when an announcement waits that is made at `at`.
    fn held(&self, plan: &Plan, at: UnixMillis) -> Option<UnixMillis> {
        let begins = plan.not_before.filter(|begins| *begins > at).unwrap_or(at);
        let quiet = self.shared.quiet.as_ref();
        let passes = plan.urgent && self.shared.urgent_passes;
        let until = quiet.filter(|_| !passes).and_then(|quiet| quiet.end(begins));
        let until = until.unwrap_or(begins);
        (until > at).then_some(until)
    }
}

fn fingerprint(request: &Request) -> Result<[u8; 32], StoreError> {
    let asked = serde_json::to_vec(request).map_err(StoreError::unavailable)?;
    Ok(Sha256::digest(asked).into())
}

fn new_id(at: UnixMillis) -> Uuid {
    hark_engine::id::MessageId::new(at, clock::random()).0
}
