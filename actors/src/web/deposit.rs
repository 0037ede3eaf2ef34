//! From a file that was sent up to a message.
//!
//! The file is judged and made into what is kept before anything exists; the audio file is in its
//! place before the row names it; and only the commit's return makes it a message.

use std::collections::BTreeSet;

use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;

use super::WebState;
use super::error::ApiError;
use super::idempotency::InUse;
use super::intake::Received;
use super::recipients;
use crate::recording::foreign::Labels;
use crate::recording::{Finished, ForeignLimits};
use crate::store::{NewMessage, StoreError};
use crate::{clock, recovery};

/// What the sender says of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// To whom it goes, as it was written; to whom the file says if to nobody.
    pub to: Vec<String>,
    /// Whether it goes before others.
    pub urgent: bool,
    /// Whether its recipients may not forward it.
    pub private: bool,
    /// Whether the sender does not want to hear what becomes of it.
    pub no_receipt: bool,
    /// Whether a file that breaks off is taken as far as it goes.
    pub partial: bool,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
}

/// The key under which something is sent, in use as long as it is.
pub struct Keyed {
    /// The key.
    pub in_use: InUse,
    /// By what the request is known again.
    pub fingerprint: [u8; 32],
}

/// A file became a message, or had become one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposited {
    /// Which.
    pub id: MessageId,
    /// Whether the same was sent before under the same key.
    pub repeated: bool,
}

/// Makes a message of what was received from `user`.
///
/// # Errors
/// [`ApiError`] says what is wrong with the file or its recipients, or that it can't be kept.
pub async fn deposit(
    state: &WebState,
    user: UserId,
    wishes: Wishes,
    key: Option<Keyed>,
    received: Received,
) -> Result<Deposited, ApiError> {
    let directory = state.directory();
    let speaker = directory.user(user).ok_or(ApiError::SignedOut)?;
    let labels = state.recordings.labels(received.path()).await?;
    let to = recipients::find(&directory, &state.config.domain, &named(&wishes, labels)?)?;
    if let Some(answered) = wishes.reply_to {
        let known = state.store.inbox_entry(user, answered).await?;
        known.ok_or(ApiError::NotFound("message to answer"))?;
    }
    // What the shortest-tempered recipient takes, all take.
    let people: BTreeSet<UserId> = to.iter().copied().chain([user]).collect();
    let limits = people.iter().filter_map(|id| directory.user(*id)).map(|u| u.message_limit_secs);
    let limit_secs = limits.fold(state.config.limit_seconds, u32::min).max(1);
    let limits = ForeignLimits { limit_ms: limit_secs * 1_000, partial: wishes.partial };
    let judged = state.recordings.judge(received.path(), limits).await?;

    let (at, id) = (clock::wall(), received.id);
    let sender = Sender {
        user: Some(user),
        name: speaker.display_name.clone(),
        address: format!("sip:{}@{}", speaker.name, state.config.domain),
    };
    let tags = recovery::tags(&directory, &state.config.domain, id, &sender, &to, at);
    let finished = state.recordings.adopt(judged.made, tags).await?;
    let audio = finished.audio.clone();
    let delivery = Delivery {
        to,
        receipt: !wishes.no_receipt,
        urgent: wishes.urgent,
        private: wishes.private,
        not_before: None,
        reply_to: wishes.reply_to,
    };
    let name = key.as_ref().map(|key| key.in_use.key().to_owned());
    let noted = match &key {
        // Before the message: one that is there and of which this is not known was sent long ago.
        Some(key) => {
            let name = key.in_use.key().to_owned();
            state.store.note_request(user, name, key.fingerprint).await
        }
        None => Ok(()),
    };
    let committed = match noted {
        Ok(()) => state.messages.commit(message(id, sender, delivery, finished, name)).await,
        Err(error) => Err(error),
    };
    // Only a row makes a file worth keeping.
    let is_nobodys = match &committed {
        Ok(committed) => committed.id != id,
        // The row may be there all the same: the next start knows, and finds the file by its mark.
        Err(StoreError::Unavailable { .. } | StoreError::Open { .. }) => {
            received.leave_mark();
            return committed.map(|_| Deposited { id, repeated: false }).map_err(ApiError::from);
        }
        Err(
            StoreError::Busy
            | StoreError::DiskFull { .. }
            | StoreError::NotFound { .. }
            | StoreError::Conflict { .. }
            | StoreError::Illegal(_),
        ) => true,
    };
    if is_nobodys && let Err(error) = state.recordings.disown(&audio).await {
        tracing::warn!(%error, "the audio of an upload that is no message can't be removed");
    }
    // Kept until here: by it a crash's leavings are found.
    drop(received);
    let committed = committed?;
    Ok(Deposited { id: committed.id, repeated: committed.duplicate })
}

/// To whom it goes: what the sender says wins over what stands in the file.
fn named(wishes: &Wishes, labels: Labels) -> Result<Vec<String>, ApiError> {
    let to = if wishes.to.is_empty() { labels.recipients } else { wishes.to.clone() };
    if to.is_empty() {
        let why = "it is said to nobody, and the file names nobody either";
        return Err(ApiError::Recipients(why.into()));
    }
    Ok(to)
}

fn message(
    id: MessageId,
    sender: Sender,
    delivery: Delivery,
    finished: Finished,
    idempotency_key: Option<String>,
) -> NewMessage {
    NewMessage {
        id,
        sender,
        delivery,
        length_ms: finished.length_ms,
        bytes: finished.bytes,
        peaks: finished.peaks,
        audio: finished.audio,
        idempotency_key,
        at: clock::wall(),
    }
}
