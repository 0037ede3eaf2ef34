//! Outward channels: how Hark reaches people and applications outside of its own pages and
//! telephones: mail, Web Push, webhooks, and SIP MESSAGE by whoever serves it.
//!
//! [`Outward::notify`] makes one attempt and says what came of it; retrying, and what comes next,
//! is the caller's business. Two services beside it go on by themselves, from queues in the
//! store: [`feed`] tells registered web services every step of a message, and [`receipts`] mails
//! senders what became of theirs. Both are tasks that own nothing but their queue's rows: what
//! was not finished when the process ended is taken up at the next start.
//!
//! | file | what it does |
//! |---|---|
//! | `mail.rs`, `mail/letter.rs` | mail over SMTP; what the mails say, in each language |
//! | `push.rs`, `push/vapid.rs` | Web Push (RFC 8030, 8291); who we are to push services (RFC 8292) |
//! | `sign.rs` | the signature of webhooks |
//! | `post.rs` | bounded HTTPS to addresses that users chose |
//! | `feed.rs`, `receipts.rs` | the two services |

pub mod feed;
pub mod mail;
pub mod metrics;
pub mod post;
pub mod push;
pub mod receipts;
pub mod sign;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hark_engine::id::UserId;
use hark_engine::message::MessageSummary;
use hark_engine::throttle::Throttle;
use prometheus::Registry;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::bus::Bus;
use crate::clock;
use crate::config::Config;
use crate::store::{Store, StoreError};
use crate::users::Users;

use mail::{Language, Mailer, letter};
use metrics::OutwardMetrics;
use post::{Post, PostError, Poster};
use push::Push;

/// The most webhooks of profiles that are asked at one address: 60 at once, then one a second.
const BY_URL: (u32, Duration) = (60, Duration::from_secs(1));
/// The codes that one user may have sent: 10 at once, then one in six minutes.
const CODES: (u32, Duration) = (10, Duration::from_secs(360));
/// How many addresses, and users, are remembered.
const REMEMBERED: usize = 16_384;
/// How long a text by SIP may take.
const SIP_WITHIN: Duration = Duration::from_secs(40);

/// Tells somebody that there is a message for them.
#[derive(Clone, Debug)]
pub struct Notification {
    /// For whom it is.
    pub recipient: UserId,
    /// Their name, as people write it.
    pub recipient_name: String,
    /// BCP 47 tag of their language.
    pub language: String,
    /// By which way.
    pub channel: Channel,
    /// Of which message.
    pub message: MessageSummary,
    /// The whole address of the capability link.
    pub link: String,
}

/// A way to reach somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Mail.
    Mail {
        /// `bob@example.org`, nothing but ASCII.
        address: String,
        /// Whether the recording is attached, if it is small enough and not private.
        attach: bool,
    },
    /// Web Push to every browser in which the recipient turned notifications on.
    Push,
    /// A signed POST.
    Webhook {
        /// Where to.
        url: String,
    },
    /// A text by SIP MESSAGE (RFC 3428).
    SipMessage {
        /// Where to; `None`: the recipient's own registered clients.
        uri: Option<String>,
    },
}

/// Why somebody was not reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotifyError {
    /// Why, for the sender and the operator. Holds no address and no secret.
    pub reason: String,
    /// Whether trying again is in vain.
    pub permanent: bool,
}

impl NotifyError {
    pub(crate) fn permanent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), permanent: true }
    }

    pub(crate) fn temporary(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), permanent: false }
    }
}

impl From<StoreError> for NotifyError {
    fn from(error: StoreError) -> Self {
        Self { permanent: !error.is_outage(), reason: error.to_string() }
    }
}

/// A text to be sent by SIP MESSAGE, and where the answer goes.
#[derive(Debug)]
pub struct SipText {
    /// To whom.
    pub to: SipTarget,
    /// What: plain text.
    pub text: String,
    /// Told what came of it.
    pub reply: oneshot::Sender<Result<(), NotifyError>>,
}

