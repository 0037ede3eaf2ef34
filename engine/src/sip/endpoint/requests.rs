//! Requests outside of any dialog: the MESSAGEs that come in (RFC 3428), and those and lone
//! NOTIFYs that we send.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::auth::Asked;
use super::branch::Destination;
use super::credentials::with_credentials;
use super::flow::{Flow, NextHop, Transport, next_hop};
use super::server::Received;
use super::transactions::{ClientId, ServerId};
use super::{
    Caller, Endpoint, Event, InviteTarget, Output, Outside, OutsideKind, Owner, RequestFailure,
    RequestId, TextId, Wake,
};
use crate::sip::address::NameAddr;
use crate::sip::message::{Method, Request, Response, reason_phrase};
use crate::sip::package::event_value;
use crate::sip::subscription::{Reason, SubscriptionState};
use crate::sip::uri::Uri;
use crate::time::Instant;

/// How long the application may think about a MESSAGE: a peer gives up after 32 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// What a MESSAGE may carry, for who sent something else.
const TEXT_TYPES: [&str; 7] = [
    "text/plain",
    "message/cpim",
    "message/imdn+xml",
    "application/im-iscomposing+xml",
    "multipart/mixed",
    "audio/ogg",
    "audio/wav",
];

/// A MESSAGE that the application has not answered.
#[derive(Debug)]
pub(super) struct Unanswered {
    tx: ServerId,
    request: Request,
}

/// A request of ours, to one device or several.
#[derive(Debug)]
pub(super) struct Sending {
    /// How many of them have not answered.
    open: usize,
    query: Option<u64>,
    /// Why those failed that have.
    best: Option<RequestFailure>,
}

/// A request of ours on its way to one device; forgotten with its transaction.
#[derive(Debug)]
pub(super) struct Sent {
    id: RequestId,
    request: Request,
    flow: Flow,
    others: Vec<Flow>,
    device: String,
    credentials: Option<(String, String)>,
    challenged: u8,
}

/// A request of ours that waits for the addresses of a host name.
#[derive(Debug)]
pub(super) struct Unresolved {
    id: RequestId,
    uri: Uri,
    transport: Transport,
    port: u16,
    outside: Outside,
}

impl Endpoint {
    // ---- in

