//! `/api/v1/tokens`: what applications show in the place of a session.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::TokenRecord;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;
use crate::web::scopes::Scope;
use crate::web::tokens::{self, TokenError};

/// A token that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenWanted {
    /// What its owner calls it: 1 to 64 characters.
    #[schema(example = "door bell", min_length = 1, max_length = 64)]
    name: String,
    /// What it may do; one at least.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// After how many days it is worth nothing; never if none.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Its number.
    id: i64,
    /// What its owner calls it.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// When it was made, in milliseconds since 1970.
    #[schema(value_type = i64)]
    created: UnixMillis,
    /// From when on it is worth nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    expires: Option<UnixMillis>,
    /// When it was last used, to about a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    last_used: Option<UnixMillis>,
}

impl From<TokenRecord> for TokenView {
    fn from(token: TokenRecord) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: Scope::list(&token.scopes),
            created: token.created,
            expires: token.expires,
            last_used: token.last_used,
        }
    }
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenMade {
    #[serde(flatten)]
    token: TokenView,
    /// What its holder sends as `Authorization: Bearer`. Shown once, and kept nowhere.
    secret: String,
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(why) => Self::Malformed(why),
            TokenError::Store(error) => error.into(),
        }
    }
}

/// The user's tokens, the oldest first.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, description = "The tokens, without their secrets.", body = Vec<TokenView>)),
    security(("session" = [])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let tokens = state.store.tokens(Some(signed_in.user)).await?;
    Ok(super::private(tokens.into_iter().map(TokenView::from).collect::<Vec<_>>()))
}

/// Makes a token. Its secret is in this answer and nowhere else.
///
/// # Errors
/// [`ApiError::Malformed`] names what is wrong with it.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenWanted,
    responses((status = 201, description = "The token, with its secret.", body = TokenMade)),
    security(("session" = [])))]
pub async fn create(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<TokenWanted>,
) -> Result<HttpResponse, ApiError> {
    let TokenWanted { name, scopes, expires_in_days } = body.into_inner();
    let made =
        tokens::create(&state.store, signed_in.user, &name, &scopes, expires_in_days).await?;
    let made = TokenMade { token: made.record.into(), secret: made.secret };
    Ok(HttpResponse::Created().insert_header((header::CACHE_CONTROL, "no-store")).json(made))
}

/// Revokes a token: from here on it is worth nothing.
///
/// # Errors
/// [`ApiError::NotFound`] where the user has no such token.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens",
    params(("id" = i64, Path, description = "The token's number.")),
    responses((status = 204, description = "It is revoked.")),
    security(("session" = [])))]
pub async fn revoke(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path.parse().map_err(|_| ApiError::NotFound("token"))?;
    state.store.revoke_token(id, Some(signed_in.user)).await?;
    Ok(HttpResponse::NoContent().finish())
}
