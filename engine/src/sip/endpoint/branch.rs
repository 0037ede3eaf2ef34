//! One INVITE of a call that we make: to one phone, with its challenge, CANCEL, and forks.

use bytes::Bytes;

use super::credentials::with_credentials;
use super::flow::Flow;
use super::leg::{Calling, Established, Leg};
use super::outgoing::{Plan, better};
use super::respond::{ALLOW, SUPPORTED};
use super::transactions::ClientId;
use super::{EndCause, Endpoint, Event, LegId, Owner};
use crate::sip::address::NameAddr;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Request, Response};
use crate::sip::uri::Uri;
use crate::time::Instant;

/// How many forks of one INVITE are acknowledged.
const MAX_FORKS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct BranchId(u64);

/// Where an INVITE goes.
#[derive(Debug)]
pub(super) struct Destination {
    pub uri: Uri,
    pub routes: Vec<String>,
    pub flow: Flow,
    /// Where it goes if it can't be sent there.
    pub others: Vec<Flow>,
    /// What the application knows it as.
    pub device: String,
    /// Whether nobody stands between.
    pub neighbour: bool,
}

/// An INVITE on its way; forgotten with its transaction.
#[derive(Debug)]
pub(super) struct Branch {
    leg: LegId,
    tx: ClientId,
    /// The request as it was sent last.
    invite: Request,
    flow: Flow,
    others: Vec<Flow>,
    device: String,
    neighbour: bool,
    credentials: Option<(String, String)>,
    challenged: u8,
    cancel: Cancel,
    early: Option<Bytes>,
    /// The dialogs that were made, each with its ACK, which is repeated for a repeated 2xx.
    forks: Vec<Fork>,
}

#[derive(Debug)]
struct Fork {
    dialog: Dialog,
    ack: Request,
}

/// A CANCEL may only follow a provisional answer (RFC 3261 section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancel {
    No { may: bool },
    Wanted,
    Sent,
}

impl Endpoint {
    pub(super) fn start_branch(
        &mut self,
        now: Instant,
        leg: LegId,
        plan: &Plan,
        destination: Destination,
    ) -> BranchId {
        let Destination { uri, routes, flow, others, device, neighbour } = destination;
        let flow = self.connected(flow);
        let mut from = plan.from.clone();
        from.params.set("tag", Some(&self.random.token()));
        let mut to = uri.clone();
        if let Uri::Sip(sip) = &mut to {
            sip.headers = None;
        }
        let mut invite = Request::new(Method::Invite, uri);
        let headers = &mut invite.headers;
        for route in routes {
            headers.push("Route", route);
        }
        headers.push("Max-Forwards", "70");
        headers.push("From", from.to_string());
        headers.push("To", NameAddr::new(to).to_string());
        headers.push("Call-ID", self.random.long_token());
        headers.push("CSeq", "1 INVITE");
        headers.push("Contact", self.contact(flow));
        headers.push("Allow", ALLOW);
        headers.push("Supported", SUPPORTED);
        headers.push("User-Agent", self.config.user_agent.clone());
        for (name, value) in &plan.headers {
            headers.push(name, value.clone());
        }
        headers.push("Content-Type", "application/sdp");
        invite.body = plan.sdp.clone().into();
        let id = BranchId(self.number());
        let tx = self.send_invite(now, id, &mut invite, flow);
        let branch = Branch {
            leg,
            tx,
            invite,
            flow,
            others,
            device,
            neighbour,
            credentials: plan.credentials.clone(),
            challenged: 0,
            cancel: Cancel::No { may: false },
            early: None,
            forks: Vec::new(),
        };
        self.branches.insert(id, branch);
        id
    }

    /// Sends an INVITE with a fresh branch parameter.
    fn send_invite(
        &mut self,
        now: Instant,
        id: BranchId,
        invite: &mut Request,
        flow: Flow,
    ) -> ClientId {
        let parameter = self.random.branch();
        invite.headers.set("Via", self.via(flow, &parameter));
        let tx = self.transactions.send(now, &parameter, invite.clone(), flow);
        self.clients.insert(tx, Owner::Branch(id));
        tx
    }

