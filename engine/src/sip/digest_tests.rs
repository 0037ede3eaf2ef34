use std::time::Duration;

use super::*;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn nonces() -> Nonces {
    Nonces::new([3; 32], Duration::from_secs(300))
}

fn mufasa() -> Credentials {
    Credentials { user: "Mufasa".into(), password: "Circle of Life".into() }
}

fn claim<'a>(authorization: &'a str, realm: &'a str, method: &'a str) -> Claim<'a> {
    Claim { authorization, realm, method, body: b"" }
}

/// RFC 7616 section 3.9.1.
#[test]
fn the_answers_of_rfc_7616_come_out() {
    let challenge = |algorithm| {
        format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    };
    let asked = Challenged {
        method: "GET",
        uri: "/dir/index.html",
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        count: 1,
    };
    let (md5, sha256) = (challenge("MD5"), challenge("SHA-256"));
    let md5_answer = answer([md5.as_str()], &mufasa(), &asked).unwrap();
    assert!(md5_answer.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5_answer}");
    assert!(md5_answer.contains("qop=auth, nc=00000001"), "{md5_answer}");
    let best = answer([md5.as_str(), sha256.as_str()], &mufasa(), &asked).unwrap();
    let expected = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    assert!(best.contains(&format!("response=\"{expected}\"")), "{best}");
    assert!(best.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
    let joined = format!("Basic realm=\"x, y\", {md5}, {sha256}");
    assert_eq!(answer([joined.as_str()], &mufasa(), &asked), Some(best));
}

/// RFC 2617 section 3.5, and the same without qop (RFC 2069).
#[test]
fn the_answers_of_rfc_2617_come_out() {
    let credentials = Credentials { user: "Mufasa".into(), password: "Circle Of Life".into() };
    let asked = Challenged { method: "GET", uri: "/dir/index.html", cnonce: "0a4f113b", count: 1 };
    let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
    let with =
        format!("Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"{nonce}\"");
    let got = answer([with.as_str()], &credentials, &asked).unwrap();
    assert!(got.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{got}");
    assert!(!got.contains("algorithm"), "{got}");
    let without = format!("Digest realm=\"testrealm@host.com\", nonce=\"{nonce}\"");
    let got = answer([without.as_str()], &credentials, &asked).unwrap();
    assert!(got.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""), "{got}");
    assert!(!got.contains("cnonce"), "{got}");
}

#[test]
fn what_we_challenge_and_answer_we_verify() {
    let ha1 = Ha1::new("Mufasa", "r \"q\"", "Circle of Life");
    let mut nonces = nonces();
    let nonce = nonces.issue(NOW);
    let ours = challenges("r \"q\"", &nonce, false);
    assert!(ours[0].contains("algorithm=SHA-256") && ours[1].contains("algorithm=MD5"));
    for (count, challenge) in (1..).zip(&ours) {
        let asked = Challenged { method: "REGISTER", uri: "sip:x", cnonce: "c", count };
        let value = answer([challenge.as_str()], &mufasa(), &asked).unwrap();
        let claim = |method| claim(&value, "r \"q\"", method);
        let verdict =
            verify(&claim("REGISTER"), &mut nonces, NOW, |user| (user == "Mufasa").then_some(&ha1));
        assert_eq!(verdict, Verdict::Ok { user: "Mufasa".into() });
        let again = verify(&claim("REGISTER"), &mut nonces, NOW, |_| Some(&ha1));
        assert_eq!(again, Verdict::Stale, "a replay");
        let other = verify(&claim("INVITE"), &mut nonces, NOW, |_| Some(&ha1));
        assert_eq!(other, Verdict::Wrong, "another method");
        assert_eq!(verify(&claim("REGISTER"), &mut nonces, NOW, |_| None), Verdict::Wrong);
    }
}

#[test]
fn an_old_or_foreign_nonce_with_the_right_password_is_stale() {
    let ha1 = Ha1::new("Mufasa", "r", "Circle of Life");
    let mut nonces = nonces();
    let nonce = nonces.issue(NOW);
    let asked = Challenged { method: "INVITE", uri: "sip:x", cnonce: "c", count: 1 };
    let [sha256, _] = challenges("r", &nonce, true);
    assert!(sha256.ends_with("stale=true"));
    let value = answer([sha256.as_str()], &mufasa(), &asked).unwrap();
    let late = NOW.after(Duration::from_secs(301));
    let claim = claim(&value, "r", "INVITE");
    assert_eq!(verify(&claim, &mut nonces, late, |_| Some(&ha1)), Verdict::Stale);
    let mut restarted = Nonces::new([4; 32], Duration::from_secs(300));
    assert_eq!(verify(&claim, &mut restarted, NOW, |_| Some(&ha1)), Verdict::Stale);
    let wrong = Ha1::new("Mufasa", "r", "guess");
    assert_eq!(verify(&claim, &mut nonces, late, |_| Some(&wrong)), Verdict::Wrong);
}

#[test]
fn phones_without_qop_are_let_in_until_the_nonce_ends() {
    let ha1 = Ha1::new("Mufasa", "r", "Circle of Life");
    let mut nonces = nonces();
    let challenge = format!("Digest realm=\"r\", nonce=\"{}\"", nonces.issue(NOW));
    let asked = Challenged { method: "INVITE", uri: "sip:x", cnonce: "", count: 1 };
    let value = answer([challenge.as_str()], &mufasa(), &asked).unwrap();
    let claim = claim(&value, "r", "INVITE");
    for _ in 0..2 {
        let verdict = verify(&claim, &mut nonces, NOW, |_| Some(&ha1));
        assert_eq!(verdict, Verdict::Ok { user: "Mufasa".into() });
    }
}

#[test]
fn what_is_not_digest_is_not_ours_and_what_is_broken_is_told() {
    let mut nonces = nonces();
    let mut judge = |value: &str| verify(&claim(value, "r", "INVITE"), &mut nonces, NOW, |_| None);
    assert_eq!(judge("NoOneKnowsThisScheme opaque-data=here"), Verdict::NotOurs);
    assert_eq!(judge("Basic QWxhZGRpbg=="), Verdict::NotOurs);
    assert_eq!(judge(""), Verdict::NotOurs);
    assert_eq!(judge("Digest username=\"a\""), Verdict::Malformed);
    let full = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\"";
    assert_eq!(judge(full), Verdict::Wrong);
    assert_eq!(judge(&format!("{full}, username=\"b\"")), Verdict::Malformed, "told twice");
    assert_eq!(judge(&format!("{full}, algorithm=SHA-512-256")), Verdict::NotOurs);
    assert_eq!(judge(&format!("{full}, qop=auth")), Verdict::Malformed, "no count");
    assert_eq!(judge(&format!("{full}, qop=auth, nc=fffffffff, cnonce=\"\"")), Verdict::Malformed);
    assert_eq!(judge(&full.replace("realm=\"r\"", "realm=\"s\"")), Verdict::NotOurs);
}

#[test]
fn the_body_counts_with_auth_int() {
    let ha1 = Ha1::new("a", "r", "p");
    let mut nonces = nonces();
    let nonce = nonces.issue(NOW);
    let asked = Asked { method: "MESSAGE", uri: "sip:x", body: b"hello" };
    let count = Count { number: 1, text: "00000001".into(), cnonce: "c".into() };
    let key = ha1.hex(Algorithm::Md5);
    let response = Protection::AuthInt(count).response(Algorithm::Md5, &key, &nonce, &asked);
    let value = format!(
        "Digest username=\"a\",realm=\"r\",nonce=\"{nonce}\",uri=\"sip:x\",qop=auth-int,\
         nc=00000001,cnonce=\"c\",response=\"{response}\""
    );
    let mut judge = |body| {
        let claim = Claim { authorization: &value, realm: "r", method: "MESSAGE", body };
        verify(&claim, &mut nonces, NOW, |_| Some(&ha1))
    };
    assert_eq!(judge(b"hullo".as_slice()), Verdict::Wrong);
    assert_eq!(judge(b"hello".as_slice()), Verdict::Ok { user: "a".into() });
}

#[test]
fn secrets_are_not_shown() {
    assert_eq!(format!("{:?}", Ha1::new("a", "b", "secret")), "Ha1(…)");
    assert!(!format!("{:?}", mufasa()).contains("Circle"));
    assert!(!format!("{:?}", nonces()).contains('3'));
}

#[test]
fn old_phones_are_not_asked_for_what_confounds_them() {
    let count = |agent| challenges_for(agent, "r", "n", false).len();
    assert_eq!(count(None), 2);
    assert_eq!(count(Some("Linphone/5.2")), 2);
    assert_eq!(count(Some("baresip v3.5.0 (x86_64/Linux)")), 2);
    let old = challenges_for(Some("baresip v1.0.0 (x86_64/linux)"), "r", "n", false);
    assert!(matches!(old.as_slice(), [only] if only.contains("algorithm=MD5")));
    assert_eq!(count(Some("SIPp/3.6")), 1);
}
