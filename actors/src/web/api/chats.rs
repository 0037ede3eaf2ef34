//! `/api/v1/chats`: the user's conversations in text. The other one is named by number or by
//! sign-in name.

use actix_web::{HttpResponse, web};
use hark_engine::id::{ChatId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chat::Draft;
use crate::store::{ChatThread, Mark};
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;
use crate::web::view::{ChatView, UserView};

/// How many texts a page of the history has unless it is asked for fewer or more.
const PAGE: u32 = 50;
/// The device that marks name for the API.
const API: &str = "api";

#[derive(Serialize, ToSchema)]
struct ThreadView {
    with: UserView,
    last: ChatView,
    unread: u32,
}

/// The user's conversations, the latest first, each with its last text and how many are unread.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/chats", tag = "chat", responses((status = 200, description = "The conversations.", body = Vec<ThreadView>)), security(("session" = []), ("token" = ["chat"])))]
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let directory = state.directory();
    let threads = state.store.chat_threads(signed_in.user).await?.into_iter();
    let views = threads.filter_map(|ChatThread { with, last, unread }| {
        Some(ThreadView { with: directory.user(with)?.into(), last: last.into(), unread })
    });
    Ok(super::private(views.collect::<Vec<_>>()))
}

/// The query of the history.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct HistoryQuery {
    /// Texts before this one.
    before: Option<ChatId>,
    /// How many, at most 200.
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatHistory)]
struct History {
    /// The latest first.
    messages: Vec<ChatView>,
    /// What `before` has to be for the next page; absent on the last.
    #[schema(value_type = Option<i64>)]
    next: Option<ChatId>,
}

/// One conversation, page by page.
///
/// # Errors
/// [`ApiError::NotFound`] where there is no such user.
#[utoipa::path(get, path = "/api/v1/chats/{user}", tag = "chat", params(("user" = String, Path, description = "The other one: id or sign-in name."), ("before" = Option<i64>, Query, description = "Texts older than this one."), ("limit" = Option<u32>, Query, description = "How many, 1 to 200.")), responses((status = 200, description = "A page of texts, the newest first.", body = History)), security(("session" = []), ("token" = ["chat"])))]
pub async fn history(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    query: web::Query<HistoryQuery>,
) -> Result<HttpResponse, ApiError> {
    let with = other(&state, &path)?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, 200);
    let entries = state.store.chat_history(signed_in.user, with, query.before, limit).await?;
    let is_whole = entries.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    let next = entries.last().map(|entry| entry.id).filter(|_| !is_whole);
    let messages = entries.into_iter().map(ChatView::from).collect();
    Ok(super::private(History { messages, next }))
}

/// The body of [`send`].
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewText {
    text: String,
    /// Sent again under the same key, a text is kept once.
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// Sends a text.
///
/// # Errors
/// [`ApiError::NotFound`] where there is no such user, [`ApiError::Malformed`] for what is no
/// text, [`ApiError::TooMany`] for too many.
#[utoipa::path(post, path = "/api/v1/chats/{user}", tag = "chat", request_body = NewText, params(("user" = String, Path, description = "To whom: id or sign-in name.")), responses((status = 201, description = "The text as it was kept.", body = ChatView), (status = 200, description = "It was kept before under the same key.", body = ChatView)), security(("session" = []), ("token" = ["chat"])))]
pub async fn send(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    body: web::Json<NewText>,
) -> Result<HttpResponse, ApiError> {
    let to = other(&state, &path)?;
    let NewText { text, idempotency_key: key } = body.into_inner();
    let draft = Draft { from: signed_in.user, to, text, key, wish: None };
    let kept = state.chat.send(draft).await?;
    let view = ChatView::from(kept.entry);
    Ok(if kept.duplicate { super::private(view) } else { HttpResponse::Created().json(view) })
}

/// The body of [`read`].
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub struct ReadUpTo {
    #[schema(value_type = i64)]
    up_to: ChatId,
}

/// Marks what the other one wrote, up to and with a text, as read.
///
/// # Errors
/// [`ApiError::NotFound`] where there is no such user.
#[utoipa::path(post, path = "/api/v1/chats/{user}/read", tag = "chat", request_body = ReadUpTo, params(("user" = String, Path, description = "Who wrote: id or sign-in name.")), responses((status = 204, description = "They are read.")), security(("session" = []), ("token" = ["chat"])))]
pub async fn read(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    body: web::Json<ReadUpTo>,
) -> Result<HttpResponse, ApiError> {
    let with = other(&state, &path)?;
    state.chat.mark(with, signed_in.user, body.up_to, Mark::Read, API).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn other(state: &WebState, path: &str) -> Result<UserId, ApiError> {
    let directory = state.directory();
    let by_number = path.parse().ok().and_then(|id| directory.user(UserId(id)));
    let user = by_number.or_else(|| directory.by_name(path));
    // What stands for a number or address outside chats with nobody.
    let user = user.map(|user| user.id).filter(|id| directory.address(*id).is_none());
    user.ok_or(ApiError::NotFound("user"))
}
