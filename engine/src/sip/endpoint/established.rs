//! Requests within a dialog, and the end of a call (RFC 3261 sections 12.2, 14 and 15).

use std::time::Duration;

use super::leg::{Established, Leg, Offered, Pending};
use super::respond::retry_after;
use super::server::{Received, is_media_type};
use super::{EndCause, Endpoint, Event, LegId};
use crate::key::Key;
use crate::sip::dialog::DialogId;
use crate::sip::message::{Method, Request};
use crate::sip::transaction::ServerKey;
use crate::time::Instant;

/// How long the application may leave a re-INVITE unanswered.
const REINVITE_WITHIN: Duration = Duration::from_secs(20);

impl Endpoint {
    pub(super) fn receive_in_dialog(&mut self, now: Instant, received: Received, id: &DialogId) {
        let Received { request, source: _, tx } = &received;
        let tx = *tx;
        if let Some(subscription) = self.subscription_of(id) {
            return self.receive_in_subscription(now, received, subscription);
        }
        let found = self.dialogs.get(id).copied().and_then(|leg| Some((leg, self.take_leg(leg)?)));
        let Some((id, mut leg)) = found else {
            self.count("unknown_dialog");
            let response = self.response(request, 481);
            return self.respond(now, tx, response);
        };
        let seq = request.headers.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        if !leg.dialog_mut().is_some_and(|dialog| dialog.accept_seq(seq)) {
            self.count("cseq_out_of_order");
            let response = self.response(request, 500);
            self.respond(now, tx, response);
            return self.put_leg(id, leg);
        }
        match leg {
            Leg::Established(up) => self.in_established(now, id, *up, received),
            Leg::Offered(offered) => self.in_offered(now, id, *offered, received),
            Leg::Closing(_) | Leg::Calling(_) => {
                let status = if request.method == Method::Bye { 200 } else { 481 };
                let response = self.response(request, status);
                self.respond(now, tx, response);
                self.put_leg(id, leg);
            }
        }
    }

    fn in_established(&mut self, now: Instant, id: LegId, up: Established, received: Received) {
        let Received { request, tx, .. } = &received;
        let tx = *tx;
        match request.method {
            Method::Bye => {
                let response = self.response(request, 200);
                self.respond(now, tx, response);
                if let Some(pending) = up.pending {
                    let response = self.dialog_response(&up.dialog, &pending.request, 487, None);
                    self.respond(now, pending.tx, response);
                }
                self.ended(id, EndCause::RemoteBye);
            }
            Method::Invite | Method::Update => self.reinvite(now, id, up, received),
            Method::Info => {
                self.info(now, id, &received);
                self.put_leg(id, Leg::Established(Box::new(up)));
            }
            Method::Options => {
                let response = self.capabilities(request);
                self.respond(now, tx, response);
                self.put_leg(id, Leg::Established(Box::new(up)));
            }
            // RFC 3428 section 2: the same text as outside, on a way that is known already.
            Method::Message => {
                self.receive_message(now, received);
                self.put_leg(id, Leg::Established(Box::new(up)));
            }
            Method::Register
            | Method::Ack
            | Method::Cancel
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Prack
            | Method::Refer
            | Method::Other(_) => {
                let response = self.not_allowed(request, 405);
                self.respond(now, tx, response);
                self.put_leg(id, Leg::Established(Box::new(up)));
            }
        }
    }

    /// In an early dialog the caller may only ask, tell keys, and hang up.
    fn in_offered(&mut self, now: Instant, id: LegId, offered: Offered, received: Received) {
        let Received { request, tx, .. } = &received;
        let tx = *tx;
        match request.method {
            Method::Bye => {
                let response = self.response(request, 200);
                self.respond(now, tx, response);
                return self.finish_offered(now, id, offered, 487, None, EndCause::RemoteBye);
            }
            Method::Info => self.info(now, id, &received),
            Method::Options => {
                let response = self.capabilities(request);
                self.respond(now, tx, response);
            }
            Method::Update if request.body.is_empty() => {
                let response = self.dialog_response(&offered.dialog, request, 200, None);
                self.respond(now, tx, response);
            }
            // RFC 3261 section 14.2 and RFC 3311 section 5.2: the first offer is unanswered.
            Method::Invite | Method::Update => self.try_again_soon(now, &received),
            Method::Register
            | Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Prack
            | Method::Refer
            | Method::Other(_) => {
                let response = self.not_allowed(request, 405);
                self.respond(now, tx, response);
            }
        }
        self.put_leg(id, Leg::Offered(Box::new(offered)));
    }

    fn reinvite(&mut self, now: Instant, id: LegId, mut up: Established, received: Received) {
        let Received { request, source, tx } = &received;
        let (source, tx) = (*source, *tx);
        let is_invite = request.method == Method::Invite;
        if up.unacked.is_some() && (is_invite || !request.body.is_empty()) {
            // Our last answer is not acknowledged: the session is still being agreed upon.
            self.count("glare");
            let response = self.dialog_response(&up.dialog, request, 491, None);
            self.respond(now, tx, response);
        } else if up.pending.is_some() {
            self.try_again_soon(now, &received);
        } else if !is_invite && request.body.is_empty() {
            // Only a refreshed target.
            up.dialog.refresh(request, source);
            let response = self.dialog_response(&up.dialog, request, 200, None);
            self.respond(now, tx, response);
        } else {
            if is_invite {
                let trying = self.response(request, 100);
                self.respond(now, tx, trying);
                self.server_legs.insert(tx, id);
            }
            let sdp = (!request.body.is_empty()).then(|| request.body.clone());
            self.event(Event::Reinvite { leg: id, sdp });
            let give_up_at = now + REINVITE_WITHIN.min(self.config.timing.give_up());
            up.pending = Some(Pending { tx, request: received.request, source, give_up_at });
        }
        self.put_leg(id, Leg::Established(Box::new(up)));
    }

