//! Prompts that somebody recorded: `<folder>/<language>/<name>.wav`.
//!
//! A file is read when it is first heard and kept in memory (bounded, the least recently used
//! goes first). One that changes is read again: a new recording needs no restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use hark_engine::media::clip::Clip;
use sha2::{Digest, Sha256};

use super::cache::Memory;
use super::command::checked_language;
use super::{Sound, SpeechError, lock, wav};

/// How many bytes of recorded prompts are kept in memory.
const MEMORY: usize = 32 << 20;
/// The longest name of a prompt.
const LONGEST_NAME: usize = 64;

/// The folder of recorded prompts, if the site has one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prompts {
    dir: Option<Arc<Path>>,
    memory: Arc<Mutex<Memory>>,
}

impl Prompts {
    /// The prompts of a folder; none without one.
    pub fn new(dir: Option<&Path>) -> Self {
        let memory = Arc::new(Mutex::new(Memory::new(MEMORY)));
        Self { dir: dir.map(Arc::from), memory }
    }

    /// The prompt of this name in a language (BCP 47, as the folder is called). `None` if nobody
    /// recorded it.
    ///
    /// # Errors
    /// The language or the name is none (so no name leads out of the folder), or the file can't
    /// be played.
    pub async fn find(&self, language: &str, name: &str) -> Result<Option<Sound>, SpeechError> {
        checked_language(language)?;
        if !is_name(name) {
            let why = "a prompt's name has 1 to 64 letters, digits, - and _";
            return Err(SpeechError::Refused(why));
        }
        let Some(dir) = &self.dir else { return Ok(None) };
        let file = dir.join(language).join(format!("{name}.wav"));
        let found = match tokio::fs::metadata(&file).await {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpeechError::Wav(error.to_string())),
        };
        let changed = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let mut key = Sha256::new();
        key.update(file.as_os_str().as_encoded_bytes());
        key.update(changed.unwrap_or_default().as_nanos().to_le_bytes());
        key.update(found.len().to_le_bytes());
        let key = key.finalize().into();
        if let Some(sound) = lock(&self.memory).get(&key) {
            return Ok(Some(sound));
        }
        let sound = Arc::new(Clip::from_pcm_8k(wav::read_telephone(&file).await?));
        lock(&self.memory).put(key, Arc::clone(&sound));
        Ok(Some(sound))
    }
}

/// Each prompt that is recorded in a folder: its language and its name. Sorted. What is no WAV
/// file, or is named as no prompt can be, is left out.
///
/// # Errors
/// The folder can't be read.
pub fn recorded_prompts(dir: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for language in std::fs::read_dir(dir)? {
        let language = language?.path();
        let Some(tag) = part(language.file_name()).filter(|tag| checked_language(tag).is_ok())
        else {
            continue;
        };
        if !language.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&language)? {
            let file: PathBuf = file?.path();
            let name = part(file.file_stem()).filter(|name| is_name(name));
            if let Some(name) = name.filter(|_| file.extension().is_some_and(|e| e == "wav")) {
                found.push((tag.clone(), name));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn part(name: Option<&std::ffi::OsStr>) -> Option<String> {
    name?.to_str().map(str::to_owned)
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn record(file: &Path, rate: u32, seconds: u32) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(file, spec).unwrap();
        for n in 0..rate * seconds {
            writer.write_sample(((n % 50) * 200) as i16).unwrap();
        }
        writer.finalize().unwrap();
    }

    #[tokio::test]
    async fn a_recorded_prompt_is_heard_and_a_new_recording_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("de-AT/welcome_1.wav");
        record(&file, 48_000, 1);
        let prompts = Prompts::new(Some(dir.path()));
        let heard = prompts.find("de-AT", "welcome_1").await.unwrap().unwrap();
        assert_eq!(heard.length(), Duration::from_secs(1));
        let again = prompts.find("de-AT", "welcome_1").await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&heard, &again), "read once");
        record(&file, 8000, 2);
        let later = SystemTime::now() + Duration::from_secs(5);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        let new = prompts.find("de-AT", "welcome_1").await.unwrap().unwrap();
        assert_eq!(new.length(), Duration::from_secs(2));
        assert!(prompts.find("de-AT", "other").await.unwrap().is_none());
        assert!(prompts.find("de", "welcome_1").await.unwrap().is_none());
        assert!(Prompts::new(None).find("de", "welcome_1").await.unwrap().is_none());
        std::fs::write(&file, "no sound").unwrap();
        assert!(prompts.find("de-AT", "welcome_1").await.is_err());
    }

    #[tokio::test]
    async fn no_name_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        record(&dir.path().join("secret.wav"), 8000, 1);
        record(&dir.path().join("prompts/en/fine.wav"), 8000, 1);
        let prompts = Prompts::new(Some(&dir.path().join("prompts")));
        assert!(prompts.find("en", "fine").await.unwrap().is_some());
        for (language, name) in [
            ("en", "../../secret"),
            ("..", "secret"),
            ("en/..", "fine"),
            ("en", "a/b"),
            ("en", ""),
            ("en", "fine.wav"),
            ("en", "f\0"),
            ("", "fine"),
        ] {
            assert!(prompts.find(language, name).await.is_err(), "{language:?} {name:?}");
        }
    }

    #[test]
    fn the_recorded_prompts_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["de/b.wav", "de/a.wav", "en/a.wav", "en/no name.wav", "en/a.txt", "..x/a.wav"]
        {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let listed = recorded_prompts(dir.path()).unwrap();
        let listed: Vec<_> = listed.iter().map(|(l, n)| (l.as_str(), n.as_str())).collect();
        assert_eq!(listed, [("de", "a"), ("de", "b"), ("en", "a")]);
        assert!(recorded_prompts(&dir.path().join("gone")).is_err());
    }
}
