//! Whether somebody can be reached at this moment (RFC 2778 vocabulary, much reduced).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::id::UserId;

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

/// Everything that makes users present, and what follows from it for each.
///
/// The board only counts: browser sessions (open, and of those in use) and registered
/// telephones. Whoever owns a session or a binding says when it comes and goes.
#[derive(Clone, Debug, Default)]
pub struct Board {
    users: HashMap<UserId, Sources>,
}

/// What one user is present by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sources {
    open: u32,
    active: u32,
    phones: u32,
}

impl Sources {
    const fn presence(self) -> Presence {
        if self.active > 0 {
            Presence::Online
        } else if self.open > 0 {
            Presence::Away
        } else if self.phones > 0 {
            Presence::Phone
        } else {
            Presence::Offline
        }
    }
}

/// A change of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A browser session opened; it counts as in use until it says otherwise.
    BrowserOpened,
    /// A browser session closed; `active` is what it last said of itself.
    BrowserClosed {
        /// Whether it was in use.
        active: bool,
    },
    /// An open browser session is in use (again), or not any more.
    BrowserActive(bool),
    /// A user's telephones that are registered now, counted afresh.
    Phones(u32),
}

impl Board {
    /// Notes a change of `user`, and answers the new presence if it differs from the old.
    pub fn apply(&mut self, user: UserId, change: Change) -> Option<Presence> {
        let sources = self.users.entry(user).or_default();
        let before = sources.presence();
        match change {
            Change::BrowserOpened => {
                sources.open += 1;
                sources.active += 1;
            }
            Change::BrowserClosed { active } => {
                sources.open = sources.open.saturating_sub(1);
                sources.active = sources.active.saturating_sub(u32::from(active));
            }
            Change::BrowserActive(true) => sources.active = (sources.active + 1).min(sources.open),
            Change::BrowserActive(false) => sources.active = sources.active.saturating_sub(1),
            Change::Phones(count) => sources.phones = count,
        }
        let after = sources.presence();
        if *sources == Sources::default() {
            self.users.remove(&user);
        }
        (before != after).then_some(after)
    }

    /// How present `user` is.
    pub fn presence(&self, user: UserId) -> Presence {
        self.users.get(&user).map_or(Presence::Offline, |s| s.presence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_source_wins_and_only_changes_are_told() {
        let mut board = Board::default();
        let bob = UserId(2);
        assert_eq!(board.apply(bob, Change::Phones(1)), Some(Presence::Phone));
        assert_eq!(board.apply(bob, Change::BrowserOpened), Some(Presence::Online));
        assert_eq!(board.apply(bob, Change::BrowserOpened), None, "a second tab changes nothing");
        assert_eq!(board.apply(bob, Change::BrowserActive(false)), None);
        assert_eq!(board.apply(bob, Change::BrowserActive(false)), Some(Presence::Away));
        assert_eq!(board.apply(bob, Change::BrowserClosed { active: false }), None);
        assert_eq!(
            board.apply(bob, Change::BrowserClosed { active: false }),
            Some(Presence::Phone)
        );
        assert_eq!(board.apply(bob, Change::Phones(0)), Some(Presence::Offline));
        assert_eq!(board.apply(bob, Change::BrowserClosed { active: true }), None);
        assert_eq!(board.presence(bob), Presence::Offline, "never below nothing");
    }
}
