//! `/api/v1/messages`: the user's mailbox. What is not theirs does not exist for them.

use std::str::FromStr as _;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use hark_engine::dialplan::effect::Folder;
use hark_engine::id::MessageId;
use hark_engine::message::Event;
use serde::{Deserialize, Serialize};

use crate::store::MessageRecord;
use crate::web::WebState;
use crate::web::audio::{self, AudioQuery};
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;
use crate::web::links::HeardBody;
use crate::web::state::BROWSER;
use crate::web::view::MessageView;

const NO_MESSAGE: ApiError = ApiError::NotFound("message");

pub(super) fn id(text: &str) -> Result<MessageId, ApiError> {
    MessageId::from_str(text).map_err(|_| NO_MESSAGE)
}

/// `?folder=`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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

/// The query of the list.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    folder: FolderName,
}

/// A folder, newest first.
///
/// # Errors
/// When the store can't be read.
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    query: web::Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
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
    Ok(super::private(listed))
}

/// One message of the user's mailbox.
///
/// # Errors
/// [`ApiError::NotFound`] where it is not theirs.
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let entry = state.store.inbox_entry(signed_in.user, id(&path)?).await?.ok_or(NO_MESSAGE)?;
    Ok(super::private(MessageView::from(entry)))
}

/// The message's audio, for its recipients and its sender.
///
/// # Errors
/// [`ApiError::NotFound`] for everybody else.
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

#[derive(Serialize)]
struct Explanation {
    lines: Vec<hark_engine::delivery::explain::Line>,
}

/// Why the message went where it went, for its recipient.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs.
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

#[derive(Serialize)]
struct Link {
    url: String,
}

/// Makes a link with which anybody can hear the message.
///
/// # Errors
/// [`ApiError::NotFound`] where the message is not theirs, [`ApiError::Conflict`] where it is
/// private.
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
