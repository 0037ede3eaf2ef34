//! SIP messages: what reading and writing one costs, beside two yardsticks of the same run: a
//! bare scan for line ends, and rsip's own parser.

use bytes::Bytes;
use divan::{Bencher, black_box};
use hark_engine::sip::wire::{parse_datagram, print};

fn main() {
    divan::main();
}

/// What phones send most: a call, a keep-alive question, a registration.
const MESSAGES: [&str; 3] = ["INVITE", "OPTIONS", "REGISTER"];

fn message(name: &str) -> Bytes {
    let head = |method: &str, cseq: u32| {
        format!(
            "{method} sip:1002@hark.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK74b43bd8af;rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Alice\" <sip:alice@hark.example>;tag=9fxced76sl\r\n\
             To: <sip:1002@hark.example>\r\n\
             Call-ID: 3848276298220188511@phone.hark.example\r\n\
             CSeq: {cseq} {method}\r\n\
             User-Agent: a telephone\r\n"
        )
    };
    let sdp = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.17\r\ns=-\r\n\
               c=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 49172 RTP/AVP 0 8 101\r\n\
               a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
               a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
    let text = match name {
        "INVITE" => format!(
            "{}Contact: <sip:alice@192.0.2.17:5060>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            head("INVITE", 2),
            sdp.len()
        ),
        "OPTIONS" => format!("{}Content-Length: 0\r\n\r\n", head("OPTIONS", 7)),
        _ => format!(
            "{}Contact: <sip:alice@192.0.2.17:5060>;expires=3600\r\n\
             Authorization: Digest username=\"alice\", realm=\"hark.example\", \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             uri=\"sip:hark.example\", response=\"753927fa0e85d155564e2e272a28d1802ca10daf449\
             6794697cf8db5856cb6c1\", algorithm=SHA-256, qop=auth, nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\"\r\n\
             Content-Length: 0\r\n\r\n",
            head("REGISTER", 3)
        ),
    };
    Bytes::from(text)
}

/// The first yardstick: finding where the lines end, and nothing else.
#[divan::bench(args = MESSAGES)]
fn scan_for_line_ends(bencher: Bencher, name: &str) {
    let bytes = message(name);
    bencher.bench_local(|| black_box(&bytes).windows(2).filter(|pair| pair == b"\r\n").count());
}

/// The second yardstick: rsip's parser, which unfolds, splits and checks much less.
#[divan::bench(args = MESSAGES)]
fn rsip_parse(bencher: Bencher, name: &str) {
    let bytes = message(name);
    bencher.bench_local(|| rsip::SipMessage::try_from(black_box(&bytes[..])).is_ok());
}

/// Ours: bytes to a checked message.
#[divan::bench(args = MESSAGES)]
fn parse(bencher: Bencher, name: &str) {
    let bytes = message(name);
    bencher.bench_local(|| parse_datagram(black_box(&bytes)).is_ok());
}

/// Ours: a message to bytes.
#[divan::bench(args = MESSAGES)]
fn write(bencher: Bencher, name: &str) {
    let Ok(message) = parse_datagram(&message(name)) else { return };
    bencher.bench_local(|| print(black_box(&message)));
}
