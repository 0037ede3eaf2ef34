//! Numbers and addresses that are no user's of ours: how they are written, and which of them an
//! operator allows to be called or written to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sip::params::Params;
use crate::sip::uri::{Host, Uri};

/// The longest number, in characters; E.164 allows 15 digits, prefixes come before them.
const LONGEST_NUMBER: usize = 32;
/// The longest SIP address, in octets.
const LONGEST_URI: usize = 256;
/// The longest e-mail address, in octets (RFC 5321 section 4.5.3.1.3).
const LONGEST_MAIL: usize = 254;

/// A number or an address outside. One way to write each, so that limits can't be gone around.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A telephone number: digits, `*`, `#`, perhaps with a `+` before them.
    Number(String),
    /// A SIP address: `sip:bob@192.0.2.7`.
    Sip(String),
    /// An e-mail address: `bob@example.org`.
    Mail(String),
}

/// Why something is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no number or address: write it like +493012345, sip:bob@192.0.2.7 or bob@example.org"
)]
pub struct NoAddress(pub String);

impl Address {
    /// Reads what a person typed. Spaces, brackets, dots and dashes within a number are left out.
    ///
    /// # Errors
    /// It is none of the three; the error shows its first 64 characters.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let text = text.trim();
        let none = || NoAddress(text.chars().take(64).collect());
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("sip:") || lower.starts_with("sips:") {
            return sip(text).map(Self::Sip).ok_or_else(none);
        }
        if let Some(number) = lower.strip_prefix("tel:") {
            return number_of(number).map(Self::Number).ok_or_else(none);
        }
        if lower.starts_with("mailto:") {
            return text.get(7..).and_then(mail).map(Self::Mail).ok_or_else(none);
        }
        if text.contains('@') {
            return mail(text).map(Self::Mail).ok_or_else(none);
        }
        number_of(text).map(Self::Number).ok_or_else(none)
    }

    /// As people write it.
    pub fn shown(&self) -> &str {
        match self {
            Self::Number(text) | Self::Sip(text) | Self::Mail(text) => text,
        }
    }

    /// Whether reaching it means a telephone call.
    pub const fn is_called(&self) -> bool {
        match self {
            Self::Number(_) | Self::Sip(_) => true,
            Self::Mail(_) => false,
        }
    }
}

/// As a URI: unlike every other address. What the store keeps.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "tel:{number}"),
            Self::Sip(uri) => f.write_str(uri),
            Self::Mail(address) => write!(f, "mailto:{address}"),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = NoAddress;
    fn try_from(text: String) -> Result<Self, NoAddress> {
        Self::parse(&text)
    }
}

fn number_of(text: &str) -> Option<String> {
    let written = |c: &char| !matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}');
    let number: String = text.chars().filter(written).collect();
    let rest = number.strip_prefix('+').unwrap_or(&number);
    let dialled = |c: char| c.is_ascii_digit() || c == '*' || c == '#';
    let fits = rest.len() >= 2 && number.len() <= LONGEST_NUMBER && rest.chars().all(dialled);
    fits.then_some(number)
}

fn sip(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | ',');
    if text.len() > LONGEST_URI || !text.chars().all(plain) {
        return None;
    }
    match Uri::parse(text)? {
        // Scheme and host are the same in either case; how one is written must not matter.
        Uri::Sip(mut uri) if uri.headers.is_none() => {
            uri.params = Params::default();
            uri.password = None;
            if let Host::Name(name) = &mut uri.host {
                name.make_ascii_lowercase();
            }
            Some(Uri::Sip(uri).to_string())
        }
        Uri::Sip(_) | Uri::Tel { .. } | Uri::Other(_) => None,
    }
}

fn mail(text: &str) -> Option<String> {
    let plain = |c: char| {
        (c.is_ascii_graphic() || !c.is_ascii() && !c.is_control() && !c.is_whitespace())
            && !matches!(c, '<' | '>' | '"' | ',' | ';' | ':' | '(' | ')' | '[' | ']' | '\\')
    };
    let (local, domain) = text.split_once('@')?;
    let labels = || domain.split('.');
    let fits = !local.is_empty()
        && text.len() <= LONGEST_MAIL
        && text.chars().all(plain)
        && !domain.contains('@')
        && labels().all(|label| !label.is_empty() && !label.starts_with('-'));
    fits.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

/// Which addresses outside an operator lets Hark call or write to on its own. A pattern is an
/// address in which `*` stands for anything: `+49*`, `*@example.org`, `sip:*@192.0.2.7`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Allowed ones; without any, nothing is.
    pub allow: Vec<String>,
    /// Exceptions from them.
    pub deny: Vec<String>,
}

impl Allowed {
    /// Whether `address` may be reached.
    pub fn allows(&self, address: &Address) -> bool {
        let shown = address.shown();
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, shown));
        any(&self.allow) && !any(&self.deny)
    }
}

/// Whether `text` is like `pattern`. Letters match in either case.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        Address::parse(text).map_or_else(|_| "no".into(), |address| address.to_string())
    }

    #[test]
    fn what_people_type_has_one_form() {
        for (typed, form) in [
            ("+49 (30) 123-45", "tel:+493012345"),
            ("030/12 34 5", "tel:03012345"),
            ("tel:+49.30.12345", "tel:+493012345"),
            ("*97", "tel:*97"),
            ("sip:Bob@Example.ORG;transport=tcp", "sip:Bob@example.org"),
            ("SIP:bob@192.0.2.7:5062", "sip:bob@192.0.2.7:5062"),
            ("bob@Example.org", "mailto:bob@example.org"),
            ("mailto:bob@example.org", "mailto:bob@example.org"),
        ] {
            assert_eq!(parsed(typed), form, "{typed}");
            assert_eq!(parsed(form), form, "what is stored is read back");
        }
        for no in [
            "",
            "bob",
            "1",
            "+",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b..c",
            "sip:",
            "sip:a b@c",
            "sip:a@b?x=y",
            "<a@b>",
            "a@-b",
            "12x",
            "++12",
            "tel:x",
            "a@b\r\nBcc: c@d",
        ] {
            assert_eq!(parsed(no), "no", "{no:?}");
        }
        assert_eq!(parsed(&"1".repeat(33)), "no");
    }

    #[test]
    fn nothing_is_allowed_by_default_and_exceptions_count() {
        let address = |text| Address::parse(text).unwrap();
        assert!(!Allowed::default().allows(&address("+4930123")));
        let allowed = Allowed {
            allow: vec![
                "+49*".into(),
                "*@example.org".into(),
                "sip:*@192.0.2.*".into(),
                "110".into(),
            ],
            deny: vec!["+49900*".into()],
        };
        for yes in ["+49 30 123", "bob@EXAMPLE.org", "sip:x@192.0.2.9", "110"] {
            assert!(allowed.allows(&address(yes)), "{yes}");
        }
        for no in ["+4990012345", "0049301", "bob@example.org.evil", "1100", "sip:x@198.51.100.1"] {
            assert!(!allowed.allows(&address(no)), "{no}");
        }
    }
}
