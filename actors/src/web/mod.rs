//! The computer server: HTTP for pages, the API and audio; a WebSocket for each browser tab.
//!
//! actix-web serves on a fixed number of worker threads of its own; everything with a life of
//! its own (session actors, commits, the hub) runs on the runtime that started the server, so
//! that a worker can be stopped without ending anybody's recording.

pub mod api;
pub mod assets;
pub mod audio;
pub mod auth;
mod client;
mod conditional;
mod deposit;
pub mod error;
pub mod headers;
mod idempotency;
mod intake;
mod limits;
pub mod link_answer;
pub mod link_calls;
pub mod link_page;
pub mod links;
pub mod metrics;
pub mod openapi;
pub mod origin;
pub mod password;
pub mod ranges;
pub mod recipients;
pub mod scopes;
pub mod shapes;
pub mod state;
pub mod tokens;
pub mod view;
pub mod wav;
pub mod ws;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::KeepAlive;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpServer, web};
use ipnet::IpNet;
use prometheus::{IntGauge, Registry};
use tokio::task::JoinHandle;

pub use self::password::hash as hash_password;
pub use self::state::WebState;
use crate::announce::Announcements;
use crate::bus::Bus;
use crate::chat::Chat;
use crate::delivery::Verifier;
use crate::messages::Messages;
use crate::orders::Orders;
use crate::outside::Outside;
use crate::outward::Outward;
use crate::presence_board::PresenceBoard;
use crate::recording::Recordings;
use crate::retention::Retention;
use crate::store::Store;
use crate::users::Users;

/// Threads that serve HTTP; the work behind it is done elsewhere.
const WORKERS: usize = 2;
/// Connections of one worker; further ones wait to be accepted.
const CONNECTIONS: usize = 8_192;
/// The largest request body, and the largest JSON in one.
const LARGEST_BODY: usize = 256 * 1024;
const LARGEST_JSON: usize = 64 * 1024;
/// How long a client may take to send its request's head, or to go away.
const PATIENCE: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// What was sent must be acknowledged within this, or the connection is dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);
/// How long running requests, and then commits, may take when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// What the operator decided about the computer server.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// The SIP domain of the users.
    pub domain: String,
    /// The address under which browsers reach us, if it is not simply the Host they ask for.
    pub public_url: Option<String>,
    /// The longest message, in seconds.
    pub limit_seconds: u32,
    /// The names of the trunks.
    pub trunks: Vec<String>,
    /// How often one token, session or address may ask in a second; 0 is without limit.
    pub requests_a_second: u32,
    /// The largest file that may be sent up, in bytes.
    pub upload_bytes: u64,
    /// The proxies that are believed for whom they forward.
    pub trusted_proxies: Vec<IpNet>,
}

