//! `/api/v1`: what the web client and applications ask and change, as JSON.
//!
//! Every route but the sign-in itself asks for a session; every route that changes something is
//! behind the Origin check in [`super::routes`].

pub mod calls;
pub mod contacts;
pub mod me;
pub mod messages;
pub mod outbox;
pub mod probes;
pub mod session;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::error::ApiError;

/// The routes under `/api/v1`.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/session")
                .route(web::post().to(session::sign_in))
                .route(web::get().to(session::show))
                .route(web::delete().to(session::sign_out)),
        )
        .route("/me", web::get().to(me::show))
        .route("/me/profile", web::put().to(me::set_profile))
        .route("/me/do-not-disturb", web::put().to(me::set_do_not_disturb))
        .service(
            web::resource("/calls")
                .route(web::post().to(calls::order))
                .route(web::get().to(calls::list)),
        )
        .service(
            web::resource("/calls/{id}")
                .route(web::get().to(calls::show))
                .route(web::delete().to(calls::cancel)),
        )
        .route("/contacts", web::get().to(contacts::list))
        .route("/outbox", web::get().to(outbox::list))
        .route("/messages", web::get().to(messages::list))
        .service(
            web::resource("/messages/{id}")
                .route(web::get().to(messages::show))
                .route(web::delete().to(messages::delete)),
        )
        .service(
            web::resource("/messages/{id}/audio")
                .route(web::get().to(messages::audio))
                .route(web::head().to(messages::audio)),
        )
        .route("/messages/{id}/heard", web::post().to(messages::heard))
        .route("/messages/{id}/save", web::post().to(messages::save))
        .route("/messages/{id}/restore", web::post().to(messages::restore))
        .service(
            web::resource("/messages/{id}/link")
                .route(web::post().to(messages::link))
                .route(web::delete().to(messages::revoke)),
        )
        .default_service(web::to(nothing));
}

async fn nothing() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound("resource"))
}

/// A JSON answer that is one user's own, and true only now.
fn private(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "private, no-store")).json(body)
}
