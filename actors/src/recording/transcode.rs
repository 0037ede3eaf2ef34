//! From the frames of a call to an Opus stream.

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Encoder};

use hark_engine::media::RecordedFrame;
use hark_engine::media::g711;

use super::enhance::{self, enhance};
use super::ogg_opus::{GRANULE_RATE, OpusStream};
use super::peaks::peaks;
use super::resample::resample;
use super::trim::speech;
use super::{LONGEST_MS, RecordingError};

/// The rate of G.711.
pub const TELEPHONE_RATE: u32 = 8000;
const BITRATE: i32 = 24_000;
/// libopus' own scale from 0 to 10. 5 costs a third less than 10 and can't be told apart on
/// telephone speech.
const COMPLEXITY: i32 = 5;
/// Samples in 20 ms at [`enhance::RATE`].
pub(super) const FRAME: usize = enhance::RATE as usize / 50;
/// What a decoder has to be told at 48 kHz for each sample at [`enhance::RATE`].
pub(super) const GRANULES: usize = (GRANULE_RATE / enhance::RATE) as usize;

/// A recording that is ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcoded {
    /// The audio.
    pub stream: OpusStream,
    /// The picture of its loudness.
    pub peaks: Vec<u8>,
}

/// Decodes, enhances, trims and encodes a call's recording. Blocks: about 1 % of its length.
pub fn transcode(frames: &[RecordedFrame], limit_ms: u32) -> Result<Transcoded, RecordingError> {
    transcode_pcm(&pcm(frames, limit_ms))
}

/// The same, of samples at 8 kHz.
pub fn transcode_pcm(telephone: &[i16]) -> Result<Transcoded, RecordingError> {
    let enhanced = clean(telephone)?;
    encode(&enhanced)
}

/// What was spoken on a telephone, at 16 kHz: enhanced, and without the silence before and after.
pub fn clean(telephone: &[i16]) -> Result<Vec<i16>, RecordingError> {
    if telephone.is_empty() {
        return Err(RecordingError::Empty);
    }
    let kept = speech(telephone, TELEPHONE_RATE);
    let wide = resample(telephone, TELEPHONE_RATE, enhance::RATE);
    // Enhanced whole, so that it has learnt the noise before the first word.
    let mut enhanced = enhance(&wide)?;
    enhanced.truncate(kept.end * 2);
    enhanced.drain(..(kept.start * 2).min(enhanced.len()));
    Ok(enhanced)
}

/// The samples at 8 kHz, each frame at its position; gaps are silent. Frames beyond `limit_ms`
/// (with a little grace) are left off.
pub fn pcm(frames: &[RecordedFrame], limit_ms: u32) -> Vec<i16> {
    let per_ms = TELEPHONE_RATE as usize / 1000;
    let most = (limit_ms.min(LONGEST_MS) as usize + 1000) * per_ms;
    let mut pcm: Vec<i16> = Vec::new();
    let mut decoded = Vec::new();
    for frame in frames {
        let start = frame.timestamp_ms as usize * per_ms;
        decoded.clear();
        g711::decode(frame.codec, &frame.payload, &mut decoded);
        let end = start.saturating_add(decoded.len());
        if end > most {
            continue;
        }
        if pcm.len() < end {
            pcm.resize(end, 0);
        }
        pcm[start..end].copy_from_slice(&decoded);
    }
    pcm
}

/// An encoder for speech at 16 kHz, as every message is encoded.
pub(super) fn encoder() -> Result<Encoder, opus::Error> {
    let mut encoder = Encoder::new(enhance::RATE, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
    encoder.set_vbr(true)?;
    encoder.set_complexity(COMPLEXITY)?;
    encoder.set_signal(opus::Signal::Voice)?;
    Ok(encoder)
}

/// Encodes speech at 16 kHz.
pub fn encode(speech: &[i16]) -> Result<Transcoded, RecordingError> {
    let failed = |e: opus::Error| RecordingError::codec("opus", e);
    let mut encoder = encoder().map_err(failed)?;
    let lookahead = usize::try_from(encoder.get_lookahead().map_err(failed)?).unwrap_or(0);

    // The encoder is behind by its look-ahead: silence at the end pushes the last word out, and
    // as much is skipped at the start.
    let mut padded = speech.to_vec();
    padded.resize((speech.len() + lookahead).next_multiple_of(FRAME), 0);
    let packets = padded
        .chunks_exact(FRAME)
        .map(|frame| encoder.encode_vec(frame, 1276).map(Bytes::from).map_err(failed))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Transcoded {
        stream: OpusStream {
            channels: 1,
            pre_skip: u16::try_from(lookahead * GRANULES).unwrap_or(0),
            input_rate: enhance::RATE,
            gain: 0,
            packets,
            samples: (speech.len() * GRANULES) as u64,
        },
        peaks: peaks(speech),
    })
}
