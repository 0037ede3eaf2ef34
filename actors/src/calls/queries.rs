//! What a dialplan run asks of the rest of Hark, and the changes that it wants made.

use std::time::Duration;

use hark_engine::dialplan::effect::{Action, Answer, Failure, Folder, Query};
use hark_engine::message::Event;

use super::CallServices;
use crate::forward::ForwardError;
use crate::recording::RecordingError;
use crate::store::StoreError;
use crate::users::UserError;

/// Finds out what the run wants to know, in a call with what receipts call `device`.
pub(super) async fn answer(
    services: &CallServices,
    query: Query,
    device: &str,
) -> Result<Answer, Failure> {
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
                online.filter(|c| services.presence.reach(*c).has_browser()).collect(),
            ))
        }
        Query::Presence(user) => Ok(Answer::Presence(services.presence.presence(user))),
        Query::HasPin(user) => {
            let hash = services.store.pin_hash(user).await.map_err(failure)?;
            Ok(Answer::Yes(hash.is_some()))
        }
        Query::Devices(user) => {
            let devices = services.users.devices(user).await.map_err(failure)?;
            Ok(Answer::Devices(devices))
        }
        Query::Waiting(user) => {
            let waiting = services.waiting.of(user, device);
            let mut messages = services.store.mailbox(user, Folder::New).await.map_err(failure)?;
            messages.retain(|message| waiting.contains(&message.id));
            Ok(Answer::Messages(messages))
        }
        Query::Receipts(user) => {
            services.users.receipts(user).await.map(Answer::Count).map_err(failure)
        }
        Query::CheckPin(user, digits) => {
            services.users.check_pin(user, digits).await.map(Answer::Yes).map_err(not_changed)
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
        Action::Notify(user, text) => {
            // Shown where a pop-up would be, and nowhere to somebody who is not to be disturbed.
            if !services.presence.reach(user).has_browser() {
                return Err(Failure::NotFound);
            }
            services.messages.notify(user, &text);
            return Ok(());
        }
        Action::Set(user, setting) => {
            return services.users.set(user, setting).await.map_err(not_changed);
        }
        Action::ReceiptsTold(user) => {
            return services.users.receipts_told(user).await.map_err(failure);
        }
        Action::Confirm(user, message) => {
            let delivered = Event::Delivered { device: device.clone() };
            services.messages.note(message, user, delivered).await.map_err(failure)?;
            (message, user, Event::Confirmed { device })
        }
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

/// Why a user was not changed.
pub(super) fn not_changed(error: UserError) -> Failure {
    match error {
        UserError::Store(error) => failure(error),
        UserError::Pin(_) | UserError::Locked | UserError::Refused(_) => Failure::Refused,
        UserError::Recording(error) => not_made(error),
        UserError::Hash(error) => {
            tracing::error!(error, "a PIN can't be hashed");
            Failure::NotKept
        }
    }
}

/// Why a message was not sent on.
pub(super) fn not_forwarded(error: ForwardError) -> Failure {
    match error {
        ForwardError::NotFound => Failure::NotFound,
        ForwardError::Private => Failure::Refused,
        ForwardError::Store(error) => failure(error),
        ForwardError::Recording(error) => not_made(error),
    }
}

fn not_made(error: RecordingError) -> Failure {
    match error {
        RecordingError::Empty => Failure::Refused,
        error @ (RecordingError::DiskFull
        | RecordingError::File { .. }
        | RecordingError::Malformed(_)
        | RecordingError::Codec { .. }
        | RecordingError::Worker) => {
            tracing::error!(%error, "an audio file can't be made");
            Failure::NotKept
        }
    }
}

/// A duration as the log keeps it.
pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
