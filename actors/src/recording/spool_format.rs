//! The spool file: a header that says to whom, then what was received, piece by piece.
//!
//! ```text
//!  "HARKSPL1"
//!  record*      length: u32 LE │ crc32(kind, body): u32 LE │ kind: u8 │ body: length bytes
//!
//!  kind 0  header, JSON; the first record, exactly once
//!       1  μ-law frame, 2 A-law frame: position in ms: u32 LE, then the payload
//!       3  bytes of a browser's file
//!       4  intent, JSON: what becomes of the recording from here on; the last one counts
//! ```
//!
//! A crash leaves a torn tail. Reading ends at the first record that is short or whose checksum
//! is wrong: what is before it was written whole.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use hark_engine::dialplan::effect::{Delivery, HangupOutcome};
use hark_engine::id::MessageId;
use hark_engine::media::RecordedFrame;
use hark_engine::media::codec::Codec;
use hark_engine::message::Sender;
use hark_engine::time::UnixMillis;

use super::RecordingError;

/// How every spool begins.
pub(super) const MAGIC: &[u8; 8] = b"HARKSPL1";

/// The largest body of a record.
pub(super) const LARGEST_RECORD: usize = 1 << 20;

const HEADER: u8 = 0;
const MU_LAW: u8 = 1;
const A_LAW: u8 = 2;
const FILE_BYTES: u8 = 3;
const INTENT: u8 = 4;

/// What becomes of a recording if everything stops now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// It is sent.
    Send(Delivery),
    /// It is thrown away.
    Discard,
}

impl From<HangupOutcome> for Intent {
    fn from(outcome: HangupOutcome) -> Self {
        match outcome {
            HangupOutcome::Send(delivery) => Self::Send(delivery),
            HangupOutcome::Discard => Self::Discard,
        }
    }
}

/// Where a recording comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpoolSource {
    /// A telephone call.
    Phone,
    /// The web client's microphone.
    Browser,
    /// A file attached to a SIP MESSAGE.
    SipMessage,
}

/// What a spool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpoolFormat {
    /// G.711 frames with their positions.
    G711,
    /// Consecutive bytes of an Ogg Opus file.
    OggOpus,
}

/// All that is needed to make a message of a spool without whoever began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolHeader {
    /// The id that the message will have.
    pub message: MessageId,
    /// Who speaks.
    pub sender: Sender,
    /// What becomes of it if everything stops now.
    pub intent: Intent,
    /// When it began.
    pub started: UnixMillis,
    /// Where it comes from.
    pub source: SpoolSource,
    /// What it holds.
    pub format: SpoolFormat,
    /// The longest that it may become, in milliseconds.
    pub limit_ms: u32,
    /// Under which key its message is committed, so that it is committed once.
    pub idempotency_key: Option<String>,
}

/// A spool that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolContent {
    /// The header, with the last intent that was written.
    pub header: SpoolHeader,
    /// What was recorded.
    pub audio: SpoolAudio,
    /// Whether the end was torn off.
    pub torn: bool,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolAudio {
    /// Frames of a call.
    Frames(Vec<RecordedFrame>),
    /// The beginning of a file, or all of it.
    File(Vec<u8>),
}

/// The beginning of a spool file.
pub(super) fn write_header(header: &SpoolHeader) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = MAGIC.to_vec();
    write_record(&mut out, HEADER, &serde_json::to_vec(header)?);
    Ok(out)
}

/// Appends a record with a frame.
pub(super) fn write_frame(out: &mut Vec<u8>, frame: &RecordedFrame) {
    let kind = match frame.codec {
        Codec::Pcmu => MU_LAW,
        Codec::Pcma => A_LAW,
    };
    let mut body = Vec::with_capacity(4 + frame.payload.len());
    body.extend_from_slice(&frame.timestamp_ms.to_le_bytes());
    body.extend_from_slice(&frame.payload);
    write_record(out, kind, &body);
}

/// Appends records with bytes of a file.
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    for piece in bytes.chunks(LARGEST_RECORD) {
        write_record(out, FILE_BYTES, piece);
    }
}

/// Appends a record with a new intent.
pub(super) fn write_intent(out: &mut Vec<u8>, intent: &Intent) -> Result<(), serde_json::Error> {
    write_record(out, INTENT, &serde_json::to_vec(intent)?);
    Ok(())
}

fn write_record(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32(kind, body).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(body);
}

