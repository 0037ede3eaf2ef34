//! Dialogs (RFC 3261 section 12): what the two ends of a call agree on, and the requests
//! within it.

use super::address::{Contacts, NameAddr};
use super::endpoint::Flow;
use super::header::HeaderError;
use super::message::{Method, Request, Response};
use super::uri::Uri;

/// What a dialog is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty for a peer of RFC 2543, which has none.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog that a request from the peer belongs to; `None` if it is outside of any.
    pub fn of_request(request: &Request) -> Result<Option<Self>, HeaderError> {
        let to = request.headers.to()?;
        let Some(local_tag) = to.tag() else { return Ok(None) };
        Ok(Some(Self {
            call_id: request.headers.call_id()?.to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: request.headers.from()?.tag().unwrap_or_default().to_owned(),
        }))
    }
}

/// One end of a dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    local: NameAddr,
    remote: NameAddr,
    local_seq: u32,
    remote_seq: Option<u32>,
    /// The remote target: whom requests are for.
    target: Uri,
    /// The proxies that want to see every request, the nearest first.
    routes: Vec<NameAddr>,
    flow: Flow,
    /// Whether the peer is our neighbour, so that it is reached on the flow that it uses itself
    /// though its Contact may name a private address.
    neighbour: bool,
}

impl Dialog {
    /// The dialog that our answer to `invite` makes (section 12.1.1). `flow` is where the
    /// INVITE came from.
    pub fn as_server(invite: &Request, local_tag: &str, flow: Flow) -> Result<Self, HeaderError> {
        let remote = invite.headers.from()?;
        let mut local = invite.headers.to()?;
        local.params.set("tag", Some(local_tag));
        let target = contact(invite.headers.contacts()?).unwrap_or_else(|| remote.uri.clone());
        let routes = invite.headers.record_routes()?;
        Ok(Self {
            id: DialogId {
                call_id: invite.headers.call_id()?.to_owned(),
                local_tag: local_tag.to_owned(),
                remote_tag: remote.tag().unwrap_or_default().to_owned(),
            },
            local,
            remote,
            local_seq: 0,
            remote_seq: Some(invite.headers.cseq()?.seq),
            target,
            neighbour: routes.is_empty() && invite.headers.get_all("Via").count() == 1,
            routes,
            flow,
        })
    }

    /// The dialog that `response` to our `invite` makes (section 12.1.2). `flow` is where the
    /// INVITE went; `neighbour` tells that nobody stands between, as with a registered phone.
    pub fn as_client(
        invite: &Request,
        response: &Response,
        flow: Flow,
        neighbour: bool,
    ) -> Result<Self, HeaderError> {
        let local = invite.headers.from()?;
        let remote = response.headers.to()?;
        let target = contact(response.headers.contacts()?).unwrap_or_else(|| invite.uri.clone());
        let mut routes = response.headers.record_routes()?;
        routes.reverse();
        Ok(Self {
            id: DialogId {
                call_id: invite.headers.call_id()?.to_owned(),
                local_tag: local.tag().unwrap_or_default().to_owned(),
                remote_tag: remote.tag().unwrap_or_default().to_owned(),
            },
            local,
            remote,
            local_seq: invite.headers.cseq()?.seq,
            remote_seq: None,
            target,
            neighbour: neighbour && routes.is_empty(),
            routes,
            flow,
        })
    }

    /// What the dialog is found by.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        &self.id.local_tag
    }

    /// The flow that the peer was last seen on.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Whom the next request goes to by its headers.
    pub fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }

    /// Whether the peer is to be reached on its flow rather than by the headers.
    pub fn is_neighbour(&self) -> bool {
        self.neighbour
    }

    /// A request in this dialog (section 12.2.1.1), without Via and Contact. An ACK has the
    /// number of its INVITE, `seq`; anything else the next.
    pub fn request(&mut self, method: Method, seq: Option<u32>) -> Request {
        let seq = seq.unwrap_or_else(|| {
            self.local_seq = self.local_seq.saturating_add(1);
            self.local_seq
        });
        let (uri, routes) = self.route();
        let mut request = Request::new(method, uri);
        for route in routes {
            request.headers.push("Route", route);
        }
        request.headers.push("Max-Forwards", "70");
        request.headers.push("From", self.local.to_string());
        request.headers.push("To", self.remote.to_string());
        request.headers.push("Call-ID", self.id.call_id.clone());
        request.headers.push("CSeq", format!("{seq} {}", request.method));
        request
    }

    /// Request-URI and Route headers: the first proxy may be a strict router of RFC 2543, which
    /// wants to be the Request-URI.
    fn route(&self) -> (Uri, Vec<String>) {
        let is_loose =
            |route: &NameAddr| route.as_sip().is_none_or(|uri| uri.params.contains("lr"));
        match self.routes.split_first() {
            Some((first, rest)) if !is_loose(first) => {
                let mut routes: Vec<_> = rest.iter().map(ToString::to_string).collect();
                routes.push(NameAddr::new(self.target.clone()).to_string());
                (first.uri.clone(), routes)
            }
            _ => (self.target.clone(), self.routes.iter().map(ToString::to_string).collect()),
        }
    }

    /// Takes the number of a request from the peer. `false` if it is out of order: the answer
    /// is 500 (section 12.2.2).
    #[must_use]
    pub fn accept_seq(&mut self, seq: u32) -> bool {
        if self.remote_seq.is_some_and(|last| seq <= last) {
            return false;
        }
        self.remote_seq = Some(seq);
        true
    }

    /// A target refresh (re-INVITE, UPDATE) moves the peer to its new Contact and flow.
    pub fn refresh(&mut self, request: &Request, flow: Flow) {
        if let Ok(contacts) = request.headers.contacts()
            && let Some(target) = contact(contacts)
        {
            self.target = target;
        }
        if self.neighbour {
            self.flow = flow;
        }
    }
}

/// The Contact that requests in the dialog are for.
fn contact(contacts: Contacts) -> Option<Uri> {
    match contacts {
        Contacts::Star => None,
        Contacts::List(list) => list.into_iter().next().map(|contact| contact.uri),
    }
}
