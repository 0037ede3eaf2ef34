//! Recordings: from what was received to a message's audio file.
//!
//! ```text
//!  media shard ─┐ frames                      ┌─ G.711: decode ─ enhance ─ trim ─ encode ─┐
//!               ├──────► spool file ─ finish ─┤                                           ├─► Ogg Opus file
//!  browser ─────┘ bytes   (survives a crash)  └─ Ogg Opus: check each packet, remux ──────┘   temp, fsync, rename
//!
//!  upload, `hark send` ─► file ─ foreign: sniff, demux, decode under limits, encode ─────────► Ogg Opus file
//! ```
//!
//! While somebody speaks, [`spool`] appends what arrives to a file, on threads of its own. When
//! they are done, [`Recordings::finish`] makes the audio file off the hot path. The row is
//! committed after that, and only then is the spool removed, so at every instant either the
//! spool or the message exists. [`recover`] finds what a crash left behind.

pub mod date;
pub mod decode;
pub mod enhance;
pub mod files;
mod finish;
pub mod foreign;
pub mod import;
mod join;
pub mod ogg_opus;
pub mod peaks;
pub mod recover;
pub mod resample;
pub mod spool;
pub mod spool_format;
pub mod tape;
pub mod transcode;
pub mod trim;

#[cfg(test)]
mod tests;

pub use crate::media::{RecordSink, SinkFull};
pub use finish::{Finished, Recordings, retag};
pub use foreign::{Foreign, ForeignError, ForeignLimits};
pub use ogg_opus::Tags;
pub use spool::{Spool, SpoolSink, Spools};
pub use spool_format::{Intent, SpoolFormat, SpoolHeader, SpoolSource};

/// The longest recording of all, in milliseconds: an hour.
pub const LONGEST_MS: u32 = 3_600_000;

/// Why a recording did not become a file.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The disk is full.
    #[error("the disk is full: free space under the storage folder")]
    DiskFull,
    /// A file can't be read or written.
    #[error("can't access {file} ({cause}): check the storage folder")]
    File {
        /// Which file.
        file: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The recording is not what it claims to be.
    #[error("the recording is malformed ({0}): record it again")]
    Malformed(String),
    /// There is nothing in it.
    #[error("the recording is empty: nothing was received")]
    Empty,
    /// A codec or the enhancement failed.
    #[error("{library} failed ({cause}): the spool is kept and tried again at the next start")]
    Codec {
        /// Which.
        library: &'static str,
        /// What it said.
        cause: String,
    },
    /// The worker ended early.
    #[error("a worker of the recordings ended: the spool is kept; see the log")]
    Worker,
}

impl RecordingError {
    /// An I/O error, told apart by what it means.
    pub(crate) fn file(file: &std::path::Path, cause: std::io::Error) -> Self {
        match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::File { file: file.display().to_string(), cause },
        }
    }

    pub(crate) fn codec(library: &'static str, cause: impl ToString) -> Self {
        Self::Codec { library, cause: cause.to_string() }
    }
}

/// Foreign files to try, where they are at hand.
#[cfg(test)]
pub(crate) fn corpus() -> Option<std::path::PathBuf> {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("HARK_CORPUS").map_or(beside, Into::into);
    if corpus.is_dir() {
        return Some(corpus);
    }
    eprintln!("skipped: no corpus at {} (set HARK_CORPUS)", corpus.display());
    None
}
