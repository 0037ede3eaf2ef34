//! `/api/v1/me`: the user's own account and profile.

use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::delivery::profile::{Act, DeviceKind, Profile};
use hark_engine::dialplan::effect::Setting;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::conditional;
use crate::web::error::{ApiError, Problem};
use crate::web::view::UserView;

/// The most devices, and the most rules, of one profile.
const MOST: usize = 32;
/// The longest device name and the longest address.
const LONGEST_NAME: usize = 32;
const LONGEST_URI: usize = 256;

/// The user's own account.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Who.
    user: UserView,
    /// Devices and rules.
    #[schema(value_type = Object)]
    profile: Profile,
    /// The longest message that the user may speak.
    limit_seconds: u32,
    /// The largest file that may be sent up, in bytes.
    upload_bytes: u64,
    /// The SIP domain of the users.
    domain: String,
    /// Whether nothing rings or pops up for the user.
    do_not_disturb: bool,
}

/// Who is signed in, with the profile and what a recorder has to know.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/me", tag = "account",
    responses((status = 200, description = "The account.", body = Me),
        (status = 304, description = "It is as `If-None-Match` says.")),
    security(("session" = []), ("token" = ["profile"])))]
pub async fn show(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let directory = state.directory();
    let user = directory.user(signed_in.user).ok_or(ApiError::SignedOut)?;
    let profile = state.store.profile(signed_in.user).await?;
    let me = Me {
        user: user.into(),
        profile,
        limit_seconds: user.message_limit_secs.min(state.config.limit_seconds),
        upload_bytes: state.config.upload_bytes,
        domain: state.config.domain.clone(),
        do_not_disturb: state.board.reach(signed_in.user).do_not_disturb,
    };
    conditional::answer(&request, &me, None)
}

/// The profile alone, with its validator for a change.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/me/profile", tag = "account",
    responses((status = 200, description = "The profile, with its `ETag`.", body = Object),
        (status = 304, description = "It is as `If-None-Match` says.")),
    security(("session" = []), ("token" = ["profile"])))]
pub async fn profile(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let profile = state.store.profile(signed_in.user).await?;
    conditional::answer(&request, &profile, None)
}

/// The body of a change of [`set_do_not_disturb`].
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub struct DoNotDisturb {
    /// Whether it is so from now on.
    on: bool,
}

/// From here on nothing rings or pops up for the user, or it does again.
///
/// # Errors
/// When the store can't be written.
#[utoipa::path(put, path = "/api/v1/me/do-not-disturb", tag = "account", request_body = DoNotDisturb,
    responses((status = 204, description = "It is so from now on.")),
    security(("session" = []), ("token" = ["profile"])))]
pub async fn set_do_not_disturb(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<DoNotDisturb>,
) -> Result<HttpResponse, ApiError> {
    state.users.set(signed_in.user, Setting::DoNotDisturb(body.on)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replaces the profile.
///
/// # Errors
/// [`ApiError::Malformed`] names what can't work in it; [`ApiError::Changed`] where `If-Match`
/// names another one than there is.
#[utoipa::path(put, path = "/api/v1/me/profile", tag = "account", request_body = Object,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the profile that is to be replaced.")),
    responses((status = 200, description = "The profile as it is now.", body = Object),
        (status = 412, description = "Somebody else changed it.", body = Problem, content_type = "application/problem+json")),
    security(("session" = []), ("token" = ["profile"])))]
pub async fn set_profile(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Profile>,
) -> Result<HttpResponse, ApiError> {
    let profile = body.into_inner();
    check(&profile).map_err(ApiError::Malformed)?;
    let _one_at_a_time = state.profiles.lock().await;
    conditional::check_match(&request, &state.store.profile(signed_in.user).await?)?;
    state.store.set_profile(signed_in.user, &profile).await?;
    conditional::answer(&request, &profile, None)
}

/// What is wrong with a profile, if anything.
fn check(profile: &Profile) -> Result<(), String> {
    if profile.devices.len() > MOST || profile.rules.len() > MOST {
        return Err(format!("a profile has at most {MOST} devices and {MOST} rules"));
    }
    let mut names = Vec::new();
    for device in &profile.devices {
        let name = device.name.as_str();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(format!(
                "the device name '{name}' must have 1 to {LONGEST_NAME} characters"
            ));
        }
        if names.contains(&name) {
            return Err(format!("two devices are called '{name}': rename one"));
        }
        names.push(name);
        match &device.kind {
            DeviceKind::SipAddress { uri } => check_uri(uri)?,
            DeviceKind::RegisteredPhone | DeviceKind::Browser => {}
        }
    }
    for rule in &profile.rules {
        match &rule.act {
            Act::Ring { device, attempts, retry_secs, ring_secs } => {
                if !names.contains(&device.as_str()) {
                    return Err(format!(
                        "a rule rings '{device}', which is no device of this profile"
                    ));
                }
                if !(1..=10).contains(attempts) {
                    return Err(format!("attempts = {attempts}: allowed are 1 to 10"));
                }
                if !(1..=86_400).contains(retry_secs) || !(5..=120).contains(ring_secs) {
                    return Err(
                        "allowed are 1 to 86400 s between tries and 5 to 120 s of ringing".into()
                    );
                }
            }
            Act::PopUp | Act::Stop => {}
        }
    }
    Ok(())
}

fn check_uri(uri: &str) -> Result<(), String> {
    let rest = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:"));
    let fits = rest.is_some_and(|rest| !rest.is_empty())
        && uri.len() <= LONGEST_URI
        && uri.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"'));
    if fits { Ok(()) } else { Err(format!("'{uri}' should look like sip:bob@192.0.2.7")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(json: &str) -> Profile {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_default_profile_passes() {
        assert_eq!(check(&Profile::default()), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_named() {
        let ring = |device: &str, attempts: u8| {
            profile(&format!(
                r#"{{"devices":[{{"name":"desk","kind":"registered-phone"}}],
                "rules":[{{"do":{{"ring":{{"device":"{device}","attempts":{attempts}}}}}}}]}}"#
            ))
        };
        assert_eq!(check(&ring("desk", 3)), Ok(()));
        assert!(check(&ring("moon", 3)).unwrap_err().contains("moon"));
        assert!(check(&ring("desk", 0)).unwrap_err().contains("attempts"));
        let uri = |uri: &str| {
            profile(&format!(
                r#"{{"devices":[{{"name":"m","kind":"sip-address","uri":"{uri}"}}]}}"#
            ))
        };
        assert_eq!(check(&uri("sip:bob@192.0.2.7:5062")), Ok(()));
        assert!(check(&uri("tel:+1900")).is_err());
        assert!(check(&uri("sip:a b@c")).is_err());
        let twice = r#"{"devices":[{"name":"a","kind":"browser"},{"name":"a","kind":"browser"}]}"#;
        assert!(check(&profile(twice)).unwrap_err().contains("two devices"));
    }
}
