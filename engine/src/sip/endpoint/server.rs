//! Messages that come in, up to where their method decides (RFC 3261 section 8.2).

use std::net::SocketAddr;

use bytes::Bytes;

use super::Endpoint;
use super::flow::{Flow, Transport, reply_address, stamp_via};
use super::matching::{merge_key, server_key};
use super::respond::{ACCEPT, ALLOW, SUPPORTED};
use super::transactions::ServerId;
use crate::sip::dialog::DialogId;
use crate::sip::message::{Message, Method, Request, Response};
use crate::sip::package::Package;
use crate::sip::transaction::ServerKey;
use crate::sip::uri::Uri;
use crate::sip::wire::{self, ParseError};
use crate::time::Instant;

/// A request with all that its answer needs.
pub(super) struct Received {
    pub request: Request,
    /// Where it came from.
    pub source: Flow,
    pub tx: ServerId,
}

impl Endpoint {
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &Bytes,
    ) {
        // Port 0 can't be answered, and is never right.
        if remote.port() == 0 {
            return self.count("port_zero");
        }
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
        match wire::parse_datagram(bytes) {
            Ok(message) => self.receive(now, message, flow),
            Err(error) => self.malformed(error, flow),
        }
    }

    /// What can't be read is answered where the RFC says so, and dropped otherwise.
    pub(super) fn malformed(&mut self, error: ParseError, flow: Flow) {
        self.count(error.kind());
        let Some(mut response) = error.response else { return };
        // A Via that can't be read either (a later version of SIP) is answered on the flow.
        let reply = stamp_via(&mut response.headers, flow.remote)
            .map_or(flow, |via| reply_flow(flow, &via));
        self.respond_stateless(reply, *response);
    }

    pub(super) fn receive(&mut self, now: Instant, message: Message, flow: Flow) {
        match message {
            Message::Request(request) => self.receive_request(now, request, flow),
            Message::Response(response) => self.receive_response(now, &response),
        }
    }

    fn receive_request(&mut self, now: Instant, mut request: Request, source: Flow) {
        self.stats.request(&request.method);
        let Some(via) = stamp_via(&mut request.headers, source.remote) else {
            return self.count("bad_via");
        };
        let reply = reply_flow(source, &via);
        let (Some(key), Ok(dialog)) = (server_key(&request, &via), DialogId::of_request(&request))
        else {
            self.count("bad_headers");
            if request.method != Method::Ack {
                let response = self.response(&request, 400);
                self.respond_stateless(reply, response);
            }
            return;
        };
        if request.method == Method::Ack {
            return self.receive_ack(now, &request, &key, dialog);
        }
        if let Some(id) = self.transactions.find_server(&key) {
            return self.transactions.receive_again(now, id);
        }
        if self.transactions.len() >= self.config.max_transactions {
            self.count("too_many_transactions");
            let response = self.busy(&request);
            return self.respond_stateless(reply, response);
        }
        if self.is_too_fast(now, &request, source) {
            let response = self.busy(&request);
            return self.respond_stateless(reply, response);
        }
        self.begin(now, request, source, reply, key, dialog);
    }

    fn begin(
        &mut self,
        now: Instant,
        request: Request,
        source: Flow,
        reply: Flow,
        key: ServerKey,
        dialog: Option<DialogId>,
    ) {
        let merge = if dialog.is_none() { merge_key(&request) } else { None };
        let merged = merge.as_ref().is_some_and(|merge| self.transactions.is_merged(merge));
        let is_invite = request.method == Method::Invite;
        let invite = (request.method == Method::Cancel).then(|| key.of_invite());
        let merge = merge.filter(|_| !merged);
        let tx = self.transactions.open(now, key, merge, is_invite, reply);
        let received = Received { request, source, tx };
        if let Some(invite) = invite {
            let invite = self.transactions.find_server(&invite);
            return self.receive_cancel(now, received, invite);
        }
        if let Some(refusal) = self.refusal(&received.request, merged) {
            return self.respond(now, tx, refusal);
        }
        match dialog {
            Some(dialog) => self.receive_in_dialog(now, received, &dialog),
            None => self.receive_outside(now, received),
        }
    }

    fn receive_outside(&mut self, now: Instant, received: Received) {
        let Received { request, tx, .. } = &received;
        match request.method {
            Method::Invite => self.receive_invite(now, received),
            Method::Register => self.receive_register(now, received),
            Method::Options => {
                let response = self.capabilities(request);
                self.respond(now, *tx, response);
            }
            Method::Message => self.receive_message(now, received),
            Method::Subscribe => self.receive_subscribe(now, received),
            Method::Publish => self.receive_publish(now, received),
            // We watch nobody, so a NOTIFY belongs to nothing.
            Method::Bye | Method::Info | Method::Update | Method::Notify => {
                let response = self.response(request, 481);
                self.respond(now, *tx, response);
            }
            // `refusal` and `begin` have taken these.
            Method::Ack | Method::Cancel | Method::Prack | Method::Refer | Method::Other(_) => {
                let response = self.not_allowed(request, 405);
                self.respond(now, *tx, response);
            }
        }
    }

    /// What speaks against a request whatever it is about.
    fn refusal(&mut self, request: &Request, merged: bool) -> Option<Response> {
        match request.method {
            Method::Invite
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Register
            | Method::Options
            | Method::Info
            | Method::Update
            | Method::Message
            | Method::Subscribe
            | Method::Notify
            | Method::Publish => {}
            Method::Prack | Method::Refer => return Some(self.not_allowed(request, 405)),
            Method::Other(_) => return Some(self.not_allowed(request, 501)),
        }
        if matches!(request.uri, Uri::Other(_)) {
            return Some(self.response(request, 416));
        }
        if merged {
            return Some(self.response(request, 482));
        }
        let unknown: Vec<_> = ["Require", "Proxy-Require"]
            .into_iter()
            .flat_map(|name| request.headers.get_all(name))
            .filter(|tag| !tag.eq_ignore_ascii_case(SUPPORTED))
            .map(str::to_owned)
            .collect();
        if !unknown.is_empty() {
            let mut response = self.response(request, 420);
            for tag in unknown {
                response.headers.push("Unsupported", tag);
            }
            return Some(response);
        }
        self.content_refusal(request)
    }

    fn content_refusal(&mut self, request: &Request) -> Option<Response> {
        if !matches!(request.method, Method::Invite | Method::Update) {
            return None;
        }
        let encoded = request
            .headers
            .get_all("Content-Encoding")
            .any(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        let readable = request.headers.content_type().is_some_and(|t| is_media_type(t, ACCEPT));
        if !request.body.is_empty() && (encoded || !readable) {
            let mut response = self.response(request, 415);
            response.headers.push("Accept", ACCEPT);
            response.headers.push("Accept-Encoding", "identity");
            return Some(response);
        }
        let mut accepted = request.headers.get_all("Accept").peekable();
        if accepted.peek().is_some()
            && !accepted.any(|range| {
                [ACCEPT, "application/*", "*/*"].iter().any(|ours| is_media_type(range, ours))
            })
        {
            return Some(self.response(request, 406));
        }
        None
    }

    pub(super) fn not_allowed(&mut self, request: &Request, status: u16) -> Response {
        let mut response = self.response(request, status);
        response.headers.push("Allow", ALLOW);
        response
    }

    /// The answer to OPTIONS.
    pub(super) fn capabilities(&mut self, request: &Request) -> Response {
        let mut response = self.response(request, 200);
        response.headers.push("Allow", ALLOW);
        response.headers.push("Accept", ACCEPT);
        response.headers.push("Accept", "text/plain");
        response.headers.push("Accept-Encoding", "identity");
        for package in Package::ALL {
            response.headers.push("Allow-Events", package.name());
        }
        response.headers.push("Supported", SUPPORTED);
        response
    }

    fn is_too_fast(&mut self, now: Instant, request: &Request, source: Flow) -> bool {
        let ip = source.remote.ip();
        let (throttle, label) = match request.method {
            Method::Invite => (&mut self.invites, "invite_rate"),
            Method::Register => (&mut self.registers, "register_rate"),
            Method::Subscribe | Method::Publish => (&mut self.events, "event_rate"),
            Method::Message => (&mut self.texts_in, "text_rate"),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Notify
            | Method::Info
            | Method::Prack
            | Method::Update
            | Method::Refer
            | Method::Other(_) => return false,
        };
        let too_fast = throttle.take(now, &ip).is_err();
        if too_fast {
            self.count(label);
        }
        too_fast
    }

    fn receive_response(&mut self, now: Instant, response: &Response) {
        let Some(id) = self.transactions.find_client(response) else {
            return self.count("stray_response");
        };
        if self.transactions.receive_response(now, id, response) {
            self.client_response(now, id, response);
        }
    }
}

fn reply_flow(source: Flow, via: &crate::sip::address::Via) -> Flow {
    match source.transport {
        Transport::Udp => Flow { remote: reply_address(via, source.remote), ..source },
        Transport::Tcp => source,
    }
}

/// Whether `value` is the media type `name`, whatever its parameters.
pub(super) fn is_media_type(value: &str, name: &str) -> bool {
    value.split(';').next().is_some_and(|bare| bare.trim().eq_ignore_ascii_case(name))
}

/// What was dialled: the user part of a `sip:` URI, or the digits of a `tel:` one.
pub fn dialled(uri: &Uri) -> Option<String> {
    match uri {
        Uri::Sip(sip) => {
            let user = sip.user()?;
            let is_phone = sip.params.get("user").is_some_and(|v| v.eq_ignore_ascii_case("phone"));
            match user.split_once(';') {
                Some((number, _)) if is_phone => Some(bare_number(number)),
                _ if is_phone => Some(bare_number(&user)),
                _ => Some(user),
            }
        }
        Uri::Tel { number, .. } => Some(bare_number(number)),
        Uri::Other(_) => None,
    }
}

/// A telephone number without visual separators (RFC 3966 section 5.1.1).
fn bare_number(number: &str) -> String {
    number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect()
}
