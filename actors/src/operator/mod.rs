//! What an operator has done to users and groups, by `hark user` and `hark group`: through the
//! running server (`crate::admin`), where it is in force at once, or on the store of a stopped one.
//!
//! | order | in a running server, besides the store |
//! |---|---|
//! | a user is added | may sign in and register at once |
//! | a hold, what is kept and for how long, a PIN, a group | is read from the store by whoever needs it; mailboxes are counted anew |
//! | a user is erased | [`Live::lock_out`]: sockets close, calls end, devices and subscriptions go; then what they were saying is settled, and only then all of it is erased |

mod groups;
mod live;
mod users;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::retention::erase::EraseError;
use crate::site::SiteError;
use crate::store::{Store, StoreError};
use crate::users::UserError;

pub use groups::{GroupAnswer, GroupLine, GroupOrder};
pub use live::Live;
pub use users::{RetentionOrder, Secret, UserAnswer, UserLine, UserOrder};

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// What was asked for can't be so.
    #[error("{0}")]
    Wrong(String),
    /// There is nobody of this name.
    #[error("there is no such user: see hark user list")]
    NoSuchUser,
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A user can't be made.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A user can't be changed.
    #[error(transparent)]
    User(#[from] UserError),
    /// A user was not erased, or not wholly.
    #[error(transparent)]
    Erase(#[from] EraseError),
}

impl OperateError {
    /// Whether the operator wrote something wrong.
    pub const fn is_input(&self) -> bool {
        match self {
            Self::Wrong(_)
            | Self::NoSuchUser
            | Self::User(UserError::Pin(_))
            | Self::Erase(EraseError::NoSuchUser) => true,
            Self::Store(error) => matches!(error, StoreError::NotFound { .. }),
            Self::Site(_) | Self::User(_) | Self::Erase(_) => false,
        }
    }
}

/// Why an order was not carried out, as the socket tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What the cause is, and what mends it.
    pub text: String,
    /// Whether the operator wrote something wrong.
    pub input: bool,
}

impl From<OperateError> for Failure {
    fn from(error: OperateError) -> Self {
        Self { input: error.is_input(), text: error.to_string() }
    }
}

/// Who carries out orders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Operator {
    store: Store,
    domain: String,
    language: String,
    limit_secs: u32,
    live: Option<Live>,
}

impl Operator {
    /// For the site of `config`, whose state is in `store`; of a running server also its parts.
    pub fn new(store: Store, config: &Config, live: Option<Live>) -> Self {
        Self {
            store,
            domain: config.site.domain.clone(),
            language: config.site.language.clone(),
            limit_secs: config.messages.limit_seconds,
            live,
        }
    }
}
