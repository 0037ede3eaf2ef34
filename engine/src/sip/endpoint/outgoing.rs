//! Calls that we make: whom they reach, and what they end in.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::branch::Destination;
use super::flow::{Flow, NextHop, Transport, next_hop};
use super::leg::{Calling, Leg};
use super::{EndCause, Endpoint, InviteTarget, LegId, Output, Owner};
use crate::sip::address::NameAddr;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Request, reason_phrase};
use crate::sip::registrar::Binding;
use crate::sip::uri::Uri;
use crate::time::Instant;

/// What every branch of a call has in common.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub from: NameAddr,
    pub sdp: String,
    pub credentials: Option<(String, String)>,
    pub headers: Vec<(String, String)>,
}

/// A call that waits for the addresses of a host name.
#[derive(Debug)]
pub(super) struct Resolving {
    leg: LegId,
    uri: Uri,
    transport: Transport,
    port: u16,
    plan: Plan,
}

impl Endpoint {
    pub(super) fn invite(
        &mut self,
        now: Instant,
        id: LegId,
        target: InviteTarget,
        plan: Plan,
        ring_for: Duration,
    ) {
        if self.legs.contains_key(&id) {
            return self.count("leg_in_use");
        }
        if self.legs.len() >= self.config.max_dialogs
            || self.transactions.len() >= self.config.max_transactions
        {
            self.count("too_many_calls");
            return self.ended(id, rejected(503));
        }
        let mut calling =
            Calling { branches: Vec::new(), query: None, give_up_at: now + ring_for, best: None };
        match target {
            InviteTarget::Account(account) => {
                for destination in self.destinations(&account, None) {
                    calling.branches.push(self.start_branch(now, id, &plan, destination));
                }
                calling.best = calling.branches.is_empty().then(|| rejected(480));
            }
            InviteTarget::Device { account, contact } => {
                for destination in self.destinations(&account, Some(&contact)) {
                    calling.branches.push(self.start_branch(now, id, &plan, destination));
                }
                calling.best = calling.branches.is_empty().then(|| rejected(480));
            }
            InviteTarget::Uri(uri) => match next_hop(&uri) {
                Some(NextHop::Address(transport, addr)) => {
                    let branch = self.call_addresses(now, id, &plan, uri, transport, &[addr]);
                    calling.branches.extend(branch);
                }
                Some(NextHop::Name(transport, host, port)) => {
                    let query = self.number();
                    calling.query = Some(query);
                    self.outputs.push_back(Output::Resolve { query, host });
                    let resolving = Resolving { leg: id, uri, transport, port, plan };
                    self.resolving.insert(query, resolving);
                }
                None => calling.best = Some(rejected(416)),
            },
        }
        self.put_calling(id, calling);
    }

    /// Where the phones of an account are, or the one that registered `contact`.
    pub(super) fn destinations(&self, account: &str, contact: Option<&str>) -> Vec<Destination> {
        let bindings = self.registrar.bindings(account).iter();
        let wanted = bindings.filter(|b| contact.is_none_or(|contact| b.contact == contact));
        let destination = |binding: &Binding| {
            let uri = Uri::parse(&binding.contact)?;
            let mut flow = binding.flow();
            if self.is_lost(flow) {
                // Its connection is gone: perhaps it listens where it says.
                flow = self.flow_by(&uri, flow);
            }
            Some(Destination {
                uri,
                routes: binding.path.clone(),
                flow,
                others: Vec::new(),
                device: binding.contact.clone(),
                neighbour: binding.path.is_empty(),
            })
        };
        wanted.filter_map(destination).collect()
    }

    /// The addresses of a host name are known: all are tried, one after another.
    pub(super) fn resolved(&mut self, now: Instant, query: u64, addresses: &[IpAddr]) {
        if self.resolved_outside(now, query, addresses) {
            return;
        }
        let Some(Resolving { leg, uri, transport, port, plan }) = self.resolving.remove(&query)
        else {
            return;
        };
        let Some(Leg::Calling(mut calling)) = self.take_calling(leg) else { return };
        calling.query = None;
        let addresses: Vec<_> =
            addresses.iter().take(8).map(|ip| SocketAddr::new(*ip, port)).collect();
        calling.branches.extend(self.call_addresses(now, leg, &plan, uri, transport, &addresses));
        self.put_calling(leg, calling);
    }

