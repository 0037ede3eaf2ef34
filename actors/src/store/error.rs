//! What can go wrong with the store, and what mends it.

use rusqlite::ffi;

use hark_engine::message::state::Illegal;

/// Why the store did not do what was asked. Nothing of a failed request is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the database's page limit, is full.
    #[error("the disk is full ({cause}): free space under the storage folder")]
    DiskFull {
        /// What the database or the system said.
        cause: String,
    },
    /// More is asked than the disk can take in; the request was not begun.
    #[error("the store is overloaded: try again in a moment")]
    Busy,
    /// The store can't be used: its thread ended, or the disk does not answer as it should.
    #[error("the store is unavailable ({cause}): see the log; a restart recovers what was kept")]
    Unavailable {
        /// What happened.
        cause: String,
    },
    /// There is no such thing.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// It contradicts what is stored.
    #[error("{what}: choose another")]
    Conflict {
        /// What is in the way.
        what: String,
    },
    /// The event leads through no legal path.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The storage folder can't be opened.
    #[error("can't open the storage folder {folder} ({cause}): {mend}")]
    Open {
        /// The folder, as configured.
        folder: String,
        /// What the system said.
        cause: String,
        /// What to do about it.
        mend: &'static str,
    },
}

impl StoreError {
    /// The label under which metrics count it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DiskFull { .. } => "disk_full",
            Self::Busy => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::NotFound { .. } => "not_found",
            Self::Conflict { .. } => "conflict",
            Self::Illegal(_) => "illegal",
            Self::Open { .. } => "open",
        }
    }

    /// Whether the environment is at fault, and not the request.
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::DiskFull { .. } | Self::Busy | Self::Unavailable { .. } | Self::Open { .. } => {
                true
            }
            Self::NotFound { .. } | Self::Conflict { .. } | Self::Illegal(_) => false,
        }
    }

    pub(crate) fn unavailable(cause: impl ToString) -> Self {
        Self::Unavailable { cause: cause.to_string() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let cause = error.to_string();
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::NotFound { what: "row" },
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ffi::ErrorCode::DiskFull => Self::DiskFull { cause },
                ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked => Self::Busy,
                ffi::ErrorCode::ConstraintViolation => match failure.extended_code {
                    ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::NotFound { what: "user or message" },
                    _ => Self::Conflict { what: cause },
                },
                _ => Self::Unavailable { cause },
            },
            _ => Self::Unavailable { cause },
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        let cause = error.to_string();
        match error.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => Self::DiskFull { cause },
            _ => Self::Unavailable { cause },
        }
    }
}
