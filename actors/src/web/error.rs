//! What a request is refused with (RFC 9457): a status, a code for programs, a sentence for
//! people, and what mends it.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use hark_engine::order::outside::{DAY, Refused};

use crate::announce::AnnounceError;
use crate::chat::ChatError;
use crate::orders::OrderError;
use crate::recording::{ForeignError, RecordingError};
use crate::store::StoreError;
use crate::users::UserError;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody is signed in.
    #[error("sign in first")]
    SignedOut,
    /// Name or password is wrong; which of them is not said.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// The request did not come from our own pages.
    #[error("this request must come from Hark's own pages: its Origin is missing or foreign")]
    ForeignOrigin,
    /// Only those who are named in the configuration may do this.
    #[error("this is for those whom the configuration names under [events] managers")]
    NotManager,
    /// There is no such thing, or it is not for this user.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The resource knows no such method.
    #[error("this resource knows no such method")]
    NotAllowed,
    /// The request makes no sense as it stands.
    #[error("{0}")]
    Malformed(String),
    /// It may not be done, whoever asks.
    #[error("{0}")]
    Forbidden(String),
    /// What was asked for can't be done in the state that things are in.
    #[error("{0}")]
    Conflict(String),
    /// Too often.
    #[error("too many attempts: wait {} s and try again", seconds(*.0))]
    TooMany(Duration),
    /// Too much at once, or the store can't answer at this moment.
    #[error("the server can't do this at this moment: wait {} s and try again", seconds(*.0))]
    Unavailable(Duration),
    /// The disk is full: nothing can be kept.
    #[error("the server's disk is full: what was sent could not be kept")]
    DiskFull,
    /// Our own fault; the log says more.
    #[error("the server failed")]
    Internal,
    /// The token is unknown, expired or revoked.
    #[error("this token is unknown, has expired or was revoked")]
    WrongToken,
    /// The token may not do this.
    #[error("this token lacks the scope {0}")]
    WrongScope(String),
    /// Tokens may not do this at all.
    #[error("this can't be done with a token")]
    NotByToken,
    /// More requests than are served.
    #[error("too many requests: wait {} s and try again", seconds(*.0))]
    TooManyRequests(Duration),
    /// More bytes than are taken.
    #[error("{0}")]
    TooLarge(String),
    /// It did not come in time.
    #[error("{0}")]
    TimedOut(String),
    /// The resource is not what the client thinks that it is (RFC 9110 section 13.1.1).
    #[error("this was changed by somebody else in the meantime")]
    Changed,
    /// Recipients who don't exist.
    #[error("{0}")]
    Recipients(String),
    /// The Idempotency-Key was used for something else.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// A request under the same Idempotency-Key is not over.
    #[error("a request under this Idempotency-Key is being handled still")]
    KeyInUse,
    /// The file that was sent can't be a message.
    #[error("{0}")]
    Audio(ForeignError),
}

/// How long a client should wait when the server is busy.
pub const BUSY: Duration = Duration::from_secs(2);
/// How long it should wait when the store is gone: somebody has to see to it.
const OUTAGE: Duration = Duration::from_secs(15);

fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull { .. } => Self::DiskFull,
            StoreError::Busy => Self::Unavailable(BUSY),
            StoreError::Unavailable { .. } | StoreError::Open { .. } => Self::Unavailable(OUTAGE),
            StoreError::NotFound { what } => Self::NotFound(what),
            StoreError::Conflict { what } => Self::Conflict(what),
            StoreError::Illegal(illegal) => Self::Conflict(illegal.to_string()),
        }
    }
}

