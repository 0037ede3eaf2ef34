//! URIs as SIP uses them: `sip:`, `sips:` (RFC 3261 section 19.1), `tel:` (RFC 3966) and,
//! unread, every other scheme.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::escape::{escape_user, normal, unescape};
use super::params::Params;

/// A URI. `Display` gives back what can be put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// `tel:`: a telephone number.
    Tel {
        /// The number as it was written, separators and all.
        number: String,
        /// `;phone-context` and the like.
        params: Params,
    },
    /// Any other scheme, as it was written.
    Other(String),
}

/// A `sip:` or `sips:` URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipUri {
    /// Whether the scheme is `sips`.
    pub secure: bool,
    /// The user part as it was written, escapes included; see [`SipUri::user`].
    pub user: Option<String>,
    /// The password, which nobody should use.
    pub password: Option<String>,
    /// The host.
    pub host: Host,
    /// The port, if one is named.
    pub port: Option<u16>,
    /// `;transport=tcp` and the like.
    pub params: Params,
    /// What follows the question mark, as it was written.
    pub headers: Option<String>,
}

/// A host: a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets on the wire.
    V6(Ipv6Addr),
}

impl Uri {
    /// Reads a whole URI. `None` where the grammar of its scheme, or of URIs, is broken.
    pub fn parse(s: &str) -> Option<Self> {
        let forbidden =
            |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"');
        if s.contains(forbidden) {
            return None;
        }
        let (scheme, rest) = s.split_once(':')?;
        if rest.is_empty() || !is_scheme(scheme) {
            return None;
        }
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => SipUri::parse(false, rest).map(Self::Sip),
            "sips" => SipUri::parse(true, rest).map(Self::Sip),
            "tel" => {
                let (number, params) = split_params(rest);
                let digits =
                    number.bytes().any(|b| b.is_ascii_hexdigit() || b == b'*' || b == b'#');
                digits
                    .then(|| Params::parse(params))?
                    .map(|params| Self::Tel { number: number.to_owned(), params })
            }
            _ => Some(Self::Other(s.to_owned())),
        }
    }

    /// `sip:user@host`, with what the user part may not hold escaped.
    pub fn sip(user: &str, host: Host, port: Option<u16>) -> Self {
        Self::Sip(SipUri::new(user, host, port))
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> Cow<'_, str> {
        match self {
            Self::Sip(uri) => Cow::Borrowed(if uri.secure { "sips" } else { "sip" }),
            Self::Tel { .. } => Cow::Borrowed("tel"),
            Self::Other(s) => s.split(':').next().unwrap_or_default().to_ascii_lowercase().into(),
        }
    }

    /// The `sip:` or `sips:` URI, if it is one.
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel { .. } | Self::Other(_) => None,
        }
    }

    /// Whom the URI names: the unescaped user part, or the number without its separators.
    pub fn user(&self) -> Option<String> {
        match self {
            Self::Sip(uri) => uri.user(),
            Self::Tel { number, .. } => Some(digits_of(number)),
            Self::Other(_) => None,
        }
    }

    /// Whether both name the same resource (RFC 3261 section 19.1.4, RFC 3966 section 4).
    pub fn equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sip(a), Self::Sip(b)) => a.equivalent(b),
            (Self::Tel { number: a, params: p }, Self::Tel { number: b, params: q }) => {
                digits_of(a).eq_ignore_ascii_case(&digits_of(b))
                    && includes(p, q, false)
                    && includes(q, p, false)
            }
            (Self::Other(a), Self::Other(b)) => a == b,
            (Self::Sip(_) | Self::Tel { .. } | Self::Other(_), _) => false,
        }
    }
}

impl SipUri {
    /// `sip:user@host`, with what the user part may not hold escaped.
    pub fn new(user: &str, host: Host, port: Option<u16>) -> Self {
        let user = (!user.is_empty()).then(|| escape_user(user));
        Self {
            secure: false,
            user,
            password: None,
            host,
            port,
            params: Params::new(),
            headers: None,
        }
    }

