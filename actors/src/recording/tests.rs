//! From speech to a file and back, through real files and a real voice.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::{MessageId, UserId};
use hark_engine::media::RecordedFrame;
use hark_engine::media::codec::Codec;
use hark_engine::media::g711;
use hark_engine::message::Sender;
use hark_engine::time::UnixMillis;
use prometheus::Registry;

use super::decode::{decode_message, decode_stream, decode_wav};
use super::spool_format::{SpoolAudio, read};
use super::*;
use crate::store::{NewMessage, Store, StoreConfig};

const NOW: UnixMillis = UnixMillis(1_795_431_909_000);

fn header(n: u8, format: SpoolFormat) -> SpoolHeader {
    SpoolHeader {
        message: MessageId::new(NOW, [n; 10]),
        sender: Sender { user: Some(UserId(1)), name: "Ann".into(), address: "sip:ann@x".into() },
        intent: Intent::Send(Delivery {
            to: vec![UserId(2)],
            receipt: true,
            ..Delivery::default()
        }),
        started: NOW,
        source: SpoolSource::Phone,
        format,
        limit_ms: 59_000,
        idempotency_key: Some(format!("call-{n}")),
    }
}

fn tags(n: u8) -> Tags {
    Tags {
        id: MessageId::new(NOW, [n; 10]),
        title: "Message from Ann — für Bob".into(),
        sender: "Ann".into(),
        sender_address: "sip:ann@x".into(),
        recipients: vec!["sip:bob@x".into(), "sip:carol@x".into()],
        at: NOW,
        forwarded_from: None,
    }
}

/// μ-law by search over its codes: slow, and sure to be the inverse.
fn mu_law(pcm: &[i16]) -> Vec<u8> {
    let mut values: Vec<(i16, u8)> = (0..=255u8)
        .map(|code| {
            let mut out = Vec::new();
            g711::decode(Codec::Pcmu, &[code], &mut out);
            (out[0], code)
        })
        .collect();
    values.sort_unstable();
    pcm.iter()
        .map(|sample| {
            let at = values.partition_point(|(value, _)| value < sample);
            let near = values[at.saturating_sub(1)..(at + 1).min(values.len())].iter();
            near.min_by_key(|(v, _)| (i32::from(*v) - i32::from(*sample)).abs()).unwrap().1
        })
        .collect()
}

fn frames(pcm: &[i16]) -> Vec<RecordedFrame> {
    mu_law(pcm)
        .chunks(160)
        .enumerate()
        .map(|(n, payload)| RecordedFrame {
            codec: Codec::Pcmu,
            timestamp_ms: u32::try_from(n * 20).unwrap(),
            payload: Bytes::copy_from_slice(payload),
        })
        .collect()
}

/// A voice where one is installed, else bursts that sound about as varied.
fn spoken(dir: &Path) -> Vec<i16> {
    let file = dir.join("spoken.wav");
    let text = "Hello Bob, this is Ann. Please call me back when you can; it is about the boat.";
    let made = Command::new("flite").args(["-voice", "slt", "-t", text, "-o"]).arg(&file).status();
    if made.is_ok_and(|s| s.success()) {
        return crate::prompt::wav::telephone(&std::fs::read(file).unwrap()).unwrap();
    }
    eprintln!("flite is not installed: bursts of tones stand in for speech");
    (0..32_000i32)
        .map(|n| {
            let word = n / 2400;
            let envelope = f64::from(n % 2400) / 2400.0;
            let hz = 200.0 + 37.0 * f64::from(word % 9);
            ((f64::from(n) * hz * std::f64::consts::TAU / 8000.0).sin() * 8000.0 * envelope) as i16
        })
        .collect()
}

