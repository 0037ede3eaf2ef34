//! `[outside]`: which numbers and addresses that are no user's Hark may call or write to on its
//! own, and how often.

use hark_engine::delivery::address::{Address, Allowed};
use serde::Deserialize;

/// The section.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outside {
    /// Numbers and addresses that may be called or written to: patterns in which `*` stands for
    /// anything. None by default.
    pub allow: Vec<String>,
    /// Exceptions from them.
    pub deny: Vec<String>,
    /// The most calls to one number in any hour (0-60).
    pub calls_per_number_per_hour: u32,
    /// The most calls to one number in any day (0-1000).
    pub calls_per_number_per_day: u32,
    /// The most calls in any day that one sender causes to numbers that are no user's (0-10000).
    pub calls_per_sender_per_day: u32,
    /// The most messages in any day from one sender to whom is no user (0-100000).
    pub messages_per_sender_per_day: u32,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            calls_per_number_per_hour: 6,
            calls_per_number_per_day: 20,
            calls_per_sender_per_day: 30,
            messages_per_sender_per_day: 50,
        }
    }
}

impl Outside {
    /// Whether the operator lets Hark reach this number or address.
    pub fn allows(&self, address: &Address) -> bool {
        Allowed { allow: self.allow.clone(), deny: self.deny.clone() }.allows(address)
    }

    /// What is wrong with it: the key, its value, and which values are allowed.
    pub(super) fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        let ranges = [
            (
                "outside.calls_per_number_per_hour",
                self.calls_per_number_per_hour,
                60,
                "allowed are 0 to 60",
            ),
            (
                "outside.calls_per_number_per_day",
                self.calls_per_number_per_day,
                1_000,
                "allowed are 0 to 1000",
            ),
            (
                "outside.calls_per_sender_per_day",
                self.calls_per_sender_per_day,
                10_000,
                "allowed are 0 to 10000",
            ),
            (
                "outside.messages_per_sender_per_day",
                self.messages_per_sender_per_day,
                100_000,
                "allowed are 0 to 100000",
            ),
        ];
        for (key, value, most, allowed) in ranges {
            if value > most {
                return Err((key, value.to_string(), allowed));
            }
        }
        Ok(())
    }
}
