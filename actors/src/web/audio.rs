//! A message's audio over HTTP: whole or in ranges (RFC 9110 section 14), so that it plays while
//! it loads and can be wound.

use std::io::SeekFrom;
use std::path::PathBuf;

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream;
use prometheus::IntCounter;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiError, BUSY};
use super::ranges::{self, Part};
use super::state::WebState;
use crate::store::MessageRecord;

/// What is read from the disk and handed to the socket at a time.
const CHUNK: u64 = 32 * 1024;

/// `?format=`: what the listener can play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As it is kept: Ogg Opus.
    #[default]
    Ogg,
    /// Decoded, for what does not play Ogg.
    Wav,
}

/// The query of the audio routes.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AudioQuery {
    /// In which format.
    #[serde(default)]
    #[param(required = false)]
    pub format: Format,
}

/// Answers a GET or HEAD for a message's audio. `reached_end` is called when the last byte of it
/// was handed over: only then has the message reached the listener's device.
///
/// # Errors
/// When the audio can't be read, and [`ApiError::Unavailable`] when too much is being decoded.
pub async fn serve(
    request: &HttpRequest,
    state: &WebState,
    message: &MessageRecord,
    format: Format,
    reached_end: impl FnOnce() + 'static,
) -> Result<HttpResponse, ApiError> {
    let (body, mime, ending) = match read(state, message, format).await {
        Ok(read) => read,
        // Its time is over, and no recipient has it any more: for its sender that is no fault.
        Err(_) if state.store.audio_is_gone(message.id).await? => {
            return Err(ApiError::NotFound("audio any more"));
        }
        Err(error) => return Err(error),
    };
    let length = body.length();
    // A message never changes, so its id is a strong validator of each of its formats.
    let etag = format!("\"{}-{ending}\"", message.id);
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());

    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::ETAG, etag.clone()))
        .insert_header((header::CACHE_CONTROL, "private, max-age=86400"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if ranges::none_match_names(text(header::IF_NONE_MATCH), &etag) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    let file_name = format!("inline; filename=\"message-{}.{ending}\"", message.id);
    response.content_type(mime).insert_header((header::CONTENT_DISPOSITION, file_name));

    // Ranges are defined for GET alone (section 14.2).
    let asked = text(header::RANGE).filter(|_| request.method() == Method::GET);
    let part = match asked {
        Some(range) if ranges::if_range_matches(text(header::IF_RANGE), &etag) => {
            ranges::parse(range, length)
        }
        Some(_) | None => Part::Whole,
    };
    let sent = state.metrics.audio_bytes.with_label_values(&["sent"]);
    let reached_end: Box<dyn FnOnce()> = Box::new(reached_end);
    match part {
        Part::Unsatisfiable => {
            response.insert_header((header::CONTENT_RANGE, format!("bytes */{length}")));
            Ok(response.status(StatusCode::RANGE_NOT_SATISFIABLE).finish())
        }
        Part::Whole if request.method() == Method::HEAD => {
            Ok(response.body(SizedStream::new(length, stream::empty::<std::io::Result<Bytes>>())))
        }
        Part::Whole => send(&mut response, body, 0, length, Some(reached_end), sent).await,
        Part::Slice { first, last } => {
            let range = format!("bytes {first}-{last}/{length}");
            response.insert_header((header::CONTENT_RANGE, range));
            response.status(StatusCode::PARTIAL_CONTENT);
            let reached_end = (last + 1 == length).then_some(reached_end);
            send(&mut response, body, first, last - first + 1, reached_end, sent).await
        }
    }
}

async fn read(
    state: &WebState,
    message: &MessageRecord,
    format: Format,
) -> Result<(Body, &'static str, &'static str), ApiError> {
    Ok(match format {
        Format::Ogg => (open(state.audio_path(&message.audio)).await?, "audio/ogg", "ogg"),
        Format::Wav => {
            let bytes = state.wav.get(message.id, &message.audio, &state.recordings).await?;
            (Body::Memory(bytes), "audio/wav", "wav")
        }
    })
}

enum Body {
    File(File, u64),
    Memory(Bytes),
}

impl Body {
    fn length(&self) -> u64 {
        match self {
            Self::File(_, length) => *length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

async fn open(path: PathBuf) -> Result<Body, ApiError> {
    let gone = |error: std::io::Error| {
        tracing::error!(%error, path = %path.display(), "the audio of a message can't be read");
        ApiError::Unavailable(BUSY)
    };
    let file = File::open(&path).await.map_err(gone)?;
    let length = file.metadata().await.map_err(gone)?.len();
    Ok(Body::File(file, length))
}

/// A body that is being sent.
struct Sending {
    body: Body,
    position: u64,
    left: u64,
    reached_end: Option<Box<dyn FnOnce()>>,
    sent: IntCounter,
}

async fn send(
    response: &mut HttpResponseBuilder,
    mut body: Body,
    first: u64,
    length: u64,
    reached_end: Option<Box<dyn FnOnce()>>,
    sent: IntCounter,
) -> Result<HttpResponse, ApiError> {
    if let Body::File(file, _) = &mut body {
        file.seek(SeekFrom::Start(first)).await.map_err(|_| ApiError::Internal)?;
    }
    let sending = Sending { body, position: first, left: length, reached_end, sent };
    let chunks = stream::unfold(sending, |mut sending| async move {
        match sending.chunk().await {
            Ok(None) => None,
            Ok(Some(chunk)) => Some((Ok(chunk), sending)),
            // The connection is closed short of the promised length: the listener can tell.
            Err(error) => Some((Err(error), Sending { left: 0, ..sending })),
        }
    });
    Ok(response.body(SizedStream::new(length, chunks)))
}

impl Sending {
    async fn chunk(&mut self) -> std::io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let size = usize::try_from(self.left.min(CHUNK)).unwrap_or(usize::MAX);
        let chunk = match &mut self.body {
            Body::File(file, _) => {
                let mut buffer = vec![0; size];
                file.read_exact(&mut buffer).await?;
                Bytes::from(buffer)
            }
            Body::Memory(bytes) => {
                let first = usize::try_from(self.position).unwrap_or(usize::MAX);
                bytes.slice(first..first + size)
            }
        };
        let size = chunk.len() as u64;
        self.position += size;
        self.left -= size;
        self.sent.inc_by(size);
        if self.left == 0
            && let Some(reached_end) = self.reached_end.take()
        {
            reached_end();
        }
        Ok(Some(chunk))
    }
}