/// The best normalised correlation of `heard` with `spoken` within `reach` samples, on the
/// loudness of 5 ms pieces and on the samples; and the shift.
fn correlation(spoken: &[i16], heard: &[i16], reach: i32) -> (f64, i32) {
    let at = |pcm: &[i16], n: i32| {
        usize::try_from(n).ok().and_then(|n| pcm.get(n)).map_or(0.0, |s| f64::from(*s))
    };
    (-reach..=reach)
        .map(|shift| {
            let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
            for n in 0..spoken.len() as i32 {
                let (x, y) = (at(spoken, n), at(heard, n + shift));
                (xy, xx, yy) = (xy + x * y, xx + x * x, yy + y * y);
            }
            (xy / (xx * yy).sqrt().max(1.0), shift)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap()
}

#[test]
fn what_is_heard_is_what_was_spoken_and_as_long() {
    let dir = tempfile::tempdir().unwrap();
    let spoken = spoken(dir.path());
    let said = &spoken[trim::speech(&spoken, 8000)];
    // A second of a silent line before, and one after.
    let line = [vec![0i16; 8000], spoken.clone(), vec![0; 8000]].concat();
    let made = transcode::transcode(&frames(&line), 59_000).unwrap();
    let file = ogg_opus::write(&made.stream, &tags(1)).unwrap();
    std::fs::write(dir.path().join("a.ogg"), &file).unwrap();
    let heard = decode_message(&dir.path().join("a.ogg")).unwrap();
    let (difference_ms, said_ms) =
        ((heard.len() as i64 - said.len() as i64) / 8, said.len() as i64 / 8);
    let (best, shift) = correlation(said, &heard, 800);
    eprintln!(
        "{said_ms} ms spoken, {difference_ms} ms more heard, correlation {best:.3} at {shift}"
    );
    assert!(difference_ms.abs() <= 100, "{difference_ms} ms");
    assert!(best > 0.8, "{best}");
    assert_eq!(u64::from(made.stream.length_ms()), heard.len() as u64 / 8);
    let rate = file.len() as u64 * 8 / u64::from(made.stream.length_ms());
    assert!(rate < 40, "{rate} kbit/s");
    let wav = decode_wav(&dir.path().join("a.ogg")).unwrap();
    let again = crate::prompt::wav::telephone(&wav).unwrap();
    assert!(again.len().abs_diff(heard.len()) <= 1);
}

#[test]
fn lost_packets_are_gaps_and_do_not_shorten() {
    let dir = tempfile::tempdir().unwrap();
    let spoken = spoken(dir.path());
    let all = frames(&spoken);
    let some: Vec<_> =
        all.iter().enumerate().filter(|(n, _)| n % 10 != 3).map(|f| f.1.clone()).collect();
    assert_eq!(transcode::pcm(&some, 59_000).len(), transcode::pcm(&all, 59_000).len());
    let far = RecordedFrame { timestamp_ms: u32::MAX, ..all[0].clone() };
    assert_eq!(transcode::pcm(&[far], 59_000).len(), 0, "no position makes it huge");
    assert!(matches!(transcode::transcode(&[], 59_000), Err(RecordingError::Empty)));
}

#[test]
fn a_file_carries_its_tags_and_reads_back_the_same() {
    let made = transcode::encode(&vec![500; 16_000 * 3 + 77]).unwrap();
    let file = ogg_opus::write(&made.stream, &tags(1)).unwrap();
    let back = ogg_opus::read(&file).unwrap();
    assert_eq!(back.stream, made.stream);
    assert!(!back.torn);
    let id = tags(1).id;
    let expected = [
        "TITLE=Message from Ann — für Bob".to_owned(),
        "ARTIST=Ann".into(),
        "DATE=2026-11-23T11:05:09Z".into(),
        format!("HARK_ID={id}"),
        "HARK_SENDER=sip:ann@x".into(),
        "HARK_RECIPIENT=sip:bob@x".into(),
        "HARK_RECIPIENT=sip:carol@x".into(),
    ];
    assert_eq!(back.comments, expected);
    assert_eq!(decode_stream(&back.stream, 16_000).unwrap().len(), 16_000 * 3 + 77);
    // What others think of it, where they are at hand.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.ogg");
    std::fs::write(&path, &file).unwrap();
    match Command::new("opusinfo").arg(&path).output() {
        Err(_) => eprintln!("skipped: opusinfo (opus-tools) is not installed"),
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !told.contains("WARNING"), "{told}");
        }
    }
}

