//! The users of a site: read from the store, and made when the demo starts on an empty one.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use hark_engine::id::UserId;
use hark_engine::sip::digest::Ha1;
use hark_engine::sip::endpoint::Accounts;

use crate::clock;
use crate::store::{DigestSecrets, NewUser, Store, StoreError};
use crate::web::hash_password;
use crate::web::password::HashError;

/// The demo's users: name, display name, extension.
const DEMO: [(&str, &str, &str); 3] =
    [("alice", "Alice", "1001"), ("bob", "Bob", "1002"), ("carol", "Carol", "1003")];

/// The file in the storage folder that keeps the demo's passwords for their owner.
pub const PASSWORDS_FILE: &str = "first-run-passwords.txt";

/// No `0`, `1`, `l` or `o`: these are read off a screen and typed into a telephone.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const PASSWORD_LENGTH: usize = 12;

/// Why users can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password can't be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The passwords' file can't be written.
    #[error("can't write the demo's passwords: {0}")]
    Passwords(#[from] std::io::Error),
}

/// A user of the demo and the password that was made for it.
#[derive(Clone)]
pub struct DemoUser {
    /// Sign-in name.
    pub name: String,
    /// Extension.
    pub extension: String,
    /// The first-run password; `None` when it was made at an earlier start.
    pub password: Option<String>,
}

/// What is to be made of a new user, with the password in clear.
pub struct Credentials<'a> {
    /// Sign-in name.
    pub name: &'a str,
    /// The name that people see and hear.
    pub display_name: &'a str,
    /// Digits.
    pub extension: &'a str,
    /// The password, for the browser and for SIP.
    pub password: &'a str,
}

/// Makes a user who can sign in and register telephones in the SIP domain `realm`.
///
/// # Errors
/// `Conflict` where the name or the extension is taken.
pub async fn create_user(
    store: &Store,
    realm: &str,
    language: &str,
    limit_secs: u32,
    new: &Credentials<'_>,
) -> Result<UserId, SiteError> {
    let password = new.password.to_owned();
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    let password_hash = hashed.map_err(|e| StoreError::Unavailable { cause: e.to_string() })??;
    let Ha1 { md5, sha256 } = Ha1::new(new.name, realm, new.password);
    let user = NewUser {
        name: new.name.to_owned(),
        display_name: new.display_name.to_owned(),
        extension: new.extension.to_owned(),
        password_hash,
        ha1: DigestSecrets { md5, sha256 },
        language: language.to_owned(),
        limit_secs,
        pin_hash: None,
    };
    Ok(store.create_user(user).await?)
}

/// Makes the demo's users if the store has none, and keeps their passwords in a file that only
/// the owner may read. Gives the demo's users with the passwords made now.
///
/// # Errors
/// When the store or the file can't be written.
pub async fn demo_users(
    store: &Store,
    realm: &str,
    language: &str,
    limit_secs: u32,
) -> Result<Vec<DemoUser>, SiteError> {
    let known = store.users().await?;
    if !known.is_empty() {
        let demo = |name: &str| DEMO.iter().any(|(n, _, _)| *n == name);
        return Ok(known
            .into_iter()
            .filter(|user| demo(&user.name))
            .map(|user| DemoUser { name: user.name, extension: user.extension, password: None })
            .collect());
    }
    let passwords = DEMO.map(|_| password());
    // The file comes first: passwords that exist only in a store's hashes help nobody.
    let lines: String = DEMO
        .iter()
        .zip(&passwords)
        .map(|((name, _, extension), password)| format!("{name}\t{extension}\t{password}\n"))
        .collect();
    write_private(&store.dir().join(PASSWORDS_FILE), &lines)?;
    let mut users = Vec::with_capacity(DEMO.len());
    let mut ids = Vec::with_capacity(DEMO.len());
    for ((name, display_name, extension), password) in DEMO.into_iter().zip(passwords) {
        let new = Credentials { name, display_name, extension, password: &password };
        ids.push(create_user(store, realm, language, limit_secs, &new).await?);
        let (name, extension) = (name.to_owned(), extension.to_owned());
        users.push(DemoUser { name, extension, password: Some(password) });
    }
    for id in &ids {
        let others = ids.iter().copied().filter(|other| other != id).collect();
        store.set_contacts(*id, others).await?;
    }
    Ok(users)
}

/// Every account with what SIP's digest authentication needs of its password.
///
/// # Errors
/// When the store can't be read.
pub async fn accounts(store: &Store) -> Result<Arc<Accounts>, StoreError> {
    let accounts = store.accounts().await?.into_iter();
    Ok(Arc::new(
        accounts.map(|(name, DigestSecrets { md5, sha256 })| (name, Ha1 { md5, sha256 })).collect(),
    ))
}

fn password() -> String {
    // 32 letters divide 256 evenly, so none comes oftener than another: 60 bits.
    let bytes: [u8; PASSWORD_LENGTH] = clock::random();
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
