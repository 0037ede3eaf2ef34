//! Where spoken texts are kept: in memory and on the disk, both bounded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::{Key, Sound, SpeechError, wav};

/// The most recently used sounds.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    bytes: usize,
    uses: u64,
    sounds: HashMap<Key, (Sound, u64)>,
}

impl Memory {
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, uses: 0, sounds: HashMap::new() }
    }

    pub fn get(&mut self, key: &Key) -> Option<Sound> {
        self.uses += 1;
        let (pcm, used) = self.sounds.get_mut(key)?;
        *used = self.uses;
        Some(Arc::clone(pcm))
    }

    pub fn put(&mut self, key: Key, pcm: Sound) {
        if size(&pcm) > self.limit {
            return;
        }
        self.uses += 1;
        self.bytes += size(&pcm);
        if let Some((old, _)) = self.sounds.insert(key, (pcm, self.uses)) {
            self.bytes -= size(&old);
        }
        while self.bytes > self.limit {
            let oldest = self.sounds.iter().min_by_key(|(_, (_, used))| *used).map(|(k, _)| *k);
            let Some((removed, _)) = oldest.and_then(|key| self.sounds.remove(&key)) else {
                return;
            };
            self.bytes -= size(&removed);
        }
    }
}

fn size(pcm: &Sound) -> usize {
    // Samples and both encodings, and what the map itself takes, so that many short sounds are
    // bounded as well.
    pcm.pcm().len() * 4 + 128
}

/// The folder of sounds. It is a cache: what is broken in it is made again.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    limit: u64,
    written: AtomicU64,
}

impl Disk {
    pub fn new(dir: &Path, limit: u64) -> Self {
        Self { dir: dir.to_owned(), limit, written: AtomicU64::new(0) }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(format!("{}.wav", hex::encode(key)))
    }

    /// A file beside the cache's own, for one run of a program.
    pub fn temporary(&self, key: &Key) -> Result<PathBuf, SpeechError> {
        std::fs::create_dir_all(&self.dir).map_err(cache_error)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        Ok(self.dir.join(format!("{}.{number}.tmp.wav", hex::encode(key))))
    }

    pub async fn get(&self, key: &Key) -> Option<Vec<i16>> {
        wav::read_telephone(&self.path(key)).await.ok()
    }

    pub async fn put(&self, key: &Key, pcm: &[i16]) -> Result<(), SpeechError> {
        let temporary = self.temporary(key)?;
        let (place, bytes) = (self.path(key), wav::write_telephone(pcm)?);
        tokio::fs::write(&temporary, bytes).await.map_err(cache_error)?;
        tokio::fs::rename(&temporary, place).await.map_err(cache_error)?;
        // Now and then, and at the first write after a start.
        if self.written.load(Ordering::Relaxed) % 256 < 3 {
            let (dir, limit) = (self.dir.clone(), self.limit);
            tokio::task::spawn_blocking(move || prune(&dir, limit));
        }
        Ok(())
    }
}

/// Removes the oldest files until a fifth of the limit is free. Nobody depends on it.
fn prune(dir: &Path, limit: u64) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "wav"))
        .filter_map(|entry| {
            let data = entry.metadata().ok()?;
            Some((data.modified().ok()?, data.len(), entry.path()))
        })
        .collect();
    let mut bytes: u64 = files.iter().map(|(_, size, _)| size).sum();
    if bytes <= limit {
        return;
    }
    files.sort();
    for (_, size, path) in files {
        if bytes <= limit / 5 * 4 {
            return;
        }
        if std::fs::remove_file(path).is_ok() {
            bytes -= size;
        }
    }
}

fn cache_error(error: std::io::Error) -> SpeechError {
    SpeechError::Cache(error.to_string())
}

#[cfg(test)]
mod tests {
    use hark_engine::media::clip::Clip;

    use super::*;

    #[test]
    fn memory_is_bounded_and_the_least_used_goes_first() {
        let mut memory = Memory::new(3 * (400 + 128));
        let sound = || Arc::new(Clip::from_pcm_8k(vec![0; 100]));
        for n in 0..3 {
            memory.put([n; 32], sound());
        }
        assert!(memory.get(&[0; 32]).is_some());
        memory.put([3; 32], sound());
        assert!(memory.get(&[1; 32]).is_none(), "the least recently used");
        assert!(memory.get(&[0; 32]).is_some());
        memory.put([3; 32], sound());
        assert_eq!(memory.bytes, 3 * 528);
        memory.put([4; 32], Arc::new(Clip::from_pcm_8k(vec![0; 10_000])));
        assert!(memory.get(&[4; 32]).is_none(), "larger than the whole memory");
    }

    #[test]
    fn the_disk_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..10 {
            std::fs::write(dir.path().join(format!("{n}.wav")), vec![0; 1000]).unwrap();
        }
        prune(dir.path(), 5000);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);
    }
}
