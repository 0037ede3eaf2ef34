//! Where a request comes from: the peer, or whom the peer names if it is one of the operator's
//! proxies (`[web] trusted_proxies`).
//!
//! A list of hops (RFC 7239 `Forwarded`, or `X-Forwarded-For`) grows to the right, so it is read
//! from the right, as long as the hop that wrote an entry is trusted: what stands further left was
//! written by strangers, who write what they like. Of a proxy that lets both headers through, one
//! of which it did not write, neither is believed where they differ.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use ipnet::IpNet;

use super::WebState;
use super::error::ApiError;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The most hops that are looked at; there are never so many.
const MOST_HOPS: usize = 32;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Whether it spoke TLS to a trusted proxy.
    pub https: bool,
}

impl Client {
    /// Who sent a request.
    ///
    /// # Errors
    /// [`ApiError::Internal`] where the connection has no address.
    pub fn of(request: &HttpRequest, state: &WebState) -> Result<Self, ApiError> {
        let peer = request.peer_addr().ok_or(ApiError::Internal)?.ip().to_canonical();
        Ok(behind(peer, request.headers(), &state.config.trusted_proxies))
    }
}

/// One entry of a list of hops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hop {
    /// For whom it was forwarded; `None` where that is hidden or can't be read.
    from: Option<IpAddr>,
    https: Option<bool>,
}

fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Client {
    let nobody = Client { address: peer, https: false };
    if !is_trusted(peer, trusted) {
        return nobody;
    }
    let standard = Hops::standard(headers).map(|hops| hops.client(peer, trusted));
    let usual = Hops::usual(headers).map(|hops| hops.client(peer, trusted));
    match (standard, usual) {
        (None, None) => Client { https: says_https(headers), ..nobody },
        (Some(client), None) | (None, Some(client)) => client,
        (Some(one), Some(other)) if one.address == other.address => one,
        (Some(_), Some(_)) => nobody,
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// What the nearest proxy says in X-Forwarded-Proto: the last word of it.
fn says_https(headers: &HeaderMap) -> bool {
    let last = headers.get_all(X_FORWARDED_PROTO).last().and_then(|value| value.to_str().ok());
    let last = last.and_then(|value| value.rsplit(',').next());
    last.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// The hops, the nearest first.
struct Hops(Vec<Hop>);

impl Hops {
    /// Of `Forwarded`.
    fn standard(headers: &HeaderMap) -> Option<Self> {
        let mut hops = Vec::new();
        for value in headers.get_all(FORWARDED) {
            hops.extend(split(value.to_str().unwrap_or_default(), ',').map(element));
        }
        Self::nearest_first(hops)
    }

    /// Of `X-Forwarded-For`.
    fn usual(headers: &HeaderMap) -> Option<Self> {
        let mut hops = Vec::new();
        for value in headers.get_all(X_FORWARDED_FOR) {
            let entries = value.to_str().unwrap_or_default().split(',');
            hops.extend(entries.map(|entry| Hop { from: address(entry.trim()), https: None }));
        }
        let mut hops = Self::nearest_first(hops)?;
        if let Some(nearest) = hops.0.first_mut() {
            nearest.https = Some(says_https(headers));
        }
        Some(hops)
    }

    fn nearest_first(hops: Vec<Hop>) -> Option<Self> {
        let hops: Vec<Hop> = hops.into_iter().rev().take(MOST_HOPS).collect();
        (!hops.is_empty()).then_some(Self(hops))
    }

    /// The first whom no trusted hop stands for; the last known one where they hide.
    fn client(&self, peer: IpAddr, trusted: &[IpNet]) -> Client {
        // What the client spoke is what the outermost trusted proxy says of it.
        let mut client = Client { address: peer, https: false };
        for hop in &self.0 {
            client.https = hop.https.unwrap_or(client.https);
            let Some(from) = hop.from else { return client };
            client.address = from;
            if !is_trusted(from, trusted) {
                return client;
            }
        }
        client
    }
}

/// One element of `Forwarded`: `for=192.0.2.60;proto=https`.
fn element(text: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in split(text, ';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.from = address(value),
            "proto" => hop.https = Some(value.eq_ignore_ascii_case("https")),
            _ => {}
        }
    }
    hop
}

/// The parts between separators that stand in no quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// An address with or without a port, an IPv6 one perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let found: Option<IpAddr> = text.parse().ok().or_else(bare).or_else(with_port);
    found.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(peer: &str, lines: &[(&str, &str)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
        let client = behind(peer.parse().unwrap(), &headers, &trusted);
        (client.address.to_string(), client.https)
    }

    #[test]
    fn strangers_are_believed_nothing() {
        let lines = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1;proto=https")];
        assert_eq!(of("203.0.113.9", &lines), ("203.0.113.9".into(), false));
        assert!(!of("203.0.113.9", &[("x-forwarded-proto", "https")]).1);
        // What a stranger sent stands left of what our proxy wrote.
        let spoofed = [("x-forwarded-for", "192.0.2.1, 203.0.113.9")];
        assert_eq!(of("127.0.0.1", &spoofed).0, "203.0.113.9");
        let spoofed = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(of("127.0.0.1", &spoofed).0, "203.0.113.9");
        // Nor that they are one of ours themselves.
        let spoofed = [("x-forwarded-for", "192.0.2.1, 10.0.0.7, 203.0.113.9, 10.1.1.1")];
        assert_eq!(of("127.0.0.1", &spoofed).0, "203.0.113.9");
        // A header that the proxy let through is no better than the one that it wrote.
        let both = [("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(of("127.0.0.1", &both).0, "127.0.0.1");
    }

    #[test]
    fn trusted_proxies_say_who_is_behind_them() {
        let one = |header: &str, value: &str| of("127.0.0.1", &[(header, value)]).0;
        assert_eq!(one("x-forwarded-for", "203.0.113.9"), "203.0.113.9");
        assert_eq!(one("x-forwarded-for", "203.0.113.9:4711, 10.0.0.3"), "203.0.113.9");
        assert_eq!(one("x-forwarded-for", "2001:db8::7"), "2001:db8::7");
        assert_eq!(one("x-forwarded-for", "::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(one("forwarded", "For=\"[2001:db8::7]:4711\";proto=http"), "2001:db8::7");
        assert_eq!(one("forwarded", "for=192.0.2.1, for=203.0.113.9;by=10.0.0.1"), "203.0.113.9");
        assert_eq!(one("forwarded", "for=\"a,b\", for=203.0.113.9"), "203.0.113.9");
        // Who hides is the proxy that hides them.
        assert_eq!(one("forwarded", "for=192.0.2.1, for=_hidden"), "127.0.0.1");
        assert_eq!(one("x-forwarded-for", "192.0.2.1, unknown, 10.0.0.3"), "10.0.0.3");
        assert_eq!(one("x-forwarded-for", ""), "127.0.0.1");
        // All of them ours: the farthest.
        assert_eq!(one("x-forwarded-for", "10.0.0.9, 10.0.0.3"), "10.0.0.9");
        assert_eq!(of("127.0.0.1", &[]).0, "127.0.0.1");
    }

    #[test]
    fn the_scheme_is_what_a_trusted_proxy_says() {
        let https = |lines: &[(&str, &str)]| of("10.0.0.1", lines).1;
        assert!(https(&[("x-forwarded-proto", "https")]));
        assert!(https(&[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http, HTTPS")]));
        assert!(https(&[("forwarded", "for=203.0.113.9;proto=https")]));
        assert!(!https(&[("forwarded", "for=192.0.2.1;proto=https, for=203.0.113.9;proto=http")]));
        assert!(!https(&[("x-forwarded-proto", "https, http")]));
        assert!(!https(&[]));
    }
}
