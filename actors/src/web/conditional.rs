//! Answers that a client may have already, and changes to what it thinks that it has (RFC 9110
//! section 13).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::error::ApiError;
use super::ranges;

/// The validator of a JSON body.
fn tag(body: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..12]))
}

/// A JSON answer that is one user's own, with its validator; 304 to whoever has it already.
/// `links` are the values of its `Link` header (RFC 8288).
///
/// # Errors
/// [`ApiError::Internal`] when it can't be written.
pub fn answer(
    request: &HttpRequest,
    body: &impl Serialize,
    links: Option<String>,
) -> Result<HttpResponse, ApiError> {
    let body = serde_json::to_vec(body).map_err(|_| ApiError::Internal)?;
    let tag = tag(&body);
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = ranges::none_match_names(known, &tag);
    let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::ETAG, tag));
    if let Some(links) = links {
        response.insert_header((header::LINK, links));
    }
    if fresh {
        return Ok(response.finish());
    }
    Ok(response.content_type("application/json").body(body))
}

/// Refuses a change where `If-Match` names another state than `current`.
///
/// # Errors
/// [`ApiError::Changed`].
pub fn check_match(request: &HttpRequest, current: &impl Serialize) -> Result<(), ApiError> {
    let Some(wanted) = request.headers().get(header::IF_MATCH) else { return Ok(()) };
    let wanted = wanted.to_str().unwrap_or_default().trim();
    let tag = tag(&serde_json::to_vec(current).map_err(|_| ApiError::Internal)?);
    let named = wanted == "*" || wanted.split(',').any(|one| one.trim() == tag);
    if named { Ok(()) } else { Err(ApiError::Changed) }
}
