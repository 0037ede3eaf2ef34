//! What can be wrong with octets that should be a message, and what is answered.

use super::header::HeaderError;
use super::message::Response;
#[cfg(doc)]
use super::wire::{MAX_BODY, MAX_FIELDS, MAX_HEAD};

/// Why octets are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Only line breaks: somebody keeps a binding open.
    #[error("a keep-alive, no message")]
    KeepAlive,
    /// No trace of SIP.
    #[error("this is not SIP: the sender has the wrong port or protocol")]
    NotSip,
    /// The empty line that ends the header fields is missing.
    #[error("the header fields have no end: the sender has to send an empty line after them")]
    Truncated,
    /// More than [`MAX_HEAD`] octets or [`MAX_FIELDS`] fields.
    #[error(
        "the header fields are more than 16384 octets or 256 fields: the sender has to shorten them"
    )]
    HeadTooLarge,
    /// More than [`MAX_BODY`].
    #[error("the body is longer than 65536 octets: the sender has to shorten it")]
    BodyTooLarge,
    /// The request line or status line breaks its grammar.
    #[error("the start line is malformed: the sender has to follow RFC 3261 section 7")]
    StartLine,
    /// A version other than SIP/2.0.
    #[error("only SIP/2.0 is spoken here")]
    Version,
    /// A line that is no header field.
    #[error("a header line has no name: the sender has to write it as name: value")]
    HeaderLine,
    /// A field that is missing or breaks its grammar.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A field that may stand only once stands twice.
    #[error("the {0} header field stands more than once: the sender has to decide")]
    Duplicate(&'static str),
    /// Content-Length is missing on a stream.
    #[error("Content-Length is missing: on a stream every message needs one")]
    NoContentLength,
    /// Content-Length is not a number.
    #[error("Content-Length is not a number of octets")]
    ContentLength,
    /// The datagram ends before the body does.
    #[error("the message is shorter than its Content-Length says")]
    BodyTruncated,
    /// The method of CSeq is not that of the request.
    #[error("CSeq names another method than the request line")]
    MethodMismatch,
    /// The branch is the magic cookie and nothing else: it identifies no transaction.
    #[error("the branch of the topmost Via identifies no transaction")]
    EmptyBranch,
}

impl Fault {
    /// A label for a metric.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep_alive",
            Self::NotSip => "not_sip",
            Self::Truncated => "truncated",
            Self::HeadTooLarge => "head_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::StartLine => "start_line",
            Self::Version => "version",
            Self::HeaderLine => "header_line",
            Self::Header(HeaderError::Missing(_)) => "header_missing",
            Self::Header(HeaderError::Malformed(_)) => "header_malformed",
            Self::Duplicate(_) => "header_duplicate",
            Self::NoContentLength | Self::ContentLength => "content_length",
            Self::BodyTruncated => "body_truncated",
            Self::MethodMismatch => "method_mismatch",
            Self::EmptyBranch => "empty_branch",
        }
    }

    /// The status of the answer to a request with this fault.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Version => 505,
            Self::HeadTooLarge => 513,
            Self::BodyTooLarge => 413,
            Self::KeepAlive
            | Self::NotSip
            | Self::Truncated
            | Self::StartLine
            | Self::HeaderLine
            | Self::Header(_)
            | Self::Duplicate(_)
            | Self::NoContentLength
            | Self::ContentLength
            | Self::BodyTruncated
            | Self::MethodMismatch
            | Self::EmptyBranch => 400,
        }
    }
}

/// Octets that are no message, and what to answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// The answer that is owed, to be sent to where the octets came from. `None` means that
    /// they are dropped and counted: responses, ACKs, and what names no Via to answer to.
    pub response: Option<Box<Response>>,
}

impl ParseError {
    /// A label for a metric.
    pub const fn kind(&self) -> &'static str {
        self.fault.kind()
    }
}
