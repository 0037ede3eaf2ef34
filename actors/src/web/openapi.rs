//! The OpenAPI document: generated from the handlers, served at `/api/v1/openapi.json`, and the
//! one place that says which scope a token needs for which route.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::error::{PROBLEM, Problem};
use super::{api, audio, auth, link_answer, link_calls, links, ws};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hark",
        description = "Voice messages between phones and computers.\n\n\
            Programs send a token as `Authorization: Bearer hark_…` (made by `hark token create` \
            or `POST /api/v1/tokens`); browsers sign in and have a cookie. Whatever goes wrong is \
            told as `application/problem+json` (RFC 9457), with what mends it in `mend`. Lists \
            are read page by page with `limit` and the `cursor` in the answer's `Link`. Answers \
            carry `RateLimit` and `RateLimit-Policy`; who asks too often gets 429 with \
            `Retry-After`.",
    ),
    paths(
        api::session::sign_in,
        api::session::show,
        api::session::sign_out,
        api::me::show,
        api::profile::show,
        api::profile::set,
        api::profile::explain,
        api::profile::send_code,
        api::profile::give_code,
        api::me::set_do_not_disturb,
        api::contacts::list,
        api::outbox::list,
        api::outbox::show,
        api::messages::list,
        api::upload::send,
        api::messages::show,
        api::messages::delete,
        api::messages::audio,
        api::messages::heard,
        api::messages::explain,
        api::messages::save,
        api::messages::restore,
        api::messages::link,
        api::messages::revoke,
        api::calls::order,
        api::calls::list,
        api::calls::show,
        api::calls::cancel,
        api::chats::list,
        api::chats::history,
        api::chats::send,
        api::chats::read,
        api::push::key,
        api::push::list,
        api::push::subscribe,
        api::push::unsubscribe,
        api::push::remove,
        api::receipt_mail::show,
        api::receipt_mail::set,
        api::receipt_mail::delete,
        api::receipt_mail::confirm,
        api::webhooks::list,
        api::webhooks::register,
        api::webhooks::profile_secret,
        api::webhooks::delete,
        api::webhooks::given_up,
        api::webhooks::ping,
        api::webhooks::retry,
        api::events::create,
        api::events::list,
        api::events::show,
        api::events::cancel,
        api::events::confirm,
        api::schedules::create,
        api::schedules::list,
        api::schedules::show,
        api::schedules::replace,
        api::schedules::delete,
        api::event_rules::create,
        api::event_rules::list,
        api::event_rules::replace,
        api::event_rules::delete,
        api::groups::list,
        api::groups::put,
        api::groups::delete,
        api::groups::templates,
        api::groups::put_template,
        api::groups::delete_template,
        api::retention::show,
        api::retention::export,
        api::retention::set,
        api::tokens::list,
        api::tokens::create,
        api::tokens::revoke,
        api::documents::openapi,
        api::documents::page,
        api::documents::problem,
        api::probes::health,
        api::probes::ready,
        api::probes::metrics,
        links::page,
        links::audio,
        links::info,
        links::heard,
        link_answer::open,
        link_calls::order,
        link_calls::show,
        link_calls::cancel,
        ws::open,
    ),
    components(schemas(Problem, api::messages::FolderName, audio::Format)),
    modifiers(&Schemes, &Problems, &Names),
    tags(
        (name = "messages", description = "Send, list, hear and keep messages."),
        (name = "calls", description = "Have one of the user's telephones rung, to record or to hear a message."),
        (name = "chat", description = "Texts between users."),
        (name = "events", description = "What happened, told as spoken messages: events, schedules, rules, groups and templates."),
        (name = "people", description = "Contacts and their presence."),
        (name = "account", description = "The user's own account and profile."),
        (name = "session", description = "Signing in and out."),
        (name = "tokens", description = "Tokens of applications."),
        (name = "links", description = "Messages behind capability links, without an account."),
        (name = "stream", description = "What happens, live."),
        (name = "operation", description = "For those who watch the server."),
    )
)]
struct Described;

/// The document.
pub fn document() -> Document {
    Described::openapi()
}

/// How whoever asks says who they are.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let mut token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        token.description = Some("A token: `hark_` and 43 letters, with scopes.".into());
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie = ApiKeyValue::with_description(
            auth::COOKIE,
            "What `POST /api/v1/session` sets; what changes something needs a fitting Origin too.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// Every operation may be refused in the same way.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut Document) {
        let problem = ResponseBuilder::new()
            .description("Why it was not done, and what mends it.")
            .content(PROBLEM, Content::new(Some(Ref::from_schema_name("Problem"))))
            .build();
        for item in document.paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            for operation in operations.into_iter().flatten() {
                let responses = &mut operation.responses.responses;
                responses.entry("default".into()).or_insert_with(|| problem.clone().into());
            }
        }
    }
}

/// Every operation has a name of its own, of its method and path: `get_messages_id_audio`.
struct Names;

impl Modify for Names {
    fn modify(&self, document: &mut Document) {
        for (path, item) in &mut document.paths.paths {
            let words = path.trim_start_matches("/api/v1").split(|c: char| !c.is_alphanumeric());
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            let operations = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("delete", &mut item.delete),
                ("patch", &mut item.patch),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    operation.operation_id = Some(format!("{method}_{}", words.join("_")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Every reference and every bare object under a value, with the way to it.
    fn walk(value: &Value, way: &str, found: &mut impl FnMut(&str, &Value)) {
        found(way, value);
        match value {
            Value::Object(object) => {
                object
                    .iter()
                    .for_each(|(name, inner)| walk(inner, &format!("{way}/{name}"), found));
            }
            Value::Array(list) => {
                list.iter().for_each(|inner| walk(inner, way, found));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_body_is_described_and_every_reference_leads_somewhere() {
        let document = serde_json::to_value(document()).unwrap();
        walk(&document, "", &mut |way, value| {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                let there = document.pointer(reference.trim_start_matches('#'));
                assert!(there.is_some(), "{way} refers to {reference}, which is nowhere");
            }
            let is_bare = value.as_object().is_some_and(|schema| {
                schema.get("type").is_some_and(|kind| kind == "object")
                    && !["properties", "additionalProperties", "oneOf", "allOf"]
                        .iter()
                        .any(|says| schema.contains_key(*says))
            });
            let is_this = way.contains("openapi.json");
            let is_body = way.starts_with("/paths") && way.ends_with("/schema");
            assert!(!is_bare || !is_body || is_this, "{way} is an object of which nothing is said");
        });
    }

    #[test]
    fn every_operation_says_who_may() {
        let document = serde_json::to_value(document()).unwrap();
        for scheme in ["token", "session"] {
            assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
        }
        let mut names = std::collections::BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let says = operation["security"].as_array();
                assert!(says.is_some_and(|says| !says.is_empty()), "{method} {path}");
                let name = operation["operationId"].as_str().unwrap().to_owned();
                assert!(names.insert(name.clone()), "{name} is the name of two operations");
                for scope in says.into_iter().flatten().filter_map(|one| one["token"].as_array()) {
                    for scope in scope {
                        let known =
                            serde_json::from_value::<super::super::scopes::Scope>(scope.clone());
                        assert!(known.is_ok(), "{method} {path} asks for {scope}");
                    }
                }
            }
        }
    }
}
