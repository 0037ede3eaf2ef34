//! The actor: what it owns, and how inputs become outputs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hark_engine::sip::endpoint::{
    Command, ConnectionId, Endpoint, Event, Input, LegId, Output, Outside, RequestFailure,
    RequestId, Transport,
};
use hark_engine::time::Instant;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::metrics::Metrics;
use super::tcp::{self, Connection, Queue};
use super::{SipConfig, udp};
use crate::clock;

/// How often the endpoint is told the wall clock, which may be set.
const WALL_CLOCK_EVERY: Duration = Duration::from_secs(60);
/// How soon events are offered again to a sink that was full.
const RETRY_EVENTS: Duration = Duration::from_millis(5);
/// How many events may wait for the sink; only keys and registrations can come to so many.
const MAX_BACKLOG: usize = 100_000;
/// How long a name may take to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Owns the endpoint and its sockets: see the [module](super).
#[derive(Debug)]
pub struct SipActor;

/// What the actor is told.
#[derive(Debug)]
pub enum SipMessage {
    /// The application wants something.
    Command(Command),
    /// A request outside of any dialog is to be sent.
    Request {
        /// What.
        outside: Box<Outside>,
        /// Told the device that took it, or why none did.
        reply: oneshot::Sender<Result<String, RequestFailure>>,
        /// Given back with the reply: bounds how many are on their way.
        permit: OwnedSemaphorePermit,
    },
    /// A socket has something; the permit bounds how many wait.
    Packet {
        /// What.
        input: Input,
        /// Given back when it is handled.
        permit: OwnedSemaphorePermit,
    },
    /// A peer has connected.
    Accepted {
        /// The connection.
        stream: TcpStream,
        /// The peer.
        remote: SocketAddr,
        /// Given back when it is closed.
        permit: OwnedSemaphorePermit,
    },
    /// A name was looked up.
    Resolved(Input),
    /// A deadline has come.
    Wake,
}

/// What the actor starts with.
pub struct Arguments {
    pub(super) config: SipConfig,
    pub(super) udp: Vec<(SocketAddr, Arc<UdpSocket>)>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) metrics: Metrics,
}

/// What the actor owns. The tasks end when it is dropped, however that happens.
pub struct State {
    endpoint: Endpoint,
    config: SipConfig,
    udp: HashMap<SocketAddr, Arc<UdpSocket>>,
    connections: HashMap<ConnectionId, Queue>,
    next_connection: u64,
    packets: Arc<Semaphore>,
    outgoing: Arc<Semaphore>,
    tasks: JoinSet<()>,
    events: mpsc::Sender<Event>,
    backlog: VecDeque<Event>,
    /// Calls that were refused because the sink was full: it is not told of their end either.
    refused: HashSet<LegId>,
    requests: HashMap<RequestId, Asker>,
    next_request: u64,
    metrics: Metrics,
    wake: watch::Sender<Option<Instant>>,
    armed: Option<Instant>,
    wall_told: Instant,
}

/// Who waits for what becomes of a request.
struct Asker {
    reply: oneshot::Sender<Result<String, RequestFailure>>,
    _permit: OwnedSemaphorePermit,
}

impl Actor for SipActor {
    type Msg = SipMessage;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SipMessage>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { config, udp, tcp, events, metrics } = arguments;
        let packets = Arc::new(Semaphore::new(config.max_waiting));
        let incoming = Arc::new(Semaphore::new(config.endpoint.max_connections));
        let (wake, deadline) = watch::channel(None);
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_time(deadline, myself.clone()));
        for (local, socket) in &udp {
            let (socket, local, permits) = (socket.clone(), *local, packets.clone());
            tasks.spawn(udp::receive(socket, local, myself.clone(), permits, metrics.clone()));
        }
        for listener in tcp {
            tasks.spawn(tcp::accept(listener, myself.clone(), incoming.clone(), metrics.clone()));
        }
        let mut state = State {
            endpoint: Endpoint::new(config.endpoint.clone(), clock::random()),
            outgoing: Arc::new(Semaphore::new(config.endpoint.max_connections)),
            udp: udp.into_iter().collect(),
            connections: HashMap::new(),
            next_connection: 0,
            packets,
            tasks,
            events,
            backlog: VecDeque::new(),
            refused: HashSet::new(),
            requests: HashMap::new(),
            next_request: 0,
            metrics,
            wake,
            armed: None,
            wall_told: clock::now(),
            config,
        };
        state.feed(Input::Command(Command::WallClock(clock::wall())));
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SipMessage>,
        message: SipMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SipMessage::Command(command) => state.feed(Input::Command(command)),
            SipMessage::Request { outside, reply, permit } => state.request(outside, reply, permit),
            SipMessage::Packet { input, permit } => {
                state.packet(input);
                drop(permit);
            }
            SipMessage::Accepted { stream, remote, permit } => {
                state.accepted(&myself, stream, remote, permit);
            }
            SipMessage::Resolved(input) => state.feed(input),
            SipMessage::Wake => state.woken(),
        }
        state.carry_out(&myself);
        state.arm();
        Ok(())
    }
}

