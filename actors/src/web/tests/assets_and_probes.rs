//! The embedded client, the headers of every answer, and what operators look at.

use super::harness::start;

#[test]
fn the_client_is_served_with_its_headers() {
    let server = start();
    let stranger = server.stranger();
    for path in ["/", "/index.html", "/inbox"] {
        let page = stranger.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert_eq!(page.header("cache-control"), "no-cache");
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("x-frame-options"), "DENY");
        let etag = page.header("etag").to_owned();
        assert_eq!(stranger.get_with(path, &[("if-none-match", &etag)]).status, 304);
    }
    for path in ["/nothing.js", "/assets/x-1.js", "/api/v1/nothing", "/api/v2", "/../Cargo.toml"] {
        let answer = stranger.get(path);
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[test]
fn operators_see_health_and_counts() {
    let mut server = start();
    let stranger = server.stranger();
    assert_eq!(stranger.get("/healthz").status, 200);
    assert_eq!(stranger.get("/readyz").status, 200);
    let _refused = stranger.sign_in("alice", "wrong");
    let metrics = stranger.get("/metrics");
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4");
    let text = metrics.text();
    for line in [
        "hark_web_requests_total{route=\"/healthz\",status=\"200\"} 1",
        "hark_web_sign_ins_total{outcome=\"wrong\"} 1",
        "hark_web_sessions 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    server.stop();
}
