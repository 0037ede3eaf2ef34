//! The whole server: everything started in order, everything stopped in order.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hark_engine::dialplan::Options;
use hark_engine::sip::endpoint::{Command, Listener, Transport};
use prometheus::Registry;
use ractor::{Actor, ActorRef};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;

use crate::admin::{self, AdminError, AdminServer, Answers, Socket};
use crate::announce::{Announcements, AnnouncerServices};
use crate::bus::Bus;
use crate::calls::{
    CallMetrics, CallServices, Ledger, SwitchboardArguments, Tracks, Trunks, Webhooks,
};
use crate::chat::post::Post;
use crate::chat::{Chat, ChatMetrics};
use crate::config::{Config, SipTransport};
use crate::delivery::{
    DeliveryMetrics, DeliveryServices, DispatcherArguments, Lines, Verifier, Waiting,
};
use crate::devices::Devices;
use crate::dialplan::{DialplanConfig, DialplanError, DialplanMetrics, Dialplans};
use crate::media::{MediaConfig, MediaPlane};
use crate::messages::Messages;
use crate::operator::{Live, Operator};
use crate::orders::{OrderConfig, Orders};
use crate::outside::Outside;
use crate::outward::{Outward, OutwardError, Services};
use crate::presence_board::PresenceBoard;
use crate::prompt::{Prompts, Speech, SpeechConfig};
use crate::recording::Recordings;
use crate::recovery::Recovery;
use crate::registrations::{Registrations, Routes};
use crate::reload::{Part, Reloads};
use crate::retention::orphans::{self, OrphansError};
use crate::retention::{JanitorMetrics, JanitorServices, Retention};
use crate::sip::{SipConfig, SipError, SipHandle};
use crate::site::{self, DemoUser, SiteError};
use crate::store::{Store, StoreConfig, StoreError};
use crate::subscriptions::{NotifierArguments, SubscriptionMetrics, SubscriptionServices};
use crate::supervisor::{Supervisor, SupervisorArguments, SupervisorMessage};
use crate::texts::inbound::{self, Inbound};
use crate::texts::receipts::Receipts;
use crate::texts::{Texts, hook};
use crate::trace::{self, TraceConfig, Traces};
use crate::users::{UserError, Users};
use crate::web::{self, WebConfig};

