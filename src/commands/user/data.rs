//! What is done with everything that a user has: hold, keep for how long, export, erase.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use hark_actors::clock;
use hark_actors::retention::erase::{EraseError, erase};
use hark_actors::retention::export;
use hark_actors::store::{Store, StoreError, UserRecord};

use super::{ConfigFile, say};

/// Everything that a user has.
#[derive(Debug, clap::Subcommand)]
pub enum Data {
    /// Let a legal hold stand for a user: nothing of theirs is removed, whatever its age.
    Hold {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// End the hold.
        #[arg(long)]
        release: bool,
    },
    /// Set for how long a user's messages are kept, where that differs from [retention].
    Retention {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// Days until a heard message expires; 0 is never.
        #[arg(long)]
        heard_days: Option<u32>,
        /// The same of one that was kept.
        #[arg(long)]
        saved_days: Option<u32>,
        /// The same of one that was never heard.
        #[arg(long)]
        unheard_days: Option<u32>,
        /// Days in which a deleted message can be taken back.
        #[arg(long)]
        deleted_days: Option<u32>,
        /// Minutes that the mailbox holds; 0 is without a limit.
        #[arg(long)]
        quota_minutes: Option<u32>,
        /// MiB that the mailbox holds; 0 is without a limit.
        #[arg(long)]
        quota_mib: Option<u32>,
        /// Take everything from [retention] again.
        #[arg(long)]
        reset: bool,
    },
    /// Write everything that a user has into a tar archive.
    Export {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// The archive.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Erase a user and everything of theirs. What they sent to others stays with those, without
    /// their name. This can't be undone.
    Erase {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// Yes, for good.
        #[arg(long)]
        yes: bool,
    },
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("there is no such user: see hark user list")]
    NoSuchUser,
    #[error("erasing can't be undone: say --yes (and export first: hark user export)")]
    NotSure,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Erase(#[from] EraseError),
    #[error("can't write {0}: {1}")]
    File(String, std::io::Error),
}

impl DataError {
    /// Whether the operator wrote something wrong.
    pub const fn is_input(&self) -> bool {
        matches!(self, Self::NoSuchUser | Self::NotSure)
    }
}

impl Data {
    pub fn config(&self) -> &ConfigFile {
        let (Self::Hold { config, .. }
        | Self::Retention { config, .. }
        | Self::Export { config, .. }
        | Self::Erase { config, .. }) = self;
        config
    }

    pub async fn act(self, store: &Store, domain: &str) -> Result<(), DataError> {
        match self {
            Self::Hold { name, release, .. } => {
                Ok(store.set_hold(user(store, &name).await?.id, !release).await?)
            }
            Self::Retention {
                name,
                heard_days,
                saved_days,
                unheard_days,
                deleted_days,
                quota_minutes,
                quota_mib,
                reset,
                ..
            } => {
                let id = user(store, &name).await?.id;
                let known = if reset {
                    Default::default()
                } else {
                    store.user_retention(id).await?.differs
                };
                let mut differs = known;
                differs.heard_days = heard_days.or(known.heard_days);
                differs.saved_days = saved_days.or(known.saved_days);
                differs.unheard_days = unheard_days.or(known.unheard_days);
                differs.deleted_days = deleted_days.or(known.deleted_days);
                differs.quota_minutes = quota_minutes.or(known.quota_minutes);
                differs.quota_mib = quota_mib.or(known.quota_mib);
                Ok(store.set_retention(id, differs).await?)
            }
            Self::Export { name, output, .. } => {
                let user = user(store, &name).await?;
                let contents = store.export(user.id).await?;
                let failed = |cause| DataError::File(output.display().to_string(), cause);
                let out = BufWriter::new(File::create(&output).map_err(failed)?);
                export::write(store.dir(), user.id, &contents, clock::wall(), out).map_err(failed)
            }
            Self::Erase { yes: false, .. } => Err(DataError::NotSure),
            Self::Erase { name, .. } => {
                let done = erase(store, domain, &name).await.map_err(|error| match error {
                    EraseError::NoSuchUser => DataError::NoSuchUser,
                    error => error.into(),
                })?;
                say(&format_args!(
                    "erased: {} audio files removed, {} of others rewritten without the name",
                    done.removed, done.rewritten
                ));
                Ok(())
            }
        }
    }
}

async fn user(store: &Store, name: &str) -> Result<UserRecord, DataError> {
    let users = store.users().await?;
    let user = users.into_iter().find(|user| user.name.eq_ignore_ascii_case(name));
    user.ok_or(DataError::NoSuchUser)
}
