//! The ordered header fields of a message, over rsip's header model, and the readers of those
//! that a SIP element decides by.

use rsip::headers::Header;

use super::address::{CSeq, Contacts, NameAddr, Via};
use super::{lex, name};

/// Why a header field cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A field that this message needs is not there.
    #[error("the {0} header field is missing: the sender has to add it")]
    Missing(&'static str),
    /// A field breaks its grammar.
    #[error("the {0} header field is malformed: the sender has to follow RFC 3261 section 25")]
    Malformed(&'static str),
}

/// The header fields of a message, in order.
///
/// Names are looked up without regard to case and in their long form. The wire layer splits
/// the fields that are lists, so each entry of `Via`, `Route`, `Contact`, `Allow` and their
/// like is an entry of its own here. `Content-Length` belongs to the wire layer: it is taken
/// off when a message is read, and put on when one is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No header fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a field. Line breaks in the value become spaces.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push(field(name, value.into()));
    }

    /// Puts a field before all others.
    pub fn push_front(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(0, field(name, value.into()));
    }

    /// Replaces every field `name` by one with `value`, where the first of them stood.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let new = field(name, value.into());
        match self.position(name) {
            Some(at) => {
                self.remove(name);
                self.0.insert(at, new);
            }
            None => self.0.push(new),
        }
    }

    /// Removes every field `name`.
    pub fn remove(&mut self, name: &str) {
        let name = name::long(name);
        self.0.retain(|header| !name::of(header).eq_ignore_ascii_case(name));
    }

    /// Removes the first field `name`, and answers its value.
    pub fn pop_front(&mut self, name: &str) -> Option<String> {
        let at = self.position(name)?;
        Some(name::value(&self.0.remove(at)).to_owned())
    }

    /// The value of the first field `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// The value of each field `name`, in order.
    pub fn get_all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let name = name::long(name);
        self.0
            .iter()
            .filter(move |header| name::of(header).eq_ignore_ascii_case(name))
            .map(name::value)
    }

    /// Name and value of each field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|header| (name::of(header), name::value(header)))
    }

    /// The fields in rsip's model.
    pub fn as_rsip(&self) -> &[Header] {
        &self.0
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The topmost Via.
    pub fn via(&self) -> Result<Via, HeaderError> {
        let value = self.get("Via").ok_or(HeaderError::Missing("Via"))?;
        Via::parse(value).ok_or(HeaderError::Malformed("Via"))
    }

    /// CSeq: the number of the request within its dialog, and its method.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        let value = self.get("CSeq").ok_or(HeaderError::Missing("CSeq"))?;
        CSeq::parse(value).ok_or(HeaderError::Malformed("CSeq"))
    }

    /// From: who asks.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr("From")
    }

    /// To: who was asked.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr("To")
    }

    /// Call-ID.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        match self.get("Call-ID") {
            None => Err(HeaderError::Missing("Call-ID")),
            Some(id) if id.is_empty() || id.contains(char::is_whitespace) => {
                Err(HeaderError::Malformed("Call-ID"))
            }
            Some(id) => Ok(id),
        }
    }

    /// Contact: a list, empty where there is none, or the asterisk that means all.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        let values: Vec<_> = self.get_all("Contact").collect();
        match values.as_slice() {
            ["*"] => Ok(Contacts::Star),
            values => values
                .iter()
                .map(|value| NameAddr::parse(value))
                .collect::<Option<_>>()
                .map(Contacts::List)
                .ok_or(HeaderError::Malformed("Contact")),
        }
    }

    /// Route: the way that is still to go.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.route_set("Route")
    }

    /// Record-Route: the way that was gone.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.route_set("Record-Route")
    }

    /// Max-Forwards, if there is one. Overlarge numbers are clamped.
    pub fn max_forwards(&self) -> Result<Option<u32>, HeaderError> {
        self.number("Max-Forwards")
    }

    /// Expires, if there is one. Overlarge numbers are clamped.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.number("Expires")
    }

    /// Content-Type as it is written, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.get("Content-Type")
    }

    fn position(&self, name: &str) -> Option<usize> {
        let name = name::long(name);
        self.0.iter().position(|header| name::of(header).eq_ignore_ascii_case(name))
    }

    fn name_addr(&self, name: &'static str) -> Result<NameAddr, HeaderError> {
        let value = self.get(name).ok_or(HeaderError::Missing(name))?;
        NameAddr::parse(value).ok_or(HeaderError::Malformed(name))
    }

    fn route_set(&self, name: &'static str) -> Result<Vec<NameAddr>, HeaderError> {
        self.get_all(name)
            .map(|value| NameAddr::parse(value).ok_or(HeaderError::Malformed(name)))
            .collect()
    }

    fn number(&self, name: &'static str) -> Result<Option<u32>, HeaderError> {
        self.get(name)
            .map(|value| lex::saturating_number(value).ok_or(HeaderError::Malformed(name)))
            .transpose()
    }
}

fn field(name: &str, value: String) -> Header {
    name::header(name::long(name), lex::one_line(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name, *value);
        }
        headers
    }

    #[test]
    fn order_is_kept_and_names_are_found_in_any_case() {
        let mut h = headers(&[("v", "a"), ("X-One", "1"), ("Via", "b"), ("x-one", "2")]);
        assert_eq!(h.get("vIA"), Some("a"));
        assert_eq!(h.get_all("X-ONE").collect::<Vec<_>>(), ["1", "2"]);
        h.push_front("Via", "c");
        assert_eq!(h.pop_front("via").as_deref(), Some("c"));
        h.set("x-one", "3");
        assert_eq!(h.iter().collect::<Vec<_>>(), [("Via", "a"), ("x-one", "3"), ("Via", "b")]);
        h.remove("v");
        assert_eq!(h.len(), 1);
    }

    #[test]
    fn a_value_cannot_smuggle_a_line() {
        let h = headers(&[("Subject", "x\r\nVia: y")]);
        assert_eq!(h.get("Subject"), Some("x  Via: y"));
    }

    #[test]
    fn numbers_are_clamped_and_junk_is_told() {
        assert_eq!(headers(&[("Expires", "99999999999")]).expires(), Ok(Some(u32::MAX)));
        assert_eq!(headers(&[]).expires(), Ok(None));
        assert_eq!(
            headers(&[("Expires", "soon")]).expires(),
            Err(HeaderError::Malformed("Expires"))
        );
    }

    #[test]
    fn contacts_are_a_list_or_a_star() {
        assert_eq!(headers(&[("m", "*")]).contacts(), Ok(Contacts::Star));
        assert_eq!(headers(&[]).contacts(), Ok(Contacts::List(Vec::new())));
        assert!(headers(&[("m", "*"), ("m", "<sip:a@b>")]).contacts().is_err());
    }
}
