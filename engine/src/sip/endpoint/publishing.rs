//! PUBLISH (RFC 3903): what a device says of its own user.

use super::auth::Asked;
use super::server::{Received, dialled, is_media_type};
use super::{Endpoint, Event, Wake};
use crate::sip::body::pidf;
use crate::sip::message::{Request, Response};
use crate::sip::package::Package;
use crate::sip::publication::{Publish, Refusal};
use crate::time::Instant;

impl Endpoint {
    pub(super) fn receive_publish(&mut self, now: Instant, received: Received) {
        let Received { request, source, tx } = received;
        let response = match self.authenticate(now, &request, source, Asked::AsServer) {
            Ok(account) => self.publish(now, &account, &request),
            Err(response) => Err(response),
        };
        self.respond(now, tx, response.unwrap_or_else(|refusal| refusal));
        self.arm_publications();
    }

    fn publish(
        &mut self,
        now: Instant,
        account: &str,
        request: &Request,
    ) -> Result<Response, Response> {
        let (package, _) = self.event_of(request)?;
        match package {
            Package::Presence => {}
            // Lamps and calls are ours to tell.
            Package::MessageSummary | Package::Dialog => {
                let mut response = self.response(request, 489);
                response.headers.push("Allow-Events", Package::Presence.name());
                return Err(response);
            }
        }
        if dialled(&request.uri).is_none_or(|user| !user.eq_ignore_ascii_case(account)) {
            self.count("publish_for_another");
            return Err(self.response(request, 403));
        }
        let expires = self.subscription_expires(request)?;
        let state = if request.body.is_empty() {
            None
        } else {
            Some(self.published_state(request, account)?)
        };
        let tag = request.headers.get("SIP-If-Match").map(|tag| tag.trim().to_owned());
        let publish = Publish { tag, state, expires };
        let new_tag = self.random.token();
        match self.publications.publish(now, account, &publish, new_tag) {
            Ok(accepted) => {
                if let Some(state) = accepted.changed {
                    self.event(Event::Published { account: account.to_owned(), state });
                }
                let mut response = self.response(request, 200);
                response.headers.push("SIP-ETag", accepted.tag);
                response.headers.push("Expires", expires.as_secs().to_string());
                Ok(response)
            }
            Err(refusal) => {
                let status = match refusal {
                    Refusal::NoSuchTag => 412,
                    Refusal::NoState => 400,
                    Refusal::TooMany => {
                        self.count("too_many_publications");
                        403
                    }
                };
                Err(self.response(request, status))
            }
        }
    }

    fn published_state(
        &mut self,
        request: &Request,
        account: &str,
    ) -> Result<crate::presence::Published, Response> {
        let pidf = Package::Presence.content_type();
        if !request.headers.content_type().is_some_and(|t| is_media_type(t, pidf)) {
            let mut response = self.response(request, 415);
            response.headers.push("Accept", pidf);
            return Err(response);
        }
        pidf::read(&request.body, account).ok_or_else(|| {
            self.count("bad_publication");
            self.response(request, 400)
        })
    }

    pub(super) fn expire_publications(&mut self, now: Instant) {
        for (account, state) in self.publications.expire(now) {
            self.event(Event::Published { account, state });
        }
        self.arm_publications();
    }

    pub(super) fn arm_publications(&mut self) {
        self.timers.set(Wake::Publications, self.publications.next_expiry());
    }
}
