//! For how long messages are kept, and how much of them a mailbox holds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dialplan::effect::Folder;
use crate::time::UnixMillis;

/// From here on a mailbox counts as nearly full, in percent.
pub const NEARLY_FULL: u8 = 90;
/// Below this it no longer does: a mailbox that is emptied by one message does not warn again.
pub const NO_LONGER: u8 = 80;

/// What is kept for how long, and how much of it. In days and minutes; 0 is for ever, or without
/// a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A message that was heard expires when nothing happened to it for so many days.
    pub heard_days: u32,
    /// The same for one that its recipient chose to keep.
    pub saved_days: u32,
    /// The same for one that was never heard; its sender is told.
    pub unheard_days: u32,
    /// A deleted message can be taken back for so many days.
    pub deleted_days: u32,
    /// How many minutes a mailbox holds, of what is neither deleted nor expired.
    pub quota_minutes: u32,
    /// How many MiB it holds.
    pub quota_mib: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            heard_days: 0,
            saved_days: 0,
            unheard_days: 0,
            deleted_days: 30,
            quota_minutes: 1000,
            quota_mib: 0,
        }
    }
}

/// What one user's policy has that differs from the site's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Override {
    /// As in [`Policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_days: Option<u32>,
    /// As in [`Policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_days: Option<u32>,
    /// As in [`Policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unheard_days: Option<u32>,
    /// As in [`Policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_days: Option<u32>,
    /// As in [`Policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_minutes: Option<u32>,
    /// As in [`Policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_mib: Option<u32>,
}

impl Override {
    /// This, and what differed before where this says nothing.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            heard_days: self.heard_days.or(before.heard_days),
            saved_days: self.saved_days.or(before.saved_days),
            unheard_days: self.unheard_days.or(before.unheard_days),
            deleted_days: self.deleted_days.or(before.deleted_days),
            quota_minutes: self.quota_minutes.or(before.quota_minutes),
            quota_mib: self.quota_mib.or(before.quota_mib),
        }
    }
}

impl Policy {
    /// This policy with what differs for one user.
    #[must_use]
    pub fn with(self, user: &Override) -> Self {
        Self {
            heard_days: user.heard_days.unwrap_or(self.heard_days),
            saved_days: user.saved_days.unwrap_or(self.saved_days),
            unheard_days: user.unheard_days.unwrap_or(self.unheard_days),
            deleted_days: user.deleted_days.unwrap_or(self.deleted_days),
            quota_minutes: user.quota_minutes.unwrap_or(self.quota_minutes),
            quota_mib: user.quota_mib.unwrap_or(self.quota_mib),
        }
    }

    /// This policy with nothing kept longer than so many days; 0 changes nothing.
    #[must_use]
    pub fn within(self, days: u32) -> Self {
        let capped = |own: u32| match (own, days) {
            (0, days) => days,
            (own, 0) => own,
            (own, days) => own.min(days),
        };
        Self {
            heard_days: capped(self.heard_days),
            saved_days: capped(self.saved_days),
            unheard_days: capped(self.unheard_days),
            deleted_days: capped(self.deleted_days),
            ..self
        }
    }

    /// What becomes of a message in this folder, to which nothing happened since `since`.
    /// `saved`: its recipient chose to keep it.
    pub fn verdict(
        &self,
        folder: Folder,
        saved: bool,
        since: UnixMillis,
        now: UnixMillis,
    ) -> Verdict {
        let days = match (folder, saved) {
            (Folder::New, _) => self.unheard_days,
            (Folder::Saved, true) => self.saved_days,
            (Folder::Saved, false) => self.heard_days,
            (Folder::Deleted, _) => self.deleted_days,
        };
        let over = days > 0 && now.since(since) >= Duration::from_secs(86_400) * days;
        match (over, folder) {
            (false, _) => Verdict::Keep,
            (true, Folder::Deleted) => Verdict::Purge,
            (true, Folder::New | Folder::Saved) => Verdict::Expire,
        }
    }

    /// The shortest time after which anything of it ends; `None` where nothing ever does.
    pub fn shortest_days(&self) -> Option<u32> {
        [self.heard_days, self.saved_days, self.unheard_days, self.deleted_days]
            .into_iter()
            .filter(|days| *days > 0)
            .min()
    }

