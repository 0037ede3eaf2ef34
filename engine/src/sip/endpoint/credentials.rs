//! Proving who we are to a peer that asks (RFC 3261 section 22.2).

use crate::sip::digest::{self, Challenged, Credentials};
use crate::sip::message::{Request, Response};

/// Answers a 401 or 407 once, and a second one only if it says that the nonce was stale
/// (RFC 3261 section 22.2).
pub(super) fn with_credentials(
    request: &mut Request,
    response: &Response,
    credentials: &(String, String),
    challenged: u8,
    cnonce: &str,
) -> bool {
    let (challenge, answer) = match response.status {
        401 => ("WWW-Authenticate", "Authorization"),
        407 => ("Proxy-Authenticate", "Proxy-Authorization"),
        _ => return false,
    };
    let challenges: Vec<_> = response.headers.get_all(challenge).collect();
    let is_stale = || {
        challenges.iter().any(|c| {
            let c = c.to_ascii_lowercase();
            c.contains("stale=true") || c.contains("stale=\"true\"")
        })
    };
    if challenged > 1 || (challenged == 1 && !is_stale()) {
        return false;
    }
    let (user, password) = credentials.clone();
    let uri = request.uri.to_string();
    let asked = Challenged { method: request.method.as_str(), uri: &uri, cnonce, count: 1 };
    match digest::answer(challenges, &Credentials { user, password }, &asked) {
        Some(value) => {
            request.headers.set(answer, value);
            true
        }
        None => false,
    }
}
