//! `/api/v1/schedules`: announcements that recur.

use actix_web::{HttpResponse, web};
use hark_engine::calendar::Recurrence;
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::announce::Request;
use crate::clock;
use crate::store::{ScheduleRecord, StoreError};
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

const NO_SCHEDULE: ApiError = ApiError::NotFound("schedule");
/// How many of the next occurrences are shown.
const SHOWN: usize = 5;
/// The longest name, in characters.
pub(super) const LONGEST_NAME: usize = 64;

const fn yes() -> bool {
    true
}

/// A schedule, as it is made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleBody {
    name: String,
    /// The lines `DTSTART`, `RRULE`, `EXDATE` and `RDATE` (RFC 5545).
    recurrence: String,
    /// What is announced.
    event: Request,
    /// A missed occurrence that is not older is told late, in seconds (0-86400).
    #[serde(default)]
    grace_seconds: Option<u32>,
    #[serde(default = "yes")]
    enabled: bool,
}

#[derive(Serialize, ToSchema)]
struct ScheduleView {
    id: i64,
    name: String,
    recurrence: String,
    event: Request,
    grace_seconds: u32,
    enabled: bool,
    /// How many occurrences were missed for good.
    skipped: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The next occurrences.
    #[schema(value_type = Vec<i64>)]
    next: Vec<UnixMillis>,
}

fn view(state: &WebState, record: ScheduleRecord) -> Result<ScheduleView, ApiError> {
    let recurrence = Recurrence::parse(&record.recurrence, state.announcements.zone());
    let after = record.done.max(clock::wall());
    let next = recurrence.map(|r| r.after(after).take(SHOWN).collect()).unwrap_or_default();
    Ok(ScheduleView {
        id: record.id,
        name: record.name,
        recurrence: record.recurrence,
        event: serde_json::from_str(&record.request).map_err(StoreError::unavailable)?,
        grace_seconds: record.grace_secs,
        enabled: record.enabled,
        skipped: record.skipped,
        note: record.note,
        next: if record.enabled { next } else { Vec::new() },
    })
}

/// What is stored of a body, if it makes sense.
async fn judged(
    state: &WebState,
    who: &SignedIn,
    id: i64,
    body: ScheduleBody,
) -> Result<ScheduleRecord, ApiError> {
    let ScheduleBody { name, recurrence, event, grace_seconds, enabled } = body;
    super::check_name(&name, LONGEST_NAME)?;
    let grace_secs = grace_seconds.unwrap_or_else(|| state.announcements.grace_secs());
    if grace_secs > 86_400 {
        return Err(ApiError::Malformed("grace_seconds: allowed are 0 to 86400".into()));
    }
    let read = Recurrence::parse(&recurrence, state.announcements.zone())
        .map_err(|error| ApiError::Malformed(format!("recurrence: {error}")))?;
    let now = clock::wall();
    if read.next_after(now).is_none() {
        let what = "recurrence: nothing of it lies ahead".to_owned();
        return Err(ApiError::Malformed(what));
    }
    state.announcements.check(who.user, &event).await?;
    Ok(ScheduleRecord {
        id,
        owner: who.user,
        name,
        recurrence,
        request: serde_json::to_string(&event).map_err(StoreError::unavailable)?,
        grace_secs,
        enabled,
        // What lies behind is not made up for.
        done: now,
        skipped: 0,
        note: None,
    })
}

/// The user's schedules.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "events", responses((status = 200, description = "The schedules.", body = Vec<ScheduleView>)), security(("session" = []), ("token" = ["events"])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let stored = state.store.schedules(Some(signed_in.user)).await?.into_iter();
    let views = stored.map(|record| view(&state, record)).collect::<Result<Vec<_>, _>>()?;
    Ok(super::private(views))
}

/// One schedule.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's.
#[utoipa::path(get, path = "/api/v1/schedules/{id}", tag = "events", params(("id" = String, Path, description = "The schedule's id.")), responses((status = 200, description = "The schedule, and when it comes next.", body = ScheduleView)), security(("session" = []), ("token" = ["events"])))]
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    let found = state.store.schedule(signed_in.user, *path).await?.ok_or(NO_SCHEDULE)?;
    Ok(super::private(view(&state, found)?))
}

/// Makes a schedule.
///
/// # Errors
/// [`ApiError::Malformed`] names what is wrong with it.
#[utoipa::path(post, path = "/api/v1/schedules", tag = "events", request_body = ScheduleBody, responses((status = 201, description = "The schedule as it was kept.", body = ScheduleView)), security(("session" = []), ("token" = ["events"])))]
pub async fn create(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<ScheduleBody>,
) -> Result<HttpResponse, ApiError> {
    let mut record = judged(&state, &signed_in, 0, body.into_inner()).await?;
    record.id = state.store.create_schedule(record.clone()).await?;
    state.announcements.changed();
    Ok(HttpResponse::Created().json(view(&state, record)?))
}

/// Replaces a schedule; what lies behind is not made up for.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's, else as [`create`].
#[utoipa::path(put, path = "/api/v1/schedules/{id}", tag = "events", request_body = ScheduleBody, params(("id" = String, Path, description = "The schedule's id.")), responses((status = 200, description = "The schedule as it is now.", body = ScheduleView)), security(("session" = []), ("token" = ["events"])))]
pub async fn replace(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<i64>,
    body: web::Json<ScheduleBody>,
) -> Result<HttpResponse, ApiError> {
    let record = judged(&state, &signed_in, *path, body.into_inner()).await?;
    state.store.update_schedule(record.clone()).await?;
    state.announcements.changed();
    Ok(super::private(view(&state, record)?))
}

/// Removes a schedule.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's.
#[utoipa::path(delete, path = "/api/v1/schedules/{id}", tag = "events", params(("id" = String, Path, description = "The schedule's id.")), responses((status = 204, description = "It is gone.")), security(("session" = []), ("token" = ["events"])))]
pub async fn delete(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    state.store.delete_schedule(signed_in.user, *path).await?;
    state.announcements.changed();
    Ok(HttpResponse::NoContent().finish())
}
