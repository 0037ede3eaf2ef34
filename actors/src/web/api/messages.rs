//! `/api/v1/messages`: the user's mailbox. What is not theirs does not exist for them.

use std::str::FromStr as _;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::dialplan::effect::Folder;
use hark_engine::id::MessageId;
use hark_engine::message::Event;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::Page;
use crate::store::pages::{Place, Shelf};
use crate::store::{MailboxEntry, MessageRecord};
use crate::web::WebState;
use crate::web::audio::{self, AudioQuery};
use crate::web::auth::SignedIn;
use crate::web::conditional;
use crate::web::error::ApiError;
use crate::web::links::HeardBody;
use crate::web::state::BROWSER;
use crate::web::view::MessageView;

const NO_MESSAGE: ApiError = ApiError::NotFound("message");

pub(super) fn id(text: &str) -> Result<MessageId, ApiError> {
    MessageId::from_str(text).map_err(|_| NO_MESSAGE)
}

/// `?folder=`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FolderName {
    /// What the user did not choose to keep or delete.
    #[default]
    Inbox,
    /// What the user chose to keep.
    Saved,
    /// Both.
    All,
    /// What the user deleted, and can take back.
    Deleted,
}

impl FolderName {
    const fn shelf(self) -> Shelf {
        match self {
            Self::Inbox => Shelf::Inbox,
            Self::Saved => Shelf::Saved,
            Self::All => Shelf::All,
            Self::Deleted => Shelf::Deleted,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Saved => "saved",
            Self::All => "all",
            Self::Deleted => "deleted",
        }
    }
}

/// The query of the list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Which folder.
    #[serde(default)]
    #[param(required = false)]
    folder: FolderName,
    /// How many at most, 1 to 200. With neither this nor a cursor: all, at most 1000.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page before ended, as its `Link` says.
    cursor: Option<String>,
}

/// A folder, newest first.
///
/// # Errors
/// When the store can't be read.
#[utoipa::path(get, path = "/api/v1/messages", tag = "messages", params(ListQuery),
    responses((status = 200, description = "A folder, newest first; `Link` names the next page.", body = Vec<MessageView>),
        (status = 304, description = "It is as `If-None-Match` says.")),
    security(("session" = []), ("token" = ["messages:read"])))]
pub async fn list(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    query: web::Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    if let Some(page) = Page::asked(query.limit, query.cursor.as_deref())? {
        let shelf = query.folder.shelf();
        let read = state.store.shelf(signed_in.user, shelf, page.after, page.limit + 1);
        let mut entries = read.await?;
        let place = |entry: &MailboxEntry| Place { at: entry.message.at, id: entry.message.id };
        let folder = format!("folder={}&", query.folder.name());
        let next = page.cut(&mut entries, place, "/api/v1/messages", &folder);
        let views: Vec<_> = entries.into_iter().map(MessageView::from).collect();
        return conditional::answer(&request, &views, next);
    }
    let folder = (query.folder == FolderName::Deleted).then_some(Folder::Deleted);
    let entries = state.store.inbox(signed_in.user, folder).await?;
    let views = entries.into_iter().map(|entry| {
        let announcement = state.messages.is_announcement(entry.message.id);
        MessageView { announcement, ..MessageView::from(entry) }
    });
    let listed: Vec<_> = match query.folder {
        FolderName::Inbox => views.filter(|view| !view.saved).collect(),
        FolderName::Saved => views.filter(|view| view.saved).collect(),
        FolderName::All | FolderName::Deleted => views.collect(),
    };
    conditional::answer(&request, &listed, None)
}

/// One message of the user's mailbox.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not theirs.
#[utoipa::path(get, path = "/api/v1/messages/{id}", tag = "messages", params(("id" = String, Path, description = "The message's id.")),
    responses((status = 200, description = "The message.", body = MessageView),
        (status = 304, description = "It is as `If-None-Match` says.")),
    security(("session" = []), ("token" = ["messages:read"])))]
pub async fn show(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let entry = state.store.inbox_entry(signed_in.user, id(&path)?).await?.ok_or(NO_MESSAGE)?;
    conditional::answer(&request, &MessageView::from(entry), None)
}

/// The message's audio, for its recipients and its sender.
///
/// # Errors
/// [`ApiError::NotFound`] for everybody else.
#[utoipa::path(get, path = "/api/v1/messages/{id}/audio", tag = "messages",
    params(("id" = String, Path, description = "The message's id."), AudioQuery),
    responses((status = 200, description = "The audio.", content(("audio/ogg"), ("audio/wav"))),
        (status = 206, description = "A range of it."), (status = 304, description = "It never changes."),
        (status = 416, description = "There is no such range.")),
    security(("session" = []), ("token" = ["messages:read"])))]
pub async fn audio(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    query: web::Query<AudioQuery>,
) -> Result<HttpResponse, ApiError> {
    let (id, user) = (id(&path)?, signed_in.user);
    let received = state.store.inbox_entry(user, id).await?.map(|entry| entry.message);
    let is_recipient = received.is_some();
    let message: MessageRecord = match received {
        Some(message) => message,
        None => {
            let sent = state.store.message(id).await?;
            sent.filter(|m| m.sender.user == Some(user)).ok_or(NO_MESSAGE)?
        }
    };
    let noted = state.clone();
    audio::serve(&request, &state, &message, query.format, move || {
        // The sender may listen as often as they like: that delivers nothing.
        if is_recipient {
            noted.note_delivered(id, user, BROWSER);
        }
    })
    .await
}

