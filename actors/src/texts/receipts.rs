//! IMDN (RFC 5438): a SIP client that asked for it is told when what it sent was delivered, and
//! when it was read or heard.
//!
//! What was told is noted in the store once the client has taken it, so nothing is told twice.
//! A client that can't be reached at that moment is told with the next step, not again.

use std::sync::Arc;

use hark_engine::id::UserId;
use hark_engine::message::Event;
use hark_engine::sip::body::cpim::{self, Cpim};
use hark_engine::sip::body::imdn::{self, Disposition, Imdn, Wanted};
use hark_engine::sip::endpoint::{InviteTarget, Outside};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};

use super::{NotifyError, Texts};
use crate::bus::{BusEvent, ChatEvent};
use crate::recording::date::rfc3339;
use crate::store::{Mark, Store, Subject};

/// How many are told at a time.
const AT_A_TIME: usize = 32;

/// Tells clients what became of what they sent.
#[derive(Clone)]
pub struct Receipts {
    /// Where the wishes are.
    pub store: Store,
    /// Who sends.
    pub texts: Texts,
}

impl Receipts {
    /// Serves until the bus ends.
    pub async fn run(self, mut events: broadcast::Receiver<Arc<BusEvent>>) {
        let permits = Arc::new(Semaphore::new(AT_A_TIME));
        loop {
            let news = match events.recv().await {
                Ok(event) => news(&event),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "some receipts of SIP clients were missed");
                    continue;
                }
                Err(RecvError::Closed) => return,
            };
            for (subject, disposition) in news {
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                let me = self.clone();
                tokio::spawn(async move {
                    me.tell(subject, disposition).await;
                    drop(permit);
                });
            }
        }
    }

    async fn tell(&self, subject: Subject, disposition: Disposition) {
        let kept = match self.store.wish(subject).await {
            Ok(Some(kept)) => kept,
            Ok(None) => return,
            Err(error) => return tracing::warn!(%error, "the wishes of SIP clients can't be read"),
        };
        let this = match disposition {
            Disposition::Delivered => Wanted { delivered: true, ..Wanted::default() },
            Disposition::Displayed => Wanted { displayed: true, ..Wanted::default() },
            Disposition::Failed => Wanted { failed: true, ..Wanted::default() },
        };
        let due = this.bits() & kept.wish.wanted.bits() & !kept.told.bits();
        if due == 0 {
            return;
        }
        let imdn = Imdn { message_id: kept.wish.message_id, disposition };
        let date = rfc3339(kept.at);
        match self.send(kept.recipient, kept.sender, &imdn, &date).await {
            Ok(()) => {}
            Err(error) if error.permanent => {
                tracing::debug!(error = error.reason, "a SIP client does not take its receipt");
            }
            Err(error) => {
                return tracing::debug!(error = error.reason, "a receipt reached no SIP client");
            }
        }
        if let Err(error) = self.store.wish_told(subject, this).await {
            tracing::warn!(%error, "a receipt that was told can't be noted");
        }
    }

    async fn send(
        &self,
        from: UserId,
        to: UserId,
        imdn: &Imdn,
        date: &str,
    ) -> Result<(), NotifyError> {
        let directory = self.texts.directory.borrow().clone();
        let (Some(from), Some(to)) = (directory.user(from), directory.user(to)) else {
            return Err(NotifyError::permanent("there is no such user"));
        };
        let target = InviteTarget::Account(to.name.clone());
        let (from, to) = (self.texts.as_user(from)?, self.texts.as_user(to)?);
        let (from_uri, to_uri) = (from.uri.to_string(), to.uri.to_string());
        let content = imdn::write(imdn, date, &from_uri).into_bytes();
        let wrapped =
            Cpim { content_type: imdn::CONTENT_TYPE.to_owned(), content, ..Cpim::default() };
        let body = cpim::write(&from_uri, &to_uri, date, &wrapped);
        let outside = Outside::message(target, from, cpim::CONTENT_TYPE, body);
        self.texts.request(outside).await.map(|_device| ())
    }
}

/// What an event says of which messages.
fn news(event: &BusEvent) -> Vec<(Subject, Disposition)> {
    match event {
        BusEvent::Chat(ChatEvent::Marked { marked, .. }) => marked
            .iter()
            .map(|marked| {
                let disposition = match marked.mark {
                    Mark::Delivered => Disposition::Delivered,
                    Mark::Read => Disposition::Displayed,
                };
                (Subject::Chat(marked.chat), disposition)
            })
            .collect(),
        BusEvent::Logged { event, .. } => {
            let disposition = match event.event {
                Event::Notified { .. } | Event::Delivered { .. } => Disposition::Delivered,
                Event::Confirmed { .. } => Disposition::Displayed,
                Event::Heard { .. } => Disposition::Displayed,
                Event::Failed { .. } => Disposition::Failed,
                Event::Accepted
                | Event::Held { .. }
                | Event::Released
                | Event::Saved
                | Event::Deleted
                | Event::Restored
                | Event::Called { .. }
                | Event::Expired
                | Event::Purged
                | Event::CalledOff { .. }
                | Event::AttemptFailed { .. } => return Vec::new(),
            };
            vec![(Subject::Voice(event.message), disposition)]
        }
        BusEvent::Chat(
            ChatEvent::Kept { .. } | ChatEvent::Typing { .. } | ChatEvent::Unreached { .. },
        )
        | BusEvent::PopUp { .. }
        | BusEvent::Arrived { .. }
        | BusEvent::Lamp { .. }
        | BusEvent::Presence { .. }
        | BusEvent::Telephones { .. }
        | BusEvent::Mailbox { .. }
        | BusEvent::Announcement { .. }
        | BusEvent::Order { .. }
        | BusEvent::Notice { .. } => Vec::new(),
    }
}
