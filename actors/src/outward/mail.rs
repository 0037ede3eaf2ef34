//! Mail over SMTP: one bounded pool of connections to the operator's server.
//!
//! What a caller wrote (a name) stands in a mail's text, and in its subject encoded by lettre
//! (RFC 2047), so that it can't become a header field. A failure is permanent only where the
//! server refused this mail (5xx); what is wrong between us and the server, a password that it
//! does not take among it, is for the moment: the operator can mend it.

pub mod letter;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hark_engine::delivery::profile::Attach;
use hark_engine::throttle::Throttle;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, PoolConfig};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use prometheus::IntCounterVec;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{NotifyError, OutwardError};
use crate::clock;
use crate::config;

pub use letter::{Language, Letter};

/// Connections to the server.
const CONNECTIONS: u32 = 4;
/// How many mails may wait for one; a recording of each is in memory.
const WAITING: usize = 64;
/// How long the server may take for one command, and for a whole mail with the wait before it.
const COMMAND_WITHIN: Duration = Duration::from_secs(15);
const MAIL_WITHIN: Duration = Duration::from_secs(60);
/// The codes that one address is sent: 5 at once, then one in 12 minutes.
const CODES: (u32, Duration) = (5, Duration::from_secs(720));
const HOUR: Duration = Duration::from_secs(3600);
/// How many addresses are remembered.
const REMEMBERED: usize = 65_536;
/// The longest address (RFC 5321 section 4.5.3.1.3), and the longest name beside it.
const LONGEST_ADDRESS: usize = 254;
const LONGEST_NAME: usize = 64;

/// A recording that goes with a mail, or why it does not.
#[derive(Clone, PartialEq, Eq)]
pub enum Recording {
    /// The recipient did not ask for it.
    Not,
    /// Its sender does not want it passed on.
    Private,
    /// It is larger than the operator allows.
    TooLarge,
    /// Here it is.
    Attached(Form, Vec<u8>),
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Not => "Not",
            Self::Private => "Private",
            Self::TooLarge => "TooLarge",
            Self::Attached(..) => "Attached(..)",
        })
    }
}

/// The form of a recording that is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Ogg Opus.
    Ogg,
    /// WAV, 16 bits.
    Wav,
}

impl Form {
    const fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Ogg => ("message.ogg", "audio/ogg; codecs=opus"),
            Self::Wav => ("message.wav", "audio/wav"),
        }
    }
}

/// Sends mail. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Mailer {
    shared: Arc<Shared>,
}

struct Shared {
    connections: Connections,
    from: Mailbox,
    domain: String,
    attachment: config::MailAttachment,
    attach_max: u64,
    places: Semaphore,
    limits: Mutex<Limits>,
    mails: IntCounterVec,
}

/// lettre's pool ends itself in a task, wherever it is dropped.
struct Connections {
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
    runtime: Handle,
}

impl Connections {
    async fn send(&self, mail: Message) -> Result<(), smtp::Error> {
        match &self.transport {
            Some(transport) => transport.send(mail).await.map(|_| ()),
            // It is taken when this is dropped, and not before.
            None => Ok(()),
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.transport = None;
    }
}

struct Limits {
    all: Throttle<()>,
    by_address: Throttle<String>,
    codes: Throttle<String>,
}

impl Mailer {
    /// One for the operator's server; `None` where there is none. Its pool of connections
    /// lives on the runtime that this is called on.
    ///
    /// # Errors
    /// [`OutwardError`] with what to change.
    pub fn new(config: &config::Mail, mails: IntCounterVec) -> Result<Option<Self>, OutwardError> {
        let Some(host) = &config.host else { return Ok(None) };
        let from = config.from.as_deref().unwrap_or_default().parse();
        let from: Mailbox = from.map_err(|e| OutwardError::Mail(format!("mail.from: {e}")))?;
        // By this name the server knows us, and it ends our message ids.
        let domain = from.email.domain().to_owned();
        let pool = PoolConfig::new().max_size(CONNECTIONS).idle_timeout(Duration::from_secs(60));
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(config.port())
            .tls(tls(config, host)?)
            .timeout(Some(COMMAND_WITHIN))
            .hello_name(ClientId::Domain(domain.clone()))
            .pool_config(pool);
        if let Some(user) = &config.user {
            builder = builder.credentials(Credentials::new(user.clone(), password(config)?));
        }
        let hourly = |count: u32, keys| Throttle::new(count, HOUR / count.max(1), keys);
        let limits = Limits {
            all: Throttle::new(config.per_hour, HOUR / config.per_hour.max(1), 1),
            by_address: hourly(config.per_address_per_hour, REMEMBERED),
            codes: Throttle::new(CODES.0, CODES.1, REMEMBERED),
        };
        let shared = Shared {
            connections: Connections {
                transport: Some(builder.build()),
                runtime: Handle::current(),
            },
            from,
            domain,
            attachment: config.attachment,
            attach_max: u64::from(config.attach_max_kib) << 10,
            places: Semaphore::new(WAITING),
            limits: Mutex::new(limits),
            mails,
        };
        Ok(Some(Self { shared: Arc::new(shared) }))
    }

