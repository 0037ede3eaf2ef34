//! Receipts by mail: tells senders who wish it that their messages were heard or could not be
//! delivered, some minutes' worth in one mail.
//!
//! What is to be told lies in the store (`store/receipt_mails.rs`), put there by the transaction
//! that wrote the event, and goes when the mail server took the mail.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;
use tokio::task::JoinHandle;

use super::mail::letter::{self, Fate, ReceiptLine};
use super::mail::{Language, Mailer, Recording};
use super::{NotifyError, Outward};
use crate::clock;
use crate::store::{ReceiptNews, StoreError};
use crate::users::Users;

/// How often is looked for something to tell: at most and at least.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// How often a mail is tried, and how long is waited between two tries at most.
const MAX_ATTEMPTS: u32 = 16;
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Starts the service; without a mail server it does nothing.
pub fn start(outward: Outward, users: Users) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Some(mailer) = outward.shared.mailer.clone() else { return };
        let after = outward.shared.receipts_after;
        let every = (after / 4).clamp(LOOK_EVERY.0, LOOK_EVERY.1);
        let service = Service { outward, users, mailer, after };
        loop {
            tokio::time::sleep(every).await;
            match AssertUnwindSafe(service.tell_all()).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "receipts can't be mailed now"),
                Err(_panic) => {
                    service.outward.shared.metrics.restarts.inc();
                    tracing::error!("the mailing of receipts failed and goes on");
                }
            }
        }
    })
}

struct Service {
    outward: Outward,
    users: Users,
    mailer: Mailer,
    after: Duration,
}

impl Service {
    async fn tell_all(&self) -> Result<(), StoreError> {
        let now = clock::wall();
        let before = UnixMillis(now.0 - i64::try_from(self.after.as_millis()).unwrap_or(i64::MAX));
        for user in self.outward.shared.store.receipt_mails_due(before, now).await? {
            self.tell(user).await?;
        }
        Ok(())
    }

    async fn tell(&self, user: UserId) -> Result<(), StoreError> {
        let store = &self.outward.shared.store;
        let Some(wish) = store.receipt_mail(user).await? else { return Ok(()) };
        let (news, up_to) = store.receipt_news(user).await?;
        let lines = self.lines(&news);
        let directory = self.users.directory();
        let sender = directory.user(user).filter(|_| wish.confirmed && !lines.is_empty());
        let Some(sender) = sender else {
            // What was to be told is so no longer: a message that failed was found after all.
            return store.receipt_mail_done(user, up_to, wish.error).await;
        };
        let reader = letter::Reader {
            language: Language::of(&sender.language),
            zone: self.outward.zone_of(&store.profile(user).await?.zone),
            name: &sender.display_name,
        };
        let letter = letter::receipts(&reader, &lines);
        let to = (sender.display_name.as_str(), wish.address.as_str());
        let id = format!("receipts.{user}.{up_to}");
        let sent = self.mailer.send(to, &id, &letter, false, Recording::Not).await;
        let count = |outcome| {
            self.outward.shared.metrics.receipt_mails.with_label_values(&[outcome]).inc();
        };
        match sent {
            Ok(()) => {
                count("sent");
                store.receipt_mail_done(user, up_to, None).await
            }
            Err(NotifyError { reason, permanent }) => {
                if permanent || wish.attempts + 1 >= MAX_ATTEMPTS {
                    count("given_up");
                    tracing::warn!(%user, reason, "receipts are not mailed: given up");
                    return store.receipt_mail_done(user, up_to, Some(reason)).await;
                }
                count("later");
                let wait = self.after.saturating_mul(2u32.saturating_pow(wish.attempts));
                let not_before = clock::wall().after(wait.min(LONGEST_WAIT));
                store.receipt_mail_waits(user, not_before, reason).await
            }
        }
    }

    /// A line for each message and recipient, with what became of it up to now.
    fn lines(&self, news: &[ReceiptNews]) -> Vec<ReceiptLine> {
        let directory = self.users.directory();
        let mut told = Vec::new();
        let mut lines = Vec::new();
        for one in news {
            if told.contains(&(one.message, one.recipient)) {
                continue;
            }
            let fate = match (&one.state.heard, &one.state.failed) {
                (Some(heard), _) => Fate::Heard { at: heard.at, heard_ms: heard.heard_ms },
                (None, Some(failed)) => Fate::Failed { reason: failed.reason.clone() },
                (None, None) => continue,
            };
            told.push((one.message, one.recipient));
            let recipient = directory.user(one.recipient);
            lines.push(ReceiptLine {
                recipient: recipient.map(|u| u.display_name.clone()).unwrap_or_default(),
                sent: one.sent,
                length_ms: one.length_ms,
                fate,
            });
        }
        lines
    }
}
