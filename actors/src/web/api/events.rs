//! `/api/v1/events`: what an application wants announced, and who heard it.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::message::Event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::announce::{LONGEST_KEY, Report, Request};
use crate::store::AnnouncementRecord;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;
use crate::web::state::BROWSER;

const NO_EVENT: ApiError = ApiError::NotFound("event");
/// How many are listed, unless asked for fewer.
const LISTED: u32 = 50;

/// The header that makes a request one that may be repeated.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) fn id(text: &str) -> Result<Uuid, ApiError> {
    Uuid::parse_str(text).map_err(|_| NO_EVENT)
}

fn key(request: &HttpRequest) -> Result<String, ApiError> {
    let key = request.headers().get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok());
    let key = key.map(|key| key.trim().trim_matches('"')).filter(|key| !key.is_empty());
    let key = key.filter(|key| key.len() <= LONGEST_KEY);
    key.map(str::to_owned).ok_or_else(|| {
        let what = format!(
            "give an Idempotency-Key of 1 to {LONGEST_KEY} characters: a request with the same \
             key is made once"
        );
        ApiError::Malformed(what)
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = EventAccepted)]
struct Accepted {
    #[schema(value_type = String)]
    id: Uuid,
    duplicate: bool,
}

/// Accepts an event: 201, or 200 for one that was accepted already.
///
/// # Errors
/// [`ApiError::Malformed`] names what is wrong, [`ApiError::Conflict`] a key that was used for
/// something else.
#[utoipa::path(post, path = "/api/v1/events", tag = "events", request_body = Request, params(("Idempotency-Key" = Option<String>, Header, description = "Sent again under the same key, an event is told once.")), responses((status = 201, description = "The event was taken; its id says what becomes of it.", body = Accepted), (status = 200, description = "It was taken before: under the same key, or within the window of `dedup`.", body = Accepted)), security(("session" = []), ("token" = ["events"])))]
pub async fn create(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Request>,
) -> Result<HttpResponse, ApiError> {
    let key = key(&request)?;
    state.admit_event(signed_in.user)?;
    let submitted = state.announcements.submit(signed_in.user, &key, &body).await?;
    let place = format!("/api/v1/events/{}", submitted.id);
    let mut response =
        if submitted.duplicate { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response
        .insert_header((header::LOCATION, place))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .json(Accepted { id: submitted.id, duplicate: submitted.duplicate }))
}

/// The query of the list.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    limit: Option<u32>,
}

/// The events that the user sent, the newest first, each with its report.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(("limit" = Option<u32>, Query, description = "How many, 1 to 50.")), responses((status = 200, description = "The events, the newest first.", body = Vec<Report>)), security(("session" = []), ("token" = ["events"])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    query: web::Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit.unwrap_or(LISTED).clamp(1, LISTED);
    let mut reports = Vec::new();
    for record in state.store.announcements(signed_in.user, limit).await? {
        reports.push(state.announcements.report(record).await?);
    }
    Ok(super::private(reports))
}

async fn mine(
    state: &WebState,
    who: &SignedIn,
    text: &str,
) -> Result<AnnouncementRecord, ApiError> {
    let found = state.store.announcement(id(text)?).await?;
    found.filter(|found| found.owner == who.user).ok_or(NO_EVENT)
}

/// The report of an event: who heard it, how and when.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", params(("id" = String, Path, description = "The event's id.")), responses((status = 200, description = "What became of it: who was told, who heard and who confirmed it.", body = Report)), security(("session" = []), ("token" = ["events"])))]
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let record = mine(&state, &signed_in, &path).await?;
    let report: Report = state.announcements.report(record).await?;
    Ok(super::private(report))
}

/// Tells nobody further of it.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's, [`ApiError::Conflict`] where it is over.
#[utoipa::path(delete, path = "/api/v1/events/{id}", tag = "events", params(("id" = String, Path, description = "The event's id.")), responses((status = 204, description = "Nobody further is told.")), security(("session" = []), ("token" = ["events"])))]
pub async fn cancel(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let record = mine(&state, &signed_in, &path).await?;
    if !state.announcements.cancel(record.id).await? {
        return Err(ApiError::Conflict("the event is over already".to_owned()));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Confirms an announcement by its message: for its recipients.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is none of theirs, or no announcement.
#[utoipa::path(post, path = "/api/v1/messages/{id}/confirm", tag = "events", params(("id" = String, Path, description = "The message's id.")), responses((status = 204, description = "It is confirmed.")), security(("session" = []), ("token" = ["messages:manage"])))]
pub async fn confirm(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let message = super::messages::id(&path)?;
    let entry = state.store.inbox_entry(signed_in.user, message).await?;
    if entry.is_none() || !state.messages.is_announcement(message) {
        return Err(ApiError::NotFound("announcement"));
    }
    for event in [
        Event::Delivered { device: BROWSER.to_owned() },
        Event::Confirmed { device: BROWSER.to_owned() },
    ] {
        state.messages.note(message, signed_in.user, event).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}
