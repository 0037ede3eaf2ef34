//! What goes into an [`Endpoint`](super::Endpoint) and what comes out of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::accounts::Accounts;
use super::flow::{ConnectionId, Transport};
use crate::key::Key;
use crate::presence::Published;
use crate::sip::address::NameAddr;
use crate::sip::package::Package;
use crate::sip::registrar::Binding;
use crate::sip::subscription::Reason;
use crate::sip::uri::Uri;
use crate::time::UnixMillis;

/// One side of one call: a dialog, or what may become one.
///
/// The endpoint numbers the calls that come in; who starts a call numbers it with
/// [`LegId::outgoing`], and the two ranges never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

impl LegId {
    const OUTGOING: u64 = 1 << 63;

    /// The `n`th leg that we start.
    pub const fn outgoing(n: u64) -> Self {
        Self(n | Self::OUTGOING)
    }
}

/// Somebody who watches something; the endpoint numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u64);

/// A MESSAGE that came in; the endpoint numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextId(pub u64);

/// A request of ours outside of any dialog; who sends it numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something happened.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "moved once or twice a call, never stored in bulk")]
pub enum Input {
    /// A datagram came in.
    Datagram {
        /// The socket that received it, as its listener is configured.
        local: SocketAddr,
        /// Who sent it.
        remote: SocketAddr,
        /// What it holds.
        bytes: Bytes,
    },
    /// A connection is open: one that a peer made, or one that was asked for.
    StreamOpened {
        /// Which.
        connection: ConnectionId,
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// Octets came in on a connection.
    StreamBytes {
        /// Which.
        connection: ConnectionId,
        /// The octets, cut anywhere.
        bytes: Bytes,
    },
    /// A connection is gone.
    StreamClosed {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection that was asked for could not be made.
    ConnectFailed {
        /// Which.
        connection: ConnectionId,
    },
    /// The answer to [`Output::Resolve`]; empty if the name has no address.
    Resolved {
        /// The query.
        query: u64,
        /// The addresses, best first.
        addresses: Vec<IpAddr>,
    },
    /// The application wants something.
    Command(Command),
}

/// What the application may ask for.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "moved once or twice a call, never stored in bulk")]
pub enum Command {
    /// The wall clock's time, from which registrations expire: once before all else, and again
    /// whenever it may have been set.
    WallClock(UnixMillis),
    /// These are the accounts from now on. Devices, subscriptions and publications of accounts
    /// that are none any more are over.
    SetAccounts(Arc<Accounts>),
    /// A registration that was kept from before a restart.
    RestoreBinding {
        /// The account that it belongs to.
        account: String,
        /// The registration.
        binding: Binding,
    },
    /// Call somebody.
    Invite {
        /// The new leg, made with [`LegId::outgoing`].
        leg: LegId,
        /// Whom.
        target: InviteTarget,
        /// Who calls; a tag is added.
        from: NameAddr,
        /// Our offer.
        sdp: String,
        /// User and password, for a peer that challenges.
        credentials: Option<(String, String)>,
        /// More header fields.
        headers: Vec<(String, String)>,
        /// When to stop ringing.
        ring_for: Duration,
    },
    /// Tell the caller that it rings (180).
    Ringing {
        /// An incoming leg that is not answered.
        leg: LegId,
    },
    /// Give the caller early media (183).
    Progress {
        /// An incoming leg that is not answered.
        leg: LegId,
        /// Our answer to the offer.
        sdp: String,
    },
    /// Take the call (200).
    Answer {
        /// An incoming leg that is not answered.
        leg: LegId,
        /// Our answer to the offer; our offer if the INVITE had none.
        sdp: String,
    },
    /// Refuse the call, or a re-INVITE, which leaves the call as it is.
    Reject {
        /// An incoming leg that is not answered, or one with a pending re-INVITE.
        leg: LegId,
        /// 300 to 699.
        status: u16,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// Agree to [`Event::Reinvite`].
    AcceptReinvite {
        /// The leg.
        leg: LegId,
        /// Our answer; our offer if the re-INVITE had none.
        sdp: String,
    },
    /// End the call: CANCEL, BYE or 480, as its state demands.
    Hangup {
        /// The leg.
        leg: LegId,
        /// The value of a Reason header (RFC 3326).
        reason: Option<String>,
    },
    /// Whether new calls are refused with 503, because we are about to leave.
    Drain(bool),
    /// Let somebody watch.
    AcceptSubscription {
        /// One of an [`Event::Subscribe`].
        subscription: SubscriptionId,
        /// What is to be seen now, as a body of its package's type.
        state: String,
    },
    /// Don't let somebody watch. Nothing more is told of it.
    RefuseSubscription {
        /// One of an [`Event::Subscribe`].
        subscription: SubscriptionId,
        /// 400 to 699.
        status: u16,
    },
    /// What somebody watches is different now. Told soon, if not at once; of several changes
    /// the last.
    Notify {
        /// One that was accepted.
        subscription: SubscriptionId,
        /// What is to be seen now.
        state: String,
    },
    /// Nobody tells this one anything any more.
    EndSubscription {
        /// Any.
        subscription: SubscriptionId,
        /// Why.
        reason: Reason,
    },
    /// Answer a MESSAGE.
    AnswerText {
        /// One of an [`Event::Text`].
        text: TextId,
        /// 200 to 699.
        status: u16,
    },
    /// Send a request outside of any dialog. Told once by [`Event::Requested`].
    Request {
        /// What to call it.
        request: RequestId,
        /// What to send.
        outside: Box<Outside>,
    },
}

/// A request outside of any dialog.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Which.
    pub kind: OutsideKind,
    /// To whom. Of an account's devices each gets it, and the first that takes it counts.
    pub target: InviteTarget,
    /// From whom; a tag is added.
    pub from: NameAddr,
    /// What To says, if not the address that it goes to.
    pub to: Option<NameAddr>,
    /// The type of the body.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
    /// More header fields.
    pub headers: Vec<(String, String)>,
    /// User and password, for a peer that challenges.
    pub credentials: Option<(String, String)>,
}

/// What is sent outside of any dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutsideKind {
    /// A text (RFC 3428).
    Message,
    /// The state of something that nobody subscribed to, as many telephones expect of their
    /// lamp.
    Notify(Package),
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFailure {
    /// What was answered; `None` where nobody answered.
    pub status: Option<u16>,
    /// In words.
    pub reason: String,
}

/// Whom to call.
#[derive(Clone, Debug)]
pub enum InviteTarget {
    /// Every phone that is registered to an account, at once; the first to answer wins.
    Account(String),
    /// One phone of an account.
    Device {
        /// The account.
        account: String,
        /// The contact that the phone registered.
        contact: String,
    },
    /// An address.
    Uri(Uri),
}

/// What the endpoint wants done.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "moved once or twice a call, never stored in bulk")]
pub enum Output {
    /// Put bytes on the wire.
    Send {
        /// Over which transport.
        transport: Transport,
        /// From which listener's address.
        local: SocketAddr,
        /// To whom.
        remote: SocketAddr,
        /// On which connection, for TCP. Bytes for one that is still being made wait for it.
        connection: Option<ConnectionId>,
        /// The bytes.
        bytes: Bytes,
    },
    /// Make a connection, then report [`Input::StreamOpened`] or [`Input::ConnectFailed`].
    Connect {
        /// What to call it.
        connection: ConnectionId,
        /// Where to.
        remote: SocketAddr,
    },
    /// Close a connection once what was sent on it is out.
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// Look up a host name, then report [`Input::Resolved`].
    Resolve {
        /// What to call the query.
        query: u64,
        /// The name.
        host: String,
    },
    /// Tell the application.
    Event(Event),
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account whose password the caller knew; `None` for a guest.
    pub account: Option<String>,
    /// The display name that the caller gave.
    pub display: Option<String>,
    /// The address that the caller gave.
    pub address: Uri,
}

/// What the application hears.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "moved once or twice a call, never stored in bulk")]
pub enum Event {
    /// Somebody calls. To be answered with `Answer`, `Reject` or `Hangup`.
    IncomingCall {
        /// The new leg.
        leg: LegId,
        /// Who calls.
        caller: Caller,
        /// The Request-URI; [`dialled`](super::dialled) reads the number from it.
        target: Uri,
        /// The offer; `None` if we are to make it.
        sdp: Option<Bytes>,
        /// Where the INVITE came from.
        remote: SocketAddr,
    },
    /// The caller has seen our answer. Again after a re-INVITE whose offer was ours.
    Confirmed {
        /// The leg.
        leg: LegId,
        /// The answer, if the offer was ours.
        sdp: Option<Bytes>,
    },
    /// The peer wants to change the session. To be answered with `AcceptReinvite` or `Reject`.
    Reinvite {
        /// The leg.
        leg: LegId,
        /// The new offer; `None` if we are to make it.
        sdp: Option<Bytes>,
    },
    /// The peer pressed a key, told by SIP INFO.
    DtmfInfo {
        /// The leg.
        leg: LegId,
        /// The key.
        key: Key,
    },
    /// A phone that we call rings (180) or plays something (183).
    Ringing {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
        /// Early media, if there is any.
        sdp: Option<Bytes>,
    },
    /// A phone that we call was picked up.
    Answered {
        /// The leg.
        leg: LegId,
        /// Which of the account's devices: the contact that it registered.
        device: String,
        /// The answer to our offer.
        sdp: Bytes,
        /// Where its signalling comes from.
        remote: SocketAddr,
    },
    /// The leg is over. Exactly once a leg, and nothing of the leg comes after it.
    Ended {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: EndCause,
    },
    /// A device registered, or refreshed its registration.
    Registered {
        /// The account.
        account: String,
        /// The registration.
        contact: Binding,
    },
    /// A registration was removed or has expired.
    Unregistered {
        /// The account.
        account: String,
        /// The registration.
        contact: Binding,
    },
    /// Somebody wants to watch something. To be answered with `AcceptSubscription` or
    /// `RefuseSubscription`.
    Subscribe {
        /// What to call it.
        subscription: SubscriptionId,
        /// Who watches: an account whose password they knew.
        account: String,
        /// What of it.
        package: Package,
        /// Whom: the Request-URI.
        target: Uri,
        /// Where the SUBSCRIBE came from.
        remote: SocketAddr,
    },
    /// Somebody has stopped watching, or can't be reached. Once each that was not refused.
    SubscriptionOver {
        /// Which.
        subscription: SubscriptionId,
    },
    /// What the devices of a user publish of them has changed.
    Published {
        /// The account.
        account: String,
        /// What they say together; `None` where none says anything any more.
        state: Option<Published>,
    },
    /// A MESSAGE came. To be answered with `AnswerText` once it is kept.
    Text {
        /// What to call it.
        text: TextId,
        /// Who sends it.
        caller: Caller,
        /// Whom it is for: the Request-URI.
        target: Uri,
        /// The type of the body, as it was written.
        content_type: String,
        /// The body.
        body: Bytes,
        /// The same for the same MESSAGE, should it come again: 64 hexadecimal digits.
        key: String,
    },
    /// What became of a [`Command::Request`]. Exactly once each.
    Requested {
        /// Which.
        request: RequestId,
        /// The device that took it, or why none did.
        outcome: Result<String, RequestFailure>,
    },
    /// Something was dropped or refused; the label is for a metric.
    Counted(&'static str),
}

impl Event {
    /// The leg that it is about, if it is about one.
    pub const fn leg(&self) -> Option<LegId> {
        match self {
            Self::IncomingCall { leg, .. }
            | Self::Confirmed { leg, .. }
            | Self::Reinvite { leg, .. }
            | Self::DtmfInfo { leg, .. }
            | Self::Ringing { leg, .. }
            | Self::Answered { leg, .. }
            | Self::Ended { leg, .. } => Some(*leg),
            Self::Registered { .. }
            | Self::Unregistered { .. }
            | Self::Subscribe { .. }
            | Self::SubscriptionOver { .. }
            | Self::Published { .. }
            | Self::Text { .. }
            | Self::Requested { .. }
            | Self::Counted(_) => None,
        }
    }
}

/// Why a leg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The caller gave up before we answered.
    Cancelled,
    /// The peer hung up.
    RemoteBye,
    /// The call was refused: by the peer, or by us with `Reject`.
    Rejected {
        /// The status.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
    /// Nobody answered in time.
    Timeout,
    /// Our answer was never acknowledged.
    NoAck,
    /// The peer can't be reached.
    TransportFailed,
    /// We hung up.
    LocalHangup,
}
