//! What telephones say: recorded prompts, and text to speech where nobody recorded one.
//!
//! Each text is synthesised once: concurrent callers wait for the same run, finished sound is
//! kept in memory (bounded, the least recently used goes first) and under `prompts/` in the
//! storage folder (bounded, the oldest goes first). A failure is an [`SpeechError`]; callers
//! then hear a tone instead, and never a hang-up.

mod cache;
mod command;
mod recorded;
pub mod wav;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hark_engine::media::clip::Clip;
use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use cache::{Disk, Memory};
pub(crate) use command::voices;
pub use recorded::{Prompts, recorded_prompts};

/// Mono samples at 8 kHz, shared.
pub type Sound = Arc<Clip>;

/// The longest text that is spoken, in characters.
pub const LONGEST_TEXT: usize = 2000;

/// A text that failed is not tried again for so long: callers hear the tone at once.
const FAILURE_HOLDS: Duration = Duration::from_secs(30);

/// How text becomes speech.
#[derive(Clone, Debug)]
pub struct SpeechConfig {
    /// The folder of the cache.
    pub dir: PathBuf,
    /// The command with its arguments, in which `{text}`, `{file}` and `{language}` are put in;
    /// without `{text}` the text is given on its standard input. Empty: flite for English,
    /// espeak-ng for other languages or where flite is missing.
    pub command: Vec<String>,
    /// How long one run may take.
    pub time_limit: Duration,
    /// How many bytes of sound are kept in memory.
    pub memory: usize,
    /// How many bytes of sound are kept on the disk.
    pub disk: u64,
    /// How many runs there are at a time; others wait.
    pub runs: usize,
}

impl SpeechConfig {
    /// The usual limits, with the cache in `dir` (`prompts/` under the storage folder).
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            command: Vec::new(),
            time_limit: Duration::from_secs(10),
            memory: 64 << 20,
            disk: 512 << 20,
            runs: 2,
        }
    }
}

/// Why a text was not spoken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpeechError {
    /// No program is there to speak.
    #[error("there is no {0}: install it (apt install flite espeak-ng) or set speech.command")]
    Missing(String),
    /// The program failed.
    #[error("{program} failed ({cause}): try it at a terminal, or set speech.command")]
    Failed {
        /// Which.
        program: String,
        /// How.
        cause: String,
    },
    /// The program took too long and was stopped.
    #[error("{program} took longer than {limit:?}: is the machine overloaded?")]
    TooSlow {
        /// Which.
        program: String,
        /// The limit.
        limit: Duration,
    },
    /// The text or the language can't be spoken.
    #[error("{0}")]
    Refused(&'static str),
    /// What was made is no sound.
    #[error("not a usable WAV file ({0}): use 16-bit PCM")]
    Wav(String),
    /// The cache can't be written.
    #[error("can't write to the prompt cache ({0}): check the storage folder")]
    Cache(String),
}

/// Speaks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Speech {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: SpeechConfig,
    memory: Mutex<Memory>,
    disk: Disk,
    runs: Semaphore,
    /// Texts that are being made, and those that failed a moment ago.
    making: Mutex<HashMap<Key, Arc<Making>>>,
}

#[derive(Debug, Default)]
struct Making {
    result: OnceCell<(Result<Sound, SpeechError>, Instant)>,
}

/// SHA-256 of language, command and text.
type Key = [u8; 32];

/// How many texts may be in the making at once, or be remembered as failed.
const MOST_MAKING: usize = 1024;

impl Speech {
    /// A speaker with an empty memory.
    pub fn new(config: SpeechConfig) -> Self {
        let shared = Shared {
            memory: Mutex::new(Memory::new(config.memory)),
            disk: Disk::new(&config.dir, config.disk),
            runs: Semaphore::new(config.runs.max(1)),
            making: Mutex::default(),
            config,
        };
        Self { shared: Arc::new(shared) }
    }

    /// `text` in `language` (BCP 47), as mono samples at 8 kHz.
    pub async fn speak(&self, language: &str, text: &str) -> Result<Sound, SpeechError> {
        let language = command::checked_language(language)?;
        let text = command::checked_text(text)?;
        let key = key(&self.shared.config.command, &language, &text);
        if let Some(pcm) = lock(&self.shared.memory).get(&key) {
            return Ok(pcm);
        }
        let making = self.shared.making(key)?;
        let (result, _) = making
            .result
            .get_or_init(|| async {
                let shared = Arc::clone(&self.shared);
                // On a task of its own, so that a caller who hangs up does not stop it for the
                // others, nor for the cache.
                let made = tokio::spawn(async move { shared.make(key, &language, &text).await });
                let ended = |_| {
                    let program = "text to speech".into();
                    Err(SpeechError::Failed { program, cause: "its task ended".into() })
                };
                (made.await.unwrap_or_else(ended), Instant::now())
            })
            .await;
        if result.is_ok() {
            // From here on it is found in memory, or on the disk.
            lock(&self.shared.making).remove(&key);
        }
        result.clone()
    }
}

impl Shared {
    fn making(&self, key: Key) -> Result<Arc<Making>, SpeechError> {
        let mut making = lock(&self.making);
        making.retain(|_, m| m.result.get().is_none_or(|(_, at)| at.elapsed() < FAILURE_HOLDS));
        if making.len() >= MOST_MAKING && !making.contains_key(&key) {
            return Err(SpeechError::Refused("too many texts wait to be spoken"));
        }
        Ok(Arc::clone(making.entry(key).or_default()))
    }

    async fn make(&self, key: Key, language: &str, text: &str) -> Result<Sound, SpeechError> {
        let pcm = match self.disk.get(&key).await {
            Some(pcm) => pcm,
            None => {
                let _run = self.runs.acquire().await;
                let file = self.disk.temporary(&key)?;
                let made = command::run(&self.config, language, text, &file).await;
                let pcm = match made {
                    Ok(()) => wav::read_telephone(&file).await,
                    Err(error) => Err(error),
                };
                // The cache keeps the telephone's version, not the program's.
                let _ = tokio::fs::remove_file(&file).await;
                let pcm = pcm?;
                self.disk.put(&key, &pcm).await?;
                pcm
            }
        };
        let pcm = Arc::new(Clip::from_pcm_8k(pcm));
        lock(&self.memory).put(key, Arc::clone(&pcm));
        Ok(pcm)
    }
}

fn key(command: &[String], language: &str, text: &str) -> Key {
    let mut hash = Sha256::new();
    for part in command.iter().map(String::as_str).chain([language, text]) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