#[test]
fn a_browsers_file_cut_anywhere_is_kept_up_to_there() {
    let made = transcode::encode(&vec![500; 16_000 * 4]).unwrap();
    let file = ogg_opus::write(&made.stream, &tags(1)).unwrap();
    let whole = import::import(&file, 59_000).unwrap();
    assert_eq!(whole.stream, made.stream, "no second lossy step");
    let mut longest = 0;
    for cut in (0..file.len()).step_by(7) {
        if let Ok(part) = import::import(&file[..cut], 59_000) {
            assert!(part.stream.length_ms() >= longest, "{cut}");
            longest = part.stream.length_ms();
            assert_eq!(part.stream.packets, made.stream.packets[..part.stream.packets.len()]);
            let again = ogg_opus::read(&ogg_opus::write(&part.stream, &tags(1)).unwrap()).unwrap();
            assert_eq!(again.stream, part.stream);
        }
    }
    assert!(longest >= 3000, "{longest}");
    let short = import::import(&file, 1000).unwrap();
    assert_eq!(short.stream.length_ms(), 2000, "the limit and its grace");
    assert!(short.stream.packets.len() <= 102);
}

#[test]
fn foreign_and_damaged_files_are_read_or_refused_and_never_a_panic() {
    let Some(corpus) = corpus() else { return };
    let (mut read, mut refused) = (0, 0);
    for folder in ["ogg", "webm", "wav"] {
        for entry in std::fs::read_dir(corpus.join("fuzz-seeds").join(folder)).unwrap() {
            let mut bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.truncate(200_000);
            match import::import(&bytes, 59_000) {
                Ok(made) => {
                    read += 1;
                    let file = ogg_opus::write(&made.stream, &tags(1)).unwrap();
                    assert_eq!(ogg_opus::read(&file).unwrap().stream, made.stream);
                }
                Err(_) => refused += 1,
            }
            let mut seed = 12_345u32;
            for _ in 0..60 {
                let mut damaged = bytes.clone();
                for _ in 0..4 {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let at = seed as usize % damaged.len().clamp(1, 2000);
                    if let Some(byte) = damaged.get_mut(at) {
                        *byte = (seed >> 24) as u8;
                    }
                }
                let _ = import::import(&damaged, 59_000);
            }
        }
    }
    eprintln!("{read} read, {refused} refused");
    assert!(read >= 4);
}

#[tokio::test]
async fn a_recording_becomes_a_message_and_its_spool_goes() {
    let dir = tempfile::tempdir().unwrap();
    let recordings = Recordings::start(dir.path(), &Registry::new()).unwrap();
    let spoken = spoken(dir.path());
    let (mut sink, spool) = recordings.spools().create(&header(1, SpoolFormat::G711)).unwrap();
    for piece in frames(&spoken).chunks(10) {
        sink.append(piece).unwrap();
    }
    drop(sink);
    let bytes = spool.sync().await.unwrap();
    assert_eq!(bytes, std::fs::metadata(spool.path()).unwrap().len());
    assert_eq!(spool.written(), bytes);
    assert_eq!(recordings.preview(spool.path()).await.unwrap().len(), spoken.len());
    let finished = recordings.finish(spool.path(), tags(1)).await.unwrap();
    let path = dir.path().join(&finished.audio);
    assert_eq!(finished.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(finished.peaks.len(), peaks::BARS);
    assert!(finished.audio.starts_with("audio/2026/11"));
    assert!(recordings.decode(&finished.audio).await.unwrap().len() > 8000);
    let path = spool.path().to_owned();
    spool.remove().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_spool_cut_at_every_offset_is_recovered_to_what_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let said = frames(&vec![1000; 1600]);
    let whole = {
        let spools = Spools::start(dir.path(), 1).unwrap();
        let (mut sink, spool) = spools.create(&header(1, SpoolFormat::G711)).unwrap();
        sink.append(&said).unwrap();
        spool.set_intent(&Intent::Discard).unwrap();
        spool.sync().await.unwrap();
        std::fs::read(spool.path()).unwrap()
    };
    assert_eq!(recover::recover(dir.path()).unwrap().len(), 1);
    let path =
        dir.path().join("spool").join(format!("{}.spool", header(1, SpoolFormat::G711).message));
    let mut longest = 0;
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let orphans = recover::recover(dir.path()).unwrap();
        let Some(orphan) = orphans.first() else {
            assert_eq!(longest, 0, "only a torn header is no spool");
            assert!(path.with_extension("broken").exists());
            continue;
        };
        assert_eq!(orphan.header.message, header(1, SpoolFormat::G711).message);
        let SpoolAudio::Frames(read) = read(&whole[..cut]).unwrap().audio else { panic!() };
        assert!(read.len() >= longest && said.starts_with(&read));
        assert_eq!(orphan.has_audio, !read.is_empty());
        longest = read.len();
    }
    assert_eq!(longest, said.len());
    assert_eq!(recover::recover(dir.path()).unwrap()[0].header.intent, Intent::Discard);
}