impl From<AnnounceError> for ApiError {
    fn from(error: AnnounceError) -> Self {
        match error {
            AnnounceError::Store(error) => error.into(),
            AnnounceError::KeyReused => Self::KeyReused,
            error @ (AnnounceError::Refused(_)
            | AnnounceError::Template(_)
            | AnnounceError::Recurrence(_)) => Self::Malformed(error.to_string()),
        }
    }
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::Store(error) => error.into(),
            ChatError::TooFast(wait) => Self::TooMany(wait),
            ChatError::KeyReused => Self::KeyReused,
            ChatError::Empty | ChatError::TooLong | ChatError::Key | ChatError::Yourself => {
                Self::Malformed(error.to_string())
            }
        }
    }
}

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Store(error) => error.into(),
            UserError::Pin(_) | UserError::Refused(_) => Self::Malformed(error.to_string()),
            UserError::Locked => Self::TooMany(OUTAGE),
            UserError::Recording(_) | UserError::Hash(_) => Self::Internal,
        }
    }
}

impl From<ForeignError> for ApiError {
    fn from(error: ForeignError) -> Self {
        match error {
            ForeignError::Recording(error) => error.into(),
            error => Self::Audio(error),
        }
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::OneAtATime => Self::Conflict(error.to_string()),
            OrderError::TooOften(wait) => Self::TooMany(wait),
            OrderError::Full => Self::Unavailable(BUSY),
            OrderError::Outside(refused) => match refused {
                Refused::NoNumber => Self::Malformed(refused.to_string()),
                Refused::NotAllowed => Self::Forbidden(refused.to_string()),
                Refused::Limit => Self::TooMany(DAY),
            },
        }
    }
}

impl From<RecordingError> for ApiError {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::DiskFull => Self::DiskFull,
            error => {
                tracing::error!(%error, "what was sent can't be kept");
                Self::Internal
            }
        }
    }
}

/// The media type of [`Problem`].
pub const PROBLEM: &str = "application/problem+json";

/// Why a request was refused (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, as a path that explains it.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems/too_long")]
    kind: String,
    /// The kind of problem, in words that are the same each time.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 413)]
    status: u16,
    /// What is wrong in this case.
    detail: String,
    /// What to do about it.
    mend: String,
    /// The last part of `type`.
    #[schema(example = "too_long")]
    code: &'static str,
}

/// Every code with its title, for whoever follows a problem's type.
pub const KINDS: &[(&str, &str)] = &[
    ("signed_out", "Nobody is signed in"),
    ("wrong_password", "Wrong name or password"),
    ("foreign_origin", "The request comes from a foreign page"),
    ("not_found", "There is no such thing"),
    ("forbidden", "It may not be done"),
    ("not_allowed", "The resource knows no such method"),
    ("malformed", "The request makes no sense"),
    ("conflict", "It can't be done as things are"),
    ("too_many", "Too many attempts"),
    ("unavailable", "The server can't do this at this moment"),
    ("disk_full", "The server's disk is full"),
    ("internal", "The server failed"),
    ("not_manager", "Only managers may do this"),
    ("wrong_token", "The token is not valid"),
    ("wrong_scope", "The token may not do this"),
    ("not_by_token", "Tokens may not do this"),
    ("too_many_requests", "Too many requests"),
    ("too_large", "The request is too large"),
    ("timed_out", "The request did not come in time"),
    ("changed", "It was changed in the meantime"),
    ("recipients", "The recipients can't be used"),
    ("key_reused", "The Idempotency-Key was used for another request"),
    ("key_in_use", "A request under this Idempotency-Key is not over"),
    ("unknown_audio", "The file is of no kind that can be read"),
    ("codec", "The file's audio can't be read"),
    ("broken_audio", "The file is broken"),
    ("torn", "The file breaks off"),
    ("too_long", "The recording is too long"),
    ("silent", "There is nothing to hear"),
    ("too_slow", "The file takes too long to read"),
];

/// What a code stands for.
pub fn title(code: &str) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == code).map_or("", |(_, title)| title)
}