    fn call_addresses(
        &mut self,
        now: Instant,
        leg: LegId,
        plan: &Plan,
        uri: Uri,
        transport: Transport,
        addresses: &[SocketAddr],
    ) -> Option<super::BranchId> {
        let mut flows = addresses.iter().filter_map(|addr| self.flow_to(transport, *addr));
        let flow = flows.next()?;
        let others = flows.collect();
        let device = uri.to_string();
        let routes = Vec::new();
        let neighbour = false;
        let destination = Destination { uri, routes, flow, others, device, neighbour };
        Some(self.start_branch(now, leg, plan, destination))
    }

    /// Takes a leg that still rings.
    pub(super) fn take_calling(&mut self, id: LegId) -> Option<Leg> {
        match self.legs.get(&id) {
            Some(Leg::Calling(_)) => self.take_leg(id),
            Some(Leg::Offered(_) | Leg::Established(_) | Leg::Closing(_)) | None => None,
        }
    }

    /// Puts a ringing leg back, or ends it if nothing rings any more.
    pub(super) fn put_calling(&mut self, id: LegId, calling: Calling) {
        if calling.branches.is_empty() && calling.query.is_none() {
            self.ended(id, calling.best.unwrap_or(EndCause::TransportFailed));
        } else {
            self.put_leg(id, Leg::Calling(calling));
        }
    }

    pub(super) fn calling_timeout(&mut self, now: Instant, id: LegId, calling: Calling) {
        self.give_up(now, calling);
        self.ended(id, EndCause::Timeout);
    }

    /// Cancels whatever still rings of a leg that was taken out of the table.
    pub(super) fn give_up(&mut self, now: Instant, calling: Calling) {
        if let Some(query) = calling.query {
            self.resolving.remove(&query);
        }
        for branch in calling.branches {
            self.cancel_branch(now, branch);
        }
    }

    /// Sends a request within a dialog to where the dialog says.
    pub(super) fn send_in_dialog(
        &mut self,
        now: Instant,
        dialog: &Dialog,
        mut request: Request,
        owner: Owner,
    ) {
        let flow = self.dialog_flow(dialog);
        let flow = self.connected(flow);
        let branch = self.random.branch();
        request.headers.push_front("Via", self.via(flow, &branch));
        request.headers.push("User-Agent", self.config.user_agent.clone());
        if request.method == Method::Ack {
            let bytes = crate::sip::wire::print(&request.into());
            return self.transmit(flow, bytes, false);
        }
        let id = self.transactions.send(now, &branch, request, flow);
        self.clients.insert(id, owner);
    }

    /// The flow for a request in a dialog: by its route set or target where these are addresses
    /// of another host than the one we talk to already, or the connection is lost.
    pub(super) fn dialog_flow(&self, dialog: &Dialog) -> Flow {
        let known = dialog.flow();
        if dialog.is_neighbour() && !self.is_lost(known) {
            return known;
        }
        self.flow_by(dialog.next_hop(), known)
    }

    /// Whether a flow is that of a connection which is gone.
    fn is_lost(&self, flow: Flow) -> bool {
        flow.transport == Transport::Tcp
            && !flow.connection.is_some_and(|connection| self.streams.contains(connection))
    }

    /// The flow to the address that `uri` holds; `known` if it holds none, or the same.
    fn flow_by(&self, uri: &Uri, known: Flow) -> Flow {
        match next_hop(uri) {
            Some(NextHop::Address(transport, addr))
                if (transport, addr) != (known.transport, known.remote) =>
            {
                self.flow_to(transport, addr).unwrap_or(known)
            }
            Some(NextHop::Address(..) | NextHop::Name(..)) | None => known,
        }
    }
}

/// `EndCause::Rejected` with the usual reason phrase.
pub(super) fn rejected(status: u16) -> EndCause {
    EndCause::Rejected { status, reason: reason_phrase(status).to_owned() }
}

/// Of two reasons the one that tells more: a 6xx is final everywhere, a refusal by a person or
/// phone says more than silence, and silence more than a dead wire (RFC 3261 section 16.7).
pub(super) fn better(a: Option<EndCause>, b: EndCause) -> EndCause {
    let rank = |cause: &EndCause| match cause {
        EndCause::Rejected { status: 600.., .. } => 0,
        EndCause::Rejected { status, .. } => *status,
        EndCause::Timeout => 1000,
        EndCause::Cancelled | EndCause::RemoteBye | EndCause::NoAck | EndCause::LocalHangup => 1001,
        EndCause::TransportFailed => 1002,
    };
    match a {
        Some(a) if rank(&a) <= rank(&b) => a,
        Some(_) | None => b,
    }
}