#[tokio::test]
async fn a_crash_between_file_and_row_makes_one_message() {
    let dir = tempfile::tempdir().unwrap();
    let spoken = spoken(dir.path());
    {
        let recordings = Recordings::start(dir.path(), &Registry::new()).unwrap();
        let (mut sink, spool) = recordings.spools().create(&header(1, SpoolFormat::G711)).unwrap();
        sink.append(&frames(&spoken)).unwrap();
        spool.sync().await.unwrap();
        recordings.finish(spool.path(), tags(1)).await.unwrap();
        // The crash: the file is in its place, the row is not.
        let half = dir.path().join("audio/2026/11/half.tmp");
        std::fs::write(half, b"half").unwrap();
    }
    let store = Store::open(StoreConfig::new(dir.path()), &Registry::new()).unwrap();
    let user = |name: &str, extension: &str| crate::store::NewUser {
        name: name.into(),
        display_name: name.into(),
        extension: extension.into(),
        password_hash: String::new(),
        ha1: crate::store::DigestSecrets { md5: [0; 16], sha256: [0; 32] },
        language: "en".into(),
        limit_secs: 59,
        pin_hash: None,
    };
    store.create_user(user("ann", "1")).await.unwrap();
    let bob = store.create_user(user("bob", "2")).await.unwrap();
    assert_eq!(files::remove_leftovers(dir.path()).unwrap(), 1);
    let recordings = Recordings::start(dir.path(), &Registry::new()).unwrap();
    // Twice: the second as if the crash had come between row and removal of the spool.
    for round in 0..2 {
        let orphans = recover::recover(dir.path()).unwrap();
        let orphan = &orphans[0];
        let finished = recordings.finish(&orphan.path, tags(1)).await.unwrap();
        let Intent::Send(delivery) = orphan.header.intent.clone() else { panic!() };
        let committed = store
            .commit_message(NewMessage {
                id: orphan.header.message,
                sender: orphan.header.sender.clone(),
                delivery,
                length_ms: finished.length_ms,
                bytes: finished.bytes,
                peaks: finished.peaks,
                audio: finished.audio,
                idempotency_key: orphan.header.idempotency_key.clone(),
                at: NOW,
            })
            .await
            .unwrap();
        assert_eq!(committed.duplicate, round == 1);
    }
    assert_eq!(store.counts(bob).await.unwrap().new, 1);
    let files = std::fs::read_dir(dir.path().join("audio/2026/11")).unwrap().count();
    assert_eq!(files, 1, "the file was replaced, not added to");
    spool::remove(&recover::recover(dir.path()).unwrap()[0].path).unwrap();
    assert!(recover::recover(dir.path()).unwrap().is_empty());
}

#[tokio::test]
async fn a_full_disk_ends_a_recording_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(dir.path())
        .status();
    if !mounted.is_ok_and(|s| s.success()) {
        eprintln!("skipped: no right to mount a tmpfs here");
        return;
    }
    let spools = Spools::start(dir.path(), 1).unwrap();
    let (mut sink, spool) = spools.create(&header(1, SpoolFormat::G711)).unwrap();
    let said = frames(&vec![1000; 8000]);
    let mut told = false;
    for _ in 0..100 {
        told = told || sink.append(&said).is_err();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let synced = spool.sync().await;
    let kept = read(&std::fs::read(spool.path()).unwrap()).unwrap();
    let put = files::put(dir.path(), Path::new("audio/2026/01/x.ogg"), &vec![0; 100_000]);
    let removed = spool.remove().await;
    let _ = Command::new("umount").arg("-l").arg(dir.path()).status();
    assert!(told, "the sink says so");
    assert!(matches!(synced, Err(RecordingError::DiskFull)), "{synced:?}");
    assert!(matches!(put, Err(RecordingError::DiskFull)), "{put:?}");
    assert!(matches!(kept.audio, SpoolAudio::Frames(f) if f.len() > 100));
    removed.unwrap();
}
