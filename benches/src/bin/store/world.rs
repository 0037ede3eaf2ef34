//! A store with users, and messages for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hark_actors::bus::Bus;
use hark_actors::clock;
use hark_actors::config::Config;
use hark_actors::delivery::{DeliveryMetrics, DeliveryServices, Lines, Waiting};
use hark_actors::messages::Messages;
use hark_actors::outward::Outward;
use hark_actors::presence_board::PresenceBoard;
use hark_actors::recording::Recordings;
use hark_actors::store::{DigestSecrets, NewMessage, NewUser, Store, StoreConfig};
use hark_actors::users::Users;
use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::Sender;
use prometheus::Registry;

use crate::Outcome;

pub fn open(dir: &Path) -> Outcome<Store> {
    Ok(Store::open(StoreConfig::new(dir), &Registry::new())?)
}

pub async fn user(store: &Store, number: usize) -> Outcome<UserId> {
    let user = NewUser {
        name: format!("user{number}"),
        display_name: format!("User {number}"),
        extension: format!("{}", 10_000 + number),
        password_hash: String::new(),
        ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
        language: "en".into(),
        limit_secs: 59,
        pin_hash: None,
    };
    Ok(store.create_user(user).await?)
}

/// What deliveries work with, where nothing rings and nothing is sent out.
pub async fn deliveries(
    dir: &Path,
    store: &Store,
    messages: &Messages,
    (bus, board): (&Bus, &PresenceBoard),
    registry: &Registry,
) -> Outcome<(DeliveryServices, Recordings)> {
    let recordings = Recordings::start(dir, registry)?;
    let users =
        Users::load(store.clone(), recordings.clone(), board.clone(), "Bench", registry).await?;
    let (ringer, _rings) = tokio::sync::mpsc::channel(1);
    let services = DeliveryServices {
        store: store.clone(),
        messages: messages.clone(),
        bus: bus.clone(),
        presence: board.clone(),
        ringer,
        lines: Lines::default(),
        waiting: Waiting::default(),
        outward: Outward::new(&Config::default(), store.clone(), registry)?,
        users,
        outside: Arc::default(),
        base: Arc::default(),
        metrics: DeliveryMetrics::register(registry)?,
    };
    Ok((services, recordings))
}

/// A message whose audio is in its place already.
pub fn message(from: UserId, to: UserId) -> NewMessage {
    let at = clock::wall();
    NewMessage {
        id: MessageId::new(at, clock::random()),
        sender: Sender { user: Some(from), name: "Alice".into(), address: "sip:a@x".into() },
        delivery: Delivery { to: vec![to], receipt: true, ..Delivery::default() },
        length_ms: 5_000,
        bytes: 20_000,
        peaks: vec![128; 64],
        audio: PathBuf::from("audio/x.ogg"),
        idempotency_key: None,
        at,
    }
}

/// The value below which so many percent of them lie.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}