    /// How full a mailbox is, in percent of the quota that it fills most; 0 without one.
    pub fn percent(&self, usage: Usage) -> u32 {
        let part = |used: u64, quota: u64| match quota {
            0 => 0,
            quota => u32::try_from(used.saturating_mul(100) / quota).unwrap_or(u32::MAX),
        };
        let minutes = part(usage.length_ms, u64::from(self.quota_minutes) * 60_000);
        minutes.max(part(usage.bytes, u64::from(self.quota_mib) << 20))
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// Its time in the mailbox is over.
    Expire,
    /// It was deleted long ago: it can't be taken back any more.
    Purge,
}

/// What a mailbox holds of what is neither deleted nor expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Messages.
    pub messages: u64,
    /// How long they are together, in milliseconds.
    pub length_ms: u64,
    /// How large their files are together.
    pub bytes: u64,
}

/// Whether a mailbox counts as nearly full now, when it did so `before`.
pub const fn nearly_full(percent: u32, before: bool) -> bool {
    percent >= NEARLY_FULL as u32 || (before && percent >= NO_LONGER as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn nothing_is_kept_longer_than_a_cap() {
        let policy = Policy { heard_days: 10, deleted_days: 200, ..Policy::default() };
        let capped = policy.within(90);
        assert_eq!((capped.heard_days, capped.unheard_days), (10, 90));
        assert_eq!((capped.saved_days, capped.deleted_days), (90, 90));
        assert_eq!(policy.within(0), policy);
    }

    #[test]
    fn each_folder_has_its_own_time() {
        let policy = Policy {
            heard_days: 10,
            saved_days: 100,
            unheard_days: 30,
            deleted_days: 5,
            ..Policy::default()
        };
        let after = |days: i64, folder, saved| {
            policy.verdict(folder, saved, UnixMillis(0), UnixMillis(days * DAY))
        };
        assert_eq!(after(9, Folder::Saved, false), Verdict::Keep);
        assert_eq!(after(10, Folder::Saved, false), Verdict::Expire);
        assert_eq!(after(10, Folder::Saved, true), Verdict::Keep);
        assert_eq!(after(100, Folder::Saved, true), Verdict::Expire);
        assert_eq!(after(29, Folder::New, false), Verdict::Keep);
        assert_eq!(after(30, Folder::New, false), Verdict::Expire);
        assert_eq!(after(4, Folder::Deleted, false), Verdict::Keep);
        assert_eq!(after(5, Folder::Deleted, true), Verdict::Purge);
        assert_eq!(policy.shortest_days(), Some(5));
        let ever = Policy { deleted_days: 0, ..Policy::default() };
        assert_eq!(
            ever.verdict(Folder::Deleted, false, UnixMillis(0), UnixMillis(i64::MAX)),
            Verdict::Keep
        );
        assert_eq!(ever.shortest_days(), None);
    }

    #[test]
    fn a_clock_that_went_back_removes_nothing() {
        let policy = Policy { deleted_days: 1, ..Policy::default() };
        let verdict = policy.verdict(Folder::Deleted, false, UnixMillis(5 * DAY), UnixMillis(0));
        assert_eq!(verdict, Verdict::Keep);
    }

    #[test]
    fn a_mailbox_is_as_full_as_its_fullest_measure() {
        let policy = Policy { quota_minutes: 10, quota_mib: 1, ..Policy::default() };
        let usage = |minutes: u64, bytes| Usage { messages: 1, length_ms: minutes * 60_000, bytes };
        assert_eq!(policy.percent(usage(5, 0)), 50);
        assert_eq!(policy.percent(usage(5, 1 << 20)), 100);
        assert_eq!(policy.percent(usage(20, 0)), 200);
        let unlimited = policy.with(&Override {
            quota_minutes: Some(0),
            quota_mib: Some(0),
            ..Override::default()
        });
        assert_eq!(unlimited.percent(usage(u64::MAX / 60_000, u64::MAX)), 0);
    }

    #[test]
    fn it_warns_once_on_its_way_up() {
        let mut full = false;
        let mut warnings = 0;
        for percent in [10, 89, 90, 95, 85, 91, 80, 79, 90] {
            let now = nearly_full(percent, full);
            warnings += u32::from(now && !full);
            full = now;
        }
        assert_eq!(warnings, 2);
    }
}
