//! From a message's file back to samples.

use std::io::Cursor;
use std::path::Path;

use opus::{Channels, Decoder};

use super::files::read_bounded;
use super::ogg_opus::{self, GRANULE_RATE, OpusStream};
use super::{LONGEST_MS, RecordingError};

/// The rate of WAV files for browsers that do not play Ogg Opus.
pub const WAV_RATE: u32 = 16_000;
/// A decoded packet is at most 120 ms.
const LONGEST_PACKET_MS: usize = 120;

/// A message's file as mono samples at 8 kHz, for a telephone.
pub fn decode_message(file: &Path) -> Result<Vec<i16>, RecordingError> {
    decode_stream(&ogg_opus::read(&read_bounded(file)?)?.stream, 8000)
}

/// The size of such a WAV file, in bytes.
pub const fn wav_size(length_ms: u32) -> u64 {
    44 + length_ms as u64 * (WAV_RATE as u64 / 1000) * 2
}

/// A message's file as the bytes of a WAV file.
pub fn decode_wav(file: &Path) -> Result<Vec<u8>, RecordingError> {
    let pcm = decode_stream(&ogg_opus::read(&read_bounded(file)?)?.stream, WAV_RATE)?;
    let failed = |e: hound::Error| RecordingError::codec("hound", e);
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: WAV_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = Cursor::new(Vec::with_capacity(pcm.len() * 2 + 44));
    let mut writer = hound::WavWriter::new(&mut wav, format).map_err(failed)?;
    for sample in pcm {
        writer.write_sample(sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)?;
    Ok(wav.into_inner())
}

/// Decodes to mono at `rate` (a rate of Opus: 8, 12, 16, 24 or 48 kHz), without pre-skip and
/// end trim. A packet that the decoder refuses is silent, and an hour is the end.
pub fn decode_stream(stream: &OpusStream, rate: u32) -> Result<Vec<i16>, RecordingError> {
    let failed = |e: opus::Error| RecordingError::codec("opus", e);
    let mut decoder = Decoder::new(rate, Channels::Mono).map_err(failed)?;
    decoder.set_gain(i32::from(stream.gain)).map_err(failed)?;
    let at_rate = |samples: u64| {
        usize::try_from(samples * u64::from(rate) / u64::from(GRANULE_RATE)).unwrap_or(usize::MAX)
    };
    let skip = at_rate(u64::from(stream.pre_skip));
    let most = LONGEST_MS as usize / 1000 * rate as usize;
    let keep = at_rate(stream.samples).min(most);
    let mut pcm = Vec::new();
    let mut buffer = vec![0i16; rate as usize / 1000 * LONGEST_PACKET_MS];
    for packet in &stream.packets {
        if pcm.len() >= skip + keep {
            break;
        }
        let samples = match decoder.decode(packet, &mut buffer, false) {
            Ok(samples) => samples,
            Err(_) => {
                let length = ogg_opus::packet_samples(packet).unwrap_or(0);
                let samples = at_rate(length.into()).min(buffer.len());
                buffer[..samples].fill(0);
                samples
            }
        };
        pcm.extend_from_slice(&buffer[..samples]);
    }
    pcm.drain(..skip.min(pcm.len()));
    pcm.truncate(keep);
    Ok(pcm)
}
