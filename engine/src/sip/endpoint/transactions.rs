//! The table of transactions: finds the machine that a message belongs to and runs it.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::flow::{ConnectionId, Flow};
use super::matching::{MergeKey, failure_ack};
use super::timers::Timers;
use crate::sip::message::{Method, Request, Response};
use crate::sip::transaction::{
    ClientInvite, ClientInviteInput, ClientKey, ClientOther, ClientOtherInput, Output,
    ServerInvite, ServerInviteInput, ServerKey, ServerOther, ServerOtherInput, Timing,
};
use crate::sip::wire;
use crate::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ServerId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Either {
    Client(ClientId),
    Server(ServerId),
}

/// What the transactions tell the endpoint, in order.
#[derive(Debug)]
pub(super) enum Told {
    Send { flow: Flow, bytes: Bytes, again: bool, reply: bool },
    ClientFailed { id: ClientId, timed_out: bool },
    ClientGone(ClientId),
    ServerFailed(ServerId),
    ServerGone(ServerId),
}

#[derive(Debug)]
struct Client {
    key: ClientKey,
    flow: Flow,
    machine: ClientMachine,
}

#[derive(Debug)]
enum ClientMachine {
    /// The request is kept, for the ACK of a failure is made from it.
    Invite(ClientInvite, Box<Request>),
    Other(ClientOther),
}

#[derive(Debug)]
struct Server {
    key: ServerKey,
    merge: Option<MergeKey>,
    flow: Flow,
    machine: ServerMachine,
}

#[derive(Debug)]
enum ServerMachine {
    Invite(ServerInvite),
    Other(ServerOther),
}

#[derive(Debug)]
pub(super) struct Transactions {
    timing: Timing,
    next: u64,
    clients: HashMap<ClientId, Client>,
    client_keys: HashMap<ClientKey, ClientId>,
    servers: HashMap<ServerId, Server>,
    server_keys: HashMap<ServerKey, ServerId>,
    merges: HashMap<MergeKey, ServerId>,
    timers: Timers<Either>,
    told: VecDeque<Told>,
}

