//! RTCP reports (RFC 3550 section 6), on `rtcp-types`: sent and read where the peer agreed to
//! share the RTP port (RFC 5761).

use std::time::Duration;

use rtcp_types::{
    Compound, Packet, ReceiverReport, ReportBlock, ReportBlockBuilder, RtcpPacketWriterExt, Sdes,
    SdesChunk, SdesItem, SenderReport,
};
use thiserror::Error;

use crate::time::{Instant, UnixMillis};

/// Seconds from 1900 to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;
/// The item that names us towards the peer (RFC 3550 section 6.5.1).
const CNAME: u8 = 1;

/// The datagram is not a compound RTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the datagram is not RTCP")]
pub struct Malformed;

/// What we know about the packets received, for our reports (RFC 3550 appendix A).
#[derive(Clone, Debug, Default)]
pub struct Reception {
    source: Option<Stream>,
    /// The middle of the peer's last NTP timestamp, and when it came.
    last_report: Option<(u32, Instant)>,
}

#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    first: u16,
    highest: u16,
    cycles: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// In 1/16 of a sample.
    jitter: u32,
    transit: u32,
}

impl Stream {
    fn extended(&self) -> u32 {
        self.cycles.wrapping_shl(16) | u32::from(self.highest)
    }
}

impl Reception {
    /// A packet of the peer's stream has come.
    pub fn packet(&mut self, now: Instant, ssrc: u32, sequence: u16, timestamp: u32) {
        let transit = arrival(now).wrapping_sub(timestamp);
        let stream = match &mut self.source {
            Some(stream) if stream.ssrc == ssrc => stream,
            _ => self.source.insert(Stream {
                ssrc,
                first: sequence,
                highest: sequence,
                cycles: 0,
                received: 0,
                expected_before: 0,
                received_before: 0,
                jitter: 0,
                transit,
            }),
        };
        let ahead = sequence.wrapping_sub(stream.highest);
        if ahead < 0x8000 {
            stream.cycles = stream.cycles.wrapping_add(u32::from(sequence < stream.highest));
            stream.highest = sequence;
        }
        stream.received = stream.received.wrapping_add(1);
        let moved = transit.wrapping_sub(stream.transit).cast_signed().unsigned_abs();
        // A clock that jumped is no jitter.
        if moved < 80_000 {
            stream.jitter = stream.jitter + moved - ((stream.jitter + 8) >> 4);
        }
        stream.transit = transit;
    }

