//! Files from elsewhere: WAV, Ogg, WebM, MP4, MP3 and AAC, judged by what is in them and never by
//! their name, and made into what a message's file holds.
//!
//! ```text
//!  sniff ─► Ogg Opus ─────────────────────────► packets ─┬─ one channel, as small as ours: kept as it is
//!        └► other ─ demux ─┬─ Opus packets ──────────────┘─ else: decode ─┬─► encode (16 kHz, one channel)
//!                          └─ PCM, Vorbis, AAC, MP3: decode, mix, resample ┘
//! ```
//!
//! The file is a stranger's: its reading is bounded in time, samples, channels and rates, its own
//! claims are believed where they are against it alone, and a panic of a decoder ends that file
//! and nothing else. Memory is bounded by the limit of the message and the size of the file.

mod demux;
mod labels;
mod sniff;
mod source;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use labels::Labels;
pub use sniff::{Container, sniff};
use source::{Deadline, Source};

use super::files::read_bounded;
use super::ogg_opus::{self, OpusStream};
use super::peaks::peaks;
use super::transcode::{Transcoded, encode};
use super::{RecordingError, decode, enhance, trim};

/// What is tolerated beyond the limit: encoders deliver in packets.
const GRACE_MS: u32 = 1_000;
/// Opus that takes no more bits a second than this is kept as it is: ours takes 24,000.
const KEPT_BITS: u64 = 64_000;
/// How much of the file is looked at to tell what it is.
const HEAD: usize = 512;

/// What a file may be.
#[derive(Clone, Copy, Debug)]
pub struct ForeignLimits {
    /// How long, in milliseconds.
    pub limit_ms: u32,
    /// Whether a file that breaks off is taken as far as it goes.
    pub partial: bool,
}

/// What a file became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it was.
    pub container: Container,
    /// What a message's file of it holds.
    pub made: Transcoded,
    /// Whether it broke off.
    pub torn: bool,
}

/// Why a file can't be a message.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It is none of the kinds that can be read.
    #[error("this is no audio file that can be read (WAV, Ogg, WebM, MP4, MP3 or AAC)")]
    Unknown,
    /// The container is known, but not what is in it.
    #[error("this {container} file holds no audio that can be read: {cause}")]
    Codec {
        /// Which container.
        container: Container,
        /// What was found.
        cause: String,
    },
    /// It is not what it claims to be.
    #[error("this {container} file is broken: {cause}")]
    Malformed {
        /// Which container.
        container: Container,
        /// What was found.
        cause: String,
    },
    /// It ends before it should.
    #[error("this {container} file breaks off after {} s", seconds(*.ms))]
    Torn {
        /// Which container.
        container: Container,
        /// What there is of it.
        ms: u32,
    },
    /// It is longer than its recipients take.
    #[error("this recording is {}: at most {} s are taken", long(*.ms), seconds(*.limit_ms))]
    TooLong {
        /// How long it is, where that is known.
        ms: Option<u64>,
        /// How long it may be.
        limit_ms: u32,
    },
    /// There is no sound in it.
    #[error("there is nothing to hear in this recording")]
    Silent,
    /// It takes too long to read.
    #[error("this file takes too long to read")]
    TooSlow,
    /// It can't be written, or encoded.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

fn seconds(ms: u32) -> String {
    let (whole, tenths) = (ms / 1000, ms % 1000 / 100);
    if tenths == 0 { whole.to_string() } else { format!("{whole}.{tenths}") }
}

fn long(ms: Option<u64>) -> String {
    ms.map_or_else(|| "too long".to_owned(), |ms| format!("{} s long", ms.div_ceil(1000)))
}

impl ForeignError {
    /// What whoever sent the file can do about it.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::Unknown => "send a WAV, Ogg, WebM, MP4, MP3 or AAC file",
            Self::Codec { .. } => {
                "convert it: PCM in WAV, Opus or Vorbis in Ogg, Opus in WebM, AAC in MP4, or MP3"
            }
            Self::Malformed { .. } => "export it again and send that",
            Self::Torn { .. } => "send the whole file, or ask with partial=true for what there is",
            Self::TooLong { .. } => "shorten it, or send it in parts",
            Self::Silent => "check the microphone, and record again",
            Self::TooSlow => "convert it to Ogg Opus and send that",
            Self::Recording(_) => "try again; if it stays so, tell the operator",
        }
    }
}

/// What is read about a file in all of its ways.
struct Job<'a> {
    container: Container,
    limits: ForeignLimits,
    deadline: &'a Deadline,
}

/// Reads and judges a file. Blocks.
///
/// # Errors
/// [`ForeignError`] says what is wrong with it.
pub fn read(file: &Path, limits: ForeignLimits) -> Result<Foreign, ForeignError> {
    let (container, skip) = look(file)?.ok_or(ForeignError::Unknown)?;
    let deadline = Deadline::new();
    let job = Job { container, limits, deadline: &deadline };
    let judged = catch_unwind(AssertUnwindSafe(|| job.read(file, skip)));
    let judged = judged.unwrap_or_else(|_| Err(job.malformed("its decoder gave up")));
    // Whatever the decoder made of a source that refused: the time was up.
    if judged.is_err() && deadline.is_over() { Err(ForeignError::TooSlow) } else { judged }
}

