//! `[retention]`: for how long messages are kept, and how much of them.

use serde::Deserialize;

use hark_engine::retention::Policy;

use super::events::Wrong;

/// `[retention]`; users may differ from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// A message that was heard expires after so many days; 0 is never.
    pub heard_days: u32,
    /// The same for one that its recipient chose to keep.
    pub saved_days: u32,
    /// The same for one that nobody heard; its sender is told.
    pub unheard_days: u32,
    /// A deleted message can be taken back for so many days; 0 is for ever.
    pub deleted_days: u32,
    /// What was sent to a number or address outside is kept for so many days at most; 0 is as long
    /// as a user's. Nobody tidies up there.
    pub outside_days: u32,
    /// How many minutes a mailbox holds; 0 is without a limit.
    pub quota_minutes: u32,
    /// How many MiB it holds; 0 is without a limit.
    pub quota_mib: u32,
    /// How often is looked for what is over, in seconds (1-86400).
    pub sweep_seconds: u32,
}

impl Default for Retention {
    fn default() -> Self {
        let Policy { heard_days, saved_days, unheard_days, deleted_days, quota_minutes, quota_mib } =
            Policy::default();
        Self {
            heard_days,
            saved_days,
            unheard_days,
            deleted_days,
            outside_days: 90,
            quota_minutes,
            quota_mib,
            sweep_seconds: 600,
        }
    }
}

impl Retention {
    /// As the engine takes it.
    pub const fn policy(&self) -> Policy {
        Policy {
            heard_days: self.heard_days,
            saved_days: self.saved_days,
            unheard_days: self.unheard_days,
            deleted_days: self.deleted_days,
            quota_minutes: self.quota_minutes,
            quota_mib: self.quota_mib,
        }
    }

    pub(super) fn check(&self) -> Result<(), Wrong> {
        for (key, days) in [
            ("retention.heard_days", self.heard_days),
            ("retention.saved_days", self.saved_days),
            ("retention.unheard_days", self.unheard_days),
            ("retention.deleted_days", self.deleted_days),
            ("retention.outside_days", self.outside_days),
        ] {
            if days > 36_500 {
                return Err((key, days.to_string(), "allowed are 0 to 36500"));
            }
        }
        if !(1..=86_400).contains(&self.sweep_seconds) {
            let value = self.sweep_seconds.to_string();
            return Err(("retention.sweep_seconds", value, "allowed are 1 to 86400"));
        }
        Ok(())
    }
}