    fn parse(secure: bool, rest: &str) -> Option<Self> {
        // Neither parameters nor headers may hold an unescaped `@`, but a user part may hold
        // `;` and `?`: so the user part is found first.
        let (userinfo, rest) = match rest.split_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (user, password) = match userinfo {
            Some(userinfo) => {
                let (user, password) = match userinfo.split_once(':') {
                    Some((user, password)) => (user, Some(password.to_owned())),
                    None => (userinfo, None),
                };
                if user.is_empty() {
                    return None;
                }
                (Some(user.to_owned()), password)
            }
            None => (None, None),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (hostport, params) = split_params(rest);
        let (host, port) = Host::parse_with_port(hostport)?;
        Some(Self { secure, user, password, host, port, params: Params::parse(params)?, headers })
    }

    /// The user part with its escapes undone.
    pub fn user(&self) -> Option<String> {
        self.user.as_deref().map(unescape)
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&str> {
        self.params.get("transport")
    }

    /// Whether both name the same resource (RFC 3261 section 19.1.4).
    pub fn equivalent(&self, other: &Self) -> bool {
        self.secure == other.secure
            && self.user.as_deref().map(normal) == other.user.as_deref().map(normal)
            && self.password.as_deref().map(normal) == other.password.as_deref().map(normal)
            && self.host.same(&other.host)
            && self.port == other.port
            && includes(&self.params, &other.params, true)
            && includes(&other.params, &self.params, true)
            && sorted_headers(self.headers.as_deref()) == sorted_headers(other.headers.as_deref())
    }
}

impl Host {
    /// Reads a host: `[2001:db8::1]`, `192.0.2.1` or a name.
    pub fn parse(s: &str) -> Option<Self> {
        if let Some(inner) = s.strip_prefix('[') {
            return inner.strip_suffix(']')?.parse().ok().map(Self::V6);
        }
        if let Ok(v4) = s.parse() {
            return Some(Self::V4(v4));
        }
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        (!s.is_empty() && s.bytes().all(legal)).then(|| Self::Name(s.to_owned()))
    }

    /// Reads `host` or `host:port`, with the spaces around the colon that Via allows.
    pub fn parse_with_port(s: &str) -> Option<(Self, Option<u16>)> {
        let s = s.trim();
        let colon = match s.find(']') {
            Some(bracket) => s[bracket..].find(':').map(|at| bracket + at),
            None => s.find(':'),
        };
        let Some(colon) = colon else { return Some((Self::parse(s)?, None)) };
        let port = s[colon + 1..].trim();
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some((Self::parse(s[..colon].trim_end())?, Some(port.parse().ok()?)))
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(v4) => Some(IpAddr::V4(*v4)),
            Self::V6(v6) => Some(IpAddr::V6(*v6)),
        }
    }

    /// Whether both are the same host: names without regard to case.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::Name(_) | Self::V4(_) | Self::V6(_), _) => self == other,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => Self::V6(v6),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Tel { number, params } => write!(f, "tel:{number}{params}"),
            Self::Other(s) => f.write_str(s),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        self.host.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)?;
        if let Some(headers) = &self.headers {
            write!(f, "?{headers}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(v4) => v4.fmt(f),
            Self::V6(v6) => write!(f, "[{v6}]"),
        }
    }
}

fn is_scheme(s: &str) -> bool {
    s.starts_with(|c: char| c.is_ascii_alphabetic())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn split_params(s: &str) -> (&str, &str) {
    match s.find(';') {
        Some(at) => s.split_at(at),
        None => (s, ""),
    }
}

/// The number without visual separators (RFC 3966 section 3).
fn digits_of(number: &str) -> String {
    number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect()
}

/// Whether every parameter of `a` agrees with `b`. Those that change where a SIP request goes
/// have to be in both; a `tel:` URI has no others.
fn includes(a: &Params, b: &Params, sip: bool) -> bool {
    a.iter().all(|(name, value)| match b.get(name) {
        Some(other) => normal(value.unwrap_or_default()).eq_ignore_ascii_case(&normal(other)),
        None => {
            sip && !["user", "ttl", "method", "maddr", "transport"]
                .iter()
                .any(|decisive| decisive.eq_ignore_ascii_case(name))
        }
    })
}

fn sorted_headers(headers: Option<&str>) -> Vec<String> {
    let mut list: Vec<_> = headers
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{}={}", name.to_ascii_lowercase(), normal(value)),
            None => pair.to_ascii_lowercase(),
        })
        .collect();
    list.sort();
    list
}

/// Reads a URI that may be followed by header parameters: up to the first semicolon.
pub(super) fn parse_addr_spec(s: &str) -> Option<(Uri, &str)> {
    let (uri, params) = split_params(s);
    let uri = uri.trim_end();
    // RFC 3261 section 20: a URI with a question mark has to stand in angle brackets.
    if uri.contains(['?', ',']) {
        return None;
    }
    Uri::parse(uri).map(|uri| (uri, params))
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
