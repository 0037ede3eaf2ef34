//! The end of a call that we hang up (RFC 3261 section 15).

use super::credentials::with_credentials;
use super::leg::{Closing, Established, Leg};
use super::{EndCause, Endpoint, LegId, Owner};
use crate::sip::message::{Method, Response};
use crate::time::Instant;

impl Endpoint {
    pub(super) fn hangup(&mut self, now: Instant, id: LegId, reason: Option<String>) {
        match self.take_leg(id) {
            Some(Leg::Offered(offered)) => {
                self.finish_offered(now, id, *offered, 480, None, EndCause::LocalHangup);
            }
            Some(Leg::Calling(calling)) => {
                self.give_up(now, calling);
                self.ended(id, EndCause::LocalHangup);
            }
            Some(Leg::Established(up)) => {
                self.ended(id, EndCause::LocalHangup);
                self.close(now, id, *up, reason);
            }
            Some(Leg::Closing(closing)) => self.put_leg(id, Leg::Closing(closing)),
            None => {}
        }
    }

    /// Ends a call whose end the application knows.
    pub(super) fn close(
        &mut self,
        now: Instant,
        id: LegId,
        up: Established,
        reason: Option<String>,
    ) {
        let Established { dialog, credentials, unacked, pending } = up;
        if let Some(pending) = pending {
            let response = self.dialog_response(&dialog, &pending.request, 487, None);
            self.respond(now, pending.tx, response);
        }
        let closing = Closing { dialog, credentials, reason, unacked, challenged: 0 };
        if closing.unacked.is_some() {
            self.put_leg(id, Leg::Closing(Box::new(closing)));
        } else {
            self.send_bye(now, id, closing);
        }
    }

    pub(super) fn send_bye(&mut self, now: Instant, id: LegId, mut closing: Closing) {
        let mut bye = closing.dialog.request(Method::Bye, None);
        if let Some(reason) = &closing.reason {
            bye.headers.push("Reason", reason.clone());
        }
        self.send_in_dialog(now, &closing.dialog, bye, Owner::Bye(id));
        self.put_leg(id, Leg::Closing(Box::new(closing)));
    }

    pub(super) fn bye_answered(&mut self, now: Instant, id: LegId, response: &Response) {
        let Some(Leg::Closing(closing)) = self.legs.get_mut(&id) else { return };
        if let Some(credentials) = closing.credentials.clone() {
            let mut bye = closing.dialog.request(Method::Bye, None);
            let cnonce = self.random.token();
            let tried = closing.challenged;
            if with_credentials(&mut bye, response, &credentials, tried, &cnonce) {
                closing.challenged += 1;
                let dialog = closing.dialog.clone();
                return self.send_in_dialog(now, &dialog, bye, Owner::Bye(id));
            }
        }
        self.bye_over(id);
    }

    pub(super) fn bye_over(&mut self, id: LegId) {
        if let Some(Leg::Closing(_)) = self.legs.get(&id) {
            self.take_leg(id);
        }
    }
}
