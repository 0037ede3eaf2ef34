//! `/api/v1/outbox`: what the user sent, and what became of it.

use actix_web::{HttpResponse, web};
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::state::StepReached;
use hark_engine::time::UnixMillis;
use serde::Serialize;

use crate::store::OutboxEntry;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::ApiError;

/// How many messages are listed, the newest first.
const LISTED: u32 = 200;

#[derive(Serialize)]
struct Sent {
    id: MessageId,
    at: UnixMillis,
    length_ms: u32,
    recipients: Vec<SentTo>,
}

#[derive(Serialize)]
struct SentTo {
    user: UserId,
    name: String,
    steps: Vec<StepReached>,
    /// The time for which it waits, as long as it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<UnixMillis>,
}

impl From<OutboxEntry> for Sent {
    fn from(entry: OutboxEntry) -> Self {
        let receipt = entry.receipt;
        let recipients = entry.recipients.into_iter().map(|recipient| SentTo {
            user: recipient.user,
            name: recipient.name,
            waits_until: recipient.state.due.filter(|_| recipient.state.is_held()),
            // Without a receipt asked for, the sender learns of the commit and no more.
            steps: recipient
                .state
                .steps()
                .into_iter()
                .take(if receipt { usize::MAX } else { 1 })
                .collect(),
        });
        Self {
            id: entry.id,
            at: entry.at,
            length_ms: entry.length_ms,
            recipients: recipients.collect(),
        }
    }
}

/// The messages sent, newest first.
///
/// # Errors
/// When the store can't be read.
pub async fn list(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let sent = state.store.outbox(signed_in.user, LISTED).await?;
    Ok(super::private(sent.into_iter().map(Sent::from).collect::<Vec<_>>()))
}