/// Reads a spool, up to where it was torn.
pub fn read(file: &[u8]) -> Result<SpoolContent, RecordingError> {
    let malformed = |what: &str| RecordingError::Malformed(format!("spool: {what}"));
    let mut rest = file.strip_prefix(MAGIC).ok_or_else(|| malformed("no magic"))?;
    let (kind, body) = next_record(&mut rest).ok_or_else(|| malformed("its header is torn"))?;
    if kind != HEADER {
        return Err(malformed("it does not begin with a header"));
    }
    let mut header: SpoolHeader =
        serde_json::from_slice(body).map_err(|e| malformed(&e.to_string()))?;
    let (mut frames, mut bytes) = (Vec::new(), Vec::new());
    let mut torn = false;
    while !rest.is_empty() {
        let Some((kind, body)) = next_record(&mut rest) else {
            torn = true;
            break;
        };
        match (kind, body) {
            (MU_LAW, body) => frames.extend(frame(Codec::Pcmu, body)),
            (A_LAW, body) => frames.extend(frame(Codec::Pcma, body)),
            (FILE_BYTES, body) => bytes.extend_from_slice(body),
            (INTENT, body) => {
                if let Ok(intent) = serde_json::from_slice(body) {
                    header.intent = intent;
                }
            }
            // A newer hark's record: its sound can't be read, the rest can.
            _ => torn = true,
        }
    }
    let audio = match header.format {
        SpoolFormat::G711 => SpoolAudio::Frames(frames),
        SpoolFormat::OggOpus => SpoolAudio::File(bytes),
    };
    Ok(SpoolContent { header, audio, torn })
}

fn frame(codec: Codec, body: &[u8]) -> Option<RecordedFrame> {
    let (at, payload) = body.split_first_chunk::<4>()?;
    let timestamp_ms = u32::from_le_bytes(*at);
    Some(RecordedFrame { codec, timestamp_ms, payload: Bytes::copy_from_slice(payload) })
}

fn next_record<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (crc, after) = after.split_first_chunk::<4>()?;
    let (kind, after) = after.split_first()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > LARGEST_RECORD {
        return None;
    }
    let (body, after) = after.split_at_checked(length)?;
    if crc32(*kind, body) != u32::from_le_bytes(*crc) {
        return None;
    }
    *rest = after;
    Some((*kind, body))
}

/// CRC-32 (ISO-HDLC, as in zip and Ethernet) of a record.
fn crc32(kind: u8, body: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8);
    !body.iter().fold(step(u32::MAX, &kind), step)
}

static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut crc = n as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use hark_engine::id::UserId;
    use proptest::prelude::*;

    #[test]
    fn an_intent_of_an_older_hark_is_read() {
        let old = r#"{"send":{"to":[2,3],"receipt":true,"urgent":true}}"#;
        let read: Intent = serde_json::from_str(old).unwrap();
        let to = vec![UserId(2), UserId(3)];
        let meant = Delivery { to, receipt: true, urgent: true, ..Delivery::default() };
        assert_eq!(read, Intent::Send(meant));
    }

    pub(in crate::recording) fn header(format: SpoolFormat) -> SpoolHeader {
        SpoolHeader {
            message: MessageId::new(UnixMillis(1_800_000_000_000), [3; 10]),
            sender: Sender { user: Some(UserId(1)), name: "Ann".into(), address: "sip:a@b".into() },
            intent: Intent::Send(Delivery {
                to: vec![UserId(2)],
                receipt: true,
                private: true,
                ..Delivery::default()
            }),
            started: UnixMillis(1_800_000_000_000),
            source: SpoolSource::Phone,
            format,
            limit_ms: 59_000,
            idempotency_key: Some("call-1".into()),
        }
    }

    #[test]
    fn the_checksum_is_the_common_one() {
        assert_eq!(crc32(b'1', b"23456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_spool_cut_anywhere_gives_the_beginning_of_what_was_written() {
        let header = header(SpoolFormat::G711);
        let mut file = write_header(&header).unwrap();
        let whole_header = file.len();
        let frames: Vec<_> = (0..20u8)
            .map(|n| RecordedFrame {
                codec: if n % 3 == 0 { Codec::Pcma } else { Codec::Pcmu },
                timestamp_ms: u32::from(n) * 20,
                payload: Bytes::from(vec![n; 160]),
            })
            .collect();
        for frame in &frames {
            write_frame(&mut file, frame);
        }
        write_intent(&mut file, &Intent::Discard).unwrap();
        for cut in 0..=file.len() {
            match read(&file[..cut]) {
                Err(_) => assert!(cut < whole_header),
                Ok(content) => {
                    assert!(cut >= whole_header);
                    let SpoolAudio::Frames(read) = content.audio else { panic!("frames") };
                    assert_eq!(read, frames[..read.len()]);
                    assert_eq!(read.len(), ((cut - whole_header) / 173).min(20));
                    let discarded = content.header.intent == Intent::Discard;
                    assert_eq!(discarded, cut == file.len(), "the last intent counts");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_spool_damaged_anywhere_is_read_up_to_there(at in 0usize..2000, bit in 0u8..8) {
            let mut file = write_header(&header(SpoolFormat::OggOpus)).unwrap();
            let bytes: Vec<u8> = (0..1500u32).map(|n| n as u8).collect();
            for piece in bytes.chunks(100) {
                write_bytes(&mut file, piece);
            }
            let at = at % file.len();
            file[at] ^= 1 << bit;
            if let Ok(content) = read(&file) {
                let SpoolAudio::File(read) = content.audio else { panic!("file") };
                prop_assert!(bytes.starts_with(&read));
            }
        }
    }
}
