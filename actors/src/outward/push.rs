//! Web Push: a notification in every browser in which its user turned them on, also while Hark is
//! not open there (RFC 8030).
//!
//! What is shown is encrypted for the browser (RFC 8291): the push service learns that something
//! comes, when, and how large it is. A subscription whose service says that it is gone is
//! forgotten.

pub mod vapid;

use futures_util::future::join_all;
use serde_json::json;
use web_push_native::p256::PublicKey;

use super::mail::{Language, letter};
use super::metrics::OutwardMetrics;
use super::post::{self, Post, PostError, Poster};
use super::{Notification, NotifyError, OutwardError};
use crate::clock;
use crate::store::{NewSubscription, Store, Subscription};
use vapid::Vapid;

/// How long a push service keeps it for a browser that is not there: a day.
const TTL_SECONDS: u32 = 86_400;
/// The longest name in it; the whole has to stay below 4 KiB (RFC 8291 section 4).
const LONGEST_NAME: usize = 120;

/// What pushes.
pub struct Push {
    store: Store,
    poster: Poster,
    vapid: Vapid,
    metrics: OutwardMetrics,
}

/// What came of one push.
enum Outcome {
    Taken,
    /// The browser does not want it any more, or never could.
    Gone,
    Failed(PostError),
}

impl Push {
    /// With the key of the store's folder, which is made if there is none. Push services may
    /// write to `contact`.
    ///
    /// # Errors
    /// [`OutwardError::Key`].
    pub fn new(
        store: Store,
        poster: Poster,
        contact: String,
        metrics: OutwardMetrics,
    ) -> Result<Self, OutwardError> {
        let vapid = Vapid::open(store.dir(), contact)?;
        Ok(Self { store, poster, vapid, metrics })
    }

    /// Our public key, as browsers take it.
    pub fn public_key(&self) -> &str {
        self.vapid.public_key()
    }

    /// Notifies every browser of the recipient. One that took it is enough.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn notify(&self, n: &Notification) -> Result<(), NotifyError> {
        let browsers = self.store.subscriptions(n.recipient).await?;
        if browsers.is_empty() {
            return Err(NotifyError::permanent("notifications are on in no browser"));
        }
        let language = Language::of(&n.language);
        let who: String = n.message.sender.name.chars().take(LONGEST_NAME).collect();
        let body = json!({
            "id": n.message.id,
            "who": who,
            "title": letter::title(language, &n.message.sender.name),
            "body": letter::clock(n.message.length_ms),
            "link": n.link,
            "language": language.tag(),
        });
        let body = body.to_string().into_bytes();
        let topic = topic(&n.message.id.to_string());
        let urgency = if n.message.urgent { "high" } else { "normal" };
        let sent = browsers.iter().map(|browser| self.send(browser, &body, &topic, urgency));
        let outcomes = join_all(sent).await;
        let mut failed = None;
        let mut taken = false;
        for (browser, outcome) in browsers.iter().zip(outcomes) {
            match outcome {
                Outcome::Taken => taken = true,
                Outcome::Gone => {
                    self.store.delete_subscription(n.recipient, browser.id).await?;
                    tracing::info!(user = %n.recipient, "a browser that is gone is notified no more");
                }
                Outcome::Failed(error) => failed = Some(error),
            }
        }
        match failed {
            _ if taken => Ok(()),
            Some(error) => {
                let permanent = error.is_permanent();
                Err(NotifyError { reason: format!("the push service: {error}"), permanent })
            }
            None => Err(NotifyError::permanent("every browser turned notifications off")),
        }
    }

    async fn send(&self, to: &Subscription, body: &[u8], topic: &str, urgency: &str) -> Outcome {
        let count = |label| self.metrics.pushes.with_label_values(&[label]).inc();
        let Some(post) = self.compose(&to.browser, body, topic, urgency) else {
            count("invalid");
            return Outcome::Gone;
        };
        let outcome = self.poster.post(post).await;
        if let Err(PostError::Status { status: 404 | 410, .. }) = outcome {
            count("gone");
            return Outcome::Gone;
        }
        count(post::label(&outcome));
        outcome.map_or_else(Outcome::Failed, |()| Outcome::Taken)
    }

    /// `None` for a subscription that can't be one.
    fn compose(
        &self,
        to: &NewSubscription,
        body: &[u8],
        topic: &str,
        urgency: &str,
    ) -> Option<Post> {
        let key = PublicKey::from_sec1_bytes(&to.p256dh).ok()?;
        let body = web_push_native::encrypt(body.to_vec(), &key, &to.auth.into()).ok()?;
        let authorization = self.vapid.authorization(&to.endpoint, clock::wall())?;
        let headers = vec![
            ("authorization", authorization),
            ("content-type", "application/octet-stream".to_owned()),
            ("content-encoding", "aes128gcm".to_owned()),
            ("ttl", TTL_SECONDS.to_string()),
            ("urgency", urgency.to_owned()),
            ("topic", topic.to_owned()),
        ];
        Some(Post { url: to.endpoint.clone(), headers, body })
    }
}

/// Whether a browser's key is one.
pub fn is_key(p256dh: &[u8; 65]) -> bool {
    PublicKey::from_sec1_bytes(p256dh).is_ok()
}

/// At most 32 characters of base64url (RFC 8030 section 5.4): what replaces what waits.
fn topic(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_messages_id() {
        let id = hark_engine::id::MessageId::new(hark_engine::time::UnixMillis(5), [7; 10]);
        let topic = topic(&id.to_string());
        assert_eq!(topic.len(), 32);
        assert!(topic.bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_key_is_a_point_on_the_curve() {
        assert!(!is_key(&[4; 65]));
    }
}
