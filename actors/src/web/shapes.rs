//! How values of the engine stand in JSON, for the OpenAPI document: the engine itself knows
//! nothing of it. A test compares each shape with what is really written.

#![expect(dead_code, reason = "shapes are described, never made")]

use utoipa::ToSchema;

/// What is kept for how long, and how much of it. In days, minutes and MiB; 0 is for ever, or
/// without a limit.
#[derive(ToSchema)]
#[schema(as = RetentionPolicy)]
pub struct PolicyShape {
    /// A message that was heard expires when nothing happened to it for so many days.
    heard_days: u32,
    /// The same for one that its recipient chose to keep.
    saved_days: u32,
    /// The same for one that was never heard; its sender is told.
    unheard_days: u32,
    /// A deleted message can be taken back for so many days.
    deleted_days: u32,
    /// How many minutes a mailbox holds.
    quota_minutes: u32,
    /// How many MiB it holds.
    quota_mib: u32,
}

/// What differs for one user from the site's retention: what is left out is the site's.
#[derive(ToSchema)]
#[schema(as = RetentionOverride)]
pub struct OverrideShape {
    heard_days: Option<u32>,
    saved_days: Option<u32>,
    unheard_days: Option<u32>,
    deleted_days: Option<u32>,
    quota_minutes: Option<u32>,
    quota_mib: Option<u32>,
}

/// What a mailbox holds of what is neither deleted nor expired.
#[derive(ToSchema)]
#[schema(as = MailboxUsage)]
pub struct UsageShape {
    /// Messages.
    messages: u64,
    /// How long they are together, in milliseconds.
    length_ms: u64,
    /// How large their files are together.
    bytes: u64,
}

/// A step of a delivery, and why it was taken.
#[derive(ToSchema)]
#[schema(as = ExplanationLine)]
pub struct LineShape {
    /// When, in milliseconds since 1970.
    at: i64,
    /// About which rule, counted from 1.
    rule: Option<u16>,
    /// What it tells of, for programs.
    what: String,
    /// The same in a sentence.
    text: String,
}

/// A step that was reached.
#[derive(ToSchema)]
#[schema(as = StepReached)]
pub struct StepShape {
    /// `accepted`, `notified`, `delivered` or `heard`.
    step: String,
    /// The device; empty for `accepted`.
    device: String,
    /// When, in milliseconds since 1970.
    at: i64,
    /// How much was heard.
    heard_ms: Option<u32>,
}

/// How an ordered call goes.
#[derive(ToSchema)]
#[schema(as = CallProgress)]
pub struct ProgressShape {
    /// Which order.
    call: String,
    /// What it is for.
    kind: PurposeShape,
    /// The telephone, as it was named.
    device: String,
    /// Rises with every change: what to wait for.
    version: u32,
    /// How far it is.
    state: StageShape,
    /// How long the recording is, in milliseconds.
    ms: Option<u32>,
    /// The message that was recorded.
    message: Option<String>,
    /// How much of a message that was played was heard, in milliseconds.
    heard_ms: Option<u32>,
    /// Why it failed.
    reason: Option<String>,
}

/// What an ordered call is for.
#[derive(ToSchema)]
#[schema(as = CallPurpose, rename_all = "lowercase")]
pub enum PurposeShape {
    /// A message is recorded in it.
    Record,
    /// A message is heard in it.
    Play,
}

/// How far an ordered call is.
#[derive(ToSchema)]
#[schema(as = CallState, rename_all = "lowercase")]
pub enum StageShape {
    /// The telephone is being called.
    Calling,
    /// It rings.
    Ringing,
    /// Somebody picked up.
    Answered,
    /// A message is being spoken.
    Recording,
    /// It was spoken; nobody has decided about it yet.
    Recorded,
    /// The message is being played.
    Playing,
    /// The message exists, or was heard.
    Done,
    /// It came to nothing.
    Failed,
    /// Whoever ordered it wanted it no more.
    Cancelled,
}

