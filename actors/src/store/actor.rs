//! The actor that owns the store.
//!
//! It owns the writer's thread. If the thread ends, jobs that waited were answered with
//! `Unavailable` and nothing that was acknowledged is lost; the actor starts another.
//!
//! Restart policy: at most [`RESTARTS_A_MINUTE`] in any minute. Beyond that the store is
//! unhealthy (`/readyz` says so, writes answer `Unavailable`) and the actor tries again once a
//! minute: a disk that comes back is taken up without a restart of the server.
//! If the actor itself dies, the store works on, unsupervised; its supervisor starts another.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Store;

/// How often the writer's thread is restarted in any minute.
pub const RESTARTS_A_MINUTE: usize = 5;

const MINUTE: Duration = Duration::from_secs(60);

/// Supervises a [`Store`]'s writer.
#[derive(Debug)]
pub struct StoreActor;

/// What the actor is told.
#[derive(Debug)]
pub enum StoreMessage {
    /// The writer's thread ended.
    WriterEnded,
    /// Time to try again after a pause.
    TryAgain,
}

/// The actor's state.
pub struct StoreActorState {
    store: Store,
    restarts: VecDeque<Instant>,
    watch: tokio::task::JoinHandle<()>,
}

impl Drop for StoreActorState {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Actor for StoreActor {
    type Msg = StoreMessage;
    type State = StoreActorState;
    type Arguments = Store;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        store: Store,
    ) -> Result<Self::State, ActorProcessingErr> {
        let ended = store.writer_ended();
        let watch = tokio::spawn(async move {
            loop {
                ended.notified().await;
                if myself.cast(StoreMessage::WriterEnded).is_err() {
                    return;
                }
            }
        });
        Ok(StoreActorState { store, restarts: VecDeque::new(), watch })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            StoreMessage::WriterEnded => state.restart(&myself),
            StoreMessage::TryAgain if state.store.healthy() => {}
            StoreMessage::TryAgain => state.restart(&myself),
        }
        Ok(())
    }
}

impl StoreActorState {
    fn restart(&mut self, myself: &ActorRef<StoreMessage>) {
        let now = Instant::now();
        while self.restarts.front().is_some_and(|t| now.duration_since(*t) > MINUTE) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= RESTARTS_A_MINUTE {
            tracing::error!("the store's writer keeps ending: it is left alone for a minute");
            return self.pause(myself);
        }
        self.restarts.push_back(now);
        match self.store.restart_writer() {
            Ok(()) => tracing::warn!("the store's writer ended and was restarted"),
            Err(error) => {
                tracing::error!(%error, "the store's writer ended and can't be restarted");
                self.pause(myself);
            }
        }
    }

    fn pause(&self, myself: &ActorRef<StoreMessage>) {
        self.store.mark_unhealthy();
        myself.send_after(MINUTE, || StoreMessage::TryAgain);
    }
}
