use proptest::prelude::*;

use super::*;
use crate::sip::wire::tests::files;

fn local() -> Local<'static> {
    Local {
        addr: "192.0.2.9:20000".parse().unwrap(),
        codecs: &[Codec::Pcmu, Codec::Pcma],
        session_id: 42,
        session_version: 1,
        direction: Direction::SendRecv,
    }
}

fn agreed(sdp: &str) -> Result<(String, Negotiated), SdpError> {
    answer(&parse(sdp.as_bytes())?, &local())
}

const SIPP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\n\
    c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

const BARESIP: &str = "v=0\r\no=- 3907352563 4055018923 IN IP4 10.0.0.5\r\ns=-\r\n\
    c=IN IP4 10.0.0.5\r\nt=0 0\r\na=tool:baresip 1.0.0\r\n\
    m=audio 10142 RTP/AVP 96 0 8 97\r\nb=AS:125\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 stereo=1;sprop-stereo=1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=rtcp:10143\r\na=sendrecv\r\n\
    a=label:1\r\na=rtcp-rsize\r\na=ssrc:1 cname:sip:alice@example.com\r\na=rtcp-mux\r\na=ptime:20\r\n";

const LINPHONE: &str = "v=0\r\no=alice 3747 1245 IN IP6 2001:db8::5\r\ns=Talk\r\n\
    c=IN IP6 2001:db8::5\r\nt=0 0\r\na=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\n\
    a=record:off\r\nm=audio 7078 RTP/AVPF 96 97 8 0 101 99\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 useinbandfec=1\r\na=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\n\
    a=rtpmap:101 telephone-event/48000\r\na=rtpmap:99 telephone-event/8000\r\n\
    a=rtcp-fb:* trr-int 1000\r\na=rtcp-fb:* ccm tmmbr\r\n\
    m=video 9078 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n";

#[test]
fn sipp_is_answered() {
    let (sdp, n) = agreed(SIPP).unwrap();
    let expected = "v=0\r\no=hark 42 1 IN IP4 192.0.2.9\r\ns=hark\r\nc=IN IP4 192.0.2.9\r\n\
        t=0 0\r\nm=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(sdp, expected);
    let wanted = Negotiated {
        remote: "127.0.0.1:6000".parse().unwrap(),
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf_payload_type: None,
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp_mux: false,
    };
    assert_eq!(n, wanted);
}

#[test]
fn baresip_is_answered_with_its_numbers_and_rtcp_mux() {
    let (sdp, n) = agreed(BARESIP).unwrap();
    assert!(sdp.contains("m=audio 20000 RTP/AVP 0 97\r\n"), "{sdp}");
    assert!(sdp.contains("a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n"), "{sdp}");
    assert!(sdp.contains("a=rtcp-mux\r\n") && n.rtcp_mux);
    assert_eq!((n.codec, n.dtmf_payload_type), (Codec::Pcmu, Some(97)));
}

#[test]
fn linphone_over_ipv6_keeps_its_order_and_loses_its_video() {
    let (sdp, n) = agreed(LINPHONE).unwrap();
    assert_eq!((n.codec, n.dtmf_payload_type), (Codec::Pcma, Some(99)));
    assert_eq!(n.remote, "[2001:db8::5]:7078".parse().unwrap());
    assert!(sdp.contains("m=audio 20000 RTP/AVPF 8 99\r\n"), "{sdp}");
    assert!(sdp.contains("m=video 0 RTP/AVPF 96\r\n"), "{sdp}");
    assert!(!sdp.contains("rtcp-mux") && !n.rtcp_mux);
    let ours = Local { addr: "[2001:db8::9]:20000".parse().unwrap(), ..local() };
    assert!(offer(&ours).contains("c=IN IP6 2001:db8::9\r\n"));
}

#[test]
fn lines_that_do_not_fit_are_refused_in_their_place() {
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
         m=audio 5000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n\
         m=audio 5002 RTP/AVP 18\r\nm=audio 5004 RTP/AVP 8 101\r\na=mid:x\r\n\
         a=rtpmap:101 telephone-event/8000\r\nm=audio 5006 RTP/AVP 0\r\nm=image 5008 udptl t38\r\n",
        "A".repeat(40)
    );
    let (sdp, n) = agreed(&offer).unwrap();
    assert_eq!(n.remote.port(), 5004);
    let lines: Vec<_> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
    let expected = [
        "m=audio 0 RTP/SAVP 0",
        "m=audio 0 RTP/AVP 18",
        "m=audio 20000 RTP/AVP 8 101",
        "m=audio 0 RTP/AVP 0",
        "m=image 0 udptl t38",
    ];
    assert_eq!(lines, expected);
    assert!(sdp.contains("a=mid:x\r\n"));
    assert_eq!(parse(offer.as_bytes()).unwrap().media[0].crypto.len(), 1);
}

#[test]
fn nothing_that_fits_is_488() {
    for (from, to, error) in [
        ("RTP/AVP 0", "RTP/SAVP 0", SdpError::NoAudio),
        ("m=audio 6000", "m=audio 0", SdpError::NoAudio),
        ("m=audio", "m=video", SdpError::NoAudio),
        ("AVP 0\r\na=rtpmap:0 PCMU/8000", "AVP 18", SdpError::NoCodec),
        ("PCMU/8000", "PCMU/16000", SdpError::NoCodec),
        ("PCMU/8000", "PCMU/8000/2", SdpError::NoCodec),
        ("c=IN IP4 127.0.0.1", "c=IN IP4 phone.example", SdpError::NoAddress),
        ("c=IN IP4 127.0.0.1", "c=IN IP4 224.2.1.1/127", SdpError::NoAddress),
        ("c=IN IP4 127.0.0.1", "x=", SdpError::NoAddress),
        ("m=audio 6000", "m=audio 66000", SdpError::Malformed),
    ] {
        let got = agreed(&SIPP.replace(from, to));
        assert_eq!(got.as_ref().err(), Some(&error), "{to}");
        assert_eq!(error.status(), 488);
    }
    assert_eq!(parse(b""), Err(SdpError::NoAudio));
    let many = format!("{SIPP}{}", "m=audio 1 RTP/AVP 0\r\n".repeat(40));
    assert_eq!(parse(many.as_bytes()), Err(SdpError::TooLong));
}

