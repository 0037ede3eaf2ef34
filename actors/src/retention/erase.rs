//! Erasing a user while the server is stopped: the database, and then the files.

use std::io;
use std::path::Path;

use hark_engine::directory::{Directory, GreetingKind};
use hark_engine::id::UserId;

use crate::clock;
use crate::recording::{self, RecordingError};
use crate::recovery;
use crate::site::PASSWORDS_FILE;
use crate::store::{Erased, Store, StoreError};
use crate::users::{greeting_file, name_file};

/// Why a user was not erased, or not wholly: whoever tries again goes on.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is nobody of this name.
    #[error("there is no such user: see hark user list")]
    NoSuchUser,
    /// Something was spoken that is no message yet.
    #[error("{0} recordings are not settled yet: start the server once, stop it, and try again")]
    Unsettled(usize),
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
}

/// Erases the user of this name, at the site whose users are at `domain`.
///
/// # Errors
/// [`EraseError`]
pub async fn erase(store: &Store, domain: &str, name: &str) -> Result<Done, EraseError> {
    let users = store.users().await?;
    let user = users.iter().find(|user| user.name.eq_ignore_ascii_case(name));
    let user = user.ok_or(EraseError::NoSuchUser)?.clone();
    let dir = store.dir().to_owned();
    let spools = unsettled(&dir);
    if spools > 0 {
        return Err(EraseError::Unsettled(spools));
    }
    let now = clock::wall();
    let Erased { remove, retag } = store.erase(user.id, now).await?;
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
    own_files(&dir, user.id, &user.name)?;
    store.compact().await?;
    Ok(Done { removed: remove.len(), rewritten })
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
            remove_file(&entry.path())?;
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
