//! One telephone at a time a person: who has the turn, and which messages wait for which device.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hark_engine::id::{MessageId, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of all persons. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    turns: Arc<Mutex<HashMap<UserId, Weak<Semaphore>>>>,
}

impl Lines {
    /// Waits until no other delivery rings for this person; the turn lasts until the permit is
    /// dropped. `None` never comes of it but by a fault.
    pub async fn turn(&self, user: UserId) -> Option<OwnedSemaphorePermit> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            match turns.get(&user).and_then(Weak::upgrade) {
                Some(turn) => turn,
                None => {
                    let turn = Arc::new(Semaphore::new(1));
                    turns.insert(user, Arc::downgrade(&turn));
                    turn
                }
            }
        };
        turn.acquire_owned().await.ok()
    }
}

/// What waits to ring which device, by person and message.
type Rings = HashMap<UserId, HashMap<MessageId, Vec<String>>>;

/// The messages that wait to ring. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    rings: Arc<Mutex<Rings>>,
}

impl Waiting {
    /// Notes which devices a message rings, or waits to ring; none takes it off the list.
    pub fn set(&self, user: UserId, message: MessageId, devices: Vec<String>) {
        let mut rings = self.lock();
        if devices.is_empty() {
            if let Some(of_user) = rings.get_mut(&user) {
                of_user.remove(&message);
                if of_user.is_empty() {
                    rings.remove(&user);
                }
            }
        } else {
            rings.entry(user).or_default().insert(message, devices);
        }
    }

    /// The messages that wait for what receipts call `device`: `phone:desk`.
    pub fn of(&self, user: UserId, device: &str) -> Vec<MessageId> {
        let device = device.strip_prefix("phone:").unwrap_or(device);
        let rings = self.lock();
        let of_user = rings.get(&user).into_iter().flatten();
        of_user
            .filter(|(_, devices)| devices.iter().any(|known| known == device))
            .map(|(message, _)| *message)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hark_engine::time::UnixMillis;

    use super::*;

    #[tokio::test]
    async fn turns_are_taken_one_after_the_other_and_by_person() {
        let lines = Lines::default();
        let first = lines.turn(UserId(1)).await.unwrap();
        let _other = lines.turn(UserId(2)).await.unwrap();
        let waits = tokio::spawn({
            let lines = lines.clone();
            async move { lines.turn(UserId(1)).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(first);
        assert!(waits.await.unwrap());
    }

    #[test]
    fn what_waits_is_known_by_its_device() {
        let waiting = Waiting::default();
        let message = |n: u8| MessageId::new(UnixMillis(n.into()), [n; 10]);
        waiting.set(UserId(1), message(1), vec!["desk".into(), "mobile".into()]);
        waiting.set(UserId(1), message(2), vec!["desk".into()]);
        assert_eq!(waiting.of(UserId(1), "phone:mobile"), [message(1)]);
        assert_eq!(waiting.of(UserId(1), "phone:desk").len(), 2);
        assert!(waiting.of(UserId(2), "phone:desk").is_empty());
        waiting.set(UserId(1), message(1), Vec::new());
        waiting.set(UserId(1), message(2), Vec::new());
        assert!(waiting.lock().is_empty());
    }
}
