//! Erasing a user: the database, and then the files.
//!
//! While the server serves, the account is closed first, so that nobody is let in as this user and
//! nothing new names them; what they are saying, or somebody says to them, is settled; and then
//! all of it goes. Whoever is interrupted begins again: each step can be taken twice.

use std::io;
use std::path::Path;
use std::time::Duration;

use hark_engine::directory::{Directory, GreetingKind};
use hark_engine::id::UserId;

use crate::clock;
use crate::operator::Live;
use crate::recording::spool_format::Intent;
use crate::recording::{self, RecordingError};
use crate::recovery;
use crate::site::PASSWORDS_FILE;
use crate::store::{Erased, Store, StoreError};
use crate::users::{greeting_file, name_file};

/// How long what is being said may take to become a message when an account is closed.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);
/// How often that is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The largest database that is rewritten while others want to write to it, in bytes.
const MOST_COMPACTED: u64 = 256 << 20;
/// How files end that text to speech is writing.
const TEMPORARY: &str = ".tmp.wav";

/// Why a user was not erased, or not wholly: whoever tries again goes on.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is nobody of this name.
    #[error("there is no such user: see hark user list")]
    NoSuchUser,
    /// Something was spoken that is no message yet.
    #[error("{0} recordings are not settled yet: start the server once, stop it, and try again")]
    Unsettled(usize),
    /// The same, while the server serves.
    #[error(
        "the account is closed, but {0} recordings that name the user go on: try again when they are over"
    )]
    StillRecording(usize),
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file can't be rewritten.
    #[error("the account is erased, but not every file: {0}")]
    Recording(#[from] RecordingError),
    /// A file can't be removed.
    #[error("the account is erased, but {file} could not be removed: {cause}")]
    File {
        /// Which.
        file: String,
        /// What the system said.
        cause: io::Error,
    },
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Audio files removed.
    pub removed: usize,
    /// Audio files of others whose tags no longer name the user.
    pub rewritten: usize,
    /// Whether the database file was rewritten.
    pub compacted: bool,
}

/// Erases the user of this name, at the site whose users are at `domain`; in a running server
/// also from its parts.
///
/// # Errors
/// [`EraseError`]
pub async fn erase(
    store: &Store,
    domain: &str,
    name: &str,
    live: Option<&Live>,
) -> Result<Done, EraseError> {
    let (user, name) = store.to_be_erased(name).await?.ok_or(EraseError::NoSuchUser)?;
    let dir = store.dir().to_owned();
    match live {
        None => match unsettled(&dir) {
            0 => {}
            spools => return Err(EraseError::Unsettled(spools)),
        },
        Some(live) => {
            store.close_account(user).await?;
            live.lock_out(user).await?;
            settle(&dir, user).await?;
        }
    }
    let Erased { remove, retag, ended } = store.erase(user, clock::wall()).await?;
    if let Some(live) = live {
        // Once more: what was about to open when the account was closed is closed as well.
        live.erased(user, ended).await?;
    }
    for file in &remove {
        remove_file(&dir.join(file))?;
    }
    let left = store.users().await?.into_iter().map(Into::into).collect();
    let outside = store.outside().await?.into_iter();
    let outside = outside.map(|(record, address)| (record.into(), address)).collect();
    let directory = Directory::new("", left).with_outside(outside);
    let rewritten = retag.len();
    for (message, audio, _) in retag {
        let Some(record) = store.message(message).await? else { continue };
        // The erased is in nobody's directory any more, and so in no tag.
        let tags = recovery::tags(
            &directory,
            domain,
            message,
            &record.sender,
            &record.recipients,
            record.at,
        );
        recording::retag(&dir, &audio, &tags)?;
    }
    if let Some(live) = live {
        live.let_go_of_traces().await;
    }
    own_files(&dir, user, &name)?;
    if let Some(live) = live {
        // A call that ended meanwhile may have opened what was removed.
        live.let_go_of_traces().await;
    }
    // Whoever writes waits while the file is rewritten: not for long in a server that serves.
    let compacted = live.is_none() || store.size().await? <= MOST_COMPACTED;
    if compacted {
        store.compact().await?;
    }
    Ok(Done { removed: remove.len(), rewritten, compacted })
}

/// Waits until what was being said when the account was closed is a message, or nothing.
async fn settle(dir: &Path, user: UserId) -> Result<(), EraseError> {
    let deadline = tokio::time::Instant::now() + SETTLE_WITHIN;
    loop {
        let dir = dir.to_owned();
        let counted = tokio::task::spawn_blocking(move || spools_of(&dir, user)).await;
        match counted.map_err(StoreError::unavailable)? {
            0 => return Ok(()),
            left if tokio::time::Instant::now() >= deadline => {
                return Err(EraseError::StillRecording(left));
            }
            _ => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// How many recordings this user speaks, or is spoken to in.
fn spools_of(dir: &Path, user: UserId) -> usize {
    let entries = std::fs::read_dir(recording::spool::folder(dir)).into_iter().flatten();
    let spools = entries.flatten().map(|entry| entry.path());
    let spools = spools.filter(|path| path.extension().is_some_and(|ending| ending == "spool"));
    // One that can't be read was settled this moment, or is set aside at the next start.
    let headers = spools.filter_map(|path| Some(recording::recover::orphan(&path).ok()?.header));
    headers
        .filter(|header| {
            let to = match &header.intent {
                Intent::Send(delivery) => delivery.to.contains(&user),
                Intent::Discard => false,
            };
            to || header.sender.user == Some(user)
        })
        .count()
}

/// How many recordings wait to become messages, and may name the user.
fn unsettled(dir: &Path) -> usize {
    let entries = std::fs::read_dir(recording::spool::folder(dir)).into_iter().flatten();
    entries.flatten().filter(|entry| entry.path().is_file()).count()
}

/// Greetings and the name; what was spoken by text to speech, for names were among it; and the
/// traces of calls, which hold what dialplans said.
fn own_files(dir: &Path, user: UserId, name: &str) -> Result<(), EraseError> {
    for kind in GreetingKind::ALL {
        remove_file(&dir.join(greeting_file(user, kind)))?;
    }
    remove_file(&dir.join(name_file(user)))?;
    for folder in ["prompts", "traces"] {
        let entries = match std::fs::read_dir(dir.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|cause| file_error(&dir.join(folder), cause))?,
        };
        for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
            // What is being spoken at this moment gets its own name when it is whole.
            if !entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
                remove_file(&entry.path())?;
            }
        }
    }
    let passwords = dir.join(PASSWORDS_FILE);
    match std::fs::read_to_string(&passwords) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(file_error(&passwords, cause)),
        Ok(text) => {
            let others: String = text
                .lines()
                .filter(|line| line.split_whitespace().next() != Some(name))
                .map(|line| format!("{line}\n"))
                .collect();
            std::fs::write(&passwords, others).map_err(|cause| file_error(&passwords, cause))
        }
    }
}

fn remove_file(file: &Path) -> Result<(), EraseError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(file, error)),
        _ => Ok(()),
    }
}

fn file_error(file: &Path, cause: io::Error) -> EraseError {
    EraseError::File { file: file.display().to_string(), cause }
}
