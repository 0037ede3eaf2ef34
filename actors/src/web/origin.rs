//! Whether a request that changes something comes from our own pages.
//!
//! A browser names the page's origin on every such request and on every WebSocket handshake, and
//! no page can forge it. SameSite=Strict keeps the cookie away from foreign sites already; this
//! is the second lock, and the only one for the WebSocket in browsers that send it cookies.

use actix_web::HttpRequest;
use actix_web::http::{Method, header};

use super::error::ApiError;

/// Refuses a request that changes something and whose Origin is not ours.
///
/// # Errors
/// [`ApiError::ForeignOrigin`].
pub fn check_mutating(request: &HttpRequest, public_url: Option<&str>) -> Result<(), ApiError> {
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => Ok(()),
        _ => check(request, public_url),
    }
}

/// Refuses a request whose Origin is missing or not ours.
///
/// # Errors
/// [`ApiError::ForeignOrigin`].
pub fn check(request: &HttpRequest, public_url: Option<&str>) -> Result<(), ApiError> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let ours =
        text(header::ORIGIN).is_some_and(|origin| is_ours(origin, text(header::HOST), public_url));
    if ours { Ok(()) } else { Err(ApiError::ForeignOrigin) }
}

/// Whether `origin` is the host that was asked, or the configured public address.
fn is_ours(origin: &str, host: Option<&str>, public_url: Option<&str>) -> bool {
    let Some((scheme, authority)) = split(origin) else { return false };
    let is_host = host.is_some_and(|host| same_authority(scheme, authority, host));
    let is_public = public_url.and_then(split).is_some_and(|(s, a)| {
        s.eq_ignore_ascii_case(scheme) && same_authority(scheme, authority, a)
    });
    is_host || is_public
}

/// Scheme and authority of an http(s) URL. `null` and other schemes have none.
fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    (known && !authority.is_empty()).then_some((scheme, authority))
}

/// Whether two authorities are one, a scheme's own port left out or not.
fn same_authority(scheme: &str, a: &str, b: &str) -> bool {
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |s: &str| s.strip_suffix(port).unwrap_or(s).to_ascii_lowercase();
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_host_and_the_public_address_pass() {
        let host = Some("localhost:8080");
        assert!(is_ours("http://localhost:8080", host, None));
        assert!(is_ours("HTTP://LOCALHOST:8080", host, None));
        assert!(is_ours("https://hark.example", host, Some("https://hark.example/")));
        assert!(is_ours("https://hark.example", Some("hark.example:443"), None));
    }

    #[test]
    fn everything_else_is_foreign() {
        let host = Some("localhost:8080");
        assert!(!is_ours("http://localhost:8081", host, None));
        assert!(!is_ours("http://localhost:8080.evil.example", host, None));
        assert!(!is_ours("null", host, None));
        assert!(!is_ours("file://localhost:8080", host, None));
        assert!(!is_ours("http://hark.example", host, Some("https://hark.example")));
        assert!(!is_ours("http://", Some(""), None));
        assert!(!is_ours("http://localhost:8080", None, None));
    }
}
