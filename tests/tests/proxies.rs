//! Behind a proxy the limits count the client that it names; strangers can't name one.

use hark_tests::http::Http;
use hark_tests::site::{Site, SiteOptions};
use serde_json::json;

fn site(proxies: &str) -> Site {
    Site::with(SiteOptions {
        web: format!("trusted_proxies = {proxies}\n"),
        ..SiteOptions::default()
    })
}

/// A sign-in with a name of its own, so that the throttle of names does not tell.
fn try_from(http: &Http, n: usize, forwarded_for: &str) -> u16 {
    let headers = [("x-forwarded-for", forwarded_for), ("x-forwarded-proto", "https")];
    let body = json!({ "name": format!("nobody{n}"), "password": "wrong" });
    http.request("POST", "/api/v1/session", &headers, Some(&body)).status
}

/// How many sign-ins are refused as wrong before there are too many.
fn until_throttled(http: &Http, forwarded_for: impl Fn(usize) -> String) -> usize {
    (0..25).take_while(|n| try_from(http, *n, &forwarded_for(*n)) == 401).count()
}

#[test]
fn a_trusted_proxy_says_whom_the_throttle_counts() {
    let site = site("[\"127.0.0.0/8\"]");
    let http = Http::new(&site.web());
    let tried = until_throttled(&http, |_| "203.0.113.1".into());
    assert!((20..25).contains(&tried), "{tried}");
    // Whatever the client puts before what the proxy adds.
    let spoofed = |n: usize| format!("198.51.100.{n}, 203.0.113.1");
    assert_eq!(until_throttled(&http, spoofed), 0);
    assert_eq!(try_from(&http, 90, "203.0.113.2"), 401, "somebody else is not throttled");
    let body = json!({ "name": "alice", "password": site.password("alice") });
    let headers = [("x-forwarded-for", "203.0.113.3"), ("x-forwarded-proto", "https")];
    let answer = http.request("POST", "/api/v1/session", &headers, Some(&body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("set-cookie").expect("a cookie").contains("Secure"));
}

#[test]
fn strangers_name_nobody() {
    let site = site("[\"192.0.2.1\"]");
    let http = Http::new(&site.web());
    let tried = until_throttled(&http, |n| format!("203.0.113.{n}"));
    assert!((20..25).contains(&tried), "{tried}");
    let site = self::site("[]");
    let body = json!({ "name": "alice", "password": site.password("alice") });
    let http = Http::new(&site.web());
    let headers = [("x-forwarded-proto", "https")];
    let answer = http.request("POST", "/api/v1/session", &headers, Some(&body));
    assert!(!answer.header("set-cookie").expect("a cookie").contains("Secure"));
}
