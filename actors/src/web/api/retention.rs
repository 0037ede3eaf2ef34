//! `/api/v1/me/retention`, `/api/v1/me/export`, and what managers decide of users.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use hark_engine::retention::{Override, Policy, Usage, nearly_full};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::retention::{Standing, export};
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionStanding)]
struct StandingView {
    #[schema(value_type = crate::web::shapes::PolicyShape)]
    policy: Policy,
    #[schema(value_type = crate::web::shapes::UsageShape)]
    usage: Usage,
    /// How full the mailbox is, in percent of its quota.
    percent: u32,
    nearly_full: bool,
    full: bool,
    /// Nothing is removed while a legal hold stands.
    hold: bool,
}

impl From<Standing> for StandingView {
    fn from(standing: Standing) -> Self {
        let Standing { policy, user, usage, percent } = standing;
        let (nearly_full, full) = (nearly_full(percent, false), user.full);
        Self { policy, usage, percent, nearly_full, full, hold: user.held }
    }
}

/// For how long the user's messages are kept, and how full the mailbox is.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/me/retention", tag = "account", responses((status = 200, description = "How long messages are kept, and how full the mailbox is.", body = StandingView)), security(("session" = []), ("token" = ["profile"])))]
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let standing = state.retention.standing(signed_in.user).await?;
    Ok(super::private(StandingView::from(standing)))
}

/// What a manager decides of a user.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserRetention)]
pub struct UserBody {
    /// What differs from the site's retention.
    #[serde(default)]
    #[schema(value_type = Option<crate::web::shapes::OverrideShape>)]
    retention: Option<Override>,
    /// Whether a legal hold stands.
    #[serde(default)]
    hold: Option<bool>,
}

/// Changes a user's retention, or their legal hold.
///
/// # Errors
/// [`ApiError::NotManager`], [`ApiError::NotFound`]
#[utoipa::path(put, path = "/api/v1/users/{name}/retention", tag = "operation", request_body = UserBody, params(("name" = String, Path, description = "The user's name.")), responses((status = 200, description = "The limits as they are now.", body = StandingView)), security(("session" = []), ("token" = ["profile"])))]
pub async fn set(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    body: web::Json<UserBody>,
) -> Result<HttpResponse, ApiError> {
    if !state.announcements.is_manager(signed_in.user) {
        return Err(ApiError::NotManager);
    }
    let directory = state.directory();
    let user = directory.by_name(&path).ok_or(ApiError::NotFound("user"))?.id;
    if let Some(differs) = body.retention {
        state.store.set_retention(user, differs).await?;
    }
    if let Some(hold) = body.hold {
        state.store.set_hold(user, hold).await?;
        tracing::info!(%user, hold, "a legal hold was changed");
    }
    let standing = state.retention.standing(user).await?;
    Ok(super::private(StandingView::from(standing)))
}

/// Everything that the user has, as a tar archive that is written while it is sent.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/me/export", tag = "account", responses((status = 200, description = "A tar archive of everything that the user has.", body = String, content_type = "application/x-tar")), security(("session" = []), ("token" = ["profile"])))]
pub async fn export(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let user = signed_in.user;
    let name = state.directory().user(user).map(|user| user.name.clone()).unwrap_or_default();
    let contents = state.store.export(user).await?;
    let dir = state.store.dir().to_owned();
    // On the server's own runtime, which outlives a web worker.
    let mut ready = {
        let _runtime = state.runtime.enter();
        export::pieces(dir, user, contents)
    };
    let body = futures_util::stream::poll_fn(move |context| ready.poll_recv(context));
    let attachment = format!("attachment; filename=\"hark-{name}.tar\"");
    Ok(HttpResponse::Ok()
        .content_type("application/x-tar")
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .streaming(body))
}
