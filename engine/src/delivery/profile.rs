//! What a recipient chose: devices, quiet hours, and ordered rules that say how a message finds
//! its way.
//!
//! As JSON it is what the API takes and the store keeps. Profiles of an older form, in which a
//! rule had one word for its condition and one act, are read as they are.

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::condition::{Period, When, hours};
use crate::calendar::Zone;
use crate::dialplan::effect::DeliveryPreset;
use crate::time::UnixMillis;

/// A user's devices and rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The user's devices, by a name that the rules use.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Named groups of senders, which rules call `@name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// IANA name of the time zone in which hours are meant.
    #[serde(default = "utc")]
    pub zone: String,
    /// When nothing is to ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// The most delivery calls in any hour, on all devices together (1-60).
    #[serde(default = "default_calls_per_hour")]
    pub calls_per_hour: u32,
    /// Tried from the first to the last, until one reaches the recipient.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// When nothing is to ring: calls, push and SIP messages wait until it ends. What is silent, such
/// as e-mail and a pop-up on an open page, does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// In the profile's time zone.
    pub hours: Vec<Period>,
    /// Whether what is urgent rings all the same.
    #[serde(default)]
    pub urgent_passes: bool,
}

/// Some senders under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What rules call it, without the `@`. 1-32 letters, digits, `-` and `_`.
    pub name: String,
    /// Sign-in names, numbers and addresses.
    pub members: Vec<String>,
}

/// Something on which a message can reach its recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// How rules and receipts name it: `desk`, `mobile`. 1-32 characters.
    pub name: String,
    /// What it is, and how to reach it.
    #[serde(flatten)]
    pub kind: DeviceKind,
    /// Whether its number or address was shown to be the user's own. Never taken from a client.
    #[serde(default)]
    pub verified: bool,
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
    /// A telephone number outside.
    Number {
        /// `+493012345`
        number: String,
        /// The trunk over which it is called; the first one if none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trunk: Option<String>,
    },
    /// The web client, in every tab that is open.
    Browser,
    /// A client that shows text (SIP MESSAGE, RFC 3428).
    SipMessage {
        /// `sip:bob@192.0.2.7`; the user's own registered clients if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri: Option<String>,
    },
    /// A mailbox.
    Email {
        /// `bob@example.org`
        address: String,
        /// Whether the audio goes along, and in which form.
        #[serde(default, skip_serializing_if = "Attach::is_no")]
        attach: Attach,
    },
    /// Every browser that the user allowed to be told (RFC 8030).
    WebPush,
    /// A web service of the user's.
    Webhook {
        /// `https://…`
        url: String,
    },
}

/// Whether the audio goes along with a mail: `false`, `true`, `"ogg"` or `"wav"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AttachForm", into = "AttachForm")]
pub enum Attach {
    /// It stays behind the link.
    #[default]
    No,
    /// In the form that the operator chose.
    Yes,
    /// As Ogg Opus: small.
    Ogg,
    /// As WAV: large, and played everywhere.
    Wav,
}

impl Attach {
    const fn is_no(&self) -> bool {
        matches!(self, Self::No)
    }
}

/// As JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AttachForm {
    Whether(bool),
    As(AttachAs),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AttachAs {
    Ogg,
    Wav,
}

impl From<AttachForm> for Attach {
    fn from(form: AttachForm) -> Self {
        match form {
            AttachForm::Whether(false) => Self::No,
            AttachForm::Whether(true) => Self::Yes,
            AttachForm::As(AttachAs::Ogg) => Self::Ogg,
            AttachForm::As(AttachAs::Wav) => Self::Wav,
        }
    }
}

impl From<Attach> for AttachForm {
    fn from(attach: Attach) -> Self {
        match attach {
            Attach::No => Self::Whether(false),
            Attach::Yes => Self::Whether(true),
            Attach::Ogg => Self::As(AttachAs::Ogg),
            Attach::Wav => Self::As(AttachAs::Wav),
        }
    }
}

/// One rule: when it applies, and what is done then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// When the rule applies.
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
    /// What is done then, one after the other, until the message is heard.
    #[serde(rename = "do", with = "one_or_many")]
    pub acts: Vec<Act>,
    /// Whether the next rule is tried even if this one reached the recipient.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub go_on: bool,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Show a pop-up in every browser session.
    PopUp,
    /// Ring and play the message.
    Ring(Ring),
    /// Tell a device that cannot ring.
    Notify {
        /// The devices' names: each is told.
        #[serde(with = "one_or_many")]
        device: Vec<String>,
    },
    /// Do nothing for a while. What is heard meanwhile is done with.
    Wait {
        /// How long, in seconds (1-604800).
        secs: u32,
    },
    /// Deliver the message to somebody else too.
    Escalate {
        /// Their sign-in name.
        to: String,
    },
    /// All of these at once; at most one of them rings.
    All(Vec<Act>),
    /// Try nothing further; the message waits in the mailbox.
    Stop,
}

