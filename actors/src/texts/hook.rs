//! The queue by which other parts of the server have a text sent: notifications, links.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::Texts;
use crate::outward::SipText;

/// Texts that may wait.
const QUEUE: usize = 1024;
/// How many are sent at a time.
const AT_A_TIME: usize = 64;

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
