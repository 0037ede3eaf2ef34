//! Messages decoded to WAV, for browsers that don't play Ogg. They ask range by range, so the
//! last few stay in memory instead of being decoded for each.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hark_engine::id::MessageId;
use tokio::sync::Semaphore;

use super::error::{ApiError, BUSY};
use crate::recording;

/// How many messages stay decoded, and how many bytes of them at most: a minute takes 1 MB.
const KEPT: usize = 16;
const KEPT_BYTES: usize = 32 * 1024 * 1024;
/// Requests that may wait for a decoder.
const RATE: u32 = 8_000;

/// The last decoded messages.
#[derive(Debug, Default)]
pub struct WavCache {
    kept: Mutex<VecDeque<(MessageId, Bytes)>>,
}

impl WavCache {
    /// The message as a WAV file: from memory, or decoded from `path` when `places` has one.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when every place is taken or the file can't be read.
    pub async fn get(
        &self,
        message: MessageId,
        path: PathBuf,
        places: &Arc<Semaphore>,
    ) -> Result<Bytes, ApiError> {
        if let Some(found) = self.find(message) {
            return Ok(found);
        }
        let busy = |_| ApiError::Unavailable(BUSY);
        let place = Arc::clone(places).try_acquire_owned().map_err(busy)?;
        let decoded = tokio::task::spawn_blocking(move || {
            let _place = place;
            recording::decode_message(&path).map(|pcm| wav(&pcm))
        });
        let bytes = decoded.await.map_err(|_| ApiError::Internal)?.map_err(|error| {
            tracing::error!(%error, %message, "the audio of a message can't be decoded");
            ApiError::Unavailable(BUSY)
        })?;
        self.keep(message, bytes.clone());
        Ok(bytes)
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

/// A RIFF header before mono 16-bit samples.
fn wav(pcm: &[i16]) -> Bytes {
    let data = u32::try_from(pcm.len() * 2).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(44 + pcm.len() * 2);
    file.extend(b"RIFF");
    file.extend(data.saturating_add(36).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    file.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    file.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_engine::time::UnixMillis;

    #[test]
    fn the_header_is_read_by_others() {
        let file = wav(&[0, 1, -1]);
        let reader = hound::WavReader::new(&file[..]).unwrap();
        assert_eq!((reader.spec().sample_rate, reader.spec().channels), (8_000, 1));
        let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert_eq!(samples, [0, 1, -1]);
    }

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
