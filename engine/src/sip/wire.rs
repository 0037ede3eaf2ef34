//! Octets to messages and back (RFC 3261 sections 7 and 18.3, RFC 4475).
//!
//! A message that is well-formed becomes a [`Message`]; one that is not becomes a
//! [`ParseError`], which carries the answer that RFC 3261 wants sent, as far as enough was
//! readable to build one. Nothing that arrives can do more than that.

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::address::NameAddr;
pub use super::fault::{Fault, ParseError};
pub use super::framer::{Frame, StreamFramer};
use super::header::Headers;
use super::message::{Message, Method, Request, Response};
use super::uri::Uri;
use super::{lex, name};

/// The most octets that the start line and the header fields may take together.
pub const MAX_HEAD: usize = 16 * 1024;
/// The most header fields, list entries counted one by one: copying them into an answer must
/// not make a small question a large answer.
pub const MAX_FIELDS: usize = 256;
/// The most octets that a body may take.
pub const MAX_BODY: usize = 64 * 1024;

/// Reads the one message that a datagram holds. Octets beyond its Content-Length are ignored
/// (RFC 3261 section 18.3), line breaks before it are skipped.
pub fn parse_datagram(bytes: &Bytes) -> Result<Message, ParseError> {
    let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = bytes.slice(blank..);
    if bytes.is_empty() {
        return Err(ParseError { fault: Fault::KeepAlive, response: None });
    }
    let end = head_end(&bytes, 0);
    let head_len = end.unwrap_or(bytes.len());
    let head = Head::read(&bytes[..head_len.min(MAX_HEAD)]);
    if head_len > MAX_HEAD {
        return Err(head.refuse(Fault::HeadTooLarge));
    }
    let Some(end) = end else { return Err(head.refuse(Fault::Truncated)) };
    let body = bytes.slice(end..);
    match head.content_length() {
        Err(fault) => Err(head.refuse(fault)),
        Ok(None) => head.message(body),
        Ok(Some(length)) if length > body.len() => Err(head.refuse(Fault::BodyTruncated)),
        Ok(Some(length)) => head.message(body.slice(..length)),
    }
}

/// Writes a message. Content-Length is what the body's length says.
pub fn print(message: &Message) -> Bytes {
    let (start, headers, body) = match message {
        Message::Request(m) => (format!("{} {} SIP/2.0", m.method, m.uri), &m.headers, &m.body),
        Message::Response(m) => {
            (format!("SIP/2.0 {:03} {}", m.status, m.reason), &m.headers, &m.body)
        }
    };
    let mut out = BytesMut::with_capacity(64 + start.len() + headers.len() * 64 + body.len());
    out.put_slice(lex::one_line(start).as_bytes());
    out.put_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| !is_content_length(name)) {
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        out.put_slice(value.as_bytes());
        out.put_slice(b"\r\n");
    }
    out.put_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.put_slice(body);
    out.freeze()
}

/// Where the body begins: after the first empty line. The search starts at `from`.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == b'\n')? + 1;
        match &bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// The start line and the header fields, read as far as they can be.
#[derive(Clone, Debug)]
pub(super) struct Head {
    start: String,
    headers: Headers,
    content_lengths: Vec<String>,
    /// The first line that is no header field.
    fault: Option<Fault>,
}

/// A start line that is in order.
enum Start {
    Request(Method, Uri),
    Response(u16, String),
}

