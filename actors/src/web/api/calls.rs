//! `/api/v1/calls`: Hark rings one of the user's own telephones, to record a message there or to
//! play one. The WebSocket tells how it goes, as does the order itself for programs without one.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use hark_engine::id::{MessageId, UserId};
use serde::Deserialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::orders::{By, Progress, What};
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

/// The most recipients of a message that is recorded by telephone.
const MOST_RECIPIENTS: usize = 50;
/// The longest that a request waits for news.
const PATIENCE: Duration = Duration::from_secs(20);

/// There is no such call, or it is another's.
pub(in crate::web) const NO_CALL: ApiError = ApiError::NotFound("call");

/// What is ordered.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = CallOrder)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Body {
    /// Record a message.
    Record {
        /// For whom.
        #[schema(value_type = Vec<i64>)]
        to: Vec<UserId>,
        /// On which device of the user's own profile.
        device: String,
    },
    /// Play a message.
    Play {
        /// Which message of the user's own mailbox.
        #[schema(value_type = String)]
        message: MessageId,
        /// On which device of the user's own profile.
        device: String,
    },
}

/// Orders a call: 202 with how it goes.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not the user's, [`ApiError::Malformed`] where the
/// profile has no such telephone, or recipients don't exist, [`ApiError::Conflict`] where it is
/// not verified; limits as
/// [`OrderError`](crate::orders::OrderError).
#[utoipa::path(post, path = "/api/v1/calls", tag = "calls", request_body = Body, responses((status = 202, description = "How it goes; its address is in `Location`.", body = crate::web::shapes::ProgressShape)), security(("session" = [])))]
pub async fn order(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Body>,
) -> Result<HttpResponse, ApiError> {
    let me = signed_in.user;
    let (device, what) = match body.into_inner() {
        Body::Record { mut to, device } => {
            to.sort_unstable();
            to.dedup();
            let directory = state.directory();
            let known = to.iter().all(|user| directory.user(*user).is_some());
            if to.is_empty() || to.len() > MOST_RECIPIENTS || !known {
                let wanted = format!("choose 1 to {MOST_RECIPIENTS} recipients who exist");
                return Err(ApiError::Malformed(wanted));
            }
            (device, What::Record { me, to })
        }
        Body::Play { message, device } => {
            let entry = state.store.inbox_entry(me, message).await?;
            let message = Box::new(entry.ok_or(ApiError::NotFound("message"))?.summary());
            (device, What::Play { me, message })
        }
    };
    let profile = state.store.profile(me).await?;
    let known = profile.devices.iter().find(|known| known.name == device && known.kind.rings());
    let Some(known) = known else {
        let wrong = "the profile has no telephone of this name: add one to it, or name another";
        return Err(ApiError::Malformed(wrong.to_owned()));
    };
    if !known.usable() {
        let wrong = "this telephone was not shown to be yours yet: verify it first";
        return Err(ApiError::Conflict(wrong.to_owned()));
    }
    let progress = state.orders.to_device(me, &device, what)?;
    let at = format!("/api/v1/calls/{}", progress.call.as_str());
    Ok(accepted(&at, progress))
}

/// The answer to an order that was taken.
pub(in crate::web) fn accepted(at: &str, progress: Progress) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((header::LOCATION, at))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .json(progress)
}

/// The user's orders that are not over.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", responses((status = 200, description = "The orders.", body = Vec<crate::web::shapes::ProgressShape>)), security(("session" = [])))]
pub async fn list(state: web::Data<WebState>, signed_in: SignedIn) -> HttpResponse {
    super::private(state.orders.live(&By::User(signed_in.user)))
}

/// The query of [`show`].
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct After {
    /// Answer once the version is higher than this, or after a while.
    after: Option<u32>,
}

/// How an order goes; with `?after=VERSION`, as soon as there is news.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not the user's, or was over too long ago.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = String, Path, description = "The order."), ("after" = Option<u32>, Query, description = "Answer once the version is higher than this, or after a while.")), responses((status = 200, description = "How it goes.", body = crate::web::shapes::ProgressShape)), security(("session" = [])))]
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    query: web::Query<After>,
) -> Result<HttpResponse, ApiError> {
    let watched = state.orders.watch(&By::User(signed_in.user), &path).ok_or(NO_CALL)?;
    Ok(super::private(news(watched, *query).await))
}

/// Waits for news, within reason.
pub(in crate::web) async fn news(mut watched: watch::Receiver<Progress>, query: After) -> Progress {
    if let Some(after) = query.after {
        let newer = |progress: &Progress| progress.version > after || progress.stage.is_final();
        // Without news in time, or when nothing follows any more, it is told as it stands.
        let _either = tokio::time::timeout(PATIENCE, watched.wait_for(newer)).await;
    }
    watched.borrow().clone()
}

/// Cancels an order. What was recorded and not sent yet is thrown away.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not the user's.
#[utoipa::path(delete, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = String, Path, description = "The order.")), responses((status = 204, description = "It is cancelled.")), security(("session" = [])))]
pub async fn cancel(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    if state.orders.cancel(&By::User(signed_in.user), &path) {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(NO_CALL)
    }
}
