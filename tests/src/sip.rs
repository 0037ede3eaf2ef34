//! The little of SIP that a test client needs: read an answer, compose a request.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A message as it was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The status line or the request line.
    pub start: String,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Received {
    /// Reads a message; `None` if it has no start line.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let start = lines.next().filter(|line| line.contains("SIP/2.0"))?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { start, headers, body: body.to_owned() })
    }

    /// The status, if it is a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method, if it is a request.
    pub fn method(&self) -> Option<&str> {
        self.start.split_once(' ').map(|(method, _)| method).filter(|_| self.status().is_none())
    }

    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Every header of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The answer to this request: `status`, with the headers that RFC 3261 section 8.2.6.2 wants.
    pub fn answer(&self, status: &str) -> String {
        let copied = ["Via", "From", "To", "Call-ID", "CSeq"]
            .iter()
            .flat_map(|name| self.all(name).map(move |value| format!("{name}: {value}\r\n")));
        format!("SIP/2.0 {status}\r\n{}Content-Length: 0\r\n\r\n", copied.collect::<String>())
    }
}

/// A request's parts that stay the same over its transaction's life.
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// `From`, with its tag.
    pub from: &'a str,
    /// `To`.
    pub to: &'a str,
    /// `Call-ID`.
    pub call_id: &'a str,
    /// The number of `CSeq`.
    pub cseq: u32,
    /// Whole header lines, each with its line end.
    pub more: &'a str,
    /// The body; SDP if there is one.
    pub body: &'a str,
}

impl Request<'_> {
    /// The octets, with a fresh branch.
    pub fn print(&self, local: SocketAddr) -> String {
        self.print_in(local, &fresh("z9hG4bK"))
    }

    /// The octets, with this branch.
    pub fn print_in(&self, local: SocketAddr, branch: &str) -> String {
        let Self { method, uri, from, to, call_id, cseq, more, body } = self;
        let content_type = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};rport;branch={branch}\r\n\
             Max-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:test@{local}>\r\n{more}{content_type}Content-Length: {length}\r\n\r\n{body}",
            length = body.len(),
        )
    }
}

/// A token that no other one equals: tags, branches, Call-IDs.
pub fn fresh(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!("{prefix}-{:x}-{clock:x}-{count:x}", std::process::id())
}

/// Sends a request over UDP, again after 500 ms, 1 s, 2 s, … (timer A or E), until a final response comes.
///
/// Every message that arrives meanwhile is shown to `see`.
#[track_caller]
pub fn transact(
    socket: &UdpSocket,
    server: SocketAddr,
    request: &str,
    mut see: impl FnMut(&Received),
) -> Received {
    const GIVE_UP: Duration = Duration::from_secs(20);
    let begun = Instant::now();
    let mut interval = Duration::from_millis(500);
    let cseq = header_of(request, "CSeq").expect("a request has a CSeq");
    let mut buffer = [0; 65_536];
    let mut provisional = false;
    'send: loop {
        if !provisional {
            socket.send_to(request.as_bytes(), server).expect("UDP can be sent");
        }
        let again = Instant::now() + interval;
        interval = (interval * 2).min(Duration::from_secs(4));
        loop {
            assert!(
                begun.elapsed() < GIVE_UP,
                "no final response to {} within {GIVE_UP:?}",
                request.lines().next().unwrap_or_default()
            );
            let left = again.saturating_duration_since(Instant::now());
            if left.is_zero() {
                continue 'send;
            }
            socket.set_read_timeout(Some(left)).expect("a socket option");
            let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
            let Some(message) = Received::parse(&buffer[..length]) else { continue };
            see(&message);
            match message.status() {
                Some(status) if message.header("CSeq") == Some(cseq.as_str()) => match status {
                    100..=199 => provisional = true,
                    _ => return message,
                },
                _ => {}
            }
        }
    }
}

fn header_of(request: &str, name: &str) -> Option<String> {
    Received::parse(request.as_bytes())?.header(name).map(str::to_owned)
}