/// How telephones are rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// The devices' names: all ring at once, and the first that confirms has it.
    #[serde(with = "one_or_many")]
    pub device: Vec<String>,
    /// How often to try, 1-10.
    #[serde(default = "default_attempts")]
    pub attempts: u8,
    /// How long to wait between two tries, in seconds; doubled after each, an hour at most.
    #[serde(default = "default_retry")]
    pub retry_secs: u32,
    /// How long to let it ring, in seconds (5-120).
    #[serde(default = "default_ring")]
    pub ring_secs: u32,
}

impl Ring {
    /// The usual way to ring one device.
    pub fn of(device: impl Into<String>) -> Self {
        Self {
            device: vec![device.into()],
            attempts: default_attempts(),
            retry_secs: default_retry(),
            ring_secs: default_ring(),
        }
    }
}

pub(super) const fn default_attempts() -> u8 {
    3
}
pub(super) const fn default_retry() -> u32 {
    60
}
pub(super) const fn default_ring() -> u32 {
    30
}
const fn default_calls_per_hour() -> u32 {
    12
}
fn utc() -> String {
    "UTC".into()
}

/// A list of which one item may stand alone.
mod one_or_many {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
    use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        items: &[T],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match items {
            [one] => one.serialize(to),
            many => many.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        from.deserialize_any(Either(PhantomData))
    }

    struct Either<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one, or a list of them")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            T::deserialize(text.into_deserializer()).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }
    }
}

impl DeviceKind {
    /// Whether it is a telephone, which Hark can ring.
    pub const fn rings(&self) -> bool {
        match self {
            Self::RegisteredPhone | Self::SipAddress { .. } | Self::Number { .. } => true,
            Self::Browser
            | Self::SipMessage { .. }
            | Self::Email { .. }
            | Self::WebPush
            | Self::Webhook { .. } => false,
        }
    }

    /// Whether it can be told of a message without ringing.
    pub const fn is_told(&self) -> bool {
        match self {
            Self::SipMessage { .. } | Self::Email { .. } | Self::WebPush | Self::Webhook { .. } => {
                true
            }
            Self::RegisteredPhone
            | Self::SipAddress { .. }
            | Self::Number { .. }
            | Self::Browser => false,
        }
    }

    /// Whether telling it makes a noise where its owner is.
    pub const fn is_noisy(&self) -> bool {
        match self {
            Self::RegisteredPhone
            | Self::SipAddress { .. }
            | Self::Number { .. }
            | Self::SipMessage { .. }
            | Self::WebPush => true,
            Self::Browser | Self::Email { .. } | Self::Webhook { .. } => false,
        }
    }

    /// The address outside that has to be shown to be the user's before Hark calls or writes to
    /// it on its own. `None` where there is none to show, or where it is none at all.
    pub fn address(&self) -> Option<Address> {
        match self {
            Self::SipAddress { uri } | Self::SipMessage { uri: Some(uri) } => {
                Address::parse(uri).ok().filter(|address| matches!(address, Address::Sip(_)))
            }
            Self::Number { number, .. } => {
                Address::parse(number).ok().filter(|address| matches!(address, Address::Number(_)))
            }
            Self::Email { address, .. } => {
                Address::parse(address).ok().filter(|address| matches!(address, Address::Mail(_)))
            }
            Self::RegisteredPhone
            | Self::Browser
            | Self::SipMessage { uri: None }
            | Self::WebPush
            | Self::Webhook { .. } => None,
        }
    }

    /// Whether its address has to be verified.
    pub const fn needs_verifying(&self) -> bool {
        match self {
            Self::SipAddress { .. }
            | Self::Number { .. }
            | Self::Email { .. }
            | Self::SipMessage { uri: Some(_) } => true,
            Self::RegisteredPhone
            | Self::Browser
            | Self::SipMessage { uri: None }
            | Self::WebPush
            | Self::Webhook { .. } => false,
        }
    }

