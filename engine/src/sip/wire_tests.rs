use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::sip::address::Contacts;

/// The shared corpus, beside the repository; `None` (told once) where it is missing.
pub fn corpus(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HARK_CORPUS")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"));
    let dir = root.join(part);
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: there is no {} (set HARK_CORPUS)", dir.display());
    None
}

pub fn files(part: &str) -> Vec<(String, Bytes)> {
    let Some(dir) = corpus(part) else { return Vec::new() };
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap().into()))
        .collect()
}

fn request(head: &str) -> Result<Request, ParseError> {
    match parse_datagram(&Bytes::from(head.replace('\n', "\r\n")))? {
        Message::Request(request) => Ok(request),
        Message::Response(_) => panic!("a response"),
    }
}

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\nv: SIP/2.0/UDP h;branch=z9hG4bK1\nf: <sip:c@d>;tag=1\n\
                       t: <sip:a@b>\ni: x@y\nCSeq: 7 OPTIONS\n";

fn with(extra: &str) -> String {
    format!("{OPTIONS}{extra}\n")
}

/// What the wire layer decides about each torture message; what belongs to the endpoint
/// (405, 415, 416, 420, …) is well-formed here.
#[test]
fn the_torture_messages_of_rfc_4475() {
    let Some(dir) = corpus("rfc4475") else { return };
    let table = std::fs::read_to_string(dir.join("expect.tsv")).unwrap();
    let mut seen = 0;
    for row in table.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<_> = row.split('\t').collect();
        let (name, verdict, kind, accept) = (cells[0], cells[3], cells[4], cells[6]);
        let octets = Bytes::from(std::fs::read(dir.join(format!("{name}.dat"))).unwrap());
        let got = match &parse_datagram(&octets) {
            Ok(Message::Response(_)) => "silence".to_owned(),
            Ok(Message::Request(_)) => "wellformed".to_owned(),
            Err(ParseError { response: Some(response), .. }) => response.status.to_string(),
            Err(ParseError { response: None, .. }) => "silence".to_owned(),
        };
        let endpoint_decides = verdict != "invalid" && kind != "response" && got == "wellformed";
        assert!(
            endpoint_decides || accept.split('|').any(|ok| ok == got),
            "{name}: {got}, not {accept}"
        );
        seen += 1;
    }
    assert_eq!(seen, 49);
}

