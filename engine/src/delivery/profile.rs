//! What a recipient chose: devices, and ordered rules that say which of them to try.

use serde::{Deserialize, Serialize};

use crate::dialplan::effect::DeliveryPreset;

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

impl DeviceKind {
    /// Whether it is a telephone, which Hark can ring.
    pub const fn rings(&self) -> bool {
        match self {
            Self::RegisteredPhone | Self::SipAddress { .. } => true,
            Self::Browser => false,
        }
    }
}

impl Profile {
    /// This profile with the rules of a preset, its devices as they are. `None` where the preset
    /// rings a telephone and the profile has none.
    #[must_use]
    pub fn with_preset(&self, preset: DeliveryPreset) -> Option<Self> {
        let pop_up = || vec![Rule { when: Condition::Present, act: Act::PopUp }];
        let rules = match preset {
            DeliveryPreset::PopUp => pop_up(),
            // Also where a browser is open: a pop-up that nobody saw is no delivery.
            DeliveryPreset::PopUpThenRing => {
                let mut rules = pop_up();
                rules.extend(self.ring()?);
                rules
            }
            DeliveryPreset::Ring => self.ring()?,
            DeliveryPreset::Wait => vec![Rule { when: Condition::Always, act: Act::Stop }],
        };
        Some(Self { devices: self.devices.clone(), rules })
    }

    /// Rules that ring the registered telephones, or where the profile has no such device each
    /// other telephone in turn.
    fn ring(&self) -> Option<Vec<Rule>> {
        let registered = |d: &&Device| d.kind == DeviceKind::RegisteredPhone;
        let mut phones: Vec<&Device> = self.devices.iter().filter(registered).collect();
        if phones.is_empty() {
            phones = self.devices.iter().filter(|d| d.kind.rings()).collect();
        }
        let rule = |device: &Device| Rule {
            when: Condition::Always,
            act: Act::Ring {
                device: device.name.clone(),
                attempts: default_attempts(),
                retry_secs: default_retry(),
                ring_secs: default_ring(),
            },
        };
        (!phones.is_empty()).then(|| phones.into_iter().map(rule).collect())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(rule: &Rule) -> &str {
        match &rule.act {
            Act::Ring { device, .. } => device,
            Act::PopUp => "pop-up",
            Act::Stop => "stop",
        }
    }

    #[test]
    fn a_preset_replaces_the_rules_and_keeps_the_devices() {
        let mobile = DeviceKind::SipAddress { uri: "sip:m@x".into() };
        let mut profile = Profile::default();
        profile.devices.push(Device { name: "mobile".into(), kind: mobile });
        let expected: [(DeliveryPreset, &[&str]); 4] = [
            (DeliveryPreset::PopUp, &["pop-up"]),
            (DeliveryPreset::PopUpThenRing, &["pop-up", "phone"]),
            (DeliveryPreset::Ring, &["phone"]),
            (DeliveryPreset::Wait, &["stop"]),
        ];
        for (preset, acts) in expected {
            let chosen = profile.with_preset(preset).unwrap();
            assert_eq!(chosen.devices, profile.devices);
            assert_eq!(chosen.rules.iter().map(rings).collect::<Vec<_>>(), acts, "{preset:?}");
        }
        profile.devices.retain(|d| d.kind != DeviceKind::RegisteredPhone);
        let chosen = profile.with_preset(DeliveryPreset::Ring).unwrap();
        assert_eq!(rings(&chosen.rules[0]), "mobile");
        profile.devices.retain(|d| !d.kind.rings());
        assert_eq!(profile.with_preset(DeliveryPreset::Ring), None);
        assert!(profile.with_preset(DeliveryPreset::PopUp).is_some());
    }
}
