//! The HTTP API, as a browser would use it: a session cookie, and an Origin.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Request, Response};

use crate::wait;

/// A client of one site.
pub struct Http {
    agent: Agent,
    base: String,
    cookie: Mutex<Option<String>>,
}

/// An answer, whatever its status.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Http {
    /// A client without a session.
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(wait::SOON))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Self { agent: config.new_agent(), base: base.to_owned(), cookie: Mutex::default() }
    }

    /// The site's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The session cookie, as a `Cookie` header wants it.
    pub fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One request with these extra headers.
    #[track_caller]
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("origin")) {
            request = request.header("origin", &self.base);
        }
        if let Some(cookie) = self.cookie() {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let run = |request: Result<Response<ureq::Body>, ureq::Error>| {
            request.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
        };
        let mut response = match body {
            Some(body) => {
                let request =
                    request.header("content-type", "application/json").body(body.to_string());
                run(self.agent.run(request.expect("a whole request")))
            }
            None => run(self.agent.run(request.body(()).expect("a whole request"))),
        };
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let status = response.status().as_u16();
        let body =
            response.body_mut().with_config().limit(64 << 20).read_to_vec().expect("a whole body");
        Answer { status, headers, body }
    }

    /// Sends a file up.
    #[track_caller]
    pub fn upload(&self, path: &str, headers: &[(&str, &str)], file: &[u8]) -> Answer {
        let mut request = Request::builder().method("POST").uri(format!("{}{path}", self.base));
        request = request.header("origin", &self.base);
        if let Some(cookie) = self.cookie() {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(file.to_vec()).expect("a whole request");
        let mut response =
            self.agent.run(request).unwrap_or_else(|error| panic!("POST {path}: {error}"));
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_vec().expect("a whole body");
        Answer { status, headers, body }
    }

    /// `GET`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], None)
    }

    /// `GET`, the JSON of a 200.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// `GET`, the text of a 200.
    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.text()
    }

    /// `POST` of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[], Some(body))
    }

    /// `PUT` of JSON.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path, &[], Some(body))
    }

    /// `DELETE`.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], None)
    }

    /// Tries a password; keeps the cookie if it was right.
    #[track_caller]
    pub fn try_sign_in(&self, user: &str, password: &str) -> Answer {
        let answer = self.post("/api/v1/session", &json!({ "name": user, "password": password }));
        if let Some(cookie) = answer.header("set-cookie").filter(|_| answer.status == 200) {
            let pair = cookie.split(';').next().unwrap_or_default().to_owned();
            *self.cookie.lock().unwrap_or_else(PoisonError::into_inner) = Some(pair);
        }
        answer
    }

    /// Signs in.
    #[track_caller]
    pub fn sign_in(&self, user: &str, password: &str) {
        let answer = self.try_sign_in(user, password);
        assert_eq!(answer.status, 200, "{user} can't sign in: {}", answer.text());
    }

    /// Ends the session.
    #[track_caller]
    pub fn sign_out(&self) {
        let answer = self.delete("/api/v1/session");
        assert!(matches!(answer.status, 200 | 204), "signing out: {}", answer.status);
    }

    /// The messages of the inbox.
    #[track_caller]
    pub fn inbox(&self) -> Vec<Value> {
        self.json("/api/v1/messages?folder=inbox").as_array().expect("a list of messages").clone()
    }

    /// Waits until the inbox holds exactly `count` messages.
    #[track_caller]
    pub fn wait_inbox(&self, count: usize, at_most: Duration) -> Vec<Value> {
        wait::until(&format!("{count} message(s) in the inbox"), at_most, || {
            let messages = self.inbox();
            assert!(messages.len() <= count, "more than {count} messages: {messages:?}");
            (messages.len() == count).then_some(messages)
        })
    }

    /// The whole audio file of a message.
    #[track_caller]
    pub fn audio(&self, message: &Value) -> Vec<u8> {
        let path = message["audio"].as_str().expect("a message names its audio");
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "GET {path}");
        answer.body
    }

    /// Sets the rules of the user's profile, with the devices of the default one.
    #[track_caller]
    pub fn set_rules(&self, rules: Value) {
        let profile = json!({
            "devices": [{ "name": "browser", "kind": "browser" }, { "name": "desk", "kind": "registered-phone" }],
            "rules": rules,
        });
        let answer = self.put("/api/v1/me/profile", &profile);
        assert!(
            matches!(answer.status, 200 | 204),
            "PUT profile: {} {}",
            answer.status,
            answer.text()
        );
    }
}
