//! The registrar (RFC 3261 section 10.3): which devices an account can be reached at.
//!
//! A device is reached on the flow that its REGISTER came on, whatever its Contact says: what
//! stands behind a translator names an address that means nothing here.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::address::{Contacts, NameAddr};
use super::endpoint::{ConnectionId, Flow, Transport};
use super::uri::Uri;
use crate::time::UnixMillis;

/// How long a registration lasts that does not say.
const DEFAULT_EXPIRES: u32 = 3600;

/// One device of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The contact URI, as it was registered.
    pub contact: String,
    /// Preference in thousandths.
    pub q: u16,
    /// When the registration ends.
    pub expires_at: UnixMillis,
    /// The Call-ID of the REGISTER.
    pub call_id: String,
    /// The number of its CSeq.
    pub cseq: u32,
    /// The proxies between (RFC 3327), the nearest first.
    #[serde(default)]
    pub path: Vec<String>,
    /// What the device calls itself.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// Whether the device says that it takes MESSAGEs, if it says.
    #[serde(default)]
    pub takes_text: Option<bool>,
    /// UDP or TCP.
    pub transport: Transport,
    /// Which of our addresses the REGISTER came to.
    pub local: SocketAddr,
    /// Where it came from.
    pub remote: SocketAddr,
    /// On which connection; not kept over a restart, which closes it.
    #[serde(skip)]
    pub connection: Option<ConnectionId>,
}

impl Binding {
    /// Where the device is reached.
    pub fn flow(&self) -> Flow {
        Flow {
            transport: self.transport,
            local: self.local,
            remote: self.remote,
            connection: self.connection,
        }
    }

    fn is(&self, contact: &Uri) -> bool {
        Uri::parse(&self.contact).is_some_and(|uri| uri.equivalent(contact))
    }
}

/// A REGISTER, read.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The contacts.
    pub contacts: Contacts,
    /// The Expires header.
    pub expires: Option<u32>,
    /// The Call-ID.
    pub call_id: String,
    /// The number of the CSeq.
    pub cseq: u32,
    /// The Path headers.
    pub path: Vec<String>,
    /// The User-Agent header.
    pub user_agent: Option<String>,
    /// Whether the device says that it takes MESSAGEs, if it says.
    pub takes_text: Option<bool>,
    /// Where it came from.
    pub flow: Flow,
}

/// What a REGISTER, or time, changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A device is new, or refreshed.
    Registered(Binding),
    /// A device is gone.
    Unregistered(Binding),
}

/// Why a REGISTER is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// 423.
    #[error("the registration is shorter than {0} s: ask for more")]
    TooBrief(u64),
    /// 400.
    #[error("the Contact can't be registered: give a sip: address, or * alone with Expires: 0")]
    BadContact,
    /// 500.
    #[error("the REGISTER is older than one that was answered: raise its CSeq")]
    OutOfOrder,
    /// 403.
    #[error("the account has too many devices: remove one")]
    TooManyDevices,
    /// 503.
    #[error("the registrar is full: try later")]
    Full,
}

/// The bounds of a registrar.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Shorter registrations are refused.
    pub min_expires: Duration,
    /// Longer registrations are shortened.
    pub max_expires: Duration,
    /// Devices an account.
    pub per_account: usize,
    /// Devices in all.
    pub total: usize,
}

/// The devices of all accounts.
#[derive(Debug)]
pub struct Registrar {
    limits: Limits,
    accounts: HashMap<String, Vec<Binding>>,
    expiries: BTreeSet<(UnixMillis, String, String)>,
}

impl Registrar {
    /// A registrar that knows nobody.
    pub fn new(limits: Limits) -> Self {
        Self { limits, accounts: HashMap::new(), expiries: BTreeSet::new() }
    }

    /// The devices of `account`, the preferred first.
    pub fn bindings(&self, account: &str) -> &[Binding] {
        self.accounts.get(account).map_or(&[], Vec::as_slice)
    }

    /// How many devices there are in all.
    pub fn len(&self) -> usize {
        self.expiries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.expiries.is_empty()
    }

