//! Whether somebody can be reached at this moment (RFC 2778 vocabulary, much reduced).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// How present a user is to others, derived from every source at once: the strongest one wins.
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
    /// In a call.
    Busy,
    /// Reachable, and does not want to be disturbed.
    DoNotDisturb,
}

/// What a delivery has to know of its recipient, beside what others see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reach {
    /// As others see it.
    pub shown: Presence,
    /// Whether a browser session is open. Somebody in a call may have one.
    pub browser: bool,
    /// Whether nothing is to ring or pop up. Also of a user whom nothing could reach.
    pub do_not_disturb: bool,
    /// Whether a telephone is registered.
    pub phone: bool,
    /// Whether the user is in a call.
    pub in_call: bool,
}

impl Reach {
    /// Whether a pop-up would be shown somewhere at once.
    pub const fn has_browser(self) -> bool {
        self.browser && !self.do_not_disturb
    }
}

/// What a device of a user says of them in a document that it published (RFC 3903).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Published {
    /// They can be reached.
    Open,
    /// They can't, and no telephone of theirs should be offered to others.
    Closed,
    /// They are away from the device.
    Away,
    /// They speak with somebody, also where Hark does not see it.
    Busy,
    /// They do not want to be disturbed.
    DoNotDisturb,
}

/// Everything that makes users present, and what follows from it for each.
///
/// The board only counts: browser sessions (open, and of those in use), registered telephones,
/// and calls in progress. Whoever owns one of them says when it comes and goes.
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
    calls: u32,
    do_not_disturb: bool,
    published: Option<Published>,
}

