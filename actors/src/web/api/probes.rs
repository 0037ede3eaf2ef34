//! `/healthz`, `/readyz` and `/metrics`: for those who watch the server.

use actix_web::{HttpResponse, web};
use prometheus::{Encoder as _, TextEncoder};

use crate::web::WebState;
use crate::web::error::{ApiError, BUSY};

/// The process answers.
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// Messages can be kept.
///
/// # Errors
/// [`ApiError::Unavailable`] while they can't.
pub async fn ready(state: web::Data<WebState>) -> Result<HttpResponse, ApiError> {
    if !state.store.healthy() {
        return Err(ApiError::Unavailable(BUSY));
    }
    // Any question will do: it has to come back.
    state.store.next_due().await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"))
}

/// Everything that is counted, in Prometheus' text format.
///
/// # Errors
/// [`ApiError::Internal`] when a metric can't be written.
pub async fn metrics(state: web::Data<WebState>) -> Result<HttpResponse, ApiError> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder.encode(&state.registry.gather(), &mut text).map_err(|error| {
        tracing::error!(%error, "the metrics can't be written");
        ApiError::Internal
    })?;
    Ok(HttpResponse::Ok().content_type(encoder.format_type().to_owned()).body(text))
}
