//! Speech to say, and the judgement whether it was heard.
//!
//! Everything is mono, 8 kHz, 16 bit: what a telephone carries.

use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ogg::reading::PacketReader;

/// Samples a second.
pub const RATE: usize = 8000;

/// Samples in 20 ms.
pub const FRAME: usize = RATE / 50;

/// Below this root mean square nobody speaks.
const QUIET: f64 = 150.0;

/// A clip of sound.
#[derive(Clone, Debug, Default)]
pub struct Sound(pub Vec<i16>);

impl Sound {
    /// Reads a WAV file of 8 kHz, mono, 16 bit.
    #[track_caller]
    pub fn read_wav(path: &Path) -> Self {
        let mut reader = hound::WavReader::open(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(reader.spec().sample_rate as usize, RATE, "{}", path.display());
        Self(reader.samples::<i16>().map(|sample| sample.expect("a whole WAV file")).collect())
    }

    /// Reads the bytes of a WAV file of 8 or 16 kHz, mono, 16 bit.
    #[track_caller]
    pub fn from_wav(bytes: &[u8]) -> Self {
        let mut reader = hound::WavReader::new(bytes).expect("a WAV file");
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.bits_per_sample), (1, 16), "{spec:?}");
        let every = match spec.sample_rate {
            8_000 => 1,
            16_000 => 2,
            rate => panic!("{rate} Hz"),
        };
        let samples: Vec<i16> =
            reader.samples::<i16>().map(|sample| sample.expect("a whole WAV file")).collect();
        let mean = |some: &[i16]| {
            let sum: i32 = some.iter().map(|sample| i32::from(*sample)).sum();
            (sum / some.len().max(1) as i32) as i16
        };
        Self(samples.chunks(every).map(mean).collect())
    }

    /// Writes a WAV file.
    #[track_caller]
    pub fn write_wav(&self, path: &Path) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE as u32,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).expect("a WAV file can be written");
        self.0
            .iter()
            .for_each(|&sample| writer.write_sample(sample).expect("a WAV file can be written"));
        writer.finalize().expect("a WAV file can be written");
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        Duration::from_millis((self.0.len() * 1000 / RATE) as u64)
    }

    /// Followed by so much silence.
    pub fn then_silence(mut self, span: Duration) -> Self {
        self.0.resize(self.0.len() + span.as_millis() as usize * RATE / 1000, 0);
        self
    }

    /// From the first spoken frame to the last, in samples; `None` if nobody speaks.
    pub fn spoken(&self) -> Option<std::ops::Range<usize>> {
        let loud = |frame: &[i16]| rms(frame) > QUIET;
        let first = self.0.chunks(FRAME / 2).position(loud)?;
        let last = self.0.chunks(FRAME / 2).rposition(loud)?;
        Some(first * FRAME / 2..((last + 1) * FRAME / 2).min(self.0.len()))
    }

    /// How long somebody speaks, from the first word to the last.
    pub fn spoken_length(&self) -> Duration {
        let range = self.spoken().unwrap_or(0..0);
        Duration::from_millis((range.len() * 1000 / RATE) as u64)
    }

    /// Only what is spoken, from the first word to the last.
    pub fn trimmed(&self) -> Self {
        Self(self.0[self.spoken().unwrap_or(0..0)].to_vec())
    }

    /// How alike `said` and this are at the best alignment, 0 to 1, and where `said` begins here.
    ///
    /// The normalised cross-correlation of the waveforms, `said` slid along this in both directions.
    pub fn best_match(&self, said: &Self) -> (f64, isize) {
        let (heard, said) = (&self.0, &said.0);
        if heard.is_empty() || said.is_empty() {
            return (0.0, 0);
        }
        // Coarse with every fourth sample of a smoothed copy, then exact around the best place.
        let (small_heard, small_said) = (decimate(heard, 4), decimate(said, 4));
        let span = small_said.len() as isize;
        let mut best = (0.0, 0);
        for lag in -span / 2..small_heard.len() as isize - span / 2 {
            best = better(best, (correlation(&small_heard, &small_said, lag), lag));
        }
        let centre = best.1 * 4;
        (centre - 8..=centre + 8)
            .map(|lag| (correlation(&floats(heard), &floats(said), lag), lag))
            .fold((0.0, 0), better)
    }
}

