//! Ogg Opus files (RFC 7845), written and read packet by packet, never re-encoded.

use std::io::Cursor;

use bytes::Bytes;
use ogg::{PacketReader, PacketWriteEndInfo, PacketWriter};

use hark_engine::id::MessageId;
use hark_engine::time::UnixMillis;

use super::RecordingError;
use super::date::rfc3339;

/// Granule positions and pre-skip always count at 48 kHz (RFC 7845 section 4).
pub const GRANULE_RATE: u32 = 48_000;

/// A page is ended after so much audio, so that a player can start and seek.
const PAGE_SAMPLES: u64 = 48_000;
/// The largest packet that a mono or stereo stream needs (RFC 7845 section 6).
const LARGEST_PACKET: usize = 61_440;
/// The longest comment that is written or read.
const LONGEST_COMMENT: usize = 1024;
/// How much may be trimmed from the end: a file that claims more is mistaken.
const MOST_TRIMMED: u64 = 48_000;

/// An Opus stream without its container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpusStream {
    /// 1 or 2.
    pub channels: u8,
    /// Samples to be dropped at the start, at 48 kHz.
    pub pre_skip: u16,
    /// The rate of what was encoded, for information.
    pub input_rate: u32,
    /// Q7.8 dB, to be applied by the decoder.
    pub gain: i16,
    /// The packets, in order.
    pub packets: Vec<Bytes>,
    /// How much is to be heard, at 48 kHz: without pre-skip and what is trimmed from the end.
    pub samples: u64,
}

impl OpusStream {
    /// How long it is.
    pub fn length_ms(&self) -> u32 {
        u32::try_from(self.samples * 1000 / u64::from(GRANULE_RATE)).unwrap_or(u32::MAX)
    }
}

/// What the file says about itself, so that it can be delivered by handing it over alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// The message.
    pub id: MessageId,
    /// What players show.
    pub title: String,
    /// The sender's name.
    pub sender: String,
    /// The sender's address, or empty.
    pub sender_address: String,
    /// Each recipient's address or name.
    pub recipients: Vec<String>,
    /// When it was spoken.
    pub at: UnixMillis,
    /// Who spoke the message that it passes on, and when, if it does.
    pub forwarded_from: Option<(String, UnixMillis)>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpusFile {
    /// Its audio.
    pub stream: OpusStream,
    /// Its comments, as `NAME=value`.
    pub comments: Vec<String>,
    /// Whether it broke off, or became unreadable before its end.
    pub torn: bool,
}

/// How long a packet is, at 48 kHz; `None` where it is not a valid Opus packet.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    if packet.is_empty() || packet.len() > LARGEST_PACKET {
        return None;
    }
    opus::packet::parse(packet).ok()?;
    let samples = opus::packet::get_nb_samples(packet, GRANULE_RATE).ok()?;
    u32::try_from(samples).ok().filter(|n| (120..=5760).contains(n))
}

/// The whole file.
pub fn write(stream: &OpusStream, tags: &Tags) -> Result<Vec<u8>, RecordingError> {
    let end = u64::from(stream.pre_skip) + stream.samples;
    let serial = serial(tags);
    let mut writer = PacketWriter::new(Vec::new());
    let io = |e: std::io::Error| RecordingError::codec("ogg", e);
    writer.write_packet(head(stream), serial, PacketWriteEndInfo::EndPage, 0).map_err(io)?;
    writer.write_packet(comments(tags), serial, PacketWriteEndInfo::EndPage, 0).map_err(io)?;

    let (mut position, mut page_began) = (0u64, 0u64);
    let mut packets = stream.packets.iter().peekable();
    while let Some(packet) = packets.next() {
        let samples = packet_samples(packet)
            .ok_or_else(|| RecordingError::Malformed("an invalid Opus packet".into()))?;
        position += u64::from(samples);
        // Packets wholly beyond the end would make the granule position run backwards.
        let last = packets.peek().is_none() || position >= end;
        let info = if last {
            PacketWriteEndInfo::EndStream
        } else if position - page_began >= PAGE_SAMPLES {
            page_began = position;
            PacketWriteEndInfo::EndPage
        } else {
            PacketWriteEndInfo::NormalPacket
        };
        let granule = if last { position.min(end) } else { position };
        writer.write_packet(packet.to_vec(), serial, info, granule).map_err(io)?;
        if last {
            return Ok(writer.into_inner());
        }
    }
    Err(RecordingError::Empty)
}

/// The serial number of a message's stream.
pub(super) fn serial(tags: &Tags) -> u32 {
    u32::from_le_bytes(last_four(tags.id))
}

fn last_four(id: MessageId) -> [u8; 4] {
    let [.., a, b, c, d] = *id.0.as_bytes();
    [a, b, c, d]
}

/// The identification header (RFC 7845 section 5.1).
pub(super) fn head(stream: &OpusStream) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(stream.channels);
    head.extend_from_slice(&stream.pre_skip.to_le_bytes());
    head.extend_from_slice(&stream.input_rate.to_le_bytes());
    head.extend_from_slice(&stream.gain.to_le_bytes());
    head.push(0);
    head
}

