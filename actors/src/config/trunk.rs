//! `[[trunk]]`: a carrier, over which numbers are called and from which calls come in.

use std::fmt;
use std::net::IpAddr;

use hark_engine::sip::uri::{SipUri, Uri};
use serde::Deserialize;

/// One trunk.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// How dialplans name it. Letters, digits, `-` and `_`.
    pub name: String,
    /// Where calls are sent: `sip:HOST`, `sip:HOST:PORT`, with `;transport=tcp` if need be.
    pub address: TrunkAddress,
    /// The user by which the carrier knows us, if it asks; also who is shown as calling.
    #[serde(default)]
    pub user: Option<String>,
    /// The password for it.
    #[serde(default)]
    pub password: Option<String>,
    /// The addresses from which its calls come in. They need no password.
    #[serde(default)]
    pub from: Vec<IpAddr>,
    /// The most calls at once that we make over it (0-10000).
    #[serde(default = "default_max_calls")]
    pub max_calls: usize,
    /// The most calls that we make over it in any hour (0-100000).
    #[serde(default = "default_calls_per_hour")]
    pub calls_per_hour: usize,
}

const fn default_max_calls() -> usize {
    10
}

const fn default_calls_per_hour() -> usize {
    100
}

impl fmt::Debug for Trunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password is nobody's business.
        f.debug_struct("Trunk").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Trunk {
    /// What is wrong with it: the key, its value, and which values are allowed.
    pub(super) fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(1..=32).contains(&self.name.len()) || !self.name.chars().all(named) {
            let allowed = "allowed are 1 to 32 letters, digits, - and _";
            return Err(("trunk.name", format!("{:?}", self.name), allowed));
        }
        if self.max_calls > 10_000 {
            return Err(("trunk.max_calls", self.max_calls.to_string(), "allowed are 0 to 10000"));
        }
        if self.calls_per_hour > 100_000 {
            let value = self.calls_per_hour.to_string();
            return Err(("trunk.calls_per_hour", value, "allowed are 0 to 100000"));
        }
        if self.password.is_some() && self.user.is_none() {
            return Err(("trunk.user", "none".into(), "a password needs a user to go with it"));
        }
        Ok(())
    }
}

/// Where a trunk's calls go: a `sip:` URI without a user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TrunkAddress(SipUri);

impl TrunkAddress {
    /// The host and port, and the parameters that say how to get there.
    pub const fn uri(&self) -> &SipUri {
        &self.0
    }
}

impl TryFrom<String> for TrunkAddress {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match Uri::parse(&text) {
            Some(Uri::Sip(uri)) if !uri.secure && uri.user.is_none() && uri.headers.is_none() => {
                Ok(Self(uri))
            }
            Some(Uri::Sip(_) | Uri::Tel { .. } | Uri::Other(_)) | None => {
                Err(format!("'{text}' should look like sip:carrier.example:5060"))
            }
        }
    }
}