    pub(super) fn receive_message(&mut self, now: Instant, received: Received) {
        let Received { request, source, tx } = received;
        let (Ok(from), Ok(call_id), Ok(cseq)) =
            (request.headers.from(), request.headers.call_id(), request.headers.cseq())
        else {
            let response = self.response(&request, 400);
            return self.respond(now, tx, response);
        };
        let encoded = request
            .headers
            .get_all("Content-Encoding")
            .any(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        if encoded {
            let response = self.text_response(&request, 415);
            return self.respond(now, tx, response);
        }
        // The same MESSAGE on another transaction is the same text.
        let key = format!("{call_id}\n{}\n{}", cseq.seq, from.tag().unwrap_or_default());
        let key = hex::encode(Sha256::digest(key.as_bytes()));
        let account = if self.is_ours(&from.uri) {
            match self.authenticate(now, &request, source, Asked::AsProxy) {
                Ok(account) => Some(account),
                Err(response) => return self.respond(now, tx, response),
            }
        } else {
            None
        };
        let text = TextId(self.number());
        self.event(Event::Text {
            text,
            caller: Caller { account, display: from.display, address: from.uri },
            target: request.uri.clone(),
            content_type: request.headers.content_type().unwrap_or("text/plain").to_owned(),
            body: request.body.clone(),
            key,
        });
        self.timers.set(Wake::Text(text), Some(now + ANSWER_WITHIN));
        self.texts.insert(text, Unanswered { tx, request });
    }

    /// The application has kept a text, or refuses it.
    pub(super) fn answer_text(&mut self, now: Instant, text: TextId, status: u16) {
        self.timers.set(Wake::Text(text), None);
        let Some(Unanswered { tx, request }) = self.texts.remove(&text) else {
            return self.count("late_command");
        };
        let response = self.text_response(&request, status);
        self.respond(now, tx, response);
    }

    pub(super) fn text_timeout(&mut self, now: Instant, text: TextId) {
        if self.texts.contains_key(&text) {
            self.count("text_unanswered");
            self.answer_text(now, text, 503);
        }
    }

    fn text_response(&mut self, request: &Request, status: u16) -> Response {
        match status {
            503 => self.busy(request),
            415 => {
                let mut response = self.response(request, 415);
                for kind in TEXT_TYPES {
                    response.headers.push("Accept", kind);
                }
                response.headers.push("Accept-Encoding", "identity");
                response
            }
            status => self.response(request, status),
        }
    }

    // ---- out

    pub(super) fn send_outside(&mut self, now: Instant, id: RequestId, outside: Outside) {
        if self.sending.contains_key(&id) {
            return self.count("request_in_use");
        }
        if self.transactions.len() >= self.config.max_transactions {
            self.count("too_many_requests");
            return self.outcome(id, Err(failure(503)));
        }
        let mut sending = Sending { open: 0, query: None, best: None };
        match &outside.target {
            InviteTarget::Account(account) => {
                for destination in self.destinations(account, None) {
                    self.send_one(now, id, &outside, destination);
                    sending.open += 1;
                }
                sending.best = (sending.open == 0).then(|| failure(480));
            }
            InviteTarget::Device { account, contact } => {
                for destination in self.destinations(account, Some(contact)) {
                    self.send_one(now, id, &outside, destination);
                    sending.open += 1;
                }
                sending.best = (sending.open == 0).then(|| failure(480));
            }
            InviteTarget::Uri(uri) => match next_hop(uri) {
                Some(NextHop::Address(transport, addr)) => {
                    let uri = uri.clone();
                    let sent = self.send_addresses(now, id, &outside, uri, transport, &[addr]);
                    sending.open += usize::from(sent);
                }
                Some(NextHop::Name(transport, host, port)) => {
                    let query = self.number();
                    sending.query = Some(query);
                    self.outputs.push_back(Output::Resolve { query, host });
                    let uri = uri.clone();
                    let waiting = Unresolved { id, uri, transport, port, outside };
                    self.unresolved.insert(query, waiting);
                }
                None => sending.best = Some(failure(416)),
            },
        }
        self.put_sending(id, sending);
    }

    /// The addresses of a host name are known, if they were asked for by one of these.
    pub(super) fn resolved_outside(
        &mut self,
        now: Instant,
        query: u64,
        addresses: &[IpAddr],
    ) -> bool {
        let Some(waiting) = self.unresolved.remove(&query) else { return false };
        let Unresolved { id, uri, transport, port, outside } = waiting;
        let Some(mut sending) = self.sending.remove(&id) else { return true };
        sending.query = None;
        let addresses: Vec<_> =
            addresses.iter().take(8).map(|ip| SocketAddr::new(*ip, port)).collect();
        let sent = self.send_addresses(now, id, &outside, uri, transport, &addresses);
        sending.open += usize::from(sent);
        self.put_sending(id, sending);
        true
    }

    fn send_addresses(
        &mut self,
        now: Instant,
        id: RequestId,
        outside: &Outside,
        uri: Uri,
        transport: Transport,
        addresses: &[SocketAddr],
    ) -> bool {
        let mut flows = addresses.iter().filter_map(|addr| self.flow_to(transport, *addr));
        let Some(flow) = flows.next() else { return false };
        let others = flows.collect();
        let device = uri.to_string();
        let routes = Vec::new();
        let destination = Destination { uri, routes, flow, others, device, neighbour: false };
        self.send_one(now, id, outside, destination);
        true
    }

    fn send_one(
        &mut self,
        now: Instant,
        id: RequestId,
        outside: &Outside,
        destination: Destination,
    ) {
        let Destination { uri, routes, flow, others, device, neighbour: _ } = destination;
        let mut from = outside.from.clone();
        from.params.set("tag", Some(&self.random.token()));
        let to = outside.to.clone().unwrap_or_else(|| {
            let mut to = uri.clone();
            if let Uri::Sip(sip) = &mut to {
                sip.headers = None;
            }
            NameAddr::new(to)
        });
        let method = match outside.kind {
            OutsideKind::Message => Method::Message,
            OutsideKind::Notify(_) => Method::Notify,
        };
        let mut request = Request::new(method, uri);
        let contact = self.contact(flow);
        let headers = &mut request.headers;
        for route in routes {
            headers.push("Route", route);
        }
        headers.push("Max-Forwards", "70");
        headers.push("From", from.to_string());
        headers.push("To", to.to_string());
        headers.push("Call-ID", self.random.long_token());
        headers.push("CSeq", format!("1 {}", request.method));
        if let OutsideKind::Notify(package) = outside.kind {
            headers.push("Contact", contact);
            headers.push("Event", event_value(package, None));
            // Nobody has subscribed, so nothing goes on after it.
            let state = SubscriptionState::Terminated { reason: Reason::NoResource };
            headers.push("Subscription-State", state.header());
        }
        headers.push("User-Agent", self.config.user_agent.clone());
        for (name, value) in &outside.headers {
            headers.push(name, value.clone());
        }
        headers.push("Content-Type", outside.content_type.clone());
        request.body = outside.body.clone();
        let credentials = outside.credentials.clone();
        let sent = Sent { id, request, flow, others, device, credentials, challenged: 0 };
        self.transact(now, sent);
    }

    fn transact(&mut self, now: Instant, mut sent: Sent) {
        sent.flow = self.connected(sent.flow);
        let branch = self.random.branch();
        sent.request.headers.remove("Via");
        sent.request.headers.push_front("Via", self.via(sent.flow, &branch));
        let client = self.transactions.send(now, &branch, sent.request.clone(), sent.flow);
        self.clients.insert(client, Owner::Request);
        self.sent.insert(client, sent);
    }

    pub(super) fn request_answered(&mut self, now: Instant, client: ClientId, response: &Response) {
        if response.status < 200 {
            return;
        }
        let Some(mut sent) = self.sent.remove(&client) else { return };
        if response.status < 300 {
            let (id, device) = (sent.id, sent.device);
            if self.sending.remove(&id).is_some() {
                self.outcome(id, Ok(device));
            }
            return;
        }
        let cnonce = self.random.token();
        if let Some(credentials) = sent.credentials.clone()
            && with_credentials(&mut sent.request, response, &credentials, sent.challenged, &cnonce)
        {
            sent.challenged += 1;
            let seq = sent.request.headers.cseq().map(|cseq| cseq.seq).unwrap_or(1);
            let value = format!("{} {}", seq.saturating_add(1), sent.request.method);
            sent.request.headers.set("CSeq", value);
            return self.transact(now, sent);
        }
        let reason = response.reason.clone();
        self.request_failed(sent.id, RequestFailure { status: Some(response.status), reason });
    }

    pub(super) fn request_lost(&mut self, now: Instant, client: ClientId, timed_out: bool) {
        let Some(mut sent) = self.sent.remove(&client) else { return };
        // RFC 3263 section 4.3: the next address.
        if !sent.others.is_empty() {
            sent.flow = sent.others.remove(0);
            return self.transact(now, sent);
        }
        let reason = if timed_out { "nobody answered" } else { "it can't be reached" };
        let failure = RequestFailure { status: None, reason: reason.to_owned() };
        self.request_failed(sent.id, failure);
    }

    /// A transaction is forgotten. Those that ended without a word have been told by then.
    pub(super) fn request_gone(&mut self, client: ClientId) {
        if let Some(sent) = self.sent.remove(&client) {
            let reason = "nobody answered".to_owned();
            self.request_failed(sent.id, RequestFailure { status: None, reason });
        }
    }

    fn request_failed(&mut self, id: RequestId, failure: RequestFailure) {
        // Another device has taken it.
        let Some(mut sending) = self.sending.remove(&id) else { return };
        sending.open = sending.open.saturating_sub(1);
        // What a device says tells more than silence does.
        let better = sending.best.as_ref().is_none_or(|best| best.status.is_none());
        if better {
            sending.best = Some(failure);
        }
        self.put_sending(id, sending);
    }

    fn put_sending(&mut self, id: RequestId, sending: Sending) {
        if sending.open == 0 && sending.query.is_none() {
            let unreachable =
                || RequestFailure { status: None, reason: "it can't be reached".to_owned() };
            return self.outcome(id, Err(sending.best.unwrap_or_else(unreachable)));
        }
        self.sending.insert(id, sending);
    }

    fn outcome(&mut self, request: RequestId, outcome: Result<String, RequestFailure>) {
        self.event(Event::Requested { request, outcome });
    }
}

fn failure(status: u16) -> RequestFailure {
    RequestFailure { status: Some(status), reason: reason_phrase(status).to_owned() }
}

impl Outside {
    /// A text for somebody, as `content_type` says.
    pub fn message(
        target: InviteTarget,
        from: NameAddr,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            kind: OutsideKind::Message,
            target,
            from,
            to: None,
            content_type: content_type.to_owned(),
            body: body.into(),
            headers: Vec::new(),
            credentials: None,
        }
    }
}
