//! The file under a decoder: it refuses to be read for ever.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::time::{Duration, Instant};

use symphonia::core::io::MediaSource;

/// How long a file may take to be read and decoded. An hour of MP3 takes about 10 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// The end of a file's time.
#[derive(Clone, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The time begins now.
    pub fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// Whether it is up.
    pub fn is_over(&self) -> bool {
        Instant::now() > self.0
    }
}

/// A file from some place on, with a deadline.
pub struct Source {
    file: File,
    begins: u64,
    length: u64,
    deadline: Deadline,
}

impl Source {
    /// What follows the first `begins` bytes of `file`.
    pub fn new(mut file: File, begins: u64, deadline: Deadline) -> Result<Self> {
        let length = file.metadata()?.len().saturating_sub(begins);
        file.seek(SeekFrom::Start(begins))?;
        Ok(Self { file, begins, length, deadline })
    }

    /// How many bytes there are.
    pub const fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.deadline.is_over() {
            return Err(Error::new(ErrorKind::TimedOut, "reading took too long"));
        }
        self.file.read(buffer)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(at.saturating_add(self.begins)),
            SeekFrom::Current(_) | SeekFrom::End(_) => to,
        };
        let at = self.file.seek(to)?;
        at.checked_sub(self.begins)
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a seek before the beginning"))
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
