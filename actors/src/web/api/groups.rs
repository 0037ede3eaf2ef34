//! `/api/v1/groups` and `/api/v1/templates`: to whom, and in which words.
//!
//! Everybody sees groups and uses the site's templates; those who may change them are named in
//! `[events] managers`. A user's own templates are theirs.

use actix_web::{HttpResponse, web};
use hark_engine::id::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schedules::LONGEST_NAME;
use crate::announce::{Content, check_content};
use crate::store::{GroupRecord, StoreError, TemplateRecord};
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

/// The most members of a group.
const MOST_MEMBERS: usize = 256;

fn manager(state: &WebState, who: &SignedIn) -> Result<(), ApiError> {
    if state.announcements.is_manager(who.user) { Ok(()) } else { Err(ApiError::NotManager) }
}

#[derive(Serialize, ToSchema)]
struct GroupView {
    name: String,
    display_name: String,
    members: Vec<Member>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = GroupMember)]
struct Member {
    #[schema(value_type = i64)]
    user: UserId,
    name: String,
    display_name: String,
}

/// Every group.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/groups", tag = "events", responses((status = 200, description = "The groups and their members.", body = Vec<GroupView>)), security(("session" = []), ("token" = ["events"])))]
pub async fn list(
    state: web::Data<WebState>,
    _signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let directory = state.directory();
    let member = |id: UserId| {
        let user = directory.user(id)?;
        let (name, display_name) = (user.name.clone(), user.display_name.clone());
        Some(Member { user: id, name, display_name })
    };
    let groups = state.store.groups().await?.into_iter().map(|group| GroupView {
        members: group.members.iter().copied().filter_map(member).collect(),
        name: group.name,
        display_name: group.display_name,
    });
    Ok(super::private(groups.collect::<Vec<_>>()))
}

/// A group, as it is made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupBody {
    #[serde(default)]
    display_name: String,
    /// Sign-in names.
    members: Vec<String>,
}

/// Makes a group, or replaces it.
///
/// # Errors
/// [`ApiError::NotManager`], [`ApiError::Malformed`]
#[utoipa::path(put, path = "/api/v1/groups/{name}", tag = "events", request_body = GroupBody, params(("name" = String, Path, description = "The group's name.")), responses((status = 204, description = "It is so now.")), security(("session" = []), ("token" = ["events"])))]
pub async fn put(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    body: web::Json<GroupBody>,
) -> Result<HttpResponse, ApiError> {
    manager(&state, &signed_in)?;
    let name = path.into_inner();
    check_word(&name)?;
    let GroupBody { display_name, members } = body.into_inner();
    let display_name = if display_name.is_empty() { name.clone() } else { display_name };
    super::check_name(&display_name, LONGEST_NAME)?;
    if members.len() > MOST_MEMBERS {
        return Err(ApiError::Malformed(format!("a group has at most {MOST_MEMBERS} members")));
    }
    let directory = state.directory();
    let member = |name: &String| {
        let user = directory.by_name(name).ok_or_else(|| {
            let name: String = name.chars().take(LONGEST_NAME).collect();
            ApiError::Malformed(format!("'{name}' is no user's sign-in name"))
        })?;
        Ok::<_, ApiError>(user.id)
    };
    let members = members.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    state.store.set_group(GroupRecord { name, display_name, members }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes a group.
///
/// # Errors
/// [`ApiError::NotManager`], [`ApiError::NotFound`]
#[utoipa::path(delete, path = "/api/v1/groups/{name}", tag = "events", params(("name" = String, Path, description = "The group's name.")), responses((status = 204, description = "It is gone.")), security(("session" = []), ("token" = ["events"])))]
pub async fn delete(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    manager(&state, &signed_in)?;
    state.store.delete_group(&path).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A template, as it is made and shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    #[schema(value_type = crate::web::shapes::ContentShape)]
    content: Content,
    /// Whether it is the site's.
    #[serde(default)]
    site: bool,
}

#[derive(Serialize, ToSchema)]
struct TemplateView {
    name: String,
    site: bool,
    #[schema(value_type = crate::web::shapes::ContentShape)]
    content: Content,
}

/// The templates that the user can use.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/templates", tag = "events", responses((status = 200, description = "The templates.", body = Vec<TemplateView>)), security(("session" = []), ("token" = ["events"])))]
pub async fn templates(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let mut views = Vec::new();
    for TemplateRecord { owner, name, body } in state.store.templates(signed_in.user).await? {
        let content = serde_json::from_str(&body).map_err(StoreError::unavailable)?;
        views.push(TemplateView { name, site: owner.is_none(), content });
    }
    Ok(super::private(views))
}

/// Makes a template, or replaces it.
///
/// # Errors
/// [`ApiError::NotManager`] for the site's, [`ApiError::Malformed`]
#[utoipa::path(put, path = "/api/v1/templates/{name}", tag = "events", request_body = TemplateBody, params(("name" = String, Path, description = "The template's name.")), responses((status = 204, description = "It is so now.")), security(("session" = []), ("token" = ["events"])))]
pub async fn put_template(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    body: web::Json<TemplateBody>,
) -> Result<HttpResponse, ApiError> {
    if body.site {
        manager(&state, &signed_in)?;
    }
    check_word(&path)?;
    check_content(&body.content)?;
    let template = TemplateRecord {
        owner: (!body.site).then_some(signed_in.user),
        name: path.into_inner(),
        body: serde_json::to_string(&body.content).map_err(StoreError::unavailable)?,
    };
    state.store.set_template(template).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The query of [`delete_template`].
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct WhoseQuery {
    #[serde(default)]
    site: bool,
}

/// Removes a template.
///
/// # Errors
/// [`ApiError::NotManager`] for the site's, [`ApiError::NotFound`]
#[utoipa::path(delete, path = "/api/v1/templates/{name}", tag = "events", params(("name" = String, Path, description = "The template's name.")), responses((status = 204, description = "It is gone.")), security(("session" = []), ("token" = ["events"])))]
pub async fn delete_template(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    query: web::Query<WhoseQuery>,
) -> Result<HttpResponse, ApiError> {
    if query.site {
        manager(&state, &signed_in)?;
    }
    let owner = (!query.site).then_some(signed_in.user);
    state.store.delete_template(owner, &path).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Names that stand in requests and paths.
fn check_word(name: &str) -> Result<(), ApiError> {
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(letters) {
        return Ok(());
    }
    Err(ApiError::Malformed("a name has 1 to 64 of a-z, A-Z, 0-9, '.', '_', '-'".into()))
}
