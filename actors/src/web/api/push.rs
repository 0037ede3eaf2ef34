//! `/api/v1/push`: the browsers in which a user turned notifications on.

use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::outward::push;
use crate::store::NewSubscription;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

/// The longest name of a browser.
const LONGEST_NAME: usize = 64;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/push/key", web::get().to(key))
        .service(
            web::resource("/push/subscriptions")
                .route(web::get().to(list))
                .route(web::post().to(subscribe))
                .route(web::delete().to(unsubscribe)),
        )
        .route("/push/subscriptions/{id}", web::delete().to(remove));
}

#[derive(Serialize, ToSchema)]
#[schema(as = PushKey)]
struct Key<'a> {
    key: &'a str,
}

/// Our public key, for `PushManager.subscribe`.
#[utoipa::path(get, path = "/api/v1/push/key", tag = "account", responses((status = 200, description = "The key, in base64url.", body = Key<'static>)), security(("session" = []), ("token" = ["profile"])))]
pub async fn key(state: web::Data<WebState>, _signed_in: SignedIn) -> HttpResponse {
    super::private(Key { key: state.outward.push_key() })
}

#[derive(Serialize, ToSchema)]
#[schema(as = PushListed)]
struct Listed {
    id: i64,
    device: String,
    endpoint: String,
    #[schema(value_type = i64)]
    created: UnixMillis,
}

/// The browsers that are told of messages by Web Push.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(get, path = "/api/v1/push/subscriptions", tag = "account", responses((status = 200, description = "The browsers that are told.", body = Vec<Listed>)), security(("session" = []), ("token" = ["profile"])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let kept = state.store.subscriptions(signed_in.user).await?;
    let listed = kept.into_iter().map(|s| Listed {
        id: s.id,
        device: s.browser.device,
        endpoint: s.browser.endpoint,
        created: s.created,
    });
    Ok(super::private(listed.collect::<Vec<_>>()))
}

/// A browser's `PushSubscription`, and what people call it.
#[derive(Deserialize, ToSchema)]
pub struct Subscribe {
    endpoint: String,
    keys: Keys,
    #[serde(default)]
    device: String,
}

/// Its keys, in base64url.
#[derive(Deserialize, ToSchema)]
pub struct Keys {
    p256dh: String,
    auth: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PushSubscribed)]
struct Subscribed {
    id: i64,
}

/// Has a browser told of messages.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(post, path = "/api/v1/push/subscriptions", tag = "account", request_body = Subscribe, responses((status = 201, description = "It is told from now on.", body = Subscribed)), security(("session" = []), ("token" = ["profile"])))]
pub async fn subscribe(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Subscribe>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let wrong = |what: String| ApiError::Malformed(what);
    state.outward.check_url(&body.endpoint).map_err(|e| wrong(format!("the endpoint: {e}")))?;
    // Some browsers pad, some don't.
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let p256dh: Option<[u8; 65]> = decode(&body.keys.p256dh).and_then(|b| b.try_into().ok());
    let p256dh = p256dh.filter(push::is_key);
    let p256dh = p256dh.ok_or_else(|| wrong("keys.p256dh is no P-256 public key".into()))?;
    let auth: Option<[u8; 16]> = decode(&body.keys.auth).and_then(|b| b.try_into().ok());
    let auth = auth.ok_or_else(|| wrong("keys.auth is not 16 bytes of base64url".into()))?;
    let device = body.device.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let new = NewSubscription { endpoint: body.endpoint, p256dh, auth, device };
    let id = state.store.save_subscription(signed_in.user, new, clock::wall()).await?;
    Ok(HttpResponse::Created().json(Subscribed { id }))
}

/// A browser, by its endpoint.
#[derive(Deserialize, ToSchema)]
pub struct Unsubscribe {
    endpoint: String,
}

/// Has a browser, by its endpoint, told no more.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(delete, path = "/api/v1/push/subscriptions", tag = "account", request_body = Unsubscribe, responses((status = 204, description = "It is told no more.")), security(("session" = []), ("token" = ["profile"])))]
pub async fn unsubscribe(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Unsubscribe>,
) -> Result<HttpResponse, ApiError> {
    // One that is gone already is what was asked for.
    state.store.delete_endpoint(signed_in.user, body.into_inner().endpoint).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Has a browser told no more.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(delete, path = "/api/v1/push/subscriptions/{id}", tag = "account", params(("id" = i64, Path, description = "Its id.")), responses((status = 204, description = "It is told no more.")), security(("session" = []), ("token" = ["profile"])))]
pub async fn remove(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    id: web::Path<i64>,
) -> Result<HttpResponse, ApiError> {
    if state.store.delete_subscription(signed_in.user, *id).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::NotFound("subscription"))
    }
}
