//! Who is connected: routes what the bus tells to the sessions that it concerns.
//!
//! One task reads the bus for all sessions; a session hears only of its own user's messages, a
//! presence subscription only of the users that it watches. Nothing here waits for a session:
//! one that can't take an event is told to end, and its browser comes back and reads afresh.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hark_engine::id::UserId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::mailbox::{Door, Refused};
use super::session_actor::SessionMsg;
use super::subscription::SubscriptionMsg;
use crate::bus::{BusEvent, ChatEvent};
use crate::store::ChatEntry;

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of one user.
    pub per_user: usize,
    /// Of all users together.
    pub total: usize,
}

/// Every open session. Cheap to clone; all clones are one hub.
#[derive(Clone)]
pub struct Hub {
    seats: Arc<Mutex<Seats>>,
    limits: Limits,
}

struct Seats {
    next: u64,
    total: usize,
    closed: bool,
    sessions: HashMap<UserId, HashMap<u64, Option<Door<SessionMsg>>>>,
    watchers: HashMap<UserId, HashMap<u64, Watcher>>,
}

#[derive(Clone)]
struct Watcher {
    door: Door<SubscriptionMsg>,
    /// A message to read everything afresh is on its way: a second one would say nothing new.
    stale: Arc<AtomicBool>,
}

impl Hub {
    /// A hub with nobody in it.
    pub fn new(limits: Limits) -> Self {
        let seats = Seats {
            next: 0,
            total: 0,
            closed: false,
            sessions: HashMap::new(),
            watchers: HashMap::new(),
        };
        Self { seats: Arc::new(Mutex::new(seats)), limits }
    }

    /// A seat for another session of `user`; `None` when there is none left.
    pub fn admit(&self, user: UserId) -> Option<Seat> {
        let mut seats = self.lock();
        let taken = seats.sessions.get(&user).map_or(0, HashMap::len);
        if seats.closed || seats.total >= self.limits.total || taken >= self.limits.per_user {
            return None;
        }
        let id = seats.next;
        seats.next += 1;
        seats.total += 1;
        seats.sessions.entry(user).or_default().insert(id, None);
        Some(Seat { hub: self.clone(), user, id })
    }

    /// Tells `door` whenever the presence of one of `users` changes, until the watch is dropped.
    pub fn watch(
        &self,
        users: Vec<UserId>,
        door: &Door<SubscriptionMsg>,
        stale: &Arc<AtomicBool>,
    ) -> Watch {
        let mut seats = self.lock();
        let id = seats.next;
        seats.next += 1;
        for user in &users {
            let watcher = Watcher { door: door.clone(), stale: Arc::clone(stale) };
            seats.watchers.entry(*user).or_default().insert(id, watcher);
        }
        Watch { hub: self.clone(), users, id }
    }

    /// Ends every session and admits no further one: the server stops.
    pub fn close(&self) {
        let mut seats = self.lock();
        seats.closed = true;
        for door in seats.sessions.values().flat_map(HashMap::values).flatten() {
            let _gone_already = door.actor().cast(SessionMsg::ServerStops);
        }
    }

    /// Ends every session of a user: the account is no more.
    pub fn leave(&self, user: UserId) {
        let seats = self.lock();
        let doors = seats.sessions.get(&user).into_iter().flat_map(HashMap::values).flatten();
        for door in doors {
            let _gone_already = door.actor().cast(SessionMsg::AccountGone);
        }
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.lock().total
    }

