//! `/api/v1/me/profile` and `/api/v1/me/devices`: how messages reach the user.

use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::delivery::check::{Known, check};
use hark_engine::delivery::condition::{Reached, SenderFacts};
use hark_engine::delivery::explain::{Assumed, Line, dry_run};
use hark_engine::delivery::profile::{Profile, Rule};
use hark_engine::delivery::text;
use hark_engine::presence::{Presence, Reach};
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::delivery::VerifyError;
use crate::store::CODE_LIFETIME;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::conditional;
use crate::web::error::{ApiError, Problem};

/// The most that is said at once of what is wrong.
const MOST_SAID: usize = 5;
/// The most characters of rules as text.
const LONGEST_TEXT: usize = 16_384;

/// A profile, and its rules as text.
#[derive(Serialize)]
struct ProfileView {
    #[serde(flatten)]
    profile: Profile,
    rules_text: String,
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        Self { rules_text: text::write(&profile.rules), profile }
    }
}

/// A profile as a client gives it: the rules as data, or as text in `rules_text`.
#[derive(Debug, Deserialize)]
pub struct ProfileBody {
    #[serde(default)]
    rules_text: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl ProfileBody {
    fn read(self) -> Result<Profile, ApiError> {
        let Self { rules_text, rest } = self;
        let as_data = rest.contains_key("rules");
        let profile = serde_json::from_value(serde_json::Value::Object(rest));
        let mut profile: Profile = profile.map_err(|e| ApiError::Malformed(e.to_string()))?;
        if let Some(text) = rules_text {
            let rules = read_text(&text)?;
            if as_data && rules != profile.rules {
                let why = "rules and rules_text say different things: send one of them";
                return Err(ApiError::Malformed(why.into()));
            }
            profile.rules = rules;
        }
        // What a client claims to be verified is looked up instead.
        for device in &mut profile.devices {
            device.verified = false;
        }
        Ok(profile)
    }
}

fn read_text(rules: &str) -> Result<Vec<Rule>, ApiError> {
    if rules.len() > LONGEST_TEXT {
        return Err(ApiError::Malformed(format!("at most {LONGEST_TEXT} bytes of rules")));
    }
    text::read(rules).map_err(|error| ApiError::Malformed(error.to_string()))
}

fn judge(state: &WebState, profile: &Profile) -> Result<(), ApiError> {
    let directory = state.directory();
    let known = Known {
        is_user: &|name| directory.by_name(name).is_some(),
        is_trunk: &|name| state.config.trunks.iter().any(|trunk| trunk == name),
    };
    let wrong = check(profile, &known);
    if wrong.is_empty() {
        return Ok(());
    }
    let said: Vec<_> = wrong.into_iter().take(MOST_SAID).collect();
    Err(ApiError::Malformed(said.join("; ")))
}

/// The profile alone, with its validator for a change.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/me/profile", tag = "account",
    responses((status = 200, description = "Devices, rules (as data, and as text in `rules_text`), quiet hours and limits, with their `ETag`.", body = crate::web::shapes::ProfileShape),
        (status = 304, description = "It is as `If-None-Match` says.")),
    security(("session" = []), ("token" = ["profile"])))]
pub async fn show(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let profile = ProfileView::from(state.store.profile(signed_in.user).await?);
    conditional::answer(&request, &profile, None)
}

/// Replaces the profile.
///
/// # Errors
/// [`ApiError::Malformed`] names what can't work in it; [`ApiError::Changed`] where `If-Match`
/// names another one than there is.
#[utoipa::path(put, path = "/api/v1/me/profile", tag = "account", request_body = crate::web::shapes::NewProfileShape,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the profile that is to be replaced.")),
    responses((status = 200, description = "The profile as it is now.", body = crate::web::shapes::ProfileShape),
        (status = 412, description = "Somebody else changed it.", body = Problem, content_type = "application/problem+json")),
    security(("session" = []), ("token" = ["profile"])))]
pub async fn set(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<ProfileBody>,
) -> Result<HttpResponse, ApiError> {
    let profile = body.into_inner().read()?;
    judge(&state, &profile)?;
    let _one_at_a_time = state.profiles.lock().await;
    let before = ProfileView::from(state.store.profile(signed_in.user).await?);
    conditional::check_match(&request, &before)?;
    state.store.set_profile(signed_in.user, &profile).await?;
    let profile = ProfileView::from(state.store.profile(signed_in.user).await?);
    conditional::answer(&request, &profile, None)
}

/// What a dry run assumes.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = DeliveryAssumption)]
pub struct Assumption {
    /// The profile to look at; the stored one if none is given.
    #[serde(default)]
    #[schema(value_type = Option<crate::web::shapes::NewProfileShape>)]
    profile: Option<ProfileBody>,
    /// When the message comes; now if not said.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    at: Option<UnixMillis>,
    /// How the user can be reached then; as now if not said.
    #[serde(default)]
    #[schema(value_type = Option<Vec<crate::web::shapes::ReachedShape>>)]
    presence: Option<Vec<Reached>>,
    /// The sender's sign-in name, number or address; a stranger if not said.
    #[serde(default)]
    sender: String,
    #[serde(default)]
    urgent: bool,
    #[serde(default)]
    private: bool,
    /// Whether the user looks at pop-ups.
    #[serde(default)]
    looks: bool,
    /// Whether the user answers the telephone and confirms.
    #[serde(default)]
    answers: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryExplanation)]
