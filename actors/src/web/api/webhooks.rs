//! `/api/v1/webhooks`: the web services that are told what becomes of a user's messages.

use actix_web::{HttpResponse, web};
use hark_engine::id::MessageId;
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::outward::{NotifyError, sign};
use crate::store::{About, GivenUp, SigningSecret, WebhookRecord};
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

/// How many are listed of those that were given up.
const LISTED: u32 = 100;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/webhooks").route(web::get().to(list)).route(web::post().to(register)),
        )
        .route("/webhooks/profile-secret", web::post().to(profile_secret))
        .route("/webhooks/{id}", web::delete().to(delete))
        .route("/webhooks/{id}/given-up", web::get().to(given_up))
        .route("/webhooks/{id}/ping", web::post().to(ping))
        .route("/webhooks/{id}/retry", web::post().to(retry));
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookListed)]
struct Listed {
    id: i64,
    url: String,
    #[schema(value_type = String)]
    about: About,
    #[schema(value_type = i64)]
    created: UnixMillis,
    /// How many events wait to be told.
    waiting: u32,
    /// How many it did not take, however often it was tried: `retry` begins anew with them.
    given_up: u32,
    /// How many were not even queued, because too many waited.
    missed: u64,
    #[schema(value_type = Option<i64>)]
    last_ok: Option<UnixMillis>,
    /// Why it did not take the last one, and since when it has taken none.
    error: Option<String>,
    #[schema(value_type = Option<i64>)]
    failing_since: Option<UnixMillis>,
}

impl From<WebhookRecord> for Listed {
    fn from(record: WebhookRecord) -> Self {
        Self {
            id: record.id,
            url: record.url,
            about: record.about,
            created: record.created,
            waiting: record.queued,
            given_up: record.dead,
            missed: record.missed,
            last_ok: record.last_ok,
            error: record.error,
            failing_since: record.failing_since,
        }
    }
}

/// The web services that are told of the user's messages.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "account", responses((status = 200, description = "The web services, and how they stand.", body = Vec<Listed>)), security(("session" = []), ("token" = ["profile"])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let kept = state.store.webhooks(signed_in.user).await?;
    Ok(super::private(kept.into_iter().map(Listed::from).collect::<Vec<_>>()))
}

/// A web service.
#[derive(Deserialize, ToSchema)]
pub struct Register {
    url: String,
    #[serde(default)]
    #[schema(value_type = String)]
    about: About,
}

/// What is shown once, and never again.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookRegistered)]
struct Registered {
    id: i64,
    secret: String,
}

/// Has a web service told of every step of messages.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "account", request_body = Register, responses((status = 201, description = "Its id, and the secret that signs, which is shown once.", body = Registered)), security(("session" = []), ("token" = ["profile"])))]
pub async fn register(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Register>,
) -> Result<HttpResponse, ApiError> {
    let Register { url, about } = body.into_inner();
    state.outward.check_url(&url).map_err(|e| ApiError::Malformed(e.to_string()))?;
    let secret = SigningSecret(clock::random());
    let id = state.store.create_webhook(signed_in.user, url, secret, about, clock::wall()).await?;
    let body = Registered { id, secret: sign::show(&secret.0) };
    Ok(HttpResponse::Created().insert_header(("Cache-Control", "private, no-store")).json(body))
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
struct Secret {
    secret: String,
}

/// A new secret for the web services that the user's profile names; the old one counts no more.
#[utoipa::path(post, path = "/api/v1/webhooks/profile-secret", tag = "account", responses((status = 200, description = "The secret, shown once.", body = Secret)), security(("session" = []), ("token" = ["profile"])))]
pub async fn profile_secret(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let secret = state.store.profile_webhook_secret(signed_in.user, true).await?;
    Ok(super::private(Secret { secret: sign::show(&secret.0) }))
}

/// Has a web service told no more.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "account", params(("id" = i64, Path, description = "Its id.")), responses((status = 204, description = "It is told no more.")), security(("session" = []), ("token" = ["profile"])))]
pub async fn delete(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    id: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    if state.store.delete_webhook(signed_in.user, *id).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::NotFound("webhook"))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookPinged)]
struct Pinged {
    ok: bool,
    error: Option<String>,
}

/// Sends a test, and says what came of it.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/ping", tag = "account", params(("id" = i64, Path, description = "Its id.")), responses((status = 200, description = "What came of it.", body = Pinged)), security(("session" = []), ("token" = ["profile"])))]
pub async fn ping(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    id: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    let record = state.store.webhook(*id).await?.filter(|r| r.user == signed_in.user);
    let record = record.ok_or(ApiError::NotFound("webhook"))?;
    let (outward, runtime) = (state.outward.clone(), state.runtime.clone());
    let sent = runtime.spawn(async move { outward.ping(&record).await }).await;
    let error = match sent {
        Ok(Ok(())) => None,
        Ok(Err(NotifyError { reason, .. })) => Some(reason),
        Err(_) => return Err(ApiError::Internal),
    };
    Ok(super::private(Pinged { ok: error.is_none(), error }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookGivenUp)]
struct GivenUpView {
    /// Its place in the log.
    seq: i64,
    #[schema(value_type = String)]
    message: MessageId,
    #[serde(rename = "type")]
    kind: Option<String>,
    /// When it was given up.
    #[schema(value_type = i64)]
    at: UnixMillis,
    reason: String,
}

impl From<GivenUp> for GivenUpView {
    fn from(given_up: GivenUp) -> Self {
        let GivenUp { seq, message, kind, at, reason } = given_up;
        Self { seq, message, kind: kind.map(|kind| format!("message.{kind}")), at, reason }
    }
}

/// What a web service did not take, however often it was tried: the latest hundred events.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not this user's.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/given-up", tag = "account", params(("id" = i64, Path, description = "Its id.")), responses((status = 200, description = "The events, the latest first: which, of which message, when they were given up and why.", body = Vec<GivenUpView>)), security(("session" = []), ("token" = ["profile"])))]
pub async fn given_up(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    id: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    let kept = state.store.webhook_given_up(signed_in.user, *id, LISTED).await?;
    let kept = kept.ok_or(ApiError::NotFound("webhook"))?;
    Ok(super::private(kept.into_iter().map(GivenUpView::from).collect::<Vec<_>>()))
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookRetried)]
struct Retried {
    events: usize,
}

/// Tells a web service at once what it did not take: what was given up, and what waits for its
/// next try.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/retry", tag = "account", params(("id" = i64, Path, description = "Its id.")), responses((status = 200, description = "How many events had been given up and are told again.", body = Retried)), security(("session" = []), ("token" = ["profile"])))]
pub async fn retry(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    id: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    let events = state.outward.retry_webhook(signed_in.user, *id).await?;
    Ok(super::private(Retried { events }))
}
