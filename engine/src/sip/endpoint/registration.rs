//! REGISTER (RFC 3261 section 10.3).

use std::sync::Arc;
use std::time::Duration;

use super::accounts::Accounts;
use super::auth::Asked;
use super::server::{Received, dialled};
use super::{Endpoint, Event, Wake};
use crate::sip::message::{Method, Request, Response};
use crate::sip::registrar::{Change, Refusal, Registration};
use crate::time::Instant;

impl Endpoint {
    pub(super) fn receive_register(&mut self, now: Instant, received: Received) {
        let Received { request, source, tx } = received;
        let response = match self.authenticate(now, &request, source, Asked::AsServer) {
            Ok(account) => self.register(now, &account, &request, source),
            Err(response) => response,
        };
        self.respond(now, tx, response);
    }

    fn register(
        &mut self,
        now: Instant,
        account: &str,
        request: &Request,
        source: super::Flow,
    ) -> Response {
        let headers = &request.headers;
        let (Ok(to), Ok(contacts), Ok(expires), Ok(call_id), Ok(cseq)) = (
            headers.to(),
            headers.contacts(),
            headers.expires(),
            headers.call_id(),
            headers.cseq(),
        ) else {
            return self.response(request, 400);
        };
        // One's own password opens one's own account and no other.
        if dialled(&to.uri).as_deref() != Some(account) {
            self.count("register_for_another");
            return self.response(request, 403);
        }
        let registration = Registration {
            contacts,
            expires,
            call_id: call_id.to_owned(),
            cseq: cseq.seq,
            path: headers.get_all("Path").map(str::to_owned).collect(),
            user_agent: headers.get("User-Agent").map(str::to_owned),
            takes_text: takes_text(request),
            flow: source,
        };
        match self.registrar.register(self.wall(now), account, &registration) {
            Ok(changes) => {
                for change in changes {
                    let account = account.to_owned();
                    self.event(match change {
                        Change::Registered(contact) => Event::Registered { account, contact },
                        Change::Unregistered(contact) => Event::Unregistered { account, contact },
                    });
                }
                self.arm_registrar(now);
                self.registered(now, account, request)
            }
            Err(refusal) => self.refused(request, &refusal),
        }
    }

    /// 200, with every device of the account and the time that it has left.
    fn registered(&mut self, now: Instant, account: &str, request: &Request) -> Response {
        let mut response = self.response(request, 200);
        let wall = self.wall(now);
        for binding in self.registrar.bindings(account) {
            let left = binding.expires_at.since(wall).as_secs();
            let mut contact = format!("<{}>;expires={left}", binding.contact);
            if binding.q < 1000 {
                contact.push_str(&format!(";q=0.{:03}", binding.q));
            }
            response.headers.push("Contact", contact);
        }
        for path in request.headers.get_all("Path") {
            response.headers.push("Path", path);
        }
        response.headers.push("Supported", super::respond::SUPPORTED);
        response
    }

    fn refused(&mut self, request: &Request, refusal: &Refusal) -> Response {
        match refusal {
            Refusal::TooBrief(least) => {
                let mut response = self.response(request, 423);
                response.headers.push("Min-Expires", least.to_string());
                response
            }
            Refusal::BadContact => self.response(request, 400),
            Refusal::OutOfOrder => self.response(request, 500),
            Refusal::TooManyDevices => {
                self.count("too_many_devices");
                self.response(request, 403)
            }
            Refusal::Full => {
                self.count("registrar_full");
                self.busy(request)
            }
        }
    }

    /// These are the accounts from now on: what there is of others is over.
    pub(super) fn set_accounts(&mut self, now: Instant, accounts: Arc<Accounts>) {
        self.accounts = Arc::clone(&accounts);
        let is_known = |account: &str| accounts.get(account).is_some();
        for (account, contact) in self.registrar.keep_accounts(is_known) {
            self.event(Event::Unregistered { account, contact });
        }
        self.arm_registrar(now);
        for account in self.publications.keep_accounts(is_known) {
            self.event(Event::Published { account, state: None });
        }
        self.arm_publications();
        self.end_subscriptions_but_of(now, is_known);
    }

    pub(super) fn expire_bindings(&mut self, now: Instant) {
        for (account, contact) in self.registrar.expire(self.wall(now)) {
            self.event(Event::Unregistered { account, contact });
        }
        self.arm_registrar(now);
    }

    pub(super) fn arm_registrar(&mut self, now: Instant) {
        let wall = self.wall(now);
        let deadline = self.registrar.next_expiry().map(|at| {
            let left = at.since(wall);
            // Never at once, so that a clock that is not told yet can't spin.
            now + left.max(Duration::from_millis(1))
        });
        self.timers.set(Wake::Registrar, deadline);
    }
}

/// Whether the device says that it takes MESSAGEs; `None` where it names no methods at all.
fn takes_text(request: &Request) -> Option<bool> {
    let mut methods = request.headers.get_all("Allow").filter(|m| !m.is_empty()).peekable();
    methods.peek()?;
    Some(methods.any(|method| method.trim() == Method::Message.as_str()))
}
