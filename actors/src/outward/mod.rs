//! The ways in which Hark tells somebody of a message without ringing.

use hark_engine::id::UserId;
use hark_engine::message::MessageSummary;

/// Something to tell.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Whom.
    pub recipient: UserId,
    /// What people call them.
    pub recipient_name: String,
    /// BCP 47 tag of the language in which to tell them.
    pub language: String,
    /// Over which way.
    pub channel: Channel,
    /// Of which message.
    pub message: MessageSummary,
    /// The full URL of the capability link.
    pub link: String,
}

/// A way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// E-mail.
    Mail {
        /// To which address.
        address: String,
        /// Whether the audio goes along.
        attach: bool,
    },
    /// Web Push to every browser that the recipient subscribed.
    Push,
    /// A POST to a web service.
    Webhook {
        /// Which.
        url: String,
    },
    /// SIP MESSAGE (RFC 3428).
    SipMessage {
        /// To which address; `None`: the user's own registered clients.
        uri: Option<String>,
    },
}

/// Why somebody was not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotifyError {
    /// Why.
    pub reason: String,
    /// Whether trying again would find the same.
    pub permanent: bool,
}

/// The ways that this server has. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Outward {}

impl Outward {
    /// Tells of a message.
    ///
    /// # Errors
    /// [`NotifyError`] says why not, and whether to try again.
    pub async fn notify(&self, n: Notification) -> Result<(), NotifyError> {
        Err(missing(&n.channel))
    }

    /// Sends the code that shows that an address is somebody's own.
    ///
    /// # Errors
    /// As [`Self::notify`].
    pub async fn send_code(
        &self,
        channel: &Channel,
        _code: &str,
        _language: &str,
    ) -> Result<(), NotifyError> {
        Err(missing(channel))
    }
}

fn missing(channel: &Channel) -> NotifyError {
    let way = match channel {
        Channel::Mail { .. } => "e-mail",
        Channel::Push => "push",
        Channel::Webhook { .. } => "webhooks",
        Channel::SipMessage { .. } => "SIP messages",
    };
    NotifyError { reason: format!("this server sends no {way}"), permanent: true }
}
