//! G.711 speech: μ-law and A-law, as ITU-T G.711 tables 1 and 2 lay out their segments.

use super::codec::Codec;

/// μ-law adds this before it looks for the segment (33 in the 14-bit scale of the tables).
const MU_BIAS: i32 = 0x84;
/// The largest magnitude that μ-law holds once it is biased.
const MU_CLIP: i32 = 32635;

/// The μ-law code of a 16-bit sample.
pub const fn encode_mu(sample: i16) -> u8 {
    let sample = sample as i32;
    let (sign, magnitude) = if sample < 0 { (0x80, -sample) } else { (0, sample) };
    let biased = if magnitude > MU_CLIP { MU_CLIP } else { magnitude } + MU_BIAS;
    // The bias makes bit 7 the lowest possible leading one: segment 0.
    let segment = (24 - biased.leading_zeros()) as i32;
    let step = (biased >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | step as u8)
}

/// The 16-bit sample of a μ-law code.
pub const fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let segment = (code & 0x70) >> 4;
    let step = ((code & 0x0f) as i32) << 3;
    let magnitude = ((step + MU_BIAS) << segment) - MU_BIAS;
    (if code & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

/// The A-law code of a 16-bit sample.
pub const fn encode_a(sample: i16) -> u8 {
    // A-law has 13 bits; negative values are one's complement, so that no code is lost on 0.
    let sample = (sample >> 3) as i32;
    let (mask, magnitude) = if sample >= 0 { (0xd5, sample) } else { (0x55, -sample - 1) };
    let bits = 32 - magnitude.leading_zeros() as i32;
    let segment = if bits > 5 { bits - 5 } else { 0 };
    let shift = if segment < 2 { 1 } else { segment };
    ((segment << 4) as u8 | ((magnitude >> shift) & 0x0f) as u8) ^ mask
}

/// The 16-bit sample of an A-law code.
pub const fn decode_a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = ((code & 0x70) >> 4) as i32;
    let step = ((code & 0x0f) as i32) << 4;
    let magnitude = match segment {
        0 => step + 8,
        _ => (step + 0x108) << (segment - 1),
    };
    (if code & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

/// The samples of all μ-law codes.
static MU: [i16; 256] = table(Codec::Pcmu);
/// The samples of all A-law codes.
static A: [i16; 256] = table(Codec::Pcma);

const fn table(codec: Codec) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match codec {
            Codec::Pcmu => decode_mu(code as u8),
            Codec::Pcma => decode_a(code as u8),
        };
        code += 1;
    }
    table
}

const fn samples(codec: Codec) -> &'static [i16; 256] {
    match codec {
        Codec::Pcmu => &MU,
        Codec::Pcma => &A,
    }
}

/// The code of silence.
pub const fn silence(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0xff,
        Codec::Pcma => 0xd5,
    }
}

/// Encodes samples.
pub fn encode(codec: Codec, pcm: &[i16]) -> Vec<u8> {
    let encode = match codec {
        Codec::Pcmu => encode_mu,
        Codec::Pcma => encode_a,
    };
    pcm.iter().map(|sample| encode(*sample)).collect()
}

/// Decodes a payload and appends its samples to `pcm`.
pub fn decode(codec: Codec, payload: &[u8], pcm: &mut Vec<i16>) {
    let table = samples(codec);
    pcm.extend(payload.iter().map(|code| table[usize::from(*code)]));
}

/// μ-law codes as A-law, and the reverse.
static MU_TO_A: [u8; 256] = cross(Codec::Pcmu);
static A_TO_MU: [u8; 256] = cross(Codec::Pcma);

const fn cross(from: Codec) -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match from {
            Codec::Pcmu => encode_a(decode_mu(code as u8)),
            Codec::Pcma => encode_mu(decode_a(code as u8)),
        };
        code += 1;
    }
    table
}

/// Writes `payload`, which is of one law, to `out` in another; as much as both hold.
pub fn transcode(from: Codec, to: Codec, payload: &[u8], out: &mut [u8]) {
    let table = match (from, to) {
        (Codec::Pcmu, Codec::Pcma) => &MU_TO_A,
        (Codec::Pcma, Codec::Pcmu) => &A_TO_MU,
        (Codec::Pcmu, Codec::Pcmu) | (Codec::Pcma, Codec::Pcma) => {
            let length = payload.len().min(out.len());
            return out[..length].copy_from_slice(&payload[..length]);
        }
    };
    for (out, code) in out.iter_mut().zip(payload) {
        *out = table[usize::from(*code)];
    }
}

