//! Speech faster or slower at the same pitch: waveform similarity overlap-add (WSOLA).
//!
//! The output is made of steps of 20 ms. Each fades from what would naturally follow the step
//! before into a piece of the input that lies, to within [`SEARCH`], where the clock of the
//! output points to, and that looks most like that continuation. So periods of the voice are
//! left out or repeated whole, and no wave is ever resampled.

use std::f32::consts::PI;

use super::clip::RATE;

/// Samples of a step: 20 ms.
const STEP: usize = RATE as usize / 50;
/// How far from its place a piece may be taken: a period of the deepest voice, 80 Hz.
const SEARCH: isize = RATE as isize / 80;
/// The speeds that there are, in percent.
pub const SPEEDS: std::ops::RangeInclusive<u16> = 50..=200;

/// `pcm`, mono at 8 kHz, at `percent` of its speed (50-200; what lies outside is cut to that).
/// The result has `100 / percent` of its length. Never louder than the input.
pub fn stretch(pcm: &[i16], percent: u16) -> Vec<i16> {
    let percent = usize::from(percent.clamp(*SPEEDS.start(), *SPEEDS.end()));
    if percent == 100 {
        return pcm.to_vec();
    }
    let wanted = (pcm.len() * 100 + percent / 2) / percent;
    let input = Input(pcm);
    let fade: [f32; STEP] =
        std::array::from_fn(|n| 0.5 - 0.5 * (PI * (n as f32 + 0.5) / STEP as f32).cos());
    let mut out = Vec::with_capacity(wanted + STEP);
    // Where what naturally follows begins.
    let mut follows = 0;
    while out.len() < wanted {
        let place = (out.len() * percent / 100) as isize;
        let piece = place + input.most_alike(follows, place);
        out.extend(fade.iter().enumerate().map(|(n, fade)| {
            let n = n as isize;
            let (old, new) = (f32::from(input.at(follows + n)), f32::from(input.at(piece + n)));
            (old + (new - old) * fade) as i16
        }));
        follows = piece + STEP as isize;
    }
    out.truncate(wanted);
    out
}

/// The input, with silence on both sides.
struct Input<'a>(&'a [i16]);