    /// The address that our mail comes from.
    pub fn from_address(&self) -> String {
        self.shared.from.email.to_string()
    }

    /// The largest recording that may go with a mail, in bytes.
    pub fn attach_max(&self) -> u64 {
        self.shared.attach_max
    }

    /// In which form a recording goes with the mail of somebody who chose this, if it does.
    pub fn attachment(&self, chosen: Attach) -> Option<Form> {
        match (self.shared.attachment, chosen) {
            (config::MailAttachment::None, _) | (_, Attach::No) => None,
            (_, Attach::Ogg) | (config::MailAttachment::Ogg, Attach::Yes) => Some(Form::Ogg),
            (_, Attach::Wav) | (config::MailAttachment::Wav, Attach::Yes) => Some(Form::Wav),
        }
    }

    /// Sends a letter to somebody (their name and address); `id` is the left half of its
    /// Message-ID, the same at every attempt.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn send(
        &self,
        (name, address): (&str, &str),
        id: &str,
        letter: &Letter,
        urgent: bool,
        recording: Recording,
    ) -> Result<(), NotifyError> {
        self.counted(self.attempt((name, address), id, letter, urgent, recording, false)).await
    }

    /// Sends a letter with a code to an address of which we don't know whose it is.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn send_code(&self, address: &str, letter: &Letter) -> Result<(), NotifyError> {
        let id = hex::encode(clock::random::<16>());
        let to = ("", address);
        self.counted(self.attempt(to, &id, letter, false, Recording::Not, true)).await
    }

    async fn counted(
        &self,
        attempt: impl Future<Output = Result<(), (&'static str, NotifyError)>>,
    ) -> Result<(), NotifyError> {
        let outcome = attempt.await;
        let label = outcome.as_ref().map_or_else(|(label, _)| *label, |()| "sent");
        self.shared.mails.with_label_values(&[label]).inc();
        outcome.map_err(|(_, error)| error)
    }

    async fn attempt(
        &self,
        (name, address): (&str, &str),
        id: &str,
        letter: &Letter,
        urgent: bool,
        recording: Recording,
        is_code: bool,
    ) -> Result<(), (&'static str, NotifyError)> {
        let invalid = |reason| ("invalid", NotifyError::permanent(reason));
        let address = address_of(address).map_err(invalid)?;
        self.admit(&address, is_code).map_err(|wait| {
            let wait = wait.as_secs().max(1);
            let reason = format!("as many mails as may be were sent: wait {wait} s");
            ("limited", NotifyError::temporary(reason))
        })?;
        let to = Mailbox::new(Some(clean(name, LONGEST_NAME)).filter(|n| !n.is_empty()), address);
        let mail = self.compose(to, id, letter, urgent, recording);
        let mail = mail.map_err(|e| invalid(format!("the mail can't be written: {e}")))?;
        let busy = || ("temporary", NotifyError::temporary("too many mails wait already"));
        let _place = self.shared.places.try_acquire().map_err(|_| busy())?;
        match tokio::time::timeout(MAIL_WITHIN, self.shared.connections.send(mail)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => {
                let reason = "the mail server did not answer in time";
                Err(("temporary", NotifyError::temporary(reason)))
            }
        }
    }

    /// Takes a mail of what the address, and all together, may get.
    fn admit(&self, address: &Address, is_code: bool) -> Result<(), Duration> {
        let now = clock::now();
        let key = address.to_string().to_lowercase();
        let mut limits = self.shared.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.all.check(now, &())?;
        if is_code {
            limits.codes.take(now, &key)?;
        }
        limits.by_address.take(now, &key)?;
        limits.all.take(now, &())
    }

    fn compose(
        &self,
        to: Mailbox,
        id: &str,
        letter: &Letter,
        urgent: bool,
        recording: Recording,
    ) -> Result<Message, lettre::error::Error> {
        let field = |name, value: &str| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
        };
        let mut mail = Message::builder()
            .from(self.shared.from.clone())
            .to(to)
            .subject(clean(&letter.subject, 200))
            .date(SystemTime::now())
            .message_id(Some(format!("<{id}@{}>", self.shared.domain)))
            // RFC 3834: no out-of-office answers to this.
            .raw_header(field("Auto-Submitted", "auto-generated"));
        if urgent {
            mail = mail.raw_header(field("Importance", "high"));
        }
        let text = MultiPart::alternative_plain_html(letter.plain.clone(), letter.html.clone());
        match recording {
            Recording::Attached(form, bytes) => {
                let (name, kind) = form.file();
                let kind = ContentType::parse(kind).unwrap_or(ContentType::TEXT_PLAIN);
                let file = Attachment::new(name.to_owned()).body(bytes, kind);
                mail.multipart(MultiPart::mixed().multipart(text).singlepart(file))
            }
            Recording::Not | Recording::Private | Recording::TooLarge => mail.multipart(text),
        }
    }
}

