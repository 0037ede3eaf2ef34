//! `[orders]`: calls that are ordered from a computer, and which numbers whoever holds a link may
//! have called.

use hark_engine::order::outside::{Allowed, Limits};
use serde::Deserialize;

/// The section.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Orders {
    /// The most calls that a user may order in an hour (1-1000), to record or to hear a message by
    /// telephone.
    pub per_hour: u32,
    /// Numbers that somebody without an account, who holds a link to a message, may have called to
    /// hear it. Patterns as in a dialplan: `+4930x{4,8}`. Absent: none may be called.
    pub link_allow: Vec<AllowedNumber>,
    /// The trunk over which they are called. Absent: the first one.
    pub link_trunk: Option<String>,
    /// Calls with one link in any 24 hours (0-1000).
    pub calls_per_link: usize,
    /// Calls by link to one number in any 24 hours (0-1000).
    pub calls_per_number: usize,
    /// Calls by link in any 24 hours (0-100000).
    pub calls_per_day: usize,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            per_hour: 20,
            link_allow: Vec::new(),
            link_trunk: None,
            calls_per_link: 3,
            calls_per_number: 3,
            calls_per_day: 50,
        }
    }
}

/// A pattern of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AllowedNumber(pub Allowed);

impl TryFrom<String> for AllowedNumber {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let read = Allowed::parse(&text);
        read.map(Self).map_err(|wrong| format!("'{text}' is no pattern of numbers: {wrong}"))
    }
}

impl Orders {
    /// The limits as the policy wants them.
    pub const fn limits(&self) -> Limits {
        Limits {
            per_link: self.calls_per_link,
            per_number: self.calls_per_number,
            total: self.calls_per_day,
        }
    }

    /// What is wrong with it: the key, its value, and which values are allowed.
    pub(super) fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        if !(1..=1000).contains(&self.per_hour) {
            return Err(("orders.per_hour", self.per_hour.to_string(), "allowed are 1 to 1000"));
        }
        let small = "allowed are 0 to 1000";
        if self.calls_per_link > 1000 {
            return Err(("orders.calls_per_link", self.calls_per_link.to_string(), small));
        }
        if self.calls_per_number > 1000 {
            return Err(("orders.calls_per_number", self.calls_per_number.to_string(), small));
        }
        if self.calls_per_day > 100_000 {
            let value = self.calls_per_day.to_string();
            return Err(("orders.calls_per_day", value, "allowed are 0 to 100000"));
        }
        Ok(())
    }
}
