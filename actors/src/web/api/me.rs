//! `/api/v1/me`: the user's own account.

use actix_web::{HttpResponse, web};
use hark_engine::delivery::profile::Profile;
use hark_engine::dialplan::effect::Setting;
use serde::{Deserialize, Serialize};

use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;
use crate::web::view::UserView;

#[derive(Serialize)]
struct Me<'a> {
    user: UserView,
    profile: Profile,
    limit_seconds: u32,
    domain: &'a str,
    do_not_disturb: bool,
}

/// Who is signed in, with the profile and what a recorder has to know.
///
/// # Errors
/// When the store can't be read.
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let directory = state.directory();
    let user = directory.user(signed_in.user).ok_or(ApiError::SignedOut)?;
    let profile = state.store.profile(signed_in.user).await?;
    Ok(super::private(Me {
        user: user.into(),
        profile,
        limit_seconds: user.message_limit_secs.min(state.config.limit_seconds),
        domain: &state.config.domain,
        do_not_disturb: state.board.reach(signed_in.user).do_not_disturb,
    }))
}

/// The body of a change of [`set_do_not_disturb`].
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct DoNotDisturb {
    on: bool,
}

/// From here on nothing rings or pops up for the user, or it does again.
///
/// # Errors
/// When the store can't be written.
pub async fn set_do_not_disturb(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<DoNotDisturb>,
) -> Result<HttpResponse, ApiError> {
    state.users.set(signed_in.user, Setting::DoNotDisturb(body.on)).await?;
    Ok(HttpResponse::NoContent().finish())
}