    /// How event log and receipts call the way on which such a device is told: the device's name
    /// follows it.
    pub const fn channel(&self) -> &'static str {
        match self {
            Self::RegisteredPhone | Self::SipAddress { .. } | Self::Number { .. } => "phone",
            Self::Browser => "browser",
            Self::SipMessage { .. } => "sip-message",
            Self::Email { .. } => "email",
            Self::WebPush => "push",
            Self::Webhook { .. } => "webhook",
        }
    }
}

impl Device {
    /// Whether a rule may use it.
    pub const fn usable(&self) -> bool {
        self.verified || !self.kind.needs_verifying()
    }

    /// How event log and receipts call it: `phone:desk`.
    pub fn label(&self) -> String {
        format!("{}:{}", self.kind.channel(), self.name)
    }
}

impl Act {
    /// This act, or all that are done at once with it.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        match self {
            Self::All(acts) => acts.iter(),
            Self::PopUp
            | Self::Ring(_)
            | Self::Notify { .. }
            | Self::Wait { .. }
            | Self::Escalate { .. }
            | Self::Stop => std::slice::from_ref(self).iter(),
        }
    }
}

impl Profile {
    /// When the quiet hours end that hold back the ringing for a message at `now`; `None` where
    /// they don't. Looked for over a week; of hours that are longer the end of that week.
    pub fn quiet_until(&self, now: UnixMillis, urgent: bool) -> Option<UnixMillis> {
        let quiet = self.quiet_hours.as_ref().filter(|quiet| !(urgent && quiet.urgent_passes))?;
        let zone = Zone::parse(&self.zone).unwrap_or_else(|_| Zone::utc());
        let hours = hours(&zone, &quiet.hours).filter(|hours| hours.open(now))?;
        // Minute by minute, so that a clock that is put forward or back is counted as it goes.
        let whole = UnixMillis(now.0 - now.0.rem_euclid(60_000));
        let minutes = (1..=7 * 1440).map(|n| UnixMillis(whole.0 + n * 60_000));
        let mut last = whole;
        for minute in minutes {
            if !hours.open(minute) {
                return Some(minute);
            }
            last = minute;
        }
        Some(last)
    }

    /// The device of this name.
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == name)
    }

    /// Whether some rule waits until the message has been unheard for a while: such a delivery
    /// goes on though a pop-up was seen.
    pub fn has_late_rules(&self) -> bool {
        self.rules.iter().any(|rule| rule.when.unheard_secs.is_some())
    }

    /// This profile with the rules of a preset, everything else as it is. `None` where the preset
    /// rings a telephone and the profile has none.
    #[must_use]
    pub fn with_preset(&self, preset: DeliveryPreset) -> Option<Self> {
        let pop_up = || vec![Rule::new(When::present(), Act::PopUp)];
        let rules = match preset {
            DeliveryPreset::PopUp => pop_up(),
            // Also where a browser is open: a pop-up that nobody saw is no delivery.
            DeliveryPreset::PopUpThenRing => {
                let mut rules = pop_up();
                rules.extend(self.ring()?);
                rules
            }
            DeliveryPreset::Ring => self.ring()?,
            DeliveryPreset::Wait => vec![Rule::new(When::default(), Act::Stop)],
        };
        Some(Self { rules, ..self.clone() })
    }

    /// Rules that ring the registered telephones, or where the profile has no such device each
    /// other telephone in turn.
    fn ring(&self) -> Option<Vec<Rule>> {
        let registered = |d: &&Device| d.kind == DeviceKind::RegisteredPhone;
        let mut phones: Vec<&Device> = self.devices.iter().filter(registered).collect();
        if phones.is_empty() {
            phones = self.devices.iter().filter(|d| d.kind.rings() && d.usable()).collect();
        }
        let rule =
            |device: &Device| Rule::new(When::default(), Act::Ring(Ring::of(device.name.clone())));
        (!phones.is_empty()).then(|| phones.into_iter().map(rule).collect())
    }
}

impl Rule {
    /// A rule of one act.
    pub fn new(when: When, act: Act) -> Self {
        Self { when, acts: vec![act], go_on: false }
    }
}