/// What a rule on Hark's own events looks for.
#[derive(ToSchema)]
#[schema(as = RuleCondition, rename_all = "kebab-case")]
pub enum ConditionShape {
    /// The last telephone of a user is no longer registered.
    DeviceUnregistered,
    /// A message was not heard, kept or deleted.
    MessageUnheard,
    /// Every rule of a recipient was tried in vain.
    DeliveryFailed,
    /// A mailbox is nearly full.
    MailboxNearlyFull,
    /// A trunk takes no further call.
    TrunkRefused,
}

/// What is said: one of these.
#[derive(ToSchema)]
#[schema(as = EventContent, rename_all = "snake_case")]
pub enum ContentShape {
    /// A text with `{values}` in each language (BCP 47), spoken by text to speech.
    Text(std::collections::BTreeMap<String, String>),
    /// A prompt that was recorded in each language: its name.
    Prompt(String),
    /// The id of a message that the owner can hear.
    Recording(String),
}

/// What a rule on Hark's own events looks for, and what it announces.
#[derive(ToSchema)]
#[schema(as = RuleSpec)]
pub struct RuleSpecShape {
    /// What it looks for.
    condition: ConditionShape,
    /// For how long that has to last, in seconds.
    #[schema(maximum = 2_592_000)]
    after_seconds: Option<u32>,
    /// For how long it has to be over before it counts as over, in seconds.
    #[schema(maximum = 86_400)]
    clear_seconds: Option<u32>,
    /// Nothing is told twice about the same within so many seconds.
    #[schema(maximum = 2_592_000)]
    window_seconds: Option<u32>,
    /// What is announced. Among its recipients `@subject` is whom it concerns and `@owner` whose
    /// rule it is.
    announce: crate::announce::Request,
}

/// How somebody can be reached, as rules ask for it.
#[derive(ToSchema)]
#[schema(as = Reached, rename_all = "kebab-case")]
pub enum ReachedShape {
    /// A browser session is open, and pop-ups are wanted.
    Present,
    /// No pop-up would be shown.
    Absent,
    /// A browser session is open, and nobody has used it for a while.
    Away,
    /// In a call.
    Busy,
    /// Does not want to be disturbed.
    DoNotDisturb,
}

/// A user's devices and rules. The manual of profiles describes them.
#[derive(ToSchema)]
#[schema(as = Profile)]
pub struct ProfileShape {
    /// The user's devices, by a name that the rules use.
    devices: Vec<DeviceShape>,
    /// Named groups of senders, which rules call `@name`.
    groups: Option<Vec<GroupShape>>,
    /// IANA name of the time zone in which hours are meant.
    zone: String,
    /// When nothing is to ring.
    quiet_hours: Option<QuietHoursShape>,
    /// The most delivery calls in any hour, on all devices together.
    #[schema(minimum = 1, maximum = 60)]
    calls_per_hour: u32,
    /// Tried from the first to the last, until one reaches the recipient.
    rules: Vec<RuleShape>,
    /// The rules as text: it says the same as `rules`. Where the profile is asked for by itself.
    rules_text: Option<String>,
}

/// What is written of a profile: what is left out has its default. Rules are given as data or as
/// text, not both.
#[derive(ToSchema)]
#[schema(as = NewProfile)]
pub struct NewProfileShape {
    devices: Option<Vec<DeviceShape>>,
    groups: Option<Vec<GroupShape>>,
    zone: Option<String>,
    quiet_hours: Option<QuietHoursShape>,
    #[schema(minimum = 1, maximum = 60)]
    calls_per_hour: Option<u32>,
    rules: Option<Vec<RuleShape>>,
    rules_text: Option<String>,
}

/// Something on which a message can reach its recipient.
#[derive(ToSchema)]
#[schema(as = Device)]
pub struct DeviceShape {
    /// How rules and receipts name it.
    #[schema(min_length = 1, max_length = 32)]
    name: String,
    /// What it is.
    kind: DeviceKindShape,
    /// Whether its number or address was shown to be the user's own. Not taken from a client.
    verified: Option<bool>,
    /// Of `sip-address` and `sip-message`: where it is.
    uri: Option<String>,
    /// Of `number`: which.
    number: Option<String>,
    /// Of `number`: the trunk over which it is called.
    trunk: Option<String>,
    /// Of `email`: where to.
    address: Option<String>,
    /// Of `email`: whether the audio goes along.
    attach: Option<bool>,
    /// Of `webhook`: where it is.
    url: Option<String>,
}

