//! What an application, a schedule or a rule asks for, and the plan that is made of it.

use std::collections::BTreeMap;

use hark_engine::id::{MessageId, UserId};
use hark_engine::time::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long each step waits for somebody to confirm, unless it says otherwise, in seconds.
const WAIT: u32 = 300;

const fn wait() -> u32 {
    WAIT
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A text with `{values}` in each language (BCP 47), spoken by text to speech.
    Text(BTreeMap<String, String>),
    /// A prompt that was recorded in each language: its name.
    Prompt(String),
    /// A message that the owner can hear.
    Recording(MessageId),
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EventRequest)]
pub struct Request {
    /// The name of a template: the owner's own before the site's. Either this or `content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What is said, where there is no template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::web::shapes::ContentShape>)]
    pub content: Option<Content>,
    /// What is put into the text.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// To whom: `bob`, `1002`, `group:ops`.
    pub recipients: Vec<String>,
    /// Whether it goes before others.
    #[serde(default)]
    pub urgent: bool,
    /// Whether somebody has to confirm it; so it is wherever there is an escalation.
    #[serde(default)]
    pub confirm: bool,
    /// How long to wait for that before the escalation begins, in seconds (10-86400).
    #[serde(default = "wait")]
    pub wait_seconds: u32,
    /// Who is told next, list after list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<Step>,
    /// Nobody learns of it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub not_before: Option<UnixMillis>,
    /// Nobody is told any more from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub not_after: Option<UnixMillis>,
    /// Within the window of another one with the same key it is not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup: Option<Dedup>,
}

/// A step of an escalation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EscalationStep)]
pub struct Step {
    /// To whom.
    pub recipients: Vec<String>,
    /// How long to wait for somebody to confirm, in seconds (10-86400).
    #[serde(default = "wait")]
    pub wait_seconds: u32,
}

/// De-duplication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EventDedup)]
pub struct Dedup {
    /// What two of them share: at most 200 characters.
    pub key: String,
    /// For how long, in seconds (1-2592000).
    pub window_seconds: u32,
}

/// What is said, to whom: with nothing left to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is said; in texts the values are put in.
    pub content: Content,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether somebody has to confirm it.
    pub confirm: bool,
    /// The lists of people.
    pub steps: Vec<PlannedStep>,
    /// Nobody learns of it before.
    pub not_before: Option<UnixMillis>,
    /// Nobody is told any more from here on.
    pub not_after: Option<UnixMillis>,
}

/// A list of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Who is told, each once.
    pub recipients: Vec<UserId>,
    /// Whose mailbox is full, and who is not told.
    #[serde(default)]
    pub full: Vec<UserId>,
    /// How long to wait for somebody to confirm, in seconds.
    pub wait_seconds: u32,
}