impl Default for Profile {
    /// A pop-up while present, else nothing rings: nobody is called who did not ask for it.
    fn default() -> Self {
        let device = |name: &str, kind| Device { name: name.into(), kind, verified: false };
        Self {
            devices: vec![
                device("browser", DeviceKind::Browser),
                device("phone", DeviceKind::RegisteredPhone),
            ],
            groups: Vec::new(),
            zone: utc(),
            quiet_hours: None,
            calls_per_hour: default_calls_per_hour(),
            rules: vec![Rule::new(When::present(), Act::PopUp)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(rule: &Rule) -> String {
        match &rule.acts[..] {
            [Act::Ring(ring)] => ring.device.join("+"),
            [Act::PopUp] => "pop-up".into(),
            [Act::Stop] => "stop".into(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_preset_replaces_the_rules_and_keeps_the_rest() {
        let mobile = DeviceKind::SipAddress { uri: "sip:m@x".into() };
        let mut profile = Profile { zone: "Europe/Berlin".into(), ..Profile::default() };
        profile.devices.push(Device { name: "mobile".into(), kind: mobile, verified: true });
        let expected: [(DeliveryPreset, &[&str]); 4] = [
            (DeliveryPreset::PopUp, &["pop-up"]),
            (DeliveryPreset::PopUpThenRing, &["pop-up", "phone"]),
            (DeliveryPreset::Ring, &["phone"]),
            (DeliveryPreset::Wait, &["stop"]),
        ];
        for (preset, acts) in expected {
            let chosen = profile.with_preset(preset).unwrap();
            assert_eq!((&chosen.devices, &chosen.zone), (&profile.devices, &profile.zone));
            assert_eq!(chosen.rules.iter().map(rings).collect::<Vec<_>>(), acts, "{preset:?}");
        }
        profile.devices.retain(|d| d.kind != DeviceKind::RegisteredPhone);
        let chosen = profile.with_preset(DeliveryPreset::Ring).unwrap();
        assert_eq!(rings(&chosen.rules[0]), "mobile");
        profile.devices.retain(|d| !d.kind.rings());
        assert_eq!(profile.with_preset(DeliveryPreset::Ring), None);
        assert!(profile.with_preset(DeliveryPreset::PopUp).is_some());
    }

    #[test]
    fn a_profile_of_the_older_form_is_read_as_it_is() {
        let older = r#"{"devices":[{"name":"browser","kind":"browser"},
            {"name":"phone","kind":"registered-phone"},{"name":"m","kind":"sip-address","uri":"sip:m@x"}],
            "rules":[{"when":"present","do":"pop-up"},
            {"when":"absent","do":{"ring":{"device":"phone","attempts":2,"retry_secs":5,"ring_secs":20}}},
            {"when":"always","do":"stop"},{"do":{"ring":{"device":"m"}}}]}"#;
        let profile: Profile = serde_json::from_str(older).unwrap();
        let ring = Ring { attempts: 2, retry_secs: 5, ring_secs: 20, ..Ring::of("phone") };
        assert_eq!(profile.rules[0], Rule::new(When::present(), Act::PopUp));
        assert_eq!(profile.rules[1], Rule::new(When::absent(), Act::Ring(ring)));
        assert_eq!(profile.rules[2], Rule::new(When::default(), Act::Stop));
        assert_eq!(profile.rules[3].acts, [Act::Ring(Ring::of("m"))]);
        assert!(!profile.devices[2].usable(), "an address that was never verified");
        let again: Profile =
            serde_json::from_str(&serde_json::to_string(&profile).unwrap()).unwrap();
        assert_eq!(again, profile);
    }

    #[test]
    fn everything_that_can_be_written_is_read_back() {
        let text = r#"{"devices":[{"name":"mobile","kind":"number","number":"+4930","trunk":"c"},
            {"name":"work","kind":"email","address":"b@x.org","attach":true},{"name":"sms","kind":"sip-message"},
            {"name":"push","kind":"web-push"},{"name":"hook","kind":"webhook","url":"https://x.org/"}],
            "groups":[{"name":"family","members":["carol","+49301"]}],"zone":"Europe/Berlin",
            "quiet_hours":{"hours":["22:00-6:00"],"urgent_passes":true},"calls_per_hour":5,
            "rules":[{"when":{"presence":["absent","busy"],"hours":["mon-fri 9:00-18:00"],
            "from":["@family","outsiders"],"urgent":true,"unheard_secs":600},
            "do":[{"all":[{"ring":{"device":["mobile","desk"]}},{"notify":{"device":"work"}}]},
            {"wait":{"secs":60}},{"escalate":{"to":"carol"}},"stop"],"go_on":true}]}"#;
        let profile: Profile = serde_json::from_str(text).unwrap();
        let written = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&written).unwrap(), profile);
        assert!(profile.has_late_rules());
        assert_eq!(profile.rules[0].acts[0].each().count(), 2);
        assert_eq!(profile.devices[1].label(), "email:work");
        assert!(serde_json::from_str::<Profile>(r#"{"rulez":[]}"#).is_err());
    }
}