/// The one timer: wakes the actor at the deadline that it was told last.
async fn keep_time(mut deadline: watch::Receiver<Option<Instant>>, actor: ActorRef<SipMessage>) {
    loop {
        let at = *deadline.borrow_and_update();
        let changed = match at {
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(clock::tokio_at(at)) => {
                        if actor.cast(SipMessage::Wake).is_err() {
                            return;
                        }
                        deadline.changed().await
                    }
                    changed = deadline.changed() => changed,
                }
            }
            None => deadline.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}

impl State {
    fn feed(&mut self, input: Input) {
        let now = clock::now();
        if now.since(self.wall_told) >= WALL_CLOCK_EVERY {
            self.wall_told = now;
            let wall = Input::Command(Command::WallClock(clock::wall()));
            self.endpoint.handle_input(now, wall);
        }
        self.endpoint.handle_input(now, input);
    }

    fn request(
        &mut self,
        outside: Box<Outside>,
        reply: oneshot::Sender<Result<String, RequestFailure>>,
        permit: OwnedSemaphorePermit,
    ) {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.requests.insert(request, Asker { reply, _permit: permit });
        self.feed(Input::Command(Command::Request { request, outside }));
    }

    fn packet(&mut self, input: Input) {
        match &input {
            Input::StreamClosed { connection } | Input::ConnectFailed { connection } => {
                self.connections.remove(connection);
            }
            Input::Datagram { .. }
            | Input::StreamOpened { .. }
            | Input::StreamBytes { .. }
            | Input::Resolved { .. }
            | Input::Command(_) => {}
        }
        self.feed(input);
    }

    fn woken(&mut self) {
        self.armed = None;
        let now = clock::now();
        if self.endpoint.next_deadline().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        while self.tasks.try_join_next().is_some() {}
    }

    /// Tells the timer, unless it wakes us early enough already.
    fn arm(&mut self) {
        let mut next = self.endpoint.next_deadline();
        if !self.backlog.is_empty() {
            let retry = clock::now() + RETRY_EVENTS;
            next = Some(next.map_or(retry, |at| at.min(retry)));
        }
        let Some(at) = next else { return };
        if self.armed.is_none_or(|armed| at < armed) {
            self.armed = Some(at);
            self.wake.send_replace(Some(at));
        }
    }

    fn accepted(
        &mut self,
        myself: &ActorRef<SipMessage>,
        stream: TcpStream,
        remote: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) {
        let Ok(local) = stream.local_addr() else { return };
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let connection = self.connection(id, myself, Some(permit));
        self.tasks.spawn(connection.run(stream));
        self.feed(Input::StreamOpened { connection: id, local, remote });
    }

    fn connect(&mut self, myself: &ActorRef<SipMessage>, id: ConnectionId, remote: SocketAddr) {
        let Ok(permit) = self.outgoing.clone().try_acquire_owned() else {
            self.metrics.dropped("too_many_connections");
            return self.feed(Input::ConnectFailed { connection: id });
        };
        let within = self.config.connect_timeout;
        let connection = self.connection(id, myself, Some(permit));
        self.tasks.spawn(connection.connect(remote, within));
    }

