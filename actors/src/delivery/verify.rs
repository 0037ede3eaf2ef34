//! Showing that a number or address is a user's own: a code is spoken or sent there, and given
//! back by the user. Codes are never logged and never stored but as hashes.

use std::time::Duration;

use hark_engine::delivery::address::Address;
use hark_engine::delivery::machine::{RingResult, Target};
use hark_engine::delivery::profile::{Attach, DeviceKind};
use hark_engine::id::UserId;
use tokio::sync::oneshot;

use super::{Purpose, RingRequest, Ringer};
use crate::clock;
use crate::config::Outside;
use crate::outward::{Channel, Outward};
use crate::store::{CodeGiven, Store, StoreError};
use crate::users::Users;

/// How long the telephone rings for a code.
const RING_FOR: Duration = Duration::from_secs(45);

/// Why nothing was verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such device.
    #[error("there is no such device")]
    NoDevice,
    /// It has no address that could be shown to be anybody's.
    #[error("'{0}' needs no verifying")]
    NotNeeded(String),
    /// The operator does not want it.
    #[error("this server calls no such number: ask its operator to add it to [outside] allow")]
    NotAllowed,
    /// Too many codes were sent.
    #[error("too many codes were sent: wait {} min", .0.as_secs().div_ceil(60))]
    TooMany(Duration),
    /// It could not be sent.
    #[error("the code could not be sent: {0}")]
    NotSent(String),
    /// It is wrong.
    #[error("the code is wrong: {0} more may be tried")]
    Wrong(u32),
    /// There is none any more.
    #[error(
        "no code is waited for: it is too old, or was given wrongly too often; ask for a new one"
    )]
    NoCode,
}

/// Who sends and judges codes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// Where codes are kept.
    pub store: Store,
    /// Who rings telephones.
    pub ringer: Ringer,
    /// Who sends mails and SIP messages.
    pub outward: Outward,
    /// What the operator allows.
    pub outside: std::sync::Arc<Outside>,
    /// For languages.
    pub users: Users,
}

impl Verifier {
    /// Sends a code to a device of the user's stored profile. Says how: `call`, `email` or
    /// `sip-message`.
    ///
    /// # Errors
    /// [`VerifyError`] with the cause; nothing was sent.
    pub async fn begin(&self, user: UserId, name: &str) -> Result<&'static str, VerifyError> {
        let (kind, address) = self.device(user, name).await?;
        if matches!(address, Address::Number(_)) && !self.outside.allows(&address) {
            return Err(VerifyError::NotAllowed);
        }
        let digits = digits()?;
        let code: String = digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let kept = self.store.keep_code(user, &address.to_string(), &code, clock::wall()).await?;
        kept.map_err(VerifyError::TooMany)?;
        let target = match kind {
            DeviceKind::SipAddress { uri } => Target::Address(uri),
            DeviceKind::Number { number, trunk } => Target::Number { number, trunk },
            DeviceKind::Email { address, .. } => {
                self.send(user, Channel::Mail { address, attach: Attach::No }, &code).await?;
                return Ok("email");
            }
            DeviceKind::SipMessage { uri } => {
                self.send(user, Channel::SipMessage { uri }, &code).await?;
                return Ok("sip-message");
            }
            DeviceKind::RegisteredPhone
            | DeviceKind::Browser
            | DeviceKind::WebPush
            | DeviceKind::Webhook { .. } => return Err(VerifyError::NotNeeded(name.to_owned())),
        };
        self.call(user, name, target, digits).await?;
        Ok("call")
    }

    /// Judges the code that the user gives.
    ///
    /// # Errors
    /// [`VerifyError::Wrong`] and [`VerifyError::NoCode`], else as [`Self::begin`].
    pub async fn give(&self, user: UserId, name: &str, code: &str) -> Result<(), VerifyError> {
        let (_, address) = self.device(user, name).await?;
        let code: String = code.chars().filter(char::is_ascii_digit).take(16).collect();
        let given = self.store.give_code(user, &address.to_string(), &code, clock::wall()).await?;
        match given {
            CodeGiven::Right => Ok(()),
            CodeGiven::Wrong(left) => Err(VerifyError::Wrong(left)),
            CodeGiven::None => Err(VerifyError::NoCode),
        }
    }

    async fn device(&self, user: UserId, name: &str) -> Result<(DeviceKind, Address), VerifyError> {
        let profile = self.store.profile(user).await?;
        let device = profile.device(name).cloned().ok_or(VerifyError::NoDevice)?;
        let address = device.kind.address().filter(|_| device.kind.needs_verifying());
        let address = address.ok_or_else(|| VerifyError::NotNeeded(name.to_owned()))?;
        Ok((device.kind, address))
    }

    async fn send(&self, user: UserId, channel: Channel, code: &str) -> Result<(), VerifyError> {
        let directory = self.users.directory();
        let language = directory.user(user).map_or("en", |user| user.language.as_str());
        let sent = self.outward.send_code(user, &channel, code, language).await;
        sent.map_err(|error| VerifyError::NotSent(error.reason))
    }

    /// Has the telephone rung; answered once it is, or can't be.
    async fn call(
        &self,
        user: UserId,
        name: &str,
        target: Target,
        digits: [u8; 6],
    ) -> Result<(), VerifyError> {
        let (reply, placed) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let request = RingRequest {
            user,
            device: name.to_owned(),
            target,
            ring_for: RING_FOR,
            purpose: Purpose::Verify(digits),
            reply,
            stop: stopped,
        };
        let not_sent = |reason: &str| VerifyError::NotSent(reason.to_owned());
        self.ringer.try_send(request).map_err(|_| not_sent("too many calls at once"))?;
        let result = placed.await.map_err(|_| not_sent("the call broke down"))?;
        // Nobody stops this call but whoever hangs up.
        drop(stop);
        match result {
            RingResult::Confirmed => Ok(()),
            RingResult::Failed { reason } | RingResult::Limited { reason, .. } => {
                Err(VerifyError::NotSent(reason))
            }
        }
    }
}

/// Six digits that nobody guesses.
fn digits() -> Result<[u8; 6], VerifyError> {
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(StoreError::unavailable)?;
    let mut rest = u64::from_be_bytes(number) % 1_000_000;
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    Ok(digits)
}
