//! The structured header fields: Via, the addresses of From, To, Contact and Route, and CSeq.

use std::fmt;
use std::net::IpAddr;

use super::message::Method;
use super::params::Params;
use super::uri::{Host, Uri, parse_addr_spec};
use super::{lex, uri};

/// One Via: how the request came, hop by hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, … as it was written.
    pub transport: String,
    /// Where the sender says that it is.
    pub host: Host,
    /// The port, if one is named.
    pub port: Option<u16>,
    /// `;branch` and its like.
    pub params: Params,
}

/// An address with an optional name before it and parameters after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name, without quotes and escapes.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// The field's own parameters, such as `;tag`.
    pub params: Params,
}

/// The values of Contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all that are registered.
    Star,
    /// These.
    List(Vec<NameAddr>),
}

/// CSeq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The number, below 2³¹.
    pub seq: u32,
    /// The method, which is the request's own.
    pub method: Method,
}

impl Via {
    /// Reads one Via value.
    pub fn parse(s: &str) -> Option<Self> {
        let (protocol, rest) = s.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !protocol.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
            return None;
        }
        let (transport, rest) = rest.trim_start().split_once(char::is_whitespace)?;
        if !lex::is_token(transport) {
            return None;
        }
        let (sent_by, params) = match rest.find(';') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = Host::parse_with_port(sent_by)?;
        Some(Self { transport: transport.to_owned(), host, port, params: Params::parse(params)? })
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }

    /// The `received` parameter: where the request really came from.
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.get("received")?;
        value.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The `rport` parameter (RFC 3581): `Some(None)` where it is asked for and not filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|port| port.parse().ok())
    }
}

impl NameAddr {
    /// `uri` without display name and parameters.
    pub const fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::new() }
    }

    /// Reads `"Name" <uri>;params`, `Name <uri>;params` or `uri;params`.
    pub fn parse(s: &str) -> Option<Self> {
        let s = s.trim();
        let (display, rest) = if s.starts_with('"') {
            let (display, rest) = lex::quoted_string(s)?;
            let rest = rest.trim_start();
            if !rest.starts_with('<') {
                return None;
            }
            (Some(display), rest)
        } else if let Some(at) = s.find('<') {
            let name = s[..at].trim_end();
            if name.contains(['"', ',', ';', ':', '>']) {
                return None;
            }
            (Some(name.to_owned()), &s[at..])
        } else {
            let (uri, params) = parse_addr_spec(s)?;
            return Some(Self { display: None, uri, params: Params::parse(params)? });
        };
        let (uri, params) = rest.strip_prefix('<')?.split_once('>')?;
        let params = params.trim_start();
        if !params.is_empty() && !params.starts_with(';') {
            return None;
        }
        Some(Self {
            display: display.filter(|name| !name.is_empty()),
            uri: Uri::parse(uri)?,
            params: Params::parse(params)?,
        })
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The `expires` parameter of a contact. Overlarge numbers are clamped; what is no number
    /// counts as absent (RFC 3261 section 20.10).
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").and_then(lex::saturating_number)
    }

    /// The `q` parameter of a contact in thousandths; 1000 where there is none.
    pub fn q(&self) -> u16 {
        let q = self.params.get("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        // The cast saturates, and NaN becomes 0.
        (q.clamp(0.0, 1.0) * 1000.0).round() as u16
    }

    /// The `sip:` URI within, if it is one.
    pub fn as_sip(&self) -> Option<&uri::SipUri> {
        self.uri.as_sip()
    }
}

impl CSeq {
    /// Reads `number method`.
    pub fn parse(s: &str) -> Option<Self> {
        let mut words = s.split_ascii_whitespace();
        let (number, method) = (words.next()?, words.next()?);
        let seq = lex::saturating_number(number).filter(|&seq| seq < 1 << 31)?;
        if words.next().is_some() {
            return None;
        }
        Some(Self { seq, method: Method::parse(method)? })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", lex::quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seq, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tortuous_via_is_read() {
        let via =
            Via::parse("SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8")
                .unwrap();
        assert_eq!(via.to_string(), "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8");
        let via = Via::parse(
            "SIP/2.0/UDP [2001:db8::9:1]:5070;received=[2001:db8::9:255];rport=9;branch=x",
        )
        .unwrap();
        assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
        assert_eq!((via.port, via.rport(), via.branch()), (Some(5070), Some(Some(9)), Some("x")));
        assert_eq!(Via::parse("SIP/2.0/UDP h : 5060 ;rport").unwrap().rport(), Some(None));
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=x",
            "SIP/2.0/UDP h;;,;,,",
            "SIP/3.0/UDP h",
            "HTTP/2.0/UDP h",
        ] {
            assert_eq!(Via::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        let a = NameAddr::parse(r#""J \"R\", x"<sip:j@h;lr>;tag=1"#).unwrap();
        assert_eq!(a.display.as_deref(), Some(r#"J "R", x"#));
        assert_eq!((a.tag(), a.as_sip().unwrap().params.contains("lr")), (Some("1"), true));
        assert_eq!(a.to_string(), r#""J \"R\", x" <sip:j@h;lr>;tag=1"#);
        let b = NameAddr::parse("sip:+1650@h ;user=phone;   tag    = n").unwrap();
        assert!(b.as_sip().unwrap().params.is_empty());
        assert_eq!((b.params.get("user"), b.tag()), (Some("phone"), Some("n")));
        assert_eq!(
            NameAddr::parse("Caller Name<tel:+1>").unwrap().display.as_deref(),
            Some("Caller Name")
        );
        for bad in [
            "",
            "<sip:a@b",
            "\"x <sip:a@b>",
            "\"x\" sip:a@b",
            "< sip:a@b >",
            "<sip:a@b> x",
            "Bell, A <sip:a@b>",
            "sip:a@b?Route=x",
            "<sip:a@b>;;;;",
            "*",
        ] {
            assert_eq!(NameAddr::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn contact_parameters_are_clamped() {
        let contact = |s| NameAddr::parse(s).unwrap();
        assert_eq!(contact("<sip:a@b>;expires=280297596632815;q=0.33").expires(), Some(u32::MAX));
        assert_eq!(contact("<sip:a@b>;expires=x").expires(), None);
        assert_eq!(contact("<sip:a@b>;q=0.33").q(), 330);
        assert_eq!(contact("<sip:a@b>;q=inf").q(), 1000);
        assert_eq!(contact("<sip:a@b>;q=NaN").q(), 0);
    }

    #[test]
    fn cseq_ends_below_two_to_the_31() {
        assert_eq!(CSeq::parse("0009   INVITE"), Some(CSeq { seq: 9, method: Method::Invite }));
        assert!(CSeq::parse("2147483647 ACK").is_some());
        for bad in
            ["2147483648 ACK", "36893488147419103232 REGISTER", "-1 ACK", "1", "1 A C", "x ACK"]
        {
            assert_eq!(CSeq::parse(bad), None, "{bad}");
        }
    }
}
