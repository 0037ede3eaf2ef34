//! Changing the sample rate of a whole recording, without delay: the output begins where the
//! input begins. A polyphase filter with a Kaiser-windowed sinc.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side, counted at the lower of the two rates.
const ZERO_CROSSINGS: usize = 16;
/// How much of the lower rate's band is kept; the rest is the filter's slope.
const PASSBAND: f64 = 0.94;
/// Kaiser's β: about 80 dB of stop-band attenuation.
const KAISER_BETA: f64 = 8.0;

/// `pcm` at the rate `to` instead of `from`. Rates must not be 0; equal rates copy.
pub fn resample(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || from == 0 || to == 0 || pcm.is_empty() {
        return pcm.to_vec();
    }
    let mut made = Vec::new();
    let mut resampler = Resampler::new(from, to);
    resampler.push(pcm, &mut made);
    resampler.finish(&mut made);
    made
}

/// The same piece by piece: what was put out needs not be kept at the old rate.
pub struct Resampler {
    up: usize,
    down: usize,
    phases: Vec<Vec<f32>>,
    /// The input that later output still needs, and where it begins in all that was put in.
    kept: Vec<i16>,
    begins: usize,
    made: usize,
}

impl Resampler {
    /// From the rate `from` to the rate `to`; neither may be 0.
    pub fn new(from: u32, to: u32) -> Self {
        let divisor = gcd(from, to).max(1);
        let (up, down) = ((to / divisor).max(1) as usize, (from / divisor).max(1) as usize);
        let phases = if up == down { Vec::new() } else { phases(up, from, to) };
        Self { up, down, phases, kept: Vec::new(), begins: 0, made: 0 }
    }

    /// Takes `pcm` and appends to `out` what can be told by now.
    pub fn push(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        if self.up == self.down {
            return out.extend_from_slice(pcm);
        }
        self.kept.extend_from_slice(pcm);
        let half = self.half();
        while self.centre() + half < self.begins + self.kept.len() {
            self.put(out);
        }
        let unused = (self.centre() + 1).saturating_sub(half + self.begins).min(self.kept.len());
        self.kept.drain(..unused);
        self.begins += unused;
    }

    /// Appends the rest: the input is followed by silence.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        let length = ((self.begins + self.kept.len()) * self.up).div_ceil(self.down);
        while self.made < length {
            self.put(out);
        }
    }

    fn half(&self) -> usize {
        self.phases.first().map_or(0, |taps| taps.len() / 2)
    }

    /// Around which sample of the input the next output lies.
    const fn centre(&self) -> usize {
        self.made * self.down / self.up
    }

    fn put(&mut self, out: &mut Vec<i16>) {
        let taps = &self.phases[self.made * self.down % self.up];
        out.push(filtered(&self.kept, self.centre() - self.begins, taps));
        self.made += 1;
    }
}

fn filtered(pcm: &[i16], centre: usize, taps: &[f32]) -> i16 {
    // Taps reach from `half - 1` samples before the centre to `half` after it.
    let half = taps.len() / 2;
    let first = (centre + 1).saturating_sub(half);
    let skipped = (first + half).saturating_sub(centre + 1);
    let sum: f32 =
        pcm[first..].iter().zip(&taps[skipped..]).map(|(s, tap)| f32::from(*s) * tap).sum();
    sum.round() as i16
}

/// One filter a fraction of an input sample, each normalised to pass a constant unchanged.
fn phases(up: usize, from: u32, to: u32) -> Vec<Vec<f32>> {
    let cutoff = PASSBAND * (f64::from(to) / f64::from(from)).min(1.0);
    let half = (ZERO_CROSSINGS as f64 / cutoff).ceil() as usize;
    (0..up)
        .map(|phase| {
            let fraction = phase as f64 / up as f64;
            let taps: Vec<f64> = (0..2 * half)
                .map(|k| {
                    let x = k as f64 - (half as f64 - 1.0) - fraction;
                    sinc(x * cutoff) * kaiser(x / half as f64)
                })
                .collect();
            let sum: f64 = taps.iter().sum();
            taps.iter().map(|tap| (tap / sum) as f32).collect()
        })
        .collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn kaiser(x: f64) -> f64 {
    if x.abs() > 1.0 {
        0.0
    } else {
        bessel(KAISER_BETA * (1.0 - x * x).sqrt()) / bessel(KAISER_BETA)
    }
}

/// The modified Bessel function I0, by its power series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hz: f64, length: usize) -> Vec<i16> {
        (0..length)
            .map(|n| ((n as f64 * hz * 2.0 * PI / f64::from(rate)).sin() * 10_000.0) as i16)
            .collect()
    }

    #[test]
    fn a_tone_stays_that_tone_in_place() {
        for (from, to) in [(8000, 16_000), (16_000, 8000), (22_050, 8000), (48_000, 16_000)] {
            let made = resample(&tone(from, 1000.0, from as usize), from, to);
            let expected = tone(to, 1000.0, to as usize);
            assert_eq!(made.len(), expected.len(), "{from} -> {to}");
            let middle = 200..made.len() - 200;
            let worst =
                middle.map(|n| (i32::from(made[n]) - i32::from(expected[n])).abs()).max().unwrap();
            assert!(worst < 30, "{from} -> {to}: {worst}");
        }
    }

    #[test]
    fn what_the_lower_rate_can_not_hold_is_gone() {
        let made = resample(&tone(16_000, 6000.0, 16_000), 16_000, 8000);
        let loudest = made[100..made.len() - 100].iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(loudest < 20, "{loudest}");
    }

    #[test]
    fn piece_by_piece_is_the_same_as_at_once() {
        for (from, to) in [(8000, 16_000), (44_100, 16_000), (16_000, 16_000), (11_025, 16_000)] {
            let pcm = tone(from, 440.0, 9_000);
            for size in [1, 7, 160, 4_000] {
                let (mut made, mut resampler) = (Vec::new(), Resampler::new(from, to));
                pcm.chunks(size).for_each(|piece| resampler.push(piece, &mut made));
                if from != to {
                    resampler.finish(&mut made);
                }
                assert_eq!(made, resample(&pcm, from, to), "{from} -> {to} by {size}");
            }
        }
    }

    #[test]
    fn short_and_empty_input_is_no_trouble() {
        assert!(resample(&[], 8000, 16_000).is_empty());
        assert_eq!(resample(&[5], 8000, 16_000).len(), 2);
        assert_eq!(resample(&[5, 5, 5], 16_000, 8000).len(), 2);
    }
}