/// Speech made by flite: `text`, with its silent edges cut.
#[track_caller]
pub fn speech(text: &str) -> Sound {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("speech.wav");
    let status =
        Command::new("flite").args(["-voice", "slt", "-t", text, "-o"]).arg(&path).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "flite can't speak; `make deps-test` installs it"
    );
    let mut reader = hound::WavReader::open(&path).expect("flite's WAV file");
    assert_eq!(reader.spec().sample_rate, 16_000, "flite's slt voice speaks at 16 kHz");
    let wide: Vec<f64> =
        reader.samples::<i16>().map(|sample| sample.expect("flite's WAV file").into()).collect();
    Sound(halve(&wide)).trimmed()
}

/// A sentence that takes about four seconds to say.
#[track_caller]
pub fn sentence() -> Sound {
    speech("The quick brown fox jumped over the lazy dog, and nobody was there to see it happen.")
}

/// An Ogg Opus file of so much of a tone, as a browser's recorder writes it.
pub fn ogg_opus(length: Duration) -> Vec<u8> {
    use ogg::{PacketWriteEndInfo, PacketWriter};
    let mut encoder =
        opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip).expect("Opus");
    let mut file = Vec::new();
    let mut writer = PacketWriter::new(&mut file);
    let head = [&b"OpusHead\x01\x01"[..], &[0, 0], &48_000_u32.to_le_bytes(), &[0, 0, 0]].concat();
    let tags = [&b"OpusTags"[..], &4_u32.to_le_bytes(), b"test", &0_u32.to_le_bytes()].concat();
    for packet in [head, tags] {
        writer.write_packet(packet, 7, PacketWriteEndInfo::EndPage, 0).expect("written");
    }
    let frames = u64::try_from(length.as_millis() / 20).expect("short");
    for frame in 1..=frames {
        let sample = |n: u64| (((frame * 960 + n) as f64 * 0.06).sin() * 8_000.0) as i16;
        let pcm: Vec<i16> = (0..960).map(sample).collect();
        let packet = encoder.encode_vec(&pcm, 1_000).expect("a packet");
        let end = match frame {
            last if last == frames => PacketWriteEndInfo::EndStream,
            page if page % 5 == 0 => PacketWriteEndInfo::EndPage,
            _ => PacketWriteEndInfo::NormalPacket,
        };
        writer.write_packet(packet, 7, end, frame * 960).expect("written");
    }
    drop(writer);
    file
}

/// The samples of one frame that are louder than silence?
pub fn is_loud(frame: &[i16]) -> bool {
    rms(frame) > QUIET
}

/// Whether a frame is the beep.
pub fn is_beep(frame: &[i16]) -> bool {
    is_tone(frame, 1000.0)
}

/// Whether a frame is a tone: nearly all of its power at one frequency.
pub fn is_tone(frame: &[i16], hertz: f64) -> bool {
    let power: f64 = frame.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, &sample) in frame.iter().enumerate() {
        let angle = std::f64::consts::TAU * hertz * n as f64 / RATE as f64;
        sine += f64::from(sample) * angle.sin();
        cosine += f64::from(sample) * angle.cos();
    }
    let at_tone = 2.0 * (sine * sine + cosine * cosine) / frame.len() as f64;
    // A tone that fades in or out over the frame keeps three quarters of its power there.
    rms(frame) > QUIET && at_tone > 0.7 * power
}