    /// Reads the bus until it ends.
    pub async fn run(self, mut bus: broadcast::Receiver<Arc<BusEvent>>) {
        loop {
            match bus.recv().await {
                Ok(event) => self.route(&event),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "browser sessions missed events and read afresh");
                    self.reread();
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn route(&self, event: &Arc<BusEvent>) {
        let seats = self.lock();
        match &**event {
            BusEvent::PopUp { recipient, .. } => seats.tell(*recipient, event),
            // Its `accepted` event says the same.
            BusEvent::Arrived { .. } => {}
            BusEvent::Logged { sender, event: logged } => {
                seats.tell(logged.recipient, event);
                if let Some(sender) = sender.filter(|sender| *sender != logged.recipient) {
                    seats.tell(sender, event);
                }
            }
            BusEvent::Announcement { owner, .. } => seats.tell(*owner, event),
            // The announcer's and the retention's.
            BusEvent::Telephones { .. } => {}
            BusEvent::Mailbox { user, .. } => seats.tell(*user, event),
            BusEvent::Lamp { user, .. }
            | BusEvent::Notice { user, .. }
            | BusEvent::Order { user, .. } => seats.tell(*user, event),
            BusEvent::Chat(chat) => match chat {
                ChatEvent::Kept { entry: ChatEntry { sender, recipient, .. }, .. }
                | ChatEvent::Marked { sender, recipient, .. } => {
                    seats.tell(*sender, event);
                    seats.tell(*recipient, event);
                }
                ChatEvent::Typing { to, .. } => seats.tell(*to, event),
                ChatEvent::Unreached { .. } => {}
            },
            BusEvent::Presence { user, .. } => {
                let watchers = seats.watchers.get(user).into_iter().flat_map(HashMap::values);
                for watcher in watchers {
                    let sent =
                        watcher.door.try_send(|place| SubscriptionMsg::Changed(*user, place));
                    if sent == Err(Refused::Full) {
                        watcher.reread();
                    }
                }
            }
        }
    }

    fn reread(&self) {
        let seats = self.lock();
        for door in seats.sessions.values().flat_map(HashMap::values).flatten() {
            send(door, SessionMsg::Reread);
        }
        seats.watchers.values().flat_map(HashMap::values).for_each(Watcher::reread);
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        // Every change below is a single insertion or removal: a panic can't tear it.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn tell(&self, user: UserId, event: &Arc<BusEvent>) {
        let doors = self.sessions.get(&user).into_iter().flat_map(HashMap::values).flatten();
        for door in doors {
            send(door, |place| SessionMsg::Bus(Arc::clone(event), place));
        }
    }
}

fn send(door: &Door<SessionMsg>, message: impl FnOnce(super::mailbox::Place) -> SessionMsg) {
    match door.try_send(message) {
        Ok(()) | Err(Refused::Gone) => {}
        // The actor ends at the first of these; until then there are as many as events.
        Err(Refused::Full) => {
            let _gone_already = door.actor().cast(SessionMsg::TooSlow);
        }
    }
}

impl Watcher {
    fn reread(&self) {
        if !self.stale.swap(true, Ordering::AcqRel) {
            let _gone_already = self.door.actor().cast(SubscriptionMsg::Reread);
        }
    }
}

/// A session's place in the hub; free again when dropped, also when its actor panics.
pub struct Seat {
    hub: Hub,
    user: UserId,
    id: u64,
}

impl Seat {
    /// From now on, events go to `door`. `false` when the server is stopping.
    pub fn open(&self, door: Door<SessionMsg>) -> bool {
        let mut seats = self.hub.lock();
        if let Some(seat) = seats.sessions.get_mut(&self.user).and_then(|s| s.get_mut(&self.id)) {
            *seat = Some(door);
        }
        !seats.closed
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.hub.lock();
        if let Some(sessions) = seats.sessions.get_mut(&self.user) {
            sessions.remove(&self.id);
            if sessions.is_empty() {
                seats.sessions.remove(&self.user);
            }
            seats.total -= 1;
        }
    }
}

/// A presence subscription's registration; ends when dropped.
pub struct Watch {
    hub: Hub,
    users: Vec<UserId>,
    id: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut seats = self.hub.lock();
        for user in &self.users {
            if let Some(watchers) = seats.watchers.get_mut(user) {
                watchers.remove(&self.id);
                if watchers.is_empty() {
                    seats.watchers.remove(user);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_and_given_back() {
        let hub = Hub::new(Limits { per_user: 2, total: 3 });
        let (alice, bob) = (UserId(1), UserId(2));
        let first = hub.admit(alice).unwrap();
        let _second = hub.admit(alice).unwrap();
        assert!(hub.admit(alice).is_none(), "a user has two");
        let _third = hub.admit(bob).unwrap();
        assert!(hub.admit(bob).is_none(), "all have three");
        drop(first);
        assert!(hub.admit(alice).is_some());
        assert_eq!(hub.sessions(), 2);
        hub.close();
        assert!(hub.admit(alice).is_none());
    }
}
