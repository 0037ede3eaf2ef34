//! Where speech begins and ends in a recording.
//!
//! Only silence at the two ends is cut, and never the quiet parts of speech: the threshold
//! stands a little above the recording's own noise and far below its own speech, and where the
//! noise is not digital silence, wide margins are left.

use std::ops::Range;

/// Loudness is measured over so many milliseconds.
const WINDOW_MS: usize = 10;
/// A pause that shows the line's noise is so many windows long: 100 ms.
const PAUSE_WINDOWS: usize = 10;
/// Below this RMS (about -70 dBFS) a line is silent by construction, not by its room: G.711's
/// own idle code lies below.
const DIGITAL_SILENCE: f32 = 10.0;
/// Speech is sought above noise times this (about 8 dB).
const ABOVE_NOISE: f32 = 2.5;
/// But everything above the loudest part divided by this (about 34 dB) counts as speech.
const BELOW_LOUDEST: f32 = 50.0;
/// What is left before and after speech, on a line that is silent by construction.
const NARROW_MS: usize = 30;
/// What is left before and after speech where there is noise to hide quiet speech.
const WIDE_MS: usize = 200;

/// The samples to keep of `pcm`. All of them, where nothing stands out.
pub fn speech(pcm: &[i16], rate: u32) -> Range<usize> {
    let per_ms = rate as usize / 1000;
    let window = (WINDOW_MS * per_ms).max(1);
    let levels: Vec<f32> = pcm.chunks(window).map(rms).collect();
    // The noise is what is left in the quietest pause, however short the silence at the ends.
    let pauses = levels.windows(PAUSE_WINDOWS.min(levels.len().max(1)));
    let loudest_of = |part: &[f32]| part.iter().copied().max_by(f32::total_cmp);
    let noise = pauses.filter_map(loudest_of).min_by(f32::total_cmp);
    let (Some(noise), Some(loudest)) = (noise, loudest_of(&levels)) else {
        return 0..pcm.len();
    };
    let threshold = (noise * ABOVE_NOISE).min(loudest / BELOW_LOUDEST).max(DIGITAL_SILENCE);
    let first = levels.iter().position(|level| *level > threshold);
    let last = levels.iter().rposition(|level| *level > threshold);
    let (Some(first), Some(last)) = (first, last) else { return 0..pcm.len() };
    let margin = if noise < DIGITAL_SILENCE { NARROW_MS } else { WIDE_MS } * per_ms;
    let start = (first * window).saturating_sub(margin);
    let end = ((last + 1) * window + margin).min(pcm.len());
    start..end
}

/// Whether nothing in it is louder than a line that is silent by construction.
pub fn is_silent(pcm: &[i16], rate: u32) -> bool {
    let window = (WINDOW_MS * rate as usize / 1000).max(1);
    pcm.chunks(window).all(|part| rms(part) <= DIGITAL_SILENCE)
}

/// The root of the mean square, without the constant part that some converters add.
fn rms(window: &[i16]) -> f32 {
    let n = window.len() as f32;
    let mean = window.iter().map(|s| f32::from(*s)).sum::<f32>() / n;
    (window.iter().map(|s| (f32::from(*s) - mean).powi(2)).sum::<f32>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `level` in a square wave at 500 Hz.
    fn sound(level: i16, ms: usize) -> Vec<i16> {
        (0..ms * 8).map(|n| if n / 8 % 2 == 0 { level } else { -level }).collect()
    }

    #[test]
    fn silence_at_the_ends_is_cut_and_pauses_are_not() {
        let parts =
            [sound(0, 1000), sound(5000, 500), sound(0, 2000), sound(5000, 500), sound(0, 700)];
        assert_eq!(speech(&parts.concat(), 8000), 970 * 8..4030 * 8);
    }

    #[test]
    fn quiet_speech_before_loud_speech_is_kept() {
        let parts = [sound(0, 500), sound(60, 300), sound(20_000, 500), sound(0, 500)];
        let kept = speech(&parts.concat(), 8000);
        assert!(kept.start <= 500 * 8, "{kept:?}");
    }

    #[test]
    fn a_recording_that_is_nearly_all_speech_is_cut_closely_too() {
        let parts =
            [sound(0, 300), sound(5000, 4000), sound(0, 150), sound(5000, 700), sound(0, 120)];
        assert_eq!(speech(&parts.concat(), 8000), 270 * 8..5180 * 8);
    }

    #[test]
    fn in_a_noisy_room_the_margins_are_wide() {
        let parts = [sound(100, 1000), sound(8000, 500), sound(100, 1000)];
        assert_eq!(speech(&parts.concat(), 8000), 800 * 8..1700 * 8);
    }

    #[test]
    fn silence_is_told_from_quiet_speech() {
        assert!(is_silent(&sound(0, 500), 8000) && is_silent(&[], 8000));
        assert!(is_silent(&[3000; 8000], 8000), "a constant is no sound");
        assert!(!is_silent(&[sound(0, 500), sound(60, 30)].concat(), 8000));
    }

    #[test]
    fn nothing_but_silence_or_noise_is_kept_whole() {
        for pcm in [sound(0, 500), sound(300, 500), Vec::new()] {
            assert_eq!(speech(&pcm, 8000), 0..pcm.len());
        }
    }
}