/// Whom a text by SIP is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SipTarget {
    /// Every registered client of this user.
    User(UserId),
    /// This address.
    Uri(String),
}

/// Why the outward channels can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OutwardError {
    /// A file that the configuration names can't be read.
    #[error("{key} = {path:?}: {source}\n  mend: name a file that this user can read")]
    File {
        /// Which key names it.
        key: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The mail server can't be spoken to as configured.
    #[error("[mail] can't be used ({0}): correct mail.host, mail.ca or mail.from")]
    Mail(String),
    /// The key of Web Push can't be used.
    #[error("{path:?}, the key of Web Push, can't be used ({cause}): {mend}")]
    Key {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        cause: String,
        /// What to do about it.
        mend: &'static str,
    },
    /// A metric exists already.
    #[error("a metric can't be registered: {0}")]
    Metric(#[from] prometheus::Error),
}

impl OutwardError {
    /// Whether the operator wrote something wrong, rather than the machine failing.
    pub const fn is_configuration(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Mail(_))
    }
}

/// The outward channels. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Outward {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    mailer: Option<Mailer>,
    push: Push,
    poster: Poster,
    by_url: Mutex<Throttle<String>>,
    sip: OnceLock<mpsc::Sender<SipText>>,
    metrics: OutwardMetrics,
    receipts_after: Duration,
    codes_by_user: Mutex<Throttle<UserId>>,
    retries: feed::Retries,
}

impl std::fmt::Debug for Outward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outward").finish_non_exhaustive()
    }
}