/// What a file says about itself, where it is Ogg Opus; nothing where it is not. Blocks.
pub fn labels(file: &Path) -> Result<Labels, RecordingError> {
    let opened = File::open(file).map_err(|e| RecordingError::file(file, e))?;
    Ok(ogg_opus::read_comments(std::io::BufReader::new(opened))
        .map(|comments| Labels::of(&comments))
        .unwrap_or_default())
}

/// What the file is, and where its audio begins.
fn look(file: &Path) -> Result<Option<(Container, u64)>, RecordingError> {
    let failed = |e| RecordingError::file(file, e);
    let mut opened = File::open(file).map_err(failed)?;
    let skip = {
        let mut head = [0; 10];
        let read = opened.read(&mut head).map_err(failed)?;
        sniff::tag_length(&head[..read])
    };
    opened.seek(std::io::SeekFrom::Start(skip)).map_err(failed)?;
    let mut head = Vec::with_capacity(HEAD);
    opened.take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
    Ok(sniff(&head).map(|container| (container, skip)))
}

impl Job<'_> {
    fn read(&self, file: &Path, skip: u64) -> Result<Foreign, ForeignError> {
        if self.container == Container::OggOpus {
            let opus = ogg_opus::read(&read_bounded(file)?).map_err(|e| self.broken(e))?;
            return self.opus(opus.stream, opus.torn);
        }
        let opened = File::open(file).map_err(|e| RecordingError::file(file, e))?;
        let source = Source::new(opened, skip, self.deadline.clone())
            .map_err(|e| RecordingError::file(file, e))?;
        match demux::read(self, source)? {
            demux::Found::Opus(stream, torn) => self.opus(stream, torn),
            demux::Found::Pcm(pcm, torn) => {
                let ms = u32::try_from(pcm.len() as u64 * 1000 / u64::from(enhance::RATE));
                self.whole(torn, ms.unwrap_or(u32::MAX))?;
                self.audible(&pcm)?;
                Ok(self.made(encode(&pcm)?, torn))
            }
        }
    }

    /// Judges Opus packets, whatever they came in.
    fn opus(&self, stream: OpusStream, torn: bool) -> Result<Foreign, ForeignError> {
        let ms = stream.length_ms();
        self.fits(Some(ms.into()))?;
        self.whole(torn, ms)?;
        let pcm = decode::decode_stream(&stream, enhance::RATE)?;
        self.audible(&pcm)?;
        let bytes: usize = stream.packets.iter().map(bytes::Bytes::len).sum();
        let small = bytes as u64 * 8 * 1000 <= KEPT_BITS * u64::from(ms.max(1_000));
        let made = if stream.channels == 1 && small {
            // Without a second lossy step.
            Transcoded { peaks: peaks(&pcm), stream }
        } else {
            encode(&pcm)?
        };
        Ok(self.made(made, torn))
    }

    const fn made(&self, made: Transcoded, torn: bool) -> Foreign {
        Foreign { container: self.container, made, torn }
    }

    /// Refuses what is longer than it may be.
    fn fits(&self, ms: Option<u64>) -> Result<(), ForeignError> {
        let limit_ms = self.limits.limit_ms;
        if ms.is_some_and(|ms| ms > u64::from(limit_ms) + u64::from(GRACE_MS)) {
            return Err(ForeignError::TooLong { ms, limit_ms });
        }
        Ok(())
    }

    const fn whole(&self, torn: bool, ms: u32) -> Result<(), ForeignError> {
        if torn && !self.limits.partial {
            return Err(ForeignError::Torn { container: self.container, ms });
        }
        Ok(())
    }

    fn audible(&self, pcm: &[i16]) -> Result<(), ForeignError> {
        if trim::is_silent(pcm, enhance::RATE) { Err(ForeignError::Silent) } else { Ok(()) }
    }

    /// How many samples may come out at 16 kHz before the file is too long.
    const fn most_samples(&self) -> usize {
        (self.limits.limit_ms as usize + GRACE_MS as usize) * (enhance::RATE as usize / 1000)
    }

    fn malformed(&self, cause: impl ToString) -> ForeignError {
        ForeignError::Malformed { container: self.container, cause: cause.to_string() }
    }

    fn codec(&self, cause: impl ToString) -> ForeignError {
        ForeignError::Codec { container: self.container, cause: cause.to_string() }
    }

    fn broken(&self, error: RecordingError) -> ForeignError {
        match error {
            RecordingError::Malformed(cause) => self.malformed(cause),
            RecordingError::Empty => ForeignError::Silent,
            error @ (RecordingError::DiskFull
            | RecordingError::File { .. }
            | RecordingError::Codec { .. }
            | RecordingError::Worker) => error.into(),
        }
    }
}
