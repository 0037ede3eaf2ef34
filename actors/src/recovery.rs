//! What a crash left behind becomes what it would have become: every spool says itself to whom
//! it was spoken, and what the dialplan or the browser had decided for the case that everything
//! stops.

use std::path::Path;
use std::sync::Arc;

use hark_engine::directory::Directory;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;
use hark_engine::time::UnixMillis;

use crate::clock;
use crate::messages::Messages;
use crate::recording::recover::{OrphanedSpool, orphan};
use crate::recording::{Intent, RecordingError, Recordings, Tags, spool};
use crate::store::{NewMessage, StoreError};

/// Makes messages of spools whose owner is gone.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// Who makes audio files.
    pub recordings: Recordings,
    /// Who commits.
    pub messages: Messages,
    /// For the names in the files' tags.
    pub directory: Arc<Directory>,
    /// The SIP domain of the users.
    pub domain: Arc<str>,
}

/// What became of a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// It is a message now.
    Sent(MessageId),
    /// Its message had been committed already.
    Repeated(MessageId),
    /// It was meant to be thrown away, or nothing had been recorded yet.
    Dropped,
    /// It stays for the next start; the log says why.
    Kept,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Recovery {
    /// Settles the spools that an earlier run left behind, one after the other.
    pub async fn settle_all(&self, orphans: Vec<OrphanedSpool>) {
        for orphan in orphans {
            if let Recovered::Sent(message) = self.settle(orphan).await {
                tracing::warn!(%message, "a recording that was interrupted was sent");
            }
        }
    }

    /// Recovers one spool.
    pub async fn recover(&self, path: &Path) -> Recovered {
        match orphan(path) {
            Ok(orphan) => self.settle(orphan).await,
            Err(error) => {
                tracing::error!(%error, "a spool can't be read: it stays for the next start");
                Recovered::Kept
            }
        }
    }

    async fn settle(&self, orphan: OrphanedSpool) -> Recovered {
        let settled = match self.send(&orphan).await {
            Ok(settled) => settled,
            // Trying again would find the same: nothing in it can be heard.
            Err(Failed::Recording(RecordingError::Empty)) => Recovered::Dropped,
            Err(Failed::Recording(RecordingError::Malformed(cause))) => {
                tracing::error!(cause, message = %orphan.header.message,
                    "a spool can't be read: it is set aside under the ending .broken");
                if let Err(error) =
                    std::fs::rename(&orphan.path, orphan.path.with_extension("broken"))
                {
                    tracing::error!(%error, "a broken spool can't be set aside");
                }
                return Recovered::Kept;
            }
            Err(error) => {
                tracing::error!(%error, message = %orphan.header.message,
                    "a spool can't be made into a message: it stays for the next start");
                return Recovered::Kept;
            }
        };
        if let Err(error) = spool::remove(&orphan.path) {
            tracing::warn!(%error, "a spool that is settled can't be removed");
        }
        settled
    }

    async fn send(&self, orphan: &OrphanedSpool) -> Result<Recovered, Failed> {
        let header = &orphan.header;
        let delivery = match &header.intent {
            Intent::Send(delivery) if orphan.has_audio => delivery,
            Intent::Send(_) | Intent::Discard => return Ok(Recovered::Dropped),
        };
        // Its row may have been committed just before the end: its file stays as it is then.
        if self.messages.exists(header.message).await? {
            return Ok(Recovered::Repeated(header.message));
        }
        let (sender, to) = (&header.sender, &delivery.to);
        let tags = tags(&self.directory, &self.domain, header.message, sender, to, header.started);
        let finished = self.recordings.finish(&orphan.path, tags).await?;
        let message = NewMessage {
            id: header.message,
            sender: header.sender.clone(),
            delivery: delivery.clone(),
            length_ms: finished.length_ms,
            bytes: finished.bytes,
            peaks: finished.peaks,
            audio: finished.audio,
            idempotency_key: header.idempotency_key.clone(),
            at: clock::wall(),
        };
        let committed = self.messages.commit(message).await?;
        Ok(if committed.duplicate {
            Recovered::Repeated(committed.id)
        } else {
            Recovered::Sent(committed.id)
        })
    }
}

/// What a message's file says about itself.
pub fn tags(
    directory: &Directory,
    domain: &str,
    id: MessageId,
    sender: &Sender,
    to: &[UserId],
    at: UnixMillis,
) -> Tags {
    let recipients = to.iter().filter_map(|user| directory.user(*user));
    Tags {
        id,
        title: format!("Voice message from {}", sender.name),
        sender: sender.name.clone(),
        sender_address: sender.address.clone(),
        recipients: recipients
            .map(|user| match directory.address(user.id) {
                Some(address) => address.to_string(),
                None => format!("sip:{}@{domain}", user.name),
            })
            .collect(),
        at,
        forwarded_from: None,
    }
}
