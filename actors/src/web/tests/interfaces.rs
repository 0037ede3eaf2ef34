//! The manners of the API: its document, tokens and scopes, pages, validators, limits, and the
//! stream that is taken up again.

use std::collections::BTreeSet;

use actix_web::{App, test as actix_test, web};
use hark_engine::id::UserId;
use hark_engine::message::Event;
use serde_json::{Value, json};

use super::harness::{Client, TestServer, start};
use crate::web::openapi;

/// A token of alice's with these scopes.
fn token(server: &TestServer, scopes: &[&str]) -> Client {
    let alice = server.client("alice");
    let wanted = json!({"name": "test", "scopes": scopes, "expires_in_days": 1});
    let made = alice.post("/api/v1/tokens", wanted);
    assert_eq!(made.status, 201, "{}", made.text());
    server.stranger().with_token(made.json()["secret"].as_str().unwrap())
}

/// Every pattern under which something is served, as actix knows them.
fn patterns() -> BTreeSet<String> {
    let map = actix_web::rt::System::new().block_on(async {
        let app =
            App::new().route("/the-map", web::get().to(the_map)).configure(crate::web::routes);
        let app = actix_test::init_service(app).await;
        let request = actix_test::TestRequest::get().uri("/the-map").to_request();
        let body = actix_test::call_and_read_body(&app, request).await;
        String::from_utf8(body.to_vec()).unwrap()
    });
    read_map(&map)
}

/// Reads what a resource map prints: each node says its pattern, and holds those below it.
fn read_map(map: &str) -> BTreeSet<String> {
    const PATTERN: &str = "patterns: Single(\"";
    let (mut found, mut depth, mut quoted, mut escaped) = (BTreeSet::new(), 0, false, false);
    let mut scopes: Vec<(usize, String)> = Vec::new();
    for (at, letter) in map.char_indices() {
        if !quoted && map[at..].starts_with(PATTERN) {
            let rest = &map[at + PATTERN.len()..];
            let pattern = &rest[..rest.find('"').unwrap()];
            let is_scope = rest[rest.find("is_prefix: ").unwrap()..].starts_with("is_prefix: true");
            while scopes.last().is_some_and(|(above, _)| *above >= depth) {
                scopes.pop();
            }
            let prefix = scopes.last().map_or("", |(_, prefix)| prefix);
            let whole = format!("{prefix}{pattern}");
            if is_scope {
                scopes.push((depth, whole));
            } else {
                found.insert(whole);
            }
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' | '(' if !quoted => depth += 1,
            '}' | ']' | ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    for ours in ["/the-map", "/{path:.*}", ""] {
        found.remove(ours);
    }
    found
}

async fn the_map(request: actix_web::HttpRequest) -> String {
    format!("{:?}", request.resource_map())
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = serde_json::to_value(openapi::document()).unwrap();
    let described: BTreeSet<String> =
        document["paths"].as_object().unwrap().keys().cloned().collect();
    let served = patterns();
    assert!(served.contains("/api/v1/messages/{id}/audio"), "the map is read wrongly: {served:?}");
    let missing: Vec<_> = served.difference(&described).collect();
    assert!(missing.is_empty(), "routes that openapi.rs does not name: {missing:?}");
    let invented: Vec<_> = described.difference(&served).collect();
    assert!(invented.is_empty(), "openapi.rs names what is not served: {invented:?}");
}

#[test]
fn each_method_of_the_document_is_served_and_no_other() {
    let server = start();
    let alice = server.client("alice");
    let document = alice.get("/api/v1/openapi.json").json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        if path == "/ws" || path == "/api/v1/session" {
            continue;
        }
        let place = path.replace("{id}", "0").replace("{token}", "x").replace("{code}", "gone");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let body = matches!(method, "POST" | "PUT" | "PATCH").then(|| json!({}));
            let answer = alice.send(method, &place, &[], body);
            let nothing = answer.status == 405
                || ["no such resource", "no such page"]
                    .iter()
                    .any(|words| answer.text().contains(words));
            let described = operations.get(method.to_lowercase()).is_some();
            assert_eq!(!nothing, described, "{method} {path}: {} {}", answer.status, answer.text());
        }
        for operation in operations.as_object().unwrap().values() {
            assert!(operation["security"].is_array(), "{path} does not say who may");
            assert!(operation["summary"].is_string(), "{path} says nothing");
            assert!(operation["responses"]["default"].is_object(), "{path} never fails");
        }
    }
    let mut references = document.to_string();
    while let Some(at) = references.find("#/components/schemas/") {
        references.drain(..at + "#/components/schemas/".len());
        let name = &references[..references.find('"').unwrap()];
        assert!(document["components"]["schemas"][name].is_object(), "{name} is described nowhere");
    }
    let page = alice.get("/api/v1/docs");
    assert!(page.text().contains("/api/v1/messages/{id}"), "{}", page.text());
    assert_eq!(alice.get("/api/v1/problems/gone").status, 200);
    assert_eq!(alice.get("/api/v1/problems/none").status, 404);
    let tag = alice.get("/api/v1/openapi.json").header("etag").to_owned();
    let again = alice.get_with("/api/v1/openapi.json", &[("if-none-match", &tag)]);
    assert_eq!(again.status, 304);
}

#[test]
fn a_token_does_what_its_scopes_say_and_nothing_else() {
    let server = start();
    let reader = token(&server, &["messages:read"]);
    assert_eq!(reader.get("/api/v1/messages").status, 200);
    assert_eq!(reader.get("/api/v1/session").json()["user"]["name"], "alice");
    let refused = reader.get("/api/v1/me");
    assert_eq!(refused.status, 403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("profile"), "{}", refused.text());
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    for (method, path) in
        [("GET", "/api/v1/tokens"), ("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/session")]
    {
        let refused =
            reader.send(method, path, &[], Some(json!({"name": "x", "scopes": ["chat"]})));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "not_by_token"),
            "{method} {path}"
        );
    }
    let id = server.message(b"x");
    let denied = reader.delete(&format!("/api/v1/messages/{id}"));
    assert_eq!((denied.status, denied.code().as_str()), (403, "wrong_scope"));
    let profile = token(&server, &["profile"]);
    let changed = profile.send("PUT", "/api/v1/me/do-not-disturb", &[], Some(json!({"on": true})));
    assert_eq!(changed.status, 204, "no Origin is asked of a token: {}", changed.text());
}

