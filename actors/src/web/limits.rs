//! How often anybody may ask: each token, each session, and each address of those who show
//! neither, with the headers of draft-ietf-httpapi-ratelimit-headers.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};
use hark_engine::throttle::Throttle;
use sha2::{Digest as _, Sha256};

use super::WebState;
use super::auth::{COOKIE, bearer, site_of};
use super::client::Client;
use super::error::ApiError;
use crate::clock;

/// So many seconds' worth of requests may come at once.
const BURST_SECS: u32 = 10;
/// How many askers are remembered.
const REMEMBERED: usize = 65_536;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asker {
    /// Who shows this token or cookie, as its hash: whether it is worth anything is not known
    /// yet.
    Holder([u8; 32]),
    /// Whoever else comes from there.
    Address(IpAddr),
}

impl Asker {
    fn of(request: &HttpRequest, state: &WebState) -> Option<Self> {
        let holder = |shown: &str| Self::Holder(Sha256::digest(shown).into());
        if let Some(secret) = bearer(request) {
            return Some(holder(secret));
        }
        if let Some(cookie) = request.cookie(COOKIE) {
            return Some(holder(cookie.value()));
        }
        Some(Self::Address(site_of(Client::of(request, state).ok()?.address)))
    }
}

/// The buckets.
pub struct Limiter {
    a_second: u32,
    buckets: Mutex<Throttle<Asker>>,
}

/// What an asker has left.
struct Left {
    requests: u32,
    full_in: Duration,
}

impl Limiter {
    /// Lets everybody ask `a_second` times a second; 0 is without limit.
    pub fn new(a_second: u32) -> Self {
        let refill = Duration::from_secs(1) / a_second.max(1);
        let burst = a_second.saturating_mul(BURST_SECS);
        Self { a_second, buckets: Mutex::new(Throttle::new(burst, refill, REMEMBERED)) }
    }

    fn admit(&self, asker: &Asker) -> Result<Left, Duration> {
        let now = clock::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(now, asker)?;
        let (requests, full_in) = buckets.left(now, asker);
        Ok(Left { requests, full_in })
    }

    fn headers(&self, left: &Left) -> [(HeaderName, String); 2] {
        let most = self.a_second.saturating_mul(BURST_SECS);
        let full_in = left.full_in.as_secs() + u64::from(left.full_in.subsec_nanos() > 0);
        [
            (
                HeaderName::from_static("ratelimit-policy"),
                format!(r#""default";q={most};w={BURST_SECS}"#),
            ),
            (
                HeaderName::from_static("ratelimit"),
                format!(r#""default";r={};t={full_in}"#, left.requests),
            ),
        ]
    }
}

/// Refuses whoever asks too often, and tells everybody else how much they have left. What
/// watches the server and the client's own files are not counted.
///
/// # Errors
/// Those of the service behind it.
pub async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let counted = ["/api/", "/m/"].iter().any(|begin| request.path().starts_with(begin));
    let state = request.app_data::<web::Data<WebState>>().cloned();
    let (Some(state), true) = (state, counted) else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let limiter = &state.limiter;
    let asker = Asker::of(request.request(), &state).filter(|_| limiter.a_second > 0);
    let Some(asker) = asker else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let (admitted, left) = match limiter.admit(&asker) {
        Ok(left) => (Ok(()), left),
        Err(wait) => (Err(wait), Left { requests: 0, full_in: wait }),
    };
    let mut response = match admitted {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(wait) => {
            let who = match asker {
                Asker::Holder(_) => "holder",
                Asker::Address(_) => "address",
            };
            state.metrics.limited.with_label_values(&[who]).inc();
            request.error_response(ApiError::TooManyRequests(wait)).map_into_right_body()
        }
    };
    for (name, value) in limiter.headers(&left) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_asker_has_a_bucket_of_its_own() {
        let limiter = Limiter::new(2);
        let (one, other) = (Asker::Holder([1; 32]), Asker::Holder([2; 32]));
        for n in (0..2 * BURST_SECS).rev() {
            assert!(limiter.admit(&one).unwrap().requests >= n);
        }
        assert!(limiter.admit(&one).is_err());
        let left = limiter.admit(&other).unwrap();
        assert_eq!(left.requests, 2 * BURST_SECS - 1);
        let [(_, policy), (_, rest)] = limiter.headers(&left);
        assert_eq!(policy, "\"default\";q=20;w=10");
        assert_eq!(rest, "\"default\";r=19;t=1");
    }
}
