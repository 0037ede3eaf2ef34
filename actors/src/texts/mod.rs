//! Texts by SIP MESSAGE (RFC 3428): out of Hark to softphones and foreign addresses, and into
//! it as chat texts and voice messages.
//!
//! | file | what it does |
//! |---|---|
//! | this one | sends a text and says what became of it |
//! | [`hook`] | the queue by which other parts have a text sent |
//! | [`content`] | reads what a MESSAGE carries |
//! | [`inbound`] | keeps it, and answers once it is kept |
//! | [`voice`] | makes a voice message of a sound that is attached |
//! | [`receipts`] | tells SIP clients what became of what they sent (RFC 5438) |

pub mod content;
pub mod hook;
pub mod inbound;
pub mod receipts;
pub mod voice;

use std::sync::Arc;

use hark_engine::directory::{Directory, User};
use hark_engine::id::UserId;
use hark_engine::sip::address::NameAddr;
use hark_engine::sip::endpoint::{InviteTarget, Outside, RequestFailure};
use hark_engine::sip::uri::{Host, Uri};
use tokio::sync::watch;

use crate::devices::Devices;
use crate::outward::{NotifyError, SipTarget};
use crate::sip::SipHandle;

/// What fits into one MESSAGE over UDP with all its headers (RFC 3428 section 8: 1300 bytes).
const LARGEST_PART: usize = 900;
const PLAIN: &str = "text/plain;charset=UTF-8";

/// Sends texts. Cheap to clone.
#[derive(Clone)]
pub struct Texts {
    sip: SipHandle,
    directory: watch::Receiver<Arc<Directory>>,
    devices: Devices,
    domain: Arc<str>,
}

impl Texts {
    /// Sends as users of `domain`.
    pub const fn new(
        sip: SipHandle,
        directory: watch::Receiver<Arc<Directory>>,
        devices: Devices,
        domain: Arc<str>,
    ) -> Self {
        Self { sip, directory, devices, domain }
    }

    /// Whether a telephone of the user is registered that may take a text.
    pub fn may_reach(&self, user: UserId) -> bool {
        let directory = self.directory.borrow();
        directory.user(user).is_some_and(|user| self.devices.may_take_text(&user.name))
    }

    /// The users of whom that is so.
    pub fn reachable(&self) -> Vec<UserId> {
        let directory = self.directory.borrow();
        let users = directory.users().iter();
        users.filter(|user| self.devices.may_take_text(&user.name)).map(|user| user.id).collect()
    }

    /// Sends what one user wrote to the telephones of another. Says which took it.
    ///
    /// # Errors
    /// Why none did.
    pub async fn chat_text(
        &self,
        from: UserId,
        to: UserId,
        text: &str,
    ) -> Result<String, NotifyError> {
        let (from, target) = {
            let directory = self.directory.borrow();
            let (Some(from), Some(to)) = (directory.user(from), directory.user(to)) else {
                return Err(NotifyError::permanent("there is no such user"));
            };
            (self.as_user(from)?, InviteTarget::Account(to.name.clone()))
        };
        self.send(target, from, text).await
    }

    /// Sends words of Hark's own.
    ///
    /// # Errors
    /// Why nobody took it.
    pub async fn notify(&self, to: SipTarget, text: &str) -> Result<String, NotifyError> {
        let (from, target) = {
            let directory = self.directory.borrow();
            let target = match to {
                SipTarget::User(user) => {
                    let user = directory.user(user);
                    let user = user.ok_or(NotifyError::permanent("there is no such user"))?;
                    InviteTarget::Account(user.name.clone())
                }
                SipTarget::Uri(uri) => {
                    let uri = Uri::parse(&uri).filter(|uri| uri.as_sip().is_some());
                    let what = "this is no sip: address: correct it";
                    InviteTarget::Uri(uri.ok_or(NotifyError::permanent(what))?)
                }
            };
            (self.address("hark", directory.site_name())?, target)
        };
        self.send(target, from, text).await
    }

    async fn send(
        &self,
        target: InviteTarget,
        from: NameAddr,
        text: &str,
    ) -> Result<String, NotifyError> {
        let mut device = String::new();
        for part in parts(text, LARGEST_PART) {
            let outside = Outside::message(target.clone(), from.clone(), PLAIN, part.to_owned());
            device = self.request(outside).await?;
        }
        Ok(device)
    }

    pub(super) async fn request(&self, outside: Outside) -> Result<String, NotifyError> {
        self.sip.request(outside).await.map_err(|failure| NotifyError {
            permanent: is_permanent(&failure),
            reason: failure.reason,
        })
    }

    /// A user as the sender of a text.
    pub(super) fn as_user(&self, user: &User) -> Result<NameAddr, NotifyError> {
        self.address(&user.name, &user.display_name)
    }

    fn address(&self, user: &str, display: &str) -> Result<NameAddr, NotifyError> {
        let host = Host::parse(&self.domain);
        let host = host.ok_or(NotifyError::permanent("site.domain is no host name"))?;
        let display = Some(display.to_owned()).filter(|name| !name.is_empty());
        Ok(NameAddr { display, ..NameAddr::new(Uri::sip(user, host, None)) })
    }
}

/// Whether trying again later would end the same.
fn is_permanent(failure: &RequestFailure) -> bool {
    match failure.status {
        // The way was closed, not the door: nobody there, busy, asked too often.
        Some(401 | 403 | 407 | 408 | 423 | 429 | 480 | 486 | 491 | 500 | 502..=504) | None => false,
        Some(_) => true,
    }
}

/// `text` in pieces of at most `largest` bytes, cut between words where that is possible.
fn parts(text: &str, largest: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > largest {
        let mut end = largest;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (head, _) = rest.split_at(end);
        let cut = head.rfind(char::is_whitespace).filter(|at| *at > end / 2).unwrap_or(end);
        let (part, left) = rest.split_at(cut);
        parts.push(part);
        rest = left.trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_texts_are_cut_between_words() {
        assert_eq!(parts("Hello", 900), ["Hello"]);
        assert_eq!(parts("one two three", 8), ["one two", "three"]);
        assert_eq!(parts("üüüü", 3), ["ü", "ü", "ü", "ü"]);
        assert!(parts("", 9).is_empty());
    }

    #[test]
    fn a_refusal_is_for_ever_and_silence_is_not() {
        let failed = |status| is_permanent(&RequestFailure { status, reason: String::new() });
        assert!(failed(Some(404)) && failed(Some(405)) && failed(Some(415)) && failed(Some(603)));
        assert!(!failed(Some(480)) && !failed(Some(503)) && !failed(None));
    }

    proptest! {
        #[test]
        fn no_word_is_lost(text in ".{0,300}", largest in 4..40_usize) {
            let parts = parts(&text, largest);
            prop_assert!(parts.iter().all(|part| part.len() <= largest && !part.is_empty()));
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&parts.concat()), bare(&text));
        }
    }
}
