//! Password verification that a stranger can neither time nor queue up.
//!
//! argon2id costs tens of milliseconds and 19 MiB a guess, on purpose. So guesses run on at most
//! [`RUNNING`] threads, at most [`WAITING`] more may wait, and what comes beyond that is refused
//! at once. A name that nobody has is verified against a decoy with the same work.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::Semaphore;

use super::error::{ApiError, BUSY};
use crate::clock;

/// Guesses that are worked on at once: half of a small machine, so that calls go on.
const RUNNING: usize = 2;
/// Guesses that may wait for their turn.
const WAITING: usize = 16;
/// Longer passwords are refused unread: hashing is linear in them.
pub const LONGEST: usize = 256;

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("argon2 refused to hash: {0}")]
pub struct HashError(argon2::password_hash::Error);

/// The argon2id hash of a password, with a fresh salt, as the store keeps it.
///
/// # Errors
/// When argon2 refuses, which it does for passwords of more than 4 GiB.
pub fn hash(password: &str) -> Result<String, HashError> {
    let salt = SaltString::encode_b64(&clock::random::<16>()).map_err(HashError)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(HashError)?;
    Ok(hash.to_string())
}

/// The bounded pool of guesses. Cheap to clone; all clones are one pool.
#[derive(Clone, Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    decoy: Arc<str>,
}

impl Passwords {
    /// A pool, and the decoy for unknown names.
    ///
    /// # Errors
    /// When the decoy can't be hashed.
    pub fn new() -> Result<Self, HashError> {
        let decoy = hash("nobody has this password, for nobody has this name")?;
        Ok(Self {
            running: Arc::new(Semaphore::new(RUNNING)),
            admitted: Arc::new(Semaphore::new(RUNNING + WAITING)),
            decoy: decoy.into(),
        })
    }

    /// Whether `password` fits the stored hash; `None` for an unknown name costs as much.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when too many guesses wait already.
    pub async fn verify(&self, stored: Option<String>, password: String) -> Result<bool, ApiError> {
        let busy = || ApiError::Unavailable(BUSY);
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = self.running.clone().acquire_owned().await.map_err(|_| busy())?;
        let known = stored.is_some();
        let hash = stored.unwrap_or_else(|| self.decoy.to_string());
        let verify = move || {
            // Held by the work itself: a client that goes away doesn't free a place while its
            // guess is still being worked on.
            let _places = (admitted, turn);
            fits(&hash, &password)
        };
        let fits = tokio::task::spawn_blocking(verify).await.map_err(|_| ApiError::Internal)?;
        Ok(fits && known)
    }
}

/// Whether a password fits a stored hash. Takes tens of milliseconds of a core.
pub fn fits(hash: &str, password: &str) -> bool {
    match PasswordHash::new(hash) {
        Ok(parsed) => Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok(),
        Err(error) => {
            tracing::error!(%error, "a stored password hash can't be read: set that password anew");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn only_the_right_password_of_a_known_user_fits() {
        let passwords = Passwords::new().unwrap();
        let stored = hash("open sesame").unwrap();
        assert!(passwords.verify(Some(stored.clone()), "open sesame".into()).await.unwrap());
        assert!(!passwords.verify(Some(stored), "open says me".into()).await.unwrap());
        assert!(!passwords.verify(None, "x".into()).await.unwrap());
        assert!(!passwords.verify(Some("not a hash".into()), "x".into()).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn guesses_beyond_the_bound_are_refused_at_once() {
        let passwords = Passwords::new().unwrap();
        let _held = passwords.admitted.acquire_many((RUNNING + WAITING) as u32).await.unwrap();
        let refused = passwords.verify(None, "x".into()).await;
        assert!(matches!(refused, Err(ApiError::Unavailable(_))));
    }
}
