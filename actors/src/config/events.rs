//! `[events]`: announcements that applications, schedules and rules make.

use serde::Deserialize;

use hark_engine::announce::quiet::QuietHours;
use hark_engine::calendar::Zone;

/// `[events]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// The sign-in names of those who look after groups, the site's templates, and rules that
    /// concern everybody.
    pub managers: Vec<String>,
    /// Hours in which what is not urgent waits: `22:00-07:00`. Absent: none.
    pub quiet_hours: Option<String>,
    /// Whether what is urgent is told in quiet hours too.
    pub urgent_in_quiet_hours: bool,
    /// The time zone of the quiet hours, and of schedules that name none: an IANA name.
    pub time_zone: String,
    /// A missed occurrence of a schedule that is not older is told late, in seconds (0-86400).
    pub grace_seconds: u32,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            managers: Vec::new(),
            quiet_hours: None,
            urgent_in_quiet_hours: true,
            time_zone: "UTC".into(),
            grace_seconds: 900,
        }
    }
}

/// What is wrong: the key, what it was set to, and what is allowed.
pub(super) type Wrong = (&'static str, String, &'static str);

impl Events {
    /// The zone. Checked when the configuration is read.
    pub fn zone(&self) -> Zone {
        Zone::parse(&self.time_zone).unwrap_or(Zone::utc())
    }

    /// The quiet hours. Checked when the configuration is read.
    pub fn quiet(&self) -> Option<QuietHours> {
        self.quiet_hours.as_ref().and_then(|text| QuietHours::parse(text, self.zone()).ok())
    }

    pub(super) fn check(&self) -> Result<(), Wrong> {
        if Zone::parse(&self.time_zone).is_err() {
            let value = format!("{:?}", self.time_zone);
            return Err(("events.time_zone", value, "write an IANA name, such as Europe/Berlin"));
        }
        if let Some(text) = &self.quiet_hours
            && let Err(what) = QuietHours::parse(text, self.zone())
        {
            return Err(("events.quiet_hours", format!("{text:?}"), what));
        }
        if self.grace_seconds > 86_400 {
            let value = self.grace_seconds.to_string();
            return Err(("events.grace_seconds", value, "allowed are 0 to 86400"));
        }
        Ok(())
    }
}