/// How loud a payload is: the mean magnitude of its samples, 0-32768.
pub fn level(codec: Codec, payload: &[u8]) -> u32 {
    let table = samples(codec);
    let sum: u32 =
        payload.iter().map(|code| u32::from(table[usize::from(*code)].unsigned_abs())).sum();
    sum / u32::try_from(payload.len().max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 table 2a: decoder output at the ends of each segment, 14-bit scale × 4.
    #[test]
    fn mu_law_segments_are_those_of_the_recommendation() {
        let outputs = [
            (0x80, 8031),
            (0x8f, 4191),
            (0x9f, 2079),
            (0xaf, 1023),
            (0xbf, 495),
            (0xcf, 231),
            (0xdf, 99),
            (0xef, 33),
            (0xfe, 2),
            (0xff, 0),
        ];
        for (code, value) in outputs {
            assert_eq!(decode_mu(code), value * 4, "{code:#04x}");
            assert_eq!(decode_mu(code & 0x7f), -value * 4, "{code:#04x}");
        }
    }

    /// G.711 table 1a: decoder output at the ends of each segment, 13-bit scale × 8.
    #[test]
    fn a_law_segments_are_those_of_the_recommendation() {
        let outputs = [
            (0xff, 4032),
            (0xf0, 2112),
            (0xe0, 1056),
            (0xd0, 528),
            (0xc0, 264),
            (0xb0, 132),
            (0xa0, 66),
            (0x80, 1),
        ];
        // The table lists the codes before the inversion of their even bits; its unit is 1/2.
        for (code, value) in outputs {
            assert_eq!(decode_a(code ^ 0x55), value * 8, "{code:#04x}");
            assert_eq!(decode_a(code ^ 0x55 ^ 0x80), -value * 8, "{code:#04x}");
        }
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255u8 {
            assert_eq!(encode_a(decode_a(code)), code);
            // μ-law has two zeros; the negative one becomes the positive.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(encode_mu(decode_mu(code)), expected);
        }
    }

    #[test]
    fn every_sample_is_nearest_its_code() {
        for sample in i16::MIN..=i16::MAX {
            let wide = i32::from(sample);
            let mu_error = (wide - i32::from(decode_mu(encode_mu(sample)))).abs();
            let a_error = (wide - i32::from(decode_a(encode_a(sample)))).abs();
            let magnitude = wide.abs();
            // Half a step: 1/32 of the segment's end, and never under the smallest step.
            assert!(mu_error <= (magnitude + 132) / 32 + 4 || magnitude > 32635 - 4, "{sample}");
            assert!(a_error <= (magnitude / 32).max(8) + 8, "{sample}: {a_error}");
        }
    }

    #[test]
    fn one_law_becomes_the_other() {
        let codes: Vec<u8> = (0..=255).collect();
        for (from, to) in [(Codec::Pcmu, Codec::Pcma), (Codec::Pcma, Codec::Pcmu)] {
            let mut out = [0; 256];
            transcode(from, to, &codes, &mut out);
            for (code, crossed) in codes.iter().zip(out) {
                let (before, after) =
                    (samples(from)[usize::from(*code)], samples(to)[usize::from(crossed)]);
                let step = i32::from(before.unsigned_abs()) / 16 + 16;
                let error = (i32::from(before) - i32::from(after)).abs();
                assert!(error <= step, "{from:?} {code:#04x}: {before} became {after}");
            }
            let mut same = [0; 256];
            transcode(from, from, &codes, &mut same);
            assert_eq!(same[..], codes[..]);
        }
        assert_eq!(MU_TO_A[0xff], 0xd5, "silence stays silent");
    }

    #[test]
    fn silence_is_silent() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            assert!(level(codec, &[silence(codec); 160]) <= 8);
            assert_eq!(encode(codec, &[0; 3]), [silence(codec); 3]);
            let mut pcm = Vec::new();
            decode(codec, &encode(codec, &[1000, -1000]), &mut pcm);
            assert!(pcm[0] > 950 && pcm[1] < -950);
            assert!(level(codec, &encode(codec, &[1000, -1000])) > 950);
        }
    }
}
