//! `multipart/mixed` (RFC 2046 section 5.1), as far as a message with something attached needs
//! it: parts are octets as they stand, or base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::cpim::split_at_empty_line;
use crate::sip::lex;
use crate::sip::params::Params;

/// The most parts that are looked at.
const MOST_PARTS: usize = 16;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its type; `text/plain` where it says none.
    pub content_type: String,
    /// What it holds, decoded.
    pub content: Vec<u8>,
}

/// The parts of a body of this Content-Type; `None` where it is not multipart, or broken.
pub fn read(content_type: &str, body: &[u8]) -> Option<Vec<Part>> {
    let (kind, params) = content_type.split_once(';')?;
    if !kind.trim().get(..10)?.eq_ignore_ascii_case("multipart/") {
        return None;
    }
    let params = Params::parse(&format!(";{params}"))?;
    let boundary = lex::unquote(params.get("boundary")?);
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body.get(find(body, delimiter.as_bytes())? + delimiter.len()..)?;
    while !rest.starts_with(b"--") {
        let end = find(rest, delimiter.as_bytes())?;
        if parts.len() >= MOST_PARTS {
            return None;
        }
        parts.push(part(rest.get(..end)?)?);
        rest = rest.get(end + delimiter.len()..)?;
    }
    Some(parts)
}

fn part(octets: &[u8]) -> Option<Part> {
    // The line of the delimiter ends here, and the line before the next one is its own.
    let line_end = octets.iter().position(|b| *b == b'\n')?;
    let octets = octets.get(line_end + 1..)?;
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
    // No header at all: the empty line comes first.
    let (head, content) = split_at_empty_line(octets)?;
    let head = std::str::from_utf8(head).ok()?;
    let field = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let content = match field("Content-Transfer-Encoding") {
        Some(encoding) if encoding.eq_ignore_ascii_case("base64") => {
            let bare: Vec<u8> =
                content.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            STANDARD.decode(bare).ok()?
        }
        Some(encoding) if encoding.eq_ignore_ascii_case("quoted-printable") => return None,
        Some(_) | None => content.to_vec(),
    };
    let content_type = field("Content-Type").unwrap_or("text/plain").to_owned();
    Some(Part { content_type, content })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/mixed; boundary=\"b1\"";

    #[test]
    fn text_and_sound_come_apart() {
        let body = b"--b1\r\n\r\nHello\r\n--b1\r\nContent-Type: audio/ogg\r\n\r\nOggS\x00\r\n\x01\r\n\
            --b1\r\nContent-Type: audio/wav\r\nContent-Transfer-Encoding: base64\r\n\r\nUklG\r\nRg==\r\n--b1--\r\n";
        let parts = read(TYPE, body).unwrap();
        assert_eq!(
            parts[0],
            Part { content_type: "text/plain".into(), content: b"Hello".to_vec() }
        );
        assert_eq!(parts[1].content, b"OggS\x00\r\n\x01");
        assert_eq!(parts[2].content, b"RIFF");
    }

    #[test]
    fn what_is_broken_is_refused() {
        assert_eq!(read("text/plain; boundary=b1", b"--b1--"), None);
        assert_eq!(read("multipart/mixed", b"--b1--"), None);
        assert_eq!(read(TYPE, b"--b1\r\nno end"), None);
        assert_eq!(read(TYPE, b"--b1--"), Some(Vec::new()));
        let many = "--b1\r\n\r\nx\r\n".repeat(20) + "--b1--";
        assert_eq!(read(TYPE, many.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let body = [b"--b1", &octets[..], b"--b1--"].concat();
            let _ = read(TYPE, &body);
        }
    }
}
