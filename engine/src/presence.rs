//! Whether somebody can be reached at this moment (RFC 2778 vocabulary, much reduced).

use serde::{Deserialize, Serialize};

/// How present a user is, derived from every source at once: the strongest one wins.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// No browser session and no registered telephone.
    #[default]
    Offline,
    /// Reachable by a registered telephone only.
    Phone,
    /// A browser session is open, but nobody has touched it for a while.
    Away,
    /// A browser session is open and in use: a pop-up would be seen.
    Online,
}

impl Presence {
    /// Whether a pop-up would be shown somewhere at once.
    pub const fn has_browser(self) -> bool {
        matches!(self, Self::Away | Self::Online)
    }
}