/// What a failure of the server means.
fn judged(error: &smtp::Error) -> (&'static str, NotifyError) {
    // What the server said may name the address.
    tracing::debug!(%error, "a mail was not sent");
    let code = error.status().map(u16::from);
    match code {
        // RFC 4954: our sign-in, and not this mail.
        Some(code @ (530 | 534 | 535 | 538)) => {
            tracing::error!(code, "the mail server does not let us in: see mail.user and mail.tls");
            let reason = format!("the mail server does not let this server in ({code})");
            ("temporary", NotifyError::temporary(reason))
        }
        Some(code) if error.is_permanent() => {
            ("permanent", NotifyError::permanent(format!("the mail server refused it ({code})")))
        }
        Some(code) => {
            let reason = format!("the mail server can't take it now ({code})");
            ("temporary", NotifyError::temporary(reason))
        }
        None => {
            tracing::warn!(%error, "the mail server can't be reached");
            let reason = "the mail server can't be reached";
            ("temporary", NotifyError::temporary(reason))
        }
    }
}

fn tls(config: &config::Mail, host: &str) -> Result<Tls, OutwardError> {
    let mail = |error: smtp::Error| OutwardError::Mail(error.to_string());
    let parameters = || {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let mut builder = TlsParameters::builder(name);
        if let Some(path) = &config.ca {
            let pem = std::fs::read(path);
            let pem = pem.map_err(|source| OutwardError::File {
                key: "mail.ca",
                path: path.clone(),
                source,
            })?;
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(mail)?);
        }
        builder.build().map_err(mail)
    };
    Ok(match config.tls {
        config::MailTls::Implicit => Tls::Wrapper(parameters()?),
        config::MailTls::Starttls => Tls::Required(parameters()?),
        config::MailTls::None => Tls::None,
    })
}

fn password(config: &config::Mail) -> Result<String, OutwardError> {
    let Some(path) = &config.password_file else {
        return Ok(config.password.clone().unwrap_or_default());
    };
    let text = std::fs::read_to_string(path).map_err(|source| OutwardError::File {
        key: "mail.password_file",
        path: path.clone(),
        source,
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// An address that mail can be sent to.
///
/// # Errors
/// What is wrong with it.
pub fn address_of(text: &str) -> Result<Address, String> {
    if text.len() > LONGEST_ADDRESS || !text.chars().all(|c| c.is_ascii_graphic()) {
        let reason = "a mail address has at most 254 characters, all of them ASCII: \
                      write other letters of its domain as xn--…";
        return Err(reason.to_owned());
    }
    text.parse().map_err(|_| "this is no mail address: it should look like bob@example.org".into())
}

/// A text on one line, cut to a length: what stands in a header field.
fn clean(text: &str, longest: usize) -> String {
    let cut = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest);
    cut.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;
