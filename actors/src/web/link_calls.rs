//! `/m/TOKEN/calls`: whoever holds a link has it played on a telephone, where the operator's
//! policy allows the number ([`hark_engine::order::outside`]).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::WebState;
use super::api::calls::{After, NO_CALL, accepted, news};
use super::error::ApiError;
use super::links;
use super::origin;
use crate::orders::{By, What};

/// The body of [`order`].
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = CallByLink)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// The telephone's number, as people write it.
    number: String,
}

/// Has a number called: 202 with how it goes.
///
/// # Errors
/// [`ApiError::NotFound`] as for the page; [`ApiError::Forbidden`] and [`ApiError::TooMany`] by
/// the policy.
#[utoipa::path(post, path = "/m/{token}/calls", tag = "links", params(("token" = String, Path, description = "The link's secret.")), request_body = Body, responses((status = 202, description = "How it goes; its address is in `Location`.", body = crate::web::shapes::ProgressShape)), security(()))]
pub async fn order(
    request: HttpRequest,
    state: web::Data<WebState>,
    token: web::Path<String>,
    body: web::Json<Body>,
) -> Result<HttpResponse, ApiError> {
    origin::check(&request, state.config.public_url.as_deref())?;
    let opened = links::open(&state, &token).await?;
    let entry = state.store.inbox_entry(opened.recipient, opened.message.id).await?;
    let message = Box::new(entry.ok_or(ApiError::NotFound("link"))?.summary());
    let what = What::PlayByLink { of: opened.recipient, message };
    let progress = state.orders.to_number(links::digest(&token), &body.number, what)?;
    let at = format!("/m/{}/calls/{}", token.as_str(), progress.call.as_str());
    Ok(links::unreferred(accepted(&at, progress)))
}

/// How it goes; with `?after=VERSION`, as soon as there is news.
///
/// # Errors
/// [`ApiError::NotFound`] where it was not ordered with this link.
#[utoipa::path(get, path = "/m/{token}/calls/{id}", tag = "links", params(("token" = String, Path, description = "The link's secret."), ("id" = String, Path, description = "The order."), ("after" = Option<u32>, Query, description = "Answer once the version is higher than this, or after a while.")), responses((status = 200, description = "How it goes.", body = crate::web::shapes::ProgressShape)), security(()))]
pub async fn show(
    state: web::Data<WebState>,
    path: web::Path<(String, String)>,
    query: web::Query<After>,
) -> Result<HttpResponse, ApiError> {
    let (token, id) = path.into_inner();
    links::open(&state, &token).await?;
    let watched = state.orders.watch(&By::Link(links::digest(&token)), &id).ok_or(NO_CALL)?;
    let progress = news(watched, *query).await;
    Ok(links::unreferred(HttpResponse::Ok().json(progress)))
}

/// Cancels it.
///
/// # Errors
/// [`ApiError::NotFound`] where it was not ordered with this link.
#[utoipa::path(delete, path = "/m/{token}/calls/{id}", tag = "links", params(("token" = String, Path, description = "The link's secret."), ("id" = String, Path, description = "The order.")), responses((status = 204, description = "It is cancelled.")), security(()))]
pub async fn cancel(
    request: HttpRequest,
    state: web::Data<WebState>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    origin::check(&request, state.config.public_url.as_deref())?;
    let (token, id) = path.into_inner();
    links::open(&state, &token).await?;
    if state.orders.cancel(&By::Link(links::digest(&token)), &id) {
        Ok(links::unreferred(HttpResponse::NoContent().finish()))
    } else {
        Err(NO_CALL)
    }
}
