//! Whom a request names. The one place where that is read.

use hark_engine::directory::{Directory, User};
use hark_engine::id::UserId;

use super::AnnounceError;
use crate::store::Store;

/// The most names in one list.
const MOST_NAMES: usize = 256;
/// The most people that one list reaches: as many as a message has recipients.
const MOST_PEOPLE: usize = 256;

/// The users that `names` stand for, each once: sign-in names, extensions, SIP addresses of the
/// site's own users, and `group:NAME`.
///
/// # Errors
/// [`AnnounceError::Refused`] names the first that is nobody's.
pub(super) async fn resolve(
    store: &Store,
    directory: &Directory,
    domain: &str,
    names: &[String],
) -> Result<Vec<UserId>, AnnounceError> {
    if names.is_empty() || names.len() > MOST_NAMES {
        let what = format!("name 1 to {MOST_NAMES} recipients in each list");
        return Err(AnnounceError::Refused(what));
    }
    let mut people: Vec<UserId> = Vec::new();
    for name in names {
        let found = match name.strip_prefix("group:") {
            Some(group) => {
                let members = store.group_members(group).await?;
                members.ok_or_else(|| nobody(name, "see GET /api/v1/groups"))?
            }
            None => vec![user(directory, domain, name)?.id],
        };
        for id in found {
            if directory.user(id).is_some() && !people.contains(&id) {
                people.push(id);
            }
        }
    }
    match people.len() {
        0 => Err(AnnounceError::Refused("the groups have no members: add some".into())),
        n if n > MOST_PEOPLE => {
            let what = format!("a list reaches {MOST_PEOPLE} people at most, not {n}");
            Err(AnnounceError::Refused(what))
        }
        _ => Ok(people),
    }
}

fn user<'a>(
    directory: &'a Directory,
    domain: &str,
    name: &str,
) -> Result<&'a User, AnnounceError> {
    let local = name.strip_prefix("sip:").unwrap_or(name);
    let local = match local.split_once('@') {
        Some((user, host)) if host.eq_ignore_ascii_case(domain) => user,
        Some(_) => return Err(nobody(name, "addresses elsewhere can't be announced to yet")),
        None => local,
    };
    let found = directory.by_name(local).or_else(|| directory.by_extension(local));
    found.ok_or_else(|| nobody(name, "write a sign-in name, an extension or group:NAME"))
}

fn nobody(name: &str, mend: &str) -> AnnounceError {
    let name: String = name.chars().take(64).collect();
    AnnounceError::Refused(format!("'{name}' is nobody: {mend}"))
}
