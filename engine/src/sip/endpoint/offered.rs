//! Calls that come in, until they are answered (RFC 3261 sections 9.2 and 13.3).

use std::time::Duration;

use super::auth::Asked;
use super::leg::{Established, Leg, Offered, Unacked};
use super::respond::retry_after;
use super::server::Received;
use super::transactions::ServerId;
use super::{Caller, EndCause, Endpoint, Event, LegId};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Request, reason_phrase};
use crate::sip::uri::{Host, Uri};
use crate::sip::wire;
use crate::time::Instant;

impl Endpoint {
    pub(super) fn receive_invite(&mut self, now: Instant, received: Received) {
        let Received { request, source, tx } = received;
        if self.draining || self.legs.len() >= self.config.max_dialogs {
            self.count(if self.draining { "draining" } else { "too_many_calls" });
            let response = self.busy(&request);
            return self.respond(now, tx, response);
        }
        let tag = self.random.token();
        let (Ok(from), Ok(dialog)) =
            (request.headers.from(), Dialog::as_server(&request, &tag, source))
        else {
            let response = self.response(&request, 400);
            return self.respond(now, tx, response);
        };
        let account = if self.is_ours(&from.uri) {
            match self.authenticate(now, &request, source, Asked::AsProxy) {
                Ok(account) => Some(account),
                Err(response) => return self.respond(now, tx, response),
            }
        } else {
            None
        };
        let trying = self.response(&request, 100);
        self.respond(now, tx, trying);
        let leg = LegId(self.number());
        let within = match request.headers.expires() {
            Ok(Some(seconds)) => {
                Duration::from_secs(seconds.max(1).into()).min(self.config.answer_within)
            }
            Ok(None) | Err(_) => self.config.answer_within,
        };
        self.event(Event::IncomingCall {
            leg,
            caller: Caller { account, display: from.display, address: from.uri },
            target: request.uri.clone(),
            sdp: (!request.body.is_empty()).then(|| request.body.clone()),
            remote: source.remote,
        });
        self.server_legs.insert(tx, leg);
        let give_up_at = now + within;
        let offered = Offered { tx, invite: request, dialog, give_up_at };
        self.put_leg(leg, Leg::Offered(Box::new(offered)));
    }

    /// Whether an address is within our domains, or names one of our sockets, so that using it
    /// needs a password.
    pub(super) fn is_ours(&self, uri: &Uri) -> bool {
        let Uri::Sip(sip) = uri else { return false };
        let mut domains = self.config.domains.iter().filter_map(|domain| Host::parse(domain));
        domains.any(|domain| domain.same(&sip.host))
            || self.config.listeners.iter().any(|listener| {
                // Another port of the same machine is somebody else's telephone.
                sip.port.is_none_or(|port| port == listener.public.port())
                    && sip.host.ip() == Some(listener.public.ip())
            })
    }

    pub(super) fn receive_cancel(
        &mut self,
        now: Instant,
        received: Received,
        invite: Option<ServerId>,
    ) {
        let Received { request, tx, .. } = received;
        let Some(invite) = invite else {
            let response = self.response(&request, 481);
            return self.respond(now, tx, response);
        };
        let response = self.response(&request, 200);
        self.respond(now, tx, response);
        // After a final answer a CANCEL has no effect.
        if self.transactions.is_answered(invite) {
            return;
        }
        let Some(leg) = self.server_legs.get(&invite).copied() else { return };
        match self.take_leg(leg) {
            Some(Leg::Offered(offered)) if offered.tx == invite => {
                self.finish_offered(now, leg, *offered, 487, None, EndCause::Cancelled);
            }
            Some(Leg::Established(mut up)) => {
                // A cancelled re-INVITE leaves the call as it was.
                if let Some(pending) = up.pending.take_if(|pending| pending.tx == invite) {
                    let response = self.dialog_response(&up.dialog, &pending.request, 487, None);
                    self.respond(now, pending.tx, response);
                }
                self.put_leg(leg, Leg::Established(up));
            }
            Some(other) => self.put_leg(leg, other),
            None => {}
        }
    }

