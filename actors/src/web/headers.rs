//! The headers that every answer carries, and what is counted of every request.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{DefaultHeaders, Next};
use actix_web::{Error, web};

use super::WebState;

/// What our own pages may do: everything from this server, nothing from elsewhere. `blob:` is
/// the recorder's own audio and worklets; `data:` the icons in the style sheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; \
base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The security headers. A handler that sets one of them itself (the link page) wins.
pub fn security() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("Content-Security-Policy", CONTENT_SECURITY_POLICY))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("X-Frame-Options", "DENY"))
        .add(("Referrer-Policy", "same-origin"))
        .add(("Cross-Origin-Opener-Policy", "same-origin"))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
        .add(("Permissions-Policy", "microphone=(self), camera=(), geolocation=()"))
}

/// Counts every request by its route (never by its path: a stranger chooses that) and status.
///
/// # Errors
/// Those of the service behind it.
pub async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let state = request.app_data::<web::Data<WebState>>().cloned();
    let response = next.call(request).await?;
    if let Some(state) = state {
        let route = response.request().match_pattern();
        let route = route.as_deref().unwrap_or("other");
        let status = response.status();
        state.metrics.requests.with_label_values(&[route, status.as_str()]).inc();
    }
    Ok(response)
}