    /// A response that its transaction has not seen before, or another 2xx.
    pub(super) fn client_response(&mut self, now: Instant, id: ClientId, response: &Response) {
        match self.clients.get(&id).copied() {
            Some(Owner::Branch(branch)) => {
                let Some(state) = self.branches.remove(&branch) else { return };
                // A 2xx to an INVITE that was sent again with credentials can't be.
                if state.tx != id {
                    self.branches.insert(branch, state);
                    return;
                }
                match response.status {
                    ..200 => self.branch_rings(now, branch, state, response),
                    200..300 => self.branch_accepted(now, branch, state, response),
                    300.. => self.branch_refused(now, branch, state, response),
                }
            }
            Some(Owner::Bye(leg)) if response.status >= 200 => {
                self.bye_answered(now, leg, response);
            }
            Some(Owner::Notify(subscription)) => {
                self.notified(now, subscription, Some(response.status));
            }
            Some(Owner::Request) => self.request_answered(now, id, response),
            Some(Owner::Bye(_) | Owner::Nobody) | None => {}
        }
    }

    fn branch_rings(
        &mut self,
        now: Instant,
        id: BranchId,
        mut branch: Branch,
        response: &Response,
    ) {
        let wanted = branch.cancel == Cancel::Wanted;
        if let Cancel::No { may } = &mut branch.cancel {
            *may = true;
            if !response.body.is_empty() {
                branch.early = Some(response.body.clone());
            }
            if response.status > 100 && matches!(self.legs.get(&branch.leg), Some(Leg::Calling(_)))
            {
                let sdp = (!response.body.is_empty()).then(|| response.body.clone());
                let (leg, status) = (branch.leg, response.status);
                self.event(Event::Ringing { leg, status, sdp });
            }
        }
        if wanted {
            self.send_cancel(now, &mut branch);
        }
        self.branches.insert(id, branch);
    }

    fn branch_accepted(
        &mut self,
        now: Instant,
        id: BranchId,
        mut branch: Branch,
        response: &Response,
    ) {
        let Ok(dialog) = Dialog::as_client(&branch.invite, response, branch.flow, branch.neighbour)
        else {
            self.count("bad_success");
            self.branches.insert(id, branch);
            return;
        };
        if let Some(fork) = branch.forks.iter().find(|fork| fork.dialog.id() == dialog.id()) {
            let (dialog, ack) = (fork.dialog.clone(), fork.ack.clone());
            self.stats.retransmissions += 1;
            self.send_in_dialog(now, &dialog, ack, Owner::Nobody);
            self.branches.insert(id, branch);
            return;
        }
        if branch.forks.len() >= MAX_FORKS {
            self.count("too_many_forks");
            self.branches.insert(id, branch);
            return;
        }
        let mut dialog = dialog;
        let seq = branch.invite.headers.cseq().map(|cseq| cseq.seq).unwrap_or(1);
        let mut ack = dialog.request(Method::Ack, Some(seq));
        for name in ["Authorization", "Proxy-Authorization"] {
            for value in branch.invite.headers.get_all(name) {
                ack.headers.push(name, value);
            }
        }
        self.send_in_dialog(now, &dialog, ack.clone(), Owner::Nobody);
        branch.forks.push(Fork { dialog: dialog.clone(), ack });
        match self.take_calling(branch.leg) {
            Some(Leg::Calling(calling)) => {
                self.win(now, id, &branch, calling, dialog, response);
            }
            // Another phone was faster, or the call was given up: this one is let go again.
            Some(Leg::Offered(_) | Leg::Established(_) | Leg::Closing(_)) | None => {
                let bye = dialog.request(Method::Bye, None);
                self.send_in_dialog(now, &dialog, bye, Owner::Nobody);
            }
        }
        self.branches.insert(id, branch);
    }

    fn win(
        &mut self,
        now: Instant,
        id: BranchId,
        branch: &Branch,
        mut calling: Calling,
        dialog: Dialog,
        response: &Response,
    ) {
        calling.branches.retain(|other| *other != id);
        self.give_up(now, calling);
        // Some phones put their answer into the 183 only.
        let early = branch.early.clone().filter(|_| response.body.is_empty());
        let sdp = early.unwrap_or_else(|| response.body.clone());
        let (leg, device) = (branch.leg, branch.device.clone());
        let remote = branch.flow.remote;
        self.event(Event::Answered { leg, device, sdp, remote });
        let credentials = branch.credentials.clone();
        let up = Established { dialog, credentials, unacked: None, pending: None };
        self.put_leg(leg, Leg::Established(Box::new(up)));
    }

    fn branch_refused(
        &mut self,
        now: Instant,
        id: BranchId,
        mut branch: Branch,
        response: &Response,
    ) {
        let waiting = matches!(branch.cancel, Cancel::No { .. });
        if waiting && self.answer_challenge(&mut branch, response) {
            let flow = self.connected(branch.flow);
            branch.flow = flow;
            branch.tx = self.send_invite(now, id, &mut branch.invite, flow);
            branch.cancel = Cancel::No { may: false };
            self.branches.insert(id, branch);
            return;
        }
        let reason = response.reason.clone();
        let cause = EndCause::Rejected { status: response.status, reason };
        self.branch_over(now, id, branch.leg, cause);
    }

