//! The states of a leg: see the diagram in the [module](super).

use std::time::Duration;

use bytes::Bytes;

use super::branch::BranchId;
use super::transactions::ServerId;
use super::{EndCause, Endpoint, Event, LegId, Wake};
use crate::sip::dialog::Dialog;
use crate::sip::message::Request;
use crate::time::Instant;

#[derive(Debug)]
pub(super) enum Leg {
    Offered(Box<Offered>),
    Calling(Calling),
    Established(Box<Established>),
    Closing(Box<Closing>),
}

/// Somebody calls, and we have not answered.
#[derive(Debug)]
pub(super) struct Offered {
    pub tx: ServerId,
    pub invite: Request,
    pub dialog: Dialog,
    pub give_up_at: Instant,
}

/// We call, and nobody has answered.
#[derive(Debug)]
pub(super) struct Calling {
    pub branches: Vec<BranchId>,
    pub query: Option<u64>,
    pub give_up_at: Instant,
    /// Why the branches failed that have.
    pub best: Option<EndCause>,
}

/// The call is up.
#[derive(Debug)]
pub(super) struct Established {
    pub dialog: Dialog,
    pub credentials: Option<(String, String)>,
    pub unacked: Option<Unacked>,
    pub pending: Option<Pending>,
}

/// A 2xx of ours that waits for its ACK (RFC 3261 section 13.3.1.4): it is repeated over every
/// transport, for a proxy may have lost it behind a reliable hop.
#[derive(Debug)]
pub(super) struct Unacked {
    pub tx: ServerId,
    pub seq: u32,
    pub response: Bytes,
    pub resend_at: Instant,
    pub interval: Duration,
    pub give_up_at: Instant,
    /// Whether the application is told of the ACK.
    pub tell: bool,
    /// Whether the offer was ours, so that the ACK brings the answer.
    pub offered: bool,
}

/// A re-INVITE or UPDATE that the application has not answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub tx: ServerId,
    pub request: Request,
    pub source: super::Flow,
    pub give_up_at: Instant,
}

/// The application has been told that it ended; the peer is still to be told, or to confirm.
#[derive(Debug)]
pub(super) struct Closing {
    pub dialog: Dialog,
    pub credentials: Option<(String, String)>,
    pub reason: Option<String>,
    /// A BYE must wait for the ACK of our 2xx (RFC 3261 section 15).
    pub unacked: Option<Unacked>,
    pub challenged: u8,
}

impl Unacked {
    fn next_deadline(&self) -> Instant {
        self.resend_at.min(self.give_up_at)
    }
}

impl Leg {
    fn next_deadline(&self) -> Option<Instant> {
        match self {
            Self::Offered(offered) => Some(offered.give_up_at),
            Self::Calling(calling) => Some(calling.give_up_at),
            Self::Established(up) => {
                let unacked = up.unacked.as_ref().map(Unacked::next_deadline);
                let pending = up.pending.as_ref().map(|pending| pending.give_up_at);
                unacked.into_iter().chain(pending).min()
            }
            Self::Closing(closing) => closing.unacked.as_ref().map(Unacked::next_deadline),
        }
    }

    pub fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match self {
            Self::Offered(offered) => Some(&mut offered.dialog),
            Self::Calling(_) => None,
            Self::Established(up) => Some(&mut up.dialog),
            Self::Closing(closing) => Some(&mut closing.dialog),
        }
    }

    fn unacked_mut(&mut self) -> Option<&mut Unacked> {
        match self {
            Self::Offered(_) | Self::Calling(_) => None,
            Self::Established(up) => up.unacked.as_mut(),
            Self::Closing(closing) => closing.unacked.as_mut(),
        }
    }
}

impl Endpoint {
    /// Puts a leg (back) into the table, found by its dialog and woken at its deadline.
    pub(super) fn put_leg(&mut self, id: LegId, mut leg: Leg) {
        self.timers.set(Wake::Leg(id), leg.next_deadline());
        if let Some(dialog) = leg.dialog_mut() {
            self.dialogs.insert(dialog.id().clone(), id);
        }
        self.legs.insert(id, leg);
    }

    /// Takes a leg out of the table. It is not found by its dialog until it is put back.
    pub(super) fn take_leg(&mut self, id: LegId) -> Option<Leg> {
        let mut leg = self.legs.remove(&id)?;
        self.timers.set(Wake::Leg(id), None);
        if let Some(dialog) = leg.dialog_mut() {
            self.dialogs.remove(dialog.id());
        }
        Some(leg)
    }

    pub(super) fn ended(&mut self, leg: LegId, cause: EndCause) {
        self.event(Event::Ended { leg, cause });
    }

    pub(super) fn leg_timeout(&mut self, now: Instant, id: LegId) {
        let Some(mut leg) = self.take_leg(id) else { return };
        if let Some(unacked) = leg.unacked_mut()
            && unacked.give_up_at > now
            && unacked.resend_at <= now
        {
            unacked.interval = (unacked.interval * 2).min(self.config.timing.t2);
            unacked.resend_at = now + unacked.interval;
            let (tx, response) = (unacked.tx, unacked.response.clone());
            self.transactions.respond(now, tx, 200, response);
            return self.put_leg(id, leg);
        }
        match leg {
            Leg::Offered(offered) => self.offered_timeout(now, id, *offered),
            Leg::Calling(calling) => self.calling_timeout(now, id, calling),
            Leg::Established(up) => self.established_timeout(now, id, *up),
            Leg::Closing(mut closing) => {
                // The ACK never came: the BYE need not wait any longer.
                closing.unacked = None;
                self.send_bye(now, id, *closing);
            }
        }
    }
}
