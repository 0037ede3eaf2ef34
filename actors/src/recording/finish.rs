//! From a finished spool to a file in its place, off the hot path.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};
use tokio::sync::Semaphore;

use super::files::{audio_path, put, read_bounded};
use super::foreign::{self, Foreign, ForeignError, ForeignLimits, Labels};
use super::import::import;
use super::ogg_opus::{self, Tags};
use super::peaks::peaks;
use super::resample::resample;
use super::spool_format::{self, SpoolAudio};
use super::transcode::{TELEPHONE_RATE, Transcoded, clean, encode, pcm, transcode, transcode_pcm};
use super::{RecordingError, Spools, decode, enhance};

/// Between an introduction and the message that it introduces: 300 ms.
const PAUSE: usize = enhance::RATE as usize * 3 / 10;
/// Decoding for the picture is done at this rate.
const PICTURE_RATE: u32 = 8000;

/// A recording whose audio file is in its place: what the message's row needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The file, relative to the storage folder.
    pub audio: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// How long it is.
    pub length_ms: u32,
    /// The picture of its loudness.
    pub peaks: Vec<u8>,
}

/// The recordings of a server: spools, and workers that make files of them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recordings {
    dir: Arc<Path>,
    spools: Spools,
    workers: Arc<Semaphore>,
    seconds: Histogram,
    outcomes: IntCounterVec,
}

impl Recordings {
    /// Starts the spool threads for the storage folder `dir`. As many files are made at a time
    /// as there are cores; others wait.
    pub fn start(dir: &Path, registry: &Registry) -> Result<Self, RecordingError> {
        let metrics = |e: prometheus::Error| RecordingError::codec("prometheus", e);
        let seconds = Histogram::with_opts(
            HistogramOpts::new(
                "hark_recording_finish_seconds",
                "How long it took to make an audio file of a recording.",
            )
            .buckets(vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0]),
        )
        .map_err(metrics)?;
        let outcomes = IntCounterVec::new(
            Opts::new("hark_recordings_finished_total", "Recordings finished, by outcome."),
            &["outcome"],
        )
        .map_err(metrics)?;
        registry.register(Box::new(seconds.clone())).map_err(metrics)?;
        registry.register(Box::new(outcomes.clone())).map_err(metrics)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            dir: dir.into(),
            spools: Spools::start(dir, cores.min(2))?,
            workers: Arc::new(Semaphore::new(cores)),
            seconds,
            outcomes,
        })
    }

    /// Where recordings begin.
    pub fn spools(&self) -> &Spools {
        &self.spools
    }

    /// Makes the audio file of a spool that was synced ([`super::Spool::sync`]). The spool stays
    /// until the message's row is committed: remove it then. May be repeated as long as there is
    /// no row: the file is replaced as a whole.
    pub async fn finish(&self, spool: &Path, tags: Tags) -> Result<Finished, RecordingError> {
        let (dir, spool) = (Arc::clone(&self.dir), spool.to_owned());
        let seconds = self.seconds.clone();
        let finished = self
            .work(move || {
                let started = Instant::now();
                let finished = finish(&dir, &spool, &tags);
                seconds.observe(started.elapsed().as_secs_f64());
                finished
            })
            .await;
        self.outcomes.with_label_values(&[outcome(&finished)]).inc();
        finished
    }

    /// Makes a file at `place`, relative to the storage folder, of what was spoken on a telephone
    /// (samples at 8 kHz): a greeting, a name. A file that is there is replaced as a whole.
    pub async fn keep(
        &self,
        place: &Path,
        spoken: Vec<i16>,
        tags: Tags,
    ) -> Result<(), RecordingError> {
        let (dir, place) = (Arc::clone(&self.dir), place.to_owned());
        self.work(move || {
            let made = transcode_pcm(&spoken)?;
            put(&dir, &place, &ogg_opus::write(&made.stream, &tags)?)
        })
        .await
    }

    /// Makes the audio file of the message `tags.id` of what a machine spoke (samples at 8 kHz):
    /// as it is. May be repeated: the file is replaced as a whole.
    pub async fn speak(&self, spoken: Vec<i16>, tags: Tags) -> Result<Finished, RecordingError> {
        let dir = Arc::clone(&self.dir);
        let finished = self
            .work(move || {
                if spoken.is_empty() {
                    return Err(RecordingError::Empty);
                }
                let wide = resample(&spoken, TELEPHONE_RATE, enhance::RATE);
                place(&dir, &encode(&wide)?, &tags)
            })
            .await;
        self.outcomes.with_label_values(&[outcome(&finished)]).inc();
        finished
    }

    /// Writes the tags of a file anew; its audio stays as it is.
    pub async fn retag(&self, audio: &Path, tags: Tags) -> Result<(), RecordingError> {
        let (dir, audio) = (Arc::clone(&self.dir), audio.to_owned());
        self.work(move || retag(&dir, &audio, &tags)).await
    }

    /// Removes a file that [`Self::keep`] made, if it is there.
    pub async fn remove_kept(&self, place: &Path) -> Result<(), RecordingError> {
        let file = self.dir.join(place);
        self.work(move || super::spool::remove(&file)).await
    }

    /// Makes the audio file of the message `tags.id` that passes another one on: the
    /// introduction (samples at 8 kHz, as a telephone gave them), a pause, and the other one's
    /// `audio`. May be repeated: the file is replaced as a whole.
    pub async fn pass_on(
        &self,
        introduction: Option<Vec<i16>>,
        audio: &Path,
        tags: Tags,
    ) -> Result<Finished, RecordingError> {
        let (dir, audio) = (Arc::clone(&self.dir), self.dir.join(audio));
        let finished = self
            .work(move || {
                let original = ogg_opus::read(&read_bounded(&audio)?)?.stream;
                let made = match introduction {
                    // As it is: without a second lossy step.
                    None => {
                        let peaks = peaks(&decode::decode_stream(&original, PICTURE_RATE)?);
                        Transcoded { stream: original, peaks }
                    }
                    Some(introduction) => {
                        let mut speech = clean(&introduction)?;
                        speech.resize(speech.len() + PAUSE, 0);
                        speech.extend(decode::decode_stream(&original, enhance::RATE)?);
                        encode(&speech)?
                    }
                };
                place(&dir, &made, &tags)
            })
            .await;
        self.outcomes.with_label_values(&[outcome(&finished)]).inc();
        finished
    }

    /// What a file from elsewhere says about itself, if it is one of ours.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn labels(&self, file: &Path) -> Result<Labels, RecordingError> {
        let file = file.to_owned();
        self.work(move || foreign::labels(&file)).await
    }

    /// Decodes and judges a file from elsewhere. Nothing is kept of it yet.
    ///
    /// # Errors
    /// [`ForeignError`] says what is wrong with it.
    pub async fn judge(&self, file: &Path, limits: ForeignLimits) -> Result<Foreign, ForeignError> {
        let file = file.to_owned();
        self.work(move || Ok(foreign::read(&file, limits))).await?
    }

    /// Puts what [`Self::judge`] made at the place of the message `tags.id`.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn adopt(&self, made: Transcoded, tags: Tags) -> Result<Finished, RecordingError> {
        let dir = Arc::clone(&self.dir);
        let finished = self.work(move || place(&dir, &made, &tags)).await;
        self.outcomes.with_label_values(&[outcome(&finished)]).inc();
        finished
    }

    /// Removes a file that [`Self::adopt`] put in its place and that no message names.
    pub async fn disown(&self, audio: &Path) -> Result<(), RecordingError> {
        self.remove_kept(audio).await
    }

    /// What was recorded so far, as samples at 8 kHz, to be heard in a review before it is sent.
    pub async fn preview(&self, spool: &Path) -> Result<Vec<i16>, RecordingError> {
        let spool = spool.to_owned();
        self.work(move || {
            let content = spool_format::read(&read_bounded(&spool)?)?;
            match content.audio {
                SpoolAudio::Frames(frames) => Ok(pcm(&frames, content.header.limit_ms)),
                SpoolAudio::File(bytes) => {
                    decode::decode_stream(&ogg_opus::read(&bytes)?.stream, 8000)
                }
            }
        })
        .await
    }

    /// A message's audio as samples at 8 kHz, for a telephone.
    pub async fn decode(&self, audio: &Path) -> Result<Vec<i16>, RecordingError> {
        let file = self.dir.join(audio);
        self.work(move || decode::decode_message(&file)).await
    }

    /// A message's audio as a WAV file, for browsers that do not play Ogg Opus.
    pub async fn decode_wav(&self, audio: &Path) -> Result<Vec<u8>, RecordingError> {
        let file = self.dir.join(audio);
        self.work(move || decode::decode_wav(&file)).await
    }

    pub(super) async fn work<T, F>(&self, work: F) -> Result<T, RecordingError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, RecordingError> + Send + 'static,
    {
        let permit = Arc::clone(&self.workers).acquire_owned().await;
        let permit = permit.map_err(|_| RecordingError::Worker)?;
        tokio::task::spawn_blocking(move || {
            let _held_while_working = permit;
            work()
        })
        .await
        .unwrap_or(Err(RecordingError::Worker))
    }
}

