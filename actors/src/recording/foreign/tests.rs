//! Files that are what they seem, files that are not, and bytes that nobody meant.

use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::recording::ogg_opus::Tags;
use hark_engine::id::MessageId;
use hark_engine::time::UnixMillis;

const LIMITS: ForeignLimits = ForeignLimits { limit_ms: 10_000, partial: false };
const PARTIAL: ForeignLimits = ForeignLimits { partial: true, ..LIMITS };

/// A file of these bytes.
struct Case(TempDir);

impl Case {
    fn new(bytes: &[u8]) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("file"), bytes).unwrap();
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("file")
    }
}

fn judged(bytes: &[u8], limits: ForeignLimits) -> Result<Foreign, ForeignError> {
    read(&Case::new(bytes).path(), limits)
}

fn tone(rate: u32, seconds: f64) -> Vec<i16> {
    let length = (f64::from(rate) * seconds) as u32;
    let wave = |n: u32| (f64::from(n) * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin();
    (0..length).map(|n| (wave(n) * 8_000.0) as i16).collect()
}

fn wav(rate: u32, channels: u16, pcm: &[i16]) -> Vec<u8> {
    let format = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, format).unwrap();
    for sample in pcm.iter().flat_map(|sample| std::iter::repeat_n(*sample, channels.into())) {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn ogg(seconds: f64) -> Vec<u8> {
    let made = encode(&tone(enhance::RATE, seconds)).unwrap();
    let tags = Tags {
        id: MessageId::new(UnixMillis(1), [1; 10]),
        title: "Voice message from Ann".into(),
        sender: "Ann".into(),
        sender_address: "sip:ann@x".into(),
        recipients: vec!["sip:bob@x".into()],
        at: UnixMillis(1),
        forwarded_from: None,
    };
    ogg_opus::write(&made.stream, &tags).unwrap()
}

#[test]
fn wav_of_any_rate_and_width_becomes_the_same_length() {
    for (rate, channels) in [(8_000, 1), (11_025, 1), (16_000, 2), (44_100, 2), (96_000, 1)] {
        let foreign = judged(&wav(rate, channels, &tone(rate, 2.0)), LIMITS).unwrap();
        assert_eq!((foreign.container, foreign.torn), (Container::Wav, false));
        let ms = foreign.made.stream.length_ms();
        assert!((1_990..=2_010).contains(&ms), "{rate} x {channels}: {ms}");
        assert_eq!(foreign.made.stream.channels, 1);
        assert!(foreign.made.peaks.iter().all(|peak| *peak > 200), "{:?}", foreign.made.peaks);
    }
}

#[test]
fn our_own_files_are_kept_as_they_are_and_say_to_whom_they_go() {
    let bytes = ogg(1.0);
    let foreign = judged(&bytes, LIMITS).unwrap();
    assert_eq!(foreign.made.stream, ogg_opus::read(&bytes).unwrap().stream);
    let labels = labels(&Case::new(&bytes).path()).unwrap();
    assert_eq!(labels.recipients, ["sip:bob@x"]);
    assert_eq!(labels.sender, "Ann");
    assert_eq!(super::labels(&Case::new(b"RIFF").path()).unwrap(), Labels::default());
}

#[test]
fn what_is_too_long_is_refused_before_it_is_decoded() {
    let hour = {
        let mut bytes = wav(8_000, 1, &[0; 80]);
        let data: u32 = 8_000 * 2 * 3_600;
        bytes[4..8].copy_from_slice(&(data + 36).to_le_bytes());
        bytes[40..44].copy_from_slice(&data.to_le_bytes());
        bytes
    };
    let error = judged(&hour, LIMITS).unwrap_err();
    assert!(matches!(error, ForeignError::TooLong { ms: Some(3_600_000), .. }), "{error:?}");
    assert!(error.to_string().contains("3600 s"), "{error}");
    for bytes in [wav(8_000, 1, &tone(8_000, 11.5)), ogg(11.5)] {
        let error = judged(&bytes, LIMITS).unwrap_err();
        assert!(matches!(error, ForeignError::TooLong { .. }), "{error:?}");
    }
    judged(&ogg(10.5), LIMITS).unwrap();
}

#[test]
fn what_breaks_off_is_refused_unless_it_is_asked_for() {
    let (wav, ogg) = (wav(8_000, 1, &tone(8_000, 4.0)), ogg(4.0));
    for whole in [wav, ogg] {
        let half = &whole[..whole.len() / 2];
        let error = judged(half, LIMITS).unwrap_err();
        assert!(matches!(error, ForeignError::Torn { .. }), "{error:?}");
        let kept = judged(half, PARTIAL).unwrap();
        let ms = kept.made.stream.length_ms();
        assert!(kept.torn && (500..2_200).contains(&ms), "{ms}");
    }
}

#[test]
fn a_wav_that_was_written_to_a_pipe_does_not_know_its_length() {
    for (whole, data) in [(u32::MAX, u32::MAX), (0x7fff_ffff, 0x7fff_ffff - 36)] {
        let mut bytes = wav(8_000, 1, &tone(8_000, 2.0));
        bytes[4..8].copy_from_slice(&u32::to_le_bytes(whole));
        bytes[40..44].copy_from_slice(&u32::to_le_bytes(data));
        let foreign = judged(&bytes, LIMITS).unwrap();
        assert!(foreign.made.stream.length_ms().abs_diff(2_000) < 20, "{foreign:?}");
    }
}

#[test]
fn silence_and_nonsense_are_told_apart() {
    let silent = judged(&wav(8_000, 1, &[0; 16_000]), LIMITS).unwrap_err();
    assert!(matches!(silent, ForeignError::Silent), "{silent:?}");
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for unknown in [png.as_slice(), b"", b"RIFF", b"hello", &[0; 4096]] {
        let error = judged(unknown, LIMITS).unwrap_err();
        assert!(matches!(error, ForeignError::Unknown), "{unknown:?}: {error:?}");
    }
    for broken in
        [b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff".as_slice(), b"OggS", b"\xff\xfb\x90\x00"]
    {
        let error = judged(broken, LIMITS).unwrap_err();
        assert!(!matches!(error, ForeignError::Unknown | ForeignError::Recording(_)), "{error:?}");
        assert!(!error.to_string().is_empty() && !error.mend().is_empty());
    }
}

#[test]
fn only_the_audio_of_a_file_that_is_two_things_is_kept() {
    let mut bytes = wav(8_000, 1, &tone(8_000, 1.0));
    bytes.extend_from_slice(b"PK\x03\x04 and <script>alert(1)</script>");
    let foreign = judged(&bytes, LIMITS).unwrap();
    let packets = foreign.made.stream.packets.concat();
    assert!(!packets.windows(8).any(|part| part == b"<script>"));
}

/// Whatever the bytes are, they are judged: no panic, and nothing longer than the limit.
fn is_judged(bytes: &[u8]) {
    for limits in [LIMITS, PARTIAL] {
        match judged(bytes, limits) {
            Ok(foreign) => {
                assert!(foreign.made.stream.length_ms() <= limits.limit_ms + GRACE_MS);
                assert!(!foreign.made.stream.packets.is_empty());
            }
            Err(ForeignError::Recording(error)) => panic!("our own fault: {error}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

const BEGINNINGS: [&[u8]; 8] = [
    b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data",
    b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0",
    b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm",
    b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
    b"\xff\xfb\x90\x00",
    b"\xff\xf1\x50\x80\x02\x1f\xfc",
    b"ID3\x04\0\0\0\0\0\x0a",
    b"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_are_judged(
        which in 0..BEGINNINGS.len(),
        rest in proptest::collection::vec(any::<u8>(), 0..2_000),
    ) {
        is_judged(&[BEGINNINGS[which], &rest].concat());
    }

    #[test]
    fn good_files_with_wrong_bytes_are_judged(
        ogg_or_wav in any::<bool>(),
        wrong in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..12),
        cut in 0.1..1.0f64,
    ) {
        let mut bytes =
            if ogg_or_wav { ogg(0.5) } else { wav(8_000, 1, &tone(8_000, 0.5)) };
        for (place, byte) in wrong {
            // Headers are where it hurts: most wrong bytes go there.
            let place = (place * place * place * bytes.len() as f64) as usize;
            bytes[place] = byte;
        }
        bytes.truncate((cut * bytes.len() as f64) as usize);
        is_judged(&bytes);
    }
}

#[test]
fn the_corpus_of_broken_files_is_judged() {
    let Some(corpus) = crate::recording::corpus() else { return };
    let mut seen = 0;
    for folder in ["wav", "ogg", "webm", "audio"] {
        let folder = corpus.join("fuzz-seeds").join(folder);
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            is_judged(&std::fs::read(entry.path()).unwrap());
            seen += 1;
        }
    }
    assert!(seen > 0, "the corpus has no audio");
}
