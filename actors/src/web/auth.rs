//! Who is signed in: the throttles before the password, the session cookie after it, and the
//! tokens of applications beside both.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hark_engine::id::UserId;
use hark_engine::throttle::Throttle;
use sha2::{Digest as _, Sha256};

use super::WebState;
use super::client::Client;
use super::error::ApiError;
use super::password::{HashError, Passwords};
use super::scopes::{Grants, Scope};
use super::tokens;
use crate::clock;

/// The session cookie.
pub const COOKIE: &str = "hark_session";
/// How long a sign-in lasts that is not used.
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// A sign-in older than this gets a fresh token when the client starts.
const RENEWAL: Duration = Duration::from_secs(86_400);
/// How long the old token still works then: other requests may be on their way with it.
const GRACE: Duration = Duration::from_secs(60);
/// Longer names are nobody's.
const LONGEST_NAME: usize = 64;

/// The attempts that an address (an IPv6 /64) has: 20 at once, then one every 6 s.
const BY_ADDRESS: (u32, Duration) = (20, Duration::from_secs(6));
/// The attempts that a name has: 10 at once, then one every 30 s. Given back by signing in.
const BY_NAME: (u32, Duration) = (10, Duration::from_secs(30));
/// How many addresses and names are remembered.
const REMEMBERED: usize = 65_536;

/// What stands before a sign-in.
pub struct Gate {
    passwords: Passwords,
    by_address: Mutex<Throttle<IpAddr>>,
    by_name: Mutex<Throttle<String>>,
}

impl Gate {
    /// A gate that nobody has tried yet.
    ///
    /// # Errors
    /// When passwords can't be hashed.
    pub fn new() -> Result<Self, HashError> {
        Ok(Self {
            passwords: Passwords::new()?,
            by_address: Mutex::new(Throttle::new(BY_ADDRESS.0, BY_ADDRESS.1, REMEMBERED)),
            by_name: Mutex::new(Throttle::new(BY_NAME.0, BY_NAME.1, REMEMBERED)),
        })
    }

    /// Takes a token of the address and one of the name, before any work is done for them.
    /// Unknown names are throttled alike, so that the throttle tells nothing.
    fn admit(&self, address: IpAddr, name: &str) -> Result<(), ApiError> {
        let now = clock::now();
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        by_address.take(now, &site_of(address)).map_err(ApiError::TooMany)?;
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.take(now, &name.to_owned()).map_err(ApiError::TooMany)
    }

    fn forgive(&self, name: &str) {
        // The name only: whoever owns one account could else guess at others without end.
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.forgive(&name.to_owned());
    }
}

/// One customer of an IPv6 provider has a whole /64.
pub(super) fn site_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Verifies name and password, and gives the cookie of a new session.
///
/// # Errors
/// [`ApiError::WrongPassword`] alike for unknown names; [`ApiError::TooMany`] when throttled.
pub async fn sign_in(
    state: &WebState,
    client: Client,
    name: &str,
    password: String,
) -> Result<(UserId, Cookie<'static>), ApiError> {
    let count = |outcome| state.metrics.sign_ins.with_label_values(&[outcome]).inc();
    let name = name.trim().to_lowercase();
    if name.is_empty() || name.len() > LONGEST_NAME || password.len() > super::password::LONGEST {
        count("wrong");
        return Err(ApiError::WrongPassword);
    }
    state.gate.admit(client.address, &name).inspect_err(|_| count("throttled"))?;
    let (user, stored) = state.store.user_credentials(&name).await?.unzip();
    let fits = state.gate.passwords.verify(stored, password).await;
    match (fits.inspect_err(|_| count("busy"))?, user) {
        (true, Some(user)) => {
            state.gate.forgive(&name);
            let cookie = open_session(state, user, client.https).await?;
            count("signed_in");
            Ok((user, cookie))
        }
        (true | false, Some(_) | None) => {
            count("wrong");
            tracing::debug!(address = %client.address, name, "a sign-in was refused");
            Err(ApiError::WrongPassword)
        }
    }
}

async fn open_session(
    state: &WebState,
    user: UserId,
    https: bool,
) -> Result<Cookie<'static>, ApiError> {
    let now = clock::wall();
    let token = clock::random::<32>();
    let expires = now.after(LIFETIME);
    state.store.create_session(Sha256::digest(token).into(), user, expires).await?;
    // The time of issue stands beside the token only to tell when to renew it: believed by
    // nobody for anything else.
    let value = format!("{}.{}", URL_SAFE_NO_PAD.encode(token), now.as_secs());
    let life = CookieDuration::try_from(LIFETIME).unwrap_or(CookieDuration::DAY);
    Ok(cookie(state, https, value, life))
}

/// Ends the session and gives the cookie that clears it in the browser.
///
/// # Errors
/// When the store can't be written: the session still stands then.
pub async fn sign_out(state: &WebState, signed_in: &SignedIn) -> Result<Cookie<'static>, ApiError> {
    state.store.delete_session(signed_in.token_hash).await?;
    Ok(cookie(state, signed_in.https, String::new(), CookieDuration::ZERO))
}