#[test]
fn a_token_is_shown_once_listed_used_and_revoked() {
    let server = start();
    let alice = server.client("alice");
    let wanted = json!({"name": "door bell", "scopes": ["messages:send", "messages:read"]});
    let made = alice.post("/api/v1/tokens", wanted).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("hark_") && secret.len() > 40, "{secret}");
    let program = server.stranger().with_token(secret);
    assert_eq!(program.get("/api/v1/messages").status, 200);
    let listed = alice.get("/api/v1/tokens");
    assert!(!listed.text().contains(secret), "{}", listed.text());
    assert_eq!(listed.json()[0]["scopes"], json!(["messages:send", "messages:read"]));
    server
        .until("the use is noted", || alice.get("/api/v1/tokens").json()[0]["last_used"].is_i64());
    // Nothing in the database opens anything.
    let kept = server.runtime.block_on(server.store.tokens(None)).unwrap();
    assert!(!format!("{kept:?}").contains(&secret[5..]));
    let path = format!("/api/v1/tokens/{}", made["id"]);
    assert_eq!(server.client("bob").delete(&path).status, 404);
    assert_eq!(alice.delete(&path).status, 204);
    let refused = program.get("/api/v1/messages");
    assert_eq!((refused.status, refused.code().as_str()), (401, "wrong_token"));
    for nonsense in ["", "hark_", "x", "hark_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(server.stranger().with_token(nonsense).get("/api/v1/messages").status, 401);
    }
    // A wrong token is not made good by a right cookie.
    let mut both = server.client("alice");
    both.token = Some("hark_x".into());
    assert_eq!(both.get("/api/v1/messages").status, 401);
    for wrong in [
        json!({"name": "", "scopes": ["chat"]}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["admin"]}),
        json!({"name": "x", "scopes": ["chat"], "expires_in_days": 0}),
        json!({"name": "x", "scopes": ["chat"], "more": 1}),
    ] {
        let refused = alice.post("/api/v1/tokens", wrong.clone());
        assert_eq!((refused.status, refused.code().as_str()), (400, "malformed"), "{wrong}");
    }
}

