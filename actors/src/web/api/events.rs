//! `/api/v1/events`: what an application wants announced, and who heard it.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::message::Event;
use serde::{Deserialize, Serialize};
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

#[derive(Serialize)]
struct Accepted {
    id: Uuid,
    duplicate: bool,
}

/// Accepts an event: 201, or 200 for one that was accepted already.
///
/// # Errors
/// [`ApiError::Malformed`] names what is wrong, [`ApiError::Conflict`] a key that was used for
/// something else.
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
    let mut response = if submitted.duplicate {
        HttpResponse::Ok()
    } else {
        HttpResponse::Created()
    };
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

async fn mine(state: &WebState, who: &SignedIn, text: &str) -> Result<AnnouncementRecord, ApiError> {
    let found = state.store.announcement(id(text)?).await?;
    found.filter(|found| found.owner == who.user).ok_or(NO_EVENT)
}

/// The report of an event: who heard it, how and when.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's.
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
