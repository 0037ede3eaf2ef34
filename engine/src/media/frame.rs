//! A piece of a recording as it was received.

use bytes::Bytes;

use super::codec::Codec;

/// The payload of one packet, and where in the recording it stands. Gaps show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFrame {
    /// How the payload is encoded.
    pub codec: Codec,
    /// The position in the recording, in milliseconds.
    pub timestamp_ms: u32,
    /// The payload as received.
    pub payload: Bytes,
}
