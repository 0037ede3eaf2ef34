//! `message/cpim` (RFC 3862): a message wrapped in headers of its own, which the wishes of
//! RFC 5438 travel in.

use super::imdn::{self, Wanted};

/// The type.
pub const CONTENT_TYPE: &str = "message/cpim";
/// The namespace of the headers of RFC 5438.
const IMDN: &str = "urn:ietf:params:imdn";

/// A wrapped message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpim {
    /// The type of what is wrapped.
    pub content_type: String,
    /// What is wrapped.
    pub content: Vec<u8>,
    /// The sender's own name for the message, by which notifications name it.
    pub message_id: Option<String>,
    /// What the sender wants to be told.
    pub wanted: Wanted,
}

/// Reads a wrapped message; `None` where it breaks the grammar.
pub fn read(body: &[u8]) -> Option<Cpim> {
    // Message headers, an empty line, the headers of what is wrapped, an empty line, and that.
    let (head, rest) = split_at_empty_line(body)?;
    let (inner, content) = split_at_empty_line(rest)?;
    let head = std::str::from_utf8(head).ok()?;
    // The prefix of the namespace is the sender's to choose.
    let prefix = fields(head).find_map(|(name, value)| {
        let bracket = value.find('<')?;
        let uri = value.get(bracket + 1..)?.strip_suffix('>')?;
        (name.eq_ignore_ascii_case("NS") && uri == IMDN)
            .then(|| value.get(..bracket).unwrap_or_default().trim().to_owned())
    });
    let of_imdn = |wanted: &str| {
        fields(head).find_map(|(name, value)| {
            let (space, local) = name.split_once('.')?;
            (Some(space) == prefix.as_deref() && local.eq_ignore_ascii_case(wanted))
                .then_some(value)
        })
    };
    let message_id = of_imdn("Message-ID").filter(|id| id.len() <= imdn::LONGEST_ID);
    let wanted = of_imdn("Disposition-Notification").map(Wanted::read).unwrap_or_default();
    let inner = std::str::from_utf8(inner).ok()?;
    let content_type = fields(inner)
        .find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"))
        .map_or("text/plain", |(_, value)| value);
    Some(Cpim {
        content_type: content_type.to_owned(),
        content: content.to_vec(),
        message_id: message_id.filter(|id| !id.is_empty()).map(str::to_owned),
        wanted,
    })
}

/// Wraps a message from one URI to another. `date` is RFC 3339.
pub fn write(from: &str, to: &str, date: &str, cpim: &Cpim) -> Vec<u8> {
    let line = |text: &str| text.replace(['\r', '\n'], " ");
    let (from, to) = (line(from), line(to));
    let mut out = format!("From: <{from}>\r\nTo: <{to}>\r\nDateTime: {date}\r\n");
    if let Some(id) = &cpim.message_id {
        out.push_str(&format!("NS: imdn <{IMDN}>\r\nimdn.Message-ID: {}\r\n", line(id)));
        if cpim.wanted.any() {
            let wanted = cpim.wanted.write();
            out.push_str(&format!("imdn.Disposition-Notification: {wanted}\r\n"));
        }
    }
    out.push_str(&format!("\r\nContent-Type: {}\r\n\r\n", line(&cpim.content_type)));
    let mut out = out.into_bytes();
    out.extend_from_slice(&cpim.content);
    out
}

fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim(), value.trim()))
    })
}

/// What stands before the first empty line, and after it.
pub(super) fn split_at_empty_line(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = 0;
    while let Some(length) = octets.get(start..)?.iter().position(|b| *b == b'\n') {
        let line = octets.get(start..start + length)?;
        if line.is_empty() || line == b"\r" {
            return Some((octets.get(..start)?, octets.get(start + length + 1..)?));
        }
        start += length + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrapped() -> Cpim {
        Cpim {
            content_type: "text/plain; charset=utf-8".into(),
            content: "Grüße\r\n\r\nBob".into(),
            message_id: Some("34jk324j".into()),
            wanted: Wanted { delivered: true, displayed: true, failed: false },
        }
    }

    #[test]
    fn what_is_wrapped_is_unwrapped() {
        let cpim = wrapped();
        let octets = write("sip:a@x", "sip:b@x", "2026-01-02T03:04:05Z", &cpim);
        assert_eq!(read(&octets), Some(cpim));
    }

    #[test]
    fn the_senders_own_prefix_is_known() {
        let text = "From: A <im:a@x>\nNS: note <urn:ietf:params:imdn>\nnote.Message-ID: 7\n\
                    note.Disposition-Notification: display\nimdn.Message-ID: 8\n\nContent-type: text/plain\n\nhi";
        let cpim = read(text.as_bytes()).unwrap();
        assert_eq!(cpim.message_id.as_deref(), Some("7"));
        assert!(cpim.wanted.displayed && !cpim.wanted.delivered);
        assert_eq!((cpim.content_type.as_str(), &cpim.content[..]), ("text/plain", &b"hi"[..]));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&octets);
        }
    }
}