#[test]
fn lists_are_read_page_by_page_and_to_their_end() {
    let server = start();
    let sent: Vec<String> = (0..5).map(|_| server.message(b"x").to_string()).collect();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    for (client, list) in
        [(&bob, "/api/v1/messages?folder=all&limit=2"), (&alice, "/api/v1/outbox?limit=2")]
    {
        let (mut path, mut seen) = (list.to_owned(), Vec::new());
        loop {
            let page = client.get(&path);
            assert_eq!(page.status, 200, "{}", page.text());
            let entries = page.json();
            seen.extend(
                entries.as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()),
            );
            let link = page.header("link").to_owned();
            let Some((next, _)) = link.split_once(">; rel=\"next\"") else { break };
            path = next.trim_start_matches('<').to_owned();
        }
        let newest_first: Vec<String> = sent.iter().rev().cloned().collect();
        let mut sorted = seen.clone();
        sorted.dedup();
        assert_eq!(sorted.len(), 5);
        assert_eq!(BTreeSet::from_iter(&seen), BTreeSet::from_iter(&newest_first));
    }
    // Without asking for a page, all of it, as ever.
    assert_eq!(bob.get("/api/v1/messages").json().as_array().unwrap().len(), 5);
    for wrong in ["limit=0", "limit=1000", "limit=x", "cursor=nonsense"] {
        let refused = bob.get(&format!("/api/v1/messages?{wrong}"));
        assert_eq!((refused.status, refused.code().as_str()), (400, "malformed"), "{wrong}");
    }
    let saved = bob.get("/api/v1/messages?folder=saved&limit=10").json();
    assert_eq!(saved, json!([]));
    assert_eq!(
        bob.send("POST", &format!("/api/v1/messages/{}/save", sent[0]), &[], None).status,
        204
    );
    let saved = bob.get("/api/v1/messages?folder=saved&limit=10").json();
    assert_eq!(saved[0]["id"], sent[0]);
}

