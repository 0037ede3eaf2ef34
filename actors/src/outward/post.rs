//! A bounded POST to an address that a user chose.
//!
//! Whoever has an account could else have this server speak to machines that only it can reach,
//! so private addresses are refused after the name was looked up, and that very address is then
//! connected to. No redirect is followed, certificates are checked against Mozilla's roots, the
//! answer's body is never read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::{Host, Url};

/// How many are sent at once; further ones wait.
const MOST_AT_ONCE: usize = 48;
/// How long one may take, and wait for its turn.
const WITHIN: Duration = Duration::from_secs(10);
/// The longest address.
const LONGEST_URL: usize = 1024;
/// A service that asks us to wait is not waited for longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What is sent.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// Header fields beside those of HTTP itself.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why it was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// We don't speak to this address.
    #[error("{0}")]
    Refused(&'static str),
    /// Anything but 2xx.
    #[error("it answered with status {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The time is over.
    #[error("it did not answer in time")]
    Timeout,
    /// It can't be reached, its certificate is not believed, or it does not speak HTTP.
    #[error("it can't be reached, or its certificate is not valid")]
    Failed,
}

impl PostError {
    /// Whether another attempt is in vain. 408 and 429 are for the moment; so is whatever the
    /// network does.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Status { status, .. } => {
                !(*status >= 500 || *status == 408 || *status == 425 || *status == 429)
            }
            Self::Timeout | Self::Failed => false,
        }
    }

    /// How long it asks us to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Refused(_) | Self::Timeout | Self::Failed => None,
        }
    }
}

/// The label under which metrics count an outcome: ok, refused, status, timeout, failed.
pub const fn label(outcome: &Result<(), PostError>) -> &'static str {
    match outcome {
        Ok(()) => "ok",
        Err(PostError::Refused(_)) => "refused",
        Err(PostError::Status { .. }) => "status",
        Err(PostError::Timeout) => "timeout",
        Err(PostError::Failed) => "failed",
    }
}

/// Posts. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Poster {
    agent: ureq::Agent,
    places: Arc<Semaphore>,
    private: bool,
}

impl Poster {
    /// One that speaks to private addresses too, and there without TLS, if `private`.
    pub fn new(private: bool) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("hark/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .build();
        let resolver = Guard { names: DefaultResolver::default(), private };
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), resolver);
        Self { agent, places: Arc::new(Semaphore::new(MOST_AT_ONCE)), private }
    }

    /// What is wrong with an address, as far as it shows; the URL if nothing is.
    ///
    /// # Errors
    /// [`PostError::Refused`].
    pub fn check(&self, url: &str) -> Result<Url, PostError> {
        if url.len() > LONGEST_URL || !url.chars().all(|c| c.is_ascii_graphic()) {
            return Err(PostError::Refused("the address is too long, or not ASCII"));
        }
        let url = Url::parse(url).map_err(|_| PostError::Refused("the address is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PostError::Refused("the address must not hold a password"));
        }
        match (url.scheme(), self.private) {
            ("https", _) | ("http", true) => {}
            _ => return Err(PostError::Refused("the address must begin with https://")),
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err(PostError::Refused("the address names no host")),
        };
        match literal {
            Some(ip) if !allowed(ip, url.scheme() == "https", self.private) => Err(PRIVATE),
            Some(_) | None => Ok(url),
        }
    }

    /// Sends it. `Ok` is any 2xx.
    ///
    /// # Errors
    /// [`PostError`].
    pub async fn post(&self, post: Post) -> Result<(), PostError> {
        self.check(&post.url)?;
        let sending = async {
            let place = Arc::clone(&self.places).acquire_owned().await;
            let place = place.map_err(|_| PostError::Failed)?;
            let agent = self.agent.clone();
            let sent = tokio::task::spawn_blocking(move || {
                // Held as long as the thread is busy, also when nobody waits any more.
                let _place = place;
                send(&agent, &post)
            });
            sent.await.unwrap_or(Err(PostError::Failed))
        };
        tokio::time::timeout(WITHIN * 2, sending).await.unwrap_or(Err(PostError::Timeout))
    }
}

