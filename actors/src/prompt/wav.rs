//! WAV files as a telephone can play them: mono, 16 bits, 8 kHz.

use std::io::Cursor;
use std::path::Path;

use tokio::io::AsyncReadExt;

use super::SpeechError;
use crate::recording::resample::resample;
use crate::recording::transcode::TELEPHONE_RATE;

/// The largest WAV file that is read: ten minutes at 48 kHz.
const LARGEST: u64 = 64 << 20;

/// Reads a WAV file.
pub async fn read_telephone(file: &Path) -> Result<Vec<i16>, SpeechError> {
    let failed = |e: std::io::Error| SpeechError::Wav(e.to_string());
    let mut bytes = Vec::new();
    let opened = tokio::fs::File::open(file).await.map_err(failed)?;
    opened.take(LARGEST).read_to_end(&mut bytes).await.map_err(failed)?;
    tokio::task::spawn_blocking(move || telephone(&bytes))
        .await
        .map_err(|e| SpeechError::Wav(e.to_string()))?
}

/// The samples of a WAV file (PCM of 8 to 32 bits or float, any usual rate, channels mixed), as
/// mono at 8 kHz. Blocks.
pub fn telephone(wav: &[u8]) -> Result<Vec<i16>, SpeechError> {
    let failed = |e: hound::Error| SpeechError::Wav(e.to_string());
    let refused = |why: &str| SpeechError::Wav(why.to_owned());
    let mut reader = hound::WavReader::new(Cursor::new(wav)).map_err(failed)?;
    let spec = reader.spec();
    if !(4000..=96_000).contains(&spec.sample_rate) {
        return Err(refused("its sample rate is not between 4 and 96 kHz"));
    }
    if !(1..=8).contains(&spec.channels) {
        return Err(refused("it has too many channels, or none"));
    }
    if !(8..=32).contains(&spec.bits_per_sample) {
        return Err(refused("its samples do not have 8 to 32 bits"));
    }
    // Programs that write to a pipe leave a wrong length in the header, so that the end of the
    // file is the end of the sound.
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => {
            reader.samples::<f32>().map_while(Result::ok).map(|s| s * 32_768.0).collect()
        }
        hound::SampleFormat::Int => {
            let scale = 2f32.powi(16 - i32::from(spec.bits_per_sample));
            reader.samples::<i32>().map_while(Result::ok).map(|s| s as f32 * scale).collect()
        }
    };
    let channels = usize::from(spec.channels);
    let mixed: Vec<i16> = samples
        .chunks_exact(channels)
        .map(|frame| (frame.iter().sum::<f32>() / channels as f32).round() as i16)
        .collect();
    if mixed.is_empty() {
        return Err(refused("there is no sound in it"));
    }
    Ok(resample(&mixed, spec.sample_rate, TELEPHONE_RATE))
}

/// A WAV file of telephone samples.
pub(super) fn write_telephone(pcm: &[i16]) -> Result<Vec<u8>, SpeechError> {
    let failed = |e: hound::Error| SpeechError::Wav(e.to_string());
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: TELEPHONE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = Cursor::new(Vec::with_capacity(pcm.len() * 2 + 44));
    let mut writer = hound::WavWriter::new(&mut wav, format).map_err(failed)?;
    for sample in pcm {
        writer.write_sample(*sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)?;
    Ok(wav.into_inner())
}