/// Where the first beep of `samples` after `from` ends: 100 ms of tone, then a frame of none; or
/// nearly all of its 250 ms, and nothing heard since (a server that listens sends no sound).
pub fn beep_end(samples: &[i16], from: usize) -> Option<usize> {
    let mut tone = 0;
    for (n, frame) in samples.get(from..)?.chunks_exact(FRAME).enumerate() {
        match is_beep(frame) {
            true => tone += 1,
            false if tone >= 5 => return Some(from + n * FRAME),
            false => tone = 0,
        }
    }
    (tone >= 12).then_some(samples.len())
}

/// Decodes an Ogg Opus file, and the comment tags in it.
#[track_caller]
pub fn decode_ogg_opus(bytes: &[u8]) -> (Sound, Vec<(String, String)>) {
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let head = reader.read_packet_expected().expect("an Ogg stream");
    assert!(head.data.starts_with(b"OpusHead"), "not Ogg Opus");
    let channels = head.data[9];
    assert_eq!(channels, 1, "a message is mono");
    let pre_skip = usize::from(u16::from_le_bytes([head.data[10], head.data[11]]));
    let tags = comments(&reader.read_packet_expected().expect("OpusTags").data);
    let mut decoder =
        opus::Decoder::new(RATE as u32, opus::Channels::Mono).expect("an Opus decoder");
    let mut samples = Vec::new();
    let mut last_granule = 0;
    let mut buffer = [0; RATE * 120 / 1000];
    while let Some(packet) = reader.read_packet().expect("a whole Ogg stream") {
        let decoded =
            decoder.decode(&packet.data, &mut buffer, false).expect("a whole Opus packet");
        samples.extend_from_slice(&buffer[..decoded]);
        last_granule = packet.absgp_page() as usize;
    }
    // RFC 7845 section 4: the granule position counts 48 kHz samples, pre-skip among them.
    let skip = (pre_skip * RATE / 48_000).min(samples.len());
    let end = (last_granule * RATE / 48_000).clamp(skip, samples.len());
    (Sound(samples[skip..end].to_vec()), tags)
}