/// A fresh cookie for a session that is a day old or more.
pub async fn renew(state: &web::Data<WebState>, signed_in: &SignedIn) -> Option<Cookie<'static>> {
    let age = clock::wall().as_secs().saturating_sub(signed_in.issued_secs);
    if u64::try_from(age).unwrap_or(u64::MAX) < RENEWAL.as_secs() {
        return None;
    }
    let fresh = open_session(state, signed_in.user, signed_in.https).await.ok()?;
    let (store, old) = (state.store.clone(), signed_in.token_hash);
    state.runtime.spawn(async move {
        tokio::time::sleep(GRACE).await;
        if let Err(error) = store.delete_session(old).await {
            tracing::debug!(%error, "a renewed sign-in stands until it lapses");
        }
    });
    Some(fresh)
}

fn cookie(
    state: &WebState,
    https: bool,
    value: String,
    max_age: CookieDuration,
) -> Cookie<'static> {
    let public = state.config.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    Cookie::build(COOKIE, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(https || public)
        .max_age(max_age)
        .finish()
}

/// The user of this request; a request without one is answered 401, and one with a token that
/// may not do this 403.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// What they may do.
    pub grants: Grants,
    token_hash: [u8; 32],
    issued_secs: i64,
    /// Whether the browser spoke TLS to a trusted proxy.
    https: bool,
}

impl FromRequest for SignedIn {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = request.app_data::<web::Data<WebState>>().cloned();
            let state = state.ok_or(ApiError::Internal)?;
            // Who shows a token is judged by it alone: it must not borrow a browser's session.
            if let Some(secret) = bearer(&request) {
                let signed_in = by_token(&state, secret).await?;
                let route = request.match_pattern().unwrap_or_default();
                state.scopes.check(request.method(), &route, &signed_in.grants)?;
                return Ok(signed_in);
            }
            let presented = request.cookie(COOKIE).and_then(|cookie| read(cookie.value()));
            let (token_hash, issued_secs) = presented.ok_or(ApiError::SignedOut)?;
            let user = state.store.session(token_hash, clock::wall()).await?;
            let user = user.ok_or(ApiError::SignedOut)?;
            let https = Client::of(&request, &state)?.https;
            Ok(Self { user, grants: Grants::Everything, token_hash, issued_secs, https })
        })
    }
}

/// The token that a request shows (RFC 6750 section 2.1), if it shows any: also one that can't
/// be read.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(actix_web::http::header::AUTHORIZATION)?;
    let (scheme, secret) = value.to_str().unwrap_or_default().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
}

async fn by_token(state: &web::Data<WebState>, secret: &str) -> Result<SignedIn, ApiError> {
    let token_hash = tokens::hash(secret).ok_or(ApiError::WrongToken)?;
    let now = clock::wall();
    let token = state.store.token(token_hash, now).await?.ok_or(ApiError::WrongToken)?;
    if tokens::is_news(token.last_used, now) {
        let store = state.store.clone();
        state.runtime.spawn(async move {
            if let Err(error) = store.token_used(token.id, now).await {
                tracing::debug!(%error, "the use of a token could not be noted");
            }
        });
    }
    let grants = Grants::Token { id: token.id, scopes: Scope::list(&token.scopes) };
    Ok(SignedIn { user: token.user, grants, token_hash, issued_secs: 0, https: false })
}

/// The hash of the token that a cookie carries, and when it says that it was issued.
fn read(value: &str) -> Option<([u8; 32], i64)> {
    let (token, issued) = value.split_once('.')?;
    let token: [u8; 32] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    Some((Sha256::digest(token).into(), issued.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_throttled_by_its_site() {
        let site = |text: &str| site_of(text.parse().unwrap());
        assert_eq!(site("2001:db8:1:2:3:4:5:6"), site("2001:db8:1:2:ffff::1"));
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:1:3::1"));
        assert_eq!(site("::ffff:192.0.2.1"), site("192.0.2.1"));
        assert_ne!(site("192.0.2.1"), site("192.0.2.2"));
    }

    #[test]
    fn names_are_throttled_whether_or_not_they_exist() {
        let gate = Gate::new().unwrap();
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        for n in 0..10 {
            gate.admit(address(n), "alice").unwrap();
        }
        assert!(matches!(gate.admit(address(99), "alice"), Err(ApiError::TooMany(_))));
        gate.forgive("alice");
        gate.admit(address(99), "alice").unwrap();
    }

    #[test]
    fn cookies_of_another_shape_are_nobodys() {
        assert!(read("").is_none());
        assert!(read("abc.1").is_none());
        assert!(read(&format!("{}.x", URL_SAFE_NO_PAD.encode([1; 32]))).is_none());
        assert!(read(&format!("{}.5", URL_SAFE_NO_PAD.encode([1; 32]))).is_some());
    }
}
