//! What a recipient chose: devices, and ordered rules that say which of them to try.

use serde::{Deserialize, Serialize};

/// A user's devices and rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The user's devices, by a name that the rules use.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Tried from the first to the last, until one delivers.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// Something on which a message can reach its recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// How rules and receipts name it: `desk`, `mobile`. 1-32 characters.
    pub name: String,
    /// What it is, and how to reach it.
    #[serde(flatten)]
    pub kind: DeviceKind,
}

/// The kinds of device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DeviceKind {
    /// Whatever telephones are registered with the user's account.
    RegisteredPhone,
    /// A telephone at a SIP address of its own.
    SipAddress {
        /// `sip:bob@192.0.2.7`
        uri: String,
    },
    /// The web client, in every tab that is open.
    Browser,
}

/// One rule: when it applies, and what to do then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// When the rule applies.
    #[serde(default)]
    pub when: Condition,
    /// What to do then.
    #[serde(rename = "do")]
    pub act: Act,
}

/// When a rule applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// While a browser session of the recipient is open.
    Present,
    /// While none is.
    Absent,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Show a pop-up in every browser session.
    PopUp,
    /// Ring this device and play the message.
    Ring {
        /// The device's name.
        device: String,
        /// How often to try, 1-10.
        #[serde(default = "default_attempts")]
        attempts: u8,
        /// How long to wait between two tries, in seconds; doubled after each.
        #[serde(default = "default_retry")]
        retry_secs: u32,
        /// How long to let it ring, in seconds.
        #[serde(default = "default_ring")]
        ring_secs: u32,
    },
    /// Try nothing further; the message waits in the mailbox.
    Stop,
}

const fn default_attempts() -> u8 {
    3
}
const fn default_retry() -> u32 {
    60
}
const fn default_ring() -> u32 {
    30
}

impl Default for Profile {
    /// A pop-up while present, else nothing rings: nobody is called who did not ask for it.
    fn default() -> Self {
        Self {
            devices: vec![
                Device { name: "browser".into(), kind: DeviceKind::Browser },
                Device { name: "phone".into(), kind: DeviceKind::RegisteredPhone },
            ],
            rules: vec![Rule { when: Condition::Present, act: Act::PopUp }],
        }
    }
}
