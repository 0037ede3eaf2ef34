//! What describes the API: the OpenAPI document, the same for people, and what problems mean.

use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::web::error::{self, ApiError};
use crate::web::openapi;
use crate::web::ranges;

/// Written once: it is the same for everybody.
static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| openapi::document().to_json().unwrap_or_default());
static PAGE: LazyLock<String> = LazyLock::new(render);

/// The style stands in the page itself, and nothing else is loaded.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color-scheme:light dark}code{font-size:.95em}h3{margin-bottom:0}\
.method{display:inline-block;min-width:4.5rem;font-weight:700}.quiet{opacity:.7}\
table{border-collapse:collapse}td{padding:.1rem 1rem .1rem 0;vertical-align:top}";

/// The OpenAPI document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operation",
    responses((status = 200, description = "This document.", body = Object)), security(()))]
pub async fn openapi(request: HttpRequest) -> HttpResponse {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let tag = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    if ranges::none_match_names(known, tag) {
        return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
    }
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::ETAG, tag))
        .content_type("application/json")
        .body(DOCUMENT.as_str())
}

/// The document as a page.
#[utoipa::path(get, path = "/api/v1/docs", tag = "operation",
    responses((status = 200, description = "This document, for people.", body = String, content_type = "text/html")),
    security(()))]
pub async fn page() -> HttpResponse {
    html(PAGE.clone())
}

/// What a problem's `type` means.
///
/// # Errors
/// [`ApiError::NotFound`] where there is no such problem.
#[utoipa::path(get, path = "/api/v1/problems/{code}", tag = "operation",
    params(("code" = String, Path, description = "The last part of a problem's `type`.")),
    responses((status = 200, description = "What it means.", body = String, content_type = "text/plain")),
    security(()))]
pub async fn problem(code: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let title = error::title(&code);
    if title.is_empty() {
        return Err(ApiError::NotFound("problem"));
    }
    let text = format!("{code}: {title}.\n");
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}

fn html(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(body)
}

fn render() -> String {
    let document = serde_json::to_value(openapi::document()).unwrap_or_default();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Hark's API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style>\
         <h1>Hark's API</h1><p>{}</p><p>For programs: <a href=\"/api/v1/openapi.json\">\
         openapi.json</a></p>",
        escape(&text(&document["info"]["description"]))
    );
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            operation_of(&mut page, &method.to_uppercase(), path, operation);
        }
    }
    page.push_str("</html>");
    page
}

/// Writing to a String can't fail.
fn operation_of(page: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        page,
        "<h3><code><span class=\"method\">{method}</span>{}</code></h3><p>{}</p>",
        escape(path),
        escape(&text(&operation["summary"]))
    );
    let scopes: Vec<&str> = operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|way| way["token"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !scopes.is_empty() {
        let _ = write!(page, "<p class=\"quiet\">Scope: {}</p>", escape(&scopes.join(" or ")));
    }
    page.push_str("<table>");
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let what = text(&parameter["description"]);
        row(page, &format!("{name} ({place})"), &what);
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        row(page, status, &text(&response["description"]));
    }
    page.push_str("</table>");
}

fn row(page: &mut String, name: &str, what: &str) {
    let _ = write!(page, "<tr><td><code>{}</code><td>{}", escape(name), escape(what));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
