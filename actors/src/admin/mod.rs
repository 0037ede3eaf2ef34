//! The operator's socket: how `hark reload` and `hark calls` reach the server that runs.
//!
//! A Unix socket `hark.sock` in the storage folder, for its owner alone. A connection carries one
//! request and one response, each one JSON object on one line:
//!
//! ```text
//! {"do":"reload"}                 {"outcome":"replaced","version":2,"hash":"…","text":"…","parts":[]}
//! {"do":"calls","numbers":true}   [{"call":"7K3M9QXA","since":1795431909999,…}]
//! {"do":"trace","call":"7K3M"}    {"call":"7K3M9QXA",…}
//! {"do":"tokens","order":"list"}  [{"id":1,"user":"alice",…}]
//! {"do":"users","order":{"list":{}}}      {"users":[{"name":"alice",…}]}
//! {"do":"groups","order":{"list":{}}}     {"groups":[{"name":"sales",…}]}
//! {"do":"export","user":"alice"}  {"archive":"tar"}, and the archive after it
//! anything else                   {"error":"…"}
//! ```
//!
//! An archive is sent in pieces, each after its length in four bytes (the highest first); an empty
//! piece says that it is whole.
//!
//! Requests are at most [`LONGEST_REQUEST`] bytes and have to be there within [`REQUEST_WITHIN`];
//! [`MOST_CLIENTS`] are served at a time, and further ones wait to be accepted.

mod client;
mod server;
mod socket;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::operator::{GroupOrder, UserOrder};
use crate::web::tokens::TokenOrder;

pub use client::{ask, fetch};
pub use server::{AdminServer, Answers};
pub use socket::{Socket, check_length};

/// The longest request, in bytes, its end of line included.
pub const LONGEST_REQUEST: u64 = 64 << 10;
/// The longest response, in bytes, its end of line included.
pub const LONGEST_RESPONSE: usize = 16 << 20;
/// How long a request may take to arrive, and a response to be taken.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(5);
/// How long an answer may take to be made.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// How many clients are served at a time.
pub const MOST_CLIENTS: usize = 16;

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Read the dialplan anew. Answered with a [`Report`](crate::reload::Report).
    Reload {},
    /// List the calls that are up. Answered with a list of
    /// [`LiveCall`](crate::calls::LiveCall).
    Calls {
        /// With the numbers of caller and called.
        #[serde(default)]
        numbers: bool,
    },
    /// Show what a past call went through. Answered with a [`Record`](crate::trace::Record).
    Trace {
        /// The call's id, or the beginning of it.
        call: String,
    },
    /// Make, list or revoke tokens of applications. Answered with a list of
    /// [`TokenLine`](crate::web::tokens::TokenLine).
    Tokens {
        /// Which of these.
        order: TokenOrder,
    },
    /// Look after users. Answered with a [`UserAnswer`](crate::operator::UserAnswer).
    Users {
        /// In which way.
        order: UserOrder,
    },
    /// Look after groups. Answered with a [`GroupAnswer`](crate::operator::GroupAnswer).
    Groups {
        /// In which way.
        order: GroupOrder,
    },
    /// Everything that a user has. Answered with an [`Archive`] and what it is of.
    Export {
        /// Whose, by the sign-in name.
        user: String,
    },
}

/// What stands before an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Of which kind it is.
    pub archive: ArchiveKind,
}

/// The kinds of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveKind {
    /// As tar(1) reads it.
    Tar,
}

/// The response to what can't be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Why.
    pub error: String,
}

/// Where the socket is.
pub fn path(storage: &Path) -> PathBuf {
    storage.join("hark.sock")
}

/// Why the socket can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A socket's path is bounded by the system (unix(7)).
    #[error(
        "{path}: a socket's path has at most {most} bytes, this one has {length}\n  mend: set storage.dir to a shorter path, or to one relative to the working directory"
    )]
    PathTooLong {
        /// Which.
        path: PathBuf,
        /// How long it is.
        length: usize,
        /// How long it may be.
        most: usize,
    },
    /// Somebody listens there already.
    #[error(
        "{0}: another hark listens there\n  mend: stop it first, or set storage.dir to another folder"
    )]
    InUse(PathBuf),
    /// The socket can't be made.
    #[error(
        "{path}: the socket can't be made: {cause}\n  mend: check the permissions of the folder"
    )]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Nobody listens.
    #[error(
        "{path}: no server listens there: {cause}\n  mend: start it (hark serve), give the --config that it was started with, and run this where it runs, as its user"
    )]
    NoServer {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The server did not answer as it should.
    #[error("{path}: the server gave no answer: {what}")]
    NoAnswer {
        /// Where it listens.
        path: PathBuf,
        /// What happened instead.
        what: String,
    },
    /// The server can't do what it was asked.
    #[error("{0}")]
    Refused(String),
}
