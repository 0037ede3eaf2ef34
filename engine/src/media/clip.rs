//! A sound that many calls play: encoded once a codec, shared, never copied for a call.

use std::f64::consts::TAU;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::codec::Codec;
use super::g711;

/// Samples a second of a clip's PCM.
pub const RATE: u32 = 8000;

/// A sound: mono PCM at 8 kHz, and its encodings as they are first asked for.
///
/// A `OnceLock` is the one synchronised thing of the engine: it has no observable state beyond
/// "the same bytes, computed at most once".
#[derive(Debug, Default)]
pub struct Clip {
    pcm: Vec<i16>,
    pcmu: OnceLock<Arc<[u8]>>,
    pcma: OnceLock<Arc<[u8]>>,
}

impl Clip {
    /// The sound of mono samples at 8 kHz.
    pub fn from_pcm_8k(pcm: Vec<i16>) -> Self {
        Self { pcm, ..Self::default() }
    }

    /// The tone after which to speak: 1 kHz for 250 ms, with soft edges.
    pub fn beep() -> Self {
        Self::tone(1000.0, Duration::from_millis(250))
    }

    /// The tone that a caller hears while it rings: 425 Hz for 1 s, then 4 s of nothing, as most
    /// of the networks after ITU-T E.180 have it.
    pub fn ringing() -> Self {
        let mut pcm = Self::tone(425.0, Duration::from_secs(1)).pcm;
        pcm.resize(5 * RATE as usize, 0);
        Self::from_pcm_8k(pcm)
    }

    /// A sine at a comfortable level.
    pub fn tone(hertz: f32, length: Duration) -> Self {
        const LEVEL: f32 = 9000.0;
        const EDGE: usize = 80;
        let count = sample_count(length);
        let pcm = (0..count)
            .map(|n| {
                let edge = n.min(count - 1 - n).min(EDGE) as f32 / EDGE as f32;
                // In f64: the angle grows with the length, and f32 would turn into noise.
                let angle = TAU * f64::from(hertz) * n as f64 / f64::from(RATE);
                (LEVEL * edge * angle.sin() as f32) as i16
            })
            .collect();
        Self::from_pcm_8k(pcm)
    }

    /// Nothing, for so long.
    pub fn silence(length: Duration) -> Self {
        Self::from_pcm_8k(vec![0; sample_count(length)])
    }

    /// The samples.
    pub fn pcm(&self) -> &[i16] {
        &self.pcm
    }

    /// The sound in a codec; encoded on the first call.
    pub fn encoded(&self, codec: Codec) -> &Arc<[u8]> {
        let cell = match codec {
            Codec::Pcmu => &self.pcmu,
            Codec::Pcma => &self.pcma,
        };
        cell.get_or_init(|| g711::encode(codec, &self.pcm).into())
    }

    /// How long it sounds.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.pcm.len() as u64 * 1_000_000 / u64::from(RATE))
    }
}

fn sample_count(length: Duration) -> usize {
    usize::try_from(length.as_millis()).unwrap_or(usize::MAX).saturating_mul(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_encoded_once() {
        let clip = Clip::beep();
        assert_eq!(clip.length(), Duration::from_millis(250));
        assert!(Arc::ptr_eq(clip.encoded(Codec::Pcmu), clip.encoded(Codec::Pcmu)));
        assert_eq!(clip.encoded(Codec::Pcma).len(), 2000);
        assert!(g711::level(Codec::Pcma, clip.encoded(Codec::Pcma)) > 4000);
        assert_eq!(clip.pcm()[0], 0);
    }

    #[test]
    fn silence_lasts_as_long_as_asked() {
        let clip = Clip::silence(Duration::from_millis(30));
        assert_eq!(clip.encoded(Codec::Pcmu).as_ref(), &[0xff; 240]);
        assert_eq!(Clip::silence(Duration::ZERO).length(), Duration::ZERO);
        assert_eq!(Clip::tone(440.0, Duration::ZERO).pcm(), &[] as &[i16]);
    }
}