/// The comment header (RFC 7845 section 5.2).
pub(super) fn comments(tags: &Tags) -> Vec<u8> {
    let mut lines = vec![
        format!("TITLE={}", tags.title),
        format!("ARTIST={}", tags.sender),
        format!("DATE={}", rfc3339(tags.at)),
        format!("HARK_ID={}", tags.id),
        format!(
            "HARK_SENDER={}",
            if tags.sender_address.is_empty() { &tags.sender } else { &tags.sender_address }
        ),
    ];
    if let Some((sender, at)) = &tags.forwarded_from {
        lines.push(format!("FORWARDED_FROM={sender} at {}", rfc3339(*at)));
    }
    lines.extend(tags.recipients.iter().map(|r| format!("HARK_RECIPIENT={r}")));
    let mut packet = b"OpusTags".to_vec();
    push_text(&mut packet, concat!("hark ", env!("CARGO_PKG_VERSION")));
    packet.extend_from_slice(&u32::try_from(lines.len()).unwrap_or(0).to_le_bytes());
    for line in &lines {
        push_text(&mut packet, line);
    }
    packet
}

fn push_text(packet: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(LONGEST_COMMENT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    packet.extend_from_slice(&u32::try_from(end).unwrap_or(0).to_le_bytes());
    packet.extend_from_slice(&text.as_bytes()[..end]);
}

/// Reads a file. What follows a break, a wrong checksum or an invalid packet is left off and
/// `torn` is set; a file without one whole audio packet is an error.
pub fn read(file: &[u8]) -> Result<OpusFile, RecordingError> {
    let malformed = |what: &str| RecordingError::Malformed(format!("Ogg Opus: {what}"));
    let mut packets = Packets { reader: PacketReader::new(Cursor::new(file)), serial: None };
    let first = packets.next().ok().flatten().ok_or_else(|| malformed("no Ogg page"))?;
    let mut stream = parse_head(&first.data).ok_or_else(|| malformed("not a voice stream"))?;
    packets.serial = Some(first.stream_serial());
    let second = packets.next().ok().flatten().ok_or_else(|| malformed("no comment header"))?;
    let comments =
        parse_comments(&second.data).ok_or_else(|| malformed("a wrong comment header"))?;

    let mut total = 0u64;
    // Where the file's own count begins (a capture of a live stream does not begin at 0), and
    // where it says that it ends.
    let (mut origin, mut end) = (None, None);
    let mut torn = true;
    loop {
        let packet = match packets.next() {
            Ok(Some(packet)) => packet,
            Ok(None) => {
                torn = end.is_none();
                break;
            }
            Err(_) => break,
        };
        let Some(samples) = packet_samples(&packet.data) else { break };
        total += u64::from(samples);
        let granule = packet.absgp_page();
        let counted = granule != u64::MAX;
        if packet.last_in_page() && counted {
            let origin = *origin.get_or_insert_with(|| granule.saturating_sub(total));
            end = packet.last_in_stream().then(|| granule.saturating_sub(origin));
        }
        let last = packet.last_in_stream();
        stream.packets.push(Bytes::from(packet.data));
        if last {
            torn = false;
            break;
        }
    }
    let trimmed = end.filter(|end| *end <= total && total - end < MOST_TRIMMED);
    stream.samples = trimmed.unwrap_or(total).saturating_sub(u64::from(stream.pre_skip));
    if stream.packets.is_empty() || stream.samples == 0 {
        return Err(RecordingError::Empty);
    }
    Ok(OpusFile { stream, comments, torn })
}

/// The comments of a file, as `NAME=value`, without reading its audio; `None` where it is no Ogg
/// Opus.
pub fn read_comments(file: impl std::io::Read + std::io::Seek) -> Option<Vec<String>> {
    let mut reader = PacketReader::new(file);
    let head = reader.read_packet().ok().flatten()?;
    head.data.starts_with(b"OpusHead").then_some(())?;
    let serial = head.stream_serial();
    loop {
        let packet = reader.read_packet().ok().flatten()?;
        if packet.stream_serial() == serial {
            return parse_comments(&packet.data);
        }
    }
}

/// The packets of one logical stream.
struct Packets<'a> {
    reader: PacketReader<Cursor<&'a [u8]>>,
    serial: Option<u32>,
}

impl Packets<'_> {
    fn next(&mut self) -> Result<Option<ogg::Packet>, ogg::OggReadError> {
        loop {
            match self.reader.read_packet()? {
                Some(packet) if self.serial.is_some_and(|s| s != packet.stream_serial()) => {}
                end_or_ours => return Ok(end_or_ours),
            }
        }
    }
}

/// The stream that an identification header (RFC 7845 section 5.1) announces, without packets.
pub(super) fn parse_head(packet: &[u8]) -> Option<OpusStream> {
    let rest = packet.strip_prefix(b"OpusHead")?;
    let (&[version, channels, p0, p1, r0, r1, r2, r3, g0, g1, family], _) =
        rest.split_first_chunk::<11>()?;
    let supported = version & 0xf0 == 0 && family == 0 && (1..=2).contains(&channels);
    supported.then(|| OpusStream {
        channels,
        pre_skip: u16::from_le_bytes([p0, p1]),
        input_rate: u32::from_le_bytes([r0, r1, r2, r3]),
        gain: i16::from_le_bytes([g0, g1]),
        packets: Vec::new(),
        samples: 0,
    })
}

fn parse_comments(packet: &[u8]) -> Option<Vec<String>> {
    let mut rest = packet.strip_prefix(b"OpusTags")?;
    take_text(&mut rest)?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut comments = Vec::new();
    // Each takes four bytes at least, so that a claimed count beyond the packet ends early.
    for _ in 0..u32::from_le_bytes(*count) {
        let Some(text) = take_text(&mut rest) else { break };
        if text.len() <= LONGEST_COMMENT {
            comments.push(String::from_utf8_lossy(text).into_owned());
        }
    }
    Some(comments)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (text, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(text)
}