/// Notes how much was heard.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs.
#[utoipa::path(post, path = "/api/v1/messages/{id}/heard", tag = "messages", params(("id" = String, Path, description = "The message's id.")), request_body = HeardBody,
    responses((status = 204, description = "It is noted, and its sender is told.")),
    security(("session" = []), ("token" = ["messages:read"])))]
pub async fn heard(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
    body: web::Json<HeardBody>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&path)?;
    let entry = state.store.inbox_entry(signed_in.user, id).await?.ok_or(NO_MESSAGE)?;
    let heard_ms = body.heard_ms.min(entry.message.length_ms);
    let event = Event::Heard { device: BROWSER.to_owned(), heard_ms };
    state.messages.note(id, signed_in.user, event).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Serialize, ToSchema)]
#[schema(as = MessageExplanation)]
struct Explanation {
    #[schema(value_type = Vec<crate::web::shapes::LineShape>)]
    lines: Vec<hark_engine::delivery::explain::Line>,
}

/// Why the message went where it went, for its recipient.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs.
#[utoipa::path(get, path = "/api/v1/messages/{id}/explain", tag = "messages", params(("id" = String, Path, description = "The message's id.")), responses((status = 200, description = "The steps that were taken, in order, in `lines`.", body = Explanation)), security(("session" = []), ("token" = ["messages:read"])))]
pub async fn explain(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&path)?;
    state.store.inbox_entry(signed_in.user, id).await?.ok_or(NO_MESSAGE)?;
    let lines = state.store.explanation(id, signed_in.user).await?;
    Ok(super::private(Explanation { lines }))
}

/// Keeps the message.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs.
#[utoipa::path(post, path = "/api/v1/messages/{id}/save", tag = "messages", params(("id" = String, Path, description = "The message's id.")),
    responses((status = 204, description = "It is kept.")),
    security(("session" = []), ("token" = ["messages:manage"])))]
pub async fn save(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    change(&state, &signed_in, &path, Event::Saved).await
}

/// Deletes the message from the user's mailbox.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs.
#[utoipa::path(delete, path = "/api/v1/messages/{id}", tag = "messages", params(("id" = String, Path, description = "The message's id.")),
    responses((status = 204, description = "It is among the deleted.")),
    security(("session" = []), ("token" = ["messages:manage"])))]
pub async fn delete(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    change(&state, &signed_in, &path, Event::Deleted).await
}

/// Takes a deleted message back, as it was.
///
/// # Errors
/// [`ApiError::NotFound`] where the user has not deleted such a message.
#[utoipa::path(post, path = "/api/v1/messages/{id}/restore", tag = "messages", params(("id" = String, Path, description = "The message's id.")),
    responses((status = 204, description = "It is as it was.")),
    security(("session" = []), ("token" = ["messages:manage"])))]
pub async fn restore(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let (id, user) = (id(&path)?, signed_in.user);
    let known = state.store.recipient_state(id, user).await?.ok_or(NO_MESSAGE)?;
    if known.folder() != Some(Folder::Deleted) {
        return Err(NO_MESSAGE);
    }
    state.messages.note(id, user, Event::Restored).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn change(
    state: &WebState,
    signed_in: &SignedIn,
    path: &str,
    event: Event,
) -> Result<HttpResponse, ApiError> {
    let id = id(path)?;
    state.store.inbox_entry(signed_in.user, id).await?.ok_or(NO_MESSAGE)?;
    state.messages.note(id, signed_in.user, event).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A link to a message.
#[derive(Serialize, ToSchema)]
pub struct Link {
    /// Its whole address.
    url: String,
}

/// Makes a link with which anybody can hear the message.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs, [`ApiError::Conflict`] where it is
/// private.
#[utoipa::path(post, path = "/api/v1/messages/{id}/link", tag = "messages", params(("id" = String, Path, description = "The message's id.")),
    responses((status = 200, description = "Whoever has it hears the message.", body = Link)),
    security(("session" = []), ("token" = ["messages:manage"])))]
pub async fn link(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&path)?;
    let entry = state.store.inbox_entry(signed_in.user, id).await?.ok_or(NO_MESSAGE)?;
    if entry.message.private {
        let why = "the message is private: it may not be passed on";
        return Err(ApiError::Conflict(why.to_owned()));
    }
    let link = state.messages.link(id, signed_in.user).await?;
    let base = match &state.config.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        // The Origin check has let this Host pass.
        None => {
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            host.map(|host| format!("http://{host}")).unwrap_or_default()
        }
    };
    Ok(super::private(Link { url: format!("{base}{link}") }))
}

/// Revokes every link to the message that its recipient, or a pop-up to them, made.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs.
#[utoipa::path(delete, path = "/api/v1/messages/{id}/link", tag = "messages", params(("id" = String, Path, description = "The message's id.")),
    responses((status = 204, description = "No link to it works any more.")),
    security(("session" = []), ("token" = ["messages:manage"])))]
pub async fn revoke(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&path)?;
    state.store.inbox_entry(signed_in.user, id).await?.ok_or(NO_MESSAGE)?;
    state.store.revoke_links(id, signed_in.user).await?;
    Ok(HttpResponse::NoContent().finish())
}