impl ApiError {
    /// The code that programs read.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::WrongPassword => "wrong_password",
            Self::ForeignOrigin => "foreign_origin",
            Self::NotManager => "not_manager",
            Self::NotFound(_) => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::Malformed(_) => "malformed",
            Self::Forbidden(_) => "forbidden",
            Self::Conflict(_) => "conflict",
            Self::TooMany(_) => "too_many",
            Self::Unavailable(_) => "unavailable",
            Self::DiskFull => "disk_full",
            Self::Internal => "internal",
            Self::WrongToken => "wrong_token",
            Self::WrongScope(_) => "wrong_scope",
            Self::NotByToken => "not_by_token",
            Self::TooManyRequests(_) => "too_many_requests",
            Self::TooLarge(_) => "too_large",
            Self::TimedOut(_) => "timed_out",
            Self::Changed => "changed",
            Self::Recipients(_) => "recipients",
            Self::KeyReused => "key_reused",
            Self::KeyInUse => "key_in_use",
            Self::Audio(error) => audio_code(error),
        }
    }

    /// What whoever asked can do about it.
    pub fn mend(&self) -> String {
        match self {
            Self::SignedOut => "sign in, or send a token as Authorization: Bearer".into(),
            Self::WrongPassword => "check both, and that caps lock is off".into(),
            Self::ForeignOrigin => {
                "programs send a token as Authorization: Bearer, which needs no Origin".into()
            }
            Self::NotManager => "ask a manager of the site, whom the operator names".into(),
            Self::NotFound(_) => {
                "check the address; what was there may have been deleted, or its link expired"
                    .into()
            }
            Self::NotAllowed => "use one of those that `Allow` names".into(),
            Self::Forbidden(_) => "ask the operator, who decides what is allowed".into(),
            Self::Malformed(_) => "correct the request; /api/v1/openapi.json says what fits".into(),
            Self::Conflict(_) => "look at how things are now, and decide again".into(),
            Self::TooMany(wait) | Self::TooManyRequests(wait) | Self::Unavailable(wait) => {
                format!("try again in {} s, as Retry-After says", seconds(*wait).max(1))
            }
            Self::DiskFull => "the operator has to free space; then send it again".into(),
            Self::Internal => "try again; if it stays so, the server's log says more".into(),
            Self::WrongToken => {
                "make a new one: `hark token create`, or POST /api/v1/tokens".into()
            }
            Self::WrongScope(scope) => format!("use a token that was made with the scope {scope}"),
            Self::NotByToken => "sign in with name and password for this".into(),
            Self::TooLarge(_) => "send a smaller file: Ogg Opus takes the least space".into(),
            Self::TimedOut(_) => "send it again over a better line".into(),
            Self::Changed => "read it again, and make your change to that".into(),
            Self::Recipients(_) => {
                "name users by name (bob), extension (1002) or SIP address".into()
            }
            Self::KeyReused => "send something else under a key of its own".into(),
            Self::KeyInUse => {
                "wait for the first one's answer, or send it again in a moment".into()
            }
            Self::Audio(error) => error.mend().into(),
        }
    }

    /// The body of the answer.
    pub fn problem(&self) -> Problem {
        let code = self.code();
        Problem {
            kind: format!("/api/v1/problems/{code}"),
            title: title(code),
            status: self.status_code().as_u16(),
            detail: self.to_string(),
            mend: self.mend(),
            code,
        }
    }
}

const fn audio_code(error: &ForeignError) -> &'static str {
    match error {
        ForeignError::Unknown => "unknown_audio",
        ForeignError::Codec { .. } => "codec",
        ForeignError::Malformed { .. } => "broken_audio",
        ForeignError::Torn { .. } => "torn",
        ForeignError::TooLong { .. } => "too_long",
        ForeignError::Silent => "silent",
        ForeignError::TooSlow => "too_slow",
        ForeignError::Recording(_) => "internal",
    }
}

