//! A bound for ractor's unbounded mailboxes: a message takes a place with it and gives it back
//! when it was handled.

use std::sync::Arc;

use ractor::{ActorRef, Message};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A place in a mailbox. Travels inside the message; free again when dropped.
pub type Place = OwnedSemaphorePermit;

/// The door to an actor's mailbox, with a fixed number of places.
pub struct Door<M: Message> {
    actor: ActorRef<M>,
    places: Arc<Semaphore>,
}

impl<M: Message> Clone for Door<M> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), places: Arc::clone(&self.places) }
    }
}

/// Why a message could not be put into a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Every place is taken.
    Full,
    /// The actor is gone.
    Gone,
}

impl<M: Message> Door<M> {
    /// A door with `places` places to `actor`'s mailbox.
    pub fn new(actor: ActorRef<M>, places: usize) -> Self {
        Self { actor, places: Arc::new(Semaphore::new(places)) }
    }

    /// Puts a message in if there is a place now.
    ///
    /// # Errors
    /// [`Refused`] when there is none, or nobody behind the door.
    pub fn try_send(&self, message: impl FnOnce(Place) -> M) -> Result<(), Refused> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::Full)?;
        self.actor.cast(message(place)).map_err(|_| Refused::Gone)
    }

    /// Puts a message in, waiting for a place: what slows the sender down to our own pace.
    ///
    /// # Errors
    /// [`Refused::Gone`] when nobody is behind the door.
    pub async fn send(&self, message: impl FnOnce(Place) -> M) -> Result<(), Refused> {
        let acquired = Arc::clone(&self.places).acquire_owned().await;
        let place = acquired.map_err(|_| Refused::Gone)?;
        self.actor.cast(message(place)).map_err(|_| Refused::Gone)
    }

    /// The actor itself, for the few messages that come once in its life.
    pub const fn actor(&self) -> &ActorRef<M> {
        &self.actor
    }
}
