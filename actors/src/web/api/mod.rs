//! `/api/v1`: what the web client and applications ask and change, as JSON.
//!
//! Every route but the sign-in itself asks for a session or a token; every route that changes
//! something is, for sessions, behind the Origin check in [`super::routes`]. A route that is not
//! in [`super::openapi`] fails its test, and is closed to tokens.

pub mod chats;
pub mod contacts;
pub mod documents;
pub mod event_rules;
pub mod events;
pub mod groups;
pub mod me;
pub mod messages;
pub mod outbox;
mod paging;
pub mod probes;
pub mod profile;
pub mod push;
pub mod receipt_mail;
pub mod retention;
pub mod schedules;
pub mod session;
pub mod tokens;
pub mod upload;
pub mod webhooks;

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
        .service(
            web::resource("/me/profile")
                .route(web::get().to(profile::show))
                .route(web::put().to(profile::set)),
        )
        .route("/me/profile/explain", web::post().to(profile::explain))
        .service(
            web::resource("/me/devices/{name}/verify")
                .route(web::post().to(profile::send_code))
                .route(web::put().to(profile::give_code)),
        )
        .route("/me/do-not-disturb", web::put().to(me::set_do_not_disturb))
        .configure(receipt_mail::routes)
        .configure(push::routes)
        .configure(webhooks::routes)
        .route("/me/retention", web::get().to(retention::show))
        .route("/me/export", web::get().to(retention::export))
        .route("/users/{name}/retention", web::put().to(retention::set))
        .service(
            web::resource("/events")
                .route(web::post().to(events::create))
                .route(web::get().to(events::list)),
        )
        .service(
            web::resource("/events/{id}")
                .route(web::get().to(events::show))
                .route(web::delete().to(events::cancel)),
        )
        .service(
            web::resource("/schedules")
                .route(web::post().to(schedules::create))
                .route(web::get().to(schedules::list)),
        )
        .service(
            web::resource("/schedules/{id}")
                .route(web::get().to(schedules::show))
                .route(web::put().to(schedules::replace))
                .route(web::delete().to(schedules::delete)),
        )
        .service(
            web::resource("/event-rules")
                .route(web::post().to(event_rules::create))
                .route(web::get().to(event_rules::list)),
        )
        .service(
            web::resource("/event-rules/{id}")
                .route(web::put().to(event_rules::replace))
                .route(web::delete().to(event_rules::delete)),
        )
        .route("/groups", web::get().to(groups::list))
        .service(
            web::resource("/groups/{name}")
                .route(web::put().to(groups::put))
                .route(web::delete().to(groups::delete)),
        )
        .route("/templates", web::get().to(groups::templates))
        .service(
            web::resource("/templates/{name}")
                .route(web::put().to(groups::put_template))
                .route(web::delete().to(groups::delete_template)),
        )
        .route("/contacts", web::get().to(contacts::list))
        .route("/chats", web::get().to(chats::list))
        .service(
            web::resource("/chats/{user}")
                .route(web::get().to(chats::history))
                .route(web::post().to(chats::send)),
        )
        .route("/chats/{user}/read", web::post().to(chats::read))
        .route("/outbox", web::get().to(outbox::list))
        .route("/outbox/{id}", web::get().to(outbox::show))
        .service(
            web::resource("/messages")
                .route(web::get().to(messages::list))
                .route(web::post().to(upload::send)),
        )
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
        .route("/messages/{id}/confirm", web::post().to(events::confirm))
        .route("/messages/{id}/explain", web::get().to(messages::explain))
        .route("/messages/{id}/save", web::post().to(messages::save))
        .route("/messages/{id}/restore", web::post().to(messages::restore))
        .service(
            web::resource("/messages/{id}/link")
                .route(web::post().to(messages::link))
                .route(web::delete().to(messages::revoke)),
        )
        .service(
            web::resource("/tokens")
                .route(web::get().to(tokens::list))
                .route(web::post().to(tokens::create)),
        )
        .route("/tokens/{id}", web::delete().to(tokens::revoke))
        .route("/openapi.json", web::get().to(documents::openapi))
        .route("/docs", web::get().to(documents::page))
        .route("/problems/{code}", web::get().to(documents::problem))
        .default_service(web::to(nothing));
}

async fn nothing() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound("resource"))
}

/// A name that people give to something of theirs.
fn check_name(name: &str, longest: usize) -> Result<(), ApiError> {
    let length = name.chars().count();
    if (1..=longest).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ApiError::Malformed(format!("a name has 1 to {longest} characters")))
}

/// A JSON answer that is one user's own, and true only now.
fn private(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "private, no-store")).json(body)
}
