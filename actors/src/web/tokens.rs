//! Secrets of applications: made, shown once, and known by their hash from then on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;
use sha2::{Digest as _, Sha256};

use super::scopes::Scope;
use crate::clock;
use crate::store::{Store, StoreError, TokenRecord};

/// With what every secret begins, so that it is known for one wherever it turns up.
const PREFIX: &str = "hark_";
/// The longest name of a token, in characters.
pub const LONGEST_NAME: usize = 64;
/// The longest life of a token, in days.
pub const MOST_DAYS: u32 = 3650;

/// A token that was just made: the only time that its secret is seen.
pub struct NewToken {
    /// What is kept of it.
    pub record: TokenRecord,
    /// What its holder shows.
    pub secret: String,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Refused(String),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token for `user`.
///
/// # Errors
/// [`TokenError`] says what is wrong with it.
pub async fn create(
    store: &Store,
    user: UserId,
    name: &str,
    scopes: &[Scope],
    days: Option<u32>,
) -> Result<NewToken, TokenError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control)
    {
        let why = format!("a token's name has 1 to {LONGEST_NAME} characters");
        return Err(TokenError::Refused(why));
    }
    if scopes.is_empty() {
        return Err(TokenError::Refused("a token has one scope at least".into()));
    }
    if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        return Err(TokenError::Refused(format!("a token lasts 1 to {MOST_DAYS} days")));
    }
    let created = clock::wall();
    let life = |days: u32| std::time::Duration::from_secs(u64::from(days) * 86_400);
    let record = TokenRecord {
        id: 0,
        user,
        name: name.to_owned(),
        scopes: Scope::write(scopes),
        created,
        expires: days.map(|days| created.after(life(days))),
        last_used: None,
    };
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(clock::random::<32>()));
    let hash =
        hash(&secret).ok_or_else(|| TokenError::Refused("no secret could be made".into()))?;
    Ok(NewToken { record: store.create_token(record, hash).await?, secret })
}

/// The hash under which a secret is kept; `None` where it can be none of ours.
pub fn hash(secret: &str) -> Option<[u8; 32]> {
    let bits = URL_SAFE_NO_PAD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    (bits.len() == 32).then(|| Sha256::digest(&bits).into())
}

/// Whether a use is worth a line in the database: once a minute is enough.
pub fn is_news(last_used: Option<UnixMillis>, now: UnixMillis) -> bool {
    const MINUTE_MS: i64 = 60_000;
    last_used.is_none_or(|at| now.0.saturating_sub(at.0) >= MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_another_shape_are_nobodys() {
        let good = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([7; 32]));
        assert!(hash(&good).is_some());
        assert_ne!(hash(&good), hash(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([8; 32]))));
        for bad in ["", "hark_", &good[1..], &good[..good.len() - 2], "hark_***"] {
            assert!(hash(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let at = |ms| UnixMillis(ms);
        assert!(is_news(None, at(0)));
        assert!(!is_news(Some(at(1_000)), at(60_999)));
        assert!(is_news(Some(at(1_000)), at(61_000)));
    }
}
