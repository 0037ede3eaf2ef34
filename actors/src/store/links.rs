//! Capability links: whoever holds the token may hear the message, until it expires or is
//! revoked. Only the token's SHA-256 is stored, so that a stolen database opens nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use hark_engine::id::{MessageId, UserId};
use hark_engine::time::UnixMillis;

use super::messages::id;
use super::{Store, StoreError};

/// A link's secret: 128 random bits, as 22 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken(String);

impl LinkToken {
    /// The token as it stands in the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new() -> Result<Self, StoreError> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(StoreError::unavailable)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bits)))
    }
}

impl std::fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkToken(..)")
    }
}

impl Store {
    /// Makes a link to a message for one of its recipients.
    pub async fn create_link(
        &self,
        message: MessageId,
        recipient: UserId,
        expires: UnixMillis,
    ) -> Result<LinkToken, StoreError> {
        let token = LinkToken::new()?;
        let hash = hash(token.as_str());
        self.write(move |c| {
            let made = c
                .prepare_cached(
                    "INSERT INTO links (token_hash, message, recipient, expires)
                     SELECT ?1, message, user, ?4 FROM recipients
                     WHERE message = ?2 AND user = ?3 AND folder IN ('new', 'saved')",
                )?
                .execute(params![hash, message.0.as_bytes(), recipient.0, expires.0])?;
            if made == 1 {
                Ok(())
            } else {
                Err(StoreError::NotFound { what: "message for this user" })
            }
        })
        .await?;
        Ok(token)
    }

    /// What a token opens at `now`; `None` where it is unknown, expired or revoked, or where
    /// the recipient deleted the message.
    pub async fn resolve_link(
        &self,
        token: &str,
        now: UnixMillis,
    ) -> Result<Option<(MessageId, UserId)>, StoreError> {
        let hash = hash(token);
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT l.message, l.recipient FROM links l
                 JOIN recipients r ON r.message = l.message AND r.user = l.recipient
                 WHERE l.token_hash = ?1 AND l.revoked = 0 AND l.expires > ?2
                 AND r.folder IN ('new', 'saved')",
            )?
            .query_row(params![hash, now.0], |r| Ok((id(r, 0)?, UserId(r.get(1)?))))
            .optional()?)
        })
        .await
    }

    /// Revokes every link to a message of one recipient. Says how many there were.
    pub async fn revoke_links(
        &self,
        message: MessageId,
        recipient: UserId,
    ) -> Result<usize, StoreError> {
        self.write(move |c| {
            let sql = "UPDATE links SET revoked = 1
                       WHERE message = ?1 AND recipient = ?2 AND revoked = 0";
            Ok(c.execute(sql, params![message.0.as_bytes(), recipient.0])?)
        })
        .await
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
