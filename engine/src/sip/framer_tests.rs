use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::sip::wire::print;
use crate::sip::wire::tests::any_message;

const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
                    From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x@y\r\nCSeq: 7 OPTIONS\r\n";

type Frames = Vec<Result<Frame, ParseError>>;

fn frames(octets: &[u8], cuts: &[usize]) -> (Frames, bool) {
    let mut framer = StreamFramer::new();
    let mut out = Vec::new();
    let mut rest = octets;
    for &cut in cuts.iter().chain([&usize::MAX]) {
        let (now, later) = rest.split_at(cut.min(rest.len()));
        framer.push(now);
        out.extend(std::iter::from_fn(|| framer.next()));
        rest = later;
    }
    (out, framer.is_broken())
}

#[test]
fn two_breaks_are_a_ping_and_one_is_skipped() {
    let stream = format!("\r\n\r\n\r\n{HEAD}l: 2\r\n\r\nhi\r\n\r\n{HEAD}l: 0\r\n\r\n\r\n");
    for cuts in [vec![], vec![1; 400]] {
        let (frames, broken) = frames(stream.as_bytes(), &cuts);
        let kinds: Vec<_> = frames
            .iter()
            .map(|frame| match frame {
                Ok(Frame::KeepAlive) => "ping".to_owned(),
                Ok(Frame::Message(m)) => format!("message {}", m.body().len()),
                Err(e) => e.kind().to_owned(),
            })
            .collect();
        assert_eq!(kinds, ["ping", "message 2", "ping", "message 0"]);
        assert!(!broken);
    }
}

#[test]
fn lost_framing_is_told_once_and_the_rest_thrown_away() {
    let long = format!("{HEAD}X: {}\r\n", "y".repeat(MAX_HEAD));
    for (extra, kind, status) in [
        ("\r\n", "content_length", Some(400)),
        ("l: -1\r\n\r\n", "content_length", Some(400)),
        ("l: 1\r\nl: 2\r\n\r\n", "header_duplicate", Some(400)),
        ("l: 65537\r\n\r\n", "body_too_large", Some(413)),
        ("l: 99999999999999999999\r\n\r\n", "body_too_large", Some(413)),
        (&long[HEAD.len()..], "head_too_large", Some(513)),
    ] {
        let stream = format!("{HEAD}{extra}{HEAD}l: 0\r\n\r\n");
        let (frames, broken) = frames(stream.as_bytes(), &[]);
        let [Err(error)] = frames.as_slice() else { panic!("{kind}: {frames:?}") };
        assert_eq!((error.kind(), error.response.as_ref().map(|r| r.status)), (kind, status));
        assert!(broken, "{kind}");
    }
    let (frames, broken) = frames(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &[]);
    assert!(matches!(frames.as_slice(), [Err(e)] if e.kind() == "not_sip") && broken);
}

#[test]
fn a_malformed_message_whose_end_is_known_ends_nothing() {
    let stream = format!("{HEAD}Max-Forwards: x\r\nl: 1\r\n\r\na{HEAD}l: 0\r\n\r\n");
    let (frames, broken) = frames(stream.as_bytes(), &[]);
    assert!(matches!(frames.as_slice(), [Err(_), Ok(Frame::Message(_))]) && !broken);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_do_not_depend_on_the_cuts(
        messages in prop::collection::vec((any_message(), 0usize..4), 1..4),
        cuts in prop::collection::vec(0usize..90, 0..60),
        flip in any::<Option<(prop::sample::Index, u8)>>(),
    ) {
        let mut stream = Vec::new();
        for (message, breaks) in &messages {
            stream.extend(b"\r\n".repeat(*breaks));
            stream.extend_from_slice(&print(message));
        }
        if let Some((index, octet)) = flip {
            let at = index.index(stream.len());
            stream[at] = octet;
        } else {
            let whole = frames(&stream, &[]).0.into_iter().filter_map(|frame| match frame {
                Ok(Frame::Message(message)) => Some(message),
                _ => None,
            });
            prop_assert!(whole.eq(messages.iter().map(|(message, _)| message.clone())));
        }
        prop_assert_eq!(frames(&stream, cuts.as_slice()), frames(&stream, &[]));
        prop_assert_eq!(frames(&stream, &vec![1; stream.len()]), frames(&stream, &[]));
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = frames(&Bytes::from(octets), &[100; 5]);
    }
}
