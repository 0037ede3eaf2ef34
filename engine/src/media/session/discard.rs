//! Why datagrams are dropped: a closed list, so that each reason has its counter.

use crate::media::{dtmf, rtp};

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// Not RTP.
    Malformed(rtp::Malformed),
    /// Not RTCP, or not agreed upon.
    Rtcp,
    /// A payload type that was not agreed.
    PayloadType,
    /// An audio payload of no or impossible size.
    PayloadSize,
    /// A telephone event that is none.
    Event(dtmf::Malformed),
    /// From a source that is not the peer's.
    Source,
    /// Before the peer's address was known.
    Early,
    /// It came too late to be put in order.
    Late,
    /// It was here before.
    Duplicate,
}

impl Discard {
    /// All reasons, in the order of [`Discard::index`].
    pub const LABELS: [&'static str; 13] = [
        "short",
        "version",
        "header",
        "padding",
        "rtcp",
        "payload_type",
        "payload_size",
        "event_size",
        "event_code",
        "source",
        "early",
        "late",
        "duplicate",
    ];

    /// Which of [`Discard::LABELS`] names it.
    pub const fn index(self) -> usize {
        match self {
            Self::Malformed(rtp::Malformed::Short) => 0,
            Self::Malformed(rtp::Malformed::Version) => 1,
            Self::Malformed(rtp::Malformed::Header) => 2,
            Self::Malformed(rtp::Malformed::Padding) => 3,
            Self::Rtcp => 4,
            Self::PayloadType => 5,
            Self::PayloadSize => 6,
            Self::Event(dtmf::Malformed::Size) => 7,
            Self::Event(dtmf::Malformed::Event) => 8,
            Self::Source => 9,
            Self::Early => 10,
            Self::Late => 11,
            Self::Duplicate => 12,
        }
    }
}
