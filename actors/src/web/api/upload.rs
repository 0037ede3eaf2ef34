//! `POST /api/v1/messages`: a recording in a file becomes a message.

use std::str::FromStr as _;

use actix_multipart::{Field, Multipart};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::StreamExt as _;
use hark_engine::id::{MessageId, UserId};
use utoipa::IntoParams;

use super::outbox;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::deposit::{Deposited, Keyed, Wishes, deposit};
use crate::web::error::{ApiError, Problem};
use crate::web::idempotency::fingerprint;
use crate::web::intake::Received;

/// The header under which a repeated request finds the first one's message.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest such key, in bytes.
const LONGEST_KEY: usize = 128;
/// The longest text of a form's field, and how many fields there may be.
const LONGEST_FIELD: usize = 4 * 1024;
const MOST_FIELDS: usize = 80;

/// What a message may be sent with; in the query, or as fields of a form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document what `Wishes` is read from")]
struct UploadQuery {
    /// A recipient: a user's name, extension or SIP address. May be repeated. Left out: those
    /// whom the file's own tags name.
    to: Option<Vec<String>>,
    /// Whether it goes before others.
    urgent: Option<bool>,
    /// Whether its recipients may not forward it.
    private: Option<bool>,
    /// Whether the sender is told what becomes of it (true unless said otherwise).
    receipt: Option<bool>,
    /// Whether a file that breaks off is taken as far as it goes.
    partial: Option<bool>,
    /// The message that it answers.
    reply_to: Option<String>,
}

/// Sends a recording: the file is the body, or the field `file` of a form.
///
/// # Errors
/// Those of [`deposit`], and of what comes too large, too slowly or not whole.
#[utoipa::path(post, path = "/api/v1/messages", tag = "messages",
    params(UploadQuery, ("Idempotency-Key" = Option<String>, Header,
        description = "At most 128 visible ASCII characters. The same request under the same key finds the first one's message; another one under it is refused.")),
    request_body(description = "WAV, Ogg (Opus, Vorbis), WebM (Opus, Vorbis), MP4 (AAC, Opus), MP3 or AAC; known by its content, not by its type.",
        content(("audio/ogg"), ("audio/wav"), ("audio/webm"), ("audio/mp4"), ("audio/mpeg"), ("audio/aac"),
            ("application/octet-stream"), ("multipart/form-data"))),
    responses(
        (status = 201, description = "It is a message: it can't be lost any more.", body = outbox::Sent),
        (status = 200, description = "It was sent before under the same key.", body = outbox::Sent),
        (status = 408, description = "It did not come in time.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A request under the same key is being handled still.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The file is too large, or the recording too long.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "It is no audio that can be read.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The file is broken or silent, its recipients don't exist, or the key was used for another request.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("session" = []), ("token" = ["messages:send"])))]
pub async fn send(
    request: HttpRequest,
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let mut body = body.into_inner();
    let count = |outcome: &str| state.metrics.uploads.with_label_values(&[outcome]).inc();
    let taken = match take(&request, &state, signed_in.user, &mut body).await {
        Ok(taken) => taken,
        Err(refused) => {
            count(refused.code());
            state.intake.drain(&mut body).await;
            return Err(refused);
        }
    };
    let deposited = match taken {
        Taken::Known(id) => Deposited { id, repeated: true },
        Taken::File { received, wishes, key } => {
            let bytes = received.bytes;
            state.metrics.audio_bytes.with_label_values(&["received"]).inc_by(bytes);
            // In a task of its own: whoever hangs up now must not leave half a message.
            let (app, user) = (state.clone(), signed_in.user);
            let work = async move { deposit(&app, user, wishes, key, received).await };
            let deposited = state.runtime.spawn(work).await.unwrap_or(Err(ApiError::Internal));
            deposited.inspect_err(|error| count(error.code()))?
        }
    };
    count(if deposited.repeated { "repeated" } else { "committed" });
    let sent = state.store.sent_entry(signed_in.user, deposited.id).await?;
    let sent = outbox::Sent::from(sent.ok_or(ApiError::NotFound("message"))?);
    let mut response =
        if deposited.repeated { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::LOCATION, format!("/api/v1/outbox/{}", deposited.id)))
        .json(sent))
}

/// What came of the request's body.
enum Taken {
    /// It was sent before.
    Known(MessageId),
    /// A file, and what is wished for it.
    File { received: Received, wishes: Wishes, key: Option<Keyed> },
}

