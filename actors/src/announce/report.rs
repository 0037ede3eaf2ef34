//! Who heard an announcement, how and when.

use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::{RecipientState, StepReached};
use hark_engine::time::UnixMillis;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Announcements;
use super::request::{Content, Plan};
use crate::store::{AnnouncementRecord, StoreError};

/// How an announcement stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EventReport)]
pub struct Report {
    /// Which.
    #[schema(value_type = String)]
    pub id: Uuid,
    /// The key that it was accepted under.
    pub key: String,
    /// When.
    #[schema(value_type = i64)]
    pub created: UnixMillis,
    /// `pending`, `active`, `sent`, `confirmed`, `exhausted`, `expired`, `cancelled` or `failed`.
    pub state: String,
    /// What is said.
    #[schema(value_type = crate::web::shapes::ContentShape)]
    pub content: Content,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether somebody has to confirm it.
    pub confirm: bool,
    /// The step it is at, from 0.
    pub step: usize,
    /// The lists of people.
    pub steps: Vec<ReportedStep>,
    /// Who confirmed it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// Why it came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A list of people.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReportedStep {
    /// Each of them.
    pub recipients: Vec<ReportedRecipient>,
    /// How long it waits for somebody to confirm, in seconds.
    pub wait_seconds: u32,
}

/// What became of it for one of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReportedRecipient {
    /// Who.
    #[schema(value_type = i64)]
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// `waiting` (not their turn yet), `full`, `held`, `accepted`, `notified`, `delivered`,
    /// `heard`, `confirmed`, `called-off`, `failed` or `expired`.
    pub state: &'static str,
    /// The message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub message: Option<MessageId>,
    /// Each step that was reached, on which device and when.
    #[schema(value_type = Vec<crate::web::shapes::StepShape>)]
    pub steps: Vec<StepReached>,
    /// Where and when they confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<On>,
    /// Why every way to them failed, or none was tried any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A device and a time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ConfirmedOn)]
pub struct On {
    /// On which device.
    pub device: String,
    /// When.
    #[schema(value_type = i64)]
    pub at: UnixMillis,
}

/// Who confirmed it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EventConfirmed)]
pub struct Confirmed {
    /// Who.
    #[schema(value_type = i64)]
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Where and when.
    #[serde(flatten)]
    pub on: On,
}

impl Announcements {
    /// How an announcement stands for each recipient.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn report(&self, record: AnnouncementRecord) -> Result<Report, StoreError> {
        let plan: Plan = serde_json::from_str(&record.plan).map_err(StoreError::unavailable)?;
        let directory = self.shared.outside.users.directory();
        let name = |user: UserId| {
            directory.user(user).map(|user| user.display_name.clone()).unwrap_or_default()
        };
        let mut told: Vec<(usize, UserId, MessageId, RecipientState)> = Vec::new();
        for part in self.shared.store.parts(record.id).await? {
            for (user, state) in self.shared.store.recipient_states(part.message).await? {
                told.push((part.step, user, part.message, state));
            }
        }
        let recipient = |step: usize, user: UserId, full: bool| {
            let state = told.iter().find(|(n, who, ..)| *n == step && *who == user);
            let Some((_, _, message, state)) = state else {
                return ReportedRecipient {
                    user,
                    name: name(user),
                    state: if full { "full" } else { "waiting" },
                    message: None,
                    steps: Vec::new(),
                    confirmed: None,
                    reason: None,
                };
            };
            let ended = state.failed.as_ref().or(state.called_off.as_ref());
            let on = |reached: &hark_engine::message::state::Reached| On {
                device: reached.device.clone(),
                at: reached.at,
            };
            ReportedRecipient {
                user,
                name: name(user),
                state: word(state),
                message: Some(*message),
                steps: state.steps(),
                confirmed: state.confirmed.as_ref().map(on),
                reason: ended.map(|ended| ended.reason.clone()),
            }
        };
        let steps = plan.steps.iter().enumerate().map(|(n, step)| ReportedStep {
            recipients: step
                .recipients
                .iter()
                .map(|user| recipient(n, *user, false))
                .chain(step.full.iter().map(|user| recipient(n, *user, true)))
                .collect(),
            wait_seconds: step.wait_seconds,
        });
        Ok(Report {
            id: record.id,
            key: record.key,
            created: record.created,
            state: record.state,
            urgent: plan.urgent,
            confirm: plan.confirm,
            step: record.step,
            steps: steps.collect(),
            content: plan.content,
            confirmed: record.confirmed.map(|(user, at, device)| Confirmed {
                user,
                name: name(user),
                on: On { device, at },
            }),
            reason: record.reason,
        })
    }
}

/// How far it has come, in a word.
fn word(state: &RecipientState) -> &'static str {
    use hark_engine::message::Step;
    if state.confirmed.is_some() {
        return "confirmed";
    }
    if state.is_held() {
        return "held";
    }
    if state.failed.is_some() {
        return "failed";
    }
    match state.step() {
        Step::Heard => "heard",
        _ if state.is_gone() => "expired",
        _ if state.called_off.is_some() => "called-off",
        Step::Accepted => "accepted",
        Step::Notified => "notified",
        Step::Delivered => "delivered",
    }
}
