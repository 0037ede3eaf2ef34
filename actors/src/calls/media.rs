//! A call's media session as the offer/answer exchange sets it up.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use hark_engine::media::codec::Codec;
use hark_engine::sip::endpoint::{Command, LegId};
use hark_engine::sip::sdp::{self, Direction, Local, Negotiated, SdpError};

use crate::media::{MediaSession, RemoteMedia};

/// Our codecs, best first.
const CODECS: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

/// One call's side of the session descriptions (RFC 3264).
pub(super) struct Description {
    addr: SocketAddr,
    signalling: Option<IpAddr>,
    session: u64,
    version: u64,
}

impl Description {
    /// A description of a session whose RTP arrives at `addr`.
    /// `signalling` is the host that the peer's signalling comes from, if known.
    pub fn new(addr: SocketAddr, signalling: Option<IpAddr>, session: u64) -> Self {
        Self { addr, signalling, session, version: 0 }
    }

    /// A description for a leg that we call by; its peer's host is not known before it answers.
    pub fn of_our_call(addr: SocketAddr, leg: LegId) -> Self {
        Self::new(addr, None, leg.0 & i64::MAX as u64)
    }

    /// What a peer's wish to change the session is answered with. `offered` says from then on
    /// whether our offer waits for its answer in the ACK.
    pub fn reinvited(
        &mut self,
        session: &MediaSession,
        leg: LegId,
        sdp: Option<Bytes>,
        offered: &mut bool,
    ) -> Command {
        let Some(offer) = sdp else {
            *offered = true;
            return Command::AcceptReinvite { leg, sdp: self.offer() };
        };
        match self.answer(&offer) {
            Ok((sdp, negotiated)) => {
                self.connect(session, &negotiated);
                Command::AcceptReinvite { leg, sdp }
            }
            Err(_) => Command::Reject { leg, status: 488, retry_after: None },
        }
    }

    /// Our answer to the peer's offer.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(String, Negotiated), SdpError> {
        let offer = sdp::parse(offer)?;
        self.version += 1;
        sdp::answer(&offer, &self.local())
    }

    /// Our offer.
    pub fn offer(&mut self) -> String {
        self.version += 1;
        sdp::offer(&self.local())
    }

    /// What the peer's answer to our latest offer makes of the session.
    pub fn answered(&self, theirs: &[u8]) -> Result<Negotiated, SdpError> {
        sdp::negotiated(&self.local(), &sdp::parse(theirs)?)
    }

    /// RTP from this host is believed, whatever the peer's SDP says: its signalling came from there.
    pub const fn believe(&mut self, signalling: IpAddr) {
        self.signalling = Some(signalling);
    }

    /// Lets the session send and receive as negotiated.
    pub fn connect(&self, session: &MediaSession, negotiated: &Negotiated) {
        session.connect(RemoteMedia {
            addr: negotiated.remote,
            signalling: self.signalling,
            codec: negotiated.codec,
            payload_type: negotiated.payload_type,
            dtmf_payload_type: negotiated.dtmf_payload_type,
            ptime_ms: negotiated.ptime_ms,
            send: negotiated.send,
            receive: negotiated.receive,
            rtcp_mux: negotiated.rtcp_mux,
        });
    }

    fn local(&self) -> Local<'static> {
        Local {
            addr: self.addr,
            codecs: &CODECS,
            session_id: self.session,
            session_version: self.version,
            direction: Direction::SendRecv,
        }
    }
}
