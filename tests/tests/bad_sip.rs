//! Octets that are no good SIP: each gets the RFC's answer or none, and the server goes on serving.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use hark_tests::call::Call;
use hark_tests::peer::{Account, Peer};
use hark_tests::sip::Received;
use hark_tests::site::Site;
use hark_tests::{corpus, wait};

#[test]
fn garbage_over_udp_ends_nothing() {
    let mut site = Site::start();
    let peer = Peer::new(site.udp());
    for garbage in garbage() {
        peer.send_raw(&garbage[..garbage.len().min(60_000)]);
    }
    assert_serves(&mut site);
}

#[test]
fn garbage_over_tcp_ends_nothing() {
    let mut site = Site::start();
    for garbage in garbage() {
        let mut stream = TcpStream::connect(site.tcp()).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket option");
        // The server may close before it has read everything, and is right to.
        drop(stream.write_all(&garbage));
        drop(stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        // Line ends are keep-alives, which are answered by one (RFC 5626 section 4.4.1).
        let answer = answer.trim_ascii_start();
        if !answer.is_empty() {
            let first = Received::parse(answer).expect("what the server says is SIP");
            // Some of it is well-formed, and served like any other request.
            assert!(first.status().is_some(), "{}", first.start);
        }
    }
    assert_serves(&mut site);
}

#[test]
fn two_requests_in_one_segment_and_one_in_many_are_both_answered() {
    let site = Site::start();
    let mut stream = TcpStream::connect(site.tcp()).expect("the server listens");
    stream.set_read_timeout(Some(wait::SOON)).expect("a socket option");
    let local = stream.local_addr().expect("a connected socket has an address");
    let options = |n: usize| {
        format!(
            "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKtcp{n}\r\nMax-Forwards: 70\r\n\
             From: <sip:probe@elsewhere.example>;tag=f{n}\r\nTo: <sip:{server}>\r\nCall-ID: tcp-{n}\r\n\
             CSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n",
            server = site.tcp(),
        )
    };
    stream.write_all((options(1) + &options(2)).as_bytes()).expect("the server reads");
    for octet in options(3).as_bytes() {
        stream.write_all(&[*octet]).expect("the server reads");
    }
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    while heard.matches("SIP/2.0 200").count() < 3 {
        let read = stream.read(&mut buffer).expect("three answers");
        assert!(read > 0, "the server closed after:\n{heard}");
        heard += &String::from_utf8_lossy(&buffer[..read]);
    }
}

#[test]
fn the_torture_messages_of_rfc_4475_are_answered_as_they_should_be() {
    let Some(folder) = corpus::folder("rfc4475") else { return };
    let mut site = Site::start();
    let expected = fs::read_to_string(folder.join("expect.tsv")).expect("expect.tsv");
    let mut wrong = Vec::new();
    let mut branches = HashSet::new();
    for (n, line) in expected.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let columns: Vec<_> = line.split('\t').collect();
        let (name, accepted) = (columns[0], columns[6]);
        let bytes = fs::read(folder.join(format!("{name}.dat"))).expect("a torture message");
        // Some messages share a branch: at one server the second would be a retransmission.
        if !branches.insert(branch(&bytes)) {
            site = Site::start();
            branches = HashSet::from([branch(&bytes)]);
        }
        let got = torture(&site, n, name, &bytes, accepted);
        if !accepted
            .split('|')
            .any(|one| one == got || (one == "wellformed" && is_wellformed(&got)))
        {
            wrong.push(format!("{name}: {got}, not {accepted}"));
        }
        assert!(site.alive(), "{name} ended the server");
    }
    assert!(wrong.is_empty(), "{} of the torture messages:\n{}", wrong.len(), wrong.join("\n"));
    assert_serves(&mut site);
}

/// Sends one message from an address of its own, and says what came back: a status, or `silence`.
fn torture(site: &Site, n: usize, name: &str, bytes: &[u8], accepted: &str) -> String {
    // An answer goes to the port of the Via, 5060 where it names none (RFC 3261 section 18.2.2), so
    // the peer has to be there; each message and each test process has a loopback address for itself.
    let process = std::process::id();
    let port = if name == "quotbal" { 5050 } else { 5060 };
    let local = format!("127.{}.{}.{}:{port}", 16 + (process >> 8) % 200, process % 256, n + 1);
    let peer = Peer::at(site.udp(), &local);
    peer.send_raw(bytes);
    let may_be_silent = accepted.split('|').any(|one| one == "silence");
    if may_be_silent {
        // What is answered at all is answered before a later request is.
        let mut answers = vec![];
        let marker = peer.options_seeing(|message| answers.push(message.clone()));
        let marker_call = marker.header("Call-ID").map(str::to_owned);
        answers.retain(|answer| answer.header("Call-ID") != marker_call.as_deref());
        return answers.iter().find_map(final_status).unwrap_or_else(|| "silence".into());
    }
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        if let Some(status) =
            peer.receive(Duration::from_millis(200)).as_ref().and_then(final_status)
        {
            return status;
        }
    }
    "silence".into()
}

/// The first branch parameter of a message; empty where it has none.
fn branch(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let value = text.split_once("branch=").map_or("", |(_, rest)| rest);
    value.chars().take_while(|c| c.is_ascii_alphanumeric()).collect()
}

fn final_status(message: &Received) -> Option<String> {
    message.status().filter(|status| *status >= 200).map(|status| status.to_string())
}

/// Any answer but those that say that the message could not be read.
fn is_wellformed(status: &str) -> bool {
    status != "silence" && status != "400"
}

#[track_caller]
fn assert_serves(site: &mut Site) {
    assert!(site.alive(), "the server is gone:\n{}", site.output());
    assert_eq!(Peer::new(site.udp()).options().status(), Some(200));
    let mut call = Call::dial(&Account::stranger(site.udp()), "1002")
        .unwrap_or_else(|no| panic!("{}", no.start));
    wait::until("sound", wait::SOON, || (!call.rtp.packets().is_empty()).then_some(()));
    call.hang_up();
}

fn garbage() -> Vec<Vec<u8>> {
    let invite =
        "INVITE sip:1002@localhost SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\n";
    let mut all: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        b"\r\n\r\n".repeat(100),
        vec![0xff; 2000],
        (0..=255).cycle().take(5000).collect(),
        b"INVITE".to_vec(),
        b"INVITE sip:1002@localhost SIP/2.0\r\n\r\n".to_vec(),
        b"SIP/2.0 99999999999999999999 OK\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        format!("{invite}Content-Length: 99999999999\r\n\r\n").into_bytes(),
        format!("{invite}Content-Length: -1\r\n\r\n").into_bytes(),
        format!("{invite}CSeq: 4294967296 INVITE\r\n\r\n").into_bytes(),
        format!("{invite}{}\r\n", "X: y\r\n".repeat(9000)).into_bytes(),
        format!("{invite}X: {}\r\n\r\n", "y".repeat(200_000)).into_bytes(),
        format!("{invite}From: {}\r\n\r\n", "<".repeat(5000)).into_bytes(),
        format!("{invite}To: {}\r\n\r\n", "\"\\".repeat(5000)).into_bytes(),
        invite.as_bytes().to_vec(),
    ];
    if let Some(folder) = corpus::folder("fuzz-seeds/sip") {
        let entries = fs::read_dir(folder).expect("a folder can be listed");
        all.extend(entries.filter_map(|entry| fs::read(entry.ok()?.path()).ok()));
    }
    all
}
