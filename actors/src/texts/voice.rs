//! A voice message of a sound that was attached to a MESSAGE: spooled, made into a file and
//! committed like any other recording, so that a crash at any instant leaves the whole or the
//! spool.

use std::sync::Arc;

use hark_engine::dialplan::effect::Delivery;
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;

use super::content::Sound;
use crate::clock;
use crate::messages::Messages;
use crate::recording::{
    Intent, RecordingError, Recordings, SinkFull, SpoolFormat, SpoolHeader, SpoolSource, Tags,
    enhance, ogg_opus, resample, transcode,
};
use crate::recovery;
use crate::store::{NewMessage, StoreError};

/// What a WAV file may claim of itself.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const MOST_CHANNELS: u16 = 8;
/// Octets of the sound that go into the spool at once.
const PIECE: usize = 16 * 1024;

/// Why a sound did not become a message.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// It can't be spooled.
    #[error(transparent)]
    Sink(#[from] SinkFull),
    /// It can't be made into a file.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// It can't be committed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sound on its way into the store.
pub struct Voice {
    /// What was attached.
    pub sound: Sound,
    /// Who sends it.
    pub sender: Sender,
    /// Whom it is for.
    pub recipient: UserId,
    /// The longest that is kept.
    pub limit_ms: u32,
    /// The same sound under the same key is one message.
    pub key: String,
}

/// Makes a voice message.
///
/// # Errors
/// [`VoiceError`]: nothing was kept.
pub async fn keep(
    recordings: &Recordings,
    messages: &Messages,
    directory: &Arc<Directory>,
    domain: &str,
    voice: Voice,
) -> Result<MessageId, VoiceError> {
    let Voice { sound, sender, recipient, limit_ms, key } = voice;
    let started = clock::wall();
    let id = MessageId::new(started, clock::random());
    let to = vec![recipient];
    let tags = || recovery::tags(directory, domain, id, &sender, &to, started);
    let bytes = match sound {
        Sound::Ogg(bytes) => bytes,
        Sound::Wav(bytes) => {
            let tags = tags();
            let made = tokio::task::spawn_blocking(move || ogg_of_wav(&bytes, limit_ms, &tags));
            made.await.unwrap_or(Err(RecordingError::Worker))?
        }
    };
    let delivery = Delivery { to: to.clone(), receipt: true, ..Delivery::default() };
    let header = SpoolHeader {
        message: id,
        sender: sender.clone(),
        intent: Intent::Send(delivery.clone()),
        started,
        source: SpoolSource::SipMessage,
        format: SpoolFormat::OggOpus,
        limit_ms,
        idempotency_key: Some(key.clone()),
    };
    let (mut sink, spool) = recordings.spools().create(&header)?;
    for piece in bytes.chunks(PIECE) {
        sink.append_bytes(piece)?;
    }
    drop(sink);
    let committed = async {
        spool.sync().await?;
        let finished = recordings.finish(spool.path(), tags()).await?;
        let message = NewMessage {
            id,
            sender: sender.clone(),
            delivery,
            length_ms: finished.length_ms,
            bytes: finished.bytes,
            peaks: finished.peaks,
            audio: finished.audio,
            idempotency_key: Some(key),
            at: clock::wall(),
        };
        Ok(messages.commit(message).await?.id)
    }
    .await;
    // Whoever is told of a failure sends it again: the spool goes in any case.
    if let Err(error) = spool.remove().await {
        tracing::warn!(%error, "a spool could not be removed");
    }
    committed
}

/// A WAV file as Ogg Opus. Blocks.
fn ogg_of_wav(bytes: &[u8], limit_ms: u32, tags: &Tags) -> Result<Vec<u8>, RecordingError> {
    let speech = samples(bytes, limit_ms)?;
    if speech.is_empty() {
        return Err(RecordingError::Empty);
    }
    ogg_opus::write(&transcode::encode(&speech)?.stream, tags)
}

/// The samples of a WAV file, mixed down, at the rate of speech. What follows something
/// unreadable, or lies beyond the limit, is left off.
fn samples(bytes: &[u8], limit_ms: u32) -> Result<Vec<i16>, RecordingError> {
    let malformed = |cause: String| RecordingError::Malformed(cause);
    let mut reader = hound::WavReader::new(bytes).map_err(|e| malformed(e.to_string()))?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    if !RATES.contains(&sample_rate) || !(1..=MOST_CHANNELS).contains(&channels) {
        return Err(malformed(format!("{channels} channels at {sample_rate} Hz")));
    }
    let most = u64::from(limit_ms) * u64::from(sample_rate) / 1000 * u64::from(channels);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let all: Vec<i16> = match sample_format {
        hound::SampleFormat::Int => {
            let shift = i32::from(bits_per_sample) - 16;
            let narrow = |s: i32| {
                let s = if shift >= 0 { s >> shift } else { s << -shift };
                s.clamp(i16::MIN.into(), i16::MAX.into()) as i16
            };
            reader.samples::<i32>().map_while(Result::ok).take(most).map(narrow).collect()
        }
        hound::SampleFormat::Float => {
            let narrow = |s: f32| (s.clamp(-1.0, 1.0) * 32_767.0) as i16;
            reader.samples::<f32>().map_while(Result::ok).take(most).map(narrow).collect()
        }
    };
    let channels = usize::from(channels);
    let mono: Vec<i16> = all
        .chunks_exact(channels)
        .map(|frame| {
            let sum: i32 = frame.iter().map(|s| i32::from(*s)).sum();
            (sum / i32::try_from(channels).unwrap_or(1)) as i16
        })
        .collect();
    Ok(resample::resample(&mono, sample_rate, enhance::RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, channels: u16, bits: u16, frames: u32) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: bits,
            sample_format: hound::SampleFormat::Int,
        };
        let mut out = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
        let loud = (1_i32 << (bits - 1)) / 2;
        for _ in 0..frames * u32::from(channels) {
            writer.write_sample(loud).unwrap();
        }
        writer.finalize().unwrap();
        out.into_inner()
    }

    #[test]
    fn any_usual_wav_becomes_speech_of_the_same_length() {
        for (rate, channels, bits) in
            [(8000, 1, 16), (44_100, 2, 16), (48_000, 1, 24), (16_000, 1, 8)]
        {
            let speech = samples(&wav(rate, channels, bits, rate), 60_000).unwrap();
            assert_eq!(speech.len(), enhance::RATE as usize, "{rate} {channels} {bits}");
            let middle = f64::from(speech[speech.len() / 2]);
            assert!((middle - 16_384.0).abs() < 400.0, "{middle}");
        }
    }

    #[test]
    fn what_lies_about_itself_is_bounded_or_refused() {
        assert!(samples(b"RIFF", 1000).is_err());
        let mut long = wav(8000, 1, 16, 8000);
        long.truncate(1000);
        assert!(samples(&long, 60_000).unwrap().len() < 2000, "what is there is read");
        let limited = samples(&wav(8000, 1, 16, 80_000), 1000).unwrap();
        assert_eq!(limited.len(), enhance::RATE as usize);
    }
}
