//! `/healthz`, `/readyz` and `/metrics`: for those who watch the server.

use actix_web::{HttpResponse, web};
use prometheus::{Encoder as _, TextEncoder};

use crate::web::WebState;
use crate::web::error::{ApiError, BUSY};

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "The process answers.", body = String, content_type = "text/plain")), security(()))]
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// Messages can be kept.
///
/// # Errors
/// [`ApiError::Unavailable`] while they can't.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, description = "Messages can be kept.", body = String, content_type = "text/plain")), security(()))]
pub async fn ready(state: web::Data<WebState>) -> Result<HttpResponse, ApiError> {
    if !state.store.healthy() {
        return Err(ApiError::Unavailable(BUSY));
    }
    // Any question will do: it has to come back.
    state.store.link_known("").await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"))
}

/// Everything that is counted, in Prometheus' text format.
///
/// # Errors
/// [`ApiError::Internal`] when a metric can't be written.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "In Prometheus' text format.", body = String, content_type = "text/plain")), security(()))]
pub async fn metrics(state: web::Data<WebState>) -> Result<HttpResponse, ApiError> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder.encode(&state.registry.gather(), &mut text).map_err(|error| {
        tracing::error!(%error, "the metrics can't be written");
        ApiError::Internal
    })?;
    Ok(HttpResponse::Ok().content_type(encoder.format_type().to_owned()).body(text))
}
