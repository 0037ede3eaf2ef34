//! `/api/v1/session`: signing in and out.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::web::WebState;
use crate::web::auth::{self, SignedIn};
use crate::web::error::ApiError;
use crate::web::view::UserView;

/// Name and password.
#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
}

#[derive(Serialize)]
struct Shown {
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
pub async fn sign_in(
    request: HttpRequest,
    state: web::Data<WebState>,
    body: web::Json<Credentials>,
) -> Result<HttpResponse, ApiError> {
    let address = request.peer_addr().ok_or(ApiError::Internal)?.ip();
    let Credentials { name, password } = body.into_inner();
    let (user, cookie) = auth::sign_in(&state, address, &name, password).await?;
    let mut response = super::private(shown(&state, user).await?);
    response.add_cookie(&cookie).map_err(|_| ApiError::Internal)?;
    Ok(response)
}

/// Says who is signed in, and renews a session that has come of age.
///
/// # Errors
/// [`ApiError::SignedOut`].
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let mut response = super::private(shown(&state, signed_in.user).await?);
    if let Some(cookie) = auth::renew(&state, &signed_in).await {
        response.add_cookie(&cookie).map_err(|_| ApiError::Internal)?;
    }
    Ok(response)
}

/// Signs out.
///
/// # Errors
/// When the store can't be written.
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
