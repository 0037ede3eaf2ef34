//! RTP packets (RFC 3550 section 5), on `rtp-rs`: a checked view in, a header and a copy out.

use rtp_rs::{RtpPacketBuilder, RtpReader, RtpReaderError, Seq};
use thiserror::Error;

/// Octets of an RTP header without contributing sources or extension.
pub const HEADER_LENGTH: usize = 12;

/// The largest packet that is read or written: an Ethernet frame's worth.
pub const MAX_PACKET: usize = 1500;

/// Why a datagram is not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Shorter than a header.
    #[error("the datagram is shorter than an RTP header")]
    Short,
    /// Another version than 2, so most likely another protocol.
    #[error("the datagram is not RTP version 2")]
    Version,
    /// Contributing sources or the extension reach past the end.
    #[error("the RTP header says that it is longer than the datagram")]
    Header,
    /// The padding length is 0 or reaches into the header.
    #[error("the RTP padding length is impossible")]
    Padding,
}

/// A packet as received. The payload is without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What the payload is; see the session's offer and answer.
    pub payload_type: u8,
    /// The first packet of a talk spurt or of a key press.
    pub marker: bool,
    /// Counts packets, wrapping at 16 bits.
    pub sequence: u16,
    /// Counts samples, wrapping at 32 bits.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// What is carried.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let reader = RtpReader::new(datagram).map_err(|error| match error {
            RtpReaderError::BufferTooShort(_) => Malformed::Short,
            RtpReaderError::UnsupportedVersion(_) => Malformed::Version,
            RtpReaderError::HeadersTruncated { .. } => Malformed::Header,
            RtpReaderError::PaddingLengthInvalid(_) => Malformed::Padding,
        })?;
        Ok(Self {
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: reader.payload(),
        })
    }

    /// Writes the packet to the front of `out` and answers its length, or `None` if it does
    /// not fit or its payload type is not one.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        RtpPacketBuilder::new()
            .payload_type(self.payload_type)
            .marked(self.marker)
            .sequence(Seq::from(self.sequence))
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(self.payload)
            .build_into(out)
            .ok()
    }
}

/// Whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.len() >= 2 && datagram[0] >> 6 == 2 && (192..=223).contains(&datagram[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            payload_type in 0u8..128, marker: bool, sequence: u16, timestamp: u32, ssrc: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..480),
        ) {
            let packet =
                Packet { payload_type, marker, sequence, timestamp, ssrc, payload: &payload };
            let mut out = [0; MAX_PACKET];
            let length = packet.write(&mut out).unwrap();
            prop_assert_eq!(length, HEADER_LENGTH + payload.len());
            prop_assert_eq!(Packet::parse(&out[..length]).unwrap(), packet);
        }

        #[test]
        fn no_datagram_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Packet::parse(&bytes);
            let _ = is_rtcp(&bytes);
        }
    }

    #[test]
    fn each_defect_is_named() {
        let mut good = [0u8; 20];
        good[0] = 0x80;
        assert_eq!(Packet::parse(&good[..11]), Err(Malformed::Short));
        assert_eq!(Packet::parse(&[0; 20]), Err(Malformed::Version));
        good[0] = 0x83;
        assert_eq!(Packet::parse(&good), Err(Malformed::Header));
        good[0] = 0xa0;
        assert_eq!(Packet::parse(&good), Err(Malformed::Padding));
        good[19] = 9;
        assert_eq!(Packet::parse(&good), Err(Malformed::Padding));
        good[19] = 3;
        assert_eq!(Packet::parse(&good).unwrap().payload.len(), 5);
    }

    #[test]
    fn a_packet_that_does_not_fit_is_not_written() {
        let packet = Packet {
            payload_type: 0,
            marker: false,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
            payload: &[0; 160],
        };
        assert_eq!(packet.write(&mut [0; 171]), None);
        assert_eq!(Packet { payload_type: 200, ..packet }.write(&mut [0; 200]), None);
    }
}
