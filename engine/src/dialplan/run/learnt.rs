//! What a call changed itself: it knows so, though its view of the directory is older.

use super::super::effect::Keepsake;
use super::Run;
use crate::directory::GreetingKind;
use crate::id::UserId;

/// A greeting or a spoken name that is there now, or no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learnt {
    pub user: UserId,
    pub what: Keepsake,
    pub is_there: bool,
}

impl Run {
    /// What was asked for was done. There are few kinds and few users in a call, so few entries.
    pub(super) fn learn(&mut self, learnt: Learnt) {
        self.learnt.retain(|old| (old.user, old.what) != (learnt.user, learnt.what));
        self.learnt.push(learnt);
    }

    pub(super) fn has_greeting(&self, user: UserId, kind: GreetingKind) -> bool {
        self.learnt_of(user, Keepsake::Greeting(kind)).unwrap_or_else(|| {
            self.context.directory.user(user).is_some_and(|u| u.greetings.contains(kind))
        })
    }

    pub(super) fn has_spoken_name(&self, user: UserId) -> bool {
        self.learnt_of(user, Keepsake::Name)
            .unwrap_or_else(|| self.context.directory.user(user).is_some_and(|u| u.has_spoken_name))
    }

    fn learnt_of(&self, user: UserId, what: Keepsake) -> Option<bool> {
        let of = self.learnt.iter().find(|l| (l.user, l.what) == (user, what));
        of.map(|learnt| learnt.is_there)
    }
}