async fn take(
    request: &HttpRequest,
    state: &WebState,
    user: UserId,
    body: &mut Payload,
) -> Result<Taken, ApiError> {
    // Held until what is asked for is done: see `Keyed`.
    let in_use = key(request, user)?.map(|key| state.keys.begin(key)).transpose()?;
    let mut wishes = Wishes::default();
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|error| ApiError::Malformed(format!("the query can't be read: {error}")))?;
    for (name, value) in pairs.into_inner() {
        wish(&mut wishes, &name, value)?;
    }
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let announced = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let received = if kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        form(request, state, user, body, &mut wishes).await?
    } else {
        state.intake.receive(user, announced, body).await?
    };
    if received.bytes == 0 {
        return Err(ApiError::Malformed("there is no file in the request".into()));
    }
    let Some(in_use) = in_use else { return Ok(Taken::File { received, wishes, key: None }) };
    let fingerprint = fingerprint(&received, &wishes);
    if let Some(id) = state.store.committed_under(in_use.key().to_owned()).await? {
        // What was sent before this was noted is taken for the same.
        let first = state.store.request_under(in_use.key().to_owned()).await?;
        return match first.is_none_or(|first| first == fingerprint) {
            true => Ok(Taken::Known(id)),
            false => Err(ApiError::KeyReused),
        };
    }
    Ok(Taken::File { received, wishes, key: Some(Keyed { in_use, fingerprint }) })
}

/// The idempotency key, told apart by who sends it.
fn key(request: &HttpRequest, user: UserId) -> Result<Option<String>, ApiError> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Some(format!("api:{user}:{key}"))),
        Ok(_) | Err(_) => {
            let what = format!("Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters");
            Err(ApiError::Malformed(what))
        }
    }
}

/// Notes one wish, from the query or from a form.
fn wish(wishes: &mut Wishes, name: &str, value: String) -> Result<(), ApiError> {
    let flag = |value: &str| match value {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(ApiError::Malformed(format!("{name} is true or false"))),
    };
    match name {
        "to" => wishes.to.push(value),
        "urgent" => wishes.urgent = flag(&value)?,
        "private" => wishes.private = flag(&value)?,
        "receipt" => wishes.no_receipt = !flag(&value)?,
        "partial" => wishes.partial = flag(&value)?,
        "reply_to" => {
            let id = MessageId::from_str(&value);
            wishes.reply_to = Some(id.map_err(|_| ApiError::NotFound("message to answer"))?);
        }
        _ => {
            let name: String = name.chars().take(40).collect();
            return Err(ApiError::Malformed(format!("'{name}' means nothing here")));
        }
    }
    Ok(())
}

/// Reads a form: wishes in fields of their names, and one `file`.
async fn form(
    request: &HttpRequest,
    state: &WebState,
    user: UserId,
    body: &mut Payload,
    wishes: &mut Wishes,
) -> Result<Received, ApiError> {
    let broken = |error: &dyn std::fmt::Display| {
        ApiError::Malformed(format!("the form can't be read: {error}"))
    };
    let mut form = Multipart::new(request.headers(), body.take());
    let mut received = None;
    let mut fields = 0;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|error| broken(&error))?;
        fields += 1;
        if fields > MOST_FIELDS {
            return Err(ApiError::Malformed(format!("a form has at most {MOST_FIELDS} fields")));
        }
        match field.name().unwrap_or_default().to_owned().as_str() {
            "file" if received.is_none() => {
                received = Some(state.intake.receive(user, None, &mut field).await?);
            }
            "file" => return Err(ApiError::Malformed("one file at a time".into())),
            name => {
                let value = text(&mut field).await?;
                wish(wishes, name, value)?;
            }
        }
    }
    received.ok_or_else(|| ApiError::Malformed("the form has no field 'file'".into()))
}

async fn text(field: &mut Field) -> Result<String, ApiError> {
    let mut value = Vec::new();
    while let Some(chunk) = field.next().await {
        let chunk: Bytes = chunk
            .map_err(|error| ApiError::Malformed(format!("the form can't be read: {error}")))?;
        if value.len() + chunk.len() > LONGEST_FIELD {
            return Err(ApiError::TooLarge("a field of the form is too long".into()));
        }
        value.extend_from_slice(&chunk);
    }
    String::from_utf8(value).map_err(|_| ApiError::Malformed("a field is no UTF-8".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_nonsense_is_named() {
        let mut wishes = Wishes::default();
        for (name, value) in [("to", "bob"), ("to", "1003"), ("urgent", "true"), ("receipt", "no")]
        {
            wish(&mut wishes, name, value.into()).unwrap();
        }
        assert_eq!(wishes.to, ["bob", "1003"]);
        assert!(wishes.urgent && wishes.no_receipt && !wishes.private);
        let why = wish(&mut wishes, "urgent", "maybe".into()).unwrap_err().to_string();
        assert!(why.contains("urgent"), "{why}");
        assert!(wish(&mut wishes, "ot", "bob".into()).unwrap_err().to_string().contains("'ot'"));
        assert!(wish(&mut wishes, "reply_to", "x".into()).is_err());
    }
}