#[test]
fn hold_is_understood_in_each_of_its_forms() {
    for (attribute, address, flows, answered) in [
        ("sendrecv", "10.0.0.1", (true, true), "sendrecv"),
        ("sendonly", "10.0.0.1", (false, true), "recvonly"),
        ("recvonly", "10.0.0.1", (true, false), "sendonly"),
        ("inactive", "10.0.0.1", (false, false), "inactive"),
        ("sendrecv", "0.0.0.0", (false, true), "recvonly"),
    ] {
        let sdp = SIPP.replace("c=IN IP4 127.0.0.1", &format!("c=IN IP4 {address}"));
        // On the medium, or for the whole session.
        for sdp in [
            format!("{sdp}a={attribute}\r\n"),
            sdp.replace("t=0 0", &format!("t=0 0\r\na={attribute}")),
        ] {
            let (answer, n) = agreed(&sdp).unwrap();
            assert_eq!((n.send, n.receive), flows, "{attribute} {address}");
            assert!(answer.ends_with(&format!("a={answered}\r\n")), "{answer}");
        }
    }
}

#[test]
fn the_oddities_of_real_phones_are_forgiven() {
    for odd in [
        SIPP.replace("s=-\r\n", "").replace("t=0 0\r\n", ""),
        SIPP.replace("\r\n", "\n"),
        SIPP.replace("\r\n", "\r"),
        SIPP.replace("\r\n", " \r\n"),
        SIPP.replace("v=0\r\n", ""),
        SIPP.replace("o=user1 53655765 2353687637 IN IP4 127.0.0.1", "o=user one"),
        SIPP.replace("m=audio 6000 RTP/AVP 0", "m=audio  6000  RTP/AVP  0 "),
        SIPP.replace("m=audio 6000", "m=audio 6000/2"),
        SIPP.replace("s=-", "s=caf\u{e9}\r\nb=AS:x:y\r\nz=1\r\nk=\r\nnonsense"),
        SIPP.replace("a=rtpmap:0 PCMU/8000\r\n", ""),
        SIPP.replace("PCMU", "pcmu"),
        SIPP.replace("c=IN", "c=IN IP4 127.0.0.1\r\nc=IN"),
        format!("{SIPP}\r\n\0\0--boundary--\r\n"),
    ] {
        let got = agreed(&odd).map(|(_, n)| (n.remote.port(), n.codec));
        assert_eq!(got, Ok((6000, Codec::Pcmu)), "{odd}");
    }
}

#[test]
fn packet_time_is_what_they_want_within_what_they_bear() {
    for (attributes, expected) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:40.0\r\n", 40),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
        ("a=ptime:x\r\n", 20),
        ("a=maxptime:10\r\n", 10),
        ("a=ptime:0\r\n", 20),
        ("a=ptime:99999999999\r\n", 60),
    ] {
        let (answer, n) = agreed(&format!("{SIPP}{attributes}")).unwrap();
        assert_eq!(n.ptime_ms, expected, "{attributes}");
        assert!(answer.contains(&format!("a=ptime:{expected}\r\n")));
    }
}

#[test]
fn our_offer_is_answered_and_understood() {
    let ours = local();
    let offered = offer(&ours);
    assert!(offered.contains("m=audio 20000 RTP/AVP 0 8 101\r\n"), "{offered}");
    let theirs = Local { addr: "192.0.2.5:4000".parse().unwrap(), codecs: &[Codec::Pcma], ..ours };
    let (answered, seen_there) = answer(&parse(offered.as_bytes()).unwrap(), &theirs).unwrap();
    assert_eq!(seen_there.remote, ours.addr);
    let n = negotiated(&ours, &parse(answered.as_bytes()).unwrap()).unwrap();
    assert_eq!((n.remote, n.codec, n.payload_type), (theirs.addr, Codec::Pcma, 8));
    assert_eq!((n.dtmf_payload_type, n.rtcp_mux), (Some(101), false));
    let refused = parse(answered.replace("audio 4000", "audio 0").as_bytes()).unwrap();
    assert_eq!(negotiated(&ours, &refused), Err(SdpError::NoAudio));
}

#[test]
fn every_seed_survives() {
    for (name, octets) in files("fuzz-seeds/sdp") {
        if let Ok(description) = parse(&octets)
            && let Ok((sdp, _)) = answer(&description, &local())
        {
            let again = parse(sdp.as_bytes()).unwrap();
            assert_eq!(again.media.len(), description.media.len(), "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_panics(
        which in 0usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut octets = [SIPP, BARESIP, LINPHONE][which].as_bytes().to_vec();
        for (index, octet) in edits {
            let at = index.index(octets.len());
            octets[at] = octet;
        }
        if let Ok(description) = parse(&octets)
            && let Ok((sdp, _)) = answer(&description, &local())
        {
            prop_assert_eq!(parse(sdp.as_bytes()).map(|d| d.media.len()), Ok(description.media.len()));
        }
    }
}
