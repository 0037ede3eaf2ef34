//! `/m/TOKEN`: whoever holds the link hears the message, without an account, until it expires,
//! is revoked, or its recipient deletes the message.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::id::UserId;
use hark_engine::message::Event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::WebState;
use super::audio::{self, AudioQuery};
use super::error::ApiError;
use super::link_page::{self, Page};
use super::origin;
use crate::clock;
use crate::store::MessageRecord;

/// The device that receipts name when a message was heard through its link.
const DEVICE: &str = "link";
/// A token is 22 characters; longer ones need no look-up.
const LONGEST: usize = 64;

/// What a link opens.
struct Opened {
    message: MessageRecord,
    recipient: UserId,
}

async fn open(state: &WebState, token: &str) -> Result<Opened, ApiError> {
    if token.len() > LONGEST {
        return Err(ApiError::NotFound("link"));
    }
    let Some((id, recipient)) = state.store.resolve_link(token, clock::wall()).await? else {
        let was_there = state.store.link_known(token).await?;
        return Err(if was_there { ApiError::Gone } else { ApiError::NotFound("link") });
    };
    let message = state.store.message(id).await?.ok_or(ApiError::Gone)?;
    Ok(Opened { message, recipient })
}

/// The page with the player, or one that says why there is none.
#[utoipa::path(get, path = "/m/{token}", tag = "links", params(("token" = String, Path, description = "The link's secret.")),
    responses((status = 200, description = "A page with a player.", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such link.", body = String, content_type = "text/html"),
        (status = 410, description = "It has expired or was revoked.", body = String, content_type = "text/html")), security(()))]
pub async fn page(state: web::Data<WebState>, token: web::Path<String>) -> HttpResponse {
    let (status, html) = match open(&state, &token).await {
        Ok(opened) => (StatusCode::OK, render(&state, &token, &opened).await),
        Err(ApiError::Gone) => (
            StatusCode::GONE,
            link_page::notice(
                "This link has expired",
                "It has expired or was revoked, or the message was deleted. \
                 Ask whoever gave it to you for a new one.",
            ),
        ),
        Err(ApiError::NotFound(_)) => (
            StatusCode::NOT_FOUND,
            link_page::notice(
                "There is no such link",
                "Check that the whole address was copied, to its last character.",
            ),
        ),
        Err(error) => {
            let status = actix_web::ResponseError::status_code(&error);
            (status, link_page::notice("The message can't be shown now", &error.to_string()))
        }
    };
    let mut response = HttpResponse::build(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((header::RETRY_AFTER, super::error::BUSY.as_secs()));
    }
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, link_page::POLICY.as_str()))
        // The address is the key: it must not travel on to wherever the reader goes next.
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header(("X-Robots-Tag", "noindex, nofollow"))
        .body(html)
}

async fn render(state: &WebState, token: &str, opened: &Opened) -> String {
    let recipient = state.name_of(opened.recipient);
    let page = Page {
        path: &format!("/m/{token}"),
        sender: &opened.message.sender.name,
        recipient: &recipient,
        at: opened.message.at,
        length_ms: opened.message.length_ms,
        peaks: &opened.message.peaks,
    };
    page.render()
}

/// The audio behind the link.
///
/// # Errors
/// [`ApiError::Gone`] and [`ApiError::NotFound`] as for the page.
#[utoipa::path(get, path = "/m/{token}/audio", tag = "links",
    params(("token" = String, Path, description = "The link's secret."), AudioQuery),
    responses((status = 200, description = "The audio.", content(("audio/ogg"), ("audio/wav"))),
        (status = 206, description = "A range of it.")), security(()))]
pub async fn audio(
    request: HttpRequest,
    state: web::Data<WebState>,
    token: web::Path<String>,
    query: web::Query<AudioQuery>,
) -> Result<HttpResponse, ApiError> {
    let opened = open(&state, &token).await?;
    let (noted, recipient, id) = (state.clone(), opened.recipient, opened.message.id);
    let mut response = audio::serve(&request, &state, &opened.message, query.format, move || {
        noted.note_delivered(id, recipient, DEVICE);
    })
    .await?;
    let no_referrer = header::HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, no_referrer);
    // Not kept by the browser: it must go silent with the link.
    let no_store = header::HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// What the page shows, for programs.
#[derive(Serialize, ToSchema)]
pub struct Info<'a> {
    #[schema(value_type = super::view::SenderShape)]
    sender: &'a hark_engine::message::Sender,
    recipient_name: String,
    #[schema(value_type = i64)]
    at: hark_engine::time::UnixMillis,
    length_ms: u32,
    urgent: bool,
    #[schema(value_type = Vec<u8>)]
    peaks: &'a [u8],
    audio: String,
}

/// The message behind the link, as JSON.
///
/// # Errors
/// [`ApiError::Gone`] and [`ApiError::NotFound`] as for the page.
#[utoipa::path(get, path = "/m/{token}/info", tag = "links", params(("token" = String, Path, description = "The link's secret.")),
    responses((status = 200, description = "The message.", body = Info)), security(()))]
pub async fn info(
    state: web::Data<WebState>,
    token: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let opened = open(&state, &token).await?;
    let message = &opened.message;
    let info = Info {
        sender: &message.sender,
        recipient_name: state.name_of(opened.recipient),
        at: message.at,
        length_ms: message.length_ms,
        urgent: message.urgent,
        peaks: &message.peaks,
        audio: format!("/m/{}/audio", token.as_str()),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .json(info))
}

/// How much was heard.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub struct HeardBody {
    /// Up to which position, in milliseconds.
    pub heard_ms: u32,
}

/// Notes that the message was heard through the link.
///
/// # Errors
/// [`ApiError::Gone`] and [`ApiError::NotFound`] as for the page.
#[utoipa::path(post, path = "/m/{token}/heard", tag = "links", params(("token" = String, Path, description = "The link's secret.")), request_body = HeardBody,
    responses((status = 204, description = "It is noted.")), security(()))]
pub async fn heard(
    request: HttpRequest,
    state: web::Data<WebState>,
    token: web::Path<String>,
    body: web::Json<HeardBody>,
) -> Result<HttpResponse, ApiError> {
    origin::check(&request, state.config.public_url.as_deref())?;
    let opened = open(&state, &token).await?;
    let heard_ms = body.heard_ms.min(opened.message.length_ms);
    let event = Event::Heard { device: DEVICE.to_owned(), heard_ms };
    state.messages.note(opened.message.id, opened.recipient, event).await?;
    Ok(HttpResponse::NoContent().finish())
}