/// The kinds of device.
#[derive(ToSchema)]
#[schema(as = DeviceKind, rename_all = "kebab-case")]
pub enum DeviceKindShape {
    /// Whatever telephones are registered with the user's account.
    RegisteredPhone,
    /// A telephone at a SIP address of its own.
    SipAddress,
    /// A telephone number outside.
    Number,
    /// The web client, in every tab that is open.
    Browser,
    /// A client that shows text.
    SipMessage,
    /// A mailbox.
    Email,
    /// Every browser that the user allowed to be told.
    WebPush,
    /// A web service of the user's.
    Webhook,
}

/// A named group of senders.
#[derive(ToSchema)]
#[schema(as = SenderGroup)]
pub struct GroupShape {
    name: String,
    /// Sign-in names, numbers and addresses.
    members: Vec<String>,
}

/// When nothing is to ring.
#[derive(ToSchema)]
#[schema(as = QuietHours)]
pub struct QuietHoursShape {
    /// In the profile's time zone.
    #[schema(value_type = Vec<Object>)]
    hours: Vec<()>,
    /// Whether what is urgent rings all the same.
    urgent_passes: Option<bool>,
}

/// When a rule applies, and what is done then.
#[derive(ToSchema)]
#[schema(as = DeliveryRule)]
pub struct RuleShape {
    /// When it applies: a word such as `present`, or an object with `presence`, `hours`, `from`,
    /// `urgent` or `unheard_secs`.
    #[schema(value_type = Option<Value>)]
    when: (),
    /// What is done, one act or a list: `pop-up`, `ring`, `notify`, `wait`, `escalate`, `all`,
    /// `stop`.
    #[schema(rename = "do", value_type = Value)]
    acts: (),
    /// Whether the next rule is tried even if this one reached the recipient.
    go_on: Option<bool>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hark_engine::delivery::explain::{Line, What};
    use hark_engine::delivery::profile::Profile;
    use hark_engine::message::Step;
    use hark_engine::message::state::StepReached;
    use hark_engine::retention::{Override, Policy, Usage};
    use hark_engine::time::UnixMillis;
    use serde::Serialize;

    use super::*;

    fn described<T: utoipa::PartialSchema>() -> BTreeSet<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    }

    fn written(value: impl Serialize) -> BTreeSet<String> {
        serde_json::to_value(value).unwrap().as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn shapes_are_what_is_written() {
        assert_eq!(described::<PolicyShape>(), written(Policy::default()));
        assert_eq!(described::<UsageShape>(), written(Usage::default()));
        let all = Override {
            heard_days: Some(1),
            saved_days: Some(1),
            unheard_days: Some(1),
            deleted_days: Some(1),
            quota_minutes: Some(1),
            quota_mib: Some(1),
        };
        assert_eq!(described::<OverrideShape>(), written(all));
        let at = UnixMillis(1);
        let line = Line { at, rule: Some(1), what: What::Begun, text: String::new() };
        assert_eq!(described::<LineShape>(), written(line));
        let step = StepReached { step: Step::Heard, device: "d".into(), at, heard_ms: Some(1) };
        assert_eq!(described::<StepShape>(), written(step));
        let profile = written(Profile::default());
        assert!(profile.is_subset(&described::<ProfileShape>()), "{profile:?}");
        assert_eq!(described::<ProfileShape>(), described::<NewProfileShape>());
    }

    #[test]
    fn names_of_shapes_are_read() {
        fn names<T: utoipa::PartialSchema>() -> Vec<serde_json::Value> {
            serde_json::to_value(T::schema()).unwrap()["enum"].as_array().unwrap().clone()
        }
        use hark_engine::announce::watch::Condition;
        let conditions: Vec<serde_json::Value> =
            Condition::ALL.iter().map(|c| c.name().into()).collect();
        assert_eq!(names::<ConditionShape>(), conditions);
        use hark_engine::delivery::condition::Reached;
        let reached: Vec<_> =
            Reached::ALL.iter().map(|r| serde_json::to_value(r).unwrap()).collect();
        assert_eq!(names::<ReachedShape>(), reached);
    }
}
