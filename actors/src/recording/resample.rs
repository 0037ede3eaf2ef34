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
    let divisor = gcd(from, to);
    let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
    let phases = phases(up, from, to);
    let length = (pcm.len() * up).div_ceil(down);
    (0..length)
        .map(|n| {
            let position = n * down;
            filtered(pcm, position / up, &phases[position % up])
        })
        .collect()
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
    fn short_and_empty_input_is_no_trouble() {
        assert!(resample(&[], 8000, 16_000).is_empty());
        assert_eq!(resample(&[5], 8000, 16_000).len(), 2);
        assert_eq!(resample(&[5, 5, 5], 16_000, 8000).len(), 2);
    }
}