struct Explanation {
    #[schema(value_type = Vec<crate::web::shapes::LineShape>)]
    lines: Vec<Line>,
}

/// What would become of a message, without one.
///
/// # Errors
/// [`ApiError::Malformed`] where the profile can't work.
#[utoipa::path(post, path = "/api/v1/me/profile/explain", tag = "account", request_body = Assumption,
    responses((status = 200, description = "The steps that would be taken, in order, in `lines`.", body = Explanation)),
    security(("session" = []), ("token" = ["profile"])))]
pub async fn explain(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Assumption>,
) -> Result<HttpResponse, ApiError> {
    let assumed = body.into_inner();
    let stored = state.store.profile(signed_in.user).await?;
    let profile = match assumed.profile {
        Some(body) => {
            let mut given = body.read()?;
            judge(&state, &given)?;
            // What was verified is so by its address, whatever it is called now.
            for device in &mut given.devices {
                let address = device.kind.address();
                let same = |known: &&hark_engine::delivery::profile::Device| {
                    known.verified && known.kind.address() == address
                };
                device.verified = address.is_some() && stored.devices.iter().any(|d| same(&d));
            }
            given
        }
        None => stored,
    };
    let reach = assumed.presence.map_or_else(|| state.board.reach(signed_in.user), |p| reach(&p));
    let assumed = Assumed {
        at: assumed.at.unwrap_or_else(clock::wall),
        reach,
        sender: sender(&state, signed_in.user, &assumed.sender),
        urgent: assumed.urgent,
        private: assumed.private,
        looks: assumed.looks,
        answers: assumed.answers,
    };
    let lines = tokio::task::spawn_blocking(move || dry_run(&profile, &assumed)).await;
    let lines = lines.map_err(|_| ApiError::Internal)?;
    Ok(super::private(Explanation { lines }))
}

fn reach(words: &[Reached]) -> Reach {
    let is = |word| words.contains(&word);
    let browser = is(Reached::Present) || is(Reached::Away);
    let shown = if is(Reached::Busy) {
        Presence::Busy
    } else if is(Reached::Away) {
        Presence::Away
    } else if browser {
        Presence::Online
    } else {
        Presence::Offline
    };
    Reach { shown, browser, do_not_disturb: is(Reached::DoNotDisturb), ..Reach::default() }
}

fn sender(state: &WebState, me: hark_engine::id::UserId, name: &str) -> SenderFacts {
    let directory = state.directory();
    let user = directory.by_name(name).or_else(|| directory.by_extension(name));
    let contacts = directory.user(me).map(|me| &me.contacts);
    SenderFacts {
        user: user.map(|user| user.name.clone()),
        contact: user.is_some_and(|user| contacts.is_some_and(|known| known.contains(&user.id))),
        address: name.chars().take(256).collect(),
    }
}

impl From<VerifyError> for ApiError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Store(error) => error.into(),
            VerifyError::NoDevice => Self::NotFound("device"),
            VerifyError::TooMany(wait) => Self::TooMany(wait),
            VerifyError::NotNeeded(_) | VerifyError::NotAllowed | VerifyError::NotSent(_) => {
                Self::Conflict(error.to_string())
            }
            VerifyError::Wrong(_) | VerifyError::NoCode => Self::Malformed(error.to_string()),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct CodeSent {
    sent: &'static str,
    expires_seconds: u64,
}

/// Has a code spoken or sent to a device.
///
/// # Errors
/// [`ApiError::NotFound`] where the profile has no such device, [`ApiError::Conflict`] where it
/// needs none or none can be sent, [`ApiError::TooMany`].
#[utoipa::path(post, path = "/api/v1/me/devices/{name}/verify", tag = "account", params(("name" = String, Path, description = "The device's name in the profile.")), responses((status = 202, description = "How it was sent, and for how many seconds it holds.", body = CodeSent)), security(("session" = []), ("token" = ["profile"])))]
pub async fn send_code(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let sent = state.verifier.begin(signed_in.user, &name).await?;
    Ok(HttpResponse::Accepted().json(CodeSent { sent, expires_seconds: CODE_LIFETIME.as_secs() }))
}

/// A code.
#[derive(Deserialize, ToSchema)]
pub struct CodeBody {
    code: String,
}

/// Takes the code that shows that a device is the user's own.
///
/// # Errors
/// [`ApiError::Malformed`] where it is wrong, or too old.
#[utoipa::path(put, path = "/api/v1/me/devices/{name}/verify", tag = "account", request_body = CodeBody, params(("name" = String, Path, description = "The device's name in the profile.")), responses((status = 200, description = "The profile as it is now.", body = crate::web::shapes::ProfileShape)), security(("session" = []), ("token" = ["profile"])))]
pub async fn give_code(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    name: web::Path<String>,
    body: web::Json<CodeBody>,
) -> Result<HttpResponse, ApiError> {
    state.verifier.give(signed_in.user, &name, &body.code).await?;
    let profile = state.store.profile(signed_in.user).await?;
    Ok(super::private(ProfileView::from(profile)))
}
