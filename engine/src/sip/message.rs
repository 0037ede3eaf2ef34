//! Requests and responses, their methods and status codes (RFC 3261 section 7).

use std::fmt;

use bytes::Bytes;

use super::header::Headers;
use super::lex;
use super::uri::Uri;

/// A request method. Names are case-sensitive: `invite` is not INVITE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261: asks for a session.
    Invite,
    /// RFC 3261: has seen the final answer to an INVITE.
    Ack,
    /// RFC 3261: ends a session.
    Bye,
    /// RFC 3261: gives up a pending request.
    Cancel,
    /// RFC 3261: binds an address of record to a contact.
    Register,
    /// RFC 3261: asks for capabilities.
    Options,
    /// RFC 3428: an instant message.
    Message,
    /// RFC 6665: asks for notifications.
    Subscribe,
    /// RFC 6665: notifies.
    Notify,
    /// RFC 3903: publishes event state.
    Publish,
    /// RFC 6086: application data within a dialog.
    Info,
    /// RFC 3262: acknowledges a provisional answer.
    Prack,
    /// RFC 3311: changes a session before it is answered.
    Update,
    /// RFC 3515: asks to contact somebody else.
    Refer,
    /// Any other token.
    Other(String),
}

impl Method {
    /// The method that `token` names; `None` if it is no token at all.
    pub fn parse(token: &str) -> Option<Self> {
        Some(match token {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "REGISTER" => Self::Register,
            "OPTIONS" => Self::Options,
            "MESSAGE" => Self::Message,
            "SUBSCRIBE" => Self::Subscribe,
            "NOTIFY" => Self::Notify,
            "PUBLISH" => Self::Publish,
            "INFO" => Self::Info,
            "PRACK" => Self::Prack,
            "UPDATE" => Self::Update,
            "REFER" => Self::Refer,
            other if lex::is_token(other) => Self::Other(other.to_owned()),
            _ => return None,
        })
    }

    /// The method as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
            Self::Message => "MESSAGE",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Publish => "PUBLISH",
            Self::Info => "INFO",
            Self::Prack => "PRACK",
            Self::Update => "UPDATE",
            Self::Refer => "REFER",
            Self::Other(token) => token,
        }
    }

    /// The method in rsip's model, which has no place for unknown ones.
    pub fn to_rsip(&self) -> Option<rsip::Method> {
        Some(match self {
            Self::Invite => rsip::Method::Invite,
            Self::Ack => rsip::Method::Ack,
            Self::Bye => rsip::Method::Bye,
            Self::Cancel => rsip::Method::Cancel,
            Self::Register => rsip::Method::Register,
            Self::Options => rsip::Method::Options,
            Self::Message => rsip::Method::Message,
            Self::Subscribe => rsip::Method::Subscribe,
            Self::Notify => rsip::Method::Notify,
            Self::Publish => rsip::Method::Publish,
            Self::Info => rsip::Method::Info,
            Self::Prack => rsip::Method::PRack,
            Self::Update => rsip::Method::Update,
            Self::Refer => rsip::Method::Refer,
            Self::Other(_) => return None,
        })
    }
}

impl From<rsip::Method> for Method {
    fn from(method: rsip::Method) -> Self {
        match method {
            rsip::Method::Invite => Self::Invite,
            rsip::Method::Ack => Self::Ack,
            rsip::Method::Bye => Self::Bye,
            rsip::Method::Cancel => Self::Cancel,
            rsip::Method::Register => Self::Register,
            rsip::Method::Options => Self::Options,
            rsip::Method::Message => Self::Message,
            rsip::Method::Subscribe => Self::Subscribe,
            rsip::Method::Notify => Self::Notify,
            rsip::Method::Publish => Self::Publish,
            rsip::Method::Info => Self::Info,
            rsip::Method::PRack => Self::Prack,
            rsip::Method::Update => Self::Update,
            rsip::Method::Refer => Self::Refer,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom: the Request-URI.
    pub uri: Uri,
    /// The header fields.
    pub headers: Headers,
    /// The body, octet for octet.
    pub body: Bytes,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code, 100 to 699.
    pub status: u16,
    /// The reason phrase, for people.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// The body, octet for octet.
    pub body: Bytes,
}

/// What a datagram, or a frame of a stream, holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Somebody asks.
    Request(Request),
    /// Somebody answers.
    Response(Response),
}

impl Request {
    /// A request without header fields or body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::new(), body: Bytes::new() }
    }

    /// The response that RFC 3261 section 8.2.6 derives from this request: Via, From, To,
    /// Call-ID and CSeq are copied. The To tag, and Record-Route where a dialog begins, are
    /// the caller's to add.
    pub fn response(&self, status: u16) -> Response {
        let mut response = Response::new(status);
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.headers.get_all(name) {
                response.headers.push(name, value);
            }
        }
        response
    }
}

impl Response {
    /// A response without header fields or body, with the usual reason phrase.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            reason: reason_phrase(status).to_owned(),
            headers: Headers::new(),
            body: Bytes::new(),
        }
    }

    /// The status in rsip's model.
    pub fn status_code(&self) -> rsip::StatusCode {
        rsip::StatusCode::from(self.status)
    }
}

impl Message {
    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The header fields, to be changed.
    pub fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

/// The reason phrase that the RFCs suggest for `status`; its class where they suggest none.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        _ => match status / 100 {
            1 => "Provisional",
            2 => "Success",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive_and_unknown_ones_are_kept() {
        assert_eq!(Method::parse("INVITE"), Some(Method::Invite));
        assert_eq!(Method::parse("invite"), Some(Method::Other("invite".into())));
        assert_eq!(Method::parse("RE%47IST%45R"), Some(Method::Other("RE%47IST%45R".into())));
        assert_eq!(Method::parse("IN VITE"), None);
        assert_eq!(Method::parse(""), None);
    }

    #[test]
    fn every_method_of_rsip_comes_back() {
        for method in rsip::Method::all() {
            let ours = Method::from(method);
            assert_eq!(ours.to_rsip(), Some(method));
            assert_eq!(Method::parse(ours.as_str()), Some(ours));
        }
    }
}
