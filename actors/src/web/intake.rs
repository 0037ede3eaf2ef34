//! Files that are sent up: to the disk as they come, never more of them than there is room for,
//! and gone again when whoever asked for them is done.
//!
//! A file bears the id of the message that it may become, and stays until that is committed: what
//! a crash left of it, here or as audio that no message names, is found by it and removed.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use hark_engine::id::{MessageId, UserId};
use sha2::{Digest as _, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::{ApiError, BUSY};
use crate::clock;
use crate::recording::files::audio_path;
use crate::recording::{RecordingError, Recordings};
use crate::store::Store;

/// The folder under the storage folder.
const FOLDER: &str = "uploads";
/// How the files in it end.
const ENDING: &str = "part";
/// Files that may be on their way at once, of one user and of all.
const OF_ONE: usize = 3;
const OF_ALL: usize = 24;
/// How long nothing may come, and how long all of it may take.
const IDLE: Duration = Duration::from_secs(20);
const WHOLE: Duration = Duration::from_secs(15 * 60);
/// How long is read on from somebody who is refused anyway, so that they hear of it.
const POLITE: Duration = Duration::from_secs(5);

/// Takes files in.
pub struct Intake {
    folder: PathBuf,
    most: u64,
    open: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// A place among the files on their way.
struct Seat {
    user: UserId,
    open: Arc<Mutex<HashMap<UserId, usize>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

/// A file that came. Removed when this is dropped.
pub struct Received {
    /// The message that it may become.
    pub id: MessageId,
    path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// The hash of what is in it.
    pub sha256: [u8; 32],
    _seat: Seat,
}

impl Received {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves an empty file in its place, for the next start to look whether it became a message.
    pub fn leave_mark(mut self) {
        if let Err(error) = std::fs::File::create(&self.path) {
            tracing::warn!(%error, "an upload can't be marked for the next start");
        }
        self.path.clear();
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What stays is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Intake {
    /// Takes files of at most `most` bytes into a folder under `dir`.
    pub fn new(dir: &Path, most: u64) -> Self {
        Self { folder: dir.join(FOLDER), most, open: Arc::default() }
    }

    /// What an earlier run left there. To be called before anybody sends anything.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// The largest file that is taken, in bytes.
    pub const fn most(&self) -> u64 {
        self.most
    }

    fn too_large(&self) -> ApiError {
        ApiError::TooLarge(format!("at most {} MiB are taken", self.most >> 20))
    }

    fn seat(&self, user: UserId) -> Result<Seat, ApiError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all: usize = open.values().sum();
        let of_one = open.get(&user).copied().unwrap_or(0);
        if of_all >= OF_ALL || of_one >= OF_ONE {
            return Err(ApiError::Unavailable(BUSY));
        }
        *open.entry(user).or_default() += 1;
        Ok(Seat { user, open: Arc::clone(&self.open) })
    }

    /// Writes what comes to a file. `announced` is what the sender says that it will be.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`], [`ApiError::TimedOut`] and [`ApiError::Unavailable`] as soon as
    /// they are known; [`ApiError::Malformed`] when the sender breaks off.
    pub async fn receive<E: std::fmt::Display>(
        &self,
        user: UserId,
        announced: Option<u64>,
        chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    ) -> Result<Received, ApiError> {
        if announced.is_some_and(|announced| announced > self.most) {
            return Err(self.too_large());
        }
        let seat = self.seat(user)?;
        let id = MessageId::new(clock::wall(), clock::random());
        let path = self.folder.join(id.to_string()).with_extension(ENDING);
        let failed = |error| ApiError::from(RecordingError::file(&path, error));
        let mut file = open(&self.folder, &path).await.map_err(failed)?;
        // From here on whatever ends this removes the file.
        let mut received =
            Received { id, path: path.clone(), bytes: 0, sha256: [0; 32], _seat: seat };
        let mut hash = Sha256::new();
        let deadline = Instant::now() + WHOLE;
        loop {
            let within = deadline.min(Instant::now() + IDLE);
            let Ok(next) = timeout_at(within, chunks.next()).await else {
                return Err(ApiError::TimedOut("the file did not come in time".into()));
            };
            let Some(chunk) = next else { break };
            let chunk = chunk.map_err(|error| {
                ApiError::Malformed(format!("the file did not come whole: {error}"))
            })?;
            received.bytes += chunk.len() as u64;
            if received.bytes > self.most {
                return Err(self.too_large());
            }
            hash.update(&chunk);
            file.write_all(&chunk).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        received.sha256 = hash.finalize().into();
        Ok(received)
    }

    /// Reads on for a moment, so that whoever is refused hears the answer and not a reset.
    pub async fn drain<E>(&self, chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin)) {
        let mut left = self.most;
        let drained = async {
            while let Some(Ok(chunk)) = chunks.next().await {
                left = left.saturating_sub(chunk.len() as u64);
                if left == 0 {
                    return;
                }
            }
        };
        let _in_vain = timeout(POLITE, drained).await;
    }
}

/// Removes what an earlier run left, and audio that was in its place already but that no message
/// names: nobody was told that it was kept.
pub async fn sweep(left: Vec<PathBuf>, store: &Store, recordings: &Recordings) {
    for path in left {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if let Ok(id) = name.parse::<MessageId>() {
            let gone = match store.message(id).await {
                Ok(None) => recordings.disown(&audio_path(id)).await.map_err(|e| e.to_string()),
                Ok(Some(_)) => Ok(()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = gone {
                tracing::warn!(error, "what is left of an upload waits for the next start");
                continue;
            }
        }
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!(%error, "an upload that an earlier run left can't be removed");
        }
    }
}

async fn open(folder: &Path, path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(path).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder)?;
            options.open(path).await
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    type Chunks = Vec<Result<Bytes, &'static str>>;

    async fn take(intake: &Intake, chunks: Chunks) -> Result<Received, ApiError> {
        intake.receive(UserId(1), None, &mut stream::iter(chunks)).await
    }

    fn left(dir: &Path) -> usize {
        std::fs::read_dir(dir.join(FOLDER)).map_or(0, Iterator::count)
    }

    #[tokio::test]
    async fn a_file_lies_there_as_long_as_somebody_wants_it() {
        let dir = tempfile::tempdir().unwrap();
        let intake = Intake::new(dir.path(), 10);
        let received = take(&intake, vec![Ok("hello".into()), Ok("you".into())]).await.unwrap();
        assert_eq!(std::fs::read(received.path()).unwrap(), b"helloyou");
        drop(received);
        assert_eq!(left(dir.path()), 0);
    }

    #[tokio::test]
    async fn what_is_too_much_or_breaks_off_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let intake = Intake::new(dir.path(), 10);
        let endless = stream::repeat_with(|| Ok::<_, &str>(Bytes::from_static(b"more")));
        let refused = intake.receive(UserId(1), None, &mut endless.boxed()).await;
        assert!(matches!(refused, Err(ApiError::TooLarge(_))));
        let mut nothing = stream::empty::<Result<Bytes, &str>>();
        let refused = intake.receive(UserId(1), Some(10 << 30), &mut nothing).await;
        assert!(matches!(refused, Err(ApiError::TooLarge(_))));
        let refused = take(&intake, vec![Ok("a".into()), Err("reset")]).await;
        assert!(matches!(refused, Err(ApiError::Malformed(_))));
        assert_eq!(left(dir.path()), 0);
    }

    #[tokio::test]
    async fn seats_are_bounded_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let intake = Intake::new(dir.path(), 10);
        let mut held = Vec::new();
        for _ in 0..OF_ONE {
            held.push(take(&intake, vec![Ok("x".into())]).await.unwrap());
        }
        assert!(matches!(take(&intake, vec![]).await, Err(ApiError::Unavailable(_))));
        held.pop();
        take(&intake, vec![]).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_crash_left_is_removed_with_the_audio_that_no_message_names() {
        let dir = tempfile::tempdir().unwrap();
        let registry = prometheus::Registry::new();
        let store = Store::open(crate::store::StoreConfig::new(dir.path()), &registry).unwrap();
        let recordings = Recordings::start(dir.path(), &registry).unwrap();
        let intake = Intake::new(dir.path(), 10);
        let received = take(&intake, vec![Ok("x".into())]).await.unwrap();
        let audio = dir.path().join(audio_path(received.id));
        std::fs::create_dir_all(audio.parent().unwrap()).unwrap();
        std::fs::write(&audio, "x").unwrap();
        received.leave_mark();
        std::fs::write(dir.path().join(FOLDER).join("stray"), "x").unwrap();
        sweep(Intake::new(dir.path(), 10).leftovers(), &store, &recordings).await;
        assert!(!audio.exists());
        assert_eq!(left(dir.path()), 0);
    }
}