    pub(super) fn provisional(
        &mut self,
        now: Instant,
        id: LegId,
        status: u16,
        sdp: Option<String>,
    ) {
        match self.take_leg(id) {
            Some(Leg::Offered(offered)) => {
                let response = self.dialog_response(&offered.dialog, &offered.invite, status, sdp);
                self.respond(now, offered.tx, response);
                self.put_leg(id, Leg::Offered(offered));
            }
            Some(other) => self.put_leg(id, other),
            None => self.count("late_command"),
        }
    }

    pub(super) fn answer(&mut self, now: Instant, id: LegId, sdp: String) {
        match self.take_leg(id) {
            Some(Leg::Offered(offered)) => {
                let Offered { tx, invite, dialog, .. } = *offered;
                let unacked = self.accept(now, &dialog, &invite, tx, sdp, true);
                let up = Established {
                    dialog,
                    credentials: None,
                    unacked: Some(unacked),
                    pending: None,
                };
                self.put_leg(id, Leg::Established(Box::new(up)));
            }
            Some(other) => self.put_leg(id, other),
            None => self.count("late_command"),
        }
    }

    /// Answers an INVITE with 200, which is repeated until its ACK.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        dialog: &Dialog,
        invite: &Request,
        tx: ServerId,
        sdp: String,
        initial: bool,
    ) -> Unacked {
        let mut response = self.dialog_response(dialog, invite, 200, Some(sdp));
        response.headers.push("Supported", super::respond::SUPPORTED);
        let response = wire::print(&response.into());
        self.stats.response(200);
        self.transactions.respond(now, tx, 200, response.clone());
        let timing = self.config.timing;
        let offered = invite.body.is_empty();
        Unacked {
            tx,
            seq: invite.headers.cseq().map(|cseq| cseq.seq).unwrap_or_default(),
            response,
            resend_at: now + timing.t1,
            interval: timing.t1,
            give_up_at: now + timing.give_up(),
            tell: initial || offered,
            offered,
        }
    }

    pub(super) fn reject(&mut self, now: Instant, id: LegId, status: u16, after: Option<Duration>) {
        let status = if (300..700).contains(&status) { status } else { 480 };
        match self.take_leg(id) {
            Some(Leg::Offered(offered)) => {
                let reason = reason_phrase(status).to_owned();
                let cause = EndCause::Rejected { status, reason };
                self.finish_offered(now, id, *offered, status, after, cause);
            }
            Some(Leg::Established(mut up)) => {
                if let Some(pending) = up.pending.take() {
                    let mut response =
                        self.dialog_response(&up.dialog, &pending.request, status, None);
                    if let Some(after) = after {
                        retry_after(&mut response, after);
                    }
                    self.respond(now, pending.tx, response);
                }
                self.put_leg(id, Leg::Established(up));
            }
            Some(other) => self.put_leg(id, other),
            None => self.count("late_command"),
        }
    }

    pub(super) fn offered_timeout(&mut self, now: Instant, id: LegId, offered: Offered) {
        // Expires is the caller's own limit, and ends the INVITE as a CANCEL would.
        let asked = matches!(offered.invite.headers.expires(), Ok(Some(_)));
        let status = if asked { 487 } else { 480 };
        self.finish_offered(now, id, offered, status, None, EndCause::Timeout);
    }

    /// Refuses an INVITE, and with it ends its leg, which was taken out of the table.
    pub(super) fn finish_offered(
        &mut self,
        now: Instant,
        id: LegId,
        offered: Offered,
        status: u16,
        after: Option<Duration>,
        cause: EndCause,
    ) {
        let mut response = self.dialog_response(&offered.dialog, &offered.invite, status, None);
        if let Some(after) = after {
            retry_after(&mut response, after);
        }
        self.respond(now, offered.tx, response);
        self.ended(id, cause);
    }

    /// A server transaction could not send, or its failure was never acknowledged.
    pub(super) fn server_failed(&mut self, _now: Instant, tx: ServerId) {
        let Some(id) = self.server_legs.get(&tx).copied() else { return };
        match self.take_leg(id) {
            // The caller is gone: there is nobody to answer.
            Some(Leg::Offered(offered)) if offered.tx == tx => {
                self.ended(id, EndCause::TransportFailed);
            }
            Some(other) => self.put_leg(id, other),
            None => {}
        }
    }
}
