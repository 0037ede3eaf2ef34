//! Who somebody is (RFC 3261 section 22). Known and unknown users get the same answers after
//! the same work, and whoever guesses too often is not listened to.

use std::time::Duration;

use super::Endpoint;
use super::flow::Flow;
use crate::sip::digest::{self, Claim, Verdict};
use crate::sip::message::{Request, Response};
use crate::sip::nonce::Nonces;
use crate::time::Instant;

/// How long a nonce is good for; after that a phone is told that it is stale and goes on.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);

/// Which pair of header fields carries the challenge and its answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// 401: by the registrar.
    AsServer,
    /// 407: of a caller.
    AsProxy,
}

impl Asked {
    const fn status(self) -> u16 {
        match self {
            Self::AsServer => 401,
            Self::AsProxy => 407,
        }
    }

    const fn challenge(self) -> &'static str {
        match self {
            Self::AsServer => "WWW-Authenticate",
            Self::AsProxy => "Proxy-Authenticate",
        }
    }

    const fn answer(self) -> &'static str {
        match self {
            Self::AsServer => "Authorization",
            Self::AsProxy => "Proxy-Authorization",
        }
    }
}

pub(super) fn nonces(secret: [u8; 32]) -> Nonces {
    Nonces::new(secret, NONCE_LIFETIME)
}

impl Endpoint {
    /// The account whose password the sender knows, or the response that is due instead.
    pub(super) fn authenticate(
        &mut self,
        now: Instant,
        request: &Request,
        source: Flow,
        asked: Asked,
    ) -> Result<String, Response> {
        let ip = source.remote.ip();
        let wall = self.wall(now);
        for authorization in request.headers.get_all(asked.answer()) {
            if self.auth_failures.check(now, &ip).is_err() {
                self.count("auth_throttled");
                return Err(self.response(request, 403));
            }
            let claim = Claim {
                authorization,
                realm: &self.config.realm,
                method: request.method.as_str(),
                body: &request.body,
            };
            let accounts = &self.accounts;
            match digest::verify(&claim, &mut self.nonces, wall, |user| accounts.get(user)) {
                Verdict::Ok { user } => return Ok(user),
                Verdict::Stale => return Err(self.challenge(now, request, asked, true)),
                Verdict::Wrong => {
                    self.stats.auth_failures += 1;
                    // A full table of offenders refuses newcomers: that is told by `check`.
                    let _ = self.auth_failures.take(now, &ip);
                    return Err(self.challenge(now, request, asked, false));
                }
                Verdict::NotOurs => {}
                Verdict::Malformed => return Err(self.response(request, 400)),
            }
        }
        Err(self.challenge(now, request, asked, false))
    }

    fn challenge(
        &mut self,
        now: Instant,
        request: &Request,
        asked: Asked,
        stale: bool,
    ) -> Response {
        let nonce = self.nonces.issue(self.wall(now));
        let mut response = self.response(request, asked.status());
        let phone = request.headers.get("User-Agent");
        for challenge in digest::challenges_for(phone, &self.config.realm, &nonce, stale) {
            response.headers.push(asked.challenge(), challenge);
        }
        response
    }
}
