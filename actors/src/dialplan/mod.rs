//! The dialplan in force: read from its folder or from the binary, compiled and tested whole, and
//! replaced at once while calls are up.
//!
//! ```text
//!  hark reload, SIGHUP ─┐                 ┌─► read ─► compile ─► test ─┐  a thread of its own
//!                       ├─► Dialplans ────┤                            │
//!  watch (files) ───────┘   one at a time └──────── in force ◄─────────┘  only if all passed
//! ```
//!
//! A dialplan that can't be read, does not compile or fails its tests never replaces another. A
//! call keeps the version that it began with to its end.

mod load;
mod metrics;
mod service;
mod watch;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::dialplan::{Diagnostics, Options, Program};
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};

pub use load::{folder, list, source, sources, with_imports};
pub use metrics::DialplanMetrics;
pub use service::{Dialplans, ReloadError};

/// Where the dialplan is, and how it is judged.
#[derive(Clone, Debug)]
pub struct DialplanConfig {
    /// The folder of the `.dial` files; the built-in ones if `None`.
    pub dir: Option<PathBuf>,
    /// What the compiler is told, besides the recorded prompts.
    pub options: Options,
    /// The folder of recorded prompts, looked through each time: `play prompt` of one that is
    /// not there is an error. Not checked if there is none.
    pub prompts: Option<PathBuf>,
    /// Whether a change of a file reloads.
    pub watch: bool,
    /// How long reading, compiling and testing may take together.
    pub time_limit: Duration,
}

impl DialplanConfig {
    /// The `.dial` files of `dir`, or the built-in ones, with the usual limit.
    pub fn new(dir: Option<PathBuf>) -> Self {
        let time_limit = Duration::from_secs(30);
        Self { dir, options: Options::default(), prompts: None, watch: true, time_limit }
    }
}

/// A dialplan that passed, and since when it takes calls.
#[derive(Debug)]
pub struct InForce {
    /// What calls run.
    pub program: Arc<Program>,
    /// 1 for the one of the start; one more with each that replaced another.
    pub version: u64,
    /// Of its sources' names and texts: 16 hexadecimal digits.
    pub hash: String,
    /// When it came into force.
    pub since: UnixMillis,
    /// The names of its sources, in the order of their numbers.
    pub sources: Vec<String>,
}

/// What a reload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The new one is in force.
    Replaced,
    /// The sources are those of the one in force.
    Unchanged,
    /// It does not compile; the old one stays in force.
    Wrong,
    /// Its tests fail or take too long; the old one stays in force.
    TestsFailed,
    /// It can't be read; the old one stays in force.
    Unreadable,
}

impl Outcome {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Replaced, Self::Unchanged, Self::Wrong, Self::TestsFailed, Self::Unreadable];

    /// As metrics and answers name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Unchanged => "unchanged",
            Self::Wrong => "wrong",
            Self::TestsFailed => "tests_failed",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether what stands in the files is in force.
    pub const fn is_success(self) -> bool {
        match self {
            Self::Replaced | Self::Unchanged => true,
            Self::Wrong | Self::TestsFailed | Self::Unreadable => false,
        }
    }
}

/// What a reload came to, and what is in force after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// What it came to.
    pub outcome: Outcome,
    /// The version in force.
    pub version: u64,
    /// The hash in force.
    pub hash: String,
    /// What the author should read: diagnostics, or the report of the tests.
    pub text: String,
}

/// Why a dialplan can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DialplanError {
    /// A file or the folder can't be read.
    #[error("{path}: can't be read: {cause}\n  mend: check dialplan.dir in the configuration")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// There is nothing, or far too much, in the folder.
    #[error("{path}: {what}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It does not compile.
    #[error("{0}")]
    Wrong(Rendered),
    /// Its own tests fail.
    #[error("{0}")]
    TestsFailed(String),
    /// It takes too long to judge.
    #[error(
        "the dialplan was not compiled and tested within {0:?}\n  mend: `hark dialplan test` shows which test takes long"
    )]
    TooSlow(Duration),
    /// The compiler itself failed.
    #[error(
        "the compiler failed on this dialplan, a defect of hark\n  mend: undo the last change, and report it"
    )]
    Defect,
    /// The system has no thread to judge it.
    #[error("no thread can be started to judge the dialplan: {0}")]
    NoThread(std::io::Error),
}

impl DialplanError {
    const fn outcome(&self) -> Outcome {
        match self {
            Self::Unreadable { .. } | Self::Unusable { .. } | Self::NoThread(_) => {
                Outcome::Unreadable
            }
            Self::Wrong(_) | Self::Defect => Outcome::Wrong,
            Self::TestsFailed(_) | Self::TooSlow(_) => Outcome::TestsFailed,
        }
    }
}

/// Diagnostics as the author reads them.
#[derive(Debug)]
pub struct Rendered(pub Diagnostics);

impl std::fmt::Display for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.render(false))
    }
}