impl Outward {
    /// The channels as the operator configured them; Web Push's key is made if there is none.
    ///
    /// # Errors
    /// [`OutwardError`] with what to change.
    pub fn new(config: &Config, store: Store, registry: &Registry) -> Result<Self, OutwardError> {
        let metrics = OutwardMetrics::register(registry)?;
        let domain = &config.site.domain;
        let mailer = Mailer::new(&config.mail, metrics.mails.clone())?;
        let poster = Poster::new(config.outward.private_networks);
        let contact = config.outward.contact.clone().unwrap_or_else(|| {
            let address = mailer.as_ref().map(Mailer::from_address);
            address.map_or_else(|| format!("mailto:postmaster@{domain}"), |a| format!("mailto:{a}"))
        });
        let push = Push::new(store.clone(), poster.clone(), contact, metrics.clone())?;
        let by_url = Mutex::new(Throttle::new(BY_URL.0, BY_URL.1, REMEMBERED));
        let receipts_after = config.mail.receipts_after();
        let sip = OnceLock::new();
        let codes_by_user = Mutex::new(Throttle::new(CODES.0, CODES.1, REMEMBERED));
        let shared = Shared {
            store,
            mailer,
            push,
            poster,
            by_url,
            sip,
            metrics,
            receipts_after,
            codes_by_user,
            retries: feed::Retries::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// From here on texts by SIP go to `sender`. The first one that is named stays.
    pub fn serve_sip(&self, sender: mpsc::Sender<SipText>) {
        if self.shared.sip.set(sender).is_err() {
            tracing::error!("texts by SIP are served already: the second server is not used");
        }
    }

    /// Starts what goes on by itself: the feed of webhooks and the receipts by mail.
    pub fn start_services(&self, bus: &Bus, users: Users) -> Services {
        let feed = feed::start(self.clone(), bus, users.clone());
        let receipts = receipts::start(self.clone(), users);
        Services { tasks: vec![feed, receipts] }
    }

    /// Makes one attempt to tell somebody of a message.
    ///
    /// # Errors
    /// [`NotifyError`] says why, and whether another attempt may help.
    pub async fn notify(&self, n: Notification) -> Result<(), NotifyError> {
        match &n.channel {
            Channel::Mail { address, attach } => self.mail_message(&n, address, *attach).await,
            Channel::Push => self.shared.push.notify(&n).await,
            Channel::Webhook { url } => self.post_message(&n, url).await,
            Channel::SipMessage { uri } => {
                let to = match uri {
                    Some(uri) => SipTarget::Uri(uri.clone()),
                    None => SipTarget::User(n.recipient),
                };
                let text = letter::text_message(Language::of(&n.language), &n.message, &n.link);
                self.sip_text(to, text).await
            }
        }
    }

    /// Sends a code that shows whose an address is.
    ///
    /// # Errors
    /// [`NotifyError`]; permanent for [`Channel::Push`], which is its browser's own.
    pub async fn send_code(
        &self,
        channel: &Channel,
        code: &str,
        language: &str,
    ) -> Result<(), NotifyError> {
        let language = Language::of(language);
        match channel {
            Channel::Mail { address, .. } => {
                let mailer = self.mailer()?;
                mailer.send_code(address, &letter::code(language, code)).await
            }
            Channel::Push => Err(NotifyError::permanent(
                "a browser that is notified is known already: it needs no code",
            )),
            Channel::Webhook { url } => {
                self.admit_url(url)?;
                let body = json!({ "type": "verification", "code": code }).to_string();
                self.post_signed(url, "verification", None, body).await
            }
            Channel::SipMessage { uri: Some(uri) } => {
                let text = letter::code(language, code).one_line();
                self.sip_text(SipTarget::Uri(uri.clone()), text).await
            }
            Channel::SipMessage { uri: None } => {
                Err(NotifyError::permanent("registered clients are known already: no code is due"))
            }
        }
    }

    async fn mail_message(
        &self,
        n: &Notification,
        address: &str,
        attach: bool,
    ) -> Result<(), NotifyError> {
        let mailer = self.mailer()?;
        let recording =
            if attach { self.recording(n, mailer).await? } else { mail::Recording::Not };
        let language = Language::of(&n.language);
        let letter = letter::message(language, &n.recipient_name, &n.message, &n.link, &recording);
        let id = format!("{}.{}", n.message.id, n.recipient);
        let who = (n.recipient_name.as_str(), address);
        mailer.send(who, &id, &letter, n.message.urgent, recording).await
    }

    /// The recording to be attached, or why it is not.
    async fn recording(
        &self,
        n: &Notification,
        mailer: &Mailer,
    ) -> Result<mail::Recording, NotifyError> {
        if n.message.private {
            return Ok(mail::Recording::Private);
        }
        let record = self.shared.store.message(n.message.id).await?;
        let record = record.ok_or_else(|| NotifyError::permanent("the message is gone"))?;
        if record.bytes > mailer.attach_max() {
            return Ok(mail::Recording::TooLarge);
        }
        let file = self.shared.store.dir().join(&record.audio);
        let read =
            tokio::task::spawn_blocking(move || crate::recording::files::read_bounded(&file));
        match read.await {
            Ok(Ok(bytes)) => Ok(mail::Recording::Attached(bytes)),
            Ok(Err(error)) => Err(NotifyError::temporary(format!("the recording: {error}"))),
            Err(error) => Err(NotifyError::temporary(format!("the recording: {error}"))),
        }
    }

    async fn post_message(&self, n: &Notification, url: &str) -> Result<(), NotifyError> {
        self.admit_url(url)?;
        let secret = self.shared.store.profile_webhook_secret(n.recipient, false).await?;
        let body = json!({
            "type": "message",
            "message": &n.message,
            "recipient": { "id": n.recipient, "name": &n.recipient_name },
            "link": &n.link,
        });
        // The same id for every attempt: who gets it twice knows it.
        let id = format!("{}.{}", n.message.id, n.recipient);
        self.post_signed(url, &id, Some(secret.0), body.to_string()).await
    }

    async fn post_signed(
        &self,
        url: &str,
        id: &str,
        secret: Option<[u8; 32]>,
        body: String,
    ) -> Result<(), NotifyError> {
        let headers = sign::headers(secret, id, clock::wall().as_secs(), &body);
        let post = Post { url: url.to_owned(), headers, body: body.into_bytes() };
        let outcome = self.shared.poster.post(post).await;
        self.shared.metrics.profile_webhooks.with_label_values(&[post::label(&outcome)]).inc();
        outcome.map_err(|error| NotifyError {
            permanent: error.is_permanent(),
            reason: format!("the web service: {error}"),
        })
    }

    fn admit_url(&self, url: &str) -> Result<(), NotifyError> {
        let mut by_url = self.shared.by_url.lock().unwrap_or_else(PoisonError::into_inner);
        by_url.take(clock::now(), &url.to_owned()).map_err(|wait| {
            let wait = wait.as_secs().max(1);
            NotifyError::temporary(format!("the web service was asked too often: wait {wait} s"))
        })
    }

    async fn sip_text(&self, to: SipTarget, text: String) -> Result<(), NotifyError> {
        let Some(sender) = self.shared.sip.get() else {
            return Err(NotifyError::permanent("texts by SIP are not served here"));
        };
        let (reply, answer) = oneshot::channel();
        let text = SipText { to, text, reply };
        if sender.try_send(text).is_err() {
            return Err(NotifyError::temporary("too many texts by SIP wait already"));
        }
        match tokio::time::timeout(SIP_WITHIN, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(NotifyError::temporary("the text by SIP was given up")),
            Err(_) => Err(NotifyError::temporary("the text by SIP was not answered in time")),
        }
    }

    fn mailer(&self) -> Result<&Mailer, NotifyError> {
        let mailer = self.shared.mailer.as_ref();
        mailer.ok_or_else(|| NotifyError::permanent("this server sends no mail: set mail.host"))
    }

    /// Whether mail can be sent at all.
    pub fn sends_mail(&self) -> bool {
        self.shared.mailer.is_some()
    }

    /// Takes one of the codes that a user may have sent, whatever the address.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub fn admit_code(&self, user: UserId) -> Result<(), Duration> {
        let codes = &self.shared.codes_by_user;
        codes.lock().unwrap_or_else(PoisonError::into_inner).take(clock::now(), &user)
    }

    /// What is wrong with the address of a web service or push service, if anything can be told
    /// without asking for it.
    ///
    /// # Errors
    /// [`PostError::Refused`] with the reason.
    pub fn check_url(&self, url: &str) -> Result<(), PostError> {
        self.shared.poster.check(url).map(|_| ())
    }

    /// Our public key for Web Push, as browsers take it: base64url of the uncompressed point.
    pub fn push_key(&self) -> &str {
        self.shared.push.public_key()
    }

    /// Tells a web service of this user at once what it did not take so far, given up or not.
    /// Says how many events had been given up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the user has no such web service, or what the store says.
    pub async fn retry_webhook(&self, user: UserId, webhook: i64) -> Result<usize, StoreError> {
        let events = self.shared.store.webhook_retry(user, webhook).await?;
        self.shared.retries.ask(webhook);
        Ok(events)
    }

    /// Sends a test to a registered web service, and says what it answered.
    ///
    /// # Errors
    /// [`NotifyError`], or what the store says.
    pub async fn ping(&self, webhook: &crate::store::WebhookRecord) -> Result<(), NotifyError> {
        self.admit_url(&webhook.url)?;
        let body = json!({ "type": "ping", "webhook": webhook.id, "at": clock::wall() });
        let id = format!("ping.{}.{}", webhook.id, clock::wall().0);
        self.post_signed(&webhook.url, &id, Some(webhook.secret.0), body.to_string()).await
    }
}

/// What goes on by itself.
#[derive(Debug)]
pub struct Services {
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Services {
    /// Ends them: what is not finished stays in the store.
    pub fn stop(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests;
