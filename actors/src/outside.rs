//! Recipients as people name them: users, and numbers and addresses that are no user's, as far as
//! the operator lets messages go there.

use std::sync::Arc;

use hark_engine::delivery::address::Address;
use hark_engine::delivery::limits::DAY;
use hark_engine::id::UserId;
use hark_engine::sip::uri::Uri;
use hark_engine::time::UnixMillis;
use serde::Deserialize;

use crate::clock;
use crate::config;
use crate::store::{Store, StoreError};
use crate::users::Users;

/// A recipient as the API takes it: a user's number, `{"user": 2}`, or `{"address": "+4930123"}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Recipient {
    /// A user.
    Id(UserId),
    /// A user.
    User {
        /// Whose.
        user: UserId,
    },
    /// A number or address, which may be a user's.
    Address {
        /// `+493012345`, `sip:bob@192.0.2.7` or `bob@example.org`.
        address: String,
    },
}

/// Why somebody can't be written to.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// There is no such user.
    #[error("there is no such user: choose recipients who exist")]
    NoUser,
    /// It can't be read, or is not to be written to.
    #[error("{0}")]
    Refused(String),
    /// Too many messages went outside.
    #[error("you sent as many messages to numbers and addresses outside as one may in a day")]
    TooMany,
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who finds recipients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Where rows of numbers and addresses are.
    pub store: Store,
    /// The users.
    pub users: Users,
    /// What the operator allows.
    pub policy: Arc<config::Outside>,
    /// The SIP domain of our users.
    pub domain: Arc<str>,
    /// The language in which strangers are spoken to.
    pub language: Arc<str>,
    /// The longest message, in seconds.
    pub limit_secs: u32,
}

impl Outside {
    /// The users, or rows that stand for numbers and addresses, that `sender` names; each once.
    ///
    /// # Errors
    /// [`OutsideError`] for the first that can't be written to.
    pub async fn resolve(
        &self,
        sender: Option<UserId>,
        names: &[Recipient],
    ) -> Result<Vec<UserId>, OutsideError> {
        let directory = self.users.directory();
        let (mut found, mut outside) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            match name {
                Recipient::Id(id) | Recipient::User { user: id } => {
                    directory.user(*id).ok_or(OutsideError::NoUser)?;
                    match directory.address(*id) {
                        // Who wrote from there is answered there, if the operator lets us.
                        Some(address) if self.know_each_other(sender, *id).await? => {
                            outside.push(address.clone());
                        }
                        // Numbers are nobody's to find out by counting ids.
                        Some(_) => return Err(OutsideError::NoUser),
                        None => found.push(*id),
                    }
                }
                Recipient::Address { address } => match self.own(address) {
                    Some(user) => found.push(user),
                    None => {
                        let parsed = Address::parse(address);
                        outside.push(parsed.map_err(|e| OutsideError::Refused(e.to_string()))?);
                    }
                },
            }
        }
        outside.sort_unstable();
        outside.dedup();
        self.may_send(sender, &outside).await?;
        for address in &outside {
            found.push(self.row(address).await?);
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn know_each_other(
        &self,
        sender: Option<UserId>,
        row: UserId,
    ) -> Result<bool, OutsideError> {
        match sender {
            Some(sender) => Ok(self.store.wrote_to_each_other(sender, row).await?),
            None => Ok(false),
        }
    }

    /// The user of ours whose extension, name or SIP address this is.
    fn own(&self, text: &str) -> Option<UserId> {
        let directory = self.users.directory();
        let text = text.trim();
        let name = match Uri::parse(text) {
            Some(Uri::Sip(uri)) => {
                let host = uri.host.to_string();
                host.eq_ignore_ascii_case(&self.domain)
                    .then(|| uri.user().map(|u| u.to_string()))?
            }
            Some(Uri::Tel { .. } | Uri::Other(_)) | None => None,
        };
        let name = name.as_deref().unwrap_or(text);
        directory.by_extension(name).or_else(|| directory.by_name(name)).map(|user| user.id)
    }

    async fn may_send(
        &self,
        sender: Option<UserId>,
        outside: &[Address],
    ) -> Result<(), OutsideError> {
        if let Some(refused) = outside.iter().find(|address| !self.policy.allows(address)) {
            return Err(OutsideError::Refused(format!(
                "this server sends nothing to {}: ask its operator to add it to [outside] allow",
                refused.shown()
            )));
        }
        if outside.is_empty() {
            return Ok(());
        }
        let day = i64::try_from(DAY.as_millis()).unwrap_or(0);
        let since = UnixMillis(clock::wall().0.saturating_sub(day));
        let sent = self.store.sent_outside(sender, since).await?;
        let more = u32::try_from(outside.len()).unwrap_or(u32::MAX);
        if sent.saturating_add(more) > self.policy.messages_per_sender_per_day {
            return Err(OutsideError::TooMany);
        }
        Ok(())
    }

    async fn row(&self, address: &Address) -> Result<UserId, OutsideError> {
        let id = self.store.outside_row(address, &self.language, self.limit_secs).await?;
        if self.users.directory().user(id).is_none() {
            self.users.refresh().await?;
        }
        Ok(id)
    }
}
