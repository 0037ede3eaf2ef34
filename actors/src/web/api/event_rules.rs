//! `/api/v1/event-rules`: what of Hark's own events is announced.

use actix_web::{HttpResponse, web};
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schedules::LONGEST_NAME;
use crate::announce::RuleSpec;
use crate::store::{EventRuleRecord, StoreError};
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

const fn yes() -> bool {
    true
}

/// A rule, as it is made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct RuleBody {
    name: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(flatten)]
    #[schema(value_type = crate::web::shapes::RuleSpecShape)]
    spec: serde_json::Value,
}

#[derive(Serialize, ToSchema)]
struct RuleView {
    id: i64,
    name: String,
    enabled: bool,
    #[serde(flatten)]
    #[schema(value_type = crate::web::shapes::RuleSpecShape)]
    spec: RuleSpec,
    /// Whether it sees what concerns everybody, and not only its owner.
    everybody: bool,
    #[schema(value_type = Option<i64>)]
    last_fired: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn view(state: &WebState, record: EventRuleRecord) -> Result<RuleView, ApiError> {
    Ok(RuleView {
        id: record.id,
        name: record.name,
        enabled: record.enabled,
        spec: serde_json::from_str(&record.spec).map_err(StoreError::unavailable)?,
        everybody: state.announcements.is_manager(record.owner),
        last_fired: record.last_fired,
        note: record.note,
    })
}

async fn judged(
    state: &WebState,
    who: &SignedIn,
    id: i64,
    body: RuleBody,
) -> Result<EventRuleRecord, ApiError> {
    super::check_name(&body.name, LONGEST_NAME)?;
    let spec: RuleSpec = serde_json::from_value(body.spec)
        .map_err(|error| ApiError::Malformed(error.to_string()))?;
    spec.check().map_err(|what| ApiError::Malformed(what.to_owned()))?;
    // With values and people in the places that the event will fill.
    state.announcements.check_rule(who.user, &spec).await?;
    Ok(EventRuleRecord {
        id,
        owner: who.user,
        name: body.name,
        spec: serde_json::to_string(&spec).map_err(StoreError::unavailable)?,
        enabled: body.enabled,
        last_fired: None,
        note: None,
    })
}

/// The user's rules.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/event-rules", tag = "events", responses((status = 200, description = "The rules.", body = Vec<RuleView>)), security(("session" = []), ("token" = ["events"])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let stored = state.store.event_rules(Some(signed_in.user)).await?.into_iter();
    let views = stored.map(|record| view(&state, record)).collect::<Result<Vec<_>, _>>()?;
    Ok(super::private(views))
}

/// Makes a rule.
///
/// # Errors
/// [`ApiError::Malformed`] names what is wrong with it.
#[utoipa::path(post, path = "/api/v1/event-rules", tag = "events", request_body = RuleBody, responses((status = 201, description = "The rule as it was kept.", body = RuleView)), security(("session" = []), ("token" = ["events"])))]
pub async fn create(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<RuleBody>,
) -> Result<HttpResponse, ApiError> {
    let mut record = judged(&state, &signed_in, 0, body.into_inner()).await?;
    record.id = state.store.create_event_rule(record.clone()).await?;
    state.announcements.changed();
    Ok(HttpResponse::Created().json(view(&state, record)?))
}

/// Replaces a rule.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's, else as [`create`].
#[utoipa::path(put, path = "/api/v1/event-rules/{id}", tag = "events", request_body = RuleBody, params(("id" = String, Path, description = "The rule's id.")), responses((status = 200, description = "The rule as it is now.", body = RuleView)), security(("session" = []), ("token" = ["events"])))]
pub async fn replace(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<i64>,
    body: web::Json<RuleBody>,
) -> Result<HttpResponse, ApiError> {
    let record = judged(&state, &signed_in, *path, body.into_inner()).await?;
    state.store.update_event_rule(record.clone()).await?;
    state.announcements.changed();
    Ok(super::private(view(&state, record)?))
}

/// Removes a rule.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's.
#[utoipa::path(delete, path = "/api/v1/event-rules/{id}", tag = "events", params(("id" = String, Path, description = "The rule's id.")), responses((status = 204, description = "It is gone.")), security(("session" = []), ("token" = ["events"])))]
pub async fn delete(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    state.store.delete_event_rule(signed_in.user, *path).await?;
    state.announcements.changed();
    Ok(HttpResponse::NoContent().finish())
}