/// SIP events and delivery calls that may wait to be handled.
const QUEUE: usize = 4096;
/// How long calls have to end when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long the traces of the last calls have to be written.
const TRACES_WITHIN: Duration = Duration::from_secs(1);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The dialplan is wrong.
    #[error(transparent)]
    Dialplan(#[from] DialplanError),
    /// The folder of recorded prompts can't be read.
    #[error(
        "speech.prompts = {0:?}: {1}\n  mend: name a folder with one folder for each language, or leave the key out"
    )]
    Prompts(std::path::PathBuf, std::io::Error),
    /// The storage folder can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The demo's users can't be made.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The users can't be read.
    #[error(transparent)]
    Users(#[from] UserError),
    /// The spools can't be used.
    #[error(transparent)]
    Recording(#[from] crate::recording::RecordingError),
    /// It can't be looked for audio that nothing names.
    #[error(transparent)]
    Orphans(#[from] OrphansError),
    /// The media threads can't be started.
    #[error("the media threads can't be started: {0}")]
    Media(std::io::Error),
    /// The SIP sockets can't be opened.
    #[error(transparent)]
    Sip(#[from] SipError),
    /// The computer server can't be started.
    #[error(transparent)]
    Web(#[from] web::StartError),
    /// Operators can't be served.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Traces can't be kept.
    #[error(transparent)]
    Trace(#[from] trace::StartError),
    /// Nothing can be sent outward.
    #[error(transparent)]
    Outward(#[from] OutwardError),
    /// A metric exists already.
    #[error("a metric can't be registered: {0}")]
    Metric(#[from] prometheus::Error),
    /// The actors can't be started.
    #[error("the actors can't be started: {0}")]
    Actors(String),
}

impl StartError {
    /// Whether the operator wrote something wrong, rather than the machine failing.
    pub const fn is_configuration(&self) -> bool {
        match self {
            Self::Dialplan(_) | Self::Prompts(..) | Self::Admin(AdminError::PathTooLong { .. }) => {
                true
            }
            Self::Outward(error) => error.is_configuration(),
            _ => false,
        }
    }
}

/// A running server.
pub struct Server {
    sip: SipHandle,
    sip_ended: JoinHandle<()>,
    web: web::Server,
    demo: Vec<DemoUser>,
    supervisor: ActorRef<SupervisorMessage>,
    events: JoinHandle<()>,
    fatal: watch::Receiver<bool>,
    admin: AdminServer,
    reloads: Reloads,
    traces: Traces,
    services: Services,
}

impl Server {
    /// Starts everything; when this returns, calls and browsers are served.
    ///
    /// # Errors
    /// [`StartError`] with the cause and what mends it.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        // What the operator wrote is judged before anything is touched.
        admin::check_length(&config.storage.dir)?;
        if let Some(dir) = &config.speech.prompts {
            let listed = crate::prompt::recorded_prompts(dir);
            listed.map_err(|source| StartError::Prompts(dir.clone(), source))?;
        }
        let registry = Registry::new();
        let metrics = DialplanMetrics::register(&registry)?;
        let dialplans = Dialplans::start(dialplan_config(&config), metrics).await?;

        let store = Store::open(StoreConfig::new(&config.storage.dir), &registry)?;
        let outward = Outward::new(&config, store.clone(), &registry)?;
        let socket = Socket::bind(store.dir())?;
        let traces = traces(&config, &registry)?;
        let tracks = Tracks::new(traces.clone());
        let demo = if config.demo.users {
            let Config { site, messages, .. } = &config;
            site::demo_users(&store, &site.domain, &site.language, messages.limit_seconds).await?
        } else {
            Vec::new()
        };
        let bus = Bus::default();
        let presence = PresenceBoard::new(bus.clone());
        let (messages, handover) =
            Messages::new(store.clone(), bus.clone(), config.messages.link_days);
        let leftovers = crate::recording::files::remove_leftovers(store.dir())?;
        if leftovers > 0 {
            tracing::info!(leftovers, "files that an earlier run left half written were removed");
        }
        let recordings = Recordings::start(store.dir(), &registry)?;
        let users = {
            let (store, recordings) = (store.clone(), recordings.clone());
            Users::load(store, recordings, presence.clone(), &config.site.name, &registry).await?
        };
        let directory = users.subscribe();
        let domain: Arc<str> = config.site.domain.as_str().into();
        let recovery = Recovery {
            recordings: recordings.clone(),
            messages: messages.clone(),
            directory: directory.borrow().clone(),
            domain: Arc::clone(&domain),
        };
        // Listed before anybody records, and settled while we serve already.
        let orphans = crate::recording::recover::recover(store.dir())?;
        let spoken = orphans.iter().map(|orphan| orphan.header.message).collect();
        let unnamed = orphans::remove(&store, spoken).await?;
        if unnamed > 0 {
            tracing::info!(unnamed, "audio files that nothing names were removed");
        }
        tokio::spawn(async move { recovery.settle_all(orphans).await });

        let media =
            MediaPlane::start(media_config(&config), &registry).map_err(StartError::Media)?;
        let speech = Speech::new(speech_config(&config));
        let (sip_events, events) = mpsc::channel(QUEUE);
        let (sip, sip_ended) =
            crate::sip::start(sip_config(&config), sip_events, &registry, None).await?;
        sip.command(Command::SetAccounts(site::accounts(&store).await?));
        let devices = Devices::default();
        let mut registrations =
            Registrations::new(store.clone(), presence.clone(), directory.clone(), devices.clone());
        let (notifier, notifier_events) = mpsc::channel(QUEUE);
        // Before the first telephone is back: texts wait for it.
        let post_events = bus.subscribe();
        let restored = registrations.restore(&sip, &notifier).await?;
        tracing::info!(restored, "registrations from before the start");
        let (calls, call_events) = mpsc::channel(QUEUE);
        let (text_sender, text_events) = mpsc::channel(QUEUE);
        let routes = Routes { calls, notifier, texts: text_sender };
        let events = tokio::spawn(registrations.run(sip.clone(), events, routes));

        let texts =
            Texts::new(sip.clone(), directory.clone(), devices.clone(), Arc::clone(&domain));
        let chat_metrics = ChatMetrics::register(&registry)?;
        let (chat, posts) = Chat::new(store.clone(), bus.clone(), chat_metrics.clone());
        let post = Post {
            chat: chat.clone(),
            texts: texts.clone(),
            presence: presence.clone(),
            bus: bus.clone(),
            metrics: chat_metrics,
        };
        tokio::spawn(post.run(posts, post_events));
        let receipts = Receipts { store: store.clone(), texts: texts.clone() };
        tokio::spawn(receipts.run(bus.subscribe()));
        let inbound = Inbound {
            sip: sip.clone(),
            chat: chat.clone(),
            messages: messages.clone(),
            recordings: recordings.clone(),
            store: store.clone(),
            presence: presence.clone(),
            directory: directory.clone(),
            domain: Arc::clone(&domain),
            limit_seconds: config.messages.limit_seconds,
            guests: config.sip.guests,
            outcomes: inbound::outcomes(&registry)?,
        };
        tokio::spawn(inbound.run(text_events));
        let notifier = NotifierArguments {
            services: SubscriptionServices {
                sip: sip.clone(),
                store: store.clone(),
                presence: presence.clone(),
                bus: bus.clone(),
                directory: directory.clone(),
                devices,
                domain: Arc::clone(&domain),
                unsolicited: config.sip.unsolicited_lamps,
                metrics: SubscriptionMetrics::register(&registry)?,
            },
            sip: Arc::new(Mutex::new(notifier_events)),
        };
        outward.serve_sip(hook::serve(texts));

        let (ringer, rings) = mpsc::channel(QUEUE);
        let waiting = Waiting::default();
        let policy = Arc::new(config.outside.clone());
        let base = Arc::new(OnceLock::new());
        let (orders, ordered) = Orders::new(order_config(&config), bus.clone(), &registry)?;
        let metrics = CallMetrics::register(&registry)?;
        let prompts = Prompts::new(config.speech.prompts.as_deref());
        let retention = Retention::new(store.clone(), &config.retention);
        let outside = Outside {
            store: store.clone(),
            users: users.clone(),
            policy: Arc::clone(&policy),
            domain: Arc::clone(&domain),
            language: config.site.language.as_str().into(),
            limit_secs: config.messages.limit_seconds,
        };
        let announcements = Announcements::new(store.clone(), outside.clone(), &config.events);
        let announcer = AnnouncerServices {
            store: store.clone(),
            messages: messages.clone(),
            recordings: recordings.clone(),
            speech: speech.clone(),
            prompts: prompts.clone(),
            directory: directory.clone(),
            bus: bus.clone(),
            domain: Arc::clone(&domain),
            language: config.site.language.as_str().into(),
            announcements: announcements.clone(),
            registry: registry.clone(),
            outcomes: AnnouncerServices::outcomes(&registry)?,
        };
        let janitor = JanitorServices {
            store: store.clone(),
            messages: messages.clone(),
            users: users.clone(),
            bus: bus.clone(),
            retention: retention.clone(),
            metrics: JanitorMetrics::register(&registry)?,
        };
        let services = CallServices {
            sip: sip.clone(),
            media,
            speech,
            prompts,
            recordings: recordings.clone(),
            messages: messages.clone(),
            store: store.clone(),
            presence: presence.clone(),
            waiting: waiting.clone(),
            outside: Arc::clone(&policy),
            users: users.clone(),
            directory,
            dialplan: dialplans.in_force(),
            tracks: tracks.clone(),
            trunks: Trunks::new(&config.trunks, metrics.trunk_refused.clone()),
            webhooks: Webhooks::start(&registry)?,
            metrics,
            domain: Arc::clone(&domain),
            language: config.site.language.as_str().into(),
            max_calls: config.sip.max_calls,
            guests: config.sip.guests,
            dead_after: config.media.dead_after(),
        };
        let (fatal_sender, fatal) = watch::channel(false);
        let arguments = SupervisorArguments {
            switchboard: SwitchboardArguments {
                services,
                sip: Arc::new(Mutex::new(call_events)),
                rings: Arc::new(Mutex::new(rings)),
                orders: Arc::new(Mutex::new(ordered)),
                ledger: Ledger::default(),
            },
            dispatcher: DispatcherArguments {
                services: DeliveryServices {
                    store: store.clone(),
                    messages: messages.clone(),
                    bus: bus.clone(),
                    presence: presence.clone(),
                    ringer: ringer.clone(),
                    lines: Lines::default(),
                    waiting,
                    outward: outward.clone(),
                    users: users.clone(),
                    outside: Arc::clone(&policy),
                    base: Arc::clone(&base),
                    metrics: DeliveryMetrics::register(&registry)?,
                },
                handover: Arc::new(Mutex::new(handover)),
            },
            announcer,
            janitor,
            notifier,
            store: store.clone(),
            fatal: fatal_sender,
        };
        let (supervisor, _) = Actor::spawn(None, Supervisor, arguments)
            .await
            .map_err(|error| StartError::Actors(error.to_string()))?;

        let services = outward.start_services(&bus, users.clone());
        let (answered, present, told) = (store.clone(), presence.clone(), messages.clone());
        let announcing = announcements.clone();
        let parts = web::Parts {
            verifier: Verifier {
                store: store.clone(),
                ringer,
                outward: outward.clone(),
                outside: Arc::clone(&policy),
                users: users.clone(),
            },
            outside,
            store,
            messages,
            chat,
            recordings,
            users: users.clone(),
            board: presence,
            orders,
            announcements,
            retention,
            outward,
            registry,
        };
        let web = web::Server::start(config.web.listen, web_config(&config), parts, &bus).await?;
        let public =
            config.web.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        // Set here alone.
        let _ = base.set(public.unwrap_or_else(|| format!("http://{}", web.addr())));
        let live = Live {
            users: users.clone(),
            sip: sip.clone(),
            presence: present,
            hub: web.hub().clone(),
            messages: told,
            announcements: announcing,
            supervisor: supervisor.clone(),
            traces: traces.clone(),
        };
        let operator = Operator::new(answered.clone(), &config, Some(live));
        let reloads = Reloads::new(dialplans, vec![("users", read_users(users, &sip))]);
        let answers = Answers {
            reloads: reloads.clone(),
            tracks,
            traces: traces.clone(),
            storage: config.storage.dir.clone(),
            store: Some(answered),
            operator: Some(operator),
        };
        let admin = AdminServer::start(socket, answers);
        Ok(Self {
            sip,
            sip_ended,
            web,
            demo,
            supervisor,
            events,
            fatal,
            admin,
            reloads,
            traces,
            services,
        })
    }

    /// Where telephones reach us.
    pub fn sip_listeners(&self) -> &[Listener] {
        self.sip.listeners()
    }

    /// Where browsers reach us.
    pub const fn web_addr(&self) -> SocketAddr {
        self.web.addr()
    }

    /// The demo's users.
    pub fn demo_users(&self) -> &[DemoUser] {
        &self.demo
    }

    /// What can be read anew while it serves.
    pub const fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// Waits until the server can't go on by itself.
    pub async fn failed(&mut self) {
        tokio::select! {
            // The supervisor holds the sender as long as it lives.
            _ = self.fatal.wait_for(|fatal| *fatal) => {}
            // Without signalling every call is dead and none can come: telephones register
            // anew with the process that takes over.
            _ = &mut self.sip_ended => tracing::error!("the SIP side has ended"),
        }
    }

    /// Refuses new calls, ends those that are up (what is being said is kept and sent), lets
    /// browsers finish, and stops.
    pub async fn stop(self) {
        self.admin.stop().await;
        // A supervisor that failed has no calls to end.
        let _ = self.supervisor.cast(SupervisorMessage::Drain);
        let deadline = tokio::time::Instant::now() + DRAIN;
        while tokio::time::Instant::now() < deadline {
            let count = ractor::call_t!(self.supervisor, SupervisorMessage::CountCalls, 500);
            if !matches!(count, Ok(1..)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.web.stop().await;
        self.sip.stop();
        self.events.abort();
        self.supervisor.stop(None);
        self.services.stop();
        self.traces.flush(TRACES_WITHIN);
    }
}

/// Users that were changed in the store beside this server are in force after a reload.
fn read_users(users: Users, sip: &SipHandle) -> Part {
    let sip = sip.clone();
    Box::new(move || {
        let (users, sip) = (users.clone(), sip.clone());
        Box::pin(async move {
            let count = users.reload(&sip).await.map_err(|error| error.to_string())?;
            Ok(format!("{count} read"))
        })
    })
}

fn dialplan_config(config: &Config) -> DialplanConfig {
    let mut dialplan = DialplanConfig::new(config.dialplan.dir.clone());
    dialplan.options = Options {
        test_instructions: config.test.instructions,
        voices: crate::prompt::voices(config.speech.command.as_deref().unwrap_or_default()),
        ..Options::default()
    };
    dialplan.prompts.clone_from(&config.speech.prompts);
    dialplan.watch = config.dialplan.watch;
    dialplan
}

fn traces(config: &Config, registry: &Registry) -> Result<Traces, trace::StartError> {
    let trace = &config.trace;
    if !trace.enabled {
        return Ok(Traces::default());
    }
    let keep = Duration::from_secs(86_400 * u64::from(trace.keep_days));
    let kept = TraceConfig { keep, max_bytes: u64::from(trace.max_mib) << 20 };
    Traces::start(&config.storage.dir, kept, registry)
}

fn media_config(config: &Config) -> MediaConfig {
    let media = &config.media;
    MediaConfig {
        shards: media.shards,
        bind: media.bind,
        ports: media.ports.first..=media.ports.last,
        dead_after: media.dead_after(),
        max_sessions: config.sip.max_calls,
    }
}

fn order_config(config: &Config) -> OrderConfig {
    OrderConfig {
        per_hour: config.orders.per_hour,
        allowed: config.orders.link_allow.iter().map(|number| number.0.clone()).collect(),
        limits: config.orders.limits(),
        trunk: config.orders.link_trunk.clone(),
    }
}

fn speech_config(config: &Config) -> SpeechConfig {
    let mut speech = SpeechConfig::new(config.storage.dir.join("prompts"));
    speech.command = config.speech.command.clone().unwrap_or_default();
    speech
}

fn sip_config(config: &Config) -> SipConfig {
    let listen = config.sip.listen.iter().map(|listen| {
        let transport = match listen.transport {
            SipTransport::Udp => Transport::Udp,
            SipTransport::Tcp => Transport::Tcp,
        };
        (transport, listen.addr)
    });
    let mut sip = SipConfig::new(&config.site.domain, listen.collect());
    sip.endpoint.domains.extend(config.site.aliases.iter().cloned());
    sip.endpoint.user_agent = concat!("Hark/", env!("CARGO_PKG_VERSION")).to_owned();
    sip
}

fn web_config(config: &Config) -> WebConfig {
    WebConfig {
        domain: config.site.domain.clone(),
        public_url: config.web.public_url.clone(),
        limit_seconds: config.messages.limit_seconds,
        trunks: config.trunks.iter().map(|trunk| trunk.name.clone()).collect(),
        requests_a_second: config.web.requests_per_second,
        upload_bytes: u64::from(config.web.upload_mib) << 20,
        trusted_proxies: config.web.trusted_proxies.iter().map(|net| net.0).collect(),
    }
}
