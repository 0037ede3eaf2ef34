//! The queue by which other parts of the server have a text sent: notifications, links.

use std::sync::Arc;

use hark_engine::id::UserId;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::Texts;

/// Texts that may wait.
const QUEUE: usize = 1024;
/// How many are sent at a time.
const AT_A_TIME: usize = 64;

/// To whom a text goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SipTarget {
    /// To the telephones that a user has registered.
    User(UserId),
    /// To a `sip:` address.
    Uri(String),
}

/// Why a text reached nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotifyError {
    /// In words.
    pub reason: String,
    /// Whether trying again later would end the same.
    pub permanent: bool,
}

impl NotifyError {
    pub(super) fn permanent(reason: &str) -> Self {
        Self { reason: reason.to_owned(), permanent: true }
    }
}

/// A text to be sent as a MESSAGE.
#[derive(Debug)]
pub struct SipText {
    /// To whom.
    pub to: SipTarget,
    /// What.
    pub text: String,
    /// Told what became of it: `Ok` once a device took it (2xx).
    pub reply: oneshot::Sender<Result<(), NotifyError>>,
}

/// Starts serving; who drops the last sender ends it.
pub fn serve(texts: Texts) -> mpsc::Sender<SipText> {
    let (sender, mut queue) = mpsc::channel::<SipText>(QUEUE);
    tokio::spawn(async move {
        let permits = Arc::new(Semaphore::new(AT_A_TIME));
        while let Some(SipText { to, text, reply }) = queue.recv().await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let texts = texts.clone();
            tokio::spawn(async move {
                let sent = texts.notify(to, &text).await.map(|_device| ());
                // Who asked may not want to know any more.
                let _ = reply.send(sent);
                drop(permit);
            });
        }
    });
    sender
}
