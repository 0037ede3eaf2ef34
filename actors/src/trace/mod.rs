//! What past calls went through, for whoever asks why a caller heard what it heard.
//!
//! `traces/` in the storage folder holds one record a call and line, as JSON, in files named by
//! their day (UTC) and a number: `2026-11-24-000.jsonl`. A record is written after its call, by a
//! thread of its own; what does not fit its queue is dropped and counted, and never holds up a
//! call. The oldest files go first when they are too old or too many.
//!
//! A record holds the number dialled and what the dialplan said and asked. It holds neither the
//! caller's number nor its name, except where the dialplan itself spoke them.

mod read;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::time::UnixMillis;
use prometheus::{IntCounter, Registry};
use serde::{Deserialize, Serialize};

pub use read::{Found, find, last};
use write::Writer;

/// The folder of the traces in the storage folder.
pub const FOLDER: &str = "traces";

/// How much is kept of past calls.
#[derive(Clone, Debug)]
pub struct TraceConfig {
    /// How long a record is kept.
    pub keep: Duration,
    /// How much all records may take, in bytes.
    pub max_bytes: u64,
}

/// What one call went through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The call's id, as in the log.
    pub call: CallId,
    /// When it began.
    pub at: UnixMillis,
    /// How long it lasted, in milliseconds.
    pub ms: u64,
    /// Who called whom.
    pub direction: Way,
    /// The number dialled; of a call of ours, the recipient's extension.
    pub dialled: String,
    /// The flow that it entered.
    pub flow: String,
    /// The version of the dialplan that it ran.
    pub version: u64,
    /// The hash of that dialplan.
    pub hash: String,
    /// How it ended: `the caller hung up`.
    pub end: String,
    /// What it went through, in order.
    #[serde(default)]
    pub lines: Vec<Line>,
}

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// We were called.
    In,
    /// We called.
    Out,
}

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in milliseconds since the call began.
    pub ms: u64,
    /// The `.dial` file; empty for what happened to the call itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Line, from 1; 0 where there is no file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub line: u32,
    /// What was done.
    pub what: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The id of a call in logs and traces: eight characters that are told apart on the telephone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId(Box<str>);

impl CallId {
    /// A fresh one, at random.
    pub fn fresh() -> Self {
        /// Without I, L, O and U, which are taken for others.
        const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let random: [u8; 8] = crate::clock::random();
        let id: String = random.iter().map(|b| char::from(LETTERS[usize::from(b % 32)])).collect();
        Self(id.into())
    }
}

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::ops::Deref for CallId {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// Where calls leave their records. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Writer>>);

impl Traces {
    /// Starts the writer, with its files in `dir`; `hark_traces_dropped_total` counts the records
    /// that it had no room for.
    ///
    /// # Errors
    /// When the folder or the thread can't be made.
    pub fn start(dir: &Path, config: TraceConfig, registry: &Registry) -> Result<Self, StartError> {
        let dropped = IntCounter::new(
            "hark_traces_dropped_total",
            "Traces of calls that were not kept: the disk was too slow, or full.",
        )?;
        registry.register(Box::new(dropped.clone()))?;
        Writer::start(dir, config, dropped).map(|writer| Self(Some(Arc::new(writer)))).map_err(
            |cause| StartError::Unusable { path: dir.join(FOLDER).display().to_string(), cause },
        )
    }

    /// Whether anything is kept at all.
    pub const fn enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps the record, or counts it if there is no room. Returns at once.
    pub fn keep(&self, record: Record) {
        if let Some(writer) = &self.0 {
            writer.keep(record);
        }
    }

    /// Waits until what was kept so far is in the files, `at_most` so long.
    pub fn flush(&self, at_most: Duration) {
        if let Some(writer) = &self.0 {
            writer.flush(at_most);
        }
    }
}

/// Why traces can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder can't be used.
    #[error(
        "{path}: traces can't be kept there: {cause}\n  mend: make the folder writable, or set trace.enabled = false"
    )]
    Unusable {
        /// Which.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The metric exists already.
    #[error("a metric can't be registered: {0}")]
    Metric(#[from] prometheus::Error),
}
