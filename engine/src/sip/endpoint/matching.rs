//! What messages are matched to transactions by, and the ACK that is part of one.

use bytes::Bytes;

use crate::sip::address::Via;
use crate::sip::message::{Method, Request, Response};
use crate::sip::transaction::ServerKey;
use crate::sip::wire;

/// What two requests have in common that reached us on two ways (RFC 3261 section 8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MergeKey {
    pub from_tag: String,
    pub call_id: String,
    pub cseq: (u32, String),
}

/// The merge key of a request; `None` for an old peer, which gives no From tag.
pub(super) fn merge_key(request: &Request) -> Option<MergeKey> {
    let cseq = request.headers.cseq().ok()?;
    Some(MergeKey {
        from_tag: request.headers.from().ok()?.tag()?.to_owned(),
        call_id: request.headers.call_id().ok()?.to_owned(),
        cseq: (cseq.seq, cseq.method.as_str().to_owned()),
    })
}

/// What a request is matched by; `None` if a field that it needs can't be read.
pub(super) fn server_key(request: &Request, via: &Via) -> Option<ServerKey> {
    let method = match request.method {
        Method::Ack => Method::Invite.as_str().to_owned(),
        _ => request.method.as_str().to_owned(),
    };
    if let Some(branch) = via.branch()
        && ServerKey::is_unique_branch(branch)
    {
        let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(0)).to_ascii_lowercase();
        return Some(ServerKey::Rfc3261 { branch: branch.to_owned(), sent_by, method });
    }
    Some(ServerKey::Rfc2543 {
        uri: request.uri.to_string(),
        from_tag: request.headers.from().ok()?.tag().map(str::to_owned),
        call_id: request.headers.call_id().ok()?.to_owned(),
        seq: request.headers.cseq().ok()?.seq,
        via: via.to_string(),
        method,
    })
}

/// The ACK of a 300-699 response (RFC 3261 section 17.1.1.3).
pub(super) fn failure_ack(invite: &Request, response: &Response) -> Bytes {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    if let Some(via) = invite.headers.get("Via") {
        ack.headers.push("Via", via);
    }
    for route in invite.headers.get_all("Route") {
        ack.headers.push("Route", route);
    }
    ack.headers.push("Max-Forwards", "70");
    for (name, headers) in
        [("From", &invite.headers), ("To", &response.headers), ("Call-ID", &invite.headers)]
    {
        if let Some(value) = headers.get(name) {
            ack.headers.push(name, value);
        }
    }
    if let Ok(cseq) = invite.headers.cseq() {
        ack.headers.push("CSeq", format!("{} ACK", cseq.seq));
    }
    wire::print(&ack.into())
}