    fn connection(
        &mut self,
        id: ConnectionId,
        myself: &ActorRef<SipMessage>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Connection {
        // Finished tasks are let go here too, so that they can't pile up without a deadline.
        while self.tasks.try_join_next().is_some() {}
        let (queue, unwritten) = tcp::queue();
        self.connections.insert(id, queue);
        Connection {
            id,
            actor: myself.clone(),
            packets: self.packets.clone(),
            unwritten,
            idle_timeout: self.config.idle_timeout,
            permit,
        }
    }

    fn resolve(&mut self, myself: &ActorRef<SipMessage>, query: u64, host: String) {
        let actor = myself.clone();
        self.tasks.spawn(async move {
            let found = tokio::time::timeout(RESOLVE_TIMEOUT, async {
                Ok::<_, std::io::Error>(tokio::net::lookup_host((host, 0)).await?.collect())
            });
            let found: Vec<SocketAddr> = match found.await {
                Ok(Ok(found)) => found,
                Ok(Err(_)) | Err(_) => Vec::new(),
            };
            let addresses = found.into_iter().map(|addr| addr.ip()).collect();
            let _ = actor.cast(SipMessage::Resolved(Input::Resolved { query, addresses }));
        });
    }

    /// Carries out what the endpoint wants done.
    fn carry_out(&mut self, myself: &ActorRef<SipMessage>) {
        self.offer_backlog();
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Send { transport: Transport::Udp, local, remote, bytes, .. } => {
                    let sent = self.udp.get(&local).map(|s| s.try_send_to(&bytes, remote));
                    if !matches!(sent, Some(Ok(_))) {
                        // Lost here or on the wire is all the same: transactions repeat it.
                        self.metrics.dropped("send_error");
                    }
                }
                Output::Send { transport: Transport::Tcp, connection, bytes, .. } => {
                    let Some(id) = connection else { continue };
                    let full = self.connections.get(&id).is_some_and(|queue| {
                        matches!(queue.try_send(bytes), Err(TrySendError::Full(_)))
                    });
                    if full {
                        self.metrics.dropped("slow_connection");
                        self.connections.remove(&id);
                    }
                }
                Output::Connect { connection, remote } => self.connect(myself, connection, remote),
                Output::Disconnect { connection } => {
                    self.connections.remove(&connection);
                }
                Output::Resolve { query, host } => self.resolve(myself, query, host),
                Output::Event(Event::Counted(reason)) => self.metrics.dropped(reason),
                Output::Event(Event::Requested { request, outcome }) => {
                    if let Some(asker) = self.requests.remove(&request) {
                        // Who asked may not want to know any more.
                        let _ = asker.reply.send(outcome);
                    }
                }
                Output::Event(event) => self.tell(event),
            }
        }
        self.metrics.collect(&mut self.endpoint);
        let connections = i64::try_from(self.connections.len()).unwrap_or(i64::MAX);
        self.metrics.connections.set(connections);
    }

    /// Tells the application, in order, or keeps the event until it has room.
    fn tell(&mut self, event: Event) {
        if let Event::Ended { leg, .. } = &event
            && self.refused.remove(leg)
        {
            return;
        }
        if self.backlog.is_empty() {
            match self.events.try_send(event) {
                Ok(()) => return,
                Err(TrySendError::Full(event)) => return self.keep(event),
                // Nobody listens: the application is gone, and we shall be soon.
                Err(TrySendError::Closed(_)) => return,
            }
        }
        self.keep(event);
    }

    fn keep(&mut self, event: Event) {
        match &event {
            Event::IncomingCall { leg, .. } => {
                self.metrics.dropped("application_busy");
                let (leg, after) = (*leg, Some(self.config.endpoint.retry_after));
                self.refused.insert(leg);
                self.feed(Input::Command(Command::Reject { leg, status: 503, retry_after: after }));
            }
            Event::Subscribe { subscription, .. } => {
                self.metrics.dropped("application_busy");
                let subscription = *subscription;
                let refuse = Command::RefuseSubscription { subscription, status: 503 };
                self.feed(Input::Command(refuse));
            }
            Event::Text { text, .. } => {
                self.metrics.dropped("application_busy");
                let answer = Command::AnswerText { text: *text, status: 503 };
                self.feed(Input::Command(answer));
            }
            Event::DtmfInfo { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::Published { .. }
                if self.backlog.len() >= MAX_BACKLOG =>
            {
                self.metrics.dropped("application_busy");
            }
            Event::Confirmed { .. }
            | Event::Reinvite { .. }
            | Event::DtmfInfo { .. }
            | Event::Ringing { .. }
            | Event::Answered { .. }
            | Event::Ended { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::SubscriptionOver { .. }
            | Event::Published { .. }
            | Event::Requested { .. }
            | Event::Counted(_) => self.backlog.push_back(event),
        }
    }

    fn offer_backlog(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                self.backlog.push_front(event);
                return;
            }
        }
    }
}
