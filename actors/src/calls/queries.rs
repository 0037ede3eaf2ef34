//! What a dialplan run asks of the rest of Hark, and the changes that it wants made.

use std::time::Duration;

use hark_engine::dialplan::effect::{Action, Answer, Failure, Query};
use hark_engine::message::Event;

use super::CallServices;
use crate::store::StoreError;

/// Finds out what the run wants to know.
pub(super) async fn answer(services: &CallServices, query: Query) -> Result<Answer, Failure> {
    match query {
        Query::Messages(user, folder) => {
            let messages = services.store.mailbox(user, folder).await.map_err(failure)?;
            Ok(Answer::Messages(messages))
        }
        Query::ContactsOnline(user) => {
            let directory = services.directory.borrow().clone();
            let user = directory.user(user).ok_or(Failure::NotFound)?;
            let online = user.contacts.iter().copied();
            Ok(Answer::Users(
                online.filter(|c| services.presence.presence(*c).has_browser()).collect(),
            ))
        }
        Query::Presence(user) => Ok(Answer::Presence(services.presence.presence(user))),
        Query::HasPin(user) => {
            let hash = services.store.pin_hash(user).await.map_err(failure)?;
            Ok(Answer::Yes(hash.is_some()))
        }
        Query::Devices(_) | Query::Receipts(_) => Err(Failure::Refused),
        Query::CheckPin(user, digits) => {
            let hash = services.store.pin_hash(user).await.map_err(failure)?;
            let Some(hash) = hash else { return Ok(Answer::Yes(false)) };
            let checked =
                tokio::task::spawn_blocking(move || crate::web::password::fits(&hash, &digits));
            checked.await.map(Answer::Yes).map_err(|_| Failure::Refused)
        }
    }
}

/// Makes the change that the run wants, as told by a telephone that receipts call `device`.
pub(super) async fn act(
    services: &CallServices,
    action: Action,
    device: &str,
) -> Result<(), Failure> {
    let device = device.to_owned();
    let (message, user, event) = match action {
        Action::MarkHeard { user, message, heard } => {
            // What was heard was delivered: the receipt shows both, in this order.
            let delivered = Event::Delivered { device: device.clone() };
            services.messages.note(message, user, delivered).await.map_err(failure)?;
            let heard_ms = millis(heard);
            (message, user, Event::Heard { device, heard_ms })
        }
        Action::Save(user, message) => (message, user, Event::Saved),
        Action::Delete(user, message) => (message, user, Event::Deleted),
        Action::Restore(user, message) => (message, user, Event::Restored),
        Action::Notify(..) | Action::Set(..) | Action::ReceiptsTold(_) => {
            return Err(Failure::Refused);
        }
        Action::Confirm(user, message) => (message, user, Event::Delivered { device }),
    };
    services.messages.note(message, user, event).await.map(|_news| ()).map_err(failure)
}

fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::NotFound { .. } => Failure::NotFound,
        StoreError::Conflict { .. } | StoreError::Illegal(_) => Failure::Refused,
        error @ (StoreError::Busy
        | StoreError::DiskFull { .. }
        | StoreError::Unavailable { .. }
        | StoreError::Open { .. }) => {
            tracing::error!(%error, "the store can't serve a call");
            Failure::NotKept
        }
    }
}

/// A duration as the log keeps it.
pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
