//! Session descriptions and the agreement on media: RFC 8866 (and 4566) by sdp-types, RFC 3264
//! by us.
//!
//! A call is one audio stream of G.711 over plain RTP, with telephone events (RFC 4733) beside
//! it. [`parse`] reads what the other side wrote, forgiving what real phones get wrong;
//! [`answer`] and [`offer`] write our side; both ends come to a [`Negotiated`].

mod negotiate;
mod parse;

use std::net::{IpAddr, SocketAddr};

use crate::media::codec::Codec;

pub use negotiate::{answer, negotiated, offer};
pub use parse::parse;

/// The payload type that we offer telephone events with.
pub const OFFERED_DTMF: u8 = 101;

/// Why no media can be agreed upon. The answer to each is 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The description breaks its grammar.
    #[error("the session description cannot be read: the sender has to follow RFC 8866")]
    Malformed,
    /// Too many media lines or attributes.
    #[error("the session description has too many lines: the sender has to shorten it")]
    TooLong,
    /// No media line that we could take.
    #[error("no audio over RTP/AVP is offered: the phone has to offer audio without SRTP")]
    NoAudio,
    /// Audio, but no codec that we speak.
    #[error("neither PCMU nor PCMA is offered: the phone has to enable G.711")]
    NoCodec,
    /// The address is a name, a group, or missing.
    #[error("the connection address is not a unicast IP address: the phone has to send one")]
    NoAddress,
}

impl SdpError {
    /// The status of the response that this error is worth.
    pub const fn status(self) -> u16 {
        488
    }
}

/// Which way media flows, as the one who wrote it sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer sends: a call on hold.
    SendOnly,
    /// The writer receives.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// The direction that sends and receives as told.
    pub const fn of(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The name of the attribute.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| direction.name().eq_ignore_ascii_case(name))
    }
}

/// A session description, as far as it concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDescription {
    /// Session id and version, if the origin could be read.
    pub origin: Option<(String, u64)>,
    /// Every media line, in order.
    pub media: Vec<MediaDescription>,
}

/// One media line with what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaDescription {
    /// `audio`, `video`, …
    pub kind: String,
    /// The port; 0 means that the stream is refused or taken away.
    pub port: u16,
    /// `RTP/AVP` and its like.
    pub proto: String,
    /// The formats as they were written.
    pub formats: String,
    /// The address, if it is a unicast one, or the 0.0.0.0 of an old phone's hold.
    pub address: Option<IpAddr>,
    /// The formats that are payload types, in order of preference.
    pub payloads: Vec<Payload>,
    /// How much sound the writer wants in a packet, in milliseconds.
    pub ptime: Option<u32>,
    /// How much it bears at most.
    pub max_ptime: Option<u32>,
    /// Which way media flows.
    pub direction: Direction,
    /// Whether RTCP may share the port.
    pub rtcp_mux: bool,
    /// The values of `a=crypto` (RFC 4568).
    pub crypto: Vec<String>,
    /// The value of `a=mid` (RFC 5888).
    pub mid: Option<String>,
}

/// A payload type and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The payload type.
    pub payload_type: u8,
    /// The encoding name as it was written.
    pub name: String,
    /// Ticks a second.
    pub clock: u32,
    /// Channels.
    pub channels: u32,
    /// The parameters, as they were written.
    pub fmtp: Option<String>,
}

impl Payload {
    /// The codec, if we speak it.
    pub fn codec(&self) -> Option<Codec> {
        [Codec::Pcmu, Codec::Pcma].into_iter().find(|codec| {
            self.name.eq_ignore_ascii_case(codec.name())
                && self.clock == codec.clock_rate()
                && self.channels == 1
        })
    }

    /// Whether these are telephone events on G.711's clock.
    pub fn is_telephone_event(&self) -> bool {
        self.name.eq_ignore_ascii_case("telephone-event") && self.clock == 8000
    }
}

impl MediaDescription {
    /// The payload type of telephone events.
    pub fn dtmf(&self) -> Option<u8> {
        self.payloads.iter().find(|p| p.is_telephone_event()).map(|p| p.payload_type)
    }

    /// Whether the line is plain audio over RTP that is not refused.
    pub fn is_usable_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case("audio")
            && self.port != 0
            && ["RTP/AVP", "RTP/AVPF"].iter().any(|proto| self.proto.eq_ignore_ascii_case(proto))
    }

    /// Whether media may be sent to the writer: a null address means hold (RFC 3264 section
    /// 8.4, for those who still speak RFC 2543).
    pub fn wants_media(&self) -> bool {
        self.direction.receives() && self.address.is_some_and(|ip| !ip.is_unspecified())
    }
}

/// Our side of a session.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// Where we receive.
    pub addr: SocketAddr,
    /// What we speak, in order of preference.
    pub codecs: &'a [Codec],
    /// Names the session: the same for its whole life.
    pub session_id: u64,
    /// Grows by one with every change.
    pub session_version: u64,
    /// Which way we want media to flow.
    pub direction: Direction,
}

/// What both sides have agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where the other side receives.
    pub remote: SocketAddr,
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of telephone events, if the other side knows them.
    pub dtmf_payload_type: Option<u8>,
    /// How much sound we put in a packet: a multiple of 10 from 10 to 60.
    pub ptime_ms: u32,
    /// Whether we send.
    pub send: bool,
    /// Whether we receive.
    pub receive: bool,
    /// Whether RTCP shares the port.
    pub rtcp_mux: bool,
}

#[cfg(test)]
mod tests;