/// The services that the server stands on.
#[derive(Clone)]
pub struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// The message service.
    pub messages: Messages,
    /// The chat service.
    pub chat: Chat,
    /// Where recordings are spooled and made into files.
    pub recordings: Recordings,
    /// Who makes changes to users.
    pub users: Users,
    /// Who is present.
    pub board: PresenceBoard,
    /// Where events are accepted.
    pub announcements: Announcements,
    /// How long messages are kept, and how full mailboxes are.
    pub retention: Retention,
    /// Who sends and judges codes.
    pub verifier: Verifier,
    /// Who finds recipients.
    pub outside: Outside,
    /// Mail, Web Push and webhooks.
    pub outward: Outward,
    /// Who has telephones called for pages.
    pub orders: Orders,
    /// Where the metrics are registered.
    pub registry: Registry,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("can't listen on {listen} ({cause}): set web.listen to a free address and port")]
    Listen {
        /// The address, as configured.
        listen: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The sign-in can't be prepared.
    #[error(transparent)]
    Password(#[from] password::HashError),
    /// A metric exists already.
    #[error("a metric can't be registered: {0}")]
    Metric(#[from] prometheus::Error),
}

/// A running server.
pub struct Server {
    addr: SocketAddr,
    handle: ServerHandle,
    hub: ws::hub::Hub,
    recording: IntGauge,
    serving: JoinHandle<io::Result<()>>,
    routing: JoinHandle<()>,
}

impl Server {
    /// Starts serving on `listen`; port 0 takes a free one. Must be called on a multi-threaded
    /// tokio runtime, which then carries the sessions.
    ///
    /// # Errors
    /// [`StartError`] with what to change.
    pub async fn start(
        listen: SocketAddr,
        config: WebConfig,
        parts: Parts,
        bus: &Bus,
    ) -> Result<Self, StartError> {
        let cannot = |cause| StartError::Listen { listen, cause };
        let state = web::Data::new(WebState::new(config, parts)?);
        let hub = state.hub.clone();
        let recording = state.metrics.recording.clone();
        let routing = tokio::spawn(hub.clone().run(bus.subscribe()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(web::PayloadConfig::new(LARGEST_BODY))
                .app_data(json_config())
                .app_data(query_config())
                .app_data(path_config())
                .wrap(from_fn(error::as_problems))
                .wrap(from_fn(check_origin))
                .wrap(from_fn(limits::limit))
                .wrap(headers::security())
                .wrap(from_fn(headers::count))
                .configure(routes)
        })
        .workers(WORKERS)
        .max_connections(CONNECTIONS)
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
        .client_request_timeout(PATIENCE)
        .client_disconnect_timeout(PATIENCE)
        .shutdown_timeout(GRACE.as_secs())
        .on_connect(bound_unacknowledged)
        .disable_signals()
        .bind(listen)
        .map_err(cannot)?;
        let addr = server.addrs().first().copied().unwrap_or(listen);
        let server = server.run();
        let handle = server.handle();
        Ok(Self { addr, handle, hub, recording, serving: tokio::spawn(server), routing })
    }

    /// Where the server listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The open sessions.
    pub const fn hub(&self) -> &ws::hub::Hub {
        &self.hub
    }

    /// How many browser sessions are open.
    pub fn sessions(&self) -> usize {
        self.hub.sessions()
    }

    /// Ends every session (what is being recorded is kept and sent), lets running requests
    /// finish, and stops.
    pub async fn stop(self) {
        self.hub.close();
        self.handle.stop(true).await;
        // What is not committed by then lies in its spool, and is sent at the next start.
        let deadline = tokio::time::Instant::now() + GRACE;
        while (self.hub.sessions() > 0 || self.recording.get() > 0)
            && tokio::time::Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.routing.abort();
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the computer server ended with an error"),
            Err(error) => tracing::warn!(%error, "the computer server's task failed"),
        }
    }
}

/// Every route.
fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/healthz", web::get().to(api::probes::health))
        .route("/readyz", web::get().to(api::probes::ready))
        .route("/metrics", web::get().to(api::probes::metrics))
        .route("/ws", web::get().to(ws::open))
        .service(web::scope("/api/v1").configure(api::routes))
        .service(
            web::resource("/m/{token}")
                .route(web::get().to(links::page))
                .route(web::head().to(links::page)),
        )
        .service(
            web::resource("/m/{token}/audio")
                .route(web::get().to(links::audio))
                .route(web::head().to(links::audio)),
        )
        .route("/m/{token}/info", web::get().to(links::info))
        .route("/m/{token}/heard", web::post().to(links::heard))
        .route("/m/{token}/answer", web::get().to(link_answer::open))
        .route("/m/{token}/calls", web::post().to(link_calls::order))
        .service(
            web::resource("/m/{token}/calls/{id}")
                .route(web::get().to(link_calls::show))
                .route(web::delete().to(link_calls::cancel)),
        )
        .service(
            web::resource("/{path:.*}")
                .route(web::get().to(assets::serve))
                .route(web::head().to(assets::serve)),
        );
}

/// The Origin check, before any route that changes something.
async fn check_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let public_url =
        request.app_data::<web::Data<WebState>>().and_then(|state| state.config.public_url.clone());
    // A token is no cookie: a browser sends none by itself, whatever page asks it to.
    if auth::bearer(request.request()).is_some() {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    match origin::check_mutating(request.request(), public_url.as_deref()) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(refused) => Ok(request.error_response(refused).map_into_right_body()),
    }
}

fn json_config() -> web::JsonConfig {
    web::JsonConfig::default()
        .limit(LARGEST_JSON)
        .error_handler(|error, _| error::ApiError::Malformed(error.to_string()).into())
}

fn query_config() -> web::QueryConfig {
    web::QueryConfig::default()
        .error_handler(|error, _| error::ApiError::Malformed(error.to_string()).into())
}

fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|_, _| error::ApiError::NotFound("resource").into())
}

/// Bounds how long a peer may leave what we sent unacknowledged: one that stops reading would
/// else hold its connection for hours.
fn bound_unacknowledged(connection: &dyn Any, _data: &mut Extensions) {
    #[cfg(target_os = "linux")]
    if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
        let socket = socket2::SockRef::from(stream);
        if let Err(error) = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)) {
            tracing::debug!(%error, "a connection can't be bounded");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _unbounded = connection;
}