const fn audio_status(error: &ForeignError) -> StatusCode {
    match error {
        ForeignError::Unknown | ForeignError::Codec { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ForeignError::Malformed { .. }
        | ForeignError::Torn { .. }
        | ForeignError::Silent
        | ForeignError::TooSlow => StatusCode::UNPROCESSABLE_ENTITY,
        ForeignError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ForeignError::Recording(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignedOut | Self::WrongPassword | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin
            | Self::Forbidden(_)
            | Self::WrongScope(_)
            | Self::NotByToken
            | Self::NotManager => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::NotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany(_) | Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::Recipients(_) | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyInUse => StatusCode::CONFLICT,
            Self::Audio(error) => audio_status(error),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Self::TooMany(wait) | Self::TooManyRequests(wait) | Self::Unavailable(wait) = self {
            response.insert_header((header::RETRY_AFTER, seconds(*wait).max(1)));
        }
        // RFC 6750 section 3.
        if let Self::WrongToken = self {
            let how = r#"Bearer realm="hark", error="invalid_token""#;
            response.insert_header((header::WWW_AUTHENTICATE, how));
        }
        if let Self::WrongScope(scope) = self {
            let how = r#"Bearer realm="hark", error="insufficient_scope", scope="#;
            response.insert_header((header::WWW_AUTHENTICATE, format!("{how}\"{scope}\"")));
        }
        response.insert_header((header::CONTENT_TYPE, PROBLEM));
        match serde_json::to_string(&self.problem()) {
            Ok(body) => response.body(body),
            Err(_) => response.finish(),
        }
    }
}

/// Tells as a problem what the router itself refuses: a method that a resource does not know.
///
/// # Errors
/// Those of the service behind it.
pub async fn as_problems(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let answer = next.call(request).await?;
    let is_ours = ["/api/", "/m/"].iter().any(|at| answer.request().path().starts_with(at));
    if !is_ours || answer.status() != StatusCode::METHOD_NOT_ALLOWED {
        return Ok(answer.map_into_left_body());
    }
    let allowed = answer.headers().get(header::ALLOW).cloned();
    let mut problem = answer.error_response(ApiError::NotAllowed);
    if let Some(allowed) = allowed {
        problem.headers_mut().insert(header::ALLOW, allowed);
    }
    Ok(problem.map_into_right_body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_of_the_store_is_told_as_what_it_is() {
        let answered = |error: StoreError| ApiError::from(error).error_response();
        let full = answered(StoreError::DiskFull { cause: "x".into() });
        assert_eq!(full.status(), 507);
        for error in [StoreError::Busy, StoreError::Unavailable { cause: "x".into() }] {
            let response = answered(error);
            assert_eq!(response.status(), 503);
            assert!(response.headers().contains_key(header::RETRY_AFTER));
        }
        assert_eq!(answered(StoreError::NotFound { what: "message" }).status(), 404);
        assert_eq!(answered(StoreError::Conflict { what: "x".into() }).status(), 409);
    }

    #[test]
    fn every_problem_has_a_title_and_a_mend() {
        let all = [
            ApiError::SignedOut,
            ApiError::NotFound("message"),
            ApiError::TooMany(BUSY),
            ApiError::WrongScope("chat".into()),
            ApiError::Changed,
            ApiError::KeyReused,
            ApiError::KeyInUse,
            ApiError::Recipients("x".into()),
            ApiError::Audio(ForeignError::Unknown),
            ApiError::Audio(ForeignError::TooLong { ms: Some(61_000), limit_ms: 59_000 }),
        ];
        for error in all {
            let response = error.error_response();
            assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), PROBLEM);
            let problem = serde_json::to_value(error.problem()).unwrap();
            assert_eq!(problem["status"], response.status().as_u16());
            for field in ["type", "title", "detail", "mend", "code"] {
                assert!(!problem[field].as_str().unwrap().is_empty(), "{field} in {problem}");
            }
        }
    }

    #[test]
    fn waits_are_told_in_whole_seconds_and_never_as_none() {
        let response = ApiError::TooMany(Duration::from_millis(1)).error_response();
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "1");
        let response = ApiError::TooMany(Duration::from_millis(2_500)).error_response();
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "3");
    }
}
