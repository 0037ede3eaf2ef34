//! The event packages that we notify of (RFC 6665 section 5.4): their names and their bodies.

use super::header::Headers;
use super::params::Params;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Package {
    /// `message-summary`: the lamp of a mailbox (RFC 3842).
    MessageSummary,
    /// `presence`: whether somebody can be reached (RFC 3856).
    Presence,
    /// `dialog`: whether somebody is in a call (RFC 4235), for the lamps of desk telephones.
    Dialog,
}

impl Package {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::MessageSummary, Self::Presence, Self::Dialog];

    /// As the Event header names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MessageSummary => "message-summary",
            Self::Presence => "presence",
            Self::Dialog => "dialog",
        }
    }

    /// The type of its bodies.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::MessageSummary => "application/simple-message-summary",
            Self::Presence => "application/pidf+xml",
            Self::Dialog => "application/dialog-info+xml",
        }
    }

    /// The package of this name. Names are case-sensitive tokens.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|package| package.name() == name)
    }

    /// Whether the sender of `headers` reads this package's bodies: it says so in Accept, or
    /// names nothing there, which means the package's own type.
    pub fn is_accepted(self, headers: &Headers) -> bool {
        let mut accepted = headers.get_all("Accept").filter(|range| !range.is_empty()).peekable();
        accepted.peek().is_none()
            || accepted.any(|range| {
                let bare = range.split(';').next().unwrap_or_default().trim();
                bare.eq_ignore_ascii_case(self.content_type())
                    || bare.eq_ignore_ascii_case("application/*")
                    || bare == "*/*"
            })
    }
}

/// An Event header: a package, and which of several subscriptions in one dialog is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHeader {
    /// The package's name, known or not.
    pub name: String,
    /// The `id` parameter.
    pub id: Option<String>,
}

impl EventHeader {
    /// The Event header of a request; `None` where there is none that can be read.
    pub fn of(headers: &Headers) -> Option<Self> {
        let value = headers.get("Event")?;
        let (name, params) = match value.find(';') {
            Some(at) => value.split_at(at),
            None => (value, ""),
        };
        let name = name.trim();
        if !super::lex::is_token(name) {
            return None;
        }
        let params = Params::parse(params)?;
        Some(Self { name: name.to_owned(), id: params.get("id").map(str::to_owned) })
    }
}

/// The value of the Event header of a notification.
pub fn event_value(package: Package, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{};id={id}", package.name()),
        None => package.name().to_owned(),
    }
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
    fn the_event_is_read_in_both_its_forms() {
        let read = |value| EventHeader::of(&headers(&[("o", value)]));
        let presence = EventHeader { name: "presence".into(), id: None };
        assert_eq!(read("presence"), Some(presence));
        assert_eq!(read("dialog ; id=7").unwrap().id.as_deref(), Some("7"));
        assert_eq!(read("pre sence"), None);
        assert_eq!(EventHeader::of(&Headers::new()), None);
        assert_eq!(Package::from_name("Presence"), None);
    }

    #[test]
    fn no_accept_means_the_packages_own_type() {
        let accepts = |value: &str| Package::Presence.is_accepted(&headers(&[("Accept", value)]));
        assert!(Package::Presence.is_accepted(&Headers::new()));
        assert!(accepts("application/pidf+xml;q=0.5"));
        assert!(accepts("*/*"));
        assert!(!accepts("application/xpidf+xml"));
    }
}