    /// Puts credentials into the INVITE; `false` if there are none, or they were refused.
    fn answer_challenge(&mut self, branch: &mut Branch, response: &Response) -> bool {
        let Some(credentials) = &branch.credentials else { return false };
        let cnonce = self.random.token();
        let answered =
            with_credentials(&mut branch.invite, response, credentials, branch.challenged, &cnonce);
        if answered {
            branch.challenged += 1;
            let seq = branch.invite.headers.cseq().map(|cseq| cseq.seq).unwrap_or(1);
            branch.invite.headers.set("CSeq", format!("{} INVITE", seq.saturating_add(1)));
        }
        answered
    }

    /// A branch, which was taken out of the table, has failed.
    fn branch_over(&mut self, now: Instant, id: BranchId, leg: LegId, cause: EndCause) {
        let Some(Leg::Calling(mut calling)) = self.take_calling(leg) else { return };
        calling.branches.retain(|other| *other != id);
        // A 6xx speaks for the person: no other phone need ring.
        let is_final = matches!(cause, EndCause::Rejected { status: 600.., .. });
        calling.best = Some(better(calling.best.take(), cause));
        if is_final {
            for other in std::mem::take(&mut calling.branches) {
                self.cancel_branch(now, other);
            }
        }
        self.put_calling(leg, calling);
    }

    pub(super) fn cancel_branch(&mut self, now: Instant, id: BranchId) {
        let Some(mut branch) = self.branches.remove(&id) else { return };
        match branch.cancel {
            Cancel::No { may: true } => self.send_cancel(now, &mut branch),
            Cancel::No { may: false } => branch.cancel = Cancel::Wanted,
            Cancel::Wanted | Cancel::Sent => {}
        }
        self.branches.insert(id, branch);
    }

    fn send_cancel(&mut self, now: Instant, branch: &mut Branch) {
        branch.cancel = Cancel::Sent;
        // A CANCEL has the branch parameter, Route and number of its INVITE.
        let mut cancel = Request::new(Method::Cancel, branch.invite.uri.clone());
        for name in ["Via", "Route", "Max-Forwards", "From", "To", "Call-ID"] {
            for value in branch.invite.headers.get_all(name) {
                cancel.headers.push(name, value);
            }
        }
        let (Ok(cseq), Ok(via)) = (branch.invite.headers.cseq(), branch.invite.headers.via())
        else {
            return;
        };
        cancel.headers.push("CSeq", format!("{} CANCEL", cseq.seq));
        let parameter = via.branch().unwrap_or_default();
        let id = self.transactions.send(now, parameter, cancel, branch.flow);
        self.clients.insert(id, Owner::Nobody);
        self.transactions.cancelled(now, branch.tx);
    }

    pub(super) fn client_failed(&mut self, now: Instant, id: ClientId, timed_out: bool) {
        match self.clients.get(&id).copied() {
            Some(Owner::Branch(branch)) => {
                let Some(mut state) = self.branches.remove(&branch) else { return };
                if state.tx != id {
                    self.branches.insert(branch, state);
                    return;
                }
                // RFC 3263 section 4.3: the next address, also when the first is silent.
                if matches!(state.cancel, Cancel::No { may: false }) && !state.others.is_empty() {
                    let other = state.others.remove(0);
                    state.flow = self.connected(other);
                    state.tx = self.send_invite(now, branch, &mut state.invite, state.flow);
                    self.branches.insert(branch, state);
                    return;
                }
                let cause = if timed_out { EndCause::Timeout } else { EndCause::TransportFailed };
                self.branch_over(now, branch, state.leg, cause);
            }
            Some(Owner::Bye(leg)) => self.bye_over(leg),
            Some(Owner::Notify(subscription)) => self.notified(now, subscription, None),
            Some(Owner::Request) => self.request_lost(now, id, timed_out),
            Some(Owner::Nobody) | None => {}
        }
    }

    pub(super) fn client_gone(&mut self, now: Instant, id: ClientId) {
        match self.clients.remove(&id) {
            Some(Owner::Branch(branch)) => {
                if self.branches.get(&branch).is_some_and(|state| state.tx == id)
                    && let Some(state) = self.branches.remove(&branch)
                    && state.forks.is_empty()
                {
                    self.branch_over(now, branch, state.leg, EndCause::Timeout);
                }
            }
            Some(Owner::Request) => self.request_gone(id),
            Some(Owner::Bye(_) | Owner::Notify(_) | Owner::Nobody) | None => {}
        }
    }
}
