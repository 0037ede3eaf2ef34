//! What a request is refused with: a status, a code for programs and a sentence for people.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use hark_engine::order::outside::{DAY, Refused};

use crate::orders::OrderError;
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
    /// There is no such thing, or it is not for this user.
    #[error("there is no such {0}")]
    NotFound(&'static str),
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

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: String,
}

impl ApiError {
    /// The code that programs read.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::WrongPassword => "wrong_password",
            Self::ForeignOrigin => "foreign_origin",
            Self::NotFound(_) => "not_found",
            Self::Malformed(_) => "malformed",
            Self::Forbidden(_) => "forbidden",
            Self::Conflict(_) => "conflict",
            Self::TooMany(_) => "too_many",
            Self::Unavailable(_) => "unavailable",
            Self::DiskFull => "disk_full",
            Self::Internal => "internal",
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignedOut | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Self::TooMany(wait) | Self::Unavailable(wait) = self {
            response.insert_header((header::RETRY_AFTER, seconds(*wait).max(1)));
        }
        response.json(Body { error: Inner { code: self.code(), message: self.to_string() } })
    }
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
    fn waits_are_told_in_whole_seconds_and_never_as_none() {
        let response = ApiError::TooMany(Duration::from_millis(1)).error_response();
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "1");
        let response = ApiError::TooMany(Duration::from_millis(2_500)).error_response();
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "3");
    }
}