impl Transactions {
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            next: 0,
            clients: HashMap::new(),
            client_keys: HashMap::new(),
            servers: HashMap::new(),
            server_keys: HashMap::new(),
            merges: HashMap::new(),
            timers: Timers::new(),
            told: VecDeque::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    pub fn poll(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(which) = self.timers.pop(now) {
            match which {
                Either::Client(id) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        match &mut client.machine {
                            ClientMachine::Invite(machine, _) => machine.handle_timeout(now),
                            ClientMachine::Other(machine) => machine.handle_timeout(now),
                        }
                    }
                    self.run_client(id);
                }
                Either::Server(id) => {
                    if let Some(server) = self.servers.get_mut(&id) {
                        match &mut server.machine {
                            ServerMachine::Invite(machine) => machine.handle_timeout(now),
                            ServerMachine::Other(machine) => machine.handle_timeout(now),
                        }
                    }
                    self.run_server(id);
                }
            }
        }
    }

    // ---- client side

    /// Sends a request, whose topmost Via has the branch `branch`.
    pub fn send(&mut self, now: Instant, branch: &str, request: Request, flow: Flow) -> ClientId {
        let id = ClientId(self.number());
        let bytes = wire::print(&request.clone().into());
        let reliability = flow.transport.reliability();
        let method = request.method.as_str().to_owned();
        let machine = if request.method == Method::Invite {
            let machine = ClientInvite::new(now, self.timing, reliability, bytes);
            ClientMachine::Invite(machine, Box::new(request))
        } else {
            ClientMachine::Other(ClientOther::new(now, self.timing, reliability, bytes))
        };
        let key = ClientKey { branch: branch.to_owned(), method };
        self.client_keys.insert(key.clone(), id);
        self.clients.insert(id, Client { key, flow, machine });
        self.run_client(id);
        id
    }

    /// The transaction that a response belongs to.
    pub fn find_client(&self, response: &Response) -> Option<ClientId> {
        let branch = response.headers.via().ok()?.branch()?.to_owned();
        let method = response.headers.cseq().ok()?.method.as_str().to_owned();
        self.client_keys.get(&ClientKey { branch, method }).copied()
    }

    /// A response came. Whether it is news for the transaction user.
    pub fn receive_response(&mut self, now: Instant, id: ClientId, response: &Response) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        match &mut client.machine {
            ClientMachine::Invite(machine, invite) => machine.handle_input(
                now,
                match response.status {
                    ..200 => ClientInviteInput::Provisional,
                    200..300 => ClientInviteInput::Success,
                    300.. => ClientInviteInput::Failure { ack: failure_ack(invite, response) },
                },
            ),
            ClientMachine::Other(machine) => machine.handle_input(
                now,
                if response.status < 200 {
                    ClientOtherInput::Provisional
                } else {
                    ClientOtherInput::Final
                },
            ),
        }
        self.run_client(id)
    }

    /// A CANCEL was sent for this INVITE.
    pub fn cancelled(&mut self, now: Instant, id: ClientId) {
        if let Some(Client { machine: ClientMachine::Invite(machine, _), .. }) =
            self.clients.get_mut(&id)
        {
            machine.handle_input(now, ClientInviteInput::Cancelled);
        }
        self.run_client(id);
    }

    fn client_transport_failed(&mut self, now: Instant, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            match &mut client.machine {
                ClientMachine::Invite(machine, _) => {
                    machine.handle_input(now, ClientInviteInput::TransportFailed);
                }
                ClientMachine::Other(machine) => {
                    machine.handle_input(now, ClientOtherInput::TransportFailed);
                }
            }
        }
        self.run_client(id);
    }

    /// Runs what the machine wants done; whether a message goes up.
    fn run_client(&mut self, id: ClientId) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        let (mut deliver, mut gone) = (false, false);
        loop {
            let output = match &mut client.machine {
                ClientMachine::Invite(machine, _) => machine.poll_output(),
                ClientMachine::Other(machine) => machine.poll_output(),
            };
            let flow = client.flow;
            match output {
                None => break,
                Some(Output::Send(bytes)) => {
                    self.told.push_back(Told::Send { flow, bytes, again: false, reply: false });
                }
                Some(Output::Retransmit(bytes)) => {
                    self.told.push_back(Told::Send { flow, bytes, again: true, reply: false });
                }
                Some(Output::Deliver) => deliver = true,
                Some(Output::TimedOut) => {
                    self.told.push_back(Told::ClientFailed { id, timed_out: true });
                }
                Some(Output::TransportFailed) => {
                    self.told.push_back(Told::ClientFailed { id, timed_out: false });
                }
                Some(Output::Terminated) => gone = true,
            }
        }
        let deadline = match &client.machine {
            ClientMachine::Invite(machine, _) => machine.next_deadline(),
            ClientMachine::Other(machine) => machine.next_deadline(),
        };
        self.timers.set(Either::Client(id), deadline);
        if gone && let Some(client) = self.clients.remove(&id) {
            self.client_keys.remove(&client.key);
            self.told.push_back(Told::ClientGone(id));
        }
        deliver
    }

    // ---- server side

    pub fn find_server(&self, key: &ServerKey) -> Option<ServerId> {
        self.server_keys.get(key).copied()
    }

    /// Whether the same request is being answered already, having come another way.
    pub fn is_merged(&self, key: &MergeKey) -> bool {
        self.merges.contains_key(key)
    }

    /// A new request came.
    pub fn open(
        &mut self,
        now: Instant,
        key: ServerKey,
        merge: Option<MergeKey>,
        is_invite: bool,
        flow: Flow,
    ) -> ServerId {
        let id = ServerId(self.number());
        let reliability = flow.transport.reliability();
        let machine = if is_invite {
            ServerMachine::Invite(ServerInvite::new(self.timing, reliability))
        } else {
            ServerMachine::Other(ServerOther::new(now, self.timing, reliability))
        };
        self.server_keys.insert(key.clone(), id);
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone(), id);
        }
        self.servers.insert(id, Server { key, merge, flow, machine });
        self.run_server(id);
        id
    }

    /// The request came again.
    pub fn receive_again(&mut self, now: Instant, id: ServerId) {
        if let Some(server) = self.servers.get_mut(&id) {
            match &mut server.machine {
                ServerMachine::Invite(machine) => {
                    machine.handle_input(now, ServerInviteInput::Retransmission);
                }
                ServerMachine::Other(machine) => {
                    machine.handle_input(now, ServerOtherInput::Retransmission);
                }
            }
        }
        self.run_server(id);
    }

    /// An ACK came. Whether it is news for the transaction user.
    pub fn receive_ack(&mut self, now: Instant, id: ServerId) -> bool {
        if let Some(Server { machine: ServerMachine::Invite(machine), .. }) =
            self.servers.get_mut(&id)
        {
            machine.handle_input(now, ServerInviteInput::Ack);
        }
        self.run_server(id)
    }

    /// Whether a final answer was given.
    pub fn is_answered(&self, id: ServerId) -> bool {
        match self.servers.get(&id).map(|server| &server.machine) {
            Some(ServerMachine::Invite(machine)) => machine.is_answered(),
            Some(ServerMachine::Other(_)) | None => true,
        }
    }

    /// Answers, or repeats a 2xx to an INVITE.
    pub fn respond(&mut self, now: Instant, id: ServerId, status: u16, bytes: Bytes) {
        if let Some(server) = self.servers.get_mut(&id) {
            match &mut server.machine {
                ServerMachine::Invite(machine) => machine.handle_input(
                    now,
                    match status {
                        ..200 => ServerInviteInput::Provisional(bytes),
                        200..300 => ServerInviteInput::Success(bytes),
                        300.. => ServerInviteInput::Failure(bytes),
                    },
                ),
                ServerMachine::Other(machine) => {
                    if status >= 200 {
                        machine.handle_input(now, ServerOtherInput::Final(bytes));
                    }
                }
            }
        }
        self.run_server(id);
    }

    fn server_transport_failed(&mut self, now: Instant, id: ServerId) {
        if let Some(server) = self.servers.get_mut(&id) {
            match &mut server.machine {
                ServerMachine::Invite(machine) => {
                    machine.handle_input(now, ServerInviteInput::TransportFailed);
                }
                ServerMachine::Other(machine) => {
                    machine.handle_input(now, ServerOtherInput::TransportFailed);
                }
            }
        }
        self.run_server(id);
    }

    fn run_server(&mut self, id: ServerId) -> bool {
        let Some(server) = self.servers.get_mut(&id) else { return false };
        let (mut deliver, mut gone) = (false, false);
        loop {
            let output = match &mut server.machine {
                ServerMachine::Invite(machine) => machine.poll_output(),
                ServerMachine::Other(machine) => machine.poll_output(),
            };
            let flow = server.flow;
            match output {
                None => break,
                Some(Output::Send(bytes)) => {
                    self.told.push_back(Told::Send { flow, bytes, again: false, reply: true });
                }
                Some(Output::Retransmit(bytes)) => {
                    self.told.push_back(Told::Send { flow, bytes, again: true, reply: true });
                }
                Some(Output::Deliver) => deliver = true,
                Some(Output::TimedOut | Output::TransportFailed) => {
                    self.told.push_back(Told::ServerFailed(id));
                }
                Some(Output::Terminated) => gone = true,
            }
        }
        let deadline = match &server.machine {
            ServerMachine::Invite(machine) => machine.next_deadline(),
            ServerMachine::Other(machine) => machine.next_deadline(),
        };
        self.timers.set(Either::Server(id), deadline);
        if gone && let Some(server) = self.servers.remove(&id) {
            self.server_keys.remove(&server.key);
            if let Some(merge) = &server.merge {
                self.merges.remove(merge);
            }
            self.told.push_back(Told::ServerGone(id));
        }
        deliver
    }

    // ---- both

    /// A connection is gone, and with it every transaction that was using it.
    pub fn connection_failed(&mut self, now: Instant, connection: ConnectionId) {
        let on = |flow: &Flow| flow.connection == Some(connection);
        let clients: Vec<_> =
            self.clients.iter().filter(|(_, c)| on(&c.flow)).map(|(id, _)| *id).collect();
        let servers: Vec<_> =
            self.servers.iter().filter(|(_, s)| on(&s.flow)).map(|(id, _)| *id).collect();
        for id in clients {
            self.client_transport_failed(now, id);
        }
        for id in servers {
            self.server_transport_failed(now, id);
        }
    }

    fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }
}