    /// 500, with a few seconds drawn by lot (RFC 3261 section 14.2).
    fn try_again_soon(&mut self, now: Instant, received: &Received) {
        self.count("glare");
        let seconds = u64::from(self.random.below(10)) + 1;
        let mut response = self.response(&received.request, 500);
        retry_after(&mut response, Duration::from_secs(seconds));
        self.respond(now, received.tx, response);
    }

    fn info(&mut self, now: Instant, id: LegId, received: &Received) {
        let request = &received.request;
        let Some(kind) = request.headers.content_type() else {
            // RFC 6086 allows an INFO without a body, and asks for 200.
            let response = self.response(request, 200);
            return self.respond(now, received.tx, response);
        };
        let is_relay = is_media_type(kind, "application/dtmf-relay");
        if !is_relay && !is_media_type(kind, "application/dtmf") {
            let mut response = self.response(request, 415);
            response.headers.push("Accept", "application/dtmf-relay");
            response.headers.push("Accept", "application/dtmf");
            return self.respond(now, received.tx, response);
        }
        let key = dtmf(&request.body, is_relay);
        let response = self.response(request, if key.is_some() { 200 } else { 400 });
        self.respond(now, received.tx, response);
        if let Some(key) = key {
            self.event(Event::DtmfInfo { leg: id, key });
        }
    }

    pub(super) fn accept_reinvite(&mut self, now: Instant, id: LegId, sdp: String) {
        let leg = self.take_leg(id);
        let Some(Leg::Established(mut up)) = leg else {
            self.count("late_command");
            if let Some(other) = leg {
                self.put_leg(id, other);
            }
            return;
        };
        if let Some(Pending { tx, request, source, .. }) = up.pending.take() {
            up.dialog.refresh(&request, source);
            if request.method == Method::Invite {
                up.unacked = Some(self.accept(now, &up.dialog, &request, tx, sdp, false));
            } else {
                let response = self.dialog_response(&up.dialog, &request, 200, Some(sdp));
                self.respond(now, tx, response);
            }
        }
        self.put_leg(id, Leg::Established(up));
    }

    pub(super) fn receive_ack(
        &mut self,
        now: Instant,
        request: &Request,
        key: &ServerKey,
        dialog: Option<DialogId>,
    ) {
        let leg = match self.transactions.find_server(key) {
            Some(tx) => {
                let news = self.transactions.receive_ack(now, tx);
                self.server_legs.get(&tx).copied().filter(|_| news)
            }
            None => {
                let leg = dialog.and_then(|dialog| self.dialogs.get(&dialog).copied());
                if leg.is_none() {
                    self.count("stray_ack");
                }
                leg
            }
        };
        if let Some(leg) = leg {
            self.acked(now, leg, request);
        }
    }

    fn acked(&mut self, now: Instant, id: LegId, ack: &Request) {
        let seq = ack.headers.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        match self.take_leg(id) {
            Some(Leg::Established(mut up)) => {
                if let Some(unacked) = up.unacked.take_if(|unacked| unacked.seq == seq)
                    && unacked.tell
                {
                    let answer = unacked.offered && !ack.body.is_empty();
                    let sdp = answer.then(|| ack.body.clone());
                    self.event(Event::Confirmed { leg: id, sdp });
                }
                self.put_leg(id, Leg::Established(up));
            }
            Some(Leg::Closing(mut closing)) => {
                if closing.unacked.take_if(|unacked| unacked.seq == seq).is_some() {
                    self.send_bye(now, id, *closing);
                } else {
                    self.put_leg(id, Leg::Closing(closing));
                }
            }
            Some(other) => self.put_leg(id, other),
            None => {}
        }
    }

    pub(super) fn established_timeout(&mut self, now: Instant, id: LegId, mut up: Established) {
        if up.unacked.as_ref().is_some_and(|unacked| unacked.give_up_at <= now) {
            up.unacked = None;
            self.ended(id, EndCause::NoAck);
            return self.close(now, id, up, None);
        }
        if let Some(pending) = up.pending.take_if(|pending| pending.give_up_at <= now) {
            let response = self.dialog_response(&up.dialog, &pending.request, 488, None);
            self.respond(now, pending.tx, response);
        }
        self.put_leg(id, Leg::Established(Box::new(up)));
    }
}

/// The key that an INFO tells: `Signal=5` of dtmf-relay, or the bare key of dtmf.
fn dtmf(body: &[u8], is_relay: bool) -> Option<Key> {
    let text = std::str::from_utf8(body).ok()?;
    let signal = if is_relay {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("Signal").then(|| value.trim())
        })?
    } else {
        text.trim()
    };
    match signal {
        "10" => Some(Key::STAR),
        "11" => Some(Key::POUND),
        _ => {
            let mut chars = signal.chars();
            let key = Key::from_char(chars.next()?)?;
            chars.next().is_none().then_some(key)
        }
    }
}