impl Sources {
    const fn reach(self) -> Reach {
        // A telephone that only publishes has a user too.
        let by_phone = match self.published {
            Some(Published::Closed) => false,
            Some(Published::Open | Published::Away | Published::Busy | Published::DoNotDisturb) => {
                true
            }
            None => self.phones > 0,
        };
        let is_reachable = by_phone || self.open > 0;
        let says_busy = matches!(self.published, Some(Published::Busy)) && is_reachable;
        let present = if self.calls > 0 || says_busy {
            Presence::Busy
        } else if self.active > 0 {
            Presence::Online
        } else if self.open > 0 {
            Presence::Away
        } else if by_phone {
            match self.published {
                Some(Published::Away) => Presence::Away,
                Some(
                    Published::Open | Published::Closed | Published::Busy | Published::DoNotDisturb,
                )
                | None => Presence::Phone,
            }
        } else {
            Presence::Offline
        };
        let do_not_disturb =
            self.do_not_disturb || matches!(self.published, Some(Published::DoNotDisturb));
        // Nobody needs to know that somebody who is not there would not want to be disturbed.
        let shown = match present {
            Presence::Offline => Presence::Offline,
            Presence::Phone
            | Presence::Away
            | Presence::Online
            | Presence::Busy
            | Presence::DoNotDisturb => {
                if do_not_disturb {
                    Presence::DoNotDisturb
                } else {
                    present
                }
            }
        };
        Reach {
            shown,
            browser: self.open > 0,
            do_not_disturb,
            phone: self.phones > 0,
            in_call: self.calls > 0,
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
    /// The user is in a call, or in another one more.
    CallBegan,
    /// A call of the user ended.
    CallEnded,
    /// The user wants, or no longer wants, not to be disturbed.
    DoNotDisturb(bool),
    /// What the user's devices publish of them now; `None` where none does any more.
    Published(Option<Published>),
}

impl Board {
    /// Notes a change of `user`, and answers what follows if that differs from before.
    pub fn apply(&mut self, user: UserId, change: Change) -> Option<Reach> {
        let sources = self.users.entry(user).or_default();
        let before = sources.reach();
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
            Change::CallBegan => sources.calls += 1,
            Change::CallEnded => sources.calls = sources.calls.saturating_sub(1),
            Change::DoNotDisturb(on) => sources.do_not_disturb = on,
            Change::Published(published) => sources.published = published,
        }
        let after = sources.reach();
        if *sources == Sources::default() {
            self.users.remove(&user);
        }
        (before != after).then_some(after)
    }

    /// How present `user` is to others.
    pub fn presence(&self, user: UserId) -> Presence {
        self.reach(user).shown
    }

    /// How `user` can be reached.
    pub fn reach(&self, user: UserId) -> Reach {
        self.users.get(&user).map_or(Reach::default(), |s| s.reach())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOB: UserId = UserId(2);

    fn shown(reach: Option<Reach>) -> Option<Presence> {
        reach.map(|reach| reach.shown)
    }

    #[test]
    fn the_strongest_source_wins_and_only_changes_are_told() {
        let mut board = Board::default();
        let mut apply = |change| shown(board.apply(BOB, change));
        assert_eq!(apply(Change::Phones(1)), Some(Presence::Phone));
        assert_eq!(apply(Change::BrowserOpened), Some(Presence::Online));
        assert_eq!(apply(Change::BrowserOpened), None, "a second tab changes nothing");
        assert_eq!(apply(Change::BrowserActive(false)), None);
        assert_eq!(apply(Change::BrowserActive(false)), Some(Presence::Away));
        assert_eq!(apply(Change::BrowserClosed { active: false }), None);
        assert_eq!(apply(Change::BrowserClosed { active: false }), Some(Presence::Phone));
        assert_eq!(apply(Change::Phones(0)), Some(Presence::Offline));
        assert_eq!(apply(Change::BrowserClosed { active: true }), None);
        assert_eq!(board.presence(BOB), Presence::Offline, "never below nothing");
    }

    #[test]
    fn who_is_in_a_call_still_gets_pop_ups() {
        let mut board = Board::default();
        board.apply(BOB, Change::BrowserOpened);
        assert_eq!(shown(board.apply(BOB, Change::CallBegan)), Some(Presence::Busy));
        assert!(board.reach(BOB).has_browser());
        board.apply(BOB, Change::CallBegan);
        assert_eq!(board.apply(BOB, Change::CallEnded), None, "the other call goes on");
        assert_eq!(shown(board.apply(BOB, Change::CallEnded)), Some(Presence::Online));
        board.apply(BOB, Change::CallBegan);
        let closed = board.apply(BOB, Change::BrowserClosed { active: true });
        assert_eq!(shown(closed), Some(Presence::Busy), "told, though others see no change");
        assert!(!board.reach(BOB).has_browser());
    }

    #[test]
    fn do_not_disturb_is_shown_of_the_reachable_and_holds_for_all() {
        let mut board = Board::default();
        let told = board.apply(BOB, Change::DoNotDisturb(true)).unwrap();
        assert_eq!((told.shown, told.do_not_disturb), (Presence::Offline, true));
        let told = board.apply(BOB, Change::BrowserOpened).unwrap();
        assert_eq!((told.shown, told.has_browser()), (Presence::DoNotDisturb, false));
        let in_call = board.apply(BOB, Change::CallBegan).unwrap();
        assert_eq!((in_call.shown, in_call.in_call), (Presence::DoNotDisturb, true));
        board.apply(BOB, Change::CallEnded);
        let told = board.apply(BOB, Change::DoNotDisturb(false)).unwrap();
        assert_eq!((told.shown, told.has_browser()), (Presence::Online, true));
    }

    #[test]
    fn what_a_device_publishes_is_one_source_among_others() {
        let mut board = Board::default();
        let published = |state| Change::Published(Some(state));
        board.apply(BOB, Change::Phones(1));
        assert_eq!(shown(board.apply(BOB, published(Published::Away))), Some(Presence::Away));
        assert_eq!(shown(board.apply(BOB, published(Published::Busy))), Some(Presence::Busy));
        assert_eq!(shown(board.apply(BOB, published(Published::Closed))), Some(Presence::Offline));
        assert!(board.reach(BOB).phone, "it rings all the same");
        assert_eq!(shown(board.apply(BOB, Change::BrowserOpened)), Some(Presence::Online));
        let told = board.apply(BOB, published(Published::DoNotDisturb)).unwrap();
        assert_eq!((told.shown, told.has_browser()), (Presence::DoNotDisturb, false));
        assert_eq!(shown(board.apply(BOB, Change::Published(None))), Some(Presence::Online));
    }

    fn any_published() -> impl Strategy<Value = Option<Published>> {
        proptest::option::of(prop_oneof![
            Just(Published::Open),
            Just(Published::Closed),
            Just(Published::Away),
            Just(Published::Busy),
            Just(Published::DoNotDisturb),
        ])
    }

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            Just(Change::BrowserOpened),
            any::<bool>().prop_map(|active| Change::BrowserClosed { active }),
            any::<bool>().prop_map(Change::BrowserActive),
            (0u32..3).prop_map(Change::Phones),
            Just(Change::CallBegan),
            Just(Change::CallEnded),
            any::<bool>().prop_map(Change::DoNotDisturb),
            any_published().prop_map(Change::Published),
        ]
    }

    proptest! {
        #[test]
        fn every_change_of_what_follows_is_told(changes in proptest::collection::vec(any_change(), 0..80)) {
            let mut board = Board::default();
            for change in changes {
                let before = board.reach(BOB);
                let told = board.apply(BOB, change);
                let after = board.reach(BOB);
                prop_assert_eq!(told, (before != after).then_some(after));
                prop_assert!(!(after.do_not_disturb && after.has_browser()));
                prop_assert!(after.shown != Presence::DoNotDisturb || after.do_not_disturb);
            }
        }
    }
}
