//! Messages decoded to WAV, for browsers that don't play Ogg. They ask range by range, so the
//! last few stay in memory instead of being decoded for each.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use hark_engine::id::MessageId;
use tokio::sync::Semaphore;

use super::error::{ApiError, BUSY};
use crate::recording::Recordings;

/// How many messages stay decoded, and how many bytes of them at most: a minute takes 2 MB.
const KEPT: usize = 16;
/// See [`KEPT`].
const KEPT_BYTES: usize = 32 * 1024 * 1024;
/// Messages that may be decoded, or wait for it, at once.
const DECODING: usize = 8;

/// The last decoded messages.
#[derive(Debug)]
pub struct WavCache {
    kept: Mutex<VecDeque<(MessageId, Bytes)>>,
    decoding: Semaphore,
}

impl Default for WavCache {
    fn default() -> Self {
        Self { kept: Mutex::default(), decoding: Semaphore::new(DECODING) }
    }
}

impl WavCache {
    /// The message as a WAV file: from memory, or decoded from the file `audio`.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when too many wait already or the file can't be read.
    pub async fn get(
        &self,
        message: MessageId,
        audio: &Path,
        recordings: &Recordings,
    ) -> Result<Bytes, ApiError> {
        if let Some(found) = self.find(message) {
            return Ok(found);
        }
        let _place = self.decoding.try_acquire().map_err(|_| ApiError::Unavailable(BUSY))?;
        let wav = recordings.decode_wav(audio).await.map_err(|error| {
            tracing::error!(%error, %message, "the audio of a message can't be decoded");
            ApiError::Unavailable(BUSY)
        })?;
        let wav = Bytes::from(wav);
        self.keep(message, wav.clone());
        Ok(wav)
    }

    fn find(&self, message: MessageId) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(id, _)| *id == message).map(|(_, bytes)| bytes.clone())
    }

    fn keep(&self, message: MessageId, bytes: Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() > KEPT_BYTES || kept.iter().any(|(id, _)| *id == message) {
            return;
        }
        kept.push_back((message, bytes));
        while kept.len() > KEPT || kept.iter().map(|(_, b)| b.len()).sum::<usize>() > KEPT_BYTES {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_engine::time::UnixMillis;

    #[test]
    fn the_cache_is_bounded() {
        let cache = WavCache::default();
        let id = |n| MessageId::new(UnixMillis(n), [0; 10]);
        for n in 0..40 {
            cache.keep(id(n), Bytes::from_static(b"x"));
        }
        assert!(cache.find(id(0)).is_none());
        assert!(cache.find(id(39)).is_some());
        assert_eq!(cache.kept.lock().unwrap().len(), KEPT);
    }
}
