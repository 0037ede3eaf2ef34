//! The users of a running server: the snapshot that everybody reads, and every change that is
//! made through the server.
//!
//! A change is written to the store first and then read back into the snapshot, so that the next
//! call, delivery or page sees it, and a crash in between loses neither.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hark_engine::dialplan::effect::{DeviceInfo, Keepsake, Setting};
use hark_engine::directory::{Directory, GreetingKind, User};
use hark_engine::id::{MessageId, UserId};
use hark_engine::pin;
use hark_engine::sip::endpoint::Command;
use prometheus::{IntCounterVec, Opts, Registry};
use tokio::sync::watch;

use crate::clock;
use crate::presence_board::PresenceBoard;
use crate::recording::{RecordingError, Recordings, Tags};
use crate::sip::SipHandle;
use crate::site;
use crate::store::{PinAttempt, Store, StoreError};
use crate::web::password;

/// The longest language tag that is taken (RFC 5646 section 4.4.1).
const LONGEST_TAG: usize = 35;

/// Why a user's change was not made.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A recording can't be kept.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A PIN that protects nothing.
    #[error(transparent)]
    Pin(#[from] pin::Unfit),
    /// A PIN can't be hashed, or the work was broken off.
    #[error("a PIN can't be hashed: {0}")]
    Hash(String),
    /// Too many wrong PINs.
    #[error("too many wrong PINs were tried: wait")]
    Locked,
    /// It can't be so.
    #[error("{0}")]
    Refused(&'static str),
}

/// The users. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Users {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

struct Shared {
    store: Store,
    recordings: Recordings,
    presence: PresenceBoard,
    site_name: String,
    directory: watch::Sender<Arc<Directory>>,
    /// Held while the snapshot is read and published, lest an older one replace a newer.
    reading: tokio::sync::Mutex<()>,
    /// Up to which event senders were counted the messages that were heard, and not told yet.
    counted: Mutex<HashMap<UserId, i64>>,
    pin_attempts: IntCounterVec,
}

impl Users {
    /// The users of the store, as they are now. The site calls itself `site_name`.
    ///
    /// # Errors
    /// When the store can't be read, or the metric exists already.
    pub async fn load(
        store: Store,
        recordings: Recordings,
        presence: PresenceBoard,
        site_name: &str,
        registry: &Registry,
    ) -> Result<Self, UserError> {
        let pin_attempts = IntCounterVec::new(
            Opts::new("hark_pin_attempts_total", "Telephone PINs tried, by outcome."),
            &["outcome"],
        )
        .and_then(|counter| registry.register(Box::new(counter.clone())).map(|()| counter))
        .map_err(StoreError::unavailable)?;
        for outcome in ["right", "wrong", "refused"] {
            pin_attempts.with_label_values(&[outcome]);
        }
        let (directory, _) = watch::channel(Arc::new(Directory::default()));
        let users = Self {
            shared: Arc::new(Shared {
                store,
                recordings,
                presence,
                site_name: site_name.to_owned(),
                directory,
                reading: tokio::sync::Mutex::default(),
                counted: Mutex::default(),
                pin_attempts,
            }),
        };
        users.refresh().await?;
        Ok(users)
    }

    /// The users, as they are now.
    pub fn directory(&self) -> Arc<Directory> {
        self.shared.directory.borrow().clone()
    }

    /// The users, now and after each change.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Directory>> {
        self.shared.directory.subscribe()
    }

    /// Reads the users afresh.
    ///
    /// # Errors
    /// When the store can't be read: the snapshot stays as it was.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let _one_at_a_time = shared.reading.lock().await;
        let records = shared.store.users().await?;
        for record in &records {
            shared.presence.do_not_disturb(record.id, record.do_not_disturb);
        }
        let users = records.into_iter().map(User::from).collect();
        let outside = shared.store.outside().await?.into_iter();
        let outside = outside.map(|(record, address)| (User::from(record), address)).collect();
        let directory = Directory::new(&shared.site_name, users).with_outside(outside);
        shared.directory.send_replace(Arc::new(directory));
        Ok(())
    }

    /// Reads the users and their SIP accounts afresh: what was changed beside the server is in
    /// force from here on. Says how many users there are.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn reload(&self, sip: &SipHandle) -> Result<usize, StoreError> {
        self.refresh().await?;
        sip.command(Command::SetAccounts(site::accounts(&self.shared.store).await?));
        Ok(self.directory().users().len())
    }

    /// Keeps what a user spoke on a telephone (samples at 8 kHz) as a greeting or a name.
    ///
    /// # Errors
    /// When the file or the row can't be written: what was there before is in force still.
    pub async fn keep(
        &self,
        user: UserId,
        keepsake: Keepsake,
        spoken: Vec<i16>,
    ) -> Result<(), UserError> {
        let directory = self.directory();
        let who = directory.user(user).ok_or(StoreError::NotFound { what: "user" })?;
        let (place, what) = match keepsake {
            Keepsake::Greeting(kind) => (greeting_file(user, kind), "Greeting"),
            Keepsake::Name => (name_file(user), "Name"),
        };
        let at = clock::wall();
        let tags = Tags {
            id: MessageId::new(at, clock::random()),
            title: format!("{what} of {}", who.display_name),
            sender: who.display_name.clone(),
            sender_address: String::new(),
            recipients: Vec::new(),
            at,
            forwarded_from: None,
        };
        let Shared { store, recordings, .. } = &*self.shared;
        recordings.keep(&place, spoken, tags).await?;
        match keepsake {
            Keepsake::Greeting(kind) => store.set_greeting(user, kind, true).await?,
            Keepsake::Name => store.set_spoken_name(user, true).await?,
        }
        Ok(self.refresh().await?)
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// [`UserError::Pin`] and [`UserError::Refused`] for what can't be so, else what the store
    /// says.
    pub async fn set(&self, user: UserId, setting: Setting) -> Result<(), UserError> {
        let store = &self.shared.store;
        match setting {
            Setting::Language(tag) => {
                let is_tag = !tag.is_empty()
                    && tag.len() <= LONGEST_TAG
                    && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                if !is_tag {
                    return Err(UserError::Refused("this is no language tag (RFC 5646)"));
                }
                store.set_language(user, tag).await?;
            }
            Setting::Pin(digits) => return self.set_pin(user, digits).await,
            Setting::NoGreeting(kind) => {
                store.set_greeting(user, kind, false).await?;
                self.refresh().await?;
                // Nobody plays it any more; a file that stays is replaced by the next one.
                if let Err(error) =
                    self.shared.recordings.remove_kept(&greeting_file(user, kind)).await
                {
                    tracing::warn!(%error, "the file of a greeting can't be removed");
                }
                return Ok(());
            }
            Setting::Delivery(preset) => {
                let profile = store.profile(user).await?.with_preset(preset);
                let why = "the profile has no telephone to ring";
                store.set_profile(user, &profile.ok_or(UserError::Refused(why))?).await?;
                return Ok(());
            }
            Setting::DoNotDisturb(on) => store.set_do_not_disturb(user, on).await?,
        }
        Ok(self.refresh().await?)
    }

    async fn set_pin(&self, user: UserId, digits: String) -> Result<(), UserError> {
        let directory = self.directory();
        let who = directory.user(user).ok_or(StoreError::NotFound { what: "user" })?;
        let hash = hash_pin(digits, &who.extension).await?;
        Ok(self.shared.store.set_pin(user, hash).await?)
    }

    /// Whether these digits are the user's telephone PIN. Nobody has one who set none.
    ///
    /// # Errors
    /// [`UserError::Locked`] once too many wrong ones were tried.
    pub async fn check_pin(&self, user: UserId, digits: String) -> Result<bool, UserError> {
        let Shared { store, pin_attempts, .. } = &*self.shared;
        let count = |outcome| pin_attempts.with_label_values(&[outcome]).inc();
        match store.begin_pin_attempt(user, clock::wall()).await? {
            PinAttempt::NoPin => Ok(false),
            PinAttempt::Locked => {
                count("refused");
                Err(UserError::Locked)
            }
            PinAttempt::Judge(hash) => {
                let judged = tokio::task::spawn_blocking(move || password::fits(&hash, &digits));
                let right = judged.await.map_err(|e| UserError::Hash(e.to_string()))?;
                count(if right { "right" } else { "wrong" });
                if right {
                    store.pin_was_right(user).await?;
                }
                Ok(right)
            }
        }
    }

    /// The devices of a user's profile.
    ///
    /// # Errors
    /// What the store says.
    pub async fn devices(&self, owner: UserId) -> Result<Vec<DeviceInfo>, StoreError> {
        let devices = self.shared.store.profile(owner).await?.devices.into_iter();
        Ok(devices
            .map(|d| DeviceInfo { owner, rings: d.kind.rings() && d.usable(), name: d.name })
            .collect())
    }

    /// How many messages of a sender were heard since [`Self::receipts_told`].
    ///
    /// # Errors
    /// What the store says.
    pub async fn receipts(&self, sender: UserId) -> Result<u32, StoreError> {
        let heard = self.shared.store.heard_since_told(sender).await?;
        let mut counted = self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.insert(sender, heard.up_to);
        Ok(heard.messages)
    }

    /// The sender was told what [`Self::receipts`] counted last: what was heard since is told
    /// next time.
    ///
    /// # Errors
    /// What the store says.
    pub async fn receipts_told(&self, sender: UserId) -> Result<(), StoreError> {
        let counted = {
            let mut counted = self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner);
            counted.remove(&sender)
        };
        match counted {
            Some(up_to) => self.shared.store.receipts_told(sender, up_to).await,
            // Nothing was counted, so nothing was told.
            None => Ok(()),
        }
    }
}

/// Where a greeting lies, relative to the storage folder.
pub fn greeting_file(user: UserId, kind: GreetingKind) -> PathBuf {
    PathBuf::from(format!("greetings/{user}-{}.ogg", kind.name()))
}

/// Where a user's spoken name lies, relative to the storage folder.
pub fn name_file(user: UserId) -> PathBuf {
    PathBuf::from(format!("names/{user}.ogg"))
}

/// The PHC string of a PIN that is good enough for the user at `extension`.
///
/// # Errors
/// [`UserError::Pin`] says what is wrong with it.
pub async fn hash_pin(digits: String, extension: &str) -> Result<String, UserError> {
    pin::fit(&digits, extension)?;
    let hashed = tokio::task::spawn_blocking(move || password::hash(&digits)).await;
    hashed.map_err(|e| UserError::Hash(e.to_string()))?.map_err(|e| UserError::Hash(e.to_string()))
}

#[cfg(test)]
mod tests;
