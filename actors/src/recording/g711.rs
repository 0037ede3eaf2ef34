//! G.711 decoding (ITU-T G.711 tables 1 and 2).

use hark_engine::media::codec::Codec;

/// Decodes a payload and appends its samples.
pub(super) fn decode(codec: Codec, payload: &[u8], pcm: &mut Vec<i16>) {
    match codec {
        Codec::Pcmu => pcm.extend(payload.iter().map(|b| mu_law(*b))),
        Codec::Pcma => pcm.extend(payload.iter().map(|b| a_law(*b))),
    }
}

fn mu_law(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i16::from(code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7);
    if code & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

fn a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let step = i16::from(code & 0x0f) << 4;
    let magnitude = match (code >> 4) & 7 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}
