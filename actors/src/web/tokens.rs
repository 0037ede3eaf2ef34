//! Secrets of applications: made, shown once, and known by their hash from then on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
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

/// What an operator wants of tokens, from the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenOrder {
    /// Make one.
    Create {
        /// For whom, by the sign-in name.
        user: String,
        /// What it is called.
        name: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// After how many days it is worth nothing.
        days: Option<u32>,
    },
    /// List them.
    List {
        /// Whose, by the sign-in name; everybody's if none.
        user: Option<String>,
    },
    /// Revoke one.
    Revoke {
        /// Its number.
        id: i64,
    },
}

/// A token, as the command line shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLine {
    /// Its number.
    pub id: i64,
    /// For whom it acts.
    pub user: String,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: String,
    /// When it was made.
    pub created: UnixMillis,
    /// From when on it is worth nothing.
    pub expires: Option<UnixMillis>,
    /// When it was last used.
    pub last_used: Option<UnixMillis>,
    /// Its secret, where it was just made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
}

/// Does what an operator wants.
///
/// # Errors
/// [`TokenError`] says what is wrong with it.
pub async fn operate(store: &Store, order: TokenOrder) -> Result<Vec<TokenLine>, TokenError> {
    let users = store.users().await?;
    let id_of = |name: &str| {
        let known = users.iter().find(|user| user.name.eq_ignore_ascii_case(name));
        let nobody = || TokenError::Refused("there is no such user: see hark user list".into());
        known.map(|user| user.id).ok_or_else(nobody)
    };
    let line = |token: TokenRecord, secret: Option<String>| TokenLine {
        id: token.id,
        user: users
            .iter()
            .find(|user| user.id == token.user)
            .map(|user| user.name.clone())
            .unwrap_or_default(),
        name: token.name,
        scopes: token.scopes,
        created: token.created,
        expires: token.expires,
        last_used: token.last_used,
        secret,
    };
    match order {
        TokenOrder::Create { user, name, scopes, days } => {
            let made = create(store, id_of(&user)?, &name, &scopes, days).await?;
            Ok(vec![line(made.record, Some(made.secret))])
        }
        TokenOrder::List { user } => {
            let user = user.map(|name| id_of(&name)).transpose()?;
            let tokens = store.tokens(user).await?;
            Ok(tokens.into_iter().map(|token| line(token, None)).collect())
        }
        TokenOrder::Revoke { id } => {
            store.revoke_token(id, None).await?;
            Ok(Vec::new())
        }
    }
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
