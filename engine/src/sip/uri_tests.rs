use super::*;

fn sip(s: &str) -> SipUri {
    match Uri::parse(s) {
        Some(Uri::Sip(uri)) => uri,
        other => panic!("{s}: {other:?}"),
    }
}

#[test]
fn what_is_read_is_printed_again() {
    for s in [
        "sip:alice@example.com",
        "sips:alice:secret@example.com:5061;transport=tcp;lr?subject=x&priority=urgent",
        "sip:[2001:db8::10]:5070;lr",
        "sip:bob@[::1]",
        "sip:example.com",
        "sip:user;par=u%40example.net@example.com",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "tel:+1-201-555-0123",
        "tel:7042;phone-context=example.com",
        "urn:service:sos",
        "soap.beep://192.0.2.103:3002",
        "http://www.example.com",
    ] {
        assert_eq!(Uri::parse(s).map(|u| u.to_string()).as_deref(), Some(s));
    }
}

#[test]
fn broken_uris_are_refused() {
    for s in [
        "",
        "alice",
        "sip:",
        ":x",
        "sip:@example.com",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:",
        "sip:a@b:99999",
        "sip:a@b:+5",
        "sip:a@[::1",
        "sip:a@[::g]",
        "sip:a@2001:db8::1",
        "sip:a b@c",
        "<sip:a@b>",
        "sip:a@b;;x",
        "tel:",
        "tel:--",
        "1a:b",
    ] {
        assert_eq!(Uri::parse(s), None, "{s}");
    }
}

#[test]
fn an_escaped_user_stays_one_user() {
    let uri = sip("sip:sips%3Auser%40example.com@example.net");
    assert_eq!(uri.user().as_deref(), Some("sips:user@example.com"));
    assert_eq!(uri.host, Host::Name("example.net".into()));
    assert_eq!(sip("sip:null-%00-null@example.com").user().as_deref(), Some("null-\0-null"));
    assert_eq!(sip("sip:*97%23@h").user().as_deref(), Some("*97#"));
    assert_eq!(sip("sip:100%@h").user().as_deref(), Some("100%"));
    let made = Uri::sip("*97#@x", Host::Name("h".into()), None);
    assert_eq!(made.to_string(), "sip:*97%23%40x@h");
    assert_eq!(made.user().as_deref(), Some("*97#@x"));
}

#[test]
fn a_tel_uri_names_its_digits() {
    let uri = Uri::parse("tel:+1-201-555-0123;isub=1").unwrap();
    assert_eq!(uri.user().as_deref(), Some("+12015550123"));
    assert!(uri.equivalent(&Uri::parse("TEL:+1(201)5550123;ISUB=1").unwrap()));
    assert!(!uri.equivalent(&Uri::parse("tel:+12015550123").unwrap()));
}

#[test]
fn equivalence_is_that_of_rfc_3261_section_19_1_4() {
    let same = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ];
    for (a, b) in same {
        assert!(sip(a).equivalent(&sip(b)) && sip(b).equivalent(&sip(a)), "{a} {b}");
    }
    let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@b.com", "sips:bob@b.com"),
    ];
    for (a, b) in different {
        assert!(!sip(a).equivalent(&sip(b)) && !sip(b).equivalent(&sip(a)), "{a} {b}");
    }
}
