//! Header field names: long and compact forms, which of them are lists, and the variant of
//! rsip's header model that carries each.

use rsip::headers::{Header, UntypedHeader};

/// The long name of `name`: compact forms (RFC 3261 section 20 and later RFCs) are expanded,
/// everything else is left as it is.
pub fn long(name: &str) -> &str {
    let &[letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}

/// The fields whose values may be joined with commas (RFC 3261 section 7.3.1). The
/// authentication fields are not among them: their commas part parameters.
const LISTS: &[&str] = &[
    "Via",
    "Contact",
    "Route",
    "Record-Route",
    "Allow",
    "Supported",
    "Require",
    "Proxy-Require",
    "Unsupported",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Allow-Events",
    "Alert-Info",
    "Call-Info",
    "Content-Encoding",
    "Content-Language",
    "Diversion",
    "Error-Info",
    "History-Info",
    "In-Reply-To",
    "P-Asserted-Identity",
    "P-Associated-URI",
    "P-Preferred-Identity",
    "Path",
    "Reason",
    "Service-Route",
    "Warning",
];

/// Whether the field's value is a list that commas part.
pub fn is_list(name: &str) -> bool {
    LISTS.iter().any(|list| list.eq_ignore_ascii_case(name))
}

macro_rules! carried_by_rsip {
    ($($text:literal => $variant:ident,)*) => {
        /// The header `name` (long form) with `value`, in rsip's model.
        pub fn header(name: &str, value: String) -> Header {
            $(if name.eq_ignore_ascii_case($text) {
                return Header::$variant(rsip::headers::$variant::new(value));
            })*
            Header::Other(name.to_owned(), value)
        }

        /// The name of `header` as it is written.
        pub fn of(header: &Header) -> &str {
            match header {
                $(Header::$variant(_) => $text,)*
                Header::Other(name, _) => name,
            }
        }

        /// The value of `header` as it is written.
        pub fn value(header: &Header) -> &str {
            match header {
                $(Header::$variant(inner) => inner.value(),)*
                Header::Other(_, value) => value,
            }
        }
    };
}

carried_by_rsip! {
    "Via" => Via,
    "From" => From,
    "To" => To,
    "Call-ID" => CallId,
    "CSeq" => CSeq,
    "Contact" => Contact,
    "Max-Forwards" => MaxForwards,
    "Route" => Route,
    "Record-Route" => RecordRoute,
    "Content-Type" => ContentType,
    "Content-Length" => ContentLength,
    "User-Agent" => UserAgent,
    "Allow" => Allow,
    "Supported" => Supported,
    "Expires" => Expires,
    "Authorization" => Authorization,
    "Proxy-Authorization" => ProxyAuthorization,
    "WWW-Authenticate" => WwwAuthenticate,
    "Proxy-Authenticate" => ProxyAuthenticate,
    "Accept" => Accept,
    "Accept-Encoding" => AcceptEncoding,
    "Accept-Language" => AcceptLanguage,
    "Alert-Info" => AlertInfo,
    "Authentication-Info" => AuthenticationInfo,
    "Call-Info" => CallInfo,
    "Content-Disposition" => ContentDisposition,
    "Content-Encoding" => ContentEncoding,
    "Content-Language" => ContentLanguage,
    "Date" => Date,
    "Error-Info" => ErrorInfo,
    "Event" => Event,
    "In-Reply-To" => InReplyTo,
    "MIME-Version" => MimeVersion,
    "Min-Expires" => MinExpires,
    "Organization" => Organization,
    "Priority" => Priority,
    "Proxy-Require" => ProxyRequire,
    "Reply-To" => ReplyTo,
    "Require" => Require,
    "Retry-After" => RetryAfter,
    "Server" => Server,
    "Subject" => Subject,
    "Subscription-State" => SubscriptionState,
    "Timestamp" => Timestamp,
    "Unsupported" => Unsupported,
    "Warning" => Warning,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_names_become_long_ones() {
        for (compact, expected) in
            [("i", "Call-ID"), ("V", "Via"), ("m", "Contact"), ("x", "Session-Expires")]
        {
            assert_eq!(long(compact), expected);
        }
        assert_eq!(long("z"), "z");
        assert_eq!(long("Call-ID"), "Call-ID");
    }

    #[test]
    fn rsip_carries_what_it_knows_and_the_rest_is_other() {
        assert!(matches!(header("cAlL-iD", "x".into()), Header::CallId(_)));
        let odd = header("X-Odd", "value".into());
        assert_eq!((of(&odd), value(&odd)), ("X-Odd", "value"));
        assert_eq!(of(&header("www-authenticate", String::new())), "WWW-Authenticate");
    }
}
