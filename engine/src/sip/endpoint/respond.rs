//! How responses and requests of ours are dressed: tags, Via, Contact, Server, Allow.

use std::net::SocketAddr;
use std::time::Duration;

use super::flow::{Flow, Transport};
use super::transactions::ServerId;
use super::{Endpoint, Listener};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Request, Response};
use crate::sip::wire;
use crate::time::Instant;

/// The methods that we know what to do with.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, MESSAGE, SUBSCRIBE, PUBLISH";
/// The extensions that we know.
pub(super) const SUPPORTED: &str = "path";
/// The bodies that we read.
pub(super) const ACCEPT: &str = "application/sdp";

impl Endpoint {
    /// A response to `request`, with a To tag of its own where there is none.
    pub(super) fn response(&mut self, request: &Request, status: u16) -> Response {
        let mut response = request.response(status);
        if status > 100
            && let Ok(mut to) = response.headers.to()
            && to.tag().is_none()
        {
            to.params.set("tag", Some(&self.random.token()));
            response.headers.set("To", to.to_string());
        }
        response.headers.push("Server", self.config.user_agent.clone());
        response
    }

    /// 503, with when to come again.
    pub(super) fn busy(&mut self, request: &Request) -> Response {
        let mut response = self.response(request, 503);
        let seconds = self.config.retry_after.as_secs().max(1);
        response.headers.push("Retry-After", seconds.to_string());
        response
    }

    /// A response within the dialog that `request` made or belongs to.
    pub(super) fn dialog_response(
        &mut self,
        dialog: &Dialog,
        request: &Request,
        status: u16,
        sdp: Option<String>,
    ) -> Response {
        let mut response = request.response(status);
        if let Ok(mut to) = response.headers.to() {
            to.params.set("tag", Some(dialog.local_tag()));
            response.headers.set("To", to.to_string());
        }
        if (101..300).contains(&status) {
            for route in request.headers.get_all("Record-Route") {
                response.headers.push("Record-Route", route);
            }
            response.headers.push("Contact", self.contact(dialog.flow()));
            response.headers.push("Allow", ALLOW);
        }
        response.headers.push("Server", self.config.user_agent.clone());
        if let Some(sdp) = sdp {
            response.headers.push("Content-Type", ACCEPT);
            response.body = sdp.into();
        }
        response
    }

    /// Sends a response in its transaction.
    pub(super) fn respond(&mut self, now: Instant, id: ServerId, response: Response) {
        let status = response.status;
        self.stats.response(status);
        self.transactions.respond(now, id, status, wire::print(&response.into()));
    }

    /// Sends a response without a transaction: nothing is remembered.
    pub(super) fn respond_stateless(&mut self, flow: Flow, response: Response) {
        self.stats.response(response.status);
        self.transmit(flow, wire::print(&response.into()), true);
    }

    /// The listener that `flow` uses, or the nearest to it.
    fn listener(&self, flow: Flow) -> Option<&Listener> {
        let of_transport =
            || self.config.listeners.iter().filter(|l| l.transport == flow.transport);
        let same_family = |l: &&Listener| l.addr.is_ipv4() == flow.remote.is_ipv4();
        of_transport()
            .find(|l| l.addr == flow.local)
            .or_else(|| {
                of_transport().filter(same_family).find(|l| l.addr.port() == flow.local.port())
            })
            .or_else(|| of_transport().find(same_family))
    }

    /// The flow for a request of ours to `remote`; `None` if we have no socket for it.
    pub(super) fn flow_to(&self, transport: Transport, remote: SocketAddr) -> Option<Flow> {
        let any = Flow { transport, local: remote, remote, connection: None };
        let of_family =
            |l: &&Listener| l.transport == transport && l.addr.is_ipv4() == remote.is_ipv4();
        let listener = self.config.listeners.iter().find(of_family)?;
        Some(Flow { local: listener.addr, ..any })
    }

    fn public(&self, flow: Flow) -> SocketAddr {
        self.listener(flow).map_or(flow.local, |listener| listener.public)
    }

    /// Where the peer of `flow` finds us.
    pub(super) fn contact(&self, flow: Flow) -> String {
        let public = self.public(flow);
        match flow.transport {
            Transport::Udp => format!("<sip:{public}>"),
            Transport::Tcp => format!("<sip:{public};transport=tcp>"),
        }
    }

    /// The Via of a request of ours.
    pub(super) fn via(&self, flow: Flow, branch: &str) -> String {
        let (name, public) = (flow.transport.via_name(), self.public(flow));
        format!("SIP/2.0/{name} {public};rport;branch={branch}")
    }
}

/// Sets Retry-After.
pub(super) fn retry_after(response: &mut Response, after: Duration) {
    response.headers.set("Retry-After", after.as_secs().max(1).to_string());
}
