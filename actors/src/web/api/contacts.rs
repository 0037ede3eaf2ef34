//! `/api/v1/contacts`: whom the user can speak to, and who of them is there.

use actix_web::{HttpResponse, web};

use crate::web::auth::SignedIn;
use crate::web::error::ApiError;
use crate::web::{WebState, view};

/// The contact list with presence.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/contacts", tag = "people",
    responses((status = 200, description = "The contacts, in the user's own order.", body = Vec<view::ContactView>)),
    security(("session" = []), ("token" = ["contacts"])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let directory = state.directory();
    let user = directory.user(signed_in.user).ok_or(ApiError::SignedOut)?;
    Ok(super::private(view::contacts(&directory, user, &state.board)))
}