/// Makes the audio file of a spool. Blocks.
pub(super) fn finish(dir: &Path, spool: &Path, tags: &Tags) -> Result<Finished, RecordingError> {
    let content = spool_format::read(&read_bounded(spool)?)?;
    let limit_ms = content.header.limit_ms;
    let made = match content.audio {
        SpoolAudio::Frames(frames) => transcode(&frames, limit_ms)?,
        SpoolAudio::File(bytes) => import(&bytes, limit_ms)?,
    };
    place(dir, &made, tags)
}

/// Writes the tags of a file anew. Blocks.
pub fn retag(dir: &Path, audio: &Path, tags: &Tags) -> Result<(), RecordingError> {
    let stream = ogg_opus::read(&read_bounded(&dir.join(audio))?)?.stream;
    put(dir, audio, &ogg_opus::write(&stream, tags)?)
}

/// Writes a message's file to its place.
fn place(dir: &Path, made: &Transcoded, tags: &Tags) -> Result<Finished, RecordingError> {
    let file = ogg_opus::write(&made.stream, tags)?;
    let audio = audio_path(tags.id);
    put(dir, &audio, &file)?;
    Ok(Finished {
        audio,
        bytes: file.len() as u64,
        length_ms: made.stream.length_ms(),
        peaks: made.peaks.clone(),
    })
}

fn outcome(finished: &Result<Finished, RecordingError>) -> &'static str {
    match finished {
        Ok(_) => "kept",
        Err(RecordingError::DiskFull) => "disk_full",
        Err(RecordingError::Malformed(_)) => "malformed",
        Err(RecordingError::Empty) => "empty",
        Err(
            RecordingError::File { .. } | RecordingError::Codec { .. } | RecordingError::Worker,
        ) => "failed",
    }
}