    /// Reads what the peer reports.
    pub fn read(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Malformed> {
        for packet in Compound::parse(datagram).map_err(|_| Malformed)? {
            if let Packet::Sr(report) = packet.map_err(|_| Malformed)? {
                let middle = (report.ntp_timestamp() >> 16) & 0xffff_ffff;
                self.last_report = u32::try_from(middle).ok().map(|middle| (middle, now));
            }
        }
        Ok(())
    }

    fn block(&mut self, now: Instant) -> Option<ReportBlockBuilder> {
        let stream = self.source.as_mut()?;
        let expected = stream.extended().wrapping_sub(u32::from(stream.first)).wrapping_add(1);
        let lost = expected.saturating_sub(stream.received).min(0x7f_ffff);
        let expected_now = expected.wrapping_sub(stream.expected_before);
        let received_now = stream.received.wrapping_sub(stream.received_before);
        stream.expected_before = expected;
        stream.received_before = stream.received;
        let lost_now = u64::from(expected_now.saturating_sub(received_now));
        let fraction = (lost_now << 8).checked_div(u64::from(expected_now)).unwrap_or(0);
        let (last, delay) = self.last_report.map_or((0, 0), |(middle, at)| {
            let delay = now.since(at).as_micros() * 65_536 / 1_000_000;
            (middle, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        let block = ReportBlock::builder(stream.ssrc)
            .fraction_lost(u8::try_from(fraction).unwrap_or(u8::MAX))
            .cumulative_lost(lost)
            .extended_sequence_number(stream.extended())
            .interarrival_jitter(stream.jitter >> 4)
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp(delay);
        Some(block)
    }
}

/// What we sent, for our sender reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// RTP packets so far.
    pub packets: u32,
    /// Octets of payload so far.
    pub octets: u32,
    /// Whether anything was sent since the last report.
    pub lately: bool,
}

/// When reports are due: every five seconds, each by a different part sooner or later.
pub fn interval(seed: u32) -> Duration {
    Duration::from_millis(3750 + u64::from(seed % 2500))
}

/// Writes a sender or receiver report with our name to `out`, and answers its length.
pub fn write_report(
    now: Instant,
    wall: UnixMillis,
    (ssrc, timestamp): (u32, u32),
    sent: &mut Sent,
    reception: &mut Reception,
    out: &mut [u8],
) -> Option<usize> {
    let block = reception.block(now);
    let name = format!("{ssrc:08x}@hark");
    let item = SdesItem::builder(CNAME, &name);
    let names = Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(item));
    let compound = if std::mem::take(&mut sent.lately) {
        let mut report = SenderReport::builder(ssrc)
            .ntp_timestamp(ntp(wall))
            .rtp_timestamp(timestamp)
            .packet_count(sent.packets)
            .octet_count(sent.octets);
        if let Some(block) = block {
            report = report.add_report_block(block);
        }
        Compound::builder().add_packet(report)
    } else {
        let mut report = ReceiverReport::builder(ssrc);
        if let Some(block) = block {
            report = report.add_report_block(block);
        }
        Compound::builder().add_packet(report)
    };
    compound.add_packet(names).write_into(out).ok()
}

fn ntp(wall: UnixMillis) -> u64 {
    let seconds = u64::try_from(wall.as_secs() + NTP_EPOCH).unwrap_or(0);
    let millis = u64::try_from(wall.0.rem_euclid(1000)).unwrap_or(0);
    ((seconds & 0xffff_ffff) << 32) | ((millis << 32) / 1000)
}

/// The arrival in samples at 8 kHz.
fn arrival(now: Instant) -> u32 {
    ((now.as_micros() / 125) & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtcp_types::RtcpPacketParserExt;

    #[test]
    fn a_report_tells_what_was_lost_and_sent() {
        let mut reception = Reception::default();
        let mut now = Instant::ZERO;
        for n in (0..100u16).filter(|n| n % 4 != 1) {
            reception.packet(now, 9, n.wrapping_add(65500), u32::from(n) * 160);
            now = Instant::from_micros(u64::from(n) * 20_000);
        }
        let mut sent = Sent { packets: 5, octets: 800, lately: true };
        let mut out = [0; 200];
        let wall = UnixMillis(1_500);
        let length = write_report(now, wall, (7, 77), &mut sent, &mut reception, &mut out).unwrap();
        let packets: Vec<_> =
            Compound::parse(&out[..length]).unwrap().map(Result::unwrap).collect();
        let [Packet::Sr(report), Packet::Sdes(_)] = &packets[..] else { panic!("{packets:?}") };
        assert_eq!((report.packet_count(), report.octet_count()), (5, 800));
        assert_eq!(report.ntp_timestamp(), ((NTP_EPOCH as u64 + 1) << 32) + (1 << 31));
        let block = report.report_blocks().next().unwrap();
        assert_eq!((block.ssrc(), block.cumulative_lost(), block.fraction_lost()), (9, 25, 64));
        assert_eq!(block.extended_sequence_number(), (1 << 16) + 63);
        assert!(block.interarrival_jitter() < 160);

        let length = write_report(now, wall, (7, 77), &mut sent, &mut reception, &mut out).unwrap();
        let first = Compound::parse(&out[..length]).unwrap().next().unwrap().unwrap();
        let Packet::Rr(report) = first else { panic!("{first:?}") };
        assert_eq!(report.count(), 1);
    }

    #[test]
    fn the_peer_reads_its_own_report_back() {
        let mut ours = Reception::default();
        let mut out = [0; 200];
        let mut sent = Sent { lately: true, ..Sent::default() };
        let length = write_report(
            Instant::ZERO,
            UnixMillis(0),
            (7, 0),
            &mut sent,
            &mut Reception::default(),
            &mut out,
        );
        ours.read(Instant::ZERO, &out[..length.unwrap()]).unwrap();
        assert_eq!(ours.last_report.unwrap().0, (NTP_EPOCH as u64 & 0xffff) as u32 * 65536);
        assert_eq!(ours.read(Instant::ZERO, &[0x80, 200]), Err(Malformed));
    }
}
