//! Sending a message on, perhaps with words of one's own before it.

use std::sync::Arc;

use hark_engine::dialplan::effect::Delivery;
use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;

use crate::clock;
use crate::messages::Messages;
use crate::recording::{RecordingError, Recordings};
use crate::recovery;
use crate::store::{NewMessage, Store, StoreError};

/// What is to be sent on.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The id of the new message: a second one under the same id is the first one. That of the
    /// introduction's recording, where there is one, so that a crash between the commit and the
    /// end of the recording does not send it twice.
    pub id: MessageId,
    /// In whose mailbox the message is; they become the sender.
    pub user: UserId,
    /// Which message.
    pub message: MessageId,
    /// What is heard before it: samples at 8 kHz, as a telephone gave them.
    pub introduction: Option<Vec<i16>>,
    /// To whom, and how.
    pub delivery: Delivery,
}

/// Why a message was not sent on.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// It is not in the user's mailbox, or the user is gone.
    #[error("there is no such message in this mailbox")]
    NotFound,
    /// Its sender does not want that.
    #[error("the message is private: it may not be passed on")]
    Private,
    /// The new audio file can't be made.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What forwarding works with.
#[derive(Clone, Debug)]
pub struct Forwarder {
    /// Where mailboxes are.
    pub store: Store,
    /// Who commits.
    pub messages: Messages,
    /// Who makes audio files.
    pub recordings: Recordings,
    /// For names.
    pub directory: Arc<Directory>,
    /// The SIP domain of the users.
    pub domain: Arc<str>,
}

impl Forwarder {
    /// Makes a new message of the introduction, a pause and the message. When this returns `Ok`
    /// it can't be lost; when it fails nothing was sent.
    ///
    /// # Errors
    /// [`ForwardError`]
    pub async fn forward(&self, forward: Forward) -> Result<MessageId, ForwardError> {
        let Forward { id, user, message, introduction, delivery } = forward;
        let original = self.store.inbox_entry(user, message).await?;
        let original = original.ok_or(ForwardError::NotFound)?.message;
        if original.private {
            return Err(ForwardError::Private);
        }
        let who = self.directory.user(user).ok_or(ForwardError::NotFound)?;
        let sender = Sender {
            user: Some(user),
            name: who.display_name.clone(),
            address: format!("sip:{}@{}", who.name, self.domain),
        };
        let at = clock::wall();
        let mut tags = recovery::tags(&self.directory, &self.domain, id, &sender, &delivery.to, at);
        tags.forwarded_from = Some((original.sender.name.clone(), original.at));
        let introduction = introduction.filter(|spoken| !spoken.is_empty());
        let finished = self.recordings.pass_on(introduction, &original.audio, tags).await?;
        let message = NewMessage {
            id,
            sender,
            delivery,
            length_ms: finished.length_ms,
            bytes: finished.bytes,
            peaks: finished.peaks,
            audio: finished.audio,
            idempotency_key: None,
            at: clock::wall(),
        };
        Ok(self.messages.commit(message).await?.id)
    }
}

#[cfg(test)]
mod tests;
