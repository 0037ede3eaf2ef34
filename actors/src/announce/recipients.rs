//! Whom a request names. The one place where that is read.

use hark_engine::id::UserId;

use super::AnnounceError;
use crate::outside::{Outside, OutsideError, Recipient};
use crate::store::Store;

/// The most names in one list.
const MOST_NAMES: usize = 256;
/// The most people that one list reaches: as many as a message has recipients.
const MOST_PEOPLE: usize = 256;

/// The users that `names` stand for, each once: sign-in names, extensions, SIP addresses,
/// `group:NAME`, and numbers and addresses outside as far as the operator lets `owner` reach them.
///
/// # Errors
/// [`AnnounceError::Refused`] says which can't be.
pub(super) async fn resolve(
    store: &Store,
    outside: &Outside,
    owner: UserId,
    names: &[String],
) -> Result<Vec<UserId>, AnnounceError> {
    if names.is_empty() || names.len() > MOST_NAMES {
        let what = format!("name 1 to {MOST_NAMES} recipients in each list");
        return Err(AnnounceError::Refused(what));
    }
    let mut people: Vec<UserId> = Vec::new();
    let mut others = Vec::new();
    for name in names {
        let Some(group) = name.strip_prefix("group:") else {
            others.push(Recipient::Address { address: name.clone() });
            continue;
        };
        let members = store.group_members(group).await?.ok_or_else(|| {
            let group: String = group.chars().take(64).collect();
            AnnounceError::Refused(format!("there is no group '{group}': see GET /api/v1/groups"))
        })?;
        people.extend(members);
    }
    if !others.is_empty() {
        people.extend(outside.resolve(Some(owner), &others).await?);
    }
    people.sort_unstable();
    people.dedup();
    let directory = outside.users.directory();
    people.retain(|id| directory.user(*id).is_some());
    match people.len() {
        0 => Err(AnnounceError::Refused("the groups have no members: add some".into())),
        n if n > MOST_PEOPLE => {
            let what = format!("a list reaches {MOST_PEOPLE} people at most, not {n}");
            Err(AnnounceError::Refused(what))
        }
        _ => Ok(people),
    }
}

impl From<OutsideError> for AnnounceError {
    fn from(error: OutsideError) -> Self {
        match error {
            OutsideError::Store(error) => error.into(),
            error @ (OutsideError::NoUser | OutsideError::Refused(_) | OutsideError::TooMany) => {
                Self::Refused(error.to_string())
            }
        }
    }
}