#[test]
fn the_torture_messages_are_read_aright() {
    let Some(dir) = corpus("rfc4475") else { return };
    let read = |name: &str| {
        let octets = std::fs::read(dir.join(format!("{name}.dat"))).unwrap();
        match parse_datagram(&octets.into()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{name}: {other:?}"),
        }
    };
    let wsinv = read("wsinv");
    assert_eq!(wsinv.headers.get_all("Via").count(), 3);
    assert_eq!(wsinv.headers.max_forwards(), Ok(Some(68)));
    assert_eq!(wsinv.headers.from().unwrap().display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(wsinv.headers.to().unwrap().tag(), Some("1918181833n"));
    assert_eq!((wsinv.headers.get("Subject"), wsinv.body.len()), (Some(""), 150));
    let Ok(Contacts::List(contacts)) = wsinv.headers.contacts() else { panic!() };
    assert_eq!(contacts[0].q(), 330);
    let intmeth = read("intmeth");
    assert_eq!(
        intmeth.headers.to().unwrap().display.as_deref(),
        Some("BEL:\u{7} NUL:\0 DEL:\u{7f}")
    );
    assert_eq!(intmeth.headers.from().unwrap().tag(), Some("_token~1'+`*%!-."));
    let dblreq = read("dblreq");
    assert_eq!((dblreq.method, dblreq.body.len()), (Method::Register, 0));
    assert_eq!(read("longreq").headers.get_all("Via").count(), 34);
    assert_eq!(read("mpart01").body.len(), 553);
    let escnull = read("escnull").headers.contacts();
    let Ok(Contacts::List(contacts)) = escnull else { panic!() };
    assert_eq!(contacts[0].uri.user().as_deref(), Some("\0"));
}

#[test]
fn every_seed_survives_and_comes_back() {
    for (name, octets) in files("fuzz-seeds/sip") {
        if let Ok(message) = parse_datagram(&octets) {
            assert_eq!(parse_datagram(&print(&message)).as_ref(), Ok(&message), "{name}");
        }
        let mut framer = StreamFramer::new();
        framer.push(&octets);
        while let Some(frame) = framer.next() {
            drop(frame);
        }
    }
}

#[test]
fn folded_compact_and_spaced_headers_are_read() {
    let m = request(&with("s : a\n  b\n\tc\nk:  x , y,,z\nX-Bin: q\nallow:\nl: 0\n")).unwrap();
    assert_eq!(m.headers.get("subject"), Some("a b c"));
    assert_eq!(m.headers.get_all("Supported").collect::<Vec<_>>(), ["x", "y", "z"]);
    assert_eq!(m.headers.get_all("Allow").collect::<Vec<_>>(), [""]);
    assert_eq!(m.headers.get("Content-Length"), None, "the wire's own");
}

#[test]
fn commas_in_quotes_do_not_part_contacts() {
    let m =
        request(&with("m: \"a, b\" <sip:x,y@h>;q=1, <sip:z@[::1]:5070>, <tel:+1-2>\n")).unwrap();
    let Ok(Contacts::List(list)) = m.headers.contacts() else { panic!() };
    assert_eq!(list.len(), 3);
    assert_eq!(list[0].display.as_deref(), Some("a, b"));
    assert_eq!(list[1].as_sip().unwrap().host.to_string(), "[::1]");
    assert_eq!(list[2].uri.user().as_deref(), Some("+12"));
}

#[test]
fn octets_that_are_no_utf8_are_kept_where_they_matter() {
    let mut octets = with("Subject: caf\u{1}\nl: 3\n").replace('\n', "\r\n").into_bytes();
    *octets.iter_mut().find(|b| **b == 1).unwrap() = 0xe9;
    octets.extend([0xff, 0, 0x80, b'x']);
    let m = parse_datagram(&octets.into()).unwrap();
    assert_eq!(m.headers().get("Subject"), Some("caf\u{fffd}"));
    assert_eq!(m.body().as_ref(), [0xff, 0, 0x80]);
    assert!(print(&m).ends_with(&[0xff, 0, 0x80]));
}

#[test]
fn bare_line_feeds_and_leading_breaks_are_forgiven() {
    let m = parse_datagram(&Bytes::from(format!("\r\n\n{}", with("")))).unwrap();
    assert_eq!(m.headers().call_id(), Ok("x@y"));
}

#[test]
fn a_refusal_answers_with_what_was_readable() {
    let e = request(&with("Max-Forwards: x\n")).unwrap_err();
    let response = e.response.clone().unwrap();
    assert_eq!((e.kind(), response.status), ("header_malformed", 400));
    assert_eq!(response.headers.get("Via"), Some("SIP/2.0/UDP h;branch=z9hG4bK1"));
    assert_eq!(response.headers.cseq().unwrap().seq, 7);
    assert!(response.headers.to().unwrap().tag().is_some());
    assert_eq!(request(&with("Max-Forwards: x\n")).unwrap_err(), e, "the tag is stable");
    let kind = |head: &str| {
        let e = request(head).unwrap_err();
        (e.kind(), e.response.map(|r| r.status))
    };
    assert_eq!(kind(&with("").replace("SIP/2.0\nv", "SIP/7.0\nv")), ("version", Some(505)));
    assert_eq!(kind(&with("").replace("SIP/2.0\nv", "HTTP/1.1\nv")), ("not_sip", None));
    assert_eq!(kind(&with("l: 5\n")), ("body_truncated", Some(400)));
    assert_eq!(kind(&with("l: 5\nl: 5\n")), ("header_duplicate", Some(400)));
    assert_eq!(kind(&with("no header\n")), ("header_line", Some(400)));
    assert_eq!(
        kind(&with("").replace("OPTIONS", "ACK").replace("7 ACK", "7")),
        ("header_malformed", None)
    );
    assert_eq!(kind(&with("").replace("v:", "X:")), ("header_missing", None));
    assert_eq!(kind(&with("").replace("7 OPT", "7 opt")), ("method_mismatch", Some(400)));
    assert_eq!(kind(&with("").replace("K1", "K")), ("empty_branch", Some(400)));
    assert_eq!(kind(OPTIONS), ("truncated", Some(400)));
    assert_eq!(
        kind(&with(&format!("X: {}\n", "y".repeat(MAX_HEAD)))),
        ("head_too_large", Some(513))
    );
    assert_eq!(kind("\n\n"), ("keep_alive", None));
    assert_eq!(kind("\0\0\0\0"), ("not_sip", None));
}

#[test]
fn a_small_question_gets_no_large_answer() {
    let e = request(&with(&format!("v: {}\n", "a,".repeat(8000)))).unwrap_err();
    let response = e.response.unwrap();
    assert_eq!((response.status, response.headers.len() <= MAX_FIELDS + 4), (513, true));
}

#[test]
fn malformed_responses_are_dropped() {
    let response = with("").replace("OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200 OK");
    assert!(parse_datagram(&Bytes::from(response.clone())).is_ok());
    for (from, to) in [
        ("200", "99"),
        ("200", "700"),
        ("200", "4294967301"),
        ("i: x@y\n", ""),
        ("SIP/2.0 ", "SIP/3.0 "),
    ] {
        let e = parse_datagram(&Bytes::from(response.replacen(from, to, 1))).unwrap_err();
        assert_eq!(e.response, None, "{to}");
    }
}

#[test]
fn nothing_we_print_can_split_a_line() {
    let mut response = Response::new(400);
    response.reason = "Bad\r\nVia: x".into();
    response.headers.push("Reason", "a\r\n\r\nbody");
    let printed = print(&response.into());
    assert_eq!(printed.windows(4).filter(|w| w == b"\r\n\r\n").count(), 1);
    assert!(!printed.windows(6).any(|w| w == b"\r\nVia:"));
}

fn header_value() -> impl Strategy<Value = String> {
    "[!-~àé€]([ -~àé€]{0,30}[!-~àé€])?"
}

prop_compose! {
    pub fn any_message()(
        (is_request, method) in (any::<bool>(), prop_oneof!["INVITE|REGISTER|BYE|MESSAGE", "[A-Z!%*_+`'~.-]{1,12}"]),
        (user, host) in ("[a-z0-9*]{1,8}(%[0-9A-F]{2})?", prop_oneof!["[a-z]{1,9}\\.example", "192\\.0\\.2\\.[1-9]", "\\[2001:db8::[1-9a-f]\\]"]),
        (status, reason) in (100u16..700, "([!-~]([ -~é]{0,20}[!-~])?)?"),
        (seq, display) in (0u32..1 << 31, "[ -~é]{0,12}"),
        extra in prop::collection::vec(("X-[A-Za-z0-9]{1,8}", header_value()), 0..6),
        lists in prop::collection::vec("[a-z0-9.]{1,8}", 0..5),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) -> Message {
        let mut headers = Headers::new();
        headers.push("Via", format!("SIP/2.0/UDP {host}:5060;branch=z9hG4bK{seq}"));
        headers.push("From", format!("{} <sip:{user}@{host}>;tag=1", lex::quote(&display)));
        headers.push("To", format!("<sip:{user}@{host}>"));
        headers.push("Call-ID", format!("{seq}@{host}"));
        headers.push("CSeq", format!("{seq} {method}"));
        for (name, value) in &extra {
            headers.push(name, value.as_str());
        }
        for token in &lists {
            headers.push("Supported", token.as_str());
        }
        let body = Bytes::from(body);
        if is_request {
            let uri = Uri::parse(&format!("sip:{user}@{host}")).unwrap();
            Message::Request(Request { method: Method::parse(&method).unwrap(), uri, headers, body })
        } else {
            Message::Response(Response { status, reason, headers, body })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_again(message in any_message()) {
        prop_assert_eq!(parse_datagram(&print(&message)), Ok(message));
    }

    #[test]
    fn no_mutation_panics(
        message in any_message(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..12),
    ) {
        let mut octets = print(&message).to_vec();
        for (index, octet, edit) in edits {
            if octets.is_empty() { break; }
            let at = index.index(octets.len());
            match edit {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                _ => octets.truncate(at),
            }
        }
        match parse_datagram(&Bytes::from(octets)) {
            Ok(message) => prop_assert_eq!(parse_datagram(&print(&message)), Ok(message)),
            Err(ParseError { response: Some(response), .. }) => {
                print(&Message::Response(*response));
            }
            Err(_) => {}
        }
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse_datagram(&Bytes::from(octets));
    }
}