impl Input<'_> {
    fn at(&self, index: isize) -> i16 {
        usize::try_from(index).ok().and_then(|index| self.0.get(index)).copied().unwrap_or(0)
    }

    /// How far from `place` the step is that looks most like the one at `follows`. The nearest
    /// of several.
    fn most_alike(&self, follows: isize, place: isize) -> isize {
        let mut best = (0, self.likeness(follows, place, 1));
        // Every other sample of every other place, then the neighbours of the best.
        let mut rough = (0, self.likeness(follows, place, 2));
        for lag in (2..=SEARCH).step_by(2).flat_map(|lag| [lag, -lag]) {
            let likeness = self.likeness(follows, place + lag, 2);
            if likeness > rough.1 {
                rough = (lag, likeness);
            }
        }
        for lag in [rough.0, rough.0 - 1, rough.0 + 1] {
            let likeness = self.likeness(follows, place + lag, 1);
            if likeness > best.1 {
                best = (lag, likeness);
            }
        }
        best.0
    }

    /// How alike two steps are, whatever their loudness: their correlation, up to a factor that
    /// only the first step decides.
    fn likeness(&self, a: isize, b: isize, every: usize) -> f32 {
        let (mut product, mut energy) = (0.0, 1.0);
        let mut add = |x: i16, y: i16| {
            let (x, y) = (f32::from(x), f32::from(y));
            product += x * y;
            energy += y * y;
        };
        match (self.step(a), self.step(b)) {
            (Some(a), Some(b)) => {
                a.iter().zip(b).step_by(every).for_each(|(x, y)| add(*x, *y));
            }
            (_, _) => {
                (0..STEP as isize).step_by(every).for_each(|n| add(self.at(a + n), self.at(b + n)))
            }
        }
        product / energy.sqrt()
    }

    fn step(&self, start: isize) -> Option<&[i16]> {
        let start = usize::try_from(start).ok()?;
        self.0.get(start..start + STEP)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::clip::Clip;
    use super::*;

    const TRIED: [u16; 6] = [50, 75, 125, 150, 175, 200];

    /// The power of a frequency in `pcm`, as a part of the whole (Goertzel): 1 for a pure tone.
    fn share(pcm: &[i16], hertz: f64) -> f64 {
        let (mut re, mut im, mut whole) = (0.0, 0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let (angle, sample) = (TAU * hertz * n as f64 / f64::from(RATE), f64::from(*sample));
            re += sample * angle.cos();
            im += sample * angle.sin();
            whole += sample * sample;
        }
        2.0 * (re * re + im * im) / (whole * pcm.len() as f64)
    }

    /// A voice: harmonics of a gliding pitch, with syllables and pauses.
    fn voice(seconds: f64) -> Vec<i16> {
        let mut phase = 0.0;
        (0..(seconds * f64::from(RATE)) as usize)
            .map(|n| {
                let time = n as f64 / f64::from(RATE);
                phase += TAU * (120.0 + 40.0 * (time * 3.0).sin()) / f64::from(RATE);
                let wave: f64 = (1..12).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
                let syllable = (time * 4.0 * TAU / 2.0).sin().max(0.0);
                (wave * syllable * 15_000.0).clamp(-32_768.0, 32_767.0) as i16
            })
            .collect()
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_becomes_as_long_as_asked() {
        for hertz in [110.0, 440.0, 1000.0, 3000.0] {
            let tone = Clip::tone(hertz, Duration::from_secs(2));
            for percent in TRIED {
                let heard = stretch(tone.pcm(), percent);
                let wanted = 16_000.0 * 100.0 / f64::from(percent);
                let length = heard.len() as f64 / wanted;
                assert!((0.98..=1.02).contains(&length), "{percent} %: {length}");
                // In pieces of 100 ms: a seam may shift the phase, but nothing the frequency.
                for piece in heard[400..heard.len() - 400].chunks_exact(800) {
                    let share = share(piece, f64::from(hertz));
                    assert!(share > 0.9, "{hertz} Hz at {percent} %: {share:.3}");
                }
            }
        }
    }

    #[test]
    fn a_voice_stays_as_loud_and_its_pauses_stay_in_place() {
        let said = voice(4.0);
        let loudest = said.iter().map(|s| s.unsigned_abs()).max();
        for percent in TRIED {
            let heard = stretch(&said, percent);
            assert!(heard.iter().map(|s| s.unsigned_abs()).max() <= loudest);
            let energy = |pcm: &[i16]| {
                let sum: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
                sum / pcm.len() as f64
            };
            let kept = energy(&heard) / energy(&said);
            assert!((0.8..1.2).contains(&kept), "{percent} %: {kept}");
            // The pauses of the voice are its every second quarter of a second.
            for n in 0..8 {
                let middle = (n * 4000 + 3000) * 100 / usize::from(percent);
                let pause = &heard[middle - 150..middle + 150];
                assert!(pause.iter().all(|s| s.unsigned_abs() < 2000), "{percent} %, pause {n}");
            }
        }
    }

    #[test]
    fn nothing_and_next_to_nothing_are_stretched_too() {
        for percent in TRIED {
            assert!(stretch(&[], percent).is_empty());
            assert!(stretch(&[0; 1000], percent).iter().all(|sample| *sample == 0));
        }
        assert_eq!(stretch(&[5, 6, 7], 100), [5, 6, 7]);
        assert_eq!(stretch(&[9], 50).len(), 2);
        assert_eq!(stretch(&[9; 10], 1).len(), 20, "the slowest is half");
        assert_eq!(stretch(&[9; 10], 9999).len(), 5, "the fastest is twice");
    }

    proptest! {
        #[test]
        fn anything_becomes_as_long_as_asked_and_no_louder(
            pcm in proptest::collection::vec(any::<i16>(), 0..3000),
            percent in 50u16..=200,
        ) {
            let heard = stretch(&pcm, percent);
            let wanted = pcm.len() as f64 * 100.0 / f64::from(percent);
            prop_assert!((heard.len() as f64 - wanted).abs() <= 1.0);
            let (low, high) = (pcm.iter().min().copied(), pcm.iter().max().copied());
            let (low, high) = (low.unwrap_or(0).min(0), high.unwrap_or(0).max(0));
            prop_assert!(heard.iter().all(|s| (low..=high).contains(s)));
        }
    }
}