impl Head {
    /// Reads a head: never fails, the faults are told later.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut lines = bytes.split(|&b| b == b'\n').map(|line| line.trim_ascii_end());
        let start = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
        // Spaces at the end of the start line are a fault that must stay visible.
        let start = start.strip_suffix(b"\r").unwrap_or(start);
        lines.next();
        let mut head = Self {
            start: lex::one_line(String::from_utf8_lossy(start).into_owned()),
            headers: Headers::new(),
            content_lengths: Vec::new(),
            fault: None,
        };
        let mut folded: Vec<u8> = Vec::new();
        for line in lines {
            if line.is_empty() {
                continue;
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                folded.push(b' ');
                folded.extend_from_slice(line.trim_ascii_start());
            } else {
                head.field(&folded);
                folded.clear();
                folded.extend_from_slice(line);
            }
        }
        head.field(&folded);
        head
    }

    /// Takes in one unfolded header line.
    fn field(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = match line.split_once(':') {
            Some((name, value)) if lex::is_token(name.trim_end()) => {
                (name.trim_end(), value.trim())
            }
            _ => {
                self.fault.get_or_insert(Fault::HeaderLine);
                return;
            }
        };
        let name = name::long(name);
        if is_content_length(name) {
            self.content_lengths.push(value.to_owned());
        } else if name::is_list(name) && value.contains(',') {
            for entry in lex::split_top_level(value, b',').into_iter().filter(|e| !e.is_empty()) {
                self.push(name, entry);
            }
        } else {
            self.push(name, value);
        }
    }

    fn push(&mut self, name: &str, value: &str) {
        if self.headers.len() < MAX_FIELDS {
            self.headers.push(name, value);
        } else {
            self.fault.get_or_insert(Fault::HeadTooLarge);
        }
    }

    /// The length of the body as the sender tells it, if it does.
    pub(super) fn content_length(&self) -> Result<Option<usize>, Fault> {
        match self.content_lengths.as_slice() {
            [] => Ok(None),
            [length] => match lex::saturating_number(length) {
                Some(length) => Ok(Some(usize::try_from(length).unwrap_or(usize::MAX))),
                None => Err(Fault::ContentLength),
            },
            [..] => Err(Fault::Duplicate("Content-Length")),
        }
    }

    /// The message that this head and `body` make.
    pub(super) fn message(self, body: Bytes) -> Result<Message, ParseError> {
        match self.check() {
            Ok(Start::Request(method, uri)) => {
                Ok(Message::Request(Request { method, uri, headers: self.headers, body }))
            }
            Ok(Start::Response(status, reason)) => {
                Ok(Message::Response(Response { status, reason, headers: self.headers, body }))
            }
            Err(fault) => Err(self.refuse(fault)),
        }
    }

    fn check(&self) -> Result<Start, Fault> {
        let start = self.start_line()?;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            self.at_most_once(name)?;
        }
        let headers = &self.headers;
        let via = headers.via()?;
        headers.from()?;
        headers.to()?;
        headers.call_id()?;
        let cseq = headers.cseq()?;
        // What else a response holds is read where it is needed: a flaw there must not hide
        // that somebody answered.
        if let Start::Request(method, _) = &start {
            if cseq.method != *method {
                return Err(Fault::MethodMismatch);
            }
            if via.branch().is_some_and(|b| b.eq_ignore_ascii_case("z9hG4bK") || b.is_empty()) {
                return Err(Fault::EmptyBranch);
            }
            self.at_most_once("Max-Forwards")?;
            headers.max_forwards()?;
            headers.contacts()?;
            headers.routes()?;
            headers.record_routes()?;
        }
        Ok(start)
    }

    fn at_most_once(&self, name: &'static str) -> Result<(), Fault> {
        match self.headers.get_all(name).nth(1) {
            Some(_) => Err(Fault::Duplicate(name)),
            None => Ok(()),
        }
    }

    fn start_line(&self) -> Result<Start, Fault> {
        let line = self.start.as_str();
        if self.is_response() {
            let (version, rest) = line.split_once(' ').ok_or(Fault::StartLine)?;
            check_version(version)?;
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = match code.parse() {
                Ok(status @ 100..=699) if code.len() == 3 => status,
                _ => return Err(Fault::StartLine),
            };
            return Ok(Start::Response(status, reason.trim_end().to_owned()));
        }
        if !contains_sip(line) {
            return Err(Fault::NotSip);
        }
        // Exactly one space between the parts: RFC 3261 section 7.1 forbids acting on a guess.
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let &[method, uri, version] = words.as_slice() else { return Err(Fault::StartLine) };
        check_version(version)?;
        let method = Method::parse(method).ok_or(Fault::StartLine)?;
        match Uri::parse(uri) {
            // RFC 3261 section 19.1.1: a Request-URI has no header part.
            Some(Uri::Sip(sip)) if sip.headers.is_some() => Err(Fault::StartLine),
            Some(uri) => Ok(Start::Request(method, uri)),
            None => Err(Fault::StartLine),
        }
    }

    fn is_response(&self) -> bool {
        self.start.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("SIP/"))
    }

    /// The error that `fault` is, with the answer that RFC 3261 section 8.2.6 lets a server
    /// build without keeping state.
    pub(super) fn refuse(&self, fault: Fault) -> ParseError {
        let fault =
            if self.is_response() || contains_sip(&self.start) { fault } else { Fault::NotSip };
        ParseError { fault, response: self.answer(fault).map(Box::new) }
    }

    fn answer(&self, fault: Fault) -> Option<Response> {
        let is_ack = self.start.starts_with("ACK ");
        if self.is_response() || is_ack || matches!(fault, Fault::NotSip | Fault::KeepAlive) {
            return None;
        }
        self.headers.get("Via")?;
        let mut response = Response::new(fault.status());
        for via in self.headers.get_all("Via") {
            response.headers.push("Via", via);
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            if let Some(value) = self.headers.get(name) {
                response.headers.push(name, value);
            }
        }
        if let Some(to) = self.headers.get("To").and_then(NameAddr::parse)
            && !to.params.contains("tag")
        {
            let mut to = to;
            to.params.set("tag", Some(&self.stateless_tag()));
            response.headers.set("To", to.to_string());
        }
        response.headers.push("Warning", format!("399 hark {}", lex::quote(&fault.to_string())));
        Some(response)
    }

    /// A To tag that is the same for every retransmission (RFC 3261 section 8.2.7).
    fn stateless_tag(&self) -> String {
        let mut hash = Sha256::new();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            hash.update(self.headers.get(name).unwrap_or_default());
            hash.update([0]);
        }
        hex::encode(&hash.finalize()[..8])
    }
}

fn is_content_length(name: &str) -> bool {
    name.eq_ignore_ascii_case("Content-Length")
}

fn contains_sip(line: &str) -> bool {
    line.as_bytes().windows(4).any(|w| w.eq_ignore_ascii_case(b"SIP/"))
}

fn check_version(version: &str) -> Result<(), Fault> {
    if version.eq_ignore_ascii_case("SIP/2.0") {
        return Ok(());
    }
    let number = version.get(..4).filter(|s| s.eq_ignore_ascii_case("SIP/")).map(|_| &version[4..]);
    let is_version = number.and_then(|n| n.split_once('.')).is_some_and(|(major, minor)| {
        lex::saturating_number(major).is_some() && lex::saturating_number(minor).is_some()
    });
    Err(if is_version { Fault::Version } else { Fault::StartLine })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
pub(super) mod tests;
