//! A browser's Ogg Opus recording: checked packet by packet and kept as it is, without a second
//! lossy step.

use super::decode::decode_stream;
use super::ogg_opus::{self, GRANULE_RATE};
use super::peaks::peaks;
use super::transcode::Transcoded;
use super::{LONGEST_MS, RecordingError};

/// What is tolerated beyond the limit: the browser stops a little late.
const GRACE_MS: u32 = 1000;
/// Decoding for the picture is done at this rate.
const PICTURE_RATE: u32 = 8000;

/// Reads what a browser sent. What lies beyond the limit, or behind something unreadable, is
/// left off; a recording without any readable audio is an error.
pub fn import(file: &[u8], limit_ms: u32) -> Result<Transcoded, RecordingError> {
    let mut stream = ogg_opus::read(file)?.stream;
    let most = u64::from(limit_ms.min(LONGEST_MS).saturating_add(GRACE_MS));
    let most = most * u64::from(GRANULE_RATE / 1000);
    if stream.samples > most {
        stream.samples = most;
    }
    // Packets behind the end are of no use to anybody.
    let end = u64::from(stream.pre_skip) + stream.samples;
    let mut position = 0;
    stream.packets.retain(|packet| {
        let needed = position < end;
        position += u64::from(ogg_opus::packet_samples(packet).unwrap_or(0));
        needed
    });
    let peaks = peaks(&decode_stream(&stream, PICTURE_RATE)?);
    Ok(Transcoded { stream, peaks })
}
