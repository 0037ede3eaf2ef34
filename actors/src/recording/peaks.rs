//! The picture of a message's loudness that players draw.

/// How many bars the picture has.
pub const BARS: usize = 64;

/// The loudest sample of each of [`BARS`] equal parts, from 0 to 255, on a square-root scale so
/// that quiet speech shows; the loudest bar is 255 unless everything is silent.
pub fn peaks(pcm: &[i16]) -> Vec<u8> {
    let loudest = |part: &[i16]| part.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    // Below this, what is loudest is noise and is not blown up.
    let scale = f32::from(loudest(pcm).max(327));
    (0..BARS)
        .map(|bar| {
            let part = &pcm[pcm.len() * bar / BARS..pcm.len() * (bar + 1) / BARS];
            ((f32::from(loudest(part)) / scale).sqrt() * 255.0).round() as u8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_follow_the_sound() {
        let pcm: Vec<i16> = (0..6400).map(|n| if n < 3200 { 0 } else { 1000 }).collect();
        let bars = peaks(&pcm);
        assert_eq!(bars.len(), BARS);
        assert!(bars[..32].iter().all(|b| *b == 0) && bars[32..].iter().all(|b| *b == 255));
        assert_eq!(peaks(&[]), [0; BARS]);
        assert_eq!(peaks(&[i16::MIN; 3]).len(), BARS);
    }
}