fn send(agent: &ureq::Agent, post: &Post) -> Result<(), PostError> {
    let mut request = agent.post(&post.url).config().timeout_global(Some(WITHIN)).build();
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let response = request.send(&post.body[..]).map_err(failed)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|v| v.to_str().ok()?.trim().parse().ok());
    let retry_after = retry_after.map(|s| Duration::from_secs(s).min(LONGEST_RETRY_AFTER));
    Err(PostError::Status { status: status.as_u16(), retry_after })
}

fn failed(error: ureq::Error) -> PostError {
    match error {
        ureq::Error::Timeout(_) => PostError::Timeout,
        ureq::Error::Other(other) if other.is::<PostError>() => PRIVATE,
        error => {
            // Whom it was sent to may be secret; what went wrong is not.
            tracing::debug!(%error, "a post's exchange");
            PostError::Failed
        }
    }
}

const PRIVATE: PostError =
    PostError::Refused("the address is a private one: set outward.private_networks to allow it");

/// Looks names up, and leaves out what we must not speak to.
#[derive(Debug)]
struct Guard {
    names: DefaultResolver,
    private: bool,
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let tls = uri.scheme_str() == Some("https");
        let mut kept = self.empty();
        for address in found.iter().filter(|a| allowed(a.ip(), tls, self.private)) {
            kept.push(*address);
        }
        if kept.is_empty() { Err(ureq::Error::Other(Box::new(PRIVATE))) } else { Ok(kept) }
    }
}

/// Public addresses over TLS; with `private`, private ones too, with and without it.
fn allowed(ip: IpAddr, tls: bool, private: bool) -> bool {
    if is_public(ip) { tls } else { private }
}

/// Whether an address is one of the public Internet (the registries of RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

const fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers (RFC 6598), for protocols (RFC 6890), for benchmarks (RFC 2544).
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18))
}

const fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // What a NAT64 (RFC 6052) or 6to4 (RFC 3056) turns into an IPv4 address is judged as one.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Teredo, ORCHID, benchmarks (2001::/23) and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_dress() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
        ] {
            assert!(!public(private), "{private}");
        }
        for known in
            ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2001:4860::1", "64:ff9b::808:808"]
        {
            assert!(public(known), "{known}");
        }
    }

    #[test]
    fn addresses_are_judged_before_they_are_asked() {
        let poster = Poster::new(false);
        let refused = |url: &str| matches!(poster.check(url), Err(PostError::Refused(_)));
        for url in [
            "http://example.org/",
            "ftp://example.org/",
            "https://user:pw@example.org/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://",
            "nonsense",
            "https://example.org/ü",
            "https://169.254.169.254/latest",
        ] {
            assert!(refused(url), "{url}");
        }
        assert!(!refused("https://example.org/hook?x=1"));
        let open = Poster::new(true);
        assert!(open.check("http://127.0.0.1:8080/hook").is_ok());
        assert!(matches!(open.check("http://1.1.1.1/"), Err(PostError::Refused(_))));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_refused() {
        // `localhost` passes the check of the URL and is caught when it is looked up.
        let post = Post { url: "https://localhost:9/".into(), headers: vec![], body: vec![] };
        assert_eq!(Poster::new(false).post(post).await, Err(PRIVATE));
    }

    #[test]
    fn what_is_for_the_moment_is_told_from_what_is_for_ever() {
        let status = |status| PostError::Status { status, retry_after: None }.is_permanent();
        assert!(status(400) && status(404) && status(410) && status(301));
        assert!(!status(500) && !status(503) && !status(429) && !status(408));
        assert!(PRIVATE.is_permanent() && !PostError::Timeout.is_permanent());
    }
}