    /// When the next registration expires.
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        self.expiries.first().map(|(at, _, _)| *at)
    }

    /// Puts a binding back that was known before a restart.
    pub fn restore(&mut self, account: &str, binding: Binding) {
        if self.len() < self.limits.total && self.bindings(account).len() < self.limits.per_account
        {
            self.put(account, binding);
        }
    }

    /// Carries out a REGISTER: all of it, or none.
    pub fn register(
        &mut self,
        now: UnixMillis,
        account: &str,
        registration: &Registration,
    ) -> Result<Vec<Change>, Refusal> {
        match &registration.contacts {
            Contacts::Star if registration.expires == Some(0) => self.clear(account, registration),
            Contacts::Star => Err(Refusal::BadContact),
            Contacts::List(contacts) => {
                let wanted = self.check(account, contacts, registration)?;
                Ok(self.apply(now, account, wanted, registration))
            }
        }
    }

    fn clear(
        &mut self,
        account: &str,
        registration: &Registration,
    ) -> Result<Vec<Change>, Refusal> {
        let bindings = self.bindings(account).to_vec();
        if bindings.iter().any(|binding| is_stale(binding, registration)) {
            return Err(Refusal::OutOfOrder);
        }
        Ok(bindings
            .into_iter()
            .filter_map(|binding| self.take(account, &binding.contact))
            .map(Change::Unregistered)
            .collect())
    }

    /// The contacts with the seconds that each shall last, once nothing speaks against any.
    fn check<'a>(
        &self,
        account: &str,
        contacts: &'a [NameAddr],
        registration: &Registration,
    ) -> Result<Vec<(&'a NameAddr, u32)>, Refusal> {
        let known = self.bindings(account);
        let (mut wanted, mut added) = (Vec::with_capacity(contacts.len()), 0);
        for contact in contacts {
            let Uri::Sip(_) = &contact.uri else { return Err(Refusal::BadContact) };
            let asked = contact.expires().or(registration.expires).unwrap_or(DEFAULT_EXPIRES);
            if asked != 0 && u64::from(asked) < self.limits.min_expires.as_secs() {
                return Err(Refusal::TooBrief(self.limits.min_expires.as_secs()));
            }
            match known.iter().find(|binding| binding.is(&contact.uri)) {
                Some(binding) if is_stale(binding, registration) => {
                    return Err(Refusal::OutOfOrder);
                }
                Some(_) => {}
                None => added += usize::from(asked != 0),
            }
            let longest = u32::try_from(self.limits.max_expires.as_secs()).unwrap_or(u32::MAX);
            wanted.push((contact, asked.min(longest)));
        }
        if known.len() + added > self.limits.per_account {
            return Err(Refusal::TooManyDevices);
        }
        if self.len() + added > self.limits.total {
            return Err(Refusal::Full);
        }
        Ok(wanted)
    }

    fn apply(
        &mut self,
        now: UnixMillis,
        account: &str,
        wanted: Vec<(&NameAddr, u32)>,
        registration: &Registration,
    ) -> Vec<Change> {
        let mut changes = Vec::with_capacity(wanted.len());
        for (contact, seconds) in wanted {
            let known = self.bindings(account).iter().find(|b| b.is(&contact.uri));
            let known = known.map(|binding| binding.contact.clone());
            let before = known.and_then(|known| self.take(account, &known));
            if seconds == 0 {
                changes.extend(before.map(Change::Unregistered));
                continue;
            }
            let binding = Binding {
                contact: contact.uri.to_string(),
                q: contact.q(),
                expires_at: now.after(Duration::from_secs(seconds.into())),
                call_id: registration.call_id.clone(),
                cseq: registration.cseq,
                path: registration.path.clone(),
                user_agent: registration.user_agent.clone(),
                takes_text: registration.takes_text,
                transport: registration.flow.transport,
                local: registration.flow.local,
                remote: registration.flow.remote,
                connection: registration.flow.connection,
            };
            self.put(account, binding.clone());
            changes.push(Change::Registered(binding));
        }
        changes
    }

    /// The wall clock was set by so many milliseconds: what is registered lasts as long as before.
    pub fn clock_was_set(&mut self, by: i64) {
        let moved = |at: UnixMillis| UnixMillis(at.0.saturating_add(by));
        for binding in self.accounts.values_mut().flatten() {
            binding.expires_at = moved(binding.expires_at);
        }
        let expiries = std::mem::take(&mut self.expiries);
        self.expiries.extend(
            expiries.into_iter().map(|(at, account, contact)| (moved(at), account, contact)),
        );
    }

    /// Removes what has expired.
    pub fn expire(&mut self, now: UnixMillis) -> Vec<(String, Binding)> {
        let mut gone = Vec::new();
        while let Some((at, account, contact)) = self.expiries.first().cloned() {
            if at > now {
                break;
            }
            self.expiries.pop_first();
            if let Some(binding) = self.take(&account, &contact) {
                gone.push((account, binding));
            }
        }
        gone
    }

    /// Removes the devices of every account that is not to be kept.
    pub fn keep_accounts(&mut self, keep: impl Fn(&str) -> bool) -> Vec<(String, Binding)> {
        let gone: Vec<(String, String)> = self
            .expiries
            .iter()
            .filter(|(_, account, _)| !keep(account))
            .map(|(_, account, contact)| (account.clone(), contact.clone()))
            .collect();
        gone.into_iter()
            .filter_map(|(account, contact)| {
                let binding = self.take(&account, &contact)?;
                Some((account, binding))
            })
            .collect()
    }

    fn put(&mut self, account: &str, binding: Binding) {
        self.take(account, &binding.contact);
        self.expiries.insert((binding.expires_at, account.to_owned(), binding.contact.clone()));
        let bindings = self.accounts.entry(account.to_owned()).or_default();
        bindings.push(binding);
        bindings.sort_by_key(|binding| std::cmp::Reverse(binding.q));
    }

    fn take(&mut self, account: &str, contact: &str) -> Option<Binding> {
        let bindings = self.accounts.get_mut(account)?;
        let at = bindings.iter().position(|binding| binding.contact == contact)?;
        let binding = bindings.remove(at);
        if bindings.is_empty() {
            self.accounts.remove(account);
        }
        self.expiries.remove(&(binding.expires_at, account.to_owned(), contact.to_owned()));
        Some(binding)
    }
}