#[test]
fn what_a_client_has_already_is_not_sent_again_and_nobody_overwrites_blindly() {
    let server = start();
    let id = server.message(b"x");
    let bob = server.client("bob");
    for path in
        ["/api/v1/messages".to_owned(), format!("/api/v1/messages/{id}"), "/api/v1/me".into()]
    {
        let first = bob.get(&path);
        let tag = first.header("etag").to_owned();
        assert!(!tag.is_empty(), "{path}");
        let again = bob.get_with(&path, &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    let tag = bob.get("/api/v1/messages").header("etag").to_owned();
    server.message(b"y");
    assert_eq!(bob.get_with("/api/v1/messages", &[("if-none-match", &tag)]).status, 200);

    let profile = bob.get("/api/v1/me/profile");
    let (tag, profile) = (profile.header("etag").to_owned(), profile.json());
    let change = |tag: &str| {
        bob.send("PUT", "/api/v1/me/profile", &[("if-match", tag)], Some(profile.clone()))
    };
    assert_eq!(change(&tag).status, 200);
    let stale = change("\"stale\"");
    assert_eq!((stale.status, stale.code().as_str()), (412, "changed"));
    assert_eq!(bob.send("PUT", "/api/v1/me/profile", &[], Some(profile.clone())).status, 200);
}

#[test]
fn who_asks_too_often_is_told_how_long_to_wait() {
    let server = start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let first = alice.get("/api/v1/session");
    assert_eq!(first.header("ratelimit-policy"), "\"default\";q=1000;w=10");
    assert!(
        first.header("ratelimit").starts_with("\"default\";r="),
        "{}",
        first.header("ratelimit")
    );
    let refused = (0..3_000).map(|_| alice.get("/api/v1/session")).find(|a| a.status == 429);
    let Some(refused) = refused else {
        eprintln!("skipped: this machine asks less than 100 times a second");
        return;
    };
    assert_eq!(refused.code(), "too_many_requests");
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.header("ratelimit").contains("r=0"), "{}", refused.header("ratelimit"));
    assert_eq!(bob.get("/api/v1/session").status, 200, "others are not hindered");
    let metrics = bob.get("/metrics");
    assert!(metrics.text().contains("hark_web_limited_total{by=\"holder\"}"));
}

#[test]
fn a_stream_is_taken_up_where_it_was_left() {
    let server = start();
    let alice = server.client("alice");
    let (mut socket, hello) = alice.socket();
    assert_eq!(hello["resumed"], false);
    let id = server.message(b"x");
    let receipt = socket.next("receipt");
    let last = receipt["event_id"].as_i64().unwrap();
    assert!(last > hello["last_event_id"].as_i64().unwrap(), "{hello} {receipt}");
    drop(socket);

    let heard = Event::Heard { device: "desk".into(), heard_ms: 900 };
    server.runtime.block_on(server.messages.note(id, UserId(2), heard)).unwrap();

    let mut again = alice.try_socket_at(&format!("/ws?last_event_id={last}")).unwrap();
    let hello = again.next("hello");
    assert_eq!(hello["resumed"], true);
    let missed = again.find("receipt", |frame| frame["step"] == "heard");
    assert_eq!(missed["message"], id.to_string());
    assert!(missed["event_id"].as_i64().unwrap() > last);
    assert_eq!(hello["last_event_id"], missed["event_id"]);
    // What comes from then on is told once.
    server.message(b"y");
    assert_eq!(again.next("receipt")["step"], "accepted");
    // One from another life reads afresh.
    let mut lost = alice.try_socket_at("/ws?last_event_id=999999").unwrap();
    assert_eq!(lost.next("hello")["resumed"], false);
    assert_eq!(alice.try_socket_at("/ws?last_event_id=x").err(), Some(400));
}

#[test]
fn whoever_missed_too_much_reads_afresh() {
    let server = start();
    for _ in 0..210 {
        server.message(b"x");
    }
    let mut late = server.client("alice").try_socket_at("/ws?last_event_id=0").unwrap();
    let hello = late.next("hello");
    assert_eq!(hello["resumed"], false, "{hello}");
}

#[test]
fn a_program_follows_the_stream_without_being_there() {
    let server = start();
    let listener = token(&server, &["stream"]);
    let (mut socket, hello) = listener.socket();
    assert_eq!(hello["user"]["name"], "alice");
    let presence = |client: &Client| {
        let contacts = client.get("/api/v1/contacts").json();
        contacts[0]["presence"].as_str().unwrap().to_owned()
    };
    assert_eq!(presence(&server.client("bob")), "offline");
    socket.say(json!({"type": "record_start", "id": 1, "to": [2], "mime": "audio/ogg"}));
    let refused = socket.next("recording");
    assert!(refused["error"].as_str().unwrap().contains("messages:send"), "{refused}");
    assert_eq!(token(&server, &["messages:read"]).try_socket().err(), Some(403));
}

#[test]
fn a_reader_that_does_not_keep_up_is_closed_with_a_code_that_says_so() {
    let server = start();
    let alice = server.client("alice");
    let (mut socket, _) = alice.socket();
    let id = server.message(b"x");
    let sessions = || {
        let text = server.client("bob").get("/metrics").text();
        let line = text.lines().find(|line| line.starts_with("hark_web_sessions ")).unwrap();
        line.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(sessions(), "1");
    // Words that nobody reads, until every buffer on the way is full.
    let words = "x".repeat(crate::messages::LONGEST_NOTICE);
    server.until("the session is dropped", || {
        for _ in 0..2_000 {
            server.messages.notify(UserId(1), &words);
        }
        sessions() == "0"
    });
    assert_eq!(socket.closed(), Some(1013));
    let _ = id;
}

#[test]
fn every_refusal_is_a_problem() {
    let server = start();
    let alice = server.client("alice");
    let refusals: Vec<(u16, Value)> = [
        server.stranger().get("/api/v1/messages"),
        alice.get("/api/v1/messages/0"),
        alice.get("/api/v1/nothing"),
        alice.get("/api/v1/messages?folder=attic"),
        alice.post("/api/v1/session", json!({"name": 1})),
        alice.post("/api/v1/session", json!({"name": "alice", "password": "wrong"})),
    ]
    .into_iter()
    .map(|answer| {
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
        (answer.status, answer.json())
    })
    .collect();
    for (status, problem) in refusals {
        assert_eq!(problem["status"], status, "{problem}");
        for field in ["type", "title", "detail", "mend"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
    }
}
