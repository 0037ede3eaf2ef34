//! The microphone of this machine (feature `mic`).
//!
//! What is heard goes through a bounded queue from the sound system's thread to this one, which
//! mixes, resamples, encodes and writes: the file grows while it is spoken.

/// Records into `out` until Enter is pressed, standard input ends or `limit` seconds are over.
/// Says how many milliseconds were recorded.
#[cfg(not(feature = "mic"))]
pub fn record(
    _out: impl std::io::Write,
    _tags: &hark_actors::recording::Tags,
    _limit: u32,
) -> Result<u32, super::client::Failed> {
    Err(super::client::Failed::wrong(
        "this hark was built without the microphone\n  mend: build it with `cargo build --features \
         mic` (on Linux with libasound2-dev), or record with another program and give --file",
    ))
}

#[cfg(feature = "mic")]
pub use with_cpal::record;

#[cfg(feature = "mic")]
mod with_cpal {
    use std::io::{BufRead as _, Write};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
    use std::time::Duration;

    use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
    use cpal::{FromSample, Sample, SampleFormat, SizedSample, StreamConfig};
    use hark_actors::recording::Tags;
    use hark_actors::recording::resample::Resampler;
    use hark_actors::recording::tape::{Tape, samples};
    use indicatif::ProgressBar;

    use crate::commands::client::Failed;
    use crate::commands::send::bar;

    /// The rate that is encoded.
    const RATE: u32 = 16_000;
    /// Pieces that may wait; a disk that does not keep up loses what is beyond.
    const WAITING: usize = 256;
    /// A microphone from which nothing comes for so long is gone.
    const GONE: Duration = Duration::from_secs(5);

    /// What comes from the sound system's thread, and from the keyboard's.
    enum Heard {
        Sound(Vec<i16>),
        Trouble(String),
        Enough,
    }

    pub fn record(out: impl Write, tags: &Tags, limit: u32) -> Result<u32, Failed> {
        let device = cpal::default_host().default_input_device().ok_or_else(|| {
            Failed::undone(
                "this machine has no microphone\n  mend: plug one in and choose it in the sound \
                 settings, or record with another program and give --file",
            )
        })?;
        let failed =
            |error: cpal::Error| Failed::undone(format!("the microphone can't be used: {error}"));
        let config = device.default_input_config().map_err(failed)?;
        let (sender, heard) = sync_channel(WAITING);
        let format = config.sample_format();
        let config: StreamConfig = config.into();
        let stream = match format {
            SampleFormat::F32 => listen::<f32>(&device, &config, &sender),
            SampleFormat::I16 => listen::<i16>(&device, &config, &sender),
            SampleFormat::I32 => listen::<i32>(&device, &config, &sender),
            SampleFormat::U16 => listen::<u16>(&device, &config, &sender),
            SampleFormat::U8 => listen::<u8>(&device, &config, &sender),
            other => {
                let what = format!("the microphone speaks {other}, which can't be read");
                return Err(Failed::undone(what));
            }
        }
        .map_err(failed)?;
        stream.play().map_err(failed)?;
        until_enter(sender);
        write(out, tags, limit, config.sample_rate, &heard)
    }

    fn listen<T: SizedSample>(
        device: &cpal::Device,
        config: &StreamConfig,
        sender: &SyncSender<Heard>,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        i16: FromSample<T>,
    {
        let channels = usize::from(config.channels.max(1));
        let (sound, trouble) = (sender.clone(), sender.clone());
        device.build_input_stream(
            *config,
            move |data: &[T], _: &_| {
                let mixed = data.chunks_exact(channels).map(|frame| {
                    let sum: i32 = frame.iter().map(|s| i32::from(i16::from_sample(*s))).sum();
                    i16::try_from(sum / channels as i32).unwrap_or(0)
                });
                // A full queue is a disk that hangs: the sound system must not wait for it.
                let _lost = sound.try_send(Heard::Sound(mixed.collect()));
            },
            move |error: cpal::Error| {
                let _gone = trouble.try_send(Heard::Trouble(error.to_string()));
            },
            None,
        )
    }

    /// The keyboard's thread ends with the process.
    fn until_enter(sender: SyncSender<Heard>) {
        std::thread::spawn(move || {
            let mut line = String::new();
            // The end of standard input says the same as Enter.
            let _ = std::io::stdin().lock().read_line(&mut line);
            let _over_already = sender.send(Heard::Enough);
        });
    }

    fn write(
        out: impl Write,
        tags: &Tags,
        limit: u32,
        rate: u32,
        heard: &Receiver<Heard>,
    ) -> Result<u32, Failed> {
        let failed =
            |error: hark_actors::recording::RecordingError| Failed::undone(error.to_string());
        let mut tape = Tape::new(out, tags).map_err(failed)?;
        let mut resampler = Resampler::new(rate, RATE);
        let mut left = samples(limit * 1_000);
        let shown = bar(
            ProgressBar::new(u64::from(limit)),
            "recording {bar:30} {pos}/{len} s  (Enter ends it)",
        );
        let mut speech = Vec::new();
        while left > 0 {
            match heard.recv_timeout(GONE) {
                Ok(Heard::Sound(piece)) => {
                    speech.clear();
                    resampler.push(&piece, &mut speech);
                    speech.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    left -= speech.len() as u64;
                    tape.push(&speech).map_err(failed)?;
                    shown.set_position(u64::from(tape.ms() / 1_000));
                }
                Ok(Heard::Enough) => break,
                // What was said until then is kept.
                Ok(Heard::Trouble(_)) | Err(RecvTimeoutError::Timeout) if tape.ms() > 0 => break,
                Ok(Heard::Trouble(what)) => {
                    return Err(Failed::undone(format!("the microphone failed: {what}")));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(Failed::undone("nothing comes from the microphone"));
                }
            }
        }
        shown.finish_and_clear();
        let ms = tape.ms();
        tape.finish().map_err(failed)?;
        if ms == 0 {
            return Err(Failed::wrong("nothing was said"));
        }
        Ok(ms)
    }
}
