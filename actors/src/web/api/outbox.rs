//! `/api/v1/outbox`: what the user sent, and what became of it.

use std::str::FromStr as _;

use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::StepReached;
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::Page;
use crate::store::OutboxEntry;
use crate::store::pages::Place;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::conditional;
use crate::web::error::ApiError;

/// How many messages are listed, the newest first.
const LISTED: u32 = 200;

/// A message that the user sent.
#[derive(Serialize, ToSchema)]
pub struct Sent {
    /// Which message.
    #[schema(value_type = String, format = "uuid")]
    id: MessageId,
    /// When it was committed, in milliseconds since 1970.
    #[schema(value_type = i64)]
    at: UnixMillis,
    /// How long it is.
    length_ms: u32,
    /// What became of it for each recipient.
    recipients: Vec<SentTo>,
}

/// What became of a message for one recipient.
#[derive(Serialize, ToSchema)]
pub struct SentTo {
    /// Who.
    #[schema(value_type = i64)]
    user: UserId,
    /// Their name.
    name: String,
    /// What happened, in its order.
    #[schema(value_type = Vec<StepShape>)]
    steps: Vec<StepReached>,
    /// The time for which it waits, as long as it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    waits_until: Option<UnixMillis>,
}

/// A step of a message's way, as it stands in JSON: the shape of [`StepReached`].
#[derive(ToSchema)]
#[schema(as = Step)]
#[expect(dead_code, reason = "it documents `StepReached`, which knows nothing of OpenAPI")]
struct StepShape {
    /// `accepted`, `notified`, `delivered` or `heard`.
    step: String,
    /// On which device; empty for `accepted`.
    device: String,
    /// When, in milliseconds since 1970.
    at: i64,
    /// How much was heard.
    heard_ms: Option<u32>,
}

/// The query of the list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OutboxQuery {
    /// How many at most, 1 to 200. With neither this nor a cursor: the newest 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page before ended, as its `Link` says.
    cursor: Option<String>,
}

impl From<OutboxEntry> for Sent {
    fn from(entry: OutboxEntry) -> Self {
        let receipt = entry.receipt;
        let recipients = entry.recipients.into_iter().map(|recipient| SentTo {
            user: recipient.user,
            name: recipient.name,
            waits_until: recipient.state.due.filter(|_| recipient.state.is_held()),
            // Without a receipt asked for, the sender learns of the commit and no more.
            steps: recipient
                .state
                .steps()
                .into_iter()
                .take(if receipt { usize::MAX } else { 1 })
                .collect(),
        });
        Self {
            id: entry.id,
            at: entry.at,
            length_ms: entry.length_ms,
            recipients: recipients.collect(),
        }
    }
}

/// The messages sent, newest first.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/outbox", tag = "messages", params(OutboxQuery),
    responses((status = 200, description = "What was sent, newest first; `Link` names the next page.", body = Vec<Sent>),
        (status = 304, description = "It is as `If-None-Match` says.")),
    security(("session" = []), ("token" = ["messages:send"])))]
pub async fn list(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    query: web::Query<OutboxQuery>,
) -> Result<HttpResponse, ApiError> {
    let asked = Page::asked(query.limit, query.cursor.as_deref())?;
    let page = asked.unwrap_or(Page { after: Place::NEWEST, limit: LISTED });
    let mut sent = state.store.sent(signed_in.user, page.after, page.limit + 1).await?;
    let place = |entry: &OutboxEntry| Place { at: entry.at, id: entry.id };
    let next = page.cut(&mut sent, place, "/api/v1/outbox", "");
    let sent: Vec<Sent> = sent.into_iter().map(Sent::from).collect();
    conditional::answer(&request, &sent, next)
}

/// One message that the user sent.
///
/// # Errors
/// [`ApiError::NotFound`] where the user sent no such message.
#[utoipa::path(get, path = "/api/v1/outbox/{id}", tag = "messages",
    params(("id" = String, Path, description = "The message's id.")),
    responses((status = 200, description = "What became of it.", body = Sent),
        (status = 304, description = "It is as `If-None-Match` says.")),
    security(("session" = []), ("token" = ["messages:send"])))]
pub async fn show(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = MessageId::from_str(&path).map_err(|_| ApiError::NotFound("message"))?;
    let sent = state.store.sent_entry(signed_in.user, id).await?;
    let sent = Sent::from(sent.ok_or(ApiError::NotFound("message"))?);
    conditional::answer(&request, &sent, None)
}
