//! `/api/v1/me`: the user's own account.

use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::delivery::profile::Profile;
use hark_engine::dialplan::effect::Setting;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::conditional;
use crate::web::error::ApiError;
use crate::web::view::UserView;

/// The user's own account.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Who.
    user: UserView,
    /// Devices and rules.
    #[schema(value_type = crate::web::shapes::ProfileShape)]
    profile: Profile,
    /// The longest message that the user may speak.
    limit_seconds: u32,
    /// The largest file that may be sent up, in bytes.
    upload_bytes: u64,
    /// The SIP domain of the users.
    domain: String,
    /// Whether nothing rings or pops up for the user.
    do_not_disturb: bool,
    /// Whether the user looks after groups and the site's templates.
    events_manager: bool,
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
        events_manager: state.announcements.is_manager(signed_in.user),
    };
    conditional::answer(&request, &me, None)
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
