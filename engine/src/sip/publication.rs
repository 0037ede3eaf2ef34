//! What devices say of their users (RFC 3903): event state with entity tags, which ends unless
//! it is refreshed.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::presence::Published;
use crate::time::Instant;

/// A PUBLISH, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The SIP-If-Match header.
    pub tag: Option<String>,
    /// What the body says; `None` without a body.
    pub state: Option<Published>,
    /// How long it shall last; nothing at all takes it back.
    pub expires: Duration,
}

/// Why a PUBLISH is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 412: there is nothing of that entity tag (any more).
    #[error("there is no publication of this entity tag: publish the whole state again")]
    NoSuchTag,
    /// 400: a first PUBLISH has a body.
    #[error("a first PUBLISH needs a body that says something")]
    NoState,
    /// 403: one account has too many devices that publish.
    #[error("too many devices of this account publish: take one back")]
    TooMany,
}

/// What a PUBLISH came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The SIP-ETag of the answer: a new one each time.
    pub tag: String,
    /// What the account's devices say now, if that differs from before.
    pub changed: Option<Option<Published>>,
}

#[derive(Clone, Debug)]
struct Publication {
    tag: String,
    state: Published,
    expires_at: Instant,
}

/// The publications of all accounts.
#[derive(Debug, Default)]
pub struct Publications {
    per_account: usize,
    accounts: HashMap<String, Vec<Publication>>,
    expiries: BTreeSet<(Instant, String, String)>,
}

impl Publications {
    /// None yet, and at most so many of one account.
    pub fn new(per_account: usize) -> Self {
        Self { per_account, ..Self::default() }
    }

    /// Carries out a PUBLISH of `account`, whose new entity tag is `tag`.
    ///
    /// # Errors
    /// [`Refusal`]: nothing is changed.
    pub fn publish(
        &mut self,
        now: Instant,
        account: &str,
        publish: &Publish,
        tag: String,
    ) -> Result<Accepted, Refusal> {
        let before = self.state(account);
        let known = self.accounts.get(account).map_or(&[][..], Vec::as_slice);
        let old = match &publish.tag {
            Some(tag) => {
                let found = known.iter().find(|publication| publication.tag == *tag);
                Some(found.ok_or(Refusal::NoSuchTag)?.clone())
            }
            None if publish.state.is_none() => return Err(Refusal::NoState),
            None if known.len() >= self.per_account => return Err(Refusal::TooMany),
            None => None,
        };
        if let Some(old) = &old {
            self.take(account, &old.tag);
        }
        let state = publish.state.or(old.map(|old| old.state));
        if let Some(state) = state.filter(|_| !publish.expires.is_zero()) {
            let expires_at = now + publish.expires;
            self.expiries.insert((expires_at, account.to_owned(), tag.clone()));
            let publications = self.accounts.entry(account.to_owned()).or_default();
            publications.push(Publication { tag: tag.clone(), state, expires_at });
        }
        let after = self.state(account);
        Ok(Accepted { tag, changed: (before != after).then_some(after) })
    }

    /// Takes back what was not refreshed in time: the accounts whose state changed by that.
    pub fn expire(&mut self, now: Instant) -> Vec<(String, Option<Published>)> {
        let mut changed = Vec::new();
        while let Some((at, account, tag)) = self.expiries.first().cloned()
            && at <= now
        {
            let before = self.state(&account);
            self.take(&account, &tag);
            let after = self.state(&account);
            if before != after {
                changed.push((account, after));
            }
        }
        changed
    }

    /// Takes back what accounts published that are not to be kept: these accounts.
    pub fn keep_accounts(&mut self, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let gone: BTreeSet<String> =
            self.accounts.keys().filter(|account| !keep(account)).cloned().collect();
        self.accounts.retain(|account, _| !gone.contains(account));
        self.expiries.retain(|(_, account, _)| !gone.contains(account));
        gone.into_iter().collect()
    }

    /// When the next one ends.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, _, _)| *at)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.expiries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.expiries.is_empty()
    }

    /// What the devices of an account say together: the one that keeps callers off the most
    /// wins, but one that can be reached outdoes one that can't.
    fn state(&self, account: &str) -> Option<Published> {
        let rank = |state: &Published| match state {
            Published::Closed => 0,
            Published::Away => 1,
            Published::Open => 2,
            Published::Busy => 3,
            Published::DoNotDisturb => 4,
        };
        let publications = self.accounts.get(account)?;
        publications.iter().map(|publication| publication.state).max_by_key(rank)
    }

    fn take(&mut self, account: &str, tag: &str) {
        let Some(publications) = self.accounts.get_mut(account) else { return };
        if let Some(at) = publications.iter().position(|publication| publication.tag == tag) {
            let Publication { tag, expires_at, .. } = publications.remove(at);
            self.expiries.remove(&(expires_at, account.to_owned(), tag));
        }
        if publications.is_empty() {
            self.accounts.remove(account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn publish(tag: Option<&str>, state: Option<Published>, expires: Duration) -> Publish {
        Publish { tag: tag.map(str::to_owned), state, expires }
    }

    #[test]
    fn state_is_published_changed_refreshed_and_taken_back() {
        let mut all = Publications::new(2);
        let mut say = |now: u64, tag: Option<&str>, state, expires, new: &str| {
            let now = Instant::from_micros(now * 1_000_000);
            all.publish(now, "bob", &publish(tag, state, expires), new.to_owned())
        };
        assert_eq!(say(0, None, None, MINUTE, "a"), Err(Refusal::NoState));
        let first = say(0, None, Some(Published::Away), MINUTE, "a").unwrap();
        assert_eq!(first.changed, Some(Some(Published::Away)));
        assert_eq!(say(1, Some("x"), None, MINUTE, "b"), Err(Refusal::NoSuchTag));
        let refreshed = say(2, Some("a"), None, MINUTE, "b").unwrap();
        assert_eq!((refreshed.tag.as_str(), refreshed.changed), ("b", None));
        assert_eq!(say(3, Some("a"), None, MINUTE, "c"), Err(Refusal::NoSuchTag));
        let changed = say(4, Some("b"), Some(Published::Busy), MINUTE, "c").unwrap();
        assert_eq!(changed.changed, Some(Some(Published::Busy)));
        assert_eq!(say(5, None, Some(Published::Open), MINUTE, "d").unwrap().changed, None);
        assert_eq!(say(5, None, Some(Published::Open), MINUTE, "e"), Err(Refusal::TooMany));
        let gone = say(6, Some("c"), None, Duration::ZERO, "f").unwrap();
        assert_eq!(gone.changed, Some(Some(Published::Open)));
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn what_is_not_refreshed_ends() {
        let mut all = Publications::new(2);
        let away = publish(None, Some(Published::Away), MINUTE);
        all.publish(Instant::ZERO, "bob", &away, "a".into()).unwrap();
        let end = all.next_expiry().unwrap();
        assert_eq!(end, Instant::ZERO + MINUTE);
        assert_eq!(all.expire(end), [("bob".to_owned(), None)]);
        assert!(all.is_empty());
        assert_eq!(all.next_expiry(), None);
    }
}
