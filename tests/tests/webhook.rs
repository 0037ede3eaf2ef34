//! A dialplan asks a web service.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use hark_tests::site::{Site, SiteOptions};
use hark_tests::story;
use serde_json::{Value, json};

/// Gives these answers, one a connection, and what it was asked.
fn service(answers: Vec<&'static str>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let asked = thread::spawn(move || {
        let exchange = |answer: &str| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let (mut asked, mut buffer) = (String::new(), [0; 4096]);
            while !asked.ends_with('}') {
                let length = stream.read(&mut buffer).expect("a request");
                assert!(length > 0, "the request is whole: {asked}");
                asked += &String::from_utf8_lossy(&buffer[..length]);
            }
            stream.write_all(answer.as_bytes()).expect("an answer can be sent");
            asked
        };
        answers.into_iter().map(exchange).collect()
    });
    (port, asked)
}

#[test]
fn the_answer_decides_what_is_heard_and_a_failure_is_answered() {
    let (port, asked) = service(vec![
        "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"open\": true}",
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
    ]);
    let dialplan = format!(
        r#"
json Reply {{ open: Bool }}
route "801" -> ask()
flow ask() {{
    reply = webhook "http://127.0.0.1:{port}/ask" {{ number: caller.number }} as Reply within 5s
        else {{ tone 1200 for 500ms; hangup }}
    if reply.open {{ tone 700 for 500ms }} else {{ tone 900 for 500ms }}
    hangup
}}
"#
    );
    let dialplans = story::dialplans_with("webhook.dial", &dialplan);
    let site = Site::with(SiteOptions {
        dialplans: Some(dialplans.path().to_owned()),
        ..SiteOptions::default()
    });
    for hertz in [700.0, 1200.0] {
        let call = story::dial(&site, "801");
        story::wait_tone(&call.rtp, hertz);
        call.wait_ended();
    }
    for asked in asked.join().expect("the service") {
        let (head, body) = asked.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("POST /ask HTTP/1.1"), "{head}");
        assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body, json!({ "number": "1001" }));
    }
    assert_eq!(site.metric("hark_webhooks_total"), 2.0);
}
