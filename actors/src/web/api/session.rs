//! `/api/v1/session`: signing in and out.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::web::WebState;
use crate::web::auth::{self, SignedIn};
use crate::web::client::Client;
use crate::web::error::ApiError;
use crate::web::scopes::Grants;
use crate::web::view::UserView;

/// Name and password.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    /// The sign-in name.
    name: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct Shown {
    /// The user.
    user: UserView,
}

async fn shown(state: &WebState, user: hark_engine::id::UserId) -> Result<Shown, ApiError> {
    let directory = state.directory();
    let user = directory.user(user).ok_or(ApiError::SignedOut)?;
    Ok(Shown { user: user.into() })
}

/// Signs in.
///
/// # Errors
/// Those of [`auth::sign_in`].
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses((status = 200, description = "Signed in: the cookie is the session.", body = Shown)), security(()))]
pub async fn sign_in(
    request: HttpRequest,
    state: web::Data<WebState>,
    body: web::Json<Credentials>,
) -> Result<HttpResponse, ApiError> {
    let client = Client::of(&request, &state)?;
    let Credentials { name, password } = body.into_inner();
    let (user, cookie) = auth::sign_in(&state, client, &name, password).await?;
    let mut response = super::private(shown(&state, user).await?);
    response.add_cookie(&cookie).map_err(|_| ApiError::Internal)?;
    Ok(response)
}

/// Says who is signed in, and renews a session that has come of age.
///
/// # Errors
/// [`ApiError::SignedOut`].
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, description = "Who is signed in, or for whom the token acts.", body = Shown)),
    security(("session" = []), ("token" = [])))]
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let mut response = super::private(shown(&state, signed_in.user).await?);
    if signed_in.grants == Grants::Everything
        && let Some(cookie) = auth::renew(&state, &signed_in).await
    {
        response.add_cookie(&cookie).map_err(|_| ApiError::Internal)?;
    }
    Ok(response)
}

/// Signs out.
///
/// # Errors
/// When the store can't be written.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Signed out.")), security(("session" = [])))]
pub async fn sign_out(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let cookie = auth::sign_out(&state, &signed_in).await?;
    Ok(HttpResponse::NoContent()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .cookie(cookie)
        .finish())
}