/// Whether the same registering client has been heard with this number or a later one.
fn is_stale(binding: &Binding, registration: &Registration) -> bool {
    binding.call_id == registration.call_id && registration.cseq <= binding.cseq
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registrar() -> Registrar {
        Registrar::new(Limits {
            min_expires: Duration::from_secs(30),
            max_expires: Duration::from_secs(600),
            per_account: 2,
            total: 3,
        })
    }

    fn registration(contacts: &[&str], expires: Option<u32>, cseq: u32) -> Registration {
        let list = contacts.iter().map(|c| NameAddr::parse(c).unwrap()).collect();
        Registration {
            contacts: Contacts::List(list),
            expires,
            call_id: "c".into(),
            cseq,
            path: Vec::new(),
            user_agent: None,
            takes_text: None,
            flow: Flow {
                transport: Transport::Udp,
                local: ([192, 0, 2, 1], 5060).into(),
                remote: ([198, 51, 100, 1], 40000).into(),
                connection: None,
            },
        }
    }

    #[test]
    fn devices_come_refresh_and_expire() {
        let mut registrar = registrar();
        let now = UnixMillis(0);
        let first = registration(&["<sip:a@10.0.0.1>;q=0.1", "<sip:a@10.0.0.2>"], Some(60), 1);
        assert_eq!(registrar.register(now, "alice", &first).unwrap().len(), 2);
        assert_eq!(registrar.bindings("alice")[0].contact, "sip:a@10.0.0.2");
        assert_eq!(registrar.register(now, "alice", &first), Err(Refusal::OutOfOrder));
        let again = registration(&["<sip:a@10.0.0.1>"], Some(9999), 2);
        registrar.register(now, "alice", &again).unwrap();
        assert_eq!(registrar.next_expiry(), Some(UnixMillis(60_000)));
        assert_eq!(registrar.expire(UnixMillis(60_000)).len(), 1);
        assert_eq!(registrar.next_expiry(), Some(UnixMillis(600_000)));
        assert_eq!(registrar.expire(UnixMillis(600_000)).len(), 1);
        assert!(registrar.is_empty());
    }

    #[test]
    fn a_refused_register_changes_nothing() {
        let mut registrar = registrar();
        let now = UnixMillis(0);
        for (contacts, expires, refusal) in [
            (vec!["<sip:a@10.0.0.1>", "<sip:a@10.0.0.2>;expires=5"], 60, Refusal::TooBrief(30)),
            (vec!["<sip:a@10.0.0.1>", "<mailto:a@b>"], 60, Refusal::BadContact),
            (vec!["<sip:a@h1>", "<sip:a@h2>", "<sip:a@h3>"], 60, Refusal::TooManyDevices),
        ] {
            let wanted = registration(&contacts, Some(expires), 1);
            assert_eq!(registrar.register(now, "alice", &wanted), Err(refusal));
            assert!(registrar.is_empty());
        }
    }

    #[test]
    fn a_star_removes_all_and_needs_expires_zero() {
        let mut registrar = registrar();
        let now = UnixMillis(0);
        registrar.register(now, "alice", &registration(&["<sip:a@h1>"], None, 1)).unwrap();
        let mut star = registration(&[], Some(60), 2);
        star.contacts = Contacts::Star;
        assert_eq!(registrar.register(now, "alice", &star), Err(Refusal::BadContact));
        star.expires = Some(0);
        assert_eq!(registrar.register(now, "alice", &star).unwrap().len(), 1);
        assert!(registrar.is_empty());
    }
}
