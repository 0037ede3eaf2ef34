//! What an application's token may do.
//!
//! Which scope a route asks for stands in one place: the OpenAPI document, as the route's
//! security. A route that is missing there is closed to tokens.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::ApiError;
use super::openapi;

/// What a token may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Scope {
    /// Send messages, and see what became of them.
    #[serde(rename = "messages:send")]
    MessagesSend,
    /// Read and hear the user's messages.
    #[serde(rename = "messages:read")]
    MessagesRead,
    /// Keep, delete and share the user's messages.
    #[serde(rename = "messages:manage")]
    MessagesManage,
    /// See the contacts and their presence.
    #[serde(rename = "contacts")]
    Contacts,
    /// Follow what happens, live, over the WebSocket.
    #[serde(rename = "stream")]
    Stream,
    /// Tell of events that become messages.
    #[serde(rename = "events")]
    Events,
    /// Read and change the user's profile.
    #[serde(rename = "profile")]
    Profile,
    /// Read and write chat.
    #[serde(rename = "chat")]
    Chat,
}

/// There is no such scope.
#[derive(Debug, thiserror::Error)]
#[error("there is no scope '{0}': the scopes are {known}", known = Scope::names())]
pub struct UnknownScope(String);

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 8] = [
        Self::MessagesSend,
        Self::MessagesRead,
        Self::MessagesManage,
        Self::Contacts,
        Self::Stream,
        Self::Events,
        Self::Profile,
        Self::Chat,
    ];

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MessagesSend => "messages:send",
            Self::MessagesRead => "messages:read",
            Self::MessagesManage => "messages:manage",
            Self::Contacts => "contacts",
            Self::Stream => "stream",
            Self::Events => "events",
            Self::Profile => "profile",
            Self::Chat => "chat",
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The scopes in `text`, each once, in their order.
    pub fn list(text: &str) -> Vec<Self> {
        let mut scopes: Vec<Self> =
            text.split_whitespace().filter_map(|name| name.parse().ok()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// `scopes` as [`Self::list`] reads them.
    pub fn write(scopes: &[Self]) -> String {
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| UnknownScope(text.chars().take(40).collect()))
    }
}

/// What whoever makes a request may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// Everything that the user may: signed in with a password.
    Everything,
    /// What the token was made for.
    Token {
        /// Its number.
        id: i64,
        /// What it may do.
        scopes: Vec<Scope>,
    },
}

impl Grants {
    /// Whether `scope` is among them.
    pub fn hold(&self, scope: Scope) -> bool {
        match self {
            Self::Everything => true,
            Self::Token { scopes, .. } => scopes.contains(&scope),
        }
    }
}

/// What a route asks of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asks {
    /// Any token will do.
    Nothing,
    /// One of these.
    OneOf(Vec<Scope>),
}

/// Which route asks for which scope.
pub struct ScopeTable(HashMap<(Method, String), Asks>);

impl ScopeTable {
    /// The table that the OpenAPI document holds.
    pub fn of_document() -> Self {
        let mut table = HashMap::new();
        let document = serde_json::to_value(openapi::document()).unwrap_or_default();
        let paths = document["paths"].as_object().into_iter().flatten();
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes());
                let (Ok(method), Some(asks)) = (method, asks(&operation["security"])) else {
                    continue;
                };
                if method == Method::GET {
                    table.insert((Method::HEAD, path.clone()), asks.clone());
                }
                table.insert((method, path.clone()), asks);
            }
        }
        Self(table)
    }

    /// Refuses a token that may not use a route.
    ///
    /// # Errors
    /// [`ApiError::WrongScope`] names what it lacks, [`ApiError::NotByToken`] says that none helps.
    pub fn check(&self, method: &Method, route: &str, grants: &Grants) -> Result<(), ApiError> {
        let Grants::Token { .. } = grants else { return Ok(()) };
        match self.0.get(&(method.clone(), route.to_owned())) {
            None => Err(ApiError::NotByToken),
            Some(Asks::Nothing) => Ok(()),
            Some(Asks::OneOf(scopes)) => {
                if scopes.iter().any(|scope| grants.hold(*scope)) {
                    return Ok(());
                }
                let lacks = scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>();
                Err(ApiError::WrongScope(lacks.join(" or ")))
            }
        }
    }
}

/// What an operation's `security` asks of tokens; `None` where it takes none.
fn asks(security: &Value) -> Option<Asks> {
    let ways = security.as_array()?.iter().filter_map(|way| way.get("token")?.as_array());
    let mut scopes = Vec::new();
    let mut any = false;
    for way in ways {
        any = true;
        if way.is_empty() {
            return Some(Asks::Nothing);
        }
        scopes.extend(way.iter().filter_map(|name| name.as_str()?.parse::<Scope>().ok()));
    }
    any.then_some(Asks::OneOf(scopes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse::<Scope>().unwrap(), scope);
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
        }
        let written = Scope::write(&[Scope::Chat, Scope::MessagesSend, Scope::Chat]);
        assert_eq!(written, "messages:send chat");
        assert_eq!(Scope::list(&written), [Scope::MessagesSend, Scope::Chat]);
        let why = "admin".parse::<Scope>().unwrap_err().to_string();
        assert!(why.contains("messages:send"), "{why}");
    }

    #[test]
    fn a_route_asks_for_what_the_document_says() {
        let table = ScopeTable::of_document();
        let token = |scopes: &[Scope]| Grants::Token { id: 1, scopes: scopes.to_vec() };
        let check = |method, route: &str, grants: &Grants| table.check(&method, route, grants);
        let send = token(&[Scope::MessagesSend]);
        check(Method::POST, "/api/v1/messages", &send).unwrap();
        let refused = check(Method::GET, "/api/v1/messages", &send).unwrap_err();
        assert!(refused.to_string().contains("messages:read"), "{refused}");
        for closed in ["/api/v1/tokens", "/api/v1/unheard-of"] {
            let refused = check(Method::POST, closed, &token(&Scope::ALL)).unwrap_err();
            assert!(matches!(refused, ApiError::NotByToken), "{closed}: {refused}");
            check(Method::POST, closed, &Grants::Everything).unwrap();
        }
        check(Method::HEAD, "/api/v1/messages/{id}/audio", &token(&[Scope::MessagesRead])).unwrap();
    }
}