/// RFC 7845 section 5.2.
#[track_caller]
fn comments(packet: &[u8]) -> Vec<(String, String)> {
    let mut rest = packet.strip_prefix(b"OpusTags").expect("the second packet is OpusTags");
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at(length);
        rest = left;
        taken.to_vec()
    };
    let number =
        |bytes: Vec<u8>| u32::from_le_bytes(bytes.try_into().expect("four octets")) as usize;
    let vendor = number(take(4));
    take(vendor);
    let count = number(take(4));
    (0..count)
        .map(|_| {
            let length = number(take(4));
            let comment = String::from_utf8(take(length)).expect("comments are UTF-8");
            let (name, value) = comment.split_once('=').expect("NAME=value");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// ITU-T G.711 µ-law, one sample in.
pub fn ulaw_encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + 0x84).min(0x7fff);
    let exponent = (0..8).rev().find(|bit| magnitude & (0x80 << bit) != 0).unwrap_or(0);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

/// ITU-T G.711 µ-law, one sample out.
pub fn ulaw_decode(code: u8) -> i16 {
    let code = !code;
    let magnitude = (((i32::from(code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
    if code & 0x80 == 0 { magnitude as i16 } else { -magnitude as i16 }
}

fn rms(frame: &[i16]) -> f64 {
    let power: f64 = frame.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    (power / frame.len().max(1) as f64).sqrt()
}

fn floats(samples: &[i16]) -> Vec<f64> {
    samples.iter().map(|&sample| sample.into()).collect()
}

fn decimate(samples: &[i16], by: usize) -> Vec<f64> {
    samples
        .chunks_exact(by)
        .map(|some| some.iter().map(|&s| f64::from(s)).sum::<f64>() / by as f64)
        .collect()
}

/// From 16 kHz to 8 kHz, through a windowed-sinc low pass at 3.7 kHz.
fn halve(wide: &[f64]) -> Vec<i16> {
    const HALF: isize = 31;
    const CUT: f64 = 3700.0 / 16_000.0;
    let tap = |n: isize| {
        let x = n as f64;
        let sinc = if n == 0 {
            2.0 * CUT
        } else {
            (std::f64::consts::TAU * CUT * x).sin() / (std::f64::consts::PI * x)
        };
        sinc * (0.54 + 0.46 * (std::f64::consts::PI * x / (HALF + 1) as f64).cos())
    };
    let taps: Vec<(isize, f64)> = (-HALF..=HALF).map(|n| (n, tap(n))).collect();
    (0..wide.len() as isize)
        .step_by(2)
        .map(|at| {
            taps.iter()
                .filter_map(|(n, tap)| Some(wide.get(usize::try_from(at + n).ok()?)? * tap))
                .sum::<f64>()
        })
        .map(|sample| sample.clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// `said` shifted by `lag` against `heard`, over where they overlap.
fn correlation(heard: &[f64], said: &[f64], lag: isize) -> f64 {
    let start = lag.max(0) as usize;
    let skip = (-lag).max(0) as usize;
    if start >= heard.len() || skip >= said.len() {
        return 0.0;
    }
    let (mut both, mut one) = (0.0, 0.0);
    for (h, s) in heard[start..].iter().zip(&said[skip..]) {
        both += h * s;
        one += h * h;
    }
    // Against the whole of what was said: a part of it that is missing counts as unlike.
    let whole: f64 = said.iter().map(|s| s * s).sum();
    if one == 0.0 || whole == 0.0 { 0.0 } else { both / (one * whole).sqrt() }
}

fn better(one: (f64, isize), other: (f64, isize)) -> (f64, isize) {
    if other.0 > one.0 { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_copy_matches_where_it_was_put() {
        let said = sentence();
        let mut heard = vec![0; 4321];
        heard.extend(&said.0);
        heard.extend([0; 999]);
        let (likeness, lag) = Sound(heard).best_match(&said);
        assert!(likeness > 0.999, "{likeness}");
        assert_eq!(lag, 4321);
    }

    #[test]
    fn another_sentence_does_not_match() {
        let (likeness, _) = sentence()
            .best_match(&speech("Something else altogether was said, and by nobody we know."));
        assert!(likeness < 0.3, "{likeness}");
    }

    #[test]
    fn a_half_said_sentence_matches_less() {
        let said = sentence();
        let half = Sound(said.0[..said.0.len() / 2].to_vec());
        assert!(half.best_match(&said).0 < 0.85);
    }

    #[test]
    fn mu_law_there_and_back_is_close() {
        for sample in (-32_000..32_000).step_by(77) {
            let back = ulaw_decode(ulaw_encode(sample));
            assert!(
                (i32::from(back) - i32::from(sample)).abs() <= 16 + i32::from(sample).abs() / 16,
                "{sample} {back}"
            );
        }
    }

    #[test]
    fn a_beep_is_told_from_speech() {
        let beep: Vec<i16> = (0..2000)
            .map(|n| {
                (8000.0 * (std::f64::consts::TAU * 1000.0 * f64::from(n) / RATE as f64).sin())
                    as i16
            })
            .collect();
        let mut samples = sentence().0;
        assert_eq!(beep_end(&samples, 0), None);
        let before = samples.len();
        samples.extend(&beep);
        samples.extend([0; 800]);
        let end = beep_end(&samples, 0).expect("a beep");
        assert!(end.abs_diff(before + beep.len()) <= FRAME, "{end}");
    }

    #[test]
    fn the_length_of_speech_leaves_the_silence_out() {
        let said = sentence();
        let padded = Sound([vec![0; 8000], said.0.clone(), vec![0; 8000]].concat());
        assert!(padded.spoken_length().abs_diff(said.length()) < Duration::from_millis(25));
    }
}
